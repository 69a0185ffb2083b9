//! The plain engine's side of a reader: bytes leave as they are.

use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use super::Reader;
use crate::pipe::chunk::Chunk;
use crate::pipe::queue::{FRAME_LARGE, FRAME_MORE, FRAME_ROUTING_ID, FRAME_SKIP};

/// How many times more bytes of referenced bodies than of others are worth while for one call. Copied
/// ones had better still be in the cache; with large bodies each call costs the system much besides
/// copying, and wakes a receiver who then waits for the next.
const REFERENCES_MORE: usize = 4;

impl Reader {
    /// Collects published bytes, in order, into `slices`, stopping after about `limit` bytes, or
    /// [`REFERENCES_MORE`] times as many where bodies travel by reference. Returns how many slices
    /// were filled.
    pub fn gather(&mut self, slices: &mut [(*const u8, usize)], limit: usize) -> usize {
        self.gathered = 0;
        if slices.is_empty() || !self.has_data() {
            return 0;
        }
        let mut credited = self.credited;
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
            self.gathered += u64::from(seen.messages() - credited);
            if bytes >= enough || !seen.is_sealed() {
                break;
            }
            at = NonNull::new(current.next.load(Ordering::Acquire));
            written = 0;
            if let Some(next) = at {
                // SAFETY: as above.
                let next = unsafe { next.as_ref() };
                (seen, pos) = (next.published(), next.start().end());
                credited = next.start().messages();
            }
        }
        used
    }

    /// How many messages end in what [`Reader::gather`] gave.
    pub fn gathered(&self) -> u64 {
        self.gathered
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
