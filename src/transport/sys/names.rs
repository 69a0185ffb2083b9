//! Names and numbers of hosts and network interfaces.

use std::ffi::CStr;
use std::mem::{size_of, MaybeUninit};
use std::net::{Ipv4Addr, SocketAddr};
use std::ptr;

use libc::{c_char, c_int, socklen_t};
use socket2::SockAddr;

use super::check;
use crate::error::{Errno, Result};

/// Which questions `getaddrinfo` is asked.
#[derive(Clone, Copy, Debug)]
pub struct HostQuery {
    pub family: Family,
    /// The address is for binding.
    pub passive: bool,
    /// Only numeric addresses; never asks a name service.
    pub numeric: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    /// IPv6; addresses and names that only have IPv4 give a mapped address.
    V6,
    Any,
}

/// The first address of a host, with port 0. `ENOMEM`, or `ENXIO` for every other failure: the
/// resolver's own error codes have no place in `errno`.
pub fn lookup_host(host: &CStr, query: HostQuery) -> Result<SocketAddr> {
    let mut flags = 0;
    if query.passive {
        flags |= libc::AI_PASSIVE;
    }
    if query.numeric {
        flags |= libc::AI_NUMERICHOST;
    }
    if query.family == Family::V6 {
        flags |= libc::AI_V4MAPPED;
    }
    match lookup_with_flags(host, query.family, flags) {
        // Some systems define the mapping flag and refuse it.
        Err(libc::EAI_BADFLAGS) if query.family == Family::V6 => {
            lookup_with_flags(host, query.family, flags & !libc::AI_V4MAPPED)
        }
        answer => answer,
    }
    .map_err(|code| match code {
        libc::EAI_MEMORY => Errno::ENOMEM,
        _ => Errno::ENXIO,
    })
}

fn lookup_with_flags(
    host: &CStr,
    family: Family,
    flags: c_int,
) -> core::result::Result<SocketAddr, c_int> {
    // SAFETY: all fields of `addrinfo` are integers and pointers, for which zero is a value.
    let mut hints: libc::addrinfo = unsafe { MaybeUninit::zeroed().assume_init() };
    hints.ai_family = match family {
        Family::V4 => libc::AF_INET,
        Family::V6 => libc::AF_INET6,
        Family::Any => libc::AF_UNSPEC,
    };
    // One answer per address instead of one per socket type.
    hints.ai_socktype = libc::SOCK_STREAM;
    hints.ai_flags = flags;
    let mut list: *mut libc::addrinfo = ptr::null_mut();
    // SAFETY: `host` is NUL-terminated, `hints` and `list` are valid for the call.
    let code = unsafe { libc::getaddrinfo(host.as_ptr(), ptr::null(), &hints, &mut list) };
    if code != 0 {
        return Err(code);
    }
    // SAFETY: on success `list` is null or points to a valid list that is ours until freed.
    let first = unsafe { list.as_ref() }
        .and_then(|entry| {
            // SAFETY: each entry carries an address of `ai_addrlen` bytes.
            unsafe { copy_address(entry.ai_addr, Some(entry.ai_addrlen)) }
        })
        .ok_or(libc::EAI_NONAME);
    if !list.is_null() {
        // SAFETY: `list` came from getaddrinfo and is freed once.
        unsafe { libc::freeaddrinfo(list) };
    }
    first
}

/// Copies an Internet address out of memory that a C function owns; `None` for other families.
///
/// # Safety
/// `address` is null or points to a complete socket address of its family, `length` bytes long
/// where given.
unsafe fn copy_address(
    address: *const libc::sockaddr,
    length: Option<socklen_t>,
) -> Option<SocketAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: every socket address starts with its family.
    let expected = match c_int::from(unsafe { (*address).sa_family }) {
        libc::AF_INET => size_of::<libc::sockaddr_in>(),
        libc::AF_INET6 => size_of::<libc::sockaddr_in6>(),
        _ => return None,
    };
    if length.is_some_and(|length| (length as usize) < expected) {
        return None;
    }
    // SAFETY: `expected` bytes are readable as the caller promises, and fit the storage, which is
    // large enough for any address.
    let copied = unsafe {
        SockAddr::try_init(|storage, storage_length| {
            ptr::copy_nonoverlapping(address.cast::<u8>(), storage.cast::<u8>(), expected);
            *storage_length = expected as socklen_t;
            Ok(())
        })
    };
    copied.ok()?.1.as_socket()
}

/// The first address of a family on the network interface of this name, if it has one.
pub fn interface_address(name: &CStr, ipv6: bool) -> Result<Option<SocketAddr>> {
    let mut list: *mut libc::ifaddrs = ptr::null_mut();
    // SAFETY: `list` is valid for the call.
    check(unsafe { libc::getifaddrs(&mut list) })?;
    let wanted = if ipv6 { libc::AF_INET6 } else { libc::AF_INET };
    let mut found = None;
    // SAFETY: getifaddrs succeeded, so `list` is null or a valid list until freed.
    let mut next = unsafe { list.as_ref() };
    while let Some(entry) = next {
        // SAFETY: links are null or point to further entries of the same list.
        next = unsafe { entry.ifa_next.as_ref() };
        if entry.ifa_addr.is_null() || entry.ifa_name.is_null() {
            continue;
        }
        // SAFETY: both pointers are not null and belong to the entry; names are NUL-terminated.
        let (family, entry_name) =
            unsafe { ((*entry.ifa_addr).sa_family, CStr::from_ptr(entry.ifa_name)) };
        if c_int::from(family) != wanted || entry_name != name {
            continue;
        }
        // SAFETY: an interface's address is complete for its family.
        found = unsafe { copy_address(entry.ifa_addr, None) };
        break;
    }
    if !list.is_null() {
        // SAFETY: `list` came from getifaddrs and is freed once.
        unsafe { libc::freeifaddrs(list) };
    }
    Ok(found)
}

/// The index of a network interface, 0 when there is none of this name.
pub fn interface_index(name: &CStr) -> u32 {
    // SAFETY: `name` is NUL-terminated.
    unsafe { libc::if_nametoindex(name.as_ptr()) }
}

/// An IPv4 address, and a port, in numbers. Each connection has a few of these texts made, which
/// the formatter takes four times as long for.
pub fn ipv4_text(before: &str, host: Ipv4Addr, port: Option<u16>) -> String {
    let mut text = String::with_capacity(before.len() + "255.255.255.255:65535".len());
    text.push_str(before);
    for (place, octet) in host.octets().into_iter().enumerate() {
        if place > 0 {
            text.push('.');
        }
        push_number(&mut text, u16::from(octet));
    }
    if let Some(port) = port {
        text.push(':');
        push_number(&mut text, port);
    }
    text
}

fn push_number(text: &mut String, number: u16) {
    if number >= 10 {
        push_number(text, number / 10);
    }
    text.push(char::from(b'0' + (number % 10) as u8));
}

/// The host part of an address in numbers, as the system writes it: a link-local IPv6 address
/// carries its zone, a local socket is `localhost`.
pub fn numeric_host(address: &SockAddr) -> Option<String> {
    if let Some(address) = address.as_socket_ipv4() {
        return Some(ipv4_text("", *address.ip(), None));
    }
    let mut host: [c_char; 1025] = [0; 1025];
    // SAFETY: the address pointer and length belong together, the buffer's length is its own, and
    // no service is asked for.
    let code = unsafe {
        libc::getnameinfo(
            address.as_ptr().cast(),
            address.len(),
            host.as_mut_ptr(),
            host.len() as _,
            ptr::null_mut(),
            0,
            libc::NI_NUMERICHOST,
        )
    };
    if code != 0 {
        return None;
    }
    // SAFETY: on success the buffer holds a NUL-terminated string.
    let host = unsafe { CStr::from_ptr(host.as_ptr()) };
    Some(host.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_resolve_without_a_name_service() {
        let query = |family| HostQuery { family, passive: false, numeric: true };
        let v4 = lookup_host(c"127.0.0.1", query(Family::V4)).unwrap();
        assert_eq!(v4.to_string(), "127.0.0.1:0");
        let mapped = lookup_host(c"127.0.0.1", query(Family::V6)).unwrap();
        assert_eq!(mapped.to_string(), "[::ffff:127.0.0.1]:0");
        assert!(lookup_host(c"::1", query(Family::Any)).is_ok());
        assert_eq!(lookup_host(c"name", query(Family::Any)), Err(Errno::ENXIO));
    }

    #[test]
    fn ipv4_texts_are_those_of_the_formatter() {
        for number in (0..u32::MAX).step_by(65_521 * 7) {
            let (host, port) = (Ipv4Addr::from(number), number as u16);
            assert_eq!(ipv4_text("", host, None), host.to_string());
            assert_eq!(ipv4_text("x:", host, Some(port)), format!("x:{host}:{port}"));
        }
    }

    #[test]
    fn loopback_interface_is_found_by_name() {
        let address = interface_address(c"lo", false).unwrap().unwrap();
        assert!(address.ip().is_loopback());
        assert!(interface_index(c"lo") > 0);
        assert_eq!(interface_index(c"no such"), 0);
        assert_eq!(interface_address(c"no such", false), Ok(None));
    }
}
