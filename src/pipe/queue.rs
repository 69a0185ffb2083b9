//! One direction of a pipe: a single-producer single-consumer queue of bytes in wire framing.
//!
//! The [`Writer`] appends whole frames and publishes whole messages: publishing is one release
//! store in the chunk where the message began, so a multipart message appears at once even when
//! it spans chunks, and rolling an unfinished message back is a reset of positions. The
//! [`Reader`] either walks frames (application threads, transforming engines) or takes the bytes
//! as they are (the plain engine).

use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use super::chunk::Chunk;
use super::log::Crowd;
use super::reader::Reader;
use super::spares::Spares;
use super::writer::Writer;

/// Frame flag bits in the queue: those of ZMTP 2/3 and two of our own.
pub const FRAME_MORE: u8 = 1;
pub const FRAME_LARGE: u8 = 2;
pub const FRAME_COMMAND: u8 = 4;
/// The peer's routing id; first frame of a pipe, not counted as a message.
pub const FRAME_ROUTING_ID: u8 = 0x40;
/// A frame the reader passes over (a heartbeat, say), not counted as a message.
pub const FRAME_SKIP: u8 = 0x80;

/// Bodies from this size on travel by reference instead of being copied into a chunk.
pub const EXTERNAL_MIN: usize = 32 * 1024;

/// The reader looks by itself, and at once.
pub const AWAKE: u8 = 0;
/// The reader looks by itself before long; the writer may send in the meantime.
pub const WATCHING: u8 = 1;
/// The reader found nothing and has to be told when there is something.
pub const ASLEEP: u8 = 2;
/// The reader found nothing and looks again and again until there is something.
pub const LOOKING: u8 = 3;

/// The reader is not for lending.
pub const NEVER: u8 = 0;
/// The reader is lent while there is nothing to read.
pub const WHEN_IDLE: u8 = 1;
/// The reader is lent in the middle of a stream, too.
pub const IN_STREAMS: u8 = 2;

/// The length of a frame, header and body.
#[inline(always)]
pub fn frame_len(body: usize) -> usize {
    body + if body > 255 { 9 } else { 2 }
}

/// Writes a frame, header and body, and gives its length.
///
/// # Safety
/// `at` is valid for writes of a header of 9 bytes and the body, or of 2 and the body where that has
/// no more than 255 bytes.
#[inline(always)]
pub unsafe fn put_frame(at: *mut u8, flags: u8, body: &[u8]) -> usize {
    let len = body.len();
    // SAFETY: the caller has made room for all of it.
    unsafe {
        let head = if len > 255 {
            *at = flags | FRAME_LARGE;
            at.add(1).cast::<[u8; 8]>().write((len as u64).to_be_bytes());
            9
        } else {
            *at = flags;
            *at.add(1) = len as u8;
            2
        };
        copy(body.as_ptr(), at.add(head), len);
        head + len
    }
}

/// Has the processor fetch the line around a place that is written soon. A hint: any place will do.
#[inline(always)]
pub fn fetch_line(at: *mut u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: it changes nothing, and needs no memory there.
    unsafe {
        use core::arch::x86_64::{_mm_prefetch, _MM_HINT_ET0};
        _mm_prefetch::<_MM_HINT_ET0>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// Copies bytes, few of them without a call.
///
/// # Safety
/// As for [`core::ptr::copy_nonoverlapping`].
#[inline(always)]
pub unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    type Half = [u8; 8];
    // SAFETY: the two halves lie within `len` bytes, and may have some of them in common.
    unsafe {
        if len.wrapping_sub(8) <= 8 {
            let (first, last) =
                (from.cast::<Half>().read(), from.add(len - 8).cast::<Half>().read());
            to.cast::<Half>().write(first);
            to.add(len - 8).cast::<Half>().write(last);
        } else {
            core::ptr::copy_nonoverlapping(from, to, len);
        }
    }
}

/// What both sides of the queue share.
#[derive(Debug)]
pub struct Queue {
    pub(super) first: AtomicPtr<Chunk>,
    /// Used chunks on their way back to the writer.
    pub spares: Spares,
    /// What the reader does about what is published: [`AWAKE`], [`WATCHING`], [`ASLEEP`] or
    /// [`LOOKING`].
    pub attention: AtomicU8,
    /// Whether the reader is at times on loan, so that the writer may send by itself: [`NEVER`],
    /// [`WHEN_IDLE`] or [`IN_STREAMS`].
    pub lends: AtomicU8,
    /// The writer uses the light fence: a reader that goes to sleep pays for the heavy one.
    pub writer_dense: AtomicBool,
    /// The writer found no credit and wants to be told when there is some.
    pub writer_blocked: AtomicBool,
    /// The writer will publish no more.
    pub closed: AtomicBool,
    /// Those that follow the same log, once the pipe has.
    pub crowd: OnceLock<Arc<Crowd>>,
    /// Messages the reader has acknowledged, in the writer's count.
    pub acknowledged: AtomicU64,
    /// The same once a call of the system is over that the reader is in; 0 where that is no news.
    pub under_way: AtomicU64,
    /// About how many bytes lie before the chunk that the reader is in.
    pub passed: AtomicU64,
}

impl Queue {
    /// The reader will not look for a while, or only now and then. It looks once more after this.
    pub fn rest(&self, attention: u8) {
        self.attention.store(attention, Ordering::SeqCst);
        if let Some(crowd) = self.crowd.get() {
            crowd.rest();
        }
    }

    /// Messages the writer need not count any more. The peer may have got and answered what the reader's
    /// thread has not come to acknowledge yet.
    pub fn taken(&self) -> u64 {
        // In this order: a call that ends in between is acknowledged.
        let under_way = self.under_way.load(Ordering::Acquire);
        self.acknowledged.load(Ordering::Acquire).max(under_way)
    }

    /// An empty queue and its two ends.
    pub fn with_ends() -> (Writer, Reader) {
        let queue = Arc::new(Queue {
            first: AtomicPtr::new(core::ptr::null_mut()),
            spares: Spares::new(),
            // A new pipe is attached as active, so nobody needs a wake-up for its first message.
            attention: AtomicU8::new(AWAKE),
            lends: AtomicU8::new(NEVER),
            writer_dense: AtomicBool::new(false),
            writer_blocked: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            crowd: OnceLock::new(),
            acknowledged: AtomicU64::new(0),
            under_way: AtomicU64::new(0),
            passed: AtomicU64::new(0),
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
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
