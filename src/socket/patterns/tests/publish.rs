//! PUB and XPUB.

use super::{texts, Net};
use crate::error::Errno;
use crate::options::constants::*;
use crate::options::value::{GetValue, SetValue};
use crate::pipe::PipeLimits;
use crate::socket::patterns::xpub::inbox::LIMIT;
use crate::socket::patterns::Pattern;

fn topics(net: &mut Net, socket: usize) -> i32 {
    match net.option(socket, ZMQ_TOPICS_COUNT) {
        Ok(GetValue::State(count)) => count,
        other => panic!("{other:?}"),
    }
}

/// Subscribers connected to a publisher through pipes that hold `outbound` messages.
fn subscribers<const N: usize>(net: &mut Net, publisher: usize, outbound: i32) -> [usize; N] {
    [0; N].map(|_| {
        let sub = net.socket(ZMQ_SUB);
        let limits = PipeLimits { inbound: outbound, outbound: 0, conflate: false };
        net.connect_with(sub, publisher, limits);
        sub
    })
}

/// Subscribers to everything, that follow a log.
fn followers<const N: usize>(net: &mut Net, publisher: usize) -> [usize; N] {
    let subs = subscribers(net, publisher, 0);
    for sub in subs {
        net.set_bytes(sub, ZMQ_SUBSCRIBE, b"").unwrap();
    }
    for _ in 0..40 {
        net.say(publisher, &[b"."]);
    }
    for sub in subs {
        (0..40).for_each(|_| assert_eq!(net.hear(sub), texts(&["."])));
        assert_eq!(net.hear(sub), None);
    }
    subs
}

/// The subscriber ends its only pipe.
fn leave(net: &mut Net, sub: usize) {
    let key = net.sockets[sub].core.pipes.keys()[0];
    net.end(sub, key);
    net.settle();
}

#[test]
fn every_subscriber_gets_its_own_copy() {
    let mut net = Net::default();
    let publisher = net.socket(ZMQ_PUB);
    net.say(publisher, &[b"nobody listens"]);
    let subs: [usize; 3] = subscribers(&mut net, publisher, 0);
    for (sub, topic) in subs.into_iter().zip([&b"a"[..], b"ab", b""]) {
        net.set_bytes(sub, ZMQ_SUBSCRIBE, topic).unwrap();
    }
    // One body that is copied, one that travels by reference.
    for len in [10, 100_000] {
        let long = vec![b'a'; len];
        net.say(publisher, &[&long, b"tail"]);
        assert_eq!(net.hear(subs[0]).unwrap(), [long.clone(), b"tail".to_vec()]);
        assert_eq!(net.hear(subs[1]), None);
        assert_eq!(net.hear(subs[2]).unwrap(), [long, b"tail".to_vec()]);
    }
    net.sockets[publisher].core.options_mut().invert_matching = true;
    net.sockets[subs[1]].core.options_mut().invert_matching = true;
    net.say(publisher, &[b"ac"]);
    assert_eq!((net.hear(subs[0]), net.hear(subs[2])), (None, None));
    assert_eq!(net.hear(subs[1]), texts(&["ac"]));
}

#[test]
fn a_full_subscriber_misses_whole_messages() {
    let mut net = Net::default();
    let publisher = net.socket(ZMQ_PUB);
    let [narrow] = subscribers(&mut net, publisher, 2);
    let [wide] = subscribers(&mut net, publisher, 0);
    for sub in [narrow, wide] {
        net.set_bytes(sub, ZMQ_SUBSCRIBE, b"").unwrap();
    }
    for text in [b"1", b"2", b"3"] {
        net.say(publisher, &[text, b"."]);
    }
    // Room that comes in the middle of a message is for the next one.
    net.send(publisher, b"4", true).unwrap();
    assert_eq!(net.hear(narrow), texts(&["1", "."]));
    net.say(publisher, &[b"."]);
    net.say(publisher, &[b"5", b"."]);
    assert_eq!(net.hear(narrow), texts(&["2", "."]));
    assert_eq!(net.hear(narrow), texts(&["5", "."]));
    let heard: Vec<_> = (0..5).map(|_| net.hear(wide).unwrap().remove(0)).collect();
    assert_eq!(heard, [b"1", b"2", b"3", b"4", b"5"]);
}

#[test]
fn pipes_that_come_and_go_in_the_middle_of_a_message() {
    let mut net = Net::default();
    let publisher = net.socket(ZMQ_PUB);
    let subs: [usize; 3] = subscribers(&mut net, publisher, 0);
    for sub in subs {
        net.set_bytes(sub, ZMQ_SUBSCRIBE, b"").unwrap();
    }
    net.send(publisher, b"1", true).unwrap();
    leave(&mut net, subs[0]);
    let [late] = subscribers(&mut net, publisher, 0);
    net.set_bytes(late, ZMQ_SUBSCRIBE, b"").unwrap();
    net.say(publisher, &[b"2"]);
    net.say(publisher, &[b"next"]);
    for sub in [subs[1], subs[2]] {
        assert_eq!(net.hear(sub), texts(&["1", "2"]));
        assert_eq!(net.hear(sub), texts(&["next"]));
    }
    assert_eq!(net.hear(late), texts(&["next"]));
    assert_eq!((net.hear(subs[0]), net.pipes(publisher)), (None, 3));
}

#[test]
fn who_comes_in_the_place_of_one_that_left_gets_no_half_of_a_message() {
    // A last part that may stay in the log, one that does not fit there, and one that goes by reference.
    for len in [1, 5_000, 100_000] {
        let mut net = Net::default();
        let publisher = net.socket(ZMQ_PUB);
        let subs: [usize; 4] = followers(&mut net, publisher);
        net.send(publisher, b"1", true).unwrap();
        leave(&mut net, subs[1]);
        let [late] = subscribers(&mut net, publisher, 0);
        net.set_bytes(late, ZMQ_SUBSCRIBE, b"").unwrap();
        let last = vec![b'2'; len];
        net.say(publisher, &[&last]);
        net.say(publisher, &[b"next"]);
        for sub in [subs[0], subs[2], subs[3]] {
            assert_eq!(net.hear(sub).unwrap(), [b"1".to_vec(), last.clone()]);
            assert_eq!(net.hear(sub), texts(&["next"]));
        }
        assert_eq!(net.hear(late), texts(&["next"]), "{len}");
        assert_eq!(net.hear(late), None);
    }
}

#[test]
fn a_message_whose_subscribers_left_before_its_end_is_nobodys() {
    let mut net = Net::default();
    let publisher = net.socket(ZMQ_PUB);
    for len in [1, 5_000, 100_000] {
        let subs: [usize; 3] = followers(&mut net, publisher);
        net.send(publisher, b"1", true).unwrap();
        subs.into_iter().for_each(|sub| leave(&mut net, sub));
        net.say(publisher, &[&vec![b'2'; len]]);
    }
    let _: [usize; 3] = followers(&mut net, publisher);
}

#[test]
fn none_follows_where_one_cannot() {
    let mut net = Net::default();
    let publisher = net.socket(ZMQ_XPUB);
    // One that keeps the latest message only cannot follow. It is full after its first one.
    let latest = net.socket(ZMQ_SUB);
    net.connect_with(latest, publisher, PipeLimits { inbound: 1, outbound: 0, conflate: true });
    net.set_bytes(latest, ZMQ_SUBSCRIBE, b"").unwrap();
    let subs: [usize; 3] = subscribers(&mut net, publisher, 2);
    for sub in subs {
        net.set_bytes(sub, ZMQ_SUBSCRIBE, b"a").unwrap();
    }
    for _ in 0..40 {
        net.say(publisher, &[b"a"]);
        subs.iter().for_each(|&sub| assert_eq!(net.hear(sub), texts(&["a"])));
    }
    // It has room again, for the same messages as the others, and those have none.
    (0..2).for_each(|_| net.say(publisher, &[b"a"]));
    assert_eq!(net.hear(latest), texts(&["a"]));
    net.settle();
    net.set(publisher, ZMQ_XPUB_NODROP, 1).unwrap();
    assert_eq!(net.send(publisher, b"a", false), Err(Errno::EAGAIN));
    for sub in subs {
        (0..2).for_each(|_| assert_eq!(net.hear(sub), texts(&["a"])));
    }
    net.settle();
    let sent = (0..8).any(|_| {
        let sent = net.send(publisher, b"a last", false).is_ok();
        net.settle();
        sent
    });
    assert!(sent, "all have room");
    for sub in subs {
        assert_eq!((net.hear(sub), net.hear(sub)), (texts(&["a last"]), None));
    }
}

#[test]
fn without_dropping_the_sender_waits_for_room() {
    let mut net = Net::default();
    let publisher = net.socket(ZMQ_XPUB);
    assert_eq!(net.set(publisher, ZMQ_XPUB_NODROP, -1), Err(Errno::EINVAL));
    net.set(publisher, ZMQ_XPUB_NODROP, 1).unwrap();
    let [narrow, other] = subscribers(&mut net, publisher, 2);
    net.set_bytes(narrow, ZMQ_SUBSCRIBE, b"a").unwrap();
    net.set_bytes(other, ZMQ_SUBSCRIBE, b"b").unwrap();
    net.say(publisher, &[b"a1"]);
    net.say(publisher, &[b"a2", b"."]);
    assert_eq!(net.send(publisher, b"a3", false), Err(Errno::EAGAIN));
    net.say(publisher, &[b"b1"]);
    assert_eq!(net.hear(narrow), texts(&["a1"]));
    net.settle();
    net.say(publisher, &[b"a3"]);
    assert_eq!(net.hear(narrow), texts(&["a2", "."]));
    assert_eq!(net.hear(narrow), texts(&["a3"]));
    assert_eq!(net.hear(other), texts(&["b1"]));
}

#[test]
fn xpub_hears_of_the_first_and_last_subscription() {
    let mut net = Net::default();
    let xpub = net.socket(ZMQ_XPUB);
    assert!(!net.has_in(xpub));
    let subs: [usize; 2] = subscribers(&mut net, xpub, 0);
    for option in [ZMQ_SUBSCRIBE, ZMQ_UNSUBSCRIBE] {
        for sub in subs {
            net.set_bytes(sub, option, b"a").unwrap();
        }
    }
    assert!(net.has_in(xpub));
    assert_eq!((net.hear(xpub), net.hear(xpub)), (texts(&["\x01a"]), texts(&["\x00a"])));
    assert_eq!(net.recv(xpub), Err(Errno::EAGAIN));

    for (option, expected) in [
        (ZMQ_XPUB_VERBOSE, &["\x01a", "\x01a", "\x00a"][..]),
        (ZMQ_XPUB_VERBOSER, &["\x01a", "\x01a", "\x00a", "\x00a"]),
    ] {
        net.set(xpub, option, 1).unwrap();
        for sub in subs {
            net.set_bytes(sub, ZMQ_SUBSCRIBE, b"a").unwrap();
        }
        for sub in subs {
            let key = net.sockets[sub].core.pipes.keys()[0];
            net.end(sub, key);
            net.settle();
            net.set_bytes(sub, ZMQ_UNSUBSCRIBE, b"a").unwrap();
            net.connect(sub, xpub);
        }
        for text in expected {
            assert_eq!(net.hear(xpub), texts(&[text]));
        }
        assert_eq!(net.hear(xpub), None);
    }
    // VERBOSE takes back the other half of VERBOSER.
    net.set(xpub, ZMQ_XPUB_VERBOSE, 0).unwrap();
    for sub in subs {
        net.set_bytes(sub, ZMQ_SUBSCRIBE, b"a").unwrap();
    }
    assert_eq!((net.hear(xpub), net.hear(xpub)), (texts(&["\x01a"]), None));
}

#[test]
fn what_follows_a_subscription_in_its_message_is_heard() {
    let mut net = Net::default();
    let (xpub, xsub) = (net.socket(ZMQ_XPUB), net.socket(ZMQ_XSUB));
    net.connect(xsub, xpub);
    net.say(xsub, &[b"\x01topic", b"a text", b"its end"]);
    assert_eq!(net.hear(xpub), texts(&["\x01topic"]));
    assert_eq!(net.hear(xpub), texts(&["a text", "its end"]));
    assert_eq!(net.hear(xpub), None);
}

#[test]
fn a_welcome_message_greets_every_subscriber() {
    let mut net = Net::default();
    let xpub = net.socket(ZMQ_XPUB);
    net.set_bytes(xpub, ZMQ_XPUB_WELCOME_MSG, b"welcome").unwrap();
    let sub = net.socket(ZMQ_SUB);
    net.set_bytes(sub, ZMQ_SUBSCRIBE, b"w").unwrap();
    net.connect(sub, xpub);
    assert_eq!(net.hear(sub), texts(&["welcome"]));
    net.set_bytes(xpub, ZMQ_XPUB_WELCOME_MSG, b"").unwrap();
    net.connect(sub, xpub);
    assert_eq!(net.hear(sub), None);
    let socket = &mut net.sockets[xpub];
    let null = SetValue::null(3);
    let set = socket.kind.set_option(&mut socket.core, ZMQ_XPUB_WELCOME_MSG, null);
    assert_eq!(set, Err(Errno::EINVAL));
}

#[test]
fn in_manual_mode_the_application_subscribes() {
    let mut net = Net::default();
    let xpub = net.socket(ZMQ_XPUB);
    assert_eq!(net.set_bytes(xpub, ZMQ_SUBSCRIBE, b"x"), Err(Errno::EINVAL));
    net.set(xpub, ZMQ_XPUB_MANUAL, 1).unwrap();
    net.set_bytes(xpub, ZMQ_SUBSCRIBE, b"for nobody").unwrap();
    let subs: [usize; 2] = subscribers(&mut net, xpub, 0);
    for (sub, theirs, ours) in [(subs[0], "A", "XA"), (subs[1], "B", "XB")] {
        net.sockets[sub].core.options_mut().invert_matching = false;
        net.set_bytes(sub, ZMQ_SUBSCRIBE, theirs.as_bytes()).unwrap();
        net.set_bytes(sub, ZMQ_SUBSCRIBE, b"X").unwrap();
        assert_eq!(net.hear(xpub), texts(&[&format!("\x01{theirs}")]));
        net.set_bytes(xpub, ZMQ_SUBSCRIBE, ours.as_bytes()).unwrap();
        net.hear(xpub);
    }
    assert_eq!(topics(&mut net, xpub), 2);
    for text in [&b"A"[..], b"XA", b"B", b"XB"] {
        net.say(xpub, &[text]);
    }
    assert_eq!((net.hear(subs[0]), net.hear(subs[0])), (texts(&["XA"]), None));
    assert_eq!((net.hear(subs[1]), net.hear(subs[1])), (texts(&["XB"]), None));
    net.set_bytes(subs[0], ZMQ_UNSUBSCRIBE, b"A").unwrap();
    assert_eq!(net.hear(xpub), texts(&["\x00A"]));
    net.set_bytes(xpub, ZMQ_UNSUBSCRIBE, b"XA").unwrap();
    assert_eq!(topics(&mut net, xpub), 1);
    // The end of a peer is told in its own words, and can be answered with nothing.
    let key = net.sockets[subs[1]].core.pipes.keys()[0];
    net.end(subs[1], key);
    assert_eq!((net.hear(xpub), net.hear(xpub)), (texts(&["\x00B"]), texts(&["\x00X"])));
    net.set_bytes(xpub, ZMQ_SUBSCRIBE, b"again").unwrap();
    assert_eq!(topics(&mut net, xpub), 0);
}

#[test]
fn a_request_of_a_pipe_that_is_gone_cannot_be_met() {
    let mut net = Net::default();
    let xpub = net.socket(ZMQ_XPUB);
    net.set(xpub, ZMQ_XPUB_MANUAL, 1).unwrap();
    let sub = net.socket(ZMQ_SUB);
    net.set_bytes(sub, ZMQ_SUBSCRIBE, b"old").unwrap();
    let (key, _) = net.connect(sub, xpub);
    net.end(sub, key);
    net.settle();
    // The next pipe has the same key.
    let [other] = subscribers(&mut net, xpub, 0);
    assert_eq!(net.hear(xpub), texts(&["\x01old"]));
    net.set_bytes(xpub, ZMQ_SUBSCRIBE, b"").unwrap();
    assert_eq!((topics(&mut net, xpub), net.pipes(other)), (0, 1));
}

#[test]
fn a_change_of_mode_leaves_no_request_to_the_next_pipe() {
    let mut net = Net::default();
    let xpub = net.socket(ZMQ_XPUB);
    net.set(xpub, ZMQ_XPUB_MANUAL, 1).unwrap();
    let sub = net.socket(ZMQ_SUB);
    net.set_bytes(sub, ZMQ_SUBSCRIBE, b"old").unwrap();
    let (key, _) = net.connect(sub, xpub);
    assert_eq!(net.hear(xpub), texts(&["\x01old"]));
    net.set(xpub, ZMQ_XPUB_MANUAL, 0).unwrap();
    net.end(sub, key);
    net.settle();
    net.set(xpub, ZMQ_XPUB_MANUAL, 1).unwrap();
    let [other] = subscribers(&mut net, xpub, 0);
    let key = net.sockets[other].core.pipes.keys()[0];
    net.end(other, key);
    assert_eq!(net.hear(xpub), None);
}

#[test]
fn a_last_value_goes_to_the_pipe_that_just_asked() {
    let mut net = Net::default();
    let xpub = net.socket(ZMQ_XPUB);
    net.set(xpub, ZMQ_XPUB_MANUAL_LAST_VALUE, 1).unwrap();
    let subs: [usize; 2] = subscribers(&mut net, xpub, 0);
    for sub in subs {
        net.set_bytes(sub, ZMQ_SUBSCRIBE, b"a").unwrap();
        assert_eq!(net.hear(xpub), texts(&["\x01a"]));
        net.set_bytes(xpub, ZMQ_SUBSCRIBE, b"a").unwrap();
        net.say(xpub, &[b"a last"]);
    }
    net.say(xpub, &[b"a next"]);
    for sub in subs {
        assert_eq!((net.hear(sub), net.hear(sub)), (texts(&["a last"]), texts(&["a next"])));
        assert_eq!(net.hear(sub), None);
    }
}

#[test]
fn pub_drops_what_is_no_subscription_and_xpub_keeps_a_limited_amount() {
    for socket_type in [ZMQ_PUB, ZMQ_XPUB] {
        let mut net = Net::default();
        let (publisher, dealer) = (net.socket(socket_type), net.socket(ZMQ_DEALER));
        net.connect(dealer, publisher);
        let long = vec![b'x'; LIMIT / 8];
        for _ in 0..20 {
            net.say(dealer, &[&long, &long]);
        }
        let mut churn = vec![0; 1000];
        for _ in 0..1000 {
            for first in [1, 0] {
                churn[0] = first;
                net.say(dealer, &[&churn]);
            }
        }
        net.say(dealer, &[b"\x01topic"]);
        assert_eq!(topics(&mut net, publisher), 1);
        let mut heard = 0;
        while let Some(parts) = net.hear(publisher) {
            heard += parts.iter().map(Vec::len).sum::<usize>();
        }
        let range = if socket_type == ZMQ_PUB { 0..=0 } else { LIMIT / 2..=2 * LIMIT };
        assert!(range.contains(&heard), "{heard}");
    }
}

#[test]
fn xpub_tells_of_every_subscription_however_many_wait() {
    let mut net = Net::default();
    let (xpub, xsub) = (net.socket(ZMQ_XPUB), net.socket(ZMQ_XSUB));
    let (_, at_xpub) = net.connect(xsub, xpub);
    // Far more than the inbox keeps for those who never receive.
    let count = LIMIT / 25;
    let form = |first, number| format!("{}{number:099}", char::from(first)).into_bytes();
    for number in 0..count {
        net.say(xsub, &[&form(1, number)]);
    }
    net.end(xpub, at_xpub);
    for first in [1, 0] {
        let mut heard: Vec<_> = (0..count).map(|_| net.hear(xpub).unwrap().remove(0)).collect();
        heard.sort_unstable();
        assert!(heard.into_iter().eq((0..count).map(|number| form(first, number))), "{first}");
    }
    assert_eq!(net.hear(xpub), None);
}

#[test]
fn a_very_long_topic_comes_and_goes() {
    let mut net = Net::default();
    let xpub = net.socket(ZMQ_XPUB);
    let [sub] = subscribers(&mut net, xpub, 0);
    let topic = vec![b't'; 300_000];
    net.set_bytes(sub, ZMQ_SUBSCRIBE, &topic).unwrap();
    assert_eq!((topics(&mut net, xpub), net.hear(xpub).unwrap()[0].len()), (1, 300_001));
    net.set_bytes(sub, ZMQ_UNSUBSCRIBE, &topic).unwrap();
    assert_eq!((topics(&mut net, xpub), net.hear(xpub).unwrap()[0][0]), (0, 0));
}

#[test]
fn a_pipe_may_be_subscribed_to_all_from_the_start() {
    let mut net = Net::default();
    let publisher = net.socket(ZMQ_PUB);
    let (one, _other) = crate::pipe::pair(PipeLimits { inbound: 0, outbound: 0, conflate: false });
    let socket = &mut net.sockets[publisher];
    let key = socket.core.pipes.insert(one);
    socket.kind.attach(&mut socket.core, key, true, true);
    assert_eq!(topics(&mut net, publisher), 1);
}
