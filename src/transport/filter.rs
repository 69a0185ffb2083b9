//! Accept filters of `tcp`: a numeric address and how many of its leading bits a peer must share.

use std::net::IpAddr;

use super::resolve;
use crate::error::{Errno, Result};

/// One `ZMQ_TCP_ACCEPT_FILTER`: `address` or `address/bits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressMask {
    network: IpAddr,
    bits: u32,
}

impl AddressMask {
    /// Parses a filter. With `ipv6`, an IPv4 address becomes the mapped one that a dual-stack
    /// listener sees, and the bits count from the start of that.
    pub fn parse(text: &str, ipv6: bool) -> Result<AddressMask> {
        let (address, bits) = match text.rsplit_once('/') {
            Some((_, "")) => return Err(Errno::EINVAL),
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let network = resolve::resolve_literal(address, ipv6)?;
        let longest = length(network);
        let bits = match bits {
            None => longest,
            Some("0") => 0,
            Some(bits) => u32::try_from(resolve::leading_integer(bits))
                .ok()
                .filter(|bits| (1..=longest).contains(bits))
                .ok_or(Errno::EINVAL)?,
        };
        Ok(AddressMask { network, bits })
    }

    /// Whether a peer of this address passes. Families never match each other.
    pub fn matches(&self, peer: IpAddr) -> bool {
        let (network, peer) = match (self.network, peer) {
            (IpAddr::V4(network), IpAddr::V4(peer)) => {
                (u128::from(network.to_bits()), u128::from(peer.to_bits()))
            }
            (IpAddr::V6(network), IpAddr::V6(peer)) => (network.to_bits(), peer.to_bits()),
            _ => return false,
        };
        let ignored = length(self.network) - self.bits;
        (network ^ peer).checked_shr(ignored).unwrap_or(0) == 0
    }
}

/// Bits in an address of this family.
fn length(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(filter: &str, ipv6: bool, peer: &str) -> bool {
        let filter = AddressMask::parse(filter, ipv6).unwrap();
        filter.matches(peer.parse().unwrap())
    }

    #[test]
    fn leading_bits_decide() {
        assert!(passes("127.0.0.1", false, "127.0.0.1"));
        assert!(!passes("127.0.0.1", false, "127.0.0.2"));
        assert!(passes("127.0.0.1/32", false, "127.0.0.1"));
        assert!(passes("10.1.2.3/8", false, "10.9.9.9"));
        assert!(!passes("10.1.2.3/8", false, "11.1.2.3"));
        assert!(passes("10.1.2.128/25", false, "10.1.2.200"));
        assert!(!passes("10.1.2.128/25", false, "10.1.2.100"));
        assert!(passes("10.0.0.0/0", false, "99.1.1.1"));
        assert!(passes("::/0", true, "fe80::1"));
        assert!(passes("fe80::1/10", true, "febf::9"));
        assert!(!passes("fe80::1/10", true, "fec0::9"));
        assert!(passes("[::1]/128", true, "::1"));
        assert!(!passes("::1/128", true, "::2"));
    }

    #[test]
    fn families_do_not_mix() {
        assert!(!passes("0.0.0.0/0", false, "::1"));
        assert!(!passes("::/0", true, "127.0.0.1"));
        assert!(passes("127.0.0.1", true, "::ffff:127.0.0.1"));
        // 8 bits of a mapped address are zeros that every mapped address shares.
        assert!(passes("127.0.0.1/8", true, "::ffff:10.0.0.1"));
    }

    #[test]
    fn bits_are_read_as_a_c_program_reads_them() {
        assert!(passes("10.0.0.0/8x", false, "10.9.9.9"));
        assert!(passes("10.0.0.0/ 8", false, "10.9.9.9"));
        for text in ["1.1.1.1/", "1.1.1.1/33", "1.1.1.1/-1", "1.1.1.1/x", "1.1.1.1/00", ""] {
            assert_eq!(AddressMask::parse(text, false), Err(Errno::EINVAL), "{text}");
        }
        for text in ["::1/129", "::1/99999999999999999999", "host/8", "lo/8", "*/8", "/8"] {
            assert_eq!(AddressMask::parse(text, true), Err(Errno::EINVAL), "{text}");
        }
        assert_eq!(AddressMask::parse("::1/64", false), Err(Errno::EINVAL));
    }
}
