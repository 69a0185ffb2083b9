//! The consuming end of a byte queue.

use core::ptr::NonNull;
use core::sync::atomic::Ordering;
use std::sync::Arc;

use super::chunk::{Chunk, Published};
use super::queue::{Queue, FRAME_LARGE, FRAME_MORE, FRAME_ROUTING_ID, FRAME_SKIP};
use crate::message::few::FEW;
use crate::message::{Content, Message, Metadata};

mod bytes;

/// Does something with a message's body and the properties of the connection that it came over.
/// False, where it is not taken.
pub trait Accept: FnOnce(&[u8], Option<&Arc<Metadata>>) -> bool {}

impl<F: FnOnce(&[u8], Option<&Arc<Metadata>>) -> bool> Accept for F {}

/// As [`Accept`], made to be part of the caller.
pub trait AcceptInline {
    fn accept(self, body: &[u8], metadata: &Option<Arc<Metadata>>) -> bool;
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

/// A message as it lies in a queue, all parts of it.
#[derive(Clone, Copy, Debug)]
pub struct Whole<'a> {
    /// One behind the other, as in ZMTP.
    pub frames: &'a [u8],
    pub parts: u32,
    /// Bytes of all bodies.
    pub bytes: usize,
}

impl<'a> Whole<'a> {
    /// The body of the first part, and the message without it, if there are more.
    #[inline]
    pub fn split_first(self) -> Option<(&'a [u8], Whole<'a>)> {
        let (head, len) = measure(self.frames)?;
        let first = self.frames.get(head..head + len)?;
        let rest = &self.frames[head + len..];
        let rest = Whole { frames: rest, parts: self.parts - 1, bytes: self.bytes - len };
        (rest.parts > 0).then_some((first, rest))
    }
}

/// Bytes of the header and the body of the frame that comes first.
#[inline]
pub(super) fn measure(frames: &[u8]) -> Option<(usize, usize)> {
    let [flags, len, ..] = *frames else { return None };
    if flags & FRAME_LARGE == 0 {
        return Some((2, usize::from(len)));
    }
    let len = frames[1..].first_chunk::<8>()?;
    Some((9, u64::from_be_bytes(*len) as usize))
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
    /// Messages that ended in what was gathered last.
    gathered: u64,
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
            gathered: 0,
        }
    }

    /// Whether all frames that were seen are taken, and the next ones will come behind them.
    pub fn has_taken_all_seen(&self) -> bool {
        self.pos >= self.seen.end() && !self.seen.is_sealed() && !self.is_external
    }

    /// Whether so many messages are left of what was seen, as far as it lies in this chunk.
    pub fn has_seen_many(&self, messages: usize) -> bool {
        if self.is_external {
            return false;
        }
        let mut found = 0;
        let mut pos = self.pos;
        while found < messages && pos < self.seen.end() {
            // SAFETY: what was seen is published, and the chunk alive.
            let frames =
                unsafe { core::slice::from_raw_parts(self.base.add(pos), self.seen.end() - pos) };
            let Some((head, len)) = measure(frames) else { break };
            found += usize::from(frames[0] & (FRAME_MORE | FRAME_SKIP | FRAME_ROUTING_ID) == 0);
            pos += head + len;
        }
        found >= messages
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
        let used = unsafe { chunk.as_ref() };
        if used.capacity() == 0 || used.is_view() {
            // SAFETY: as above.
            unsafe { Chunk::free(chunk) };
            return;
        }
        // SAFETY: as above.
        unsafe { self.queue.spares.give(chunk) };
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
    pub fn take_again<const ANY: bool>(&mut self, place: impl AcceptInline) -> Option<usize> {
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
            if !place.accept(body, &self.metadata) {
                return None;
            }
            self.pos += head + len;
            self.credited += 1;
            (self.boundary, self.boundary_messages) = (self.pos, self.credited);
            Some(len)
        }
    }

    /// Takes the next message with all its parts, if it has no more than `limit` bytes and lies in what
    /// was seen, unless `accept` will not have it.
    #[inline]
    pub fn take_whole(&mut self, limit: usize, accept: impl FnOnce(Whole<'_>) -> bool) -> bool {
        if self.pos >= self.seen.end() || self.is_external {
            return false;
        }
        // SAFETY: so much of the chunk is published, and frames that are published are whole (Writer).
        let waiting = unsafe {
            core::slice::from_raw_parts(self.base.add(self.pos), self.seen.end() - self.pos)
        };
        let (mut end, mut parts, mut bytes) = (0, 0, 0);
        loop {
            let Some(flags) = waiting.get(end) else { return false };
            if flags & !(FRAME_LARGE | FRAME_MORE) != 0 {
                return false;
            }
            let Some((head, len)) = measure(&waiting[end..]) else { return false };
            (end, parts, bytes) = (end + head + len, parts + 1, bytes + len);
            if end > limit {
                return false;
            }
            if flags & FRAME_MORE == 0 {
                break;
            }
        }
        let taken = accept(Whole { frames: &waiting[..end], parts, bytes });
        if taken {
            self.pos += end;
            self.credited += 1;
            (self.boundary, self.boundary_messages) = (self.pos, self.credited);
        }
        taken
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
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(chunk) = self.chunk {
            // The queue frees what is left, from here on.
            self.queue.first.store(chunk.as_ptr(), Ordering::Release);
        }
    }
}
