//! How other threads reach an I/O thread.
//!
//! Commands go into an inbox, and a waker interrupts the thread's wait. A thread that is awake looks
//! into its inbox before it waits again, so that nobody has to wake it, itself least of all: a
//! listener gives the thread it runs in a session for each connection.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mio::{Registry, Token, Waker};

use super::alarm::Alarm;
use super::IoCommand;
use crate::pipe::{PipeEnd, PipeEvent, PipeOwner, PipeShared};
use crate::session::listener::Listener;
use crate::session::Session;
use crate::transport::tcp::ConnectTarget;

/// Room for commands that is kept for the next ones.
const KEPT: usize = 1024;

/// When the thread looks into its inbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Looks {
    /// Not before it is woken.
    #[default]
    Never,
    /// A moment later, when its alarm goes off.
    Soon,
    /// Before it waits: it is awake, or was woken.
    Next,
}

#[derive(Debug, Default)]
struct Inbox {
    commands: Vec<IoCommand>,
    looks: Looks,
    closed: bool,
}

/// How other threads reach an I/O thread.
#[derive(Debug)]
pub struct IoHandle {
    inbox: Mutex<Inbox>,
    pub(super) registry: Registry,
    waker: Waker,
    alarm: Option<Alarm>,
    load: AtomicUsize,
    /// Whether the thread is awake, for a look without the inbox's lock.
    at_work: AtomicBool,
}

impl IoHandle {
    pub(super) fn new(registry: Registry, waker: Waker) -> IoHandle {
        let alarm = Alarm::new(&registry);
        let (load, at_work) = (AtomicUsize::new(0), AtomicBool::new(false));
        IoHandle { inbox: Mutex::default(), registry, waker, alarm, load, at_work }
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes when the thread looks next; what was noted before.
    fn note(&self, inbox: &mut Inbox, looks: Looks) -> Looks {
        self.at_work.store(looks == Looks::Next, Ordering::Relaxed);
        core::mem::replace(&mut inbox.looks, looks)
    }

    fn send(&self, command: IoCommand) {
        let mut inbox = self.inbox();
        if inbox.closed {
            // Dropping a session closes pipes, which sends commands: not under this lock.
            drop(inbox);
            drop(command);
            return;
        }
        inbox.commands.push(command);
        let looks = self.note(&mut inbox, Looks::Next);
        // Outside the lock, so that the woken thread does not run into it.
        drop(inbox);
        if looks != Looks::Next {
            // Fails only when the counter is full, and then the thread is awake already.
            let _ = self.waker.wake();
        }
    }

    /// As [`IoHandle::send`], for something that has a moment's time.
    fn send_for_later(&self, command: IoCommand) {
        let mut inbox = self.inbox();
        let Some(alarm) = self.alarm.as_ref().filter(|_| !inbox.closed) else {
            drop(inbox);
            return self.send(command);
        };
        inbox.commands.push(command);
        if inbox.looks == Looks::Never {
            self.note(&mut inbox, Looks::Soon);
            // Under the lock: the thread may be woken by something else and wait again.
            alarm.set();
        }
    }

    pub fn add_session(&self, session: Box<Session>) {
        self.send(IoCommand::AddSession(session));
    }

    pub fn add_listener(&self, listener: Box<Listener>) {
        self.send(IoCommand::AddListener(listener));
    }

    /// Tells a session or listener to finish within the linger time (-1: no limit).
    pub fn terminate(&self, id: u64, linger: i32) {
        self.send(IoCommand::Terminate { id, linger });
    }

    /// The system does not watch a connection any more.
    pub(super) fn unwatched(&self, token: Token) {
        self.send(IoCommand::Unwatched(token));
    }

    /// Ends a session whose handshake is not over.
    pub fn give_up(&self, id: u64) {
        self.send(IoCommand::GiveUp(id));
    }

    pub fn resolved(&self, id: u64, attempt: u64, outcome: crate::error::Result<ConnectTarget>) {
        self.send(IoCommand::Resolved { id, attempt, outcome });
    }

    /// Ends the thread.
    pub fn stop(&self) {
        self.send(IoCommand::Stop);
    }

    /// How many sessions and listeners the thread serves.
    pub fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// Names a session of this thread as the owner of this end of a pipe.
    pub fn own(self: &Arc<Self>, end: &PipeEnd, session: u64) {
        end.set_slot(session);
        end.set_owner(self.clone());
    }

    // --- for the thread itself ---

    pub(super) fn set_load(&self, load: usize) {
        self.load.store(load, Ordering::Relaxed);
    }

    /// The thread is about to wait. False when it must not, since there are commands.
    pub(super) fn rest(&self) -> bool {
        let mut inbox = self.inbox();
        let rests = inbox.commands.is_empty();
        self.note(&mut inbox, if rests { Looks::Never } else { Looks::Next });
        rests
    }

    /// The thread is awake, and will look for commands before it waits again.
    pub(super) fn rise(&self) {
        self.note(&mut self.inbox(), Looks::Next);
    }

    /// Exchanges what waits for `empty`, in whose memory the next commands are put.
    pub(super) fn take(&self, empty: &mut Vec<IoCommand>) {
        if empty.capacity() > KEPT {
            *empty = Vec::new();
        }
        core::mem::swap(&mut self.inbox().commands, empty);
    }

    /// Refuses all commands from now on, and returns those left.
    pub(super) fn close(&self) -> Vec<IoCommand> {
        let mut inbox = self.inbox();
        inbox.closed = true;
        core::mem::take(&mut inbox.commands)
    }
}

/// A session as the owner of a pipe's end.
impl PipeOwner for IoHandle {
    fn pipe_event(&self, pipe: &Arc<PipeShared>, side: usize, event: PipeEvent) {
        self.send(IoCommand::Pipe { id: pipe.slot(side), pipe: pipe.clone(), event });
    }

    fn pipe_event_for_later(&self, pipe: &Arc<PipeShared>, side: usize, event: PipeEvent) {
        self.send_for_later(IoCommand::Pipe { id: pipe.slot(side), pipe: pipe.clone(), event });
    }

    fn is_at_work(&self) -> bool {
        self.at_work.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::{Events, Poll};
    use std::time::Duration;

    fn parts() -> (Poll, IoHandle) {
        let poll = Poll::new().unwrap();
        let waker = Waker::new(poll.registry(), Token(0)).unwrap();
        let handle = IoHandle::new(poll.registry().try_clone().unwrap(), waker);
        (poll, handle)
    }

    /// Whether the waker was written since the last time.
    fn is_woken(poll: &mut Poll) -> bool {
        let mut events = Events::with_capacity(4);
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        !events.is_empty()
    }

    #[test]
    fn a_thread_that_waits_is_woken_once() {
        let (mut poll, handle) = parts();
        assert!(handle.rest());
        handle.give_up(1);
        assert!(is_woken(&mut poll));
        handle.give_up(2);
        assert!(!is_woken(&mut poll));
    }

    #[test]
    fn a_thread_that_is_awake_is_not_woken_and_does_not_wait() {
        let (mut poll, handle) = parts();
        assert!(handle.rest());
        handle.rise();
        handle.give_up(1);
        assert!(!is_woken(&mut poll));
        assert!(!handle.rest(), "a command waits");
        let mut commands = Vec::new();
        handle.take(&mut commands);
        assert_eq!(commands.len(), 1);
        handle.give_up(2);
        assert!(!is_woken(&mut poll), "still awake");
        assert!(!handle.rest());
        commands.clear();
        handle.take(&mut commands);
        assert!(handle.rest());
        handle.give_up(3);
        assert!(is_woken(&mut poll));
    }

    #[test]
    fn a_thread_that_waits_is_not_at_work_until_it_is_woken() {
        let (_poll, handle) = parts();
        let mut commands = Vec::new();
        assert!(handle.rest() && !handle.is_at_work());
        handle.give_up(1);
        assert!(handle.is_at_work(), "it was woken");
        assert!(!handle.rest() && handle.is_at_work(), "a command waits");
        handle.take(&mut commands);
        assert!(handle.rest() && !handle.is_at_work());
        handle.rise();
        assert!(handle.is_at_work());
    }
}
