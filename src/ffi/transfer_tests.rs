use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::ffi::buffers::zmq_send;
use crate::ffi::context::{zmq_ctx_new, zmq_ctx_term};
use crate::ffi::message::*;
use crate::ffi::socket::{zmq_bind, zmq_close, zmq_connect, zmq_socket};
use crate::options::constants::{ZMQ_PULL, ZMQ_PUSH};

#[test]
fn sizes_beyond_an_int_are_clipped() {
    assert_eq!(as_c_int(0), 0);
    assert_eq!(as_c_int(5), 5);
    assert_eq!(as_c_int(usize::MAX), c_int::MAX);
}

#[test]
fn parts_are_copied_to_memory_for_free() {
    for body in [&b""[..], b"part"] {
        let part = allocated(body).unwrap();
        // SAFETY: `allocated` made it of this size, and it is given back once.
        unsafe {
            assert_eq!(bytes(part.iov_base, part.iov_len), Ok(body));
            libc::free(part.iov_base);
        }
    }
}

/// Two sockets on an inproc pipe.
struct Pipe {
    context: *mut c_void,
    push: *mut c_void,
    pull: *mut c_void,
}

impl Pipe {
    /// The next message goes the shortest way.
    fn new() -> Pipe {
        let context = zmq_ctx_new();
        let (push, pull) = (zmq_socket(context, ZMQ_PUSH), zmq_socket(context, ZMQ_PULL));
        let pipe = Pipe { context, push, pull };
        // SAFETY: C strings, and a message.
        unsafe {
            assert_eq!(zmq_bind(pull, c"inproc://pipe".as_ptr()), 0);
            assert_eq!(zmq_connect(push, c"inproc://pipe".as_ptr()), 0);
            for _ in 0..3 {
                assert_eq!(zmq_send(push, c"x".as_ptr().cast(), 1, 0), 1);
                let mut place = made(|place| zmq_msg_init(place));
                assert_eq!(zmq_msg_recv(place.as_mut_ptr(), pull, 0), 1);
            }
        }
        pipe
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        zmq_close(self.push);
        zmq_close(self.pull);
        zmq_ctx_term(self.context);
    }
}

fn made(make: impl FnOnce(*mut Message) -> c_int) -> MaybeUninit<Message> {
    let mut place = MaybeUninit::uninit();
    assert_eq!(make(place.as_mut_ptr()), 0);
    place
}

unsafe extern "C" fn count(_: *mut c_void, calls: *mut c_void) {
    // SAFETY: the hint is a counter that outlives the messages.
    unsafe { &*calls.cast::<AtomicUsize>() }.fetch_add(1, Ordering::Relaxed);
}

/// What a message is made of: a copy, a shared copy, or memory of the caller.
const KINDS: usize = 3;

/// Sends a message of this kind.
unsafe fn send(push: *mut c_void, body: &[u8], kind: usize, calls: &AtomicUsize) {
    let (data, len) = (body.as_ptr().cast_mut().cast(), body.len());
    let hint = core::ptr::from_ref(calls).cast_mut().cast();
    // SAFETY: memory for messages, and the body lives until the end of the test.
    unsafe {
        let mut message = made(|place| match kind {
            2 => zmq_msg_init_data(place, data, len, Some(count), hint),
            _ => zmq_msg_init_buffer(place, data, len),
        });
        let mut other = made(|place| zmq_msg_init(place));
        if kind == 1 {
            assert_eq!(zmq_msg_copy(other.as_mut_ptr(), message.as_mut_ptr()), 0);
        }
        assert_eq!(zmq_msg_send(message.as_mut_ptr(), push, 0), len as c_int);
        assert_eq!(zmq_msg_size(message.as_ptr()), 0);
        if kind == 1 {
            assert_eq!(zmq_msg_size(other.as_ptr()), len);
            assert_eq!(bytes(zmq_msg_data(other.as_mut_ptr()), len), Ok(body));
        }
        for mut message in [message, other] {
            assert_eq!(zmq_msg_close(message.as_mut_ptr()), 0);
        }
    }
}

#[test]
fn messages_of_every_kind_and_size_go_through_a_pipe() {
    let body: Vec<u8> = (0..40_010).map(|number| (number % 251) as u8).collect();
    let pipe = Pipe::new();
    let (calls, mut lent) = (AtomicUsize::new(0), 0);
    // One place that is received into again and again, and what was there before.
    // SAFETY: memory for a message.
    let mut again = made(|place| unsafe { zmq_msg_init(place) });
    let mut before = &body[..0];
    let sizes = (0..300).chain([1023, 1024, 2047, 2048, 5000, 32_767, 32_768, 40_000]);
    for (size, kind) in sizes.flat_map(|size| (0..KINDS).map(move |kind| (size, kind))) {
        let body = &body[kind..kind + size];
        lent += usize::from(kind == 2);
        // SAFETY: messages, and memory for them.
        unsafe {
            let mut last = made(|place| zmq_msg_init(place));
            let is_shared = size % 2 == 0;
            if is_shared {
                assert_eq!(zmq_msg_copy(last.as_mut_ptr(), again.as_mut_ptr()), 0);
            }
            let mut fresh = made(|place| zmq_msg_init(place));
            for place in [&mut again, &mut fresh] {
                send(pipe.push, body, kind, &calls);
                assert_eq!(zmq_msg_recv(place.as_mut_ptr(), pipe.pull, 0), size as c_int);
                assert_eq!(zmq_msg_size(place.as_ptr()), size);
                assert_eq!(bytes(zmq_msg_data(place.as_mut_ptr()), size), Ok(body));
            }
            // What a copy shares stays as it was.
            let kept = if is_shared { before } else { &[] };
            assert_eq!(bytes(zmq_msg_data(last.as_mut_ptr()), kept.len()), Ok(kept));
            before = body;
            for mut message in [last, fresh] {
                assert_eq!(zmq_msg_close(message.as_mut_ptr()), 0);
            }
        }
    }
    // SAFETY: a message.
    unsafe { assert_eq!(zmq_msg_close(again.as_mut_ptr()), 0) };
    drop(pipe);
    assert_eq!(calls.load(Ordering::Relaxed), 2 * lent);
}

#[test]
fn what_only_looks_like_a_message_is_refused_on_the_shortest_way() {
    let pipe = Pipe::new();
    for len in [34, 64, 65, 255] {
        let mut place = [0u64; 8];
        // A body inside of the message with more bytes than there is room for.
        place[5] = u64::from_ne_bytes([0, len, 0xc1, 0, 0, 0, 0, 0]);
        let place = place.as_mut_ptr().cast::<Message>();
        // SAFETY: memory for a message.
        assert_eq!(unsafe { zmq_msg_send(place, pipe.push, 0) }, -1);
        assert_eq!(Errno::last(), Errno::EFAULT);
    }
    // SAFETY: memory for a message.
    let mut closed = made(|place| unsafe { zmq_msg_init_size(place, 64) });
    // SAFETY: a message, and then a closed one or none, which are refused.
    unsafe {
        assert_eq!(zmq_msg_close(closed.as_mut_ptr()), 0);
        for wrong in [closed.as_mut_ptr(), core::ptr::null_mut()] {
            for call in [zmq_msg_send(wrong, pipe.push, 0), zmq_msg_recv(wrong, pipe.pull, 0)] {
                assert_eq!((call, Errno::last()), (-1, Errno::EFAULT));
            }
        }
    }
}
