//! What only sockets can do that know their peers by number or routing id.

use super::core::PipeKey;
use super::patterns::{Kind, Pattern};
use super::Socket;
use crate::error::{Errno, Result};

impl Socket {
    /// State of the peer with this routing id (`zmq_socket_get_peer_state`).
    pub fn peer_state(&mut self, routing_id: &[u8]) -> Result<i32> {
        self.meet_newcomers();
        self.kind.peer_state(&mut self.core, routing_id)
    }

    /// Connects a PEER socket and returns the number of the other side (`zmq_connect_peer`).
    /// `EFAULT` with `ZMQ_IMMEDIATE`, where the number is not known so soon; and as for connecting.
    pub fn connect_peer(&mut self, endpoint: &str) -> Result<u32> {
        let Kind::Peer(_) = self.kind else { return Err(Errno::ENOTSUP) };
        if self.core.options.immediate {
            return Err(Errno::EFAULT);
        }
        self.connect(endpoint)?;
        match &self.kind {
            Kind::Peer(peer) => Ok(peer.latest),
            _ => Err(Errno::ENOTSUP),
        }
    }

    /// Ends the connection to a peer (`zmq_disconnect_peer`): what was sent is still delivered, and
    /// a connection that this side made is not made again. `EHOSTUNREACH` when there is none.
    pub fn disconnect_peer(&mut self, number: u32) -> Result<()> {
        if !matches!(self.kind, Kind::Server(_) | Kind::Peer(_)) {
            return Err(Errno::ENOTSUP);
        }
        self.process_commands()?;
        let found = match &self.kind {
            Kind::Server(server) => server.peer(number),
            Kind::Peer(peer) => peer.server.peer(number),
            _ => None,
        };
        self.end_connection(found.ok_or(Errno::EHOSTUNREACH)?);
        self.collect_ended();
        Ok(())
    }

    fn end_connection(&mut self, pipe: PipeKey) {
        if let Some(end) = self.core.pipes.find_mut(pipe) {
            end.send_disconnect_msg();
            end.dismiss_peer();
        }
        self.core.terminate(pipe);
        self.endpoints.end_child_of(pipe, self.core.options.linger);
    }
}
