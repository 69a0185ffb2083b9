//! The consuming end of a byte queue.

use core::ptr::NonNull;
use core::sync::atomic::Ordering;
use std::sync::Arc;

use super::chunk::{Chunk, Published};
use super::queue::{Queue, FRAME_LARGE, FRAME_MORE, FRAME_ROUTING_ID, FRAME_SKIP};
use crate::message::few::FEW;
use crate::message::{Content, Message, Metadata};

/// How many times more bytes of referenced bodies than of others are worth while for one call. Copied
/// ones had better still be in the cache; with large bodies each call costs the system much besides
/// copying, and wakes a receiver who then waits for the next.
const REFERENCES_MORE: usize = 4;

/// Does something with a message's body and the properties of the connection that it came over.
/// False, where it is not taken.
pub trait Accept: FnOnce(&[u8], Option<&Arc<Metadata>>) -> bool {}

impl<F: FnOnce(&[u8], Option<&Arc<Metadata>>) -> bool> Accept for F {}

/// As [`Accept`], made to be part of the caller.
pub trait AcceptFew {
    fn accept(self, body: &[u8], metadata: Option<&Arc<Metadata>>) -> bool;
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
    /// The chunk is an external one.
    is_external: bool,
    pos: usize,
    /// The chunk's published state as last looked at.
    seen: Published,
    /// The chunk's properties: a look at them there for each message would fetch the memory that the
    /// writer publishes in.
    metadata: Option<Arc<Metadata>>,
    knows_metadata: bool,
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
    pub(super) fn new(queue: Arc<Queue>) -> Reader {
        Reader {
            queue,
            chunk: None,
            base: core::ptr::null_mut(),
            is_external: false,
            pos: 0,
            seen: Published::default(),
            metadata: None,
            knows_metadata: false,
            credited: 0,
            boundary: 0,
            boundary_messages: 0,
            partial: 0,
        }
    }

    /// Whether all frames that were seen are taken, and the next ones will come behind them.
    pub fn has_taken_all_seen(&self) -> bool {
        self.pos >= self.seen.end() && !self.seen.is_sealed() && !self.is_external
    }

    /// Whether a published byte waits; moves to the next chunk when this one is used up.
    #[inline]
    pub fn has_data(&mut self) -> bool {
        self.pos < self.seen.end() || self.look()
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
            if self.pos < self.seen.end() {
                if !self.knows_metadata {
                    self.knows_metadata = true;
                    // The writer changes them no more once something can be read.
                    self.metadata.clone_from(&current.metadata);
                }
                return true;
            }
            if !self.seen.is_sealed() {
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
        // SAFETY: the chunk is the queue's, and the reader's from here on.
        let (entered, base) = unsafe { (chunk.as_ref(), Chunk::bytes(chunk)) };
        self.base = base;
        self.is_external = entered.capacity() == 0;
        self.queue.passed.store(entered.before, Ordering::Relaxed);
        self.seen = entered.start();
        self.knows_metadata = false;
        self.pos = self.seen.end();
        self.credited = self.seen.messages();
        (self.boundary, self.boundary_messages) = (self.pos, self.credited);
    }

    fn recycle(&mut self, chunk: NonNull<Chunk>) {
        // SAFETY: the writer sealed the chunk and the reader left it.
        let used = unsafe { &mut *chunk.as_ptr() };
        if used.capacity() == 0 || used.is_view() {
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

    /// Properties of the connection that the frame last read came over, until the next look for more.
    pub fn metadata(&self) -> Option<&Arc<Metadata>> {
        self.metadata.as_ref().filter(|_| self.knows_metadata)
    }

    /// Takes the next frame, where it is short and lies in what was seen.
    #[inline]
    pub fn next_short(&mut self) -> Option<(u8, &[u8])> {
        if self.pos >= self.seen.end() || self.is_external {
            return None;
        }
        // SAFETY: published frames are whole (Writer), and the chunk holds nothing else.
        unsafe {
            let at = self.base.add(self.pos);
            let flags = *at;
            if flags & (FRAME_LARGE | FRAME_SKIP | FRAME_ROUTING_ID) != 0 {
                return None;
            }
            let len = usize::from(*at.add(1));
            self.pos += 2 + len;
            if flags & FRAME_MORE == 0 {
                self.credited += 1;
                (self.boundary, self.boundary_messages) = (self.pos, self.credited);
            }
            Some((flags, core::slice::from_raw_parts(at.add(2), len)))
        }
    }

    /// Takes the next frame, if it is a message by itself, or the last part of one, and lies in what
    /// was seen, unless `accept` will not have its body.
    #[inline(always)]
    pub fn take_at_once(&mut self, accept: impl Accept) -> bool {
        if self.pos >= self.seen.end() || self.is_external {
            return false;
        }
        // SAFETY: published frames are whole (Writer), and the chunk holds nothing else.
        unsafe {
            let at = self.base.add(self.pos);
            let (head, len) = match *at {
                0 => (2, usize::from(*at.add(1))),
                FRAME_LARGE => (9, u64::from_be_bytes(at.add(1).cast::<[u8; 8]>().read()) as usize),
                _ => return false,
            };
            if !accept(core::slice::from_raw_parts(at.add(head), len), self.metadata.as_ref()) {
                return false;
            }
            self.pos += head + len;
            self.credited += 1;
            (self.boundary, self.boundary_messages) = (self.pos, self.credited);
            true
        }
    }

    /// As [`Reader::take_at_once`]: any number of bytes, or one to [`FEW`]. Gives their number.
    #[inline(always)]
    pub fn take_again<const ANY: bool>(&mut self, place: impl AcceptFew) -> Option<usize> {
        if self.pos >= self.seen.end() || self.is_external {
            return None;
        }
        // SAFETY: published frames are whole (Writer), and the chunk holds nothing else.
        unsafe {
            let at = self.base.add(self.pos);
            let (head, len) = match *at {
                0 => (2, usize::from(*at.add(1))),
                FRAME_LARGE if ANY => {
                    (9, u64::from_be_bytes(at.add(1).cast::<[u8; 8]>().read()) as usize)
                }
                _ => return None,
            };
            if !ANY && len.wrapping_sub(1) >= FEW {
                return None;
            }
            let body = core::slice::from_raw_parts(at.add(head), len);
            if !place.accept(body, self.metadata.as_ref()) {
                return None;
            }
            self.pos += head + len;
            self.credited += 1;
            (self.boundary, self.boundary_messages) = (self.pos, self.credited);
            Some(len)
        }
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
                    self.credited = self.seen.messages();
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

    /// Takes the next frame as a message part; its bytes stay until the next call on the reader.
    /// Counts it if a message ends with it.
    #[inline]
    pub fn read(&mut self, message: &mut Message, messages: &mut u64) -> bool {
        let Some(frame) = self.next_frame() else { return false };
        let flags = frame.flags;
        *message = match frame.body {
            // SAFETY: see above; the contract is the caller's.
            Body::Bytes(bytes) => unsafe { Message::view(bytes.as_ptr(), bytes.len()) },
            Body::Content(content) => Message::of_content(content),
        };
        message.set_flags(flags);
        *messages += u64::from(flags & (FRAME_MORE | FRAME_ROUTING_ID) == 0);
        true
    }

    // --- the plain engine's side: bytes leave as they are ---

    /// Collects published bytes, in order, into `slices`, stopping after about `limit` bytes, or
    /// [`REFERENCES_MORE`] times as many where bodies travel by reference. Returns how many slices
    /// were filled.
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
            let mut enough = limit;
            if current.capacity() == 0 {
                enough = limit.saturating_mul(REFERENCES_MORE);
                if used + 2 > slices.len() {
                    break;
                }
                // A body that is not published is the writer's, who may take it back.
                let body = if seen.end() > 0 { current.external.as_ref() } else { None };
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
            } else if seen.end() > pos {
                if used == slices.len() {
                    break;
                }
                // SAFETY: the chunk is alive, and pos lies inside the published bytes.
                slices[used] = (unsafe { Chunk::bytes(chunk).add(pos) }, seen.end() - pos);
                bytes += slices[used].1;
                used += 1;
            }
            if bytes >= enough || !seen.is_sealed() {
                break;
            }
            at = NonNull::new(current.next.load(Ordering::Acquire));
            written = 0;
            if let Some(next) = at {
                // SAFETY: as above.
                let next = unsafe { next.as_ref() };
                (seen, pos) = (next.published(), next.start().end());
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
                let step = count.min(self.seen.end() - self.pos);
                self.pos += step;
                count -= step;
                if self.pos == self.seen.end() {
                    messages += self.credit();
                    self.mark_boundary();
                }
            }
            if count > 0 && !self.has_data() {
                break;
            }
        }
        if self.partial == 0 && self.pos < self.seen.end() {
            // Part of what was seen: its whole messages are credited now, not with the rest.
            messages += u64::from(self.settle_boundary());
        }
        messages
    }

    fn credit(&mut self) -> u64 {
        let messages = self.seen.messages() - self.credited;
        self.credited = self.seen.messages();
        u64::from(messages)
    }

    /// The reader stands at the end of what it has seen: between messages, unless the chunk was
    /// sealed inside one.
    fn mark_boundary(&mut self) {
        if !self.seen.is_sealed() || !self.next_continues() {
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
            done = self.settle_boundary();
            self.pos = self.boundary;
        }
        let headless = if self.pos == 0 {
            self.chunk_continues()
        } else {
            self.pos == self.seen.end() && self.seen.is_sealed() && self.next_continues()
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

    /// Finds the last message boundary up to the position; returns how many messages end up to
    /// there that were not credited yet.
    fn settle_boundary(&mut self) -> u32 {
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
