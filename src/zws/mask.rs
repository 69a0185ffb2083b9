//! Masks: a client scrambles its payloads, each frame with a new key, so that what an application
//! sends cannot be mistaken by a proxy for a request of its own.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// A frame's key.
pub type Key = [u8; 4];

/// Keys that a peer cannot guess: a keyed hash of a counter, with a key from the system.
#[derive(Debug)]
pub struct Masks {
    hasher: RandomState,
    count: u64,
}

impl Masks {
    #[expect(clippy::new_without_default, reason = "each one is different")]
    pub fn new() -> Masks {
        Masks { hasher: RandomState::new(), count: 0 }
    }

    fn next_number(&mut self) -> u64 {
        self.count = self.count.wrapping_add(1);
        self.hasher.hash_one(self.count)
    }

    pub fn next_key(&mut self) -> Key {
        let [a, b, c, d, ..] = self.next_number().to_ne_bytes();
        [a, b, c, d]
    }

    /// Sixteen bytes that identify one upgrade request.
    pub fn nonce(&mut self) -> [u8; 16] {
        let mut nonce = [0; 16];
        for part in nonce.chunks_exact_mut(8) {
            part.copy_from_slice(&self.next_number().to_ne_bytes());
        }
        nonce
    }
}

/// Masks or unmasks `bytes`, which begin at this offset of the payload.
pub fn apply(key: Key, offset: usize, bytes: &mut [u8]) {
    let mut key = key;
    key.rotate_left(offset % 4);
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut words = bytes.chunks_exact_mut(8);
    for word in &mut words {
        if let Some(number) = word.first_chunk_mut::<8>() {
            *number = (u64::from_ne_bytes(*number) ^ wide).to_ne_bytes();
        }
    }
    for (byte, mask) in words.into_remainder().iter_mut().zip(key.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_is_masked_with_its_turn_of_the_key() {
        let key = [1, 2, 4, 8];
        for offset in 0..9 {
            for len in 0..40 {
                let mut bytes: Vec<u8> = (0..len).map(|number| (number * 7) as u8).collect();
                let plain = bytes.clone();
                apply(key, offset, &mut bytes);
                for (at, (masked, plain)) in bytes.iter().zip(&plain).enumerate() {
                    assert_eq!(*masked, plain ^ key[(at + offset) % 4], "{offset} {len} {at}");
                }
                apply(key, offset, &mut bytes);
                assert_eq!(bytes, plain);
            }
        }
    }

    #[test]
    fn keys_differ_from_frame_to_frame_and_from_connection_to_connection() {
        let (mut one, mut other) = (Masks::new(), Masks::new());
        let keys: std::collections::HashSet<Key> =
            (0..100).flat_map(|_| [one.next_key(), other.next_key()]).collect();
        assert!(keys.len() > 195, "{}", keys.len());
        assert_ne!(one.nonce(), one.nonce());
    }
}
