//! PAIR: exactly one peer, both ways.

use super::Pattern;
use crate::error::{Errno, Result};
use crate::message::Message;
use crate::pipe::reader::Accept;
use crate::socket::core::{Core, PipeKey};
use crate::socket::routing::refusal;

/// Rules of PAIR. While it has a peer, further ones are turned away.
#[derive(Debug)]
pub struct Pair {
    pipe: Option<PipeKey>,
}

impl Pair {
    pub fn new(_core: &mut Core) -> Pair {
        Pair { pipe: None }
    }

    pub fn peer(&self) -> Option<PipeKey> {
        self.pipe
    }

    pub fn has_peer(&self) -> bool {
        self.pipe.is_some()
    }

    /// See [`Socket::send_at_once`](crate::socket::Socket::send_at_once).
    #[inline]
    pub fn send_at_once(&mut self, core: &mut Core, body: &[u8]) -> bool {
        let end = self.pipe.and_then(|pipe| core.pipes.find_mut(pipe));
        end.is_some_and(|end| end.send_at_once(body))
    }

    /// See [`Socket::recv_at_once`](crate::socket::Socket::recv_at_once).
    #[inline]
    pub fn recv_at_once(&mut self, core: &mut Core, accept: impl Accept) -> bool {
        let end = self.pipe.and_then(|pipe| core.pipes.find_mut(pipe));
        end.is_some_and(|end| end.read_at_once(accept))
    }

    #[cold]
    fn refusal(&self, core: &mut Core) -> Errno {
        self.pipe.map_or(Errno::EAGAIN, |pipe| refusal(core, pipe))
    }
}

impl Pattern for Pair {
    fn attach(&mut self, core: &mut Core, pipe: PipeKey, _: bool, _: bool) {
        if self.pipe.is_none() {
            self.pipe = Some(pipe);
        } else {
            core.terminate(pipe);
        }
    }

    #[inline]
    fn send(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        if let Some(end) = self.pipe.and_then(|pipe| core.pipes.find_mut(pipe)) {
            if end.write(message) {
                if !message.has_more() {
                    end.flush();
                }
                return Ok(());
            }
        }
        Err(self.refusal(core))
    }

    #[inline]
    fn recv(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        match self.pipe {
            Some(pipe) if core.read(pipe, message) => Ok(()),
            _ => Err(Errno::EAGAIN),
        }
    }

    fn has_in(&mut self, core: &mut Core) -> bool {
        self.pipe.is_some_and(|pipe| core.check_read(pipe))
    }

    fn has_out(&mut self, core: &mut Core) -> bool {
        self.pipe.is_some_and(|pipe| core.check_write(pipe))
    }

    fn pipe_terminated(&mut self, _core: &mut Core, pipe: PipeKey) {
        if self.pipe == Some(pipe) {
            self.pipe = None;
        }
    }
}
