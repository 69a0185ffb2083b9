//! Signals that wait while an I/O thread looks after its other connections.
//!
//! An application that is woken at the first message of many takes the processor from the I/O thread
//! where they share one, and goes through all its sockets for a message or two. So an I/O thread wakes
//! nobody before it has done all that it woke up for itself, or for a tenth of a millisecond and the turn it
//! is in. Who is awake finds what came all the same. Before it waits for another thread, or calls what the
//! application brought, it sends what it holds: the other side may be waiting for just that.

use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::write_to;

/// How long a signal waits while there is something else to look after.
const LONGEST: Duration = Duration::from_micros(100);

#[derive(Debug, Default)]
struct Held {
    /// The thread holds signals.
    holds: bool,
    /// When the first of them was given.
    since: Option<Instant>,
    signals: Vec<Arc<OwnedFd>>,
}

impl Held {
    fn send(&mut self) {
        self.since = None;
        self.signals.drain(..).for_each(|signal| write_to(&signal));
    }
}

thread_local! {
    static HELD: RefCell<Held> = RefCell::default();
}

/// Keeps a signal for later. False where it is to be sent at once.
pub(super) fn hold(signal: &Arc<OwnedFd>) -> bool {
    with(|held| {
        if held.holds {
            held.since.get_or_insert_with(Instant::now);
            held.signals.push(signal.clone());
        }
        held.holds
    })
    .unwrap_or(false)
}

/// Holds the signals of something, and sends them when it is over.
pub fn during<T>(body: impl FnOnce() -> T) -> T {
    with(|held| held.holds = true);
    let outcome = body();
    with(|held| {
        held.holds = false;
        held.send();
    });
    outcome
}

/// Sends those that have waited for long.
pub fn send_old() {
    with(|held| {
        if held.since.is_some_and(|since| since.elapsed() >= LONGEST) {
            held.send();
        }
    });
}

/// Sends all of them: something that may take its time comes next.
pub fn send_all() {
    with(Held::send);
}

/// Runs something that may wait for who is to be woken, or wake somebody and wait: nothing is held before
/// it and during it.
pub fn without<T>(body: impl FnOnce() -> T) -> T {
    let held = with(|held| {
        held.send();
        core::mem::replace(&mut held.holds, false)
    });
    let outcome = body();
    if held == Some(true) {
        with(|held| held.holds = true);
    }
    outcome
}

/// `None` at the end of a thread, when it has nothing of its own any more.
fn with<T>(body: impl FnOnce(&mut Held) -> T) -> Option<T> {
    HELD.try_with(|held| body(&mut held.borrow_mut())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signaler::{Deadline, Signaler};

    fn is_set(signaler: &Signaler) -> bool {
        signaler.wait(Deadline::after(0)).is_ok()
    }

    #[test]
    fn a_thread_that_holds_nothing_signals_at_once() {
        let signaler = Signaler::new().unwrap();
        signaler.set_soon();
        assert!(is_set(&signaler));
        during(|| {});
        signaler.clear();
        signaler.set_soon();
        assert!(is_set(&signaler));
    }

    #[test]
    fn held_signals_wait_for_the_end() {
        let [first, second] = [(); 2].map(|()| Signaler::new().unwrap());
        during(|| {
            first.set_soon();
            second.set_soon();
            first.set_soon();
            assert!(!is_set(&first) && !is_set(&second));
            std::thread::scope(|scope| scope.spawn(|| second.set_soon()).join().unwrap());
            assert!(is_set(&second), "other threads do not hold theirs");
        });
        assert_eq!((first.clear(), second.clear()), (2, 2));
    }

    #[test]
    fn they_do_not_wait_for_long_nor_for_something_long() {
        let signaler = Signaler::new().unwrap();
        during(|| {
            send_old();
            signaler.set_soon();
            std::thread::sleep(LONGEST);
            assert!(!is_set(&signaler));
            send_old();
            assert!(is_set(&signaler), "it has waited for long");
            signaler.clear();
            signaler.set_soon();
            send_all();
            assert!(is_set(&signaler));
            signaler.clear();
            signaler.set_soon();
            assert!(!is_set(&signaler), "the thread holds on");
            let (before, during) = without(|| {
                let before = is_set(&signaler);
                signaler.clear();
                signaler.set_soon();
                (before, is_set(&signaler))
            });
            assert!(before && during);
            signaler.clear();
            signaler.set_soon();
            assert!(!is_set(&signaler), "and afterwards, too");
        });
        assert!(is_set(&signaler));
    }
}
