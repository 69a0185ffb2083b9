//! The application's authenticator, who is believed but may be wrong, and lists of properties.

use zmq::options::constants::*;
use zmq::security::metadata::{append_property, encode_own, Source};
use zmq::security::zap::{Client, Reply};
use zmq::security::PeerMetadata;

use super::handshake::KINDS;
use super::script::{joined, piece, Script};

/// A handler that answers as a script says.
#[derive(Clone)]
pub struct Handler {
    word: u8,
    pub asked: u32,
}

impl Handler {
    /// What makes a handler that lets everybody in.
    pub const WILLING: &'static [u8] = &[0];

    pub fn of(script: &mut Script) -> Handler {
        Handler { word: script.byte(), asked: 0 }
    }

    pub fn is_willing(&self) -> bool {
        self.word.is_multiple_of(8)
    }

    /// The parts of its answer; `None` when it is not there.
    pub fn answer(&mut self) -> Option<Vec<Vec<u8>>> {
        self.asked += 1;
        let parts: &[&[u8]] = match self.word % 8 {
            0 => &[b"", b"1.0", b"1", b"200", b"", b"user", b""],
            1 => &[b"", b"1.0", b"1", b"300", b"", b"", b""],
            2 => &[b"", b"1.0", b"1", b"400", b"no", b"", b""],
            3 => &[b"", b"1.0", b"1", b"500", b"", b"", b""],
            4 => &[b"", b"1.0", b"1", b"200", b"", b"user", b"\x08Identity\0\0\0\x03zap"],
            5 => &[b"", b"1.0", b"1", b"200", b"", b"user", b"\x04Role\0\0\0\xff"],
            6 => &[b"", b"1.0"],
            _ => return None,
        };
        Some(parts.iter().map(|part| part.to_vec()).collect())
    }
}

/// An answer of parts that the script gives, or of good ones with some replaced.
pub fn reply(data: &[u8]) {
    let mut script = Script::new(data);
    let kind = script.pick(&KINDS);
    let enforced = script.flag();
    let mut parts: Vec<Vec<u8>> = ["", "1.0", "1", "200", "OK", "user", ""]
        .iter()
        .map(|part| part.as_bytes().to_vec())
        .collect();
    while !script.is_empty() && parts.len() < 1000 {
        match usize::from(script.byte()) {
            place if place < parts.len() => parts[place] = script.piece().to_vec(),
            200.. => parts.truncate(usize::from(script.byte())),
            _ => parts.push(script.piece().to_vec()),
        }
    }
    let mut peer = PeerMetadata::new(kind, true);
    let mut client = Client::new(b"domain".to_vec(), enforced, "::1".into(), b"me".to_vec());
    client.ask("NULL", Vec::new());
    assert!(client.reply(&parts, &mut peer).is_err(), "an answer before the question was sent");
    client.take_request().expect("a question");
    let outcome = client.reply(&parts, &mut peer);
    match Reply::parse(&parts) {
        Ok(reply) => {
            let good = PeerMetadata::new(kind, true).add(Source::Zap, reply.metadata).is_ok();
            assert_eq!(outcome.is_ok(), good);
            assert_eq!(peer.user_id().unwrap_or_default(), reply.user_id);
        }
        Err(_) => assert!(outcome.is_err()),
    }
    assert!(outcome.is_err() || !client.is_waiting());
    peer.into_properties("127.0.0.1");
}

pub fn reply_seeds() -> Vec<Vec<u8>> {
    let start: &[u8] = &[5, 0];
    let properties = b"\x08Identity\0\0\0\x02me\x03X-a\0\0\0\0";
    vec![
        start.to_vec(),
        joined(&[start, &[6], &piece(properties)]),
        joined(&[start, &[3], &piece(b"400"), &[5], &piece(b"")]),
        joined(&[start, &[1], &piece(b"1.1")]),
        joined(&[start, &[7], &piece(b"more")]),
        joined(&[start, &[200, 3]]),
        joined(&[start, &[0], &piece(b"id"), &[2], &piece(b"2")]),
    ]
}

/// A list of properties, from the peer or the handler.
pub fn metadata(data: &[u8]) {
    let mut script = Script::new(data);
    let kind = script.pick(&KINDS);
    let (wants_routing_id, zap_first) = (script.flag(), script.flag());
    let sources = if zap_first { [Source::Zap, Source::Peer] } else { [Source::Peer, Source::Zap] };
    let first = script.long_piece();
    let second = script.rest();
    let mut peer = PeerMetadata::new(kind, wants_routing_id);
    let outcomes = [peer.add(sources[0], first), peer.add(sources[1], second)];
    assert!(wants_routing_id || peer.routing_id().is_empty());
    let properties = peer.into_properties("127.0.0.1");
    let told: usize = properties.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(told <= data.len() + 100);
    assert!(properties.iter().any(|(name, value)| name == "Peer-Address" && value == b"127.0.0.1"));
    if outcomes == [Ok(()), Ok(())] {
        // Written again, they are as good a list as before.
        let mut list = Vec::new();
        for (name, value) in &properties {
            append_property(name.as_bytes(), value, &mut list);
        }
        assert_eq!(PeerMetadata::new(kind, false).add(Source::Peer, &list), Ok(()));
    }
}

pub fn metadata_seeds() -> Vec<Vec<u8>> {
    let list = |kind, id: &[u8]| encode_own(kind, id, [(&b"X-a"[..], &b"b"[..])]);
    let dealer = list(ZMQ_DEALER, b"me");
    let long = (dealer.len() as u16).to_be_bytes();
    let zap = b"\x07User-Id\0\0\0\x01x\x08Identity\0\0\0\x03zap";
    vec![
        joined(&[&[6, 1, 0], &long, &dealer, zap]),
        joined(&[&[6, 1, 1], &[0, zap.len() as u8], zap, &dealer]),
        joined(&[&[6, 0, 0], &long, &dealer]),
        joined(&[&[7, 0, 0, 0, 0], &list(ZMQ_PUSH, b"")]),
        joined(&[&[5, 1, 0, 0, 9], b"\x01a\xff\xff\xff\xff"]),
    ]
}
