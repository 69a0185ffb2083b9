//! Whatever comes from outside, nothing panics, and nothing is kept without bound.
//!
//! Each target takes bytes; the test feeds it changed copies of what is valid, from the target's own
//! seeds and from `tests/seeds/TARGET/`, where a finding goes to stay. Runs are the same each time
//! for the same time; `OXIZMQ_FUZZ_SECONDS` makes each target's longer than its usual second, and
//! `OXIZMQ_FUZZ_SEED` another one. A failure prints the input that led to it.

use core::ffi::{c_int, c_void, CStr};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::time::{Duration, Instant};

use zmq::ffi;
use zmq::options::constants::*;
use zmq::security::curve::{self, ClientKeys};
use zmq::security::keys::SecretBytes;
use zmq::security::{zap, MechanismConfig, PeerMetadata};
use zmq::zmtp::handshake::{Config, Handshake, Status};
use zmq::zmtp::{command, frame};

/// What a peer can make a handshake keep or say, whatever it sends.
const KEPT_MOST: usize = 1 << 20;

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn new(target: &str) -> Numbers {
        let chosen = std::env::var("OXIZMQ_FUZZ_SEED").ok().and_then(|seed| seed.parse().ok());
        let mut numbers = Numbers(chosen.unwrap_or(0x9e37_79b9_7f4a_7c15));
        for byte in target.bytes() {
            numbers.0 ^= u64::from(byte);
            numbers.next();
        }
        numbers
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 16) as usize % bound.max(1)
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| (self.next() >> 24) as u8).collect()
    }

    /// A copy with some bytes changed, cut, doubled, or put in.
    fn changed(&mut self, seed: &[u8]) -> Vec<u8> {
        let mut data = seed.to_vec();
        for _ in 0..self.below(6) {
            let at = self.below(data.len() + 1);
            let count = self.below(16);
            match self.below(7) {
                0 => data.truncate(at),
                1 => drop(data.splice(at..at, self.bytes(count))),
                2 => drop(data.drain(at..(at + count).min(data.len()))),
                3 => {
                    let copy = data[at..(at + 4 * count).min(data.len())].to_vec();
                    data.extend(copy);
                }
                4 if at < data.len() => data[at] = [0, 1, 0x7f, 0x80, 0xff, 2, 6][count % 7],
                5 if at + 8 <= data.len() => {
                    let length = [u64::MAX, 1 << 63, 1 << 32, 0, 255, 256][count % 6];
                    data[at..at + 8].copy_from_slice(&length.to_be_bytes());
                }
                _ if at < data.len() => data[at] ^= 1 << self.below(8),
                _ => {}
            }
        }
        data
    }
}

/// Feeds a target for its time.
fn feed(name: &str, mut seeds: Vec<Vec<u8>>, mut target: impl FnMut(&[u8], &mut Numbers)) {
    let directory = format!("{}/tests/seeds/{name}", env!("CARGO_MANIFEST_DIR"));
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        seeds.push(std::fs::read(entry.path()).unwrap());
    }
    seeds.push(Vec::new());
    let mut numbers = Numbers::new(name);
    let seconds = std::env::var("OXIZMQ_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let end = Instant::now() + Duration::from_secs_f64(seconds.unwrap_or(1.0));
    let mut count = 0;
    while count < seeds.len() || Instant::now() < end {
        let seed = &seeds[count % seeds.len()];
        let data = if count < seeds.len() { seed.clone() } else { numbers.changed(seed) };
        let outcome = catch_unwind(AssertUnwindSafe(|| target(&data, &mut numbers)));
        assert!(outcome.is_ok(), "{name}, input {count}: {data:02x?}");
        count += 1;
    }
    println!("{name}: {count} inputs");
}

fn configs() -> Vec<(Config, Config)> {
    let (server_public, server_secret) = curve::keypair().unwrap();
    let (public, secret) = curve::keypair().unwrap();
    let plain = || MechanismConfig::PlainClient {
        username: SecretBytes::new(b"name"),
        password: SecretBytes::new(b"word"),
    };
    let curve_client =
        MechanismConfig::CurveClient(ClientKeys { public, secret, server: server_public });
    [
        (MechanismConfig::Null, MechanismConfig::Null),
        (plain(), MechanismConfig::PlainServer),
        (curve_client, MechanismConfig::CurveServer(server_secret)),
    ]
    .into_iter()
    .map(|(client, server)| {
        let (mut one, mut other) = (Config::new(ZMQ_DEALER), Config::new(ZMQ_ROUTER));
        (one.mechanism, other.mechanism) = (client, server);
        other.recv_routing_id = true;
        (one, other)
    })
    .collect()
}

fn answer() -> Vec<Vec<u8>> {
    ["", "1.0", "1", "200", "", "user", ""].iter().map(|part| part.as_bytes().to_vec()).collect()
}

/// Gives a handshake bytes, and ZAP's consent where it asks. False when it is over.
fn give(handshake: &mut Handshake, bytes: &[u8]) -> bool {
    let taken = handshake.input(bytes);
    if handshake.take_zap_request().is_some() && handshake.zap_reply(answer()).is_err() {
        return false;
    }
    handshake.take_event();
    assert!(handshake.output().len() <= KEPT_MOST);
    taken.is_ok() && handshake.status() != Status::Done
}

#[test]
fn one_side_of_a_handshake() {
    let greeting = |name: &[u8]| {
        let mut bytes = b"\xff\0\0\0\0\0\0\0\0\x7f\x03\x01".to_vec();
        bytes.extend_from_slice(name);
        bytes.resize(64, 0);
        bytes
    };
    let ready = b"\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06ROUTER";
    let mut seeds = vec![
        [&greeting(b"NULL")[..], ready].concat(),
        [&greeting(b"PLAIN"), &b"\x04\x0d\x05HELLO\x01a\x01b"[..]].concat(),
        [&greeting(b"PLAIN"), &b"\x04\x08\x07WELCOME"[..], ready].concat(),
        [&greeting(b"CURVE"), &b"\x04\xc8\x05HELLO\x01\0"[..], &[0; 192]].concat(),
        [&greeting(b"CURVE"), &b"\x04\xa8\x07WELCOME"[..], &[0; 160]].concat(),
        [&greeting(b"CURVE"), &b"\x04\x0a\x05ERROR\x03400"[..]].concat(),
    ];
    seeds.push(b"\x01\0\x05\0hello".to_vec());
    seeds.push(b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x05\0\0\0\x05hello".to_vec());
    let configs = configs();
    feed("handshake", seeds, |data, numbers| {
        for (client, server) in &configs {
            for config in [client, server] {
                let mut handshake = Handshake::new(config.clone());
                let pieces = data.chunks(1 + numbers.below(data.len()));
                let _ =
                    pieces.map(|piece| give(&mut handshake, piece)).take_while(|on| *on).count();
                if handshake.status() == Status::Done {
                    handshake.finish();
                }
            }
        }
    });
}

#[test]
fn two_sides_with_something_between_them() {
    let configs = configs();
    // An input says where in the conversation something is changed, and how.
    let seeds = (0..40).map(|step| vec![step, step, step]).collect();
    feed("conversation", seeds, |data, numbers| {
        let at = data.first().map_or(0, |&at| usize::from(at) % 12);
        for (client, server) in &configs {
            let (mut one, mut other) =
                (Handshake::new(client.clone()), Handshake::new(server.clone()));
            for step in 0..24 {
                let (from, to) =
                    if step % 2 == 0 { (&mut one, &mut other) } else { (&mut other, &mut one) };
                let mut said = core::mem::take(from.output());
                if step == at || step == at + 5 {
                    said = numbers.changed(&said);
                }
                if !give(to, &said) && to.status() != Status::Done {
                    break;
                }
            }
        }
    });
}

#[test]
fn messages_that_are_encrypted() {
    let (client, server) = configs().remove(2);
    let (mut one, mut other) = (Handshake::new(client), Handshake::new(server));
    while one.status() != Status::Done || other.status() != Status::Done {
        let said = core::mem::take(one.output());
        give(&mut other, &said);
        let said = core::mem::take(other.output());
        give(&mut one, &said);
    }
    let mut seal = one.finish().transforms.unwrap().seal;
    let mut open = other.finish().transforms.unwrap().open;
    let seeds = (0..80).map(|length| vec![7; length]).collect();
    feed("messages", seeds, |data, numbers| {
        let mut sealed = Vec::new();
        seal.append_frame(0, data, &mut sealed).unwrap();
        sealed.drain(..frame::parse_header(&sealed).unwrap().unwrap().header_len);
        let mut changed = numbers.changed(&sealed);
        let is_whole = changed == sealed;
        match open.open(&mut changed) {
            Ok((flags, body)) => assert_eq!((is_whole, flags, &changed[body]), (true, 0, data)),
            Err(_) => assert!(!is_whole),
        }
        let _ = open.open(&mut data.to_vec());
    });
}

#[test]
fn frames_and_commands() {
    let seeds = vec![
        command::encode_ping(7, b"context"),
        command::encode_subscribe(b"topic"),
        command::encode_cancel(&[7; 300]),
        b"\x02\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
    ];
    feed("frames", seeds, |data, _| {
        let _ = command::parse(data);
        for header in [frame::parse_header(data), frame::parse_header_v1(data)] {
            if let Ok(Some(header)) = header {
                assert!(header.header_len <= data.len() && header.body_len <= i64::MAX as u64);
            }
        }
    });
}

#[test]
fn answers_of_zap_and_metadata() {
    let metadata = b"\x0bSocket-Type\0\0\0\x06ROUTER\x08Identity\0\0\0\x02me\x03X-a\0\0\0\0";
    let seeds = vec![metadata.to_vec(), b"\x07User-Id\0\0\0\x01x".to_vec(), b"1.0".to_vec()];
    feed("zap", seeds, |data, numbers| {
        let mut peer = PeerMetadata::new(ZMQ_DEALER, true);
        let _ = peer.add(zmq::security::metadata::Source::Peer, data);
        peer.into_properties("127.0.0.1");
        let mut parts = answer();
        let place = numbers.below(9);
        match parts.get_mut(place) {
            Some(part) => *part = data.to_vec(),
            None => parts.resize(place - 3 + numbers.below(9), data.to_vec()),
        }
        let _ = zap::Reply::parse(&parts);
        let mut client = zap::Client::new(b"D".to_vec(), false, String::new(), Vec::new());
        client.ask("NULL", Vec::new());
        client.take_request();
        let mut peer = PeerMetadata::new(ZMQ_DEALER, true);
        let _ = client.reply(&parts, &mut peer);
    });
}

#[test]
fn endpoints() {
    let seeds = ["tcp://127.0.0.1:5555", "tcp://[::1]:0", "ipc://@name", "inproc://a", "tcp://*:*"];
    let mut seeds: Vec<Vec<u8>> = seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect();
    seeds.push(b"tcp://lo:1;127.0.0.1:2".to_vec());
    feed("endpoints", seeds, |data, _| {
        if let Ok(text) = core::str::from_utf8(data) {
            let _ = zmq::transport::parse(text);
        }
    });
}

#[test]
fn options_and_z85_through_the_c_interface() {
    let key = b"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\0";
    let mut seeds = vec![key.to_vec(), key[..40].to_vec(), b"X-name:value".to_vec()];
    seeds.extend([-1i32, 0, 1, 1000].map(|number| number.to_ne_bytes().to_vec()));
    seeds.push(b"127.0.0.1/8".to_vec());
    let context = ffi::context::zmq_ctx_new();
    feed("options", seeds, |data, numbers| {
        // SAFETY: handles are live, buffers have the sizes that are passed, and texts end with NUL.
        unsafe {
            let kind = numbers.below(12) as c_int;
            let socket = ffi::socket::zmq_socket(context, kind);
            for _ in 0..40 {
                let option = numbers.below(130) as c_int;
                let value = data.as_ptr().cast::<c_void>();
                ffi::socket::zmq_setsockopt(socket, option, value, data.len());
                let mut room = [0u8; 300];
                let mut size = numbers.below(300);
                let asked = size;
                ffi::socket::zmq_getsockopt(socket, option, room.as_mut_ptr().cast(), &mut size);
                assert!(size <= asked.max(size.min(300)), "option {option}");
            }
            assert_eq!(ffi::socket::zmq_close(socket), 0);
            let text = [data, b"\0"].concat();
            let text = CStr::from_bytes_until_nul(&text).unwrap();
            let mut decoded = vec![0u8; data.len()];
            ffi::encoding::zmq_z85_decode(decoded.as_mut_ptr(), text.as_ptr());
            let mut public = [0; 41];
            ffi::encoding::zmq_curve_public(public.as_mut_ptr(), text.as_ptr());
        }
    });
    assert_eq!(ffi::context::zmq_ctx_term(context), 0);
}
