//! Small objects that C holds as `void *`: atomic counters, stopwatches, threads.
//!
//! Each kind has its own tag in front of the value. A null pointer, a handle of another kind and
//! (for as long as the allocator leaves the memory alone) one that was given back are recognised
//! and give `EFAULT`.

use core::ffi::c_void;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Errno, Result};

/// A kind of object with handles, told from the others by its tag.
pub trait Tagged {
    const TAG: u32;
}

const GIVEN_BACK: u32 = 0;

#[repr(C)]
struct Tagging<T> {
    tag: AtomicU32,
    value: T,
}

/// Moves a value to the heap and returns its handle.
pub fn create<T: Tagged>(value: T) -> *mut c_void {
    let tag = AtomicU32::new(T::TAG);
    Box::into_raw(Box::new(Tagging { tag, value })).cast()
}

/// The value behind a handle.
///
/// # Safety
/// `handle` is null or points to readable memory; a handle of this kind is not destroyed during `'a`.
pub unsafe fn borrow<'a, T: Tagged>(handle: *mut c_void) -> Result<&'a T> {
    let object = handle.cast::<Tagging<T>>();
    if object.is_null() || !object.is_aligned() {
        return Err(Errno::EFAULT);
    }
    // SAFETY: not null, aligned, readable as the caller vouches; the tag is looked at alone first
    // because only it says that there is a `T` behind it.
    let tag = unsafe { &(*object).tag };
    if tag.load(Ordering::Acquire) != T::TAG {
        return Err(Errno::EFAULT);
    }
    // SAFETY: the tag says that `create` made this object, and nobody gave it back.
    Ok(unsafe { &(*object).value })
}

/// Gives a handle back and returns its value. Of several calls with one handle one succeeds.
///
/// # Safety
/// As for [`borrow`], and nobody uses the handle afterwards.
pub unsafe fn take<T: Tagged>(handle: *mut c_void) -> Result<T> {
    let object = handle.cast::<Tagging<T>>();
    if object.is_null() || !object.is_aligned() {
        return Err(Errno::EFAULT);
    }
    // SAFETY: as in `borrow`.
    let tag = unsafe { &(*object).tag };
    tag.compare_exchange(T::TAG, GIVEN_BACK, Ordering::AcqRel, Ordering::Relaxed)
        .map_err(|_| Errno::EFAULT)?;
    // SAFETY: `create` made it with `Box`, and the exchange above lets one caller come here.
    let object = unsafe { Box::from_raw(object) };
    Ok(object.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Apple(u8);
    struct Pear;

    impl Tagged for Apple {
        const TAG: u32 = 1;
    }
    impl Tagged for Pear {
        const TAG: u32 = 2;
    }

    #[test]
    fn a_handle_serves_its_own_kind_only() {
        let apple = create(Apple(9));
        // SAFETY: the handle is live until `take`, and null is within the contract.
        unsafe {
            assert_eq!(borrow::<Apple>(apple).map(|apple| apple.0), Ok(9));
            assert_eq!(borrow::<Pear>(apple).err(), Some(Errno::EFAULT));
            assert_eq!(take::<Pear>(apple).err(), Some(Errno::EFAULT));
            let misaligned = apple.byte_add(1);
            assert_eq!(borrow::<Apple>(misaligned).err(), Some(Errno::EFAULT));
            assert_eq!(take::<Apple>(apple).map(|apple| apple.0), Ok(9));
            assert_eq!(borrow::<Apple>(core::ptr::null_mut()).err(), Some(Errno::EFAULT));
        }
    }
}
