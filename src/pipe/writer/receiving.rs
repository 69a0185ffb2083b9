//! The plain engine's side: bytes arrive first, frames are found afterwards.

use super::Writer;
use crate::error::Result;
use crate::pipe::chunk::Published;
use crate::pipe::queue::{FRAME_LARGE, FRAME_MORE};

const FRAME_MORE_LARGE: u8 = FRAME_MORE | FRAME_LARGE;

/// Passes over the short frames that have the flags and the length of the one before, at most `most`.
/// Most streams have messages of one size. So the processor need not wait for a length to know where the
/// next one stands.
#[inline(always)]
fn skip_alike(rest: &mut &[u8], before: &[u8], most: u64) -> u64 {
    let mut count = 0;
    while count < most && rest.len() >= before.len() && rest[..2] == before[..2] {
        *rest = &rest[before.len()..];
        count += 1;
    }
    count
}

impl Writer {
    /// Room behind the received bytes, at least `least` bytes of it. `ENOMEM`.
    pub fn room(&mut self, least: usize) -> Result<(*mut u8, usize)> {
        if self.capacity - self.filled < least {
            let tail = self.filled - self.end;
            self.advance_chunk(tail + least)?;
        }
        // SAFETY: filled never passes capacity.
        Ok((unsafe { self.base.add(self.filled) }, self.capacity - self.filled))
    }

    /// Records that `len` bytes were received into [`Writer::room`].
    pub fn received(&mut self, len: usize) {
        debug_assert!(self.filled + len <= self.capacity);
        self.filled += len;
    }

    /// Takes a copy of bytes that were received elsewhere. `ENOMEM`.
    pub fn receive_copy(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let (room, _) = self.room(bytes.len())?;
        // SAFETY: room gives at least as many bytes as asked for.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), room, bytes.len()) };
        self.received(bytes.len());
        Ok(())
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
        let mut rest = self.unframed();
        let mut messages = 0;
        // What is left behind the last whole message.
        let mut left = None;
        while messages < limit {
            let (header_len, body_len) = match *rest {
                [0 | FRAME_MORE, len, ..] => (2, u64::from(len)),
                [FRAME_LARGE | FRAME_MORE_LARGE, a, b, c, d, e, f, g, h, ..] => {
                    (9, u64::from_be_bytes([a, b, c, d, e, f, g, h]))
                }
                _ => break,
            };
            if body_len > (rest.len() - header_len) as u64 || body_len > max_body {
                break;
            }
            let (frame, others) = rest.split_at(header_len + body_len as usize);
            rest = others;
            if frame[0] & FRAME_MORE == 0 {
                messages += 1;
                if header_len == 2 {
                    messages += skip_alike(&mut rest, frame, limit - messages);
                }
                left = Some(rest.len());
            }
        }
        self.end = self.filled - rest.len();
        if let Some(left) = left {
            self.messages += messages as u32;
            self.ready = Published::new(self.filled - left, self.messages);
            self.fresh = true;
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
