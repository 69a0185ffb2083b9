//! GATHER: a PULL for many threads, whose messages have one part. What a peer sends as several is
//! dropped.

use super::Pattern;
use crate::error::Result;
use crate::message::Message;
use crate::socket::core::{Core, PipeKey};
use crate::socket::routing::fair_queue::FairQueue;

/// Rules of GATHER.
#[derive(Debug)]
pub struct Gather {
    fair_queue: FairQueue,
}

impl Gather {
    pub fn new(_core: &mut Core) -> Gather {
        Gather { fair_queue: FairQueue::default() }
    }
}

impl Pattern for Gather {
    fn attach(&mut self, core: &mut Core, pipe: PipeKey, _: bool, _: bool) {
        self.fair_queue.attach(core, pipe);
    }

    fn recv(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        self.fair_queue.recv_single(core, message).map(|_| ())
    }

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
