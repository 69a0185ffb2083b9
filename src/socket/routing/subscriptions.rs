//! Who subscribed to what.
//!
//! A publisher asks one question per message: *which pipes have a subscription that is a prefix of
//! this topic?* A subscriber asks a simpler one: *is any of my own subscriptions a prefix of it?*
//! Both are answered by the same compact prefix [`trie`]; only what a prefix carries differs: a set
//! of pipes ([`SubscriptionTable`], for XPUB and PUB) or a count ([`SubscriptionSet`], for XSUB and
//! SUB, where subscribing twice needs unsubscribing twice).
//!
//! Topics come from the network and may be a megabyte long or a million in number, so nothing here
//! recurses: the depth of a walk costs loop turns, never stack.
#![deny(unsafe_code)]

mod arena;
mod children;
mod node;
mod pipes;
mod place;
mod trie;

#[cfg(test)]
mod tests;

pub use pipes::Key;
use pipes::Pipes;
use trie::{Payload, Trie};

/// What [`SubscriptionTable::remove`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// The pipe had no subscription to that prefix.
    NotFound,
    /// It was the prefix's last subscription: nobody is interested any more.
    LastRemoved,
    /// Other pipes still subscribe to the prefix.
    ValuesRemain,
}

/// Which pipes subscribed to which prefixes; `P` is a small key that stands for a pipe.
pub struct SubscriptionTable<P> {
    trie: Trie<Pipes<P>>,
    prefixes: usize,
    /// Counts what was done to the table.
    changes: u64,
}

/// So many prefixes that match a message are remembered.
const REMEMBERED: usize = 4;

/// Which sets of pipes the subscriptions had that matched a message, to tell whether those of the
/// next are the same.
#[derive(Debug, Default)]
pub struct Matched {
    /// The table's changes then; `None` when nothing can be said.
    changes: Option<u64>,
    count: usize,
    /// What tells the sets of pipes apart, in the order of their prefixes.
    sets: [usize; REMEMBERED],
}

impl Matched {
    /// The next message is not alike.
    pub fn forget(&mut self) {
        self.changes = None;
    }
}

impl<P: Key> SubscriptionTable<P> {
    /// A table without subscriptions.
    pub fn new() -> Self {
        SubscriptionTable { trie: Trie::new(), prefixes: 0, changes: 0 }
    }

    /// Subscribes `pipe` to `prefix`. True when it is the first subscription of any pipe to it.
    pub fn add(&mut self, prefix: &[u8], pipe: P) -> bool {
        self.changes += 1;
        let first = self.trie.update(prefix, |pipes| {
            let first = pipes.is_vacant();
            pipes.insert(pipe);
            first
        });
        let first = first.unwrap_or(false);
        if first {
            self.prefixes += 1;
        }
        first
    }

    /// Takes back the subscription of `pipe` to `prefix`.
    pub fn remove(&mut self, prefix: &[u8], pipe: P) -> Removed {
        self.changes += 1;
        let Some(place) = self.trie.find(prefix) else {
            return Removed::NotFound;
        };
        if self.trie.change(place, |pipes| pipes.remove(pipe)) != Some(true) {
            return Removed::NotFound;
        }
        if !self.trie.is_vacant(place) {
            return Removed::ValuesRemain;
        }
        self.trie.prune(place);
        self.prefixes -= 1;
        Removed::LastRemoved
    }

    /// Takes back every subscription of `pipe`, which has gone. `gone` is called in the order of
    /// the prefixes: for each of its subscriptions, or with `unique_only` for those prefixes only
    /// that nobody else subscribed to.
    pub fn remove_pipe(&mut self, pipe: P, unique_only: bool, mut gone: impl FnMut(&[u8])) {
        self.changes += 1;
        let mut emptied = Vec::new();
        let mut prefix = Vec::new();
        let mut next = self.trie.root();
        while let Some(place) = next {
            if self.trie.change(place, |pipes| pipes.remove(pipe)) == Some(true) {
                let last = self.trie.is_vacant(place);
                if last {
                    emptied.push(place);
                }
                if last || !unique_only {
                    gone(&prefix);
                }
            }
            next = self.trie.successor(place, &mut prefix);
        }
        self.prefixes -= emptied.len();
        // From the back: a node's descendants are pruned before the node itself.
        while let Some(place) = emptied.pop() {
            self.trie.prune(place);
        }
    }

    /// Calls `each` for every subscription that is a prefix of `topic`: a pipe is named once per
    /// matching prefix it subscribed to.
    #[inline]
    pub fn matching(&self, topic: &[u8], mut each: impl FnMut(P)) {
        self.trie.visit_prefixes(topic, |pipes| {
            for pipe in pipes.as_slice() {
                each(*pipe);
            }
            true
        });
    }

    /// Whether the subscriptions that match `topic` have the same pipes, one after the other, as
    /// those that matched the topic for which `last` was used before. Remembers them for the next
    /// time.
    #[inline]
    pub fn matches_alike(&self, topic: &[u8], last: &mut Matched) -> bool {
        let mut alike = last.changes == Some(self.changes);
        let mut count = 0;
        self.trie.visit_prefixes(topic, |pipes| {
            if !pipes.is_vacant() {
                let identity = pipes.identity();
                match last.sets.get_mut(count) {
                    Some(slot) if *slot == identity => {}
                    Some(slot) => {
                        *slot = identity;
                        alike = false;
                    }
                    None => alike = false,
                }
                count += 1;
            }
            true
        });
        alike &= last.count == count;
        last.count = count;
        last.changes = (count <= REMEMBERED).then_some(self.changes);
        alike
    }

    /// The number of different prefixes subscribed to.
    pub fn prefixes(&self) -> usize {
        self.prefixes
    }

    /// True when there is no subscription at all.
    pub fn is_empty(&self) -> bool {
        self.prefixes == 0
    }
}

impl<P: Key> Default for SubscriptionTable<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P> std::fmt::Debug for SubscriptionTable<P> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("SubscriptionTable")
            .field("prefixes", &self.prefixes)
            .finish_non_exhaustive()
    }
}

/// A socket's own subscriptions, counted.
#[derive(Default)]
pub struct SubscriptionSet {
    trie: Trie<Count>,
    prefixes: usize,
    total: usize,
}

impl SubscriptionSet {
    /// A set without subscriptions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Subscribes to `prefix`. True when it was not subscribed to before.
    pub fn add(&mut self, prefix: &[u8]) -> bool {
        let more = self.trie.update(prefix, |count| {
            let more = count.0.checked_add(1)?;
            count.0 = more;
            Some(more)
        });
        let Some(more) = more.flatten() else {
            return false;
        };
        self.total += 1;
        let first = more == 1;
        if first {
            self.prefixes += 1;
        }
        first
    }

    /// Takes back one subscription to `prefix`. True when it was the last one to it.
    pub fn remove(&mut self, prefix: &[u8]) -> bool {
        let Some(place) = self.trie.find(prefix) else {
            return false;
        };
        if self.trie.is_vacant(place) || self.trie.change(place, |count| count.0 -= 1).is_none() {
            return false;
        }
        self.total -= 1;
        if !self.trie.is_vacant(place) {
            return false;
        }
        self.trie.prune(place);
        self.prefixes -= 1;
        true
    }

    /// True when a subscription is a prefix of `topic`.
    #[inline]
    pub fn matches(&self, topic: &[u8]) -> bool {
        let mut found = false;
        self.trie.visit_prefixes(topic, |count| {
            found = !count.is_vacant();
            !found
        });
        found
    }

    /// Calls `each` for every prefix subscribed to, in the order of the prefixes.
    pub fn for_each(&self, mut each: impl FnMut(&[u8])) {
        let mut prefix = Vec::new();
        let mut next = self.trie.root();
        while let Some(place) = next {
            if !self.trie.is_vacant(place) {
                each(&prefix);
            }
            next = self.trie.successor(place, &mut prefix);
        }
    }

    /// The number of different prefixes subscribed to.
    pub fn len(&self) -> usize {
        self.prefixes
    }

    /// The number of subscriptions, repeated ones included.
    pub fn total(&self) -> usize {
        self.total
    }

    /// True when there is no subscription at all.
    pub fn is_empty(&self) -> bool {
        self.prefixes == 0
    }
}

impl std::fmt::Debug for SubscriptionSet {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("SubscriptionSet")
            .field("prefixes", &self.prefixes)
            .finish_non_exhaustive()
    }
}

/// How often a socket subscribed to a prefix.
#[derive(Default)]
struct Count(u32);

impl Payload for Count {
    fn is_vacant(&self) -> bool {
        self.0 == 0
    }

    fn number(&self) -> Option<u32> {
        Some(self.0)
    }

    fn from_number(number: u32) -> Self {
        Count(number)
    }
}
