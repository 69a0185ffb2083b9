//! Greetings, mechanisms and what lies between them: ZMTP's handshake.

use zmq::options::constants::*;
use zmq::security::curve::boxes::public_of;
use zmq::security::curve::ClientKeys;
use zmq::security::keys::{SecretBytes, SecretKey};
use zmq::security::MechanismConfig;
use zmq::zmtp::command;
use zmq::zmtp::frame::{self, append_frame};
use zmq::zmtp::handshake::{Config, Handshake, Status};

use super::script::{joined, Script};
use super::zap::Handler;

/// What a peer can make a handshake keep or say, whatever it sends.
pub const KEPT_MOST: usize = 1 << 20;

/// Socket kinds in the order of their numbers.
pub const KINDS: [i32; 21] = [
    ZMQ_PAIR,
    ZMQ_PUB,
    ZMQ_SUB,
    ZMQ_REQ,
    ZMQ_REP,
    ZMQ_DEALER,
    ZMQ_ROUTER,
    ZMQ_PULL,
    ZMQ_PUSH,
    ZMQ_XPUB,
    ZMQ_XSUB,
    ZMQ_STREAM,
    ZMQ_SERVER,
    ZMQ_CLIENT,
    ZMQ_RADIO,
    ZMQ_DISH,
    ZMQ_GATHER,
    ZMQ_SCATTER,
    ZMQ_DGRAM,
    ZMQ_PEER,
    ZMQ_CHANNEL,
];

pub fn server_secret() -> SecretKey {
    SecretKey::new([0x53; 32])
}

pub fn client_secret() -> SecretKey {
    SecretKey::new([0x43; 32])
}

pub fn curve_client() -> MechanismConfig {
    MechanismConfig::CurveClient(ClientKeys {
        public: public_of(&client_secret()),
        secret: client_secret(),
        server: public_of(&server_secret()),
    })
}

pub fn curve_server() -> MechanismConfig {
    MechanismConfig::CurveServer(server_secret())
}

pub fn plain_client() -> MechanismConfig {
    let (username, password) = (SecretBytes::new(b"name"), SecretBytes::new(b"word"));
    MechanismConfig::PlainClient { username, password }
}

/// What a script makes of a socket's options.
pub fn configure(script: &mut Script, mechanism: MechanismConfig) -> Config {
    let mut config = Config::new(script.pick(&KINDS));
    let bits = script.byte();
    config.mechanism = mechanism;
    config.recv_routing_id = bits & 1 != 0;
    config.zap_enforce_domain = bits & 2 != 0;
    if bits & 4 != 0 {
        config.zap_domain = b"domain".to_vec();
    }
    if bits & 8 != 0 {
        config.routing_id = b"own name".to_vec();
    }
    if bits & 16 != 0 {
        config.app_metadata = vec![(b"X-name".to_vec(), b"value".to_vec())];
    }
    if bits & 32 != 0 {
        config.maxmsgsize = i64::from(bits);
    }
    config
}

/// The beginning of a script that leaves everything as it usually is: for a DEALER that wants to
/// know whom it talks to.
pub const USUAL: &[u8] = &[5, 1];

/// Gives a handshake bytes, and the handler's word where it asks. `None` when it failed, or how many
/// bytes it took.
pub fn give(handshake: &mut Handshake, bytes: &[u8], handler: &mut Handler) -> Option<usize> {
    let taken = handshake.input(bytes);
    assert!(taken.is_err() || taken.is_ok_and(|taken| taken <= bytes.len()));
    if let Some(request) = handshake.take_zap_request() {
        assert!(request.frames().len() >= 6);
        let outcome = match handler.answer() {
            Some(frames) => handshake.zap_reply(frames),
            None => handshake.zap_unavailable(),
        };
        handshake.take_event();
        outcome.ok()?;
    }
    assert!(handshake.output().len() <= KEPT_MOST);
    taken.ok()
}

/// How a handshake ended, as far as the pieces in which the bytes came may not change it.
#[derive(PartialEq, Eq, Debug)]
struct End {
    failed: bool,
    status: Status,
    taken: usize,
    said: Vec<u8>,
}

/// One side, with a peer that says what the rest of the script is, in pieces of this size.
fn listen(config: &Config, said: &[u8], piece: usize, handler: &mut Handler) -> End {
    let mut handshake = Handshake::new(config.clone());
    let (mut failed, mut taken) = (false, 0);
    for piece in said.chunks(piece.max(1)) {
        match give(&mut handshake, piece, handler) {
            Some(count) => taken += count,
            None => failed = true,
        }
        if failed || handshake.status() == Status::Done {
            break;
        }
    }
    let status = handshake.status();
    let said = handshake.output().clone();
    if !failed && status == Status::Done {
        let peer = handshake.finish();
        assert!(!config.mechanism.is_secure() || peer.version.has_mechanism());
        assert!(config.recv_routing_id || peer.routing_id.is_empty());
    }
    End { failed, status, taken, said }
}

/// A side of a handshake with a peer who says what it likes.
pub fn one_side(data: &[u8], sides: &[MechanismConfig], is_random: bool) {
    let mut script = Script::new(data);
    let mechanism = sides[usize::from(script.byte()) % sides.len()].clone();
    let config = configure(&mut script, mechanism);
    let piece = usize::from(script.byte());
    let handler = Handler::of(&mut script);
    let said = script.rest();
    let (mut asked, mut again) = (handler.clone(), handler);
    let in_pieces = listen(&config, said, piece, &mut asked);
    let whole = listen(&config, said, said.len(), &mut again);
    // What comes while the handler thinks makes a difference, and so do keys made by chance.
    if asked.asked + again.asked == 0 && !is_random && !(in_pieces.failed && whole.failed) {
        assert_eq!(in_pieces, whole);
    }
}

pub fn null(data: &[u8]) {
    one_side(data, &[MechanismConfig::Null], false);
}

pub fn plain(data: &[u8]) {
    one_side(data, &[plain_client(), MechanismConfig::PlainServer], false);
}

pub fn curve(data: &[u8]) {
    one_side(data, &[curve_client(), curve_server()], true);
}

/// Lets both sides talk to each other, while the script changes what they hear. False when they did
/// not come to an end; then there was a change, or a handler that would not have it.
pub fn talk(
    one: &mut Handshake,
    other: &mut Handshake,
    script: &mut Script,
    handler: &mut Handler,
) -> bool {
    let mut changed = !handler.is_willing();
    for step in 0..24 {
        let (from, to) =
            if step % 2 == 0 { (&mut *one, &mut *other) } else { (&mut *other, &mut *one) };
        let mut said = core::mem::take(from.output());
        if to.status() == Status::Done {
            continue;
        }
        changed |= script.edit(&mut said);
        if give(to, &said, handler).is_none() {
            assert!(changed, "a conversation that nobody disturbed");
            return false;
        }
    }
    let done = (one.status(), other.status()) == (Status::Done, Status::Done);
    assert!(done || changed, "a conversation that nobody disturbed");
    done
}

pub fn conversation(data: &[u8]) {
    let mut script = Script::new(data);
    let (client, server) = script.pick(&PAIRS)();
    let kinds = script.pick(&[(ZMQ_DEALER, ZMQ_ROUTER), (ZMQ_SUB, ZMQ_XPUB), (ZMQ_REQ, ZMQ_REP)]);
    let configure = |kind, mechanism| {
        let mut config = Config::new(kind);
        config.mechanism = mechanism;
        config.recv_routing_id = true;
        config
    };
    let mut one = Handshake::new(configure(kinds.0, client));
    let mut other = Handshake::new(configure(kinds.1, server));
    let mut handler = Handler::of(&mut script);
    talk(&mut one, &mut other, &mut script, &mut handler);
}

const PAIRS: [fn() -> (MechanismConfig, MechanismConfig); 3] = [
    || (MechanismConfig::Null, MechanismConfig::Null),
    || (plain_client(), MechanismConfig::PlainServer),
    || (curve_client(), curve_server()),
];

// --- seeds ---

pub fn greeting(mechanism: &[u8], minor: u8) -> Vec<u8> {
    let mut bytes = joined(&[b"\xff\0\0\0\0\0\0\0\0\x7f\x03", &[minor], mechanism]);
    bytes.resize(64, 0);
    bytes
}

pub fn command_of(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    append_frame(frame::COMMAND, body, &mut out);
    out
}

pub const METADATA: &[u8] = b"\x0bSocket-Type\0\0\0\x06ROUTER\x08Identity\0\0\0\x02me";

pub fn ready(metadata: &[u8]) -> Vec<u8> {
    command_of(&joined(&[b"\x05READY", metadata]))
}

pub fn seed(side: u8, options: [u8; 2], piece: u8, said: &[&[u8]]) -> Vec<u8> {
    joined(&[&[side], &options, &[piece], Handler::WILLING, &said.concat()])
}

pub fn null_seeds() -> Vec<Vec<u8>> {
    let (v0, v1) = (greeting(b"NULL", 0), greeting(b"NULL", 1));
    let error = command_of(b"\x05ERROR\x03400");
    vec![
        seed(0, [5, 1], 255, &[&v1, &ready(METADATA)]),
        seed(0, [5, 1], 3, &[&v1, &ready(METADATA), &command::encode_ping(7, b"context")]),
        seed(0, [5, 7], 255, &[&v0, &ready(METADATA)]),
        seed(0, [8, 8], 255, &[&v1, &ready(b"\x0bSocket-Type\0\0\0\x04PULL")]),
        seed(0, [5, 36], 70, &[&v1, &error]),
        seed(0, [1, 0], 255, &[b"\x01\0\x05\0hello"]),
        seed(0, [1, 1], 1, &[b"\xff\0\0\0\0\0\0\0\x01\x7f\0", b"\x05\0hello"]),
        seed(0, [6, 1], 255, &[b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x05", b"\0\x05hello"]),
    ]
}

pub fn plain_seeds() -> Vec<Vec<u8>> {
    let greeting = greeting(b"PLAIN", 1);
    let hello = command_of(b"\x05HELLO\x04name\x04word");
    let initiate = command_of(&joined(&[b"\x08INITIATE", METADATA]));
    let welcome = command_of(b"\x07WELCOME");
    vec![
        seed(0, [5, 1], 255, &[&greeting, &welcome, &ready(METADATA)]),
        seed(0, [5, 1], 9, &[&greeting, &welcome, &command_of(b"\x05ERROR\x03300")]),
        seed(1, [5, 5], 64, &[&greeting, &hello, &initiate]),
        seed(1, [5, 5], 20, &[&greeting, &hello, &initiate, b"\0\x05hello"]),
        seed(1, [5, 0], 255, &[&greeting, &command_of(b"\x05HELLO\xffname")]),
    ]
}

pub fn curve_seeds() -> Vec<Vec<u8>> {
    let greeting = greeting(b"CURVE", 1);
    let hello = command_of(&joined(&[b"\x05HELLO\x01\0", &[0; 72], &[9; 120]]));
    let welcome = command_of(&joined(&[b"\x07WELCOME", &[7; 160]]));
    let initiate = command_of(&joined(&[b"\x08INITIATE", &[5; 250]]));
    vec![
        seed(0, [5, 1], 255, &[&greeting, &welcome]),
        seed(0, [5, 1], 255, &[&greeting, &command_of(b"\x05ERROR\x03400")]),
        seed(1, [5, 5], 255, &[&greeting, &hello, &initiate]),
        seed(1, [5, 5], 16, &[&greeting, &hello]),
    ]
}

/// Edits of one step or two of each conversation.
pub fn edits() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for pair in 0..3 {
        let start = joined(&[&[pair, pair], Handler::WILLING]);
        seeds.push(start.clone());
        for step in 0..6 {
            let edit = [[5, 0, 66, 255], [4, 0, 70, step as u8], [1, 0, 12, 3]][step % 3];
            seeds.push(joined(&[&start, &vec![0; step], &edit]));
        }
    }
    seeds
}
