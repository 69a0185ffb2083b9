//! Hearing that a socket's readiness may have changed.
//!
//! Whoever waits for several sockets, or for one that other threads use, cannot rely on a socket's
//! own descriptor: each call of another thread clears it. So it hangs a [`Watch`] on each socket.
//! A socket marks its watches when a command comes for it, and when a call of the application
//! changed it; the mark goes into the watcher's [`Inbox`], whose descriptor is readable while there
//! are marks. Looking at the marked sockets is then enough: one that is unmarked and was found not
//! ready is still not ready.

use core::sync::atomic::{AtomicBool, Ordering};
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Result;
use crate::signaler::Signaler;

/// Where the marks of one watcher arrive.
#[derive(Debug)]
pub struct Inbox {
    marked: Mutex<Vec<u64>>,
    signaler: Signaler,
}

impl Inbox {
    /// `EMFILE`, `ENFILE` or `ENOMEM` when the system has no descriptor left.
    pub fn new() -> Result<Arc<Inbox>> {
        Ok(Arc::new(Inbox { marked: Mutex::default(), signaler: Signaler::new()? }))
    }

    /// A descriptor that is readable while there are marks.
    pub fn descriptor(&self) -> RawFd {
        self.signaler.raw()
    }

    /// Takes all marks. Each watch is to be [unmarked](Watch::unmark) before its socket is looked at.
    pub fn take(&self) -> Vec<u64> {
        let mut marked = self.marked.lock().unwrap_or_else(PoisonError::into_inner);
        if marked.is_empty() {
            return Vec::new();
        }
        self.signaler.clear();
        core::mem::take(&mut marked)
    }
}

/// One socket as one watcher sees it.
#[derive(Debug)]
pub struct Watch {
    inbox: Arc<Inbox>,
    /// The watcher's name for the socket.
    key: u64,
    marked: AtomicBool,
}

impl Watch {
    pub fn new(inbox: &Arc<Inbox>, key: u64) -> Arc<Watch> {
        Arc::new(Watch { inbox: inbox.clone(), key, marked: AtomicBool::new(false) })
    }

    /// Says that the socket is to be looked at.
    pub fn mark(&self) {
        if !self.marked.swap(true, Ordering::AcqRel) {
            let mut marked = self.inbox.marked.lock().unwrap_or_else(PoisonError::into_inner);
            marked.push(self.key);
            if marked.len() == 1 {
                self.inbox.signaler.set();
            }
        }
    }

    /// To be called before the socket is looked at, so that later changes leave a mark again.
    pub fn unmark(&self) {
        // An exchange, not a store: what was done before a mark that this takes away is seen.
        self.marked.swap(false, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Errno;
    use crate::signaler::Deadline;

    fn readable(inbox: &Inbox) -> bool {
        inbox.signaler.wait(Deadline::after(0)) != Err(Errno::EAGAIN)
    }

    #[test]
    fn a_mark_arrives_once_until_it_is_taken_away() {
        let inbox = Inbox::new().unwrap();
        let (one, other) = (Watch::new(&inbox, 1), Watch::new(&inbox, 2));
        assert!(!readable(&inbox));
        one.mark();
        other.mark();
        one.mark();
        assert!(readable(&inbox));
        assert_eq!(inbox.take(), [1, 2]);
        assert!(!readable(&inbox));
        one.mark();
        assert_eq!(inbox.take(), [], "it was not looked at yet");
        one.unmark();
        one.mark();
        assert!(readable(&inbox));
        assert_eq!(inbox.take(), [1]);
    }
}
