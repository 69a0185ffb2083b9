//! Sending to one pipe after the other.

use super::pipe_list::PipeList;
use super::refusal;
use crate::error::{Errno, Result};
use crate::message::Message;
use crate::socket::core::{Core, PipeKey};
use crate::socket::patterns::MESSAGE_LOST;

/// Gives one message to each pipe that has room, round and round.
///
/// The pipes that may have room stand in front; one that turns out to be full moves behind them
/// until [`Balancer::activated`] brings it back. All parts of a message go to one pipe. When that
/// pipe goes away half-way, the next part is told so, and it and the parts that are left are
/// dropped, so that nobody receives half a message.
#[derive(Debug, Default)]
pub struct Balancer {
    pipes: PipeList<1>,
    active: usize,
    current: usize,
    more: bool,
    dropping: bool,
    /// The pipe of the message is gone, and the sender has not been told so.
    untold: bool,
}

impl Balancer {
    pub fn attach(&mut self, core: &mut Core, pipe: PipeKey) {
        self.pipes.push(core, pipe);
        self.activated(core, pipe);
    }

    /// The pipe has room again.
    pub fn activated(&mut self, core: &mut Core, pipe: PipeKey) {
        if let Some(position) = self.pipes.position(core, pipe) {
            if position >= self.active {
                self.pipes.swap(core, position, self.active);
                self.active += 1;
            }
        }
    }

    pub fn pipe_terminated(&mut self, core: &mut Core, pipe: PipeKey) {
        let Some(mut position) = self.pipes.position(core, pipe) else {
            return;
        };
        let in_turn = position == self.current && self.active > 0;
        let in_message = self.more && !in_turn;
        if in_turn && self.more && !self.dropping {
            self.dropping = true;
            self.untold = true;
        }
        if position < self.active {
            self.active -= 1;
            self.pipes.swap(core, position, self.active);
            if self.current == self.active {
                // A pipe whose message is half written keeps its turn where it is now.
                self.current = if in_message { position } else { 0 };
            }
            position = self.active;
        }
        self.pipes.remove(core, position);
    }

    /// Sends one part and says which pipe took it: none, when the part belongs to a message whose
    /// pipe went away. `EAGAIN`; `ENOMEM`; [`MESSAGE_LOST`] for the first part after the pipe went
    /// away in the middle of the message.
    #[inline(always)]
    pub fn send(&mut self, core: &mut Core, message: &Message) -> Result<Option<PipeKey>> {
        if self.active > 0 && !self.dropping {
            if let Some(pipe) = self.pipes.at(self.current) {
                if let Some(end) = core.pipes.find_mut(pipe) {
                    if end.write(message) {
                        self.more = message.has_more();
                        if !self.more {
                            end.flush();
                            self.next_turn();
                        }
                        return Ok(Some(pipe));
                    }
                }
            }
        }
        self.send_with_trouble(core, message)
    }

    /// See [`Socket::send_at_once`](crate::socket::Socket::send_at_once).
    #[inline(always)]
    pub fn send_at_once(&mut self, core: &mut Core, body: &[u8]) -> bool {
        if self.active == 0 || self.more || self.dropping {
            return false;
        }
        let end = self.pipes.at(self.current).and_then(|pipe| core.pipes.find_mut(pipe));
        let Some(end) = end else { return false };
        if !end.out.send_at_once(body) {
            return false;
        }
        self.next_turn();
        true
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
        while let Some(pipe) = self.in_turn() {
            if core.write(pipe, message) {
                self.more = message.has_more();
                if !self.more {
                    core.flush(pipe);
                    self.next_turn();
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
            self.put_to_sleep(core);
        }
        Err(Errno::EAGAIN)
    }

    /// This part is lost with the message, and so are those that follow it.
    fn lose_message(&mut self, message: &Message) -> Errno {
        self.untold = false;
        self.dropping = message.has_more();
        self.more = false;
        MESSAGE_LOST
    }

    /// Takes back the parts of an unfinished message, which starts anew with the next part.
    pub fn forget_message(&mut self, core: &mut Core) {
        if self.more && !self.dropping {
            if let Some(pipe) = self.in_turn() {
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
        while let Some(pipe) = self.in_turn() {
            if core.check_write(pipe) {
                return true;
            }
            self.put_to_sleep(core);
        }
        false
    }

    /// The pipe that takes all messages, if there is but one.
    #[inline]
    pub fn only_active(&self) -> Option<PipeKey> {
        if self.active == 1 {
            self.in_turn()
        } else {
            None
        }
    }

    #[inline]
    fn in_turn(&self) -> Option<PipeKey> {
        if self.active == 0 {
            return None;
        }
        self.pipes.at(self.current)
    }

    #[inline]
    fn next_turn(&mut self) {
        self.current += 1;
        if self.current >= self.active {
            self.current = 0;
        }
    }

    #[cold]
    #[inline(never)]
    fn put_to_sleep(&mut self, core: &mut Core) {
        self.active -= 1;
        self.pipes.swap(core, self.current, self.active);
        if self.current == self.active {
            self.current = 0;
        }
    }
}
