//! Boxes of which each has a number: all messages that one side of a connection sends.
//!
//! Their nonces have the first 16 bytes in common, and XSalsa20 begins with making a key from those.
//! That is done once for all of them. What is left for each message is Salsa20, whose first 32
//! bytes are the key of Poly1305, and Poly1305:
//!
//! ```text
//! key, prefix ─HSalsa20─► subkey          once
//! subkey, number ─Salsa20─► 32 bytes: key of the authenticator | stream for the data
//! ```
//!
//! For a short message that first step, and a driver made for long ones, are half of the work, so
//! short ones are put together here from the same primitives, byte for byte as NaCl does it
//! (`tests/boxes.rs`). Longer ones are `dryoc`'s, which makes many blocks of the stream at once.

use dryoc::classic::crypto_core::crypto_core_hsalsa20;
use dryoc::classic::crypto_onetimeauth::{crypto_onetimeauth, crypto_onetimeauth_verify};
use salsa20::cipher::array::Array;
use salsa20::cipher::consts::{U10, U64};
use salsa20::cipher::{KeyIvInit, StreamCipherCore};
use salsa20::SalsaCore;
use zeroize::zeroize_bytes;

use super::boxes::{self, Forged, MAC_LEN};
use super::SHORT_NONCE_LEN;
use crate::security::keys::{SecretKey, KEY_LEN};

/// Length of what all nonces begin with.
pub const PREFIX_LEN: usize = boxes::NONCE_LEN - SHORT_NONCE_LEN;

/// The part of a nonce that tells it from others.
pub type Number = [u8; SHORT_NONCE_LEN];

/// Bytes that Salsa20 makes at once.
const BLOCK_LEN: usize = 64;
/// Blocks up to which data is short.
const SHORT_BLOCKS: usize = 2;
/// Data up to this length is short: the stream begins with the authenticator's key.
const SHORT_MOST: usize = SHORT_BLOCKS * BLOCK_LEN - KEY_LEN;

/// The key of one direction.
#[derive(Debug)]
pub struct Series {
    key: SecretKey,
    prefix: &'static [u8; PREFIX_LEN],
    subkey: SecretKey,
}

impl Series {
    pub fn new(key: &SecretKey, prefix: &'static [u8; PREFIX_LEN]) -> Series {
        let mut subkey = SecretKey::default();
        crypto_core_hsalsa20(subkey.as_mut_bytes(), prefix, key.as_bytes(), None);
        Series { key: key.clone(), prefix, subkey }
    }

    #[cfg(test)]
    pub(super) fn key(&self) -> &SecretKey {
        &self.key
    }

    /// As [`boxes::seal_in_place`].
    #[inline]
    pub fn seal_in_place(&self, data: &mut [u8], number: &Number) -> [u8; MAC_LEN] {
        if data.len() > SHORT_MOST {
            return boxes::seal_in_place(data, &self.nonce(number), &self.key);
        }
        let stream = Stream::new(&self.subkey, number, data.len());
        stream.apply(data);
        let mut mac = [0; MAC_LEN];
        crypto_onetimeauth(&mut mac, data, stream.mac_key());
        mac
    }

    /// As [`boxes::open_in_place`].
    #[inline]
    pub fn open_in_place(
        &self,
        data: &mut [u8],
        mac: &[u8; MAC_LEN],
        number: &Number,
    ) -> Result<(), Forged> {
        if data.len() > SHORT_MOST {
            return boxes::open_in_place(data, mac, &self.nonce(number), &self.key);
        }
        let stream = Stream::new(&self.subkey, number, data.len());
        crypto_onetimeauth_verify(mac, data, stream.mac_key()).map_err(|_| Forged)?;
        stream.apply(data);
        Ok(())
    }

    fn nonce(&self, number: &Number) -> boxes::Nonce {
        boxes::nonce(self.prefix, number)
    }
}

/// What Salsa20 makes of a key and a number: the authenticator's key, and what data is combined with.
struct Stream([[u8; KEY_LEN]; SHORT_BLOCKS * BLOCK_LEN / KEY_LEN]);

impl Stream {
    /// As much of it as short data of this length wants.
    #[inline]
    fn new(subkey: &SecretKey, number: &Number, data_len: usize) -> Stream {
        let mut stream = Stream(Default::default());
        let (blocks, _) = stream.0.as_flattened_mut().as_chunks_mut::<BLOCK_LEN>();
        let wanted = (KEY_LEN + data_len).div_ceil(BLOCK_LEN).min(SHORT_BLOCKS);
        let blocks = Array::<u8, U64>::cast_slice_from_core_mut(&mut blocks[..wanted]);
        SalsaCore::<U10>::new(subkey.as_bytes().into(), number.into())
            .write_keystream_blocks(blocks);
        stream
    }

    #[inline]
    fn mac_key(&self) -> &[u8; KEY_LEN] {
        &self.0[0]
    }

    #[inline]
    fn apply(&self, data: &mut [u8]) {
        for (byte, other) in data.iter_mut().zip(self.0[1..].as_flattened()) {
            *byte ^= other;
        }
    }
}

impl Drop for Stream {
    #[inline]
    fn drop(&mut self) {
        zeroize_bytes(self.0.as_flattened_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(unsafe_code)]
    fn a_stream_is_wiped_when_it_goes() {
        let key = SecretKey::new([7; KEY_LEN]);
        let mut stream = core::mem::ManuallyDrop::new(Stream::new(&key, &[1; 8], SHORT_MOST));
        assert!(stream.0.iter().all(|part| *part != [0; KEY_LEN]));
        let place = (&raw const stream).cast::<[u8; SHORT_BLOCKS * BLOCK_LEN]>();
        // SAFETY: dropped once; the bytes stay this function's own memory, and are plain.
        let left = unsafe {
            core::mem::ManuallyDrop::drop(&mut stream);
            place.read_volatile()
        };
        assert_eq!(left, [0; SHORT_BLOCKS * BLOCK_LEN]);
    }
}
