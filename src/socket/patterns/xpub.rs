//! XPUB: distributes messages to subscribers and gives the application their subscriptions as
//! messages.
//!
//! Subscriptions are read from a pipe as soon as it has any, whether or not the application
//! receives from the socket; what the application may want to know of waits in the [`inbox`].

pub mod inbox;

use super::interest::{is_command, Interest};
use super::Pattern;
use crate::error::{Errno, Result};
use crate::message::Message;
use crate::options::constants::{
    ZMQ_ONLY_FIRST_SUBSCRIBE, ZMQ_SUBSCRIBE, ZMQ_TOPICS_COUNT, ZMQ_UNSUBSCRIBE, ZMQ_XPUB_MANUAL,
    ZMQ_XPUB_MANUAL_LAST_VALUE, ZMQ_XPUB_NODROP, ZMQ_XPUB_VERBOSE, ZMQ_XPUB_VERBOSER,
    ZMQ_XPUB_WELCOME_MSG,
};
use crate::options::value::{GetValue, SetValue};
use crate::socket::core::{Core, PipeKey};
use crate::socket::routing::distributor::Distributor;
use crate::socket::routing::subscriptions::{Matched, Removed, SubscriptionTable};
use inbox::Inbox;

/// Rules of XPUB, and of sending on PUB.
#[derive(Debug)]
pub struct XPub {
    distributor: Distributor,
    subscriptions: SubscriptionTable<PipeKey>,
    /// What the peers asked for while the application decides on subscriptions itself.
    requested: SubscriptionTable<PipeKey>,
    /// The subscriptions that the last message matched.
    matched: Matched,
    inbox: Inbox,
    /// The application cannot receive: nothing is kept for it.
    deaf: bool,
    verbose_subscribe: bool,
    verbose_unsubscribe: bool,
    only_first_subscribe: bool,
    /// Subscribers without room miss messages; otherwise the sender waits for them.
    lossy: bool,
    manual: bool,
    send_to_last_pipe: bool,
    /// Whose request the application received last, and may now act on.
    last_pipe: Option<PipeKey>,
    more_send: bool,
    welcome: Vec<u8>,
}

/// How far a message from a subscriber is read.
struct Upstream {
    first: bool,
    /// Parts of the message are looked at for subscriptions.
    process_subscribe: bool,
    /// The inbox takes the message's parts.
    keep: bool,
}

impl XPub {
    pub fn new(_core: &mut Core) -> XPub {
        XPub {
            distributor: Distributor::default(),
            subscriptions: SubscriptionTable::new(),
            requested: SubscriptionTable::new(),
            matched: Matched::default(),
            inbox: Inbox::default(),
            deaf: false,
            verbose_subscribe: false,
            verbose_unsubscribe: false,
            only_first_subscribe: false,
            lossy: true,
            manual: false,
            send_to_last_pipe: false,
            last_pipe: None,
            more_send: false,
            welcome: Vec::new(),
        }
    }

    /// The form that PUB is built on.
    pub fn deaf(core: &mut Core) -> XPub {
        XPub { deaf: true, ..XPub::new(core) }
    }

    fn take_upstream_part(&mut self, pipe: PipeKey, part: &mut Message, state: &mut Upstream) {
        let interest =
            if state.first || state.process_subscribe { Interest::of(part) } else { None };
        if state.first {
            state.process_subscribe = !self.only_first_subscribe || interest.is_some();
            state.keep = self.inbox.has_room();
        }
        if let Some(interest) = interest {
            if self.note(pipe, interest) {
                let origin = self.manual.then_some(pipe);
                let in_effect = self.subscriptions.prefixes().max(self.requested.prefixes());
                self.inbox.push_notice(interest, part.metadata_arc(), origin, in_effect);
            }
        } else if state.keep && !self.deaf && !is_command(part) {
            // A subscriber has nothing else to say to a PUB, and no other command comes this far.
            self.inbox.push_message(part);
        }
    }

    /// Puts a subscription into effect; whether the application should hear of it.
    fn note(&mut self, pipe: PipeKey, interest: Interest<'_>) -> bool {
        let notify = match (self.manual, interest) {
            (true, Interest::Subscribe(topic)) => {
                self.requested.add(topic, pipe);
                true
            }
            (true, Interest::Cancel(topic)) => {
                self.requested.remove(topic, pipe);
                true
            }
            (false, Interest::Subscribe(topic)) => {
                self.subscriptions.add(topic, pipe) || self.verbose_subscribe
            }
            (false, Interest::Cancel(topic)) => {
                self.subscriptions.remove(topic, pipe) != Removed::ValuesRemain
                    || self.verbose_unsubscribe
            }
        };
        notify && !self.deaf
    }

    /// Finds the pipes that get the message which begins with this part.
    #[inline]
    fn choose(&mut self, core: &mut Core, first: &Message) {
        let is_special = self.manual && self.send_to_last_pipe && self.last_pipe.is_some()
            || core.options.invert_matching;
        let alike =
            self.subscriptions.matches_alike(first.data(), &mut self.matched) && !is_special;
        if alike && self.distributor.keep_choice() {
            return;
        }
        self.distributor.choose_anew(alike);
        if is_special {
            self.matched.forget();
        }
        self.choose_anew(core, first);
    }

    fn choose_anew(&mut self, core: &mut Core, first: &Message) {
        let distributor = &mut self.distributor;
        if self.manual && self.send_to_last_pipe && self.last_pipe.is_some() {
            let last = self.last_pipe.take();
            self.subscriptions.matching(first.data(), |pipe| {
                if Some(pipe) == last {
                    distributor.choose(core, pipe);
                }
            });
        } else {
            self.subscriptions.matching(first.data(), |pipe| distributor.choose(core, pipe));
        }
        if core.options.invert_matching {
            distributor.reverse_choice(core);
        }
    }
}

impl Pattern for XPub {
    fn attach(&mut self, core: &mut Core, pipe: PipeKey, subscribe_to_all: bool, _: bool) {
        self.distributor.attach(core, pipe);
        if !self.deaf {
            self.inbox.attach(pipe);
        }
        if subscribe_to_all {
            self.subscriptions.add(b"", pipe);
        }
        if !self.welcome.is_empty() {
            if let Some(end) = core.pipes.find_mut(pipe) {
                end.out.write_anyway(0, &self.welcome);
            }
        }
        self.read_activated(core, pipe);
    }

    #[inline]
    fn send(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        if !self.more_send {
            self.choose(core, message);
        }
        if !self.lossy && !self.distributor.all_chosen_have_room(core) {
            return Err(Errno::EAGAIN);
        }
        self.distributor.send_to_chosen(core, message)?;
        self.more_send = message.has_more();
        Ok(())
    }

    fn recv(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        let received = self.inbox.pop().ok_or(Errno::EAGAIN)?;
        if self.manual && received.is_notice {
            let distributor = &self.distributor;
            self.last_pipe = received.origin.filter(|&pipe| distributor.contains(core, pipe));
        }
        *message = received.message;
        Ok(())
    }

    #[inline]
    fn has_in(&mut self, _core: &mut Core) -> bool {
        !self.inbox.is_empty()
    }

    #[inline]
    fn has_out(&mut self, _core: &mut Core) -> bool {
        true
    }

    fn read_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        let wants_metadata = core::mem::replace(&mut core.wants_metadata, !self.deaf);
        let mut state = Upstream { first: true, process_subscribe: false, keep: false };
        let mut part = Message::new();
        while core.read(pipe, &mut part) {
            self.take_upstream_part(pipe, &mut part, &mut state);
            state.first = !part.has_more();
        }
        core.wants_metadata = wants_metadata;
    }

    fn write_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.distributor.activated(core, pipe);
    }

    fn pipe_terminated(&mut self, core: &mut Core, pipe: PipeKey) {
        // In manual mode the application hears of what the peer had requested, and what it put
        // into effect for the peer goes silently. The mode may have changed since.
        let (heard, silent) = if self.manual {
            (&mut self.requested, &mut self.subscriptions)
        } else {
            (&mut self.subscriptions, &mut self.requested)
        };
        let unique_only = !self.manual && !self.verbose_unsubscribe;
        let in_effect = heard.prefixes();
        let (inbox, deaf) = (&mut self.inbox, self.deaf);
        heard.remove_pipe(pipe, unique_only, |topic| {
            if !deaf {
                inbox.push_notice(Interest::Cancel(topic), None, None, in_effect);
            }
        });
        silent.remove_pipe(pipe, false, |_| {});
        if self.last_pipe == Some(pipe) {
            self.last_pipe = None;
        }
        self.inbox.detach(pipe);
        self.distributor.pipe_terminated(core, pipe);
    }

    fn set_option(&mut self, _core: &mut Core, option: i32, value: SetValue<'_>) -> Result<()> {
        match option {
            ZMQ_XPUB_VERBOSE => {
                self.verbose_subscribe = value.bool_not_negative()?;
                self.verbose_unsubscribe = false;
            }
            ZMQ_XPUB_VERBOSER => {
                self.verbose_subscribe = value.bool_not_negative()?;
                self.verbose_unsubscribe = self.verbose_subscribe;
            }
            ZMQ_XPUB_MANUAL_LAST_VALUE => {
                self.manual = value.bool_not_negative()?;
                self.send_to_last_pipe = self.manual;
            }
            ZMQ_XPUB_MANUAL => self.manual = value.bool_not_negative()?,
            ZMQ_XPUB_NODROP => self.lossy = !value.bool_not_negative()?,
            ZMQ_ONLY_FIRST_SUBSCRIBE => self.only_first_subscribe = value.bool_not_negative()?,
            ZMQ_XPUB_WELCOME_MSG => self.welcome = value.bytes()?.to_vec(),
            ZMQ_SUBSCRIBE if self.manual => {
                let topic = value.bytes()?;
                if let Some(pipe) = self.last_pipe {
                    self.subscriptions.add(topic, pipe);
                }
            }
            ZMQ_UNSUBSCRIBE if self.manual => {
                let topic = value.bytes()?;
                if let Some(pipe) = self.last_pipe {
                    self.subscriptions.remove(topic, pipe);
                }
            }
            _ => return Err(Errno::EINVAL),
        }
        Ok(())
    }

    fn option(&mut self, _core: &mut Core, option: i32) -> Result<GetValue> {
        if option != ZMQ_TOPICS_COUNT {
            return Err(Errno::EINVAL);
        }
        let topics = i32::try_from(self.subscriptions.prefixes()).unwrap_or(i32::MAX);
        Ok(GetValue::State(topics))
    }
}
