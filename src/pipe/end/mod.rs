//! One end of a pipe: reading, writing, credit, sleep and the end.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use crate::message::Message;
use crate::pipe::inlet::Inlet;
use crate::pipe::outflow::{Again, Outbound, Outflow};
use crate::pipe::outlet::{Carry, Outlet};
use crate::pipe::queue::{Queue, ASLEEP, AWAKE, WATCHING};
use crate::pipe::reader::Reader;
use crate::pipe::tally::Tally;
use crate::pipe::{fence, PipeEvent, PipeLimits, PipeOwner, PipeShared, NOWHERE};
use crate::transport::Addresses;

mod leasing;
mod lending;
mod reading;

#[derive(Debug)]
enum Inbound {
    Bytes(Reader),
    /// The reader is in the pipe's outlet.
    Lent(Arc<Queue>),
    Latest {
        slot: Arc<Mutex<Option<Message>>>,
        queue: Arc<Queue>,
    },
}

/// Where an end is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Active,
    /// The peer closed; unread messages may be left.
    PeerClosed,
    /// This end is closed, or has read all that a closed peer left.
    Ended,
}

/// One end of a pipe.
#[derive(Debug)]
pub struct PipeEnd {
    pub shared: Arc<PipeShared>,
    side: usize,
    inbound: Inbound,
    pub out: Outflow,
    state: State,
    in_active: bool,
    closed: bool,
    in_boost: i32,
    out_boost: i32,
    tally: Tally,
    /// What carried the messages while the reader was lent; back with it.
    carrier: Option<Box<dyn Carry>>,
    /// How many times not to wait a moment before falling asleep.
    moments_left_out: u8,
    /// Messages written when the lane was last found empty.
    written_before: u64,
    /// Messages read when this end last had nothing to read.
    read_before: u64,
    looks: reading::Looks,
    /// Positions in the socket's lists of pipes (fair queue, balancer, distributor).
    pub places: [usize; 3],
    /// The peer's routing id, for sockets that address peers.
    pub routing_id: Vec<u8>,
    /// The connection behind the pipe.
    pub addresses: Option<Arc<Addresses>>,
    /// What to tell an inproc peer when this socket closes (`ZMQ_DISCONNECT_MSG`).
    pub disconnect_msg: Vec<u8>,
}

fn low_water_mark(hwm: u64) -> u64 {
    hwm.div_ceil(2)
}

fn mark(limit: i32) -> u64 {
    u64::try_from(limit).unwrap_or(0)
}

/// Makes a pipe. `limits` are those of the first end; the second sees them mirrored.
pub fn pair(limits: PipeLimits) -> (PipeEnd, PipeEnd) {
    fence::prepare();
    let shared = Arc::new(PipeShared {
        owners: [OnceLock::new(), OnceLock::new()],
        slots: [AtomicU64::new(u64::MAX), AtomicU64::new(u64::MAX)],
        outlet: Outlet::default(),
        inlet: Inlet::default(),
        hiccuped: AtomicBool::new(false),
    });
    let lane = || {
        let (writer, reader) = Queue::with_ends();
        if limits.conflate {
            let slot = Arc::new(Mutex::new(None));
            (
                (Outbound::Latest(slot.clone()), writer.queue.clone()),
                Inbound::Latest { slot, queue: reader.queue.clone() },
            )
        } else {
            ((Outbound::Bytes(writer), reader.queue.clone()), Inbound::Bytes(reader))
        }
    };
    let (out_0, in_1) = lane();
    let (out_1, in_0) = lane();
    let end = |side, inbound, (outbound, queue), in_limit, out_limit| PipeEnd {
        shared: shared.clone(),
        side,
        inbound,
        out: Outflow::new(shared.clone(), side, outbound, queue, mark(out_limit)),
        state: State::Active,
        in_active: true,
        closed: false,
        tally: Tally::new(low_water_mark(mark(in_limit))),
        carrier: None,
        moments_left_out: 0,
        written_before: 0,
        read_before: 0,
        looks: reading::Looks::default(),
        in_boost: -1,
        out_boost: -1,
        places: [NOWHERE; 3],
        routing_id: Vec::new(),
        addresses: None,
        disconnect_msg: Vec::new(),
    };
    (
        end(0, in_0, out_0, limits.inbound, limits.outbound),
        end(1, in_1, out_1, limits.outbound, limits.inbound),
    )
}

impl PipeEnd {
    /// Names the owner of this end. Once per end.
    pub fn set_owner(&self, owner: Arc<dyn PipeOwner>) {
        let _ = self.shared.owners[self.side].set(owner);
    }

    /// Sets the owner's own number for this end.
    pub fn set_slot(&self, slot: u64) {
        self.shared.slots[self.side].store(slot, Ordering::Release);
    }

    /// Which side of the pipe this is (0 or 1).
    pub fn side(&self) -> usize {
        self.side
    }

    fn tell_peer(&self, event: PipeEvent) {
        self.shared.tell(1 - self.side, event);
    }

    fn in_queue(&self) -> &Arc<Queue> {
        match &self.inbound {
            Inbound::Bytes(reader) => &reader.queue,
            Inbound::Latest { queue, .. } | Inbound::Lent(queue) => queue,
        }
    }

    // --- writing ---

    /// Whether a message may be written. When not for want of credit, the peer will send
    /// [`PipeEvent::Writable`] once there is some.
    #[inline]
    pub fn check_write(&mut self) -> bool {
        self.out.check_write()
    }

    /// Appends one part. False when the pipe is full, closed or out of memory; nothing is
    /// written then. [`PipeEnd::flush`] shows finished messages to the peer.
    #[inline(always)]
    pub fn write(&mut self, message: &Message) -> bool {
        self.out.write(message)
    }

    /// Shows every finished message to the peer and wakes it if it waits.
    #[inline(always)]
    pub fn flush(&mut self) {
        if self.out.show() {
            self.wake_peer();
        }
    }

    /// Writes a message of one part, or the last of several, and shows it to the peer, if there is
    /// credit and room, and the body is to be copied. False, and nothing has changed, if not.
    #[inline(always)]
    pub fn send_at_once(&mut self, body: &[u8]) -> bool {
        let sent = self.out.send_at_once(body);
        if sent == Again::ToFinish {
            self.wake_peer();
        }
        sent != Again::No
    }

    /// Does what [`Outflow::send_again`] left.
    pub fn finish_send(&mut self) {
        if self.out.let_see() {
            self.wake_peer();
        }
    }

    #[inline(never)]
    fn wake_peer(&mut self) {
        let inbound = &self.inbound;
        self.out.wake_reader(|messages| match inbound {
            Inbound::Bytes(reader) => reader.has_seen_many(messages),
            Inbound::Latest { .. } | Inbound::Lent(_) => false,
        });
    }

    /// This thread has nothing to read: sends what it left for a moment, and in a stream what may be
    /// answers, since it has read something here.
    pub fn send_left(&mut self) {
        let answers = core::mem::replace(&mut self.read_before, self.tally.read) != self.tally.read;
        self.out.send_left(answers);
    }

    // --- the engine's side: bytes instead of messages ---

    /// The byte-wise reader, when this pipe holds bytes (not conflating).
    pub fn reader(&mut self) -> Option<&mut Reader> {
        match &mut self.inbound {
            Inbound::Bytes(reader) => Some(reader),
            Inbound::Latest { .. } | Inbound::Lent(_) => None,
        }
    }

    /// Whether the writer at the other end waits for credit.
    pub fn writer_waits(&self) -> bool {
        self.in_queue().writer_blocked.load(Ordering::Relaxed)
    }

    // --- events from the peer ---

    /// [`PipeEvent::Readable`] arrived. True when the owner should look at the pipe.
    pub fn activate_read(&mut self) -> bool {
        let waking = !self.in_active && self.state != State::Ended;
        self.in_active = self.state != State::Ended;
        if self.in_queue().attention.load(Ordering::Relaxed) == WATCHING {
            self.in_queue().attention.store(AWAKE, Ordering::Relaxed);
        }
        waking
    }

    /// This end's owner-to-be does not know of it, and has to be told when there is something to
    /// read. For whoever made the pipe.
    pub fn wait_to_be_told(&self) {
        self.in_queue().rest(ASLEEP);
    }

    /// The owner knows of this end, and looks at it.
    pub fn look(&self) {
        self.in_queue().attention.store(AWAKE, Ordering::Relaxed);
    }

    /// [`PipeEvent::Closed`] arrived. True when nothing is left to read: the end is over.
    pub fn peer_closed(&mut self) -> bool {
        self.take_all_back();
        if self.state == State::Active {
            self.state = State::PeerClosed;
            self.out.end();
            if !self.lane_has_bytes() {
                self.in_active = false;
                self.state = State::Ended;
            }
        }
        self.state == State::Ended
    }

    /// Whether the peer closed before this end had an owner that could have been told.
    pub fn was_closed_early(&self) -> bool {
        // Pairs with the fence in `close`: naming the owner comes before this look.
        fence::full();
        self.in_queue().closed.load(Ordering::Acquire)
    }

    /// Takes the routing id off the front of the pipe, where one is.
    pub fn drop_routing_id(&mut self) {
        if self.check_read() {
            let mut routing_id = Message::new();
            self.read(&mut routing_id);
        }
    }

    /// Whether this end is over: closed here, or closed by the peer and read to the end.
    pub fn ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Whether the peer closed its end.
    pub fn peer_is_closed(&self) -> bool {
        self.state != State::Active
    }

    /// Whether this side closed it.
    pub fn is_closed_here(&self) -> bool {
        self.closed
    }

    /// Closes this end: unfinished output is dropped, finished output stays for the peer, unread
    /// input is lost.
    pub fn close(&mut self) {
        if self.closed {
            return;
        }
        self.closed = true;
        self.out.send_left(false);
        self.take_all_back();
        self.out.rollback();
        if let Some(writer) = self.out.writer() {
            writer.publish();
        }
        self.out.queue().closed.store(true, Ordering::Release);
        // Whoever becomes the peer's owner at this moment either is told or sees `closed`.
        fence::full();
        self.state = State::Ended;
        self.in_active = false;
        self.out.end();
        if !self.in_queue().closed.load(Ordering::Acquire) {
            self.tell_peer(PipeEvent::Closed);
        }
    }

    /// Tells a session's end that its connection is to end along with the pipe.
    pub fn dismiss_peer(&mut self) {
        self.tell_peer(PipeEvent::Dismissed);
    }

    /// Drops what was written for a connection that is over, before [`PipeEnd::hiccup`]. There is room
    /// for as much again.
    pub fn drop_unread(&mut self) {
        // The news that something is there may still be on its way.
        self.activate_read();
        let mut message = Message::new();
        while self.read(&mut message) {}
        self.acknowledge_up_to(self.tally.read);
    }

    /// Tells the socket's end that the connection is made anew, and that what it wrote for the last one
    /// is to be said again. Once will do until it has heard of it.
    pub fn hiccup(&mut self) {
        if !self.shared.hiccuped.swap(true, Ordering::AcqRel) {
            self.tell_peer(PipeEvent::Hiccup);
        }
    }

    /// [`PipeEvent::Hiccup`] arrived. What is written from here on is for the connection to come.
    pub fn hiccuped(&self) {
        self.shared.hiccuped.swap(false, Ordering::AcqRel);
    }

    /// Sends the disconnect message, if one is set, once.
    pub fn send_disconnect_msg(&mut self) {
        let body = core::mem::take(&mut self.disconnect_msg);
        if !body.is_empty() {
            self.out.rollback();
            self.out.write_anyway(0, &body);
        }
    }

    // --- limits ---

    /// What an inproc peer's own marks add to ours (-1: not inproc; 0: no limit).
    pub fn set_boosts(&mut self, inbound: i32, outbound: i32) {
        self.in_boost = inbound;
        self.out_boost = outbound;
    }

    /// Changes the high-water marks (`zmq_setsockopt` on a live socket). True when a writer that
    /// was out of credit has some now: the owner should look at the pipe.
    pub fn set_limits(&mut self, inbound: i32, outbound: i32) -> bool {
        self.take_all_back();
        let combined = |limit: i32, boost: i32| {
            if limit <= 0 || boost == 0 {
                0
            } else {
                mark(limit) + mark(boost)
            }
        };
        self.out.set_hwm(combined(outbound, self.out_boost));
        let step = low_water_mark(combined(inbound, self.in_boost));
        if step != self.tally.step {
            // What was read under the old mark must not wait for a step of the new one: with
            // everything read, that step might never come.
            self.acknowledge_up_to(self.tally.read);
            self.tally.set_step(step);
        }
        self.out.look_for_credit()
    }

    /// Lets the peer's end know of changed marks, as it sees them.
    pub fn send_limits_to_peer(&mut self, inbound: i32, outbound: i32) {
        self.tell_peer(PipeEvent::HighWaterMarks(inbound, outbound));
    }

    /// Tells a connecting end what the binder's marks add to its own.
    pub fn send_boosts_to_peer(&mut self, inbound: i32, outbound: i32) {
        self.tell_peer(PipeEvent::Bound(inbound, outbound));
    }

    /// Asks the peer for the lengths of both lanes.
    pub fn request_stats(&mut self) {
        self.tell_peer(PipeEvent::StatsWanted(self.out.unacknowledged()));
    }

    /// Answers [`PipeEvent::StatsWanted`].
    pub fn send_stats(&mut self, peers_outbound: u64) {
        self.tell_peer(PipeEvent::Stats(peers_outbound, self.out.unacknowledged()));
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        self.close();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod order_tests;
#[cfg(test)]
#[path = "tests.rs"]
mod tests;
