//! Pipes: how a socket and a session, or two inproc sockets, exchange messages.
//!
//! A pipe has two [`PipeEnd`]s, each used by one thread at a time. An end reads from one lane and
//! writes to the other; a lane is a byte queue in wire framing ([`queue`]) or, for conflating
//! sockets, a slot for the latest message. Ends tell each other of changes (something to read,
//! room to write, the end of the pipe) through their [`PipeOwner`]s' mailboxes, and only when the
//! other side said that it waits for that.
//!
//! High-water marks count whole messages per lane; the reader acknowledges in steps of half the
//! mark, as libzmq does, so that a full pipe is not refilled message by message.
//!
//! Closing needs no handshake: memory is shared by reference counts. An end that closes leaves its
//! published messages for the peer to read; a peer that has read them all is `ended`.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

pub mod chunk;
pub mod end;
pub mod fence;
pub mod inlet;
#[cfg(test)]
pub mod interleave;
pub mod log;
pub mod outflow;
pub mod outlet;
pub mod queue;
#[cfg(test)]
pub mod random;
pub mod reader;
pub mod spares;
mod tally;
pub mod writer;

pub use end::{pair, PipeEnd};

/// What one end tells the owner of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipeEvent {
    /// A reader that found nothing has something to read now.
    Readable,
    /// A writer that was out of credit has some.
    Writable,
    /// The writer left something to be sent together with what comes next, a moment ago.
    Left,
    /// The peer closed its end; what it published is still there.
    Closed,
    /// The connection behind the pipe was made anew.
    Hiccup,
    /// The connection is to end along with the pipe.
    Dismissed,
    /// The reader would like to receive by itself while it waits (see [`inlet`]).
    InputWanted,
    /// The reader holds on to what receives for a while; look whether it uses it.
    InputHeld,
    /// The reader is done with what receives.
    InputReturned,
    /// What the reader held was taken back.
    InputTaken,
    /// The peer's high-water marks changed to (in, out), as seen from here.
    HighWaterMarks(i32, i32),
    /// An inproc name was bound at last; the binder's marks add (in, out) to ours.
    Bound(i32, i32),
    /// The peer wants to know how many messages wait each way; this many wait in its direction.
    StatsWanted(u64),
    /// The answer: messages waiting (outbound, inbound), as seen from here.
    Stats(u64, u64),
}

/// Whoever a pipe end belongs to: hears of events by mailbox.
pub trait PipeOwner: Send + Sync {
    /// Something happened to the owner's `side` of the pipe.
    fn pipe_event(&self, pipe: &Arc<PipeShared>, side: usize, event: PipeEvent);

    /// As [`PipeOwner::pipe_event`], of something that has a moment's time.
    fn pipe_event_for_later(&self, pipe: &Arc<PipeShared>, side: usize, event: PipeEvent) {
        self.pipe_event(pipe, side, event);
    }

    /// Whether it is a thread that is awake, and hears of the next event without being woken.
    fn is_at_work(&self) -> bool {
        false
    }
}

/// What the two ends share besides the lanes.
pub struct PipeShared {
    owners: [OnceLock<Arc<dyn PipeOwner>>; 2],
    /// Each owner's own number for its end: a socket's slab key, a session's number.
    slots: [AtomicU64; 2],
    /// Where a session leaves its reader while it has no use for it.
    outlet: outlet::Outlet,
    /// Where a session leaves what receives, for a reader that waits.
    inlet: inlet::Inlet,
    /// The socket is told of a new connection, and has not heard of it yet.
    hiccuped: AtomicBool,
}

impl PipeShared {
    /// Lets the owner of a side know.
    fn tell(self: &Arc<Self>, side: usize, event: PipeEvent) {
        if let Some(owner) = self.owners[side & 1].get() {
            owner.pipe_event(self, side, event);
        }
    }

    /// Lets the owner of a side know a moment later.
    fn tell_later(self: &Arc<Self>, side: usize, event: PipeEvent) {
        if let Some(owner) = self.owners[side & 1].get() {
            owner.pipe_event_for_later(self, side, event);
        }
    }

    /// Whether the owner of a side hears of the next event without being woken.
    fn is_at_work(&self, side: usize) -> bool {
        self.owners[side & 1].get().is_some_and(|owner| owner.is_at_work())
    }

    /// The number that the owner of `side` gave its end; `u64::MAX` before it did.
    pub fn slot(&self, side: usize) -> u64 {
        self.slots[side & 1].load(Ordering::Acquire)
    }
}

impl core::fmt::Debug for PipeShared {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str("PipeShared")
    }
}

/// High-water marks and kind of a new pipe, as seen from one end.
#[derive(Clone, Copy, Debug)]
pub struct PipeLimits {
    /// Messages that may wait for this end to read; 0 for no limit.
    pub inbound: i32,
    /// Messages that may wait for the peer to read; 0 for no limit.
    pub outbound: i32,
    /// Keep only the latest message, both ways.
    pub conflate: bool,
}

impl PipeLimits {
    /// Conflating pipes hold one message and know no limit.
    pub fn unlimited_if_conflating(mut self) -> PipeLimits {
        if self.conflate {
            (self.inbound, self.outbound) = (0, 0);
        }
        self
    }
}

/// A marker for "not in this list".
pub const NOWHERE: usize = usize::MAX;
