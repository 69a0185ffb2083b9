//! Every kind against every other, in any order of events: nothing may panic or get stuck.

use super::Net;
use crate::options::constants::*;
use crate::pipe::PipeLimits;

const KINDS: [i32; 12] = [
    ZMQ_PAIR, ZMQ_PUB, ZMQ_SUB, ZMQ_REQ, ZMQ_REP, ZMQ_DEALER, ZMQ_ROUTER, ZMQ_PULL, ZMQ_PUSH,
    ZMQ_XPUB, ZMQ_XSUB, ZMQ_STREAM,
];

const OPTIONS: [i32; 17] = [
    ZMQ_SUBSCRIBE,
    ZMQ_UNSUBSCRIBE,
    ZMQ_ROUTER_MANDATORY,
    ZMQ_PROBE_ROUTER,
    ZMQ_ROUTER_HANDOVER,
    ZMQ_CONNECT_ROUTING_ID,
    ZMQ_REQ_CORRELATE,
    ZMQ_REQ_RELAXED,
    ZMQ_XPUB_VERBOSE,
    ZMQ_XPUB_VERBOSER,
    ZMQ_XPUB_NODROP,
    ZMQ_XPUB_MANUAL,
    ZMQ_XPUB_MANUAL_LAST_VALUE,
    ZMQ_XPUB_WELCOME_MSG,
    ZMQ_ONLY_FIRST_SUBSCRIBE,
    ZMQ_XSUB_VERBOSE_UNSUBSCRIBE,
    ZMQ_ROUTER_RAW,
];

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % sides
    }
}

/// Something to send: plain, a subscription, an empty part, or an address heard before.
fn body(dice: &mut Dice, heard: &[Vec<u8>]) -> Vec<u8> {
    match dice.roll(5) {
        0 => Vec::new(),
        1 => vec![dice.roll(2) as u8, b'a'],
        2 => b"a".to_vec(),
        3 if !heard.is_empty() => heard[dice.roll(heard.len())].clone(),
        _ => vec![b'a'; dice.roll(100)],
    }
}

fn play(one: i32, other: i32, seed: u64) {
    let mut dice = Dice(seed * 2 + 1);
    let mut net = Net::default();
    let sockets = [net.socket(one), net.socket(other), net.socket(other), net.socket(one)];
    let mut heard = Vec::new();
    for _ in 0..300 {
        let socket = sockets[dice.roll(4)];
        match dice.roll(16) {
            0 => {
                let limits = PipeLimits {
                    inbound: dice.roll(4) as i32,
                    outbound: dice.roll(4) as i32,
                    conflate: dice.roll(8) == 0,
                };
                net.sockets[socket].core.options_mut().routing_id = vec![b'a'; dice.roll(3)];
                net.connect_with(socket, sockets[dice.roll(4)], limits);
            }
            1 => {
                let keys = net.sockets[socket].core.pipes.keys();
                if !keys.is_empty() {
                    net.end(socket, keys[dice.roll(keys.len())]);
                }
            }
            2 => {
                let value = (dice.roll(2) as i32).to_ne_bytes();
                let _ = net.set_bytes(socket, OPTIONS[dice.roll(OPTIONS.len())], &value);
            }
            3 => {
                net.has_in(socket);
            }
            4 => {
                net.has_out(socket);
            }
            5..=7 => net.settle(),
            8..=11 => {
                let body = body(&mut dice, &heard);
                let _ = net.send(socket, &body, dice.roll(2) == 0);
            }
            _ => {
                if let Ok((body, _)) = net.recv(socket) {
                    heard.push(body);
                }
            }
        }
    }
    // When everybody has gone, nothing is left.
    for socket in sockets {
        for key in net.sockets[socket].core.pipes.keys() {
            net.end(socket, key);
        }
        net.settle();
        assert_eq!(net.pipes(socket), 0);
    }
}

#[test]
fn any_kinds_in_any_order() {
    for (index, one) in KINDS.into_iter().enumerate() {
        for other in KINDS {
            for round in 0..10 {
                play(one, other, 1 + (index as u64 * 12 + other as u64) * 10 + round);
            }
        }
    }
}
