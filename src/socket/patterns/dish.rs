//! DISH: receives the messages of the groups it joined.

use std::collections::BTreeSet;

use super::Pattern;
use crate::error::{Errno, Result};
use crate::message::{self, Message, GROUP_MAX};
use crate::socket::core::{Core, PipeKey};
use crate::socket::routing::distributor::Distributor;
use crate::socket::routing::fair_queue::FairQueue;
use crate::zmtp::command;

/// Rules of DISH.
#[derive(Debug)]
pub struct Dish {
    fair_queue: FairQueue,
    /// Carries JOIN and LEAVE to the peers.
    distributor: Distributor,
    groups: BTreeSet<Vec<u8>>,
    /// A message that [`Pattern::has_in`] had to receive to see whether its group is joined.
    ahead: Option<Message>,
}

impl Dish {
    pub fn new(core: &mut Core) -> Dish {
        // Nobody waits for LEAVE commands when the socket closes.
        core.options_mut().linger = 0;
        Dish {
            fair_queue: FairQueue::default(),
            distributor: Distributor::default(),
            groups: BTreeSet::new(),
            ahead: None,
        }
    }

    /// Tells a peer of all groups, as far as the pipe takes it.
    fn send_groups(&self, core: &mut Core, pipe: PipeKey) {
        for group in &self.groups {
            if let Ok(request) = request(command::join_body(group)) {
                core.write(pipe, &request);
            }
        }
        core.flush(pipe);
    }

    /// Receives the group of the next message that comes from a joined one. Its body is next.
    fn recv_group(&mut self, core: &mut Core, group: &mut Group) -> Result<()> {
        let mut part = Message::new();
        loop {
            self.fair_queue.recv(core, &mut part)?;
            if !part.has_more() {
                continue;
            }
            if group.set(part.data()) && self.groups.contains(group.name()) {
                return Ok(());
            }
            self.fair_queue.skip_rest(core);
        }
    }

    /// Receives a message by one of the fair queue's two ways.
    fn recv_by(
        &mut self,
        core: &mut Core,
        message: &mut Message,
        recv: fn(&mut FairQueue, &mut Core, &mut Message) -> Result<PipeKey>,
    ) -> Result<()> {
        let mut group = Group { bytes: [0; GROUP_MAX], len: 0 };
        loop {
            self.recv_group(core, &mut group)?;
            recv(&mut self.fair_queue, core, message)?;
            if message.has_more() {
                self.fair_queue.skip_rest(core);
                continue;
            }
            return message.set_group(group.name());
        }
    }
}

/// A group's name, kept while the body is received.
struct Group {
    bytes: [u8; GROUP_MAX],
    len: usize,
}

impl Group {
    fn set(&mut self, name: &[u8]) -> bool {
        self.len = name.len();
        let place = self.bytes.get_mut(..name.len());
        place.map(|place| place.copy_from_slice(name)).is_some()
    }

    fn name(&self) -> &[u8] {
        &self.bytes[..self.len.min(GROUP_MAX)]
    }
}

fn request(body: Vec<u8>) -> Result<Message> {
    let mut request = Message::copy_of(&body)?;
    request.set_flags(message::COMMAND);
    Ok(request)
}

impl Pattern for Dish {
    fn attach(&mut self, core: &mut Core, pipe: PipeKey, _: bool, _: bool) {
        self.fair_queue.attach(core, pipe);
        self.distributor.attach(core, pipe);
        self.send_groups(core, pipe);
    }

    fn recv(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        if let Some(ahead) = self.ahead.take() {
            *message = ahead;
            return Ok(());
        }
        self.recv_by(core, message, FairQueue::recv)
    }

    fn has_in(&mut self, core: &mut Core) -> bool {
        if self.ahead.is_none() {
            let mut message = Message::new();
            if self.recv_by(core, &mut message, FairQueue::recv_ahead).is_ok() {
                self.ahead = Some(message);
            }
        }
        self.ahead.is_some()
    }

    fn has_out(&mut self, _core: &mut Core) -> bool {
        // As in libzmq, although nothing can be sent.
        true
    }

    fn read_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.fair_queue.activated(core, pipe);
    }

    fn write_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.distributor.activated(core, pipe);
    }

    fn hiccuped(&mut self, core: &mut Core, pipe: PipeKey) {
        self.send_groups(core, pipe);
    }

    fn pipe_terminated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.fair_queue.pipe_terminated(core, pipe);
        self.distributor.pipe_terminated(core, pipe);
    }

    fn join(&mut self, core: &mut Core, group: &[u8]) -> Result<()> {
        if group.len() > GROUP_MAX || !self.groups.insert(group.to_vec()) {
            return Err(Errno::EINVAL);
        }
        self.distributor.send_to_all(core, &mut request(command::join_body(group))?)
    }

    fn leave(&mut self, core: &mut Core, group: &[u8]) -> Result<()> {
        if !self.groups.remove(group) {
            return Err(Errno::EINVAL);
        }
        self.distributor.send_to_all(core, &mut request(command::leave_body(group))?)
    }
}
