//! Telling an application what happens to a socket's connections (`zmq_socket_monitor(3)`).
//!
//! Events come from the application's thread (bind) and from I/O threads (everything else), so
//! the monitor lies behind a lock and a mask that is looked at first: without a monitor an event
//! costs one load. Events are sent without waiting: one that finds no room or no listener is
//! lost, since nothing in an I/O thread may block.

use core::ffi::c_void;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

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
        let mut active = self.lock();
        *active = Some(Active { socket, version });
        self.mask.store(mask, Ordering::Release);
    }

    /// Sends `MONITOR_STOPPED` and closes the monitor's socket, if there is one.
    pub fn stop(&self) {
        // All under the lock: nothing comes after the event that says so.
        let mut active = self.lock();
        let is_wanted = self.wants(ZMQ_EVENT_MONITOR_STOPPED);
        self.mask.store(0, Ordering::Release);
        let Some(active) = active.take() else { return };
        if is_wanted {
            active.send(ZMQ_EVENT_MONITOR_STOPPED, vec![0], &Addresses::default());
        }
        // The handle may have been closed by a stray caller; nothing is left to do then.
        let _ = socket::close(active.socket);
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
        let active = self.lock();
        // Asked again: another monitor may have come since.
        if let Some(active) = active.as_ref().filter(|_| self.wants(kind)) {
            active.send(kind, values, addresses);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Active>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Active {
    fn send(&self, kind: i32, values: Vec<u64>, addresses: &Addresses) {
        let event = Event {
            kind: u64::from(kind as u32),
            values,
            local: addresses.local.clone(),
            remote: addresses.remote.clone(),
            bound: addresses.bound,
        };
        let frames = event.frames(self.version);
        let last = frames.len().saturating_sub(1);
        let _ = socket::with(self.socket, |monitor| {
            for (number, frame) in frames.iter().enumerate() {
                let more = if number < last { ZMQ_SNDMORE } else { 0 };
                let mut message = Message::copy_of(frame)?;
                monitor.send(&mut message, more | ZMQ_DONTWAIT)?;
            }
            Ok::<(), Errno>(())
        });
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::AtomicBool;

    use super::*;
    use crate::context;
    use crate::options::value::SetValue;
    use crate::socket::Socket;

    /// A PAIR socket that loses nothing.
    fn pair(context: *mut c_void) -> *mut c_void {
        let handle = socket::create(context, ZMQ_PAIR).unwrap();
        let no_limit = 0i32.to_ne_bytes();
        for option in [ZMQ_LINGER, ZMQ_SNDHWM, ZMQ_RCVHWM] {
            let value = SetValue::new(&no_limit);
            socket::with(handle, |socket| socket.set_option(option, value)).unwrap();
        }
        handle
    }

    /// What a monitor's socket has to tell, as far as it is known: the events.
    fn events(listener: *mut c_void) -> Vec<u16> {
        let mut events = Vec::new();
        let mut message = Message::new();
        let mut receive = |socket: &mut Socket| {
            socket.recv(&mut message, ZMQ_DONTWAIT)?;
            if let ([one, other, ..], true) = (message.data(), message.has_more()) {
                events.push(u16::from_ne_bytes([*one, *other]));
            }
            message.own()
        };
        while socket::with(listener, &mut receive).is_ok() {}
        events
    }

    struct Raised<'a>(&'a AtomicBool);

    impl Drop for Raised<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn nothing_comes_after_the_end() {
        const ROUNDS: usize = 500;
        let context = context::create().unwrap();
        let monitor = Monitor::default();
        let over = AtomicBool::new(false);
        let late = std::thread::scope(|scope| {
            let _over = Raised(&over);
            for _ in 0..2 {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        monitor.emit(ZMQ_EVENT_LISTENING, 7, &Addresses::default());
                    }
                });
            }
            (0..ROUNDS).find(|_| {
                let (sender, listener) = (pair(context), pair(context));
                let name = "inproc://events";
                socket::with(sender, |socket| socket.bind(name)).unwrap();
                socket::with(listener, |socket| socket.connect(name)).unwrap();
                monitor.start(sender, ZMQ_EVENT_ALL as u64, 1);
                monitor.stop();
                let last = events(listener).last().copied();
                socket::close(listener).unwrap();
                last != Some(ZMQ_EVENT_MONITOR_STOPPED as u16)
            })
        });
        assert_eq!(late, None, "the round in which an event came after the last one");
        context::terminate(context).unwrap();
    }

    #[test]
    fn an_event_meant_for_another_monitor_is_not_sent() {
        let context = context::create().unwrap();
        let (sender, listener) = (pair(context), pair(context));
        let name = "inproc://events";
        socket::with(sender, |socket| socket.bind(name)).unwrap();
        socket::with(listener, |socket| socket.connect(name)).unwrap();
        let monitor = Monitor::default();
        monitor.start(sender, ZMQ_EVENT_LISTENING as u64, 1);
        // Somebody found it wanted when there was another monitor.
        monitor.send(ZMQ_EVENT_ACCEPTED, vec![7], &Addresses::default());
        monitor.send(ZMQ_EVENT_LISTENING, vec![7], &Addresses::default());
        assert_eq!(events(listener), [ZMQ_EVENT_LISTENING as u16]);
        monitor.stop();
        socket::close(listener).unwrap();
        context::terminate(context).unwrap();
    }
}
