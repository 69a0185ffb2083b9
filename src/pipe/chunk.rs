//! Chunks: the segments of a byte queue.
//!
//! A chunk is *inline* (frames in wire form, one after the other, each whole inside its chunk),
//! *external* (one frame: its header here, its body a [`Content`]) or a *view* of frames that are
//! several pipes' ([`super::log`]). What a reader may see is one atomic word: how far the chunk is
//! published, how many messages end in that part, and whether the chunk is sealed, which means the
//! queue goes on in `next`. A view's word is that of its stretch of the log, until the pipe leaves
//! it and gives the view an end of its own.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::Arc;

use super::log::Stretch;
use crate::message::{pool, Content, Metadata};

/// Smallest and usually largest room of an inline chunk, in bytes. The largest fills a block of the
/// pool.
pub const CHUNK_MIN: usize = 256;
pub const CHUNK_MAX: usize = 64 * 1024 - core::mem::size_of::<Chunk>();

/// Blocks from this size on come from the pool: the C allocator would give their pages back to the
/// system and take them anew. So do those of external chunks, one for each large message, which are
/// made on one thread and freed on another.
const POOLED_FROM: usize = 32 * 1024;

/// How far a chunk is published. One word, as it is written and read: parts stored one by one and
/// read together would make the processor wait for each of them.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Published(u64);

impl Published {
    #[inline]
    pub fn new(end: usize, messages: u32) -> Published {
        Published(end as u64 & 0xffff_ffff | u64::from(messages) << 32)
    }

    /// The same, and nothing follows in this chunk; `next` is set.
    #[inline]
    pub fn sealed(self) -> Published {
        Published(self.0 | 1 << 63)
    }

    /// Bytes a reader may look at; 1 for an external chunk that may be taken.
    #[inline]
    pub fn end(self) -> usize {
        self.0 as u32 as usize
    }

    /// Messages whose last frame lies in those bytes.
    #[inline]
    pub fn messages(self) -> u32 {
        (self.0 >> 32) as u32 & 0x7fff_ffff
    }

    #[inline]
    pub fn is_sealed(self) -> bool {
        self.0 >> 63 != 0
    }

    #[inline]
    pub(super) fn of_word(word: u64) -> Published {
        Published(word)
    }

    #[inline]
    pub(super) fn word(self) -> u64 {
        self.0
    }
}

impl core::fmt::Debug for Published {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let sealed = if self.is_sealed() { ", sealed" } else { "" };
        write!(out, "Published({} bytes, {} messages{sealed})", self.end(), self.messages())
    }
}

/// The word of a view that follows its stretch; no chunk is ever published so far.
const FOLLOWING: u64 = u64::MAX;

/// Where the bytes of a view are.
#[derive(Debug)]
pub struct View {
    pub stretch: Arc<Stretch>,
    /// What of the stretch lies before the view.
    pub start: Published,
}

/// A segment of a queue. Lives in one block of memory, its bytes behind the header.
#[repr(C)]
pub struct Chunk {
    published: AtomicU64,
    pub next: AtomicPtr<Chunk>,
    /// The body of an external chunk.
    pub external: Option<Content>,
    /// What a view shows.
    view: Option<View>,
    /// Properties of the connection that the frames came over.
    pub metadata: Option<Arc<Metadata>>,
    /// About how many bytes of its queue lie before it.
    pub before: u64,
    capacity: u32,
    /// True size of a block of the pool; 0 for one of the C allocator.
    pooled: u32,
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
        let (block, pooled) = if capacity == 0 || total >= POOLED_FROM {
            let (block, size) = pool::allocate(total)?;
            (block.cast::<Chunk>(), size.bytes() as u32)
        } else {
            // SAFETY: malloc takes any size; null is handled.
            (NonNull::new(unsafe { libc::malloc(total) }.cast::<Chunk>())?, 0)
        };
        // SAFETY: the block has room for the header and malloc's alignment suits it.
        unsafe {
            block.as_ptr().write(Chunk {
                published: AtomicU64::new(0),
                next: AtomicPtr::new(core::ptr::null_mut()),
                external: None,
                view: None,
                metadata: None,
                before: 0,
                capacity: capacity as u32,
                pooled,
                header: [0; 9],
                header_len: 0,
                continues: false,
            });
        }
        Some(block)
    }

    /// A chunk that follows a stretch of a log; `None` when memory is out.
    pub fn allocate_view(view: View) -> Option<NonNull<Chunk>> {
        let mut block = Chunk::allocate(0)?;
        // SAFETY: the chunk is new and nobody else's.
        let chunk = unsafe { block.as_mut() };
        chunk.capacity = view.stretch.capacity() as u32;
        *chunk.published.get_mut() = FOLLOWING;
        chunk.view = Some(view);
        Some(block)
    }

    /// Gives the chunk's memory and what it refers to back.
    ///
    /// # Safety
    /// Nobody else uses the chunk any more.
    pub unsafe fn free(chunk: NonNull<Chunk>) {
        // SAFETY: the caller is the last user; the block came from where it goes back to.
        unsafe {
            let pooled = chunk.as_ref().pooled;
            core::ptr::drop_in_place(chunk.as_ptr());
            match pooled {
                0 => libc::free(chunk.as_ptr().cast()),
                size => pool::release(chunk.cast(), pool::Size::of(size as usize)),
            }
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
    ///
    /// # Safety
    /// The chunk is alive.
    #[inline]
    pub unsafe fn bytes(chunk: NonNull<Chunk>) -> *mut u8 {
        // SAFETY: alive, as the caller says. The bytes of an inline chunk lie right behind the header
        // in the same block.
        unsafe {
            match &(*chunk.as_ptr()).view {
                Some(view) => view.stretch.base(),
                None => chunk.as_ptr().add(1).cast(),
            }
        }
    }

    pub fn is_view(&self) -> bool {
        self.view.is_some()
    }

    /// Where reading begins: what lies before that is not this queue's.
    #[inline]
    pub fn start(&self) -> Published {
        self.view.as_ref().map_or(Published::default(), |view| view.start)
    }

    #[inline]
    pub fn publish(&self, state: Published) {
        self.published.store(state.word(), Ordering::Release);
    }

    #[inline]
    pub fn published(&self) -> Published {
        match &self.view {
            Some(view) => self.published_of(view),
            None => Published::of_word(self.published.load(Ordering::Acquire)),
        }
    }

    fn published_of(&self, view: &View) -> Published {
        // In this order: what the log publishes after the pipe has left comes after the view's end.
        let of_all = view.stretch.published();
        match self.published.load(Ordering::Acquire) {
            FOLLOWING => of_all,
            own => Published::of_word(own),
        }
    }
}
