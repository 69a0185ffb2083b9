//! The short way of a message with its peer's routing id (see [`crate::socket::at_once`]).

use super::Router;
use crate::pipe::reader::Whole;
use crate::socket::core::Core;
use crate::socket::relay::HeldBack;

impl Router {
    /// Receives a routing id, or the only part behind it, for `accept` to take. Says whether the part
    /// follows. `None`, when that is not to be done in this way; nothing has changed then.
    #[inline]
    pub fn recv_at_once(&mut self, core: &mut Core, accept: impl FnOnce(&[u8])) -> Option<bool> {
        if self.ahead.is_nothing() {
            return if self.more_in { None } else { self.recv_id_at_once(core, accept) };
        }
        if let Some(id) = self.ahead.routing_id() {
            accept(id);
            self.ahead.routing_id_taken();
            self.more_in = true;
            return Some(true);
        }
        if self.terminate_current_in {
            return None;
        }
        accept(self.ahead.last_part()?);
        self.ahead.last_part_taken();
        self.more_in = false;
        self.current_in = None;
        Some(false)
    }

    #[inline]
    fn recv_id_at_once(&mut self, core: &mut Core, accept: impl FnOnce(&[u8])) -> Option<bool> {
        let pipe = self.ahead.look_at_once(core, &mut self.fair_queue)?;
        self.begin_received(pipe);
        self.more_in = true;
        accept(core.pipes.find(pipe).map_or(&[][..], |end| &end.routing_id));
        Some(true)
    }

    /// Sends a routing id, or the only part behind it. False, when that is not to be done in this way;
    /// nothing has changed then.
    #[inline]
    pub fn send_at_once(&mut self, core: &mut Core, body: &[u8], more: bool) -> bool {
        if self.more_out {
            return !more && self.send_part_at_once(core, body);
        }
        if !more {
            return false;
        }
        self.current_out = self
            .peers
            .find(core, body)
            .filter(|&pipe| core.pipes.find(pipe).is_some_and(|end| end.out.may_send_at_once()));
        self.more_out = self.current_out.is_some();
        self.more_out
    }

    #[inline]
    fn send_part_at_once(&mut self, core: &mut Core, body: &[u8]) -> bool {
        if self.raw || core.options.raw_socket {
            return false;
        }
        let end = self.current_out.and_then(|pipe| core.pipes.find_mut(pipe));
        let sent = end.is_some_and(|end| !end.out.writing_parts && end.send_at_once(body));
        if sent {
            self.current_out = None;
            self.more_out = false;
        }
        sent
    }

    /// Gives the next message away, whole and without the peer's routing id, which `accept` gets apart.
    /// False, when that is not to be done in this way; nothing has changed then.
    #[inline]
    pub fn recv_whole(
        &mut self,
        core: &mut Core,
        accept: impl FnOnce(&[u8], Whole<'_>) -> bool,
    ) -> bool {
        if self.more_in || !self.ahead.is_nothing() {
            return false;
        }
        let pipe = self.fair_queue.recv_whole(core, accept);
        if let Some(pipe) = pipe {
            self.peers.expect(pipe);
        }
        pipe.is_some()
    }

    /// Sends a message that begins with a routing id, and holds it back. False as for
    /// [`Router::recv_whole`].
    #[inline]
    pub fn send_whole(&mut self, core: &mut Core, message: Whole<'_>, held: &mut HeldBack) -> bool {
        if self.more_out || self.raw || core.options.raw_socket {
            return false;
        }
        let Some((id, rest)) = message.split_first() else { return false };
        let pipe = self.peers.find(core, id);
        pipe.is_some_and(|pipe| held.write(core, pipe, None, rest))
    }
}
