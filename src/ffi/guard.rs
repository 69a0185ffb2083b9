//! What every exported function needs before and after its one line of real work.
//!
//! A caller of the C ABI can hand us anything, and must get an `errno` back for it. So each
//! exported function runs its body inside [`guard`], which turns an [`Errno`] into the C
//! convention (a failure value and `errno` set) and stops panics; and each pointer of the caller
//! passes through one of the helpers here, which refuse null. Raw pointers do not travel deeper
//! into the library than this.

use core::ffi::{c_char, c_int, c_void, CStr};
use core::mem::MaybeUninit;
use std::panic::{catch_unwind, AssertUnwindSafe};

use crate::error::{Errno, Result};

/// The error a caller sees when one of our own panics was stopped at the boundary.
pub const PANICKED: Errno = Errno::EFAULT;

/// Runs the body of an exported function: its value, or `failure` with `errno` set.
///
/// A panic in the body is a defect of ours; the caller's process goes on with [`PANICKED`].
#[inline]
pub fn guard<T>(failure: T, body: impl FnOnce() -> Result<T>) -> T {
    let outcome = catch_unwind(AssertUnwindSafe(body));
    match outcome.unwrap_or(Err(PANICKED)) {
        Ok(value) => value,
        Err(errno) => {
            set_errno(errno);
            failure
        }
    }
}

/// [`guard`] for the many functions that return 0 or -1.
#[inline]
pub fn guard_status(body: impl FnOnce() -> Result<()>) -> c_int {
    guard(-1, || body().map(|()| 0))
}

/// Sets the C library's `errno` of this thread.
#[inline]
pub fn set_errno(errno: Errno) {
    // SAFETY: the C library gives a valid pointer to the calling thread's own variable.
    unsafe { *errno_location() = errno.0 };
}

#[inline]
unsafe fn errno_location() -> *mut c_int {
    #[cfg(any(target_os = "solaris", target_os = "illumos"))]
    use libc::___errno as location;
    #[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
    use libc::__errno as location;
    #[cfg(any(target_os = "linux", target_os = "redox", target_os = "dragonfly"))]
    use libc::__errno_location as location;
    #[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
    use libc::__error as location;
    #[cfg(windows)]
    extern "C" {
        #[link_name = "_errno"]
        fn location() -> *mut c_int;
    }
    // SAFETY: the function has no preconditions.
    unsafe { location() }
}

/// A caller's C string. Null is `EINVAL`.
///
/// # Safety
/// `text` is null or ends with a nul byte, and stays unchanged for `'a`.
#[inline]
pub unsafe fn c_string<'a>(text: *const c_char) -> Result<&'a CStr> {
    if text.is_null() {
        return Err(Errno::EINVAL);
    }
    // SAFETY: not null, and the caller vouches for the rest.
    Ok(unsafe { CStr::from_ptr(text) })
}

/// A caller's buffer to read from. Null with a size is `EFAULT`; null without one is empty.
///
/// # Safety
/// `data` is null or points to `size` initialised bytes that stay unchanged for `'a`.
#[inline]
pub unsafe fn bytes<'a>(data: *const c_void, size: usize) -> Result<&'a [u8]> {
    if size == 0 {
        return Ok(&[]);
    }
    if data.is_null() || size > isize::MAX as usize {
        return Err(Errno::EFAULT);
    }
    // SAFETY: not null, of a size a slice can have, and the caller vouches for the rest.
    Ok(unsafe { core::slice::from_raw_parts(data.cast(), size) })
}

/// A caller's buffer to write to, whose bytes need not be initialised. Null as in [`bytes`].
///
/// # Safety
/// `data` is null or points to `size` writable bytes that nobody else uses for `'a`.
#[inline]
pub unsafe fn buffer<'a>(data: *mut c_void, size: usize) -> Result<&'a mut [MaybeUninit<u8>]> {
    if size == 0 {
        return Ok(&mut []);
    }
    if data.is_null() || size > isize::MAX as usize {
        return Err(Errno::EFAULT);
    }
    // SAFETY: not null, of a size a slice can have, and the caller vouches for the rest.
    Ok(unsafe { core::slice::from_raw_parts_mut(data.cast(), size) })
}

/// Reads a caller's variable. Null is `EFAULT`.
///
/// # Safety
/// `variable` is null or points to an initialised `T`, aligned or not.
#[inline]
pub unsafe fn read<T: Copy>(variable: *const T) -> Result<T> {
    if variable.is_null() {
        return Err(Errno::EFAULT);
    }
    // SAFETY: not null, and the caller vouches for the rest.
    Ok(unsafe { variable.read_unaligned() })
}

/// Writes a caller's variable. Null is `EFAULT`.
///
/// # Safety
/// `variable` is null or points to writable memory for a `T`, aligned or not.
#[inline]
pub unsafe fn write<T: Copy>(variable: *mut T, value: T) -> Result<()> {
    if variable.is_null() {
        return Err(Errno::EFAULT);
    }
    // SAFETY: not null, and the caller vouches for the rest.
    unsafe { variable.write_unaligned(value) };
    Ok(())
}

/// Writes a caller's variable if there is one.
///
/// # Safety
/// As for [`write`].
#[inline]
pub unsafe fn write_if_wanted<T: Copy>(variable: *mut T, value: T) {
    // SAFETY: the same contract; null is the one error, and means "not wanted" here.
    let _ = unsafe { write(variable, value) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::ptr::{null, null_mut};

    #[test]
    fn an_error_becomes_the_failure_value_and_errno() {
        assert_eq!(guard(-1, || Err(Errno::EAGAIN)), -1);
        assert_eq!(Errno::last(), Errno::EAGAIN);
    }

    #[test]
    fn a_value_passes_and_leaves_errno_alone() {
        set_errno(Errno::ETERM);
        assert_eq!(guard(-1, || Ok(7)), 7);
        assert_eq!(guard_status(|| Ok(())), 0);
        assert_eq!(Errno::last(), Errno::ETERM);
    }

    #[test]
    fn a_panic_stops_at_the_boundary() {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let status = guard_status(|| panic!("a defect"));
        std::panic::set_hook(hook);
        assert_eq!((status, Errno::last()), (-1, PANICKED));
    }

    #[test]
    fn null_pointers_are_errors_not_crashes() {
        // SAFETY: null is within every helper's contract.
        unsafe {
            assert_eq!(c_string(null()).unwrap_err(), Errno::EINVAL);
            assert_eq!(bytes(null(), 1).unwrap_err(), Errno::EFAULT);
            assert_eq!(bytes(null(), 0), Ok(&[][..]));
            assert_eq!(buffer(null_mut(), 1).unwrap_err(), Errno::EFAULT);
            assert_eq!(read::<c_int>(null()), Err(Errno::EFAULT));
            assert_eq!(write::<c_int>(null_mut(), 1), Err(Errno::EFAULT));
            write_if_wanted::<c_int>(null_mut(), 1);
        }
    }
}
