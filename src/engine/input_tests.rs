//! The reading half against a model: the same bytes in any pieces, with any high-water mark, give
//! the same messages and the same end.

use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use super::super::{Engine, UNSENT_CONTROL_MAX};
use super::*;
use crate::error::Errno;
use crate::message::Message;
use crate::monitor::Addresses;
use crate::pipe::queue::{EXTERNAL_MIN, FRAME_COMMAND, FRAME_LARGE, FRAME_MORE};
use crate::pipe::random::Random;
use crate::pipe::{pair, PipeEnd, PipeLimits};
use crate::zmtp::frame;
use crate::zmtp::Version;

/// A message: each part's flags and body.
type Parts = Vec<(u8, Vec<u8>)>;

/// Which of the ways in is taken.
#[derive(Clone, Copy, Debug)]
struct Setup {
    socket_type: i32,
    version: Version,
    plain: bool,
    maxmsgsize: i64,
    mark: i32,
}

const PULL: Setup = Setup {
    socket_type: ZMQ_PULL,
    version: Version::V3_1,
    plain: true,
    maxmsgsize: -1,
    mark: 1000,
};

fn options(setup: Setup) -> SocketOptions {
    let mut options = SocketOptions::new(setup.socket_type);
    options.maxmsgsize = setup.maxmsgsize;
    options
}

/// What ought to come of these bytes: whole messages, PINGs heard, and whether the peer is refused.
#[derive(Default, Debug, PartialEq)]
struct Expected {
    messages: Vec<Parts>,
    pings: usize,
    refused: bool,
}

fn model(setup: Setup, mut bytes: &[u8]) -> Expected {
    let mut expected = Expected::default();
    let mut parts = Parts::new();
    let mut form = Form::of(setup.socket_type);
    let max_body = u64::try_from(setup.maxmsgsize).unwrap_or(u64::MAX);
    loop {
        let header = if setup.version.has_v1_framing() {
            frame::parse_header_v1(bytes)
        } else {
            frame::parse_header(bytes)
        };
        let Ok(header) = header else {
            expected.refused = true;
            return expected;
        };
        let Some(header) = header else { return expected };
        let command_max = if setup.plain { COMMAND_MAX } else { u64::MAX };
        if header.body_len > max_body || header.is_command() && header.body_len > command_max {
            expected.refused = true;
            return expected;
        }
        let len = header.frame_len().unwrap();
        let whole = len <= bytes.len();
        if let Some(state) = form.filter(|_| !header.is_command()) {
            // As soon as the body is known to be a long one, or else is there.
            if !whole && (!setup.plain || header.body_len < EXTERNAL_MIN as u64) {
                return expected;
            }
            let next = match (state, header.has_more(), header.body_len) {
                (Form::Reply, true, 4) => Form::RequestId,
                (Form::Reply | Form::RequestId | Form::ReplyBody, true, 0)
                | (Form::ReplyBody, true, _) => Form::ReplyBody,
                (Form::ReplyBody, false, _) => Form::Reply,
                (Form::Group, true, 0..256) => Form::GroupBody,
                (Form::GroupBody, false, _) => Form::Group,
                _ => {
                    expected.refused = true;
                    return expected;
                }
            };
            form = Some(next);
        }
        if !whole {
            return expected;
        }
        let body = &bytes[header.header_len..len];
        bytes = &bytes[len..];
        if !header.is_command() {
            parts.push((header.flags & FRAME_MORE, body.to_vec()));
            if !header.has_more() {
                expected.messages.push(core::mem::take(&mut parts));
            }
            continue;
        }
        match command::parse(body) {
            Ok(Command::Ping { .. }) => expected.pings += 1,
            Ok(Command::Subscribe(_) | Command::Cancel(_)) if setup.socket_type == ZMQ_XPUB => {
                parts.push((FRAME_COMMAND, body.to_vec()));
                expected.messages.push(core::mem::take(&mut parts));
            }
            Ok(Command::Join(_) | Command::Leave(_)) if setup.socket_type == ZMQ_RADIO => {
                parts.push((FRAME_COMMAND, body.to_vec()));
                expected.messages.push(core::mem::take(&mut parts));
            }
            _ => {}
        }
    }
}

/// A connection whose other side the test writes to.
struct Connection {
    peer: UnixStream,
    ours: UnixStream,
    input: Input,
    readable: bool,
    near: PipeEnd,
    far: PipeEnd,
    found: Vec<Parts>,
    parts: Parts,
    pings: usize,
    outcome: Option<Failure>,
}

impl Connection {
    fn new(setup: Setup) -> Connection {
        let (peer, ours) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        peer.set_nonblocking(true).unwrap();
        let limits = PipeLimits { inbound: 0, outbound: setup.mark, conflate: false };
        let (near, far) = pair(limits);
        let mut input = Input::new(&options(setup));
        input.open(Framing::Zmtp(setup.version), setup.plain);
        Connection {
            peer,
            ours,
            input,
            readable: false,
            near,
            far,
            found: Vec::new(),
            parts: Parts::new(),
            pings: 0,
            outcome: None,
        }
    }

    /// One turn, and then the application reads everything there is. True if anything went on.
    fn turn(&mut self) -> bool {
        if self.outcome.is_some() {
            return false;
        }
        let was_readable = self.readable;
        let outcome =
            self.input.pump(self.ours.as_fd(), &mut self.readable, Some(&mut self.near.out));
        let mut goes_on = was_readable || outcome == Ok(Progress::More);
        self.outcome = outcome.err();
        self.pings += self.input.pongs.iter().filter(|&&byte| byte == b'O').count();
        self.input.pongs.clear();
        self.far.activate_read();
        let mut message = Message::new();
        while self.far.read(&mut message) {
            self.parts.push((message.flags(), message.data().to_vec()));
            if !message.has_more() {
                self.found.push(core::mem::take(&mut self.parts));
            }
            goes_on = true;
        }
        assert!(self.parts.is_empty(), "a part of a message that is not whole");
        self.near.out.activate();
        self.input.resume();
        goes_on
    }

    fn settle(&mut self) {
        while self.turn() {}
    }

    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.outcome.is_none() {
            match self.peer.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
            }
            self.readable = true;
            self.settle();
        }
    }
}

/// Feeds bytes in pieces and compares what comes of them.
fn check(setup: Setup, bytes: &[u8], mut piece: impl FnMut() -> usize) {
    let expected = model(setup, bytes);
    let mut connection = Connection::new(setup);
    let mut rest = bytes;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(piece().clamp(1, rest.len()));
        connection.feed(now);
        rest = later;
    }
    let found = Expected {
        messages: core::mem::take(&mut connection.found),
        pings: connection.pings,
        refused: connection.outcome == Some(Failure::Protocol),
    };
    assert!(connection.outcome.is_none() || found.refused, "{:?}", connection.outcome);
    if found != expected {
        let lengths = |messages: &[Parts]| -> Vec<Vec<(u8, usize)>> {
            let part = |(flags, body): &(u8, Vec<u8>)| (*flags, body.len());
            messages.iter().map(|parts| parts.iter().map(part).collect()).collect()
        };
        panic!(
            "{setup:?}\nfound {:?} {} {}\nexpected {:?} {} {}",
            lengths(&found.messages),
            found.pings,
            found.refused,
            lengths(&expected.messages),
            expected.pings,
            expected.refused,
        );
    }
}

/// A frame whose length is written in eight bytes whether it needs them or not.
fn append_long(flags: u8, body: &[u8], out: &mut Vec<u8>) {
    out.push(flags | FRAME_LARGE);
    out.extend_from_slice(&(body.len() as u64).to_be_bytes());
    out.extend_from_slice(body);
}

fn command(random: &mut Random) -> Vec<u8> {
    match random.below(9) {
        0 => command::ping_body(random.below(100) as u16, b"context"),
        1 => command::pong_body(b""),
        2 => command::subscribe_body(&vec![b'a'; random.length()]),
        3 => command::cancel_body(b"topic"),
        4 => b"\x05ERRO".to_vec(),
        5 => Vec::new(),
        6 => command::join_body(&vec![b'g'; random.length()]),
        7 => command::leave_body(b"group"),
        _ => vec![3; random.length()],
    }
}

/// Frames of all kinds, the unusual ones included.
fn traffic(random: &mut Random, setup: Setup, frames: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut envelope = 0;
    for number in 0..frames {
        if random.below(4) == 0 && !setup.version.has_v1_framing() {
            let noise = (random.below(2) * 0x71) as u8;
            let body = command(random);
            if random.below(4) == 0 {
                append_long(FRAME_COMMAND | noise, &body, &mut bytes);
            } else {
                let start = bytes.len();
                frame::append_frame(FRAME_COMMAND, &body, &mut bytes);
                bytes[start] |= noise & !FRAME_LARGE;
            }
            continue;
        }
        let len = match random.below(60) {
            0 => 32_760 + random.below(20),
            1 => 100_000 + random.below(200_000),
            _ => random.length(),
        };
        let mut body = vec![number as u8; len];
        let mut more = u8::from(random.below(3) == 0);
        if setup.socket_type == ZMQ_REQ {
            // Mostly well-formed replies: an id, a delimiter, a body.
            match envelope {
                0 => body = vec![1; 4],
                1 => body.clear(),
                _ => {}
            }
            if envelope < 2 && random.below(50) > 0 {
                (more, envelope) = (1, envelope + 1);
            } else if more == 0 {
                envelope = 0;
            }
        }
        if setup.socket_type == ZMQ_DISH && random.below(50) > 0 {
            (more, envelope) = (1 - envelope as u8, 1 - envelope);
            if more == 1 {
                body.truncate(255);
            }
        }
        if setup.version.has_v1_framing() {
            frame::append_frame_v1(more != 0, &body, &mut bytes);
        } else if random.below(10) == 0 {
            append_long(more | (random.below(2) * 0x88) as u8, &body, &mut bytes);
        } else {
            let start = bytes.len();
            frame::append_frame(more, &body, &mut bytes);
            bytes[start] |= if random.below(10) == 0 { 0x48 } else { 0 };
        }
    }
    bytes
}

fn setups(random: &mut Random) -> Setup {
    let socket_type = [ZMQ_PULL, ZMQ_XPUB, ZMQ_REQ, ZMQ_RADIO, ZMQ_DISH][random.below(5)];
    let plain = random.below(3) > 0;
    let version = [Version::V3_1, Version::V2_0][random.below(2)];
    let version = if !plain && random.below(2) == 0 { Version::V1_0 } else { version };
    let maxmsgsize = [-1, 500, 40_000][random.below(3)];
    Setup { socket_type, version, plain, maxmsgsize, mark: random.below(5) as i32 }
}

#[test]
fn any_pieces_give_the_same_messages() {
    for seed in 1..250 {
        let mut random = Random::new(seed);
        let setup = setups(&mut random);
        let frames = 1 + random.below(120);
        let bytes = traffic(&mut random, setup, frames);
        let largest = [3, 50, 3000, 200_000][random.below(4)].max(bytes.len() / 2000);
        check(setup, &bytes, || 1 + random.below(largest));
    }
}

#[test]
fn byte_by_byte() {
    for seed in 1..40 {
        let mut random = Random::new(seed);
        let setup = setups(&mut random);
        let mut bytes = traffic(&mut random, setup, 12);
        bytes.truncate(4000);
        check(setup, &bytes, || 1);
    }
}

#[test]
fn noise_is_refused_or_waited_for_and_never_more() {
    for seed in 1..1500 {
        let mut random = Random::new(seed);
        let setup = setups(&mut random);
        let mut bytes: Vec<u8> = (0..random.below(300)).map(|_| random.draw() as u8).collect();
        if random.below(2) == 0 {
            // Lengths near the limits of all integers, after some good frames.
            let mut frames = traffic(&mut random, setup, 3);
            frames.push([2, 3, 6, 0xff][random.below(4)]);
            let length = 1u64 << random.below(64);
            frames.extend_from_slice(&length.wrapping_sub(random.below(2) as u64).to_be_bytes());
            frames.append(&mut bytes);
            bytes = frames;
        }
        check(setup, &bytes, || 1 + random.below(100));
    }
}

#[test]
fn the_size_limit_is_exact_for_every_kind_of_frame() {
    for plain in [true, false] {
        for maxmsgsize in [0, 10, 255, 256, 40_000] {
            for over in [0, 1] {
                let setup = Setup { maxmsgsize, plain, ..PULL };
                let body = vec![1; maxmsgsize as usize + over];
                for flags in [0, FRAME_MORE, FRAME_COMMAND] {
                    let mut bytes = Vec::new();
                    frame::append_frame(flags, &body, &mut bytes);
                    assert_eq!(model(setup, &bytes).refused, over == 1);
                    check(setup, &bytes, || 1 << 20);
                    // The header is enough to be refused.
                    check(setup, &bytes[..9.min(bytes.len())], || 1);
                }
            }
        }
    }
}

#[test]
fn large_bodies_grow_as_they_arrive_and_arrive_whole() {
    let len = LARGE_FIRST * 2 + 12_345;
    let mut bytes = Vec::with_capacity(len + 100);
    let body: Vec<u8> = (0..len).map(|at| (at / 1000) as u8).collect();
    frame::append_frame(FRAME_MORE, &body, &mut bytes);
    frame::append_frame(0, b"tail", &mut bytes);
    check(PULL, &bytes, || 1 << 20);
}

#[test]
fn a_pipe_without_room_stops_reading() {
    let setup = Setup { mark: 2, ..PULL };
    let mut connection = Connection::new(setup);
    connection.far = pair(PipeLimits { inbound: 0, outbound: 0, conflate: false }).0;
    let mut bytes = Vec::new();
    for number in 0..100u8 {
        frame::append_frame(0, &[number; 2000], &mut bytes);
    }
    let mut sent = 0;
    connection.readable = true;
    for _ in 0..20 {
        sent += connection.peer.write(&bytes[sent..]).unwrap_or(0);
        let fd = connection.ours.as_fd();
        let outcome =
            connection.input.pump(fd, &mut connection.readable, Some(&mut connection.near.out));
        assert_eq!(outcome, Ok(Progress::Idle));
    }
    assert_eq!(connection.near.out.unacknowledged(), 2);
}

#[test]
fn early_data_comes_first() {
    for plain in [true, false] {
        let mut connection = Connection::new(Setup { plain, ..PULL });
        let mut bytes = Vec::new();
        for number in 0..20u8 {
            frame::append_frame(0, &[number; 90], &mut bytes);
        }
        connection.input.set_early_data(&bytes[..1000]);
        connection.settle();
        connection.feed(&bytes[1000..]);
        let numbers: Vec<u8> = connection.found.iter().map(|parts| parts[0].1[0]).collect();
        assert_eq!(numbers, Vec::from_iter(0..20));
    }
}

#[test]
fn the_end_of_the_stream_comes_after_its_messages() {
    for (plain, cut) in [(true, 0), (true, 1), (false, 0), (false, 1)] {
        let mut connection = Connection::new(Setup { plain, ..PULL });
        let mut bytes = Vec::new();
        frame::append_frame(0, b"one", &mut bytes);
        frame::append_frame(0, &[2; 50_000], &mut bytes);
        connection.peer.write_all(&bytes[..bytes.len() - cut]).unwrap();
        connection.peer.shutdown(std::net::Shutdown::Write).unwrap();
        connection.readable = true;
        connection.settle();
        assert_eq!(connection.outcome, Some(Failure::Connection(Errno::EPIPE)));
        assert_eq!(connection.found.len(), 2 - cut);
    }
}

#[test]
fn raw_bytes_are_messages_as_they_come() {
    for most in [100, RAW_READ, 2 * RAW_READ] {
        let mut connection = Connection::new(Setup { mark: 3, ..PULL });
        connection.input.raw_read = most;
        connection.input.open(Framing::Raw, false);
        let bytes: Vec<u8> = (0..200_000).map(|at| (at / 700) as u8).collect();
        connection.feed(&bytes);
        let found: Vec<u8> =
            connection.found.iter().flat_map(|parts| parts[0].1.iter().copied()).collect();
        assert!(found == bytes);
        assert_eq!(connection.found.iter().map(|parts| parts[0].1.len()).max(), Some(most));
    }
}

#[test]
fn heartbeats_neither_wake_the_application_nor_fill_the_pipe() {
    let mut connection = Connection::new(Setup { mark: 1, ..PULL });
    assert!(!connection.far.check_read());
    let ping = command::encode_ping(10, b"");
    for _ in 0..5000 {
        connection.feed(&ping);
    }
    assert_eq!((connection.pings, connection.input.ttl), (5000, Some(10)));
    assert!(connection.input.heard && connection.found.is_empty());
    assert_eq!(connection.near.out.unacknowledged(), 0);
    // Between the parts of a message they are passed over.
    let mut bytes = Vec::new();
    frame::append_frame(FRAME_MORE, b"one", &mut bytes);
    bytes.extend_from_slice(&ping);
    bytes.extend_from_slice(&ping);
    frame::append_frame(0, b"two", &mut bytes);
    connection.feed(&bytes);
    assert_eq!(connection.found, [[(FRAME_MORE, b"one".to_vec()), (0, b"two".to_vec())]]);
}

#[test]
fn a_flood_of_pings_is_answered_within_bounds() {
    let mut connection = Connection::new(PULL);
    let ping = command::encode_ping(0, &[7; 16]);
    let flood = ping.repeat(20_000);
    let mut sent = 0;
    while sent < flood.len() {
        sent += connection.peer.write(&flood[sent..]).unwrap_or(0);
        connection.readable = true;
        let fd = connection.ours.as_fd();
        connection
            .input
            .pump(fd, &mut connection.readable, Some(&mut connection.near.out))
            .unwrap();
    }
    assert!(connection.input.pongs.len() < 64 * 1024 + 100);
}

#[test]
fn answers_that_nobody_reads_are_bounded() {
    let (mut peer, ours) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    peer.set_nonblocking(true).unwrap();
    let settings = options(PULL);
    let mut engine = Engine::new(ours.into(), std::sync::Arc::default(), 0, None, &settings);
    engine.open(Framing::Zmtp(Version::V3_1), None, &settings);
    let (mut near, _far) = pair(PipeLimits { inbound: 0, outbound: 0, conflate: false });
    let flood = command::encode_ping(0, &[7; 16]).repeat(1000);
    for _ in 0..500 {
        // A refused write may cut a PING, which makes an unknown frame of it at worst.
        let _ = peer.write(&flood);
        engine.readable = true;
        let fd = engine.fd.as_fd();
        engine.input.pump(fd, &mut engine.readable, Some(&mut near.out)).unwrap();
        engine.answer_pings();
        let fd = engine.fd.as_fd();
        engine.output.pump(fd, &mut engine.writable, Some(&mut near)).unwrap();
        assert!(engine.output.control.len() < 3 * UNSENT_CONTROL_MAX);
    }
    assert!(!engine.writable && engine.output.control.len() > UNSENT_CONTROL_MAX / 2);
}

/// What a peer sent and its hanging up, as one event or as two.
#[test]
fn the_end_behind_a_short_call_is_found() {
    for in_one in [true, false] {
        let (mut peer, ours) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let settings = options(PULL);
        let addresses = Addresses { local: "ipc://here".into(), ..Addresses::default() };
        let mut engine = Engine::new(ours.into(), addresses.into(), 0, None, &settings);
        engine.open(Framing::Zmtp(Version::V3_1), None, &settings);
        let (mut near, _far) = pair(PipeLimits { inbound: 0, outbound: 0, conflate: false });
        peer.write_all(b"\0\x02ab\0\x02cd").unwrap();
        if !in_one {
            // The call gave all there was; asking again would be a call for nothing.
            assert_eq!(engine.read(Some(&mut near.out)), Ok(Progress::Idle));
            assert!(!engine.readable);
        }
        drop(peer);
        (engine.hung_up, engine.readable) = (true, true);
        assert_eq!(engine.read(Some(&mut near.out)), Err(Failure::Connection(Errno::EPIPE)));
        assert_eq!(near.out.written(), 2);
    }
}

/// The same during the handshake.
#[test]
fn a_short_call_ends_the_reading_of_a_handshake() {
    use crate::engine::handshake::Handshake;
    use crate::zmtp::handshake::{Config, Handshake as Shake};
    for hung_up in [false, true] {
        let (mut peer, ours) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let settings = options(PULL);
        let addresses = Addresses { local: "ipc://here".into(), ..Addresses::default() };
        let shake = Some(Handshake::Zmtp(Shake::new(Config::new(ZMQ_PULL))));
        let mut engine = Engine::new(ours.into(), addresses.into(), 0, shake, &settings);
        engine.hung_up = hung_up;
        peer.write_all(b"\xff\0\0\0\0\0\0\0\x01\x7f\x03").unwrap();
        drop(peer);
        let outcome = engine.read_handshake();
        if hung_up {
            assert!(outcome.is_err(), "the end is found without another event");
        } else {
            assert_eq!(outcome.unwrap(), Progress::Idle, "the event tells of the end");
            assert!(!engine.readable);
        }
    }
}
