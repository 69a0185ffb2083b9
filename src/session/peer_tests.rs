//! Sessions and hand-made peers.

use core::ffi::c_void;
use core::sync::atomic::{AtomicBool, Ordering};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use crate::ffi::buffers::{zmq_recv, zmq_send};
use crate::ffi::context::{zmq_ctx_new, zmq_ctx_term};
use crate::ffi::socket::*;
use crate::options::constants::*;

/// Connections that are to be given up.
const CONNECTIONS: usize = 20;
/// What a peer takes from one of them at most.
const MOST: usize = 2 << 30;

pub(super) fn set(socket: *mut c_void, option: i32, value: i32) {
    // SAFETY: an int, and its size.
    let outcome = unsafe { zmq_setsockopt(socket, option, (&raw const value).cast(), 4) };
    assert_eq!(outcome, 0);
}

/// Says all of the handshake as a socket of this kind, whose name has four letters.
pub(super) fn greet(peer: &mut TcpStream, kind: &[u8; 4]) -> std::io::Result<()> {
    let mut greeting = b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\x01NULL".to_vec();
    greeting.resize(64, 0);
    peer.write_all(&greeting)?;
    peer.write_all(b"\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04")?;
    peer.write_all(kind)
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
            greet(&mut peer, b"PULL").is_err() || ends(&mut peer, &mut buffer)
        });
        is_over.store(true, Ordering::Relaxed);
        ended
    });
    assert!(ended, "a connection that nothing was heard from goes on");
}

#[test]
fn a_connection_without_a_pipe_ends_when_its_peer_leaves() {
    let context = zmq_ctx_new();
    let pair = zmq_socket(context, ZMQ_PAIR);
    let mut endpoint = [0u8; 64];
    let mut len = endpoint.len();
    // SAFETY: a C string, and a buffer with its size.
    unsafe {
        assert_eq!(zmq_bind(pair, c"tcp://127.0.0.1:*".as_ptr()), 0);
        let place = endpoint.as_mut_ptr().cast();
        assert_eq!(zmq_getsockopt(pair, ZMQ_LAST_ENDPOINT, place, &raw mut len), 0);
    }
    let address = core::str::from_utf8(&endpoint[6..len - 1]).unwrap();
    // The second one finds the place taken: the socket ends its pipe as soon as it hears of it.
    let ended = [false, true].map(|leaves| {
        let mut peer = TcpStream::connect(address).unwrap();
        greet(&mut peer, b"PAIR").unwrap();
        let mut greeting = [0; 64];
        peer.read_exact(&mut greeting).unwrap();
        let mut ready = [0; 2];
        peer.read_exact(&mut ready).unwrap();
        peer.read_exact(&mut vec![0; usize::from(ready[1])]).unwrap();
        let mut events: i32 = 0;
        let mut len = core::mem::size_of_val(&events);
        // The socket attaches the pipe, and the session hears of its end in this time. If not, all is well
        // as ever.
        for _ in 0..50_000 {
            // SAFETY: an int, and its size.
            unsafe {
                let place = (&raw mut events).cast();
                assert_eq!(zmq_getsockopt(pair, ZMQ_EVENTS, place, &raw mut len), 0);
            }
            std::thread::yield_now();
        }
        if leaves {
            peer.shutdown(Shutdown::Write).unwrap();
        }
        peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        (leaves.then(|| matches!(peer.read(&mut [0; 64]), Ok(0))), peer)
    });
    assert_eq!(ended.map(|(ended, _)| ended), [None, Some(true)]);
    set(pair, ZMQ_LINGER, 0);
    assert_eq!((zmq_close(pair), zmq_ctx_term(context)), (0, 0));
}

#[test]
fn a_session_whose_pipe_was_refused_at_once_makes_another_with_its_next_connection() {
    let context = zmq_ctx_new();
    let pair = zmq_socket(context, ZMQ_PAIR);
    set(pair, ZMQ_RECONNECT_IVL, 1);
    set(pair, ZMQ_LINGER, 0);
    set(pair, ZMQ_RCVTIMEO, 5_000);
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let endpoints =
        [0, 1].map(|at: usize| format!("tcp://{}\0", listeners[at].local_addr().unwrap()));
    // A PAIR has one peer: it ends the second pipe before the session is in its thread.
    let peers = [0, 1].map(|at: usize| {
        // SAFETY: a C string.
        assert_eq!(unsafe { zmq_connect(pair, endpoints[at].as_ptr().cast()) }, 0);
        let (mut peer, _) = listeners[at].accept().unwrap();
        greet(&mut peer, b"PAIR").unwrap();
        peer
    });
    // SAFETY: a C string.
    assert_eq!(unsafe { zmq_disconnect(pair, endpoints[0].as_ptr().cast()) }, 0);
    drop(peers);
    let (mut again, _) = listeners[1].accept().unwrap();
    greet(&mut again, b"PAIR").unwrap();
    again.write_all(b"\0\x01m").unwrap();
    let mut place = [0u8; 4];
    // SAFETY: a buffer, and its size.
    let received = unsafe { zmq_recv(pair, place.as_mut_ptr().cast(), place.len(), 0) };
    assert_eq!((received, place[0]), (1, b'm'));
    assert_eq!((zmq_close(pair), zmq_ctx_term(context)), (0, 0));
}
