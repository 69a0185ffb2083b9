//! Reading an input as a script: small numbers, pieces, and edits of what somebody said.
//!
//! An input that ends early goes on with zeros, so every input means something.

/// What is left of an input.
pub struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    pub fn new(data: &'a [u8]) -> Script<'a> {
        Script(data)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&first, rest)) => {
                self.0 = rest;
                first
            }
            None => 0,
        }
    }

    pub fn flag(&mut self) -> bool {
        self.byte() & 1 != 0
    }

    pub fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::from(self.byte()) % of.len()]
    }

    /// So many bytes, if there are.
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A piece with its length in front, in one byte.
    pub fn piece(&mut self) -> &'a [u8] {
        let count = usize::from(self.byte());
        self.take(count)
    }

    /// A piece with its length in front, in two bytes.
    pub fn long_piece(&mut self) -> &'a [u8] {
        let count = usize::from(self.word());
        self.take(count)
    }

    pub fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Changes bytes as the script says, or leaves them. True when they are others than before.
    pub fn edit(&mut self, bytes: &mut Vec<u8>) -> bool {
        let kind = self.byte();
        if kind == 0 {
            return false;
        }
        let before = bytes.clone();
        let at = usize::from(self.word()) % (bytes.len() + 1);
        let value = self.byte();
        let end = (at + usize::from(value)).min(bytes.len());
        match kind % 7 {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => drop(bytes.splice(at..at, self.piece().iter().copied())),
            3 => bytes.extend_from_within(at..end),
            4 if at + 8 <= bytes.len() => {
                let number = [u64::MAX, 1 << 63, i64::MAX as u64, 1 << 32, 0, 255, 256, 65_536];
                let number = number[usize::from(value) % number.len()];
                bytes[at..at + 8].copy_from_slice(&number.to_be_bytes());
            }
            5 if at < bytes.len() => bytes[at] = value,
            _ if at < bytes.len() => bytes[at] ^= 1 << (value % 8),
            _ => {}
        }
        *bytes != before
    }
}

/// A seed from its parts.
pub fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// A piece as [`Script::piece`] reads it.
pub fn piece(bytes: &[u8]) -> Vec<u8> {
    let bytes = &bytes[..bytes.len().min(255)];
    joined(&[&[bytes.len() as u8], bytes])
}

/// A piece as [`Script::long_piece`] reads it.
pub fn long_piece(bytes: &[u8]) -> Vec<u8> {
    joined(&[&(bytes.len() as u16).to_be_bytes(), bytes])
}
