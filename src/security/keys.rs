//! Secrets in memory: wiped when they go, compared in constant time, never printed.

use zeroize::Zeroize;

use crate::error::{Errno, Result};

/// Length of every CURVE key, and of the keys made from them.
pub const KEY_LEN: usize = 32;

/// A public key.
pub type PublicKey = [u8; KEY_LEN];

/// A secret key, or one that two peers share.
#[derive(Clone, Default)]
pub struct SecretKey([u8; KEY_LEN]);

impl SecretKey {
    pub fn new(bytes: [u8; KEY_LEN]) -> SecretKey {
        SecretKey(bytes)
    }

    /// A key nobody else knows. Fails where the system gives no random bytes.
    pub fn random() -> Result<SecretKey> {
        let mut key = SecretKey::default();
        fill_random(&mut key.0)?;
        Ok(key)
    }

    pub fn as_bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }

    pub fn as_mut_bytes(&mut self) -> &mut [u8; KEY_LEN] {
        &mut self.0
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl PartialEq for SecretKey {
    fn eq(&self, other: &SecretKey) -> bool {
        same_bytes(&self.0, &other.0)
    }
}

impl Eq for SecretKey {}

impl core::fmt::Debug for SecretKey {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str("SecretKey(..)")
    }
}

/// Secret bytes of any length: a password.
#[derive(Clone, Default)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    pub fn new(bytes: &[u8]) -> SecretBytes {
        SecretBytes(bytes.to_vec())
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl PartialEq for SecretBytes {
    fn eq(&self, other: &SecretBytes) -> bool {
        same_bytes(&self.0, &other.0)
    }
}

impl Eq for SecretBytes {}

impl core::fmt::Debug for SecretBytes {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str("SecretBytes(..)")
    }
}

/// Compares in a time that tells nothing about the bytes.
pub fn same_bytes(left: &[u8], right: &[u8]) -> bool {
    subtle::ConstantTimeEq::ct_eq(left, right).into()
}

/// Fills memory with random bytes of the system.
pub fn fill_random(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| Errno(error.raw_os_error().unwrap_or(Errno::EIO.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_printed() {
        let key = SecretKey::new(*b"0123456789abcdef0123456789abcdef");
        let password = SecretBytes::new(b"0123456789abcdef");
        let printed = format!("{key:?} {password:?}");
        assert!(!printed.contains("123"), "{printed}");
        assert!(!printed.contains("48, 49"), "{printed}");
    }

    #[test]
    #[allow(unsafe_code)]
    fn secrets_are_wiped_when_they_go() {
        let mut key = core::mem::ManuallyDrop::new(SecretKey::new([7; KEY_LEN]));
        let place = (&raw const key).cast::<[u8; KEY_LEN]>();
        // SAFETY: dropped once; the bytes stay this function's own memory, and are plain.
        let left = unsafe {
            core::mem::ManuallyDrop::drop(&mut key);
            place.read_volatile()
        };
        assert_eq!(left, [0; KEY_LEN]);
    }

    #[test]
    fn equality_looks_at_every_byte() {
        let key = SecretKey::new([7; KEY_LEN]);
        for position in 0..KEY_LEN {
            let mut other = key.clone();
            other.as_mut_bytes()[position] ^= 1;
            assert_ne!(key, other);
        }
        assert_eq!(key, key.clone());
        assert!(!same_bytes(b"ab", b"abc"));
    }

    #[test]
    fn random_keys_differ() {
        assert_ne!(SecretKey::random().unwrap(), SecretKey::random().unwrap());
    }
}
