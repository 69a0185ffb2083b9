//! Making a connection: name lookup, connect, SOCKS5 proxy, and the waits between attempts.

use core::sync::atomic::Ordering;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;

use mio::Interest;

use super::{jitter, Protocol};
use crate::context::threads;
use crate::engine::stream;
use crate::error::{Errno, Result};
use crate::io::timers::{Purpose, TimerKey};
use crate::io::{Cx, IoHandle};
use crate::monitor::Addresses;
use crate::options::constants::*;
use crate::options::SocketOptions;
use crate::socket::link::SocketLink;
use crate::transport::resolve;
use crate::transport::socks::SocksClient;
use crate::transport::tcp::ConnectTarget;
use crate::transport::{cluster, ipc, tcp, tls, ws, End, Endpoint, OpenError};

/// A connection that is made, and how its endpoint is shown.
#[derive(Debug)]
pub struct Connected {
    pub fd: OwnedFd,
    pub addresses: Addresses,
    pub protocol: Protocol,
    pub generation: u16,
}

/// What became of a step.
#[derive(Debug)]
pub enum Step {
    /// Goes on when an event comes.
    Waiting,
    Connected(Connected),
    /// `ZMQ_RECONNECT_STOP` says not to try again.
    GaveUp,
}

#[derive(Debug)]
enum State {
    Idle,
    /// Waiting before the next attempt.
    Pausing(TimerKey),
    Resolving,
    Connecting {
        fd: OwnedFd,
        timeout: Option<TimerKey>,
    },
    /// Connected to the proxy, talking SOCKS.
    Proxy {
        fd: OwnedFd,
        socks: Box<SocksClient>,
    },
}

/// Connects one endpoint, again and again.
#[derive(Debug)]
pub struct Connecter {
    session: u64,
    target: Endpoint,
    tls: Option<tls::Client>,
    link: Arc<SocketLink>,
    options: Arc<SocketOptions>,
    /// What the monitor calls the endpoint (the proxy's address when there is one).
    addresses: Addresses,
    state: State,
    attempt: u64,
    generation: u16,
    interval: i32,
}

impl Connecter {
    pub fn new(
        session: u64,
        target: Endpoint,
        tls: Option<tls::Client>,
        link: Arc<SocketLink>,
        options: Arc<SocketOptions>,
    ) -> Connecter {
        let proxied = matches!(target, Endpoint::Tcp(_)) && !options.socks_proxy_address.is_empty();
        let shown = match &target {
            Endpoint::Tcp(_) if proxied => {
                format!("tcp://{}", String::from_utf8_lossy(&options.socks_proxy_address))
            }
            target => target.text(),
        };
        Connecter {
            session,
            target,
            tls,
            link,
            options,
            addresses: Addresses::of_connecting(&shown),
            state: State::Idle,
            attempt: 0,
            generation: 0,
            interval: -1,
        }
    }

    fn uses_proxy(&self) -> bool {
        matches!(self.target, Endpoint::Tcp(_)) && !self.options.socks_proxy_address.is_empty()
    }

    /// Host and port to connect to.
    fn host(&self) -> &str {
        match &self.target {
            Endpoint::Ws(address) | Endpoint::Wss(address) => ws::split(address).0,
            target => target.address(),
        }
    }

    /// The endpoint as the socket knows it.
    pub fn endpoint_name(&self) -> String {
        self.target.name()
    }

    /// Makes the first attempt at once, later ones after a pause.
    pub fn start(&mut self, cx: &mut Cx<'_>, after_pause: bool) -> Step {
        if after_pause {
            self.pause(cx);
            return Step::Waiting;
        }
        self.attempt += 1;
        match &self.target {
            Endpoint::Ipc(address) => {
                let opened = ipc::connect(address);
                self.opened(cx, opened)
            }
            Endpoint::Tcp(_) | Endpoint::Ws(_) | Endpoint::Wss(_) => {
                let address = if self.uses_proxy() {
                    String::from_utf8_lossy(&self.options.socks_proxy_address).into_owned()
                } else {
                    self.host().to_owned()
                };
                if resolve::needs_resolver(&address) {
                    return self.look_up(cx, address);
                }
                let target = resolve::resolve_connect(&address, self.options.ipv6);
                self.connect_to(cx, target)
            }
            Endpoint::Cluster(family, address) => {
                let opened = cluster::connect(*family, address, &self.options);
                self.opened(cx, opened)
            }
            Endpoint::Inproc(_) | Endpoint::Udp(_) | Endpoint::Multicast(..) => Step::Waiting,
        }
    }

    /// Looks a host name up in a thread of its own, since that may block for long.
    fn look_up(&mut self, cx: &mut Cx<'_>, address: String) -> Step {
        self.state = State::Resolving;
        let (io, session, attempt) = (cx.io.clone(), self.session, self.attempt);
        let ipv6 = self.options.ipv6;
        let settings = self.link.context.options();
        let spawned = threads::spawn(&settings, "Resolve", move || {
            let outcome = resolve::resolve_connect(&address, ipv6);
            IoHandle::resolved(&io, session, attempt, outcome);
        });
        if spawned.is_err() {
            self.failed(cx, Errno::EAGAIN)
        } else {
            Step::Waiting
        }
    }

    /// A host name was looked up.
    pub fn resolved(
        &mut self,
        cx: &mut Cx<'_>,
        attempt: u64,
        outcome: Result<ConnectTarget>,
    ) -> Step {
        if attempt != self.attempt || !matches!(self.state, State::Resolving) {
            return Step::Waiting;
        }
        self.connect_to(cx, outcome)
    }

    fn connect_to(&mut self, cx: &mut Cx<'_>, target: Result<ConnectTarget>) -> Step {
        let opened =
            target.map_err(OpenError::from).and_then(|target| tcp::connect(&target, &self.options));
        self.opened(cx, opened)
    }

    fn opened(&mut self, cx: &mut Cx<'_>, opened: Result<(OwnedFd, bool), OpenError>) -> Step {
        let (fd, in_progress) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                self.state = State::Idle;
                if let Some(number) = error.descriptor {
                    self.link.monitor.emit(ZMQ_EVENT_CLOSED, number, &self.addresses);
                }
                return self.failed(cx, error.errno);
            }
        };
        self.generation = self.generation.wrapping_add(1);
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = cx.watch(fd.as_raw_fd(), self.session, self.generation, interest) {
            self.state = State::Connecting { fd, timeout: None };
            return self.failed(cx, error);
        }
        self.state = State::Connecting { fd, timeout: None };
        if !in_progress {
            return self.finish(cx);
        }
        self.link.monitor.emit(ZMQ_EVENT_CONNECT_DELAYED, Errno::EINPROGRESS.0, &self.addresses);
        if self.options.connect_timeout > 0 {
            let timer =
                cx.timers.add(self.session, Purpose::ConnectTimeout, self.options.connect_timeout);
            if let State::Connecting { timeout, .. } = &mut self.state {
                *timeout = Some(timer);
            }
        }
        Step::Waiting
    }

    /// The descriptor became ready.
    pub fn ready(&mut self, cx: &mut Cx<'_>, generation: u16, writable: bool) -> Step {
        if generation != self.generation {
            return Step::Waiting;
        }
        match &self.state {
            State::Connecting { .. } if writable => self.finish(cx),
            State::Proxy { .. } => self.talk_to_proxy(cx),
            _ => Step::Waiting,
        }
    }

    fn finish(&mut self, cx: &mut Cx<'_>) -> Step {
        let State::Connecting { fd, timeout } = core::mem::replace(&mut self.state, State::Idle)
        else {
            return Step::Waiting;
        };
        if let Some(timeout) = timeout {
            cx.timers.cancel(timeout);
        }
        let outcome = tcp::finish_connect(&fd).and_then(|()| match self.target {
            Endpoint::Tcp(_) | Endpoint::Ws(_) | Endpoint::Wss(_) => tcp::tune(&fd, &self.options),
            _ => Ok(()),
        });
        if let Err(error) = outcome {
            self.state = State::Connecting { fd, timeout: None };
            return self.failed(cx, error);
        }
        if !self.uses_proxy() {
            return self.connected(cx, fd);
        }
        let Endpoint::Tcp(address) = &self.target else { return self.connected(cx, fd) };
        let credentials = (!self.options.socks_proxy_username.is_empty()).then(|| {
            (self.options.socks_proxy_username.clone(), self.options.socks_proxy_password.clone())
        });
        match SocksClient::new(address, credentials) {
            Ok(socks) => {
                self.state = State::Proxy { fd, socks: Box::new(socks) };
                self.talk_to_proxy(cx)
            }
            Err(error) => {
                self.state = State::Connecting { fd, timeout: None };
                self.failed(cx, error)
            }
        }
    }

    fn talk_to_proxy(&mut self, cx: &mut Cx<'_>) -> Step {
        let State::Proxy { fd, socks } = &mut self.state else { return Step::Waiting };
        let outcome = loop {
            if !socks.output().is_empty() {
                match stream::send(fd.as_fd(), socks.output()) {
                    Ok(count) => socks.advance(count),
                    Err(Errno::EAGAIN) => return Step::Waiting,
                    Err(error) => break Err(error),
                }
                continue;
            }
            if socks.is_done() {
                break Ok(());
            }
            let mut buffer = [0u8; 512];
            let wanted = socks.wanted().min(buffer.len());
            match stream::receive(fd.as_fd(), &mut buffer[..wanted]) {
                Ok(0) => break Err(Errno::EPIPE),
                Ok(count) => {
                    if let Err(error) = socks.input(&buffer[..count]) {
                        break Err(error);
                    }
                }
                Err(Errno::EAGAIN) => return Step::Waiting,
                Err(error) => break Err(error),
            }
        };
        if let Err(error) = outcome {
            return self.failed(cx, error);
        }
        let State::Proxy { fd, .. } = core::mem::replace(&mut self.state, State::Idle) else {
            return Step::Waiting;
        };
        self.connected(cx, fd)
    }

    fn connected(&mut self, cx: &mut Cx<'_>, fd: OwnedFd) -> Step {
        self.interval = -1;
        let (local, protocol) = match &self.target {
            Endpoint::Ws(address) => (
                ws::endpoint_of("ws", &fd, End::Local, ""),
                Protocol::WebSocketClient(ws::resource(address), None),
            ),
            Endpoint::Wss(address) => {
                let secured = self.tls.as_ref().and_then(|tls| tls.connect().ok());
                if secured.is_none() {
                    self.state = State::Connecting { fd, timeout: None };
                    return self.failed(cx, Errno::ENOMEM);
                }
                (
                    ws::endpoint_of("wss", &fd, End::Local, ""),
                    Protocol::WebSocketClient(ws::resource(address), secured),
                )
            }
            Endpoint::Tcp(_) => (tcp::endpoint_of(&fd, End::Local), Protocol::Zmtp),
            Endpoint::Cluster(family, _) => {
                (cluster::endpoint_of(*family, &fd, End::Local), Protocol::Zmtp)
            }
            _ => (ipc::endpoint_of(&fd, End::Local), Protocol::Zmtp),
        };
        let addresses = Addresses {
            local: local.unwrap_or_default(),
            remote: self.addresses.remote.clone(),
            bound: false,
        };
        self.link.monitor.emit(ZMQ_EVENT_CONNECTED, fd.as_raw_fd(), &addresses);
        Step::Connected(Connected { fd, addresses, protocol, generation: self.generation })
    }

    /// An attempt failed: pauses before the next one, or gives up.
    fn failed(&mut self, cx: &mut Cx<'_>, error: Errno) -> Step {
        self.close(cx);
        if error == Errno::ECONNREFUSED {
            if self.options.reconnect_stop & ZMQ_RECONNECT_STOP_CONN_REFUSED != 0 {
                return Step::GaveUp;
            }
            let is_ipc = matches!(self.target, Endpoint::Ipc(_));
            if is_ipc && self.link.disconnected.load(Ordering::Relaxed) {
                return Step::Waiting;
            }
        }
        self.pause(cx);
        Step::Waiting
    }

    fn pause(&mut self, cx: &mut Cx<'_>) {
        if self.options.reconnect_ivl <= 0 {
            return;
        }
        let interval = self.next_interval();
        let timer = cx.timers.add(self.session, Purpose::Reconnect, interval);
        self.link.monitor.emit(ZMQ_EVENT_CONNECT_RETRIED, interval, &self.addresses);
        self.state = State::Pausing(timer);
    }

    /// Doubles up to the maximum where one is set; otherwise the interval with some jitter.
    fn next_interval(&mut self) -> i32 {
        let base = self.options.reconnect_ivl;
        if self.options.reconnect_ivl_max > 0 {
            let next = if self.interval == -1 { base } else { self.interval.saturating_mul(2) };
            self.interval = next.min(self.options.reconnect_ivl_max);
            return self.interval;
        }
        if self.interval == -1 {
            self.interval = base;
        }
        self.interval.saturating_add(jitter(base))
    }

    /// A timer of this connecter fired.
    pub fn timer(&mut self, cx: &mut Cx<'_>, purpose: Purpose) -> Step {
        match (&self.state, purpose) {
            (State::Pausing(_), Purpose::Reconnect) => {
                self.state = State::Idle;
                self.start(cx, false)
            }
            (State::Connecting { .. }, Purpose::ConnectTimeout) => {
                self.close(cx);
                self.pause(cx);
                Step::Waiting
            }
            _ => Step::Waiting,
        }
    }

    /// Whether no further attempt will be made.
    pub fn has_given_up(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// Gives up what is under way.
    pub fn close(&mut self, cx: &mut Cx<'_>) {
        match core::mem::replace(&mut self.state, State::Idle) {
            State::Idle | State::Resolving => {}
            State::Pausing(timer) => cx.timers.cancel(timer),
            State::Connecting { fd, timeout } => {
                if let Some(timeout) = timeout {
                    cx.timers.cancel(timeout);
                }
                self.close_descriptor(cx, fd);
            }
            State::Proxy { fd, .. } => self.close_descriptor(cx, fd),
        }
    }

    fn close_descriptor(&self, cx: &mut Cx<'_>, fd: OwnedFd) {
        let number = fd.as_raw_fd();
        cx.unwatch(number);
        drop(fd);
        self.link.monitor.emit(ZMQ_EVENT_CLOSED, number, &self.addresses);
    }
}
