//! Contexts.

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;

use super::guard::{buffer, bytes, guard, guard_status, read};
use crate::context;
use crate::error::Errno;
use crate::options::constants::ZMQ_IO_THREADS;
use crate::options::value::SetValue;

/// More room than any context option needs.
const LONGEST_OPTION: usize = 64;

/// Creates a context.
#[no_mangle]
pub extern "C" fn zmq_ctx_new() -> *mut c_void {
    guard(null_mut(), context::create)
}

/// Ends a context: waits until its sockets are closed and have delivered what they linger for.
#[no_mangle]
pub extern "C" fn zmq_ctx_term(context: *mut c_void) -> c_int {
    guard_status(|| context::terminate(context))
}

/// Makes blocking calls on the context's sockets end with `ETERM`.
#[no_mangle]
pub extern "C" fn zmq_ctx_shutdown(context: *mut c_void) -> c_int {
    guard_status(|| context::shutdown(context))
}

/// Sets an option of a context.
#[no_mangle]
pub extern "C" fn zmq_ctx_set(context: *mut c_void, option: c_int, value: c_int) -> c_int {
    guard_status(|| context::set(context, option, SetValue::new(&value.to_ne_bytes())))
}

/// Sets an option of a context that need not be an integer.
#[no_mangle]
pub unsafe extern "C" fn zmq_ctx_set_ext(
    context: *mut c_void,
    option: c_int,
    value: *const c_void,
    size: usize,
) -> c_int {
    guard_status(|| {
        let value = if value.is_null() {
            SetValue::null(size)
        } else {
            // SAFETY: the caller has `size` bytes at `value`.
            SetValue::new(unsafe { bytes(value, size) }?)
        };
        context::set(context, option, value)
    })
}

/// Value of an option of a context, -1 on failure.
#[no_mangle]
pub extern "C" fn zmq_ctx_get(context: *mut c_void, option: c_int) -> c_int {
    guard(-1, || {
        let mut value = [0; size_of::<c_int>()];
        context::get(context, option, &mut value)?;
        Ok(c_int::from_ne_bytes(value))
    })
}

/// Writes an option of a context into a buffer of the caller.
///
/// Unlike `zmq_getsockopt` it does not
/// say how long the value is: the size stays as the caller set it.
#[no_mangle]
pub unsafe extern "C" fn zmq_ctx_get_ext(
    context: *mut c_void,
    option: c_int,
    value: *mut c_void,
    size: *mut usize,
) -> c_int {
    guard_status(|| {
        // SAFETY: the caller passes a variable, or null, which is refused.
        let room = unsafe { read(size) }?;
        let mut stage = [0; LONGEST_OPTION];
        let stage = &mut stage[..room.min(LONGEST_OPTION)];
        let used = context::get(context, option, stage)?;
        let value_bytes = stage.get(..used).ok_or(Errno::EINVAL)?;
        // SAFETY: the caller has `room` bytes at `value`, and `used` is no more than that.
        let place = unsafe { buffer(value, used) }?;
        for (to, from) in place.iter_mut().zip(value_bytes) {
            to.write(*from);
        }
        Ok(())
    })
}

/// Creates a context with a number of I/O threads. Superseded by `zmq_ctx_new`.
#[no_mangle]
pub extern "C" fn zmq_init(io_threads: c_int) -> *mut c_void {
    guard(null_mut(), || {
        if io_threads < 0 {
            return Err(Errno::EINVAL);
        }
        let context = context::create()?;
        context::set(context, ZMQ_IO_THREADS, SetValue::new(&io_threads.to_ne_bytes()))?;
        Ok(context)
    })
}

/// Ends a context. Superseded by `zmq_ctx_term`.
#[no_mangle]
pub extern "C" fn zmq_term(context: *mut c_void) -> c_int {
    zmq_ctx_term(context)
}

/// Ends a context. Superseded by `zmq_ctx_term`.
#[no_mangle]
pub extern "C" fn zmq_ctx_destroy(context: *mut c_void) -> c_int {
    zmq_ctx_term(context)
}
