//! Sending and receiving buffers.
//!
//! `zmq_send` and `zmq_recv` never own a body: what is sent is a view of the caller's buffer, what
//! is received is copied out of the pipe's memory before the socket is left. A few bytes go the
//! shortest way ([`Socket::send_straight`]), which has no part that could panic, outside of the guard.

use core::ffi::{c_int, c_void};
use std::sync::Arc;

use super::guard::{buffer, bytes, guard};
use super::transfer::as_c_int;
use crate::context::handles::{self, Entered};
use crate::error::{Errno, Result};
use crate::message::few::{copy_few, FEW};
use crate::message::{Message, Metadata};
use crate::options::constants::ZMQ_SNDMORE;
use crate::pipe::outflow::Again;
use crate::pipe::queue::{self, EXTERNAL_MIN};
use crate::pipe::reader::AcceptInline;
use crate::socket::{self, Socket};

/// Sends a copy of a buffer.
#[no_mangle]
pub unsafe extern "C" fn zmq_send(
    socket: *mut c_void,
    data: *const c_void,
    size: usize,
    flags: c_int,
) -> c_int {
    let Some(entered) = handles::enter_again(socket) else {
        // SAFETY: the same contract.
        return unsafe { send_anew(socket, data, size, flags) };
    };
    if data.is_null() || flags & ZMQ_SNDMORE != 0 || size.wrapping_sub(1) >= EXTERNAL_MIN - 1 {
        // SAFETY: the same contract.
        return unsafe { send_entered(entered, data, size, flags) };
    }
    if size > FEW {
        // SAFETY: the same contract, and the size is none of an external body.
        return unsafe { send_any(entered, data, size, flags) };
    }
    // SAFETY: as above.
    unsafe { send_straight::<false>(entered, data, size, flags) }
}

/// The shortest way of `zmq_send`, if it is open.
///
/// # Safety
/// There are `size` bytes at `data`: one at least, fewer than [`EXTERNAL_MIN`], and if not `ANY`, no more
/// than [`FEW`].
#[inline(always)]
unsafe fn send_straight<const ANY: bool>(
    entered: Entered,
    data: *const c_void,
    size: usize,
    flags: c_int,
) -> c_int {
    // SAFETY: the socket is used in this line alone; the rest is the same contract.
    match unsafe { socket::of(&entered).send_straight::<ANY>(data.cast(), size) } {
        Again::Done => size as c_int,
        Again::ToFinish => finish_send(entered, size),
        // SAFETY: the same contract.
        Again::No => unsafe { send_entered(entered, data, size, flags) },
    }
}

/// As [`send_straight`], of any number of bytes: apart, for the sake of those that need less.
#[inline(never)]
unsafe fn send_any(entered: Entered, data: *const c_void, size: usize, flags: c_int) -> c_int {
    // SAFETY: the same contract.
    unsafe { send_straight::<true>(entered, data, size, flags) }
}

/// Ends the shortest way of `zmq_send`.
#[inline(never)]
fn finish_send(entered: Entered, size: usize) -> c_int {
    guard(-1, || {
        // SAFETY: the socket is used here alone.
        unsafe { socket::of(&entered) }.finish_send_straight();
        Ok(as_c_int(size))
    })
}

/// `zmq_send` of a thread that was in the socket before.
#[inline(never)]
unsafe fn send_entered(entered: Entered, data: *const c_void, size: usize, flags: c_int) -> c_int {
    guard(-1, || {
        // SAFETY: the socket is used here alone; the rest is the same contract.
        unsafe { send_buffer(socket::of(&entered), data, size, flags) }
    })
}

/// `zmq_send` of any other thread.
#[inline(never)]
unsafe fn send_anew(socket: *mut c_void, data: *const c_void, size: usize, flags: c_int) -> c_int {
    guard(-1, || {
        // SAFETY: the same contract.
        socket::with(socket, |socket| unsafe { send_buffer(socket, data, size, flags) })
    })
}

#[inline(always)]
unsafe fn send_buffer(
    socket: &mut Socket,
    data: *const c_void,
    size: usize,
    flags: c_int,
) -> Result<c_int> {
    // SAFETY: the caller has `size` bytes at `data`.
    let body = unsafe { bytes(data, size) }?;
    if !socket.send_at_once(body, flags) {
        send_view(socket, body, flags)?;
    }
    Ok(as_c_int(size))
}

/// The long way of `zmq_send`.
#[inline(never)]
fn send_view(socket: &mut Socket, body: &[u8], flags: c_int) -> Result<()> {
    // SAFETY: the message is gone at the end of this call, when the bytes are still there.
    let mut message = unsafe { Message::view(body.as_ptr(), body.len()) };
    socket.send_paced(&mut message, flags)
}

/// Sends a buffer that stays as it is for ever, so that it need not be copied.
#[no_mangle]
pub unsafe extern "C" fn zmq_send_const(
    socket: *mut c_void,
    data: *const c_void,
    size: usize,
    flags: c_int,
) -> c_int {
    guard(-1, || {
        socket::with(socket, |socket| {
            // SAFETY: the caller has `size` bytes at `data`.
            let body = unsafe { bytes(data, size) }?;
            // SAFETY: and vouches that they stay.
            let mut message = unsafe { Message::constant(body.as_ptr(), body.len()) };
            socket.send(&mut message, flags)?;
            Ok(as_c_int(size))
        })
    })
}

/// Receives into a buffer and returns the size of the message, which may be larger.
#[no_mangle]
pub unsafe extern "C" fn zmq_recv(
    socket: *mut c_void,
    place: *mut c_void,
    size: usize,
    flags: c_int,
) -> c_int {
    let Some(entered) = handles::enter_again(socket) else {
        // SAFETY: the same contract.
        return unsafe { recv_anew(socket, place, size, flags) };
    };
    if place.is_null() {
        // SAFETY: the same contract.
        return unsafe { recv_entered(entered, place, size, flags) };
    }
    let room = Room { place: place.cast(), size };
    // SAFETY: the socket is used in this line alone.
    match unsafe { socket::of(&entered) }.recv_straight::<false>(room) {
        Some((received, false)) => received as c_int,
        Some((received, true)) => finish_recv(entered, received),
        // SAFETY: the same contract, and the place is there.
        None => unsafe { recv_any(entered, place, size, flags) },
    }
}

/// The shortest way of `zmq_recv` for any number of bytes: apart, for the sake of those that need less.
///
/// # Safety
/// There are `size` bytes at `place`.
#[inline(never)]
unsafe fn recv_any(entered: Entered, place: *mut c_void, size: usize, flags: c_int) -> c_int {
    let room = AnyRoom(Room { place: place.cast(), size });
    // SAFETY: the socket is used in this line alone.
    match unsafe { socket::of(&entered) }.recv_straight::<true>(room) {
        Some((received, false)) => as_c_int(received),
        Some((received, true)) => finish_recv(entered, received),
        // SAFETY: the same contract.
        None => unsafe { recv_entered(entered, place, size, flags) },
    }
}

/// A caller's buffer, which is there.
struct Room {
    place: *mut u8,
    size: usize,
}

impl AcceptInline for Room {
    #[inline(always)]
    fn accept(self, body: &[u8], _: &Option<Arc<Metadata>>) -> bool {
        let fits = body.len() <= self.size;
        if fits {
            // SAFETY: there is room for them, which is no memory of the socket's.
            unsafe { copy_few(body.as_ptr(), self.place, body.len()) };
        }
        fits
    }
}

/// The same, for as many bytes as there is room for.
struct AnyRoom(Room);

impl AcceptInline for AnyRoom {
    #[inline(always)]
    fn accept(self, body: &[u8], _: &Option<Arc<Metadata>>) -> bool {
        let copied = body.len().min(self.0.size);
        // SAFETY: there is room for them, which is no memory of the socket's.
        unsafe { queue::copy(body.as_ptr(), self.0.place, copied) };
        true
    }
}

/// Ends the shortest way of `zmq_recv`, or `zmq_msg_recv`.
#[inline(never)]
pub(super) fn finish_recv(entered: Entered, received: usize) -> c_int {
    guard(-1, || {
        // SAFETY: the socket is used here alone.
        unsafe { socket::of(&entered) }.finish_recv_straight();
        Ok(as_c_int(received))
    })
}

/// `zmq_recv` of a thread that was in the socket before.
#[inline(never)]
unsafe fn recv_entered(entered: Entered, place: *mut c_void, size: usize, flags: c_int) -> c_int {
    guard(-1, || {
        // SAFETY: the socket is used here alone; the rest is the same contract.
        unsafe { recv_buffer(socket::of(&entered), place, size, flags) }
    })
}

/// `zmq_recv` of any other thread.
#[inline(never)]
unsafe fn recv_anew(socket: *mut c_void, place: *mut c_void, size: usize, flags: c_int) -> c_int {
    guard(-1, || {
        // SAFETY: the same contract.
        socket::with(socket, |socket| unsafe { recv_buffer(socket, place, size, flags) })
    })
}

#[inline(always)]
unsafe fn recv_buffer(
    socket: &mut Socket,
    place: *mut c_void,
    size: usize,
    flags: c_int,
) -> Result<c_int> {
    // SAFETY: the caller has `size` bytes at `place`, if it is there.
    let at_once =
        unsafe { buffer(place, size) }.ok().and_then(|place| socket.recv_buffer_at_once(place));
    match at_once {
        Some(received) => Ok(as_c_int(received)),
        // SAFETY: as above.
        None => unsafe { recv_into(socket, place, size, flags) },
    }
}

/// The long way of `zmq_recv`.
///
/// # Safety
/// There are `size` bytes at `place`, or it is null.
#[inline(never)]
unsafe fn recv_into(
    socket: &mut Socket,
    place: *mut c_void,
    size: usize,
    flags: c_int,
) -> Result<c_int> {
    socket.set_wants_metadata(false);
    let mut message = Message::new();
    socket.recv(&mut message, flags)?;
    let body = message.data();
    let copied = body.len().min(size);
    if copied > 0 {
        if place.is_null() {
            return Err(Errno::EFAULT);
        }
        // SAFETY: the caller has `size` bytes at `place`; the body is not among them, as it lies
        // in memory of ours.
        unsafe { place.cast::<u8>().copy_from_nonoverlapping(body.as_ptr(), copied) };
    }
    Ok(as_c_int(body.len()))
}
