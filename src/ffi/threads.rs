//! Threads for callers that want no thread library of their own.
//!
//! They are the C library's threads, not `std::thread`: the body is C code that expects the usual
//! stack size and may leave through `pthread_exit`, which unwinds through our one frame below it.

use core::ffi::c_void;
use core::ptr::{null, null_mut};

use super::guard::guard;
use super::handle::{self, Tagged};
use super::types::ThreadFunction;
use crate::error::{Errno, Result};

struct Thread(libc::pthread_t);

impl Tagged for Thread {
    const TAG: u32 = 0x5448_5244;
}

struct Start {
    function: unsafe extern "C-unwind" fn(*mut c_void),
    argument: *mut c_void,
}

/// Starts a thread and returns its handle, or null.
#[no_mangle]
pub unsafe extern "C" fn zmq_threadstart(
    function: ThreadFunction,
    argument: *mut c_void,
) -> *mut c_void {
    guard(null_mut(), || {
        let function = function.ok_or(Errno::EFAULT)?;
        Ok(handle::create(Thread::start(Start { function, argument })?))
    })
}

/// Waits for a thread to end and destroys its handle.
#[no_mangle]
pub unsafe extern "C" fn zmq_threadclose(thread: *mut c_void) {
    guard((), || {
        // SAFETY: the caller passes a thread of ours; anything else is recognised.
        let thread = unsafe { handle::take::<Thread>(thread) }?;
        // SAFETY: the thread is joinable, and giving the handle back lets one caller come here.
        check(unsafe { libc::pthread_join(thread.0, null_mut()) })
    })
}

impl Thread {
    fn start(start: Start) -> Result<Thread> {
        type Routine = extern "C" fn(*mut c_void) -> *mut c_void;
        // SAFETY: the same convention; only Rust's view on unwinding differs, and the one who
        // calls it is the C library.
        let routine = unsafe {
            core::mem::transmute::<extern "C-unwind" fn(*mut c_void) -> *mut c_void, Routine>(run)
        };
        let start = Box::into_raw(Box::new(start));
        let mut id = core::mem::MaybeUninit::uninit();
        // SAFETY: `run` takes the box over if, and only if, the thread starts.
        let status =
            unsafe { libc::pthread_create(id.as_mut_ptr(), null(), routine, start.cast()) };
        check(status).inspect_err(|_| {
            // SAFETY: no thread started, so the box is still ours.
            drop(unsafe { Box::from_raw(start) });
        })?;
        // SAFETY: `pthread_create` succeeded, so it wrote the id.
        Ok(Thread(unsafe { id.assume_init() }))
    }
}

/// First frame of the thread. It holds nothing that needs dropping while the body runs, so that
/// the body may unwind through it.
extern "C-unwind" fn run(start: *mut c_void) -> *mut c_void {
    // SAFETY: `Thread::start` passes its box, once.
    let Start { function, argument } = *unsafe { Box::from_raw(start.cast::<Start>()) };
    block_signals();
    // SAFETY: the caller of `zmq_threadstart` vouches for its function and argument.
    unsafe { function(argument) };
    null_mut()
}

/// Signals are for the threads of the application that expect them.
fn block_signals() {
    let mut all = core::mem::MaybeUninit::uninit();
    // SAFETY: `sigfillset` initialises the set that `pthread_sigmask` then reads.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), null_mut());
    }
}

fn check(status: i32) -> Result<()> {
    match status {
        0 => Ok(()),
        number => Err(Errno(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn a_thread_runs_and_is_waited_for() {
        unsafe extern "C-unwind" fn body(ran: *mut c_void) {
            // SAFETY: the test passes its flag, which outlives the thread.
            unsafe { &*ran.cast::<AtomicBool>() }.store(true, Ordering::Release);
        }
        let ran = AtomicBool::new(false);
        // SAFETY: `ran` outlives the thread, which is waited for.
        unsafe {
            let thread = zmq_threadstart(Some(body), (&raw const ran).cast_mut().cast());
            assert!(!thread.is_null());
            zmq_threadclose(thread);
        }
        assert!(ran.load(Ordering::Acquire));
    }

    #[test]
    fn a_body_may_leave_through_pthread_exit() {
        unsafe extern "C-unwind" fn body(_: *mut c_void) {
            extern "C-unwind" {
                fn pthread_exit(value: *mut c_void) -> !;
            }
            // SAFETY: no frame up to `run` holds anything to drop.
            unsafe { pthread_exit(null_mut()) }
        }
        // SAFETY: the thread is waited for.
        unsafe { zmq_threadclose(zmq_threadstart(Some(body), null_mut())) };
    }

    #[test]
    fn nonsense_is_an_error() {
        // SAFETY: null is recognised.
        unsafe {
            assert!(zmq_threadstart(None, null_mut()).is_null());
            assert_eq!(Errno::last(), Errno::EFAULT);
            zmq_threadclose(null_mut());
        }
    }
}
