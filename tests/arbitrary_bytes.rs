//! Whatever comes from outside, nothing panics, and nothing is kept without bound.
//!
//! The targets are those that libFuzzer drives as well (`fuzz/src`). Here each is fed, for a second,
//! with its seeds, with what was found before (`fuzz/seeds/TARGET/`), and with changed copies of both.
//! Runs are the same each time for the same time; `OXIZMQ_FUZZ_SECONDS` makes them longer, and
//! `OXIZMQ_FUZZ_SEED` others. A failure prints the input that led to it.

use std::fs;
use std::panic::catch_unwind;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[path = "../fuzz/src/lib.rs"]
mod targets;

use targets::{Target, TARGETS};

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

fn directory(target: &Target) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target.name)
}

/// What lies in a target's directory, in the order of the names.
fn kept(target: &Target) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(directory(target)).into_iter().flatten().flatten();
    let mut kept: Vec<(String, Vec<u8>)> = entries
        .map(|entry| {
            let name = entry.file_name().into_string().expect("a name");
            (name, fs::read(entry.path()).expect("a seed"))
        })
        .collect();
    kept.sort();
    kept
}

/// Feeds a target for its time.
fn feed(target: &Target) {
    let mut seeds: Vec<Vec<u8>> = kept(target).into_iter().map(|(_, data)| data).collect();
    seeds.push(Vec::new());
    let mut numbers = Numbers::new(target.name);
    let seconds = std::env::var("OXIZMQ_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let end = Instant::now() + Duration::from_secs_f64(seconds.unwrap_or(1.0));
    let mut count = 0;
    while count < seeds.len() || Instant::now() < end {
        let seed = &seeds[count % seeds.len()];
        let data = if count < seeds.len() { seed.clone() } else { numbers.changed(seed) };
        let outcome = catch_unwind(|| (target.run)(&data));
        assert!(outcome.is_ok(), "{}, input {count}: {data:02x?}", target.name);
        count += 1;
    }
    println!("{}: {count} inputs", target.name);
}

/// Each target is a test, so that they run side by side and a failure names its target.
macro_rules! tests {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            let target = TARGETS.iter().find(|target| target.name == stringify!($name));
            feed(target.expect("a target"));
        })*

        #[test]
        fn every_target_is_fed() {
            let mut tested = vec![$(stringify!($name)),*];
            tested.sort_unstable();
            let mut targets: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            targets.sort_unstable();
            assert_eq!(tested, targets);
        }
    };
}

#[cfg(not(feature = "gssapi"))]
tests! {
    handshake_null handshake_plain handshake_curve conversation curve_insider frames stream
    zap_reply metadata z85 endpoint options zws_handshake zws_frames udp multicast socks
}

#[cfg(feature = "gssapi")]
tests! {
    handshake_null handshake_plain handshake_curve handshake_gssapi conversation curve_insider
    frames stream zap_reply metadata z85 endpoint options zws_handshake zws_frames udp multicast
    socks
}

/// The seeds that lie in `fuzz/seeds` are what the targets say. `OXIZMQ_WRITE_SEEDS=1` writes them.
#[test]
fn seeds_are_what_the_targets_say() {
    for target in TARGETS {
        let seeds = (target.seeds)().into_iter().enumerate();
        let named: Vec<(String, Vec<u8>)> =
            seeds.map(|(number, data)| (format!("seed-{number:02}"), data)).collect();
        let is_seed = |name: &str| name.starts_with("seed-");
        if std::env::var_os("OXIZMQ_WRITE_SEEDS").is_some() {
            for (name, _) in kept(target).iter().filter(|(name, _)| is_seed(name)) {
                fs::remove_file(directory(target).join(name)).expect("a seed");
            }
            fs::create_dir_all(directory(target)).expect("a directory");
            for (name, data) in &named {
                fs::write(directory(target).join(name), data).expect("a seed");
            }
        }
        let found: Vec<_> = kept(target).into_iter().filter(|(name, _)| is_seed(name)).collect();
        assert!(found == named, "{}: OXIZMQ_WRITE_SEEDS=1 cargo test seeds_are", target.name);
    }
}
