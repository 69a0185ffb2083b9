//! The socket: what all kinds have in common.
//!
//! A socket is used by one thread at a time: the handle's entry flag sees to that, or, for the
//! thread-safe kinds, a lock ([`shared`]). Other threads reach it through its [`mailbox`]; every call first executes the commands that wait there, and a
//! call that cannot go on sleeps on the mailbox. Closing calls
//! [`Socket::begin_termination`] and then [`Socket::continue_termination`], which the reaper repeats
//! until the last session and listener is gone.

use std::ffi::c_void;
use std::os::fd::RawFd;
use std::sync::atomic::AtomicBool;
use std::sync::Arc;

pub mod core;
mod direct;
pub mod endpoints;
pub mod link;
pub mod mailbox;
mod patience;
pub mod patterns;
mod peers;
pub mod routing;
pub mod shared;
pub mod slab;
pub mod watch;
mod watching;

use self::core::{Core, PipeKey};
use crate::context::{self, handles, unique_id, Context};
use crate::error::{Errno, Result};
use crate::message::{self, Message};
use crate::monitor::Monitor;
use crate::options::constants::*;
use crate::options::value::{GetValue, SetValue};
use crate::options::{rows, SocketOptions};
use crate::pipe::{PipeEnd, PipeEvent};
use crate::signaler::Deadline;
use endpoints::Endpoints;
use link::SocketLink;
use mailbox::{Command, Mailbox};
use patterns::{Kind, Pattern};
use watch::{Inbox, Watch};

/// A socket of any kind.
#[derive(Debug)]
pub struct Socket {
    core: Core,
    kind: Kind,
    link: Arc<SocketLink>,
    endpoints: Endpoints,
    /// More parts of the message last received follow.
    rcvmore: bool,
    /// The context is terminating: every call gives `ETERM`.
    stopped: bool,
    terminating: bool,
    direct: direct::Direct,
    /// Many threads may use it: waiting is not done in here.
    is_shared: bool,
    /// How often anything happened that senders may have waited for.
    changes: u64,
    /// Who wants to know when readiness may have changed.
    watches: Vec<Arc<Watch>>,
    /// What `ZMQ_FD` of a shared socket shows.
    visible: Option<(Arc<Inbox>, Arc<Watch>)>,
}

/// Makes a socket in a context. `EFAULT`, `EINVAL`, `EMFILE`, `ETERM`.
pub fn create(context: *mut c_void, socket_type: i32) -> Result<*mut c_void> {
    context::find(context)?.create_socket(socket_type)
}

/// Closes a socket; what it still has to deliver goes on in the background. `ENOTSOCK`.
pub fn close(handle: *mut c_void) -> Result<()> {
    let entered = match handles::enter_to_close(handle) {
        Err(handles::SHARED) => return shared::close(handle),
        entered => entered?,
    };
    let object = handles::remove(handles::Kind::Socket, handle).ok_or(Errno::ENOTSOCK)?;
    drop(entered);
    // SAFETY: removing the handle makes its object ours; it came from Box::into_raw.
    let socket = unsafe { Box::from_raw(object.cast::<Socket>()) };
    retire(socket);
    Ok(())
}

/// Hands a socket without a handle over to its end.
fn retire(socket: Box<Socket>) {
    // Whoever polls the socket at this moment must find out that it is gone.
    socket.link.mailbox.wake_pollers();
    socket.mark_watches();
    let context = socket.link.context.clone();
    context.reap(socket);
}

/// Calls `body` with the socket behind a handle. `ENOTSOCK`, or `EBUSY` while another thread is in
/// a call on the same socket.
///
/// If the socket is a shared one and sending or receiving has to wait, `body` is called again.
#[inline]
pub fn with<T>(handle: *mut c_void, mut body: impl FnMut(&mut Socket) -> Result<T>) -> Result<T> {
    match handles::enter(handle) {
        Ok(entered) => {
            // SAFETY: the handle is a socket's, and entering it keeps every other thread out.
            body(unsafe { &mut *entered.object().cast::<Socket>() })
        }
        Err(handles::SHARED) => shared::with(handle, body),
        Err(error) => Err(error),
    }
}

/// As [`with`], for the calls that programs make most. The two bodies do the same; each of them is
/// used in one place, so that the compiler makes one function of the call and its own socket's.
#[inline(always)]
pub fn with_either<T>(
    handle: *mut c_void,
    own: impl FnOnce(&mut Socket) -> Result<T>,
    shared: impl FnMut(&mut Socket) -> Result<T>,
) -> Result<T> {
    match handles::enter(handle) {
        Ok(entered) => {
            // SAFETY: as above.
            own(unsafe { &mut *entered.object().cast::<Socket>() })
        }
        Err(handles::SHARED) => shared::with(handle, shared),
        Err(error) => Err(error),
    }
}

impl Socket {
    /// `EINVAL` for an unknown type.
    pub fn new(context: Arc<Context>, mailbox: Arc<Mailbox>, socket_type: i32) -> Result<Socket> {
        let settings = context.options();
        let mut options = SocketOptions::new(socket_type);
        options.ipv6 = settings.ipv6;
        options.linger = if settings.blocky { -1 } else { 0 };
        let mut core = Core::new(options);
        let kind = Kind::new(socket_type, &mut core)?;
        let link = SocketLink {
            id: unique_id(),
            context,
            mailbox,
            monitor: Monitor::default(),
            disconnected: AtomicBool::new(false),
        };
        Ok(Socket {
            core,
            kind,
            link: Arc::new(link),
            endpoints: Endpoints::default(),
            rcvmore: false,
            stopped: false,
            terminating: false,
            direct: direct::Direct::default(),
            is_shared: patterns::is_thread_safe(socket_type),
            changes: 0,
            watches: Vec::new(),
            visible: None,
        })
    }

    /// The socket's number, unique in the process.
    pub fn id(&self) -> u64 {
        self.link.id
    }

    /// The descriptor of `ZMQ_FD`.
    pub fn descriptor(&self) -> RawFd {
        self.link.mailbox.signaler().raw()
    }

    /// Whether received messages shall name their connection.
    #[inline]
    pub fn set_wants_metadata(&mut self, wants: bool) {
        self.core.wants_metadata = wants;
    }

    // --- sending and receiving ---

    /// Sends one part (`zmq_msg_send(3)`). On success the body is taken and the caller empties its
    /// message.
    #[inline(always)]
    pub fn send(&mut self, message: &mut Message, flags: i32) -> Result<()> {
        self.look_for_commands()?;
        let more = if flags & ZMQ_SNDMORE != 0 { message::MORE } else { 0 };
        message.set_flags(message.flags() & message::SHARED | more);
        message.clear_metadata();
        match self.kind.send(&mut self.core, message) {
            Ok(()) => {
                self.collect_ended();
                self.mark_watches();
                Ok(())
            }
            Err(error) => self.send_slowly(message, flags, error),
        }
    }

    #[cold]
    #[inline(never)]
    fn send_slowly(&mut self, message: &mut Message, flags: i32, error: Errno) -> Result<()> {
        self.collect_ended();
        let waits = flags & ZMQ_DONTWAIT == 0 && self.core.options.sndtimeo != 0;
        if error == patterns::MESSAGE_LOST {
            // The pipe died in the middle of this message: the rest has nowhere to go.
            return if waits { Ok(()) } else { Err(Errno::EAGAIN) };
        }
        if error != Errno::EAGAIN || !waits {
            return Err(error);
        }
        if self.is_shared {
            return Err(shared::WAIT_TO_SEND);
        }
        let deadline = Deadline::after(i64::from(self.core.options.sndtimeo));
        loop {
            self.wait_for_commands(deadline)?;
            let outcome = self.kind.send(&mut self.core, message);
            self.collect_ended();
            match outcome {
                Err(Errno::EAGAIN) => {}
                Err(error) if error == patterns::MESSAGE_LOST => return Ok(()),
                other => {
                    self.mark_watches();
                    return other;
                }
            }
        }
    }

    /// Receives one part (`zmq_msg_recv(3)`). Its body may be a view: to be used or owned before
    /// the socket is touched again.
    #[inline(always)]
    pub fn recv(&mut self, message: &mut Message, flags: i32) -> Result<()> {
        self.look_for_commands()?;
        match self.kind.recv(&mut self.core, message) {
            Ok(()) => {
                self.note_received(message);
                Ok(())
            }
            Err(error) => self.recv_slowly(message, flags, error),
        }
    }

    #[cold]
    #[inline(never)]
    fn recv_slowly(&mut self, message: &mut Message, flags: i32, error: Errno) -> Result<()> {
        self.collect_ended();
        if error != Errno::EAGAIN {
            return Err(error);
        }
        let waits = flags & ZMQ_DONTWAIT == 0 && self.core.options.rcvtimeo != 0;
        if self.is_shared {
            return Err(if waits { shared::WAIT_TO_RECV } else { error });
        }
        let outcome = if waits { self.recv_waiting(message) } else { self.recv_again(message) };
        self.collect_ended();
        match outcome {
            Ok(()) => {
                self.leave_input();
                self.note_received(message);
            }
            Err(_) => self.release_input(),
        }
        outcome
    }

    /// Receives what has come in the meantime, without waiting.
    fn recv_again(&mut self, message: &mut Message) -> Result<()> {
        self.process_commands()?;
        match self.kind.recv(&mut self.core, message) {
            Err(Errno::EAGAIN) => {
                self.receive_now();
                self.kind.recv(&mut self.core, message)
            }
            outcome => outcome,
        }
    }

    fn recv_waiting(&mut self, message: &mut Message) -> Result<()> {
        let deadline = Deadline::after(i64::from(self.core.options.rcvtimeo));
        loop {
            self.wait_for_input(deadline)?;
            let outcome = self.kind.recv(&mut self.core, message);
            if outcome != Err(Errno::EAGAIN) {
                return outcome;
            }
        }
    }

    /// Commands that a peer sent where none belong reach the application as plain messages.
    #[inline]
    fn note_received(&mut self, message: &mut Message) {
        message.set_flags(message.flags() & message::MORE);
        self.rcvmore = message.has_more();
        self.mark_watches();
    }

    /// Which of `ZMQ_POLLIN` and `ZMQ_POLLOUT` the socket is ready for. `ETERM`.
    pub fn events(&mut self) -> Result<i16> {
        self.process_commands()?;
        let mut events = 0;
        if self.kind.has_out(&mut self.core) {
            events |= ZMQ_POLLOUT as i16;
        }
        if self.kind.has_in(&mut self.core) || self.has_in_now() {
            events |= ZMQ_POLLIN as i16;
        } else {
            // Whoever asks may wait for `ZMQ_FD` next.
            self.release_input();
        }
        self.collect_ended();
        Ok(events)
    }

    /// Whether there is something to receive after a look at the connection.
    fn has_in_now(&mut self) -> bool {
        self.receive_now();
        self.kind.has_in(&mut self.core)
    }

    // --- options ---

    /// Sets an option (`zmq_setsockopt(3)`). `EINVAL`, `ETERM`.
    pub fn set_option(&mut self, option: i32, value: SetValue<'_>) -> Result<()> {
        if self.stopped {
            return Err(Errno::ETERM);
        }
        self.note_change();
        let outcome = self.kind.set_option(&mut self.core, option, value);
        self.collect_ended();
        if outcome != Err(Errno::EINVAL) {
            return outcome;
        }
        rows::set(self.core.options_mut(), option, value)?;
        if option == ZMQ_SNDHWM || option == ZMQ_RCVHWM {
            let (sndhwm, rcvhwm) = (self.core.options.sndhwm, self.core.options.rcvhwm);
            for key in self.core.pipes.keys() {
                let Some(pipe) = self.core.pipes.find_mut(key) else { continue };
                let writable = pipe.set_limits(rcvhwm, sndhwm);
                pipe.send_limits_to_peer(sndhwm, rcvhwm);
                if writable {
                    self.kind.write_activated(&mut self.core, key);
                }
            }
        }
        Ok(())
    }

    /// Reads an option (`zmq_getsockopt(3)`). `EINVAL`, `ETERM`.
    pub fn option(&mut self, option: i32) -> Result<GetValue> {
        if self.stopped {
            return Err(Errno::ETERM);
        }
        let outcome = self.kind.option(&mut self.core, option);
        if !matches!(outcome, Err(Errno::EINVAL)) {
            return outcome;
        }
        match option {
            ZMQ_RCVMORE => Ok(GetValue::State(i32::from(self.rcvmore))),
            ZMQ_FD => self.visible_descriptor().map(GetValue::State),
            ZMQ_EVENTS => self.visible_events().map(|events| GetValue::State(i32::from(events))),
            ZMQ_LAST_ENDPOINT => Ok(GetValue::CString(self.endpoints.last.clone().into_bytes())),
            ZMQ_THREAD_SAFE => Ok(GetValue::State(i32::from(self.is_shared))),
            _ => rows::get(&self.core.options, option),
        }
    }

    /// Joins a group (`zmq_join`). `EINVAL` when it is joined or its name too long.
    pub fn join(&mut self, group: &[u8]) -> Result<()> {
        self.note_change();
        let outcome = self.kind.join(&mut self.core, group);
        self.collect_ended();
        outcome
    }

    /// Leaves a group (`zmq_leave`). `EINVAL` when it is not joined.
    pub fn leave(&mut self, group: &[u8]) -> Result<()> {
        let outcome = self.kind.leave(&mut self.core, group);
        self.collect_ended();
        outcome
    }

    /// Starts or stops the monitor (`zmq_socket_monitor(3)`).
    pub fn monitor(
        &mut self,
        endpoint: Option<&str>,
        events: u64,
        version: i32,
        socket_type: i32,
    ) -> Result<()> {
        if self.stopped {
            return Err(Errno::ETERM);
        }
        if !(1..=2).contains(&version) || version == 1 && events >> 16 != 0 {
            return Err(Errno::EINVAL);
        }
        let Some(endpoint) = endpoint else {
            self.link.monitor.stop();
            return Ok(());
        };
        if !matches!(crate::transport::parse(endpoint)?, crate::transport::Endpoint::Inproc(_)) {
            return Err(Errno::EPROTONOSUPPORT);
        }
        self.link.monitor.stop();
        if !matches!(socket_type, ZMQ_PAIR | ZMQ_PUB | ZMQ_PUSH) {
            return Err(Errno::EINVAL);
        }
        let socket = self.link.context.create_socket(socket_type)?;
        let prepared = with(socket, |monitor| {
            monitor.core.options_mut().linger = 0;
            monitor.bind(endpoint)
        });
        if let Err(error) = prepared {
            close(socket)?;
            return Err(error);
        }
        self.link.monitor.start(socket, events, version);
        Ok(())
    }

    /// Asks for a monitor event with the queue lengths of every pipe
    /// (`zmq_socket_monitor_pipes_stats`). `EINVAL` when no monitor wants it, `EAGAIN` without
    /// pipes.
    pub fn request_pipes_stats(&mut self) -> Result<()> {
        if !self.link.monitor.wants(ZMQ_EVENT_PIPES_STATS) {
            return Err(Errno::EINVAL);
        }
        if self.core.pipes.is_empty() {
            return Err(Errno::EAGAIN);
        }
        for key in self.core.pipes.keys() {
            if let Some(pipe) = self.core.pipes.find_mut(key) {
                pipe.request_stats();
            }
        }
        Ok(())
    }

    // --- commands from other threads ---

    #[inline]
    fn look_for_commands(&mut self) -> Result<()> {
        if self.link.mailbox.has_pending() {
            return self.process_commands();
        }
        if self.stopped {
            return Err(Errno::ETERM);
        }
        Ok(())
    }

    /// Executes the commands that wait. `ETERM` once the context is terminating.
    #[inline(never)]
    fn process_commands(&mut self) -> Result<()> {
        if self.link.mailbox.needs_attention() {
            for command in self.link.mailbox.take() {
                self.execute(command);
            }
        }
        self.collect_ended();
        if self.stopped {
            return Err(Errno::ETERM);
        }
        Ok(())
    }

    /// Sleeps until commands come, and executes them. `EAGAIN`, `EINTR`, `ETERM`.
    fn wait_for_commands(&mut self, deadline: Deadline) -> Result<()> {
        self.collect_ended();
        if self.stopped {
            return Err(Errno::ETERM);
        }
        if !self.spin_for_commands(deadline) {
            self.link.mailbox.wait(deadline)?;
        }
        self.process_commands()
    }

    fn execute(&mut self, command: Command) {
        match command {
            Command::Stop => {
                self.stopped = true;
                self.link.monitor.stop();
            }
            Command::Attach(end) => {
                self.attach(*end, false, false);
            }
            Command::Pipe { pipe, side, event } => {
                let key = pipe.slot(side);
                let known = self
                    .core
                    .pipes
                    .find(key)
                    .is_some_and(|end| Arc::ptr_eq(&end.shared, &pipe) && end.side() == side);
                if known {
                    self.pipe_event(key, event);
                }
            }
            Command::ChildAdded { id, io, parent } => {
                if self.terminating || !self.endpoints.is_listening(parent) {
                    io.terminate(id, self.core.options.linger);
                }
                self.endpoints.add_child(id, io, Some(parent));
            }
            Command::ChildGone(id) => self.endpoints.remove_child(id),
            Command::EndpointFailed(endpoint) => {
                // The endpoint may have been taken down in the meantime.
                let _ = self.take_endpoint_down(&endpoint);
            }
        }
    }

    fn pipe_event(&mut self, key: PipeKey, event: PipeEvent) {
        if event != PipeEvent::Readable {
            self.changes += 1;
        }
        let Some(end) = self.core.pipes.find_mut(key) else { return };
        match event {
            PipeEvent::Readable => {
                if end.activate_read() {
                    self.kind.read_activated(&mut self.core, key);
                }
            }
            PipeEvent::Writable => {
                if end.out.activate() {
                    self.kind.write_activated(&mut self.core, key);
                }
            }
            PipeEvent::Closed => {
                let woken = end.activate_read();
                if end.peer_closed() {
                    self.core.note_ended(key);
                } else if woken {
                    self.kind.read_activated(&mut self.core, key);
                }
            }
            PipeEvent::Hiccup => {
                if self.core.options.immediate {
                    self.core.terminate(key);
                } else {
                    self.kind.hiccuped(&mut self.core, key);
                }
            }
            PipeEvent::HighWaterMarks(inbound, outbound) => {
                if end.set_limits(inbound, outbound) {
                    self.kind.write_activated(&mut self.core, key);
                }
            }
            // The peer is a session at most; and what it took back is looked at in any case.
            PipeEvent::InputWanted
            | PipeEvent::InputHeld
            | PipeEvent::InputReturned
            | PipeEvent::InputTaken
            | PipeEvent::Dismissed => {}
            PipeEvent::StatsWanted(queued) => end.send_stats(queued),
            PipeEvent::Stats(outbound, inbound) => {
                let values = vec![outbound, inbound];
                let addresses = end.addresses.clone().unwrap_or_default();
                self.link.monitor.emit_values(ZMQ_EVENT_PIPES_STATS, values, &addresses);
            }
            PipeEvent::Bound(inbound, outbound) => {
                end.set_boosts(inbound, outbound);
                if end.set_limits(self.core.options.rcvhwm, self.core.options.sndhwm) {
                    self.kind.write_activated(&mut self.core, key);
                }
            }
        }
        self.collect_ended();
    }

    /// Makes a pipe this socket's own. `None` when the socket is ending, or the pipe over already:
    /// its key may soon be another's.
    fn attach(&mut self, end: PipeEnd, to_all: bool, local: bool) -> Option<PipeKey> {
        if self.terminating {
            return None;
        }
        self.note_change();
        let closed = end.was_closed_early();
        let key = self.core.pipes.insert(end);
        if let Some(end) = self.core.pipes.find(key) {
            end.set_slot(key);
        }
        self.kind.attach(&mut self.core, key, to_all, local);
        if closed {
            self.pipe_event(key, PipeEvent::Closed);
        }
        self.collect_ended();
        self.core.pipes.find(key).map(|_| key)
    }

    /// Takes away the pipes that ended during a call.
    #[inline]
    fn collect_ended(&mut self) {
        if !self.core.ended.is_empty() {
            self.take_ended_away();
        }
    }

    #[cold]
    fn take_ended_away(&mut self) {
        self.note_change();
        while let Some(key) = self.core.ended.pop() {
            if self.core.pipes.find(key).is_some() {
                self.kind.pipe_terminated(&mut self.core, key);
                self.endpoints.pipe_ended(key);
                drop(self.core.pipes.remove(key));
            }
        }
    }

    // --- the end: begun by whoever closes the socket, continued by the reaper ---

    /// Starts the end of a closed socket: its names are forgotten, its pipes closed, its sessions
    /// and listeners told to finish within the linger time.
    pub fn begin_termination(&mut self) {
        self.terminating = true;
        self.link.context.registry.lock().forget(self.link.id);
        for key in self.core.pipes.keys() {
            if let Some(mut pipe) = self.core.pipes.remove(key) {
                pipe.send_disconnect_msg();
                pipe.close();
            }
        }
        self.endpoints.terminate_all(self.core.options.linger);
    }

    /// Goes on ending; true when nothing is left.
    pub fn continue_termination(&mut self) -> bool {
        for command in self.link.mailbox.take() {
            self.execute(command);
        }
        if !self.endpoints.has_no_children() {
            return false;
        }
        self.link.monitor.stop();
        // A connection may have been accepted at the last moment; it has to hear of the end.
        for command in self.link.mailbox.close() {
            self.execute(command);
        }
        true
    }
}
