//! Messages that are written and shown in one go.

use core::sync::atomic::Ordering;

use super::sending::is_much;
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

/// What became of a message that was to go a short way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Again {
    Done,
    /// It did, and something is left to be done then.
    ToFinish,
    /// It did not, and nothing has changed.
    No,
}

/// Of the messages that a pipe's peer has not been shown, the one just written is ...
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Held {
    First,
    Another,
    /// ... one of so many that the rest had better not wait for others.
    Many,
}

impl Outflow {
    /// Writes a message of one part, or the last of several, and shows it to the peer, if there is
    /// credit and room, and the body is to be copied.
    #[inline(always)]
    pub(in crate::pipe) fn send_at_once(&mut self, body: &[u8]) -> Again {
        if !self.may_send_at_once() || body.len() >= EXTERNAL_MIN {
            return Again::No;
        }
        let Outbound::Bytes(writer) = &mut self.lane else { return Again::No };
        if !writer.write_at_once(body) {
            return Again::No;
        }
        self.writing_parts = false;
        self.written += 1;
        if self.let_see() {
            Again::ToFinish
        } else {
            Again::Done
        }
    }

    /// Writes a message: the first part, if there is one to begin with, and what comes behind it, as
    /// frames. `None` and nothing has changed as for [`Outflow::send_at_once`]. The peer is not shown the
    /// message until [`PipeEnd::flush`](crate::pipe::PipeEnd::flush); says whether it was before.
    #[inline]
    pub fn write_whole(&mut self, first: Option<&[u8]>, frames: &[u8]) -> Option<Held> {
        if !self.may_send_at_once() || self.writing_parts {
            return None;
        }
        let Outbound::Bytes(writer) = &mut self.lane else { return None };
        let shown_before = writer.is_shown();
        if !writer.write_whole(first, frames) {
            return None;
        }
        self.written += 1;
        let many = self.hwm != 0 && self.written - self.acknowledged >= self.hwm.div_ceil(2);
        Some(match shown_before {
            _ if many => Held::Many,
            true => Held::First,
            false => Held::Another,
        })
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
            WATCHING if !is_much(writer.total(), self.sent) => Again::Done,
            _ => Again::ToFinish,
        }
    }
}
