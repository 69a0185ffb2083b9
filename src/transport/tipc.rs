//! Addresses of the `tipc` transport, Linux's protocol for clusters.
//!
//! `{type,lower,upper}` is a range of services to bind, `{type,instance}` one to connect to, wherever
//! it is or at `@zone.cluster.node`. `<zone.cluster.node:reference>` is one port; `<*>` binds any.

use socket2::SockAddr;

use super::sys;
use crate::error::{Errno, Result};

/// `AF_TIPC`.
pub const FAMILY: u16 = 30;

const SERVICE_RANGE: u8 = 1;
const SERVICE: u8 = 2;
const PORT: u8 = 3;
const ZONE_SCOPE: u8 = 1;
/// Smaller service types are the system's own.
const RESERVED_TYPES: u32 = 64;

/// An address, in the form of the system's `sockaddr_tipc`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address {
    kind: u8,
    scope: u8,
    words: [u32; 3],
    /// Any port: nothing is to be bound.
    is_any: bool,
}

/// Numbers between `open` and `close`, or as many of them as there are.
fn numbers(text: &str, open: char, separators: &[char]) -> Vec<u32> {
    let Some(text) = text.strip_prefix(open) else { return Vec::new() };
    let mut numbers = Vec::new();
    for part in text.split(separators) {
        let part = part.trim_start();
        let end = part.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(part.len());
        let Ok(number) = part[..end].parse() else { break };
        numbers.push(number);
        if end < part.len() {
            break;
        }
    }
    numbers
}

fn node(zone: u32, cluster: u32, node: u32) -> u32 {
    zone << 24 | (cluster & 0xfff) << 12 | node & 0xfff
}

impl Address {
    pub fn parse(text: &str) -> Result<Address> {
        let address = |kind, scope, words| Ok(Address { kind, scope, words, is_any: false });
        if text.starts_with("<*>") {
            return Ok(Address { kind: PORT, scope: 0, words: [0; 3], is_any: true });
        }
        let domain = match text.find('@') {
            Some(at) => match numbers(&text[at..], '@', &['.'])[..] {
                [zone, cluster, number]
                    if text[at..].ends_with(|end: char| end.is_ascii_digit()) =>
                {
                    node(zone, cluster, number)
                }
                _ => return Err(Errno::EINVAL),
            },
            None => node(1, 0, 0),
        };
        match numbers(text, '{', &[','])[..] {
            [kind, lower, upper, ..] if kind >= RESERVED_TYPES && upper >= lower => {
                address(SERVICE_RANGE, ZONE_SCOPE, [kind, lower, upper])
            }
            [kind, instance] if kind > RESERVED_TYPES => {
                address(SERVICE, 0, [kind, instance, domain])
            }
            [] => match numbers(text, '<', &['.', ':'])[..] {
                [zone, cluster, number, reference] => {
                    address(PORT, 0, [reference, node(zone, cluster, number), 0])
                }
                _ => Err(Errno::EINVAL),
            },
            _ => Err(Errno::EINVAL),
        }
    }

    pub fn is_any(&self) -> bool {
        self.is_any
    }

    /// One port, which only the system gives a name.
    pub fn is_port(&self) -> bool {
        self.kind == PORT
    }

    /// The bytes of the system's structure.
    fn bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&FAMILY.to_ne_bytes());
        bytes[2] = self.kind;
        bytes[3] = self.scope;
        for (place, word) in bytes[4..].chunks_exact_mut(4).zip(self.words) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }

    pub fn to_system(self) -> SockAddr {
        sys::address_from_bytes(&self.bytes())
    }

    /// Reads what the system says, if it is an address of this family.
    pub fn from_system(address: &SockAddr) -> Option<Address> {
        if i32::from(address.family()) != i32::from(FAMILY) {
            return None;
        }
        let bytes = sys::address_bytes(address)?;
        let word = |at: usize| {
            let word = bytes.get(at..)?.first_chunk::<4>()?;
            Some(u32::from_ne_bytes(*word))
        };
        Some(Address {
            kind: *bytes.get(2)?,
            scope: *bytes.get(3)?,
            words: [word(4)?, word(8)?, word(12).unwrap_or(0)],
            is_any: false,
        })
    }
}

impl core::fmt::Display for Address {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let [first, second, third] = self.words;
        if self.kind == PORT {
            let (zone, cluster, number) = (second >> 24, second >> 12 & 0xfff, second & 0xfff);
            write!(formatter, "<{zone}.{cluster}.{number}:{first}>")
        } else {
            write!(formatter, "{{{first}, {second}, {third}}}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<(u8, [u32; 3])> {
        Address::parse(text).map(|address| (address.kind, address.words))
    }

    #[test]
    fn addresses() {
        assert_eq!(parsed("{5560,0,7}"), Ok((SERVICE_RANGE, [5560, 0, 7])));
        assert_eq!(parsed("{5560, 0, 7}"), Ok((SERVICE_RANGE, [5560, 0, 7])));
        assert_eq!(parsed("{5560,3}"), Ok((SERVICE, [5560, 3, 1 << 24])));
        assert_eq!(parsed("{5560,3}@1.2.3"), Ok((SERVICE, [5560, 3, 1 << 24 | 2 << 12 | 3])));
        assert_eq!(parsed("{5560,3}@0.0.0"), Ok((SERVICE, [5560, 3, 0])));
        assert_eq!(parsed("<1.2.3:99>"), Ok((PORT, [99, 1 << 24 | 2 << 12 | 3, 0])));
        assert!(Address::parse("<*>").unwrap().is_any());
        for text in [
            "",
            "{}",
            "{5560}",
            "{1,0,0}",
            "{5560,2,1}",
            "{64,0}",
            "<1.2:3>",
            "x",
            "{5560,0}@1.2",
            "{5560,0}@1.2.3x",
            "{99999999999,0}",
            "<>",
            "<*",
            "{5560,-1}",
        ] {
            assert_eq!(parsed(text), Err(Errno::EINVAL), "{text}");
        }
    }

    #[test]
    fn what_goes_to_the_system_comes_back() {
        for (text, shown) in [
            ("{5560,0,7}", "{5560, 0, 7}"),
            ("<1.2.3:99>", "<1.2.3:99>"),
            ("{5560,3}@0.0.0", "{5560, 3, 0}"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(Address::from_system(&address.to_system()), Some(address));
        }
        let other = "127.0.0.1:1".parse::<std::net::SocketAddr>().unwrap();
        assert_eq!(Address::from_system(&other.into()), None);
    }
}
