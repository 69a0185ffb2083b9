//! Memory for message bodies, kept for the next ones.
//!
//! A stream of messages allocates a body on one thread and frees it on another. The C allocator
//! makes both threads take turns at one arena for that, and gives large blocks back to the system
//! and takes them anew, where every new page costs a fault. Here freed blocks wait, by size class,
//! for the next body of their size: a few with each thread, which hands them on to the others by
//! the batch through a bounded pool.

use core::cell::Cell;
use core::ptr::{self, NonNull};
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

/// What stands at the beginning of a block that waits: the address of the next one.
struct Link {
    next: *mut Link,
}

/// Blocks in a row.
struct Chain {
    first: *mut Link,
    count: usize,
}

// SAFETY: blocks in a chain are unused memory that belongs to the chain alone.
unsafe impl Send for Chain {}

impl Chain {
    fn into_first(self) -> *mut Link {
        let first = self.first;
        core::mem::forget(self);
        first
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        let mut next = self.first;
        while let Some(block) = NonNull::new(next) {
            // SAFETY: all blocks come from malloc, and nobody uses these; each holds a link.
            unsafe {
                next = block.as_ref().next;
                libc::free(block.as_ptr().cast());
            }
        }
    }
}

/// What all threads share: batches of blocks, by class.
struct Pool {
    classes: [Vec<Chain>; CLASSES],
    bytes: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { classes: [const { Vec::new() }; CLASSES], bytes: 0 });

/// What a thread has of one class for itself: less than a batch, which it takes from and adds to,
/// and perhaps a whole one besides.
struct Own {
    first: Cell<*mut Link>,
    count: Cell<usize>,
    whole: Cell<*mut Link>,
}

impl Own {
    const fn new() -> Own {
        let nothing = Cell::new(ptr::null_mut());
        Own { first: nothing, count: Cell::new(0), whole: Cell::new(ptr::null_mut()) }
    }
}

struct Local {
    classes: [Own; CLASSES],
}

thread_local! {
    static LOCAL: Local = const { Local { classes: [const { Own::new() }; CLASSES] } };
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

/// How many blocks of each class travel together: 0 where they do so one by one, at once.
static BATCH: [u8; CLASSES] = {
    let mut batches = [0; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        let count = BATCH_BYTES / size_of_class(class);
        batches[class] = if count > BATCH_MOST { BATCH_MOST as u8 } else { count as u8 };
        class += 1;
    }
    batches
};

/// A block of at least `len` bytes from the C allocator, and its true size.
#[inline(never)]
pub fn allocate(len: usize) -> Option<(NonNull<u8>, usize)> {
    let (class, size) = class_of(len.max(POOLED_MIN)).unwrap_or((CLASSES, len));
    // A thread at its end has nothing of its own any more.
    let kept = LOCAL.try_with(|local| local.classes.get(class)?.take(class, size)).ok().flatten();
    let block = match kept {
        Some(block) => block.cast(),
        // SAFETY: malloc takes any size; null is handled.
        None => NonNull::new(unsafe { libc::malloc(size) }.cast())?,
    };
    Some((block, size))
}

/// Takes a block of this true size back.
///
/// # Safety
/// The block came from [`allocate`] with this true size, and nobody uses it any more.
#[inline(never)]
pub unsafe fn release(block: NonNull<u8>, size: usize) {
    let class =
        class_of(size).filter(|&(_, exact)| exact == size).map_or(CLASSES, |(class, _)| class);
    let block = block.cast::<Link>();
    let kept = LOCAL.try_with(|local| match local.classes.get(class) {
        Some(own) => {
            own.keep(class, size, block);
            true
        }
        None => false,
    });
    if kept != Ok(true) {
        // SAFETY: the block comes from malloc, and nobody uses it.
        unsafe { libc::free(block.as_ptr().cast()) };
    }
}

impl Own {
    #[inline]
    fn take(&self, class: usize, size: usize) -> Option<NonNull<Link>> {
        let block = match NonNull::new(self.first.get()) {
            Some(block) => block,
            None => self.refill(class, size)?,
        };
        // SAFETY: a block that waits holds a link.
        self.first.set(unsafe { block.as_ref() }.next);
        self.count.set(self.count.get() - 1);
        Some(block)
    }

    /// Gets a batch to take from, and gives its first block.
    #[cold]
    #[inline(never)]
    fn refill(&self, class: usize, size: usize) -> Option<NonNull<Link>> {
        let whole = self.whole.replace(ptr::null_mut());
        let chain = if whole.is_null() {
            let mut pool = at_hand()?;
            let chain = pool.classes[class].pop()?;
            pool.bytes -= chain.count * size;
            chain
        } else {
            Chain { first: whole, count: usize::from(BATCH[class]) }
        };
        self.count.set(chain.count);
        self.first.set(chain.into_first());
        NonNull::new(self.first.get())
    }

    #[inline]
    fn keep(&self, class: usize, size: usize, block: NonNull<Link>) {
        // SAFETY: the block is unused, and any block has room and alignment for a link.
        unsafe { block.write(Link { next: self.first.get() }) };
        self.first.set(block.as_ptr());
        self.count.set(self.count.get() + 1);
        if self.count.get() >= usize::from(BATCH[class]) {
            self.set_aside(class, size);
        }
    }

    /// Puts a batch by; the one that was there is for the other threads. Large blocks are all for
    /// them: they wait where everybody finds them, and where there is a limit.
    #[cold]
    #[inline(never)]
    fn set_aside(&self, class: usize, size: usize) {
        let first = self.first.replace(ptr::null_mut());
        let chain = Chain { first, count: self.count.replace(0) };
        if BATCH[class] == 0 {
            hand_on(class, size, chain);
            return;
        }
        let earlier = self.whole.replace(chain.into_first());
        if !earlier.is_null() {
            hand_on(class, size, Chain { first: earlier, count: usize::from(BATCH[class]) });
        }
    }
}

/// Gives blocks to the pool, or to the system where that is full or in use.
fn hand_on(class: usize, size: usize, chain: Chain) {
    let Some(mut pool) = at_hand() else { return };
    let bytes = chain.count * size;
    if pool.bytes + bytes <= POOL_BYTES && pool.classes[class].try_reserve(1).is_ok() {
        pool.bytes += bytes;
        pool.classes[class].push(chain);
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        for (class, own) in self.classes.iter().enumerate() {
            let whole = own.whole.replace(ptr::null_mut());
            let first = own.first.replace(ptr::null_mut());
            let whole = Chain { first: whole, count: usize::from(BATCH[class]) };
            let rest = Chain { first, count: own.count.replace(0) };
            for chain in [whole, rest] {
                if !chain.first.is_null() {
                    hand_on(class, size_of_class(class), chain);
                }
            }
        }
    }
}

/// The size of a class's blocks.
const fn size_of_class(class: usize) -> usize {
    let base = POOLED_MIN << (class / STEPS);
    base + base / STEPS * (class % STEPS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipe::random::Random;

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

    /// Writes all over a block, which has to be ours alone then.
    fn fill(block: NonNull<u8>, size: usize, with: u8) {
        // SAFETY: the block holds `size` bytes.
        unsafe { block.as_ptr().write_bytes(with, size) };
    }

    fn is_filled(block: NonNull<u8>, size: usize, with: u8) -> bool {
        // SAFETY: as above, and `fill` has written them.
        unsafe { core::slice::from_raw_parts(block.as_ptr(), size) }
            .iter()
            .all(|&byte| byte == with)
    }

    #[test]
    fn blocks_go_round_among_threads_and_are_never_two_peoples() {
        struct Held(NonNull<u8>, usize, u8);
        // SAFETY: a block may be freed by any thread.
        unsafe impl Send for Held {}
        const ROUNDS: u64 = 40;
        let (sender, receiver) = std::sync::mpsc::channel::<Vec<Held>>();
        let receiver = Mutex::new(receiver);
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let (sender, receiver) = (sender.clone(), &receiver);
                scope.spawn(move || {
                    let mut random = Random::new(thread + 1);
                    for round in 0..ROUNDS {
                        let len = 64 << random.below(12);
                        let held = (0..1 + random.below(100)).map(|number| {
                            let (block, size) = allocate(len + number).expect("memory");
                            let with = (thread as u8) << 6 | (round as u8 ^ number as u8) & 63;
                            fill(block, size, with);
                            Held(block, size, with)
                        });
                        sender.send(held.collect()).unwrap();
                        let other = receiver.lock().unwrap().recv().unwrap();
                        for Held(block, size, with) in other {
                            assert!(is_filled(block, size, with));
                            // SAFETY: the block is ours and unused.
                            unsafe { release(block, size) };
                        }
                    }
                });
            }
        });
    }
}
