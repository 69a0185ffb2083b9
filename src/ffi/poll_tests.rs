use super::*;
use core::ptr::{null, null_mut};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::poll::{ERR, IN, OUT};

fn item(fd: c_int, events: c_short) -> PollItem {
    PollItem { socket: null_mut(), fd, events, revents: -1 }
}

fn poll(items: &mut [PollItem], timeout: c_long) -> c_int {
    // SAFETY: the pointer and the count are those of a slice.
    unsafe { zmq_poll(items.as_mut_ptr(), items.len() as c_int, timeout) }
}

#[test]
fn descriptors_are_reported_as_they_are() {
    let (mut here, there) = UnixStream::pair().unwrap();
    let mut items = [item(there.as_raw_fd(), IN), item(there.as_raw_fd(), IN | OUT), item(-1, IN)];
    assert_eq!(poll(&mut items, 0), 1);
    assert_eq!(items.map(|item| item.revents), [0, OUT, 0]);
    here.write_all(b"x").unwrap();
    assert_eq!(poll(&mut items, -1), 2);
    assert_eq!(items.map(|item| item.revents), [IN, IN | OUT, 0]);
    drop(here);
    let mut items = [item(there.as_raw_fd(), 0)];
    assert_eq!(poll(&mut items, -1), 1);
    assert_eq!(items[0].revents, ERR);
}

#[test]
fn long_tables_work_too() {
    let (mut here, there) = UnixStream::pair().unwrap();
    let mut items = [item(there.as_raw_fd(), IN); 40];
    assert_eq!(poll(&mut items, 0), 0);
    here.write_all(b"x").unwrap();
    assert_eq!(poll(&mut items, 0), 40);
}

#[test]
fn waiting_ends_in_time() {
    let (_here, there) = UnixStream::pair().unwrap();
    let start = Instant::now();
    assert_eq!(poll(&mut [item(there.as_raw_fd(), IN)], 20), 0);
    assert_eq!(poll(&mut [], 20), 0);
    assert!(start.elapsed() >= Duration::from_millis(40));
    assert_eq!(poll(&mut [], 0), 0);
}

#[test]
fn wrong_tables_are_errors() {
    // SAFETY: what the functions have to recognise.
    unsafe {
        assert_eq!(zmq_poll(null_mut(), -1, 0), -1);
        assert_eq!(Errno::last(), Errno::EINVAL);
        assert_eq!(zmq_poll(null_mut(), 1, 0), -1);
        assert_eq!(Errno::last(), Errno::EFAULT);
        assert_eq!(zmq_ppoll(null_mut(), 1, 0, null()), -1);
        assert_eq!(zmq_poll(null_mut(), 0, 0), 0);
    }
    let mut no_socket = item(0, IN);
    no_socket.socket = (&raw mut no_socket).cast();
    assert_eq!(poll(&mut [no_socket], 0), -1);
    assert_eq!(Errno::last(), Errno::ENOTSOCK);
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_the_mask_lets_through_interrupts() {
    unsafe extern "C" fn ignore(_signal: c_int) {}
    // SAFETY: the handler does nothing, and the signal is sent to this thread only.
    unsafe {
        let mut action: libc::sigaction = core::mem::zeroed();
        action.sa_sigaction = ignore as *const () as usize;
        libc::sigaction(libc::SIGUSR2, &raw const action, null_mut());
        let mut blocked: sigset_t = core::mem::zeroed();
        let mut before: sigset_t = core::mem::zeroed();
        libc::sigaddset(&raw mut blocked, libc::SIGUSR2);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const blocked, &raw mut before);
        libc::pthread_kill(libc::pthread_self(), libc::SIGUSR2);

        let (_here, there) = UnixStream::pair().unwrap();
        let mut items = [item(there.as_raw_fd(), IN)];
        assert_eq!(zmq_ppoll(items.as_mut_ptr(), 1, 10, &raw const blocked), 0);
        assert_eq!(zmq_ppoll(items.as_mut_ptr(), 1, -1, &raw const before), -1);
        assert_eq!(Errno::last(), Errno::EINTR);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, null_mut());
    }
}
