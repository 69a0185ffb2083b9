//! The upgrade from HTTP, what is said behind it, and the frames of WebSockets.

use zmq::options::constants::*;
use zmq::security::MechanismConfig;
use zmq::zmtp::handshake::{Config, Status};
use zmq::zws::frame::{append_close, append_data, append_ping, Decoder, Item};
use zmq::zws::handshake::Handshake;
use zmq::zws::mask;
use zmq::zws::upgrade::Resource;
use zmq::zws::Role;

use super::handshake::{configure, curve_client, curve_server, plain_client, KEPT_MOST, USUAL};
use super::script::{joined, Script};
use super::zap::Handler;

/// Either a side that hears arbitrary bytes, or two sides with something between them.
pub fn handshake(data: &[u8]) {
    let mut script = Script::new(data);
    let choice = script.byte();
    let mechanisms: [(MechanismConfig, MechanismConfig); 3] = [
        (MechanismConfig::Null, MechanismConfig::Null),
        (plain_client(), MechanismConfig::PlainServer),
        (curve_client(), curve_server()),
    ];
    let (client, server) = mechanisms[usize::from(choice >> 2) % 3].clone();
    let path = String::from_utf8_lossy(script.piece()).into_owned();
    let resource = Resource { host: "host:1".into(), path: format!("/{path}") };
    match choice % 4 {
        0 => {
            let config = configure(&mut script, client);
            listen(|| Handshake::client(config.clone(), &resource), script);
        }
        1 => {
            let config = configure(&mut script, server);
            listen(|| Handshake::server(config.clone()), script);
        }
        _ => converse(client, server, &resource, script),
    }
}

/// False when the handshake failed.
fn give(handshake: &mut Handshake, bytes: &[u8], handler: &mut Handler) -> bool {
    let mut outcome = handshake.input(bytes);
    if handshake.take_zap_request().is_some() {
        outcome = outcome.and(match handler.answer() {
            Some(frames) => handshake.zap_reply(&frames),
            None => handshake.zap_unavailable(),
        });
        handshake.take_event();
    }
    assert!(handshake.output().len() <= KEPT_MOST);
    outcome.is_ok()
}

fn listen(make: impl Fn() -> Handshake, mut script: Script) {
    let mut handler = Handler::of(&mut script);
    let size = usize::from(script.byte()).max(1);
    let said = script.rest();
    let mut handshake = make();
    let heard = |piece| give(&mut handshake, piece, &mut handler);
    let good = said.chunks(size).all(heard);
    let ended = (good, handshake.status());
    let rest = handshake.take_rest();
    assert!(rest.len() <= said.len());
    if ended == (true, Status::Done) {
        handshake.finish();
    }
}

fn converse(
    client: MechanismConfig,
    server: MechanismConfig,
    resource: &Resource,
    mut script: Script,
) {
    let (mut asking, mut answering) = (Config::new(ZMQ_DEALER), Config::new(ZMQ_ROUTER));
    (asking.mechanism, answering.mechanism) = (client, server);
    answering.recv_routing_id = true;
    let mut one = Handshake::client(asking, resource);
    let mut other = Handshake::server(answering);
    let mut handler = Handler::of(&mut script);
    // A path may be one that HTTP does not allow.
    let mut changed =
        !resource.path.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'/');
    changed |= resource.path.len() > 1000 || !handler.is_willing();
    for step in 0..12 {
        let (from, to) =
            if step % 2 == 0 { (&mut one, &mut other) } else { (&mut other, &mut one) };
        let mut said = core::mem::take(from.output());
        changed |= script.edit(&mut said);
        if !give(to, &said, &mut handler) {
            assert!(changed, "a conversation that nobody disturbed");
            return;
        }
    }
    let done = (one.status(), other.status()) == (Status::Done, Status::Done);
    assert!(done || changed, "a conversation that nobody disturbed");
}

/// Frames, read as they come and once more in pieces.
pub fn frames(data: &[u8]) {
    let mut script = Script::new(data);
    let role = script.pick(&[Role::Client, Role::Server]);
    let limit = script.pick(&[0, 100, 65_536, u64::MAX]);
    let size = usize::from(script.byte()).max(1);
    let bytes = script.rest();
    let whole = decode(role, limit, bytes, bytes.len().max(1));
    let in_pieces = decode(role, limit, bytes, size);
    assert_eq!(whole, in_pieces);
    // A mask undoes itself wherever the bytes are cut.
    let mut masked = bytes.to_vec();
    let (left, right) = masked.split_at_mut(size.min(bytes.len()));
    mask::apply([1, 2, 3, 4], 0, left);
    mask::apply([1, 2, 3, 4], left.len(), right);
    mask::apply([1, 2, 3, 4], 0, &mut masked);
    assert_eq!(masked, bytes);
}

/// What was read, and whether it ended with an error.
fn decode(role: Role, limit: u64, bytes: &[u8], size: usize) -> (Vec<String>, bool) {
    let mut decoder = Decoder::new(role);
    let (mut received, mut items) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(size) {
        received.extend_from_slice(piece);
        loop {
            let len = received.len();
            match decoder.decode(&mut received, limit) {
                Ok(Some((used, item))) => {
                    assert!((2..=len).contains(&used));
                    if let Item::Data { body, .. } = item {
                        assert!(body.len() as u64 <= limit && body.len() <= bytes.len());
                    }
                    items.push(format!("{item:?}"));
                    received.drain(..used);
                }
                Ok(None) => break,
                Err(_) => return (items, true),
            }
        }
    }
    (items, false)
}

const REQUEST: &[u8] =
    b"GET /a HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Protocol: ";
const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Sec-WebSocket-Protocol: ZWS2.0/NULL\r\n\r\n";

fn masked(flags: u8, body: &[u8]) -> Vec<u8> {
    let len = body.len() as u8 + 1;
    joined(&[&[0x82, 0x80 | len, 0, 0, 0, 0, flags], body])
}

pub fn handshake_seeds() -> Vec<Vec<u8>> {
    let listening = |choice: u8, size: u8, said: &[&[u8]]| {
        joined(&[&[choice, 0], USUAL, Handler::WILLING, &[size], &said.concat()])
    };
    let ready = masked(2, b"\x05READY\x0bSocket-Type\0\0\0\x06ROUTER");
    let hello = masked(2, b"\x05HELLO\x04name\x04word");
    let initiate = masked(2, b"\x08INITIATE\x0bSocket-Type\0\0\0\x06ROUTER");
    let with = |name: &[u8]| joined(&[REQUEST, name, b"\r\n\r\n"]);
    let mut seeds = vec![
        listening(1, 255, &[&with(b"ZWS2.0"), &masked(0, b"me"), &masked(0, b"hello")]),
        listening(1, 7, &[&with(b"chat, ZWS2.0/NULL"), &ready, b"\x89\x80\0\0\0\0"]),
        listening(5, 100, &[&with(b"ZWS2.0/PLAIN"), &hello, &initiate]),
        listening(9, 100, &[&with(b"ZWS2.0/CURVE"), &hello]),
        listening(1, 255, &[b"POST / HTTP/1.1\r\n\r\n"]),
        listening(0, 255, &[RESPONSE, &[0x82, 3, 2, 5, 6]]),
        listening(0, 255, &[b"HTTP/1.1 404 Not Found\r\n\r\n"]),
    ];
    for pair in 0..3u8 {
        let start = joined(&[&[2 | pair << 2, 3], b"a/b", Handler::WILLING]);
        seeds.push(start.clone());
        seeds.push(joined(&[&start, &[0, 5, 0, 140, b'x']]));
        seeds.push(joined(&[&start, &[0, 0, 6, 0, 9, 1]]));
    }
    seeds
}

pub fn frames_seeds() -> Vec<Vec<u8>> {
    let mut server = vec![0, 3, 255];
    append_data(None, 1, b"part", &mut server);
    append_data(None, 2, b"\x09SUBSCRIBEa", &mut server);
    append_ping(None, &mut server);
    append_close(None, b"\x03\xe8bye", &mut server);
    let client = joined(&[&[1, 3, 5, 0x82, 0xfe, 1, 45, 0, 0, 0, 0, 0], &[7; 300]]);
    vec![
        server,
        client,
        b"\0\x01\xff\x02\x02\x01a\x89\0\0\x01b\x80\x02cd".to_vec(),
        b"\0\x03\x02\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        b"\x01\x02\x04\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58".to_vec(),
    ]
}
