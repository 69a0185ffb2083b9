//! What XPUB keeps for the application: subscriptions and messages of its subscribers.
//!
//! Applications that only publish never receive, and subscribers are strangers, so the inbox has
//! an end: when [`LIMIT`] bytes wait in it, what comes is dropped (subscriptions are put into
//! effect all the same). Subscriptions that are in effect cost memory as well, so as many are told of:
//! one who follows them in the inbox, a proxy above all, is to hear of every one, however many come
//! before it gets a turn.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::message::{Message, Metadata};
use crate::socket::core::PipeKey;
use crate::socket::patterns::interest::Interest;

/// Bytes that may wait, what we need for keeping them included.
pub const LIMIT: usize = if cfg!(test) { 1 << 20 } else { 64 << 20 };

#[derive(Debug, Default)]
pub struct Inbox {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// A number of its own for each pipe that is attached: keys are used again, numbers are not.
    attached: HashMap<PipeKey, u64>,
    next_number: u64,
}

#[derive(Debug)]
struct Entry {
    message: Message,
    is_notice: bool,
    origin: Option<(PipeKey, u64)>,
}

/// The next thing to hand to the application.
#[derive(Debug)]
pub struct Received {
    pub message: Message,
    /// It is a subscription, or the end of one.
    pub is_notice: bool,
    /// The pipe that asked, where that matters and while it is there.
    pub origin: Option<PipeKey>,
}

impl Inbox {
    pub fn attach(&mut self, pipe: PipeKey) {
        self.next_number += 1;
        self.attached.insert(pipe, self.next_number);
    }

    pub fn detach(&mut self, pipe: PipeKey) {
        self.attached.remove(&pipe);
    }

    /// Whether another message may be kept. Asked once for all parts of a message.
    pub fn has_room(&self) -> bool {
        self.bytes < LIMIT
    }

    /// Keeps a part of a message.
    pub fn push_message(&mut self, part: &mut Message) {
        if part.own().is_ok() {
            self.push(core::mem::take(part), false, None);
            // The caller goes on by the flags.
            part.set_flags(self.entries.back().map_or(0, |entry| entry.message.flags()));
        }
    }

    /// Keeps a subscription; `origin` where the application may act on it, `in_effect` how many there
    /// are.
    pub fn push_notice(
        &mut self,
        interest: Interest<'_>,
        metadata: Option<Arc<Metadata>>,
        origin: Option<PipeKey>,
        in_effect: usize,
    ) {
        if !self.has_room() && self.entries.len() > in_effect.saturating_mul(2) {
            return;
        }
        let Ok(mut message) = Message::copy_of(&interest.to_user_form()) else {
            return;
        };
        message.set_metadata(metadata);
        let numbered = origin.and_then(|pipe| Some((pipe, *self.attached.get(&pipe)?)));
        self.push(message, true, numbered);
    }

    fn push(&mut self, message: Message, is_notice: bool, origin: Option<(PipeKey, u64)>) {
        self.bytes += cost(&message);
        self.entries.push_back(Entry { message, is_notice, origin });
    }

    pub fn pop(&mut self) -> Option<Received> {
        let entry = self.entries.pop_front()?;
        self.bytes -= cost(&entry.message);
        if self.entries.is_empty() {
            // A flood leaves no empty hall behind.
            self.entries.shrink_to(64);
        }
        let attached = &self.attached;
        let origin = entry.origin.filter(|(pipe, number)| attached.get(pipe) == Some(number));
        Some(Received {
            message: entry.message,
            is_notice: entry.is_notice,
            origin: origin.map(|(pipe, _)| pipe),
        })
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn cost(message: &Message) -> usize {
    core::mem::size_of::<Entry>() + message.len()
}
