//! The first part of a message, kept while the peer's routing id is handed out in front of it.

use crate::error::Result;
use crate::message::{self, Message};
use crate::socket::core::{Core, PipeKey};

/// What was received before its turn.
#[derive(Debug)]
pub enum Ahead {
    Nothing,
    /// The routing id is still to be handed out, too.
    WithRoutingId {
        routing_id: Message,
        part: Message,
    },
    Part(Message),
}

impl Ahead {
    /// The routing id of the pipe, ready to be handed out in front of `part`.
    pub fn with_routing_id(core: &Core, pipe: PipeKey, part: Message) -> Result<Ahead> {
        let id = core.pipes.find(pipe).map_or(&[][..], |end| &end.routing_id);
        let mut routing_id = Message::copy_of(id)?;
        routing_id.set_flags(message::MORE);
        routing_id.set_metadata(part.metadata_arc());
        Ok(Ahead::WithRoutingId { routing_id, part })
    }

    /// Hands out what comes next. False when there is nothing.
    #[inline]
    pub fn take(&mut self, message: &mut Message) -> bool {
        match core::mem::replace(self, Ahead::Nothing) {
            Ahead::Nothing => false,
            Ahead::WithRoutingId { routing_id, part } => {
                *message = routing_id;
                *self = Ahead::Part(part);
                true
            }
            Ahead::Part(part) => {
                *message = part;
                true
            }
        }
    }

    /// Hands out the part, without the routing id if that is still there. False when there is
    /// nothing.
    #[inline]
    pub fn take_part(&mut self, message: &mut Message) -> bool {
        match core::mem::replace(self, Ahead::Nothing) {
            Ahead::Nothing => false,
            Ahead::WithRoutingId { part, .. } | Ahead::Part(part) => {
                *message = part;
                true
            }
        }
    }

    #[inline]
    pub fn is_nothing(&self) -> bool {
        matches!(self, Ahead::Nothing)
    }
}
