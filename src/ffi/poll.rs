//! `zmq_poll`.

use core::ffi::{c_int, c_long, c_short};

use libc::sigset_t;

use super::guard::guard;
use super::types::PollItem;
use crate::error::{Errno, Result};
use crate::poll::{self, Source, Table};

/// The caller's table. Its `revents`, and the `fd` of sockets, may never have been written, so
/// members are only read one by one.
struct Items {
    first: *mut PollItem,
    count: usize,
}

impl Items {
    /// # Safety
    /// There are `count` items at `first`, or it is null, and nobody else uses them as long as the
    /// table lives.
    unsafe fn new(first: *mut PollItem, count: c_int) -> Result<Items> {
        let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?;
        if first.is_null() && count > 0 {
            return Err(Errno::EFAULT);
        }
        Ok(Items { first, count })
    }

    #[inline]
    fn item(&self, index: usize) -> *mut PollItem {
        debug_assert!(index < self.count);
        self.first.wrapping_add(index)
    }
}

impl Table for Items {
    #[inline]
    fn count(&self) -> usize {
        self.count
    }

    #[inline]
    fn source(&self, index: usize) -> Source {
        let item = self.item(index);
        // SAFETY: `new` asked for that many items, and `poll` stays below their number.
        unsafe {
            let socket = (&raw const (*item).socket).read();
            if socket.is_null() {
                Source::Descriptor((&raw const (*item).fd).read())
            } else {
                Source::Socket(socket)
            }
        }
    }

    #[inline]
    fn wanted(&self, index: usize) -> c_short {
        // SAFETY: as in `source`.
        unsafe { (&raw const (*self.item(index)).events).read() }
    }

    #[inline]
    fn report(&mut self, index: usize, ready: c_short) {
        // SAFETY: as in `source`.
        unsafe { (&raw mut (*self.item(index)).revents).write(ready) }
    }
}

fn as_c_int(count: usize) -> c_int {
    c_int::try_from(count).unwrap_or(c_int::MAX)
}

/// Waits, for at most `timeout` milliseconds (-1: without end), until one of the items is ready.
#[no_mangle]
pub unsafe extern "C" fn zmq_poll(items: *mut PollItem, count: c_int, timeout: c_long) -> c_int {
    guard(-1, || {
        // SAFETY: the caller has that many items, or passes null.
        let mut items = unsafe { Items::new(items, count) }?;
        poll::wait(&mut items, timeout, None).map(as_c_int)
    })
}

/// `zmq_poll` with a mask of blocked signals that holds while it waits.
#[no_mangle]
pub unsafe extern "C" fn zmq_ppoll(
    items: *mut PollItem,
    count: c_int,
    timeout: c_long,
    signal_mask: *const sigset_t,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller has that many items, or passes null.
        let mut items = unsafe { Items::new(items, count) }?;
        // SAFETY: the caller passes a mask, or null for none.
        let mask = unsafe { signal_mask.as_ref() };
        poll::wait(&mut items, timeout, mask).map(as_c_int)
    })
}

#[cfg(test)]
#[path = "poll_tests.rs"]
mod tests;
