//! Descriptors of stream transports whose addresses are numbers and need nobody to look them up:
//! [`tipc`] and [`vsock`].
//!
//! They exist where the system knows the family; making a socket fails elsewhere, with
//! `EAFNOSUPPORT`.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use super::{prepare, start_connect, sys, tipc, vsock, End, OpenError};
use crate::error::{Errno, Result};
use crate::options::SocketOptions;

/// A family of such addresses.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Family {
    Tipc,
    Vsock,
    Vmci,
}

impl Family {
    pub fn scheme(self) -> &'static str {
        match self {
            Family::Tipc => "tipc",
            Family::Vsock => "vsock",
            Family::Vmci => "vmci",
        }
    }

    /// Whether endpoints of this family are known here at all. VMCI is where VMware's device is.
    pub fn is_known(self) -> bool {
        match self {
            Family::Tipc | Family::Vsock => cfg!(target_os = "linux"),
            Family::Vmci => cfg!(target_os = "linux") && std::path::Path::new("/dev/vmci").exists(),
        }
    }

    fn domain(self) -> Domain {
        Domain::from(match self {
            Family::Tipc => i32::from(tipc::FAMILY),
            #[cfg(target_os = "linux")]
            Family::Vsock | Family::Vmci => libc::AF_VSOCK,
            #[cfg(not(target_os = "linux"))]
            Family::Vsock | Family::Vmci => -1,
        })
    }
}

/// Makes the listening descriptor of a bind, and the text of its endpoint.
pub fn listen(
    family: Family,
    address: &str,
    options: &SocketOptions,
) -> Result<(OwnedFd, String), OpenError> {
    let (system, bound) = match family {
        Family::Tipc => {
            let parsed = tipc::Address::parse(address)?;
            if parsed.is_port() && !parsed.is_any() {
                return Err(Errno::EINVAL.into());
            }
            (parsed.to_system(), !parsed.is_any())
        }
        Family::Vsock | Family::Vmci => (vsock::Address::parse(address)?.to_system(), true),
    };
    let socket = open(family)?;
    prepare(&socket, || {
        if bound {
            socket.bind(&system)?;
        }
        Ok(socket.listen(options.backlog)?)
    })?;
    // What a service is called the system does not tell.
    let named = matches!(family, Family::Tipc) && bound;
    let name =
        if named { text_of(family, &system) } else { endpoint_of(family, &socket, End::Local) };
    Ok((socket.into(), name.unwrap_or_default()))
}

/// Accepts one connection; errors as in [`super::tcp::accept`].
pub fn accept(
    family: Family,
    listener: BorrowedFd<'_>,
    options: &SocketOptions,
) -> Result<OwnedFd> {
    let (connection, _) = sys::accept(listener)?;
    tune(family, connection.as_fd(), options);
    Ok(connection)
}

/// The check `zmq_connect` makes in the caller's thread.
pub fn check_connect(family: Family, address: &str) -> Result<()> {
    connect_address(family, address).map(drop)
}

fn connect_address(family: Family, address: &str) -> Result<SockAddr> {
    match family {
        Family::Tipc => {
            let parsed = tipc::Address::parse(address)?;
            if parsed.is_any() {
                return Err(Errno::EINVAL);
            }
            Ok(parsed.to_system())
        }
        Family::Vsock | Family::Vmci => Ok(vsock::Address::parse(address)?.to_system()),
    }
}

/// Starts connecting; true while the outcome is open.
pub fn connect(
    family: Family,
    address: &str,
    options: &SocketOptions,
) -> Result<(OwnedFd, bool), OpenError> {
    let system = connect_address(family, address)?;
    let socket = open(family)?;
    let in_progress = prepare(&socket, || {
        tune(family, socket.as_fd(), options);
        start_connect(&socket, &system)
    })?;
    Ok((socket.into(), in_progress))
}

fn open(family: Family) -> Result<Socket> {
    Ok(Socket::new(family.domain(), Type::STREAM.nonblocking(), None)?)
}

/// Asks for buffers and for patience in connecting. The system need not agree.
fn tune(family: Family, fd: BorrowedFd<'_>, options: &SocketOptions) {
    #[cfg(target_os = "linux")]
    if family != Family::Tipc {
        sys::tune_vsock(fd, &options.vmci_buffers, options.vmci_connect_timeout);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (family, fd, options);
}

/// The endpoint text of one end of a connection or of a listener.
pub fn endpoint_of(family: Family, fd: impl AsFd, which: End) -> Result<String> {
    let socket = SockRef::from(&fd);
    let address = match which {
        End::Local => socket.local_addr()?,
        End::Remote => socket.peer_addr()?,
    };
    text_of(family, &address)
}

fn text_of(family: Family, address: &SockAddr) -> Result<String> {
    let text = match family {
        Family::Tipc => tipc::Address::from_system(address).map(|address| address.to_string()),
        Family::Vsock | Family::Vmci => {
            vsock::Address::from_system(address).map(|address| address.to_string())
        }
    };
    let scheme = family.scheme();
    text.map(|text| format!("{scheme}://{text}")).ok_or(Errno::EAFNOSUPPORT)
}

/// An address in the form that `ZMQ_LAST_ENDPOINT` has after connecting.
pub fn text(family: Family, address: &str) -> Result<String> {
    text_of(family, &connect_address(family, address)?)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn listening_comes_as_far_as_the_system_lets_it() {
        let options = SocketOptions::new(0);
        match listen(Family::Vsock, "*:*", &options) {
            Ok((fd, name)) => {
                assert!(name.starts_with("vsock://*:"), "{name}");
                assert_ne!(name, "vsock://*:*");
                assert_eq!(accept(Family::Vsock, fd.as_fd(), &options).unwrap_err(), Errno::EAGAIN);
            }
            Err(error) => assert_eq!(error.errno, Errno::EAFNOSUPPORT),
        }
        match listen(Family::Tipc, "{5560,0,0}", &options) {
            Ok((_, name)) => assert_eq!(name, "tipc://{5560, 0, 0}"),
            Err(error) => assert_eq!(error.errno, Errno::EAFNOSUPPORT),
        }
        match listen(Family::Tipc, "<*>", &options) {
            Ok((_, name)) => assert!(name.starts_with("tipc://<"), "{name}"),
            Err(error) => assert_eq!(error.errno, Errno::EAFNOSUPPORT),
        }
    }

    #[test]
    fn addresses_that_are_refused() {
        let options = SocketOptions::new(0);
        for (family, address) in [
            (Family::Tipc, "<1.2.3:4>"),
            (Family::Tipc, "x"),
            (Family::Vsock, "3"),
            (Family::Vmci, "x:1"),
        ] {
            assert_eq!(listen(family, address, &options).unwrap_err().errno, Errno::EINVAL);
        }
        assert_eq!(check_connect(Family::Tipc, "<*>"), Err(Errno::EINVAL));
        assert_eq!(check_connect(Family::Tipc, "{5560,0}@0.0.0"), Ok(()));
        assert_eq!(check_connect(Family::Vsock, "2:1"), Ok(()));
        assert_eq!(text(Family::Tipc, "{5560,1}@0.0.0").unwrap(), "tipc://{5560, 1, 0}");
        assert_eq!(text(Family::Vsock, "@:1").unwrap(), "vsock://2:1");
    }
}
