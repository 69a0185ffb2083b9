//! RADIO, DISH and DGRAM.

use super::*;
use crate::error::Errno;
use crate::options::constants::*;

/// What was received of a group: its name and the body.
type Heard = (Vec<u8>, Vec<u8>);

impl Net {
    fn send_to_group(&mut self, radio: usize, group: &[u8], body: &[u8]) -> Result<()> {
        let mut message = Message::copy_of(body)?;
        message.set_group(group)?;
        let Socket { core, kind } = &mut self.sockets[radio];
        let sent = kind.send(core, &mut message);
        self.reap(radio);
        self.settle();
        sent
    }

    fn hear_group(&mut self, dish: usize) -> Option<Heard> {
        self.settle();
        let mut message = Message::new();
        let Socket { core, kind } = &mut self.sockets[dish];
        kind.recv(core, &mut message).ok()?;
        let heard = (message.group().to_vec(), message.data().to_vec());
        assert!(!message.has_more());
        Some(heard)
    }

    fn join(&mut self, dish: usize, group: &[u8]) -> Result<()> {
        let Socket { core, kind } = &mut self.sockets[dish];
        let done = kind.join(core, group);
        self.settle();
        done
    }

    fn leave(&mut self, dish: usize, group: &[u8]) -> Result<()> {
        let Socket { core, kind } = &mut self.sockets[dish];
        let done = kind.leave(core, group);
        self.settle();
        done
    }
}

fn heard(group: &[u8], body: &[u8]) -> Option<Heard> {
    Some((group.to_vec(), body.to_vec()))
}

#[test]
fn messages_reach_those_who_joined_their_group() {
    let mut net = Net::default();
    let (radio, one, other) = (net.socket(ZMQ_RADIO), net.socket(ZMQ_DISH), net.socket(ZMQ_DISH));
    net.join(one, b"early").unwrap();
    net.connect(radio, one);
    net.connect(other, radio);
    net.join(other, b"late").unwrap();
    for group in [&b"early"[..], b"late", b"none", b"earl", b""] {
        net.send_to_group(radio, group, b"body").unwrap();
    }
    assert_eq!(net.hear_group(one), heard(b"early", b"body"));
    assert_eq!(net.hear_group(one), None);
    assert_eq!(net.hear_group(other), heard(b"late", b"body"));
    assert_eq!(net.hear_group(other), None);
    net.leave(other, b"late").unwrap();
    net.send_to_group(radio, b"late", b"too late").unwrap();
    assert!(!net.has_in(other));
}

#[test]
fn a_message_on_its_way_is_dropped_when_its_group_was_left() {
    let mut net = Net::default();
    let (radio, dish) = (net.socket(ZMQ_RADIO), net.socket(ZMQ_DISH));
    net.connect(radio, dish);
    net.join(dish, b"left").unwrap();
    net.join(dish, b"kept").unwrap();
    net.send_to_group(radio, b"left", b"1").unwrap();
    net.send_to_group(radio, b"kept", b"2").unwrap();
    net.leave(dish, b"left").unwrap();
    assert!(net.has_in(dish));
    assert_eq!(net.hear_group(dish), heard(b"kept", b"2"));
}

#[test]
fn groups_are_joined_once_and_have_bounded_names() {
    let mut net = Net::default();
    let (radio, dish) = (net.socket(ZMQ_RADIO), net.socket(ZMQ_DISH));
    net.connect(dish, radio);
    let longest = [b'g'; 255];
    net.join(dish, &longest).unwrap();
    assert_eq!(net.join(dish, &longest), Err(Errno::EINVAL));
    assert_eq!(net.join(dish, &[b'g'; 256]), Err(Errno::EINVAL));
    assert_eq!(net.leave(dish, b"unknown"), Err(Errno::EINVAL));
    assert_eq!(net.join(radio, b"any"), Err(Errno::ENOTSUP));
    assert_eq!(net.leave(radio, b"any"), Err(Errno::ENOTSUP));
    net.send_to_group(radio, &longest, &[7; 100]).unwrap();
    assert_eq!(net.hear_group(dish), heard(&longest, &[7; 100]));
}

#[test]
fn parts_are_refused_and_each_side_does_one_thing() {
    let mut net = Net::default();
    let (radio, dish) = (net.socket(ZMQ_RADIO), net.socket(ZMQ_DISH));
    net.connect(dish, radio);
    assert_eq!(net.send(radio, b"part", true), Err(Errno::EINVAL));
    assert_eq!(net.send(dish, b"up", false), Err(Errno::ENOTSUP));
    assert_eq!(net.recv(radio), Err(Errno::ENOTSUP));
    assert_eq!(net.recv(dish), Err(Errno::EAGAIN));
    assert!(!net.has_in(radio) && net.has_out(radio) && net.has_out(dish));
}

#[test]
fn a_radio_drops_what_finds_no_room_unless_told_to_wait() {
    let mut net = Net::default();
    let (radio, dish) = (net.socket(ZMQ_RADIO), net.socket(ZMQ_DISH));
    net.join(dish, b"G").unwrap();
    net.connect_hwm(radio, dish, 2);
    for body in [b"1", b"2", b"3"] {
        net.send_to_group(radio, b"G", body).unwrap();
    }
    assert_eq!(net.hear_group(dish), heard(b"G", b"1"));
    assert_eq!(net.hear_group(dish), heard(b"G", b"2"));
    assert_eq!(net.hear_group(dish), None);

    let (radio, dish) = (net.socket(ZMQ_RADIO), net.socket(ZMQ_DISH));
    net.set(radio, ZMQ_XPUB_NODROP, 1).unwrap();
    net.join(dish, b"G").unwrap();
    net.connect_hwm(radio, dish, 2);
    net.send_to_group(radio, b"G", b"4").unwrap();
    net.send_to_group(radio, b"G", b"5").unwrap();
    assert_eq!(net.send_to_group(radio, b"G", b"6"), Err(Errno::EAGAIN));
    assert_eq!(net.hear_group(dish), heard(b"G", b"4"));
    assert_eq!(net.hear_group(dish), heard(b"G", b"5"));
    net.settle();
    net.send_to_group(radio, b"G", b"6").unwrap();
    assert_eq!(net.hear_group(dish), heard(b"G", b"6"));
}

#[test]
fn a_peer_that_is_gone_gets_nothing_and_its_key_may_be_reused() {
    let mut net = Net::default();
    let (radio, dish) = (net.socket(ZMQ_RADIO), net.socket(ZMQ_DISH));
    net.join(dish, b"G").unwrap();
    let (key, _) = net.connect(radio, dish);
    net.end(radio, key);
    net.settle();
    let other = net.socket(ZMQ_DISH);
    assert_eq!(net.connect(radio, other).0, key);
    net.send_to_group(radio, b"G", b"x").unwrap();
    assert!(!net.has_in(other) && !net.has_in(dish));
}

#[test]
fn a_dish_drops_what_is_no_message_of_a_group() {
    let mut net = Net::default();
    let (push, dish) = (net.socket(ZMQ_PUSH), net.socket(ZMQ_DISH));
    net.join(dish, b"G").unwrap();
    net.connect(push, dish);
    net.say(push, &[b"alone"]);
    net.say(push, &[b"G", b"part", b"part"]);
    net.say(push, &[&[b'G'; 256], b"body"]);
    net.say(push, &[b"G", b"body"]);
    assert_eq!(net.hear_group(dish), heard(b"G", b"body"));
    assert_eq!(net.hear_group(dish), None);
}

#[test]
fn a_datagram_is_an_address_and_a_body() {
    let mut net = Net::default();
    let (one, other) = (net.socket(ZMQ_DGRAM), net.socket(ZMQ_DGRAM));
    assert_eq!(net.send(one, b"address", true), Err(Errno::EAGAIN));
    net.connect(one, other);
    assert_eq!(net.send(one, b"alone", false), Err(Errno::EINVAL));
    net.send(one, b"address", true).unwrap();
    assert_eq!(net.send(one, b"third", true), Err(Errno::EINVAL));
    assert!(!net.has_in(other));
    net.send(one, b"body", false).unwrap();
    assert_eq!(net.hear(other), texts(&["address", "body"]));
    assert_eq!(net.recv(other), Err(Errno::EAGAIN));
    let third = net.socket(ZMQ_DGRAM);
    net.connect(third, other);
    assert_eq!((net.pipes(other), net.pipes(third)), (1, 0));
}
