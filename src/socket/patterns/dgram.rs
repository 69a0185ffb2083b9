//! DGRAM: datagrams to and from anyone, through one endpoint.
//!
//! A message is two parts, the peer's address and the datagram.

use super::pair::Pair;
use super::Pattern;
use crate::error::{Errno, Result};
use crate::message::Message;
use crate::socket::core::{Core, PipeKey};

/// Rules of DGRAM, whose one endpoint is to it what a peer is to a PAIR.
#[derive(Debug)]
pub struct Dgram {
    pair: Pair,
    /// The address was sent, and the datagram comes next.
    more_out: bool,
}

impl Dgram {
    pub fn new(core: &mut Core) -> Dgram {
        core.options_mut().raw_socket = true;
        Dgram { pair: Pair::new(core), more_out: false }
    }
}

impl Pattern for Dgram {
    fn attach(&mut self, core: &mut Core, pipe: PipeKey, all: bool, local: bool) {
        self.pair.attach(core, pipe, all, local);
    }

    fn send(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        if !self.pair.has_peer() {
            return Err(Errno::EAGAIN);
        }
        if message.has_more() == self.more_out {
            return Err(Errno::EINVAL);
        }
        self.pair.send(core, message)?;
        self.more_out = !self.more_out;
        Ok(())
    }

    fn recv(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        self.pair.recv(core, message)
    }

    fn has_in(&mut self, core: &mut Core) -> bool {
        self.pair.has_in(core)
    }

    fn has_out(&mut self, core: &mut Core) -> bool {
        self.pair.has_out(core)
    }

    fn pipe_terminated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.pair.pipe_terminated(core, pipe);
        self.more_out &= self.pair.has_peer();
    }
}
