//! Memory for message bodies, kept for the next ones.
//!
//! A stream of messages allocates a body on one thread and frees it on another. The C allocator
//! makes both threads take turns at one arena for that, and gives large blocks back to the system
//! and takes them anew, where every new page costs a fault. Here freed blocks wait, by size class,
//! for the next body of their size: a few with each thread, which hands them on to the others by
//! the [`batch`] through a bounded pool.

use core::cell::RefCell;
use core::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, TryLockError};

/// Smallest and largest block kept, in bytes.
pub const POOLED_MIN: usize = 64;
pub const POOLED_MAX: usize = 8 * 1024 * 1024;

/// Bytes that may wait in the pool.
const POOL_BYTES: usize = 16 * 1024 * 1024;

/// Size classes: four steps to each doubling.
const STEPS: usize = 4;
const CLASSES: usize = 17 * STEPS + 1;

/// Bytes that go from thread to thread at once, and the most blocks.
const BATCH_BYTES: usize = 64 * 1024;
const BATCH_MOST: usize = 32;

struct Block(NonNull<u8>);

// SAFETY: a block in the pool is unused memory that belongs to the pool alone.
unsafe impl Send for Block {}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: all blocks come from malloc, and nobody uses this one.
        unsafe { libc::free(self.0.as_ptr().cast()) };
    }
}

impl Block {
    fn into_raw(self) -> NonNull<u8> {
        let raw = self.0;
        core::mem::forget(self);
        raw
    }
}

/// What all threads share: batches of blocks, by class.
struct Pool {
    classes: [Vec<Vec<Block>>; CLASSES],
    bytes: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { classes: [const { Vec::new() }; CLASSES], bytes: 0 });

/// What a thread has for itself: up to two batches of each class.
struct Local {
    classes: [Vec<Block>; CLASSES],
}

thread_local! {
    static LOCAL: RefCell<Local> = const { RefCell::new(Local { classes: [const { Vec::new() }; CLASSES] }) };
}

/// The pool, unless somebody else is at it: then the C allocator serves. Waiting would cost more,
/// and in a forked child the somebody may not exist any more.
fn at_hand() -> Option<MutexGuard<'static, Pool>> {
    match POOL.try_lock() {
        Ok(pool) => Some(pool),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// The class for blocks of at least `len` bytes and the size of its blocks.
#[inline]
fn class_of(len: usize) -> Option<(usize, usize)> {
    if !(POOLED_MIN..=POOLED_MAX).contains(&len) {
        return None;
    }
    let doubling = (len / POOLED_MIN).ilog2() as usize;
    let base = POOLED_MIN << doubling;
    let step = base / STEPS;
    let steps = (len - base).div_ceil(step);
    Some((doubling * STEPS + steps, base + steps * step))
}

/// How many blocks of a size travel together.
fn batch(size: usize) -> usize {
    (BATCH_BYTES / size).clamp(1, BATCH_MOST)
}

/// A block of at least `len` bytes from the C allocator, and its true size.
pub fn allocate(len: usize) -> Option<(NonNull<u8>, usize)> {
    let (class, size) = match class_of(len.max(POOLED_MIN)) {
        Some((class, size)) => (Some(class), size),
        None => (None, len),
    };
    let kept = class.and_then(|class| {
        let mine = |local: &RefCell<Local>| local.try_borrow_mut().ok()?.take(class, size);
        // A thread at its end has nothing of its own any more.
        LOCAL.try_with(mine).ok().flatten()
    });
    let block = match kept {
        Some(block) => block.into_raw(),
        // SAFETY: malloc takes any size; null is handled.
        None => NonNull::new(unsafe { libc::malloc(size) }.cast())?,
    };
    Some((block, size))
}

/// Takes a block of this true size back.
///
/// # Safety
/// The block came from [`allocate`] with this true size, and nobody uses it any more.
pub unsafe fn release(block: NonNull<u8>, size: usize) {
    let block = Block(block);
    let Some((class, _)) = class_of(size).filter(|&(_, exact)| exact == size) else { return };
    let _ = LOCAL.try_with(|local| {
        if let Ok(mut local) = local.try_borrow_mut() {
            local.keep(class, size, block);
        }
    });
}

impl Local {
    fn take(&mut self, class: usize, size: usize) -> Option<Block> {
        let mine = &mut self.classes[class];
        if let Some(block) = mine.pop() {
            return Some(block);
        }
        let mut pool = at_hand()?;
        let mut blocks = pool.classes[class].pop()?;
        pool.bytes -= blocks.len() * size;
        drop(pool);
        let block = blocks.pop();
        *mine = blocks;
        block
    }

    fn keep(&mut self, class: usize, size: usize, block: Block) {
        if size > BATCH_BYTES {
            // Large ones wait where all threads find them, and where there is a limit.
            let mut single = Vec::new();
            if single.try_reserve_exact(1).is_ok() {
                single.push(block);
                hand_on(class, size, &mut single, 1);
            }
            return;
        }
        let mine = &mut self.classes[class];
        let batch = batch(size);
        if mine.len() + 1 >= 2 * batch {
            hand_on(class, size, mine, batch);
        }
        // No memory for the list: the block goes back to the system instead.
        if mine.len() < 2 * batch && mine.try_reserve(1).is_ok() {
            mine.push(block);
        }
    }
}

/// Gives a batch to the pool, or to the system where that is full.
fn hand_on(class: usize, size: usize, mine: &mut Vec<Block>, batch: usize) {
    let from = mine.len().saturating_sub(batch);
    if let Some(mut pool) = at_hand() {
        let bytes = (mine.len() - from) * size;
        let blocks = mine.split_off(from);
        if pool.bytes + bytes <= POOL_BYTES && pool.classes[class].try_reserve(1).is_ok() {
            pool.bytes += bytes;
            pool.classes[class].push(blocks);
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        for (class, mine) in self.classes.iter_mut().enumerate() {
            let size = size_of_class(class);
            while !mine.is_empty() {
                let count = mine.len();
                hand_on(class, size, mine, batch(size));
                if mine.len() == count {
                    // The pool is in use: the system takes the rest.
                    break;
                }
            }
        }
    }
}

/// The size of a class's blocks.
fn size_of_class(class: usize) -> usize {
    let base = POOLED_MIN << (class / STEPS);
    base + base / STEPS * (class % STEPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_hold_what_is_asked_for_and_waste_little() {
        for len in (POOLED_MIN..=POOLED_MAX).step_by(997) {
            let (class, size) = class_of(len).expect("inside the range");
            assert!(class < CLASSES && size >= len && size <= len + len / 3, "{len}: {size}");
            assert_eq!(class_of(size), Some((class, size)), "{len}");
            assert_eq!(size_of_class(class), size, "{len}");
        }
        assert_eq!(class_of(POOLED_MIN - 1), None);
        assert_eq!(class_of(POOLED_MAX + 1), None);
        assert_eq!(class_of(POOLED_MAX), Some((CLASSES - 1, POOLED_MAX)));
    }

    #[test]
    fn a_released_block_is_used_again() {
        let len = 3 * 1024 * 1024 + 12_345;
        let (block, size) = allocate(len).expect("memory");
        // SAFETY: the block is ours and unused.
        unsafe { release(block, size) };
        let (again, same) = allocate(len).expect("memory");
        assert_eq!(same, size);
        // SAFETY: as above.
        unsafe { release(again, same) };
    }
}
