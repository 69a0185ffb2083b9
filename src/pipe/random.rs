//! Random numbers for tests: a seed gives the same run each time.

/// An xorshift generator.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        // Neighbouring seeds are to give different runs, and no seed the zero that stays zero.
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number from 0 up to `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        ((self.draw() >> 33) % limit as u64) as usize
    }

    /// A length, mostly short, often at one of the places where framing changes.
    pub fn length(&mut self) -> usize {
        match self.below(12) {
            0 => 0,
            1 => 1,
            2 => 245 + self.below(14),
            3 => 1000 + self.below(3000),
            4 if self.below(4) == 0 => 30_000 + self.below(5000),
            _ => self.below(120),
        }
    }
}
