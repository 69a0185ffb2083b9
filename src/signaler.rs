//! A pollable flag: what a thread sleeps on and what `ZMQ_FD` shows.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Errno, Result};

pub mod held;

/// A descriptor that is readable while the flag is set.
#[derive(Debug)]
pub struct Signaler {
    descriptor: Arc<OwnedFd>,
}

impl Signaler {
    /// `EMFILE`, `ENFILE` or `ENOMEM` when the system has no descriptor left.
    pub fn new() -> Result<Signaler> {
        // SAFETY: eventfd takes no pointers.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(Errno::last());
        }
        // SAFETY: the descriptor is new and nobody else's.
        let descriptor = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Signaler { descriptor: Arc::new(descriptor) })
    }

    /// Sets the flag.
    pub fn set(&self) {
        write_to(&self.descriptor);
    }

    /// As [`Signaler::set`], a little later where this thread [holds](held) signals.
    pub fn set_soon(&self) {
        if !held::hold(&self.descriptor) {
            self.set();
        }
    }

    /// Clears the flag; returns how often it was set since it was last cleared.
    pub fn clear(&self) -> u64 {
        let mut count = 0u64;
        // SAFETY: room for the eight bytes an eventfd gives.
        unsafe { libc::read(self.raw(), (&raw mut count).cast(), 8) };
        count
    }

    /// The descriptor, for `ZMQ_FD` and poll sets.
    pub fn raw(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }

    /// Waits until the flag is set or the deadline passes: `EAGAIN` then, `EINTR` when a signal
    /// handler ran.
    pub fn wait(&self, deadline: Deadline) -> Result<()> {
        // poll(2) passes over negative descriptors.
        self.wait_with(-1, deadline).map(|_| ())
    }

    /// As [`Signaler::wait`], or until another descriptor is readable or broken: true then.
    pub fn wait_with(&self, other: RawFd, deadline: Deadline) -> Result<bool> {
        let item = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let mut items = [item(self.raw()), item(other)];
        // SAFETY: two initialised pollfds.
        let ready = unsafe { libc::poll(items.as_mut_ptr(), 2, deadline.poll_timeout()) };
        match ready {
            0 => Err(Errno::EAGAIN),
            count if count > 0 => Ok(items[0].revents == 0),
            _ => Err(Errno::last()),
        }
    }
}

fn write_to(descriptor: &OwnedFd) {
    let one = 1u64;
    // SAFETY: eight bytes of a live variable. A full counter (EAGAIN) is a set flag as well.
    unsafe { libc::write(descriptor.as_raw_fd(), (&raw const one).cast(), 8) };
}

impl AsFd for Signaler {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// When a blocking call gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    Never,
    At(Instant),
}

impl Deadline {
    /// From a timeout option in milliseconds; negative for no limit.
    pub fn after(milliseconds: i64) -> Deadline {
        match u64::try_from(milliseconds) {
            Err(_) => Deadline::Never,
            Ok(milliseconds) => Instant::now()
                .checked_add(Duration::from_millis(milliseconds))
                .map_or(Deadline::Never, Deadline::At),
        }
    }

    /// Whether the time is over.
    pub fn passed(self) -> bool {
        matches!(self, Deadline::At(at) if Instant::now() >= at)
    }

    /// This, or so long from now, whichever is earlier.
    pub fn min(self, limit: Duration) -> Instant {
        let end = Instant::now() + limit;
        match self {
            Deadline::At(at) => at.min(end),
            Deadline::Never => end,
        }
    }

    /// What is left, as `poll(2)` wants it: milliseconds rounded up, -1 for no limit.
    pub fn poll_timeout(self) -> i32 {
        let Deadline::At(at) = self else { return -1 };
        let left = at.saturating_duration_since(Instant::now());
        i32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
    }
}
