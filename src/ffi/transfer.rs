//! Sending and receiving messages, and lists of buffers.
//!
//! A short message goes the shortest way ([`Socket::send_straight`]), which has no part that could
//! panic, outside of the guard.

use core::ffi::{c_int, c_void};
use std::sync::Arc;

use libc::iovec;

use super::buffers::finish_recv;
use super::guard::{bytes, guard, read, write};
use super::message::{any, valid_mut};
use crate::context::handles::{self, Entered};
use crate::error::{Errno, Result};
use crate::message::{Content, Message, Metadata};
use crate::options::constants::{ZMQ_SNDMORE, ZMQ_STREAM, ZMQ_XPUB};
use crate::pipe::outflow::{is_copied_at_once, Again};
use crate::pipe::reader::AcceptInline;
use crate::socket::{self, Socket};

/// A size as C functions return it.
#[inline]
pub(super) fn as_c_int(size: usize) -> c_int {
    c_int::try_from(size).unwrap_or(c_int::MAX)
}

/// Runs a body on a socket: see [`socket::with_either`].
macro_rules! on_socket {
    ($handle:expr, $body:expr) => {
        socket::with_either($handle, $body, $body)
    };
}

/// Sends a message, which is empty afterwards.
#[no_mangle]
pub unsafe extern "C" fn zmq_msg_send(
    message: *mut Message,
    socket: *mut c_void,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller passes a message, or null.
    let few = unsafe { any(message) }.ok().and_then(Message::few);
    let Some(body) = few else {
        // SAFETY: the same contract.
        return unsafe { msg_send_any(message, socket, flags) };
    };
    // SAFETY: the body is the message's; the rest is the same contract.
    match unsafe { send_straight::<false>(message, body, socket, flags) } {
        Some(size) => size,
        // SAFETY: the same contract.
        None => unsafe { msg_send(message, socket, flags) },
    }
}

/// The shortest way of `zmq_msg_send` for any number of bytes that are copied from a content: apart, for
/// the sake of those that need less.
#[inline(never)]
unsafe fn msg_send_any(message: *mut Message, socket: *mut c_void, flags: c_int) -> c_int {
    // SAFETY: the caller passes a message, or null.
    let body = unsafe { any(message) }
        .ok()
        .filter(|message| is_copied_at_once(message))
        .and_then(Message::own_content);
    // SAFETY: the body is the message's; the rest is the same contract.
    let sent = body.and_then(|body| unsafe { send_straight::<true>(message, body, socket, flags) });
    // SAFETY: the same contract.
    sent.unwrap_or_else(|| unsafe { msg_send(message, socket, flags) })
}

/// Sends a message's body the shortest way, as [`Socket::send_straight`], and empties the message.
/// None where it is not open; then nothing has changed.
///
/// # Safety
/// The message is valid, and the body is its own.
#[inline(always)]
unsafe fn send_straight<const ANY: bool>(
    message: *mut Message,
    body: &[u8],
    socket: *mut c_void,
    flags: c_int,
) -> Option<c_int> {
    if flags & ZMQ_SNDMORE != 0 {
        return None;
    }
    let entered = handles::enter_again(socket)?;
    let size = body.len();
    // SAFETY: the socket is used in this line alone.
    match unsafe { socket::of(&entered).send_straight::<ANY>(body.as_ptr(), size) } {
        Again::Done => {
            // A content is never emptied at once.
            // SAFETY: the caller's promise.
            if !ANY && unsafe { &mut *message }.empty_at_once() {
                return Some(size as c_int);
            }
            drop(entered);
            // SAFETY: as above.
            Some(unsafe { empty_sent(message, size) })
        }
        // SAFETY: as above.
        Again::ToFinish => Some(unsafe { finish_msg_send(entered, message, size) }),
        Again::No => None,
    }
}

/// Empties a message that was sent, of no more bytes than are copied.
#[inline(never)]
unsafe fn empty_sent(message: *mut Message, size: usize) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's message was looked at before.
        unsafe { &mut *message }.empty();
        Ok(size as c_int)
    })
}

/// Ends the shortest way of `zmq_msg_send`.
#[inline(never)]
unsafe fn finish_msg_send(entered: Entered, message: *mut Message, size: usize) -> c_int {
    guard(-1, || {
        // SAFETY: the socket is used here alone.
        unsafe { socket::of(&entered) }.finish_send_straight();
        drop(entered);
        // SAFETY: the caller's message was looked at before.
        unsafe { &mut *message }.empty();
        Ok(as_c_int(size))
    })
}

/// `zmq_msg_send` in any other way.
#[inline(never)]
unsafe fn msg_send(message: *mut Message, socket: *mut c_void, flags: c_int) -> c_int {
    guard(-1, || {
        let size = on_socket!(socket, |socket: &mut Socket| {
            // SAFETY: the caller passes a message, or null, which is refused.
            let message = unsafe { valid_mut(message) }?;
            let size = message.len();
            if !socket.send_message_at_once(message, flags) {
                socket.send_paced(message, flags)?;
            }
            Ok(size)
        })?;
        // Outside of the socket: this may run the caller's free function.
        // SAFETY: as above.
        unsafe { valid_mut(message) }?.empty();
        Ok(as_c_int(size))
    })
}

/// Receives a message in place of what the caller's message holds.
#[no_mangle]
pub unsafe extern "C" fn zmq_msg_recv(
    message: *mut Message,
    socket: *mut c_void,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller passes a message, or null.
    let place = unsafe { valid_mut(message) };
    let (Ok(place), Some(entered)) = (place, handles::enter_again(socket)) else {
        // SAFETY: the same contract.
        return unsafe { msg_recv_anew(message, socket, flags) };
    };
    // SAFETY: the socket is used in this line alone.
    match unsafe { socket::of(&entered) }.recv_straight::<false>(place) {
        Some((received, false)) => received as c_int,
        Some((received, true)) => finish_recv(entered, received),
        // SAFETY: the same contract, and the message is one.
        None => unsafe { msg_recv_any(entered, message, flags) },
    }
}

/// The shortest way of `zmq_msg_recv` for any number of bytes: apart, for the sake of those that need
/// less.
#[inline(never)]
unsafe fn msg_recv_any(entered: Entered, message: *mut Message, flags: c_int) -> c_int {
    // SAFETY: the caller's message was looked at before, and the socket is used in this line alone.
    match unsafe { socket::of(&entered).recv_straight::<true>(AnyMessage(&mut *message)) } {
        Some((received, false)) => as_c_int(received),
        Some((received, true)) => finish_recv(entered, received),
        // SAFETY: the same contract.
        None => unsafe { msg_recv_entered(entered, message, flags) },
    }
}

/// A caller's message.
impl AcceptInline for &mut Message {
    #[inline(always)]
    fn accept(self, body: &[u8], metadata: &Option<Arc<Metadata>>) -> bool {
        let taken = self.become_few(body);
        if taken {
            self.adopt_metadata(metadata.as_ref());
        }
        taken
    }
}

/// The same, for any number of bytes.
struct AnyMessage<'a>(&'a mut Message);

impl AcceptInline for AnyMessage<'_> {
    #[inline(always)]
    fn accept(self, body: &[u8], metadata: &Option<Arc<Metadata>>) -> bool {
        let taken = self.0.become_copy(body);
        if taken {
            self.0.adopt_metadata(metadata.as_ref());
        }
        taken
    }
}

/// `zmq_msg_recv` of a thread that was in the socket before.
#[inline(never)]
unsafe fn msg_recv_entered(entered: Entered, message: *mut Message, flags: c_int) -> c_int {
    guard(-1, || {
        // SAFETY: the socket is used here alone; the rest is the same contract.
        unsafe { msg_recv(socket::of(&entered), message, flags) }
    })
}

/// `zmq_msg_recv` of any other thread.
#[inline(never)]
unsafe fn msg_recv_anew(message: *mut Message, socket: *mut c_void, flags: c_int) -> c_int {
    guard(-1, || {
        // SAFETY: the same contract.
        on_socket!(socket, |socket: &mut Socket| unsafe { msg_recv(socket, message, flags) })
    })
}

#[inline(always)]
unsafe fn msg_recv(socket: &mut Socket, message: *mut Message, flags: c_int) -> Result<c_int> {
    // SAFETY: the caller passes a message, or null, which is refused.
    let message = unsafe { valid_mut(message) }?;
    if !socket.recv_message_at_once(message) {
        socket.set_wants_metadata(true);
        receive(socket, message, flags)?;
    }
    Ok(as_c_int(message.len()))
}

/// Receives a message that outlives the call on the socket.
#[inline(never)]
fn receive(socket: &mut Socket, message: &mut Message, flags: c_int) -> Result<()> {
    let (len, past) = (message.len(), message.take_body());
    if let Err(error) = socket.recv(message, flags) {
        return Err(after_failure(socket, message, past, len, error));
    }
    message.own_with(past).inspect_err(|_| message.empty())
}

/// Leaves the message as the original does: empty, where there was nothing to receive, and else as it
/// was before, when `past` was its body, of `len` bytes. In no case a view stays behind.
#[cold]
fn after_failure(
    socket: &Socket,
    message: &mut Message,
    past: Option<Content>,
    len: usize,
    error: Errno,
) -> Errno {
    if message.own().is_err() {
        message.empty();
        return Errno::ENOMEM;
    }
    let looked = !matches!(socket.socket_type(), ZMQ_XPUB | ZMQ_STREAM);
    if looked && matches!(error, Errno::EAGAIN | Errno::EINTR) {
        message.empty();
    } else if let Some(past) = past {
        message.put_body_back(past, len);
    }
    error
}

/// Sends a message. Superseded by `zmq_msg_send`.
#[no_mangle]
pub unsafe extern "C" fn zmq_sendmsg(
    socket: *mut c_void,
    message: *mut Message,
    flags: c_int,
) -> c_int {
    // SAFETY: the same contract.
    unsafe { zmq_msg_send(message, socket, flags) }
}

/// Receives a message. Superseded by `zmq_msg_recv`.
#[no_mangle]
pub unsafe extern "C" fn zmq_recvmsg(
    socket: *mut c_void,
    message: *mut Message,
    flags: c_int,
) -> c_int {
    // SAFETY: the same contract.
    unsafe { zmq_msg_recv(message, socket, flags) }
}

/// Sends buffers one after the other, as one message of several parts if `ZMQ_SNDMORE` is set.
#[no_mangle]
pub unsafe extern "C" fn zmq_sendiov(
    socket: *mut c_void,
    buffers: *mut iovec,
    count: usize,
    flags: c_int,
) -> c_int {
    guard(-1, || {
        // Kept across calls of the closure, which is called again when it had to wait.
        let mut sent = 0;
        socket::with(socket, |socket| {
            if buffers.is_null() || count == 0 {
                return Err(Errno::EINVAL);
            }
            loop {
                // SAFETY: the caller has `count` of them.
                let part = unsafe { read(buffers.add(sent)) }?;
                // SAFETY: each names bytes of the caller.
                let body = unsafe { bytes(part.iov_base, part.iov_len) }?;
                // SAFETY: the message is gone before the bytes are.
                let mut message = unsafe { Message::view(body.as_ptr(), body.len()) };
                let is_last = sent + 1 == count;
                let flags = if is_last { flags & !ZMQ_SNDMORE } else { flags };
                socket.send(&mut message, flags)?;
                sent += 1;
                if is_last {
                    return Ok(as_c_int(body.len()));
                }
            }
        })
    })
}

/// Receives the parts of a message into buffers that the caller gives to `free`.
///
/// `count` is how many there may be, and afterwards how many there are, even on failure.
#[no_mangle]
pub unsafe extern "C" fn zmq_recviov(
    socket: *mut c_void,
    buffers: *mut iovec,
    count: *mut usize,
    flags: c_int,
) -> c_int {
    guard(-1, || {
        // Kept across calls of the closure, which is called again when it had to wait.
        let mut room = None;
        let mut received = 0;
        socket::with(socket, |socket| {
            let room = match room {
                Some(room) => room,
                None => {
                    // SAFETY: the caller passes a variable, or null, which is refused.
                    let given = unsafe { read(count) }.map_err(|_| Errno::EINVAL)?;
                    if buffers.is_null() || given == 0 {
                        return Err(Errno::EINVAL);
                    }
                    // SAFETY: as for reading.
                    unsafe { write(count, 0) }?;
                    *room.insert(given)
                }
            };
            socket.set_wants_metadata(false);
            while received < room {
                let mut message = Message::new();
                socket.recv(&mut message, flags)?;
                let part = allocated(message.data())?;
                // SAFETY: the caller has room for as many parts, and the variable.
                unsafe {
                    write(buffers.add(received), part)?;
                    received += 1;
                    write(count, received)?;
                }
                if !message.has_more() {
                    break;
                }
            }
            Ok(as_c_int(received))
        })
    })
}

/// A copy in memory of the C library's allocator.
fn allocated(body: &[u8]) -> Result<iovec> {
    // SAFETY: any size may be asked for.
    let copy = unsafe { libc::malloc(body.len()) };
    if copy.is_null() && !body.is_empty() {
        return Err(Errno::ENOMEM);
    }
    if !body.is_empty() {
        // SAFETY: the new memory has this size.
        unsafe { copy.cast::<u8>().copy_from_nonoverlapping(body.as_ptr(), body.len()) };
    }
    Ok(iovec { iov_base: copy, iov_len: body.len() })
}

#[cfg(test)]
#[path = "transfer_tests.rs"]
mod tests;
