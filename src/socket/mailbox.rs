//! How other threads reach a socket.

use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Errno, Result};
use crate::io::IoHandle;
use crate::pipe::{PipeEnd, PipeEvent, PipeOwner, PipeShared};
use crate::signaler::{Deadline, Signaler};

/// What a socket is told.
#[derive(Debug)]
pub enum Command {
    /// The context is being terminated: blocking calls end with `ETERM`.
    Stop,
    /// A new pipe, made by a session or an inproc peer.
    Attach(Box<PipeEnd>),
    /// Something happened to the socket's `side` of a pipe.
    Pipe { pipe: Arc<PipeShared>, side: usize, event: PipeEvent },
    /// An accepted connection's session lives now.
    ChildAdded { id: u64, io: Arc<IoHandle>, parent: u64 },
    /// A session or listener is over.
    ChildGone(u64),
    /// A session gave its endpoint up (no reconnection wanted).
    EndpointFailed(Box<str>),
}

#[derive(Debug, Default)]
struct Queue {
    commands: VecDeque<Command>,
    signaled: bool,
    /// The socket is gone; commands are dropped, which closes the pipes they carry.
    closed: bool,
}

/// A socket's queue of commands, with a descriptor that is readable while there are some.
#[derive(Debug)]
pub struct Mailbox {
    queue: Mutex<Queue>,
    pending: AtomicBool,
    signaler: Signaler,
}

impl Mailbox {
    pub fn new() -> Result<Arc<Mailbox>> {
        Ok(Arc::new(Mailbox {
            queue: Mutex::default(),
            pending: AtomicBool::new(false),
            signaler: Signaler::new()?,
        }))
    }

    pub fn send(&self, command: Command) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.closed {
            // Dropping may close a pipe, which sends commands: not under this lock.
            drop(queue);
            drop(command);
            return;
        }
        queue.commands.push_back(command);
        self.pending.store(true, Ordering::Release);
        if !queue.signaled {
            queue.signaled = true;
            self.signaler.set();
        }
    }

    /// Whether commands wait. One load; for the hot path.
    #[inline]
    pub fn has_pending(&self) -> bool {
        self.pending.load(Ordering::Acquire)
    }

    /// Takes all waiting commands and clears the descriptor.
    pub fn take(&self) -> VecDeque<Command> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        self.pending.store(false, Ordering::Relaxed);
        if queue.signaled {
            queue.signaled = false;
            self.signaler.clear();
        }
        core::mem::take(&mut queue.commands)
    }

    /// Waits for commands; errors as [`Signaler::wait`].
    pub fn wait(&self, deadline: Deadline) -> Result<()> {
        if self.has_pending() {
            return Ok(());
        }
        if deadline.passed() {
            return Err(Errno::EAGAIN);
        }
        self.signaler.wait(deadline)
    }

    /// The descriptor of `ZMQ_FD`.
    pub fn signaler(&self) -> &Signaler {
        &self.signaler
    }

    /// Refuses all commands from now on and returns those left.
    pub fn close(&self) -> VecDeque<Command> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.closed = true;
        core::mem::take(&mut queue.commands)
    }
}

/// A socket as the owner of one side of a pipe.
#[derive(Debug)]
pub struct SocketOwner {
    pub mailbox: Arc<Mailbox>,
    pub side: usize,
}

impl PipeOwner for SocketOwner {
    fn pipe_event(&self, pipe: &Arc<PipeShared>, event: PipeEvent) {
        self.mailbox.send(Command::Pipe { pipe: pipe.clone(), side: self.side, event });
    }
}
