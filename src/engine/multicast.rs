//! The way into the transports for many subscribers.

use super::connectionless::Connectionless;
use crate::error::Result;
use crate::options::constants::{ZMQ_PUB, ZMQ_XPUB};
use crate::options::SocketOptions;
use crate::transport::multicast::Kind;

/// Begins to publish, or to receive.
pub fn open(kind: Kind, address: &str, options: &SocketOptions) -> Result<Box<dyn Connectionless>> {
    let sends = matches!(options.socket_type, ZMQ_PUB | ZMQ_XPUB);
    let max_body = u64::try_from(options.maxmsgsize).unwrap_or(u64::MAX);
    match kind {
        #[cfg(feature = "norm")]
        Kind::Norm => {
            let session = crate::transport::norm::Session::open(address, sends, options)?;
            Ok(Box::new(super::norm::Norm::new(session, sends, max_body)))
        }
        #[cfg(feature = "pgm")]
        Kind::Pgm | Kind::Epgm => {
            let in_udp = kind == Kind::Epgm;
            let pgm = crate::transport::pgm::Pgm::open(address, in_udp, sends, options)?;
            Ok(Box::new(super::pgm::Multicast::new(pgm, sends, max_body)))
        }
        #[allow(unreachable_patterns, reason = "which kinds there are depends on the build")]
        _ => {
            let _ = (address, sends, max_body);
            Err(crate::error::Errno::EPROTONOSUPPORT)
        }
    }
}
