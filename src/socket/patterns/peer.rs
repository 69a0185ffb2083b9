//! PEER: a SERVER that can speak first.
//!
//! Whoever connects learns the other side's number (`zmq_connect_peer`).

use super::server::Server;
use super::Pattern;
use crate::error::Result;
use crate::message::Message;
use crate::socket::core::{Core, PipeKey};

/// Rules of PEER.
#[derive(Debug)]
pub struct Peer {
    pub server: Server,
    /// The number of the peer whose pipe was added last.
    pub latest: u32,
}

impl Peer {
    pub fn new(core: &mut Core) -> Peer {
        let server = Server::new(core);
        core.options_mut().can_recv_hiccup_msg = true;
        Peer { server, latest: 0 }
    }
}

impl Pattern for Peer {
    fn attach(&mut self, core: &mut Core, pipe: PipeKey, _: bool, _: bool) {
        self.latest = self.server.add(core, pipe);
    }

    fn send(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        self.server.send(core, message)
    }

    fn recv(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        self.server.recv(core, message)
    }

    fn has_in(&mut self, core: &mut Core) -> bool {
        self.server.has_in(core)
    }

    fn has_out(&mut self, core: &mut Core) -> bool {
        self.server.has_out(core)
    }

    fn read_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.server.read_activated(core, pipe);
    }

    fn pipe_terminated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.server.pipe_terminated(core, pipe);
    }
}
