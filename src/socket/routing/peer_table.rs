//! Finding a pipe by its peer's routing id.

use std::collections::HashMap;

use super::random_number;
use crate::error::{Errno, Result};
use crate::options::constants::ZMQ_CONNECT_ROUTING_ID;
use crate::options::value::SetValue;
use crate::socket::core::{Core, PipeKey};

/// The pipes of a socket that addresses its peers, by routing id.
///
/// A pipe's own copy of its id (`PipeEnd::routing_id`) and the table always agree.
#[derive(Debug)]
pub struct PeerTable {
    pipes: HashMap<Vec<u8>, PipeKey>,
    likely: Likely,
    next_number: u32,
    /// The id of the peer that will be connected to next.
    connect_routing_id: Vec<u8>,
}

/// Pipes that will probably be looked for next. Looking at one or two is cheaper than hashing.
#[derive(Default, Debug)]
struct Likely {
    /// A message was received from it: that is who gets the answer.
    heard: Option<PipeKey>,
    /// The pipe last found, and by pipes those that were looked for after them the last time: answers
    /// often come in the order of the questions, and a conversation goes on with the same peer.
    latest: PipeKey,
    followers: Vec<u32>,
}

impl Likely {
    #[inline]
    fn pipes(&self) -> [Option<PipeKey>; 2] {
        [self.heard, self.followers.get(self.latest).map(|&pipe| pipe as PipeKey)]
    }

    #[inline]
    fn found(&mut self, pipe: PipeKey) {
        match self.followers.get_mut(self.latest) {
            Some(follower) => *follower = pipe as u32,
            None => self.followers.resize(self.latest + 1, pipe as u32),
        }
        self.latest = pipe;
    }
}

impl Default for PeerTable {
    fn default() -> PeerTable {
        PeerTable {
            pipes: HashMap::new(),
            likely: Likely::default(),
            next_number: random_number(),
            connect_routing_id: Vec::new(),
        }
    }
}

impl PeerTable {
    #[inline]
    pub fn find(&mut self, core: &Core, routing_id: &[u8]) -> Option<PipeKey> {
        let is_it = |&pipe: &PipeKey| {
            let end = core.pipes.find(pipe);
            !routing_id.is_empty() && end.is_some_and(|end| end.routing_id == routing_id)
        };
        let likely = self.likely.pipes().into_iter().flatten().find(is_it);
        let found = likely.or_else(|| self.pipes.get(routing_id).copied())?;
        self.likely.found(found);
        Some(found)
    }

    /// The pipe gave a message, and is probably looked for soon.
    #[inline]
    pub fn expect(&mut self, pipe: PipeKey) {
        self.likely.heard = Some(pipe);
    }

    pub fn contains(&self, routing_id: &[u8]) -> bool {
        self.pipes.contains_key(routing_id)
    }

    /// Gives the pipe this id, which no other pipe has.
    pub fn add(&mut self, core: &mut Core, pipe: PipeKey, routing_id: Vec<u8>) {
        self.remove(core, pipe);
        if let Some(end) = core.pipes.find_mut(pipe) {
            end.routing_id.clone_from(&routing_id);
            self.pipes.insert(routing_id, pipe);
        }
    }

    /// Takes the pipe's id away.
    pub fn remove(&mut self, core: &mut Core, pipe: PipeKey) {
        if let Some(end) = core.pipes.find_mut(pipe) {
            let routing_id = core::mem::take(&mut end.routing_id);
            if self.pipes.get(&routing_id) == Some(&pipe) {
                self.pipes.remove(&routing_id);
            }
        }
    }

    pub fn pipes(&self) -> impl Iterator<Item = PipeKey> + '_ {
        self.pipes.values().copied()
    }

    /// An id for a peer that brings none: a zero byte, which no id of a peer's own begins with,
    /// and a number.
    pub fn unused_id(&mut self) -> Vec<u8> {
        loop {
            let mut routing_id = vec![0];
            routing_id.extend_from_slice(&self.next_number.to_be_bytes());
            self.next_number = self.next_number.wrapping_add(1);
            // Peers do not always keep to the rule.
            if !self.contains(&routing_id) {
                return routing_id;
            }
        }
    }

    /// The id the application chose for the peer it just connected to, once. One that is in use
    /// is as good as none.
    pub fn take_connect_routing_id(&mut self) -> Option<Vec<u8>> {
        let routing_id = core::mem::take(&mut self.connect_routing_id);
        (!routing_id.is_empty() && !self.contains(&routing_id)).then_some(routing_id)
    }

    pub fn set_option(&mut self, option: i32, value: SetValue<'_>) -> Result<()> {
        if option != ZMQ_CONNECT_ROUTING_ID {
            return Err(Errno::EINVAL);
        }
        self.connect_routing_id = value.filled(usize::MAX)?.to_vec();
        Ok(())
    }
}
