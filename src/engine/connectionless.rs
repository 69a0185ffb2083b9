//! Sessions that have no connections: what they do in place of an engine.

use std::fmt::Debug;
use std::os::fd::RawFd;

use super::Progress;
use crate::message::{self, Message};
use crate::pipe::outflow::Outflow;
use crate::pipe::PipeEnd;
use crate::zmtp::multicast::Assembler;

/// What exchanges messages with a pipe, through one or several descriptors.
pub trait Connectionless: Debug + Send {
    /// The descriptors to watch.
    fn descriptors(&self) -> Vec<RawFd>;

    /// One of the descriptors became ready.
    fn ready(&mut self, readable: bool, writable: bool);

    /// Does what can be done in one turn.
    fn pump(&mut self, pipe: &mut PipeEnd) -> Progress;

    /// Whether something waits to be sent that is no longer in the pipe.
    fn has_unsent(&self) -> bool;

    /// Milliseconds after which to have a turn even if nothing happens.
    fn due(&mut self) -> Option<i32> {
        None
    }
}

/// Passes whole messages on to the pipe. False when it has no room for the next.
pub fn deliver(assembler: &mut Assembler, out: &mut Outflow) -> bool {
    while assembler.has_messages() {
        if !out.check_write() {
            return false;
        }
        let Some(parts) = assembler.next_message() else { break };
        let count = parts.len();
        let written = parts.iter().enumerate().all(|(index, part)| {
            // SAFETY: the view is used up while the part is there.
            let mut view = unsafe { Message::view(part.as_ptr(), part.len()) };
            if index + 1 < count {
                view.set_flags(message::MORE);
            }
            out.write(&view)
        });
        if !written {
            out.rollback();
        }
    }
    true
}
