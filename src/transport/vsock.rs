//! Addresses of the `vsock` and `vmci` transports, which connect virtual machines and their host.
//!
//! `cid:port`: the number of a machine, `@` for the host, `*` for any to bind; and a port, `*` for
//! any. Both are the same to Linux, which picks the hypervisor's way; `vmci` is the name of VMware's.

use socket2::SockAddr;

use crate::error::{Errno, Result};

const ANY: u32 = u32::MAX;
const HOST: u32 = 2;

/// A machine and a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address {
    cid: u32,
    port: u32,
}

fn number(text: &str) -> Result<u32> {
    if text == "*" || text == "-1" {
        return Ok(ANY);
    }
    let digits = text.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().map_err(|_| Errno::EINVAL)
}

impl Address {
    pub fn parse(text: &str) -> Result<Address> {
        let (cid, port) = text.rsplit_once(':').ok_or(Errno::EINVAL)?;
        let cid = if cid == "@" { HOST } else { number(cid)? };
        Ok(Address { cid, port: number(port)? })
    }

    pub fn to_system(self) -> SockAddr {
        SockAddr::vsock(self.cid, self.port)
    }

    /// Reads what the system says, if it is an address of this family.
    pub fn from_system(address: &SockAddr) -> Option<Address> {
        address.as_vsock_address().map(|(cid, port)| Address { cid, port })
    }
}

impl core::fmt::Display for Address {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let text = |number: u32| match number {
            ANY => "*".to_owned(),
            number => number.to_string(),
        };
        write!(formatter, "{}:{}", text(self.cid), text(self.port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, shown) in [
            ("*:*", "*:*"),
            ("-1:-1", "*:*"),
            ("@:5555", "2:5555"),
            ("3:5555", "3:5555"),
            ("*:5555x", "*:5555"),
            ("4294967294:0", "4294967294:0"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(Address::from_system(&address.to_system()), Some(address));
        }
        for text in ["", ":", "3", "3:", ":5", "x:5", "3:x", "4294967296:1", "-2:1", "@@:1"] {
            assert_eq!(Address::parse(text), Err(Errno::EINVAL), "{text}");
        }
    }
}
