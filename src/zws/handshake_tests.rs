use super::*;
use crate::options::constants::*;

fn config(socket_type: i32, routing_id: &[u8]) -> Config {
    let mut config = Config::new(socket_type);
    config.routing_id = routing_id.to_vec();
    config.recv_routing_id = true;
    config
}

fn client() -> Handshake {
    let resource = Resource { host: "h:1".into(), path: "/".into() };
    Handshake::client(config(ZMQ_DEALER, b"client"), &resource)
}

fn server() -> Handshake {
    Handshake::server(config(ZMQ_ROUTER, b"server"))
}

fn take(shake: &mut Handshake) -> Vec<u8> {
    core::mem::take(shake.output())
}

/// Passes bytes to and fro, `step` at a time, until both ends are through.
fn run(client: &mut Handshake, server: &mut Handshake, step: usize) {
    for _ in 0..10 {
        for part in take(client).chunks(step) {
            server.input(part).unwrap();
        }
        for part in take(server).chunks(step) {
            client.input(part).unwrap();
        }
    }
    assert_eq!(client.status(), Status::Done);
    assert_eq!(server.status(), Status::Done);
}

/// A request as written by hand.
fn request(protocols: &str) -> Vec<u8> {
    format!(
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: x\r\nSec-WebSocket-Protocol: {protocols}\r\n\r\n"
    )
    .into_bytes()
}

fn masked(write: impl Fn(Option<&mut Masks>, &mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(Some(&mut Masks::new()), &mut out);
    out
}

#[test]
fn both_ends_come_through_however_the_bytes_are_cut() {
    for step in [1, 2, 7, 100, 10_000] {
        let (mut client, mut server) = (client(), server());
        run(&mut client, &mut server, step);
        let (of_server, of_client) = (client.finish(), server.finish());
        assert_eq!(of_server.version, Version::V3_0);
        assert_eq!(of_server.socket_type.as_deref(), Some(&b"ROUTER"[..]));
        assert_eq!(of_server.routing_id, b"server");
        assert_eq!(of_client.routing_id, b"client");
    }
}

#[test]
fn a_peer_without_mechanism_sends_its_routing_id() {
    let mut server = server();
    let mut bytes = request("ZWS2.0");
    bytes.extend(masked(|masks, out| frame::append_data(masks, 0, b"me", out)));
    bytes.extend_from_slice(b"rest");
    server.input(&bytes).unwrap();
    assert_eq!(server.status(), Status::Done);
    assert!(take(&mut server).ends_with(b"Sec-WebSocket-Protocol: ZWS2.0\r\n\r\n\x82\x07\0server"));
    assert_eq!(server.take_rest(), b"rest");
    let peer = server.finish();
    assert_eq!((peer.version, &peer.routing_id[..]), (Version::V2_0, &b"me"[..]));
    assert!(peer.properties.is_empty());
}

#[test]
fn what_follows_the_handshake_is_kept() {
    let (mut client, mut server) = (client(), server());
    server.input(&take(&mut client)).unwrap();
    client.input(&take(&mut server)).unwrap();
    let mut last = take(&mut client);
    last.extend_from_slice(b"\x82\x80");
    server.input(&last).unwrap();
    assert_eq!(server.status(), Status::Done);
    assert_eq!(server.take_rest(), b"\x82\x80");
}

#[test]
fn zap_is_asked_and_not_to_be_bypassed() {
    let mut strict = config(ZMQ_ROUTER, b"");
    strict.zap_domain = b"D".to_vec();
    let mut server = Handshake::server(strict.clone());
    assert_eq!(server.input(&request("ZWS2.0")), Err(REFUSED));
    let (mut client, mut server) = (client(), Handshake::server(strict));
    server.input(&take(&mut client)).unwrap();
    assert_eq!(server.status(), Status::WaitingForZap);
    client.input(&take(&mut server)).unwrap();
    // A ping is answered meanwhile, and a message would be too early.
    server.input(&take(&mut client)).unwrap();
    server.input(&masked(frame::append_ping)).unwrap();
    assert_eq!(take(&mut server), b"\x8a\0");
    assert!(server.take_zap_request().is_some());
    let early = masked(|masks, out| frame::append_data(masks, 0, b"x", out));
    assert_eq!(server.input(&early), Err(HandshakeError::UNEXPECTED_COMMAND));
}

#[test]
fn a_refused_client_is_told_and_a_server_is_not() {
    let mut server = server();
    assert_eq!(server.input(&request("chat")), Err(REFUSED));
    assert!(server.output().starts_with(b"HTTP/1.1 400 "));
    let mut server = self::server();
    assert_eq!(server.input(b"GEX"), Err(REFUSED));
    assert_eq!(self::client().input(b"\xff"), Err(REFUSED));
    let mut client = client();
    take(&mut client);
    assert_eq!(client.input(b"HTTP/1.1 404 Not Found\r\n\r\n"), Err(REFUSED));
    assert!(client.output().is_empty());
}

#[test]
fn a_head_without_an_end_is_refused() {
    let mut server = server();
    let mut taken = 0;
    let outcome = loop {
        let bytes = if taken == 0 { format!("GET {}", "a".repeat(996)) } else { "a".repeat(1000) };
        match server.input(bytes.as_bytes()) {
            Ok(()) => taken += 1000,
            error => break error,
        }
    };
    assert_eq!(outcome, Err(REFUSED));
    assert!(taken <= upgrade::HEAD_MAX);
    assert!(server.output().starts_with(b"HTTP/1.1 431 "));
}

#[test]
fn frames_that_end_the_handshake() {
    let cases = [
        masked(|masks, out| frame::append_close(masks, b"", out)),
        masked(|masks, out| frame::append_data(masks, COMMAND, b"\x05HELLO", out)),
        b"\x82\x01\0".to_vec(),
        b"\x81\x81\0\0\0\0a".to_vec(),
        b"\x82\xff\0\0\0\0\0\x20\0\0\0\0\0\0".to_vec(),
        masked(frame::append_ping).repeat(1 + PINGS_MAX as usize),
    ];
    for bytes in cases {
        let mut server = server();
        server.input(&request("ZWS2.0/NULL")).unwrap();
        assert!(server.input(&bytes).is_err(), "{bytes:x?}");
    }
}
