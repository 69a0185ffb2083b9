//! Pollers.

use core::ffi::{c_int, c_long, c_short, c_void};
use core::ptr::null_mut;
use std::sync::{Mutex, MutexGuard, TryLockError};

use super::guard::{guard, guard_status, read, write};
use super::handle::{self, Tagged};
use super::types::{Fd, PollerEvent};
use crate::context::handles;
use crate::error::{Errno, Result};
use crate::poll::{ERR, IN, OUT, PRI};
use crate::poller::{Poller, Report};

/// The descriptor that is none.
const NO_FD: Fd = -1;

/// A poller. One thread uses it at a time; another one at the same time gets `EBUSY`.
struct Handle(Mutex<Poller>);

impl Tagged for Handle {
    const TAG: u32 = 0x504f_4c4c;
}

unsafe fn find<'a>(poller: *mut c_void) -> Result<MutexGuard<'a, Poller>> {
    // SAFETY: the same contract, as the C caller vouches.
    let handle = unsafe { handle::borrow::<Handle>(poller) }?;
    match handle.0.try_lock() {
        Ok(poller) => Ok(poller),
        Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => Err(Errno::EBUSY),
    }
}

/// Refuses what is no socket.
fn check_socket(socket: *mut c_void) -> Result<()> {
    let kinds = [handles::Kind::Socket, handles::Kind::SharedSocket];
    kinds.iter().any(|kind| handles::is(*kind, socket)).then_some(()).ok_or(Errno::ENOTSOCK)
}

fn check_descriptor(fd: Fd) -> Result<()> {
    (fd != NO_FD).then_some(()).ok_or(Errno::EBADF)
}

fn check_events(events: c_short) -> Result<()> {
    (events & !(IN | OUT | ERR | PRI) == 0).then_some(()).ok_or(Errno::EINVAL)
}

/// Creates a poller, or returns null.
#[no_mangle]
pub extern "C" fn zmq_poller_new() -> *mut c_void {
    guard(null_mut(), || Ok(handle::create(Handle(Mutex::new(Poller::new()?)))))
}

/// Destroys a poller and sets the caller's pointer to null.
#[no_mangle]
pub unsafe extern "C" fn zmq_poller_destroy(poller: *mut *mut c_void) -> c_int {
    // SAFETY: the caller passes the variable that holds a poller; null and others are recognised.
    guard_status(|| unsafe {
        let handle = read(poller)?;
        drop(find(handle)?);
        handle::take::<Handle>(handle)?;
        write(poller, null_mut())
    })
}

/// Number of sockets and descriptors in a poller.
#[no_mangle]
pub unsafe extern "C" fn zmq_poller_size(poller: *mut c_void) -> c_int {
    guard(-1, || {
        // SAFETY: the caller passes a poller; anything else is recognised.
        let size = unsafe { find(poller) }?.len();
        Ok(c_int::try_from(size).unwrap_or(c_int::MAX))
    })
}

/// Adds a socket to a poller.
#[no_mangle]
pub unsafe extern "C" fn zmq_poller_add(
    poller: *mut c_void,
    socket: *mut c_void,
    user_data: *mut c_void,
    events: c_short,
) -> c_int {
    guard_status(|| {
        // SAFETY: the caller passes a poller; anything else is recognised.
        let mut poller = unsafe { find(poller) }?;
        check_socket(socket)?;
        check_events(events)?;
        poller.add(socket, user_data, events)
    })
}

/// Changes the events a poller waits for on a socket.
#[no_mangle]
pub unsafe extern "C" fn zmq_poller_modify(
    poller: *mut c_void,
    socket: *mut c_void,
    events: c_short,
) -> c_int {
    guard_status(|| {
        // SAFETY: the caller passes a poller; anything else is recognised.
        let mut poller = unsafe { find(poller) }?;
        check_socket(socket)?;
        check_events(events)?;
        poller.modify(socket, events)
    })
}

/// Removes a socket from a poller.
#[no_mangle]
pub unsafe extern "C" fn zmq_poller_remove(poller: *mut c_void, socket: *mut c_void) -> c_int {
    guard_status(|| {
        // SAFETY: the caller passes a poller; anything else is recognised.
        let mut poller = unsafe { find(poller) }?;
        let is_socket = check_socket(socket);
        let removed = poller.remove(socket);
        is_socket.and(removed)
    })
}

/// Waits for one event, for at most `timeout` milliseconds (-1: without end).
#[no_mangle]
pub unsafe extern "C" fn zmq_poller_wait(
    poller: *mut c_void,
    event: *mut PollerEvent,
    timeout: c_long,
) -> c_int {
    guard_status(|| {
        // SAFETY: the same contract, for one event.
        let outcome = unsafe { wait(poller, event, 1, timeout) };
        if outcome.is_err() {
            // SAFETY: the caller passes a variable, or null, which is left alone.
            unsafe { super::guard::write_if_wanted(event, NO_EVENT) };
        }
        outcome.map(|_| ())
    })
}

/// Waits for up to `capacity` events and returns their number.
#[no_mangle]
pub unsafe extern "C" fn zmq_poller_wait_all(
    poller: *mut c_void,
    events: *mut PollerEvent,
    capacity: c_int,
    timeout: c_long,
) -> c_int {
    // SAFETY: the same contract.
    guard(-1, || unsafe { wait(poller, events, capacity, timeout) })
}

const NO_EVENT: PollerEvent =
    PollerEvent { socket: null_mut(), fd: NO_FD, user_data: null_mut(), events: 0 };

/// # Safety
/// `events` is null or has room for `capacity` of them.
unsafe fn wait(
    poller: *mut c_void,
    events: *mut PollerEvent,
    capacity: c_int,
    timeout: c_long,
) -> Result<c_int> {
    // SAFETY: the caller passes a poller; anything else is recognised.
    let mut poller = unsafe { find(poller) }?;
    if events.is_null() {
        return Err(Errno::EFAULT);
    }
    let capacity = usize::try_from(capacity).map_err(|_| Errno::EINVAL)?;
    let tell = |index: usize, event| {
        // SAFETY: the poller stays below the capacity.
        unsafe { write(events.add(index), event) }
    };
    // The C type is not that wide everywhere.
    #[allow(clippy::unnecessary_cast)]
    let found = poller.wait(capacity, timeout as i64, |index, report: Report| {
        let Report { socket, fd, user_data, events } = report;
        tell(index, PollerEvent { socket, fd, user_data, events })
    })?;
    for index in found..capacity {
        tell(index, NO_EVENT)?;
    }
    Ok(c_int::try_from(found).unwrap_or(c_int::MAX))
}

/// Gives the descriptor that becomes readable when a poller of thread-safe sockets has an event.
#[no_mangle]
pub unsafe extern "C" fn zmq_poller_fd(poller: *mut c_void, fd: *mut Fd) -> c_int {
    // SAFETY: the caller passes a poller and a variable; anything else is recognised.
    guard_status(|| unsafe { write(fd, find(poller)?.descriptor()?) })
}

/// Adds a descriptor to a poller.
#[no_mangle]
pub unsafe extern "C" fn zmq_poller_add_fd(
    poller: *mut c_void,
    fd: Fd,
    user_data: *mut c_void,
    events: c_short,
) -> c_int {
    guard_status(|| {
        // SAFETY: the caller passes a poller; anything else is recognised.
        let mut poller = unsafe { find(poller) }?;
        check_descriptor(fd)?;
        check_events(events)?;
        poller.add_descriptor(fd, user_data, events)
    })
}

/// Changes the events a poller waits for on a descriptor.
#[no_mangle]
pub unsafe extern "C" fn zmq_poller_modify_fd(
    poller: *mut c_void,
    fd: Fd,
    events: c_short,
) -> c_int {
    guard_status(|| {
        // SAFETY: the caller passes a poller; anything else is recognised.
        let mut poller = unsafe { find(poller) }?;
        check_descriptor(fd)?;
        check_events(events)?;
        poller.modify_descriptor(fd, events)
    })
}

/// Removes a descriptor from a poller.
#[no_mangle]
pub unsafe extern "C" fn zmq_poller_remove_fd(poller: *mut c_void, fd: Fd) -> c_int {
    guard_status(|| {
        // SAFETY: the caller passes a poller; anything else is recognised.
        let mut poller = unsafe { find(poller) }?;
        check_descriptor(fd)?;
        poller.remove_descriptor(fd)
    })
}
