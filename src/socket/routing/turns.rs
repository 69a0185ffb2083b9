//! Whose turn it is among a socket's pipes.

use super::pipe_list::PipeList;
use crate::socket::core::{Core, PipeKey};

/// Pipes that have their turns, round and round.
///
/// Those that may be of use, the *active* ones, stand in front. One that turns out not to be moves
/// behind them ([`Turns::put_to_sleep`]) until [`Turns::activated`] brings it back.
#[derive(Debug, Default)]
pub struct Turns<const PLACE: usize> {
    pipes: PipeList<PLACE>,
    active: usize,
    current: usize,
}

impl<const PLACE: usize> Turns<PLACE> {
    pub fn attach(&mut self, core: &mut Core, pipe: PipeKey) {
        self.pipes.push(core, pipe);
        self.activated(core, pipe);
    }

    pub fn contains(&self, core: &Core, pipe: PipeKey) -> bool {
        self.pipes.position(core, pipe).is_some()
    }

    /// The pipe may be of use again.
    pub fn activated(&mut self, core: &mut Core, pipe: PipeKey) {
        if let Some(position) = self.pipes.position(core, pipe) {
            if position >= self.active {
                self.pipes.swap(core, position, self.active);
                self.active += 1;
            }
        }
    }

    /// Takes a pipe out; true when it had its turn. `in_message`: if another has, it is in the middle
    /// of a message and keeps its turn.
    pub fn remove(&mut self, core: &mut Core, pipe: PipeKey, in_message: bool) -> bool {
        let Some(mut position) = self.pipes.position(core, pipe) else {
            return false;
        };
        let had_turn = position == self.current && self.active > 0;
        if position < self.active {
            self.active -= 1;
            self.pipes.swap(core, position, self.active);
            if self.current == self.active {
                // The last one has moved to where the other was.
                self.current = if in_message && !had_turn { position } else { 0 };
            }
            position = self.active;
        }
        self.pipes.remove(core, position);
        had_turn
    }

    /// The pipe in turn.
    #[inline(always)]
    pub fn current(&self) -> Option<PipeKey> {
        if self.active == 0 {
            return None;
        }
        self.pipes.at(self.current)
    }

    /// All that may be of use.
    pub fn active(&self) -> impl Iterator<Item = PipeKey> + '_ {
        (0..self.active).filter_map(|position| self.pipes.at(position))
    }

    /// The next one has its turn.
    #[inline(always)]
    pub fn pass(&mut self) {
        self.current += 1;
        if self.current >= self.active {
            self.current = 0;
        }
    }

    /// The pipe in turn is of no use for now; the next one has its turn.
    pub fn put_to_sleep(&mut self, core: &mut Core) {
        self.active -= 1;
        self.pipes.swap(core, self.current, self.active);
        if self.current == self.active {
            self.current = 0;
        }
    }

    /// The active pipe, if there is but one.
    #[inline(always)]
    pub fn only_active(&self) -> Option<PipeKey> {
        if self.active == 1 {
            self.current()
        } else {
            None
        }
    }
}
