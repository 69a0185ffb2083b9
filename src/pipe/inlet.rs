//! Receiving in the reader's own thread.
//!
//! A thread that waits for a message would otherwise be woken twice: the I/O thread by the
//! connection, and this one by the I/O thread. When the reader asked for it, a session that has
//! read all there is, or found no room for more, leaves the receiving half here. A thread that has to
//! wait takes hold of it: the I/O thread's reactor no longer looks for input then, and the thread waits
//! for the connection itself. It lets go when it leaves the call, unless it comes back so soon that this
//! does not pay; then the session looks every now and then whether it still does. What found no room is
//! the reader's from the start, and it goes on with it as soon as it has made some.

use core::sync::atomic::{AtomicBool, Ordering};
use std::any::Any;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::outflow::Outflow;

/// A thread that has to wait again within this time holds on to the receiving half.
const SOON: Duration = Duration::from_millis(1);

/// How many waits to leave to the I/O thread in such a stream, before another look.
const LEFT_OUT: u32 = 256;

/// What came of an attempt to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Something was written to the lane, perhaps.
    Something,
    /// Nothing is there; to be tried again when the connection is readable.
    Nothing,
    /// Something came that is the session's business.
    Return,
}

/// Receives from a connection into a lane.
pub trait Receive: Send + core::fmt::Debug {
    /// Receives what is there, without waiting.
    fn receive(&mut self, fd: BorrowedFd<'_>, out: &mut Outflow) -> Received;

    /// Whether received messages wait for room in the lane.
    fn waits_for_room(&self) -> bool;

    /// Whether receiving so much at once, and soon again, is better left to another thread.
    fn is_better_shared(&self, messages: u64, bytes: u64) -> bool;

    /// For whoever lent it, to have it back as what it was.
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
}

/// A reactor that looks for input of a connection.
pub trait Reactor: Send + Sync + core::fmt::Debug {
    /// Says whether it shall. Input that is there already counts as new.
    fn look_for_input(&self, looks: bool);
}

/// What a session lends.
#[derive(Debug)]
pub struct Loan {
    pub receiver: Box<dyn Receive>,
    pub out: Outflow,
    pub fd: Arc<OwnedFd>,
    pub reactor: Arc<dyn Reactor>,
    /// Nothing is to be received any more.
    pub down: Option<Arc<AtomicBool>>,
}

#[derive(Debug)]
struct Lease {
    loan: Loan,
    /// The reactor does not look for input: that is up to the reader.
    held: bool,
    /// The session looks now and then whether the reader uses it.
    watched: bool,
    /// The reader waits for the connection, or uses it at this moment.
    inside: bool,
    /// The reader is done with it, and the session was told.
    returned: bool,
    /// How often the reader has tried to receive.
    uses: u32,
}

/// What the session finds when it looks after its loan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// In use; to be looked at again.
    Busy,
    /// The reader waits; it will say when it goes on.
    Waiting,
    /// The reader is away: to be taken back.
    Idle,
}

/// The place between session and reader.
#[derive(Debug, Default)]
pub struct Inlet {
    asked: AtomicBool,
    place: Mutex<Place>,
}

#[derive(Debug, Default)]
struct Place {
    lease: Option<Lease>,
    /// When the reader last left a call with something.
    left: Option<Instant>,
    /// Waits that the reader leaves to the I/O thread.
    left_out: u32,
}

/// What the reader finds.
#[derive(Debug)]
pub enum Direct {
    /// Received; whatever it was is in the lane. With what to tell the session.
    Received(Option<super::PipeEvent>),
    /// Nothing there; to be tried again when this is readable.
    Nothing(Arc<OwnedFd>),
    /// Not to be had. With what to tell the session.
    Unavailable(Option<super::PipeEvent>),
}

impl Inlet {
    // --- the session ---

    /// Whether the reader would like to have the receiving half.
    pub fn is_wanted(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Lends it. Where the lane has no room, there is nothing to look for: the reader has it in hand
    /// at once, and goes on when it has made room ([`Inlet::fill_up`]).
    pub fn lend(&self, mut loan: Loan) {
        loan.out.set_own(true);
        let held = loan.receiver.waits_for_room();
        if held {
            loan.reactor.look_for_input(false);
        }
        self.lock().lease =
            Some(Lease { loan, held, watched: false, inside: false, returned: false, uses: 0 });
    }

    /// Whether the reader has it in hand, so that input is not the session's business.
    pub fn is_held(&self) -> bool {
        self.lock().lease.as_ref().is_some_and(|lease| lease.held && !lease.returned)
    }

    /// Takes the loan back. True: the reader waits at its connection, and has to be told.
    pub fn take_back(&self) -> Option<(Loan, bool)> {
        let mut lease = self.lock().lease.take()?;
        lease.loan.out.set_own(false);
        if lease.held {
            lease.loan.reactor.look_for_input(true);
        }
        Some((lease.loan, lease.inside))
    }

    /// Looks whether the reader still uses it; `uses` is what the last look gave.
    pub fn look(&self, uses: &mut u32) -> Found {
        let Some(mut guard) = self.try_lock() else { return Found::Busy };
        let Some(lease) = guard.lease.as_mut() else { return Found::Waiting };
        if core::mem::replace(uses, lease.uses) != lease.uses {
            return Found::Busy;
        }
        if lease.inside {
            lease.watched = false;
            return Found::Waiting;
        }
        Found::Idle
    }

    // --- the reader ---

    /// Receives what is there, without waiting.
    pub fn receive(&self) -> Direct {
        // The session holds the lock for moments only. To go without would be to sleep elsewhere
        // while input is this thread's business.
        let mut guard = self.lock();
        let Place { lease, left, left_out } = &mut *guard;
        if *left_out > 0 {
            *left_out -= 1;
            return Direct::Unavailable(None);
        }
        let Some(lease) = lease.as_mut().filter(|lease| lease.is_good()) else {
            let first = !self.asked.load(Ordering::Relaxed);
            self.asked.store(true, Ordering::Relaxed);
            return Direct::Unavailable(first.then_some(super::PipeEvent::InputWanted));
        };
        let (received, better_shared) = lease.receive();
        match received {
            Received::Something => {
                let now = Instant::now();
                let last = left.replace(now);
                let is_soon = last.is_some_and(|last| now.duration_since(last) < SOON);
                if is_soon && better_shared {
                    self.share(lease, left_out);
                } else if lease.loan.receiver.waits_for_room() {
                    // It is this thread that makes room.
                    lease.inside = false;
                } else if is_soon {
                    return Direct::Received(lease.hold_on());
                } else {
                    lease.let_go();
                }
                Direct::Received(None)
            }
            Received::Nothing => {
                lease.inside = true;
                Direct::Nothing(lease.loan.fd.clone())
            }
            Received::Return => Direct::Received(Some(super::PipeEvent::InputReturned)),
        }
    }

    /// There is room again in a lane that had none: receives what waited for it. `None` when that is
    /// the session's business.
    pub fn fill_up(&self) -> Option<Received> {
        let mut guard = self.lock();
        let Place { lease, left_out, .. } = &mut *guard;
        let lease = lease.as_mut().filter(|lease| lease.is_good())?;
        if !lease.loan.receiver.waits_for_room() {
            lease.loan.out.reader_comes_back();
            return Some(Received::Nothing);
        }
        let (received, better_shared) = lease.receive();
        if received == Received::Return {
            return Some(received);
        }
        if better_shared {
            self.share(lease, left_out);
        } else if !lease.loan.receiver.waits_for_room() && !lease.watched {
            // Nobody knows when this thread will be back.
            lease.let_go();
        }
        Some(received)
    }

    /// Leaves receiving to the session for a while.
    fn share(&self, lease: &mut Lease, left_out: &mut u32) {
        *left_out = LEFT_OUT;
        self.asked.store(false, Ordering::Relaxed);
        lease.let_go();
    }

    /// Whether input does not depend on the reader alone.
    pub fn is_looked_after(&self) -> bool {
        self.lock().lease.as_ref().is_none_or(|lease| {
            !lease.held
                || lease.returned
                || lease.watched && !lease.inside
                || lease.loan.receiver.waits_for_room()
        })
    }

    /// The reader does something else now.
    pub fn release(&self) {
        if let Some(lease) =
            self.lock().lease.as_mut().filter(|lease| lease.held && !lease.returned)
        {
            lease.let_go();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_lock(&self) -> Option<MutexGuard<'_, Place>> {
        match self.place.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl Lease {
    fn is_good(&self) -> bool {
        !self.returned && !self.loan.down.as_ref().is_some_and(|down| down.load(Ordering::Acquire))
    }

    /// Takes hold of the receiving half and receives what is there. With what came of it, whether so much
    /// is better left to another thread.
    fn receive(&mut self) -> (Received, bool) {
        if !self.held {
            self.held = true;
            self.loan.reactor.look_for_input(false);
        }
        self.uses = self.uses.wrapping_add(1);
        let Loan { receiver, out, fd, .. } = &mut self.loan;
        let before = (out.written(), out.total());
        let received = receiver.receive(std::os::fd::AsFd::as_fd(&**fd), out);
        let messages = out.written().wrapping_sub(before.0);
        let bytes = out.total().wrapping_sub(before.1);
        let better_shared = messages > 0 && receiver.is_better_shared(messages, bytes);
        if received == Received::Return {
            self.returned = true;
            self.inside = false;
        }
        (received, better_shared)
    }

    /// The reader leaves its call with a message, and will be back soon.
    fn hold_on(&mut self) -> Option<super::PipeEvent> {
        self.inside = false;
        let news = !core::mem::replace(&mut self.watched, true);
        news.then_some(super::PipeEvent::InputHeld)
    }

    fn let_go(&mut self) {
        self.inside = false;
        self.watched = false;
        self.held = false;
        self.loan.reactor.look_for_input(true);
    }
}

#[cfg(test)]
#[path = "inlet_tests.rs"]
mod tests;
