//! The shortest way of a message: that of the one before.
//!
//! When a message has gone the [short way](super::at_once) and there is one pipe for the next one to
//! go to, or to come from, most of what was asked then need not be asked again for a few bytes: it
//! changes only in calls on this socket, and any other call, or a message that is out of the ordinary,
//! ends this. What may have changed meanwhile is asked: whether commands wait, credit and room.

use super::core::PipeKey;
use super::patterns::Kind;
use super::Socket;
use crate::pipe::outflow::Again;
use crate::pipe::reader::AcceptInline;
use crate::pipe::NOWHERE;

/// Where messages go straight.
#[derive(Debug)]
pub(super) struct Straight {
    to: PipeKey,
    from: PipeKey,
}

impl Straight {
    pub(super) fn nowhere() -> Straight {
        Straight { to: NOWHERE, from: NOWHERE }
    }
}

impl Socket {
    /// Something else is done with the socket than what was done before.
    #[inline(always)]
    pub(super) fn end_straight(&mut self) {
        self.straight = Straight::nowhere();
    }

    /// A message was sent the short way.
    #[inline(always)]
    pub(super) fn note_sent_at_once(&mut self) {
        let only = match &self.kind {
            Kind::Push(rules) => rules.balancer.only_active(),
            Kind::Dealer(rules) => rules.balancer.only_active(),
            Kind::Pair(rules) => rules.peer(),
            _ => None,
        };
        self.straight.to = only.unwrap_or(NOWHERE);
    }

    /// A message was received the short way.
    #[inline(always)]
    pub(super) fn note_received_at_once(&mut self) {
        let only = match &self.kind {
            Kind::Pull(rules) => rules.fair_queue.only_active(),
            Kind::Dealer(rules) => rules.fair_queue.only_active(),
            Kind::Pair(rules) => rules.peer(),
            Kind::Sub(rules) => rules.xsub.only_active(&self.core),
            Kind::XSub(rules) => rules.only_active(&self.core),
            _ => None,
        };
        self.straight.from = only.unwrap_or(NOWHERE);
    }

    /// Sends a message of one part: of any number of bytes below
    /// [`EXTERNAL_MIN`](crate::pipe::queue::EXTERNAL_MIN), or one to [`FEW`](crate::message::few::FEW).
    ///
    /// # Safety
    /// `data` is valid for reads of `len` bytes, and no memory of the socket's.
    #[inline(always)]
    pub unsafe fn send_straight<const ANY: bool>(&mut self, data: *const u8, len: usize) -> Again {
        if self.mailbox.has_pending() {
            return Again::No;
        }
        match self.core.pipes.find_mut(self.straight.to) {
            // SAFETY: the same contract.
            Some(pipe) => unsafe { pipe.out.send_again::<ANY>(data, len) },
            None => Again::No,
        }
    }

    /// Does what [`Socket::send_straight`] left.
    pub fn finish_send_straight(&mut self) {
        if let Some(pipe) = self.core.pipes.find_mut(self.straight.to) {
            pipe.finish_send();
        }
    }

    /// Receives a message of one part into a place: of any number of bytes, or of one to
    /// [`FEW`](crate::message::few::FEW). Gives its length, and whether
    /// [`Socket::finish_recv_straight`] is to be called.
    #[inline(always)]
    pub fn recv_straight<const ANY: bool>(
        &mut self,
        place: impl AcceptInline,
    ) -> Option<(usize, bool)> {
        if self.mailbox.has_pending() {
            return None;
        }
        self.core.pipes.find_mut(self.straight.from)?.read_again::<ANY>(place)
    }

    /// Does what [`Socket::recv_straight`] left.
    pub fn finish_recv_straight(&mut self) {
        if let Some(pipe) = self.core.pipes.find_mut(self.straight.from) {
            pipe.acknowledge();
        }
    }
}
