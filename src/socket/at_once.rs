//! The short way of a message.
//!
//! Nearly every message of a busy socket meets the same things: no command waits, the socket's pipe
//! in turn has credit and room, the message has one part that is copied. For a caller's buffer all
//! that is asked in a row, and nothing is done before every answer is in. A ROUTER's messages have two
//! parts, the peer's routing id and one more. Whatever is out of the
//! ordinary is left to [`Socket::send`] and [`Socket::recv`], which begin anew: so these two hold the
//! rules, and what is here only has to know when they come to this.

use core::mem::MaybeUninit;

use super::patterns::Kind;
use super::Socket;
use crate::message::Message;
use crate::options::constants::ZMQ_SNDMORE;
use crate::pipe::outflow::is_copied_at_once;
use crate::pipe::queue;
use crate::pipe::reader::Accept;

impl Socket {
    /// Sends a copy of the bytes as a message of one part. False, when that is not to be done in
    /// this way; nothing has changed then.
    #[inline(always)]
    pub fn send_at_once(&mut self, body: &[u8], flags: i32) -> bool {
        if !self.is_undisturbed() || self.pacing.is_on {
            return false;
        }
        let core = &mut self.core;
        let more = flags & ZMQ_SNDMORE != 0;
        if let Kind::Router(rules) = &mut self.kind {
            return rules.send_at_once(core, body, more);
        }
        if more {
            return false;
        }
        let sent = match &mut self.kind {
            Kind::Push(rules) => rules.balancer.send_at_once(core, body),
            Kind::Dealer(rules) => rules.balancer.send_at_once(core, body),
            Kind::Pair(rules) => rules.send_at_once(core, body),
            _ => false,
        };
        if sent {
            self.note_sent_at_once();
        }
        sent
    }

    /// Receives a message of one part, for `accept` to take its body. False, when that is not to be
    /// done in this way, or `accept` says so; nothing has changed then.
    #[inline(always)]
    fn recv_at_once(&mut self, accept: impl Accept) -> bool {
        if !self.is_undisturbed() {
            return false;
        }
        let core = &mut self.core;
        let received = match &mut self.kind {
            Kind::Pull(rules) => rules.fair_queue.recv_at_once(core, accept),
            Kind::Dealer(rules) => rules.fair_queue.recv_at_once(core, accept),
            Kind::Pair(rules) => rules.recv_at_once(core, accept),
            Kind::Sub(rules) => rules.xsub.recv_at_once(core, accept),
            Kind::XSub(rules) => rules.recv_at_once(core, accept),
            _ => false,
        };
        if received {
            self.rcvmore = false;
            self.note_received_at_once();
        }
        received
    }

    /// Receives a message of one part into the buffer, as much of it as there is room for, and gives
    /// its length. `None` as for [`Socket::recv_at_once`].
    #[inline(always)]
    pub fn recv_buffer_at_once(&mut self, place: &mut [MaybeUninit<u8>]) -> Option<usize> {
        if matches!(self.kind, Kind::Router(_)) {
            return self.recv_routed_at_once(place);
        }
        let mut len = 0;
        let received = self.recv_at_once(|body, _| {
            len = hand_out(body, place);
            true
        });
        received.then_some(len)
    }

    /// The same of a ROUTER, whose messages have two parts.
    #[inline(never)]
    fn recv_routed_at_once(&mut self, place: &mut [MaybeUninit<u8>]) -> Option<usize> {
        if !self.is_undisturbed() {
            return None;
        }
        let Kind::Router(rules) = &mut self.kind else { return None };
        let mut len = 0;
        self.rcvmore = rules.recv_at_once(&mut self.core, |part| len = hand_out(part, place))?;
        Some(len)
    }

    /// Receives a message of one part. False as for [`Socket::recv_at_once`].
    #[inline(always)]
    pub fn recv_message_at_once(&mut self, message: &mut Message) -> bool {
        self.recv_at_once(|body, metadata| {
            let taken = message.become_copy(body);
            if taken {
                message.adopt_metadata(metadata);
            }
            taken
        })
    }

    /// Sends a message of one part that is copied, and leaves it as it is. False as for
    /// [`Socket::send_at_once`].
    #[inline(always)]
    pub fn send_message_at_once(&mut self, message: &Message, flags: i32) -> bool {
        is_copied_at_once(message) && self.send_at_once(message.data(), flags)
    }

    /// Whether there is certainly nothing to receive: all pipes are known to be empty, and nothing was
    /// heard of any since. A program that tries its sockets one after the other mostly finds this.
    #[inline]
    pub(super) fn is_known_empty(&self) -> bool {
        let nothing_waits = match &self.kind {
            Kind::Pull(rules) => rules.fair_queue.rests(),
            Kind::Dealer(rules) => rules.fair_queue.rests(),
            Kind::Router(rules) => rules.rests(),
            Kind::Sub(rules) => rules.xsub.rests(),
            Kind::XSub(rules) => rules.rests(),
            _ => false,
        };
        nothing_waits
            && !self.mailbox.needs_attention()
            && !self.stopped
            && !self.direct.holds_input()
    }

    /// No command waits, the context lives, and nobody else wants to know what is done.
    #[inline(always)]
    pub(super) fn is_undisturbed(&self) -> bool {
        !self.mailbox.has_pending() && !self.stopped && self.watches.is_empty()
    }
}

/// Copies as much of a body as there is room for; its length.
#[inline(always)]
fn hand_out(body: &[u8], place: &mut [MaybeUninit<u8>]) -> usize {
    let copied = body.len().min(place.len());
    // SAFETY: both are at least so long, and the body lies in memory of ours.
    unsafe { queue::copy(body.as_ptr(), place.as_mut_ptr().cast(), copied) };
    body.len()
}
