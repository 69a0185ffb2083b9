//! The `ws` transport's endpoints: a `tcp` address and the path of a resource behind it.
//!
//! `host:port/path`, where the path may be missing and is `/` then. A binding socket answers
//! whatever path a client asks for; its own is shown in its endpoint and no more. The descriptors
//! are those of [`tcp`].

use std::os::fd::{AsFd, OwnedFd};

use socket2::SockAddr;

use super::{resolve, tcp, End, OpenError};
use crate::error::{Errno, Result};
use crate::options::SocketOptions;
use crate::zws::upgrade::Resource;

/// Splits an address into host with port, and path.
pub fn split(address: &str) -> (&str, &str) {
    match address.find('/') {
        Some(slash) => address.split_at(slash),
        None => (address, "/"),
    }
}

/// The check `zmq_connect` makes in the caller's thread. What can be resolved without asking
/// anybody is resolved, so that an address that cannot be connected to is refused.
pub fn check_connect(address: &str, ipv6: bool) -> Result<()> {
    let (host, path) = split(address);
    // What would end the request line, or be taken for the next header.
    if path.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return Err(Errno::EINVAL);
    }
    resolve::check_connect(host)?;
    if !resolve::needs_resolver(host) {
        resolve::resolve_connect(host, ipv6)?;
    }
    Ok(())
}

/// Makes the listening descriptor of a bind, as [`tcp::bind`].
pub fn bind(address: &str, options: &SocketOptions) -> Result<OwnedFd, OpenError> {
    tcp::bind(split(address).0, options)
}

/// What a client asks for. The port belongs to the host, as HTTP has it.
pub fn resource(address: &str) -> Resource {
    let (host, path) = split(address);
    let host = host.rsplit_once(';').map_or(host, |(_, destination)| destination);
    Resource { host: host.to_owned(), path: path.to_owned() }
}

/// The endpoint text of one end of a connection or of a listener. `path` is empty for the local
/// end of a connecting socket.
pub fn endpoint_of(scheme: &str, fd: impl AsFd, which: End, path: &str) -> Result<String> {
    Ok(renamed(scheme, &tcp::endpoint_of(fd, which)?, path))
}

/// The endpoint text of an address; errors as [`tcp::endpoint_text`].
pub fn endpoint_text(scheme: &str, address: &SockAddr, path: &str) -> Result<String> {
    Ok(renamed(scheme, &tcp::endpoint_text(address)?, path))
}

fn renamed(scheme: &str, name: &str, path: &str) -> String {
    let address = name.strip_prefix("tcp://").unwrap_or(name);
    format!("{scheme}://{address}{path}")
}

/// An address with its path, even when that was left out.
pub fn text(scheme: &str, address: &str) -> String {
    let (host, path) = split(address);
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_path() {
        assert_eq!(split("*:*/a/b"), ("*:*", "/a/b"));
        assert_eq!(split("[::1]:80"), ("[::1]:80", "/"));
        assert_eq!(split("h:80/"), ("h:80", "/"));
        assert_eq!(text("ws", "h:80"), "ws://h:80/");
        assert_eq!(text("wss", "h:80/x"), "wss://h:80/x");
        let resource = resource("127.0.0.2:0;h:80/x?y=z");
        assert_eq!((&*resource.host, &*resource.path), ("h:80", "/x?y=z"));
    }

    #[test]
    fn addresses_to_connect_to() {
        for address in ["127.0.0.1:80", "127.0.0.1:80/", "[::1]:80/a", "some.host.invalid:80/a"] {
            assert_eq!(check_connect(address, true), Ok(()), "{address}");
        }
        for address in ["h", "/", "h/a:80", "*:80/", "127.0.0.1:*/", "127.0.0.1:80/a b"] {
            assert_eq!(check_connect(address, false), Err(Errno::EINVAL), "{address}");
        }
        // This one would write headers of its own.
        assert_eq!(check_connect("127.0.0.1:80/\r\nX: y", false), Err(Errno::EINVAL));
    }
}
