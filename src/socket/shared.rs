//! Sockets that many threads use at once.
//!
//! A socket of a thread-safe kind lies behind a lock, which a thread holds while it is in a call
//! and leaves while it sleeps. So a call that waits does so out here: the socket says
//! [`WAIT_TO_SEND`] or [`WAIT_TO_RECV`], and the call is made again when something may have changed.
//!
//! **Who wakes whom.** One sleeper, the *lead*, sleeps on the socket's mailbox besides its own
//! descriptor. Commands wake it; it executes them and wakes those for whom they may be of use: every
//! sender, since each may wait for another peer, but only one receiver, since they all take what
//! comes first. A receiver that goes wakes the next one if more is there. Whoever takes the lead
//! along when it goes wakes a sleeper to take its place. All this is decided under the lock, each
//! time a thread leaves it ([`State::settle`]).
//!
//! **Closing** takes the socket out of the lock and wakes all sleepers, which find it gone. The lock
//! itself belongs to the handle's slot and is never freed, so a thread that was on its way to it
//! comes to no harm.

use core::ffi::c_void;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use super::patterns::Pattern;
use super::Socket;
use crate::context::handles;
use crate::error::{Errno, Result};
use crate::signaler::{Deadline, Signaler};

/// What [`Socket::send`] says instead of waiting. Never leaves the library.
pub const WAIT_TO_SEND: Errno = Errno(-3);
/// What [`Socket::recv`] says instead of waiting. Never leaves the library.
pub const WAIT_TO_RECV: Errno = Errno(-4);

/// What a thread sleeps for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Purpose {
    Send,
    Recv,
}

/// A thread that sleeps, or was woken and has not come back to the lock yet.
#[derive(Debug)]
struct Sleeper {
    purpose: Purpose,
    signaler: Arc<Signaler>,
}

/// What the lock guards.
#[derive(Debug, Default)]
struct State {
    socket: Option<Box<Socket>>,
    /// How many sockets were here before.
    term: u64,
    sleepers: VecDeque<Sleeper>,
    /// A sleeper has the mailbox.
    led: bool,
    /// Receivers, and threads in all, that were woken and have not come back yet.
    woken_receivers: usize,
    woken: usize,
    /// [`Socket::changes`] as senders last heard of it.
    told: u64,
}

/// The place of a shared socket.
#[derive(Debug, Default)]
pub struct Shared {
    state: Mutex<State>,
    /// The thread that holds the lock.
    holder: AtomicUsize,
}

/// The state, while this thread holds the lock.
struct Locked<'a> {
    state: MutexGuard<'a, State>,
    shared: &'a Shared,
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.shared.holder.store(0, Ordering::Relaxed);
    }
}

impl Shared {
    /// Puts a new socket here.
    pub fn open(&self, socket: Box<Socket>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State { socket: Some(socket), term: state.term + 1, ..State::default() };
    }

    /// `EBUSY` when this thread holds the lock already: the call comes from a free function.
    fn lock(&self) -> Result<Locked<'_>> {
        let me = handles::this_thread();
        if self.holder.load(Ordering::Relaxed) == me {
            return Err(Errno::EBUSY);
        }
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.holder.store(me, Ordering::Relaxed);
        Ok(Locked { state, shared: self })
    }

    /// As [`Shared::lock`], without waiting in a forked child, where the thread that holds the lock
    /// may not exist.
    fn lock_here(&self, handle: *mut c_void) -> Result<Locked<'_>> {
        match self.state.try_lock() {
            Err(TryLockError::WouldBlock) if handles::is_foreign(handle) => Err(Errno::EBUSY),
            Err(_) => self.lock(),
            Ok(state) => {
                self.holder.store(handles::this_thread(), Ordering::Relaxed);
                Ok(Locked { state, shared: self })
            }
        }
    }
}

/// Calls `body` with the socket behind a shared handle, again and again as long as it has to wait.
/// `ENOTSOCK`, also when the socket is closed in the meantime; `EBUSY` from a free function; and
/// the errors of waiting: `EAGAIN`, `EINTR`.
#[cold]
#[inline(never)]
pub fn with<T>(handle: *mut c_void, mut body: impl FnMut(&mut Socket) -> Result<T>) -> Result<T> {
    let mut value = None;
    call(handle, &mut |socket| {
        value = Some(body(socket)?);
        Ok(())
    })?;
    value.ok_or(Errno::EFAULT)
}

fn call(handle: *mut c_void, body: &mut dyn FnMut(&mut Socket) -> Result<()>) -> Result<()> {
    let shared = handles::shared(handle)?;
    let mut locked = shared.lock_here(handle)?;
    if !handles::is(handles::Kind::SharedSocket, handle) {
        return Err(Errno::ENOTSOCK);
    }
    let term = locked.state.term;
    let mut deadline = None;
    loop {
        let socket = locked.state.socket.as_deref_mut().ok_or(Errno::ENOTSOCK)?;
        let outcome = body(socket);
        let (purpose, timeout) = match outcome {
            Err(WAIT_TO_SEND) => (Purpose::Send, socket.core.options.sndtimeo),
            Err(WAIT_TO_RECV) => (Purpose::Recv, socket.core.options.rcvtimeo),
            outcome => {
                locked.state.settle();
                return outcome;
            }
        };
        let deadline = *deadline.get_or_insert_with(|| Deadline::after(timeout.into()));
        locked = sleep(shared, locked, term, purpose, deadline)?;
    }
}

/// Closes a shared socket: whoever sleeps on it gets `ENOTSOCK`.
pub fn close(handle: *mut c_void) -> Result<()> {
    let shared = handles::shared(handle)?;
    if handles::is_foreign(handle) {
        // A forked child has none of the socket's threads, nor perhaps the one that holds the lock.
        return handles::abandon_shared(handle);
    }
    let mut locked = shared.lock()?;
    let socket = locked.state.socket.take().ok_or(Errno::ENOTSOCK)?;
    locked.state.wake_all();
    drop(locked);
    // The socket is ours, so nobody else takes its handle away; that needs the lock of all handles,
    // which may not be waited for under this one.
    handles::remove(handles::Kind::SharedSocket, handle);
    super::retire(socket);
    Ok(())
}

/// Leaves the lock until there is a reason to try again. Errors as [`with`].
fn sleep<'a>(
    shared: &'a Shared,
    mut locked: Locked<'a>,
    term: u64,
    purpose: Purpose,
    deadline: Deadline,
) -> Result<Locked<'a>> {
    let state = &mut *locked.state;
    // What this call changed before it had to wait may be what others wait for.
    state.settle_but_for_the_lead();
    let prepared = own_signaler().filter(|_| !deadline.passed());
    let Some((signaler, socket)) = prepared.zip(state.socket.as_ref()) else {
        state.settle();
        return Err(if deadline.passed() { Errno::EAGAIN } else { Errno::EMFILE });
    };
    let mailbox = socket.link.mailbox.clone();
    let leads = !core::mem::replace(&mut state.led, true);
    state.sleepers.push_back(Sleeper { purpose, signaler: signaler.clone() });
    drop(locked);

    let other = if leads { mailbox.expose() } else { -1 };
    let outcome = signaler.wait_with(other, deadline);
    if leads {
        mailbox.conceal();
    }

    let mut locked = shared.lock()?;
    let state = &mut *locked.state;
    if state.term != term || state.socket.is_none() {
        signaler.clear();
        return Err(Errno::ENOTSOCK);
    }
    if leads {
        state.led = false;
        if let Some(socket) = &mut state.socket {
            // Takes the mailbox's signal back. The end of the context is found by the next call.
            let _ = socket.process_commands();
        }
    }
    state.come_back(purpose, &signaler);
    match outcome {
        // At the end of the time there is one more look.
        Ok(_) | Err(Errno::EAGAIN) => Ok(locked),
        Err(error) => {
            state.settle();
            Err(error)
        }
    }
}

/// This thread's own descriptor to sleep on. None when the system has no more.
fn own_signaler() -> Option<Arc<Signaler>> {
    thread_local! {
        static OWN: RefCell<Option<(u32, Arc<Signaler>)>> = const { RefCell::new(None) };
    }
    // A forked child has its parent's, which the parent goes on using.
    let here = std::process::id();
    OWN.with_borrow_mut(|own| {
        if own.as_ref().is_none_or(|(process, _)| *process != here) {
            *own = Signaler::new().ok().map(|signaler| (here, Arc::new(signaler)));
        }
        own.as_ref().map(|(_, signaler)| signaler.clone())
    })
}

impl State {
    /// A sleeper is awake, for whatever reason.
    fn come_back(&mut self, purpose: Purpose, signaler: &Arc<Signaler>) {
        let position = self.sleepers.iter().position(|one| Arc::ptr_eq(&one.signaler, signaler));
        if let Some(position) = position {
            self.sleepers.remove(position);
            return;
        }
        signaler.clear();
        self.woken = self.woken.saturating_sub(1);
        if purpose == Purpose::Recv {
            self.woken_receivers = self.woken_receivers.saturating_sub(1);
        }
    }

    fn wake(&mut self, position: usize) {
        let Some(sleeper) = self.sleepers.remove(position) else { return };
        self.woken += 1;
        if sleeper.purpose == Purpose::Recv {
            self.woken_receivers += 1;
        }
        sleeper.signaler.set();
    }

    fn wake_all(&mut self) {
        while !self.sleepers.is_empty() {
            self.wake(0);
        }
    }

    /// Before the lock is left: wakes those who have a reason to look, and somebody to lead.
    fn settle(&mut self) {
        self.settle_but_for_the_lead();
        if !self.led && self.woken == 0 {
            self.wake(0);
        }
    }

    fn settle_but_for_the_lead(&mut self) {
        if self.sleepers.is_empty() {
            return;
        }
        let Some(socket) = self.socket.as_deref_mut() else { return };
        if socket.stopped {
            return self.wake_all();
        }
        let changes = socket.changes;
        let waiting = |purpose| move |sleeper: &Sleeper| sleeper.purpose == purpose;
        if self.woken_receivers == 0 {
            if let Some(position) = self.sleepers.iter().position(waiting(Purpose::Recv)) {
                if socket.has_input() {
                    self.wake(position);
                }
            }
        }
        if core::mem::replace(&mut self.told, changes) != changes {
            while let Some(position) = self.sleepers.iter().position(waiting(Purpose::Send)) {
                self.wake(position);
            }
        }
    }
}

impl Socket {
    /// Whether there is something to receive, as far as is known.
    fn has_input(&mut self) -> bool {
        let has_input = self.kind.has_in(&mut self.core);
        self.collect_ended();
        has_input
    }
}
