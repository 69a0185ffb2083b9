//! Sockets: their life, options and endpoints. What they carry is in [`super::transfer`].

use core::ffi::{c_char, c_int, c_void};
use core::ptr::null_mut;

use zeroize::Zeroize;

use super::guard::{buffer, bytes, c_string, guard, guard_status, read, write};
use crate::error::{Errno, Result};
use crate::options::value::{GetValue, SetValue};
use crate::socket::{self, Socket};

/// Option values up to this size are put together on the stack.
const USUAL_OPTION: usize = 256;

/// Creates a socket of a kind (`ZMQ_PUB`, `ZMQ_SUB`...) in a context.
#[no_mangle]
pub extern "C" fn zmq_socket(context: *mut c_void, kind: c_int) -> *mut c_void {
    guard(null_mut(), || socket::create(context, kind))
}

/// Closes a socket. What it lingers for is still delivered.
#[no_mangle]
pub extern "C" fn zmq_close(socket: *mut c_void) -> c_int {
    guard_status(|| socket::close(socket))
}

/// Sets an option of a socket.
#[no_mangle]
pub unsafe extern "C" fn zmq_setsockopt(
    socket: *mut c_void,
    option: c_int,
    value: *const c_void,
    size: usize,
) -> c_int {
    guard_status(|| {
        socket::with(socket, |socket| {
            let value = if value.is_null() {
                SetValue::null(size)
            } else {
                // SAFETY: the caller has `size` bytes at `value`.
                SetValue::new(unsafe { bytes(value, size) }?)
            };
            socket.set_option(option, value)
        })
    })
}

/// Writes an option of a socket into a buffer of the caller.
#[no_mangle]
pub unsafe extern "C" fn zmq_getsockopt(
    socket: *mut c_void,
    option: c_int,
    value: *mut c_void,
    size: *mut usize,
) -> c_int {
    guard_status(|| {
        socket::with(socket, |socket| {
            // SAFETY: the caller passes a variable, or null, which is refused.
            let room = unsafe { read(size) }?;
            let found = socket.option(option)?;
            // SAFETY: the caller has `room` bytes at `value`.
            let used = unsafe { store(&found, value, room) }?;
            // SAFETY: as for reading.
            unsafe { write(size, used) }
        })
    })
}

/// Stores an option's value with [`GetValue::store`] by way of memory of our own: the caller's
/// need not be initialised, and is left as it is when the value does not fit.
unsafe fn store(value: &GetValue, place: *mut c_void, room: usize) -> Result<usize> {
    let mut usual = [0; USUAL_OPTION];
    let mut long = Vec::new();
    let stage = match value {
        GetValue::Bytes(bytes) | GetValue::CString(bytes) if bytes.len() >= USUAL_OPTION => {
            long.resize(room.min(bytes.len() + 1), 0);
            &mut long[..]
        }
        _ => &mut usual[..room.min(USUAL_OPTION)],
    };
    let used = value.store(stage)?;
    // SAFETY: the caller of the C function has `room` bytes there.
    let place = unsafe { buffer(place, room) }?;
    let (head, rest) = place.split_at_mut(stage.len());
    for (to, from) in head.iter_mut().zip(&*stage) {
        to.write(*from);
    }
    if matches!(value, GetValue::Key(_)) {
        stage.zeroize();
    }
    rest.fill(core::mem::MaybeUninit::new(0));
    Ok(used)
}

/// Calls a method of a socket with an endpoint.
unsafe fn with_endpoint(
    socket: *mut c_void,
    endpoint: *const c_char,
    method: impl Fn(&mut Socket, &str) -> Result<()>,
) -> c_int {
    guard_status(|| {
        socket::with(socket, |socket| {
            // SAFETY: the caller passes a C string or null.
            let endpoint = unsafe { c_string(endpoint) }?;
            method(socket, endpoint.to_str().map_err(|_| Errno::EINVAL)?)
        })
    })
}

/// Accepts connections on an endpoint.
#[no_mangle]
pub unsafe extern "C" fn zmq_bind(socket: *mut c_void, endpoint: *const c_char) -> c_int {
    // SAFETY: the caller passes a C string or null.
    unsafe { with_endpoint(socket, endpoint, Socket::bind) }
}

/// Connects to an endpoint, now and whenever the connection is lost.
#[no_mangle]
pub unsafe extern "C" fn zmq_connect(socket: *mut c_void, endpoint: *const c_char) -> c_int {
    // SAFETY: the caller passes a C string or null.
    unsafe { with_endpoint(socket, endpoint, Socket::connect) }
}

/// Stops accepting connections on an endpoint.
#[no_mangle]
pub unsafe extern "C" fn zmq_unbind(socket: *mut c_void, endpoint: *const c_char) -> c_int {
    // SAFETY: the caller passes a C string or null.
    unsafe { with_endpoint(socket, endpoint, Socket::term_endpoint) }
}

/// Ends the connection to an endpoint.
#[no_mangle]
pub unsafe extern "C" fn zmq_disconnect(socket: *mut c_void, endpoint: *const c_char) -> c_int {
    // SAFETY: the caller passes a C string or null.
    unsafe { with_endpoint(socket, endpoint, Socket::term_endpoint) }
}

/// Tells whether a peer of a ROUTER socket can be written to, as `ZMQ_POLLOUT`.
#[no_mangle]
pub unsafe extern "C" fn zmq_socket_get_peer_state(
    socket: *mut c_void,
    routing_id: *const c_void,
    routing_id_size: usize,
) -> c_int {
    guard(-1, || {
        socket::with(socket, |socket| {
            // SAFETY: the caller has that many bytes there.
            socket.peer_state(unsafe { bytes(routing_id, routing_id_size) }?)
        })
    })
}

/// Connects a PEER socket and returns the routing id of the other side, 0 on failure.
#[no_mangle]
pub unsafe extern "C" fn zmq_connect_peer(socket: *mut c_void, endpoint: *const c_char) -> u32 {
    guard(0, || {
        socket::with(socket, |socket| {
            // SAFETY: the caller passes a C string or null.
            let endpoint = unsafe { c_string(endpoint) }?;
            socket.connect_peer(endpoint.to_str().map_err(|_| Errno::EINVAL)?)
        })
    })
}

/// Ends the connection to the peer of a SERVER or PEER socket that has a routing id.
#[no_mangle]
pub extern "C" fn zmq_disconnect_peer(socket: *mut c_void, routing_id: u32) -> c_int {
    guard_status(|| socket::with(socket, |socket| socket.disconnect_peer(routing_id)))
}

/// Calls a method of a socket with the name of a group.
unsafe fn with_group(
    socket: *mut c_void,
    group: *const c_char,
    method: impl Fn(&mut Socket, &[u8]) -> Result<()>,
) -> c_int {
    guard_status(|| {
        socket::with(socket, |socket| {
            // SAFETY: the caller passes a C string or null.
            method(socket, unsafe { c_string(group) }?.to_bytes())
        })
    })
}

/// Joins a group, whose messages a DISH socket receives from now on.
#[no_mangle]
pub unsafe extern "C" fn zmq_join(socket: *mut c_void, group: *const c_char) -> c_int {
    // SAFETY: the caller passes a C string or null.
    unsafe { with_group(socket, group, Socket::join) }
}

/// Leaves a group.
#[no_mangle]
pub unsafe extern "C" fn zmq_leave(socket: *mut c_void, group: *const c_char) -> c_int {
    // SAFETY: the caller passes a C string or null.
    unsafe { with_group(socket, group, Socket::leave) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(value: GetValue, room: usize) -> Result<(usize, Vec<u8>)> {
        let mut place = vec![0xee; room];
        // SAFETY: there is as much room as said.
        let used = unsafe { store(&value, place.as_mut_ptr().cast(), room) }?;
        Ok((used, place))
    }

    #[test]
    fn values_reach_the_callers_memory_and_the_rest_is_cleared() {
        let (used, place) = stored(GetValue::CString(b"tcp".to_vec()), 300).unwrap();
        assert_eq!((used, &place[..4]), (4, &b"tcp\0"[..]));
        assert!(place[4..].iter().all(|byte| *byte == 0));
        assert_eq!(stored(GetValue::Int(7), 4).unwrap().0, 4);
        assert_eq!(stored(GetValue::Int(7), 300), Err(Errno::EINVAL));
    }

    #[test]
    fn long_values_pass_too() {
        let long = vec![b'x'; 500];
        let (used, place) = stored(GetValue::CString(long.clone()), 600).unwrap();
        assert_eq!((used, &place[..500]), (501, &long[..]));
        assert!(place[500..].iter().all(|byte| *byte == 0));
        assert_eq!(stored(GetValue::Bytes(long.clone()), 500).unwrap().0, 500);
        assert_eq!(stored(GetValue::CString(long), 500), Err(Errno::EINVAL));
    }

    #[test]
    fn nowhere_to_store_is_an_error() {
        // SAFETY: null is recognised before anything is written.
        let outcome = unsafe { store(&GetValue::Int(1), null_mut(), 4) };
        assert_eq!(outcome, Err(Errno::EFAULT));
    }
}
