//! CHANNEL: a PAIR for many threads, whose messages have one part.

use super::pair::Pair;
use super::Pattern;
use crate::error::{Errno, Result};
use crate::message::Message;
use crate::socket::core::{Core, PipeKey};

/// Rules of CHANNEL.
#[derive(Debug)]
pub struct Channel {
    pair: Pair,
}

impl Channel {
    pub fn new(core: &mut Core) -> Channel {
        Channel { pair: Pair::new(core) }
    }
}

impl Pattern for Channel {
    fn attach(&mut self, core: &mut Core, pipe: PipeKey, all: bool, local: bool) {
        self.pair.attach(core, pipe, all, local);
    }

    fn send(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        if message.has_more() {
            return Err(Errno::EINVAL);
        }
        self.pair.send(core, message)
    }

    fn recv(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        loop {
            self.pair.recv(core, message)?;
            if !message.has_more() {
                return Ok(());
            }
            // A message of several parts is dropped, whole.
            while message.has_more() {
                *message = Message::new();
                self.pair.recv(core, message)?;
            }
            *message = Message::new();
        }
    }

    fn has_in(&mut self, core: &mut Core) -> bool {
        self.pair.has_in(core)
    }

    fn has_out(&mut self, core: &mut Core) -> bool {
        self.pair.has_out(core)
    }

    fn pipe_terminated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.pair.pipe_terminated(core, pipe);
    }
}
