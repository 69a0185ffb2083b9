//! PULL: takes messages from its peers in turn.

use super::Pattern;
use crate::error::Result;
use crate::message::Message;
use crate::socket::core::{Core, PipeKey};
use crate::socket::routing::fair_queue::FairQueue;

/// Rules of PULL.
#[derive(Debug)]
pub struct Pull {
    pub fair_queue: FairQueue,
}

impl Pull {
    pub fn new(_core: &mut Core) -> Pull {
        Pull { fair_queue: FairQueue::default() }
    }
}

impl Pattern for Pull {
    fn attach(&mut self, core: &mut Core, pipe: PipeKey, _: bool, _: bool) {
        self.fair_queue.attach(core, pipe);
    }

    #[inline(always)]
    fn recv(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        self.fair_queue.recv(core, message).map(|_| ())
    }

    #[inline]
    fn has_in(&mut self, core: &mut Core) -> bool {
        self.fair_queue.has_in(core)
    }

    fn read_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.fair_queue.activated(core, pipe);
    }

    fn pipe_terminated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.fair_queue.pipe_terminated(core, pipe);
    }
}
