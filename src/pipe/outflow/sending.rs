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

/// Input that makes it worth while to let answers leave together: fewer had better overlap.
const MANY: usize = 3;

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
    /// The reader sleeps: sends in its place, or wakes it. `waiting`: whether so many messages from the peer
    /// wait for this thread.
    ///
    /// Answers to many had better leave together: each of them by itself, requests would come back one by
    /// one, with all the calls and wakings there are on the way. So they are left until no other waits, or
    /// the thread has nothing to read, and the session looks a moment later whether it came to that.
    #[inline(never)]
    pub(in crate::pipe) fn wake_reader(&mut self, waiting: impl FnOnce(usize) -> bool) {
        let lends = self.queue().lends.load(Ordering::Relaxed);
        if lends == NEVER || (1..SENDS_AT_ONCE).contains(&self.hwm) {
            return self.call_reader(AWAKE);
        }
        let has_left = self.shared.outlet.has_left();
        // An I/O thread that is awake costs nobody a call, and sends along what comes until its turn.
        let is_at_work = !has_left && self.shared.is_at_work(1 - self.side);
        if !is_at_work && waiting(if has_left { 1 } else { MANY }) {
            return self.leave_for_now(has_left);
        }
        if is_at_work || !may_send_now() || !self.send_pending() {
            self.call_reader(if lends == IN_STREAMS { WATCHING } else { AWAKE });
        }
        // From the end of the call on: its own time says nothing about the caller's pace.
        LAST_WRITTEN.set(Some(Instant::now()));
    }

    /// Leaves what was written to be sent together with what comes next.
    fn leave_for_now(&mut self, has_left: bool) {
        if !has_left {
            self.sent = self.total();
        } else if is_much(self.total(), self.sent) && self.send_pending() {
            return;
        }
        if self.shared.outlet.leave() {
            self.end_streak();
            self.shared.tell_later(1 - self.side, PipeEvent::Left);
        }
    }

    /// Sends what was left, and with it what a `stream` has not sent yet.
    pub(in crate::pipe) fn send_left(&mut self, stream: bool) {
        let waits = stream && self.total() != self.sent;
        let is_watched = || self.queue().attention.load(Ordering::Relaxed) == WATCHING;
        if self.shared.outlet.has_left() || waits && is_watched() {
            self.send_pending();
        }
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
        self.find_room();
        true
    }

    /// This end has sent by itself, and acknowledged what it sent. If it had found no credit before, there is
    /// nobody else to say so.
    fn find_room(&self) {
        let queue = self.queue();
        let waits = !self.active && !self.over && queue.writer_blocked.load(Ordering::Relaxed);
        if waits
            && self.written.wrapping_sub(queue.taken()) < self.hwm
            && queue.writer_blocked.swap(false, Ordering::AcqRel)
        {
            self.shared.tell(self.side, PipeEvent::Writable);
        }
    }
}
