//! A bound endpoint: accepts connections and starts a session for each.

use core::sync::atomic::AtomicBool;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;

use mio::Interest;
use socket2::SockAddr;

use super::newcomers::Newcomers;
use super::{Accepted, Protocol, Session};
use crate::context::unique_id;
use crate::error::{Errno, Result};
use crate::io::timers::{Purpose, TimerKey};
use crate::io::{Cx, Turn};
use crate::monitor::Addresses;
use crate::options::constants::*;
use crate::options::SocketOptions;
use crate::socket::link::SocketLink;
use crate::socket::mailbox::Command;
use crate::transport::cluster::{self, Family};
use crate::transport::ipc::IpcListener;
use crate::transport::{self, ipc, tcp, tls, ws, End, OpenError};

/// How long to leave waiting connections alone when the system has no resources for them.
const ACCEPT_PAUSE: i32 = 50;
const ACCEPTS_PER_TURN: usize = 64;

#[derive(Debug)]
enum Source {
    /// With the local end of all its connections, where they have the same.
    Tcp(OwnedFd, Option<String>),
    Ipc(IpcListener),
    Cluster(OwnedFd, Family),
    /// With the path of its endpoint, and TLS for `wss`.
    Ws(OwnedFd, String, Option<tls::Server>),
}

impl Source {
    fn raw_fd(&self) -> RawFd {
        match self {
            Source::Tcp(fd, _) | Source::Ws(fd, ..) | Source::Cluster(fd, _) => fd.as_raw_fd(),
            Source::Ipc(listener) => listener.fd.as_raw_fd(),
        }
    }

    /// Accepts a connection; with it comes the peer's address, where that names the peer.
    fn accept(&self, options: &SocketOptions) -> Result<(OwnedFd, Option<SockAddr>)> {
        match self {
            Source::Tcp(fd, _) | Source::Ws(fd, ..) => {
                tcp::accept(fd.as_fd(), options).map(|(fd, peer)| (fd, Some(peer)))
            }
            Source::Cluster(fd, family) => {
                Ok((cluster::accept(*family, fd.as_fd(), options)?, None))
            }
            Source::Ipc(listener) => Ok((ipc::accept(listener.fd.as_fd(), options)?, None)),
        }
    }

    fn protocol(&self) -> Result<Protocol> {
        Ok(match self {
            Source::Tcp(..) | Source::Ipc(_) | Source::Cluster(..) => Protocol::Zmtp,
            Source::Ws(_, _, tls) => {
                Protocol::WebSocketServer(tls.as_ref().map(tls::Server::accept).transpose()?)
            }
        })
    }

    fn addresses_of(&self, connection: &OwnedFd, peer: Option<&SockAddr>) -> Addresses {
        let name = |end| match self {
            Source::Tcp(..) => tcp::endpoint_of(connection, end),
            Source::Ipc(_) => ipc::endpoint_of(connection, end),
            Source::Cluster(_, family) => cluster::endpoint_of(*family, connection, end),
            Source::Ws(_, path, tls) => ws::endpoint_of(scheme(tls), connection, end, path),
        };
        let remote = match (self, peer) {
            (Source::Tcp(..), Some(peer)) => tcp::endpoint_text(peer),
            (Source::Ws(_, path, tls), Some(peer)) => ws::endpoint_text(scheme(tls), peer, path),
            _ => name(End::Remote),
        };
        let local = match self {
            Source::Tcp(_, Some(local)) => Ok(local.clone()),
            _ => name(End::Local),
        };
        Addresses {
            local: local.unwrap_or_default(),
            remote: remote.unwrap_or_default(),
            bound: true,
        }
    }
}

/// A listener, owned by its I/O thread.
#[derive(Debug)]
pub struct Listener {
    id: u64,
    link: Arc<SocketLink>,
    options: Arc<SocketOptions>,
    source: Option<Source>,
    addresses: Addresses,
    /// The reactor tells of new connections.
    watched: bool,
    pause: Option<TimerKey>,
    /// Its endpoint was taken down: what it accepted is to be cut off, too.
    down: Arc<AtomicBool>,
    newcomers: Arc<Newcomers>,
}

impl Listener {
    /// Listens on a tcp address; also returns the endpoint as bound (`ZMQ_LAST_ENDPOINT`).
    pub fn tcp(
        address: &str,
        link: &Arc<SocketLink>,
        options: &Arc<SocketOptions>,
    ) -> Result<(Listener, String)> {
        let fd = tcp::bind(address, options).map_err(|error| failed(link, error, ""))?;
        let name = tcp::endpoint_of(&fd, End::Local)?;
        // What an application prepared may take connections that were meant for others.
        let is_one = options.use_fd == -1 && tcp::has_one_address(&fd);
        let source = Source::Tcp(fd, is_one.then(|| name.clone()));
        Ok((Listener::new(source, &name, link, options), name))
    }

    /// Listens on an ipc path; also returns the endpoint as bound.
    pub fn ipc(
        address: &str,
        link: &Arc<SocketLink>,
        options: &Arc<SocketOptions>,
    ) -> Result<(Listener, String)> {
        let listener = ipc::listen(address, options)
            .map_err(|error| failed(link, error, &format!("ipc://{address}")))?;
        let name = ipc::endpoint_of(&listener.fd, End::Local)?;
        let endpoint = listener.endpoint.clone();
        Ok((Listener::new(Source::Ipc(listener), &endpoint, link, options), name))
    }

    /// Listens on an address of numbers; also returns the endpoint as bound.
    pub fn cluster(
        family: Family,
        address: &str,
        link: &Arc<SocketLink>,
        options: &Arc<SocketOptions>,
    ) -> Result<(Listener, String)> {
        let (fd, name) =
            cluster::listen(family, address, options).map_err(|error| failed(link, error, ""))?;
        Ok((Listener::new(Source::Cluster(fd, family), &name, link, options), name))
    }

    /// Listens for WebSockets over TLS; also returns the endpoint as bound.
    pub fn wss(
        address: &str,
        link: &Arc<SocketLink>,
        options: &Arc<SocketOptions>,
    ) -> Result<(Listener, String)> {
        let tls = tls::Server::new(options)?;
        Listener::websocket(address, link, options, Some(tls))
    }

    /// Listens for WebSockets; also returns the endpoint as bound.
    pub fn ws(
        address: &str,
        link: &Arc<SocketLink>,
        options: &Arc<SocketOptions>,
    ) -> Result<(Listener, String)> {
        Listener::websocket(address, link, options, None)
    }

    fn websocket(
        address: &str,
        link: &Arc<SocketLink>,
        options: &Arc<SocketOptions>,
        tls: Option<tls::Server>,
    ) -> Result<(Listener, String)> {
        let fd = ws::bind(address, options).map_err(|error| failed(link, error, ""))?;
        let (_, path) = ws::split(address);
        let name = ws::endpoint_of(scheme(&tls), &fd, End::Local, path)?;
        let source = Source::Ws(fd, path.to_owned(), tls);
        Ok((Listener::new(source, &name, link, options), name))
    }

    fn new(
        source: Source,
        endpoint: &str,
        link: &Arc<SocketLink>,
        options: &Arc<SocketOptions>,
    ) -> Listener {
        let addresses = Addresses::of_bound(endpoint);
        link.monitor.emit(ZMQ_EVENT_LISTENING, source.raw_fd(), &addresses);
        Listener {
            id: unique_id(),
            link: link.clone(),
            options: options.clone(),
            source: Some(source),
            addresses,
            watched: false,
            pause: None,
            down: Arc::default(),
            newcomers: Arc::default(),
        }
    }

    /// Raised by the socket when it takes the endpoint down.
    pub fn down(&self) -> Arc<AtomicBool> {
        self.down.clone()
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    /// Begins accepting.
    pub fn start(&mut self, cx: &mut Cx<'_>) -> Turn {
        self.ready(cx)
    }

    /// Accepts what waits.
    pub fn ready(&mut self, cx: &mut Cx<'_>) -> Turn {
        let Some(source) = &self.source else { return Turn::Over };
        if let Some(pause) = self.pause.take() {
            cx.timers.cancel(pause);
        }
        if !self.watched {
            if let Err(error) = cx.watch(source.raw_fd(), self.id, 0, Interest::READABLE) {
                return self.failed(cx, error);
            }
            self.watched = true;
        }
        for _ in 0..ACCEPTS_PER_TURN {
            match source.accept(&self.options) {
                Ok((connection, peer)) => self.launch(cx, source, connection, peer),
                Err(Errno::EAGAIN) => return Turn::Idle,
                Err(error) => {
                    if is_scarce(error) {
                        self.newcomers.make_room();
                    }
                    if is_scarce(error) || is_shut_down(error) {
                        return self.failed(cx, error);
                    }
                    self.link.monitor.emit(ZMQ_EVENT_ACCEPT_FAILED, error.0, &self.addresses);
                }
            }
        }
        Turn::Again
    }

    /// There is no accepting at this moment: tries again after a pause.
    fn failed(&mut self, cx: &mut Cx<'_>, error: Errno) -> Turn {
        self.link.monitor.emit(ZMQ_EVENT_ACCEPT_FAILED, error.0, &self.addresses);
        self.pause = Some(cx.timers.add(self.id, Purpose::Accept, ACCEPT_PAUSE));
        Turn::Idle
    }

    fn launch(&self, cx: &Cx<'_>, source: &Source, connection: OwnedFd, peer: Option<SockAddr>) {
        let addresses = source.addresses_of(&connection, peer.as_ref());
        let peer_address = match &peer {
            Some(peer) => transport::address_of_peer(&connection, peer),
            None => transport::peer_address(&connection),
        };
        let affinity = self.options.affinity;
        let io = self.link.context.choose_io_thread(affinity).unwrap_or_else(|| cx.io.clone());
        self.link.monitor.emit(ZMQ_EVENT_ACCEPTED, connection.as_raw_fd(), &addresses);
        let Ok(protocol) = source.protocol() else { return };
        let (down, newcomers) = (self.down.clone(), self.newcomers.clone());
        let listener = self.id;
        let accepted = Accepted {
            fd: connection,
            addresses,
            peer_address: peer_address.unwrap_or_default(),
            protocol,
            listener,
            down,
            newcomers,
        };
        let (link, options) = (self.link.clone(), self.options.clone());
        let id = unique_id();
        self.newcomers.add(id, io.clone());
        let session = Session::accepted(id, link, io.clone(), options, accepted);
        io.add_session(Box::new(session));
    }

    /// The socket closes or unbinds.
    pub fn terminate(&mut self, _cx: &mut Cx<'_>) -> Turn {
        Turn::Over
    }

    /// Stops listening.
    pub fn over(mut self, cx: &mut Cx<'_>) {
        if let Some(pause) = self.pause.take() {
            cx.timers.cancel(pause);
        }
        let Some(source) = self.source.take() else { return };
        let fd = source.raw_fd();
        cx.unwatch(fd);
        let closed = match source {
            Source::Tcp(listener, _) | Source::Ws(listener, ..) | Source::Cluster(listener, _) => {
                drop(listener);
                Ok(())
            }
            Source::Ipc(listener) => listener.close(),
        };
        match closed {
            Ok(()) => self.link.monitor.emit(ZMQ_EVENT_CLOSED, fd, &self.addresses),
            Err(error) => {
                self.link.monitor.emit(ZMQ_EVENT_CLOSE_FAILED, error.0, &self.addresses);
            }
        }
    }
}

/// Whether an error says that the system has no room for one more connection.
fn is_scarce(error: Errno) -> bool {
    matches!(error, Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM)
}

/// Whether an error is the listener's, which somebody else has shut down or closed, and not that of one
/// connection.
fn is_shut_down(error: Errno) -> bool {
    matches!(error, Errno::EINVAL | Errno::EBADF | Errno::ENOTSOCK)
}

fn scheme(tls: &Option<tls::Server>) -> &'static str {
    if tls.is_some() {
        "wss"
    } else {
        "ws"
    }
}

/// Reports the descriptor that was opened in vain, if it came to that.
fn failed(link: &SocketLink, error: OpenError, endpoint: &str) -> Errno {
    if let Some(number) = error.descriptor {
        link.monitor.emit(ZMQ_EVENT_CLOSED, number, &Addresses::of_bound(endpoint));
    }
    error.errno
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.link.mailbox.send(Command::ChildGone(self.id));
    }
}
