//! What is fuzzed: for each target a function that takes bytes, and inputs to begin with.
//!
//! The functions are driven twice. `fuzz_targets/` has a program for each, in which libFuzzer looks
//! for bytes that lead somewhere new (`scripts/fuzz`, or `cargo fuzz run TARGET`). And
//! `tests/arbitrary_bytes.rs` feeds each for a second with the seeds and changed copies of them,
//! which needs no more than `cargo test`.
//!
//! Most inputs are read as a [`script`]: the first bytes choose a socket kind, a side, a limit; the
//! rest is what a peer says. A target fails by panicking. That the library does not panic, hang or
//! take memory without bound is the least that is asked; where there is a second way to the same
//! result (in other pieces, back and forth, with the keys in hand), both have to agree.

pub mod curve;
pub mod datagrams;
pub mod frames;
pub mod handshake;
#[cfg(feature = "gssapi")]
pub mod kerberos;
mod memory;
pub mod multicast;
pub mod options;
pub mod proxy;
pub mod script;
pub mod stream;
pub mod texts;
pub mod websocket;
pub mod zap;

/// One thing that takes bytes.
pub struct Target {
    /// The name of its program, and of its directory of seeds.
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// Inputs that lead deep into it. They lie in `seeds/NAME` as files, for libFuzzer.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "handshake_null", run: handshake::null, seeds: handshake::null_seeds },
    Target { name: "handshake_plain", run: handshake::plain, seeds: handshake::plain_seeds },
    Target { name: "handshake_curve", run: handshake::curve, seeds: handshake::curve_seeds },
    #[cfg(feature = "gssapi")]
    Target { name: "handshake_gssapi", run: kerberos::run, seeds: kerberos::seeds },
    Target { name: "conversation", run: handshake::conversation, seeds: handshake::edits },
    Target { name: "curve_insider", run: curve::insider, seeds: curve::seeds },
    Target { name: "frames", run: frames::run, seeds: frames::seeds },
    Target { name: "stream", run: stream::run, seeds: stream::seeds },
    Target { name: "zap_reply", run: zap::reply, seeds: zap::reply_seeds },
    Target { name: "metadata", run: zap::metadata, seeds: zap::metadata_seeds },
    Target { name: "z85", run: texts::z85, seeds: texts::z85_seeds },
    Target { name: "endpoint", run: texts::endpoint, seeds: texts::endpoint_seeds },
    Target { name: "options", run: options::run, seeds: options::seeds },
    Target { name: "zws_handshake", run: websocket::handshake, seeds: websocket::handshake_seeds },
    Target { name: "zws_frames", run: websocket::frames, seeds: websocket::frames_seeds },
    Target { name: "udp", run: datagrams::run, seeds: datagrams::seeds },
    Target { name: "multicast", run: multicast::run, seeds: multicast::seeds },
    Target { name: "socks", run: proxy::run, seeds: proxy::seeds },
];
