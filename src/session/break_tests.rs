//! Connections that break, listeners that fail, and what becomes of it.

use core::ffi::{c_int, c_void};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::IntoRawFd;
use std::time::Duration;

use super::peer_tests::{greet, set};
use crate::ffi::buffers::{zmq_recv, zmq_send};
use crate::ffi::context::{zmq_ctx_new, zmq_ctx_term};
use crate::ffi::monitor::zmq_socket_monitor;
use crate::ffi::socket::*;
use crate::options::constants::*;
use crate::security::MechanismConfig;
use crate::zws::frame::{self, Decoder, Item};
use crate::zws::upgrade::{self, Offer};
use crate::zws::Role;

const PATIENCE: Duration = Duration::from_secs(5);

fn connect(socket: *mut c_void, scheme: &str, listener: &TcpListener) {
    let endpoint = format!("{scheme}://{}\0", listener.local_addr().unwrap());
    // SAFETY: a C string.
    assert_eq!(unsafe { zmq_connect(socket, endpoint.as_ptr().cast()) }, 0);
}

fn subscribe(socket: *mut c_void, topic: &[u8]) {
    // SAFETY: a buffer, and its size.
    let outcome =
        unsafe { zmq_setsockopt(socket, ZMQ_SUBSCRIBE, topic.as_ptr().cast(), topic.len()) };
    assert_eq!(outcome, 0);
}

/// Has a socket look at what it was told.
fn look(socket: *mut c_void) {
    let mut events: c_int = 0;
    let mut len = core::mem::size_of_val(&events);
    // SAFETY: an int, and its size.
    unsafe {
        let place = (&raw mut events).cast();
        assert_eq!(zmq_getsockopt(socket, ZMQ_EVENTS, place, &raw mut len), 0);
    }
}

/// What a subscriber to topics of one letter tells its publisher, up to a topic.
fn topics_up_to(last: u8, peer: &mut TcpStream, subscriber: *mut c_void) -> Vec<u8> {
    const NAME: &[u8] = b"SUBSCRIBE";
    peer.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let (mut said, mut buffer) = (Vec::new(), [0; 4096]);
    for _ in 0..PATIENCE.as_millis() / 10 {
        look(subscriber);
        let count = peer.read(&mut buffer).unwrap_or(0);
        said.extend_from_slice(&buffer[..count]);
        let topics: Vec<u8> = said
            .windows(NAME.len() + 1)
            .filter_map(|bytes| bytes.strip_prefix(NAME))
            .map(|topic| topic[0])
            .collect();
        if topics.contains(&last) {
            return topics;
        }
    }
    panic!("topic {last} was not subscribed to: {said:?}");
}

/// A few connections that break before the handshake is over, and one that does not.
fn subscriptions_after_breaks(looks: bool) {
    let context = zmq_ctx_new();
    let sub = zmq_socket(context, ZMQ_SUB);
    set(sub, ZMQ_RECONNECT_IVL, 1);
    // Room for what there is to say, and for no more.
    set(sub, ZMQ_SNDHWM, 4);
    for topic in [b"A", b"B", b"C"] {
        subscribe(sub, topic);
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    connect(sub, "tcp", &listener);
    for _ in 0..6 {
        drop(listener.accept().unwrap());
        if looks {
            // What the session tells comes while this waits; if not, all is well as ever.
            std::thread::sleep(Duration::from_millis(10));
            look(sub);
        }
    }
    let (mut peer, _) = listener.accept().unwrap();
    look(sub);
    subscribe(sub, b"L");
    greet(&mut peer, b"XPUB").unwrap();
    assert_eq!(topics_up_to(b'L', &mut peer, sub), b"ABCL");
    assert_eq!((zmq_close(sub), zmq_ctx_term(context)), (0, 0));
}

#[test]
fn subscriptions_are_sent_once_however_many_connections_broke_before() {
    subscriptions_after_breaks(true);
}

#[test]
fn a_socket_that_hears_of_many_breaks_at_once_subscribes_once() {
    subscriptions_after_breaks(false);
}

/// Accepts a WebSocket, and says this behind the upgrade.
fn accept_websocket(listener: &TcpListener, behind: &[u8]) -> TcpStream {
    let (mut peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = Vec::new();
    while upgrade::head_len(&head, 0).is_none() {
        let mut byte = [0];
        peer.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let offer = Offer::new(&MechanismConfig::Null, false);
    let (mut response, _) = upgrade::answer(&head, &offer).unwrap();
    response.extend_from_slice(behind);
    peer.write_all(&response).unwrap();
    peer
}

fn close_frame() -> Vec<u8> {
    let mut frame = Vec::new();
    frame::append_close(None, &1001_u16.to_be_bytes(), &mut frame);
    frame
}

fn ready_frame() -> Vec<u8> {
    let mut frame = Vec::new();
    let ready = b"\x05READY\x0bSocket-Type\0\0\0\x04PULL";
    frame::append_data(None, frame::COMMAND, ready, &mut frame);
    frame
}

/// The first letters of the messages that come, up to so many.
fn messages(peer: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut decoder = Decoder::new(Role::Server);
    let (mut received, mut buffer) = (Vec::new(), [0; 4096]);
    let mut letters = Vec::new();
    while letters.len() < count {
        let decoded = decoder.decode(&mut received, u64::MAX).unwrap();
        let Some((used, item)) = decoded else {
            match peer.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(count) => received.extend_from_slice(&buffer[..count]),
            }
            continue;
        };
        if let Item::Data { flags: 0, body } = item {
            letters.push(body[0]);
        }
        received.drain(..used);
    }
    letters
}

/// A PUSH that connects again and again, and whom it connects to.
fn websocket_client() -> (*mut c_void, *mut c_void, TcpListener) {
    let context = zmq_ctx_new();
    let push = zmq_socket(context, ZMQ_PUSH);
    set(push, ZMQ_RECONNECT_IVL, 1);
    set(push, ZMQ_LINGER, 0);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    connect(push, "ws", &listener);
    (context, push, listener)
}

#[test]
fn a_websocket_server_that_leaves_in_the_handshake_is_connected_to_again() {
    let (context, push, listener) = websocket_client();
    drop(accept_websocket(&listener, &close_frame()));
    listener.set_nonblocking(true).unwrap();
    let again = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        listener.accept().is_ok()
    });
    assert!(again, "the endpoint was given up");
    assert_eq!((zmq_close(push), zmq_ctx_term(context)), (0, 0));
}

#[test]
fn what_a_websocket_has_no_more_time_for_goes_to_the_next() {
    const LETTERS: &[u8] = b"abcdefghij";
    let (context, push, listener) = websocket_client();
    for letter in LETTERS {
        // SAFETY: a byte.
        assert_eq!(unsafe { zmq_send(push, (&raw const *letter).cast(), 1, 0) }, 1);
    }
    let mut closing = accept_websocket(&listener, &[ready_frame(), close_frame()].concat());
    assert_eq!(messages(&mut closing, LETTERS.len()), b"", "sent behind a close frame");
    let mut next = accept_websocket(&listener, &ready_frame());
    assert_eq!(messages(&mut next, LETTERS.len()), LETTERS);
    assert_eq!((zmq_close(push), zmq_ctx_term(context)), (0, 0));
}

#[test]
fn a_listener_that_accepts_nothing_any_more_takes_no_time() {
    let context = zmq_ctx_new();
    let (pull, events) = (zmq_socket(context, ZMQ_PULL), zmq_socket(context, ZMQ_PAIR));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    set(pull, ZMQ_USE_FD, listener.try_clone().unwrap().into_raw_fd());
    // SAFETY: C strings.
    unsafe {
        let name = c"inproc://events".as_ptr();
        assert_eq!(zmq_socket_monitor(pull, name, ZMQ_EVENT_ACCEPT_FAILED), 0);
        assert_eq!(zmq_connect(events, name), 0);
        assert_eq!(zmq_bind(pull, c"tcp://127.0.0.1:*".as_ptr()), 0);
    }
    socket2::SockRef::from(&listener).shutdown(std::net::Shutdown::Both).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let mut place = [0u8; 64];
    // SAFETY: a buffer, and its size.
    let received = (0..2000).filter(|_| unsafe {
        zmq_recv(events, place.as_mut_ptr().cast(), place.len(), ZMQ_DONTWAIT) >= 0
    });
    // Two parts each.
    let failures = received.count() / 2;
    assert!((1..20).contains(&failures), "{failures} failures in 300 ms");
    assert_eq!((zmq_close(events), zmq_close(pull), zmq_ctx_term(context)), (0, 0, 0));
}

/// A socket is closed when there is more to send than the system takes, and its peer, which says
/// something before it reads, gets all of it.
fn sends_all_to(kind: &[u8; 4], socket_type: c_int, sayings: &[&[u8]]) {
    const MESSAGES: usize = 300;
    let context = zmq_ctx_new();
    let socket = zmq_socket(context, socket_type);
    set(socket, ZMQ_SNDBUF, 64 * 1024);
    set(socket, ZMQ_RCVHWM, 1);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    socket2::SockRef::from(&listener).set_recv_buffer_size(64 * 1024).unwrap();
    connect(socket, "tcp", &listener);
    let (mut peer, _) = listener.accept().unwrap();
    greet(&mut peer, kind).unwrap();
    let body = [0; 10_000];
    for _ in 0..MESSAGES {
        // SAFETY: a buffer, and its size.
        let sent = unsafe { zmq_send(socket, body.as_ptr().cast(), body.len(), 0) };
        assert_eq!(sent, 10_000);
    }
    assert_eq!(zmq_close(socket), 0);
    for saying in sayings {
        std::thread::sleep(Duration::from_millis(30));
        peer.write_all(saying).unwrap();
    }
    std::thread::sleep(Duration::from_millis(30));
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut zeros, mut buffer) = (0, [0; 8192]);
    // Slower than the socket, so that the system has much to send when all is written.
    let outcome = loop {
        std::thread::sleep(Duration::from_micros(300));
        match peer.read(&mut buffer) {
            Ok(count @ 1..) => zeros += buffer[..count].iter().filter(|byte| **byte == 0).count(),
            outcome => break outcome,
        }
    };
    assert!(zeros >= MESSAGES * body.len(), "{outcome:?} after {zeros} bytes");
    assert_eq!(zmq_ctx_term(context), 0);
}

#[test]
fn a_closed_socket_sends_all_to_a_peer_with_heartbeats() {
    const PING: &[u8] = b"\x04\x07\x04PING\0\0";
    sends_all_to(b"PULL", ZMQ_PUSH, &[PING, PING, PING]);
}

#[test]
fn a_closed_socket_sends_all_to_a_peer_that_sends_too() {
    let messages = b"\0\x01m".repeat(1000);
    sends_all_to(b"PAIR", ZMQ_PAIR, &[&messages, &messages, &messages]);
}

#[test]
fn a_peer_that_takes_long_for_a_message_is_not_silent() {
    const LEN: usize = 8_000_000;
    let context = zmq_ctx_new();
    let push = zmq_socket(context, ZMQ_PUSH);
    set(push, ZMQ_SNDBUF, 64 * 1024);
    set(push, ZMQ_LINGER, 0);
    set(push, ZMQ_HEARTBEAT_IVL, 50);
    set(push, ZMQ_HEARTBEAT_TIMEOUT, 300);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    socket2::SockRef::from(&listener).set_recv_buffer_size(64 * 1024).unwrap();
    connect(push, "tcp", &listener);
    let (mut peer, _) = listener.accept().unwrap();
    greet(&mut peer, b"PULL").unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    let body = vec![0; LEN];
    // SAFETY: a buffer, and its size.
    let sent = unsafe { zmq_send(push, body.as_ptr().cast(), LEN, 0) };
    assert_eq!(usize::try_from(sent), Ok(LEN));
    let (mut taken, mut buffer) = (0, vec![0; 32 * 1024]);
    while taken < LEN {
        std::thread::sleep(Duration::from_millis(5));
        match peer.read(&mut buffer) {
            Ok(count @ 1..) => taken += count,
            outcome => panic!("{outcome:?} after {taken} bytes"),
        }
    }
    assert_eq!((zmq_close(push), zmq_ctx_term(context)), (0, 0));
}
