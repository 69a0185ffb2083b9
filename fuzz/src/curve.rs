//! A peer who has the keys: what is inside CURVE's boxes is as arbitrary as what is outside.
//!
//! Bytes that only look for a way in never come past the first box. So this peer seals properly, and
//! the script says what it seals, and what is changed afterwards. What was changed after it was
//! sealed must be refused, and what was not changed must be understood.

use zmq::options::constants::*;
use zmq::security::curve::boxes::{self, append_sealed, public_of};
use zmq::security::keys::{PublicKey, SecretKey};
use zmq::security::metadata::encode_own;
use zmq::security::Opener;
use zmq::zmtp::frame::{append_frame, parse_header, COMMAND};
use zmq::zmtp::handshake::{Config, Handshake, Status};

use super::handshake::{client_secret, curve_client, curve_server, server_secret, KEPT_MOST};
use super::script::{joined, long_piece, piece, Script};
use super::zap::Handler;

const GREETING_LEN: usize = 64;
const PUBLIC_LEN: usize = 32;

/// The library's side, and what the peer knows of the connection.
struct Connection {
    handshake: Handshake,
    handler: Handler,
    short: SecretKey,
    /// The key of the connection, once there is one.
    key: SecretKey,
    /// The peer said something that must end the connection.
    forged: bool,
}

impl Connection {
    fn new(config: Config, handler: Handler) -> Connection {
        let mut handshake = Handshake::new(config);
        let mut greeting = b"\xff\0\0\0\0\0\0\0\0\x7f\x03\x01CURVE".to_vec();
        greeting.resize(GREETING_LEN, 0);
        handshake.input(&greeting).expect("a greeting");
        handshake.output().drain(..GREETING_LEN);
        let short = SecretKey::new([0x73; 32]);
        Connection { handshake, handler, short, key: SecretKey::default(), forged: false }
    }

    /// Says a command, after the script has changed it. False when the connection is over.
    fn say(&mut self, mut body: Vec<u8>, script: &mut Script) -> bool {
        self.forged |= script.edit(&mut body);
        let mut bytes = Vec::new();
        append_frame(COMMAND, &body, &mut bytes);
        let mut outcome = self.handshake.input(&bytes).map(drop);
        if self.handshake.take_zap_request().is_some() {
            outcome = outcome.and(match self.handler.answer() {
                Some(frames) => self.handshake.zap_reply(frames),
                None => self.handshake.zap_unavailable(),
            });
        }
        assert!(self.handshake.output().len() <= KEPT_MOST);
        outcome.is_ok()
    }

    /// The body of the command that the library said.
    fn hear(&mut self) -> Option<Vec<u8>> {
        let mut said = core::mem::take(self.handshake.output());
        let header = parse_header(&said).expect("a frame")?;
        assert_eq!(header.frame_len(), Some(said.len()));
        Some(said.split_off(header.header_len))
    }
}

pub fn insider(data: &[u8]) {
    let mut script = Script::new(data);
    let is_client = script.flag();
    let handler = Handler::of(&mut script);
    let willing = handler.is_willing();
    let mut config = Config::new(ZMQ_ROUTER);
    config.recv_routing_id = true;
    config.mechanism = if is_client { curve_server() } else { curve_client() };
    let mut connection = Connection::new(config, handler);
    let (metadata, through) = if is_client {
        act_as_client(&mut connection, &mut script)
    } else {
        act_as_server(&mut connection, &mut script)
    };
    let done = through && connection.handshake.status() == Status::Done;
    assert!(!(done && connection.forged), "something was forged");
    let is_good = zmq::security::PeerMetadata::new(ZMQ_ROUTER, true)
        .add(zmq::security::metadata::Source::Peer, metadata)
        .is_ok();
    assert!(done || connection.forged || !willing || !is_good, "nothing was forged");
    if done {
        let transforms = connection.handshake.finish().transforms.expect("a cipher");
        let prefix = if is_client { b"CurveZMQMESSAGEC" } else { b"CurveZMQMESSAGES" };
        messages(&connection.key, prefix, transforms.open, &mut script);
    }
}

/// HELLO and INITIATE. Also returns the metadata, and whether both went through.
fn act_as_client<'a>(peer: &mut Connection, script: &mut Script<'a>) -> (&'a [u8], bool) {
    let (server, short) = (public_of(&server_secret()), public_of(&peer.short));
    let metadata = script.long_piece();
    let key = boxes::shared_key(&server, &peer.short).expect("a key");
    let number = 1u64.to_be_bytes();
    let mut hello = joined(&[b"\x05HELLO\x01\0", &[0; 72], &short, &number]);
    let nonce = boxes::nonce(b"CurveZMQHELLO---", &number);
    append_sealed(&[&[0; 64]], &nonce, &key, &mut hello);
    let sealed = hello.clone();
    if !peer.say(hello, script) {
        return (metadata, false);
    }
    // Nobody looks at HELLO's padding: it was heard, so it was good enough.
    let Some(welcome) = peer.hear() else {
        assert!(peer.forged, "an answer to {sealed:x?}");
        return (metadata, false);
    };
    peer.forged = false;

    let nonce = boxes::nonce(b"WELCOME-", &welcome[8..24]);
    let Ok(opened) = boxes::open(&welcome[24..], &nonce, &key) else {
        // The short key was changed into another one with the same secret.
        peer.forged = true;
        return (metadata, false);
    };
    let (theirs, cookie) = opened.split_first_chunk::<PUBLIC_LEN>().expect("a key");
    peer.key = boxes::shared_key(theirs, &peer.short).expect("a key");

    let vouch_key = boxes::shared_key(theirs, &client_secret()).expect("a key");
    let mut vouched = joined(&[&short, &server]);
    // The highest bit of a key means nothing.
    peer.forged |=
        script.edit(&mut vouched) && without_highest(&vouched) != joined(&[&short, &server]);
    let mut vouch = Vec::new();
    append_sealed(&[&vouched], &boxes::nonce(b"VOUCH---", &[3; 16]), &vouch_key, &mut vouch);
    let number = script.word().max(2);
    let number = (u64::from(number)).to_be_bytes();
    let mut initiate = joined(&[b"\x08INITIATE", cookie, &number]);
    let public = public_of(&client_secret());
    let nonce = boxes::nonce(b"CurveZMQINITIATE", &number);
    append_sealed(&[&public, &[3; 16], &vouch, metadata], &nonce, &peer.key, &mut initiate);
    let through = peer.say(initiate, script);
    (metadata, through)
}

fn without_highest(vouched: &[u8]) -> Vec<u8> {
    let mut vouched = vouched.to_vec();
    if let Some(last) = vouched.get_mut(2 * PUBLIC_LEN - 1) {
        *last &= 0x7f;
    }
    vouched
}

/// WELCOME and READY.
fn act_as_server<'a>(peer: &mut Connection, script: &mut Script<'a>) -> (&'a [u8], bool) {
    let metadata = script.long_piece();
    let hello = peer.hear().expect("HELLO");
    let theirs: &PublicKey = hello[80..].first_chunk().expect("a key");
    let key = boxes::shared_key(theirs, &server_secret()).expect("a key");
    let nonce = boxes::nonce(b"CurveZMQHELLO---", &hello[112..120]);
    assert_eq!(*boxes::open(&hello[120..], &nonce, &key).expect("HELLO's box"), [0; 64]);

    let mut welcome = joined(&[b"\x07WELCOME", &[4; 16]]);
    let nonce = boxes::nonce(b"WELCOME-", &[4; 16]);
    append_sealed(&[&public_of(&peer.short), &[5; 96]], &nonce, &key, &mut welcome);
    if !peer.say(welcome, script) {
        return (metadata, false);
    }
    let Some(initiate) = peer.hear() else { return (metadata, false) };
    peer.key = boxes::shared_key(theirs, &peer.short).expect("a key");
    assert_eq!(initiate[9..105], [5; 96]);
    let nonce = boxes::nonce(b"CurveZMQINITIATE", &initiate[105..113]);
    boxes::open(&initiate[113..], &nonce, &peer.key).expect("INITIATE's box");

    let number = u64::from(script.word()).to_be_bytes();
    let mut ready = joined(&[b"\x05READY", &number]);
    let nonce = boxes::nonce(b"CurveZMQREADY---", &number);
    append_sealed(&[metadata], &nonce, &peer.key, &mut ready);
    let through = peer.say(ready, script);
    (metadata, through)
}

/// Messages with numbers of the script's choice. The first that is refused is the last.
fn messages(key: &SecretKey, prefix: &[u8], mut open: Opener, script: &mut Script) {
    let mut last = None;
    while !script.is_empty() {
        let number = match script.byte() {
            0 => u64::MAX,
            1 => 0,
            2 => u64::from(script.word()),
            step => last.unwrap_or(70_000u64).wrapping_add(u64::from(step) - 2),
        };
        let flags = script.byte();
        let body = script.long_piece();
        let bytes = number.to_be_bytes();
        let mut message = joined(&[b"\x07MESSAGE", &bytes]);
        append_sealed(&[&[flags], body], &boxes::nonce(prefix, &bytes), key, &mut message);
        let forged = script.edit(&mut message);
        match open.open(&mut message) {
            Ok((inner, range)) => {
                assert!(!forged && last.is_none_or(|last| number > last));
                assert_eq!(&message[range], body);
                assert_eq!((inner & 1 != 0, inner & 4 != 0), (flags & 1 != 0, flags & 2 != 0));
                last = Some(number);
            }
            Err(_) => {
                // Numbers begin behind those of the handshake, which are below 65,536.
                let rises = number > last.unwrap_or(65_536);
                assert!(forged || !rises, "a good message");
                return;
            }
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let metadata = encode_own(ZMQ_DEALER, b"me", [(&b"X-a"[..], &b"b"[..])]);
    let metadata = long_piece(&metadata);
    let bodies = joined(&[&[3, 1], &long_piece(b"part"), &[0, 5, 0], &long_piece(&[7; 300]), &[0]]);
    let replayed = joined(&[&[3, 0], &long_piece(b"one"), &[0, 2, 0, 9, 0], &long_piece(b"two")]);
    let insert = joined(&[&[2, 0, 9, 0], &piece(b"in it")]);
    let mut seeds = Vec::new();
    for side in [0, 1] {
        let start = joined(&[&[side], Handler::WILLING, &metadata]);
        // No edits of HELLO, the vouch and INITIATE, or of WELCOME and READY; a number in between.
        let quiet: &[u8] = if side == 1 { &[0, 0, 0, 2, 0] } else { &[0, 0, 2, 0] };
        seeds.push(joined(&[&start, quiet, &bodies]));
        seeds.push(joined(&[&start, quiet, &replayed]));
        seeds.push(joined(&[&start, &insert]));
        seeds.push(joined(&[&start, &[0, 5, 0, 30, 1]]));
        seeds.push(joined(&[&start, quiet, &[3, 0], &long_piece(b"body"), &[6, 0, 34, 2]]));
    }
    seeds
}
