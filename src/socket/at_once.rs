//! The short way of a message.
//!
//! Nearly every message of a busy socket meets the same things: no command waits, the socket's pipe
//! in turn has credit and room, the message has one part that is copied. For a caller's buffer all
//! that is asked in a row, and nothing is done before every answer is in. Whatever is out of the
//! ordinary is left to [`Socket::send`] and [`Socket::recv`], which begin anew: so these two hold the
//! rules, and what is here only has to know when they come to this.

use core::mem::MaybeUninit;

use super::patterns::Kind;
use super::Socket;
use crate::options::constants::ZMQ_SNDMORE;

impl Socket {
    /// Sends a copy of the bytes as a message of one part. False, when that is not to be done in
    /// this way; nothing has changed then.
    #[inline(always)]
    pub fn send_at_once(&mut self, body: &[u8], flags: i32) -> bool {
        if flags & ZMQ_SNDMORE != 0 || !self.is_undisturbed() || self.pacing.is_on {
            return false;
        }
        let core = &mut self.core;
        match &mut self.kind {
            Kind::Push(rules) => rules.balancer.send_at_once(core, body),
            Kind::Dealer(rules) => rules.balancer.send_at_once(core, body),
            Kind::Pair(rules) => rules.send_at_once(core, body),
            _ => false,
        }
    }

    /// Receives a message of one part into the buffer, as much of it as there is room for, and gives
    /// its length. `None`, when that is not to be done in this way; nothing has changed then.
    #[inline(always)]
    pub fn recv_at_once(&mut self, place: &mut [MaybeUninit<u8>]) -> Option<usize> {
        if !self.is_undisturbed() {
            return None;
        }
        let core = &mut self.core;
        let received = match &mut self.kind {
            Kind::Pull(rules) => rules.fair_queue.recv_at_once(core, place),
            Kind::Dealer(rules) => rules.fair_queue.recv_at_once(core, place),
            Kind::Pair(rules) => rules.recv_at_once(core, place),
            _ => None,
        }?;
        self.rcvmore = false;
        Some(received)
    }

    /// No command waits, the context lives, and nobody else wants to know what is done.
    #[inline(always)]
    fn is_undisturbed(&self) -> bool {
        !self.link.mailbox.has_pending() && !self.stopped && self.watches.is_empty()
    }
}
