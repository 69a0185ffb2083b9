//! Types of the C header, and its version, that belong to no single function.
//!
//! The generated header gives them their C names (`cbindgen.toml` has the table).

use core::ffi::{c_int, c_short, c_void};

/// A socket of the operating system.
#[cfg(not(windows))]
pub type Fd = c_int;
/// A socket of the operating system.
#[cfg(windows)]
pub type Fd = usize;

/// Frees the memory behind a message.
pub type FreeFunction = Option<unsafe extern "C" fn(data: *mut c_void, hint: *mut c_void)>;

/// Runs when a timer is due.
pub type TimerFunction = Option<unsafe extern "C" fn(timer_id: c_int, argument: *mut c_void)>;

/// The body of a thread. It may leave through `pthread_exit`, so it may unwind.
pub type ThreadFunction = Option<unsafe extern "C-unwind" fn(argument: *mut c_void)>;

/// One line of the table given to `zmq_poll`: a ZeroMQ socket, or a descriptor where it is null.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PollItem {
    pub socket: *mut c_void,
    pub fd: Fd,
    pub events: c_short,
    pub revents: c_short,
}

/// What a poller reports about one socket or descriptor.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PollerEvent {
    pub socket: *mut c_void,
    pub fd: Fd,
    pub user_data: *mut c_void,
    pub events: c_short,
}

pub const ZMQ_VERSION_MAJOR: c_int = 4;
pub const ZMQ_VERSION_MINOR: c_int = 3;
pub const ZMQ_VERSION_PATCH: c_int = 5;
