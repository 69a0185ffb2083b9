//! One end of a pipe: reading, writing, credit, sleep and the end.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use super::queue::{self, Queue, EXTERNAL_MIN, FRAME_MORE};
use super::reader::{Body, Reader};
use super::writer::Writer;
use super::{fence, PipeEvent, PipeLimits, PipeOwner, PipeShared, NOWHERE};
use crate::error::Result;
use crate::message::{Content, Message, Metadata};
use crate::transport::Addresses;

#[derive(Debug)]
enum Inbound {
    Bytes(Reader),
    Latest { slot: Arc<Mutex<Option<Message>>>, queue: Arc<Queue> },
}

#[derive(Debug)]
enum Outbound {
    Bytes(Writer),
    Latest { slot: Arc<Mutex<Option<Message>>>, queue: Arc<Queue> },
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
    outbound: Outbound,
    state: State,
    in_active: bool,
    out_active: bool,
    closed: bool,
    hwm: u64,
    lwm: u64,
    in_boost: i32,
    out_boost: i32,
    read: u64,
    /// Count of read messages at which the writer hears of it next.
    next_acknowledge: u64,
    written: u64,
    acknowledged: u64,
    /// This end writes so densely that it leaves the fence to the peer (see [`fence`]).
    dense: bool,
    /// Flushes since the peer last slept.
    streak: u32,
    /// The message being written has parts already in the queue.
    pub writing_parts: bool,
    /// Positions in the socket's lists of pipes (fair queue, balancer, distributor).
    pub places: [usize; 3],
    /// The peer's routing id, for sockets that address peers.
    pub routing_id: Vec<u8>,
    /// The connection behind the pipe.
    pub addresses: Option<Arc<Addresses>>,
    /// What to tell an inproc peer when this socket closes (`ZMQ_DISCONNECT_MSG`).
    pub disconnect_msg: Vec<u8>,
}

/// Flushes without a sleep of the peer after which a writer is dense.
const DENSE_STREAK: u32 = 64;

fn low_water_mark(hwm: u64) -> u64 {
    hwm.div_ceil(2)
}

/// The first multiple of `step` beyond `count`; never, without a step.
fn next_step(count: u64, step: u64) -> u64 {
    if step == 0 {
        u64::MAX
    } else {
        count - count % step + step
    }
}

fn mark(limit: i32) -> u64 {
    u64::try_from(limit).unwrap_or(0)
}

/// Makes a pipe. `limits` are those of the first end; the second sees them mirrored.
pub fn pair(limits: PipeLimits) -> (PipeEnd, PipeEnd) {
    fence::prepare();
    let shared = Arc::new(PipeShared {
        owners: [OnceLock::new(), OnceLock::new()],
        slots: [AtomicUsize::new(NOWHERE), AtomicUsize::new(NOWHERE)],
    });
    let lane = || {
        let (writer, reader) = Queue::with_ends();
        if limits.conflate {
            let slot = Arc::new(Mutex::new(None));
            (
                Outbound::Latest { slot: slot.clone(), queue: writer.queue.clone() },
                Inbound::Latest { slot, queue: reader.queue.clone() },
            )
        } else {
            (Outbound::Bytes(writer), Inbound::Bytes(reader))
        }
    };
    let (out_0, in_1) = lane();
    let (out_1, in_0) = lane();
    let end = |side, inbound, outbound, in_limit, out_limit| PipeEnd {
        shared: shared.clone(),
        side,
        inbound,
        outbound,
        state: State::Active,
        in_active: true,
        out_active: true,
        closed: false,
        hwm: mark(out_limit),
        lwm: low_water_mark(mark(in_limit)),
        next_acknowledge: next_step(0, low_water_mark(mark(in_limit))),
        in_boost: -1,
        out_boost: -1,
        read: 0,
        written: 0,
        acknowledged: 0,
        dense: false,
        streak: 0,
        writing_parts: false,
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
    pub fn set_slot(&self, slot: usize) {
        self.shared.slots[self.side].store(slot, Ordering::Release);
    }

    /// Which side of the pipe this is (0 or 1).
    pub fn side(&self) -> usize {
        self.side
    }

    fn tell_peer(&self, event: PipeEvent) {
        if let Some(owner) = self.shared.owners[1 - self.side].get() {
            owner.pipe_event(&self.shared, event);
        }
    }

    fn in_queue(&self) -> &Arc<Queue> {
        match &self.inbound {
            Inbound::Bytes(reader) => &reader.queue,
            Inbound::Latest { queue, .. } => queue,
        }
    }

    fn out_queue(&self) -> &Arc<Queue> {
        match &self.outbound {
            Outbound::Bytes(writer) => &writer.queue,
            Outbound::Latest { queue, .. } => queue,
        }
    }

    // --- reading ---

    fn lane_has_data(&mut self) -> bool {
        match &mut self.inbound {
            Inbound::Bytes(reader) => reader.has_frame(),
            Inbound::Latest { slot, .. } => lock(slot).is_some(),
        }
    }

    /// Whether anything is left to read. Where an engine reads bytes, the reader may stand inside a
    /// frame, where nothing may be taken for a frame's flags.
    fn lane_has_bytes(&mut self) -> bool {
        match &mut self.inbound {
            Inbound::Bytes(reader) => reader.has_data(),
            Inbound::Latest { slot, .. } => lock(slot).is_some(),
        }
    }

    /// Whether a message waits. When none does, the peer will send [`PipeEvent::Readable`] with
    /// the next one, and the end may turn out to be [`PipeEnd::ended`].
    #[inline]
    pub fn check_read(&mut self) -> bool {
        if !self.in_active || self.state == State::Ended {
            return false;
        }
        if self.lane_has_data() {
            return true;
        }
        self.fall_asleep()
    }

    #[cold]
    #[inline(never)]
    fn fall_asleep(&mut self) -> bool {
        // Closed is read before the last look: what was published before closing is then seen.
        let closed = self.in_queue().closed.load(Ordering::Acquire);
        self.in_queue().reader_asleep.store(true, Ordering::SeqCst);
        fence::full();
        // What a dense writer published before it became sparse again comes with that news.
        if self.in_queue().writer_dense.load(Ordering::Acquire) {
            fence::heavy();
        }
        if self.lane_has_data() {
            self.in_queue().reader_asleep.store(false, Ordering::Relaxed);
            return true;
        }
        self.in_active = false;
        if self.in_queue().writer_blocked.load(Ordering::Relaxed) {
            // All is read, and the writer has no room: marks changed on a living pipe need not
            // fit each other, and the next step might never come.
            self.acknowledge_up_to(self.read);
        }
        if closed && self.state == State::PeerClosed {
            self.state = State::Ended;
        }
        false
    }

    /// Takes the next message part. Bodies of some size come as views of the pipe's memory
    /// (`Message::own` before the next call on this pipe), or by reference.
    #[inline]
    pub fn read(&mut self, message: &mut Message) -> bool {
        if !self.check_read() {
            return false;
        }
        let flags = match &mut self.inbound {
            Inbound::Bytes(reader) => {
                let Some(frame) = reader.next_frame() else { return false };
                let flags = frame.flags;
                *message = match frame.body {
                    // SAFETY: the bytes stay until the next call on the reader; see the contract.
                    Body::Bytes(bytes) => unsafe { Message::view(bytes.as_ptr(), bytes.len()) },
                    Body::Content(content) => Message::of_content(content),
                };
                flags
            }
            Inbound::Latest { slot, .. } => {
                let Some(taken) = lock(slot).take() else { return false };
                let flags = taken.flags();
                *message = taken;
                flags
            }
        };
        message.set_flags(flags);
        if flags & (FRAME_MORE | queue::FRAME_ROUTING_ID) == 0 {
            self.count_read(1);
        }
        true
    }

    /// Properties of the connection that the part last read came over.
    pub fn metadata(&self) -> Option<&Arc<Metadata>> {
        match &self.inbound {
            Inbound::Bytes(reader) => reader.metadata(),
            Inbound::Latest { .. } => None,
        }
    }

    /// Counts messages as read and acknowledges them to the writer when half the mark is reached.
    #[inline]
    pub fn count_read(&mut self, messages: u64) {
        self.read += messages;
        if self.read >= self.next_acknowledge {
            self.acknowledge();
        }
    }

    #[inline(never)]
    fn acknowledge(&mut self) {
        let step = self.read - self.read % self.lwm;
        self.next_acknowledge = step + self.lwm;
        self.acknowledge_up_to(step);
    }

    fn acknowledge_up_to(&mut self, step: u64) {
        let queue = self.in_queue();
        queue.acknowledged.store(step, Ordering::Release);
        fence::full();
        if queue.writer_blocked.load(Ordering::Relaxed)
            && queue.writer_blocked.swap(false, Ordering::AcqRel)
        {
            self.tell_peer(PipeEvent::Writable);
        }
    }

    // --- writing ---

    /// Whether a message may be written. When not for want of credit, the peer will send
    /// [`PipeEvent::Writable`] once there is some.
    #[inline]
    pub fn check_write(&mut self) -> bool {
        self.out_active && self.state == State::Active && self.has_credit()
    }

    /// As [`PipeEnd::check_write`], for a publisher that waits instead of dropping: it is refused
    /// once at each mark, even when the peer has acknowledged in the meantime, as in libzmq, where
    /// acknowledgements arrive between bursts. The owner hears [`PipeEvent::Writable`] at once then.
    pub fn check_write_by_mark(&mut self) -> bool {
        if !self.out_active || self.state != State::Active {
            return false;
        }
        if self.hwm == 0 || self.written - self.acknowledged < self.hwm {
            return true;
        }
        if self.refresh_credit() {
            self.out_active = false;
            if let Some(owner) = self.shared.owners[self.side].get() {
                owner.pipe_event(&self.shared, PipeEvent::Writable);
            }
        }
        false
    }

    #[inline]
    fn has_credit(&mut self) -> bool {
        self.hwm == 0 || self.written - self.acknowledged < self.hwm || self.refresh_credit()
    }

    #[inline(never)]
    fn refresh_credit(&mut self) -> bool {
        self.acknowledged = self.out_queue().acknowledged.load(Ordering::Acquire);
        if self.written.wrapping_sub(self.acknowledged) < self.hwm {
            return true;
        }
        self.out_queue().writer_blocked.store(true, Ordering::SeqCst);
        fence::full();
        self.acknowledged = self.out_queue().acknowledged.load(Ordering::Acquire);
        if self.written.wrapping_sub(self.acknowledged) < self.hwm {
            self.out_queue().writer_blocked.store(false, Ordering::Relaxed);
            return true;
        }
        self.out_active = false;
        if self.out_queue().reader_asleep.load(Ordering::Relaxed) {
            // Nothing waits to be read: the reader is to acknowledge what it has read.
            self.wake_reader();
        }
        false
    }

    /// Messages that may still be written before the high-water mark; asks to be told of more
    /// when there is none.
    pub fn credit(&mut self) -> u64 {
        if !self.check_write() {
            return 0;
        }
        if self.hwm == 0 {
            return u64::MAX;
        }
        self.acknowledged = self.out_queue().acknowledged.load(Ordering::Acquire);
        self.hwm.saturating_sub(self.written.wrapping_sub(self.acknowledged))
    }

    /// Appends one part. False when the pipe is full, closed or out of memory; nothing is
    /// written then. [`PipeEnd::flush`] shows finished messages to the peer.
    #[inline]
    pub fn write(&mut self, message: &Message) -> bool {
        if !self.check_write() {
            return false;
        }
        let flags = message.flags() & (FRAME_MORE | queue::FRAME_COMMAND | queue::FRAME_ROUTING_ID);
        self.write_unchecked(flags, message).is_ok()
    }

    #[inline]
    fn write_unchecked(&mut self, flags: u8, message: &Message) -> Result<()> {
        match &mut self.outbound {
            Outbound::Bytes(writer) => {
                let body = message.data();
                if body.len() < EXTERNAL_MIN && !message.is_callers_memory() {
                    writer.write_frame(flags, body)?;
                } else {
                    let content = match message.content() {
                        Some(content) if content.len() == body.len() => content,
                        _ => Content::copy_of(body)?,
                    };
                    writer.write_external(flags, content)?;
                }
            }
            Outbound::Latest { slot, .. } => {
                let mut copy = Message::copy_of(message.data())?;
                copy.set_flags(flags);
                *lock(slot) = Some(copy);
            }
        }
        self.writing_parts = flags & FRAME_MORE != 0;
        if flags & (FRAME_MORE | queue::FRAME_ROUTING_ID) == 0 {
            self.written += 1;
        }
        Ok(())
    }

    /// Appends a whole message regardless of the high-water mark (routing ids, notifications).
    pub fn write_anyway(&mut self, flags: u8, body: &[u8]) {
        if self.state != State::Active || self.closed {
            return;
        }
        // SAFETY: the view is used up before this function returns.
        let message = unsafe { Message::view(body.as_ptr(), body.len()) };
        // Out of memory: the notification is lost, nothing else.
        let _ = self.write_unchecked(flags, &message);
        self.flush();
    }

    /// Drops the parts of an unfinished message.
    pub fn rollback(&mut self) {
        if let Outbound::Bytes(writer) = &mut self.outbound {
            writer.rollback();
        }
        self.writing_parts = false;
    }

    /// Shows every finished message to the peer and wakes it if it waits.
    #[inline]
    pub fn flush(&mut self) {
        if let Outbound::Bytes(writer) = &mut self.outbound {
            if !writer.publish() {
                return;
            }
        }
        if self.dense {
            fence::light();
        } else {
            self.flush_sparsely();
        }
        if self.out_queue().reader_asleep.load(Ordering::Relaxed) {
            self.wake_reader();
        }
    }

    /// A writer whose peer does not sleep for a while stops paying for fences. It says so first,
    /// and then looks whether the peer fell asleep without knowing.
    #[inline]
    fn flush_sparsely(&mut self) {
        self.streak = self.streak.saturating_add(1);
        if self.streak >= DENSE_STREAK && fence::is_asymmetric() {
            self.out_queue().writer_dense.store(true, Ordering::Relaxed);
            self.dense = true;
        }
        fence::full();
    }

    #[inline(never)]
    fn wake_reader(&mut self) {
        self.streak = 0;
        if self.dense {
            self.dense = false;
            self.out_queue().writer_dense.store(false, Ordering::Release);
        }
        if self.out_queue().reader_asleep.swap(false, Ordering::AcqRel) {
            self.tell_peer(PipeEvent::Readable);
        }
    }

    // --- the engine's side: bytes instead of messages ---

    /// The byte-wise reader, when this pipe holds bytes (not conflating).
    pub fn reader(&mut self) -> Option<&mut Reader> {
        match &mut self.inbound {
            Inbound::Bytes(reader) => Some(reader),
            Inbound::Latest { .. } => None,
        }
    }

    /// The byte-wise writer, when this pipe holds bytes (not conflating).
    pub fn writer(&mut self) -> Option<&mut Writer> {
        match &mut self.outbound {
            Outbound::Bytes(writer) => Some(writer),
            Outbound::Latest { .. } => None,
        }
    }

    /// Whether the writer at the other end waits for credit.
    pub fn writer_waits(&self) -> bool {
        self.in_queue().writer_blocked.load(Ordering::Relaxed)
    }

    /// Counts messages that the engine framed in place with [`PipeEnd::writer`].
    pub fn count_written(&mut self, messages: u64) {
        self.written += messages;
    }

    /// Properties for the messages written from now on.
    pub fn set_metadata(&mut self, metadata: Option<Arc<Metadata>>) {
        if let Outbound::Bytes(writer) = &mut self.outbound {
            writer.set_metadata(metadata);
        }
    }

    // --- events from the peer ---

    /// [`PipeEvent::Readable`] arrived. True when the owner should look at the pipe.
    pub fn activate_read(&mut self) -> bool {
        let waking = !self.in_active && self.state != State::Ended;
        self.in_active = true;
        waking
    }

    /// [`PipeEvent::Writable`] arrived. True when the owner should look at the pipe.
    pub fn activate_write(&mut self) -> bool {
        let waking = !self.out_active && self.state == State::Active;
        if waking {
            self.out_active = true;
            self.acknowledged = self.out_queue().acknowledged.load(Ordering::Acquire);
        }
        waking
    }

    /// [`PipeEvent::Closed`] arrived. True when nothing is left to read: the end is over.
    pub fn peer_closed(&mut self) -> bool {
        if self.state == State::Active {
            self.state = State::PeerClosed;
            self.out_active = false;
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

    /// Closes this end: unfinished output is dropped, finished output stays for the peer, unread
    /// input is lost.
    pub fn close(&mut self) {
        if self.closed {
            return;
        }
        self.closed = true;
        self.rollback();
        if let Outbound::Bytes(writer) = &mut self.outbound {
            writer.publish();
        }
        self.out_queue().closed.store(true, Ordering::Release);
        // Whoever becomes the peer's owner at this moment either is told or sees `closed`.
        fence::full();
        self.state = State::Ended;
        self.in_active = false;
        self.out_active = false;
        self.tell_peer(PipeEvent::Closed);
    }

    /// Tells the socket's end that the connection was made anew.
    pub fn hiccup(&mut self) {
        self.tell_peer(PipeEvent::Hiccup);
    }

    /// Sends the disconnect message, if one is set, once.
    pub fn send_disconnect_msg(&mut self) {
        let body = core::mem::take(&mut self.disconnect_msg);
        if !body.is_empty() {
            self.rollback();
            self.write_anyway(0, &body);
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
        let combined = |limit: i32, boost: i32| {
            if limit <= 0 || boost == 0 {
                0
            } else {
                mark(limit) + mark(boost)
            }
        };
        self.hwm = combined(outbound, self.out_boost);
        let lwm = low_water_mark(combined(inbound, self.in_boost));
        if lwm != self.lwm {
            self.lwm = lwm;
            // What was read under the old mark must not wait for a step of the new one: with
            // everything read, that step might never come.
            self.acknowledge_up_to(self.read);
            self.next_acknowledge = next_step(self.read, lwm);
        }
        if self.out_active || self.state != State::Active {
            return false;
        }
        self.out_active = true;
        self.has_credit()
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
        self.tell_peer(PipeEvent::StatsWanted(self.unacknowledged()));
    }

    /// Answers [`PipeEvent::StatsWanted`].
    pub fn send_stats(&mut self, peers_outbound: u64) {
        self.tell_peer(PipeEvent::Stats(peers_outbound, self.unacknowledged()));
    }

    /// Messages written that the peer has not acknowledged.
    pub fn unacknowledged(&self) -> u64 {
        self.written.wrapping_sub(self.out_queue().acknowledged.load(Ordering::Acquire))
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
#[path = "tests.rs"]
mod tests;
