//! One descriptor for a sleep on many sockets.
//!
//! The system looks at each descriptor that it is asked about, and a message for each socket would
//! be a write to each of theirs. A thread that goes to sleep on many hangs one bell on all of them
//! instead. Whoever raises the state of one rings it, with one write for all until it is stilled;
//! which sockets it was is in their states.

use core::sync::atomic::{AtomicBool, Ordering};
use std::os::fd::RawFd;
use std::sync::Arc;

use crate::error::Result;
use crate::signaler::Signaler;

#[derive(Debug)]
pub struct Bell {
    rung: AtomicBool,
    signaler: Signaler,
}

impl Bell {
    /// `EMFILE`, `ENFILE` or `ENOMEM` when the system has no descriptor left.
    pub fn new() -> Result<Arc<Bell>> {
        Ok(Arc::new(Bell { rung: AtomicBool::new(false), signaler: Signaler::new()? }))
    }

    /// Readable once the bell was rung.
    pub fn descriptor(&self) -> RawFd {
        self.signaler.raw()
    }

    pub fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.signaler.set_soon();
        }
    }

    pub fn is_rung(&self) -> bool {
        self.rung.load(Ordering::Relaxed)
    }

    /// To be called before the sockets are looked at. What is raised later rings again, and once in
    /// a while something that was seen already does.
    pub fn still(&self) {
        // In this order: a write between the two must not be taken while later ones are left out.
        self.signaler.clear();
        // An exchange, not a store: what was raised before a ring that this takes away is seen.
        self.rung.swap(false, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::pipe::interleave::{explore, Access, Machine, Step};
    use crate::signaler::Deadline;
    use crate::socket::mailbox::{Command, Mailbox};

    const SENT: u8 = 0;
    const RAISED: u8 = 1;
    const RUNG: u8 = 2;
    const DESCRIPTOR: u8 = 3;
    /// What each of two senders sends.
    const EACH: u8 = 2;

    /// What `Mailbox::send` does under its lock and after it, as far as the bell is concerned.
    fn sending(access: &mut Access<'_>) -> Step {
        match access.at() {
            0 => access.then(SENT, |sent| sent + 1, |_| 1),
            1 => access.then(RAISED, |_| 1, |raised| if raised == 0 { 2 } else { 4 }),
            2 => access.then(RUNG, |_| 1, |rung| if rung == 0 { 3 } else { 4 }),
            3 => access.then(DESCRIPTOR, |count| count + 1, |_| 4),
            _ => {
                access.own().registers[0] += 1;
                let all = access.own().registers[0] == EACH;
                if all {
                    Step::Done
                } else {
                    Step::To(0)
                }
            }
        }
    }

    /// Sleeps, stills the bell and looks, until all was received.
    fn polling(access: &mut Access<'_>) -> Step {
        match access.at() {
            0 if access.load(DESCRIPTOR) == 0 => Step::Blocked,
            0 => Step::To(1),
            1 => access.then(DESCRIPTOR, |_| 0, |_| 2),
            2 => access.then(RUNG, |_| 0, |_| 3),
            3 => Step::To(if access.load(RAISED) == 1 { 4 } else { 0 }),
            4 => access.then(RAISED, |_| 0, |_| 5),
            _ => {
                let sent = access.exchange(SENT, |_| 0).unwrap_or(0);
                access.own().registers[0] += sent;
                let all = access.own().registers[0] == 2 * EACH;
                if all {
                    Step::Done
                } else {
                    Step::To(0)
                }
            }
        }
    }

    #[test]
    fn no_order_of_ringing_and_stilling_loses_a_command() {
        let check = |machine: &Machine, is_last: bool| !is_last || machine.all_done();
        assert!(explore(&[sending, sending, polling], [0; 8], check).unwrap() > 200);
    }

    fn is_rung(bell: &Bell) -> bool {
        bell.signaler.wait(Deadline::after(0)).is_ok()
    }

    #[test]
    fn a_bell_rings_for_all_it_hangs_on() {
        let bell = Bell::new().unwrap();
        let mailboxes = [Mailbox::new().unwrap(), Mailbox::new().unwrap()];
        assert!(mailboxes[0].send(Command::ChildGone(1)));
        assert!(mailboxes[0].hang(&bell) && mailboxes[1].hang(&bell));
        assert!(is_rung(&bell), "for what came before");
        mailboxes[0].take(&mut VecDeque::new());
        bell.still();
        assert!(!is_rung(&bell));
        for mailbox in &mailboxes {
            assert!(mailbox.send(Command::ChildGone(2)));
        }
        assert!(is_rung(&bell));
        assert_eq!(bell.signaler.clear(), 1, "one write for both");
        assert!(mailboxes.iter().all(|mailbox| mailbox.is_raised()));
        let other = Bell::new().unwrap();
        assert!(!mailboxes[0].hang(&other), "one at a time");
        for mailbox in &mailboxes {
            mailbox.take_bell_off();
            mailbox.take(&mut VecDeque::new());
            assert!(!mailbox.is_raised());
        }
        bell.still();
        assert!(mailboxes[0].send(Command::ChildGone(3)));
        assert!(!is_rung(&bell), "it does not hang there any more");
    }

    #[test]
    fn a_closed_socket_rings_and_takes_no_bell() {
        let bell = Bell::new().unwrap();
        let mailbox = Mailbox::new().unwrap();
        assert!(mailbox.hang(&bell));
        mailbox.retire();
        assert!(is_rung(&bell) && mailbox.is_raised());
        mailbox.take_bell_off();
        assert!(!mailbox.hang(&bell));
    }

    #[test]
    fn every_command_to_one_of_many_wakes() {
        const EACH: u64 = 100_000;
        let mailboxes = [(); 3].map(|()| Mailbox::new().unwrap());
        let bell = Bell::new().unwrap();
        let lost = std::thread::scope(|scope| {
            for mailbox in &mailboxes {
                scope.spawn(move || {
                    for number in 0..EACH {
                        assert!(mailbox.send(Command::ChildGone(number)));
                        if number % 16 == 0 {
                            std::thread::yield_now();
                        }
                    }
                });
            }
            let mut received = 0;
            while received < EACH as usize * mailboxes.len() {
                assert!(mailboxes.iter().all(|mailbox| mailbox.hang(&bell)));
                let woken = bell.signaler.wait(Deadline::after(10_000));
                bell.still();
                for mailbox in &mailboxes {
                    mailbox.take_bell_off();
                    if mailbox.is_raised() {
                        let mut commands = VecDeque::new();
                        mailbox.take(&mut commands);
                        received += commands.len();
                    }
                }
                if woken.is_err() {
                    return Some(received);
                }
            }
            None
        });
        assert_eq!(lost, None, "slept although commands waited");
    }
}
