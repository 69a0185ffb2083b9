//! SUB and XSUB.

use super::{texts, Net};
use crate::error::Errno;
use crate::options::constants::*;
use crate::options::value::GetValue;

/// A publisher and a subscriber that is connected to it.
fn one_subscriber(net: &mut Net, publisher: i32, subscriber: i32) -> (usize, usize) {
    let (publisher, subscriber) = (net.socket(publisher), net.socket(subscriber));
    net.connect(subscriber, publisher);
    (publisher, subscriber)
}

#[test]
fn sub_receives_what_it_subscribed_to() {
    let mut net = Net::default();
    let (publisher, sub) = one_subscriber(&mut net, ZMQ_PUB, ZMQ_SUB);
    let options = &net.sockets[sub].core.options;
    assert!(options.filter && options.linger == 0);
    assert_eq!(net.send(sub, b"\x01a", false), Err(Errno::ENOTSUP));
    assert_eq!(net.recv(publisher), Err(Errno::ENOTSUP));
    assert!(!net.has_out(sub) && !net.has_in(sub) && net.has_out(publisher));
    net.say(publisher, &[b"a before"]);
    net.set_bytes(sub, ZMQ_SUBSCRIBE, b"a").unwrap();
    net.set_bytes(sub, ZMQ_SUBSCRIBE, b"a").unwrap();
    net.set_bytes(sub, ZMQ_SUBSCRIBE, b"ab").unwrap();
    // The subscriber counts each time it subscribed, the publisher each topic.
    assert_eq!(net.option(sub, ZMQ_TOPICS_COUNT), Ok(GetValue::State(3)));
    assert_eq!(net.option(publisher, ZMQ_TOPICS_COUNT), Ok(GetValue::State(2)));
    net.say(publisher, &[b"abc", b"xyz"]);
    net.say(publisher, &[b"b", b"a"]);
    net.say(publisher, &[b"a"]);
    assert_eq!(net.hear(sub), texts(&["abc", "xyz"]));
    assert_eq!(net.hear(sub), texts(&["a"]));
    assert_eq!(net.hear(sub), None);
    for _ in 0..2 {
        net.say(publisher, &[b"a"]);
        assert!(net.has_in(sub));
        assert_eq!(net.hear(sub), texts(&["a"]));
        net.set_bytes(sub, ZMQ_UNSUBSCRIBE, b"a").unwrap();
    }
    net.say(publisher, &[b"a"]);
    net.say(publisher, &[b"abacus"]);
    assert_eq!(net.hear(sub), texts(&["abacus"]));
    net.set_bytes(sub, ZMQ_UNSUBSCRIBE, b"ab").unwrap();
    net.set_bytes(sub, ZMQ_UNSUBSCRIBE, b"never").unwrap();
    assert_eq!(net.option(publisher, ZMQ_TOPICS_COUNT), Ok(GetValue::State(0)));
    assert_eq!(net.set(sub, ZMQ_ONLY_FIRST_SUBSCRIBE, 1), Err(Errno::EINVAL));
}

#[test]
fn sub_filters_what_a_publisher_sends_unasked() {
    let mut net = Net::default();
    let (dealer, sub) = one_subscriber(&mut net, ZMQ_DEALER, ZMQ_SUB);
    net.set_bytes(sub, ZMQ_SUBSCRIBE, b"a").unwrap();
    net.say(dealer, &[b"b", b"a", b"a"]);
    net.say(dealer, &[b"a", b"b"]);
    net.say(dealer, &[b"c"]);
    assert!(net.has_in(sub));
    assert_eq!(net.recv(sub), Ok((b"a".to_vec(), true)));
    assert!(net.has_in(sub));
    assert_eq!(net.recv(sub), Ok((b"b".to_vec(), false)));
    assert!(!net.has_in(sub));
    assert_eq!(net.recv(sub), Err(Errno::EAGAIN));
    net.sockets[sub].core.options_mut().invert_matching = true;
    net.say(dealer, &[b"a"]);
    net.say(dealer, &[b"c"]);
    assert_eq!(net.hear(sub), texts(&["c"]));
}

#[test]
fn nothing_is_heard_of_a_message_that_breaks_off_after_a_look_at_it() {
    let mut net = Net::default();
    let (sub, dealers) = (net.socket(ZMQ_SUB), [net.socket(ZMQ_DEALER), net.socket(ZMQ_DEALER)]);
    net.set_bytes(sub, ZMQ_SUBSCRIBE, b"a").unwrap();
    let keys = dealers.map(|dealer| net.connect(dealer, sub).1);
    net.say(dealers[0], &[b"a1", b"a2"]);
    assert!(net.has_in(sub));
    net.end(sub, keys[0]);
    assert_eq!(net.recv(sub), Err(Errno::EAGAIN));
    net.say(dealers[1], &[b"no"]);
    assert!(!net.has_in(sub));
}

#[test]
fn subscriptions_are_sent_to_new_peers_and_again_after_a_hiccup() {
    let mut net = Net::default();
    let (xpub, sub) = (net.socket(ZMQ_XPUB), net.socket(ZMQ_SUB));
    net.set(xpub, ZMQ_XPUB_VERBOSE, 1).unwrap();
    for topic in [b"b", b"a"] {
        net.set_bytes(sub, ZMQ_SUBSCRIBE, topic).unwrap();
    }
    let (_, key) = net.connect(sub, xpub);
    let hear_both = |net: &mut Net| {
        assert_eq!(net.hear(xpub), texts(&["\x01a"]));
        assert_eq!(net.hear(xpub), texts(&["\x01b"]));
        assert_eq!(net.hear(xpub), None);
    };
    hear_both(&mut net);
    net.sockets[xpub].core.pipes.find_mut(key).unwrap().hiccup();
    hear_both(&mut net);
    let late = net.socket(ZMQ_XPUB);
    net.connect(late, sub);
    assert_eq!(net.hear(late), texts(&["\x01a"]));
}

#[test]
fn xsub_subscribes_by_message_and_receives_everything() {
    let mut net = Net::default();
    let (xpub, xsub) = one_subscriber(&mut net, ZMQ_XPUB, ZMQ_XSUB);
    assert!(net.has_out(xsub));
    for body in [&b"\x01a"[..], b"\x01a", b"\x00b", b"\x00a", b"\x00a", b"user", b""] {
        net.say(xsub, &[body]);
    }
    // The second subscription is known there, the first end of it changes nothing here, and "b" was
    // never subscribed to.
    for expected in ["\x01a", "\x00a", "user", ""] {
        assert_eq!(net.hear(xpub), texts(&[expected]));
    }
    assert_eq!(net.hear(xpub), None);
    assert_eq!(net.option(xsub, ZMQ_TOPICS_COUNT), Ok(GetValue::State(0)));
    assert_eq!(net.option(xsub, ZMQ_LINGER), Err(Errno::EINVAL));

    let dealer = net.socket(ZMQ_DEALER);
    net.connect(xsub, dealer);
    net.say(dealer, &[b"any", b"thing"]);
    assert!(net.has_in(xsub));
    assert_eq!(net.hear(xsub), texts(&["any", "thing"]));
    net.hear(dealer);
    net.set(xsub, ZMQ_XSUB_VERBOSE_UNSUBSCRIBE, 1).unwrap();
    net.say(xsub, &[b"\x00b"]);
    assert_eq!(net.hear(dealer).map(|parts| parts.len()), Some(1));
}

#[test]
fn xsub_may_look_at_first_parts_only() {
    let mut net = Net::default();
    let (xpub, xsub) = one_subscriber(&mut net, ZMQ_XPUB, ZMQ_XSUB);
    net.say(xsub, &[b"user", b"\x01a"]);
    assert_eq!(net.option(xsub, ZMQ_TOPICS_COUNT), Ok(GetValue::State(1)));
    assert_eq!(net.hear(xpub), texts(&["user", "\x01a"]));
    for socket in [xpub, xsub] {
        assert_eq!(net.set(socket, ZMQ_ONLY_FIRST_SUBSCRIBE, -1), Err(Errno::EINVAL));
        net.set(socket, ZMQ_ONLY_FIRST_SUBSCRIBE, 1).unwrap();
    }
    net.say(xsub, &[b"user", b"\x01b"]);
    assert_eq!(net.option(xsub, ZMQ_TOPICS_COUNT), Ok(GetValue::State(1)));
    net.say(xsub, &[b"\x01c", b"\x01d"]);
    assert_eq!(net.option(xsub, ZMQ_TOPICS_COUNT), Ok(GetValue::State(3)));
}
