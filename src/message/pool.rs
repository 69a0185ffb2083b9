//! Memory for large message bodies, kept for the next ones.
//!
//! A stream of large messages allocates a body on one thread and frees it on another. The C
//! allocator gives such blocks back to the system and takes them anew, and every new page costs a
//! fault: for bodies of a megabyte that is most of the work. Here freed blocks wait in a bounded
//! pool, by size class, for the next body of their size.

use core::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, TryLockError};

/// Smallest and largest block kept, in bytes.
pub const POOLED_MIN: usize = 32 * 1024;
pub const POOLED_MAX: usize = 8 * 1024 * 1024;

/// Bytes that may wait in the pool.
const POOL_BYTES: usize = 16 * 1024 * 1024;

/// Size classes: four steps to each doubling.
const STEPS: usize = 4;
const CLASSES: usize = 8 * STEPS + 1;

struct Block(NonNull<u8>);

// SAFETY: a block in the pool is unused memory that belongs to the pool alone.
unsafe impl Send for Block {}

struct Pool {
    classes: [Vec<Block>; CLASSES],
    bytes: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { classes: [const { Vec::new() }; CLASSES], bytes: 0 });

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

/// A block of at least `len` bytes from the C allocator, and its true size.
pub fn allocate(len: usize) -> Option<(NonNull<u8>, usize)> {
    let Some((class, size)) = class_of(len) else {
        // SAFETY: malloc takes any size; null is handled.
        return NonNull::new(unsafe { libc::malloc(len) }.cast()).map(|block| (block, len));
    };
    if let Some(mut pool) = at_hand() {
        if let Some(block) = pool.classes[class].pop() {
            pool.bytes -= size;
            return Some((block.0, size));
        }
    }
    // SAFETY: as above.
    NonNull::new(unsafe { libc::malloc(size) }.cast()).map(|block| (block, size))
}

/// Takes a block of this true size back.
///
/// # Safety
/// The block came from [`allocate`] with this true size, and nobody uses it any more.
pub unsafe fn release(block: NonNull<u8>, size: usize) {
    let class = class_of(size).filter(|&(_, exact)| exact == size);
    if let Some(((class, _), mut pool)) = class.zip(at_hand()) {
        if pool.bytes + size <= POOL_BYTES {
            let blocks = &mut pool.classes[class];
            // No memory for the list: the block goes back to the system instead.
            if blocks.try_reserve(1).is_ok() {
                blocks.push(Block(block));
                pool.bytes += size;
                return;
            }
        }
    }
    // SAFETY: the caller's promise; all blocks come from malloc.
    unsafe { libc::free(block.as_ptr().cast()) };
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
        // Another test may have been at the pool for a moment.
        assert_eq!(same, size);
        // SAFETY: as above.
        unsafe { release(again, same) };
    }
}
