//! XSUB: receives from publishers and sends them subscriptions as messages.

use super::interest::Interest;
use super::Pattern;
use crate::error::{Errno, Result};
use crate::message::{self, Message};
use crate::options::constants::{
    ZMQ_ONLY_FIRST_SUBSCRIBE, ZMQ_TOPICS_COUNT, ZMQ_XSUB_VERBOSE_UNSUBSCRIBE,
};
use crate::options::value::{GetValue, SetValue};
use crate::pipe::reader::Accept;
use crate::socket::core::{Core, PipeKey};
use crate::socket::routing::distributor::Distributor;
use crate::socket::routing::fair_queue::FairQueue;
use crate::socket::routing::subscriptions::SubscriptionSet;
use crate::zmtp::command;

/// Rules of XSUB, and, with `filtering`, of receiving on SUB.
#[derive(Debug)]
pub struct XSub {
    fair_queue: FairQueue,
    distributor: Distributor,
    subscriptions: SubscriptionSet,
    /// Messages that match no subscription are dropped here as well, not at the publisher only.
    filtering: bool,
    verbose_unsubscribe: bool,
    only_first_subscribe: bool,
    /// A part that [`Pattern::has_in`] had to receive to see whether it passes.
    ahead: Option<Message>,
    more_send: bool,
    more_recv: bool,
    /// Parts of the message being sent are looked at for subscriptions.
    process_subscribe: bool,
}

impl XSub {
    pub fn new(core: &mut Core) -> XSub {
        // Nobody waits for subscriptions to leave when the socket closes.
        core.options_mut().linger = 0;
        XSub {
            fair_queue: FairQueue::default(),
            distributor: Distributor::default(),
            subscriptions: SubscriptionSet::new(),
            filtering: false,
            verbose_unsubscribe: false,
            only_first_subscribe: false,
            ahead: None,
            more_send: false,
            more_recv: false,
            process_subscribe: false,
        }
    }

    /// The form that SUB is built on.
    pub fn filtering(core: &mut Core) -> XSub {
        XSub { filtering: true, ..XSub::new(core) }
    }

    #[inline]
    fn passes(&self, core: &Core, message: &Message) -> bool {
        !self.filtering
            || self.subscriptions.matches(message.data()) != core.options.invert_matching
    }

    /// See [`Socket::recv_at_once`](crate::socket::Socket::recv_at_once).
    #[inline(always)]
    pub fn recv_at_once(&mut self, core: &mut Core, accept: impl Accept) -> bool {
        if self.more_recv || self.ahead.is_some() {
            return false;
        }
        let inverted = core.options.invert_matching;
        let (filtering, subscriptions) = (self.filtering, &self.subscriptions);
        self.fair_queue.recv_at_once(core, |body, metadata| {
            (!filtering || subscriptions.matches(body) != inverted) && accept(body, metadata)
        })
    }

    /// Whether there is nothing to receive, as far as is known.
    #[inline]
    pub fn rests(&self) -> bool {
        self.ahead.is_none() && self.fair_queue.rests()
    }

    /// The pipe that all messages come from, if there is but one, and all that come are wanted.
    #[inline]
    pub fn only_active(&self, core: &Core) -> Option<PipeKey> {
        // Who wants what begins with nothing wants all.
        let wants_all =
            !self.filtering || !core.options.invert_matching && self.subscriptions.matches(&[]);
        if wants_all {
            self.fair_queue.only_active()
        } else {
            None
        }
    }

    /// Tells a peer all that this socket subscribed to, as far as the pipe takes it.
    fn send_subscriptions(&mut self, core: &mut Core, pipe: PipeKey) {
        self.subscriptions.for_each(|topic| {
            if let Ok(mut request) = Message::copy_of(&command::subscribe_body(topic)) {
                request.set_flags(message::COMMAND);
                core.write(pipe, &request);
            }
        });
        core.flush(pipe);
    }

    /// Notes a subscription; whether the peers need to hear of it.
    fn note(&mut self, interest: Interest<'_>) -> bool {
        self.process_subscribe = true;
        match interest {
            // Also one that is known: XPUB_VERBOSE counts on that behind forwarding devices.
            Interest::Subscribe(topic) => {
                self.subscriptions.add(topic);
                true
            }
            Interest::Cancel(topic) => self.subscriptions.remove(topic) || self.verbose_unsubscribe,
        }
    }
}

impl Pattern for XSub {
    fn attach(&mut self, core: &mut Core, pipe: PipeKey, _: bool, _: bool) {
        self.fair_queue.attach(core, pipe);
        self.distributor.attach(core, pipe);
        self.send_subscriptions(core, pipe);
    }

    fn send(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        let first = !self.more_send;
        self.more_send = message.has_more();
        if first {
            self.process_subscribe = !self.only_first_subscribe;
        }
        if first || self.process_subscribe {
            if let Some(interest) = Interest::of(message) {
                if !self.note(interest) {
                    return Ok(());
                }
            }
        }
        self.distributor.send_to_all(core, message)
    }

    #[inline]
    fn recv(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        if let Some(ahead) = self.ahead.take() {
            *message = ahead;
            self.more_recv = message.has_more();
            return Ok(());
        }
        loop {
            self.fair_queue.recv(core, message)?;
            if self.more_recv || self.passes(core, message) {
                self.more_recv = message.has_more();
                return Ok(());
            }
            self.fair_queue.skip_rest(core);
        }
    }

    fn has_in(&mut self, core: &mut Core) -> bool {
        if self.more_recv || self.ahead.is_some() {
            return true;
        }
        if !self.filtering {
            return self.fair_queue.has_in(core);
        }
        let mut message = Message::new();
        loop {
            if self.fair_queue.recv_ahead(core, &mut message).is_err() {
                return false;
            }
            if self.passes(core, &message) {
                self.ahead = Some(message);
                return true;
            }
            self.fair_queue.skip_rest(core);
        }
    }

    fn has_out(&mut self, _core: &mut Core) -> bool {
        // Subscriptions can be sent at any time.
        true
    }

    fn read_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.fair_queue.activated(core, pipe);
    }

    fn write_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.distributor.activated(core, pipe);
    }

    fn hiccuped(&mut self, core: &mut Core, pipe: PipeKey) {
        self.send_subscriptions(core, pipe);
    }

    fn pipe_terminated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.fair_queue.pipe_terminated(core, pipe);
        self.distributor.pipe_terminated(core, pipe);
        if !self.fair_queue.in_message() {
            // Nobody has seen anything of a message that is still ahead: no half of it either.
            self.ahead = self.ahead.take().filter(|part| !part.has_more());
            self.more_recv = false;
        }
    }

    fn set_option(&mut self, _core: &mut Core, option: i32, value: SetValue<'_>) -> Result<()> {
        match option {
            ZMQ_ONLY_FIRST_SUBSCRIBE => self.only_first_subscribe = value.bool_not_negative()?,
            ZMQ_XSUB_VERBOSE_UNSUBSCRIBE => {
                self.verbose_unsubscribe = value.int_of_any_length()? != 0;
            }
            _ => return Err(Errno::EINVAL),
        }
        Ok(())
    }

    fn option(&mut self, _core: &mut Core, option: i32) -> Result<GetValue> {
        if option != ZMQ_TOPICS_COUNT {
            return Err(Errno::EINVAL);
        }
        let topics = i32::try_from(self.subscriptions.total()).unwrap_or(i32::MAX);
        Ok(GetValue::State(topics))
    }
}
