//! PUSH: hands messages to its peers in turn.

use super::Pattern;
use crate::error::Result;
use crate::message::Message;
use crate::socket::core::{Core, PipeKey};
use crate::socket::routing::balancer::Balancer;

/// Rules of PUSH.
#[derive(Debug)]
pub struct Push {
    pub balancer: Balancer,
}

impl Push {
    pub fn new(_core: &mut Core) -> Push {
        Push { balancer: Balancer::default() }
    }
}

impl Pattern for Push {
    fn attach(&mut self, core: &mut Core, pipe: PipeKey, _: bool, _: bool) {
        self.balancer.attach(core, pipe);
        self.read_activated(core, pipe);
    }

    #[inline(always)]
    fn send(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        self.balancer.send(core, message).map(|_| ())
    }

    #[inline]
    fn has_out(&mut self, core: &mut Core) -> bool {
        self.balancer.has_out(core)
    }

    fn read_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        // Nobody receives from this socket. What a peer sends all the same is dropped, since a pipe
        // is over only once it is read to its end.
        let mut part = Message::new();
        while core.read(pipe, &mut part) {}
    }

    fn write_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.balancer.activated(core, pipe);
    }

    fn pipe_terminated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.balancer.pipe_terminated(core, pipe);
    }
}
