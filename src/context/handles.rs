//! What `void *` handles of contexts and sockets point at.
//!
//! Handles point into tables that are never unmapped, so any pointer a caller hands us can be
//! checked before it is used: outside the tables, at a free slot or at one of another kind it is
//! refused. A slot that was freed rests until many others were freed after it, so that a handle
//! used after close is recognised, too.

use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::error::{Errno, Result};

/// What a slot holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Kind {
    Context = 0x0c07_7e87,
    Socket = 0x50c4_e700,
}

/// One handle's place. `busy` is 1 while a call works on a socket.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Slot {
    kind: AtomicU32,
    busy: AtomicU32,
    /// The process that made the object; another one in a forked child's copy.
    process: AtomicU32,
    object: UnsafeCell<*mut c_void>,
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

/// Puts an object behind a new handle. `EMFILE` when all handles are in use, `ENOMEM`.
pub fn insert(kind: Kind, object: *mut c_void) -> Result<*mut c_void> {
    fork::prepare();
    let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    let exhausted = free.used == SEGMENTS * SEGMENT_SLOTS;
    let index = if free.resting.len() >= RESTING_SLOTS || exhausted {
        free.resting.pop_front().ok_or(Errno::EMFILE)?
    } else {
        if free.used % SEGMENT_SLOTS == 0 {
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
    // SAFETY: the slot is free, and the lock keeps other insertions away.
    unsafe { *slot.object.get() = object };
    slot.busy.store(0, Ordering::Relaxed);
    slot.process.store(std::process::id(), Ordering::Relaxed);
    slot.kind.store(kind as u32, Ordering::Release);
    Ok(core::ptr::from_ref(slot).cast_mut().cast())
}

/// The slot a handle points at, if it is one of ours; its kind is still to be checked.
#[inline]
fn locate(handle: *mut c_void) -> Option<(usize, &'static Slot)> {
    const SIZE: usize = core::mem::size_of::<Slot>();
    for (number, table) in TABLES.iter().enumerate() {
        let base = table.load(Ordering::Acquire) as usize;
        if base == 0 {
            return None;
        }
        let offset = (handle as usize).wrapping_sub(base);
        if offset < SEGMENT_SLOTS * SIZE {
            if offset % SIZE != 0 {
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
    slot: &'static Slot,
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
        self.slot.busy.store(0, Ordering::Release);
    }
}

/// Starts a call on a socket handle. `ENOTSOCK` when it is none, `EBUSY` when another thread is in
/// a call on it.
#[inline]
pub fn enter(handle: *mut c_void) -> Result<Entered> {
    enter_if(handle, |_| false)
}

/// As [`enter`], to close the socket. In a forked child the thread that was in a call on it is not
/// there any more.
pub fn enter_to_close(handle: *mut c_void) -> Result<Entered> {
    enter_if(handle, |slot| slot.process.load(Ordering::Relaxed) != std::process::id())
}

#[inline]
fn enter_if(handle: *mut c_void, may_be_busy: impl FnOnce(&Slot) -> bool) -> Result<Entered> {
    let (_, slot) = locate(handle).ok_or(Errno::ENOTSOCK)?;
    if slot.kind.load(Ordering::Relaxed) != Kind::Socket as u32 {
        return Err(Errno::ENOTSOCK);
    }
    if slot.busy.swap(1, Ordering::Acquire) != 0 && !may_be_busy(slot) {
        return Err(Errno::EBUSY);
    }
    if slot.kind.load(Ordering::Acquire) != Kind::Socket as u32 {
        slot.busy.store(0, Ordering::Release);
        return Err(Errno::ENOTSOCK);
    }
    // SAFETY: kind says the slot is in use; entering keeps removal away.
    Ok(Entered { slot, object: unsafe { *slot.object.get() } })
}

/// Whether a handle is a live one of this kind.
pub fn is(kind: Kind, handle: *mut c_void) -> bool {
    locate(handle).is_some_and(|(_, slot)| slot.kind.load(Ordering::Acquire) == kind as u32)
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
