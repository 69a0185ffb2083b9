//! The `pgm` and `epgm` transports: Pragmatic General Multicast, by the system's OpenPGM.
//!
//! An address is `[interface;]group:port`, and [`network`] asks what it means. OpenPGM ([`system`])
//! has no thread: its functions do the protocol whenever one of several descriptors is ready, or when
//! it is time to.

use std::collections::hash_map::RandomState;
use std::ffi::c_int;
use std::hash::BuildHasher;
use std::os::fd::RawFd;
use std::ptr;

use libc::{sockaddr_storage, socklen_t, timeval};

mod network;
mod system;

use super::resolve::leading_integer;
use crate::context::threads::without_signals;
use crate::error::{Errno, Result};
use crate::options::SocketOptions;
use network::Network;
pub use system::Source;
use system::*;

/// Times of the protocol are microseconds.
const MILLISECOND: c_int = 1_000;
const SECOND: c_int = 1_000_000;

/// Bytes of the part of a [`GroupRequest`] that joining takes.
const GROUP_LEN: socklen_t = (8 + size_of::<sockaddr_storage>()) as socklen_t;

/// What came of receiving.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received {
    /// A packet of a publisher's: its number, and its length.
    Packet(Source, u32, usize),
    /// Some publisher's data is lost.
    Loss,
    Nothing,
}

/// A publisher's or a subscriber's end.
#[derive(Debug)]
pub struct Pgm {
    socket: *mut RawSocket,
    sends: bool,
    /// What OpenPGM wants to be called again for: after a time it tells, or when it may send more.
    receive_status: c_int,
    send_status: c_int,
}

// SAFETY: OpenPGM's sockets belong to no thread, and this one is used by its owner alone.
unsafe impl Send for Pgm {}

impl Pgm {
    /// Begins to send or to receive. Nearly everything that goes wrong is `EINVAL`, as in libzmq.
    pub fn open(address: &str, in_udp: bool, sends: bool, options: &SocketOptions) -> Result<Pgm> {
        let (network, port) = address.rsplit_once(':').ok_or(Errno::EINVAL)?;
        let port = leading_integer(port) as u16;
        if port == 0 {
            return Err(Errno::EINVAL);
        }
        start_library()?;
        let network = Network::find(network)?;
        let family = network.send()[0].group.ss_family;
        let protocol = if in_udp { libc::IPPROTO_UDP } else { PROTOCOL };
        let mut pgm = Pgm { socket: ptr::null_mut(), sends, receive_status: 0, send_status: 0 };
        // SAFETY: the socket and the error are variables.
        check(|error| unsafe {
            pgm_socket(&raw mut pgm.socket, family, libc::SOCK_SEQPACKET, protocol, error)
        })?;
        if in_udp {
            pgm.set(UDP_ENCAP_UCAST_PORT, &c_int::from(port))?;
            pgm.set(UDP_ENCAP_MCAST_PORT, &c_int::from(port))?;
        }
        pgm.configure(options)?;
        pgm.bind(&network, port)?;
        pgm.set(MULTICAST_LOOP, &0)?;
        pgm.set(MULTICAST_HOPS, &options.multicast_hops)?;
        if family == libc::AF_INET as libc::sa_family_t {
            // Expedited forwarding, where the system lets us.
            let _ = pgm.set(TOS, &(0x2e << 2));
        }
        pgm.set(NOBLOCK, &1)?;
        // SAFETY: the socket is bound.
        without_signals(|| check(|error| unsafe { pgm_connect(pgm.socket, error) }))?;
        Ok(pgm)
    }

    fn set_bytes<T>(&self, level: c_int, name: c_int, value: &T, len: socklen_t) -> Result<()> {
        let value = ptr::from_ref(value).cast();
        // SAFETY: the socket is open, and the value has at least so many bytes.
        if unsafe { pgm_setsockopt(self.socket, level, name, value, len) } {
            Ok(())
        } else {
            Err(Errno::EINVAL)
        }
    }

    fn set(&self, name: c_int, value: &c_int) -> Result<()> {
        self.set_bytes(PROTOCOL, name, value, size_of::<c_int>() as socklen_t)
    }

    fn configure(&self, options: &SocketOptions) -> Result<()> {
        for (name, size) in [(libc::SO_RCVBUF, options.rcvbuf), (libc::SO_SNDBUF, options.sndbuf)] {
            if size >= 0 {
                let len = size_of::<c_int>() as socklen_t;
                self.set_bytes(libc::SOL_SOCKET, name, &size, len)?;
            }
        }
        self.set(MTU, &options.multicast_maxtpdu)?;
        let window = packets_to_keep(options);
        if self.sends {
            self.set(SEND_ONLY, &1)?;
            let bytes_per_second = i64::from(options.rate) * 1000 / 8;
            self.set(ODATA_MAX_RTE, &c_int::try_from(bytes_per_second).unwrap_or(c_int::MAX))?;
            self.set(TXW_SQNS, &window)?;
            self.set(AMBIENT_SPM, &(30 * SECOND))?;
            let heartbeats = [
                100 * MILLISECOND,
                100 * MILLISECOND,
                100 * MILLISECOND,
                100 * MILLISECOND,
                1300 * MILLISECOND,
                7 * SECOND,
                16 * SECOND,
                25 * SECOND,
                30 * SECOND,
            ];
            let len = size_of_val(&heartbeats) as socklen_t;
            return self.set_bytes(PROTOCOL, HEARTBEAT_SPM, &heartbeats, len);
        }
        for (name, value) in [
            (RECV_ONLY, 1),
            (RXW_SQNS, window),
            (PEER_EXPIRY, 300 * SECOND),
            (SPMR_EXPIRY, 25 * MILLISECOND),
            (NAK_BO_IVL, 50 * MILLISECOND),
            (NAK_RPT_IVL, 200 * MILLISECOND),
            (NAK_RDATA_IVL, 200 * MILLISECOND),
            (NAK_DATA_RETRIES, 50),
            (NAK_NCF_RETRIES, 50),
        ] {
            self.set(name, &value)?;
        }
        Ok(())
    }

    fn bind(&self, network: &Network, port: u16) -> Result<()> {
        let mut address = Address { port, source: Source::default() };
        let random = RandomState::new().hash_one(port).to_ne_bytes();
        // SAFETY: both are variables of the sizes that the function knows.
        let made = unsafe {
            pgm_gsi_create_from_data(&raw mut address.source.id, random.as_ptr(), random.len())
        };
        if !made {
            return Err(Errno::EINVAL);
        }
        let first = &network.receive()[0];
        // SAFETY: all zeros is a value of the structure.
        let mut interface: InterfaceRequest = unsafe { core::mem::zeroed() };
        interface.interface = first.interface;
        if first.group.ss_family == libc::AF_INET6 as libc::sa_family_t {
            // SAFETY: the family says that this is what the storage holds.
            let group = unsafe { &*ptr::from_ref(&first.group).cast::<libc::sockaddr_in6>() };
            interface.scope = group.sin6_scope_id;
        }
        let interface_len = size_of::<InterfaceRequest>() as socklen_t;
        // SAFETY: the structures live through the call.
        check(|error| unsafe {
            pgm_bind3(
                self.socket,
                &raw const address,
                size_of::<Address>() as socklen_t,
                &raw const interface,
                interface_len,
                &raw const interface,
                interface_len,
                error,
            )
        })?;
        for group in network.receive() {
            self.set_bytes(PROTOCOL, JOIN_GROUP, group, GROUP_LEN)?;
        }
        self.set_bytes(PROTOCOL, SEND_GROUP, &network.send()[0], GROUP_LEN)
    }

    fn read_option<T>(&self, name: c_int, value: &mut T) -> bool {
        let mut len = size_of::<T>() as socklen_t;
        let value = ptr::from_mut(value).cast();
        // SAFETY: the socket is open, and the value has so many bytes.
        unsafe { pgm_getsockopt(self.socket, PROTOCOL, name, value, &raw mut len) }
    }

    /// The descriptors that say when to look.
    pub fn descriptors(&self) -> Vec<RawFd> {
        let names: &[c_int] = if self.sends {
            &[SEND_SOCK, RECV_SOCK, REPAIR_SOCK, PENDING_SOCK]
        } else {
            &[RECV_SOCK, PENDING_SOCK]
        };
        names
            .iter()
            .filter_map(|&name| {
                let mut fd: c_int = -1;
                self.read_option(name, &mut fd).then_some(fd)
            })
            .collect()
    }

    /// The longest packet.
    pub fn capacity(&self) -> usize {
        let mut capacity: c_int = 0;
        self.read_option(MSS, &mut capacity);
        usize::try_from(capacity).unwrap_or(0)
    }

    /// Sends a packet; false when it cannot go now. Then the same packet is to be tried again.
    pub fn send(&mut self, packet: &[u8]) -> bool {
        let mut sent = 0;
        // SAFETY: the socket is open, the packet is valid.
        self.send_status =
            unsafe { pgm_send(self.socket, packet.as_ptr().cast(), packet.len(), &raw mut sent) };
        self.send_status == STATUS_NORMAL
    }

    /// Receives a packet, or does what the protocol has to do otherwise.
    pub fn receive(&mut self, buffer: &mut [u8]) -> Received {
        let mut error = Ignored(ptr::null_mut());
        let mut received = 0;
        let mut message = RawMessage { count: 0, packets: [ptr::null(); FRAGMENTS_MAX] };
        // SAFETY: the socket is open, and the rest are variables.
        self.receive_status = unsafe {
            pgm_recvmsg(self.socket, &raw mut message, 0, &raw mut received, &raw mut error.0)
        };
        match self.receive_status {
            STATUS_NORMAL => copy_message(&message, buffer),
            STATUS_RESET => Received::Loss,
            _ => Received::Nothing,
        }
    }

    /// Milliseconds after which there is something to do even if no descriptor is ready.
    pub fn due(&self) -> Option<i32> {
        let remaining = |name| {
            let mut time = timeval { tv_sec: 0, tv_usec: 0 };
            if !self.read_option(name, &mut time) {
                return None;
            }
            let milliseconds = time.tv_sec.saturating_mul(1000).saturating_add(time.tv_usec / 1000);
            Some(i32::try_from(milliseconds).unwrap_or(i32::MAX).max(1))
        };
        let receive = match self.receive_status {
            STATUS_RATE_LIMITED => remaining(RATE_REMAIN),
            STATUS_TIMER_PENDING => remaining(TIME_REMAIN),
            _ => None,
        };
        let send = match self.send_status {
            STATUS_RATE_LIMITED => remaining(RATE_REMAIN),
            _ => None,
        };
        match (receive, send) {
            (Some(receive), Some(send)) => Some(receive.min(send)),
            (receive, send) => receive.or(send),
        }
    }
}

impl Drop for Pgm {
    fn drop(&mut self) {
        if !self.socket.is_null() {
            // SAFETY: the socket is open and is not used again.
            unsafe { pgm_close(self.socket, true) };
        }
    }
}

/// Copies what was received, which OpenPGM keeps until the next call.
fn copy_message(message: &RawMessage, buffer: &mut [u8]) -> Received {
    let count = (message.count as usize).min(FRAGMENTS_MAX);
    let mut place = buffer;
    let mut len = 0;
    let mut first = None;
    for &packet in &message.packets[..count] {
        // SAFETY: OpenPGM filled so many pointers to packets that are its own.
        let Some(packet) = (unsafe { packet.as_ref() }) else { continue };
        // SAFETY: the packet says where its data is.
        let data = unsafe { std::slice::from_raw_parts(packet.data, packet.len.into()) };
        let Some((target, rest)) = place.split_at_mut_checked(data.len()) else { break };
        target.copy_from_slice(data);
        place = rest;
        len += data.len();
        first.get_or_insert((packet.source, packet.sequence));
    }
    match first {
        Some((source, sequence)) => Received::Packet(source, sequence, len),
        None => Received::Loss,
    }
}

/// How many packets are kept for repair, at the full rate for as long as recovery may take.
fn packets_to_keep(options: &SocketOptions) -> c_int {
    let bytes = i64::from(options.recovery_ivl) * (i64::from(options.rate) / 8);
    let packets = bytes / i64::from(options.multicast_maxtpdu).max(1);
    c_int::try_from(packets.max(1)).unwrap_or(c_int::MAX)
}
