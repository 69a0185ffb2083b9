//! A writer that sends by itself what it wrote, when the session has lent its reader.

use core::cell::Cell;
use core::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{Outbound, Outflow};
use crate::pipe::outlet::{Sent, FLUSH_BYTES};
use crate::pipe::queue::{AWAKE, IN_STREAMS, NEVER, WATCHING};
use crate::pipe::PipeEvent;

/// From this high-water mark on, a writer that reaches it sends by itself. Who sets a lower one
/// wants to know early that the peer does not keep up, and not fill the system's buffers first.
pub(super) const SENDS_FOR_ROOM: u64 = 64;
/// The same for a writer that has not reached its mark.
const SENDS_AT_ONCE: u64 = 4;

/// A thread that wrote to a sleeping reader so short a time ago, this one or another, is in a burst,
/// and better off gathering.
const BURST: Duration = Duration::from_micros(10);

thread_local! {
    static LAST_WRITTEN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Whether this thread has been at something else since it last wrote to a sleeping reader.
fn may_send_now() -> bool {
    LAST_WRITTEN.get().is_none_or(|last| last.elapsed() >= BURST)
}

/// Whether enough for a call was written since the last one.
#[inline(always)]
pub(super) fn is_much(total: u64, sent: u64) -> bool {
    total.wrapping_sub(sent) >= FLUSH_BYTES
}

/// This thread waited for messages: what it writes next is no burst, but may be an answer.
pub fn end_burst() {
    LAST_WRITTEN.set(None);
}

impl Outflow {
    /// The reader sleeps: sends in its place, or wakes it.
    #[inline(never)]
    pub(super) fn wake_reader(&mut self) {
        let lends = self.queue().lends.load(Ordering::Relaxed);
        if lends == NEVER || (1..SENDS_AT_ONCE).contains(&self.hwm) {
            return self.call_reader(AWAKE);
        }
        // An I/O thread that is awake costs nobody a call, and sends along what comes until its turn: where
        // each answer left by itself, requests would come back one by one, with all their calls.
        let leaves_it = self.shared.is_at_work(1 - self.side) || !may_send_now();
        if leaves_it || !self.send_pending() {
            self.call_reader(if lends == IN_STREAMS { WATCHING } else { AWAKE });
        }
        // From the end of the call on: its own time says nothing about the caller's pace.
        LAST_WRITTEN.set(Some(Instant::now()));
    }

    /// In a stream: sends when there is enough for a call.
    #[inline(never)]
    pub(super) fn send_if_much(&mut self) {
        if is_much(self.total(), self.sent) {
            self.send_pending();
        }
    }

    /// Sends what is published, if the session has lent its reader. False when it has not.
    #[inline(never)]
    pub(super) fn send_pending(&mut self) -> bool {
        if matches!(self.lane, Outbound::Latest(_) | Outbound::Lent) {
            return false;
        }
        self.sent = self.total();
        let sent = self.shared.outlet.send();
        if sent == Sent::Unavailable {
            return false;
        }
        if sent == Sent::Part {
            self.call_reader(AWAKE);
        }
        if self.shared.outlet.was_wanted() {
            self.tell_peer(PipeEvent::Readable);
        }
        true
    }
}
