//! Holding back a sender that would only fill memory.
//!
//! A high-water mark of a thousand large messages is more memory than the processors' caches hold. A
//! sender that fills it writes each body to memory that is new or cold, from where the other side
//! reads it cold again; a few megabytes under way are as fast for the connection, and two or three
//! times as fast for the memory. A sender that had to wait at the mark, or that is far ahead with
//! large messages while they leave quickly, is in no hurry: while it stays that way a blocking send
//! with much unread before it waits until less is. It waits for the processor's time, not for the
//! peer: for about a millisecond a call, and no longer at all for a reader that gets nowhere. Who was
//! far ahead of such a reader is asked again at twice the distance only.
//!
//! A publisher waits at the mark only with `ZMQ_XPUB_NODROP`. It goes at the pace of its slowest
//! subscriber then, and is held back where that one has much unread. Otherwise only senders with one
//! peer are: of several, another may be waiting for the next message.
//!
//! The mark itself, `ZMQ_DONTWAIT`, and readiness are as ever; bodies that reach another thread
//! without being copied do not count, and a burst of less than [`FAR`] below the mark is never held
//! back.

use std::thread;
use std::time::{Duration, Instant};

use super::Socket;
use crate::error::Result;
use crate::message::Message;
use crate::options::constants::{ZMQ_DEALER, ZMQ_PAIR, ZMQ_PUB, ZMQ_PUSH, ZMQ_SNDMORE, ZMQ_XPUB};
use crate::pipe::PipeEnd;

/// Unread bytes from which a send waits, and those that it waits for.
const MUCH: u64 = 8 * 1024 * 1024;
const ENOUGH: u64 = 4 * 1024 * 1024;
/// With so little unread before a message the reader has caught up, and the sender is not the faster
/// side.
const LITTLE: u64 = 64 * 1024;

/// Bytes of a message whose sender may get far ahead below the mark, and the unread bytes that are
/// far.
const LARGE: usize = 64 * 1024;
const FAR: u64 = 32 * 1024 * 1024;

/// In one such sleep a fast connection takes about a megabyte.
const STEP: Duration = Duration::from_micros(400);
const LONGEST: Duration = Duration::from_millis(1);
/// What leaves in [`LONGEST`] where a reader is fast enough to wait for below the mark.
const QUICK: u64 = 128 * 1024;

/// What a socket remembers of its sender.
#[derive(Debug)]
pub struct Pacing {
    /// It does not run far ahead of its peer.
    pub is_on: bool,
    is_at_the_mark: bool,
    /// Unread bytes that are too many below the mark.
    far: u64,
}

impl Default for Pacing {
    fn default() -> Pacing {
        Pacing { is_on: false, is_at_the_mark: false, far: FAR }
    }
}

impl Socket {
    /// The sender had to wait at the high-water mark.
    pub(super) fn note_waited(&mut self) {
        self.pacing.is_on = self.unread_bytes() > MUCH;
        self.pacing.is_at_the_mark = self.pacing.is_on;
    }

    /// As [`Socket::send`]; who sends a large message may have to wait for the peer to come nearer.
    #[inline(never)]
    pub fn send_paced(&mut self, message: &mut Message, flags: i32) -> Result<()> {
        // Kinds that drop or refuse what is beyond the mark never wait, and those that many threads
        // use may not be kept by one of them.
        let begins = message.len() >= LARGE
            && !self.pacing.is_on
            && matches!(self.socket_type(), ZMQ_PUSH | ZMQ_DEALER | ZMQ_PAIR);
        self.send(message, flags)?;
        if begins {
            self.pace(message, flags);
        }
        Ok(())
    }

    /// After a message was sent: waits a little when much is unread.
    #[cold]
    #[inline(never)]
    pub(super) fn pace(&mut self, message: &Message, flags: i32) {
        if flags & ZMQ_SNDMORE != 0 {
            // Nobody can read it yet.
            return;
        }
        let at_first = if self.goes_untouched(message) { 0 } else { self.unread_bytes() };
        if at_first < LITTLE + message.len() as u64 {
            self.pacing = Pacing::default();
            return;
        }
        let much = if self.pacing.is_on { MUCH } else { self.pacing.far };
        if at_first <= much || !self.send_waits(flags) {
            return;
        }
        self.pacing.is_on = true;
        let start = Instant::now();
        loop {
            thread::sleep(STEP);
            let unread = self.unread_bytes();
            if unread <= ENOUGH {
                return;
            }
            if start.elapsed() >= LONGEST {
                self.give_up_pacing(at_first, unread);
                return;
            }
        }
    }

    /// Ends it where waiting was no use.
    fn give_up_pacing(&mut self, before: u64, after: u64) {
        let wanted = if self.pacing.is_at_the_mark { 1 } else { QUICK };
        if after + wanted > before {
            self.pacing = Pacing { far: after.saturating_mul(2).max(FAR), ..Pacing::default() };
        }
    }

    /// What the only peer has not read, or of a publisher's peers, all of which get the same, the one
    /// that is furthest behind. 0 for other sockets with more peers.
    fn unread_bytes(&self) -> u64 {
        self.paced_pipes().map(|pipe| pipe.out.unread_bytes()).max().unwrap_or(0)
    }

    /// Whether the message's body reaches the peers' applications without being copied.
    fn goes_untouched(&self, message: &Message) -> bool {
        message.has_content() && self.paced_pipes().all(|pipe| pipe.out.keeps_references)
    }

    fn paced_pipes(&self) -> impl Iterator<Item = &PipeEnd> {
        let publishes = matches!(self.socket_type(), ZMQ_PUB | ZMQ_XPUB);
        let all = if publishes || self.core.pipes.len() == 1 { usize::MAX } else { 0 };
        self.core.pipes.values().take(all)
    }
}
