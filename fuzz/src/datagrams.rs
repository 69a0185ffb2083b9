//! Datagrams of RADIO and DGRAM, from the system to a pipe and back. All of them stay on the loopback.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use zmq::engine::connectionless::Connectionless;
use zmq::engine::datagram::{Datagrams, Role};
use zmq::message::Message;
use zmq::pipe::{pair, PipeEnd, PipeLimits};
use zmq::transport::udp;
use zmq::zmtp::datagram;

use super::script::{joined, long_piece, piece, Script};

/// The longest body that is tried: datagrams have an end.
const LONGEST: usize = 60_000;
const PATIENCE: Duration = Duration::from_secs(5);

pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    match script.byte() % 3 {
        0 => receive(Role::Receive, script),
        1 => receive(Role::Exchange, script),
        _ => send(script),
    }
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    socket.set_nonblocking(true).expect("a socket");
    socket
}

fn address(socket: &UdpSocket) -> SocketAddr {
    socket.local_addr().expect("an address")
}

type Parts = Vec<Vec<u8>>;

/// What arrived in the pipe, message by message.
fn arrived(pipe: &mut PipeEnd) -> Vec<Parts> {
    pipe.activate_read();
    let (mut messages, mut parts) = (Vec::new(), Vec::new());
    let mut message = Message::new();
    while pipe.read(&mut message) {
        parts.push(message.data().to_vec());
        if !message.has_more() {
            messages.push(core::mem::take(&mut parts));
        }
    }
    assert!(parts.is_empty(), "a message that is not whole");
    messages
}

fn receive(role: Role, mut script: Script) {
    let (ours, theirs) = (socket(), socket());
    let (destination, origin) = (address(&ours), address(&theirs));
    let mark = i32::from(script.byte() % 4);
    let limits = PipeLimits { inbound: 0, outbound: mark, conflate: false };
    let (mut near, mut far) = pair(limits);
    let mut datagrams = Datagrams::new(ours, role, false);
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        if script.is_empty() {
            break;
        }
        let bytes = script.long_piece();
        let bytes = &bytes[..bytes.len().min(LONGEST)];
        theirs.send_to(bytes, destination).expect("the loopback");
        if role == Role::Exchange {
            expected.push(vec![udp::peer_text(origin).into_bytes(), bytes.to_vec()]);
        } else if let Some((group, body)) = datagram::decode(bytes) {
            assert_eq!(group.len() + body.len() + 1, bytes.len());
            expected.push(vec![group.to_vec(), body.to_vec()]);
        }
        // The loopback is quick, and not always done when it says so.
        let end = Instant::now() + PATIENCE;
        loop {
            datagrams.ready(true, false);
            datagrams.pump(&mut near);
            found.extend(arrived(&mut far));
            near.out.activate();
            if found.len() >= expected.len() || Instant::now() > end {
                break;
            }
            std::thread::yield_now();
        }
    }
    assert_eq!(found, expected);
}

fn send(mut script: Script) {
    let (ours, theirs) = (socket(), socket());
    theirs.set_nonblocking(false).expect("a socket");
    theirs.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let limits = PipeLimits { inbound: 0, outbound: 0, conflate: false };
    let (mut near, mut far) = pair(limits);
    let mut datagrams = Datagrams::new(ours, Role::Send(address(&theirs)), false);
    let mut buffer = vec![0; 65_536];
    for _ in 0..20 {
        if script.is_empty() {
            break;
        }
        let group = script.piece();
        let body = script.long_piece();
        let body = &body[..body.len().min(LONGEST)];
        let has_body = group.first() != Some(&0xff);
        put(&mut far, group, has_body);
        if has_body {
            put(&mut far, body, false);
        }
        far.flush();
        near.activate_read();
        datagrams.ready(false, true);
        datagrams.pump(&mut near);
        assert!(!datagrams.has_unsent());
        if has_body {
            let (len, _) = theirs.recv_from(&mut buffer).expect("a datagram");
            assert_eq!(datagram::decode(&buffer[..len]), Some((group, body)));
        }
    }
}

fn put(pipe: &mut PipeEnd, body: &[u8], more: bool) {
    let mut message = Message::copy_of(body).expect("memory");
    message.set_more(more);
    assert!(pipe.write(&message));
}

pub fn seeds() -> Vec<Vec<u8>> {
    let movies = long_piece(b"\x02TVMovies");
    vec![
        joined(&[&[0, 0], &movies, &long_piece(b"\x80group"), &movies]),
        joined(&[&[0, 1], &movies, &long_piece(b""), &long_piece(b"\xff"), &long_piece(b"\0body")]),
        joined(&[&[0, 0], &long_piece(&joined(&[&[255], &[b'g'; 255], &[7; 3000]]))]),
        joined(&[&[1, 0], &movies, &long_piece(b""), &movies]),
        joined(&[&[2], &piece(b"TV"), &movies, &piece(&[0xff]), &movies]),
        joined(&[&[2], &piece(&[b'g'; 255]), &long_piece(&[7; 9000])]),
    ]
}
