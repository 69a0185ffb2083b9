//! SCATTER: a PUSH for many threads, whose messages have one part.

use super::push::Push;
use super::Pattern;
use crate::error::{Errno, Result};
use crate::message::Message;
use crate::socket::core::{Core, PipeKey};

/// Rules of SCATTER.
#[derive(Debug)]
pub struct Scatter {
    push: Push,
}

impl Scatter {
    pub fn new(core: &mut Core) -> Scatter {
        Scatter { push: Push::new(core) }
    }
}

impl Pattern for Scatter {
    fn attach(&mut self, core: &mut Core, pipe: PipeKey, all: bool, local: bool) {
        self.push.attach(core, pipe, all, local);
    }

    fn send(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        if message.has_more() {
            return Err(Errno::EINVAL);
        }
        self.push.send(core, message)
    }

    fn has_out(&mut self, core: &mut Core) -> bool {
        self.push.has_out(core)
    }

    fn read_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.push.read_activated(core, pipe);
    }

    fn write_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.push.write_activated(core, pipe);
    }

    fn pipe_terminated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.push.pipe_terminated(core, pipe);
    }
}
