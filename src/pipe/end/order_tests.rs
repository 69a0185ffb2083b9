//! The protocols between the two ends of a pipe, in every order.

use crate::pipe::interleave::{explore, Access, Machine, Step};

const PUBLISHED: u8 = 0;
const ASLEEP: u8 = 1;
const DENSE: u8 = 2;
const EVENTS: u8 = 3;

const MESSAGES: u8 = 3;

/// `flush`: publishes, looks whether the reader sleeps. Dense from the second message on.
fn publishing(access: &mut Access<'_>) -> Step {
    let [published, is_dense, ..] = access.own().registers;
    match access.at() {
        0 => {
            access.store(PUBLISHED, published + 1);
            access.own().registers[0] += 1;
            Step::To(if is_dense != 0 {
                3
            } else if published > 0 {
                1
            } else {
                2
            })
        }
        1 => {
            access.own().registers[1] = 1;
            access.store(DENSE, 1);
            Step::To(2)
        }
        2 => [Step::Blocked, Step::To(3)][usize::from(access.full_fence())],
        3 => Step::To([7, 4, 8][usize::from(access.load(ASLEEP))]),
        at @ (4 | 8) => {
            if is_dense != 0 {
                access.own().registers[1] = 0;
                access.store(DENSE, 0);
            }
            Step::To(if at == 4 { 5 } else { 7 })
        }
        5 => access.then(ASLEEP, |_| 0, |old| if old == 0 { 7 } else { 6 }),
        6 => access.then(EVENTS, |events| events + 1, |_| 7),
        _ if published == MESSAGES => Step::Done,
        _ => Step::To(0),
    }
}

/// Steps 1 to 3 of a reader that found nothing: in 4 it looks once more. `HEAVY` is what makes up for
/// the writer's light fence.
fn falling_asleep<const HEAVY: bool>(access: &mut Access<'_>) -> Step {
    match access.at() {
        1 => {
            access.store(ASLEEP, 1);
            Step::To(2)
        }
        2 if !access.full_fence() => Step::Blocked,
        2 => Step::To(if access.load(DENSE) != 0 && HEAVY { 3 } else { 4 }),
        _ => [Step::Blocked, Step::To(4)][usize::from(access.heavy_fence())],
    }
}

/// `check_read` and `fall_asleep`, until all messages were seen. `HEAVY` is what makes up for the
/// writer's light fence.
fn reading<const HEAVY: bool>(access: &mut Access<'_>) -> Step {
    let seen = access.own().registers[0];
    match access.at() {
        0 | 4 => {
            let published = access.load(PUBLISHED);
            access.own().registers[0] = published;
            if published > seen && access.at() == 4 {
                access.store(ASLEEP, 0);
            }
            match (published > seen, access.at()) {
                _ if published == MESSAGES => Step::Done,
                (true, _) => Step::To(0),
                (false, 0) => Step::To(1),
                (false, _) => Step::To(5),
            }
        }
        1..=3 => falling_asleep::<HEAVY>(access),
        _ => {
            if access.load(EVENTS) == 0 {
                return Step::Blocked;
            }
            access.then(EVENTS, |events| events - 1, |_| 0)
        }
    }
}

#[test]
fn a_sleeping_reader_is_woken_in_every_order() {
    let check = |machine: &Machine, is_last: bool| !is_last || machine.all_done();
    assert!(explore(&[publishing, reading::<true>], [0; 8], check).unwrap() > 500);
    // The other way round: the model sees what the heavy fence is for.
    assert!(explore(&[publishing, reading::<false>], [0; 8], check).is_err());
}

/// As `reading`, but a reader that falls asleep wakes by itself once and looks on (`look_on`, here
/// `LOOKING`), for a moment, before it falls asleep again (`stop_looking`).
fn looking<const HEAVY: bool>(access: &mut Access<'_>) -> Step {
    const LOOKING: u8 = 2;
    let [seen, has_looked, ..] = access.own().registers;
    match access.at() {
        0 | 4 | 6 => {
            let published = access.load(PUBLISHED);
            access.own().registers[0] = published;
            match (published > seen, access.at()) {
                _ if published == MESSAGES => Step::Done,
                (true, 0) => Step::To(0),
                (true, _) => Step::To(7),
                (false, 4) if has_looked != 0 => Step::To(8),
                (false, 4) => Step::To(5),
                (false, _) => Step::To(1),
            }
        }
        1..=3 => falling_asleep::<HEAVY>(access),
        5 => {
            access.own().registers[1] = 1;
            access.store(ASLEEP, LOOKING);
            Step::To(6)
        }
        7 => {
            access.own().registers[1] = 0;
            access.store(ASLEEP, 0);
            Step::To(0)
        }
        _ => {
            if access.load(EVENTS) == 0 {
                return Step::Blocked;
            }
            access.own().registers[1] = 0;
            access.then(EVENTS, |events| events - 1, |_| 0)
        }
    }
}

#[test]
fn a_reader_that_looks_on_needs_no_call_and_gets_one_when_it_sleeps_again() {
    let check = |machine: &Machine, is_last: bool| !is_last || machine.all_done();
    assert!(explore(&[publishing, looking::<true>], [0; 8], check).unwrap() > 1000);
    assert!(explore(&[publishing, looking::<false>], [0; 8], check).is_err());
}

const ACKNOWLEDGED: u8 = 4;
const BLOCKED: u8 = 5;

/// `acknowledge_up_to`.
fn acknowledging<const FENCE: bool>(access: &mut Access<'_>) -> Step {
    let count = access.own().registers[0];
    match access.at() {
        0 => {
            access.store(ACKNOWLEDGED, count + 1);
            access.own().registers[0] += 1;
            Step::To(1)
        }
        1 if FENCE && !access.full_fence() => Step::Blocked,
        1 => Step::To(if access.load(BLOCKED) == 0 { 4 } else { 2 }),
        2 => access.then(BLOCKED, |_| 0, |old| if old == 0 { 4 } else { 3 }),
        3 => access.then(EVENTS, |events| events + 1, |_| 4),
        _ if count == MESSAGES => Step::Done,
        _ => Step::To(0),
    }
}

/// `refresh_credit`, with a mark of 1: each message needs the acknowledgement of the one before.
fn needing_credit(access: &mut Access<'_>) -> Step {
    let written = access.own().registers[0];
    match access.at() {
        0 | 3 => {
            let has_credit = access.load(ACKNOWLEDGED) > written;
            if has_credit {
                access.own().registers[0] += 1;
                if access.at() == 3 {
                    access.store(BLOCKED, 0);
                }
            }
            match (has_credit, access.at()) {
                (true, _) if written + 1 == MESSAGES => Step::Done,
                (true, _) => Step::To(0),
                (false, 0) => Step::To(1),
                (false, _) => Step::To(4),
            }
        }
        1 => {
            access.store(BLOCKED, 1);
            Step::To(2)
        }
        2 => [Step::Blocked, Step::To(3)][usize::from(access.full_fence())],
        _ => {
            if access.load(EVENTS) == 0 {
                return Step::Blocked;
            }
            access.then(EVENTS, |events| events - 1, |_| 0)
        }
    }
}

#[test]
fn a_blocked_writer_is_woken_in_every_order() {
    let check = |machine: &Machine, is_last: bool| !is_last || machine.all_done();
    assert!(explore(&[acknowledging::<true>, needing_credit], [0; 8], check).unwrap() > 200);
    assert!(explore(&[acknowledging::<false>, needing_credit], [0; 8], check).is_err());
}

const OWNER: u8 = 6;
const CLOSED: u8 = 7;

/// `close`: the mark first, then whoever is to be told.
fn closing(access: &mut Access<'_>) -> Step {
    match access.at() {
        0 => {
            access.store(CLOSED, 1);
            Step::To(1)
        }
        1 => [Step::Blocked, Step::To(2)][usize::from(access.full_fence())],
        2 if access.load(OWNER) == 0 => Step::Done,
        _ => match access.exchange(EVENTS, |events| events + 1) {
            None => Step::Blocked,
            Some(_) => Step::Done,
        },
    }
}

/// `set_owner`, then `was_closed_early`; hears of the end one way or the other.
fn attaching<const FENCE: bool>(access: &mut Access<'_>) -> Step {
    match access.at() {
        0 => {
            access.store(OWNER, 1);
            Step::To(1)
        }
        1 if FENCE && !access.full_fence() => Step::Blocked,
        1 => [Step::To(2), Step::Done][usize::from(access.load(CLOSED))],
        _ => [Step::Blocked, Step::Done][usize::from(access.load(EVENTS))],
    }
}

#[test]
fn an_owner_hears_of_the_end_in_every_order() {
    let check = |machine: &Machine, is_last: bool| !is_last || machine.all_done();
    assert!(explore(&[closing, attaching::<true>], [0; 8], check).is_ok());
    assert!(explore(&[closing, attaching::<false>], [0; 8], check).is_err());
}
