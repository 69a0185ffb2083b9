//! The first part of a message, kept while the peer's routing id is handed out in front of it.

use core::mem::take;

use crate::error::Result;
use crate::message::{self, Message};
use crate::socket::core::{Core, PipeKey};
use crate::socket::routing::fair_queue::FairQueue;

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Next {
    #[default]
    Nothing,
    RoutingId,
    Part,
}

/// What was received before its turn.
#[derive(Debug, Default)]
pub struct Ahead {
    next: Next,
    routing_id: Message,
    /// Its memory is used again for the next one.
    part: Message,
}

impl Ahead {
    /// Receives a part, to be handed out behind the routing id of its pipe.
    pub fn look(&mut self, core: &mut Core, fair_queue: &mut FairQueue) -> Result<PipeKey> {
        let pipe = loop {
            let pipe = fair_queue.recv_ahead(core, &mut self.part)?;
            if self.part.flags() & message::ROUTING_ID == 0 {
                break pipe;
            }
        };
        let id = core.pipes.find(pipe).map_or(&[][..], |end| &end.routing_id);
        if let Err(error) = self.routing_id.fill(id) {
            fair_queue.skip_rest(core);
            return Err(error);
        }
        self.routing_id.set_flags(message::MORE);
        self.next = Next::RoutingId;
        Ok(pipe)
    }

    /// Hands out what comes next. False when there is nothing.
    #[inline]
    pub fn take(&mut self, message: &mut Message) -> bool {
        match self.next {
            Next::Nothing => return false,
            Next::RoutingId => {
                *message = take(&mut self.routing_id);
                message.set_metadata(self.part.metadata_arc());
                self.next = Next::Part;
            }
            Next::Part => self.take_kept(message),
        }
        true
    }

    /// Hands out the part, without the routing id if that is still there. False when there is
    /// nothing.
    #[inline]
    pub fn take_part(&mut self, message: &mut Message) -> bool {
        let is_there = !self.is_nothing();
        if is_there {
            self.take_kept(message);
        }
        is_there
    }

    #[inline]
    fn take_kept(&mut self, message: &mut Message) {
        *message = take(&mut self.part);
        self.next = Next::Nothing;
    }

    #[inline]
    pub fn is_nothing(&self) -> bool {
        self.next == Next::Nothing
    }

    /// The part is a message by itself.
    pub fn make_last(&mut self) {
        self.part.set_more(false);
    }

    /// There will be no more parts: what was not begun to be handed out is dropped if some are missing.
    pub fn break_off(&mut self) {
        match self.next {
            Next::Nothing => {}
            Next::RoutingId if self.part.has_more() => self.next = Next::Nothing,
            Next::RoutingId => {}
            Next::Part => self.make_last(),
        }
    }

    // --- the short way ---

    /// The routing id, if it comes next. To be followed by [`Ahead::routing_id_taken`].
    #[inline]
    pub fn routing_id(&self) -> Option<&[u8]> {
        (self.next == Next::RoutingId).then(|| self.routing_id.data())
    }

    #[inline]
    pub fn routing_id_taken(&mut self) {
        self.next = Next::Part;
    }

    /// The part, if it comes next and is the last one. To be followed by [`Ahead::last_part_taken`].
    #[inline]
    pub fn last_part(&self) -> Option<&[u8]> {
        (self.next == Next::Part && !self.part.has_more()).then(|| self.part.data())
    }

    #[inline]
    pub fn last_part_taken(&mut self) {
        self.next = Next::Nothing;
    }

    /// Receives the next message of the pipe in turn, if it has one part and is to be had at once. Its
    /// routing id is to be handed out by the caller.
    #[inline]
    pub fn look_at_once(&mut self, core: &mut Core, fair_queue: &mut FairQueue) -> Option<PipeKey> {
        let part = &mut self.part;
        let pipe = fair_queue.recv_at_once_from(core, |body, metadata| {
            let taken = part.become_copy(body);
            if taken {
                part.adopt_metadata(metadata);
            }
            taken
        })?;
        self.next = Next::Part;
        Some(pipe)
    }
}
