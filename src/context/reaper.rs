//! The reaper: a thread that sees closed sockets through to their end.
//!
//! A closed socket may have messages to deliver (linger) and connections to take down, which it was
//! told to do when it came here. The reaper processes its commands until all its sessions and
//! listeners are gone, then drops it.

use std::collections::HashMap;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};

use super::Context;
use crate::error::{Errno, Result};
use crate::socket::Socket;

const WAKE: Token = Token(0);

/// How long until another look at sockets that the system cannot watch.
const PAUSE: Duration = Duration::from_millis(10);

#[derive(Debug, Default)]
struct Inbox {
    /// Boxed as they come from their handles; moving them out would copy them for nothing.
    #[allow(clippy::vec_box)]
    sockets: Vec<Box<Socket>>,
    stop: bool,
}

/// How other threads reach the reaper.
#[derive(Debug)]
pub struct ReaperHandle {
    inbox: Mutex<Inbox>,
    waker: Waker,
}

impl ReaperHandle {
    /// Hands a socket over whose termination has begun.
    pub fn reap(&self, socket: Box<Socket>) {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner).sockets.push(socket);
        self.wake();
    }

    /// Ends the thread, once no socket is left.
    pub fn stop(&self) {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner).stop = true;
        self.wake();
    }

    fn wake(&self) {
        // Writing to an eventfd fails only when it is full, which is awake enough.
        let _ = self.waker.wake();
    }
}

/// The thread's own state.
pub struct Reaper {
    poll: Poll,
    handle: Arc<ReaperHandle>,
    sockets: HashMap<usize, Box<Socket>>,
    next_token: usize,
    /// Those of the sockets that the system had no room to watch.
    unwatched: Vec<usize>,
}

impl Reaper {
    /// `EMFILE`, `ENFILE` or `ENOMEM` when the system has no descriptors left.
    pub fn new() -> Result<(Reaper, Arc<ReaperHandle>)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        let handle = Arc::new(ReaperHandle { inbox: Mutex::default(), waker });
        let reaper = Reaper {
            poll,
            handle: handle.clone(),
            sockets: HashMap::new(),
            next_token: 1,
            unwatched: Vec::new(),
        };
        Ok((reaper, handle))
    }

    /// The thread's body.
    pub fn run(mut self, context: Arc<Context>) {
        let mut events = Events::with_capacity(64);
        loop {
            let pause = (!self.unwatched.is_empty()).then_some(PAUSE);
            if let Err(error) = self.poll.poll(&mut events, pause) {
                if Errno::of(&error) != Errno::EINTR {
                    // Nothing to wait on: fall back to looking now and then.
                    std::thread::sleep(PAUSE);
                    let tokens: Vec<usize> = self.sockets.keys().copied().collect();
                    tokens.into_iter().for_each(|token| self.work(token, &context));
                }
            }
            for event in &events {
                if event.token() != WAKE {
                    self.work(event.token().0, &context);
                }
            }
            for token in core::mem::take(&mut self.unwatched) {
                self.work(token, &context);
                if self.sockets.contains_key(&token) {
                    self.unwatched.push(token);
                }
            }
            if self.look_into_inbox(&context) && self.sockets.is_empty() {
                return;
            }
        }
    }

    /// Takes new sockets in; true when the thread should end.
    fn look_into_inbox(&mut self, context: &Arc<Context>) -> bool {
        loop {
            let (sockets, stop) = {
                let mut inbox = self.handle.inbox.lock().unwrap_or_else(PoisonError::into_inner);
                (core::mem::take(&mut inbox.sockets), inbox.stop)
            };
            if sockets.is_empty() {
                return stop;
            }
            for socket in sockets {
                let token = self.next_token;
                self.next_token += 1;
                let descriptor = socket.descriptor();
                let watched = self.poll.registry().register(
                    &mut SourceFd(&descriptor.as_raw_fd()),
                    Token(token),
                    Interest::READABLE,
                );
                if watched.is_err() {
                    self.unwatched.push(token);
                }
                self.sockets.insert(token, socket);
                self.work(token, context);
            }
        }
    }

    fn work(&mut self, token: usize, context: &Arc<Context>) {
        let Some(socket) = self.sockets.get_mut(&token) else { return };
        let body = std::panic::AssertUnwindSafe(|| socket.continue_termination());
        // A socket whose termination panicked is given up: it must not hold the context.
        let finished = std::panic::catch_unwind(body).unwrap_or(true);
        if !finished {
            return;
        }
        if let Some(socket) = self.sockets.remove(&token) {
            let descriptor = socket.descriptor();
            let _ = self.poll.registry().deregister(&mut SourceFd(&descriptor));
            let id = socket.id();
            drop(socket);
            context.forget_socket(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::context;
    use crate::io::IoThread;
    use crate::options::constants::ZMQ_PUSH;
    use crate::socket::mailbox::{Command, Mailbox};

    #[test]
    fn a_socket_that_cannot_be_watched_comes_to_its_end() {
        let handle = context::create().unwrap();
        let context = context::find(handle).unwrap();
        let mailbox = Mailbox::new().unwrap();
        let mut socket = Socket::new(context.clone(), mailbox.clone(), ZMQ_PUSH).unwrap();
        let io = IoThread::new().unwrap().handle();
        assert!(mailbox.send(Command::ChildAdded { id: 1, io, parent: 0 }));
        mailbox.retire();
        socket.begin_termination();
        assert!(!socket.continue_termination());
        let (mut reaper, reaping) = Reaper::new().unwrap();
        // A descriptor cannot be watched twice.
        let descriptor = socket.descriptor();
        let elsewhere = Token(usize::MAX);
        let registry = reaper.poll.registry();
        registry.register(&mut SourceFd(&descriptor), elsewhere, Interest::READABLE).unwrap();
        reaping.reap(Box::new(socket));
        assert!(!reaper.look_into_inbox(&context));
        let mut events = Events::with_capacity(4);
        reaper.poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        reaper.poll.registry().deregister(&mut SourceFd(&descriptor)).unwrap();
        assert!(mailbox.send(Command::ChildGone(1)));
        reaping.stop();
        let (done, end) = mpsc::channel();
        let here = context.clone();
        std::thread::spawn(move || {
            reaper.run(here);
            let _ = done.send(());
        });
        end.recv_timeout(Duration::from_secs(10)).expect("the reaper waits for ever");
        drop(context);
        context::terminate(handle).unwrap();
    }
}
