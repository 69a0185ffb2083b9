//! ZeroMQ behind libzmq's C ABI: a drop-in `libzmq.so.5`.
//!
//! `ARCHITECTURE.md` at the root has the map. Dependencies between the modules point down only:
//! the C ABI (`ffi`) calls `poll`, `poller`, `proxy`, `context` and `socket`; sockets start sessions, which
//! run in the I/O threads (`io`) and move bytes with an `engine` between a connection
//! (`transport`, `zmtp`, `zws`, `security`) and a `pipe`.

pub mod context;
pub mod engine;
pub mod error;
pub mod ffi;
pub mod io;
pub mod message;
pub mod monitor;
pub mod options;
pub mod pipe;
pub mod poll;
pub mod poller;
pub mod proxy;
pub mod security;
pub mod session;
pub mod signaler;
pub mod socket;
pub mod timers;
pub mod transport;
mod z85;
pub mod zmtp;
pub mod zws;
