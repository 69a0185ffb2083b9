//! ROUTER and STREAM.

use super::{texts, Net};
use crate::error::Errno;
use crate::options::constants::*;
use crate::options::value::SetValue;
use crate::socket::patterns::Pattern;

fn named(net: &mut Net, socket_type: i32, name: &[u8]) -> usize {
    let socket = net.socket(socket_type);
    net.sockets[socket].core.options_mut().routing_id = name.to_vec();
    socket
}

fn peer_state(net: &mut Net, socket: usize, name: &[u8]) -> Result<i32, Errno> {
    let socket = &mut net.sockets[socket];
    socket.kind.peer_state(&mut socket.core, name)
}

#[test]
fn router_addresses_peers_by_name() {
    let mut net = Net::default();
    let router = net.socket(ZMQ_ROUTER);
    let (anna, nobody) = (named(&mut net, ZMQ_DEALER, b"anna"), net.socket(ZMQ_DEALER));
    net.connect(anna, router);
    net.connect(nobody, router);
    net.say(anna, &[b"a", b"b"]);
    net.say(nobody, &[b"c"]);
    assert!(net.has_in(router));
    assert_eq!(net.recv(router), Ok((b"anna".to_vec(), true)));
    assert!(net.has_in(router));
    assert_eq!(net.recv(router), Ok((b"a".to_vec(), true)));
    assert_eq!(net.recv(router), Ok((b"b".to_vec(), false)));
    let (id, more) = net.recv(router).unwrap();
    assert_eq!((id.len(), id[0], more), (5, 0, true));
    assert_eq!(net.recv(router), Ok((b"c".to_vec(), false)));
    assert_eq!(net.recv(router), Err(Errno::EAGAIN));
    assert!(!net.has_in(router) && net.has_out(router));

    net.say(router, &[&id, b"to nobody"]);
    net.say(router, &[b"anna", b"to", b"anna"]);
    net.say(router, &[b"bert", b"to", b"bert"]);
    net.say(router, &[b"anna"]);
    net.say(router, &[b"anna", b""]);
    assert_eq!(net.hear(nobody), texts(&["to nobody"]));
    assert_eq!(net.hear(anna), texts(&["to", "anna"]));
    assert_eq!(net.hear(anna), texts(&[""]));
    assert_eq!(net.hear(anna), None);
    assert_eq!(peer_state(&mut net, router, b"anna"), Ok(ZMQ_POLLOUT));
    assert_eq!(peer_state(&mut net, router, b"bert"), Err(Errno::EHOSTUNREACH));
    assert_eq!(peer_state(&mut net, anna, b"anna"), Err(Errno::ENOTSUP));
}

#[test]
fn a_mandatory_router_says_why_it_cannot_send() {
    let mut net = Net::default();
    let (router, dealer) = (net.socket(ZMQ_ROUTER), named(&mut net, ZMQ_DEALER, b"d"));
    net.set(router, ZMQ_ROUTER_MANDATORY, 1).unwrap();
    assert!(!net.has_out(router));
    assert_eq!(net.send(router, b"d", true), Err(Errno::EHOSTUNREACH));
    let (_, key) = net.connect_hwm(router, dealer, 2);
    net.say(router, &[b"d", b"1"]);
    net.say(router, &[b"d", b"2"]);
    assert!(!net.has_out(router));
    assert_eq!(net.send(router, b"d", true), Err(Errno::EAGAIN));
    assert_eq!(peer_state(&mut net, router, b"d"), Ok(0));
    assert_eq!(net.hear(dealer), texts(&["1"]));
    assert!(net.has_out(router));
    net.say(router, &[b"d", b"3"]);
    net.say(dealer, &[b"unread"]);
    net.end(dealer, key);
    net.settle();
    assert_eq!(net.send(router, b"d", true), Err(Errno::EHOSTUNREACH));
    assert_eq!(net.hear(router), texts(&["d", "unread"]));
    assert_eq!((net.hear(router), net.pipes(router)), (None, 0));
    assert_eq!(net.send(router, b"d", true), Err(Errno::EHOSTUNREACH));
    // Without the option, the message to a full or dead peer is dropped.
    net.set(router, ZMQ_ROUTER_MANDATORY, 0).unwrap();
    net.connect_hwm(router, dealer, 1);
    net.say(router, &[b"d", b"kept"]);
    net.say(router, &[b"d", b"dropped", b"too"]);
    assert_eq!(net.hear(dealer), texts(&["kept"]));
    assert_eq!(net.hear(dealer), None);
}

#[test]
fn a_second_peer_of_the_same_name_is_ignored_and_leaves_nothing_behind() {
    let mut net = Net::default();
    let router = net.socket(ZMQ_ROUTER);
    let twins = [0; 2].map(|_| named(&mut net, ZMQ_DEALER, b"twin"));
    let keys = twins.map(|twin| net.connect(twin, router).0);
    for _ in 0..3 {
        net.say(twins[1], &[b"here", b"I am"]);
    }
    assert_eq!(net.hear(router), None);
    net.say(router, &[b"twin", b"hello"]);
    assert_eq!((net.hear(twins[0]), net.hear(twins[1])), (texts(&["hello"]), None));
    net.end(twins[1], keys[1]);
    net.settle();
    assert_eq!(net.pipes(router), 1);
    net.end(twins[0], keys[0]);
    net.settle();
    net.connect(twins[1], router);
    net.say(router, &[b"twin", b"hello"]);
    assert_eq!(net.hear(twins[1]), texts(&["hello"]));
}

#[test]
fn handover_gives_the_name_to_the_newcomer() {
    let mut net = Net::default();
    let router = net.socket(ZMQ_ROUTER);
    net.set(router, ZMQ_ROUTER_HANDOVER, 1).unwrap();
    let twins = [0; 3].map(|_| named(&mut net, ZMQ_DEALER, b"twin"));
    net.connect(twins[0], router);
    net.say(twins[0], &[b"lost"]);
    net.connect(twins[1], router);
    assert_eq!((net.pipes(router), net.pipes(twins[0])), (1, 0));
    net.say(router, &[b"twin", b"hello"]);
    assert_eq!(net.hear(twins[1]), texts(&["hello"]));
    // A message being received is finished first.
    net.say(twins[1], &[b"1", b"2"]);
    assert_eq!(net.recv(router), Ok((b"twin".to_vec(), true)));
    net.connect(twins[2], router);
    assert_eq!(net.recv(router), Ok((b"1".to_vec(), true)));
    assert_eq!(net.pipes(router), 2);
    assert_eq!(net.recv(router), Ok((b"2".to_vec(), false)));
    net.settle();
    assert_eq!((net.pipes(router), net.pipes(twins[1])), (1, 0));
    net.say(twins[2], &[b"mine"]);
    assert_eq!(net.hear(router), texts(&["twin", "mine"]));
}

#[test]
fn a_name_may_be_given_to_the_peer_that_is_connected_to() {
    let mut net = Net::default();
    let (router, dealer, other) =
        (net.socket(ZMQ_ROUTER), named(&mut net, ZMQ_DEALER, b"d"), net.socket(ZMQ_DEALER));
    assert_eq!(net.set_bytes(router, ZMQ_CONNECT_ROUTING_ID, b""), Err(Errno::EINVAL));
    let socket = &mut net.sockets[router];
    let null = SetValue::null(3);
    let set = socket.kind.set_option(&mut socket.core, ZMQ_CONNECT_ROUTING_ID, null);
    assert_eq!(set, Err(Errno::EINVAL));
    net.set_bytes(router, ZMQ_CONNECT_ROUTING_ID, b"friend").unwrap();
    // It is not for those who connect to us.
    net.connect(other, router);
    net.connect(router, dealer);
    net.say(router, &[b"friend", b"hello"]);
    assert_eq!(net.hear(dealer), texts(&["hello"]));
    net.say(dealer, &[b"hi"]);
    assert_eq!(net.hear(router), texts(&["friend", "hi"]));
    // A name in use cannot be given again.
    net.set_bytes(router, ZMQ_CONNECT_ROUTING_ID, b"friend").unwrap();
    let third = named(&mut net, ZMQ_DEALER, b"third");
    net.connect(router, third);
    net.say(router, &[b"third", b"hello"]);
    assert_eq!(net.hear(third), texts(&["hello"]));
}

#[test]
fn router_options_have_their_ranges() {
    let mut net = Net::default();
    let router = net.socket(ZMQ_ROUTER);
    for option in [ZMQ_ROUTER_RAW, ZMQ_ROUTER_MANDATORY, ZMQ_PROBE_ROUTER, ZMQ_ROUTER_HANDOVER] {
        assert_eq!(net.set(router, option, -1), Err(Errno::EINVAL));
        assert_eq!(net.set_bytes(router, option, b"\x01"), Err(Errno::EINVAL));
        net.set(router, option, 0).unwrap();
        net.set(router, option, 7).unwrap();
    }
    assert_eq!(net.set(router, ZMQ_ROUTER_NOTIFY, 4), Err(Errno::EINVAL));
    net.set(router, ZMQ_ROUTER_NOTIFY, 3).unwrap();
    assert_eq!(net.set(router, ZMQ_SNDHWM, 3), Err(Errno::EINVAL));
    let options = &net.sockets[router].core.options;
    assert!(options.raw_socket && !options.recv_routing_id && options.router_notify == 3);
}

#[test]
fn a_probe_tells_a_router_who_is_there() {
    let mut net = Net::default();
    let (router, other) = (net.socket(ZMQ_ROUTER), named(&mut net, ZMQ_ROUTER, b"other"));
    net.set(other, ZMQ_PROBE_ROUTER, 1).unwrap();
    net.connect(other, router);
    assert_eq!(net.hear(router), texts(&["other", ""]));
}

#[test]
fn a_message_broken_off_does_not_shift_what_follows() {
    let mut net = Net::default();
    let router = net.socket(ZMQ_ROUTER);
    for (seen, expected) in [(0, 2), (1, 1), (2, 1), (3, 0)] {
        let (one, other) = (named(&mut net, ZMQ_DEALER, b"1"), named(&mut net, ZMQ_DEALER, b"2"));
        let (_, key) = net.connect(one, router);
        net.connect(other, router);
        net.say(one, &[b"a", b"b", b"c"]);
        assert!(net.has_in(router));
        for _ in 0..seen {
            assert!(net.recv(router).unwrap().1);
        }
        net.end(router, key);
        net.say(other, &[b"whole"]);
        if expected == 1 && seen == 1 {
            // The application has the name already: it gets what came with it.
            assert_eq!(net.recv(router), Ok((b"a".to_vec(), false)));
        }
        assert_eq!(net.hear(router), texts(&["2", "whole"]));
        assert!(!net.has_in(router));
        for key in net.sockets[router].core.pipes.keys() {
            net.end(router, key);
        }
    }
}

#[test]
fn the_parts_of_a_message_to_a_peer_that_goes_are_dropped() {
    let mut net = Net::default();
    let (router, dealer) = (net.socket(ZMQ_ROUTER), named(&mut net, ZMQ_DEALER, b"d"));
    let (key, _) = net.connect(dealer, router);
    net.send(router, b"d", true).unwrap();
    net.send(router, b"1", true).unwrap();
    net.end(dealer, key);
    net.settle();
    net.say(router, &[b"2"]);
    net.connect(dealer, router);
    net.say(router, &[b"d", b"whole"]);
    assert_eq!(net.hear(dealer), texts(&["whole"]));
}

#[test]
fn stream_names_its_connections() {
    let mut net = Net::default();
    let (stream, bytes) = (net.socket(ZMQ_STREAM), net.socket(ZMQ_DEALER));
    let (_, key) = net.connect_hwm(stream, bytes, 2);
    let id = net.sockets[stream].core.options.routing_id.clone();
    assert_eq!((id.len(), id[0]), (5, 0));
    net.say(bytes, &[b"hello"]);
    assert!(net.has_in(stream));
    assert_eq!(net.recv(stream), Ok((id.clone(), true)));
    assert_eq!(net.recv(stream), Ok((b"hello".to_vec(), false)));
    assert_eq!(net.recv(stream), Err(Errno::EAGAIN));
    assert!(!net.has_in(stream) && net.has_out(stream));
    net.say(bytes, &[b"again"]);
    assert_eq!(net.hear(stream).unwrap(), [id.clone(), b"again".to_vec()]);

    assert_eq!(net.send(stream, b"nobody", true), Err(Errno::EHOSTUNREACH));
    // The second part is the last one, whatever its flag says.
    net.send(stream, &id, true).unwrap();
    net.send(stream, b"1", true).unwrap();
    net.say(stream, &[&id, b"2"]);
    assert_eq!(net.send(stream, &id, true), Err(Errno::EAGAIN));
    assert_eq!((net.hear(bytes), net.hear(bytes)), (texts(&["1"]), texts(&["2"])));
    // An address without a message, and then what follows it, is dropped.
    net.send(stream, &id, false).unwrap();
    net.send(stream, b"dropped", false).unwrap();
    assert_eq!(net.hear(bytes), None);
    net.say(stream, &[&id, b""]);
    assert_eq!((net.pipes(stream), net.pipes(bytes)), (0, 0));
    assert_eq!(net.send(stream, &id, true), Err(Errno::EHOSTUNREACH));
    let _ = key;
}

#[test]
fn stream_options() {
    let mut net = Net::default();
    let (stream, bytes) = (net.socket(ZMQ_STREAM), net.socket(ZMQ_DEALER));
    assert_eq!(net.set(stream, ZMQ_STREAM_NOTIFY, 2), Err(Errno::EINVAL));
    net.set(stream, ZMQ_STREAM_NOTIFY, 0).unwrap();
    assert!(!net.sockets[stream].core.options.raw_notify);
    for _ in 0..2 {
        net.set_bytes(stream, ZMQ_CONNECT_ROUTING_ID, b"server").unwrap();
        net.connect(stream, bytes);
    }
    net.say(stream, &[b"server", b"hello"]);
    assert_eq!(net.hear(bytes), texts(&["hello"]));
    assert_eq!(net.pipes(stream), 2);
}
