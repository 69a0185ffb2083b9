//! DGRAM: datagrams to and from anyone, through one endpoint.
//!
//! A message is two parts, the peer's address and the datagram.

use super::Pattern;
use crate::error::{Errno, Result};
use crate::message::Message;
use crate::socket::core::{Core, PipeKey};
use crate::socket::routing::refusal;

/// Rules of DGRAM. While it has an endpoint, further ones are turned away.
#[derive(Debug)]
pub struct Dgram {
    pipe: Option<PipeKey>,
    /// The address was sent, and the datagram comes next.
    more_out: bool,
}

impl Dgram {
    pub fn new(core: &mut Core) -> Dgram {
        core.options_mut().raw_socket = true;
        Dgram { pipe: None, more_out: false }
    }
}

impl Pattern for Dgram {
    fn attach(&mut self, core: &mut Core, pipe: PipeKey, _: bool, _: bool) {
        if self.pipe.is_none() {
            self.pipe = Some(pipe);
        } else {
            core.terminate(pipe);
        }
    }

    fn send(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        let pipe = self.pipe.ok_or(Errno::EAGAIN)?;
        if message.has_more() == self.more_out {
            return Err(Errno::EINVAL);
        }
        if !core.write(pipe, message) {
            return Err(refusal(core, pipe));
        }
        if self.more_out {
            core.flush(pipe);
        }
        self.more_out = !self.more_out;
        Ok(())
    }

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
            self.more_out = false;
        }
    }
}
