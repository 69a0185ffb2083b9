//! STREAM: exchanges plain bytes with peers that do not speak ZMTP.
//!
//! Every message has two parts: the routing id that the socket gave to the connection, and bytes.
//! An empty second part ends the connection.

use super::ahead::Ahead;
use super::Pattern;
use crate::error::{Errno, Result};
use crate::message::Message;
use crate::options::constants::ZMQ_STREAM_NOTIFY;
use crate::options::value::SetValue;
use crate::socket::core::{Core, PipeKey};
use crate::socket::routing::fair_queue::FairQueue;
use crate::socket::routing::peer_table::PeerTable;

/// Rules of STREAM.
#[derive(Debug)]
pub struct Stream {
    peers: PeerTable,
    fair_queue: FairQueue,
    ahead: Ahead,
    /// The pipe of the message being sent.
    current_out: Option<PipeKey>,
    more_out: bool,
}

impl Stream {
    pub fn new(core: &mut Core) -> Stream {
        core.options_mut().raw_socket = true;
        Stream {
            peers: PeerTable::default(),
            fair_queue: FairQueue::default(),
            ahead: Ahead::default(),
            current_out: None,
            more_out: false,
        }
    }

    fn identify(&mut self, core: &mut Core, pipe: PipeKey, locally_initiated: bool) {
        let chosen = if locally_initiated { self.peers.take_connect_routing_id() } else { None };
        let routing_id = chosen.unwrap_or_else(|| {
            let routing_id = self.peers.unused_id();
            // This is how the application learns the id of a connection it just made.
            core.options_mut().routing_id.clone_from(&routing_id);
            routing_id
        });
        self.peers.add(core, pipe, routing_id);
    }

    /// Chooses the connection that a message begins with.
    fn address(&mut self, core: &mut Core, message: &Message) -> Result<()> {
        // An address alone goes nowhere, but a part is expected to follow all the same.
        if message.has_more() {
            let pipe = self.peers.find(core, message.data()).ok_or(Errno::EHOSTUNREACH)?;
            if !core.check_write(pipe) {
                let over = core.pipes.find(pipe).is_none_or(|end| end.peer_is_closed());
                return Err(if over { Errno::EHOSTUNREACH } else { Errno::EAGAIN });
            }
            self.current_out = Some(pipe);
        }
        self.more_out = true;
        Ok(())
    }

    /// Receives bytes, to be handed out behind the routing id.
    fn look_ahead(&mut self, core: &mut Core) -> Result<()> {
        self.ahead.look(core, &mut self.fair_queue)?;
        self.ahead.make_last();
        Ok(())
    }
}

impl Pattern for Stream {
    fn attach(&mut self, core: &mut Core, pipe: PipeKey, _: bool, locally_initiated: bool) {
        self.identify(core, pipe, locally_initiated);
        self.fair_queue.attach(core, pipe);
    }

    fn send(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        if !self.more_out {
            return self.address(core, message);
        }
        message.set_more(false);
        self.more_out = false;
        let Some(pipe) = self.current_out.take() else {
            return Ok(());
        };
        if message.is_empty() {
            core.terminate(pipe);
        } else if core.write(pipe, message) {
            core.flush(pipe);
        }
        Ok(())
    }

    fn recv(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        if self.ahead.is_nothing() {
            self.look_ahead(core)?;
        }
        self.ahead.take(message);
        Ok(())
    }

    fn has_in(&mut self, core: &mut Core) -> bool {
        !self.ahead.is_nothing() || self.look_ahead(core).is_ok()
    }

    fn has_out(&mut self, _core: &mut Core) -> bool {
        true
    }

    fn read_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.fair_queue.activated(core, pipe);
    }

    fn pipe_terminated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.peers.remove(core, pipe);
        self.fair_queue.pipe_terminated(core, pipe);
        if self.current_out == Some(pipe) {
            self.current_out = None;
        }
    }

    fn set_option(&mut self, core: &mut Core, option: i32, value: SetValue<'_>) -> Result<()> {
        if option != ZMQ_STREAM_NOTIFY {
            return self.peers.set_option(option, value);
        }
        core.options_mut().raw_notify = value.bool_strict()?;
        Ok(())
    }
}
