//! The `udp` transport: datagrams for RADIO, DISH and DGRAM.
//!
//! An address is `[interface;]host:port`. A multicast group goes with an interface to send and
//! receive by, or with any. Any other address is where a connecting socket sends to, and where a
//! binding one receives.

use std::ffi::CString;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::{resolve, sys};
use crate::error::{Errno, Result};
use crate::options::SocketOptions;

/// Where datagrams come from and go to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target {
    /// The address to receive at.
    bind: SocketAddr,
    /// The number of the interface for a group; 0 leaves the choice to the system.
    interface: u32,
    /// The address to send to.
    pub destination: SocketAddr,
}

impl Target {
    fn is_multicast(&self) -> bool {
        self.destination.ip().is_multicast()
    }
}

/// Resolves an address to bind. `EINVAL` for bad syntax, and for an interface without a group;
/// `ENODEV` for a host or an interface that is not there.
pub fn resolve_bind(address: &str, ipv6: bool) -> Result<Target> {
    resolve_by(address, ipv6, |host, ipv6| {
        resolve::resolve_bind(host, ipv6).map(|address| (address, address))
    })
}

/// Resolves an address to connect to. May ask the name service.
pub fn resolve_connect(address: &str, ipv6: bool) -> Result<Target> {
    resolve_by(address, ipv6, |host, ipv6| {
        let address = resolve::resolve_connect(host, ipv6)?.address;
        Ok((address, any(address)))
    })
}

fn any(address: SocketAddr) -> SocketAddr {
    let ip = match address {
        SocketAddr::V4(_) => IpAddr::from([0u8; 4]),
        SocketAddr::V6(_) => IpAddr::from([0u8; 16]),
    };
    SocketAddr::new(ip, address.port())
}

fn resolve_by(
    address: &str,
    ipv6: bool,
    resolve: impl Fn(&str, bool) -> Result<(SocketAddr, SocketAddr)>,
) -> Result<Target> {
    let Some((name, host)) = address.rsplit_once(';') else {
        let (destination, bind) = resolve(address, ipv6)?;
        let bind = if destination.ip().is_multicast() { any(destination) } else { bind };
        return Ok(Target { bind, interface: 0, destination });
    };
    let source = resolve::resolve_interface(name, ipv6)?;
    let (destination, _) = resolve(host, ipv6)?;
    if source.is_multicast()
        || !destination.ip().is_multicast()
        || source.is_ipv4() != destination.is_ipv4()
    {
        return Err(Errno::EINVAL);
    }
    let interface = match name {
        "*" => 0,
        _ => CString::new(name).map_or(0, |name| sys::interface_index(&name)),
    };
    // IPv6 groups are joined by the interface's number, and only a name has one.
    if ipv6 && interface == 0 && name != "*" {
        return Err(Errno::ENODEV);
    }
    Ok(Target { bind: SocketAddr::new(source, destination.port()), interface, destination })
}

/// Makes a socket that sends to the target.
pub fn sender(target: &Target, options: &SocketOptions) -> Result<UdpSocket> {
    let socket = open(target, options)?;
    if target.is_multicast() {
        let hops = u32::try_from(options.multicast_hops).unwrap_or(1);
        match target.bind.ip() {
            IpAddr::V4(address) => {
                socket.set_multicast_loop_v4(options.multicast_loop)?;
                socket.set_multicast_ttl_v4(hops)?;
                if !address.is_unspecified() {
                    socket.set_multicast_if_v4(&address)?;
                }
            }
            IpAddr::V6(_) => {
                socket.set_multicast_loop_v6(options.multicast_loop)?;
                socket.set_multicast_hops_v6(hops)?;
                if target.interface > 0 {
                    socket.set_multicast_if_v6(target.interface)?;
                }
            }
        }
    }
    Ok(socket.into())
}

/// Makes a socket that receives at the target, and for DGRAM sends from there.
pub fn receiver(target: &Target, options: &SocketOptions) -> Result<UdpSocket> {
    let socket = open(target, options)?;
    socket.set_reuse_address(true)?;
    if !target.is_multicast() {
        socket.bind(&SockAddr::from(target.bind))?;
        return Ok(socket.into());
    }
    // Everybody who joined gets what comes to the port.
    #[cfg(not(any(target_os = "solaris", target_os = "illumos")))]
    socket.set_reuse_port(true)?;
    socket.bind(&SockAddr::from(any(target.bind)))?;
    match (target.destination.ip(), target.bind.ip()) {
        (IpAddr::V4(group), IpAddr::V4(interface)) => {
            socket.join_multicast_v4(&group, &interface)?;
        }
        (IpAddr::V6(group), _) => socket.join_multicast_v6(&group, target.interface)?,
        _ => return Err(Errno::EINVAL),
    }
    Ok(socket.into())
}

fn open(target: &Target, options: &SocketOptions) -> Result<Socket> {
    let domain = Domain::for_address(target.destination);
    let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    if target.destination.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    if !options.bound_device.is_empty() {
        super::tcp::bind_to_device(&socket, &options.bound_device)?;
    }
    let wish = |name, value| {
        let _ = sys::set_option(socket.as_fd(), libc::SOL_SOCKET, name, value);
    };
    if options.sndbuf >= 0 {
        wish(libc::SO_SNDBUF, options.sndbuf);
    }
    if options.rcvbuf >= 0 {
        wish(libc::SO_RCVBUF, options.rcvbuf);
    }
    Ok(socket)
}

/// The text of a peer's address, as DGRAM shows it: `host:port` and a NUL.
pub fn peer_text(address: SocketAddr) -> String {
    let address = match address {
        SocketAddr::V6(mapped) => match mapped.ip().to_ipv4_mapped() {
            Some(ip) => SocketAddr::new(ip.into(), mapped.port()),
            None => address,
        },
        SocketAddr::V4(_) => address,
    };
    format!("{address}\0")
}

/// Reads a peer's address as DGRAM sends to it; the NUL may be missing. `ipv6` says which family
/// the socket has.
pub fn parse_peer(text: &[u8], ipv6: bool) -> Option<SocketAddr> {
    let text = core::str::from_utf8(text).ok()?;
    let text = text.split('\0').next()?;
    let (host, port) = text.rsplit_once(':')?;
    let port = resolve::leading_integer(port) as u16;
    if port == 0 {
        return None;
    }
    let ip = match resolve::strip_brackets(host).parse::<IpAddr>() {
        Ok(ip) => ip,
        // Addresses have other forms too, but they are names to the name service.
        Err(_) => resolve::resolve_literal(host, false).ok()?,
    };
    match (ip, ipv6) {
        (IpAddr::V4(ip), true) => Some(SocketAddr::new(ip.to_ipv6_mapped().into(), port)),
        (IpAddr::V6(_), false) => None,
        _ => Some(SocketAddr::new(ip, port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(bind: &str, interface: u32, destination: &str) -> Result<Target> {
        Ok(Target {
            bind: bind.parse().unwrap(),
            interface,
            destination: destination.parse().unwrap(),
        })
    }

    #[test]
    fn addresses_to_bind() {
        for (address, expected) in [
            ("127.0.0.1:5", target("127.0.0.1:5", 0, "127.0.0.1:5")),
            ("*:5", target("0.0.0.0:5", 0, "0.0.0.0:5")),
            ("*:*", target("0.0.0.0:0", 0, "0.0.0.0:0")),
            ("239.0.0.1:5", target("0.0.0.0:5", 0, "239.0.0.1:5")),
            ("127.0.0.1;239.0.0.1:5", target("127.0.0.1:5", 0, "239.0.0.1:5")),
            ("*;239.0.0.1:5", target("0.0.0.0:5", 0, "239.0.0.1:5")),
            ("*;127.0.0.1:5", Err(Errno::EINVAL)),
            ("239.0.0.2;239.0.0.1:5", Err(Errno::EINVAL)),
            ("no-such-interface;239.0.0.1:5", Err(Errno::ENODEV)),
            ("127.0.0.1", Err(Errno::EINVAL)),
            ("", Err(Errno::EINVAL)),
        ] {
            assert_eq!(resolve_bind(address, false), expected, "{address}");
        }
    }

    #[test]
    fn addresses_to_connect_to() {
        for (address, expected) in [
            ("127.0.0.1:5", target("0.0.0.0:5", 0, "127.0.0.1:5")),
            ("239.0.0.1:5", target("0.0.0.0:5", 0, "239.0.0.1:5")),
            ("127.0.0.1;239.0.0.1:5", target("127.0.0.1:5", 0, "239.0.0.1:5")),
            ("*:5", Err(Errno::EINVAL)),
            ("127.0.0.1:*", Err(Errno::EINVAL)),
        ] {
            assert_eq!(resolve_connect(address, false), expected, "{address}");
        }
    }

    #[test]
    fn groups_of_version_6_want_an_interface_by_name() {
        if resolve_bind("[::1]:5", true).is_ok_and(|target| target.bind.is_ipv6()) {
            assert_eq!(resolve_bind("[ff02::1]:5", true), target("[::]:5", 0, "[ff02::1]:5"));
            assert_eq!(resolve_bind("::1;[ff02::1]:5", true), Err(Errno::ENODEV));
            assert_eq!(resolve_bind("*;[ff02::1]:5", true), target("[::]:5", 0, "[ff02::1]:5"));
        }
    }

    #[test]
    fn peers_of_dgram_sockets() {
        let address: SocketAddr = "127.0.0.1:5556".parse().unwrap();
        assert_eq!(peer_text(address), "127.0.0.1:5556\0");
        assert_eq!(peer_text("[::ffff:1.2.3.4]:5".parse().unwrap()), "1.2.3.4:5\0");
        assert_eq!(peer_text("[::1]:5".parse().unwrap()), "[::1]:5\0");
        for text in [&b"127.0.0.1:5556"[..], b"127.0.0.1:5556\0", b"127.1:5556"] {
            assert_eq!(parse_peer(text, false), Some(address));
        }
        assert_eq!(parse_peer(b"1.2.3.4:5", true), "[::ffff:1.2.3.4]:5".parse().ok());
        assert_eq!(parse_peer(b"[::1]:5", true), "[::1]:5".parse().ok());
        let nobody: [&[u8]; 8] =
            [b"", b":", b"127.0.0.1", b"127.0.0.1:", b"127.0.0.1:0", b"x:5", b"[::1]:5", b"\xff:5"];
        for text in nobody {
            assert_eq!(parse_peer(text, false), None, "{text:?}");
        }
    }
}
