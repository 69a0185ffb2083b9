//! The kinds whose messages have one part: SERVER, CLIENT, PEER, SCATTER, GATHER, CHANNEL.

use super::*;
use crate::error::Errno;
use crate::options::constants::*;

impl Net {
    /// Receives a message together with its sender's number.
    fn hear_from(&mut self, socket: usize) -> Option<(u32, Vec<u8>)> {
        self.settle();
        let mut message = Message::new();
        let Socket { core, kind } = &mut self.sockets[socket];
        kind.recv(core, &mut message).ok()?;
        Some((message.routing_id(), message.data().to_vec()))
    }

    fn send_to(&mut self, socket: usize, number: u32, body: &[u8]) -> Result<()> {
        let mut message = Message::copy_of(body)?;
        message.set_routing_id(number);
        let Socket { core, kind } = &mut self.sockets[socket];
        let sent = kind.send(core, &mut message);
        self.reap(socket);
        self.settle();
        sent
    }
}

#[test]
fn a_server_answers_whom_it_heard() {
    let mut net = Net::default();
    let (server, one, other) =
        (net.socket(ZMQ_SERVER), net.socket(ZMQ_CLIENT), net.socket(ZMQ_CLIENT));
    net.connect(one, server);
    net.connect(other, server);
    net.say(one, &[b"from one"]);
    net.say(other, &[b"from other"]);
    let first = net.hear_from(server).unwrap();
    let second = net.hear_from(server).unwrap();
    assert_eq!((&first.1[..], &second.1[..]), (&b"from one"[..], &b"from other"[..]));
    assert!(first.0 != 0 && second.0 != 0 && first.0 != second.0);
    net.send_to(server, second.0, b"to other").unwrap();
    net.send_to(server, first.0, b"to one").unwrap();
    assert_eq!(net.hear_from(one), Some((0, b"to one".to_vec())));
    assert_eq!(net.hear_from(other), Some((0, b"to other".to_vec())));
}

#[test]
fn a_server_knows_nobody_by_other_numbers() {
    let mut net = Net::default();
    let (server, client) = (net.socket(ZMQ_SERVER), net.socket(ZMQ_CLIENT));
    let (_, key) = net.connect(client, server);
    net.say(client, &[b"hello"]);
    let (number, _) = net.hear_from(server).unwrap();
    assert_eq!(net.send_to(server, 0, b""), Err(Errno::EHOSTUNREACH));
    assert_eq!(net.send_to(server, number.wrapping_add(1), b""), Err(Errno::EHOSTUNREACH));
    net.end(server, key);
    assert_eq!(net.send_to(server, number, b""), Err(Errno::EHOSTUNREACH));
    assert!(net.has_out(server));
}

#[test]
fn a_full_peer_holds_nobody_else_up() {
    let mut net = Net::default();
    let (server, one, other) =
        (net.socket(ZMQ_SERVER), net.socket(ZMQ_CLIENT), net.socket(ZMQ_CLIENT));
    net.connect_hwm(server, one, 1);
    net.connect(server, other);
    net.say(one, &[b"1"]);
    net.say(other, &[b"2"]);
    let first = net.hear_from(server).unwrap().0;
    let second = net.hear_from(server).unwrap().0;
    net.send_to(server, first, b"a").unwrap();
    assert_eq!(net.send_to(server, first, b"b"), Err(Errno::EAGAIN));
    net.send_to(server, second, b"c").unwrap();
    assert_eq!(net.hear_from(one), Some((0, b"a".to_vec())));
    net.settle();
    net.send_to(server, first, b"b").unwrap();
}

#[test]
fn a_client_sends_round_and_waits_without_peers() {
    let mut net = Net::default();
    let (client, one, other) =
        (net.socket(ZMQ_CLIENT), net.socket(ZMQ_SERVER), net.socket(ZMQ_SERVER));
    assert_eq!(net.send(client, b"x", false), Err(Errno::EAGAIN));
    assert!(!net.has_out(client));
    net.connect(client, one);
    net.connect(client, other);
    net.say(client, &[b"1"]);
    net.say(client, &[b"2"]);
    assert_eq!(net.hear_from(one).unwrap().1, b"1");
    assert_eq!(net.hear_from(other).unwrap().1, b"2");
}

#[test]
fn a_peer_names_the_latest_connection_and_can_speak_first() {
    let mut net = Net::default();
    let (one, other) = (net.socket(ZMQ_PEER), net.socket(ZMQ_PEER));
    net.connect(one, other);
    let Kind::Peer(peer) = &net.sockets[one].kind else { panic!("no PEER") };
    let number = peer.latest;
    net.send_to(one, number, b"first").unwrap();
    let (back, body) = net.hear_from(other).unwrap();
    assert_eq!(body, b"first");
    net.send_to(other, back, b"second").unwrap();
    assert_eq!(net.hear_from(one), Some((number, b"second".to_vec())));
}

#[test]
fn parts_are_refused() {
    let mut net = Net::default();
    for (from, to) in [
        (ZMQ_SERVER, ZMQ_CLIENT),
        (ZMQ_CLIENT, ZMQ_SERVER),
        (ZMQ_PEER, ZMQ_PEER),
        (ZMQ_SCATTER, ZMQ_GATHER),
        (ZMQ_CHANNEL, ZMQ_CHANNEL),
    ] {
        let (from, to) = (net.socket(from), net.socket(to));
        net.connect(from, to);
        assert_eq!(net.send(from, b"part", true), Err(Errno::EINVAL));
    }
    let (scatter, gather) = (net.socket(ZMQ_SCATTER), net.socket(ZMQ_GATHER));
    net.connect(scatter, gather);
    assert_eq!(net.recv(scatter), Err(Errno::ENOTSUP));
    assert_eq!(net.send(gather, b"up", false), Err(Errno::ENOTSUP));
}

#[test]
fn a_message_of_several_parts_is_dropped_whole() {
    for kind in [ZMQ_SERVER, ZMQ_CLIENT, ZMQ_PEER, ZMQ_GATHER, ZMQ_CHANNEL] {
        let mut net = Net::default();
        let (stranger, socket) = (net.socket(ZMQ_PAIR), net.socket(kind));
        net.connect(stranger, socket);
        net.say(stranger, &[b"1", b"2", b"3"]);
        net.say(stranger, &[b"4", b"5"]);
        net.say(stranger, &[b"whole"]);
        net.say(stranger, &[b"6", b"7"]);
        assert_eq!(net.hear(socket), texts(&["whole"]), "{kind}");
        assert_eq!(net.recv(socket), Err(Errno::EAGAIN));
    }
}

#[test]
fn a_channel_has_one_peer() {
    let mut net = Net::default();
    let (one, other, third) =
        (net.socket(ZMQ_CHANNEL), net.socket(ZMQ_CHANNEL), net.socket(ZMQ_CHANNEL));
    net.connect(one, other);
    net.connect(third, one);
    assert_eq!((net.pipes(one), net.pipes(third)), (1, 0));
    net.say(one, &[b"there"]);
    net.say(other, &[b"back"]);
    assert_eq!(net.hear(other), texts(&["there"]));
    assert_eq!(net.hear(one), texts(&["back"]));
}
