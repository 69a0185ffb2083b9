//! Sending to one pipe after the other.

use super::refusal;
use super::turns::Turns;
use crate::error::{Errno, Result};
use crate::message::Message;
use crate::pipe::reader::Whole;
use crate::socket::core::{Core, PipeKey};
use crate::socket::patterns::MESSAGE_LOST;
use crate::socket::relay::HeldBack;

/// Gives one message to each pipe that has room, round and round.
///
/// A pipe that turns out to be full has no more turns until [`Balancer::activated`]. All parts of a message go to one pipe. When that
/// pipe goes away half-way, the next part is told so, and it and the parts that are left are
/// dropped, so that nobody receives half a message.
#[derive(Debug, Default)]
pub struct Balancer {
    turns: Turns<1>,
    more: bool,
    dropping: bool,
    /// The pipe of the message is gone, and the sender has not been told so.
    untold: bool,
    /// That was the peer's doing.
    left: bool,
}

impl Balancer {
    pub fn attach(&mut self, core: &mut Core, pipe: PipeKey) {
        self.turns.attach(core, pipe);
    }

    /// The pipe has room again.
    pub fn activated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.turns.activated(core, pipe);
    }

    pub fn pipe_terminated(&mut self, core: &mut Core, pipe: PipeKey) {
        let had_turn = self.turns.remove(core, pipe, self.more);
        if had_turn && self.more && !self.dropping {
            self.dropping = true;
            self.untold = true;
            self.left = core.pipes.find(pipe).is_some_and(|end| !end.is_closed_here());
        }
    }

    /// Sends one part and says which pipe took it: none, when the part belongs to a message whose
    /// pipe went away. `EAGAIN`; `ENOMEM`; [`MESSAGE_LOST`] for the first part after the pipe went
    /// away in the middle of the message.
    #[inline(always)]
    pub fn send(&mut self, core: &mut Core, message: &Message) -> Result<Option<PipeKey>> {
        let in_turn = if self.dropping { None } else { self.turns.current() };
        if let Some(pipe) = in_turn {
            if let Some(end) = core.pipes.find_mut(pipe) {
                if end.write(message) {
                    self.more = message.has_more();
                    if !self.more {
                        end.flush();
                        self.turns.pass();
                    }
                    return Ok(Some(pipe));
                }
            }
        }
        self.send_with_trouble(core, message)
    }

    /// See [`Socket::send_at_once`](crate::socket::Socket::send_at_once).
    #[inline(always)]
    pub fn send_at_once(&mut self, core: &mut Core, body: &[u8]) -> bool {
        if self.more || self.dropping {
            return false;
        }
        let end = self.turns.current().and_then(|pipe| core.pipes.find_mut(pipe));
        let Some(end) = end else { return false };
        if !end.send_at_once(body) {
            return false;
        }
        self.turns.pass();
        true
    }

    /// Sends a message, the first part of it given apart if there is one to begin with, and holds it
    /// back. False as for [`Balancer::send_at_once`].
    #[inline]
    pub fn send_whole(
        &mut self,
        core: &mut Core,
        first: Option<&[u8]>,
        rest: Whole<'_>,
        held: &mut HeldBack,
    ) -> bool {
        if self.more || self.dropping {
            return false;
        }
        let sent = self.turns.current().is_some_and(|pipe| held.write(core, pipe, first, rest));
        if sent {
            self.turns.pass();
        }
        sent
    }

    #[cold]
    #[inline(never)]
    fn send_with_trouble(&mut self, core: &mut Core, message: &Message) -> Result<Option<PipeKey>> {
        if self.untold {
            return Err(self.lose_message(message));
        }
        if self.dropping {
            self.more = message.has_more();
            self.dropping = self.more;
            return Ok(None);
        }
        while let Some(pipe) = self.turns.current() {
            if core.write(pipe, message) {
                self.more = message.has_more();
                if !self.more {
                    core.flush(pipe);
                    self.turns.pass();
                }
                return Ok(Some(pipe));
            }
            if refusal(core, pipe) == Errno::ENOMEM {
                return Err(Errno::ENOMEM);
            }
            if self.more {
                core.rollback(pipe);
                return Err(self.lose_message(message));
            }
            self.turns.put_to_sleep(core);
        }
        Err(Errno::EAGAIN)
    }

    /// This part is lost with the message, and so are those that follow it. They can be sent at any time:
    /// who waits for that, after the peer left by itself, is not to wait for another one.
    fn lose_message(&mut self, message: &Message) -> Errno {
        self.dropping = message.has_more();
        self.more = self.dropping && self.untold && self.left;
        self.untold = false;
        MESSAGE_LOST
    }

    /// Takes back the parts of an unfinished message, which starts anew with the next part.
    pub fn forget_message(&mut self, core: &mut Core) {
        if self.more && !self.dropping {
            if let Some(pipe) = self.turns.current() {
                core.rollback(pipe);
            }
        }
        self.more = false;
        self.dropping = false;
        self.untold = false;
    }

    /// Whether [`Balancer::send`] would take a part.
    #[inline]
    pub fn has_out(&mut self, core: &mut Core) -> bool {
        if self.more {
            return true;
        }
        while let Some(pipe) = self.turns.current() {
            if core.check_write(pipe) {
                return true;
            }
            self.turns.put_to_sleep(core);
        }
        false
    }

    /// The pipe that takes all messages, if there is but one.
    #[inline]
    pub fn only_active(&self) -> Option<PipeKey> {
        self.turns.only_active()
    }
}
