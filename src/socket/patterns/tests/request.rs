//! REQ and REP.

use super::{texts, Net};
use crate::error::Errno;
use crate::options::constants::*;

/// A replying socket and requesting ones that are connected to it.
fn one_reply(net: &mut Net) -> (usize, usize) {
    let (req, rep) = (net.socket(ZMQ_REQ), net.socket(ZMQ_REP));
    net.connect(req, rep);
    (req, rep)
}

#[test]
fn request_and_reply_alternate() {
    let mut net = Net::default();
    let (req, rep) = one_reply(&mut net);
    for _ in 0..3 {
        assert!(net.has_out(req) && !net.has_in(req) && !net.has_out(rep));
        assert_eq!(net.recv(req), Err(Errno::EFSM));
        assert_eq!(net.send(rep, b"", false), Err(Errno::EFSM));
        assert_eq!(net.recv(rep), Err(Errno::EAGAIN));
        net.say(req, &[b"question", b"?"]);
        assert!(!net.has_out(req));
        assert_eq!(net.send(req, b"", false), Err(Errno::EFSM));
        assert_eq!(net.recv(req), Err(Errno::EAGAIN));
        assert!(net.has_in(rep));
        assert_eq!(net.recv(rep), Ok((b"question".to_vec(), true)));
        assert!(net.has_in(rep));
        assert_eq!(net.send(rep, b"", false), Err(Errno::EFSM));
        assert_eq!(net.recv(rep), Ok((b"?".to_vec(), false)));
        assert!(net.has_out(rep) && !net.has_in(rep));
        assert_eq!(net.recv(rep), Err(Errno::EFSM));
        net.say(rep, &[b"answer", b"!"]);
        assert!(net.has_in(req));
        assert_eq!(net.hear(req), texts(&["answer", "!"]));
    }
}

#[test]
fn requests_go_round_and_wait_for_a_peer() {
    let mut net = Net::default();
    let req = net.socket(ZMQ_REQ);
    assert_eq!(net.send(req, b"a", false), Err(Errno::EAGAIN));
    assert_eq!(net.recv(req), Err(Errno::EFSM));
    let reps = [net.socket(ZMQ_REP), net.socket(ZMQ_REP)];
    for rep in reps {
        net.connect(req, rep);
    }
    for (rep, text) in [(reps[0], b"a"), (reps[1], b"b"), (reps[0], b"c")] {
        net.say(req, &[text]);
        assert_eq!(net.hear(rep).unwrap(), [text.to_vec()]);
        net.say(rep, &[b"", text]);
        assert_eq!(net.hear(req).unwrap(), [b"".to_vec(), text.to_vec()]);
    }
}

#[test]
fn what_others_say_is_no_reply() {
    let mut net = Net::default();
    let req = net.socket(ZMQ_REQ);
    let (asked, other) = (net.socket(ZMQ_ROUTER), net.socket(ZMQ_DEALER));
    net.connect(req, asked);
    net.connect(req, other);
    net.say(other, &[b"", b"too early"]);
    net.say(req, &[b"question"]);
    net.say(other, &[b"", b"not asked"]);
    assert_eq!(net.recv(req), Err(Errno::EAGAIN));
    let request = net.hear(asked).unwrap();
    assert_eq!(request[1..], [b"".to_vec(), b"question".to_vec()]);
    let id = request[0].as_slice();
    for wrong in [&[id, b"no bottom"][..], &[id, b""], &[id, b"x", b"", b"y"]] {
        net.say(asked, wrong);
        assert_eq!(net.recv(req), Err(Errno::EAGAIN), "{wrong:?}");
    }
    net.say(asked, &[id, b"", b"answer"]);
    assert_eq!(net.hear(req), texts(&["answer"]));
}

#[test]
fn a_correlated_reply_brings_back_the_number() {
    let mut net = Net::default();
    let (req, router) = (net.socket(ZMQ_REQ), net.socket(ZMQ_ROUTER));
    assert_eq!(net.set(req, ZMQ_REQ_CORRELATE, -1), Err(Errno::EINVAL));
    net.set(req, ZMQ_REQ_CORRELATE, 1).unwrap();
    net.set(req, ZMQ_REQ_RELAXED, 1).unwrap();
    net.connect(req, router);
    net.say(req, &[b"first"]);
    net.say(req, &[b"second"]);
    let first = net.hear(router).unwrap();
    let second = net.hear(router).unwrap();
    assert_eq!((first[1].len(), second[2..].to_vec()), (4, texts(&["", "second"]).unwrap()));
    assert_ne!(first[1], second[1]);
    for (number, text) in [(&first[1], b"1"), (&b"12345".to_vec(), b"x"), (&second[1], b"2")] {
        net.say(router, &[&first[0], number, b"", text]);
    }
    assert_eq!(net.hear(req), texts(&["2"]));
    assert_eq!(net.recv(req), Err(Errno::EFSM));
}

#[test]
fn a_relaxed_request_gives_the_earlier_one_up() {
    let mut net = Net::default();
    let req = net.socket(ZMQ_REQ);
    net.set(req, ZMQ_REQ_RELAXED, 1).unwrap();
    let reps = [net.socket(ZMQ_REP), net.socket(ZMQ_REP)];
    for rep in reps {
        net.connect(req, rep);
    }
    net.say(req, &[b"1"]);
    net.hear(reps[0]);
    net.say(reps[0], &[b"a", b"late"]);
    assert_eq!(net.recv(req), Ok((b"a".to_vec(), true)));
    assert!(net.has_out(req));
    net.say(req, &[b"2"]);
    net.hear(reps[1]);
    net.say(reps[1], &[b"b"]);
    assert_eq!(net.hear(req), texts(&["b"]));
}

#[test]
fn a_request_lost_half_way_is_like_one_without_reply() {
    let mut net = Net::default();
    let (req, rep) = one_reply(&mut net);
    let rep_key = net.sockets[rep].core.pipes.keys()[0];
    net.send(req, b"1", true).unwrap();
    net.end(rep, rep_key);
    net.settle();
    net.say(req, &[b"2"]);
    assert_eq!(net.send(req, b"x", false), Err(Errno::EFSM));
    assert_eq!(net.recv(req), Err(Errno::EAGAIN));

    // The same where something unread keeps the dead pipe.
    let (req, dealer) = (net.socket(ZMQ_REQ), net.socket(ZMQ_DEALER));
    let (_, key) = net.connect(req, dealer);
    net.send(req, b"1", true).unwrap();
    net.say(dealer, &[b"", b"unread"]);
    net.end(dealer, key);
    net.settle();
    net.say(req, &[b"2"]);
    assert_eq!(net.hear(req), texts(&["unread"]));
    let rep = net.socket(ZMQ_REP);
    net.connect(req, rep);
    net.say(req, &[b"3"]);
    assert_eq!((net.hear(rep), net.pipes(req)), (texts(&["3"]), 1));
}

#[test]
fn a_reply_broken_off_is_waited_for_again() {
    let mut net = Net::default();
    let (req, rep) = one_reply(&mut net);
    net.say(req, &[b"?"]);
    net.hear(rep);
    net.say(rep, &[b"1", b"2"]);
    assert_eq!(net.recv(req), Ok((b"1".to_vec(), true)));
    let key = net.sockets[req].core.pipes.keys()[0];
    net.end(req, key);
    assert_eq!(net.recv(req), Err(Errno::EAGAIN));
    let dealer = net.socket(ZMQ_DEALER);
    net.connect(dealer, req);
    net.say(dealer, &[b"", b"at last"]);
    assert_eq!(net.hear(req), texts(&["at last"]));
}

#[test]
fn rep_returns_the_way_a_request_came_and_drops_those_without_bottom() {
    let mut net = Net::default();
    let (dealer, rep) = (net.socket(ZMQ_DEALER), net.socket(ZMQ_REP));
    net.connect(dealer, rep);
    net.say(dealer, &[b"no bottom"]);
    net.say(dealer, &[b"hop", b"no bottom"]);
    net.say(dealer, &[b""]);
    assert!(net.has_in(rep));
    assert_eq!(net.recv(rep), Err(Errno::EAGAIN));
    net.say(dealer, &[b"hop 1", b"hop 2", b"", b"question"]);
    assert_eq!(net.hear(rep), texts(&["question"]));
    net.say(rep, &[b"answer"]);
    assert_eq!(net.hear(dealer), texts(&["hop 1", "hop 2", "", "answer"]));
    assert_eq!(net.hear(dealer), None);
}

#[test]
fn rep_takes_turns_and_drops_replies_for_which_there_is_no_room_or_peer() {
    let mut net = Net::default();
    let rep = net.socket(ZMQ_REP);
    let dealers = [net.socket(ZMQ_DEALER), net.socket(ZMQ_DEALER)];
    // Replies flow against the direction of the connection.
    let limits = crate::pipe::PipeLimits { inbound: 1, outbound: 0, conflate: false };
    let keys = dealers.map(|dealer| net.connect_with(dealer, rep, limits).0);
    for dealer in dealers {
        net.say(dealer, &[b"", b"1"]);
        net.say(dealer, &[b"", b"2"]);
    }
    for _ in 0..4 {
        assert_eq!(net.hear(rep).map(|parts| parts.len()), Some(1));
        net.say(rep, &[b"re", b"ply"]);
    }
    for dealer in dealers {
        assert_eq!(net.hear(dealer), texts(&["", "re", "ply"]));
        assert_eq!(net.hear(dealer), None);
    }
    net.say(dealers[0], &[b"", b"3"]);
    net.hear(rep);
    net.send(rep, b"half", true).unwrap();
    net.end(dealers[0], keys[0]);
    net.settle();
    net.say(rep, &[b"of it"]);
    net.say(dealers[1], &[b"", b"4"]);
    assert_eq!(net.hear(rep), texts(&["4"]));
    net.say(rep, &[b"ok"]);
    assert_eq!(net.hear(dealers[1]), texts(&["", "ok"]));
}

#[test]
fn a_request_broken_off_is_forgotten() {
    let mut net = Net::default();
    let rep = net.socket(ZMQ_REP);
    let dealers = [net.socket(ZMQ_DEALER), net.socket(ZMQ_DEALER)];
    let keys = dealers.map(|dealer| net.connect(dealer, rep).1);
    net.say(dealers[0], &[b"", b"1", b"2"]);
    net.say(dealers[1], &[b"", b"whole"]);
    assert_eq!(net.recv(rep), Ok((b"1".to_vec(), true)));
    net.end(rep, keys[0]);
    assert_eq!(net.hear(rep), texts(&["whole"]));
    net.say(rep, &[b"reply"]);
    assert_eq!(net.hear(dealers[1]), texts(&["", "reply"]));
    // A request that was looked at, and whose peer then goes, is received all the same.
    net.say(dealers[1], &[b"", b"farewell"]);
    assert!(net.has_in(rep));
    let key = net.sockets[dealers[1]].core.pipes.keys()[0];
    net.end(dealers[1], key);
    assert_eq!(net.hear(rep), texts(&["farewell"]));
    net.say(rep, &[b"too late"]);
}
