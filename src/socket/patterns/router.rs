//! ROUTER: addresses its peers by routing id.
//!
//! The first frame of a pipe is the peer's routing id (an empty one stands for "give me any"). A
//! pipe whose id has not arrived is in no list; a peer whose id is taken already is ignored, unless
//! `ZMQ_ROUTER_HANDOVER` lets it take over.
//!
//! Messages to the application begin with the routing id of the peer they come from, so the first
//! part of what a pipe gives has to wait while the id is handed out.

use super::ahead::Ahead;
use super::dealer::probe;
use super::Pattern;
use crate::error::{Errno, Result};
use crate::message::{self, Message};
use crate::options::constants::{
    ZMQ_NOTIFY_CONNECT, ZMQ_NOTIFY_DISCONNECT, ZMQ_POLLOUT, ZMQ_PROBE_ROUTER, ZMQ_ROUTER_HANDOVER,
    ZMQ_ROUTER_MANDATORY, ZMQ_ROUTER_NOTIFY, ZMQ_ROUTER_RAW,
};
use crate::options::value::SetValue;
use crate::socket::core::{Core, PipeKey};
use crate::socket::routing::fair_queue::FairQueue;
use crate::socket::routing::peer_table::PeerTable;
use crate::socket::routing::refusal;

mod at_once;

/// Rules of ROUTER, on which REP builds.
#[derive(Debug)]
pub struct Router {
    peers: PeerTable,
    fair_queue: FairQueue,
    ahead: Ahead,
    /// The pipe of the message being received.
    current_in: Option<PipeKey>,
    /// Another pipe took over the routing id of that pipe, which ends with the message.
    terminate_current_in: bool,
    more_in: bool,
    /// The pipe of the message being sent; none when there is no such peer.
    current_out: Option<PipeKey>,
    more_out: bool,
    mandatory: bool,
    raw: bool,
    probe_router: bool,
    handover: bool,
}

impl Router {
    pub fn new(core: &mut Core) -> Router {
        let options = core.options_mut();
        options.recv_routing_id = true;
        options.raw_socket = false;
        options.can_send_hello_msg = true;
        options.can_recv_disconnect_msg = true;
        Router {
            peers: PeerTable::default(),
            fair_queue: FairQueue::default(),
            ahead: Ahead::default(),
            current_in: None,
            terminate_current_in: false,
            more_in: false,
            current_out: None,
            more_out: false,
            mandatory: false,
            raw: false,
            probe_router: false,
            handover: false,
        }
    }

    // --- who is who ---

    /// Finds the routing id of a new pipe, if it is known by now.
    fn identify(&mut self, core: &mut Core, pipe: PipeKey, locally_initiated: bool) -> bool {
        if locally_initiated {
            if let Some(routing_id) = self.peers.take_connect_routing_id() {
                self.peers.add(core, pipe, routing_id);
                return true;
            }
        }
        if core.options.raw_socket {
            let routing_id = self.peers.unused_id();
            self.peers.add(core, pipe, routing_id);
            return true;
        }
        // What an ignored peer sends is dropped: a pipe is over only once it is read to its end.
        let mut frame = Message::new();
        while core.read(pipe, &mut frame) {
            if frame.flags() & message::ROUTING_ID != 0 && self.accept(core, pipe, frame.data()) {
                return true;
            }
        }
        false
    }

    /// Gives the pipe the routing id its peer sent, unless another peer has it and keeps it.
    fn accept(&mut self, core: &mut Core, pipe: PipeKey, routing_id: &[u8]) -> bool {
        if routing_id.is_empty() {
            let routing_id = self.peers.unused_id();
            self.peers.add(core, pipe, routing_id);
            return true;
        }
        if let Some(present) = self.peers.find(core, routing_id) {
            if !self.handover {
                return false;
            }
            // The old pipe goes by another id while it is taken down.
            let unused = self.peers.unused_id();
            self.peers.add(core, present, unused);
            if self.current_in == Some(present) {
                self.terminate_current_in = true;
            } else {
                core.terminate(present);
            }
        }
        self.peers.add(core, pipe, routing_id.to_vec());
        true
    }

    // --- receiving ---

    /// The next part as the pipes give it, without routing ids, and where it came from: none, if
    /// that pipe is over.
    #[inline]
    pub fn recv_part(&mut self, core: &mut Core, message: &mut Message) -> Result<Option<PipeKey>> {
        if !self.ahead.is_nothing() && self.ahead.take_part(message) {
            return Ok(self.current_in);
        }
        self.recv_from_pipes(core, message).map(Some)
    }

    #[inline]
    fn recv_from_pipes(&mut self, core: &mut Core, message: &mut Message) -> Result<PipeKey> {
        loop {
            let pipe = self.fair_queue.recv(core, message)?;
            // After a reconnect the peer's routing id comes again. It is taken to be the same.
            if message.flags() & message::ROUTING_ID == 0 {
                return Ok(pipe);
            }
        }
    }

    /// Receives the first part of a message, to be handed out behind the routing id.
    fn look_ahead(&mut self, core: &mut Core) -> Result<()> {
        let pipe = self.ahead.look(core, &mut self.fair_queue)?;
        self.begin_received(pipe);
        Ok(())
    }

    #[inline]
    fn begin_received(&mut self, pipe: PipeKey) {
        self.peers.expect(pipe);
        self.current_in = Some(pipe);
    }

    /// Notes how the message goes on after a part was handed out.
    #[inline]
    pub fn part_received(&mut self, core: &mut Core, pipe: Option<PipeKey>, message: &Message) {
        self.more_in = message.has_more();
        if self.more_in {
            self.current_in = pipe;
            return;
        }
        self.current_in = None;
        if core::mem::take(&mut self.terminate_current_in) {
            if let Some(pipe) = pipe {
                core.terminate(pipe);
            }
        }
    }

    /// Whether parts of a message from this pipe have been handed out, and others are to come.
    pub fn receives_from(&self, pipe: PipeKey) -> bool {
        self.current_in == Some(pipe) && self.more_in
    }

    /// The pipe of the message being received is over. What it gave of the message is all there
    /// is; a message of which the application has seen nothing is dropped if parts are missing.
    fn break_off(&mut self) {
        self.current_in = None;
        self.terminate_current_in = false;
        self.more_in = false;
        self.ahead.break_off();
    }

    /// Whether there is nothing to receive, as far as is known.
    #[inline]
    pub fn rests(&self) -> bool {
        self.ahead.is_nothing() && self.fair_queue.rests()
    }

    // --- sending ---

    /// Chooses the pipe that the next parts go to. False when there is none, or it is full or over.
    #[inline]
    pub fn begin_message(&mut self, core: &mut Core, pipe: Option<PipeKey>) -> bool {
        self.current_out = pipe.filter(|&pipe| match self.mandatory {
            true => core.check_write_by_mark(pipe),
            false => core.check_write(pipe),
        });
        self.current_out.is_some()
    }

    /// Sends a part to the chosen pipe, or drops it when there is none. `ENOMEM`.
    #[inline]
    pub fn send_part(&mut self, core: &mut Core, message: &Message) -> Result<()> {
        let Some(pipe) = self.current_out else {
            return Ok(());
        };
        if core.write(pipe, message) {
            if !message.has_more() {
                core.flush(pipe);
                self.current_out = None;
            }
            return Ok(());
        }
        self.part_refused(core, pipe)
    }

    #[cold]
    fn part_refused(&mut self, core: &mut Core, pipe: PipeKey) -> Result<()> {
        if refusal(core, pipe) == Errno::ENOMEM {
            return Err(Errno::ENOMEM);
        }
        // There was room when the message began, so the pipe is over. The message is dropped.
        core.rollback(pipe);
        self.current_out = None;
        Ok(())
    }

    /// Takes back what was sent of an unfinished message.
    pub fn rollback(&mut self, core: &mut Core) {
        if let Some(pipe) = self.current_out.take() {
            core.rollback(pipe);
        }
        self.more_out = false;
    }

    /// Chooses the peer that a message begins with.
    fn address(&mut self, core: &mut Core, message: &Message) -> Result<()> {
        // An address alone is no message and goes nowhere.
        if !message.has_more() {
            return Ok(());
        }
        let found = self.peers.find(core, message.data());
        if !self.begin_message(core, found) && self.mandatory {
            let over = |pipe| core.pipes.find(pipe).is_none_or(|end| end.peer_is_closed());
            let gone = found.is_none_or(over);
            return Err(if gone { Errno::EHOSTUNREACH } else { Errno::EAGAIN });
        }
        self.more_out = true;
        Ok(())
    }
}

impl Pattern for Router {
    fn attach(&mut self, core: &mut Core, pipe: PipeKey, _: bool, locally_initiated: bool) {
        if self.probe_router {
            probe(core, pipe);
        }
        if self.identify(core, pipe, locally_initiated) {
            self.fair_queue.attach(core, pipe);
        }
    }

    fn send(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        if !self.more_out {
            return self.address(core, message);
        }
        if core.options.raw_socket {
            message.set_more(false);
        }
        if self.raw && message.is_empty() {
            // This is how the application ends a raw connection.
            if let Some(pipe) = self.current_out.take() {
                core.terminate(pipe);
            }
        }
        self.send_part(core, message)?;
        self.more_out = message.has_more();
        Ok(())
    }

    fn recv(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        let pipe = if self.more_in && self.ahead.is_nothing() {
            Some(self.recv_from_pipes(core, message)?)
        } else {
            if self.ahead.is_nothing() {
                self.look_ahead(core)?;
            }
            self.ahead.take(message);
            self.current_in
        };
        self.part_received(core, pipe, message);
        Ok(())
    }

    fn has_in(&mut self, core: &mut Core) -> bool {
        self.more_in || !self.ahead.is_nothing() || self.look_ahead(core).is_ok()
    }

    fn has_out(&mut self, core: &mut Core) -> bool {
        // Messages to unknown or full peers are dropped, which can be done at any time.
        !self.mandatory || self.peers.pipes().any(|pipe| core.check_write(pipe))
    }

    fn read_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        if self.fair_queue.contains(core, pipe) {
            self.fair_queue.activated(core, pipe);
        } else if self.identify(core, pipe, false) {
            self.fair_queue.attach(core, pipe);
        }
    }

    fn pipe_terminated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.peers.remove(core, pipe);
        self.fair_queue.pipe_terminated(core, pipe);
        core.rollback(pipe);
        if self.current_out == Some(pipe) {
            // The other parts of the message have nowhere to go.
            self.current_out = None;
        }
        if self.current_in == Some(pipe) {
            self.break_off();
        }
    }

    fn set_option(&mut self, core: &mut Core, option: i32, value: SetValue<'_>) -> Result<()> {
        match option {
            ZMQ_ROUTER_RAW => {
                self.raw = value.bool_not_negative()?;
                if self.raw {
                    let options = core.options_mut();
                    options.recv_routing_id = false;
                    options.raw_socket = true;
                }
            }
            ZMQ_ROUTER_MANDATORY => self.mandatory = value.bool_not_negative()?,
            ZMQ_PROBE_ROUTER => self.probe_router = value.bool_not_negative()?,
            ZMQ_ROUTER_HANDOVER => self.handover = value.bool_not_negative()?,
            ZMQ_ROUTER_NOTIFY => {
                let all = ZMQ_NOTIFY_CONNECT | ZMQ_NOTIFY_DISCONNECT;
                core.options_mut().router_notify = value.int_in(0..=all)?;
            }
            _ => return self.peers.set_option(option, value),
        }
        Ok(())
    }

    fn peer_state(&mut self, core: &mut Core, routing_id: &[u8]) -> Result<i32> {
        let pipe = self.peers.find(core, routing_id).ok_or(Errno::EHOSTUNREACH)?;
        Ok(if core.check_write(pipe) { ZMQ_POLLOUT } else { 0 })
    }
}
