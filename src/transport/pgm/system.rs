//! What is used of the system's OpenPGM.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::OnceLock;

use libc::{sockaddr_storage, socklen_t};

use crate::context::threads::without_signals;
use crate::error::{Errno, Result};

#[repr(C)]
pub struct RawError {
    pub domain: c_int,
    pub code: c_int,
    pub message: *mut c_char,
}

#[repr(C)]
pub struct GroupRequest {
    pub interface: u32,
    pub group: sockaddr_storage,
    pub source: sockaddr_storage,
    pub address: sockaddr_storage,
}

#[repr(C)]
pub struct AddressInfo {
    pub family: libc::sa_family_t,
    pub receive_count: u32,
    pub receive: *mut GroupRequest,
    pub send_count: u32,
    pub send: *mut GroupRequest,
}

#[repr(C)]
pub struct InterfaceRequest {
    pub interface: u32,
    pub scope: u32,
    pub address: sockaddr_storage,
}

/// The name of a publisher in the protocol.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Source {
    pub id: [u8; 6],
    pub port: u16,
}

#[repr(C)]
#[derive(Default)]
pub struct Address {
    pub port: u16,
    pub source: Source,
}

pub enum RawSocket {}

/// The beginning of what OpenPGM keeps a packet in.
#[repr(C)]
pub struct RawPacket {
    pub links: [*mut c_void; 3],
    pub socket: *mut RawSocket,
    pub time: u64,
    pub source: Source,
    pub sequence: u32,
    pub padding: u32,
    pub control: [u8; 48],
    pub len: u16,
    pub flags: u32,
    pub headers: [*mut c_void; 4],
    pub head: *mut c_void,
    pub data: *const u8,
}

pub const FRAGMENTS_MAX: usize = 16;

/// The packets of one message of PGM's.
#[repr(C)]
pub struct RawMessage {
    pub count: u32,
    pub packets: [*const RawPacket; FRAGMENTS_MAX],
}

#[link(name = "pgm")]
extern "C" {
    pub fn pgm_init(error: *mut *mut RawError) -> bool;
    pub fn pgm_error_free(error: *mut RawError);
    pub fn pgm_getaddrinfo(
        network: *const c_char,
        hints: *const AddressInfo,
        result: *mut *mut AddressInfo,
        error: *mut *mut RawError,
    ) -> bool;
    pub fn pgm_freeaddrinfo(info: *mut AddressInfo);
    pub fn pgm_gsi_create_from_data(id: *mut [u8; 6], data: *const u8, len: usize) -> bool;
    pub fn pgm_socket(
        socket: *mut *mut RawSocket,
        family: libc::sa_family_t,
        kind: c_int,
        protocol: c_int,
        error: *mut *mut RawError,
    ) -> bool;
    pub fn pgm_setsockopt(
        socket: *mut RawSocket,
        level: c_int,
        name: c_int,
        value: *const c_void,
        len: socklen_t,
    ) -> bool;
    pub fn pgm_getsockopt(
        socket: *mut RawSocket,
        level: c_int,
        name: c_int,
        value: *mut c_void,
        len: *mut socklen_t,
    ) -> bool;
    pub fn pgm_bind3(
        socket: *mut RawSocket,
        address: *const Address,
        address_len: socklen_t,
        send: *const InterfaceRequest,
        send_len: socklen_t,
        receive: *const InterfaceRequest,
        receive_len: socklen_t,
        error: *mut *mut RawError,
    ) -> bool;
    pub fn pgm_connect(socket: *mut RawSocket, error: *mut *mut RawError) -> bool;
    pub fn pgm_close(socket: *mut RawSocket, flush: bool) -> bool;
    pub fn pgm_send(
        socket: *mut RawSocket,
        data: *const c_void,
        len: usize,
        sent: *mut usize,
    ) -> c_int;
    pub fn pgm_recvmsg(
        socket: *mut RawSocket,
        message: *mut RawMessage,
        flags: c_int,
        received: *mut usize,
        error: *mut *mut RawError,
    ) -> c_int;
}

pub const PROTOCOL: c_int = 113;

pub const STATUS_NORMAL: c_int = 1;
pub const STATUS_RESET: c_int = 2;
pub const STATUS_RATE_LIMITED: c_int = 6;
pub const STATUS_TIMER_PENDING: c_int = 7;

pub const SEND_SOCK: c_int = 0x2000;
pub const RECV_SOCK: c_int = SEND_SOCK + 1;
pub const REPAIR_SOCK: c_int = SEND_SOCK + 2;
pub const PENDING_SOCK: c_int = SEND_SOCK + 3;
pub const TIME_REMAIN: c_int = SEND_SOCK + 5;
pub const RATE_REMAIN: c_int = SEND_SOCK + 6;
pub const MTU: c_int = SEND_SOCK + 8;
pub const MSS: c_int = SEND_SOCK + 10;
pub const MULTICAST_LOOP: c_int = SEND_SOCK + 12;
pub const MULTICAST_HOPS: c_int = SEND_SOCK + 13;
pub const TOS: c_int = SEND_SOCK + 14;
pub const AMBIENT_SPM: c_int = SEND_SOCK + 15;
pub const HEARTBEAT_SPM: c_int = SEND_SOCK + 16;
pub const TXW_SQNS: c_int = SEND_SOCK + 18;
pub const PEER_EXPIRY: c_int = SEND_SOCK + 21;
pub const SPMR_EXPIRY: c_int = SEND_SOCK + 22;
pub const RXW_SQNS: c_int = SEND_SOCK + 24;
pub const NAK_BO_IVL: c_int = SEND_SOCK + 27;
pub const NAK_RPT_IVL: c_int = SEND_SOCK + 28;
pub const NAK_RDATA_IVL: c_int = SEND_SOCK + 29;
pub const NAK_DATA_RETRIES: c_int = SEND_SOCK + 30;
pub const NAK_NCF_RETRIES: c_int = SEND_SOCK + 31;
pub const SEND_ONLY: c_int = SEND_SOCK + 35;
pub const RECV_ONLY: c_int = SEND_SOCK + 36;
pub const NOBLOCK: c_int = SEND_SOCK + 39;
pub const SEND_GROUP: c_int = SEND_SOCK + 40;
pub const JOIN_GROUP: c_int = SEND_SOCK + 41;
pub const UDP_ENCAP_UCAST_PORT: c_int = SEND_SOCK + 48;
pub const UDP_ENCAP_MCAST_PORT: c_int = SEND_SOCK + 49;
pub const ODATA_MAX_RTE: c_int = SEND_SOCK + 52;

/// An error of OpenPGM's, which is freed and forgotten: it says nothing that an error number could.
pub struct Ignored(pub *mut RawError);

impl Drop for Ignored {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: OpenPGM gave the error to us.
            unsafe { pgm_error_free(self.0) }
        }
    }
}

pub fn check(call: impl FnOnce(*mut *mut RawError) -> bool) -> Result<()> {
    let mut error = Ignored(ptr::null_mut());
    if call(&raw mut error.0) {
        Ok(())
    } else {
        Err(Errno::EINVAL)
    }
}

pub fn start_library() -> Result<()> {
    static STARTED: OnceLock<bool> = OnceLock::new();
    let start = || {
        // SAFETY: the error is a variable. It is called once.
        without_signals(|| check(|error| unsafe { pgm_init(error) })).is_ok()
    };
    if *STARTED.get_or_init(start) {
        Ok(())
    } else {
        Err(Errno::EINVAL)
    }
}
