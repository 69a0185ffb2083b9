//! A peer that takes whatever it is sent, and is never heard.

use core::ffi::c_void;
use core::sync::atomic::{AtomicBool, Ordering};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::ffi::buffers::zmq_send;
use crate::ffi::context::{zmq_ctx_new, zmq_ctx_term};
use crate::ffi::socket::{zmq_close, zmq_connect, zmq_setsockopt, zmq_socket};
use crate::options::constants::*;

/// Connections that are to be given up.
const CONNECTIONS: usize = 20;
/// What a peer takes from one of them at most.
const MOST: usize = 2 << 30;

fn set(socket: *mut c_void, option: i32, value: i32) {
    // SAFETY: an int, and its size.
    let outcome = unsafe { zmq_setsockopt(socket, option, (&raw const value).cast(), 4) };
    assert_eq!(outcome, 0);
}

/// Speaks as a PULL socket to the end of the handshake.
fn greet(peer: &mut TcpStream) -> std::io::Result<()> {
    let mut greeting = b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\x01NULL".to_vec();
    greeting.resize(64, 0);
    peer.write_all(&greeting)?;
    let ready = b"\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PULL";
    peer.write_all(ready)
}

/// Whether a connection ends before much was taken from it.
fn ends(peer: &mut TcpStream, buffer: &mut [u8]) -> bool {
    let mut taken = 0;
    while taken < MOST {
        match peer.read(buffer) {
            Ok(0) | Err(_) => return true,
            Ok(count) => taken += count,
        }
    }
    false
}

#[test]
fn a_silent_peer_is_given_up_however_much_it_takes() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}\0", listener.local_addr().unwrap());
    let is_over = AtomicBool::new(false);
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| {
            let context = zmq_ctx_new();
            let push = zmq_socket(context, ZMQ_PUSH);
            for (option, value) in [
                (ZMQ_HEARTBEAT_IVL, 1),
                (ZMQ_HEARTBEAT_TIMEOUT, 1),
                (ZMQ_SNDHWM, 8),
                (ZMQ_SNDBUF, 4 << 20),
                (ZMQ_SNDTIMEO, 10),
                (ZMQ_LINGER, 0),
                (ZMQ_RECONNECT_IVL, 1),
            ] {
                set(push, option, value);
            }
            // SAFETY: a C string, and a buffer with its size.
            unsafe {
                assert_eq!(zmq_connect(push, endpoint.as_ptr().cast()), 0);
                let body = vec![0; 1 << 20];
                while !is_over.load(Ordering::Relaxed) {
                    zmq_send(push, body.as_ptr().cast(), body.len(), 0);
                }
            }
            assert_eq!((zmq_close(push), zmq_ctx_term(context)), (0, 0));
        });
        let mut buffer = vec![0; 1 << 20];
        let ended = (0..CONNECTIONS).all(|_| {
            let (mut peer, _) = listener.accept().unwrap();
            greet(&mut peer).is_err() || ends(&mut peer, &mut buffer)
        });
        is_over.store(true, Ordering::Relaxed);
        ended
    });
    assert!(ended, "a connection that nothing was heard from goes on");
}
