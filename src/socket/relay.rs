//! The short way of a message through a proxy: from pipe to pipe, as it lies there.
//!
//! Frames lie in a pipe as they go over the wire, so that a message that is passed on is copied with
//! all its parts at once. A ROUTER puts the frame of a routing id in front of it, or takes one away.
//! As in [`super::at_once`], nothing is done before it is known that nothing is out of the ordinary.
//!
//! A proxy moves many messages in a row, and those that go to many peers are mixed. Would each of them
//! be shown as soon as it is written, then a connection that has a thread of its own would be given them
//! one by one, with a call of the system for each. So they are [held back](HeldBack) until the
//! proxy has moved all that it moves in one go.

use super::core::{Core, PipeKey};
use super::patterns::dealer::Dealer;
use super::patterns::pull::Pull;
use super::patterns::Kind;
use super::Socket;
use crate::pipe::outflow::Held;
use crate::pipe::reader::Whole;

/// The pipes of a socket with messages that their peers have not been shown.
#[derive(Default, Debug)]
pub struct HeldBack {
    pipes: Vec<PipeKey>,
    bytes: usize,
}

/// Bytes that are not held back any longer: to copy more takes longer than to send them.
const MANY_BYTES: usize = 256 * 1024;

impl HeldBack {
    /// Writes a message to the pipe. False, when that is not to be done at once; nothing has changed
    /// then.
    #[inline]
    pub(super) fn write(
        &mut self,
        core: &mut Core,
        pipe: PipeKey,
        first: Option<&[u8]>,
        rest: Whole<'_>,
    ) -> bool {
        let Some(end) = core.pipes.find_mut(pipe) else { return false };
        match end.out.write_whole(first, rest.frames) {
            Some(Held::First) => self.pipes.push(pipe),
            Some(Held::Another) => {}
            Some(Held::Many) => end.flush(),
            None => return false,
        }
        self.bytes += rest.frames.len();
        if self.bytes >= MANY_BYTES {
            self.show(core);
        }
        true
    }

    fn show(&mut self, core: &mut Core) {
        self.bytes = 0;
        for pipe in self.pipes.drain(..) {
            core.flush(pipe);
        }
    }
}

/// What was moved.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Moved {
    pub parts: u64,
    pub bytes: u64,
}

impl Moved {
    pub fn part(bytes: usize) -> Moved {
        Moved { parts: 1, bytes: bytes as u64 }
    }
}

impl Socket {
    /// Receives the next message and sends it on another socket, where it is held back. `None`, when
    /// that is not to be done in this way; nothing has changed then.
    #[inline]
    pub fn relay_at_once(&mut self, to: &mut Socket, held: &mut HeldBack) -> Option<Moved> {
        if !self.is_undisturbed() || !to.is_undisturbed() || to.pacing.is_on {
            return None;
        }
        let core = &mut self.core;
        let mut moved = Moved::default();
        let mut accept = |id: Option<&[u8]>, message: Whole<'_>| {
            moved.parts = u64::from(message.parts) + u64::from(id.is_some());
            moved.bytes = (message.bytes + id.map_or(0, <[u8]>::len)) as u64;
            to.send_whole(id, message, held)
        };
        let done = match &mut self.kind {
            Kind::Router(rules) => rules.recv_whole(core, |id, message| accept(Some(id), message)),
            Kind::Dealer(Dealer { fair_queue, .. }) | Kind::Pull(Pull { fair_queue, .. }) => {
                fair_queue.recv_whole(core, |_, message| accept(None, message)).is_some()
            }
            _ => false,
        };
        done.then_some(moved)
    }

    #[inline]
    fn send_whole(&mut self, id: Option<&[u8]>, message: Whole<'_>, held: &mut HeldBack) -> bool {
        let core = &mut self.core;
        match (&mut self.kind, id) {
            (Kind::Router(rules), None) => rules.send_whole(core, message, held),
            (Kind::Dealer(rules), _) => rules.balancer.send_whole(core, id, message, held),
            (Kind::Push(rules), _) => rules.balancer.send_whole(core, id, message, held),
            _ => false,
        }
    }

    /// Shows what was held back.
    pub fn show(&mut self, held: &mut HeldBack) {
        held.show(&mut self.core);
    }
}
