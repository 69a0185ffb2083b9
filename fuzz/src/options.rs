//! Options through the C interface: any option, any bytes, any size, on every kind of socket.

use core::ffi::{c_int, c_void};
use std::sync::OnceLock;

use zmq::error::Errno;
use zmq::ffi::context::{zmq_ctx_get, zmq_ctx_new, zmq_ctx_set};
use zmq::ffi::socket::{zmq_close, zmq_getsockopt, zmq_setsockopt, zmq_socket};
use zmq::options::constants::*;

use super::handshake::KINDS;
use super::script::{joined, piece, Script};

/// Room for a value, and what lies around it.
const ROOM: usize = 1024;
const UNTOUCHED: u8 = 0xa5;

struct Context(*mut c_void);

// SAFETY: contexts may be used by any thread.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

/// One context for all runs, with its threads.
fn context() -> *mut c_void {
    static CONTEXT: OnceLock<Context> = OnceLock::new();
    CONTEXT.get_or_init(|| Context(zmq_ctx_new())).0
}

pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let kind = script.pick(&KINDS);
    let socket = zmq_socket(context(), kind);
    assert!(!socket.is_null(), "{:?}", Errno::last());
    while !script.is_empty() {
        let (what, option) = (script.byte(), c_int::from(script.byte()));
        let option = if what & 0x80 == 0 { option } else { (option - 128) << (what & 0x1f) };
        match what & 3 {
            0 => set(socket, option, script.piece()),
            1 => get(socket, option, usize::from(script.word()) % ROOM),
            2 => set_empty(socket, option, usize::from(script.byte())),
            _ => {
                set(socket, option, &script.word().to_ne_bytes().repeat(2)[..4]);
                get(socket, option, ROOM);
            }
        }
    }
    of_context(data);
    assert_eq!(zmq_close(socket), 0);
}

/// Whether a call that takes an option said something sensible.
fn check(outcome: c_int, option: c_int) {
    assert!(outcome == 0 || outcome == -1);
    if outcome == -1 {
        let allowed = [
            Errno::EINVAL,
            Errno::ENOTSUP,
            Errno::ENOMEM,
            Errno::EFAULT,
            Errno::ENODEV,
            Errno::EAGAIN,
            Errno::EPERM,
        ];
        assert!(allowed.contains(&Errno::last()), "option {option}: {:?}", Errno::last());
    }
}

fn set(socket: *mut c_void, option: c_int, value: &[u8]) {
    // A copy of its own, so that a tool sees who reads beyond it.
    let value = value.to_vec().into_boxed_slice();
    // SAFETY: the socket lives, and the value has this size.
    check(unsafe { zmq_setsockopt(socket, option, value.as_ptr().cast(), value.len()) }, option);
}

fn set_empty(socket: *mut c_void, option: c_int, size: usize) {
    // SAFETY: the socket lives; a value that is not there is never read.
    check(unsafe { zmq_setsockopt(socket, option, core::ptr::null(), size) }, option);
}

fn get(socket: *mut c_void, option: c_int, room: usize) {
    let mut value = vec![UNTOUCHED; ROOM + 64];
    let mut size = room;
    // SAFETY: the socket lives, and there is as much room as the size says.
    let outcome =
        unsafe { zmq_getsockopt(socket, option, value.as_mut_ptr().cast(), &raw mut size) };
    check(outcome, option);
    if outcome == 0 {
        assert!(size <= room, "option {option}: {size} bytes for a room of {room}");
    }
    assert!(value[room..].iter().all(|byte| *byte == UNTOUCHED), "option {option}");
}

/// A context's options, but for those that make threads.
fn of_context(data: &[u8]) {
    let mut script = Script::new(data);
    let (option, value) = (c_int::from(script.byte()), c_int::from(script.byte()) - 3);
    if [ZMQ_BLOCKY, ZMQ_IPV6, ZMQ_MAX_MSGSZ, ZMQ_ZERO_COPY_RECV].contains(&option) {
        check(zmq_ctx_set(context(), option, value), option);
    }
    if !(0..100).contains(&option) {
        assert_eq!(zmq_ctx_set(context(), option, value), -1);
    }
    zmq_ctx_get(context(), option);
}

pub fn seeds() -> Vec<Vec<u8>> {
    let key = b"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\0";
    let texts: [(i32, &[u8]); 14] = [
        (ZMQ_ROUTING_ID, b"name"),
        (ZMQ_CURVE_SERVERKEY, key),
        (ZMQ_CURVE_SECRETKEY, &key[..40]),
        (ZMQ_CURVE_PUBLICKEY, &[7; 32]),
        (ZMQ_PLAIN_USERNAME, b"name"),
        (ZMQ_ZAP_DOMAIN, b"domain"),
        (ZMQ_TCP_ACCEPT_FILTER, b"127.0.0.1/8"),
        (ZMQ_METADATA, b"X-name:value"),
        (ZMQ_SOCKS_PROXY, b"127.0.0.1:1080"),
        (ZMQ_BINDTODEVICE, b"lo"),
        (ZMQ_HELLO_MSG, b"hello"),
        (ZMQ_MAXMSGSIZE, &[255; 8]),
        (ZMQ_AFFINITY, &[1, 0, 0, 0, 0, 0, 0, 0]),
        (ZMQ_SUBSCRIBE, b"topic"),
    ];
    let mut seeds: Vec<Vec<u8>> = texts
        .iter()
        .map(|(option, value)| {
            let kind = if *option == ZMQ_SUBSCRIBE { 2 } else { 5 };
            joined(&[&[kind, 0, *option as u8], &piece(value), &[1, *option as u8, 1, 0]])
        })
        .collect();
    for kind in [1, 6, 9, 12, 15] {
        let all: Vec<u8> = (1..130).flat_map(|option| [3, option, option % 3, 0]).collect();
        seeds.push(joined(&[&[kind], &all]));
    }
    seeds
}
