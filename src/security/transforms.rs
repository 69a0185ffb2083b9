//! What a mechanism does to messages once the handshake is over.
//!
//! A connection without them carries frames as they are. With them, each frame is the body of
//! another: sealed on its way out, opened on its way in, both in the memory where it lies.

use core::ops::Range;

use super::curve;
#[cfg(feature = "gssapi")]
use super::gssapi;
use super::HandshakeError;
use crate::error::{Errno, Result};
use crate::message::Content;
use crate::zmtp::frame;

/// Both directions of one connection.
#[derive(Debug)]
pub struct Transforms {
    pub seal: Sealer,
    pub open: Opener,
}

/// The way out.
#[derive(Debug)]
pub enum Sealer {
    Curve(curve::cipher::Sealer),
    #[cfg(feature = "gssapi")]
    Gssapi(gssapi::cipher::Sealer),
}

impl Sealer {
    /// Appends a whole frame with the one of these flags and this body in it.
    #[inline]
    pub fn append_frame(&mut self, flags: u8, body: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match self {
            Sealer::Curve(sealer) => {
                let sealed_len = body.len() + curve::cipher::OVERHEAD;
                append_header(sealed_len, out)?;
                sealer.append(flags, body, out)
            }
            #[cfg(feature = "gssapi")]
            Sealer::Gssapi(sealer) => {
                let mut sealed = Vec::new();
                sealer.append(flags, body, &mut sealed)?;
                append_header(sealed.len(), out)?;
                out.extend_from_slice(&sealed);
                Ok(())
            }
        }
    }
}

impl Sealer {
    /// Makes a whole frame, as [`Self::append_frame`] does, of a body where it lies. False, and
    /// nothing is done, where there is no room in front of the body, or others refer to it.
    pub fn seal_in_place(&mut self, flags: u8, body: &mut Content) -> Result<bool> {
        match self {
            Sealer::Curve(sealer) => {
                const ROOM: usize = frame::MAX_HEADER_LEN + curve::cipher::OVERHEAD;
                if !body.has_room_before(ROOM) {
                    return Ok(false);
                }
                let mut header = [0; frame::MAX_HEADER_LEN];
                let sealed_len = body.len() + curve::cipher::OVERHEAD;
                let header_len = frame::encode_header(0, sealed_len, &mut header);
                body.prepend(&sealer.next_head(flags)?);
                if let Some(message) = body.as_mut_slice() {
                    sealer.seal(message);
                }
                body.prepend(&header[..header_len]);
                Ok(true)
            }
            #[cfg(feature = "gssapi")]
            Sealer::Gssapi(_) => Ok(false),
        }
    }

    /// Appends only the body of the frame around the one of these flags and this body, for framings
    /// other than ZMTP's.
    pub fn append_body(&mut self, flags: u8, body: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match self {
            Sealer::Curve(sealer) => {
                let sealed_len = body.len() + curve::cipher::OVERHEAD;
                out.try_reserve(sealed_len).map_err(|_| Errno::ENOMEM)?;
                sealer.append(flags, body, out)
            }
            #[cfg(feature = "gssapi")]
            Sealer::Gssapi(sealer) => sealer.append(flags, body, out),
        }
    }
}

/// Appends the header of a frame and makes room for its body.
#[inline]
fn append_header(body_len: usize, out: &mut Vec<u8>) -> Result<()> {
    out.try_reserve(body_len + frame::MAX_HEADER_LEN).map_err(|_| Errno::ENOMEM)?;
    let mut header = [0; frame::MAX_HEADER_LEN];
    let header_len = frame::encode_header(0, body_len, &mut header);
    out.extend_from_slice(&header[..header_len]);
    Ok(())
}

impl From<curve::cipher::Sealer> for Sealer {
    fn from(sealer: curve::cipher::Sealer) -> Sealer {
        Sealer::Curve(sealer)
    }
}

#[cfg(feature = "gssapi")]
impl From<gssapi::cipher::Sealer> for Sealer {
    fn from(sealer: gssapi::cipher::Sealer) -> Sealer {
        Sealer::Gssapi(sealer)
    }
}

/// The way in.
#[derive(Debug)]
pub enum Opener {
    Curve(curve::cipher::Opener),
    #[cfg(feature = "gssapi")]
    Gssapi(gssapi::cipher::Opener),
}

impl Opener {
    /// Opens the body of a frame where it lies: the flags of the frame inside, and where in `frame`
    /// the body of that one is.
    #[inline]
    pub fn open(&mut self, frame: &mut [u8]) -> Result<(u8, Range<usize>), HandshakeError> {
        match self {
            Opener::Curve(opener) => opener.open(frame),
            #[cfg(feature = "gssapi")]
            Opener::Gssapi(opener) => opener.open(frame),
        }
    }
}

impl From<curve::cipher::Opener> for Opener {
    fn from(opener: curve::cipher::Opener) -> Opener {
        Opener::Curve(opener)
    }
}

#[cfg(feature = "gssapi")]
impl From<gssapi::cipher::Opener> for Opener {
    fn from(opener: gssapi::cipher::Opener) -> Opener {
        Opener::Gssapi(opener)
    }
}
