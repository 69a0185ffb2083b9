//! PAIR, PUSH, PULL, DEALER: the balancer and the fair queue.

use super::{texts, Net};
use crate::error::Errno;
use crate::options::constants::*;
use crate::pipe::PipeLimits;
use crate::socket::patterns::{Kind, MESSAGE_LOST};

#[test]
fn unknown_kinds_are_refused() {
    let mut net = Net::default();
    let socket = net.socket(ZMQ_PAIR);
    let core = &mut net.sockets[socket].core;
    for number in [-1, ZMQ_CHANNEL + 1, 1000] {
        assert_eq!(Kind::new(number, core).err(), Some(Errno::EINVAL));
    }
}

#[test]
fn pair_talks_to_one_peer_only() {
    let mut net = Net::default();
    let (one, other, third) = (net.socket(ZMQ_PAIR), net.socket(ZMQ_PAIR), net.socket(ZMQ_PAIR));
    assert_eq!(net.send(one, b"?", false), Err(Errno::EAGAIN));
    assert_eq!(net.recv(one), Err(Errno::EAGAIN));
    assert!(!net.has_in(one) && !net.has_out(one));
    let (key, _) = net.connect(one, other);
    net.connect(third, one);
    assert_eq!((net.pipes(one), net.pipes(third)), (1, 0));
    net.say(one, &[b"a", b"b"]);
    assert!(net.has_in(other) && net.has_out(other));
    assert_eq!(net.hear(other), texts(&["a", "b"]));
    net.say(other, &[b"c"]);
    assert_eq!(net.hear(one), texts(&["c"]));
    // What was said before the end is heard after it, and then there is room for another peer.
    net.say(one, &[b"last"]);
    net.end(one, key);
    assert_eq!(net.hear(other), texts(&["last"]));
    assert_eq!((net.hear(other), net.pipes(other)), (None, 0));
    net.connect(third, one);
    net.say(third, &[b"hello"]);
    assert_eq!(net.hear(one), texts(&["hello"]));
}

#[test]
fn push_goes_round_and_pull_takes_turns() {
    let mut net = Net::default();
    let push = net.socket(ZMQ_PUSH);
    assert_eq!(net.recv(push), Err(Errno::ENOTSUP));
    assert_eq!(net.send(push, b"", false), Err(Errno::EAGAIN));
    let pulls = [0; 3].map(|_| net.socket(ZMQ_PULL));
    for pull in pulls {
        net.connect(push, pull);
        assert_eq!(net.send(pull, b"", false), Err(Errno::ENOTSUP));
    }
    for text in [b"a", b"b", b"c", b"d", b"e", b"f"] {
        net.say(push, &[text, text]);
    }
    assert_eq!(net.hear_text(pulls[0]).unwrap(), "a");
    assert_eq!(net.hear_text(pulls[0]).unwrap(), "d");
    assert_eq!(net.hear_text(pulls[2]).unwrap(), "c");
    assert_eq!(net.hear_text(pulls[1]).unwrap(), "b");

    let pull = net.socket(ZMQ_PULL);
    let pushes = [0; 3].map(|_| net.socket(ZMQ_PUSH));
    for (push, text) in pushes.into_iter().zip([b"x", b"y", b"z"]) {
        net.connect(push, pull);
        net.say(push, &[text, text]);
        net.say(push, &[text]);
    }
    let heard: Vec<_> = (0..6).map(|_| net.hear_text(pull).unwrap()).collect();
    assert_eq!(heard, ["x", "y", "z", "x", "y", "z"]);
    assert!(!net.has_in(pull));
}

#[test]
fn a_full_pipe_is_passed_over_until_there_is_room() {
    let mut net = Net::default();
    let push = net.socket(ZMQ_PUSH);
    let (narrow, wide) = (net.socket(ZMQ_PULL), net.socket(ZMQ_PULL));
    net.connect_hwm(push, narrow, 2);
    net.connect_hwm(push, wide, 4);
    for number in 0..6u8 {
        net.say(push, &[&[number], b"."]);
    }
    assert!(!net.has_out(push));
    assert_eq!(net.send(push, b"x", true), Err(Errno::EAGAIN));
    assert_eq!(net.hear(narrow).unwrap()[0], [0]);
    assert!(net.has_out(push));
    net.say(push, &[b"n", b"."]);
    assert_eq!(net.hear(narrow).unwrap()[0], [2]);
    assert_eq!(net.hear(narrow).unwrap()[0], b"n");
    let heard: Vec<_> = (0..4).map(|_| net.hear(wide).unwrap()[0][0]).collect();
    assert_eq!(heard, [1, 3, 4, 5]);
}

#[test]
fn the_rest_of_a_message_whose_pipe_ended_is_swallowed() {
    let mut net = Net::default();
    let push = net.socket(ZMQ_PUSH);
    let (gone, left) = (net.socket(ZMQ_PULL), net.socket(ZMQ_PULL));
    let (key, _) = net.connect(push, gone);
    net.connect(push, left);
    net.send(push, b"1", true).unwrap();
    net.end(push, key);
    assert!(net.has_out(push));
    // The loss is reported once.
    assert_eq!(net.send(push, b"2", true), Err(MESSAGE_LOST));
    net.say(push, &[b"3", b"4"]);
    net.say(push, &[b"whole"]);
    assert_eq!((net.hear(gone), net.pipes(gone)), (None, 0));
    assert_eq!(net.hear(left), texts(&["whole"]));
}

#[test]
fn the_rest_of_a_lost_message_waits_for_no_other_peer() {
    for kind in [ZMQ_PUSH, ZMQ_DEALER, ZMQ_REQ] {
        let mut net = Net::default();
        let (sender, gone) = (net.socket(kind), net.socket(ZMQ_ROUTER));
        let (_, key) = net.connect(sender, gone);
        net.send(sender, b"1", true).unwrap();
        net.end(gone, key);
        assert!(net.has_out(sender));
        // A REQ is told of no loss.
        let told = net.send(sender, b"2", true);
        assert_eq!(told, if kind == ZMQ_REQ { Ok(()) } else { Err(MESSAGE_LOST) });
        assert!(net.has_out(sender), "{kind}: it takes the third part, but does not say so");
        net.send(sender, b"3", false).unwrap();
        assert!(!net.has_out(sender));
    }
}

#[test]
fn a_lost_message_without_further_parts_is_over() {
    let mut net = Net::default();
    let (push, gone) = (net.socket(ZMQ_PUSH), net.socket(ZMQ_PULL));
    let (key, _) = net.connect(push, gone);
    net.send(push, b"1", true).unwrap();
    net.end(push, key);
    assert_eq!(net.send(push, b"2", false), Err(MESSAGE_LOST));
    assert!(!net.has_out(push));
    assert_eq!(net.send(push, b"whole", false), Err(Errno::EAGAIN));
    let pull = net.socket(ZMQ_PULL);
    net.connect(push, pull);
    net.say(push, &[b"whole"]);
    assert_eq!(net.hear(pull), texts(&["whole"]));
}

#[test]
fn a_pipe_found_dead_in_the_middle_of_a_message_loses_it() {
    let mut net = Net::default();
    let (dealer, gone, left) =
        (net.socket(ZMQ_DEALER), net.socket(ZMQ_DEALER), net.socket(ZMQ_DEALER));
    let (_, key) = net.connect(dealer, gone);
    net.connect(dealer, left);
    net.say(gone, &[b"unread"]);
    net.send(dealer, b"1", true).unwrap();
    net.end(gone, key);
    net.settle();
    // What the peer said is still unread, so its pipe is not over yet.
    assert_eq!(net.send(dealer, b"2", true), Err(MESSAGE_LOST));
    net.say(dealer, &[b"3"]);
    net.say(dealer, &[b"whole"]);
    assert_eq!(net.hear(left), texts(&["whole"]));
    assert_eq!(net.hear(dealer), texts(&["unread"]));
    assert_eq!((net.hear(dealer), net.pipes(dealer)), (None, 1));
    net.say(left, &[b"more"]);
    assert_eq!(net.hear(dealer), texts(&["more"]));
}

#[test]
fn a_half_written_or_read_message_stays_with_its_pipe_when_another_one_ends() {
    let mut net = Net::default();
    let (push, pull) = (net.socket(ZMQ_PUSH), net.socket(ZMQ_PULL));
    let pulls = [0; 3].map(|_| net.socket(ZMQ_PULL));
    let keys = pulls.map(|pull| net.connect(push, pull).0);
    net.say(push, &[b"a"]);
    net.say(push, &[b"b"]);
    net.send(push, b"1", true).unwrap();
    net.end(push, keys[0]);
    net.say(push, &[b"2"]);
    assert_eq!(net.hear(pulls[2]), texts(&["1", "2"]));

    let pushes = [0; 3].map(|_| net.socket(ZMQ_PUSH));
    let keys = pushes.map(|push| net.connect(push, pull).1);
    for push in pushes {
        net.say(push, &[b"1", b"2"]);
    }
    net.hear(pull);
    net.hear(pull);
    assert_eq!(net.recv(pull), Ok((b"1".to_vec(), true)));
    net.end(pull, keys[0]);
    assert_eq!(net.recv(pull), Ok((b"2".to_vec(), false)));
    assert_eq!(net.hear(pull), None);
}

#[test]
fn a_message_broken_off_by_our_own_end_does_not_upset_the_queue() {
    let mut net = Net::default();
    let (pull, one, other) = (net.socket(ZMQ_PULL), net.socket(ZMQ_PUSH), net.socket(ZMQ_PUSH));
    let (_, key) = net.connect(one, pull);
    net.connect(other, pull);
    net.say(one, &[b"1", b"2"]);
    net.say(other, &[b"whole"]);
    assert_eq!(net.recv(pull), Ok((b"1".to_vec(), true)));
    net.end(pull, key);
    assert_eq!(net.hear(pull), texts(&["whole"]));
    assert!(!net.has_in(pull));
}

#[test]
fn push_reads_away_what_strangers_send_it() {
    let mut net = Net::default();
    let (push, stranger) = (net.socket(ZMQ_PUSH), net.socket(ZMQ_DEALER));
    let (key, _) = net.connect_hwm(stranger, push, 10);
    for _ in 0..100 {
        net.say(stranger, &[b"noise"]);
    }
    net.end(stranger, key);
    net.settle();
    assert_eq!(net.pipes(push), 0);
}

#[test]
fn a_conflating_pipe_keeps_the_latest_message() {
    let mut net = Net::default();
    let (push, pull) = (net.socket(ZMQ_PUSH), net.socket(ZMQ_PULL));
    net.connect_with(push, pull, PipeLimits { inbound: 0, outbound: 0, conflate: true });
    net.say(push, &[b"old"]);
    net.say(push, &[b"new"]);
    assert_eq!(net.hear(pull), texts(&["new"]));
    assert_eq!(net.hear(pull), None);
    // Parts are no good on such a pipe, but they do no harm.
    net.say(push, &[b"1", b"2"]);
    net.send(push, b"1", true).unwrap();
    net.hear(pull);
    net.say(push, &[b"whole"]);
    assert_eq!(net.hear(pull), texts(&["whole"]));
}

#[test]
fn dealer_probes_when_asked() {
    let mut net = Net::default();
    let (dealer, other) = (net.socket(ZMQ_DEALER), net.socket(ZMQ_DEALER));
    assert_eq!(net.set(dealer, ZMQ_PROBE_ROUTER, -1), Err(Errno::EINVAL));
    assert_eq!(net.set(dealer, ZMQ_ROUTER_MANDATORY, 1), Err(Errno::EINVAL));
    net.set(dealer, ZMQ_PROBE_ROUTER, 1).unwrap();
    net.connect(dealer, other);
    assert_eq!(net.hear(other), texts(&[""]));
    let options = &net.sockets[dealer].core.options;
    assert!(options.can_send_hello_msg && options.can_recv_hiccup_msg);
}
