//! How endpoints are named and how their descriptors are made.
//!
//! An endpoint text is parsed once, by [`parse`], into an [`Endpoint`]; everything behind it works
//! on the enum. For `tcp` the address part is turned into numbers by [`resolve`] (which may ask the
//! system's resolver, so connecting sides call it off the reactor), then [`tcp`] makes listening,
//! accepted and connecting descriptors of it. [`ipc`] does the same for `AF_UNIX` paths, and
//! [`ws`] for `tcp` addresses with a path, [`tls`]
//! secures those. [`cluster`] is for transports
//! with addresses of numbers, [`udp`] for the socket kinds that send datagrams. A `tcp` connection
//! that goes through a proxy first talks [`socks`], which is bytes in and bytes out and knows no
//! descriptor. [`nearby`] is for connections inside one machine.
//!
//! Descriptors handed out here are non-blocking, close-on-exec and owned. Waiting, retrying and
//! reporting to monitors is the business of the session layer above. Calls that only some systems
//! have are collected in `sys`.

mod addresses;
pub mod cluster;
pub mod filter;
pub mod ipc;
pub mod multicast;
pub mod nearby;
#[cfg(feature = "norm")]
pub mod norm;
#[cfg(feature = "pgm")]
pub mod pgm;
pub mod resolve;
pub mod socks;
mod sys;
pub mod tcp;
mod tipc;
#[cfg_attr(not(feature = "wss"), path = "tls_absent.rs")]
pub mod tls;
pub mod udp;
mod vsock;
pub mod ws;

pub use addresses::Addresses;
use cluster::Family;

use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use socket2::{SockAddr, SockRef, Socket};

use crate::error::{Errno, Result};
use crate::options::constants::{
    ZMQ_DGRAM, ZMQ_DISH, ZMQ_PUB, ZMQ_RADIO, ZMQ_SUB, ZMQ_XPUB, ZMQ_XSUB,
};

/// What an accepting side reports for a peer that an accept filter turned away.
///
/// Only that peer is affected: its connection is closed already, the listener goes on.
pub const FILTERED: Errno = Errno::EACCES;

/// Why binding or connecting gave no descriptor. A monitor is told which number a descriptor had
/// that was opened for the attempt and is closed again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenError {
    pub errno: Errno,
    /// `None` when it failed before there was a descriptor.
    pub descriptor: Option<RawFd>,
}

impl From<Errno> for OpenError {
    fn from(errno: Errno) -> OpenError {
        OpenError { errno, descriptor: None }
    }
}

/// Does what is to be done with a new socket before it is used.
fn prepare<T>(socket: &Socket, steps: impl FnOnce() -> Result<T>) -> Result<T, OpenError> {
    steps().map_err(|errno| OpenError { errno, descriptor: Some(socket.as_raw_fd()) })
}

/// A parsed endpoint: the transport, with the address part still in its own syntax.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A name inside the context.
    Inproc(String),
    /// `interface:port` or `[source;]host:port`.
    Tcp(String),
    /// A path, `@name` in the abstract namespace, or `*`.
    Ipc(String),
    /// A `tcp` address and `/path`.
    Ws(String),
    /// An address of `tipc`, `vsock` or `vmci`.
    Cluster(Family, String),
    /// An address of `pgm`, `epgm` or `norm`, for PUB, SUB, XPUB and XSUB.
    Multicast(multicast::Kind, String),
    /// `[interface;]host:port`, for RADIO, DISH and DGRAM.
    Udp(String),
    /// The same over TLS.
    Wss(String),
}

impl Endpoint {
    /// The text it was parsed from.
    pub fn name(&self) -> String {
        let scheme = match self {
            Endpoint::Inproc(_) => "inproc",
            Endpoint::Tcp(_) => "tcp",
            Endpoint::Ipc(_) => "ipc",
            Endpoint::Ws(_) => "ws",
            Endpoint::Wss(_) => "wss",
            Endpoint::Udp(_) => "udp",
            Endpoint::Cluster(family, _) => family.scheme(),
            Endpoint::Multicast(kind, _) => kind.scheme(),
        };
        format!("{scheme}://{}", self.address())
    }

    /// The text with the parts that may be left out.
    pub fn text(&self) -> String {
        match self {
            Endpoint::Ws(address) => ws::text("ws", address),
            Endpoint::Wss(address) => ws::text("wss", address),
            // As in libzmq, this transport alone goes without saying.
            Endpoint::Udp(address) => address.clone(),
            Endpoint::Cluster(family, address) => {
                cluster::text(*family, address).unwrap_or_else(|_| self.name())
            }
            _ => self.name(),
        }
    }

    /// The part behind `://`.
    pub fn address(&self) -> &str {
        match self {
            Endpoint::Inproc(address)
            | Endpoint::Tcp(address)
            | Endpoint::Ipc(address)
            | Endpoint::Ws(address)
            | Endpoint::Cluster(_, address)
            | Endpoint::Multicast(_, address)
            | Endpoint::Udp(address)
            | Endpoint::Wss(address) => address,
        }
    }
}

/// Which end of a connection a name is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Local,
    Remote,
}

/// Splits an endpoint text into transport and address.
///
/// `EINVAL` when either part is missing, `EPROTONOSUPPORT` for a transport this library does not
/// have. [`check_kind`] says whether it fits a socket.
pub fn parse(text: &str) -> Result<Endpoint> {
    let (protocol, address) = text.split_once("://").ok_or(Errno::EINVAL)?;
    if protocol.is_empty() || address.is_empty() {
        return Err(Errno::EINVAL);
    }
    let address = address.to_owned();
    match protocol {
        "inproc" => Ok(Endpoint::Inproc(address)),
        "tcp" => Ok(Endpoint::Tcp(address)),
        "ipc" => Ok(Endpoint::Ipc(address)),
        "ws" => Ok(Endpoint::Ws(address)),
        "wss" if cfg!(feature = "wss") => Ok(Endpoint::Wss(address)),
        "udp" => Ok(Endpoint::Udp(address)),
        "tipc" if Family::Tipc.is_known() => Ok(Endpoint::Cluster(Family::Tipc, address)),
        "vsock" if Family::Vsock.is_known() => Ok(Endpoint::Cluster(Family::Vsock, address)),
        "vmci" if Family::Vmci.is_known() => Ok(Endpoint::Cluster(Family::Vmci, address)),
        _ => match multicast::Kind::find(protocol) {
            Some(kind) => Ok(Endpoint::Multicast(kind, address)),
            None => Err(Errno::EPROTONOSUPPORT),
        },
    }
}

/// Checks whether a kind of socket may use a transport: `ENOCOMPATPROTO` if not.
pub fn check_kind(endpoint: &Endpoint, socket_type: i32) -> Result<()> {
    let fits = match endpoint {
        Endpoint::Multicast(..) => {
            matches!(socket_type, ZMQ_PUB | ZMQ_SUB | ZMQ_XPUB | ZMQ_XSUB)
        }
        Endpoint::Udp(_) => matches!(socket_type, ZMQ_RADIO | ZMQ_DISH | ZMQ_DGRAM),
        _ => true,
    };
    if fits {
        Ok(())
    } else {
        Err(Errno::ENOCOMPATPROTO)
    }
}

/// Asks how a connection attempt that was in progress ended, once its descriptor is writable.
pub fn finish_connect(fd: impl AsFd) -> Result<()> {
    match SockRef::from(&fd).take_error() {
        Ok(None) => Ok(()),
        Ok(Some(error)) => Err(error.into()),
        // Some systems cannot be asked this on local sockets; connecting those never waits.
        Err(error) if Errno::of(&error) == Errno::ENOPROTOOPT => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Starts connecting a non-blocking socket; true while the outcome is open.
fn start_connect(socket: &Socket, address: &SockAddr) -> Result<bool> {
    match socket.connect(address).map_err(Errno::from) {
        Ok(()) => Ok(false),
        // A signal does not end the attempt, it only ends the call.
        Err(Errno::EINPROGRESS | Errno::EINTR) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Takes over a listening descriptor the application prepared for `ZMQ_USE_FD`; from here on it is
/// ours to close. One that cannot be accepted on stays the application's: `EBADF`, `ENOTSOCK`, or
/// `EINVAL` when nobody made it listen.
fn adopt_listener(number: RawFd) -> Result<OwnedFd> {
    let fd = sys::borrow_number(number)?;
    if !sys::is_listening(fd)? {
        return Err(Errno::EINVAL);
    }
    SockRef::from(&fd).set_nonblocking(true)?;
    Ok(sys::adopt(fd))
}

/// The text of the `Peer-Address` property: the peer's numeric IP address, or for a local
/// connection `localhost:uid:gid:pid`.
pub fn peer_address(fd: impl AsFd) -> Option<String> {
    let peer = SockRef::from(&fd).peer_addr().ok()?;
    address_of_peer(&fd, &peer)
}

/// As [`peer_address`], where the peer's address is known.
pub fn address_of_peer(fd: impl AsFd, peer: &SockAddr) -> Option<String> {
    let host = sys::numeric_host(peer)?;
    if !peer.is_unix() {
        return Some(host);
    }
    Some(match sys::peer_credentials(fd.as_fd()) {
        Ok(peer) => {
            let pid = peer.pid.map(|pid| pid.to_string()).unwrap_or_default();
            format!("{host}:{}:{}:{pid}", peer.uid, peer.gid)
        }
        Err(_) => host,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_transports_keep_their_address_text() {
        assert_eq!(parse("inproc://a"), Ok(Endpoint::Inproc("a".into())));
        assert_eq!(parse("tcp://*:1"), Ok(Endpoint::Tcp("*:1".into())));
        assert_eq!(parse("ipc://@x"), Ok(Endpoint::Ipc("@x".into())));
        let nested = parse("inproc://a://b").unwrap();
        assert_eq!(nested.address(), "a://b");
    }

    #[test]
    fn missing_parts_are_invalid() {
        for text in ["", "tcp", "tcp:", "tcp:/", "tcp:/x:1", "tcp://", "://", "://x", "tcp//x"] {
            assert_eq!(parse(text), Err(Errno::EINVAL), "{text}");
        }
    }

    #[test]
    fn unknown_transports_are_unsupported() {
        for text in ["TCP://x:1", "WS://x:1", "nope://x", "invalid://x", " tcp://x:1"] {
            assert_eq!(parse(text), Err(Errno::EPROTONOSUPPORT), "{text}");
        }
        let udp = parse("udp://127.0.0.1:1").unwrap();
        assert_eq!(check_kind(&udp, ZMQ_PUB), Err(Errno::ENOCOMPATPROTO));
        assert_eq!(check_kind(&udp, ZMQ_DGRAM), Ok(()));
    }
}
