//! The pipes of one prefix.

use super::place::LIMIT;
use super::trie::Payload;

/// What stands for a pipe. Keys that are small numbers take the least memory.
pub trait Key: Copy + Ord + TryFrom<u32> + TryInto<u32> {}

impl<P: Copy + Ord + TryFrom<u32> + TryInto<u32>> Key for P {}

/// A set of pipes. Most prefixes have one subscriber, so one is stored without a heap block; more
/// stand sorted in a vector, which is what a fan-out wants to read.
#[derive(Default)]
pub enum Pipes<P> {
    #[default]
    None,
    One(P),
    // The second box keeps the common node small; it is paid for by the rare one.
    #[allow(clippy::box_collection)]
    Many(Box<Vec<P>>),
}

impl<P: Key> Pipes<P> {
    pub fn insert(&mut self, pipe: P) {
        match self {
            Pipes::None => *self = Pipes::One(pipe),
            Pipes::One(present) if *present == pipe => {}
            Pipes::One(present) => {
                let pair = vec![(*present).min(pipe), (*present).max(pipe)];
                *self = Pipes::Many(Box::new(pair));
            }
            Pipes::Many(pipes) => {
                if let Err(place) = pipes.binary_search(&pipe) {
                    pipes.insert(place, pipe);
                }
            }
        }
    }

    pub fn remove(&mut self, pipe: P) -> bool {
        match self {
            Pipes::None => false,
            Pipes::One(present) => {
                let found = *present == pipe;
                if found {
                    *self = Pipes::None;
                }
                found
            }
            Pipes::Many(pipes) => {
                let Ok(place) = pipes.binary_search(&pipe) else {
                    return false;
                };
                pipes.remove(place);
                if let [last] = pipes[..] {
                    *self = Pipes::One(last);
                } else if pipes.len() * 4 <= pipes.capacity() {
                    pipes.shrink_to(pipes.len() * 2);
                }
                true
            }
        }
    }

    /// Differs between two sets unless they are equal, as long as no subscription changes: of one
    /// pipe the pipe itself, however many prefixes it subscribed to alone, otherwise where they are.
    #[inline]
    pub fn identity(&self) -> usize {
        match self.number() {
            // Odd, which no address of a set is.
            Some(number @ 1..LIMIT) => number as usize * 2 + 1,
            _ => self.as_slice().as_ptr() as usize,
        }
    }

    #[inline]
    pub fn as_slice(&self) -> &[P] {
        match self {
            Pipes::None => &[],
            Pipes::One(pipe) => std::slice::from_ref(pipe),
            Pipes::Many(pipes) => pipes,
        }
    }
}

impl<P: Key> Payload for Pipes<P> {
    fn is_vacant(&self) -> bool {
        matches!(self, Pipes::None)
    }

    #[inline]
    fn number(&self) -> Option<u32> {
        match self {
            Pipes::None => Some(0),
            Pipes::One(pipe) => (*pipe).try_into().ok()?.checked_add(1),
            Pipes::Many(_) => None,
        }
    }

    #[inline]
    fn from_number(number: u32) -> Self {
        let pipe = number.checked_sub(1).and_then(|pipe| P::try_from(pipe).ok());
        pipe.map_or(Pipes::None, Pipes::One)
    }
}
