//! Two handshakes against each other, and one against hand-made peers of every version.

use super::*;
use crate::options::constants::*;
use crate::security::{metadata, MechanismConfig};

const SIGNATURE: &[u8] = b"\xff\0\0\0\0\0\0\0\x01\x7f";

fn router() -> Config {
    Config { recv_routing_id: true, peer_address: "127.0.0.1".into(), ..Config::new(ZMQ_ROUTER) }
}

fn dealer() -> Config {
    Config {
        routing_id: b"client".to_vec(),
        app_metadata: vec![(b"X-key".to_vec(), b"value".to_vec())],
        ..Config::new(ZMQ_DEALER)
    }
}

fn with_domain(config: Config) -> Config {
    Config { zap_domain: b"D".to_vec(), ..config }
}

/// The greeting of a ZMTP 3 peer.
fn greeting(minor: u8, mechanism: &str) -> Vec<u8> {
    let mut bytes = SIGNATURE.to_vec();
    bytes.extend([3, minor]);
    bytes.extend(mechanism.as_bytes());
    bytes.resize(greeting::V3_LEN, 0);
    bytes
}

fn ready(socket_type: &str) -> Vec<u8> {
    let mut body = b"\x05READY".to_vec();
    metadata::append_property(b"Socket-Type", socket_type.as_bytes(), &mut body);
    command(&body)
}

fn command(body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    frame::append_frame(COMMAND, body, &mut frame);
    frame
}

fn zap_answer(status: &str, user_id: &str) -> Vec<Vec<u8>> {
    ["", "1.0", "1", status, "text", user_id, ""]
        .iter()
        .map(|frame| frame.as_bytes().to_vec())
        .collect()
}

/// Feeds `bytes` in pieces of at most `step`; the result is how many were taken.
fn feed(handshake: &mut Handshake, bytes: &[u8], step: usize) -> Result<usize, HandshakeError> {
    let mut taken = 0;
    for piece in bytes.chunks(step) {
        let count = handshake.input(piece)?;
        taken += count;
        if count < piece.len() {
            break;
        }
    }
    Ok(taken)
}

/// Moves bytes both ways, `step` at a time, until neither side has anything to say.
fn exchange(a: &mut Handshake, b: &mut Handshake, step: usize) -> Result<(), HandshakeError> {
    fn carry(from: &mut Handshake, to: &mut Handshake, step: usize) -> Result<(), HandshakeError> {
        let output = from.output();
        let count = step.min(output.len());
        let piece: Vec<u8> = output.drain(..count).collect();
        assert_eq!(to.input(&piece)?, piece.len());
        Ok(())
    }
    while !a.output().is_empty() || !b.output().is_empty() {
        carry(a, b, step)?;
        carry(b, a, step)?;
    }
    Ok(())
}

/// A handshake that has got `bytes` in one piece, and what it wanted to say.
fn after(config: Config, bytes: &[u8]) -> (Result<usize, HandshakeError>, Handshake, Vec<u8>) {
    let mut handshake = Handshake::new(config);
    let result = handshake.input(bytes);
    let output = std::mem::take(handshake.output());
    (result, handshake, output)
}

fn failure(config: Config, bytes: &[u8]) -> HandshakeError {
    after(config, bytes).0.unwrap_err()
}

#[test]
fn two_of_us_understand_each_other_in_pieces_of_any_size() {
    for step in [1, 2, 7, 11, 64, 100_000] {
        let mut server = Handshake::new(router());
        let mut client = Handshake::new(dealer());
        exchange(&mut server, &mut client, step).unwrap();
        assert_eq!(server.status(), Status::Done);
        assert_eq!(client.status(), Status::Done);

        let peer = server.finish();
        assert_eq!(peer.version, Version::V3_1);
        assert_eq!(peer.socket_type.as_deref(), Some(&b"DEALER"[..]));
        assert_eq!(peer.routing_id, b"client");
        assert_eq!(peer.user_id, None);
        assert!(!peer.inject_subscription);
        let expected: Vec<(String, Vec<u8>)> = vec![
            ("Identity".into(), b"client".to_vec()),
            ("Peer-Address".into(), b"127.0.0.1".to_vec()),
            ("Socket-Type".into(), b"DEALER".to_vec()),
            ("X-key".into(), b"value".to_vec()),
        ];
        assert_eq!(peer.properties, expected);

        let peer = client.finish();
        assert_eq!(peer.socket_type.as_deref(), Some(&b"ROUTER"[..]));
        assert_eq!(peer.routing_id, b"", "a DEALER has no use for it");
    }
}

#[test]
fn the_greeting_goes_out_in_the_order_of_libzmq() {
    let mut handshake = Handshake::new(dealer());
    assert_eq!(
        std::mem::take(handshake.output()),
        b"\xff\0\0\0\0\0\0\0\x07\x7f",
        "the length is that of a ZMTP 1.0 routing id message"
    );
    handshake.input(&SIGNATURE[..9]).unwrap();
    assert!(handshake.output().is_empty());
    handshake.input(&SIGNATURE[9..]).unwrap();
    assert_eq!(std::mem::take(handshake.output()), [3]);
    handshake.input(&[3]).unwrap();
    let tail = std::mem::take(handshake.output());
    assert_eq!(tail.len(), 53);
    assert_eq!(&tail[..6], b"\x01NULL\0");
    assert!(tail[6..].iter().all(|&byte| byte == 0));
    handshake.input(&greeting(0, "NULL")[11..63]).unwrap();
    assert!(handshake.output().is_empty());
    handshake.input(&[0]).unwrap();
    assert!(handshake.output().starts_with(b"\x04\x3e\x05READY"));
}

#[test]
fn minor_and_future_versions() {
    for (revision, minor, version) in [
        (3, 0, Version::V3_0),
        (3, 1, Version::V3_1),
        (3, 9, Version::V3_1),
        (2, 0, Version::V3_1),
        (4, 0, Version::V3_1),
        (255, 0, Version::V3_1),
    ] {
        let mut bytes = greeting(minor, "NULL");
        bytes[REVISION] = revision;
        bytes.extend(ready("ROUTER"));
        let (result, handshake, _) = after(dealer(), &bytes);
        assert_eq!(result, Ok(bytes.len()));
        assert_eq!(handshake.status(), Status::Done);
        assert_eq!(handshake.finish().version, version);
    }
}

#[test]
fn nothing_beyond_the_handshake_is_taken() {
    let v1 = b"\x01\0".to_vec();
    let v1_revision = [SIGNATURE, &[0, 5], b"\x03\0ab"].concat();
    let v2 = [SIGNATURE, &[1, 5], b"\0\x02ab"].concat();
    let v3 = [greeting(1, "NULL"), ready("DEALER")].concat();
    for handshake_bytes in [v1, v1_revision, v2, v3] {
        let data = [&handshake_bytes[..], b"\0\x05hello"].concat();
        for step in [1, 3, data.len()] {
            let mut handshake = Handshake::new(router());
            let taken = feed(&mut handshake, &data, step);
            assert_eq!(taken, Ok(handshake_bytes.len()));
            assert_eq!(handshake.status(), Status::Done);
            assert_eq!(handshake.input(b"more"), Ok(0));
        }
    }
}

#[test]
fn an_unversioned_peer_with_a_short_identity() {
    let (result, handshake, output) = after(router(), b"\x03\0ab");
    assert_eq!((result, output.as_slice()), (Ok(4), SIGNATURE));
    let peer = handshake.finish();
    assert_eq!(peer.version, Version::V1_0);
    assert_eq!(peer.routing_id, b"ab");
    assert!(peer.properties.is_empty());
}

#[test]
fn an_unversioned_peer_with_a_long_identity_header() {
    let identity = [7; 300];
    let mut bytes = Vec::new();
    frame::append_frame_v1(false, &identity, &mut bytes);
    let (result, handshake, _) = after(router(), &bytes);
    assert_eq!(result, Ok(310));
    assert_eq!(handshake.finish().routing_id, identity);
    let (_, handshake, _) = after(router(), b"\xff\0\0\0\0\0\0\0\x01\0");
    assert_eq!(handshake.status(), Status::Done);
}

#[test]
fn our_signature_is_the_header_of_our_identity_for_an_unversioned_peer() {
    let (_, _, output) = after(dealer(), b"\x01\0");
    let header = frame::parse_header_v1(&output).unwrap().unwrap();
    assert_eq!((header.header_len, header.body_len), (10, 6));
    assert_eq!(&output[10..], b"client");
}

#[test]
fn publishers_assume_a_subscription_of_unversioned_peers_only() {
    for (socket_type, expected) in [(ZMQ_PUB, true), (ZMQ_XPUB, true), (ZMQ_PUSH, false)] {
        let (_, handshake, _) = after(Config::new(socket_type), b"\x01\0");
        assert_eq!(handshake.finish().inject_subscription, expected);
    }
    let v2 = [SIGNATURE, &[1, 2], b"\0\0"].concat();
    let (_, handshake, _) = after(Config::new(ZMQ_PUB), &v2);
    assert!(!handshake.finish().inject_subscription);
}

#[test]
fn legacy_peers_with_a_revision_get_type_and_identity() {
    let signature = b"\xff\0\0\0\0\0\0\0\x07\x7f";
    let v2 = [SIGNATURE, &[1, 6], b"\x01\x02ab"].concat();
    let (_, handshake, output) = after(dealer(), &v2);
    assert_eq!(output, [&signature[..], b"\x03\x05", b"\0\x06client"].concat());
    let peer = handshake.finish();
    assert_eq!(peer.version, Version::V2_0);
    assert_eq!(peer.socket_type.as_deref(), Some(&b"ROUTER"[..]));
    assert_eq!(peer.routing_id, b"");

    let v1 = [SIGNATURE, &[0, 99], b"\x01\0"].concat();
    let (_, handshake, output) = after(dealer(), &v1);
    assert_eq!(output, [&signature[..], b"\x03\x05", b"\x07\0client"].concat());
    let peer = handshake.finish();
    assert_eq!((peer.version, peer.socket_type), (Version::V1_0, None));
}

#[test]
fn zap_keeps_peers_without_mechanisms_out() {
    let v2 = [SIGNATURE, &[1, 6]].concat();
    let v1 = [SIGNATURE, &[0, 6]].concat();
    for bytes in [&v2[..], &v1, b"\x01\0", b"\xff\0\0\0\0\0\0\0\x01\0"] {
        assert_eq!(failure(with_domain(router()), bytes), HandshakeError::Silent(Errno::EPROTO));
    }
}

#[test]
fn both_ends_name_the_same_mechanism() {
    for theirs in ["PLAIN", "NUL", "NULLX", "", "CURVE"] {
        assert_eq!(
            failure(router(), &greeting(1, theirs)),
            HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH)
        );
    }
}

#[test]
fn violations_and_what_they_are_called() {
    let cases: [(Vec<u8>, HandshakeError); 6] = [
        (ready("PULL"), HandshakeError::Silent(Errno::EINVAL)),
        (command(b"\x05READYx"), HandshakeError::Silent(Errno::EPROTO)),
        (command(b"\x05HELLO"), HandshakeError::UNEXPECTED_COMMAND),
        (command(b"\x05ERROR\x03500"), HandshakeError::Auth(500)),
        (command(b"\x05ERROR\x09"), HandshakeError::MALFORMED_ERROR),
        (vec![0, 0], HandshakeError::UNEXPECTED_COMMAND),
    ];
    for (bytes, error) in cases {
        let bytes = [greeting(1, "NULL"), bytes].concat();
        assert_eq!(failure(router(), &bytes), error);
    }
    assert_eq!(failure(router(), b"\0"), HandshakeError::Silent(Errno::EPROTO));
}

#[test]
fn frames_beyond_the_limits_are_refused_by_their_header() {
    let too_large = HandshakeError::Silent(Errno::EMSGSIZE);
    let greeted = greeting(1, "NULL");
    let huge = [&greeted[..], b"\x06\0\0\0\0\0\x10\0\x01"].concat();
    assert_eq!(failure(router(), &huge), too_large);
    let absurd = [&greeted[..], &[0xff; 9]].concat();
    assert_eq!(failure(router(), &absurd), too_large);
    assert_eq!(failure(router(), b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\0"), too_large);
    let limited = Config { maxmsgsize: 10, ..router() };
    let bytes = [&greeted[..], &ready("DEALER")].concat();
    assert_eq!(failure(limited, &bytes), too_large);
}

#[test]
fn zap_decides() {
    for step in [1, 1000] {
        let mut server = Handshake::new(with_domain(router()));
        let mut client = Handshake::new(dealer());
        exchange(&mut server, &mut client, step).unwrap();
        assert_eq!(server.status(), Status::WaitingForZap);
        assert_eq!(client.status(), Status::Working);
        let request = server.take_zap_request().unwrap();
        assert_eq!(server.take_zap_request(), None);
        let expected: [&[u8]; 7] = [b"", b"1.0", b"1", b"D", b"127.0.0.1", b"", b"NULL"];
        assert_eq!(request.frames(), expected);
        assert_eq!(
            server.input(b"\0"),
            Err(HandshakeError::UNEXPECTED_COMMAND),
            "messages before our READY"
        );
        server.zap_reply(zap_answer("200", "alice")).unwrap();
        assert_eq!(server.take_event(), None);
        exchange(&mut server, &mut client, step).unwrap();
        assert_eq!(server.status(), Status::Done);
        assert_eq!(client.status(), Status::Done);
        let peer = server.finish();
        assert_eq!(peer.user_id.as_deref(), Some(&b"alice"[..]));
        let user_id = ("User-Id".to_string(), b"alice".to_vec());
        assert!(peer.properties.contains(&user_id));
    }
}

#[test]
fn a_denial_reaches_both_monitors() {
    for status in [400, 500] {
        let mut server = Handshake::new(with_domain(router()));
        let mut client = Handshake::new(dealer());
        exchange(&mut server, &mut client, 1000).unwrap();
        server.take_zap_request().unwrap();
        server.zap_reply(zap_answer(&status.to_string(), "")).unwrap();
        assert_eq!(server.take_event(), Some(HandshakeError::Auth(status)));
        assert_eq!(server.status(), Status::Rejected);
        assert_eq!(exchange(&mut server, &mut client, 1000), Err(HandshakeError::Auth(status)));
        assert_eq!(server.input(b"anything"), Ok(8));
        assert_eq!(server.status(), Status::Rejected);
    }
}

#[test]
fn a_temporary_denial_is_silent_for_the_peer() {
    let mut server = Handshake::new(with_domain(router()));
    server.input(&greeting(1, "NULL")).unwrap();
    server.output().clear();
    server.take_zap_request().unwrap();
    server.zap_reply(zap_answer("300", "")).unwrap();
    assert_eq!(server.take_event(), Some(HandshakeError::Auth(300)));
    assert_eq!(server.status(), Status::Rejected);
    assert!(server.output().is_empty());
    let late = ready("DEALER");
    assert_eq!(server.input(&late), Ok(late.len()));
}

#[test]
fn without_a_zap_handler_only_an_insisting_socket_refuses() {
    let greeted = [greeting(1, "NULL"), ready("DEALER")].concat();
    let mut lenient = Handshake::new(with_domain(router()));
    lenient.input(&greeted).unwrap();
    lenient.zap_unavailable().unwrap();
    assert_eq!(lenient.status(), Status::Done);

    let mut strict = Handshake::new(Config { zap_enforce_domain: true, ..with_domain(router()) });
    strict.input(&greeted).unwrap();
    strict.output().clear();
    strict.zap_unavailable().unwrap();
    assert_eq!(strict.status(), Status::Rejected);
    assert_eq!(strict.take_event(), Some(HandshakeError::NoDetail(Errno::EFAULT)));
    assert!(strict.output().is_empty());
}

#[test]
fn zap_answers_out_of_place() {
    let unasked = Err(HandshakeError::Silent(Errno::EFSM));
    let mut handshake = Handshake::new(with_domain(router()));
    assert_eq!(handshake.zap_reply(zap_answer("200", "")), unasked);
    assert_eq!(handshake.zap_unavailable(), unasked);
    handshake.input(&greeting(1, "NULL")).unwrap();
    handshake.take_zap_request().unwrap();
    assert_eq!(
        handshake.zap_reply(Vec::new()),
        Err(HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZAP_MALFORMED_REPLY))
    );
}

#[test]
fn truncated_handshakes_wait_and_flipped_bytes_never_panic() {
    let v3 = [greeting(1, "NULL"), ready("DEALER")].concat();
    let v2 = [SIGNATURE, &[1, 5], b"\0\x02ab"].concat();
    let v1 = b"\x03\0ab".to_vec();
    for valid in [v3, v2, v1] {
        for cut in 0..valid.len() {
            let (result, handshake, _) = after(router(), &valid[..cut]);
            assert_eq!(result, Ok(cut));
            assert_eq!(handshake.status(), Status::Working);
            drop(handshake.finish());
        }
        for position in 0..valid.len() {
            for value in [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff] {
                let mut bytes = valid.clone();
                bytes[position] = value;
                bytes.extend([0xff; 80]);
                for config in [router(), with_domain(router())] {
                    for step in [1, 13, bytes.len()] {
                        let _ = feed(&mut Handshake::new(config.clone()), &bytes, step);
                    }
                }
            }
        }
    }
}

#[test]
fn a_stranger_has_little_to_say_to_a_server() {
    for mechanism in
        [MechanismConfig::PlainServer, MechanismConfig::CurveServer(Default::default())]
    {
        let mut bytes = b"\xff\0\0\0\0\0\0\0\0\x7f\x03\x01".to_vec();
        bytes.extend_from_slice(&mechanism.greeting_name());
        bytes.resize(64, 0);
        bytes.extend_from_slice(b"\x06\0\0\0\0\0\0\x04\x01");
        let config = Config { mechanism, ..router() };
        assert_eq!(failure(config, &bytes), HandshakeError::Silent(Errno::EMSGSIZE));
    }
}
