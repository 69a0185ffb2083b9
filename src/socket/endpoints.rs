//! Binding, connecting and taking endpoints down.

use ::core::sync::atomic::{fence, AtomicBool, Ordering};
use std::collections::HashMap;
use std::sync::Arc;

use super::core::PipeKey;
use super::link::own;
use super::Socket;
use crate::context::registry::{Bound, Pending};
use crate::context::unique_id;
use crate::engine::connectionless::Connectionless;
use crate::engine::datagram::{Datagrams, Role};
use crate::engine::multicast;
use crate::error::{Errno, Result};
use crate::io::IoHandle;
use crate::monitor::Addresses;
use crate::options::constants::*;
use crate::options::SocketOptions;
use crate::pipe::{pair, PipeEnd, PipeLimits};
use crate::session::listener::Listener;
use crate::session::Session;
use crate::transport::multicast::Kind;
use crate::transport::{self, udp, Endpoint};

#[derive(Debug)]
struct Entry {
    child: u64,
    pipe: Option<PipeKey>,
}

#[derive(Debug)]
struct Child {
    io: Arc<IoHandle>,
    /// The listener that accepted it.
    parent: Option<u64>,
    /// It was told to finish.
    ending: bool,
    /// Of listeners: cuts off what they accepted.
    down: Option<Arc<AtomicBool>>,
}

/// A socket's endpoints, and the sessions and listeners behind them.
#[derive(Debug, Default)]
pub struct Endpoints {
    /// What `ZMQ_LAST_ENDPOINT` shows.
    pub last: String,
    entries: HashMap<String, Vec<Entry>>,
    inproc: Vec<(String, PipeKey)>,
    children: HashMap<u64, Child>,
}

impl Endpoints {
    pub fn add_child(&mut self, id: u64, io: Arc<IoHandle>, parent: Option<u64>) {
        self.children.insert(id, Child { io, parent, ending: false, down: None });
    }

    fn add_listener(&mut self, listener: &Listener, io: Arc<IoHandle>) {
        let down = Some(listener.down());
        self.children.insert(listener.id(), Child { io, parent: None, ending: false, down });
    }

    pub fn remove_child(&mut self, id: u64) {
        self.children.remove(&id);
    }

    /// Whether a listener is there and accepts for this socket. One that was told to finish may
    /// have accepted a last connection before it heard of that.
    pub fn is_listening(&self, id: u64) -> bool {
        self.children.get(&id).is_some_and(|child| !child.ending)
    }

    pub fn has_no_children(&self) -> bool {
        self.children.is_empty()
    }

    fn add(&mut self, name: &str, child: u64, pipe: Option<PipeKey>) {
        self.entries.entry(name.to_owned()).or_default().push(Entry { child, pipe });
    }

    /// A pipe is over; its endpoint, if it has one, lives on without it.
    pub fn pipe_ended(&mut self, pipe: PipeKey) {
        self.inproc.retain(|(_, key)| *key != pipe);
        for entry in self.entries.values_mut().flatten() {
            if entry.pipe == Some(pipe) {
                entry.pipe = None;
            }
        }
    }

    /// Tells a session, or a listener and all that it accepted, to finish.
    fn terminate(&mut self, id: u64, linger: i32) {
        for (&child, entry) in &mut self.children {
            if child == id || entry.parent == Some(id) {
                entry.ending = true;
                if let Some(down) = &entry.down {
                    down.store(true, Ordering::Release);
                }
                entry.io.terminate(child, linger);
            }
        }
    }

    /// Tells the session that connects through this pipe to finish, and forgets its endpoint.
    pub fn end_child_of(&mut self, pipe: PipeKey, linger: i32) {
        let mut found = None;
        self.entries.retain(|_, entries| {
            entries.retain(|entry| {
                let is_it = entry.pipe == Some(pipe);
                if is_it {
                    found = Some(entry.child);
                }
                !is_it
            });
            !entries.is_empty()
        });
        if let Some(child) = found {
            self.terminate(child, linger);
        }
    }

    pub fn terminate_all(&self, linger: i32) {
        for (&child, entry) in &self.children {
            entry.io.terminate(child, linger);
        }
    }
}

impl Socket {
    /// Binds an endpoint (`zmq_bind(3)`, whose errors these are).
    pub fn bind(&mut self, endpoint: &str) -> Result<()> {
        self.process_commands()?;
        match self.parse(endpoint)? {
            Endpoint::Inproc(_) => self.bind_inproc(endpoint),
            Endpoint::Tcp(address) => self.listen(&address, Listener::tcp),
            Endpoint::Ipc(address) => self.listen(&address, Listener::ipc),
            Endpoint::Ws(address) => self.listen(&address, Listener::ws),
            Endpoint::Wss(address) => self.listen(&address, Listener::wss),
            Endpoint::Udp(address) => self.bind_udp(endpoint, &address),
            // As in libzmq, the one is as good as the other.
            Endpoint::Multicast(kind, address) => self.join_stream(endpoint, kind, &address),
            Endpoint::Cluster(family, address) => self
                .listen(&address, |address, link, options| {
                    Listener::cluster(family, address, link, options)
                }),
        }
    }

    /// Parses an endpoint text and checks that the transport fits this kind of socket.
    fn parse(&self, endpoint: &str) -> Result<Endpoint> {
        let parsed = transport::parse(endpoint)?;
        transport::check_kind(&parsed, self.core.options.socket_type)?;
        Ok(parsed)
    }

    fn bind_udp(&mut self, endpoint: &str, address: &str) -> Result<()> {
        let role = match self.core.options.socket_type {
            ZMQ_DISH => Role::Receive,
            ZMQ_DGRAM => Role::Exchange,
            _ => return Err(Errno::ENOCOMPATPROTO),
        };
        let target = udp::resolve_bind(address, self.core.options.ipv6)?;
        let socket = udp::receiver(&target, &self.core.options)?;
        let datagrams = Datagrams::new(socket, role, target.destination.is_ipv6());
        self.begin_exchange(endpoint, address, Box::new(datagrams))
    }

    fn connect_udp(&mut self, endpoint: &str, address: &str) -> Result<()> {
        if self.core.options.socket_type != ZMQ_RADIO {
            return Err(Errno::ENOCOMPATPROTO);
        }
        let target = udp::resolve_connect(address, self.core.options.ipv6)?;
        let socket = udp::sender(&target, &self.core.options)?;
        let role = Role::Send(target.destination);
        let datagrams = Datagrams::new(socket, role, target.destination.is_ipv6());
        self.begin_exchange(endpoint, address, Box::new(datagrams))
    }

    /// Begins to publish to, or to receive from, whoever is there.
    fn join_stream(&mut self, endpoint: &str, kind: Kind, address: &str) -> Result<()> {
        let options = &self.core.options;
        let once = matches!(options.socket_type, ZMQ_PUB | ZMQ_SUB);
        if once && self.endpoints.entries.contains_key(endpoint) {
            return Ok(());
        }
        let exchange = multicast::open(kind, address, options)?;
        self.begin_exchange(endpoint, endpoint, exchange)
    }

    /// Has messages go between a pipe and something that has no connections.
    fn begin_exchange(
        &mut self,
        endpoint: &str,
        last: &str,
        exchange: Box<dyn Connectionless>,
    ) -> Result<()> {
        let io = self.io_thread()?;
        let id = unique_id();
        let options = self.core.options.clone();
        let (ours, theirs) = pair(limits(&options));
        self.link.own(&ours);
        io.own(&theirs, id);
        let pipe = self.attach(ours, true, true);
        self.endpoints.last = last.to_owned();
        self.endpoints.add_child(id, io.clone(), None);
        self.endpoints.add(endpoint, id, pipe);
        let link = self.link.clone();
        let session = Session::connectionless(id, link, io.clone(), options, exchange, theirs);
        io.add_session(Box::new(session));
        Ok(())
    }

    fn bind_inproc(&mut self, name: &str) -> Result<()> {
        let options = self.core.options.clone();
        let bound =
            Bound { socket: self.link.id, mailbox: self.mailbox.clone(), options: options.clone() };
        let waiting = self.link.context.registry.lock().bind(name, bound)?;
        for pending in waiting {
            let mut end = *pending.end;
            meet(&mut end, &pending.options, &options);
            own(&self.mailbox, &end);
            // A peer that closes right now either finds the owner to tell, or is found closed.
            fence(Ordering::SeqCst);
            self.attach(end, false, false);
        }
        self.endpoints.last = name.to_owned();
        Ok(())
    }

    fn listen(
        &mut self,
        address: &str,
        open: impl FnOnce(
            &str,
            &Arc<super::link::SocketLink>,
            &Arc<SocketOptions>,
        ) -> Result<(Listener, String)>,
    ) -> Result<()> {
        let io = self.io_thread()?;
        match open(address, &self.link, &self.core.options) {
            Ok((listener, name)) => {
                let id = listener.id();
                self.endpoints.add_listener(&listener, io.clone());
                self.endpoints.add(&name, id, None);
                self.endpoints.last = name;
                io.add_listener(Box::new(listener));
                self.show_new_child();
                Ok(())
            }
            Err(error) => {
                self.link.monitor.emit(
                    ZMQ_EVENT_BIND_FAILED,
                    error.0,
                    &Addresses::of_bound(address),
                );
                Err(error)
            }
        }
    }

    fn io_thread(&self) -> Result<Arc<IoHandle>> {
        let affinity = self.core.options.affinity;
        self.link.context.choose_io_thread(affinity).ok_or(Errno::EMTHREAD)
    }

    /// Connects an endpoint (`zmq_connect(3)`, whose errors these are).
    pub fn connect(&mut self, endpoint: &str) -> Result<()> {
        self.process_commands()?;
        let parsed = self.parse(endpoint)?;
        match &parsed {
            Endpoint::Inproc(_) => return self.connect_inproc(endpoint),
            Endpoint::Udp(address) => return self.connect_udp(endpoint, address),
            Endpoint::Multicast(kind, address) => {
                return self.join_stream(endpoint, *kind, address);
            }
            _ => {}
        }
        let once =
            matches!(self.core.options.socket_type, ZMQ_DEALER | ZMQ_SUB | ZMQ_PUB | ZMQ_REQ);
        if once && self.endpoints.entries.contains_key(endpoint) {
            return Ok(());
        }
        let io = self.io_thread()?;
        match &parsed {
            Endpoint::Tcp(address) => transport::resolve::check_connect(address)?,
            Endpoint::Ipc(address) => transport::ipc::check(address)?,
            Endpoint::Ws(address) | Endpoint::Wss(address) => {
                transport::ws::check_connect(address, self.core.options.ipv6)?;
            }
            Endpoint::Cluster(family, address) => {
                transport::cluster::check_connect(*family, address)?;
            }
            Endpoint::Inproc(_) | Endpoint::Udp(_) | Endpoint::Multicast(..) => {}
        }
        let id = unique_id();
        let options = self.core.options.clone();
        let tls = match parsed {
            Endpoint::Wss(_) => Some(transport::tls::Client::new(&options)?),
            _ => None,
        };
        let mut pipe = None;
        let mut session_end = None;
        if !options.immediate {
            let (ours, theirs) = pair(limits(&options));
            self.link.own(&ours);
            io.own(&theirs, id);
            pipe = self.attach_named(ours, endpoint);
            session_end = Some(theirs);
        }
        self.endpoints.last = parsed.text();
        self.endpoints.add_child(id, io.clone(), None);
        self.endpoints.add(endpoint, id, pipe);
        let session = Session::connecting(
            id,
            self.link.clone(),
            io.clone(),
            options,
            parsed,
            tls,
            session_end,
        );
        io.add_session(Box::new(session));
        self.show_new_child();
        Ok(())
    }

    /// In libzmq a new session or listener makes `ZMQ_FD` readable until the socket is used next;
    /// programs were written against that.
    fn show_new_child(&self) {
        self.mailbox.wake_pollers();
    }

    fn attach_named(&mut self, mut end: PipeEnd, endpoint: &str) -> Option<PipeKey> {
        end.addresses = Some(Arc::new(Addresses::of_connecting(endpoint)));
        self.attach(end, false, true)
    }

    fn connect_inproc(&mut self, name: &str) -> Result<()> {
        let options = self.core.options.clone();
        let context = self.link.context.clone();
        let mut names = context.registry.lock();
        let (mut ours, mut theirs) = pair(limits(&options));
        ours.out.join_sockets();
        theirs.out.join_sockets();
        self.link.own(&ours);
        let binder = names.find(name).cloned();
        // A peer that is not there yet may want the routing id: it is sent and dropped by a peer
        // that does not.
        if binder.as_ref().is_none_or(|binder| binder.options.recv_routing_id) {
            ours.out.write_anyway(crate::pipe::queue::FRAME_ROUTING_ID, &options.routing_id);
        }
        if options.can_send_hello_msg && !options.hello_msg.is_empty() {
            ours.out.write_anyway(0, &options.hello_msg);
        }
        match binder {
            None => {
                let pending = Pending { options: options.clone(), end: Box::new(theirs) };
                names.wait_for(name, pending);
                drop(names);
            }
            Some(binder) => {
                let conflates = options.conflates();
                if !conflates {
                    ours.set_boosts(binder.options.sndhwm, binder.options.rcvhwm);
                    theirs.set_boosts(options.sndhwm, options.rcvhwm);
                    ours.set_limits(options.rcvhwm, options.sndhwm);
                    theirs.set_limits(binder.options.rcvhwm, binder.options.sndhwm);
                }
                greet(&mut theirs, &options, &binder.options);
                if binder.options.can_recv_disconnect_msg {
                    ours.disconnect_msg.clone_from(&binder.options.disconnect_msg);
                }
                own(&binder.mailbox, &theirs);
                binder.mailbox.send(super::mailbox::Command::Attach(Box::new(theirs)));
                drop(names);
            }
        }
        if let Some(key) = self.attach(ours, false, true) {
            self.endpoints.inproc.push((name.to_owned(), key));
        }
        self.endpoints.last = name.to_owned();
        Ok(())
    }

    /// Takes a bound or connected endpoint down (`zmq_unbind(3)`, `zmq_disconnect(3)`).
    pub fn term_endpoint(&mut self, endpoint: &str) -> Result<()> {
        self.process_commands()?;
        let outcome = self.take_endpoint_down(endpoint);
        // A session that began at this moment has seen that its endpoint is down, or is told now.
        fence(Ordering::SeqCst);
        let _ = self.process_commands();
        outcome
    }

    pub(super) fn take_endpoint_down(&mut self, endpoint: &str) -> Result<()> {
        let name = match self.parse(endpoint)? {
            Endpoint::Inproc(_) => return self.take_inproc_down(endpoint),
            Endpoint::Tcp(address) if !self.endpoints.entries.contains_key(endpoint) => {
                let ipv6 = self.core.options.ipv6;
                transport::tcp::other_names(&address, ipv6)
                    .into_iter()
                    .find(|name| self.endpoints.entries.contains_key(name))
                    .ok_or(Errno::ENOENT)?
            }
            _ => endpoint.to_owned(),
        };
        let entries = self.endpoints.entries.remove(&name).ok_or(Errno::ENOENT)?;
        if self.core.options.reconnect_stop & ZMQ_RECONNECT_STOP_AFTER_DISCONNECT != 0 {
            self.link.disconnected.store(true, Ordering::Relaxed);
        }
        for entry in entries {
            if let Some(pipe) = entry.pipe {
                self.core.terminate(pipe);
            }
            self.endpoints.terminate(entry.child, self.core.options.linger);
        }
        self.collect_ended();
        Ok(())
    }

    fn take_inproc_down(&mut self, name: &str) -> Result<()> {
        let unbound = self.link.context.registry.lock().unbind(name, self.link.id);
        if unbound.is_ok() {
            return Ok(());
        }
        let mut keys = Vec::new();
        self.endpoints.inproc.retain(|(known, key)| {
            let is_it = known == name;
            if is_it {
                keys.push(*key);
            }
            !is_it
        });
        if keys.is_empty() {
            return Err(Errno::ENOENT);
        }
        for key in keys {
            self.give_waiting_up(name, key);
            let Some(pipe) = self.core.pipes.find_mut(key) else { continue };
            // What a peer sent before it left is still received, as in libzmq.
            if !pipe.peer_is_closed() {
                pipe.send_disconnect_msg();
                self.core.terminate(key);
            }
        }
        self.collect_ended();
        Ok(())
    }

    /// Before a connection ends: one that waits for its name to be bound, and brings nothing, waits no
    /// longer. Programs that try a name now and then would never be rid of their tries.
    fn give_waiting_up(&self, name: &str, key: PipeKey) {
        let empty = self.core.pipes.find(key).filter(|pipe| pipe.out.written() == 0);
        let Some(pipe) = empty else { return };
        let given_up = self.link.context.registry.lock().give_up(name, &pipe.shared);
        // The lock is open again.
        drop(given_up);
    }

    /// The same for all connections of a socket that closes.
    pub(super) fn give_all_waiting_up(&self) {
        self.endpoints.inproc.iter().for_each(|(name, key)| self.give_waiting_up(name, *key));
    }
}

/// The limits of a new pipe, as the socket with these options sees them.
pub fn limits(options: &SocketOptions) -> PipeLimits {
    PipeLimits { inbound: options.rcvhwm, outbound: options.sndhwm, conflate: options.conflates() }
        .unlimited_if_conflating()
}

/// What the binding side's end of an inproc pipe tells the connecting side first: the binder's
/// routing id and hello message.
fn greet(theirs: &mut PipeEnd, connecter: &SocketOptions, binder: &SocketOptions) {
    if connecter.recv_routing_id {
        theirs.out.write_anyway(crate::pipe::queue::FRAME_ROUTING_ID, &binder.routing_id);
    }
    if binder.can_send_hello_msg && !binder.hello_msg.is_empty() {
        theirs.out.write_anyway(0, &binder.hello_msg);
    }
}

/// Joins a connection that waited with the socket that bound its name.
fn meet(theirs: &mut PipeEnd, connecter: &SocketOptions, binder: &SocketOptions) {
    if !binder.recv_routing_id {
        theirs.drop_routing_id();
    }
    if !connecter.conflates() {
        theirs.set_boosts(connecter.sndhwm, connecter.rcvhwm);
        theirs.set_limits(binder.rcvhwm, binder.sndhwm);
        theirs.send_boosts_to_peer(binder.sndhwm, binder.rcvhwm);
    }
    greet(theirs, connecter, binder);
}
