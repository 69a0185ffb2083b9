//! Functions that need no socket: errors, version, capabilities, counters, clocks.

use core::ffi::{c_char, c_int, c_uint, c_ulong, c_void};
use core::sync::atomic::{AtomicI32, Ordering};
use std::time::Instant;

use super::guard::{c_string, guard, guard_status, read, write, write_if_wanted};
use super::handle::{self, Tagged};
use super::types::{ZMQ_VERSION_MAJOR, ZMQ_VERSION_MINOR, ZMQ_VERSION_PATCH};
use crate::error::{Errno, Result};
use crate::transport::cluster::Family;

/// The capabilities of this build, by the names that `zmq_has` knows.
const CAPABILITIES: &[&[u8]] = &[
    b"ipc",
    b"curve",
    #[cfg(feature = "gssapi")]
    b"gssapi",
    b"draft",
    b"WS",
    #[cfg(feature = "wss")]
    b"WSS",
    #[cfg(feature = "pgm")]
    b"pgm",
    #[cfg(feature = "norm")]
    b"norm",
];

/// Error number of the last call that failed in this thread; the same as C's `errno`.
#[no_mangle]
pub extern "C" fn zmq_errno() -> c_int {
    Errno::last().0
}

/// Describes an error number, ZeroMQ's own or the system's.
///
/// Programs show and compare these texts, so they are the original's.
#[no_mangle]
pub extern "C" fn zmq_strerror(number: c_int) -> *const c_char {
    let own = match Errno(number) {
        Errno::EFSM => c"Operation cannot be accomplished in current state",
        Errno::ENOCOMPATPROTO => c"The protocol is not compatible with the socket type",
        Errno::ETERM => c"Context was terminated",
        Errno::EMTHREAD => c"No thread available",
        Errno::EHOSTUNREACH => c"Host unreachable",
        // SAFETY: any number may be asked for.
        _ => return unsafe { libc::strerror(number) },
    };
    own.as_ptr()
}

/// Version of the ZeroMQ interface this library stands in for.
#[no_mangle]
pub unsafe extern "C" fn zmq_version(major: *mut c_int, minor: *mut c_int, patch: *mut c_int) {
    // SAFETY: the caller passes variables of its own, or null for what it does not want.
    unsafe {
        write_if_wanted(major, ZMQ_VERSION_MAJOR);
        write_if_wanted(minor, ZMQ_VERSION_MINOR);
        write_if_wanted(patch, ZMQ_VERSION_PATCH);
    }
}

/// Tells whether this build has a capability, such as "ipc" or "curve": 1 or 0.
#[no_mangle]
pub unsafe extern "C" fn zmq_has(capability: *const c_char) -> c_int {
    guard(0, || {
        // SAFETY: the caller passes a C string or null.
        let capability = unsafe { c_string(capability) }?.to_bytes();
        let known = CAPABILITIES.contains(&capability)
            || [Family::Tipc, Family::Vsock, Family::Vmci]
                .into_iter()
                .any(|family| family.is_known() && family.scheme().as_bytes() == capability);
        Ok(known.into())
    })
}

/// Sleeps for a number of seconds; a signal ends the sleep early.
#[no_mangle]
pub extern "C" fn zmq_sleep(seconds: c_int) {
    let seconds = c_uint::try_from(seconds).unwrap_or(0);
    // SAFETY: no precondition.
    #[cfg(unix)]
    unsafe {
        libc::sleep(seconds);
    }
    #[cfg(not(unix))]
    std::thread::sleep(std::time::Duration::from_secs(seconds.into()));
}

struct Counter(AtomicI32);

impl Tagged for Counter {
    const TAG: u32 = 0x434e_5452;
}

unsafe fn counter<'a>(handle: *mut c_void) -> Result<&'a AtomicI32> {
    // SAFETY: the same contract, as the C caller vouches.
    Ok(&unsafe { handle::borrow::<Counter>(handle) }?.0)
}

/// Creates an atomic counter that stands at zero.
#[no_mangle]
pub extern "C" fn zmq_atomic_counter_new() -> *mut c_void {
    handle::create(Counter(AtomicI32::new(0)))
}

/// Sets an atomic counter.
#[no_mangle]
pub unsafe extern "C" fn zmq_atomic_counter_set(counter: *mut c_void, value: c_int) {
    guard((), || {
        // SAFETY: the caller passes a counter; anything else is recognised.
        unsafe { self::counter(counter) }?.store(value, Ordering::SeqCst);
        Ok(())
    })
}

/// Adds one to an atomic counter and returns what it was before.
#[no_mangle]
pub unsafe extern "C" fn zmq_atomic_counter_inc(counter: *mut c_void) -> c_int {
    guard(-1, || {
        // SAFETY: the caller passes a counter; anything else is recognised.
        Ok(unsafe { self::counter(counter) }?.fetch_add(1, Ordering::SeqCst))
    })
}

/// Takes one from an atomic counter: 0 when it reached zero, else 1.
#[no_mangle]
pub unsafe extern "C" fn zmq_atomic_counter_dec(counter: *mut c_void) -> c_int {
    guard(-1, || {
        // SAFETY: the caller passes a counter; anything else is recognised.
        let before = unsafe { self::counter(counter) }?.fetch_sub(1, Ordering::SeqCst);
        Ok((before != 1).into())
    })
}

/// Value of an atomic counter.
#[no_mangle]
pub unsafe extern "C" fn zmq_atomic_counter_value(counter: *mut c_void) -> c_int {
    guard(-1, || {
        // SAFETY: the caller passes a counter; anything else is recognised.
        Ok(unsafe { self::counter(counter) }?.load(Ordering::SeqCst))
    })
}

/// Destroys an atomic counter and sets the caller's pointer to null.
#[no_mangle]
pub unsafe extern "C" fn zmq_atomic_counter_destroy(counter: *mut *mut c_void) {
    // SAFETY: the caller passes the variable that holds a counter; null and others are recognised.
    guard_status(|| unsafe {
        let handle = read(counter)?;
        write(counter, core::ptr::null_mut())?;
        handle::take::<Counter>(handle).map(drop)
    });
}

struct Stopwatch(Instant);

impl Tagged for Stopwatch {
    const TAG: u32 = 0x5754_4348;
}

impl Stopwatch {
    fn microseconds(&self) -> c_ulong {
        c_ulong::try_from(self.0.elapsed().as_micros()).unwrap_or(c_ulong::MAX)
    }
}

/// Starts a stopwatch and returns its handle.
#[no_mangle]
pub extern "C" fn zmq_stopwatch_start() -> *mut c_void {
    handle::create(Stopwatch(Instant::now()))
}

/// Microseconds since a stopwatch started; it goes on.
#[no_mangle]
pub unsafe extern "C" fn zmq_stopwatch_intermediate(stopwatch: *mut c_void) -> c_ulong {
    guard(0, || {
        // SAFETY: the caller passes a stopwatch; anything else is recognised.
        Ok(unsafe { handle::borrow::<Stopwatch>(stopwatch) }?.microseconds())
    })
}

/// Microseconds since a stopwatch started; the stopwatch is destroyed.
#[no_mangle]
pub unsafe extern "C" fn zmq_stopwatch_stop(stopwatch: *mut c_void) -> c_ulong {
    guard(0, || {
        // SAFETY: the caller passes a stopwatch; anything else is recognised.
        Ok(unsafe { handle::take::<Stopwatch>(stopwatch) }?.microseconds())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::ffi::CStr;
    use core::ptr::null_mut;

    #[test]
    fn counters_count() {
        let mut counter = zmq_atomic_counter_new();
        // SAFETY: a live counter; then null, which is recognised.
        unsafe {
            assert_eq!(zmq_atomic_counter_value(counter), 0);
            assert_eq!(zmq_atomic_counter_inc(counter), 0);
            assert_eq!(zmq_atomic_counter_inc(counter), 1);
            assert_eq!(zmq_atomic_counter_dec(counter), 1);
            assert_eq!(zmq_atomic_counter_dec(counter), 0);
            zmq_atomic_counter_set(counter, i32::MAX);
            assert_eq!(zmq_atomic_counter_inc(counter), i32::MAX);
            assert_eq!(zmq_atomic_counter_value(counter), i32::MIN);
            zmq_atomic_counter_destroy(&mut counter);
            assert!(counter.is_null());
            zmq_atomic_counter_destroy(&mut counter);
            zmq_atomic_counter_destroy(null_mut());
            assert_eq!(zmq_atomic_counter_inc(counter), -1);
        }
        assert_eq!(zmq_errno(), libc::EFAULT);
    }

    #[test]
    fn stopwatches_run() {
        let stopwatch = zmq_stopwatch_start();
        // SAFETY: a live stopwatch; then null, which is recognised.
        unsafe {
            let first = zmq_stopwatch_intermediate(stopwatch);
            assert!(zmq_stopwatch_stop(stopwatch) >= first);
            assert_eq!(zmq_stopwatch_stop(null_mut()), 0);
        }
    }

    #[test]
    fn every_error_has_a_text() {
        for number in [0, libc::EAGAIN, Errno::EFSM.0, Errno::EMTHREAD.0, -1] {
            // SAFETY: the texts are C strings.
            assert!(!unsafe { CStr::from_ptr(zmq_strerror(number)) }.is_empty());
        }
    }

    #[test]
    fn capabilities_are_told_truly() {
        // SAFETY: C strings and null.
        unsafe {
            assert_eq!(zmq_has(c"ipc".as_ptr()), 1);
            assert_eq!(zmq_has(c"draft".as_ptr()), 1);
            assert_eq!(zmq_has(c"curve".as_ptr()), 1);
            assert_eq!(zmq_has(c"tcp".as_ptr()), 0);
            assert_eq!(zmq_has(core::ptr::null()), 0);
        }
    }
}
