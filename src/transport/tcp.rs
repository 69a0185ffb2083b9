//! Descriptors of the `tcp` transport.
//!
//! A binding socket calls [`bind`] in the application's thread; its listener then calls [`accept`]
//! until `EAGAIN`. A connecting session resolves its address, calls [`connect`], waits until the
//! descriptor is writable, asks [`finish_connect`] how it went and calls [`tune`].

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};

pub use super::resolve::ConnectTarget;
pub use super::{finish_connect, peer_address, End};
use super::{prepare, resolve, sys, OpenError, FILTERED};
use crate::error::{Errno, Result};
use crate::options::SocketOptions;

/// Makes the listening descriptor of a bind: the one the application prepared (`ZMQ_USE_FD`; the
/// address is not even looked at then), or a new one.
pub fn bind(address: &str, options: &SocketOptions) -> Result<OwnedFd, OpenError> {
    if options.use_fd != -1 {
        return Ok(super::adopt_listener(options.use_fd)?);
    }
    listen(&resolve::resolve_bind(address, options.ipv6)?, options)
}

/// Makes a new listening descriptor at this address.
pub fn listen(address: &SocketAddr, options: &SocketOptions) -> Result<OwnedFd, OpenError> {
    let socket = open(address, options)?;
    prepare(&socket, || {
        socket.set_reuse_address(true)?;
        if ACCEPTED_INHERIT {
            disable_delay(socket.as_fd())?;
        }
        socket.bind(&SockAddr::from(*address))?;
        Ok(socket.listen(options.backlog)?)
    })?;
    Ok(socket.into())
}

/// Whether a connection has the settings of the listener it was accepted from.
const ACCEPTED_INHERIT: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Accepts one connection, tuned and ready for an engine, and says where it comes from.
///
/// `EAGAIN` when there is none left. A peer that the accept filters turn away was accepted and
/// closed: [`FILTERED`]. Every other error concerns this one connection, or, like `EMFILE`,
/// `ENFILE`, `ENOBUFS` and `ENOMEM`, the whole process: those leave the connection waiting, so the
/// caller must not try again at once.
pub fn accept(listener: BorrowedFd<'_>, options: &SocketOptions) -> Result<(OwnedFd, SockAddr)> {
    let (connection, peer) = sys::accept(listener)?;
    if !passes_filters(peer.as_socket().map(|peer| peer.ip()), options) {
        return Err(FILTERED);
    }
    set_service(connection.as_fd(), options)?;
    // A listener that the application prepared has what the application gave it.
    if !ACCEPTED_INHERIT || options.use_fd != -1 {
        disable_delay(connection.as_fd())?;
    }
    set_limits(connection.as_fd(), options)?;
    Ok((connection, peer))
}

fn passes_filters(peer: Option<IpAddr>, options: &SocketOptions) -> bool {
    let filters = &options.tcp_accept_filters;
    filters.is_empty() || peer.is_some_and(|peer| filters.iter().any(|mask| mask.matches(peer)))
}

/// Starts connecting. The flag says whether the attempt is still in progress; if so its outcome is
/// known once the descriptor is writable.
pub fn connect(
    target: &ConnectTarget,
    options: &SocketOptions,
) -> Result<(OwnedFd, bool), OpenError> {
    let socket = open(&target.address, options)?;
    let in_progress = prepare(&socket, || {
        if let Some(source) = target.source {
            // Several connections to different servers may leave from the same port.
            socket.set_reuse_address(true)?;
            socket.bind(&SockAddr::from(source))?;
        }
        super::start_connect(&socket, &SockAddr::from(target.address))
    })?;
    Ok((socket.into(), in_progress))
}

/// Sets what every established connection has: no Nagle delay, and keep-alives and the longest
/// time without acknowledgement where the options ask for them.
pub fn tune(fd: impl AsFd, options: &SocketOptions) -> Result<()> {
    disable_delay(fd.as_fd())?;
    set_limits(fd.as_fd(), options)
}

/// Has small packets go out at once.
fn disable_delay(fd: BorrowedFd<'_>) -> Result<()> {
    sys::set_option(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)
}

/// Sets keep-alives and the longest time without acknowledgement, where the options ask for them.
fn set_limits(fd: BorrowedFd<'_>, options: &SocketOptions) -> Result<()> {
    let set = |name, value| sys::set_option(fd, libc::IPPROTO_TCP, name, value);
    // -1 leaves a setting as the system has it.
    if options.tcp_keepalive != -1 {
        sys::set_option(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE, options.tcp_keepalive)?;
        for (name, value) in [
            (libc::TCP_KEEPCNT, options.tcp_keepalive_cnt),
            (KEEPALIVE_IDLE, options.tcp_keepalive_idle),
            (libc::TCP_KEEPINTVL, options.tcp_keepalive_intvl),
        ] {
            if value != -1 {
                set(name, value)?;
            }
        }
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if options.tcp_maxrt > 0 {
        set(libc::TCP_USER_TIMEOUT, options.tcp_maxrt)?;
    }
    Ok(())
}

#[cfg(not(target_vendor = "apple"))]
const KEEPALIVE_IDLE: libc::c_int = libc::TCP_KEEPIDLE;
#[cfg(target_vendor = "apple")]
const KEEPALIVE_IDLE: libc::c_int = libc::TCP_KEEPALIVE;

/// The endpoint text of one end of a connection or of a listener, as `ZMQ_LAST_ENDPOINT` and
/// monitor events show it.
pub fn endpoint_of(fd: impl AsFd, which: End) -> Result<String> {
    let socket = SockRef::from(&fd);
    let address = match which {
        End::Local => socket.local_addr()?,
        End::Remote => socket.peer_addr()?,
    };
    endpoint_text(&address)
}

/// The texts under which an endpoint may be known after it was bound or connected, for an unbind
/// or disconnect that names it differently: resolved as a peer's address, and as one to bind.
pub fn other_names(address: &str, ipv6: bool) -> Vec<String> {
    let Ok(target) = resolve::resolve_connect(address, ipv6) else {
        return Vec::new();
    };
    let bound = resolve::resolve_bind(address, ipv6).ok();
    [Some(target.address), bound]
        .into_iter()
        .flatten()
        .filter_map(|address| endpoint_text(&SockAddr::from(address)).ok())
        .collect()
}

/// The endpoint text of an address; `EAFNOSUPPORT` when it is not one of the Internet.
pub fn endpoint_text(address: &SockAddr) -> Result<String> {
    if let Some(address) = address.as_socket_ipv4() {
        return Ok(sys::ipv4_text("tcp://", *address.ip(), Some(address.port())));
    }
    let port = address.as_socket().ok_or(Errno::EAFNOSUPPORT)?.port();
    let host = sys::numeric_host(address).ok_or(Errno::EAFNOSUPPORT)?;
    if address.is_ipv6() {
        Ok(format!("tcp://[{host}]:{port}"))
    } else {
        Ok(format!("tcp://{host}:{port}"))
    }
}

/// Whether a listener has one address only, and its connections the same.
pub fn has_one_address(listener: impl AsFd) -> bool {
    let address = SockRef::from(&listener).local_addr().ok();
    address.and_then(|address| address.as_socket()).is_some_and(|address| !is_any(address.ip()))
}

/// Whether an address stands for all of the host.
fn is_any(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_unspecified(),
        IpAddr::V6(address) => {
            let mapped = address.to_ipv4_mapped();
            address.is_unspecified() || mapped.is_some_and(|mapped| mapped.is_unspecified())
        }
    }
}

/// A new socket of the address's family with everything that must be set before it is bound or
/// connected.
fn open(address: &SocketAddr, options: &SocketOptions) -> Result<Socket> {
    let kind = Type::STREAM.nonblocking();
    let socket = Socket::new(Domain::for_address(*address), kind, Some(Protocol::TCP))?;
    #[cfg(not(any(target_os = "openbsd", target_os = "dragonfly")))]
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    let fd = socket.as_fd();
    set_service(fd, options)?;
    if !options.bound_device.is_empty() {
        bind_to_device(&socket, &options.bound_device)?;
    }
    // What follows are wishes: a value the system does not like leaves its own in place.
    let wish = |name, value| {
        let _ = sys::set_option(fd, libc::SOL_SOCKET, name, value);
    };
    if options.sndbuf >= 0 {
        wish(libc::SO_SNDBUF, options.sndbuf);
    }
    if options.rcvbuf >= 0 {
        wish(libc::SO_RCVBUF, options.rcvbuf);
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if options.busy_poll > 0 {
        wish(libc::SO_BUSY_POLL, options.busy_poll);
    }
    Ok(socket)
}

/// Sets the type of service and the priority of outgoing packets.
fn set_service(fd: BorrowedFd<'_>, options: &SocketOptions) -> Result<()> {
    if options.tos != 0 {
        sys::set_option(fd, libc::IPPROTO_IP, libc::IP_TOS, options.tos)?;
        // IPv4 sockets have no traffic class, and IPv6 ones check its range.
        match sys::set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_TCLASS, options.tos) {
            Ok(()) | Err(Errno::ENOPROTOOPT | Errno::EINVAL) => {}
            Err(error) => return Err(error),
        }
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if options.priority != 0 {
        sys::set_option(fd, libc::SOL_SOCKET, libc::SO_PRIORITY, options.priority)?;
    }
    Ok(())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn bind_to_device(socket: &Socket, device: &[u8]) -> Result<()> {
    Ok(socket.bind_device(Some(device))?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn bind_to_device(_: &Socket, _: &[u8]) -> Result<()> {
    Err(Errno::ENOTSUP)
}

#[cfg(test)]
#[path = "tcp_tests.rs"]
mod tests;
