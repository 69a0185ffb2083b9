//! REQ: sends a request, receives its reply, and so on in strict alternation.
//!
//! A request goes out with an empty part in front, the *bottom*, at which the replying side cuts
//! off the addresses that ROUTERs on the way have put before it. With `ZMQ_REQ_CORRELATE` a number
//! precedes the bottom, and a reply must bring it back.

use super::dealer::Dealer;
use super::{Pattern, MESSAGE_LOST};
use crate::error::{Errno, Result};
use crate::message::{self, Message};
use crate::options::constants::{ZMQ_REQ_CORRELATE, ZMQ_REQ_RELAXED};
use crate::options::value::SetValue;
use crate::socket::core::{Core, PipeKey};
use crate::socket::routing::random_number;

/// Rules of REQ.
#[derive(Debug)]
pub struct Req {
    dealer: Dealer,
    /// The request is out and its reply is not all here.
    receiving_reply: bool,
    /// The next part begins a request, or (while receiving) a reply.
    message_begins: bool,
    /// The pipe the request went to, unless that is over.
    reply_pipe: Option<PipeKey>,
    correlate: bool,
    request_id: u32,
    relaxed: bool,
}

impl Req {
    pub fn new(core: &mut Core) -> Req {
        Req {
            dealer: Dealer::new(core),
            receiving_reply: false,
            message_begins: true,
            reply_pipe: None,
            correlate: false,
            request_id: random_number(),
            relaxed: false,
        }
    }

    /// Sends what stands before the request's own parts.
    fn begin_request(&mut self, core: &mut Core) -> Result<()> {
        self.reply_pipe = None;
        if self.correlate {
            self.request_id = self.request_id.wrapping_add(1);
            let mut id = Message::copy_of(&self.request_id.to_ne_bytes())?;
            id.set_flags(message::MORE);
            self.dealer.balancer.send(core, &id)?;
        }
        let mut bottom = Message::new();
        bottom.set_flags(message::MORE);
        match self.dealer.balancer.send(core, &bottom) {
            Ok(pipe) => self.reply_pipe = pipe,
            Err(error) => {
                // Nothing of the caller's is gone yet: the next call begins anew.
                self.dealer.balancer.forget_message(core);
                return Err(if error == MESSAGE_LOST { Errno::EAGAIN } else { error });
            }
        }
        self.message_begins = false;
        self.drop_late_replies(core);
        Ok(())
    }

    /// Replies to earlier requests that are here already must not be taken for the reply to this
    /// one, now or when the same peer is asked again. Who sleeps on the descriptor hears of the reply,
    /// since pipes that have nothing fall asleep.
    fn drop_late_replies(&mut self, core: &mut Core) {
        let mut part = Message::new();
        while (core.shows_descriptor || self.dealer.fair_queue.has_to_do(core))
            && self.dealer.fair_queue.recv(core, &mut part).is_ok()
        {}
    }

    /// Receives the next part of the peer that was asked; others have nothing to say.
    #[inline]
    fn recv_from_peer(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        loop {
            let pipe = self.dealer.fair_queue.recv(core, message)?;
            if self.reply_pipe.is_none_or(|expected| expected == pipe) {
                return Ok(());
            }
        }
    }

    /// Receives up to the bottom of a reply that belongs to the request.
    fn begin_reply(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        loop {
            if self.correlate {
                self.recv_from_peer(core, message)?;
                if !message.has_more() || message.data() != self.request_id.to_ne_bytes() {
                    self.dealer.fair_queue.skip_rest(core);
                    continue;
                }
            }
            self.recv_from_peer(core, message)?;
            if !message.has_more() || !message.is_empty() {
                self.dealer.fair_queue.skip_rest(core);
                continue;
            }
            self.message_begins = false;
            return Ok(());
        }
    }
}

impl Pattern for Req {
    fn attach(&mut self, core: &mut Core, pipe: PipeKey, all: bool, local: bool) {
        self.dealer.attach(core, pipe, all, local);
    }

    fn send(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        if self.receiving_reply {
            if !self.relaxed {
                return Err(Errno::EFSM);
            }
            self.receiving_reply = false;
            self.message_begins = true;
        }
        if self.message_begins {
            self.begin_request(core)?;
        }
        match self.dealer.balancer.send(core, message) {
            // A request that is lost half-way is like one whose peer dies with it: the reply will
            // not come.
            Ok(_) | Err(MESSAGE_LOST) => {}
            Err(error) => return Err(error),
        }
        if !message.has_more() {
            self.receiving_reply = true;
            self.message_begins = true;
        }
        Ok(())
    }

    fn recv(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        if !self.receiving_reply {
            return Err(Errno::EFSM);
        }
        if self.message_begins {
            self.begin_reply(core, message)?;
        }
        self.recv_from_peer(core, message)?;
        if !message.has_more() {
            self.receiving_reply = false;
            self.message_begins = true;
        }
        Ok(())
    }

    fn has_in(&mut self, core: &mut Core) -> bool {
        self.receiving_reply && self.dealer.has_in(core)
    }

    fn has_out(&mut self, core: &mut Core) -> bool {
        (self.relaxed || !self.receiving_reply) && self.dealer.has_out(core)
    }

    fn read_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.dealer.read_activated(core, pipe);
    }

    fn write_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.dealer.write_activated(core, pipe);
    }

    fn pipe_terminated(&mut self, core: &mut Core, pipe: PipeKey) {
        if self.reply_pipe == Some(pipe) {
            self.reply_pipe = None;
        }
        self.dealer.pipe_terminated(core, pipe);
        if self.receiving_reply && !self.dealer.fair_queue.in_message() {
            // A reply that breaks off is none; the socket goes on waiting for one.
            self.message_begins = true;
        }
    }

    fn set_option(&mut self, core: &mut Core, option: i32, value: SetValue<'_>) -> Result<()> {
        match option {
            ZMQ_REQ_CORRELATE => self.correlate = value.bool_not_negative()?,
            ZMQ_REQ_RELAXED => self.relaxed = value.bool_not_negative()?,
            _ => return self.dealer.set_option(core, option, value),
        }
        Ok(())
    }
}
