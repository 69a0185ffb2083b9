//! Hearing that a socket's readiness may have changed.
//!
//! Whoever waits for several sockets, or for one that other threads use, cannot rely on a socket's
//! own descriptor: each call of another thread clears it. So it hangs a [`Watch`] on each socket.
//! A socket marks its watches when a command comes for it, and when a call of the application
//! changed it; the mark goes into the watcher's [`Inbox`], whose descriptor is readable while there
//! are marks, where that is wanted. Looking at the marked sockets is then enough: one that is unmarked and was found not
//! ready is still not ready.

use core::sync::atomic::{AtomicBool, Ordering};
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Result;
use crate::signaler::Signaler;

#[derive(Debug, Default)]
struct Marks {
    keys: Vec<u64>,
    /// The descriptor is to show marks: always, or until they are taken.
    exposed: bool,
    armed: bool,
    /// It shows some, or will before long.
    raised: bool,
    /// Writes to the descriptor, some of them perhaps still to come, that were not cleared.
    owed: u64,
}

impl Marks {
    fn show(&mut self, signaler: &Signaler) {
        let shows = (self.exposed || self.armed) && !self.keys.is_empty();
        if shows && !self.raised {
            self.raised = true;
            self.owed += 1;
            signaler.set_soon();
        }
    }
}

/// Where the marks of one watcher arrive.
///
/// The descriptor costs a system call each time marks begin to wait, so a watcher that is awake
/// does without: it [arms](Inbox::arm) the descriptor when it goes to sleep.
#[derive(Debug)]
pub struct Inbox {
    marks: Mutex<Marks>,
    signaler: Signaler,
}

impl Inbox {
    /// `EMFILE`, `ENFILE` or `ENOMEM` when the system has no descriptor left.
    pub fn new() -> Result<Arc<Inbox>> {
        Ok(Arc::new(Inbox { marks: Mutex::default(), signaler: Signaler::new()? }))
    }

    fn lock(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The descriptor, which is readable while it is armed and there are marks.
    pub fn descriptor(&self) -> RawFd {
        self.signaler.raw()
    }

    #[cfg(test)]
    pub fn wait(&self, deadline: crate::signaler::Deadline) -> Result<()> {
        self.signaler.wait(deadline)
    }

    /// Lets the descriptor show marks until they are taken.
    pub fn arm(&self) {
        let mut marks = self.lock();
        marks.armed = true;
        marks.show(&self.signaler);
    }

    /// Lets the descriptor show marks from now on.
    pub fn expose(&self) -> RawFd {
        let mut marks = self.lock();
        marks.exposed = true;
        marks.show(&self.signaler);
        self.signaler.raw()
    }

    /// Takes all marks. Each watch is to be [unmarked](Watch::unmark) before its socket is looked at.
    pub fn take(&self) -> Vec<u64> {
        let mut marks = self.lock();
        marks.armed = false;
        marks.raised = false;
        if marks.owed > 0 {
            marks.owed = marks.owed.saturating_sub(self.signaler.clear());
        }
        core::mem::take(&mut marks.keys)
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
            let mut marks = self.inbox.lock();
            marks.keys.push(self.key);
            marks.show(&self.inbox.signaler);
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
    use crate::signaler::{held, Deadline};

    fn readable(inbox: &Inbox) -> bool {
        inbox.wait(Deadline::after(0)) != Err(Errno::EAGAIN)
    }

    #[test]
    fn a_mark_arrives_once_until_it_is_taken_away() {
        let inbox = Inbox::new().unwrap();
        let (one, other) = (Watch::new(&inbox, 1), Watch::new(&inbox, 2));
        inbox.expose();
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

    #[test]
    fn the_descriptor_shows_marks_when_it_is_armed() {
        let inbox = Inbox::new().unwrap();
        let watch = Watch::new(&inbox, 7);
        watch.mark();
        assert!(!readable(&inbox));
        inbox.arm();
        assert!(readable(&inbox), "a mark from before");
        assert_eq!(inbox.take(), [7]);
        assert!(!readable(&inbox));
        inbox.arm();
        assert!(!readable(&inbox));
        watch.unmark();
        watch.mark();
        assert!(readable(&inbox));
        assert_eq!(inbox.take(), [7]);
        watch.unmark();
        watch.mark();
        assert!(!readable(&inbox), "taking marks disarms");
    }

    #[test]
    fn a_mark_shown_late_shows_no_longer_than_until_marks_are_taken() {
        let inbox = Inbox::new().unwrap();
        let watch = Watch::new(&inbox, 3);
        inbox.expose();
        held::during(|| {
            watch.mark();
            assert!(!readable(&inbox));
            assert_eq!(inbox.take(), [3], "who looks finds it");
        });
        assert!(readable(&inbox), "as it was to be");
        assert_eq!(inbox.take(), []);
        assert!(!readable(&inbox));
        watch.unmark();
        watch.mark();
        assert!(readable(&inbox));
        assert_eq!(inbox.take(), [3]);
        assert!(!readable(&inbox));
    }
}
