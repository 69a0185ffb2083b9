//! The C ABI: check, convert, call, map to `errno`. Nothing else in the library is `extern "C"`.
//!
//! What each function promises its C callers stands in the manual pages of ZeroMQ, and their
//! safety rules are those of any C function, so none repeats them in a `# Safety` section.
#![allow(clippy::missing_safety_doc)]

pub mod buffers;
pub mod context;
pub mod encoding;
pub mod guard;
pub mod handle;
pub mod message;
pub mod monitor;
pub mod poll;
pub mod poller;
pub mod proxy;
pub mod socket;
pub mod threads;
pub mod timers;
pub mod transfer;
pub mod types;
pub mod util;
