//! What `void *` handles of contexts and sockets point at.
//!
//! Handles point into tables that are never unmapped, so any pointer a caller hands us can be
//! checked before it is used: outside the tables, at a free slot or at one of another kind it is
//! refused. A slot that was freed rests until many others were freed after it, so that a handle
//! used after close is recognised, too.

use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU8, AtomicUsize, Ordering};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::error::{Errno, Result};
use crate::pipe::fence;
use crate::socket::shared::Shared;

/// What a slot holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Kind {
    Context = 0x0c07_7e87,
    Socket = 0x50c4_e700,
    /// A socket of a thread-safe kind. Its object is in [`Shared`].
    SharedSocket = 0x50c4_e75a,
}

/// One handle's place.
///
/// A socket is used by one thread at a time, and nearly always by the same one, so entering it is
/// biased: the `owner` marks its calls with plain stores. Another thread that comes first takes the
/// ownership away, makes sure with a process-wide fence that the old owner sees that, and then
/// looks whether it is in a call. Each term of ownership has a mark of its own, since a thread that
/// was about to mark a call when it lost the ownership still sets its mark and clears it again. A
/// socket that changes hands often gives the bias up, and so does every socket where the system has
/// no such fence: `busy` is an ordinary lock bit then.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Slot {
    kind: AtomicU32,
    busy: AtomicU8,
    /// The owning thread and its term, in one word; or one of the constants below.
    owner: AtomicUsize,
    in_call: [AtomicU8; TERMS],
    /// How often the ownership changed: the next term.
    changes: AtomicU32,
    /// The process that made the handle.
    process: AtomicU32,
    object: UnsafeCell<*mut c_void>,
    /// The place of the shared sockets of this slot, made for the first of them. It stays with the
    /// slot for ever: a thread may be on its way into it when its socket is closed.
    shared: AtomicPtr<Shared>,
}

/// Nobody used the socket yet.
const UNOWNED: usize = 0;
/// A thread is taking the ownership over.
const CLAIMED: usize = 1;
/// The socket goes by `busy` alone.
const UNBIASED: usize = 2;
/// Terms of ownership, after which a socket is unbiased.
const TERMS: usize = 8;

/// What tells the calling thread from others, with room for the term; never one of the constants
/// above.
#[inline]
pub fn this_thread() -> usize {
    let thread = thread_pointer();
    // It is the address of an object that holds pointers.
    debug_assert!(thread.is_multiple_of(TERMS) && thread != 0);
    thread
}

/// The address of the system's own object for this thread.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[inline(always)]
fn thread_pointer() -> usize {
    let pointer;
    // SAFETY: the ABI for thread-local storage has the thread pointer's own address there.
    unsafe {
        core::arch::asm!(
            "mov {}, fs:0",
            out(reg) pointer,
            options(pure, readonly, nostack, preserves_flags)
        );
    }
    pointer
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
#[inline(always)]
fn thread_pointer() -> usize {
    // SAFETY: pthread_self has no preconditions.
    unsafe { libc::pthread_self() as usize }
}

impl Slot {
    /// Where an owner marks its calls.
    #[inline]
    fn mark(&self, owner: usize) -> &AtomicU8 {
        &self.in_call[owner % TERMS]
    }

    /// Back to a socket that nobody used.
    fn forget_owners(&self) {
        self.in_call.iter().for_each(|mark| mark.store(0, Ordering::Relaxed));
        self.busy.store(0, Ordering::Relaxed);
        self.changes.store(0, Ordering::Relaxed);
        self.owner.store(UNOWNED, Ordering::Release);
    }
}

// SAFETY: `object` is written only while the slot belongs to one thread (allocation and removal)
// and read by those who saw `kind` set (release/acquire).
unsafe impl Sync for Slot {}

const SEGMENT_SLOTS: usize = 4096;
const SEGMENTS: usize = 64;
const RESTING_SLOTS: usize = 1024;

static TABLES: [AtomicPtr<Slot>; SEGMENTS] =
    [const { AtomicPtr::new(core::ptr::null_mut()) }; SEGMENTS];

struct Free {
    resting: VecDeque<usize>,
    used: usize,
}

static FREE: Mutex<Free> = Mutex::new(Free { resting: VecDeque::new(), used: 0 });

fn slot_at(index: usize) -> Option<&'static Slot> {
    let table = TABLES[index / SEGMENT_SLOTS].load(Ordering::Acquire);
    if table.is_null() {
        return None;
    }
    // SAFETY: tables hold SEGMENT_SLOTS zero-initialised slots and live for ever.
    Some(unsafe { &*table.add(index % SEGMENT_SLOTS) })
}

/// What [`enter`] says of a socket that many threads may be in.
pub const SHARED: Errno = Errno(-5);

/// Puts an object behind a new handle. `EMFILE` when all handles are in use, `ENOMEM`.
pub fn insert(kind: Kind, object: *mut c_void) -> Result<*mut c_void> {
    place(kind, |slot| {
        // SAFETY: the slot is free, and `place` keeps other insertions away.
        unsafe { *slot.object.get() = object };
    })
}

/// Puts a shared socket behind a new handle; `open` puts it into its place.
pub fn insert_shared(open: impl FnOnce(&'static Shared)) -> Result<*mut c_void> {
    place(Kind::SharedSocket, |slot| {
        let mut shared = slot.shared.load(Ordering::Acquire);
        if shared.is_null() {
            shared = Box::into_raw(Box::default());
            slot.shared.store(shared, Ordering::Release);
        }
        // SAFETY: made above or for an earlier socket, and never freed.
        open(unsafe { &*shared });
    })
}

fn place(kind: Kind, fill: impl FnOnce(&'static Slot)) -> Result<*mut c_void> {
    fork::prepare();
    let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    let exhausted = free.used == SEGMENTS * SEGMENT_SLOTS;
    let index = if free.resting.len() >= RESTING_SLOTS || exhausted {
        free.resting.pop_front().ok_or(Errno::EMFILE)?
    } else {
        if free.used.is_multiple_of(SEGMENT_SLOTS) {
            let layout =
                core::alloc::Layout::array::<Slot>(SEGMENT_SLOTS).map_err(|_| Errno::ENOMEM)?;
            // SAFETY: the layout has a size; all-zero bytes are valid slots.
            let table = unsafe { std::alloc::alloc_zeroed(layout) }.cast::<Slot>();
            if table.is_null() {
                return Err(Errno::ENOMEM);
            }
            TABLES[free.used / SEGMENT_SLOTS].store(table, Ordering::Release);
        }
        free.used += 1;
        free.used - 1
    };
    let slot = slot_at(index).ok_or(Errno::EFAULT)?;
    fill(slot);
    slot.forget_owners();
    slot.process.store(std::process::id(), Ordering::Relaxed);
    slot.kind.store(kind as u32, Ordering::Release);
    Ok(core::ptr::from_ref(slot).cast_mut().cast())
}

const SIZE: usize = core::mem::size_of::<Slot>();

/// The slot a handle points at, if it is one of ours, and its number; its kind is still to be checked.
#[inline(never)]
fn locate(handle: *mut c_void) -> Option<(usize, &'static Slot)> {
    for (number, table) in TABLES.iter().enumerate() {
        let base = table.load(Ordering::Acquire) as usize;
        if base == 0 {
            return None;
        }
        let offset = (handle as usize).wrapping_sub(base);
        if offset < SEGMENT_SLOTS * SIZE {
            if !offset.is_multiple_of(SIZE) {
                return None;
            }
            // SAFETY: the pointer is that of a slot in a table that lives for ever.
            return Some((number * SEGMENT_SLOTS + offset / SIZE, unsafe { &*handle.cast() }));
        }
    }
    None
}

/// A socket that this thread works on; others get `EBUSY` meanwhile.
#[derive(Debug)]
pub struct Entered {
    mark: &'static AtomicU8,
    object: *mut c_void,
}

impl Entered {
    /// The object behind the handle.
    #[inline]
    pub fn object(&self) -> *mut c_void {
        self.object
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        self.mark.store(0, Ordering::Release);
    }
}

/// Starts a call on a socket handle. `ENOTSOCK` when it is none, `EBUSY` when a call on it is going
/// on already, in another thread or further up in this one; [`SHARED`].
#[inline]
pub fn enter(handle: *mut c_void) -> Result<Entered> {
    match enter_again(handle) {
        Some(entered) => Ok(entered),
        None => enter_slowly(handle),
    }
}

/// As [`enter`], for the thread that was in the socket last. `None` where that is not so, and wherever
/// else there is something to think about.
#[inline(always)]
pub fn enter_again(handle: *mut c_void) -> Option<Entered> {
    // Nearly all handles lie in the first table.
    let base = TABLES[0].load(Ordering::Acquire) as usize;
    let offset = (handle as usize).wrapping_sub(base);
    if base == 0 || offset >= SEGMENT_SLOTS * SIZE || !offset.is_multiple_of(SIZE) {
        return None;
    }
    // SAFETY: the pointer is that of a slot in a table that lives for ever.
    enter_own(unsafe { &*handle.cast() })
}

/// Starts a call of the owner's. `None` where this thread is not the owner or in a call already, or
/// the slot holds no socket.
#[inline(always)]
fn enter_own(slot: &'static Slot) -> Option<Entered> {
    let owner = slot.owner.load(Ordering::Relaxed);
    let mark = slot.mark(owner);
    if owner - owner % TERMS != this_thread() || mark.load(Ordering::Relaxed) != 0 {
        return None;
    }
    mark.store(1, Ordering::Relaxed);
    // Pairs with the heavy fence in `take_over`: either we see there that the ownership is gone, or
    // the other thread sees that we are in a call.
    fence::light();
    if slot.owner.load(Ordering::Acquire) == owner {
        return entered(slot, mark).ok();
    }
    mark.store(0, Ordering::Release);
    None
}

/// As [`enter`], for closing. In a forked child the thread that was in a call on the socket at the
/// fork does not exist: it cannot keep the socket from being closed.
pub fn enter_to_close(handle: *mut c_void) -> Result<Entered> {
    let outcome = enter(handle);
    if !matches!(outcome, Err(Errno::EBUSY)) {
        return outcome;
    }
    let (_, slot) = locate(handle).ok_or(Errno::ENOTSOCK)?;
    let here = std::process::id();
    if slot.process.swap(here, Ordering::AcqRel) == here {
        return outcome;
    }
    slot.forget_owners();
    enter(handle)
}

/// The slot's entry is ours by this mark; now what it holds must still be a socket.
#[inline]
fn entered(slot: &'static Slot, mark: &'static AtomicU8) -> Result<Entered> {
    if slot.kind.load(Ordering::Acquire) != Kind::Socket as u32 {
        mark.store(0, Ordering::Release);
        return Err(Errno::ENOTSOCK);
    }
    // SAFETY: kind says the slot is in use; entering keeps removal away.
    Ok(Entered { mark, object: unsafe { *slot.object.get() } })
}

#[cold]
#[inline(never)]
fn enter_slowly(handle: *mut c_void) -> Result<Entered> {
    let (_, slot) = locate(handle).ok_or(Errno::ENOTSOCK)?;
    let me = this_thread();
    match slot.kind.load(Ordering::Acquire) {
        kind if kind == Kind::Socket as u32 => {}
        kind if kind == Kind::SharedSocket as u32 => return Err(SHARED),
        _ => return Err(Errno::ENOTSOCK),
    }
    match slot.owner.load(Ordering::Acquire) {
        UNBIASED => {
            if slot.busy.swap(1, Ordering::Acquire) != 0 {
                return Err(Errno::EBUSY);
            }
            entered(slot, &slot.busy)
        }
        CLAIMED => Err(Errno::EBUSY),
        owner if owner - owner % TERMS == me => enter_own(slot).ok_or(Errno::EBUSY),
        owner => take_over(slot, owner, me),
    }
}

/// Takes the ownership from another thread, or from nobody.
fn take_over(slot: &'static Slot, owner: usize, me: usize) -> Result<Entered> {
    slot.owner
        .compare_exchange(owner, CLAIMED, Ordering::AcqRel, Ordering::Relaxed)
        .map_err(|_| Errno::EBUSY)?;
    fence::full();
    if owner != UNOWNED {
        fence::heavy();
    }
    if slot.mark(owner).load(Ordering::Acquire) != 0 {
        slot.owner.store(owner, Ordering::Release);
        return Err(Errno::EBUSY);
    }
    let term = slot.changes.fetch_add(1, Ordering::Relaxed) as usize;
    if fence::is_asymmetric() && term < TERMS {
        let mark = slot.mark(term);
        mark.store(1, Ordering::Relaxed);
        slot.owner.store(me + term, Ordering::Release);
        return entered(slot, mark);
    }
    slot.busy.store(1, Ordering::Relaxed);
    slot.owner.store(UNBIASED, Ordering::Release);
    entered(slot, &slot.busy)
}

/// Whether a handle is a live one of this kind.
pub fn is(kind: Kind, handle: *mut c_void) -> bool {
    locate(handle).is_some_and(|(_, slot)| slot.kind.load(Ordering::Acquire) == kind as u32)
}

/// The place of the shared socket behind a handle. `ENOTSOCK`. Whether the socket is still there
/// must be looked at once more when the place is locked.
pub fn shared(handle: *mut c_void) -> Result<&'static Shared> {
    let (_, slot) = locate(handle).ok_or(Errno::ENOTSOCK)?;
    if slot.kind.load(Ordering::Acquire) != Kind::SharedSocket as u32 {
        return Err(Errno::ENOTSOCK);
    }
    // SAFETY: null, or made by `insert_shared` and never freed.
    unsafe { slot.shared.load(Ordering::Acquire).as_ref() }.ok_or(Errno::ENOTSOCK)
}

/// Whether a handle was made by another process, of which this one is a fork.
pub fn is_foreign(handle: *mut c_void) -> bool {
    let here = std::process::id();
    locate(handle).is_some_and(|(_, slot)| slot.process.load(Ordering::Relaxed) != here)
}

/// Takes the handle of a shared socket away in a forked child, where its place may be locked for
/// ever. `ENOTSOCK`.
pub fn abandon_shared(handle: *mut c_void) -> Result<()> {
    let (_, slot) = locate(handle).ok_or(Errno::ENOTSOCK)?;
    let place = slot.shared.load(Ordering::Acquire);
    remove(Kind::SharedSocket, handle).ok_or(Errno::ENOTSOCK)?;
    // Unless somebody had the slot again already.
    let null = core::ptr::null_mut();
    let _ = slot.shared.compare_exchange(place, null, Ordering::AcqRel, Ordering::Relaxed);
    Ok(())
}

/// Runs `body` with the object of a live handle of this kind, keeping removal away.
/// `None` when the handle is not one.
pub fn with_object<T>(
    kind: Kind,
    handle: *mut c_void,
    body: impl FnOnce(*mut c_void) -> T,
) -> Option<T> {
    let (_, slot) = locate(handle)?;
    let guard = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    if slot.kind.load(Ordering::Acquire) != kind as u32 {
        return None;
    }
    // SAFETY: kind says the slot is in use; the lock keeps removal away.
    let result = body(unsafe { *slot.object.get() });
    drop(guard);
    Some(result)
}

/// Takes a handle away and returns its object; of several callers one succeeds.
pub fn remove(kind: Kind, handle: *mut c_void) -> Option<*mut c_void> {
    let (index, slot) = locate(handle)?;
    let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    slot.kind.compare_exchange(kind as u32, 0, Ordering::AcqRel, Ordering::Relaxed).ok()?;
    free.resting.push_back(index);
    // SAFETY: the exchange made the object ours.
    Some(unsafe { *slot.object.get() })
}

/// Forking while another thread holds the lock on the tables would leave the child with a lock
/// that nobody opens, so a fork waits for the lock and takes it along.
mod fork {
    use core::cell::UnsafeCell;
    use std::sync::{MutexGuard, Once, PoisonError};

    use super::{Free, FREE};

    struct Held(UnsafeCell<Option<MutexGuard<'static, Free>>>);

    // SAFETY: only the thread that holds the lock touches what is in here.
    unsafe impl Sync for Held {}

    static HELD: Held = Held(UnsafeCell::new(None));
    static PREPARED: Once = Once::new();

    extern "C" fn before() {
        let guard = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: this thread holds the lock now.
        unsafe { *HELD.0.get() = Some(guard) };
    }

    extern "C" fn after() {
        // SAFETY: this thread, or the one it was forked from, holds the lock.
        drop(unsafe { (*HELD.0.get()).take() });
    }

    pub fn prepare() {
        PREPARED.call_once(|| {
            // SAFETY: the functions are there as long as the library is. A failure (no memory)
            // leaves forking as risky as it is without.
            unsafe { libc::pthread_atfork(Some(before), Some(after), Some(after)) };
        });
    }
}

#[cfg(test)]
#[path = "handles_tests.rs"]
mod tests;
