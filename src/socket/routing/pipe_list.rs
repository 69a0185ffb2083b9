//! A list of pipes that can be reordered, and in which a pipe is found without searching.

use crate::pipe::NOWHERE;
use crate::socket::core::{Core, PipeKey};

/// Pipe keys in an order. `PLACE` says which of a pipe's places holds its position in this list;
/// a pipe is in at most one list of each `PLACE`.
#[derive(Debug, Default)]
pub struct PipeList<const PLACE: usize> {
    keys: Vec<PipeKey>,
}

impl<const PLACE: usize> PipeList<PLACE> {
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The pipe at a position.
    #[inline]
    pub fn at(&self, position: usize) -> Option<PipeKey> {
        self.keys.get(position).copied()
    }

    /// Where the pipe is in this list.
    #[inline]
    pub fn position(&self, core: &Core, pipe: PipeKey) -> Option<usize> {
        let position = core.pipes.find(pipe)?.places[PLACE];
        (self.at(position) == Some(pipe)).then_some(position)
    }

    /// Adds a pipe at the end.
    pub fn push(&mut self, core: &mut Core, pipe: PipeKey) {
        if self.position(core, pipe).is_some() {
            return;
        }
        if let Some(end) = core.pipes.find_mut(pipe) {
            end.places[PLACE] = self.keys.len();
            self.keys.push(pipe);
        }
    }

    /// Lets two pipes change places.
    pub fn swap(&mut self, core: &mut Core, one: usize, other: usize) {
        if one == other || one.max(other) >= self.keys.len() {
            return;
        }
        self.keys.swap(one, other);
        self.note_place(core, one);
        self.note_place(core, other);
    }

    /// Removes the pipe at a position; the last one takes its place.
    pub fn remove(&mut self, core: &mut Core, position: usize) {
        if position >= self.keys.len() {
            return;
        }
        let pipe = self.keys.swap_remove(position);
        if let Some(end) = core.pipes.find_mut(pipe) {
            end.places[PLACE] = NOWHERE;
        }
        self.note_place(core, position);
    }

    fn note_place(&self, core: &mut Core, position: usize) {
        if let Some(end) = self.at(position).and_then(|pipe| core.pipes.find_mut(pipe)) {
            end.places[PLACE] = position;
        }
    }
}
