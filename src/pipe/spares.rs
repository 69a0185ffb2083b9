//! Used chunks on their way back to the writer.
//!
//! Where both sides of a queue run on one processor, or an I/O thread reads or writes, the writer goes on
//! in the chunk that was used last: what is in the near caches anyway. Between sockets on two processors
//! that would be the slowest memory there is. It lies in the other processor's second cache, from where each
//! line has to be fetched before it can be written; one that was pushed out of there in the meantime comes
//! several times faster from the cache that both share. So their chunks wait, all processors' in one row,
//! until others of more than such a cache's size have had their turn.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use super::chunk::{Chunk, CHUNK_MAX};

/// Full-sized chunks (64 KiB) that wait in the row before the first of them is used again: 3 MiB.
const WAITING: usize = 48;
/// Most of them.
const MOST: usize = 64;

/// A chunk that is nobody else's.
struct Waiting(NonNull<Chunk>);

// SAFETY: it belongs to whoever has this.
unsafe impl Send for Waiting {}

/// Chunks that wait, the oldest in front.
struct Row(Mutex<VecDeque<Waiting>>);

static ROW: Row = Row::new();

impl Row {
    const fn new() -> Row {
        Row(Mutex::new(VecDeque::new()))
    }

    /// The row, unless somebody else is at it: there are other places for a chunk, and in a forked child
    /// the somebody may not exist any more.
    fn at_hand(&self) -> Option<MutexGuard<'_, VecDeque<Waiting>>> {
        match self.0.try_lock() {
            Ok(row) => Some(row),
            Err(TryLockError::Poisoned(poisoned)) => Some(PoisonError::into_inner(poisoned)),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Puts a chunk at the end, or gives it back.
    fn line_up(&self, chunk: NonNull<Chunk>) -> Option<NonNull<Chunk>> {
        let Some(mut row) = self.at_hand().filter(|row| row.len() < MOST) else {
            return Some(chunk);
        };
        if row.capacity() < MOST && row.try_reserve_exact(MOST).is_err() {
            return Some(chunk);
        }
        row.push_back(Waiting(chunk));
        None
    }

    /// The chunk that has waited longest, if that was long enough.
    fn next(&self) -> Option<NonNull<Chunk>> {
        let mut row = self.at_hand().filter(|row| row.len() > WAITING)?;
        row.pop_front().map(|waiting| waiting.0)
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn processor() -> i32 {
    // SAFETY: it has no preconditions.
    unsafe { libc::sched_getcpu() }
}

/// Another one each time, where one cannot know.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn processor() -> i32 {
    static NEXT: AtomicI32 = AtomicI32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The used chunks of a queue.
#[derive(Debug)]
pub struct Spares {
    /// The last one.
    last: AtomicPtr<Chunk>,
    /// Both sides are sockets.
    joins_sockets: AtomicBool,
    /// Where the writer last took one.
    writer_at: AtomicI32,
}

impl Spares {
    pub(super) const fn new() -> Spares {
        Spares {
            last: AtomicPtr::new(core::ptr::null_mut()),
            joins_sockets: AtomicBool::new(false),
            writer_at: AtomicI32::new(-1),
        }
    }

    /// Says that both sides of the queue are sockets.
    pub fn join_sockets(&self) {
        self.joins_sockets.store(true, Ordering::Relaxed);
    }

    /// The reader is done with a chunk. What it holds on to is dropped.
    ///
    /// # Safety
    /// The chunk is inline, sealed, and nobody else's any more.
    pub(super) unsafe fn give(&self, chunk: NonNull<Chunk>) {
        // SAFETY: the same contract.
        unsafe { self.give_at(processor, chunk) };
    }

    /// # Safety
    /// As for [`Spares::give`].
    unsafe fn give_at(&self, here: impl FnOnce() -> i32, mut chunk: NonNull<Chunk>) {
        // SAFETY: it is the caller's.
        let used = unsafe { chunk.as_mut() };
        used.metadata = None;
        let lines_up = used.capacity() == CHUNK_MAX
            && self.joins_sockets.load(Ordering::Relaxed)
            && self.writer_at.load(Ordering::Relaxed) != here();
        let old = if lines_up {
            ROW.line_up(chunk)
        } else {
            NonNull::new(self.last.swap(chunk.as_ptr(), Ordering::AcqRel))
        };
        if let Some(old) = old {
            // SAFETY: whoever swaps a chunk out of its place owns it.
            unsafe { Chunk::free(old) };
        }
    }

    /// A chunk for the writer with room for at least `capacity` bytes, as good as new. `None` when memory
    /// is out.
    pub(super) fn take(&self, capacity: usize) -> Option<NonNull<Chunk>> {
        let lines_up = capacity == CHUNK_MAX && self.joins_sockets.load(Ordering::Relaxed);
        if lines_up {
            self.writer_at.store(processor(), Ordering::Relaxed);
        }
        if !self.last.load(Ordering::Relaxed).is_null() {
            let last = self.last.swap(core::ptr::null_mut(), Ordering::Acquire);
            if let Some(mut last) = NonNull::new(last) {
                // SAFETY: the swap made the chunk ours.
                let chunk = unsafe { last.as_mut() };
                if chunk.capacity() >= capacity {
                    chunk.reset();
                    return Some(last);
                }
                // SAFETY: ours, as said.
                unsafe { Chunk::free(last) };
            }
        }
        if lines_up {
            if let Some(mut chunk) = ROW.next() {
                // SAFETY: who takes it out of the row owns it.
                unsafe { chunk.as_mut() }.reset();
                return Some(chunk);
            }
        }
        Chunk::allocate(capacity)
    }
}

impl Drop for Spares {
    fn drop(&mut self) {
        if let Some(last) = NonNull::new(*self.last.get_mut()) {
            // SAFETY: nobody else is there any more.
            unsafe { Chunk::free(last) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(capacity: usize) -> NonNull<Chunk> {
        Chunk::allocate(capacity).unwrap()
    }

    fn free(chunk: Option<NonNull<Chunk>>) {
        // SAFETY: the test's own.
        chunk.into_iter().for_each(|chunk| unsafe { Chunk::free(chunk) });
    }

    #[test]
    fn a_chunk_waits_until_others_had_their_turn() {
        let row = Row::new();
        let chunks: Vec<_> = (0..=WAITING).map(|_| chunk(1)).collect();
        for &chunk in &chunks {
            assert_eq!(row.next(), None);
            assert_eq!(row.line_up(chunk), None);
        }
        assert_eq!(row.next(), Some(chunks[0]));
        assert_eq!(row.next(), None);
        free(Some(chunks[0]));
        for _ in WAITING..MOST {
            assert_eq!(row.line_up(chunk(1)), None);
        }
        let late = chunk(1);
        assert_eq!(row.line_up(late), Some(late), "the row is full");
        free(Some(late));
        assert_eq!(row.next(), Some(chunks[1]));
        free(Some(chunks[1]));
        let busy = row.at_hand();
        assert_eq!(row.line_up(chunks[2]), Some(chunks[2]));
        assert_eq!(row.next(), None);
        drop(busy);
        row.at_hand().unwrap().drain(..).for_each(|waiting| free(Some(waiting.0)));
    }

    /// Where chunks go that a reader on the writer's processor, or on another one, is done with.
    #[test]
    fn only_between_sockets_on_two_processors_chunks_line_up() {
        for (between_sockets, elsewhere, capacity, lines_up) in [
            (true, true, CHUNK_MAX, true),
            (true, false, CHUNK_MAX, false),
            (false, true, CHUNK_MAX, false),
            (true, true, CHUNK_MAX / 2, false),
        ] {
            let spares = Spares::new();
            if between_sockets {
                spares.join_sockets();
            }
            let used = spares.take(capacity).unwrap();
            let there = spares.writer_at.load(Ordering::Relaxed);
            // SAFETY: the test's own.
            unsafe { spares.give_at(|| there + i32::from(elsewhere), used) };
            assert_eq!(spares.last.load(Ordering::Relaxed).is_null(), lines_up);
            if !lines_up {
                let again = spares.take(capacity);
                assert_eq!(again, Some(used));
                free(again);
            }
        }
    }

    #[test]
    fn a_chunk_that_is_too_small_is_not_taken() {
        let spares = Spares::new();
        let small = chunk(256);
        // SAFETY: the test's own.
        unsafe { spares.give(small) };
        let large = spares.take(1024).unwrap();
        // SAFETY: the test's own, and alive.
        assert!(unsafe { large.as_ref() }.capacity() >= 1024);
        assert!(spares.last.load(Ordering::Relaxed).is_null());
        free(Some(large));
    }
}
