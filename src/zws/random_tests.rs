//! Random bytes, and valid ones that were damaged, cut and repeated at random: whatever comes,
//! nothing panics, nothing loops, and no more is kept than was sent.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use super::frame::{append_close, append_data, append_ping, Decoder, Item};
use super::handshake::Handshake;
use super::mask::Masks;
use super::upgrade::Resource;
use super::Role;
use crate::options::constants::{ZMQ_DEALER, ZMQ_ROUTER};
use crate::zmtp::handshake::Config;

const ROUNDS: u64 = 4_000;

/// Random numbers that are the same in each run.
struct Random {
    seed: u64,
    count: u64,
}

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.count += 1;
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        hasher.hash_one((self.seed, self.count)) as usize % limit.max(1)
    }

    fn byte(&mut self) -> u8 {
        self.below(256) as u8
    }

    /// Does one of several kinds of damage, or none.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..self.below(4) {
            let at = self.below(bytes.len());
            match self.below(5) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at.min(bytes.len()), self.byte()),
                2 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
                3 if !bytes.is_empty() => bytes[at] = self.byte(),
                _ => {
                    let piece = bytes[at.min(bytes.len())..].to_vec();
                    bytes.extend_from_slice(&piece[..piece.len().min(500)]);
                }
            }
        }
    }
}

fn frames(random: &mut Random, masks: &mut Option<Masks>) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..random.below(6) {
        let body = vec![random.byte(); random.below(300)];
        match random.below(4) {
            0 => append_ping(masks.as_mut(), &mut out),
            1 if body.len() < 125 => append_close(masks.as_mut(), &body, &mut out),
            _ => append_data(masks.as_mut(), random.byte(), &body, &mut out),
        }
    }
    out
}

#[test]
fn frames_at_random() {
    for seed in 0..ROUNDS {
        let mut random = Random { seed, count: 0 };
        let role = if seed % 2 == 0 { Role::Client } else { Role::Server };
        let mut masks = (role == Role::Server).then(Masks::new);
        let mut bytes = frames(&mut random, &mut masks);
        random.damage(&mut bytes);
        let limit = [0, 100, u64::MAX][random.below(3)];
        let mut decoder = Decoder::new(role);
        let mut rest = &mut bytes[..];
        while let Ok(Some((used, item))) = decoder.decode(rest, limit) {
            assert!(used >= 2);
            if let Item::Data { body, .. } = item {
                assert!(body.len() as u64 <= limit);
            }
            rest = &mut rest[used..];
        }
    }
}

#[test]
fn handshakes_at_random() {
    for seed in 0..ROUNDS {
        let mut random = Random { seed, count: 0 };
        let resource = Resource { host: "h".into(), path: "/".into() };
        let mut client = Handshake::client(Config::new(ZMQ_DEALER), &resource);
        let mut server = Handshake::server(Config::new(ZMQ_ROUTER));
        for _ in 0..4 {
            let mut to_server = core::mem::take(client.output());
            if random.below(3) == 0 {
                random.damage(&mut to_server);
            }
            if server.input(&to_server).is_err() {
                break;
            }
            let mut to_client = core::mem::take(server.output());
            if random.below(3) == 0 {
                random.damage(&mut to_client);
            }
            if client.input(&to_client).is_err() {
                break;
            }
        }
    }
}
