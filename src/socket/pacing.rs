//! Holding back a sender that would only fill memory.
//!
//! A high-water mark of a thousand large messages is more memory than the processors' caches hold. A
//! sender that fills it again and again writes each body to memory that is cold, from where the other
//! side reads it cold again; a few megabytes under way are as fast for the connection, and twice as
//! fast for the memory. So once a sender has had to wait at the mark, it is in no hurry, and while it
//! stays that way a blocking send with much unread before it waits until less is. It waits for the
//! processor's time, not for the peer: for about a millisecond a call, and no longer at all for a reader
//! that gets nowhere. The mark itself, `ZMQ_DONTWAIT`, and readiness are as ever, and who never
//! reached the mark is never held back.

use std::thread;
use std::time::{Duration, Instant};

use super::Socket;

/// Unread bytes from which a send waits, and those that it waits for.
const MUCH: u64 = 8 * 1024 * 1024;
const ENOUGH: u64 = 4 * 1024 * 1024;
/// With so little unread the reader has caught up, and the sender is not the faster side.
const LITTLE: u64 = 64 * 1024;

/// In one such sleep a fast connection takes about a megabyte.
const STEP: Duration = Duration::from_micros(400);
const LONGEST: Duration = Duration::from_millis(1);

impl Socket {
    /// The sender had to wait at the high-water mark.
    pub(super) fn note_waited(&mut self) {
        self.paced = self.unread_bytes() > MUCH;
    }

    /// After a send: waits a little when much is unread.
    #[cold]
    #[inline(never)]
    pub(super) fn pace(&mut self, flags: i32) {
        let at_first = self.unread_bytes();
        if at_first < LITTLE {
            self.paced = false;
        }
        if at_first <= MUCH || !self.send_waits(flags) {
            return;
        }
        let start = Instant::now();
        loop {
            thread::sleep(STEP);
            let unread = self.unread_bytes();
            if unread <= ENOUGH {
                return;
            }
            if start.elapsed() >= LONGEST {
                self.paced = unread < at_first;
                return;
            }
        }
    }

    /// What the only peer has not read; 0 for a socket with more peers.
    fn unread_bytes(&self) -> u64 {
        let pipe = self.core.pipes.only_key().and_then(|key| self.core.pipes.find(key));
        pipe.map_or(0, |pipe| pipe.out.unread_bytes())
    }
}
