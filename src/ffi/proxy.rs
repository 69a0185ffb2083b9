//! Proxies.

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;

use super::guard::guard_status;
use crate::error::Errno;
use crate::proxy;

/// Passes messages between two sockets, both ways, until the context ends.
#[no_mangle]
pub extern "C" fn zmq_proxy(
    frontend: *mut c_void,
    backend: *mut c_void,
    capture: *mut c_void,
) -> c_int {
    zmq_proxy_steerable(frontend, backend, capture, null_mut())
}

/// A proxy that obeys PAUSE, RESUME, TERMINATE and STATISTICS from a control socket.
#[no_mangle]
pub extern "C" fn zmq_proxy_steerable(
    frontend: *mut c_void,
    backend: *mut c_void,
    capture: *mut c_void,
    control: *mut c_void,
) -> c_int {
    guard_status(|| {
        if frontend.is_null() || backend.is_null() {
            return Err(Errno::EFAULT);
        }
        let optional = |socket: *mut c_void| (!socket.is_null()).then_some(socket);
        proxy::run(frontend, backend, optional(capture), optional(control))
    })
}

/// A proxy without a capture socket. Superseded by `zmq_proxy`.
#[no_mangle]
pub extern "C" fn zmq_device(_kind: c_int, frontend: *mut c_void, backend: *mut c_void) -> c_int {
    zmq_proxy(frontend, backend, null_mut())
}
