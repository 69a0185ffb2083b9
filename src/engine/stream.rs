//! The system calls of a stream connection.

use std::os::fd::{AsRawFd, BorrowedFd};

use crate::error::{Errno, Result};
use crate::pipe::outlet::SLICES_MAX;

/// Calls until no signal interrupts: with edge-triggered readiness a call given up would not be
/// made again.
fn uninterrupted(mut call: impl FnMut() -> isize) -> Result<usize> {
    loop {
        match usize::try_from(call()) {
            Ok(count) => return Ok(count),
            Err(_) => match Errno::last() {
                Errno::EINTR => {}
                error => return Err(error),
            },
        }
    }
}

/// Receives into a buffer; 0 at the end of the stream. `EAGAIN` when nothing is there.
pub fn receive(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the buffer is valid for its length.
    unsafe { receive_raw(fd, buffer.as_mut_ptr(), buffer.len()) }
}

/// As [`receive`], into memory that need not be initialised.
///
/// # Safety
/// `buffer` is valid for writes of `len` bytes.
pub unsafe fn receive_raw(fd: BorrowedFd<'_>, buffer: *mut u8, len: usize) -> Result<usize> {
    // SAFETY: the caller's promise.
    uninterrupted(|| unsafe { libc::recv(fd.as_raw_fd(), buffer.cast(), len, 0) })
}

/// As [`receive_raw`], and into `more` what does not fit.
///
/// # Safety
/// `memory` is valid for writes of its length.
pub unsafe fn receive_into(
    fd: BorrowedFd<'_>,
    memory: (*mut u8, usize),
    more: &mut [u8],
) -> Result<usize> {
    let vectors = [
        libc::iovec { iov_base: memory.0.cast(), iov_len: memory.1 },
        libc::iovec { iov_base: more.as_mut_ptr().cast(), iov_len: more.len() },
    ];
    // SAFETY: the caller's promise, and `more` is valid for its length.
    uninterrupted(|| unsafe { libc::readv(fd.as_raw_fd(), vectors.as_ptr(), 2) })
}

/// Sends bytes. `EAGAIN` when the connection takes none now.
pub fn send(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize> {
    // SAFETY: the bytes are valid for their length.
    uninterrupted(|| unsafe {
        libc::send(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), libc::MSG_NOSIGNAL)
    })
}

/// Sends several pieces of memory in one call.
///
/// # Safety
/// Each slice is valid for reads of its length.
pub unsafe fn send_slices(fd: BorrowedFd<'_>, slices: &[(*const u8, usize)]) -> Result<usize> {
    if let [(data, len)] = *slices {
        // SAFETY: the caller's promise.
        return uninterrupted(|| unsafe {
            libc::send(fd.as_raw_fd(), data.cast(), len, libc::MSG_NOSIGNAL)
        });
    }
    let empty = libc::iovec { iov_base: core::ptr::null_mut(), iov_len: 0 };
    let mut vectors = [empty; SLICES_MAX];
    let count = slices.len().min(SLICES_MAX);
    for (vector, &(data, len)) in vectors.iter_mut().zip(slices) {
        *vector = libc::iovec { iov_base: data.cast_mut().cast(), iov_len: len };
    }
    // SAFETY: an all-zero msghdr is a valid empty one; the vectors live through the call.
    uninterrupted(|| unsafe {
        let mut header: libc::msghdr = core::mem::zeroed();
        header.msg_iov = vectors.as_mut_ptr();
        header.msg_iovlen = count as _;
        libc::sendmsg(fd.as_raw_fd(), &raw const header, libc::MSG_NOSIGNAL)
    })
}

/// Has readiness to read wait until so many bytes are there, or the end of the stream.
pub fn wake_at(fd: BorrowedFd<'_>, bytes: usize) -> Result<()> {
    let bytes = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    let len = core::mem::size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the option takes an int, which lives through the call.
    let outcome = unsafe {
        let value = (&raw const bytes).cast();
        libc::setsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVLOWAT, value, len)
    };
    if outcome == 0 {
        Ok(())
    } else {
        Err(Errno::last())
    }
}
