//! Waking an I/O thread a moment later.
//!
//! To set a timer of the system costs a fraction of what waking a thread does, and nothing more is to be
//! paid by who is at work in the meantime.

use std::time::Duration;

use mio::{Registry, Token};

/// Its events say only that the time has come.
pub const ALARM: Token = Token(1);

/// After what time an I/O thread wakes that need not do so at once.
const LATER: Duration = Duration::from_micros(100);

/// A timer that ends an I/O thread's wait.
#[derive(Debug)]
pub struct Alarm(system::Timer);

impl Alarm {
    /// `None` where the system has no such timer, or no descriptor for it.
    pub fn new(registry: &Registry) -> Option<Alarm> {
        system::Timer::new(registry).map(Alarm)
    }

    /// Wakes the thread [`LATER`].
    pub fn set(&self) {
        self.0.set(LATER);
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

    use mio::unix::SourceFd;
    use mio::Interest;

    use super::{Duration, Registry, ALARM};

    #[derive(Debug)]
    pub struct Timer(OwnedFd);

    impl Timer {
        pub fn new(registry: &Registry) -> Option<Timer> {
            let flags = libc::TFD_NONBLOCK | libc::TFD_CLOEXEC;
            // SAFETY: two numbers.
            let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) };
            if fd < 0 {
                return None;
            }
            // SAFETY: the descriptor is new, and nobody else's.
            let timer = unsafe { OwnedFd::from_raw_fd(fd) };
            registry.register(&mut SourceFd(&fd), ALARM, Interest::READABLE).ok()?;
            Some(Timer(timer))
        }

        /// Each time the system tells anew that it went off, read or not.
        pub fn set(&self, after: Duration) {
            let never = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            let nanoseconds = after.subsec_nanos().into();
            let it_value = libc::timespec { tv_sec: 0, tv_nsec: nanoseconds };
            let time = libc::itimerspec { it_interval: never, it_value };
            // SAFETY: a descriptor that is open, and an itimerspec that lives through the call.
            unsafe {
                libc::timerfd_settime(
                    self.0.as_raw_fd(),
                    0,
                    &raw const time,
                    core::ptr::null_mut(),
                );
            }
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod system {
    use super::{Duration, Registry};

    #[derive(Debug)]
    pub enum Timer {}

    impl Timer {
        pub fn new(_registry: &Registry) -> Option<Timer> {
            None
        }

        pub fn set(&self, _after: Duration) {
            match *self {}
        }
    }
}
