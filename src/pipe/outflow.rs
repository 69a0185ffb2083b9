//! The writing half of a pipe's end: credit, parts, showing what is finished.

use core::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use super::queue::{self, Queue, AWAKE, EXTERNAL_MIN, FRAME_MORE, LOOKING, NEVER, WATCHING};
use super::writer::Writer;
use super::{fence, PipeEvent, PipeShared};
use crate::error::{Errno, Result};
use crate::message::{Content, Message, Metadata};
pub use at_once::{is_copied_at_once, Again, Held};
use following::Follower;
pub use sending::end_burst;
use sending::SENDS_FOR_ROOM;

mod at_once;
mod following;
mod sending;

/// What is written to.
#[derive(Debug)]
pub(super) enum Outbound {
    Bytes(Writer),
    Latest(Arc<Mutex<Option<Message>>>),
    /// The writer is in the pipe's inlet.
    Lent,
    /// What is written goes to a log.
    Following(Follower),
}

/// How often this end writes, which decides about fences (see [`fence`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pace {
    Sparse,
    /// So often that it leaves the fence to the reader.
    Dense,
    /// The thread that reads writes too; it knows what it wrote.
    Own,
}

/// Flushes without a sleep of the peer after which a writer is dense.
const DENSE_STREAK: u32 = 64;

/// Bodies of this size and more that a message owns are not copied on their way to another socket.
const REFERENCE_MIN: usize = 2048;

/// Whether a body is copied into a queue whose reader has no use for references.
#[inline]
pub fn is_copied(message: &Message) -> bool {
    message.len() < EXTERNAL_MIN && !message.is_callers_memory()
}

/// The writing half.
#[derive(Debug)]
pub struct Outflow {
    shared: Arc<PipeShared>,
    side: usize,
    pub(super) lane: Outbound,
    queue: Arc<Queue>,
    /// May write, as far as is known.
    pub(super) active: bool,
    /// Nothing is written any more.
    over: bool,
    hwm: u64,
    written: u64,
    acknowledged: u64,
    pace: Pace,
    /// Flushes since the peer last slept.
    streak: u32,
    /// Bytes written when this end last sent by itself.
    sent: u64,
    /// The message being written has parts already in the queue.
    pub writing_parts: bool,
    /// What is written reaches another socket as it is: bodies had better not be copied.
    pub keeps_references: bool,
}

impl Outflow {
    pub(super) fn new(
        shared: Arc<PipeShared>,
        side: usize,
        lane: Outbound,
        queue: Arc<Queue>,
        hwm: u64,
    ) -> Outflow {
        Outflow {
            shared,
            side,
            lane,
            queue,
            active: true,
            over: false,
            hwm,
            written: 0,
            acknowledged: 0,
            pace: Pace::Sparse,
            streak: 0,
            sent: 0,
            writing_parts: false,
            keeps_references: false,
        }
    }

    pub(super) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    fn tell_peer(&self, event: PipeEvent) {
        self.shared.tell(1 - self.side, event);
    }

    // --- the state of the pipe ---

    /// What stands here while the writing half is lent.
    pub(super) fn lent(&self) -> Outflow {
        let queue = self.queue.clone();
        let mut lent = Outflow::new(self.shared.clone(), self.side, Outbound::Lent, queue, 0);
        lent.end();
        lent
    }

    /// Whether the thread that reads writes too, and needs no waking.
    pub(super) fn set_own(&mut self, own: bool) {
        if self.pace == Pace::Dense {
            self.queue().writer_dense.store(false, Ordering::Release);
        }
        self.streak = 0;
        self.pace = if own { Pace::Own } else { Pace::Sparse };
    }

    /// There may be credit again. True when that is news.
    pub fn activate(&mut self) -> bool {
        let waking = !self.active && !self.over;
        if waking {
            self.active = true;
            self.acknowledged = self.queue().taken();
        }
        waking
    }

    /// The reader writes too, and will be back when it has read: nobody need call this end.
    pub fn reader_comes_back(&mut self) {
        self.activate();
        self.queue().writer_blocked.store(false, Ordering::Relaxed);
    }

    /// What is written reaches another socket as it is.
    pub fn join_sockets(&mut self) {
        self.keeps_references = true;
        self.queue().spares.join_sockets();
    }

    /// Nothing more is to be written.
    pub(super) fn end(&mut self) {
        self.active = false;
        self.over = true;
    }

    pub(super) fn set_hwm(&mut self, hwm: u64) {
        if let Outbound::Following(follower) = &self.lane {
            follower.note_news();
        }
        self.hwm = hwm;
    }

    /// After the marks changed: true when a writer that was out of credit has some now.
    pub(super) fn look_for_credit(&mut self) -> bool {
        if self.active || self.over {
            return false;
        }
        self.active = true;
        self.has_credit()
    }

    /// Messages written that the peer has not acknowledged.
    pub fn unacknowledged(&self) -> u64 {
        let written = match &self.lane {
            Outbound::Following(follower) => self.written + follower.messages(),
            _ => self.written,
        };
        written.wrapping_sub(self.queue().acknowledged.load(Ordering::Acquire))
    }

    /// About how many bytes were written.
    pub fn total(&self) -> u64 {
        match &self.lane {
            Outbound::Bytes(writer) => writer.total(),
            Outbound::Following(follower) => follower.total(),
            Outbound::Latest(_) | Outbound::Lent => 0,
        }
    }

    /// About how many of them the reader has not got to.
    pub fn unread_bytes(&self) -> u64 {
        let unread = self.total().wrapping_sub(self.queue().passed.load(Ordering::Relaxed));
        // At times less than nothing, since both are about so much.
        (unread as i64).max(0) as u64
    }

    /// Whether nothing is written any more: one of the ends is closed.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Messages written.
    pub fn written(&self) -> u64 {
        self.written
    }

    // --- the engine's side: bytes instead of messages ---

    /// The byte-wise writer, when this pipe holds bytes (not conflating).
    pub fn writer(&mut self) -> Option<&mut Writer> {
        match &mut self.lane {
            Outbound::Bytes(writer) => Some(writer),
            Outbound::Latest(_) | Outbound::Lent | Outbound::Following(_) => None,
        }
    }

    /// Counts messages that the engine framed in place with [`Outflow::writer`].
    pub fn count_written(&mut self, messages: u64) {
        self.written += messages;
    }

    /// Properties for the messages written from now on.
    pub fn set_metadata(&mut self, metadata: Option<Arc<Metadata>>) {
        if let Outbound::Bytes(writer) = &mut self.lane {
            writer.set_metadata(metadata);
        }
    }

    // --- writing ---

    /// Whether a message may be written. When not for want of credit, the peer will send
    /// [`PipeEvent::Writable`] once there is some.
    #[inline]
    pub fn check_write(&mut self) -> bool {
        self.active && self.has_credit()
    }

    /// As [`Outflow::check_write`], for a publisher that waits instead of dropping: it is refused
    /// once at each mark, even when the peer has acknowledged in the meantime, as in libzmq, where
    /// acknowledgements arrive between bursts. The owner hears [`PipeEvent::Writable`] at once then.
    pub fn check_write_by_mark(&mut self) -> bool {
        if !self.active {
            return false;
        }
        if self.has_known_credit() {
            return true;
        }
        if self.refresh_credit() {
            self.active = false;
            self.shared.tell(self.side, PipeEvent::Writable);
        }
        false
    }

    #[inline]
    fn has_credit(&mut self) -> bool {
        self.has_known_credit() || self.refresh_credit()
    }

    /// Whether there is credit by what this end has last heard.
    #[inline]
    fn has_known_credit(&self) -> bool {
        self.hwm == 0 || self.written - self.acknowledged < self.hwm
    }

    #[inline(never)]
    fn refresh_credit(&mut self) -> bool {
        self.acknowledged = self.queue().taken();
        if self.written.wrapping_sub(self.acknowledged) < self.hwm {
            return true;
        }
        if (self.hwm >= SENDS_FOR_ROOM || self.shared.outlet.has_left())
            && self.queue().lends.load(Ordering::Relaxed) != NEVER
            && self.queue().attention.load(Ordering::Relaxed) != AWAKE
            && self.send_pending()
        {
            self.acknowledged = self.queue().taken();
            if self.written.wrapping_sub(self.acknowledged) < self.hwm {
                return true;
            }
        }
        self.queue().writer_blocked.store(true, Ordering::SeqCst);
        fence::full();
        self.acknowledged = self.queue().taken();
        if self.written.wrapping_sub(self.acknowledged) < self.hwm {
            self.queue().writer_blocked.store(false, Ordering::Relaxed);
            return true;
        }
        self.active = false;
        if self.queue().attention.load(Ordering::Relaxed) != AWAKE {
            // Nothing waits to be read, or nobody reads now: the reader is to acknowledge what it
            // has read.
            self.call_reader(AWAKE);
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
        self.acknowledged = self.queue().taken();
        self.hwm.saturating_sub(self.written.wrapping_sub(self.acknowledged))
    }

    /// Appends one part. False when the pipe is full, closed or out of memory; nothing is
    /// written then. [`Outflow::flush`] shows finished messages to the peer.
    #[inline(always)]
    pub fn write(&mut self, message: &Message) -> bool {
        if !self.check_write() {
            return false;
        }
        let flags = message.flags() & (FRAME_MORE | queue::FRAME_COMMAND | queue::FRAME_ROUTING_ID);
        if let Outbound::Bytes(writer) = &mut self.lane {
            if is_copied_at_once(message) {
                if writer.write_frame(flags, message.data()).is_err() {
                    return false;
                }
                self.note_written(flags);
                return true;
            }
        }
        self.write_unchecked(flags, message).is_ok()
    }

    #[inline(never)]
    fn write_unchecked(&mut self, flags: u8, message: &Message) -> Result<()> {
        self.stop_following();
        let copies_below = self.copies_below(message);
        match &mut self.lane {
            Outbound::Bytes(writer) => {
                let body = message.data();
                if body.len() < copies_below && !message.is_callers_memory() {
                    writer.write_frame(flags, body)?;
                } else {
                    let content = match message.content() {
                        Some(content) if content.len() == body.len() => content,
                        _ => Content::copy_of(body)?,
                    };
                    writer.write_external(flags, content)?;
                }
            }
            Outbound::Latest(slot) => {
                let mut copy = Message::copy_of(message.data())?;
                copy.set_flags(flags);
                *lock(slot) = Some(copy);
            }
            Outbound::Lent | Outbound::Following(_) => return Err(Errno::EAGAIN),
        }
        self.note_written(flags);
        Ok(())
    }

    #[inline]
    fn note_written(&mut self, flags: u8) {
        self.writing_parts = flags & FRAME_MORE != 0;
        self.written += u64::from(flags & (FRAME_MORE | queue::FRAME_ROUTING_ID) == 0);
    }

    /// Bodies from this size on travel by reference.
    #[inline]
    fn copies_below(&self, message: &Message) -> usize {
        if self.keeps_references && message.has_content() {
            REFERENCE_MIN
        } else {
            EXTERNAL_MIN
        }
    }

    /// Appends a whole message regardless of the high-water mark (routing ids, notifications).
    pub fn write_anyway(&mut self, flags: u8, body: &[u8]) {
        if self.over {
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
        self.stop_following();
        if let Outbound::Bytes(writer) = &mut self.lane {
            writer.rollback();
        }
        self.writing_parts = false;
    }

    /// Shows every finished message to the peer and wakes it if it waits.
    #[inline(always)]
    pub fn flush(&mut self) {
        if self.show() {
            self.wake_reader(|_| false);
        }
    }

    /// Shows every finished message to the peer. True: it waits, and is to be woken
    /// ([`Outflow::wake_reader`]).
    #[inline(always)]
    pub(super) fn show(&mut self) -> bool {
        if let Outbound::Bytes(writer) = &mut self.lane {
            if !writer.publish() {
                return false;
            }
        }
        self.let_see()
    }

    /// After something was published. As [`Outflow::show`].
    #[inline(always)]
    pub(super) fn let_see(&mut self) -> bool {
        match self.pace {
            Pace::Dense => fence::light(),
            Pace::Sparse => self.flush_sparsely(),
            // The reader is this very thread.
            Pace::Own => return false,
        }
        self.finds_reader_at_rest()
    }

    /// Whether the reader does not look by itself. A full fence, or what stands for one, lies between
    /// what was published and this.
    #[inline]
    fn finds_reader_at_rest(&mut self) -> bool {
        match self.queue().attention.load(Ordering::Relaxed) {
            AWAKE => false,
            LOOKING => {
                self.end_streak();
                false
            }
            WATCHING => {
                self.send_if_much();
                false
            }
            _ => true,
        }
    }

    /// A writer whose peer does not sleep for a while stops paying for fences. It says so first,
    /// and then looks whether the peer fell asleep without knowing.
    #[inline]
    fn flush_sparsely(&mut self) {
        self.streak = self.streak.saturating_add(1);
        if self.streak >= DENSE_STREAK && fence::is_asymmetric() {
            self.queue().writer_dense.store(true, Ordering::Relaxed);
            self.pace = Pace::Dense;
        }
        fence::full();
    }

    /// The reader had nothing to read: it may well be about to sleep the next time.
    fn end_streak(&mut self) {
        self.streak = 0;
        if self.pace == Pace::Dense {
            self.pace = Pace::Sparse;
            self.queue().writer_dense.store(false, Ordering::Release);
        }
    }

    /// Tells the reader to look. What it does until it comes: `attention`.
    pub(super) fn call_reader(&mut self, attention: u8) {
        self.end_streak();
        if self.queue().attention.swap(attention, Ordering::AcqRel) != AWAKE {
            self.tell_peer(PipeEvent::Readable);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
