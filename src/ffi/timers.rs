//! Timers.

use core::ffi::{c_int, c_long, c_void};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::guard::{guard, guard_status, read, write};
use super::handle::{self, Tagged};
use super::types::TimerFunction;
use crate::error::{Errno, Result};
use crate::timers::Timers;

/// A timer's function and its argument.
#[derive(Clone, Copy)]
struct Call {
    function: unsafe extern "C" fn(c_int, *mut c_void),
    argument: *mut c_void,
}

// SAFETY: the pointer is the application's and only handed back to it, by the thread that executes
// the timers.
unsafe impl Send for Call {}

/// Timers and the beginning of their time.
struct Clocked {
    timers: Mutex<Timers<Call>>,
    start: Instant,
}

impl Clocked {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Timers<Call>> {
        self.timers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shared with a call that executes them: a timer's function may destroy the timers.
struct Handle(Arc<Clocked>);

impl Tagged for Handle {
    const TAG: u32 = 0x5449_4d52;
}

unsafe fn find(timers: *mut c_void) -> Result<Arc<Clocked>> {
    // SAFETY: the same contract, as the C caller vouches.
    Ok(unsafe { handle::borrow::<Handle>(timers) }?.0.clone())
}

/// Creates a set of timers, or returns null.
#[no_mangle]
pub extern "C" fn zmq_timers_new() -> *mut c_void {
    let clocked = Clocked { timers: Mutex::default(), start: Instant::now() };
    handle::create(Handle(Arc::new(clocked)))
}

/// Destroys a set of timers and sets the caller's pointer to null.
#[no_mangle]
pub unsafe extern "C" fn zmq_timers_destroy(timers: *mut *mut c_void) -> c_int {
    // SAFETY: the caller passes the variable that holds timers; null and others are recognised.
    guard_status(|| unsafe {
        let handle = read(timers)?;
        handle::take::<Handle>(handle)?;
        write(timers, core::ptr::null_mut())
    })
}

/// Adds a timer that is due every `interval` milliseconds and returns its number.
#[no_mangle]
pub unsafe extern "C" fn zmq_timers_add(
    timers: *mut c_void,
    interval: usize,
    function: TimerFunction,
    argument: *mut c_void,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller passes timers; anything else is recognised.
        let clocked = unsafe { find(timers) }?;
        let function = function.ok_or(Errno::EFAULT)?;
        let id = clocked.lock().add(clocked.now(), interval as u64, Call { function, argument });
        Ok(id)
    })
}

/// Removes a timer.
#[no_mangle]
pub unsafe extern "C" fn zmq_timers_cancel(timers: *mut c_void, timer_id: c_int) -> c_int {
    // SAFETY: the caller passes timers; anything else is recognised.
    guard_status(|| unsafe { find(timers) }?.lock().cancel(timer_id))
}

/// Changes the interval of a timer, which starts anew.
#[no_mangle]
pub unsafe extern "C" fn zmq_timers_set_interval(
    timers: *mut c_void,
    timer_id: c_int,
    interval: usize,
) -> c_int {
    guard_status(|| {
        // SAFETY: the caller passes timers; anything else is recognised.
        let clocked = unsafe { find(timers) }?;
        let mut locked = clocked.lock();
        locked.set_interval(clocked.now(), timer_id, interval as u64)
    })
}

/// Starts a timer's interval anew.
#[no_mangle]
pub unsafe extern "C" fn zmq_timers_reset(timers: *mut c_void, timer_id: c_int) -> c_int {
    guard_status(|| {
        // SAFETY: the caller passes timers; anything else is recognised.
        let clocked = unsafe { find(timers) }?;
        let mut locked = clocked.lock();
        locked.reset(clocked.now(), timer_id)
    })
}

/// Milliseconds until the next timer is due, -1 when there is none.
#[no_mangle]
pub unsafe extern "C" fn zmq_timers_timeout(timers: *mut c_void) -> c_long {
    guard(-1, || {
        // SAFETY: the caller passes timers; anything else is recognised.
        let clocked = unsafe { find(timers) }?;
        let left = clocked.lock().until_next(clocked.now());
        Ok(left.map_or(-1, |left| c_long::try_from(left).unwrap_or(c_long::MAX)))
    })
}

/// Runs the functions of all timers that are due.
#[no_mangle]
pub unsafe extern "C" fn zmq_timers_execute(timers: *mut c_void) -> c_int {
    guard_status(|| {
        // SAFETY: the caller passes timers; anything else is recognised.
        let clocked = unsafe { find(timers) }?;
        let execution = clocked.lock().execution(clocked.now());
        loop {
            // Without the lock while the function runs, which may use the timers.
            let Some(due) = clocked.lock().due(execution) else { return Ok(()) };
            let Call { function, argument } = due.function;
            // SAFETY: the application gave function and argument for this call.
            unsafe { function(due.id, argument) };
            clocked.lock().called(execution, &due);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::ptr::null_mut;

    /// Cancels its own timer, or destroys all timers of the variable it is given.
    unsafe extern "C" fn destroy(_id: c_int, timers: *mut c_void) {
        // SAFETY: the test passes the variable that holds the timers.
        assert_eq!(unsafe { zmq_timers_destroy(timers.cast()) }, 0);
    }

    #[test]
    fn a_function_may_destroy_its_timers() {
        let mut timers = zmq_timers_new();
        let variable = &raw mut timers;
        // SAFETY: live timers, and after that handles that are recognised.
        unsafe {
            assert_eq!(zmq_timers_add(timers, 0, Some(destroy), variable.cast()), 1);
            assert_eq!(zmq_timers_timeout(timers), 0);
            assert_eq!(zmq_timers_execute(timers), 0);
            assert!(timers.is_null());
            assert_eq!(zmq_timers_destroy(&raw mut timers), -1);
            assert_eq!(zmq_timers_destroy(null_mut()), -1);
            assert_eq!(zmq_timers_timeout(null_mut()), -1);
        }
        assert_eq!(Errno::last(), Errno::EFAULT);
    }
}
