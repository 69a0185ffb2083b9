//! Messages: what can be done with a `zmq_msg_t` without a socket.
//!
//! The memory behind a `zmq_msg_t` is the caller's. The `zmq_msg_init*` functions take it as it
//! comes and only write to it; all others read it, so they check that a message is there.

use core::ffi::{c_char, c_int, c_void};
use core::ptr::{null, null_mut};

use super::guard::{bytes, c_string, guard, guard_status};
use super::types::FreeFunction;
use crate::error::{Errno, Result};
use crate::message::{Content, Message, GROUP_MAX, SHARED};
use crate::options::constants::{ZMQ_MORE, ZMQ_SHARED, ZMQ_SRCFD};

/// The caller's message. Null, misaligned and closed ones are `EFAULT`.
#[inline]
pub(super) unsafe fn valid_mut<'a>(message: *mut Message) -> Result<&'a mut Message> {
    if message.is_null() || !message.is_aligned() {
        return Err(Errno::EFAULT);
    }
    // SAFETY: not null and aligned; the caller vouches for 64 bytes that nobody else uses now. Any
    // bytes are a message, though perhaps not a valid one.
    let message = unsafe { &mut *message };
    message.is_valid().then_some(message).ok_or(Errno::EFAULT)
}

/// The caller's message, even a closed one.
#[inline]
pub(super) unsafe fn any<'a>(message: *const Message) -> Result<&'a Message> {
    if message.is_null() || !message.is_aligned() {
        return Err(Errno::EFAULT);
    }
    // SAFETY: as in `valid_mut`.
    Ok(unsafe { &*message })
}

/// The caller's message, to be looked at. Errors as for [`valid_mut`].
#[inline]
unsafe fn valid<'a>(message: *const Message) -> Result<&'a Message> {
    // SAFETY: the same contract.
    let message = unsafe { any(message) }?;
    message.is_valid().then_some(message).ok_or(Errno::EFAULT)
}

/// Makes an empty message of the caller's memory and fills it. Where that fails it stays empty, so
/// that it may be closed in any case.
#[inline]
unsafe fn init(place: *mut Message, fill: impl FnOnce(&mut Message) -> Result<()>) -> c_int {
    guard_status(|| {
        if place.is_null() || !place.is_aligned() {
            return Err(Errno::EFAULT);
        }
        // SAFETY: the caller vouches for 64 bytes, and they were checked to be aligned.
        unsafe {
            Message::write_new(place);
            fill(&mut *place)
        }
    })
}

/// Makes an empty message.
#[no_mangle]
pub unsafe extern "C" fn zmq_msg_init(message: *mut Message) -> c_int {
    // SAFETY: the caller passes memory for a message, or null.
    unsafe { init(message, |_| Ok(())) }
}

/// Makes a message with room for a number of bytes.
#[no_mangle]
pub unsafe extern "C" fn zmq_msg_init_size(message: *mut Message, size: usize) -> c_int {
    // SAFETY: the caller passes memory for a message, or null.
    unsafe { init(message, |empty| empty.make_room(size)) }
}

/// Makes a message with a copy of a buffer.
#[no_mangle]
pub unsafe extern "C" fn zmq_msg_init_buffer(
    message: *mut Message,
    data: *const c_void,
    size: usize,
) -> c_int {
    // SAFETY: the caller passes memory for a message, or null, and has `size` bytes at `data`.
    unsafe { init(message, |empty| empty.fill(bytes(data, size)?)) }
}

/// Makes a message of a buffer, which `free` takes back when it is no longer needed, in any thread.
#[no_mangle]
pub unsafe extern "C" fn zmq_msg_init_data(
    message: *mut Message,
    data: *mut c_void,
    size: usize,
    free: FreeFunction,
    hint: *mut c_void,
) -> c_int {
    // SAFETY: the caller passes memory for a message, or null, and has `size` bytes at `data` until
    // `free` is called, or for ever.
    unsafe {
        init(message, |empty| {
            let body = bytes(data, size)?;
            *empty = match free {
                None => Message::constant(body.as_ptr(), size),
                Some(_) => {
                    Message::of_content(Content::from_caller(data.cast(), size, free, hint)?)
                }
            };
            Ok(())
        })
    }
}

/// Gives back what a message holds. It must be made anew before it is used again.
#[no_mangle]
pub unsafe extern "C" fn zmq_msg_close(message: *mut Message) -> c_int {
    guard_status(|| {
        // SAFETY: the caller passes a message, or null, which is refused.
        unsafe { valid_mut(message) }?.close();
        Ok(())
    })
}

/// Moves what a message holds to another; the first is empty then.
#[no_mangle]
pub unsafe extern "C" fn zmq_msg_move(to: *mut Message, from: *mut Message) -> c_int {
    // SAFETY: the caller passes two messages, or null.
    unsafe { transfer(to, from, |from| Ok(core::mem::take(from))) }
}

/// Makes a message a copy of another. Large bodies are shared, not copied.
#[no_mangle]
pub unsafe extern "C" fn zmq_msg_copy(to: *mut Message, from: *mut Message) -> c_int {
    // SAFETY: the caller passes two messages, or null.
    unsafe { transfer(to, from, Message::duplicate) }
}

/// Replaces one message by what `give` makes of another. Nothing happens if they are the same.
unsafe fn transfer(
    to: *mut Message,
    from: *mut Message,
    give: impl FnOnce(&mut Message) -> Result<Message>,
) -> c_int {
    guard_status(|| {
        // SAFETY: a message, or null, which is refused; this borrow ends here.
        unsafe { valid(to) }?;
        // SAFETY: likewise. Messages are 64 bytes each, so different ones do not overlap.
        let from = unsafe { valid_mut(from) }?;
        if !core::ptr::eq(to, from) {
            let given = give(from)?;
            // SAFETY: checked above, and not `from`.
            *unsafe { valid_mut(to) }? = given;
        }
        Ok(())
    })
}

/// The bytes of a message.
#[no_mangle]
pub unsafe extern "C" fn zmq_msg_data(message: *mut Message) -> *mut c_void {
    guard(null_mut(), || {
        // SAFETY: the caller passes a message, or null, which is refused.
        Ok(unsafe { valid_mut(message) }?.data_ptr().cast())
    })
}

/// Number of bytes in a message.
#[no_mangle]
pub unsafe extern "C" fn zmq_msg_size(message: *const Message) -> usize {
    // SAFETY: the caller passes a message, or null, which is refused.
    guard(0, || Ok(unsafe { valid(message) }?.len()))
}

/// Tells whether more parts follow: 1 or 0.
#[no_mangle]
pub unsafe extern "C" fn zmq_msg_more(message: *const Message) -> c_int {
    // SAFETY: the same contract.
    unsafe { zmq_msg_get(message, ZMQ_MORE) }
}

/// A property of a message (`ZMQ_MORE`, `ZMQ_SRCFD`, `ZMQ_SHARED`), -1 on failure.
#[no_mangle]
pub unsafe extern "C" fn zmq_msg_get(message: *const Message, property: c_int) -> c_int {
    guard(-1, || {
        // Callers ask for ZMQ_MORE after closing the message; the answer outlives the rest.
        // SAFETY: the caller passes a message, or null, which is refused.
        let message = unsafe { any(message) }?;
        match property {
            ZMQ_MORE => Ok(message.has_more().into()),
            ZMQ_SRCFD if message.is_valid() => message
                .metadata()
                .map(|metadata| metadata.descriptor)
                .filter(|descriptor| *descriptor >= 0)
                .ok_or(Errno::EINVAL),
            ZMQ_SHARED => Ok(is_shared(message).into()),
            _ => Err(Errno::EINVAL),
        }
    })
}

/// Whether the body is in use elsewhere: by a copy of the message, or by the caller, whose constant
/// data it is.
fn is_shared(message: &Message) -> bool {
    let lies_inside = || {
        let start = core::ptr::from_ref(message) as usize;
        (start..start + size_of::<Message>()).contains(&(message.data().as_ptr() as usize))
    };
    let is_constant = || message.is_valid() && !message.has_content() && !lies_inside();
    message.flags() & SHARED != 0 || is_constant()
}

/// Sets a property of a message. There is none that can be set.
#[no_mangle]
pub extern "C" fn zmq_msg_set(_message: *mut Message, _property: c_int, _value: c_int) -> c_int {
    guard_status(|| Err(Errno::EINVAL))
}

/// A property of the connection that a message came over, such as "Peer-Address", or null.
#[no_mangle]
pub unsafe extern "C" fn zmq_msg_gets(
    message: *const Message,
    property: *const c_char,
) -> *const c_char {
    guard(null(), || {
        // SAFETY: the caller passes a message, or null, which is refused.
        let message = unsafe { any(message) }?;
        // SAFETY: the caller passes a C string, or null, which is refused.
        let property = unsafe { c_string(property) }?;
        let property = property.to_str().map_err(|_| Errno::EINVAL)?;
        if !message.is_valid() {
            return Err(Errno::EINVAL);
        }
        let value = message.metadata().and_then(|all| all.property(property));
        value.map(|value| value.as_ptr()).ok_or(Errno::EINVAL)
    })
}

/// Names the peer of a SERVER socket that a message is for.
#[no_mangle]
pub unsafe extern "C" fn zmq_msg_set_routing_id(message: *mut Message, routing_id: u32) -> c_int {
    guard_status(|| {
        // SAFETY: the caller passes a message, or null, which is refused.
        let message = unsafe { valid_mut(message) }?;
        if routing_id == 0 {
            return Err(Errno::EINVAL);
        }
        message.set_routing_id(routing_id);
        Ok(())
    })
}

/// The peer of a SERVER socket that a message came from, 0 for none.
#[no_mangle]
pub unsafe extern "C" fn zmq_msg_routing_id(message: *mut Message) -> u32 {
    // SAFETY: the caller passes a message, or null, which is refused.
    guard(0, || Ok(unsafe { valid(message) }?.routing_id()))
}

/// Sets the group of a message for a RADIO socket. Of a longer name the first 255 bytes count.
#[no_mangle]
pub unsafe extern "C" fn zmq_msg_set_group(message: *mut Message, group: *const c_char) -> c_int {
    guard_status(|| {
        // SAFETY: the caller passes a message, or null, which is refused.
        let message = unsafe { valid_mut(message) }?;
        // SAFETY: the caller passes a C string, or null, which is refused. It may be the message's
        // own group, so it is copied before that is replaced.
        let group = unsafe { c_string(group) }?;
        let mut copy = [0; GROUP_MAX];
        let len = group.count_bytes().min(GROUP_MAX);
        copy[..len].copy_from_slice(&group.to_bytes()[..len]);
        message.set_group(&copy[..len])
    })
}

/// The group of a message of RADIO and DISH sockets, empty for none.
#[no_mangle]
pub unsafe extern "C" fn zmq_msg_group(message: *mut Message) -> *const c_char {
    // SAFETY: the caller passes a message, or null, which is refused.
    guard(null(), || Ok(unsafe { valid(message) }?.group_ptr().cast()))
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
