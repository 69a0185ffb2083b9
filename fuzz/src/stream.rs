//! What an established connection brings, from the descriptor to the pipe, in each of the ways in
//! which an engine reads.
//!
//! The same bytes in other pieces, with another high-water mark, and where there are two ways, by the
//! other one, give the same messages.

use std::io::{ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use zmq::engine::{Engine, Failure, Framing, Progress};
use zmq::message::Message;
use zmq::options::constants::*;
use zmq::options::SocketOptions;
use zmq::pipe::{pair, PipeEnd, PipeLimits};
use zmq::security::Transforms;
use zmq::transport::Addresses;
use zmq::zmtp::command;
use zmq::zmtp::frame::{self, append_frame, append_frame_v1};
use zmq::zmtp::handshake::{Config, Handshake, Status};
use zmq::zmtp::Version;
use zmq::zws::Role;

use super::handshake::{curve_client, curve_server};
use super::script::{joined, long_piece, Script};

/// A message: each part's flags and body.
type Parts = Vec<(u8, Vec<u8>)>;

/// Bytes of answers to PINGs that may wait to be sent, and one turn's more.
const CONTROL_MOST: usize = 1 << 18;

const KINDS: [i32; 7] = [ZMQ_PULL, ZMQ_XPUB, ZMQ_REQ, ZMQ_RADIO, ZMQ_DISH, ZMQ_SUB, ZMQ_ROUTER];

const FRAMINGS: [Framing; 7] = [
    Framing::Zmtp(Version::V3_1),
    Framing::Zmtp(Version::V3_0),
    Framing::Zmtp(Version::V2_0),
    Framing::Zmtp(Version::V1_0),
    Framing::WebSocket(Role::Server),
    Framing::WebSocket(Role::Client),
    Framing::Raw,
];

pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let choice = script.byte();
    let mut options = SocketOptions::new(script.pick(&KINDS));
    options.maxmsgsize = script.pick(&[-1, 0, 100, 40_000]);
    let mark = i32::from(script.byte() % 5);
    let piece = usize::from(script.word()).max(1);
    if choice & 0x80 != 0 {
        return secured(&options, mark, piece, script);
    }
    let framing = FRAMINGS[usize::from(choice) % FRAMINGS.len()];
    let bytes = script.rest();
    let open = |plain: Option<bool>| {
        let mut connection = Connection::new(framing, None, &options, mark);
        if let Some(plain) = plain {
            connection.engine.input.open(framing, plain);
        }
        connection
    };
    let whole = open(None).feed(bytes, bytes.len().max(1));
    let in_pieces = open(None).feed(bytes, piece);
    if framing == Framing::Raw {
        let joined = |messages: &[Parts]| -> Vec<u8> {
            messages.iter().flatten().flat_map(|(_, body)| body.clone()).collect()
        };
        assert_eq!(joined(&whole.0), bytes);
        assert_eq!(joined(&in_pieces.0), bytes);
        return;
    }
    assert_eq!(whole, in_pieces);
    if matches!(framing, Framing::Zmtp(version) if version >= Version::V2_0) {
        // Very long commands are refused by one way only, and nothing comes behind them.
        assert_eq!(open(Some(false)).feed(bytes, piece).0, whole.0);
    }
}

/// Messages that somebody with the key encrypted, changed on their way or not.
fn secured(options: &SocketOptions, mark: i32, piece: usize, mut script: Script) {
    let is_websocket = script.flag();
    let (mut theirs, ours) = transforms();
    let (mut bytes, mut sent) = (Vec::new(), Vec::new());
    let mut parts = Parts::new();
    for _ in 0..script.byte() % 8 {
        let more = script.byte() & 1;
        let body = script.long_piece();
        if is_websocket {
            let mut sealed = Vec::new();
            theirs.seal.append_body(more, body, &mut sealed).expect("a message");
            zmq::zws::frame::append_data(None, 0, &sealed, &mut bytes);
        } else {
            theirs.seal.append_frame(more, body, &mut bytes).expect("a message");
        }
        parts.push((more, body.to_vec()));
        if more == 0 {
            sent.push(core::mem::take(&mut parts));
        }
    }
    let changed = script.edit(&mut bytes);
    let framing =
        if is_websocket { Framing::WebSocket(Role::Client) } else { Framing::Zmtp(Version::V3_1) };
    let mut connection = Connection::new(framing, Some(ours), options, mark);
    let (found, failure) = connection.feed(&bytes, piece);
    assert!(sent.starts_with(&found), "a message that was not sent so");
    let has_form = matches!(options.socket_type, ZMQ_REQ | ZMQ_DISH);
    if !changed && !has_form && options.maxmsgsize < 0 {
        assert_eq!((found, failure), (sent, None));
    }
}

/// What both ends of a CURVE connection have after the handshake: the client's, the server's.
fn transforms() -> (Transforms, Transforms) {
    let (mut one, mut other) = (Config::new(ZMQ_DEALER), Config::new(ZMQ_ROUTER));
    (one.mechanism, other.mechanism) = (curve_client(), curve_server());
    let (mut one, mut other) = (Handshake::new(one), Handshake::new(other));
    while (one.status(), other.status()) != (Status::Done, Status::Done) {
        let said = core::mem::take(one.output());
        other.input(&said).expect("a handshake");
        if other.take_zap_request().is_some() {
            other.zap_unavailable().expect("a handshake");
        }
        let said = core::mem::take(other.output());
        one.input(&said).expect("a handshake");
    }
    (one.finish().transforms.expect("a cipher"), other.finish().transforms.expect("a cipher"))
}

/// A connection whose other side is here, and an application that reads all there is.
struct Connection {
    peer: UnixStream,
    engine: Engine,
    near: PipeEnd,
    far: PipeEnd,
    found: Vec<Parts>,
    failure: Option<Failure>,
    /// The peer said that it closes, and is heard no more.
    closed: bool,
}

impl Connection {
    fn new(
        framing: Framing,
        transforms: Option<Transforms>,
        options: &SocketOptions,
        mark: i32,
    ) -> Connection {
        let (peer, ours) = UnixStream::pair().expect("a connection");
        peer.set_nonblocking(true).expect("a connection");
        ours.set_nonblocking(true).expect("a connection");
        let limits = PipeLimits { inbound: 0, outbound: mark, conflate: false };
        let (near, far) = pair(limits);
        let mut engine =
            Engine::new(ours.into(), Arc::new(Addresses::of_bound("")), 0, None, options);
        engine.open(framing, transforms, options);
        Connection { peer, engine, near, far, found: Vec::new(), failure: None, closed: false }
    }

    fn feed(&mut self, bytes: &[u8], piece: usize) -> (Vec<Parts>, Option<Failure>) {
        for mut piece in bytes.chunks(piece) {
            while !piece.is_empty() && self.failure.is_none() && !self.closed {
                match self.peer.write(piece) {
                    Ok(count) => piece = &piece[count..],
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                }
                self.engine.readable = true;
                while self.turn() {}
            }
        }
        (core::mem::take(&mut self.found), self.failure)
    }

    /// One turn, and then the application reads everything there is. True if anything went on.
    fn turn(&mut self) -> bool {
        if self.failure.is_some() {
            return false;
        }
        let engine = &mut self.engine;
        let was_readable = engine.readable;
        let out = Some(&mut self.near.out);
        let outcome = engine.input.pump(engine.fd.as_fd(), &mut engine.readable, out);
        engine.answer_pings();
        assert!(engine.output.control.len() <= CONTROL_MOST);
        let stopped = engine.input.waits_for_room();
        let mut goes_on = was_readable && !stopped || outcome == Ok(Progress::More);
        self.failure = outcome.err();
        self.far.activate_read();
        let mut parts = Parts::new();
        let mut message = Message::new();
        while self.far.read(&mut message) {
            parts.push((message.flags() & 5, message.data().to_vec()));
            if !message.has_more() {
                self.found.push(core::mem::take(&mut parts));
            }
            goes_on = true;
        }
        assert!(parts.is_empty(), "a message that is not whole");
        self.closed = stopped && !goes_on;
        self.near.out.activate();
        self.engine.input.resume();
        goes_on
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut new = command::encode_ping(7, b"context");
    append_frame(frame::MORE, b"part", &mut new);
    append_frame(0, &[7; 300], &mut new);
    new.extend(command::encode_subscribe(b"topic"));
    append_frame(frame::COMMAND, &command::join_body(b"group"), &mut new);
    append_frame(0, b"", &mut new);
    let mut old = Vec::new();
    append_frame_v1(true, b"part", &mut old);
    append_frame_v1(false, &[7; 300], &mut old);
    let mut reply = Vec::new();
    append_frame(frame::MORE, &[0, 0, 0, 1], &mut reply);
    append_frame(frame::MORE, b"", &mut reply);
    append_frame(0, b"reply", &mut reply);
    let mut group = Vec::new();
    append_frame(frame::MORE, b"group", &mut group);
    append_frame(0, b"body", &mut group);
    let mut large = Vec::new();
    append_frame(0, &[7; 33_000], &mut large);
    let to_server: &[u8] =
        b"\x82\x86\0\0\0\0\x01part\x82\x82\0\0\0\0\0a\x89\x80\0\0\0\0\x88\x80\0\0\0\0";
    let to_client: &[u8] = b"\x82\x06\x01part\x02\x02\0a\x89\0\x80\x01b\x82\x0b\x02\x09SUBSCRIBE";
    let start = |framing: u8, kind: u8, limit: u8, mark: u8, piece: u16| {
        joined(&[&[framing, kind, limit, mark], &piece.to_be_bytes()])
    };
    let mut seeds = vec![
        joined(&[&start(0, 0, 0, 0, 5), &new]),
        joined(&[&start(1, 1, 0, 2, 1000), &new]),
        joined(&[&start(2, 3, 2, 1, 1), &new]),
        joined(&[&start(3, 0, 0, 0, 3), &old]),
        joined(&[&start(0, 2, 0, 1, 4), &reply, &reply]),
        joined(&[&start(0, 4, 0, 0, 4), &group]),
        joined(&[&start(0, 0, 0, 0, 8192), &large]),
        joined(&[&start(4, 0, 0, 0, 3), to_server]),
        joined(&[&start(5, 1, 0, 0, 2), to_client]),
        joined(&[&start(6, 6, 0, 1, 2), b"telnet\r\n"]),
        joined(&[&start(0, 0, 0, 0, 9), b"\x02\x7f\xff\xff\xff\xff\xff\xff\xff"]),
        joined(&[&start(3, 0, 0, 0, 9), b"\xff\xff\xff\xff\xff\xff\xff\xff\xda\0"]),
    ];
    let two = joined(&[&[2, 1], &long_piece(b"part"), &[0], &long_piece(&[7; 300])]);
    for websocket in [0, 1] {
        seeds.push(joined(&[&start(0x80, 0, 0, 0, 10), &[websocket], &two]));
        seeds.push(joined(&[&start(0x80, 0, 0, 1, 999), &[websocket], &two, &[6, 0, 60, 1]]));
    }
    seeds
}
