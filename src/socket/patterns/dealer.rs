//! DEALER: sends to its peers in turn, receives from them in turn, and leaves the rest to the
//! application.

use super::Pattern;
use crate::error::{Errno, Result};
use crate::message::Message;
use crate::options::constants::ZMQ_PROBE_ROUTER;
use crate::options::value::SetValue;
use crate::socket::core::{Core, PipeKey};
use crate::socket::routing::balancer::Balancer;
use crate::socket::routing::fair_queue::FairQueue;

/// Rules of DEALER, on which REQ builds.
#[derive(Debug)]
pub struct Dealer {
    pub fair_queue: FairQueue,
    pub balancer: Balancer,
    probe_router: bool,
}

impl Dealer {
    pub fn new(core: &mut Core) -> Dealer {
        let options = core.options_mut();
        options.can_send_hello_msg = true;
        options.can_recv_hiccup_msg = true;
        Dealer {
            fair_queue: FairQueue::default(),
            balancer: Balancer::default(),
            probe_router: false,
        }
    }
}

/// Sends the empty message by which a ROUTER learns of its peer before the first real one.
pub fn probe(core: &mut Core, pipe: PipeKey) {
    if core.write(pipe, &Message::new()) {
        core.flush(pipe);
    }
}

impl Pattern for Dealer {
    fn attach(&mut self, core: &mut Core, pipe: PipeKey, _: bool, _: bool) {
        if self.probe_router {
            probe(core, pipe);
        }
        self.fair_queue.attach(core, pipe);
        self.balancer.attach(core, pipe);
    }

    #[inline]
    fn send(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        self.balancer.send(core, message).map(|_| ())
    }

    #[inline]
    fn recv(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        self.fair_queue.recv(core, message).map(|_| ())
    }

    #[inline]
    fn has_in(&mut self, core: &mut Core) -> bool {
        self.fair_queue.has_in(core)
    }

    #[inline]
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

    fn set_option(&mut self, _core: &mut Core, option: i32, value: SetValue<'_>) -> Result<()> {
        if option != ZMQ_PROBE_ROUTER {
            return Err(Errno::EINVAL);
        }
        self.probe_router = value.bool_not_negative()?;
        Ok(())
    }
}
