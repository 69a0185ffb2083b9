//! NaCl's boxes: Curve25519 to agree on a key, XSalsa20 and Poly1305 to seal with it.
//!
//! The work is done by `dryoc`, in constant time where secrets are involved; this file gives it
//! the shapes that CURVE needs. A sealed box is its 16-byte authenticator and as many bytes as
//! were put in.

use dryoc::classic::crypto_box::{
    crypto_box_beforenm, crypto_box_detached_afternm_inplace,
    crypto_box_open_detached_afternm_inplace,
};
use dryoc::classic::crypto_core::crypto_scalarmult_base;
use zeroize::Zeroizing;

use crate::security::keys::{PublicKey, SecretKey};

/// Length of a box's authenticator.
pub const MAC_LEN: usize = 16;
/// Length of a whole nonce.
pub const NONCE_LEN: usize = 24;

pub type Nonce = [u8; NONCE_LEN];

/// Bytes that could not be opened: not sealed with this key and nonce, or changed on the way. Also
/// a public key with which no secret can be shared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Forged;

/// The public key that belongs to a secret one.
pub fn public_of(secret: &SecretKey) -> PublicKey {
    let mut public = PublicKey::default();
    crypto_scalarmult_base(&mut public, secret.as_bytes());
    public
}

/// The key that the owners of two key pairs share.
pub fn shared_key(theirs: &PublicKey, ours: &SecretKey) -> Result<SecretKey, Forged> {
    let key = Zeroizing::new(crypto_box_beforenm(theirs, ours.as_bytes()).map_err(|_| Forged)?);
    Ok(SecretKey::new(*key))
}

/// A nonce of a prefix and the part that tells it from others.
pub fn nonce(prefix: &[u8], rest: &[u8]) -> Nonce {
    let mut nonce = Nonce::default();
    for (slot, byte) in nonce.iter_mut().zip(prefix.iter().chain(rest)) {
        *slot = *byte;
    }
    nonce
}

/// Encrypts `data` where it lies and returns its authenticator.
#[inline]
pub fn seal_in_place(data: &mut [u8], nonce: &Nonce, key: &SecretKey) -> [u8; MAC_LEN] {
    let mut mac = [0; MAC_LEN];
    crypto_box_detached_afternm_inplace(data, &mut mac, nonce, key.as_bytes());
    mac
}

/// Decrypts `data` where it lies. It is left as it was when it is forged.
#[inline]
pub fn open_in_place(
    data: &mut [u8],
    mac: &[u8; MAC_LEN],
    nonce: &Nonce,
    key: &SecretKey,
) -> Result<(), Forged> {
    crypto_box_open_detached_afternm_inplace(data, mac, nonce, key.as_bytes()).map_err(|_| Forged)
}

/// Appends a sealed box with `pieces` in it.
pub fn append_sealed(pieces: &[&[u8]], nonce: &Nonce, key: &SecretKey, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; MAC_LEN]);
    for piece in pieces {
        out.extend_from_slice(piece);
    }
    if let Some((mac, data)) = out[start..].split_first_chunk_mut::<MAC_LEN>() {
        *mac = seal_in_place(data, nonce, key);
    }
}

/// Opens a sealed box. What was in it is wiped when it goes.
pub fn open(sealed: &[u8], nonce: &Nonce, key: &SecretKey) -> Result<Zeroizing<Vec<u8>>, Forged> {
    let (mac, data) = sealed.split_first_chunk::<MAC_LEN>().ok_or(Forged)?;
    let mut data = Zeroizing::new(data.to_vec());
    open_in_place(&mut data, mac, nonce, key)?;
    Ok(data)
}
