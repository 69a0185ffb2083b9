//! What a mechanism does to messages once the handshake is over.
//!
//! A connection without them carries frames as they are. With them, each frame is the body of
//! another: sealed on its way out, opened on its way in, both in the memory where it lies.

use core::ops::Range;

use super::curve::cipher;
use super::HandshakeError;
use crate::error::Result;

/// Both directions of one connection.
#[derive(Debug)]
pub struct Transforms {
    pub seal: Sealer,
    pub open: Opener,
}

/// The way out.
#[derive(Debug)]
pub enum Sealer {
    Curve(cipher::Sealer),
}

impl Sealer {
    /// How long the body of the frame around a body of this length is.
    #[inline]
    pub fn sealed_len(&self, body_len: usize) -> usize {
        match self {
            Sealer::Curve(_) => body_len + cipher::OVERHEAD,
        }
    }

    /// Appends the body of the frame that carries this one. Flags are those of ZMTP.
    #[inline]
    pub fn append(&mut self, flags: u8, body: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match self {
            Sealer::Curve(sealer) => sealer.append(flags, body, out),
        }
    }
}

impl From<cipher::Sealer> for Sealer {
    fn from(sealer: cipher::Sealer) -> Sealer {
        Sealer::Curve(sealer)
    }
}

/// The way in.
#[derive(Debug)]
pub enum Opener {
    Curve(cipher::Opener),
}

impl Opener {
    /// Opens the body of a frame where it lies: the flags of the frame inside, and where in `frame`
    /// the body of that one is.
    #[inline]
    pub fn open(&mut self, frame: &mut [u8]) -> Result<(u8, Range<usize>), HandshakeError> {
        match self {
            Opener::Curve(opener) => opener.open(frame),
        }
    }
}

impl From<cipher::Opener> for Opener {
    fn from(opener: cipher::Opener) -> Opener {
        Opener::Curve(opener)
    }
}
