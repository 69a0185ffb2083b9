//! The mailbox in every order of two senders and its owner, and under load.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::*;
use crate::pipe::interleave::{explore, Access, Machine, Step};

const COMMANDS: u8 = 0;
const STATE: u8 = 1;
const DESCRIPTOR: u8 = 2;

fn take(mailbox: &Mailbox) -> VecDeque<Command> {
    let mut commands = VecDeque::new();
    mailbox.take(&mut commands);
    commands
}

fn is_readable(mailbox: &Mailbox) -> bool {
    mailbox.signaler().wait(Deadline::after(0)).is_ok()
}

/// What each sender sends.
const EACH: u8 = 2;

/// `Mailbox::send`.
fn sending(access: &mut Access<'_>) -> Step {
    match access.at() {
        0 => {
            access.exchange(COMMANDS, |commands| commands + 1);
            Step::To(1)
        }
        1 => {
            let before = access.exchange(STATE, |old| old | PENDING | RAISED).unwrap_or(0);
            Step::To(if before & (RAISED | LOOKING) == 0 { 2 } else { 3 })
        }
        2 => {
            access.exchange(DESCRIPTOR, |count| count + 1);
            Step::To(3)
        }
        _ => {
            let sent = &mut access.own().registers[0];
            *sent += 1;
            if *sent == EACH {
                Step::Done
            } else {
                Step::To(0)
            }
        }
    }
}

/// `Mailbox::leave`, to a patient owner, and then `Mailbox::send`.
fn leaving(access: &mut Access<'_>) -> Step {
    match (access.own().registers[0], access.at()) {
        (0, 1) => {
            access.exchange(STATE, |old| old | PENDING);
            Step::To(3)
        }
        _ => sending(access),
    }
}

/// What is owed, in a register that knows no negative numbers.
const NOTHING_OWED: u8 = 100;

/// `take`, `look_for` and `wait`, until all commands came and nothing is owed. Goes "inside" where
/// it would have been woken for nothing.
fn taking(access: &mut Access<'_>) -> Step {
    let [taken, owed, cleared, looked] = access.own().registers;
    let owed = if owed == 0 { NOTHING_OWED } else { owed };
    let pending = |state: u8| state & PENDING != 0;
    match access.at() {
        0 if pending(access.load(STATE)) || owed > NOTHING_OWED => Step::To(1),
        0 if taken == 2 * EACH => Step::Done,
        0 if looked == 0 => Step::To(4),
        0 if access.load(DESCRIPTOR) == 0 => Step::Blocked,
        0 => {
            // Readable: the descriptor was written after the state was looked at above, or else
            // there is nothing to do.
            access.own().inside = !pending(access.load(STATE));
            Step::To(0)
        }
        1 => {
            let count = access.exchange(DESCRIPTOR, |_| 0).unwrap_or(0);
            access.own().registers[2] = count;
            Step::To(2)
        }
        2 => {
            let old = access.exchange(STATE, |old| old & !(PENDING | RAISED)).unwrap_or(0);
            access.own().registers[1] = owed + u8::from(old & RAISED != 0) - cleared;
            Step::To(3)
        }
        3 => {
            let commands = access.exchange(COMMANDS, |_| 0).unwrap_or(0);
            access.own().registers[0] += commands;
            access.own().registers[3] = 0;
            Step::To(0)
        }
        4 => {
            let old = access.exchange(STATE, |old| old | LOOKING).unwrap_or(0);
            Step::To(if old & RAISED == 0 { 5 } else { 6 })
        }
        at => {
            let old = access.exchange(STATE, |old| old & !LOOKING).unwrap_or(0);
            if at == 5 && old & RAISED != 0 {
                access.own().registers[1] = owed - 1;
            }
            access.own().registers[3] = 1;
            Step::To(0)
        }
    }
}

#[test]
fn commands_come_in_every_order_and_a_readable_descriptor_has_a_reason() {
    let check = |machine: &Machine, is_last: bool| {
        let [senders @ .., owner] = &machine.threads[..] else { return false };
        let owed = owner.registers[1];
        // What was raised without a write is owed less than nothing until it is taken down.
        let sound = machine.inside() == 0 && (owed == 0 || owed >= NOTHING_OWED - 1);
        // A sender may come last; what it leaves is cleared by the owner's next call.
        let memory = machine.memory.map(|word| word > 0);
        let cleared = !memory[usize::from(DESCRIPTOR)] || memory[usize::from(STATE)];
        let all_sent = senders.iter().all(|sender| sender.registers[0] == EACH);
        let waits_for_nothing =
            owner.at == 0 && owed > NOTHING_OWED && all_sent && !memory[usize::from(DESCRIPTOR)];
        let sound = sound && !waits_for_nothing;
        sound && (!is_last || machine.all_done() && cleared)
    };
    assert!(explore(&[sending, sending, taking], [0; 8], check).unwrap() > 500);
    assert!(explore(&[sending, leaving, taking], [0; 8], check).unwrap() > 500);
}

#[test]
fn senders_wake_an_owner_that_really_sleeps() {
    const SENDERS: u64 = 3;
    const COMMANDS_EACH: u64 = 4000;
    let mailbox = Mailbox::new().unwrap();
    mailbox.set_patient(true);
    let sleeps = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let mailbox = &mailbox;
            scope.spawn(move || {
                for number in 0..COMMANDS_EACH {
                    let command = Command::ChildGone(sender << 32 | number);
                    // The last one in a row has to wake the owner.
                    let can_wait = number % 3 == sender && number + 1 < COMMANDS_EACH;
                    assert!(if can_wait { mailbox.leave(command) } else { mailbox.send(command) });
                    if number % 64 == sender {
                        std::thread::yield_now();
                    }
                }
            });
        }
        let mut next = [0; SENDERS as usize];
        while next.iter().sum::<u64>() < SENDERS * COMMANDS_EACH {
            let deadline = Deadline::after(20_000);
            sleeps.fetch_add(u64::from(!mailbox.has_pending()), Ordering::Relaxed);
            let mut looks = 1 + next[0] % 5 * 20;
            let found = mailbox.look_for(|| {
                looks -= 1;
                looks == 0
            });
            if !found {
                mailbox.wait(deadline).expect("woken for a command");
            }
            for command in take(&mailbox) {
                let Command::ChildGone(id) = command else { panic!("{command:?}") };
                let place = &mut next[(id >> 32) as usize];
                assert_eq!(id & 0xffff_ffff, *place, "each sender's commands in order");
                *place += 1;
            }
        }
    });
    while mailbox.needs_attention() {
        assert!(take(&mailbox).is_empty());
    }
    let soon = Deadline::At(std::time::Instant::now() + Duration::from_millis(1));
    assert_eq!(mailbox.signaler().wait(soon), Err(Errno::EAGAIN), "nothing left to clear");
}

#[test]
fn a_closed_mailbox_drops_what_it_is_sent() {
    let mailbox = Mailbox::new().unwrap();
    assert!(mailbox.send(Command::ChildGone(1)));
    assert_eq!(mailbox.close().len(), 1);
    assert!(!mailbox.send(Command::ChildGone(2)));
    assert!(take(&mailbox).is_empty());
}

#[test]
fn a_retired_mailbox_stays_readable_and_shows_new_commands() {
    let mailbox = Mailbox::new().unwrap();
    let now = Deadline::after(0);
    mailbox.retire();
    assert!(mailbox.send(Command::ChildGone(1)));
    assert!(mailbox.has_pending());
    assert_eq!(take(&mailbox).len(), 1);
    assert_eq!(mailbox.signaler().wait(now), Ok(()), "for whoever comes late to poll it");
    mailbox.signaler().clear();
    assert!(mailbox.send(Command::ChildGone(2)));
    assert_eq!(mailbox.signaler().wait(now), Ok(()), "the reaper waits for new writes");
}

#[test]
fn what_can_wait_wakes_nobody_but_is_there() {
    let mailbox = Mailbox::new().unwrap();
    mailbox.set_patient(true);
    assert!(mailbox.leave(Command::ChildGone(1)));
    assert!(!is_readable(&mailbox));
    assert!(mailbox.has_pending(), "for the owner's next call");
    assert!(mailbox.look_for(|| true));
    assert!(mailbox.send(Command::ChildGone(2)));
    assert!(is_readable(&mailbox));
    assert_eq!(take(&mailbox).len(), 2);
    assert!(!is_readable(&mailbox) && !mailbox.needs_attention());
    mailbox.set_patient(false);
    assert!(mailbox.leave(Command::ChildGone(3)));
    assert!(is_readable(&mailbox));
}

#[test]
fn what_can_wait_owes_nothing() {
    let mailbox = Mailbox::new().unwrap();
    mailbox.set_patient(true);
    let owed = || mailbox.owed.load(Ordering::Relaxed);
    assert!(mailbox.leave(Command::ChildGone(1)));
    assert_eq!((take(&mailbox).len(), owed()), (1, 0));
    assert!(mailbox.look_for(|| !mailbox.leave(Command::ChildGone(2))));
    assert_eq!((take(&mailbox).len(), owed()), (1, 0));
}

#[test]
fn what_can_wait_does_not_pile_up() {
    let mailbox = Mailbox::new().unwrap();
    mailbox.set_patient(true);
    let sent = (0..2 * MANY).position(|_| {
        mailbox.leave(Command::ChildGone(1));
        is_readable(&mailbox)
    });
    assert!(sent.is_some());
}

#[test]
fn nothing_can_wait_once_the_socket_is_closed() {
    let mailbox = Mailbox::new().unwrap();
    mailbox.set_patient(true);
    mailbox.retire();
    mailbox.signaler().clear();
    assert!(mailbox.leave(Command::ChildGone(1)));
    assert!(is_readable(&mailbox), "the reaper waits for its children");
}
