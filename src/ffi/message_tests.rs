use super::*;
use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use crate::message::{Metadata, INLINE_MAX};

/// A message that only the C functions touch.
struct Held(MaybeUninit<Message>);

impl Held {
    fn made(make: impl FnOnce(*mut Message) -> c_int) -> Held {
        let mut held = Held(MaybeUninit::uninit());
        assert_eq!(make(held.pointer()), 0);
        held
    }

    fn of(body: &[u8]) -> Held {
        // SAFETY: memory for a message, and a slice.
        Held::made(|place| unsafe { zmq_msg_init_buffer(place, body.as_ptr().cast(), body.len()) })
    }

    fn pointer(&mut self) -> *mut Message {
        self.0.as_mut_ptr()
    }

    fn body(&mut self) -> Vec<u8> {
        // SAFETY: a message.
        unsafe {
            let size = zmq_msg_size(self.pointer());
            bytes(zmq_msg_data(self.pointer()), size).unwrap().to_vec()
        }
    }

    fn get(&mut self, property: c_int) -> c_int {
        // SAFETY: a message, closed or not.
        unsafe { zmq_msg_get(self.pointer(), property) }
    }

    fn close(mut self) {
        // SAFETY: a message; then a closed one, which is recognised.
        unsafe {
            assert_eq!(zmq_msg_close(self.pointer()), 0);
            assert_eq!(zmq_msg_close(self.pointer()), -1);
        }
        assert_eq!(Errno::last(), Errno::EFAULT);
    }
}

#[test]
fn bodies_of_every_size_are_kept() {
    for size in [0, 1, 33, 34, 5000] {
        let body = vec![7; size];
        let mut message = Held::of(&body);
        assert_eq!(message.body(), body);
        assert_eq!(message.get(ZMQ_MORE), 0);
        assert_eq!(message.get(ZMQ_SHARED), 0);
        message.close();
    }
}

#[test]
fn room_can_be_written_to() {
    // SAFETY: memory for a message.
    let mut message = Held::made(|place| unsafe { zmq_msg_init_size(place, 100) });
    // SAFETY: it has room for 100 bytes.
    unsafe { zmq_msg_data(message.pointer()).write_bytes(9, 100) };
    assert_eq!(message.body(), [9; 100]);
    message.close();
}

#[test]
fn too_large_a_message_is_an_error_and_still_a_message() {
    let mut place = Held(MaybeUninit::uninit());
    // SAFETY: memory for a message.
    unsafe {
        assert_eq!(zmq_msg_init_size(place.pointer(), usize::MAX), -1);
        assert_eq!(Errno::last(), Errno::ENOMEM);
        assert_eq!(zmq_msg_init_size(place.pointer(), isize::MAX as usize), -1);
        assert_eq!(Errno::last(), Errno::ENOMEM);
        assert_eq!(zmq_msg_init_buffer(place.pointer(), null(), 1), -1);
        assert_eq!(Errno::last(), Errno::EFAULT);
    }
    place.close();
}

unsafe extern "C" fn count(_data: *mut c_void, hint: *mut c_void) {
    // SAFETY: the tests pass a counter as the hint.
    unsafe { &*hint.cast::<AtomicUsize>() }.fetch_add(1, Ordering::Relaxed);
}

fn counted(body: &mut [u8], calls: &AtomicUsize) -> Held {
    let hint = core::ptr::from_ref(calls).cast_mut().cast();
    // SAFETY: memory for a message; body and counter outlive it in these tests.
    Held::made(|place| unsafe {
        zmq_msg_init_data(place, body.as_mut_ptr().cast(), body.len(), Some(count), hint)
    })
}

#[test]
fn memory_of_the_caller_is_given_back_once() {
    let (mut body, calls) = (*b"memory", AtomicUsize::new(0));
    let mut message = counted(&mut body, &calls);
    let mut copy = Held::of(b"");
    // SAFETY: two messages.
    unsafe { assert_eq!(zmq_msg_copy(copy.pointer(), message.pointer()), 0) };
    assert_eq!((message.get(ZMQ_SHARED), copy.get(ZMQ_SHARED)), (1, 1));
    assert_eq!(copy.body(), b"memory");
    message.close();
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    copy.close();
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[test]
fn constant_data_is_shared_from_the_start() {
    static BODY: [u8; 4] = *b"data";
    // SAFETY: memory for a message; static data.
    let mut message = Held::made(|place| unsafe {
        zmq_msg_init_data(place, BODY.as_ptr().cast_mut().cast(), 4, None, null_mut())
    });
    assert_eq!(message.get(ZMQ_SHARED), 1);
    assert_eq!(message.body(), BODY);
    message.close();
}

#[test]
fn moving_empties_the_source_and_frees_the_target() {
    let (mut body, calls) = (*b"old", AtomicUsize::new(0));
    let mut target = counted(&mut body, &calls);
    let mut source = Held::of(b"new");
    // SAFETY: two messages, then one.
    unsafe {
        assert_eq!(zmq_msg_move(target.pointer(), source.pointer()), 0);
        assert_eq!(zmq_msg_move(target.pointer(), target.pointer()), 0);
        assert_eq!(zmq_msg_copy(target.pointer(), target.pointer()), 0);
    }
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    assert_eq!((target.body(), source.body()), (b"new".to_vec(), vec![]));
    target.close();
    source.close();
}

#[test]
fn closed_messages_and_null_are_errors() {
    let mut closed = Held::of(b"x");
    let mut open = Held::of(b"y");
    // SAFETY: what the functions have to recognise.
    unsafe {
        zmq_msg_close(closed.pointer());
        for wrong in [null_mut(), closed.pointer(), open.pointer().byte_add(1)] {
            assert_eq!(zmq_msg_close(wrong), -1);
            assert_eq!(Errno::last(), Errno::EFAULT);
            assert_eq!(zmq_msg_move(open.pointer(), wrong), -1);
            assert_eq!(zmq_msg_move(wrong, open.pointer()), -1);
            assert_eq!(zmq_msg_copy(open.pointer(), wrong), -1);
            assert_eq!(zmq_msg_copy(wrong, open.pointer()), -1);
            assert!(zmq_msg_data(wrong).is_null());
            assert_eq!(zmq_msg_size(wrong), 0);
            assert_eq!(zmq_msg_get(wrong, ZMQ_SRCFD), -1);
            assert!(zmq_msg_gets(wrong, c"Socket-Type".as_ptr()).is_null());
            assert_eq!(zmq_msg_set_routing_id(wrong, 1), -1);
            assert_eq!(zmq_msg_routing_id(wrong), 0);
            assert_eq!(zmq_msg_set_group(wrong, c"g".as_ptr()), -1);
            assert!(zmq_msg_group(wrong).is_null());
        }
        assert_eq!(zmq_msg_init(null_mut()), -1);
        assert_eq!(zmq_msg_more(closed.pointer()), 0);
        assert_eq!(zmq_msg_set(open.pointer(), ZMQ_MORE, 1), -1);
        assert_eq!(Errno::last(), Errno::EINVAL);
    }
    assert_eq!(open.get(99), -1);
    assert_eq!(open.body(), b"y");
    open.close();
}

#[test]
fn properties_come_from_the_connection() {
    let properties = vec![("Routing-Id".to_owned(), b"me".to_vec())];
    let mut message = Message::new();
    message.set_metadata(Some(Arc::new(Metadata::new(properties, 5))));
    let mut message = Held(MaybeUninit::new(message));
    // SAFETY: a message and C strings.
    unsafe {
        for name in [c"Routing-Id", c"Identity"] {
            let value = zmq_msg_gets(message.pointer(), name.as_ptr());
            assert_eq!(CStr::from_ptr(value), c"me");
        }
        for name in [c"User-Id".as_ptr(), null()] {
            assert!(zmq_msg_gets(message.pointer(), name).is_null());
            assert_eq!(Errno::last(), Errno::EINVAL);
        }
    }
    assert_eq!(message.get(ZMQ_SRCFD), 5);
    message.close();
    let mut without = Held::of(b"");
    assert_eq!(without.get(ZMQ_SRCFD), -1);
    assert_eq!(Errno::last(), Errno::EINVAL);
    without.close();
}

#[test]
fn routing_ids_and_groups_are_kept() {
    let mut message = Held::of(b"body");
    let long = [b'g'; 300].map(|byte| byte as c_char);
    let mut long = long.to_vec();
    long.push(0);
    // SAFETY: a message and C strings, one of them its own group.
    unsafe {
        assert_eq!(zmq_msg_routing_id(message.pointer()), 0);
        assert_eq!(zmq_msg_set_routing_id(message.pointer(), 0), -1);
        assert_eq!(zmq_msg_set_routing_id(message.pointer(), 8), 0);
        assert_eq!(zmq_msg_routing_id(message.pointer()), 8);
        let group = |message: &mut Held| CStr::from_ptr(zmq_msg_group(message.pointer()));
        assert_eq!(group(&mut message), c"");
        assert_eq!(zmq_msg_set_group(message.pointer(), c"short".as_ptr()), 0);
        assert_eq!(group(&mut message), c"short");
        assert_eq!(zmq_msg_set_group(message.pointer(), long.as_ptr()), 0);
        assert_eq!(group(&mut message).count_bytes(), GROUP_MAX);
        let own = zmq_msg_group(message.pointer());
        assert_eq!(zmq_msg_set_group(message.pointer(), own), 0);
        assert_eq!(group(&mut message).count_bytes(), GROUP_MAX);
        assert_eq!(zmq_msg_set_group(message.pointer(), null()), -1);
    }
    message.close();
}

#[test]
fn what_only_looks_like_a_message_is_refused() {
    // A body inside of the message with more bytes than there is room for.
    for len in INLINE_MAX + 1..=255 {
        let mut bytes = [0u64; 8];
        bytes[5] = u64::from_ne_bytes([0, len as u8, 0xc1, 0, 0, 0, 0, 0]);
        let place = bytes.as_mut_ptr().cast::<Message>();
        // SAFETY: memory for a message; null is no socket, and refused, or the message is.
        assert_eq!(unsafe { crate::ffi::transfer::zmq_msg_send(place, null_mut(), 0) }, -1);
    }
}
