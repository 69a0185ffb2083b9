//! The mailbox in every order of two senders and its owner, and under load.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::*;
use crate::pipe::interleave::{explore, Access, Machine, Step};
use crate::socket::watch::Inbox;

const COMMANDS: u8 = 0;
const STATE: u8 = 1;
const DESCRIPTOR: u8 = 2;

fn take(mailbox: &Mailbox) -> VecDeque<Command> {
    let mut commands = VecDeque::new();
    mailbox.take(&mut commands);
    commands
}

/// Whether somebody who begins to sleep on the descriptor now is woken at once.
fn is_readable(mailbox: &Mailbox) -> bool {
    mailbox.expose();
    let readable = mailbox.signaler.wait(Deadline::after(0)).is_ok();
    mailbox.conceal();
    readable
}

/// An atomic change of the state; what it was.
fn change(access: &mut Access<'_>, to: fn(u32) -> u32) -> u32 {
    access.exchange(STATE, |old| to(u32::from(old)) as u8).map_or(0, u32::from)
}

/// What each sender sends.
const EACH: u8 = 2;

/// `Mailbox::send`.
fn sending(access: &mut Access<'_>) -> Step {
    match access.at() {
        0 => access.then(COMMANDS, |commands| commands + 1, |_| 1),
        1 => {
            let before = change(access, |old| old | PENDING | RAISED);
            Step::To(if wants_write(before) { 2 } else { 3 })
        }
        2 => access.then(DESCRIPTOR, |count| count + 1, |_| 3),
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
            change(access, |old| old | PENDING);
            Step::To(3)
        }
        _ => sending(access),
    }
}

/// What is owed, in a register that knows no negative numbers.
const NOTHING_OWED: u8 = 100;

/// `take`, `look_for` and `wait`, until all commands came and nothing is owed.
fn waiting(access: &mut Access<'_>) -> Step {
    owning(access, false)
}

/// As [`waiting`], with `expose` and `conceal` around the sleep.
fn polling(access: &mut Access<'_>) -> Step {
    owning(access, true)
}

/// Goes "inside" where it would have been woken for nothing.
fn owning(access: &mut Access<'_>, polls: bool) -> Step {
    let [taken, owed, cleared, looked] = access.own().registers;
    let owed = if owed == 0 { NOTHING_OWED } else { owed };
    let pending = |state: u32| state & PENDING != 0;
    let state = |access: &Access<'_>| u32::from(access.load(STATE));
    match access.at() {
        0 if pending(state(access)) || owed > NOTHING_OWED => Step::To(1),
        0 if taken == 2 * EACH => Step::Done,
        0 if looked == 0 && state(access) < SLEEPER => {
            access.own().registers[3] = 1;
            Step::To(0)
        }
        0 if looked == 0 => Step::To(5),
        0 => Step::To(8),
        1 => {
            let state = state(access);
            let is_written = state >= SLEEPER && state & RAISED != 0;
            access.own().registers[2] = 0;
            Step::To(if is_written || owed > NOTHING_OWED { 2 } else { 3 })
        }
        2 => {
            let count = access.exchange(DESCRIPTOR, |_| 0).unwrap_or(0);
            access.own().registers[2] = count;
            Step::To(3)
        }
        3 => {
            let old = change(access, |old| old & !(PENDING | RAISED));
            let raised = u8::from(old >= SLEEPER && old & RAISED != 0);
            access.own().registers[1] = owed + raised - cleared;
            Step::To(4)
        }
        4 => {
            let commands = access.exchange(COMMANDS, |_| 0).unwrap_or(0);
            access.own().registers[0] += commands;
            access.own().registers[3] = 0;
            Step::To(0)
        }
        5 => {
            let old = change(access, |old| old | LOOKING);
            Step::To(if old & RAISED == 0 { 6 } else { 7 })
        }
        at @ (6 | 7) => {
            let old = change(access, |old| old & !LOOKING);
            if at == 6 && old & RAISED != 0 {
                access.own().registers[1] = owed - 1;
            }
            access.own().registers[3] = 1;
            Step::To(0)
        }
        8 => {
            let before = change(access, |old| old + SLEEPER);
            Step::To(match (before & PENDING != 0, before & RAISED != 0) {
                (_, true) if polls && before < SLEEPER => 9,
                (true, true) if !polls => 12,
                (true, false) if !polls => 11,
                _ => 10,
            })
        }
        9 => {
            access.exchange(DESCRIPTOR, |count| count + 1);
            Step::To(10)
        }
        10 if access.load(DESCRIPTOR) == 0 => Step::Blocked,
        10 => {
            // Readable: the descriptor was written after the state was looked at, or else there is
            // nothing to do.
            access.own().inside = !pending(state(access));
            Step::To(11)
        }
        at => {
            access.own().inside = false;
            let old = change(access, |old| old - SLEEPER);
            if at == 11 && old < 2 * SLEEPER && old & RAISED != 0 {
                access.own().registers[1] = owed + 1;
            }
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
    for owner in [waiting, polling] {
        for shown in [0, SLEEPER as u8] {
            let mut memory = [0; 8];
            memory[usize::from(STATE)] = shown;
            assert!(explore(&[sending, sending, owner], memory, check).unwrap() > 500);
            assert!(explore(&[sending, leaving, owner], memory, check).unwrap() > 500);
        }
    }
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
    assert_eq!(mailbox.signaler.wait(soon), Err(Errno::EAGAIN), "nothing left to clear");
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
    assert_eq!(mailbox.signaler.wait(now), Ok(()), "for whoever comes late to poll it");
    mailbox.signaler.clear();
    assert!(mailbox.send(Command::ChildGone(2)));
    assert_eq!(mailbox.signaler.wait(now), Ok(()), "the reaper waits for new writes");
}

#[test]
fn the_descriptor_is_written_for_those_who_may_sleep_on_it() {
    let mailbox = Mailbox::new().unwrap();
    let written = || mailbox.signaler.wait(Deadline::after(0)).is_ok();
    assert!(mailbox.send(Command::ChildGone(1)));
    mailbox.wake_pollers();
    assert!(!written(), "nobody sleeps");
    mailbox.expose();
    assert!(written(), "for what came earlier");
    mailbox.expose();
    mailbox.conceal();
    assert_eq!(take(&mailbox).len(), 1);
    assert!(!written());
    assert!(mailbox.send(Command::ChildGone(2)));
    assert!(written(), "one sleeper is left");
    mailbox.conceal();
    assert!(mailbox.send(Command::ChildGone(3)));
    assert_eq!(take(&mailbox).len(), 2);
    assert!(!written() && !mailbox.needs_attention(), "what was written before is cleared");
    mailbox.show();
    mailbox.show();
    assert!(mailbox.state.load(Ordering::Relaxed) < 2 * SLEEPER, "one application, however often");
    assert!(mailbox.send(Command::ChildGone(4)));
    assert!(written(), "an application may sleep at any time");
    assert_eq!(take(&mailbox).len(), 1);
    assert!(!written() && !mailbox.needs_attention());
}

#[test]
fn an_application_that_asks_for_the_descriptor_finds_what_it_would_have_seen() {
    let written = |mailbox: &Mailbox| mailbox.signaler.wait(Deadline::after(0)).is_ok();
    let mailbox = Mailbox::new().unwrap();
    mailbox.wake_pollers();
    assert!(mailbox.needs_attention());
    mailbox.show();
    assert!(written(&mailbox));
    assert!(take(&mailbox).is_empty());
    assert!(!written(&mailbox) && !mailbox.needs_attention());

    let mailbox = Mailbox::new().unwrap();
    mailbox.wake_pollers();
    assert!(take(&mailbox).is_empty());
    mailbox.show();
    assert!(!written(&mailbox) && !mailbox.needs_attention(), "it is over");
}

#[test]
fn nobody_sleeps_while_commands_wait() {
    let mailbox = Mailbox::new().unwrap();
    assert!(mailbox.send(Command::ChildGone(1)));
    assert!(!mailbox.expose_for_sleep());
    assert_eq!(take(&mailbox).len(), 1);
    assert!(!mailbox.needs_attention());
    assert!(mailbox.expose_for_sleep());
    assert!(mailbox.send(Command::ChildGone(2)));
    assert_eq!(mailbox.signaler.wait(Deadline::after(0)), Ok(()));
    mailbox.conceal();
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
    mailbox.signaler.clear();
    assert!(mailbox.leave(Command::ChildGone(1)));
    assert!(is_readable(&mailbox), "the reaper waits for its children");
}

#[test]
fn a_watch_that_is_hung_while_a_command_comes_hears_of_it() {
    const ROUNDS: u64 = 200_000;
    let mailbox = Mailbox::new().unwrap();
    let inbox = Inbox::new().unwrap();
    inbox.expose();
    let round = AtomicU64::new(0);
    let lost = std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..=ROUNDS {
                while round.load(Ordering::Acquire) < number {
                    core::hint::spin_loop();
                }
                mailbox.send(Command::ChildGone(number));
            }
        });
        for number in 1..=ROUNDS {
            let watch = Watch::new(&inbox, number);
            round.store(number, Ordering::Release);
            (0..number % 64).for_each(|_| core::hint::spin_loop());
            mailbox.set_watches(&[watch]);
            if !mailbox.has_pending() && inbox.wait(Deadline::after(5_000)).is_err() {
                round.store(ROUNDS, Ordering::Release);
                return Some(number);
            }
            while take(&mailbox).is_empty() {}
            mailbox.set_watches(&[]);
            inbox.take();
        }
        None
    });
    assert_eq!(lost, None, "the round whose command was not heard of");
}
