//! Functions whose work is still to come: timers and pollers.
//!
//! They are exported so that every program links, and answer as the original does where a feature
//! is missing. There is no way to get timers or a poller yet, so whatever is passed as one is not
//! valid.

use core::ffi::{c_int, c_long, c_short, c_void};
use core::ptr::null_mut;

use super::guard::{guard, guard_status};
use super::types::{Fd, PollerEvent, TimerFunction};
use crate::error::{Errno, Result};

fn not_yet<T>() -> Result<T> {
    Err(Errno::ENOTSUP)
}

fn no_such_object<T>() -> Result<T> {
    Err(Errno::EFAULT)
}

/// Creates a set of timers, or returns null.
#[no_mangle]
pub unsafe extern "C" fn zmq_timers_new() -> *mut c_void {
    guard(null_mut(), not_yet)
}

/// Destroys a set of timers and sets the caller's pointer to null.
#[no_mangle]
pub unsafe extern "C" fn zmq_timers_destroy(_timers: *mut *mut c_void) -> c_int {
    guard_status(no_such_object)
}

/// Adds a timer that is due every `interval` milliseconds and returns its number.
#[no_mangle]
pub unsafe extern "C" fn zmq_timers_add(
    _timers: *mut c_void,
    _interval: usize,
    _function: TimerFunction,
    _argument: *mut c_void,
) -> c_int {
    guard(-1, no_such_object)
}

/// Removes a timer.
#[no_mangle]
pub unsafe extern "C" fn zmq_timers_cancel(_timers: *mut c_void, _timer_id: c_int) -> c_int {
    guard_status(no_such_object)
}

/// Changes the interval of a timer, which starts anew.
#[no_mangle]
pub unsafe extern "C" fn zmq_timers_set_interval(
    _timers: *mut c_void,
    _timer_id: c_int,
    _interval: usize,
) -> c_int {
    guard_status(no_such_object)
}

/// Starts a timer's interval anew.
#[no_mangle]
pub unsafe extern "C" fn zmq_timers_reset(_timers: *mut c_void, _timer_id: c_int) -> c_int {
    guard_status(no_such_object)
}

/// Milliseconds until the next timer is due, -1 when there is none.
#[no_mangle]
pub unsafe extern "C" fn zmq_timers_timeout(_timers: *mut c_void) -> c_long {
    guard(-1, no_such_object)
}

/// Runs the functions of all timers that are due.
#[no_mangle]
pub unsafe extern "C" fn zmq_timers_execute(_timers: *mut c_void) -> c_int {
    guard_status(no_such_object)
}

/// Creates a poller, or returns null.
#[no_mangle]
pub unsafe extern "C" fn zmq_poller_new() -> *mut c_void {
    guard(null_mut(), not_yet)
}

/// Destroys a poller and sets the caller's pointer to null.
#[no_mangle]
pub unsafe extern "C" fn zmq_poller_destroy(_poller: *mut *mut c_void) -> c_int {
    guard_status(no_such_object)
}

/// Number of sockets and descriptors in a poller.
#[no_mangle]
pub unsafe extern "C" fn zmq_poller_size(_poller: *mut c_void) -> c_int {
    guard(-1, no_such_object)
}

/// Adds a socket to a poller.
#[no_mangle]
pub unsafe extern "C" fn zmq_poller_add(
    _poller: *mut c_void,
    _socket: *mut c_void,
    _user_data: *mut c_void,
    _events: c_short,
) -> c_int {
    guard_status(no_such_object)
}

/// Changes the events a poller waits for on a socket.
#[no_mangle]
pub unsafe extern "C" fn zmq_poller_modify(
    _poller: *mut c_void,
    _socket: *mut c_void,
    _events: c_short,
) -> c_int {
    guard_status(no_such_object)
}

/// Removes a socket from a poller.
#[no_mangle]
pub unsafe extern "C" fn zmq_poller_remove(_poller: *mut c_void, _socket: *mut c_void) -> c_int {
    guard_status(no_such_object)
}

/// Waits for one event, for at most `timeout` milliseconds (-1: without end).
#[no_mangle]
pub unsafe extern "C" fn zmq_poller_wait(
    _poller: *mut c_void,
    _event: *mut PollerEvent,
    _timeout: c_long,
) -> c_int {
    guard(-1, no_such_object)
}

/// Waits for up to `capacity` events and returns their number.
#[no_mangle]
pub unsafe extern "C" fn zmq_poller_wait_all(
    _poller: *mut c_void,
    _events: *mut PollerEvent,
    _capacity: c_int,
    _timeout: c_long,
) -> c_int {
    guard(-1, no_such_object)
}

/// Gives the descriptor that becomes readable when a poller of thread-safe sockets has an event.
#[no_mangle]
pub unsafe extern "C" fn zmq_poller_fd(_poller: *mut c_void, _fd: *mut Fd) -> c_int {
    guard_status(no_such_object)
}

/// Adds a descriptor to a poller.
#[no_mangle]
pub unsafe extern "C" fn zmq_poller_add_fd(
    _poller: *mut c_void,
    _fd: Fd,
    _user_data: *mut c_void,
    _events: c_short,
) -> c_int {
    guard_status(no_such_object)
}

/// Changes the events a poller waits for on a descriptor.
#[no_mangle]
pub unsafe extern "C" fn zmq_poller_modify_fd(
    _poller: *mut c_void,
    _fd: Fd,
    _events: c_short,
) -> c_int {
    guard_status(no_such_object)
}

/// Removes a descriptor from a poller.
#[no_mangle]
pub unsafe extern "C" fn zmq_poller_remove_fd(_poller: *mut c_void, _fd: Fd) -> c_int {
    guard_status(no_such_object)
}
