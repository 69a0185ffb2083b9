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
///
/// Where there is a block, or room for one, nothing else has to be asked: threads that may have no
/// blocks have neither.
struct Own {
    first: Cell<*mut Link>,
    /// So many more blocks may come to them, before the next one makes a whole batch.
    room: Cell<usize>,
    whole: Cell<*mut Link>,
}

impl Own {
    const fn new() -> Own {
        let nothing = Cell::new(ptr::null_mut());
        Own { first: nothing, room: Cell::new(0), whole: Cell::new(ptr::null_mut()) }
    }
}

/// Whether a thread may have blocks of its own.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// It has none yet: [`AT_END`] is to be prepared first.
    New,
    Running,
    /// It is at its end, and will have none any more.
    Ended,
}

struct Local {
    /// And one for sizes of no class, which has nothing at any time.
    classes: [Own; CLASSES + 1],
    stage: Cell<Stage>,
}

/// Gives the thread's blocks back at its end.
struct AtEnd;

thread_local! {
    // Without a destructor, so that nothing has to be asked to get at it.
    static LOCAL: Local = const {
        Local { classes: [const { Own::new() }; CLASSES + 1], stage: Cell::new(Stage::New) }
    };
    static AT_END: AtEnd = const { AtEnd };
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

/// The class for blocks of at least `len` bytes. [`CLASSES`] and more for those larger than
/// [`POOLED_MAX`].
#[inline(always)]
fn class_of(len: usize) -> usize {
    // The last byte's number says it: where its first bit is, and which two bits come behind. Those of
    // the first class end with one that has nothing but ones.
    const FIRST: usize = STEPS * (POOLED_MIN - 1).leading_zeros() as usize - (2 * STEPS - 1);
    let last = len.max(POOLED_MIN) - 1;
    let zeros = last.leading_zeros();
    let first_bits = (last << zeros) >> (usize::BITS - 1 - STEPS.ilog2());
    FIRST + first_bits - STEPS * zeros as usize
}

/// The true size of a block: what the pool has to know when it comes back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size(u64);

const CLASS_SHIFT: u32 = 56;

impl Size {
    const fn new(bytes: usize, class: usize) -> Size {
        Size(bytes as u64 | (class as u64) << CLASS_SHIFT)
    }

    /// The size of a block that need not be of any class.
    pub fn of(bytes: usize) -> Size {
        let size = SIZES[class_of(bytes).min(CLASSES)];
        if size.bytes() == bytes {
            size
        } else {
            Size::new(bytes, CLASSES)
        }
    }

    /// The size in bytes.
    #[inline(always)]
    pub const fn bytes(self) -> usize {
        (self.0 & ((1 << CLASS_SHIFT) - 1)) as usize
    }

    /// [`CLASSES`] for a size of none.
    #[inline(always)]
    fn class(self) -> usize {
        ((self.0 >> CLASS_SHIFT) as usize).min(CLASSES)
    }
}

/// The size of each class's blocks, and of none.
static SIZES: [Size; CLASSES + 1] = {
    let mut sizes = [Size::new(0, CLASSES); CLASSES + 1];
    let mut class = 0;
    while class < CLASSES {
        sizes[class] = Size::new(size_of_class(class), class);
        class += 1;
    }
    sizes
};

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
#[inline(always)]
pub fn allocate(len: usize) -> Option<(NonNull<u8>, Size)> {
    let kept = LOCAL.with(|local| {
        let class = class_of(len).min(CLASSES);
        let block = local.classes[class].take()?;
        Some((block.cast(), SIZES[class]))
    });
    match kept {
        Some(kept) => Some(kept),
        None => allocate_anew(len),
    }
}

/// [`allocate`] where the thread has no such block.
#[cold]
#[inline(never)]
fn allocate_anew(len: usize) -> Option<(NonNull<u8>, Size)> {
    let class = class_of(len);
    let size = match len {
        _ if class < CLASSES => SIZES[class],
        // A size has no room for more, and there is no such memory either.
        _ if len as u64 >> CLASS_SHIFT == 0 => Size::new(len, CLASSES),
        _ => return None,
    };
    let kept = LOCAL.with(|local| {
        let is_of_class = class < CLASSES && local.is_running();
        is_of_class.then(|| local.classes[class].refill(size)).flatten()
    });
    let block = match kept {
        Some(block) => block.cast(),
        // SAFETY: malloc takes any size; null is handled.
        None => NonNull::new(unsafe { libc::malloc(size.bytes()) }.cast())?,
    };
    Some((block, size))
}

/// Takes a block of this true size back.
///
/// # Safety
/// The block came from [`allocate`] with this true size, or grew to it, and nobody uses it any more.
#[inline(never)]
pub unsafe fn release(block: NonNull<u8>, size: Size) {
    let kept = LOCAL.with(|local| local.classes[size.class()].keep(block.cast()));
    if !kept {
        release_further(block.cast(), size);
    }
}

/// [`release`] where the thread has no room for the block.
#[cold]
#[inline(never)]
fn release_further(block: NonNull<Link>, size: Size) {
    let kept = LOCAL.with(|local| {
        let own = &local.classes[size.class()];
        let is_of_class = size.class() < CLASSES && local.is_running();
        if is_of_class && !own.keep(block) {
            own.set_aside(size, block);
        }
        is_of_class
    });
    if !kept {
        // SAFETY: the block comes from malloc, and nobody uses it.
        unsafe { libc::free(block.as_ptr().cast()) };
    }
}

/// How many blocks a thread may keep one by one, where so many travel together.
#[inline]
fn room_for(batch: u8) -> usize {
    usize::from(batch).saturating_sub(1)
}

impl Local {
    /// Whether the thread may have blocks, for which it is prepared then.
    fn is_running(&self) -> bool {
        if self.stage.get() == Stage::New && AT_END.try_with(|_| ()).is_ok() {
            self.stage.set(Stage::Running);
            self.classes.iter().zip(BATCH).for_each(|(own, batch)| own.room.set(room_for(batch)));
        }
        self.stage.get() == Stage::Running
    }
}

impl Drop for AtEnd {
    fn drop(&mut self) {
        LOCAL.with(|local| {
            local.stage.set(Stage::Ended);
            local.classes.iter().zip(SIZES).take(CLASSES).for_each(|(own, size)| own.give_up(size));
        });
    }
}

impl Own {
    #[inline(always)]
    fn take(&self) -> Option<NonNull<Link>> {
        let block = NonNull::new(self.first.get())?;
        // SAFETY: a block that waits holds a link.
        self.first.set(unsafe { block.as_ref() }.next);
        self.room.set(self.room.get() + 1);
        Some(block)
    }

    /// False, and nothing is done, where there is no room.
    #[inline(always)]
    fn keep(&self, block: NonNull<Link>) -> bool {
        let Some(room) = self.room.get().checked_sub(1) else { return false };
        // SAFETY: the block is unused, and any block has room and alignment for a link.
        unsafe { block.write(Link { next: self.first.get() }) };
        self.first.set(block.as_ptr());
        self.room.set(room);
        true
    }

    /// Gets a batch to take from, and gives its first block.
    fn refill(&self, size: Size) -> Option<NonNull<Link>> {
        let class = size.class();
        let batch = BATCH[class];
        let whole = self.whole.replace(ptr::null_mut());
        let chain = if whole.is_null() {
            let mut pool = at_hand()?;
            let chain = pool.classes[class].pop()?;
            pool.bytes -= chain.count * size.bytes();
            chain
        } else {
            Chain { first: whole, count: batch.into() }
        };
        let left = chain.count - 1;
        let first = NonNull::new(chain.into_first())?;
        // SAFETY: a block that waits holds a link.
        self.first.set(unsafe { first.as_ref() }.next);
        self.room.set(room_for(batch) - left);
        Some(first)
    }

    /// Puts a batch by, of which this block is the last; the one that was there is for the other
    /// threads. Large blocks are all for them: they wait where everybody finds them, and where there is
    /// a limit.
    fn set_aside(&self, size: Size, block: NonNull<Link>) {
        let batch = BATCH[size.class()];
        // SAFETY: as in `keep`.
        unsafe { block.write(Link { next: self.first.replace(ptr::null_mut()) }) };
        self.room.set(room_for(batch));
        if batch == 0 {
            hand_on(size, Chain { first: block.as_ptr(), count: 1 });
            return;
        }
        let earlier = self.whole.replace(block.as_ptr());
        if !earlier.is_null() {
            hand_on(size, Chain { first: earlier, count: batch.into() });
        }
    }

    /// Has nothing any more, and no room.
    fn give_up(&self, size: Size) {
        let batch = BATCH[size.class()];
        let whole = self.whole.replace(ptr::null_mut());
        let first = self.first.replace(ptr::null_mut());
        let whole = Chain { first: whole, count: batch.into() };
        let rest = Chain { first, count: room_for(batch) - self.room.replace(0) };
        for chain in [whole, rest] {
            if !chain.first.is_null() {
                hand_on(size, chain);
            }
        }
    }
}

/// Gives blocks to the pool, or to the system where that is full or in use.
fn hand_on(size: Size, chain: Chain) {
    let Some(mut pool) = at_hand() else { return };
    let (class, bytes) = (size.class(), chain.count * size.bytes());
    if pool.bytes + bytes <= POOL_BYTES && pool.classes[class].try_reserve(1).is_ok() {
        pool.bytes += bytes;
        pool.classes[class].push(chain);
    }
}

/// The size of a class's blocks.
const fn size_of_class(class: usize) -> usize {
    let base = POOLED_MIN << (class / STEPS);
    base + base / STEPS * (class % STEPS)
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
