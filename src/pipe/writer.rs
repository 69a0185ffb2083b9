//! The producing end of a byte queue.

use core::ptr::NonNull;
use core::sync::atomic::Ordering;
use std::sync::Arc;

use super::chunk::{Chunk, Published, View, CHUNK_MAX, CHUNK_MIN};
use super::log::Stretch;
use super::queue::{self, Queue, FRAME_LARGE, FRAME_MORE, FRAME_ROUTING_ID, FRAME_SKIP};
use crate::error::{Errno, Result};
use crate::message::few::{copy_few, FEW};
use crate::message::{Content, Metadata};

mod receiving;

/// Where the last published message ended while a later one is unfinished.
#[derive(Clone, Copy, Debug)]
struct Dirty {
    chunk: NonNull<Chunk>,
    /// The chunk's final state, published when the message is done.
    state: Published,
}

/// The producing end.
#[derive(Debug)]
pub struct Writer {
    pub queue: Arc<Queue>,
    chunk: Option<NonNull<Chunk>>,
    /// The current chunk's bytes and limits, kept here to spare the hot path a few loads.
    base: *mut u8,
    capacity: usize,
    /// End of the whole frames, and of the bytes that a read has put behind them.
    end: usize,
    filled: usize,
    messages: u32,
    /// State of the current chunk at the last message's end.
    ready: Published,
    /// A message was finished since the last [`Writer::publish`].
    fresh: bool,
    dirty: Option<Dirty>,
    next_capacity: usize,
    metadata: Option<Arc<Metadata>>,
    /// Bytes in the chunks before the current one, and in bodies by reference.
    passed: u64,
}

// SAFETY: the writer owns its side of the queue; chunks cross threads only through the queue's
// release/acquire words.
unsafe impl Send for Writer {}

/// A writer with many peers fills their chunks in turn, more memory than the nearest caches hold. So the
/// line behind a message is fetched while the others have their turn.
const LINE: usize = 64;

impl Writer {
    pub(super) fn new(queue: Arc<Queue>) -> Writer {
        Writer {
            queue,
            chunk: None,
            base: core::ptr::null_mut(),
            capacity: 0,
            end: 0,
            filled: 0,
            messages: 0,
            ready: Published::default(),
            fresh: false,
            dirty: None,
            next_capacity: CHUNK_MIN,
            metadata: None,
            passed: 0,
        }
    }

    /// Properties for the messages from now on. The present chunk is closed, if there is anything in
    /// it: a peer that comes and goes, and never finishes a message, shall not leave a chunk each time.
    pub fn set_metadata(&mut self, metadata: Option<Arc<Metadata>>) {
        self.metadata = metadata;
        let Some(chunk) = self.chunk else { return };
        if self.filled == 0 && self.dirty.is_none() {
            // SAFETY: the current chunk is alive, and the reader looks at the properties of a chunk
            // only when something is published in it (Reader::look).
            unsafe { (*chunk.as_ptr()).metadata.clone_from(&self.metadata) };
            return;
        }
        // A failure leaves the old chunk in use: older properties, but no message lost.
        let _ = self.advance_chunk(CHUNK_MIN);
    }

    /// Appends one frame. `ENOMEM` leaves the queue as it was, but for earlier parts of the same
    /// message, which the caller rolls back.
    #[inline]
    pub fn write_frame(&mut self, flags: u8, body: &[u8]) -> Result<()> {
        let needed = queue::frame_len(body.len());
        if needed > self.capacity - self.filled {
            self.make_room(needed)?;
        }
        // SAFETY: make_room or the check above leave `needed` bytes behind `end`.
        unsafe { queue::put_frame(self.base.add(self.end), flags, body) };
        self.advance(needed, flags);
        self.filled = self.end;
        Ok(())
    }

    /// Appends and shows a message of one part, or the last of several, where the message began in
    /// this chunk and there is room for it.
    #[inline(always)]
    pub fn write_at_once(&mut self, body: &[u8]) -> bool {
        let needed = queue::frame_len(body.len());
        if needed > self.capacity - self.filled || self.dirty.is_some() {
            return false;
        }
        // SAFETY: that many bytes are left behind `end`.
        unsafe { queue::put_frame(self.base.add(self.end), 0, body) };
        self.advance(needed, 0);
        self.filled = self.end;
        self.publish()
    }

    /// Appends a message: the first part, if there is one to begin with, and frames that are as they
    /// will lie here. It is not shown. False as for [`Writer::write_at_once`].
    #[inline]
    pub fn write_whole(&mut self, first: Option<&[u8]>, frames: &[u8]) -> bool {
        let head = first.map_or(0, |body| queue::frame_len(body.len()));
        if head + frames.len() > self.capacity - self.filled || self.dirty.is_some() {
            return false;
        }
        // SAFETY: that many bytes are left behind `end`, where no reader is yet.
        unsafe {
            let at = self.base.add(self.end);
            if let Some(body) = first {
                queue::put_frame(at, FRAME_MORE, body);
            }
            queue::copy(frames.as_ptr(), at.add(head), frames.len());
        }
        self.advance(head + frames.len(), 0);
        self.filled = self.end;
        true
    }

    /// As [`Writer::write_at_once`], right after another message was written in that way: any number of
    /// bytes, or one to [`FEW`].
    ///
    /// # Safety
    /// `data` is valid for reads of `len` bytes, which no chunk has.
    #[inline(always)]
    pub unsafe fn write_again<const ANY: bool>(&mut self, data: *const u8, len: usize) -> bool {
        let needed = if ANY { queue::frame_len(len) } else { 2 + len };
        let Some(chunk) = self.chunk else { return false };
        if needed > self.capacity - self.filled {
            return false;
        }
        debug_assert!(self.dirty.is_none() && !self.fresh && self.end == self.ready.end());
        debug_assert!(ANY || (1..=FEW).contains(&len));
        // SAFETY: that many bytes are left behind `end`, and the chunk is alive: only the writer's
        // own sealing lets it go.
        unsafe {
            let at = self.base.add(self.end);
            if ANY {
                queue::put_frame(at, 0, core::slice::from_raw_parts(data, len));
            } else {
                at.write(0);
                at.add(1).write(len as u8);
                copy_few(data, at.add(2), len);
            }
            self.end += needed;
            self.filled = self.end;
            self.messages += 1;
            self.ready = Published::new(self.end, self.messages);
            chunk.as_ref().publish(self.ready);
        }
        true
    }

    /// Appends one frame whose body stays where it is.
    pub fn write_external(&mut self, flags: u8, content: Content) -> Result<()> {
        let chunk = Chunk::allocate(0).ok_or(Errno::ENOMEM)?;
        let len = content.len();
        // SAFETY: the chunk is new and ours until it is published.
        let fresh = unsafe { &mut *chunk.as_ptr() };
        if len > 255 {
            fresh.header[0] = flags | FRAME_LARGE;
            fresh.header[1..].copy_from_slice(&(len as u64).to_be_bytes());
            fresh.header_len = 9;
        } else {
            fresh.header[0] = flags;
            fresh.header[1] = len as u8;
            fresh.header_len = 2;
        }
        fresh.external = Some(content);
        fresh.metadata = self.metadata.clone();
        self.link(chunk, 0);
        self.passed = self.passed.wrapping_add(len as u64);
        self.advance(1, flags);
        self.filled = self.end;
        Ok(())
    }

    /// Counts a frame of `len` bytes that now lies behind `end`.
    #[inline]
    fn advance(&mut self, len: usize, flags: u8) {
        self.end += len;
        if flags & FRAME_MORE == 0 {
            if flags & (FRAME_ROUTING_ID | FRAME_SKIP) == 0 {
                self.messages += 1;
            }
            self.ready = Published::new(self.end, self.messages);
            self.fresh = true;
            queue::fetch_line(self.base.wrapping_add(self.end + LINE));
        }
    }

    /// About how many bytes were written in all: parts taken back may count.
    #[inline]
    pub fn total(&self) -> u64 {
        self.passed.wrapping_add(self.end as u64)
    }

    /// Whether the reader was shown every finished message.
    #[inline]
    pub fn is_shown(&self) -> bool {
        !self.fresh
    }

    /// Shows the reader every finished message. False when none was finished since the last call.
    #[inline]
    pub fn publish(&mut self) -> bool {
        if !self.fresh {
            return false;
        }
        self.fresh = false;
        self.show();
        true
    }

    #[inline(always)]
    fn show(&mut self) {
        let Some(chunk) = self.chunk else { return };
        if self.ready.end() == 0 {
            return;
        }
        // SAFETY: the current chunk is alive: only the writer's own sealing lets it go.
        unsafe { chunk.as_ref() }.publish(self.ready);
        if self.dirty.is_some() {
            self.show_dirty();
        }
    }

    /// Shows the earlier chunks of a message that spans several.
    #[cold]
    fn show_dirty(&mut self) {
        if let Some(dirty) = self.dirty.take() {
            // SAFETY: an unsealed chunk stays with the queue until it is published sealed.
            unsafe { dirty.chunk.as_ref() }.publish(dirty.state);
        }
    }

    /// Forgets the frames of an unfinished message.
    pub fn rollback(&mut self) {
        let Some(mut began) = self.chunk else { return };
        // With something finished in this chunk, the unfinished message began behind that.
        if let Some(dirty) = self.dirty.take_if(|_| self.ready.end() == 0) {
            // Chunks behind the dirty one hold nothing published: no reader has seen them.
            // SAFETY: the dirty chunk is unsealed, so the reader is still at it or before it.
            let mut next =
                unsafe { dirty.chunk.as_ref() }.next.swap(core::ptr::null_mut(), Ordering::Relaxed);
            while let Some(chunk) = NonNull::new(next) {
                // SAFETY: unreachable for the reader, as said.
                unsafe {
                    next = *(*chunk.as_ptr()).next.get_mut();
                    Chunk::free(chunk);
                }
            }
            began = dirty.chunk;
            // What is finished was published when the chunk was left.
            // SAFETY: alive, as said.
            self.ready = unsafe { began.as_ref() }.published();
            self.adopt(began);
        }
        self.end = self.ready.end();
        self.messages = self.ready.messages();
        self.filled = self.end;
        // SAFETY: the current chunk is alive; a reader looks at a body only once it is published.
        unsafe {
            if began.as_ref().capacity() == 0 && self.end == 0 {
                (*began.as_ptr()).external = None;
            }
        }
    }

    /// Whether frames of an unfinished message wait behind the last finished one.
    pub fn has_unfinished(&self) -> bool {
        self.end != self.ready.end() || self.dirty.is_some() && self.ready.end() == 0
    }

    fn adopt(&mut self, chunk: NonNull<Chunk>) {
        self.chunk = Some(chunk);
        // SAFETY: the chunk is alive: it was just made, or kept by the queue.
        let (adopted, base) = unsafe { (chunk.as_ref(), Chunk::bytes(chunk)) };
        self.base = base;
        self.capacity = adopted.capacity().max(1);
    }

    #[cold]
    fn make_room(&mut self, needed: usize) -> Result<()> {
        self.advance_chunk(needed)
    }

    /// Seals the current chunk and goes on in a new one with room for `needed` bytes. Bytes
    /// behind the last whole frame move along.
    fn advance_chunk(&mut self, needed: usize) -> Result<()> {
        let tail = self.filled - self.end;
        let needed = needed.max(tail);
        let mut capacity = self.next_capacity;
        while capacity < needed {
            capacity = capacity.saturating_mul(2);
        }
        self.next_capacity = (self.next_capacity * 4).min(CHUNK_MAX);
        let chunk = self.queue.spares.take(capacity).ok_or(Errno::ENOMEM)?;
        // SAFETY: the chunk is ours until it is linked.
        unsafe { (*chunk.as_ptr()).metadata.clone_from(&self.metadata) };
        if tail > 0 {
            // SAFETY: `tail` bytes lie behind `end`, and the new chunk, alive, holds at least as many.
            unsafe {
                core::ptr::copy_nonoverlapping(self.base.add(self.end), Chunk::bytes(chunk), tail);
            }
        }
        self.link(chunk, tail);
        Ok(())
    }

    /// Makes `chunk` the current one, sealing the one before. `filled` bytes of it are in use.
    fn link(&mut self, chunk: NonNull<Chunk>, filled: usize) {
        // SAFETY: the new chunk is ours until it is linked.
        unsafe { (*chunk.as_ptr()).before = self.total() };
        match self.chunk {
            None => self.queue.first.store(chunk.as_ptr(), Ordering::Release),
            Some(previous) => {
                // SAFETY: the current chunk is alive.
                let old = unsafe { previous.as_ref() };
                let last = Published::new(self.end, self.messages).sealed();
                let finished = self.end == self.ready.end();
                let continues = if self.end == 0 { old.continues } else { !finished };
                // SAFETY: the new chunk is ours until the next line links it.
                unsafe { (*chunk.as_ptr()).continues = continues };
                old.next.store(chunk.as_ptr(), Ordering::Release);
                if self.dirty.is_some() && (finished || self.ready.end() > 0) {
                    // A message that began earlier ended in this chunk.
                    self.publish_finished();
                }
                if self.dirty.is_some() {
                    // In the middle of a message: nobody looks here before the dirty chunk seals.
                    old.publish(last);
                } else if finished {
                    old.publish(last);
                } else {
                    if self.ready.end() > 0 {
                        old.publish(self.ready);
                    }
                    self.dirty = Some(Dirty { chunk: previous, state: last });
                }
            }
        }
        self.adopt(chunk);
        self.passed = self.passed.wrapping_add(self.end as u64);
        self.end = 0;
        self.messages = 0;
        self.filled = filled;
        self.ready = Published::default();
    }

    fn publish_finished(&mut self) {
        if self.ready.end() > 0 {
            self.show();
        }
    }

    // --- following a log (see [`super::log`]) ---

    /// Goes on in a stretch of a log, from what is published there on. `ENOMEM` changes nothing.
    pub fn follow(&mut self, stretch: &Arc<Stretch>) -> Result<()> {
        let start = stretch.published();
        let view = View { stretch: stretch.clone(), start };
        let chunk = Chunk::allocate_view(view).ok_or(Errno::ENOMEM)?;
        self.link(chunk, 0);
        self.stand_at(start);
        self.passed = self.passed.wrapping_sub(start.end() as u64);
        Ok(())
    }

    /// Follows no longer: what the stretch holds by now is this queue's, and nothing more.
    pub fn stay_behind(&mut self, stretch: &Stretch) {
        let end = stretch.published();
        self.stand_at(end);
        // Nothing can be written here.
        self.capacity = self.end;
        if let Some(chunk) = self.chunk {
            // SAFETY: the current chunk is alive.
            unsafe { chunk.as_ref() }.publish(end);
        }
    }

    /// Where the whole frames end, in the present chunk or stretch.
    pub fn end(&self) -> usize {
        self.end
    }

    fn stand_at(&mut self, place: Published) {
        self.end = place.end();
        self.filled = self.end;
        self.messages = place.messages();
        self.ready = place;
        self.fresh = false;
    }
}
