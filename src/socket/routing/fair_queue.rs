//! Receiving from all pipes in turn.

use super::turns::Turns;
use crate::error::{Errno, Result};
use crate::message::Message;
use crate::pipe::reader::{Accept, Whole};
use crate::pipe::PipeEnd;
use crate::socket::core::{Core, PipeKey};

/// Takes one message from each pipe that has some, round and round.
///
/// A pipe that turns out to be empty has no more turns until [`FairQueue::activated`]. All parts of
/// a message are taken from one pipe before the next pipe has its turn.
#[derive(Debug, Default)]
pub struct FairQueue {
    turns: Turns<0>,
    more: bool,
}

impl FairQueue {
    pub fn attach(&mut self, core: &mut Core, pipe: PipeKey) {
        self.turns.attach(core, pipe);
    }

    /// Whether the pipe is in the queue.
    pub fn contains(&self, core: &Core, pipe: PipeKey) -> bool {
        self.turns.contains(core, pipe)
    }

    /// The pipe has something to read again.
    pub fn activated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.turns.activated(core, pipe);
    }

    pub fn pipe_terminated(&mut self, core: &mut Core, pipe: PipeKey) {
        if self.turns.remove(core, pipe, self.more) {
            self.more = false;
        }
    }

    /// Takes the next part and says which pipe it came over. `EAGAIN`.
    #[inline(always)]
    pub fn recv(&mut self, core: &mut Core, message: &mut Message) -> Result<PipeKey> {
        if let Some(pipe) = self.turns.current() {
            if core.read(pipe, message) {
                self.took(message);
                return Ok(pipe);
            }
        }
        self.recv_from_another(core, message)
    }

    /// See [`Socket::recv_at_once`](crate::socket::Socket::recv_at_once).
    #[inline(always)]
    pub fn recv_at_once(&mut self, core: &mut Core, accept: impl Accept) -> bool {
        self.recv_at_once_from(core, accept).is_some()
    }

    /// As [`FairQueue::recv_at_once`]; says which pipe the message came over.
    #[inline(always)]
    pub fn recv_at_once_from(&mut self, core: &mut Core, accept: impl Accept) -> Option<PipeKey> {
        let pipe = if self.more { None } else { self.turns.current() }?;
        if !core.pipes.find_mut(pipe)?.read_at_once(accept) {
            return None;
        }
        self.turns.pass();
        Some(pipe)
    }

    /// Takes the next message of the pipe in turn with all its parts, and says which pipe that is. `None`
    /// as for [`FairQueue::recv_at_once`].
    #[inline]
    pub fn recv_whole(
        &mut self,
        core: &mut Core,
        accept: impl FnOnce(&[u8], Whole<'_>) -> bool,
    ) -> Option<PipeKey> {
        let pipe = if self.more { None } else { self.turns.current() }?;
        if !core.pipes.find_mut(pipe)?.read_whole(accept) {
            return None;
        }
        self.turns.pass();
        Some(pipe)
    }

    /// As [`FairQueue::recv`], after the pipe in turn had nothing.
    #[cold]
    #[inline(never)]
    fn recv_from_another(&mut self, core: &mut Core, message: &mut Message) -> Result<PipeKey> {
        while let Some(pipe) = self.turns.current() {
            if core.read(pipe, message) {
                self.took(message);
                return Ok(pipe);
            }
            self.put_to_sleep(core);
        }
        Err(Errno::EAGAIN)
    }

    #[inline]
    fn took(&mut self, message: &Message) {
        self.more = message.has_more();
        if !self.more {
            self.turns.pass();
        }
    }

    /// Takes the next message of one part. Messages of several are dropped.
    pub fn recv_single(&mut self, core: &mut Core, message: &mut Message) -> Result<PipeKey> {
        loop {
            let pipe = self.recv(core, message)?;
            if !message.has_more() {
                return Ok(pipe);
            }
            *message = Message::new();
            self.skip_rest(core);
        }
    }

    /// Takes the next part, to be kept: the body becomes the message's own, in the memory of what it was
    /// before where that suits, and the connection it came over is noted, whatever call it will be handed
    /// out by.
    pub fn recv_ahead(&mut self, core: &mut Core, message: &mut Message) -> Result<PipeKey> {
        let wants_metadata = core::mem::replace(&mut core.wants_metadata, true);
        let past = message.take_body();
        let received = self.recv(core, message);
        core.wants_metadata = wants_metadata;
        let pipe = received?;
        if let Err(error) = message.own_with(past) {
            self.skip_rest(core);
            return Err(error);
        }
        Ok(pipe)
    }

    /// Drops the parts that are left of the message being read.
    pub fn skip_rest(&mut self, core: &mut Core) {
        let mut part = Message::new();
        while self.more {
            let read = self.turns.current().is_some_and(|pipe| core.read(pipe, &mut part));
            self.more = read && part.has_more();
            if read && !self.more {
                self.turns.pass();
            }
        }
    }

    /// Whether no pipe has anything, as far as is known.
    #[inline]
    pub fn rests(&self) -> bool {
        self.turns.current().is_none() && !self.more
    }

    /// Whether the message being read has parts left.
    pub fn in_message(&self) -> bool {
        self.more
    }

    /// Whether [`FairQueue::recv`] would give a part.
    #[inline]
    pub fn has_in(&mut self, core: &mut Core) -> bool {
        if self.more {
            return true;
        }
        while let Some(pipe) = self.turns.current() {
            if core.check_read(pipe) {
                return true;
            }
            self.put_to_sleep(core);
        }
        false
    }

    /// Whether [`FairQueue::recv`] has something to do: there is a part, or a pipe whose peer closed it
    /// and that may be over. Other pipes that have nothing keep their turns.
    pub fn has_to_do(&self, core: &mut Core) -> bool {
        let has_to_do = |end: &mut PipeEnd| end.has_message() || end.peer_is_closed();
        let mut active = self.turns.active();
        self.more || active.any(|pipe| core.pipes.find_mut(pipe).is_some_and(has_to_do))
    }

    /// The pipe that all messages come from, if there is but one.
    #[inline]
    pub fn only_active(&self) -> Option<PipeKey> {
        self.turns.only_active()
    }

    #[cold]
    #[inline(never)]
    fn put_to_sleep(&mut self, core: &mut Core) {
        // Whole messages are published at once, so a message breaks off only where this side ended
        // the pipe in the middle of it.
        self.more = false;
        self.turns.put_to_sleep(core);
    }
}
