//! One copy for many: what several pipes carry alike is written once.
//!
//! A publisher whose subscribers want the same messages appends them to a [`Log`], in wire framing,
//! and publishes them there, with one store for all. The pipes *follow* the log: in each queue stands
//! a chunk that has no bytes of its own and shows a [`Stretch`] of the log from the position on where
//! the pipe joined (see [`super::chunk`]). So a message costs its sender the same however many
//! follow, and readers notice nothing. A pipe that is to carry something else leaves: its chunk is
//! given an end, and the queue goes on in chunks of its own.
//!
//! What follows is one thread's on the sending side; with the readers it shares a stretch's published
//! word and the [`Crowd`].

use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;

use super::chunk::{Published, CHUNK_MAX};
use super::queue::{put_frame, FRAME_MORE};
use crate::error::{Errno, Result};

/// Room of a log's first stretch, in bytes; later ones grow to that of the largest chunks.
const STRETCH_MIN: usize = 4096;
/// Used stretches kept for using them again.
const SPARES: usize = 4;

/// What the pipes that follow a log have in common with each other.
#[derive(Debug, Default)]
pub struct Crowd {
    /// Perhaps a reader sleeps, or looks only now and then.
    resting: AtomicBool,
    /// A pipe has left, or has another high-water mark.
    news: AtomicBool,
}

impl Crowd {
    /// A reader is about to rest. It looks for data once more after this.
    pub fn rest(&self) {
        // An exchange, so that whoever clears the flag afterwards sees that the reader rests.
        self.resting.swap(true, Ordering::AcqRel);
    }

    /// Whether a reader may be resting; asked after a full fence behind what was published.
    #[inline]
    pub fn is_resting(&self) -> bool {
        self.resting.load(Ordering::Relaxed)
    }

    /// Forgets that readers rest; the caller looks at each of them.
    pub fn awake(&self) {
        self.resting.swap(false, Ordering::AcqRel);
    }

    /// Whether a pipe has left or has another mark since [`Crowd::forget_news`].
    #[inline]
    pub fn has_news(&self) -> bool {
        self.news.load(Ordering::Relaxed)
    }

    pub fn forget_news(&self) {
        self.news.store(false, Ordering::Relaxed);
    }

    pub fn note_news(&self) {
        self.news.store(true, Ordering::Relaxed);
    }
}

/// A piece of a log.
#[derive(Debug)]
pub struct Stretch {
    published: AtomicU64,
    base: NonNull<u8>,
    capacity: usize,
}

// SAFETY: bytes up to the published end are only read, by anybody; those behind it are the log's
// thread's alone.
unsafe impl Send for Stretch {}
// SAFETY: as above.
unsafe impl Sync for Stretch {}

impl Stretch {
    fn allocate(capacity: usize) -> Result<Stretch> {
        // SAFETY: malloc takes any size; null is handled.
        let base = NonNull::new(unsafe { libc::malloc(capacity) }.cast::<u8>());
        let base = base.ok_or(Errno::ENOMEM)?;
        Ok(Stretch { published: AtomicU64::new(0), base, capacity })
    }

    #[inline]
    pub fn published(&self) -> Published {
        Published::of_word(self.published.load(Ordering::Acquire))
    }

    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The first byte. A reader may look as far as is published.
    pub fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }
}

impl Drop for Stretch {
    fn drop(&mut self) {
        // SAFETY: the block came from malloc, and this was its last owner.
        unsafe { libc::free(self.base.as_ptr().cast()) };
    }
}

/// The writing side of a log.
#[derive(Debug)]
pub struct Log {
    pub crowd: Arc<Crowd>,
    stretch: Arc<Stretch>,
    /// Used stretches, oldest first. Some may still be read.
    used: Vec<Arc<Stretch>>,
    /// End of the frames, and of the last finished message.
    end: usize,
    ready: Published,
    /// Messages in all.
    total: u64,
}

impl Log {
    pub fn new() -> Result<Log> {
        Ok(Log {
            crowd: Arc::new(Crowd::default()),
            stretch: Arc::new(Stretch::allocate(STRETCH_MIN)?),
            used: Vec::new(),
            end: 0,
            ready: Published::default(),
            total: 0,
        })
    }

    /// The stretch that is written to now.
    pub fn stretch(&self) -> &Arc<Stretch> {
        &self.stretch
    }

    /// Messages published in all.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The frames of a message that is not finished.
    pub fn unfinished(&self) -> &[u8] {
        let start = self.ready.end();
        // SAFETY: the bytes up to `end` were written, and by this thread.
        unsafe { core::slice::from_raw_parts(self.stretch.base().add(start), self.end - start) }
    }

    /// Whether the stretch has room for a frame with a body of `len` bytes.
    #[inline]
    pub fn has_room(&self, len: usize) -> bool {
        len + 9 <= self.stretch.capacity() - self.end
    }

    /// Goes on in another stretch, with room for a frame with a body of `len` bytes. The followers
    /// have to be told. `ENOMEM` leaves everything as it is.
    pub fn turn(&mut self, len: usize) -> Result<()> {
        let unfinished = self.end - self.ready.end();
        let grown = (self.stretch.capacity() * 4).min(CHUNK_MAX);
        let stretch = self.fresh(grown.max((unfinished + len + 9).next_power_of_two()))?;
        // SAFETY: the new stretch has room for them, and nobody else has it yet.
        unsafe {
            let from = self.stretch.base().add(self.ready.end());
            core::ptr::copy_nonoverlapping(from, stretch.base(), unfinished);
        }
        let old = core::mem::replace(&mut self.stretch, stretch);
        if self.used.len() == SPARES {
            self.used.remove(0);
        }
        self.used.push(old);
        self.end = unfinished;
        self.ready = Published::default();
        Ok(())
    }

    /// A stretch that nobody reads any more, or a new one.
    fn fresh(&mut self, capacity: usize) -> Result<Arc<Stretch>> {
        if let Some(oldest) = self.used.first_mut() {
            if let Some(stretch) = Arc::get_mut(oldest).filter(|old| old.capacity() >= capacity) {
                *stretch.published.get_mut() = 0;
                return Ok(self.used.remove(0));
            }
        }
        Ok(Arc::new(Stretch::allocate(capacity)?))
    }

    /// Appends a frame. The stretch has room for it ([`Log::has_room`]).
    #[inline]
    pub fn append(&mut self, flags: u8, body: &[u8]) {
        debug_assert!(self.has_room(body.len()));
        // SAFETY: there is room for the frame, which nobody may read before it is published. Nobody
        // else writes: the memory is the log's, which is borrowed.
        self.end += unsafe { put_frame(self.stretch.base().add(self.end), flags, body) };
        if flags & FRAME_MORE == 0 {
            self.ready = Published::new(self.end, self.ready.messages() + 1);
            self.total += 1;
        }
    }

    /// Shows the finished messages to those that follow.
    #[inline]
    pub fn publish(&self) {
        self.stretch.published.store(self.ready.word(), Ordering::Release);
    }

    /// Forgets the frames of an unfinished message.
    pub fn rollback(&mut self) {
        self.end = self.ready.end();
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
