//! The reading half of a lane on loan.
//!
//! A session that has nothing to write, or whose writer does well without it, puts its reader down
//! here together with its connection. The writing thread may then send what it has published by
//! itself: at once when the lane was idle, every [`FLUSH_BYTES`] in a stream. Whoever finds the
//! outlet in use leaves it alone: the writer because the session is at work, the session because
//! it is called when the writer is done.

use core::any::Any;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use super::fence;
use super::reader::Reader;
use super::tally::Tally;
use crate::signaler::held;

/// What a stream lets gather before its writer sends it.
pub const FLUSH_BYTES: u64 = 124 * 1024;
/// Most pieces of memory that one system call gets.
pub const SLICES_MAX: usize = 32;
/// Most bytes gathered for one system call, of those that were copied.
pub const CALL_BYTES: usize = 128 * 1024;
/// What a writing thread sends at most before it leaves the rest to the session.
const TURN_BYTES: usize = 256 * 1024;

/// How what is published gets on its way.
pub trait Carry: core::fmt::Debug + Send {
    /// Makes one call with what waits.
    fn carry(&mut self, fd: BorrowedFd<'_>, reader: &mut Reader) -> Carried;

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
}

/// What one call took.
#[derive(Clone, Copy, Debug)]
pub struct Carried {
    /// Messages that are wholly taken from the reader.
    pub messages: u64,
    pub bytes: usize,
    pub went: Went,
}

/// How far one call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Went {
    /// Nothing waits.
    Empty,
    /// All that was gathered is on its way; there may be more.
    On,
    /// The connection is full or broken: the session finds out which.
    Stuck,
}

/// A reader, and where what it reads is to go.
#[derive(Debug)]
pub struct Loan {
    pub reader: Reader,
    pub tally: Tally,
    pub fd: Arc<OwnedFd>,
    pub carrier: Box<dyn Carry>,
}

/// What became of an attempt to send through the outlet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// All that was published is on its way.
    All,
    /// The connection took a part, or nothing: the session has to go on.
    Part,
    /// Nothing is on loan, or it is in use.
    Unavailable,
}

/// The place between the two.
#[derive(Debug, Default)]
pub struct Outlet {
    loan: Mutex<Option<Loan>>,
    /// The session came for the reader while it was in use.
    wanted: AtomicBool,
    /// How often the writing thread has sent.
    uses: AtomicU32,
    /// The writing thread left something to be sent together with what it writes next.
    left: AtomicBool,
    /// The session will look whether it is still there.
    will_look: AtomicBool,
}

impl Outlet {
    /// Puts a reader down.
    pub fn lend(&self, loan: Loan) {
        *self.lock() = Some(loan);
    }

    /// Takes the reader back. When it is in use, [`Outlet::was_wanted`] will tell its user.
    pub fn take_back(&self) -> Option<Loan> {
        if let Some(loan) = self.take() {
            return Some(loan);
        }
        self.wanted.store(true, Ordering::Relaxed);
        // Pairs with the fence in `was_wanted`: its user sees the wish, or this look finds it free.
        fence::full();
        self.take()
    }

    fn take(&self) -> Option<Loan> {
        match self.loan.try_lock() {
            Ok(mut loan) => loan.take(),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().take(),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Takes the reader back, after the call that its user is in.
    pub fn take_back_waiting(&self) -> Option<Loan> {
        held::send_all();
        self.lock().take()
    }

    /// How often the writing thread has sent through this outlet.
    pub fn uses(&self) -> u32 {
        self.uses.load(Ordering::Relaxed)
    }

    /// Sends what is published, from the thread that published it.
    pub fn send(&self) -> Sent {
        let mut guard = match self.loan.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Sent::Unavailable,
        };
        let Some(loan) = guard.as_mut() else { return Sent::Unavailable };
        self.left.store(false, Ordering::Relaxed);
        self.uses.fetch_add(1, Ordering::Relaxed);
        loan.send_published()
    }

    // --- what is left for a moment ---

    /// The writing thread leaves what it has published. True: the session is to be told.
    pub fn leave(&self) -> bool {
        self.left.store(true, Ordering::Relaxed);
        // With the swap in `was_left`: who finds the other's mark sees what came before it.
        !self.will_look.swap(true, Ordering::AcqRel)
    }

    /// Whether the writing thread has left something.
    pub fn has_left(&self) -> bool {
        self.left.load(Ordering::Relaxed)
    }

    /// For the session, when it was told: whether it is still there.
    pub fn was_left(&self) -> bool {
        self.will_look.swap(false, Ordering::AcqRel);
        self.left.swap(false, Ordering::Relaxed)
    }

    /// After [`Outlet::send`]: whether the session came in the meantime and is to be called.
    pub fn was_wanted(&self) -> bool {
        fence::full();
        self.wanted.load(Ordering::Relaxed) && self.wanted.swap(false, Ordering::AcqRel)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Loan>> {
        self.loan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Loan {
    fn send_published(&mut self) -> Sent {
        let mut left = TURN_BYTES;
        loop {
            let Carried { messages, bytes, went } =
                self.carrier.carry(self.fd.as_fd(), &mut self.reader);
            if self.tally.count(messages) {
                // The writer is here: nobody waits to hear of it.
                self.reader.queue.acknowledged.store(self.tally.acknowledge(), Ordering::Release);
            }
            match went {
                Went::Empty => return Sent::All,
                Went::Stuck => return Sent::Part,
                Went::On if !self.reader.has_data() => return Sent::All,
                Went::On if left <= bytes => return Sent::Part,
                Went::On => left -= bytes,
            }
        }
    }
}

#[cfg(test)]
#[path = "outlet_tests.rs"]
mod tests;
