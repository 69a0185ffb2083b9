//! SERVER: answers many peers, each known by a number.
//!
//! Messages have one part. What a peer sends as several is dropped.

use std::collections::HashMap;

use super::Pattern;
use crate::error::{Errno, Result};
use crate::message::Message;
use crate::socket::core::{Core, PipeKey};
use crate::socket::routing::fair_queue::FairQueue;
use crate::socket::routing::{random_number, refusal};

/// Rules of SERVER, on which PEER builds.
#[derive(Debug)]
pub struct Server {
    fair_queue: FairQueue,
    peers: HashMap<u32, PipeKey>,
    next_number: u32,
}

impl Server {
    pub fn new(core: &mut Core) -> Server {
        let options = core.options_mut();
        options.can_send_hello_msg = true;
        options.can_recv_disconnect_msg = true;
        Server {
            fair_queue: FairQueue::default(),
            peers: HashMap::new(),
            next_number: random_number(),
        }
    }

    /// A number that no peer has; never 0, which stands for none.
    fn unused_number(&mut self) -> u32 {
        loop {
            let number = self.next_number;
            self.next_number = number.wrapping_add(1);
            if number != 0 && !self.peers.contains_key(&number) {
                return number;
            }
        }
    }

    /// The pipe of the peer that has this number.
    pub fn peer(&self, number: u32) -> Option<PipeKey> {
        self.peers.get(&number).copied()
    }

    /// Makes the pipe known and returns its number.
    pub fn add(&mut self, core: &mut Core, pipe: PipeKey) -> u32 {
        let number = self.unused_number();
        if let Some(end) = core.pipes.find_mut(pipe) {
            end.routing_id = number.to_ne_bytes().to_vec();
        }
        self.peers.insert(number, pipe);
        self.fair_queue.attach(core, pipe);
        number
    }
}

/// The number that [`Server::add`] gave a pipe, 0 for none.
fn number_of(core: &Core, pipe: PipeKey) -> u32 {
    let routing_id = core.pipes.find(pipe).map(|end| end.routing_id.as_slice());
    routing_id.and_then(|id| id.try_into().ok()).map_or(0, u32::from_ne_bytes)
}

impl Pattern for Server {
    fn attach(&mut self, core: &mut Core, pipe: PipeKey, _: bool, _: bool) {
        self.add(core, pipe);
    }

    fn send(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        if message.has_more() {
            return Err(Errno::EINVAL);
        }
        let pipe = self.peer(message.routing_id()).ok_or(Errno::EHOSTUNREACH)?;
        if !core.write(pipe, message) {
            return Err(refusal(core, pipe));
        }
        core.flush(pipe);
        Ok(())
    }

    fn recv(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        let pipe = self.fair_queue.recv_single(core, message)?;
        message.set_routing_id(number_of(core, pipe));
        Ok(())
    }

    fn has_in(&mut self, core: &mut Core) -> bool {
        self.fair_queue.has_in(core)
    }

    fn has_out(&mut self, _core: &mut Core) -> bool {
        // Whether a peer has room, only sending to it can tell.
        true
    }

    fn read_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.fair_queue.activated(core, pipe);
    }

    fn pipe_terminated(&mut self, core: &mut Core, pipe: PipeKey) {
        let number = number_of(core, pipe);
        if self.peer(number) == Some(pipe) {
            self.peers.remove(&number);
        }
        self.fair_queue.pipe_terminated(core, pipe);
    }
}
