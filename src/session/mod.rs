//! Sessions: the life of one endpoint's connection, in an I/O thread.
//!
//! A connecting session lives as long as its endpoint: it connects, opens an engine over each
//! connection it makes, and connects again when one breaks. An accepted session lives as long as
//! its connection. Between the two ends stands the pipe: the session's end is lent to the engine
//! in each turn. When the socket closes, the session goes on until what waits in the pipe is
//! written or the linger time is over.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;

use mio::Interest;

pub mod connecter;
pub mod listener;
pub mod zap;

use crate::engine::{Engine, Failure, Framing, HandshakeFailure, Progress};
use crate::error::{Errno, Result};
use crate::io::timers::{Purpose, TimerKey};
use crate::io::{Cx, IoHandle, Turn};
use crate::message::Metadata;
use crate::monitor::Addresses;
use crate::options::constants::*;
use crate::options::SocketOptions;
use crate::pipe::queue::FRAME_ROUTING_ID;
use crate::pipe::{pair, PipeEnd, PipeEvent, PipeShared};
use crate::socket::endpoints::limits;
use crate::socket::link::SocketLink;
use crate::socket::mailbox::Command;
use crate::transport::tcp::ConnectTarget;
use crate::transport::{self, Endpoint};
use crate::zmtp::command;
use crate::zmtp::handshake::{Config, Handshake, HandshakeError, Peer, Status};
use connecter::{Connecter, Step};
use zap::ZapLine;

/// A number from 0 up to `below`, different each time, to keep peers from acting in step.
fn jitter(below: i32) -> i32 {
    use std::hash::{BuildHasher, Hasher};
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    i32::try_from(random % u64::try_from(below.max(1)).unwrap_or(1)).unwrap_or(0)
}

#[derive(Debug, Default)]
struct SessionTimers {
    linger: Option<TimerKey>,
    handshake: Option<TimerKey>,
    heartbeat: Option<TimerKey>,
    heartbeat_timeout: Option<TimerKey>,
    heartbeat_ttl: Option<TimerKey>,
}

/// A connection that a listener accepted.
#[derive(Debug)]
pub struct Accepted {
    pub fd: OwnedFd,
    pub addresses: Addresses,
    /// The listener's number.
    pub listener: u64,
}

/// A session, owned by its I/O thread.
#[derive(Debug)]
pub struct Session {
    id: u64,
    link: Arc<SocketLink>,
    io: Arc<IoHandle>,
    options: Arc<SocketOptions>,
    /// Present in sessions that connect; accepted ones have none.
    connecter: Option<Connecter>,
    /// An accepted connection, until the session starts.
    accepted: Option<Accepted>,
    pipe: Option<PipeEnd>,
    zap: Option<ZapLine>,
    engine: Option<Box<Engine>>,
    /// The socket is done with this session; only the linger time keeps it.
    ending: bool,
    timers: SessionTimers,
}

impl Session {
    /// A session that connects to an endpoint. `pipe` is its end of the pipe to the socket.
    pub fn connecting(
        id: u64,
        link: Arc<SocketLink>,
        io: Arc<IoHandle>,
        options: Arc<SocketOptions>,
        target: Endpoint,
        pipe: Option<PipeEnd>,
    ) -> Session {
        let connecter = Connecter::new(id, target, link.clone(), options.clone());
        Session {
            id,
            link,
            io,
            options,
            connecter: Some(connecter),
            accepted: None,
            pipe,
            zap: None,
            engine: None,
            ending: false,
            timers: SessionTimers::default(),
        }
    }

    /// A session over an accepted connection.
    pub fn accepted(
        id: u64,
        link: Arc<SocketLink>,
        io: Arc<IoHandle>,
        options: Arc<SocketOptions>,
        accepted: Accepted,
    ) -> Session {
        Session {
            id,
            link,
            io,
            options,
            connecter: None,
            accepted: Some(accepted),
            pipe: None,
            zap: None,
            engine: None,
            ending: false,
            timers: SessionTimers::default(),
        }
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    /// The session arrived in its I/O thread.
    pub fn start(&mut self, cx: &mut Cx<'_>) -> Turn {
        if let Some(Accepted { fd, addresses, listener }) = self.accepted.take() {
            // Only now: what the socket answers must find the session in its thread.
            let added = Command::ChildAdded { id: self.id, io: self.io.clone(), parent: listener };
            if !self.link.mailbox.send(added) {
                return Turn::Over;
            }
            let interest = Interest::READABLE | Interest::WRITABLE;
            if cx.watch(fd.as_raw_fd(), self.id, 0, interest).is_err() {
                return Turn::Over;
            }
            return self.start_engine(cx, fd, addresses, 0);
        }
        self.connect(cx, false)
    }

    // --- connecting ---

    fn connect(&mut self, cx: &mut Cx<'_>, after_pause: bool) -> Turn {
        let Some(connecter) = &mut self.connecter else { return Turn::Over };
        let step = connecter.start(cx, after_pause);
        self.connect_step(cx, step)
    }

    fn connect_step(&mut self, cx: &mut Cx<'_>, step: Step) -> Turn {
        match step {
            Step::Waiting => Turn::Idle,
            Step::Connected(made) => {
                self.start_engine(cx, made.fd, made.addresses, made.generation)
            }
            Step::GaveUp => {
                self.give_endpoint_up();
                Turn::Idle
            }
        }
    }

    /// A host name was looked up.
    pub fn resolved(
        &mut self,
        cx: &mut Cx<'_>,
        attempt: u64,
        outcome: Result<ConnectTarget>,
    ) -> Turn {
        let Some(connecter) = &mut self.connecter else { return Turn::Idle };
        let step = connecter.resolved(cx, attempt, outcome);
        self.connect_step(cx, step)
    }

    fn give_endpoint_up(&self) {
        if let Some(connecter) = &self.connecter {
            let name = connecter.endpoint_name().into_boxed_str();
            self.link.mailbox.send(Command::EndpointFailed(name));
        }
    }

    /// The connection broke: the endpoint is connected again, unless it is not to be.
    fn reconnect(&mut self, cx: &mut Cx<'_>) -> Turn {
        if self.options.immediate {
            if let Some(mut pipe) = self.pipe.take() {
                pipe.close();
                if self.ending {
                    return Turn::Over;
                }
            }
        }
        let subscribes = matches!(self.options.socket_type, ZMQ_SUB | ZMQ_XSUB);
        if self.options.reconnect_ivl <= 0 {
            self.give_endpoint_up();
        }
        if subscribes {
            if let Some(pipe) = &mut self.pipe {
                pipe.hiccup();
            }
        }
        if self.options.reconnect_ivl > 0 {
            return self.connect(cx, true);
        }
        Turn::Idle
    }

    // --- the engine ---

    fn start_engine(
        &mut self,
        cx: &mut Cx<'_>,
        fd: OwnedFd,
        addresses: Addresses,
        generation: u16,
    ) -> Turn {
        let peer_address = transport::peer_address(&fd).unwrap_or_default();
        let raw = self.options.raw_socket;
        let handshake = (!raw).then(|| Handshake::new(self.handshake_config(&peer_address)));
        let mut engine = Engine::new(fd, addresses, generation, handshake, &self.options);
        engine.collect_handshake_output();
        self.engine = Some(Box::new(engine));
        if raw {
            return self.open_raw(cx, peer_address);
        }
        if self.options.handshake_ivl > 0 {
            let timer = cx.timers.add(self.id, Purpose::Handshake, self.options.handshake_ivl);
            self.timers.handshake = Some(timer);
        }
        self.work(cx)
    }

    fn handshake_config(&self, peer_address: &str) -> Config {
        let options = &self.options;
        let mut config = Config::new(options.socket_type);
        config.routing_id.clone_from(&options.routing_id);
        config.recv_routing_id = options.recv_routing_id;
        config.app_metadata = options
            .app_metadata
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        config.zap_domain.clone_from(&options.zap_domain);
        config.zap_enforce_domain = options.zap_enforce_domain;
        peer_address.clone_into(&mut config.peer_address);
        config.maxmsgsize = options.maxmsgsize;
        config
    }

    fn make_pipe(&mut self) {
        if self.pipe.is_some() || self.ending {
            return;
        }
        let (mut theirs, ours) = pair(limits(&self.options));
        ours.set_owner(self.io.owner(self.id, ours.side()));
        if let Some(engine) = &self.engine {
            theirs.addresses = Some(Arc::new(engine.addresses.clone()));
        }
        self.link.attach(theirs);
        self.pipe = Some(ours);
    }

    fn open_raw(&mut self, cx: &mut Cx<'_>, peer_address: String) -> Turn {
        self.make_pipe();
        let notify = self.options.raw_notify;
        let Some(engine) = &mut self.engine else { return Turn::Idle };
        engine.open(Framing::Raw, &self.options);
        let properties = vec![("Peer-Address".to_owned(), peer_address.into_bytes())];
        engine.metadata = Some(Arc::new(Metadata::new(properties, engine.raw_fd())));
        if let Some(pipe) = &mut self.pipe {
            pipe.set_metadata(engine.metadata.clone());
            if notify {
                pipe.write_anyway(0, b"");
            }
        }
        self.work(cx)
    }

    /// The handshake is done: data may flow.
    fn open(&mut self, cx: &mut Cx<'_>, peer: Peer) {
        if let Some(timer) = self.timers.handshake.take() {
            cx.timers.cancel(timer);
        }
        self.make_pipe();
        let Some(engine) = &mut self.engine else { return };
        engine.open(Framing::Zmtp(peer.version), &self.options);
        engine.has_mechanism = peer.version.has_mechanism();
        if !peer.properties.is_empty() {
            engine.metadata = Some(Arc::new(Metadata::new(peer.properties, engine.raw_fd())));
        }
        if let Some(pipe) = &mut self.pipe {
            pipe.set_metadata(engine.metadata.clone());
            if self.options.recv_routing_id {
                pipe.write_anyway(FRAME_ROUTING_ID, &peer.routing_id);
            }
            if self.options.router_notify & ZMQ_NOTIFY_CONNECT != 0 {
                pipe.write_anyway(0, b"");
            }
            if peer.inject_subscription {
                pipe.write_anyway(0, &[1]);
            }
        }
        if engine.has_mechanism {
            if self.options.heartbeat_interval > 0 {
                let timer =
                    cx.timers.add(self.id, Purpose::Heartbeat, self.options.heartbeat_interval);
                self.timers.heartbeat = Some(timer);
            }
            self.link.monitor.emit(ZMQ_EVENT_HANDSHAKE_SUCCEEDED, 0, &engine.addresses);
        }
    }

    /// The descriptor became ready.
    pub fn ready(
        &mut self,
        cx: &mut Cx<'_>,
        generation: u16,
        readable: bool,
        writable: bool,
    ) -> Turn {
        if let Some(engine) = &mut self.engine {
            if engine.generation != generation {
                return Turn::Idle;
            }
            engine.readable |= readable;
            engine.writable |= writable;
            return self.work(cx);
        }
        let Some(connecter) = &mut self.connecter else { return Turn::Idle };
        let step = connecter.ready(cx, generation, writable);
        self.connect_step(cx, step)
    }

    /// One turn: reads and writes what can be.
    pub fn work(&mut self, cx: &mut Cx<'_>) -> Turn {
        if self.engine.as_ref().is_some_and(|engine| engine.is_handshaking()) {
            if let Err(turn) = self.shake_hands(cx) {
                return turn;
            }
        }
        let Some(engine) = self.engine.as_deref_mut() else { return Turn::Idle };
        let mut more = false;
        if !engine.is_handshaking() {
            let read =
                engine.input.pump(engine.fd.as_fd(), &mut engine.readable, self.pipe.as_mut());
            engine.output.control.append(&mut engine.input.pongs);
            match read {
                Ok(progress) => more |= progress == Progress::More,
                Err(failure) => {
                    self.note_life(cx);
                    return self.engine_failed(cx, failure);
                }
            }
        }
        self.note_life(cx);
        let Some(engine) = self.engine.as_deref_mut() else { return Turn::Idle };
        let written =
            engine.output.pump(engine.fd.as_fd(), &mut engine.writable, self.pipe.as_mut());
        match written {
            Ok(progress) => more |= progress == Progress::More,
            Err(failure) => return self.engine_failed(cx, failure),
        }
        let broken = engine.output.is_broken();
        if self.pipe.as_ref().is_some_and(PipeEnd::ended) {
            return self.pipe_over(cx);
        }
        if broken && self.pipe.as_ref().is_none_or(PipeEnd::peer_is_closed) {
            // Nobody reads from this connection any more, so that nothing else would end it.
            return self.engine_failed(cx, Failure::Connection(Errno::EPIPE));
        }
        if self.ending && self.pipe.is_none() && !self.has_unsent() {
            return Turn::Over;
        }
        if more {
            Turn::Again
        } else {
            Turn::Idle
        }
    }

    fn has_unsent(&self) -> bool {
        self.engine.as_ref().is_some_and(|engine| engine.output.has_staged())
    }

    /// Goes on with the handshake; an early return of the turn as `Err`.
    fn shake_hands(&mut self, cx: &mut Cx<'_>) -> core::result::Result<(), Turn> {
        let Some(engine) = self.engine.as_deref_mut() else { return Err(Turn::Idle) };
        let outcome = engine.read_handshake();
        let request = engine.handshake.as_mut().and_then(|shake| shake.take_zap_request());
        if let Some(request) = request {
            if self.zap.is_none() {
                self.zap = ZapLine::open(self.id, &self.io, &self.link);
            }
            match &mut self.zap {
                Some(line) => {
                    line.send(request);
                    self.take_zap_replies(cx)?;
                }
                None => {
                    let answered = self.with_handshake(|shake| shake.zap_unavailable());
                    self.answered(cx, answered)?;
                }
            }
        }
        if let Err(failure) = outcome {
            return Err(match failure {
                HandshakeFailure::Connection(error) => {
                    self.engine_failed(cx, Failure::Connection(error))
                }
                HandshakeFailure::Protocol(error) => {
                    self.report_handshake(&error);
                    self.engine_failed(cx, Failure::Protocol)
                }
            });
        }
        self.finish_handshake(cx);
        Ok(())
    }

    fn with_handshake<T>(&mut self, body: impl FnOnce(&mut Handshake) -> T) -> Option<T> {
        let engine = self.engine.as_deref_mut()?;
        let shake = engine.handshake.as_deref_mut()?;
        let result = body(shake);
        engine.collect_handshake_output();
        Some(result)
    }

    /// The ZAP handler's verdict went into the handshake.
    fn answered(
        &mut self,
        cx: &mut Cx<'_>,
        outcome: Option<core::result::Result<(), HandshakeError>>,
    ) -> core::result::Result<(), Turn> {
        if let Some(Some(event)) = self.with_handshake(|shake| shake.take_event()) {
            self.report_handshake(&event);
        }
        if let Some(Err(error)) = outcome {
            self.report_handshake(&error);
            return Err(self.engine_failed(cx, Failure::Protocol));
        }
        Ok(())
    }

    fn finish_handshake(&mut self, cx: &mut Cx<'_>) {
        let done = self
            .engine
            .as_ref()
            .and_then(|engine| engine.handshake.as_ref())
            .is_some_and(|shake| matches!(shake.status(), Status::Done));
        if !done {
            return;
        }
        if let Some(engine) = self.engine.as_deref_mut() {
            engine.collect_handshake_output();
            if let Some(shake) = engine.handshake.take() {
                self.open(cx, shake.finish());
            }
        }
    }

    fn report_handshake(&self, error: &HandshakeError) {
        let Some(engine) = &self.engine else { return };
        let (kind, value) = match *error {
            HandshakeError::Protocol(code) => (ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, code),
            HandshakeError::Auth(code) => (ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, code),
            HandshakeError::NoDetail(errno) => (ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL, errno.0),
            HandshakeError::Silent(_) => return,
        };
        self.link.monitor.emit(kind, value, &engine.addresses);
    }

    /// The connection is over, for this reason.
    fn engine_failed(&mut self, cx: &mut Cx<'_>, mut failure: Failure) -> Turn {
        let Some(engine) = self.engine.take() else { return Turn::Idle };
        let shaking = engine.is_handshaking();
        let opened = !shaking;
        self.cancel_engine_timers(cx);
        if let Some(pipe) = &mut self.pipe {
            pipe.rollback();
            if opened && self.options.router_notify & ZMQ_NOTIFY_DISCONNECT != 0 {
                pipe.write_anyway(0, b"");
            }
            if self.options.raw_socket && self.options.raw_notify {
                pipe.write_anyway(0, b"");
            }
        }
        if failure != Failure::Protocol && (shaking || !engine.has_mechanism) {
            let errno = match failure {
                Failure::Connection(errno) => errno,
                _ => Errno::ETIMEDOUT,
            };
            self.link.monitor.emit(
                ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL,
                errno.0,
                &engine.addresses,
            );
            if self.options.reconnect_stop & ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED != 0 {
                failure = Failure::Protocol;
            }
        }
        let fd = engine.raw_fd();
        self.link.monitor.emit(ZMQ_EVENT_DISCONNECTED, fd, &engine.addresses);
        cx.unwatch(fd);
        drop(engine);
        self.zap = None;
        let active = self.connecter.is_some();
        if let Some(pipe) = &mut self.pipe {
            clean(pipe);
            let options = &self.options;
            if !active && opened && options.can_recv_disconnect_msg {
                pipe.disconnect_msg.clone_from(&options.disconnect_msg);
                pipe.send_disconnect_msg();
            }
            if active && opened && options.can_recv_hiccup_msg && !options.hiccup_msg.is_empty() {
                pipe.write_anyway(0, &options.hiccup_msg);
            }
            pipe.flush();
        }
        if failure == Failure::Protocol || !active {
            return Turn::Over;
        }
        if self.pipe.as_mut().is_some_and(|pipe| !pipe.check_read() && pipe.ended()) {
            self.pipe = None;
            if self.ending {
                return Turn::Over;
            }
        }
        self.reconnect(cx)
    }

    fn cancel_engine_timers(&mut self, cx: &mut Cx<'_>) {
        let timers = &mut self.timers;
        let slots = [
            &mut timers.handshake,
            &mut timers.heartbeat,
            &mut timers.heartbeat_timeout,
            &mut timers.heartbeat_ttl,
        ];
        for slot in slots {
            if let Some(timer) = slot.take() {
                cx.timers.cancel(timer);
            }
        }
    }

    // --- heartbeats ---

    /// Bytes arrived: the peer lives, and perhaps said how long it may be silent.
    fn note_life(&mut self, cx: &mut Cx<'_>) {
        let Some(engine) = self.engine.as_deref_mut() else { return };
        let ttl = engine.input.ttl.take();
        if core::mem::take(&mut engine.input.heard) {
            for slot in [&mut self.timers.heartbeat_timeout, &mut self.timers.heartbeat_ttl] {
                if let Some(timer) = slot.take() {
                    cx.timers.cancel(timer);
                }
            }
        }
        if let Some(ttl) = ttl.filter(|&ttl| ttl > 0) {
            if self.timers.heartbeat_ttl.is_none() {
                let milliseconds = i32::from(ttl) * 100;
                let timer = cx.timers.add(self.id, Purpose::HeartbeatTtl, milliseconds);
                self.timers.heartbeat_ttl = Some(timer);
            }
        }
    }

    fn send_heartbeat(&mut self, cx: &mut Cx<'_>) -> Turn {
        let interval = self.options.heartbeat_interval;
        self.timers.heartbeat = Some(cx.timers.add(self.id, Purpose::Heartbeat, interval));
        let Some(engine) = self.engine.as_deref_mut() else { return Turn::Idle };
        // An unanswered PING that is still unsent serves as well as another one.
        if engine.output.control.len() < 64 * 1024 {
            let ping = command::encode_ping(self.options.heartbeat_ttl, b"");
            engine.output.control.extend_from_slice(&ping);
        }
        let timeout = match self.options.heartbeat_timeout {
            -1 => interval,
            timeout => timeout,
        };
        if timeout > 0 && self.timers.heartbeat_timeout.is_none() {
            let timer = cx.timers.add(self.id, Purpose::HeartbeatTimeout, timeout);
            self.timers.heartbeat_timeout = Some(timer);
        }
        self.work(cx)
    }

    /// A timer of this session fired.
    pub fn timer(&mut self, cx: &mut Cx<'_>, purpose: Purpose) -> Turn {
        match purpose {
            Purpose::Linger => Turn::Over,
            Purpose::Reconnect | Purpose::ConnectTimeout => {
                let Some(connecter) = &mut self.connecter else { return Turn::Idle };
                let step = connecter.timer(cx, purpose);
                self.connect_step(cx, step)
            }
            Purpose::Heartbeat => self.send_heartbeat(cx),
            Purpose::Handshake | Purpose::HeartbeatTimeout | Purpose::HeartbeatTtl => {
                self.engine_failed(cx, Failure::Timeout)
            }
            Purpose::Accept => Turn::Idle,
        }
    }

    // --- the pipe ---

    /// The socket's end of the pipe, or the ZAP handler's, has news.
    pub fn pipe_event(
        &mut self,
        cx: &mut Cx<'_>,
        pipe: &Arc<PipeShared>,
        event: PipeEvent,
    ) -> Turn {
        if self.zap.as_ref().is_some_and(|zap| zap.is(pipe)) {
            return self.zap_event(cx, event);
        }
        let Some(end) = self.pipe.as_mut().filter(|end| Arc::ptr_eq(&end.shared, pipe)) else {
            return Turn::Idle;
        };
        match event {
            PipeEvent::Readable => {
                end.activate_read();
                if self.engine.is_none() && !end.check_read() && end.ended() {
                    return self.pipe_over(cx);
                }
                self.work(cx)
            }
            PipeEvent::Writable => {
                end.activate_write();
                if let Some(engine) = &mut self.engine {
                    engine.input.resume();
                }
                self.work(cx)
            }
            PipeEvent::Closed => {
                end.activate_read();
                if end.peer_closed() {
                    return self.pipe_over(cx);
                }
                self.work(cx)
            }
            PipeEvent::HighWaterMarks(inbound, outbound) => {
                if end.set_limits(inbound, outbound) {
                    if let Some(engine) = &mut self.engine {
                        engine.input.resume();
                    }
                    return self.work(cx);
                }
                Turn::Idle
            }
            PipeEvent::StatsWanted(queued) => {
                end.send_stats(queued);
                Turn::Idle
            }
            PipeEvent::Hiccup | PipeEvent::Bound(..) | PipeEvent::Stats(..) => Turn::Idle,
        }
    }

    /// The socket closed the pipe and all of it is read.
    fn pipe_over(&mut self, cx: &mut Cx<'_>) -> Turn {
        self.pipe = None;
        if self.options.raw_socket && !self.ending {
            // A raw connection is nothing without its pipe.
            self.ending = true;
        }
        if self.ending {
            if !self.has_unsent() {
                return Turn::Over;
            }
            return self.work(cx);
        }
        Turn::Idle
    }

    fn zap_event(&mut self, cx: &mut Cx<'_>, event: PipeEvent) -> Turn {
        let Some(zap) = &mut self.zap else { return Turn::Idle };
        match event {
            PipeEvent::Readable => zap.activate(),
            PipeEvent::Closed => zap.peer_closed(),
            _ => return Turn::Idle,
        }
        if let Err(turn) = self.take_zap_replies(cx) {
            return turn;
        }
        self.finish_handshake(cx);
        self.work(cx)
    }

    fn take_zap_replies(&mut self, cx: &mut Cx<'_>) -> core::result::Result<(), Turn> {
        while let Some(reply) = self.zap.as_mut().and_then(ZapLine::take_reply) {
            let outcome = self.with_handshake(|shake| shake.zap_reply(reply));
            self.answered(cx, outcome)?;
        }
        Ok(())
    }

    // --- the end ---

    /// The socket closes or takes the endpoint down: what waits is delivered within the linger
    /// time.
    pub fn terminate(&mut self, cx: &mut Cx<'_>, linger: i32) -> Turn {
        if self.ending && self.timers.linger.is_some() {
            return Turn::Idle;
        }
        self.ending = true;
        // A pipe that the socket did not close is cut (unbind); what it holds is not sent.
        let cut = self.pipe.as_ref().is_some_and(|pipe| !pipe.peer_is_closed());
        if linger == 0 || cut || self.pipe.is_none() && !self.has_unsent() {
            return Turn::Over;
        }
        if linger > 0 {
            self.timers.linger = Some(cx.timers.add(self.id, Purpose::Linger, linger));
        }
        if self.engine.is_none() {
            // Without a connection the pipe is looked at here: it may hold nothing but its end.
            let over = self.pipe.as_mut().is_some_and(|pipe| !pipe.check_read() && pipe.ended());
            let hopeless = self.connecter.as_ref().is_none_or(Connecter::has_given_up);
            return if over || hopeless { Turn::Over } else { Turn::Idle };
        }
        self.work(cx)
    }

    /// Lets go of everything.
    pub fn over(mut self: Box<Self>, cx: &mut Cx<'_>) {
        self.cancel_engine_timers(cx);
        if let Some(timer) = self.timers.linger.take() {
            cx.timers.cancel(timer);
        }
        if let Some(connecter) = &mut self.connecter {
            connecter.close(cx);
        }
        if let Some(engine) = self.engine.take() {
            cx.unwatch(engine.raw_fd());
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(mut pipe) = self.pipe.take() {
            pipe.close();
        }
        self.link.mailbox.send(Command::ChildGone(self.id));
    }
}

/// Fits the pipe for the next connection: nothing half-received, nothing half-sent.
fn clean(pipe: &mut PipeEnd) {
    pipe.rollback();
    let done = pipe.reader().map_or(0, |reader| reader.rewind_to_boundary());
    pipe.count_read(done);
}
