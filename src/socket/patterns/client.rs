//! CLIENT: talks to SERVER sockets, to one after the other.
//!
//! Messages have one part. What a peer sends as several is dropped.

use super::Pattern;
use crate::error::{Errno, Result};
use crate::message::Message;
use crate::socket::core::{Core, PipeKey};
use crate::socket::routing::balancer::Balancer;
use crate::socket::routing::fair_queue::FairQueue;

/// Rules of CLIENT.
#[derive(Debug)]
pub struct Client {
    fair_queue: FairQueue,
    balancer: Balancer,
}

impl Client {
    pub fn new(core: &mut Core) -> Client {
        let options = core.options_mut();
        options.can_send_hello_msg = true;
        options.can_recv_hiccup_msg = true;
        Client { fair_queue: FairQueue::default(), balancer: Balancer::default() }
    }
}

impl Pattern for Client {
    fn attach(&mut self, core: &mut Core, pipe: PipeKey, _: bool, _: bool) {
        self.fair_queue.attach(core, pipe);
        self.balancer.attach(core, pipe);
    }

    fn send(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        if message.has_more() {
            return Err(Errno::EINVAL);
        }
        self.balancer.send(core, message).map(|_| ())
    }

    fn recv(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        self.fair_queue.recv_single(core, message).map(|_| ())
    }

    fn has_in(&mut self, core: &mut Core) -> bool {
        self.fair_queue.has_in(core)
    }

    fn has_out(&mut self, core: &mut Core) -> bool {
        self.balancer.has_out(core)
    }

    fn read_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.fair_queue.activated(core, pipe);
    }

    fn write_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.balancer.activated(core, pipe);
    }

    fn pipe_terminated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.fair_queue.pipe_terminated(core, pipe);
        self.balancer.pipe_terminated(core, pipe);
    }
}
