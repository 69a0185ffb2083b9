//! Monitors of sockets.

use core::ffi::{c_char, c_int, c_void};

use super::guard::{c_string, guard_status};
use crate::error::Errno;
use crate::options::constants::ZMQ_PAIR;
use crate::socket::{self, Socket};

/// Sends events of a socket to a PAIR socket bound to an inproc endpoint; null ends that.
#[no_mangle]
pub unsafe extern "C" fn zmq_socket_monitor(
    socket: *mut c_void,
    endpoint: *const c_char,
    events: c_int,
) -> c_int {
    // A negative number asks for events far beyond those there are, and is refused as such.
    let events = i64::from(events) as u64;
    // SAFETY: the same contract.
    unsafe { zmq_socket_monitor_versioned(socket, endpoint, events, 1, ZMQ_PAIR) }
}

/// Sends events of a socket, in the form of a version, to a socket bound to an inproc endpoint.
#[no_mangle]
pub unsafe extern "C" fn zmq_socket_monitor_versioned(
    socket: *mut c_void,
    endpoint: *const c_char,
    events: u64,
    event_version: c_int,
    kind: c_int,
) -> c_int {
    guard_status(|| {
        socket::with(socket, |socket| {
            if endpoint.is_null() {
                return socket.monitor(None, events, event_version, kind);
            }
            // SAFETY: the caller passes a C string.
            let endpoint = unsafe { c_string(endpoint) }?;
            let endpoint = endpoint.to_str().map_err(|_| Errno::EINVAL)?;
            socket.monitor(Some(endpoint), events, event_version, kind)
        })
    })
}

/// Asks for an event about each pipe of a socket, with the number of messages in its queues.
#[no_mangle]
pub extern "C" fn zmq_socket_monitor_pipes_stats(socket: *mut c_void) -> c_int {
    guard_status(|| socket::with(socket, Socket::request_pipes_stats))
}
