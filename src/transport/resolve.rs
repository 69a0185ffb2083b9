//! From the address part of a `tcp` endpoint to socket addresses.
//!
//! The syntax is `[source;]host:port`. A host is a numeric address (IPv6 optionally in brackets and
//! with a `%zone`), a host name, and where an address to bind is wanted also `*` or the name of a
//! network interface. A port is a number, and for binding also `*`: any free one.
//!
//! With the IPv6 option on, IPv4 hosts come out as mapped addresses, because the sockets are then
//! dual-stack ones; on a system without IPv6 the same text is resolved for IPv4 instead.
//!
//! Numbers are read as C's `atoi` reads them: that `5555abc` is port 5555 and 65537 is port 1 is
//! what programs have met since the beginning.

use std::ffi::CString;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::sys::{self, Family, HostQuery};
use crate::error::{Errno, Result};

/// Where a connection goes, and from which address if the endpoint says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectTarget {
    pub source: Option<SocketAddr>,
    pub address: SocketAddr,
}

/// Resolves an address to bind. `EINVAL` for bad syntax, `ENODEV` for a host that is no local one.
pub fn resolve_bind(address: &str, ipv6: bool) -> Result<SocketAddr> {
    with_fallback(ipv6, |ipv6| resolve_pair(&System, address, Rules::BIND, ipv6))
        .map(|target| target.address)
}

/// Resolves an address to connect to. Asks the name service unless [`needs_resolver`] says no, so
/// it may take long.
pub fn resolve_connect(address: &str, ipv6: bool) -> Result<ConnectTarget> {
    with_fallback(ipv6, |ipv6| resolve_pair(&System, address, Rules::CONNECT, ipv6))
}

/// Resolves a bare numeric address, as accept filters have it.
pub(super) fn resolve_literal(host: &str, ipv6: bool) -> Result<IpAddr> {
    resolve(&System, host, Rules::LITERAL, ipv6).map(|address| address.ip())
}

/// Resolves an interface by name or address, as groups are joined on it. `*` is any.
pub(super) fn resolve_interface(name: &str, ipv6: bool) -> Result<IpAddr> {
    resolve(&System, name, Rules::INTERFACE, ipv6).map(|address| address.ip())
}

/// The check `zmq_connect` makes in the caller's thread: only the look of the address, nothing is
/// resolved. The port must start with a digit.
pub fn check_connect(address: &str) -> Result<()> {
    let first = |byte: u8| byte.is_ascii_alphanumeric() || b"[:".contains(&byte);
    let later = |byte: u8| byte.is_ascii_alphanumeric() || b".-:%;[]_*".contains(&byte);
    let bytes = address.as_bytes();
    let well_formed = match bytes.split_first() {
        Some((&head, tail)) => first(head) && tail.iter().all(|&byte| later(byte)),
        None => false,
    };
    let numeric_port = address
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.starts_with(|first: char| first.is_ascii_digit()));
    if well_formed && numeric_port {
        return Ok(());
    }
    Err(Errno::EINVAL)
}

/// Whether resolving this address to connect to may ask a name service and so may take long.
pub fn needs_resolver(address: &str) -> bool {
    let destination = split_source(address).1;
    let Some((host, _)) = destination.rsplit_once(':') else {
        return false;
    };
    let host = split_zone(strip_brackets(host)).0;
    let Ok(host) = CString::new(host) else {
        return false;
    };
    let query = HostQuery { family: Family::Any, passive: false, numeric: true };
    sys::lookup_host(&host, query).is_err()
}

/// What an address may contain.
#[derive(Clone, Copy, Debug)]
struct Rules {
    /// Wildcards are allowed, and a host that is not there is a missing device.
    bindable: bool,
    names: bool,
    interfaces: bool,
    port: bool,
}

impl Rules {
    const BIND: Rules = Rules { bindable: true, names: true, interfaces: true, port: true };
    const CONNECT: Rules = Rules { bindable: false, names: true, interfaces: false, port: true };
    const SOURCE: Rules = Rules { bindable: true, names: false, interfaces: true, port: true };
    const INTERFACE: Rules = Rules { bindable: true, names: false, interfaces: true, port: false };
    const LITERAL: Rules = Rules { bindable: false, names: false, interfaces: false, port: false };

    fn no_such_host(self) -> Errno {
        if self.bindable {
            Errno::ENODEV
        } else {
            Errno::EINVAL
        }
    }
}

/// What resolving asks of the system; tests answer with their own.
trait Lookup {
    fn host(&self, host: &str, query: HostQuery) -> Result<SocketAddr>;
    fn interface(&self, name: &str, ipv6: bool) -> Result<Option<SocketAddr>>;
    fn interface_index(&self, name: &str) -> u32;
}

#[derive(Debug)]
struct System;

impl Lookup for System {
    fn host(&self, host: &str, query: HostQuery) -> Result<SocketAddr> {
        let host = CString::new(host).map_err(|_| Errno::EINVAL)?;
        sys::lookup_host(&host, query)
    }

    fn interface(&self, name: &str, ipv6: bool) -> Result<Option<SocketAddr>> {
        let name = CString::new(name).map_err(|_| Errno::EINVAL)?;
        // The list of interfaces comes through a socket that refuses while the system is busy.
        let mut pause = Duration::from_millis(1);
        for _ in 1..INTERFACE_ATTEMPTS {
            match sys::interface_address(&name, ipv6) {
                Err(Errno::ECONNREFUSED) => thread::sleep(pause),
                answer => return answer,
            }
            pause *= 2;
        }
        sys::interface_address(&name, ipv6)
    }

    fn interface_index(&self, name: &str) -> u32 {
        CString::new(name).map_or(0, |name| sys::interface_index(&name))
    }
}

const INTERFACE_ATTEMPTS: u32 = 10;

fn resolve_pair(
    lookup: &impl Lookup,
    address: &str,
    rules: Rules,
    ipv6: bool,
) -> Result<ConnectTarget> {
    let (source, destination) = split_source(address);
    let source = source.map(|source| resolve(lookup, source, Rules::SOURCE, ipv6)).transpose()?;
    Ok(ConnectTarget { source, address: resolve(lookup, destination, rules, ipv6)? })
}

fn resolve(lookup: &impl Lookup, text: &str, rules: Rules, ipv6: bool) -> Result<SocketAddr> {
    let (host, port) = if rules.port {
        // The last colon: those before it belong to an IPv6 address.
        let (host, port) = text.rsplit_once(':').ok_or(Errno::EINVAL)?;
        (host, parse_port(port, rules.bindable)?)
    } else {
        (text, 0)
    };
    let (host, zone) = split_zone(strip_brackets(host));
    let zone = zone.map(|zone| parse_zone(lookup, zone)).transpose()?;

    let mut address = resolve_host(lookup, host, rules, ipv6)?;
    address.set_port(port);
    if let (SocketAddr::V6(address), Some(zone)) = (&mut address, zone) {
        address.set_scope_id(zone);
    }
    Ok(address)
}

fn resolve_host(lookup: &impl Lookup, host: &str, rules: Rules, ipv6: bool) -> Result<SocketAddr> {
    if rules.bindable && host == "*" {
        let any = if ipv6 { "[::]:0" } else { "0.0.0.0:0" };
        return any.parse().map_err(|_| Errno::EINVAL);
    }
    if rules.interfaces && host.parse::<IpAddr>().is_err() {
        match lookup.interface(host, ipv6) {
            Ok(Some(address)) => return Ok(address),
            // Some systems cannot list interfaces; there a host is only an address or a name.
            Ok(None) | Err(Errno::EINVAL | Errno::ENODEV | Errno(libc::EOPNOTSUPP)) => {}
            Err(error) => return Err(error),
        }
    }
    let query = HostQuery {
        family: if ipv6 { Family::V6 } else { Family::V4 },
        passive: rules.bindable,
        numeric: !rules.names,
    };
    lookup.host(host, query).map_err(|error| match error {
        Errno::ENOMEM => error,
        _ => rules.no_such_host(),
    })
}

/// Splits `source;destination` at the last semicolon.
fn split_source(address: &str) -> (Option<&str>, &str) {
    match address.rsplit_once(';') {
        Some((source, destination)) => (Some(source), destination),
        None => (None, address),
    }
}

pub(super) fn strip_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn split_zone(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once('%') {
        Some((host, zone)) => (host, Some(zone)),
        None => (host, None),
    }
}

fn parse_port(text: &str, bindable: bool) -> Result<u16> {
    match text {
        "*" if bindable => Ok(0),
        "0" => Ok(0),
        _ => match leading_integer(text) as u16 {
            0 => Err(Errno::EINVAL),
            port => Ok(port),
        },
    }
}

/// A zone is an interface's name or its index.
fn parse_zone(lookup: &impl Lookup, zone: &str) -> Result<u32> {
    let index = if zone.starts_with(|first: char| first.is_ascii_alphabetic()) {
        lookup.interface_index(zone)
    } else {
        leading_integer(zone) as u32
    };
    match index {
        0 => Err(Errno::EINVAL),
        index => Ok(index),
    }
}

/// The integer a text starts with, as C reads it: space and a sign may precede, the rest is
/// ignored, no digits mean 0, too large a number is the largest.
pub(super) fn leading_integer(text: &str) -> i64 {
    let text = text.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = digits.bytes().take_while(u8::is_ascii_digit).fold(0i64, |number, digit| {
        number.saturating_mul(10).saturating_add(i64::from(digit - b'0'))
    });
    if negative {
        -magnitude
    } else {
        magnitude
    }
}

/// Resolves for IPv6 if asked to, and once more for IPv4 if the outcome is an address this system
/// has no sockets for.
fn with_fallback(
    ipv6: bool,
    resolve: impl Fn(bool) -> Result<ConnectTarget>,
) -> Result<ConnectTarget> {
    let target = resolve(ipv6)?;
    if ipv6 && target.address.is_ipv6() && !system_has_ipv6() {
        return resolve(false);
    }
    Ok(target)
}

/// Whether IPv6 sockets can be made here. Found out once; only a definite answer is kept.
fn system_has_ipv6() -> bool {
    const UNKNOWN: u8 = 0;
    const YES: u8 = 1;
    const NO: u8 = 2;
    static ANSWER: AtomicU8 = AtomicU8::new(UNKNOWN);
    match ANSWER.load(Ordering::Relaxed) {
        UNKNOWN => {}
        answer => return answer == YES,
    }
    match Socket::new(Domain::IPV6, Type::STREAM, None) {
        Ok(_) => {
            ANSWER.store(YES, Ordering::Relaxed);
            true
        }
        Err(error) if Errno::of(&error) == Errno::EAFNOSUPPORT => {
            ANSWER.store(NO, Ordering::Relaxed);
            false
        }
        Err(_) => true,
    }
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
