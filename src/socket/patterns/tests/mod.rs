//! The kinds against each other, over real pipes, in one thread.
//!
//! [`Net`] stands in for sockets: it keeps the events that pipes tell their owners until
//! [`Net::settle`] delivers them, so a test decides what a kind knows when.

mod groups;
mod pipeline;
mod publish;
mod random;
mod request;
mod routing;
mod single;
mod subscribe;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::{Kind, Pattern};
use crate::error::Result;
use crate::message::{self, Message};
use crate::options::value::{GetValue, SetValue};
use crate::options::SocketOptions;
use crate::pipe::{pair, PipeEvent, PipeLimits, PipeOwner, PipeShared};
use crate::socket::core::{Core, PipeKey};

type Events = Arc<Mutex<VecDeque<(usize, Arc<PipeShared>, PipeEvent)>>>;

/// Owner of one end of a pipe. Which of the two it is, only [`Net`] needs to know.
struct Owner {
    socket: usize,
    events: Events,
}

impl PipeOwner for Owner {
    fn pipe_event(&self, pipe: &Arc<PipeShared>, _: usize, event: PipeEvent) {
        self.events.lock().unwrap().push_back((self.socket, pipe.clone(), event));
    }
}

pub struct Socket {
    pub core: Core,
    pub kind: Kind,
}

#[derive(Default)]
pub struct Net {
    pub sockets: Vec<Socket>,
    events: Events,
}

/// A part as a test sees it: body and "more follow".
pub type Part = (Vec<u8>, bool);

impl Net {
    pub fn socket(&mut self, socket_type: i32) -> usize {
        let mut core = Core::new(SocketOptions::new(socket_type));
        let kind = Kind::new(socket_type, &mut core).unwrap();
        self.sockets.push(Socket { core, kind });
        self.sockets.len() - 1
    }

    /// Connects the first socket to the second; the keys of the pipe in each.
    pub fn connect(&mut self, from: usize, to: usize) -> (PipeKey, PipeKey) {
        self.connect_with(from, to, PipeLimits { inbound: 0, outbound: 0, conflate: false })
    }

    /// Connects with a pipe that holds `outbound` messages on the way there.
    pub fn connect_hwm(&mut self, from: usize, to: usize, outbound: i32) -> (PipeKey, PipeKey) {
        self.connect_with(from, to, PipeLimits { inbound: 0, outbound, conflate: false })
    }

    pub fn connect_with(
        &mut self,
        from: usize,
        to: usize,
        limits: PipeLimits,
    ) -> (PipeKey, PipeKey) {
        let (mut one, mut other) = pair(limits);
        one.set_owner(Arc::new(Owner { socket: from, events: self.events.clone() }));
        other.set_owner(Arc::new(Owner { socket: to, events: self.events.clone() }));
        let options = |socket: usize| &self.sockets[socket].core.options;
        if options(to).recv_routing_id {
            one.out.write_anyway(message::ROUTING_ID, &options(from).routing_id);
        }
        if options(from).recv_routing_id {
            other.out.write_anyway(message::ROUTING_ID, &options(to).routing_id);
        }
        let mut attach = |socket: usize, end: crate::pipe::PipeEnd, local| {
            let Socket { core, kind } = &mut self.sockets[socket];
            let key = core.pipes.insert(end);
            kind.attach(core, key, false, local);
            self.reap(socket);
            key
        };
        let keys = (attach(from, one, true), attach(to, other, false));
        self.settle();
        keys
    }

    /// Takes away the pipes that ended in the last call.
    fn reap(&mut self, socket: usize) {
        let Socket { core, kind } = &mut self.sockets[socket];
        while let Some(key) = core.ended.pop() {
            if core.pipes.find(key).is_some() {
                kind.pipe_terminated(core, key);
                core.pipes.remove(key);
            }
        }
    }

    /// Delivers events until there are none.
    pub fn settle(&mut self) {
        loop {
            let next = self.events.lock().unwrap().pop_front();
            let Some((socket, pipe, event)) = next else {
                return;
            };
            let Socket { core, kind } = &mut self.sockets[socket];
            let is_it = |key: &PipeKey| {
                core.pipes.find(*key).is_some_and(|end| Arc::ptr_eq(&end.shared, &pipe))
            };
            let Some(key) = core.pipes.keys().into_iter().find(is_it) else {
                continue;
            };
            let Some(end) = core.pipes.find_mut(key) else {
                continue;
            };
            match event {
                PipeEvent::Readable if end.activate_read() => kind.read_activated(core, key),
                PipeEvent::Writable if end.out.activate() => kind.write_activated(core, key),
                PipeEvent::Hiccup => {
                    end.hiccuped();
                    kind.hiccuped(core, key);
                }
                PipeEvent::Closed if end.peer_closed() => core.note_ended(key),
                _ => {}
            }
            self.reap(socket);
        }
    }

    pub fn send(&mut self, socket: usize, body: &[u8], more: bool) -> Result<()> {
        let mut message = Message::copy_of(body)?;
        message.set_more(more);
        let Socket { core, kind } = &mut self.sockets[socket];
        let sent = kind.send(core, &mut message);
        self.reap(socket);
        sent
    }

    /// Sends a whole message, for which there must be room.
    pub fn say(&mut self, socket: usize, parts: &[&[u8]]) {
        for (index, part) in parts.iter().enumerate() {
            self.send(socket, part, index + 1 < parts.len()).unwrap();
        }
        self.settle();
    }

    pub fn recv(&mut self, socket: usize) -> Result<Part> {
        let mut message = Message::new();
        let Socket { core, kind } = &mut self.sockets[socket];
        let part =
            kind.recv(core, &mut message).map(|()| (message.data().to_vec(), message.has_more()));
        self.reap(socket);
        part
    }

    /// Receives a whole message, if there is one.
    pub fn hear(&mut self, socket: usize) -> Option<Vec<Vec<u8>>> {
        self.settle();
        let mut parts = Vec::new();
        loop {
            let (body, more) = self.recv(socket).ok()?;
            parts.push(body);
            if !more {
                return Some(parts);
            }
        }
    }

    /// Receives a message of one part, or the last part of any, as text.
    pub fn hear_text(&mut self, socket: usize) -> Option<String> {
        let parts = self.hear(socket)?;
        Some(String::from_utf8_lossy(&parts[parts.len() - 1]).into_owned())
    }

    pub fn has_in(&mut self, socket: usize) -> bool {
        self.settle();
        let Socket { core, kind } = &mut self.sockets[socket];
        let has = kind.has_in(core);
        self.reap(socket);
        has
    }

    pub fn has_out(&mut self, socket: usize) -> bool {
        self.settle();
        let Socket { core, kind } = &mut self.sockets[socket];
        let has = kind.has_out(core);
        self.reap(socket);
        has
    }

    pub fn set(&mut self, socket: usize, option: i32, value: i32) -> Result<()> {
        self.set_bytes(socket, option, &value.to_ne_bytes())
    }

    pub fn set_bytes(&mut self, socket: usize, option: i32, value: &[u8]) -> Result<()> {
        let Socket { core, kind } = &mut self.sockets[socket];
        let done = kind.set_option(core, option, SetValue::new(value));
        self.settle();
        done
    }

    pub fn option(&mut self, socket: usize, option: i32) -> Result<GetValue> {
        let Socket { core, kind } = &mut self.sockets[socket];
        kind.option(core, option)
    }

    /// Ends a pipe from this side; the other side hears of it when the net settles.
    pub fn end(&mut self, socket: usize, key: PipeKey) {
        self.sockets[socket].core.terminate(key);
        self.reap(socket);
    }

    pub fn pipes(&self, socket: usize) -> usize {
        self.sockets[socket].core.pipes.len()
    }
}

pub fn texts(parts: &[&str]) -> Option<Vec<Vec<u8>>> {
    Some(parts.iter().map(|part| part.as_bytes().to_vec()).collect())
}
