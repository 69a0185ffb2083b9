//! Telling an application what happens to a socket's connections (`zmq_socket_monitor(3)`).
//!
//! Events come from the application's thread (bind) and from I/O threads (everything else), so
//! the monitor lies behind a lock and a mask that is looked at first: without a monitor an event
//! costs one load. Events are sent without waiting: one that finds no room or no listener is
//! lost, since nothing in an I/O thread may block.

use core::ffi::c_void;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

pub mod event;

pub use event::Event;

pub use crate::transport::Addresses;

use crate::error::Errno;
use crate::message::Message;
use crate::options::constants::*;
use crate::socket;

#[derive(Debug)]
struct Active {
    /// Handle of the socket that events are sent on; used under the monitor's lock only.
    socket: *mut c_void,
    version: i32,
}

// SAFETY: the handle is a checked name, not memory; sockets may move between threads.
unsafe impl Send for Active {}

/// A socket's monitor, on or off.
#[derive(Debug, Default)]
pub struct Monitor {
    mask: AtomicU64,
    active: Mutex<Option<Active>>,
}

impl Monitor {
    /// Sends events of `mask` on this socket handle from now on.
    pub fn start(&self, socket: *mut c_void, mask: u64, version: i32) {
        self.stop();
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        *active = Some(Active { socket, version });
        self.mask.store(mask, Ordering::Release);
    }

    /// Sends `MONITOR_STOPPED` and closes the monitor's socket, if there is one.
    pub fn stop(&self) {
        self.emit(ZMQ_EVENT_MONITOR_STOPPED, 0, &Addresses::default());
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        self.mask.store(0, Ordering::Release);
        if let Some(active) = active.take() {
            // The handle may have been closed by a stray caller; nothing is left to do then.
            let _ = socket::close(active.socket);
        }
    }

    /// Whether anybody wants to hear of this kind of event.
    pub fn wants(&self, kind: i32) -> bool {
        self.mask.load(Ordering::Acquire) & u64::from(kind as u32) != 0
    }

    /// Reports an event with one value (a descriptor, an errno, an interval).
    pub fn emit(&self, kind: i32, value: i32, addresses: &Addresses) {
        if self.wants(kind) {
            self.send(kind, vec![value as i64 as u64], addresses);
        }
    }

    /// Reports an event with several values.
    pub fn emit_values(&self, kind: i32, values: Vec<u64>, addresses: &Addresses) {
        if self.wants(kind) {
            self.send(kind, values, addresses);
        }
    }

    fn send(&self, kind: i32, values: Vec<u64>, addresses: &Addresses) {
        let active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(active) = active.as_ref() else { return };
        let event = Event {
            kind: u64::from(kind as u32),
            values,
            local: addresses.local.clone(),
            remote: addresses.remote.clone(),
            bound: addresses.bound,
        };
        let frames = event.frames(active.version);
        let last = frames.len().saturating_sub(1);
        let _ = socket::with(active.socket, |monitor| {
            for (number, frame) in frames.iter().enumerate() {
                let more = if number < last { ZMQ_SNDMORE } else { 0 };
                let mut message = Message::copy_of(frame)?;
                monitor.send(&mut message, more | ZMQ_DONTWAIT)?;
            }
            Ok::<(), Errno>(())
        });
    }
}
