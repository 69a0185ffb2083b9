//! Waiting more precisely than in milliseconds.

use std::os::fd::RawFd;
use std::time::Duration;

/// Waits until a descriptor is readable, at most so long. May return early.
pub fn wait_precisely(fd: RawFd, limit: Duration) {
    let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let mut limit = libc::timespec {
        tv_sec: limit.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: limit.subsec_nanos().into(),
    };
    // SAFETY: one pollfd and one timespec, both alive through the call; no signal mask.
    unsafe { libc::ppoll(&raw mut poll, 1, &raw mut limit, core::ptr::null()) };
}

/// Asks the system not to delay this thread's waits in order to save power.
#[cfg(target_os = "linux")]
pub fn sleep_precisely() {
    // SAFETY: prctl with this option takes a number of nanoseconds and touches no memory.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1_000) };
}

/// Asks the system not to delay this thread's waits in order to save power.
#[cfg(not(target_os = "linux"))]
pub fn sleep_precisely() {}
