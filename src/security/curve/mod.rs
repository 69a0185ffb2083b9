//! The CURVE mechanism (ZeroMQ RFC 26): encryption, authentication of the server by the client,
//! and of the client by the ZAP handler.
//!
//! ```text
//! client                                     server
//!   HELLO     C', box that only S can open  ─►
//!   ◄─  WELCOME     box(S', cookie)
//!   INITIATE  cookie, box(C, vouch, metadata) ─►   ZAP is asked about C
//!   ◄─  READY       box(metadata)    or ERROR
//!   MESSAGE   box(flags, body)  ◄─►  MESSAGE
//! ```
//!
//! C and S are the long keys of client and server, C' and S' short ones made for this connection
//! and forgotten with it. Between WELCOME and INITIATE the server remembers nothing but the key of
//! the cookie, which holds the rest: C' and the secret half of S', locked away at the client.
//!
//! [`client`] and [`server`] are the two sides of the handshake, [`cipher`] is what becomes of it:
//! one half that seals messages and one that opens them. [`boxes`] is the cryptography, made of
//! NaCl's primitives as other crates have them, and [`series`] what can be spared in it for
//! messages that follow each other.

use super::keys::{self, PublicKey, SecretKey};
use super::HandshakeError;
use crate::error::Result;
use crate::options::constants::{
    ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC, ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO,
    ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_INITIATE,
    ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_READY,
};

pub mod boxes;
pub mod cipher;
pub mod client;
pub mod series;
pub mod server;
#[cfg(test)]
pub(crate) mod tests;

pub use client::{Client, ClientKeys};
pub use server::Server;

pub const NAME: &str = "CURVE";

const HELLO: &[u8] = b"\x05HELLO";
const WELCOME: &[u8] = b"\x07WELCOME";
const INITIATE: &[u8] = b"\x08INITIATE";
const READY: &[u8] = b"\x05READY";
/// Version of CurveZMQ that HELLO names.
const VERSION: [u8; 2] = [1, 0];
/// Zeros in HELLO, so that nobody gets more out of a server than was put in.
const PADDING_LEN: usize = 72;
/// What the box in HELLO holds: nothing but zeros.
const SIGNATURE_LEN: usize = 64;
/// The random part of a nonce that needs no counting.
const LONG_NONCE_LEN: usize = 16;
/// The counted part of a nonce.
const SHORT_NONCE_LEN: usize = 8;
/// A cookie as the client keeps it: its nonce, and the box with both short keys.
const COOKIE_LEN: usize = LONG_NONCE_LEN + boxes::MAC_LEN + 2 * keys::KEY_LEN;
/// The box in which the client's long key vouches for its short one.
const VOUCH_LEN: usize = boxes::MAC_LEN + 2 * keys::KEY_LEN;

const CRYPTOGRAPHIC: HandshakeError =
    HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC);
const MALFORMED_HELLO: HandshakeError =
    HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO);
const MALFORMED_INITIATE: HandshakeError =
    HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_INITIATE);
const MALFORMED_READY: HandshakeError =
    HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_READY);

/// A new pair of keys.
pub fn keypair() -> Result<(PublicKey, SecretKey)> {
    let secret = SecretKey::random()?;
    Ok((boxes::public_of(&secret), secret))
}

/// Takes the next `N` bytes off a command that is known to be long enough.
fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, left) = rest.split_first_chunk::<N>()?;
    *rest = left;
    Some(taken)
}
