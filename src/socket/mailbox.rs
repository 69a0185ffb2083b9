//! How other threads reach a socket.

use core::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::bell::Bell;
use super::watch::Watch;
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
    /// The socket is gone; commands are dropped, which closes the pipes they carry.
    closed: bool,
    /// Who wants to know when there are commands.
    watches: Option<Arc<[Arc<Watch>]>>,
    /// Of the thread that sleeps on this and other sockets.
    bell: Option<Arc<Bell>>,
}

/// Commands wait.
const PENDING: u32 = 1;
/// The owner was told so.
const RAISED: u32 = 8;
/// The owner looks at the state again and again, and need not be woken.
const LOOKING: u32 = 2;
/// The socket was closed: the descriptor stays readable.
const RETIRED: u32 = 4;
/// From here up: how many may sleep on the descriptor.
const SLEEPER: u32 = 16;

/// Whether whoever raises the state has to write to the descriptor.
fn wants_write(before: u32) -> bool {
    before >= SLEEPER && before & (RAISED | LOOKING) == 0
}

/// So many commands that can wait make one that cannot: nobody's memory is to fill with them.
const MANY: usize = 64;
/// Room for commands that is kept for the next ones.
const KEPT: usize = 256;

/// A socket's queue of commands, with a descriptor that is readable while there are some that
/// cannot wait, and somebody may sleep on it.
///
/// Most of the time nobody does: a thread that goes on calling finds the state itself. So the
/// descriptor is written for those who said that they may sleep ([`Mailbox::expose`]), and not
/// before: whoever begins finds it written for what came earlier.
///
/// It is written outside the lock, so that the woken thread does not run into it. The
/// sender that puts up `RAISED` writes once; the owner that takes it down is owed that write, which
/// may come later than the command. An owner that looks for itself spares the sender the write and
/// is owed nothing. What is owed is cleared as soon as it is there: a descriptor
/// that stays readable for nothing would keep an application's poll loop spinning.
///
/// A command that can wait ([`Mailbox::leave`]) is executed with the owner's next call, and wakes
/// nobody.
#[derive(Debug)]
pub struct Mailbox {
    queue: Mutex<Queue>,
    /// [`PENDING`], [`RAISED`], [`LOOKING`], [`RETIRED`] and the [`SLEEPER`]s.
    state: AtomicU32,
    /// Writes to the descriptor that are to be cleared and were not yet. The owner's alone.
    owed: AtomicI64,
    /// The owner lets commands wait that can.
    patient: AtomicBool,
    /// The application has the descriptor.
    shown: AtomicBool,
    /// It is to find it readable if it asks for it now.
    stirred: AtomicBool,
    signaler: Signaler,
}

impl Mailbox {
    pub fn new() -> Result<Arc<Mailbox>> {
        Ok(Arc::new(Mailbox {
            queue: Mutex::default(),
            state: AtomicU32::new(0),
            owed: AtomicI64::new(0),
            patient: AtomicBool::new(false),
            shown: AtomicBool::new(false),
            stirred: AtomicBool::new(false),
            signaler: Signaler::new()?,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a command; false when the socket is gone.
    pub fn send(&self, command: Command) -> bool {
        self.add(command, false)
    }

    /// Adds a command that a patient owner need not act on before its next call; false when the
    /// socket is gone.
    pub fn leave(&self, command: Command) -> bool {
        self.add(command, true)
    }

    fn add(&self, command: Command, can_wait: bool) -> bool {
        let mut queue = self.lock();
        if queue.closed {
            // Dropping may close a pipe, which sends commands: not under this lock.
            drop(queue);
            drop(command);
            return false;
        }
        queue.commands.push_back(command);
        if can_wait && self.is_patient() && queue.commands.len() < MANY {
            drop(queue);
            let before = self.state.fetch_or(PENDING, Ordering::SeqCst);
            if before & RETIRED == 0 {
                return true;
            }
            // Nobody calls a closed socket any more: it waits for just this.
            queue = self.lock();
        }
        // Under the lock: who hangs a watch or a bell either hears of this, or sees the state.
        let before = self.state.fetch_or(PENDING | RAISED, Ordering::SeqCst);
        let (watches, bell) = if before & RAISED == 0 {
            (queue.watches.clone(), queue.bell.clone())
        } else {
            (None, None)
        };
        drop(queue);
        if wants_write(before) {
            self.signaler.set_soon();
        }
        if let Some(bell) = bell {
            bell.ring();
        }
        watches.iter().flat_map(|watches| watches.iter()).for_each(|watch| watch.mark());
        true
    }

    /// Replaces the watches that are marked when commands come.
    pub fn set_watches(&self, watches: &[Arc<Watch>]) {
        let mut queue = self.lock();
        queue.watches = (!watches.is_empty()).then(|| watches.into());
    }

    /// Has the bell rung when the owner is told of commands, or was already, until
    /// [`Mailbox::take_bell_off`]. False if another hangs there, or the socket was closed.
    pub fn hang(&self, bell: &Arc<Bell>) -> bool {
        let mut queue = self.lock();
        if queue.bell.is_some() || self.state.load(Ordering::SeqCst) & RETIRED != 0 {
            return false;
        }
        queue.bell = Some(bell.clone());
        drop(queue);
        if self.is_raised() {
            bell.ring();
        }
        true
    }

    /// Ends what [`Mailbox::hang`] began.
    pub fn take_bell_off(&self) {
        self.lock().bell = None;
    }

    /// Whether the owner was told of commands it has not taken, or the socket was closed.
    pub fn is_raised(&self) -> bool {
        self.state.load(Ordering::SeqCst) & (RAISED | RETIRED) != 0
    }

    /// Makes the descriptor readable without a command, until [`Mailbox::take`]: for those who sleep
    /// on it, and for an application that asks for it in this time.
    pub fn wake_pollers(&self) {
        if self.state.load(Ordering::SeqCst) >= SLEEPER {
            self.owed.fetch_add(1, Ordering::Relaxed);
            self.signaler.set();
        } else {
            self.stirred.store(true, Ordering::Relaxed);
        }
    }

    /// Makes the descriptor readable for good: whoever sleeps on it, or is about to, finds out that
    /// the socket was closed. New commands go on to show as new writes.
    pub fn retire(&self) {
        self.state.fetch_or(RETIRED, Ordering::SeqCst);
        self.state.fetch_add(SLEEPER, Ordering::SeqCst);
        self.signaler.set();
        let bell = self.lock().bell.clone();
        if let Some(bell) = bell {
            bell.ring();
        }
    }

    /// The descriptor, for somebody who may sleep on it until [`Mailbox::conceal`]. It is readable
    /// if the owner was told of commands before.
    pub fn expose(&self) -> RawFd {
        let before = self.state.fetch_add(SLEEPER, Ordering::SeqCst);
        if before < SLEEPER && before & RAISED != 0 {
            self.signaler.set();
        }
        self.signaler.raw()
    }

    /// As [`Mailbox::expose`], unless commands wait: then nobody is to sleep, and false.
    fn expose_for_sleep(&self) -> bool {
        let before = self.state.fetch_add(SLEEPER, Ordering::SeqCst);
        if before & PENDING != 0 {
            // What was raised before this was not written for it.
            self.end_exposure(before & RAISED == 0);
        }
        before & PENDING == 0
    }

    /// Nobody sleeps any more who began with [`Mailbox::expose`].
    pub fn conceal(&self) {
        self.end_exposure(true);
    }

    fn end_exposure(&self, was_written: bool) {
        let before = self.state.fetch_sub(SLEEPER, Ordering::SeqCst);
        let was_last = before < 2 * SLEEPER;
        if was_last && was_written && before & RAISED != 0 {
            // The write for it was made, or will be.
            self.owed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The descriptor, for an application that may sleep on it at any time.
    pub fn show(&self) -> RawFd {
        if self.shown.swap(true, Ordering::Relaxed) {
            return self.signaler.raw();
        }
        let descriptor = self.expose();
        if self.stirred.swap(false, Ordering::Relaxed) {
            self.wake_pollers();
        }
        descriptor
    }

    /// Whether commands wait. One load; for the hot path.
    #[inline]
    pub fn has_pending(&self) -> bool {
        self.state.load(Ordering::Acquire) & PENDING != 0
    }

    /// Looks again and again whether commands come, until `tired` says that this is enough. For
    /// the owner alone.
    pub fn look_for(&self, mut tired: impl FnMut() -> bool) -> bool {
        if self.state.load(Ordering::Relaxed) < SLEEPER {
            // Nobody writes anyway.
            while !self.has_pending() && !tired() {}
            return self.has_pending();
        }
        let before = self.state.fetch_or(LOOKING, Ordering::SeqCst);
        while !self.has_pending() && !tired() {}
        let after = self.state.fetch_and(!LOOKING, Ordering::SeqCst);
        if before & RAISED == 0 && after & RAISED != 0 {
            // Raised in this very time, without a write.
            self.owed.fetch_sub(1, Ordering::Relaxed);
        }
        after & PENDING != 0
    }

    /// Whether [`Mailbox::take`] has anything to do: commands, or a descriptor to clear.
    pub fn needs_attention(&self) -> bool {
        self.has_pending()
            || self.owed.load(Ordering::Relaxed) > 0
            || self.stirred.load(Ordering::Relaxed)
    }

    /// Clears the descriptor, unless the socket was closed, and exchanges the waiting commands for
    /// `empty`, in whose memory the next ones are put.
    pub fn take(&self, empty: &mut VecDeque<Command>) {
        if empty.capacity() > KEPT {
            *empty = VecDeque::new();
        }
        self.stirred.store(false, Ordering::Relaxed);
        let state = self.state.load(Ordering::Relaxed);
        let is_written = state >= SLEEPER && state & RAISED != 0;
        let may_clear = state & RETIRED == 0;
        let cleared = if may_clear && (is_written || self.owed.load(Ordering::Relaxed) > 0) {
            i64::try_from(self.signaler.clear()).unwrap_or(i64::MAX)
        } else {
            0
        };
        let before = self.state.fetch_and(!(PENDING | RAISED), Ordering::SeqCst);
        let owed = before >= SLEEPER && before & RAISED != 0;
        self.owed.fetch_add(i64::from(owed) - cleared, Ordering::Relaxed);
        let mut queue = self.lock();
        core::mem::swap(&mut queue.commands, empty);
    }

    /// Whether the owner need not hear at once of pipes and sessions that come and go.
    pub fn is_patient(&self) -> bool {
        self.patient.load(Ordering::Relaxed)
    }

    /// See [`Mailbox::is_patient`]. What was left before this is in the queue after it.
    pub fn set_patient(&self, patient: bool) {
        let _queue = self.lock();
        self.patient.store(patient, Ordering::Relaxed);
    }

    /// Waits for commands; errors as [`Signaler::wait`].
    pub fn wait(&self, deadline: Deadline) -> Result<()> {
        // poll(2) passes over negative descriptors.
        self.wait_with(-1, deadline).map(|_| ())
    }

    /// As [`Mailbox::wait`], or until another descriptor is readable or broken: true then.
    pub fn wait_with(&self, other: RawFd, deadline: Deadline) -> Result<bool> {
        if self.has_pending() {
            return Ok(false);
        }
        if deadline.passed() {
            return Err(Errno::EAGAIN);
        }
        if !self.expose_for_sleep() {
            return Ok(false);
        }
        let outcome = self.signaler.wait_with(other, deadline);
        self.conceal();
        outcome
    }

    /// Refuses all commands from now on and returns those left.
    pub fn close(&self) -> VecDeque<Command> {
        let mut queue = self.lock();
        queue.closed = true;
        core::mem::take(&mut queue.commands)
    }
}

/// The socket as the owner of a pipe's end.
impl PipeOwner for Mailbox {
    fn pipe_event(&self, pipe: &Arc<PipeShared>, side: usize, event: PipeEvent) {
        let command = Command::Pipe { pipe: pipe.clone(), side, event };
        // What a closed peer left to read was announced before.
        if event == PipeEvent::Closed {
            self.leave(command);
        } else {
            self.send(command);
        }
    }
}

#[cfg(test)]
#[path = "mailbox_tests.rs"]
mod tests;
