//! Whether to spin before sleeping, and for how long.
//!
//! Waking a thread on another processor takes the system some ten microseconds; a thread that is
//! awake answers within a few. Two threads that answer each other are fast only when both spin: one
//! alone waits for the other to be woken, and learns nothing. So a thread whose spinning is of no
//! use leaves it out for some waits and then tries it in several in a row. How many it leaves out
//! differs from time to time and from socket to socket, so that the tries of both sides meet before
//! long.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

/// How long to spin: as long as it takes to wake the other side, and a little more.
const LIMIT: Duration = Duration::from_micros(50);
/// What comes so soon comes from a thread that spins or is at work.
const SOON: Duration = Duration::from_micros(20);
/// Spinning waits that may fail after one that did not, and in a try.
const TRUST: u32 = 8;
const TRY: u32 = 5;
/// Waits left out between tries, about: at first, and at most.
const LEFT_OUT: u32 = 16;
const MOST_LEFT_OUT: u32 = 64;

static SOCKETS: AtomicU32 = AtomicU32::new(1);

/// What came of a spin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spun {
    /// Something came after this time.
    Found(Duration),
    Nothing,
}

#[derive(Debug)]
pub struct Patience {
    /// Waits to spin in, unless that proves useful.
    trust: u32,
    /// Waits to leave out, and how many it will be next time.
    left_out: u32,
    next_left_out: u32,
    dice: u32,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience::with_dice(SOCKETS.fetch_add(1, Ordering::Relaxed))
    }
}

impl Patience {
    fn with_dice(dice: u32) -> Patience {
        Patience { trust: TRY, left_out: 0, next_left_out: LEFT_OUT, dice }
    }

    /// How long to spin in this wait, if at all.
    #[inline]
    pub fn begin(&mut self) -> Option<Duration> {
        if self.trust == 0 {
            if self.left_out > 0 {
                self.left_out -= 1;
                return None;
            }
            self.trust = TRY;
        }
        Some(LIMIT)
    }

    /// Learns from a spin.
    pub fn end(&mut self, spun: Spun) {
        if matches!(spun, Spun::Found(after) if after <= SOON) {
            self.trust = TRUST;
            self.next_left_out = LEFT_OUT;
            return;
        }
        self.trust = self.trust.saturating_sub(1);
        if self.trust == 0 {
            self.dice = self.dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            self.left_out = self.next_left_out / 2 + (self.dice >> 16) % self.next_left_out;
            self.next_left_out = (self.next_left_out * 2).min(MOST_LEFT_OUT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAKING: Duration = Duration::from_micros(35);
    const AWAKE: Duration = Duration::from_micros(3);

    /// How long the waits of two sides last that answer each other: a side that spins gets its
    /// answer when the other wrote it, one that sleeps is woken first.
    fn rounds_until_fast(mut one: Patience, mut other: Patience) -> usize {
        let mut sleeper_woken = [true; 2];
        for round in 0..10_000 {
            let sides = [&mut one, &mut other];
            let mut fast = true;
            for (side, patience) in sides.into_iter().enumerate() {
                let answer = if sleeper_woken[1 - side] { WAKING } else { AWAKE };
                let spins = patience.begin();
                if spins.is_some() {
                    patience.end(Spun::Found(answer));
                }
                fast &= spins.is_some() && answer == AWAKE;
                sleeper_woken[side] = spins.is_none();
            }
            if fast {
                return round;
            }
        }
        usize::MAX
    }

    #[test]
    fn two_sides_that_answer_each_other_find_each_other() {
        for left_out in 0..200 {
            let late =
                Patience { trust: 0, left_out, next_left_out: MOST_LEFT_OUT, dice: left_out };
            let rounds = rounds_until_fast(late, Patience::with_dice(left_out + 1));
            assert!(rounds < 5000, "after {left_out}: {rounds}");
        }
    }

    #[test]
    fn who_waits_long_hardly_spins() {
        let mut patience = Patience::with_dice(7);
        let spins = (0..7000)
            .filter(|_| {
                let spins = patience.begin().is_some();
                if spins {
                    patience.end(Spun::Nothing);
                }
                spins
            })
            .count();
        assert!(spins < 7000 / 10, "{spins}");
    }
}
