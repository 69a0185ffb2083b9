//! Messages that are written and shown in one go.

use core::sync::atomic::Ordering;

use super::{Outbound, Outflow, Pace, REFERENCE_MIN};
use crate::message::Message;
use crate::pipe::fence;
use crate::pipe::queue::{AWAKE, EXTERNAL_MIN, WATCHING};

/// Whether a body is copied into any queue.
#[inline(always)]
pub fn is_copied_at_once(message: &Message) -> bool {
    if message.has_content() {
        message.len() < REFERENCE_MIN && !message.is_callers_memory()
    } else {
        message.len() < EXTERNAL_MIN
    }
}

/// What became of a message that was to go the way of the one before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Again {
    Done,
    /// It did, and something is left to be done then.
    ToFinish,
    /// It did not, and nothing has changed.
    No,
}

impl Outflow {
    /// Writes a message of one part, or the last of several, and shows it to the peer, if there is
    /// credit and room, and the body is to be copied. False, and nothing has changed, if not.
    #[inline(always)]
    pub fn send_at_once(&mut self, body: &[u8]) -> bool {
        if !self.may_send_at_once() || body.len() >= EXTERNAL_MIN {
            return false;
        }
        let Outbound::Bytes(writer) = &mut self.lane else { return false };
        if !writer.write_at_once(body) {
            return false;
        }
        self.writing_parts = false;
        self.written += 1;
        self.let_see();
        true
    }

    /// Whether there is credit for a message by what is known: asking for it changes nothing.
    #[inline(always)]
    pub fn may_send_at_once(&self) -> bool {
        self.active && self.has_known_credit()
    }

    /// As [`Outflow::send_at_once`], right after another message was sent in that way: any number of
    /// bytes below [`EXTERNAL_MIN`], or one to [`FEW`](crate::message::few::FEW).
    ///
    /// # Safety
    /// `data` is valid for reads of `len` bytes, which no chunk has.
    #[inline(always)]
    pub unsafe fn send_again<const ANY: bool>(&mut self, data: *const u8, len: usize) -> Again {
        let Outbound::Bytes(writer) = &mut self.lane else { return Again::No };
        let has_credit = self.hwm == 0 || self.written - self.acknowledged < self.hwm;
        // SAFETY: the same contract.
        if !has_credit || !unsafe { writer.write_again::<ANY>(data, len) } {
            return Again::No;
        }
        debug_assert!(self.active && !self.writing_parts);
        self.written += 1;
        if self.pace != Pace::Dense {
            return Again::ToFinish;
        }
        fence::light();
        match self.queue.attention.load(Ordering::Relaxed) {
            AWAKE => Again::Done,
            WATCHING if !self.is_much() => Again::Done,
            _ => Again::ToFinish,
        }
    }

    /// Does what [`Outflow::send_again`] left.
    pub fn finish_send(&mut self) {
        self.let_see();
    }
}
