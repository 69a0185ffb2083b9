//! Connections to peers on this machine, and how much the system keeps for them.
//!
//! What a sender writes waits in the system until the receiver's window has room. Once as much
//! waits there as the system likes to keep, it is the receiver's acknowledgements that send it on,
//! so that the receiver's processor does the sender's work besides its own; the slower of the two
//! gets slower still, and the other one sleeps. A sender that may keep less than the window holds
//! always finds room there, and does its own sending. What waits also stays in the cache then.
//!
//! Measured with many connections, with encrypted ones, and with large messages on one connection
//! (`benches/RESULTS.md`). Small plain messages on a single connection gain nothing by it, and pay
//! with more sleeps. Over a network, where the bytes on their way have to be kept, it would cost
//! speed.

use std::os::fd::BorrowedFd;

use super::addresses::Addresses;
use super::sys;

/// What may wait in the system for one of many such peers, or for one that gets encrypted frames,
/// in bytes; Linux takes twice as much, for what it has to note beside them.
pub const KEPT: i32 = 128 * 1024;

/// The same where a single peer gets large plain messages: sleeping less is worth more there.
pub const KEPT_OF_LARGE: i32 = 384 * 1024;

/// Whether both ends of a TCP connection have the same host.
pub fn is_nearby(addresses: &Addresses) -> bool {
    let local = host(&addresses.local);
    local.is_some() && local == host(&addresses.remote)
}

fn host(endpoint: &str) -> Option<&str> {
    let (host, _port) = endpoint.strip_prefix("tcp://")?.rsplit_once(':')?;
    Some(host)
}

/// Has the system keep no more than this for a connection. It need not agree.
pub fn keep(fd: BorrowedFd<'_>, bytes: i32) {
    let _ = sys::set_option(fd, libc::SOL_SOCKET, libc::SO_SNDBUF, bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearby(local: &str, remote: &str) -> bool {
        let addresses = Addresses { local: local.into(), remote: remote.into(), bound: false };
        is_nearby(&addresses)
    }

    #[test]
    fn peers_with_the_same_host_are_near() {
        assert!(nearby("tcp://127.0.0.1:5555", "tcp://127.0.0.1:40000"));
        assert!(nearby("tcp://[::1]:5555", "tcp://[::1]:40000"));
        assert!(nearby("tcp://192.0.2.1:5555", "tcp://192.0.2.1:5556"));
    }

    #[test]
    fn others_are_not() {
        assert!(!nearby("tcp://192.0.2.1:5555", "tcp://192.0.2.2:5555"));
        assert!(!nearby("ipc:///tmp/socket", "ipc:///tmp/socket"));
        assert!(!nearby("", ""));
    }
}
