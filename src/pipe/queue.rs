//! One direction of a pipe: a single-producer single-consumer queue of bytes in wire framing.
//!
//! The [`Writer`] appends whole frames and publishes whole messages: publishing is one release
//! store in the chunk where the message began, so a multipart message appears at once even when
//! it spans chunks, and rolling an unfinished message back is a reset of positions. The
//! [`Reader`] either walks frames (application threads, transforming engines) or takes the bytes
//! as they are (the plain engine).

use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use std::sync::Arc;

use super::chunk::{Chunk, Published, CHUNK_MAX, CHUNK_MIN};
use crate::error::{Errno, Result};
use crate::message::{Content, Metadata};

/// Frame flag bits in the queue: those of ZMTP 2/3 and two of our own.
pub const FRAME_MORE: u8 = 1;
pub const FRAME_LARGE: u8 = 2;
pub const FRAME_COMMAND: u8 = 4;
/// The peer's routing id; first frame of a pipe, not counted as a message.
pub const FRAME_ROUTING_ID: u8 = 0x40;
/// A frame the reader passes over (a heartbeat, say), not counted as a message.
pub const FRAME_SKIP: u8 = 0x80;

const FRAME_MORE_LARGE: u8 = FRAME_MORE | FRAME_LARGE;

/// Bodies from this size on travel by reference instead of being copied into a chunk.
pub const EXTERNAL_MIN: usize = 32 * 1024;

/// What both sides of the queue share.
#[derive(Debug)]
pub struct Queue {
    first: AtomicPtr<Chunk>,
    /// One used chunk on its way back to the writer.
    spare: AtomicPtr<Chunk>,
    /// The reader found nothing and wants to be told when there is something.
    pub reader_asleep: AtomicBool,
    /// The writer uses the light fence: a reader that goes to sleep pays for the heavy one.
    pub writer_dense: AtomicBool,
    /// The writer found no credit and wants to be told when there is some.
    pub writer_blocked: AtomicBool,
    /// The writer will publish no more.
    pub closed: AtomicBool,
    /// Messages the reader has acknowledged, in the writer's count.
    pub acknowledged: AtomicU64,
}

impl Queue {
    /// An empty queue and its two ends.
    pub fn with_ends() -> (Writer, Reader) {
        let queue = Arc::new(Queue {
            first: AtomicPtr::new(core::ptr::null_mut()),
            spare: AtomicPtr::new(core::ptr::null_mut()),
            // A new pipe is attached as active, so nobody needs a wake-up for its first message.
            reader_asleep: AtomicBool::new(false),
            writer_dense: AtomicBool::new(false),
            writer_blocked: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            acknowledged: AtomicU64::new(0),
        });
        (Writer::new(queue.clone()), Reader::new(queue))
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let mut next = *self.first.get_mut();
        while let Some(chunk) = NonNull::new(next) {
            // SAFETY: both ends are gone, so the chunks belong to the queue alone.
            unsafe {
                next = *(*chunk.as_ptr()).next.get_mut();
                Chunk::free(chunk);
            }
        }
        if let Some(spare) = NonNull::new(*self.spare.get_mut()) {
            // SAFETY: as above.
            unsafe { Chunk::free(spare) };
        }
    }
}

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
    dirty: Option<Dirty>,
    next_capacity: usize,
    metadata: Option<Arc<Metadata>>,
}

// SAFETY: the writer owns its side of the queue; chunks cross threads only through the queue's
// release/acquire words.
unsafe impl Send for Writer {}

impl Writer {
    fn new(queue: Arc<Queue>) -> Writer {
        Writer {
            queue,
            chunk: None,
            base: core::ptr::null_mut(),
            capacity: 0,
            end: 0,
            filled: 0,
            messages: 0,
            ready: Published::default(),
            dirty: None,
            next_capacity: CHUNK_MIN,
            metadata: None,
        }
    }

    /// Properties for the messages of chunks begun from now on; the present chunk is closed.
    pub fn set_metadata(&mut self, metadata: Option<Arc<Metadata>>) {
        self.metadata = metadata;
        if self.chunk.is_some() {
            // A failure leaves the old chunk in use: older properties, but no message lost.
            let _ = self.advance_chunk(CHUNK_MIN);
        }
    }

    /// Appends one frame. `ENOMEM` leaves the queue as it was, but for earlier parts of the same
    /// message, which the caller rolls back.
    #[inline]
    pub fn write_frame(&mut self, flags: u8, body: &[u8]) -> Result<()> {
        let len = body.len();
        let needed = len + if len > 255 { 9 } else { 2 };
        if needed > self.capacity - self.filled {
            self.make_room(needed)?;
        }
        // SAFETY: make_room or the check above leave `needed` bytes behind `end`.
        unsafe {
            let at = self.base.add(self.end);
            let body_at = if len > 255 {
                *at = flags | FRAME_LARGE;
                at.add(1).cast::<[u8; 8]>().write((len as u64).to_be_bytes());
                at.add(9)
            } else {
                *at = flags;
                *at.add(1) = len as u8;
                at.add(2)
            };
            core::ptr::copy_nonoverlapping(body.as_ptr(), body_at, len);
        }
        self.advance(needed, flags);
        self.filled = self.end;
        Ok(())
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
            self.ready = Published { end: self.end as u32, messages: self.messages, sealed: false };
        }
    }

    /// Shows the reader every finished message.
    #[inline]
    pub fn publish(&mut self) {
        let Some(chunk) = self.chunk else { return };
        if self.ready.end == 0 {
            return;
        }
        // SAFETY: the current chunk is alive: only the writer's own sealing lets it go.
        unsafe { chunk.as_ref() }.publish(self.ready);
        if let Some(dirty) = self.dirty.take() {
            // SAFETY: an unsealed chunk stays with the queue until it is published sealed.
            unsafe { dirty.chunk.as_ref() }.publish(dirty.state);
        }
    }

    /// Forgets the frames of an unfinished message.
    pub fn rollback(&mut self) {
        let Some(mut began) = self.chunk else { return };
        // With something finished in this chunk, the unfinished message began behind that.
        if let Some(dirty) = self.dirty.take_if(|_| self.ready.end == 0) {
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
        self.end = self.ready.end as usize;
        self.messages = self.ready.messages;
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
        self.end != self.ready.end as usize || self.dirty.is_some() && self.ready.end == 0
    }

    fn adopt(&mut self, chunk: NonNull<Chunk>) {
        self.chunk = Some(chunk);
        self.base = Chunk::bytes(chunk);
        // SAFETY: the chunk is alive: it was just made, or kept by the queue.
        self.capacity = unsafe { chunk.as_ref() }.capacity().max(1);
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
        let chunk = self.take_spare(capacity).ok_or(Errno::ENOMEM)?;
        // SAFETY: the chunk is ours until it is linked.
        unsafe { (*chunk.as_ptr()).metadata.clone_from(&self.metadata) };
        if tail > 0 {
            // SAFETY: `tail` bytes lie behind `end`, and the new chunk holds at least as many.
            unsafe {
                core::ptr::copy_nonoverlapping(self.base.add(self.end), Chunk::bytes(chunk), tail);
            }
        }
        self.link(chunk, tail);
        Ok(())
    }

    fn take_spare(&mut self, capacity: usize) -> Option<NonNull<Chunk>> {
        let spare = self.queue.spare.load(Ordering::Relaxed);
        if !spare.is_null() {
            let spare = self.queue.spare.swap(core::ptr::null_mut(), Ordering::Acquire);
            if let Some(mut spare) = NonNull::new(spare) {
                // SAFETY: the swap made the chunk ours.
                let chunk = unsafe { spare.as_mut() };
                if chunk.capacity() >= capacity {
                    chunk.reset();
                    return Some(spare);
                }
                // SAFETY: ours, as said.
                unsafe { Chunk::free(spare) };
            }
        }
        Chunk::allocate(capacity)
    }

    /// Makes `chunk` the current one, sealing the one before. `filled` bytes of it are in use.
    fn link(&mut self, chunk: NonNull<Chunk>, filled: usize) {
        match self.chunk {
            None => self.queue.first.store(chunk.as_ptr(), Ordering::Release),
            Some(previous) => {
                // SAFETY: the current chunk is alive.
                let old = unsafe { previous.as_ref() };
                let last =
                    Published { end: self.end as u32, messages: self.messages, sealed: true };
                let finished = self.end == self.ready.end as usize;
                let continues = if self.end == 0 { old.continues } else { !finished };
                // SAFETY: the new chunk is ours until the next line links it.
                unsafe { (*chunk.as_ptr()).continues = continues };
                old.next.store(chunk.as_ptr(), Ordering::Release);
                if self.dirty.is_some() && (finished || self.ready.end > 0) {
                    // A message that began earlier ended in this chunk.
                    self.publish_finished();
                }
                if self.dirty.is_some() {
                    // In the middle of a message: nobody looks here before the dirty chunk seals.
                    old.publish(last);
                } else if finished {
                    old.publish(last);
                } else {
                    if self.ready.end > 0 {
                        old.publish(self.ready);
                    }
                    self.dirty = Some(Dirty { chunk: previous, state: last });
                }
            }
        }
        self.adopt(chunk);
        self.end = 0;
        self.messages = 0;
        self.filled = filled;
        self.ready = Published::default();
    }

    fn publish_finished(&mut self) {
        if self.ready.end > 0 {
            self.publish();
        }
    }

    // --- the plain engine's side: bytes arrive first, frames are found afterwards ---

    /// Room behind the received bytes, at least `least` bytes of it. `ENOMEM`.
    pub fn room(&mut self, least: usize) -> Result<(*mut u8, usize)> {
        if self.capacity - self.filled < least {
            let tail = self.filled - self.end;
            self.advance_chunk(tail + least)?;
        }
        // SAFETY: filled never passes capacity.
        Ok((unsafe { self.base.add(self.filled) }, self.capacity - self.filled))
    }

    /// Free bytes behind the received ones in the present chunk.
    pub fn free_room(&self) -> usize {
        self.capacity - self.filled
    }

    /// Lets the next chunk be larger, because reads fill the room they are given.
    pub fn next_capacity(&self) -> usize {
        self.next_capacity
    }

    /// Records that `len` bytes were received into [`Writer::room`].
    pub fn received(&mut self, len: usize) {
        debug_assert!(self.filled + len <= self.capacity);
        self.filled += len;
    }

    /// The received bytes that are not frames yet.
    pub fn unframed(&self) -> &[u8] {
        if self.filled == self.end {
            return &[];
        }
        // SAFETY: the bytes between end and filled were received into this chunk.
        unsafe { core::slice::from_raw_parts(self.base.add(self.end), self.filled - self.end) }
    }

    /// Takes the next `len` unframed bytes as one whole frame, whose flags byte becomes `flags`.
    #[inline]
    pub fn take_frame(&mut self, len: usize, flags: u8) {
        debug_assert!(self.end + len <= self.filled);
        // SAFETY: end is inside the chunk, as len bytes lie behind it.
        unsafe {
            let at = self.base.add(self.end);
            if *at != flags {
                *at = flags;
            }
        }
        self.advance(len, flags & !FRAME_LARGE);
    }

    /// Takes whole data frames off the unframed bytes until `limit` messages are complete or the
    /// next frame is anything else: incomplete, a command, longer than `max_body`. Returns the
    /// number of messages.
    pub fn take_messages(&mut self, limit: u64, max_body: u64) -> u64 {
        let (mut end, filled, base) = (self.end, self.filled, self.base);
        let mut messages = 0;
        let mut ready_end = 0;
        while messages < limit && filled - end >= 2 {
            // SAFETY: bytes up to `filled` were received into this chunk.
            let flags = unsafe { *base.add(end) };
            let (header_len, body_len) = match flags {
                // SAFETY: two bytes are there, as the loop's condition says.
                0 | FRAME_MORE => (2, u64::from(unsafe { *base.add(end + 1) })),
                FRAME_LARGE | FRAME_MORE_LARGE if filled - end >= 9 => {
                    // SAFETY: nine bytes are there.
                    let bytes = unsafe { base.add(end + 1).cast::<[u8; 8]>().read() };
                    (9, u64::from_be_bytes(bytes))
                }
                _ => break,
            };
            let left = (filled - end - header_len) as u64;
            if body_len > left || body_len > max_body {
                break;
            }
            end += header_len + body_len as usize;
            if flags & FRAME_MORE == 0 {
                messages += 1;
                ready_end = end;
            }
        }
        self.end = end;
        if messages > 0 {
            self.messages += messages as u32;
            self.ready =
                Published { end: ready_end as u32, messages: self.messages, sealed: false };
        }
        messages
    }

    /// Removes the next `len` unframed bytes.
    pub fn discard(&mut self, len: usize) {
        debug_assert!(self.end + len <= self.filled);
        // SAFETY: both ranges lie between end and filled in this chunk.
        unsafe {
            let at = self.base.add(self.end);
            core::ptr::copy(at.add(len), at, self.filled - self.end - len);
        }
        self.filled -= len;
    }

    /// Drops all unframed bytes (they were copied elsewhere).
    pub fn drop_unframed(&mut self) {
        self.filled = self.end;
    }
}

/// A frame as the reader finds it.
#[derive(Debug)]
pub enum Body<'a> {
    /// Bytes in the chunk, valid until the next call on the reader.
    Bytes(&'a [u8]),
    /// A body by reference, now the caller's.
    Content(Content),
}

/// One frame taken from a queue.
#[derive(Debug)]
pub struct Frame<'a> {
    pub flags: u8,
    pub body: Body<'a>,
}

/// The consuming end.
#[derive(Debug)]
pub struct Reader {
    pub queue: Arc<Queue>,
    chunk: Option<NonNull<Chunk>>,
    base: *mut u8,
    pos: usize,
    /// The chunk's published state as last looked at.
    seen: Published,
    /// Messages of this chunk already credited (byte-wise reading).
    credited: u32,
    /// Where byte-wise reading last stood between two messages, and how many messages of this
    /// chunk end up to there.
    boundary: usize,
    boundary_messages: u32,
    /// Bytes of an external chunk (header and body) already written out.
    partial: usize,
}

// SAFETY: as for Writer.
unsafe impl Send for Reader {}

impl Reader {
    fn new(queue: Arc<Queue>) -> Reader {
        Reader {
            queue,
            chunk: None,
            base: core::ptr::null_mut(),
            pos: 0,
            seen: Published::default(),
            credited: 0,
            boundary: 0,
            boundary_messages: 0,
            partial: 0,
        }
    }

    /// Whether a published byte waits; moves to the next chunk when this one is used up.
    #[inline]
    pub fn has_data(&mut self) -> bool {
        (self.pos as u32) < self.seen.end || self.look()
    }

    /// Whether a frame waits, other than frames to pass over.
    #[inline]
    pub fn has_frame(&mut self) -> bool {
        while self.has_data() {
            let Some(chunk) = self.chunk else { return false };
            // SAFETY: the reader's chunk is alive; published frames are whole (Writer).
            unsafe {
                if (*chunk.as_ptr()).capacity() == 0 {
                    return true;
                }
                let at = self.base.add(self.pos);
                if *at & FRAME_SKIP == 0 {
                    return true;
                }
                self.pos += if *at & FRAME_LARGE != 0 {
                    9 + u64::from_be_bytes(at.add(1).cast::<[u8; 8]>().read()) as usize
                } else {
                    2 + usize::from(*at.add(1))
                };
            }
        }
        false
    }

    #[inline(never)]
    fn look(&mut self) -> bool {
        loop {
            let chunk = match self.chunk {
                Some(chunk) => chunk,
                None => match NonNull::new(self.queue.first.load(Ordering::Acquire)) {
                    Some(first) => {
                        self.enter(first);
                        first
                    }
                    None => return false,
                },
            };
            // SAFETY: the reader's chunk is alive until the reader passes it.
            let current = unsafe { chunk.as_ref() };
            self.seen = current.published();
            if (self.pos as u32) < self.seen.end {
                return true;
            }
            if !self.seen.sealed {
                return false;
            }
            let Some(next) = NonNull::new(current.next.load(Ordering::Acquire)) else {
                return false;
            };
            self.enter(next);
            self.recycle(chunk);
        }
    }

    fn enter(&mut self, chunk: NonNull<Chunk>) {
        self.chunk = Some(chunk);
        self.base = Chunk::bytes(chunk);
        self.pos = 0;
        self.seen = Published::default();
        self.credited = 0;
        (self.boundary, self.boundary_messages) = (0, 0);
    }

    fn recycle(&mut self, chunk: NonNull<Chunk>) {
        // SAFETY: the writer sealed the chunk and the reader left it.
        let used = unsafe { &mut *chunk.as_ptr() };
        if used.capacity() == 0 {
            // SAFETY: as above.
            unsafe { Chunk::free(chunk) };
            return;
        }
        used.metadata = None;
        let old = self.queue.spare.swap(chunk.as_ptr(), Ordering::AcqRel);
        if let Some(old) = NonNull::new(old) {
            // SAFETY: whoever swaps a chunk out of the slot owns it.
            unsafe { Chunk::free(old) };
        }
    }

    /// Properties of the connection that the present chunk's frames came over.
    pub fn metadata(&self) -> Option<&Arc<Metadata>> {
        // SAFETY: the reader's chunk is alive until the reader passes it.
        self.chunk.and_then(|chunk| unsafe { &*chunk.as_ptr() }.metadata.as_ref())
    }

    /// Takes the next frame.
    #[inline]
    pub fn next_frame(&mut self) -> Option<Frame<'_>> {
        loop {
            if !self.has_data() {
                return None;
            }
            let chunk = self.chunk?;
            // SAFETY: the reader's chunk is alive; published frames are whole (Writer).
            unsafe {
                if (*chunk.as_ptr()).capacity() == 0 {
                    self.pos = 1;
                    let flags = (*chunk.as_ptr()).header[0] & !FRAME_LARGE;
                    let content = (*chunk.as_ptr()).external.take()?;
                    self.credited = self.seen.messages;
                    if flags & FRAME_MORE == 0 {
                        (self.boundary, self.boundary_messages) = (1, self.credited);
                    }
                    return Some(Frame { flags, body: Body::Content(content) });
                }
                let at = self.base.add(self.pos);
                let flags = *at;
                let (body, len) = if flags & FRAME_LARGE != 0 {
                    let len = u64::from_be_bytes(at.add(1).cast::<[u8; 8]>().read()) as usize;
                    (at.add(9), len)
                } else {
                    (at.add(2), usize::from(*at.add(1)))
                };
                self.pos = body.add(len) as usize - self.base as usize;
                if flags & FRAME_SKIP != 0 {
                    continue;
                }
                if flags & FRAME_MORE == 0 {
                    self.credited += u32::from(flags & FRAME_ROUTING_ID == 0);
                    (self.boundary, self.boundary_messages) = (self.pos, self.credited);
                }
                let body = core::slice::from_raw_parts(body, len);
                return Some(Frame { flags: flags & !FRAME_LARGE, body: Body::Bytes(body) });
            }
        }
    }

    // --- the plain engine's side: bytes leave as they are ---

    /// Collects published bytes, in order, into `slices`, stopping after about `limit` bytes.
    /// Returns how many slices were filled.
    pub fn gather(&mut self, slices: &mut [(*const u8, usize)], limit: usize) -> usize {
        if slices.is_empty() || !self.has_data() {
            return 0;
        }
        let (mut used, mut bytes) = (0, 0);
        let mut at = self.chunk;
        let mut pos = self.pos;
        let mut written = self.partial;
        let mut seen = self.seen;
        while let Some(chunk) = at {
            // SAFETY: chunks from the reader's on are alive until the reader passes them.
            let current = unsafe { chunk.as_ref() };
            if current.capacity() == 0 {
                if used + 2 > slices.len() {
                    break;
                }
                // A body that is not published is the writer's, who may take it back.
                let body = if seen.end > 0 { current.external.as_ref() } else { None };
                if let Some(content) = body {
                    let header_len = usize::from(current.header_len);
                    if written < header_len {
                        slices[used] = (current.header[written..].as_ptr(), header_len - written);
                        bytes += slices[used].1;
                        used += 1;
                    }
                    let skip = written.saturating_sub(header_len);
                    if skip < content.len() {
                        let rest = &content.as_slice()[skip..];
                        slices[used] = (rest.as_ptr(), rest.len());
                        bytes += slices[used].1;
                        used += 1;
                    }
                }
            } else if (seen.end as usize) > pos {
                if used == slices.len() {
                    break;
                }
                // SAFETY: pos lies inside the published bytes.
                slices[used] = (unsafe { Chunk::bytes(chunk).add(pos) }, seen.end as usize - pos);
                bytes += slices[used].1;
                used += 1;
            }
            if bytes >= limit || !seen.sealed {
                break;
            }
            at = NonNull::new(current.next.load(Ordering::Acquire));
            (pos, written) = (0, 0);
            if let Some(next) = at {
                // SAFETY: as above.
                seen = unsafe { next.as_ref() }.published();
            }
        }
        used
    }

    /// Passes over `count` bytes that [`Reader::gather`] gave; returns how many messages are
    /// thereby wholly taken.
    pub fn consume(&mut self, mut count: usize) -> u64 {
        let mut messages = 0;
        while count > 0 {
            let Some(chunk) = self.chunk else { break };
            // SAFETY: the reader's chunk is alive.
            let current = unsafe { chunk.as_ref() };
            if let Some(content) = &current.external {
                let total = usize::from(current.header_len) + content.len();
                let step = count.min(total - self.partial);
                self.partial += step;
                count -= step;
                if self.partial < total {
                    break;
                }
                messages += self.credit();
                (self.pos, self.partial) = (1, 0);
                self.mark_boundary();
                // SAFETY: the reader owns a published external chunk.
                unsafe { (*chunk.as_ptr()).external = None };
            } else {
                let step = count.min(self.seen.end as usize - self.pos);
                self.pos += step;
                count -= step;
                if self.pos == self.seen.end as usize {
                    messages += self.credit();
                    self.mark_boundary();
                }
            }
            if count > 0 && !self.has_data() {
                break;
            }
        }
        messages
    }

    fn credit(&mut self) -> u64 {
        let messages = self.seen.messages - self.credited;
        self.credited = self.seen.messages;
        u64::from(messages)
    }

    /// The reader stands at the end of what it has seen: between messages, unless the chunk was
    /// sealed inside one.
    fn mark_boundary(&mut self) {
        if !self.seen.sealed || !self.next_continues() {
            (self.boundary, self.boundary_messages) = (self.pos, self.credited);
        }
    }

    fn next_continues(&self) -> bool {
        let Some(chunk) = self.chunk else { return false };
        // SAFETY: the reader's chunk is alive, and so is the one it is sealed before.
        unsafe {
            let next = chunk.as_ref().next.load(Ordering::Acquire);
            !next.is_null() && (*next).continues
        }
    }

    fn chunk_continues(&self) -> bool {
        // SAFETY: the reader's chunk is alive.
        self.chunk.is_some_and(|chunk| unsafe { chunk.as_ref() }.continues)
    }

    /// Whether byte-wise reading stands between two messages.
    pub fn at_boundary(&self) -> bool {
        self.partial == 0 && self.pos == self.boundary && !(self.pos == 0 && self.chunk_continues())
    }

    /// After a broken write: goes back to the start of the message that was not wholly written
    /// or, where that start is gone, on past the message's end. Returns how many messages are
    /// thereby done with.
    pub fn rewind_to_boundary(&mut self) -> u64 {
        let Some(chunk) = self.chunk else { return 0 };
        // SAFETY: the reader's chunk is alive.
        let external = unsafe { chunk.as_ref() }.capacity() == 0;
        let mut done = 0;
        if external {
            self.partial = 0;
        } else {
            done = self.walk_back();
        }
        let headless = if self.pos == 0 {
            self.chunk_continues()
        } else {
            self.pos == self.seen.end as usize && self.seen.sealed && self.next_continues()
        };
        if !headless {
            return u64::from(done);
        }
        // The message's first parts are gone with their chunk; its other parts must not go out.
        while let Some(frame) = self.next_frame() {
            if frame.flags & FRAME_MORE == 0 {
                return u64::from(done) + 1;
            }
        }
        u64::from(done)
    }

    /// Sets the position back to the last message boundary before it; returns how many messages
    /// end up to there that were not credited yet.
    fn walk_back(&mut self) -> u32 {
        let written = self.pos;
        let (mut at, mut start) = (self.boundary, self.boundary);
        let mut ended = self.boundary_messages;
        while at < written {
            // SAFETY: frames between boundary and the published end are whole (Writer).
            let (flags, len) = unsafe {
                let head = self.base.add(at);
                let flags = *head;
                if flags & FRAME_LARGE != 0 {
                    let len = u64::from_be_bytes(head.add(1).cast::<[u8; 8]>().read()) as usize;
                    (flags, len + 9)
                } else {
                    (flags, usize::from(*head.add(1)) + 2)
                }
            };
            at += len;
            if at > written {
                break;
            }
            if flags & FRAME_MORE == 0 {
                start = at;
                if flags & (FRAME_SKIP | FRAME_ROUTING_ID) == 0 {
                    ended += 1;
                }
            }
        }
        self.pos = start;
        (self.boundary, self.boundary_messages) = (start, ended);
        let done = ended.saturating_sub(self.credited);
        self.credited += done;
        done
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(chunk) = self.chunk {
            // The queue frees what is left, from here on.
            self.queue.first.store(chunk.as_ptr(), Ordering::Release);
        }
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
