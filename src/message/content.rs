//! Reference-counted message bodies.
//!
//! A [`Content`] is one block of the C allocator (header and, unless the caller brought its own
//! memory, the body behind it), so that a body can be allocated fallibly, grown while it arrives
//! and released from any thread. The caller's free function of `zmq_msg_init_data` runs exactly
//! once, when the last reference goes.

use core::ffi::c_void;
use core::ptr::NonNull;
use core::sync::atomic::{fence, AtomicUsize, Ordering};

use super::pool;
use crate::error::{Errno, Result};
use crate::signaler::held;

/// `zmq_free_fn`: takes the data and the hint given to `zmq_msg_init_data`.
pub type FreeFunction = unsafe extern "C" fn(data: *mut c_void, hint: *mut c_void);

#[repr(C, align(16))]
struct Header {
    references: AtomicUsize,
    data: *mut u8,
    len: usize,
    /// True size of the whole block.
    block: pool::Size,
    free: Option<FreeFunction>,
    hint: *mut c_void,
}

/// A shared handle to one message body.
pub struct Content(NonNull<Header>);

// SAFETY: the header is only changed through atomics or by the sole owner, and the body is
// plain bytes; the free function is documented to run on any thread (zmq_msg_init_data(3)).
unsafe impl Send for Content {}
// SAFETY: as above; shared access only reads.
unsafe impl Sync for Content {}

const HEADER_LEN: usize = core::mem::size_of::<Header>();

/// Long bodies begin a little further behind their header. The C library gives large blocks at the
/// beginning of a page, a caller's buffer as well as ours, and copying between places that lie
/// alike in their pages is slow: the processor takes loads for depending on earlier stores.
const APART: usize = 528;
const APART_FROM: usize = 32 * 1024;

/// Where in its block a body of this length begins.
fn offset(len: usize) -> usize {
    if len >= APART_FROM {
        HEADER_LEN + APART
    } else {
        HEADER_LEN
    }
}

impl Content {
    /// A body of `len` uninitialised-by-contract (here: unspecified) bytes. `ENOMEM` when there
    /// is no memory for it.
    #[inline(always)]
    pub fn with_len(len: usize) -> Result<Content> {
        let content = match len {
            APART_FROM.. => Content::with_large_len(len),
            _ => Content::with_len_at(HEADER_LEN, len),
        };
        content.ok_or(Errno::ENOMEM)
    }

    #[inline(never)]
    fn with_large_len(len: usize) -> Option<Content> {
        Content::with_len_at(offset(len), len)
    }

    #[inline(always)]
    fn with_len_at(offset: usize, len: usize) -> Option<Content> {
        let (block, size) = pool::allocate(len.checked_add(offset)?)?;
        let block = block.cast::<Header>();
        // SAFETY: the block holds at least a header and malloc's alignment (16) suits it.
        unsafe {
            block.as_ptr().write(Header {
                references: AtomicUsize::new(1),
                data: block.as_ptr().cast::<u8>().add(offset),
                len,
                block: size,
                free: None,
                hint: core::ptr::null_mut(),
            });
        }
        Some(Content(block))
    }

    /// A body with a copy of `bytes`.
    pub fn copy_of(bytes: &[u8]) -> Result<Content> {
        let content = Content::with_len(bytes.len())?;
        // SAFETY: the fresh body holds bytes.len() bytes and nobody else knows it.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), content.as_ptr(), bytes.len()) };
        Ok(content)
    }

    /// A body in the caller's memory, given back through `free` when the last reference goes.
    ///
    /// # Safety
    /// `data` is valid for `len` bytes until `free` is called (or for ever without `free`).
    pub unsafe fn from_caller(
        data: *mut u8,
        len: usize,
        free: Option<FreeFunction>,
        hint: *mut c_void,
    ) -> Result<Content> {
        let content = Content::with_len(0)?;
        // SAFETY: the content is new, so this is the only reference to its header.
        let header = unsafe { &mut *content.0.as_ptr() };
        header.data = data;
        header.len = len;
        header.free = free;
        header.hint = hint;
        Ok(content)
    }

    fn header(&self) -> &Header {
        // SAFETY: a Content keeps its header alive.
        unsafe { self.0.as_ref() }
    }

    /// Length of the body in bytes.
    pub fn len(&self) -> usize {
        self.header().len
    }

    /// Whether the body has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The body's first byte.
    pub fn as_ptr(&self) -> *mut u8 {
        self.header().data
    }

    /// Whether the body is a caller's memory that a function gives back.
    pub fn is_callers(&self) -> bool {
        self.header().free.is_some()
    }

    /// The body.
    pub fn as_slice(&self) -> &[u8] {
        if self.is_empty() {
            return &[];
        }
        // SAFETY: data is valid for len bytes as long as the content lives.
        unsafe { core::slice::from_raw_parts(self.as_ptr(), self.len()) }
    }

    /// Changes the length of a body of our own allocation that nobody else refers to.
    /// On `ENOMEM` the content is gone.
    pub fn resized(self, len: usize) -> Result<Content> {
        debug_assert!(self.header().references.load(Ordering::Relaxed) == 1);
        let offset = self.as_ptr() as usize - self.0.as_ptr() as usize;
        let total = len.checked_add(offset).ok_or(Errno::ENOMEM)?;
        // SAFETY: the block came from malloc, and we are its only owner.
        let block = unsafe { libc::realloc(self.0.as_ptr().cast(), total) }.cast::<Header>();
        let block = NonNull::new(block).ok_or(Errno::ENOMEM)?;
        core::mem::forget(self);
        // SAFETY: realloc kept the header's bytes; data moves along with the block.
        unsafe {
            (*block.as_ptr()).data = block.as_ptr().cast::<u8>().add(offset);
            (*block.as_ptr()).len = len;
            (*block.as_ptr()).block = pool::Size::of(total);
        }
        Ok(Content(block))
    }

    /// Has other bytes from now on, if the body is of our own allocation, nobody else refers to it,
    /// and they fill at least half of its block. False, and nothing is done, where it is not so.
    pub fn refill(&mut self, bytes: &[u8]) -> bool {
        // SAFETY: it copies.
        unsafe { self.refill_by(bytes, |from, to, len| to.copy_from_nonoverlapping(from, len)) }
    }

    /// [`Content::refill`], where `copy` copies the bytes.
    ///
    /// # Safety
    /// `copy` is as [`core::ptr::copy_nonoverlapping`] for so many bytes.
    #[inline(always)]
    pub unsafe fn refill_by(
        &mut self,
        bytes: &[u8],
        copy: impl FnOnce(*const u8, *mut u8, usize),
    ) -> bool {
        let (header, len) = (self.header(), bytes.len());
        let (offset, block) = (offset(len), header.block.bytes());
        let fits = (block / 2..=block).contains(&(offset + len));
        let lies_there = header.data as usize == self.0.as_ptr() as usize + offset;
        if !fits || !lies_there || !self.is_sole_own() {
            return false;
        }
        // SAFETY: this is the only reference, and the block has room for so many bytes there.
        unsafe { self.0.as_mut() }.len = len;
        copy(bytes.as_ptr(), self.as_ptr(), len);
        true
    }

    /// Whether nobody else refers to the body, and it is not a caller's memory.
    #[inline(always)]
    fn is_sole_own(&self) -> bool {
        let header = self.header();
        header.references.load(Ordering::Acquire) == 1 && header.free.is_none()
    }

    /// Bytes of our own allocation in front of the body, if nobody else refers to it. None where
    /// the body is a caller's memory.
    fn room_before(&self) -> Option<usize> {
        let header = self.header();
        let room = (header.data as usize).wrapping_sub(self.0.as_ptr() as usize + HEADER_LEN);
        (self.is_sole_own() && room <= header.block.bytes() - HEADER_LEN).then_some(room)
    }

    /// The body to be changed, if it is of our own allocation and nobody else refers to it.
    pub fn as_mut_slice(&mut self) -> Option<&mut [u8]> {
        self.room_before()?;
        let header = self.header();
        let (data, len) = (header.data, header.len);
        // SAFETY: data is valid for len bytes, and this is the only reference to them.
        Some(unsafe { core::slice::from_raw_parts_mut(data, len) })
    }

    /// Whether so many bytes can be put in front of the body.
    pub fn has_room_before(&self, len: usize) -> bool {
        self.room_before().is_some_and(|room| room >= len)
    }

    /// Puts bytes in front of the body. False, and nothing is done, where there is no room for
    /// them, or somebody else refers to the body.
    pub fn prepend(&mut self, bytes: &[u8]) -> bool {
        if !self.has_room_before(bytes.len()) {
            return false;
        }
        // SAFETY: this is the only reference to the header.
        let header = unsafe { self.0.as_mut() };
        // SAFETY: there are at least so many bytes of the block between its header and the body.
        unsafe {
            header.data = header.data.sub(bytes.len());
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), header.data, bytes.len());
        }
        header.len += bytes.len();
        true
    }

    /// Keeps a part of a body that nobody else refers to.
    pub fn narrow(&mut self, part: core::ops::Range<usize>) {
        debug_assert!(self.header().references.load(Ordering::Relaxed) == 1);
        // SAFETY: this is the only reference to the header.
        let header = unsafe { self.0.as_mut() };
        let end = part.end.min(header.len);
        let start = part.start.min(end);
        // SAFETY: the data has at least `start` bytes.
        header.data = unsafe { header.data.add(start) };
        header.len = end - start;
    }

    /// Gives the handle up as a raw pointer, to be taken back with [`Content::from_raw`].
    pub fn into_raw(self) -> *mut c_void {
        let raw = self.0.as_ptr().cast();
        core::mem::forget(self);
        raw
    }

    /// Takes a handle back.
    ///
    /// # Safety
    /// `raw` came from [`Content::into_raw`] and is taken back once.
    pub unsafe fn from_raw(raw: *mut c_void) -> Content {
        // SAFETY: into_raw never gives null.
        Content(unsafe { NonNull::new_unchecked(raw.cast()) })
    }
}

impl Content {
    /// Looks at a handle without taking it back.
    ///
    /// # Safety
    /// As [`Content::from_raw`], but the handle stays given up.
    pub unsafe fn peek(raw: *mut c_void) -> core::mem::ManuallyDrop<Content> {
        // SAFETY: the caller's promise; nothing is dropped.
        core::mem::ManuallyDrop::new(unsafe { Content::from_raw(raw) })
    }
}

impl Clone for Content {
    fn clone(&self) -> Content {
        self.header().references.fetch_add(1, Ordering::Relaxed);
        Content(self.0)
    }
}

impl Drop for Content {
    #[inline(always)]
    fn drop(&mut self) {
        if self.is_sole_own() {
            // SAFETY: this was the last reference; the block came from the pool with this size.
            unsafe { pool::release(self.0.cast(), self.header().block) };
        } else {
            Content(self.0).give_up();
        }
    }
}

impl Content {
    /// Drops the reference to a body that others may have, too, or that is a caller's memory.
    #[inline(never)]
    fn give_up(self) {
        let content = core::mem::ManuallyDrop::new(self);
        let header = content.header();
        // A sole owner needs no atomic subtraction: nobody can add a reference meanwhile.
        if header.references.load(Ordering::Acquire) != 1 {
            if header.references.fetch_sub(1, Ordering::Release) != 1 {
                return;
            }
            fence(Ordering::Acquire);
        }
        let (free, data, hint) = (header.free, header.data, header.hint);
        // SAFETY: this was the last reference; the block came from the pool with this size.
        unsafe { pool::release(content.0.cast(), header.block) };
        if let Some(free) = free {
            // It may call the library, and wait there for another thread.
            // SAFETY: the caller of zmq_msg_init_data vouched for function and arguments.
            held::without(|| unsafe { free(data.cast(), hint) });
        }
    }
}

impl core::fmt::Debug for Content {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "Content({} bytes)", self.len())
    }
}
