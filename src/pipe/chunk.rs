//! Chunks: the segments of a byte queue.
//!
//! A chunk is either *inline* (frames in wire form, one after the other, each whole inside its
//! chunk) or *external* (one frame: its header here, its body a [`Content`]). What a reader may
//! see is one atomic word: how far the chunk is published, how many messages end in that part,
//! and whether the chunk is sealed, which means the queue goes on in `next`.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::Arc;

use crate::message::{Content, Metadata};

/// Smallest and largest room of an inline chunk, in bytes.
pub const CHUNK_MIN: usize = 256;
pub const CHUNK_MAX: usize = 64 * 1024;

/// A state of [`Chunk::published`], unpacked.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Published {
    /// Bytes a reader may look at; 1 for an external chunk that may be taken.
    pub end: u32,
    /// Messages whose last frame lies in those bytes.
    pub messages: u32,
    /// Nothing follows in this chunk; `next` is set.
    pub sealed: bool,
}

impl Published {
    #[inline]
    fn pack(self) -> u64 {
        u64::from(self.end) | u64::from(self.messages) << 32 | u64::from(self.sealed) << 63
    }

    #[inline]
    fn unpack(word: u64) -> Published {
        Published {
            end: word as u32,
            messages: (word >> 32) as u32 & 0x7fff_ffff,
            sealed: word >> 63 != 0,
        }
    }
}

/// A segment of a queue. Lives in one block of the C allocator, its bytes behind the header.
#[repr(C)]
pub struct Chunk {
    published: AtomicU64,
    pub next: AtomicPtr<Chunk>,
    /// The body of an external chunk.
    pub external: Option<Content>,
    /// Properties of the connection that the frames came over.
    pub metadata: Option<Arc<Metadata>>,
    capacity: u32,
    /// Wire header of an external chunk's frame.
    pub header: [u8; 9],
    pub header_len: u8,
    /// The first frame here continues a message that began in an earlier chunk.
    pub continues: bool,
}

impl Chunk {
    /// A chunk with room for `capacity` bytes; `None` when memory is out.
    pub fn allocate(capacity: usize) -> Option<NonNull<Chunk>> {
        let total = core::mem::size_of::<Chunk>() + capacity;
        // SAFETY: malloc takes any size; null is handled.
        let block = NonNull::new(unsafe { libc::malloc(total) }.cast::<Chunk>())?;
        // SAFETY: the block has room for the header and malloc's alignment suits it.
        unsafe {
            block.as_ptr().write(Chunk {
                published: AtomicU64::new(0),
                next: AtomicPtr::new(core::ptr::null_mut()),
                external: None,
                metadata: None,
                capacity: capacity as u32,
                header: [0; 9],
                header_len: 0,
                continues: false,
            });
        }
        Some(block)
    }

    /// Gives the chunk's memory and what it refers to back.
    ///
    /// # Safety
    /// Nobody else uses the chunk any more.
    pub unsafe fn free(chunk: NonNull<Chunk>) {
        // SAFETY: the caller is the last user; the block came from malloc.
        unsafe {
            core::ptr::drop_in_place(chunk.as_ptr());
            libc::free(chunk.as_ptr().cast());
        }
    }

    /// Makes a used chunk as good as new.
    pub fn reset(&mut self) {
        *self.published.get_mut() = 0;
        *self.next.get_mut() = core::ptr::null_mut();
        self.external = None;
        self.metadata = None;
        self.continues = false;
    }

    /// Room in bytes; 0 for an external chunk.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.capacity as usize
    }

    /// The chunk's first byte.
    #[inline]
    pub fn bytes(chunk: NonNull<Chunk>) -> *mut u8 {
        // SAFETY: the bytes lie right behind the header in the same block.
        unsafe { chunk.as_ptr().add(1).cast() }
    }

    #[inline]
    pub fn publish(&self, state: Published) {
        self.published.store(state.pack(), Ordering::Release);
    }

    #[inline]
    pub fn published(&self) -> Published {
        Published::unpack(self.published.load(Ordering::Acquire))
    }
}
