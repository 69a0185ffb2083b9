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
        if flags & ZMQ_SNDMORE != 0 || !self.is_undisturbed() || self.pacing.is_on {
            return false;
        }
        let core = &mut self.core;
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
        let mut len = 0;
        let received = self.recv_at_once(|body, _| {
            len = body.len();
            let copied = len.min(place.len());
            // SAFETY: both are at least so long, and the body lies in memory of ours.
            unsafe {
                let place = place.as_mut_ptr().cast();
                queue::copy(body.as_ptr(), place, copied);
            }
            true
        });
        received.then_some(len)
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

    /// No command waits, the context lives, and nobody else wants to know what is done.
    #[inline(always)]
    fn is_undisturbed(&self) -> bool {
        !self.mailbox.has_pending() && !self.stopped && self.watches.is_empty()
    }
}
