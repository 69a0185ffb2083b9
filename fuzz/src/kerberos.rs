//! GSSAPI, with what credentials the system has.
//!
//! `scripts/fuzz` starts a Kerberos server of its own and names a service of it; then both sides come
//! through their handshake, and go on to encrypted messages. Elsewhere each is left with the bytes of
//! a peer, which the system's library refuses sooner or later.

use zmq::options::constants::*;
use zmq::security::gssapi::system::NameType;
use zmq::security::gssapi::{Principal, Settings};
use zmq::security::{MechanismConfig, Opener, Sealer};
use zmq::zmtp::handshake::{Config, Handshake};

use super::handshake::{command_of, greeting, one_side, ready, seed, talk, METADATA};
use super::script::{joined, long_piece, Script};
use super::zap::Handler;

/// The name of a service that there are tickets for.
fn service() -> Option<String> {
    std::env::var("OXIZMQ_FUZZ_SERVICE").ok()
}

fn side(is_server: bool) -> MechanismConfig {
    let named = |text: String| Principal { text: text.into_bytes(), kind: NameType::HostBased };
    MechanismConfig::Gssapi(Settings {
        principal: named(String::new()),
        service: (!is_server).then(|| named(service().unwrap_or("nobody".into()))),
        plaintext: false,
    })
}

pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    if script.flag() {
        one_side(script.rest(), &[side(false), side(true)], true);
    } else if service().is_some() {
        converse(script);
    }
}

/// Both sides talk to each other, and the script changes what they hear.
fn converse(mut script: Script) {
    let (mut asking, mut answering) = (Config::new(ZMQ_DEALER), Config::new(ZMQ_ROUTER));
    (asking.mechanism, answering.mechanism) = (side(false), side(true));
    let (mut one, mut other) = (Handshake::new(asking), Handshake::new(answering));
    let mut handler = Handler::of(&mut script);
    if !talk(&mut one, &mut other, &mut script, &mut handler) {
        return;
    }
    let (Some(theirs), Some(ours)) = (one.finish().transforms, other.finish().transforms) else {
        panic!("messages that nothing protects");
    };
    messages(theirs.seal, ours.open, script);
}

/// Messages from the one to the other. What was changed on its way is refused, or was of no meaning.
fn messages(mut seal: Sealer, mut open: Opener, mut script: Script) {
    while !script.is_empty() {
        let flags = script.byte() & 5;
        let body = script.long_piece();
        let mut sealed = Vec::new();
        seal.append_body(flags, body, &mut sealed).expect("a message");
        let changed = script.edit(&mut sealed);
        match open.open(&mut sealed) {
            Ok((found, range)) => assert_eq!((found, &sealed[range]), (flags, body)),
            Err(_) => {
                assert!(changed, "a good message");
                return;
            }
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let greeting = greeting(b"GSSAPI", 1);
    let token =
        b"\x60\x1b\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\0\x6e\x0c\x30\x0a\xa0\x03\
        \x02\x01\x05\xa1\x03\x02\x01\x0e";
    let initiate = joined(&[b"\x08INITIATE", &(token.len() as u32).to_be_bytes(), token]);
    let alone = |side, piece, said: &[&[u8]]| joined(&[&[1], &seed(side, [5, 5], piece, said)]);
    let quiet = joined(&[&[0], Handler::WILLING, &[0; 20]]);
    let bodies = joined(&[&[1], &long_piece(b"part"), &[0, 0], &long_piece(&[7; 300])]);
    let mut seeds = vec![
        alone(1, 255, &[&greeting, &command_of(&initiate)]),
        alone(1, 30, &[&greeting, &command_of(b"\x08INITIATE\0\0\0\0")]),
        alone(0, 255, &[&greeting, &command_of(&initiate), &ready(METADATA)]),
        joined(&[&quiet, &bodies]),
        joined(&[&quiet, &[0], &long_piece(b"body"), &[6, 0, 40, 1]]),
    ];
    for step in 0..8 {
        let edit = [[5, 0, 90, 255], [6, 0, 30, 4], [1, 0, 20, 3]][step % 3];
        seeds.push(joined(&[&[0], Handler::WILLING, &vec![0; step], &edit]));
    }
    seeds
}
