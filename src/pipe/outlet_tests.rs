//! The outlet in every order of the two threads that want its reader.

use crate::pipe::interleave::{explore, Access, Machine, Step};
use crate::pipe::queue::{ASLEEP, AWAKE, WATCHING};

const PUBLISHED: u8 = 0;
/// Who holds the lock: nobody, the writer or the session.
const LOCK: u8 = 1;
/// Whether the reader is in the outlet.
const LENT: u8 = 2;
const WANTED: u8 = 3;
/// Calls that the session has not answered.
const CALLS: u8 = 4;
const SENT: u8 = 5;

/// Messages that the writer publishes.
const ALL: u8 = 3;

/// Publishes, and sends through the outlet or calls the session.
fn writing(access: &mut Access<'_>) -> Step {
    let at = access.at();
    let published = access.load(PUBLISHED);
    match at {
        0 => access.then(PUBLISHED, |count| count + 1, |_| 1),
        // `send`
        1 => access.then(LOCK, |_| 1, |held| if held == 0 { 2 } else { 6 }),
        2 if access.load(LENT) == 0 => Step::To(5),
        2 => access.then(SENT, |_| published, |_| 3),
        3 => access.then(LOCK, |_| 0, |_| 4),
        // `was_wanted`
        4 if access.load(WANTED) == 0 => Step::To(7),
        4 => access.then(WANTED, |_| 0, |wanted| if wanted == 1 { 6 } else { 7 }),
        5 => access.then(LOCK, |_| 0, |_| 6),
        6 => access.then(CALLS, |count| count + 1, |_| 7),
        _ if published == ALL => Step::Done,
        _ => Step::To(0),
    }
}

/// Wants its reader back once by itself, for a command of its own, and then whenever it is called.
/// The first register tells whether it had it since. `FENCED`: as it is; otherwise it does not wait
/// for its wish to be seen before it looks again.
fn serving<const FENCED: bool>(access: &mut Access<'_>) -> Step {
    let at = access.at();
    let published = access.load(PUBLISHED);
    match at {
        // `take_back`
        0 => access.then(LOCK, |_| 1, |held| if held == 0 { 3 } else { 1 }),
        1 => {
            access.store(WANTED, 1);
            Step::To(2)
        }
        2 if FENCED && !access.full_fence() => Step::Blocked,
        2 if !FENCED && access.load(LOCK) != 0 => Step::To(6),
        2 => access.then(LOCK, |_| 1, |held| if held == 0 { 3 } else { 6 }),
        3 => {
            access.own().registers[0] = 1;
            access.then(LENT, |_| 0, |_| 4)
        }
        4 => access.then(SENT, |sent| sent.max(published), |_| 5),
        // Lends again; a writer that comes in between is heard by its call.
        5 => access.then(LENT, |_| 1, |_| 7),
        7 => access.then(LOCK, |_| 0, |_| 6),
        6 if access.load(CALLS) == 0 => Step::Blocked,
        _ => access.then(CALLS, |_| 0, |_| 0),
    }
}

#[test]
fn nothing_stays_behind_and_the_session_gets_its_reader_in_every_order() {
    let check = |machine: &Machine, is_last: bool| {
        let sent = machine.memory[usize::from(SENT)];
        let session_had_it = machine.threads[1].registers[0] == 1;
        !is_last || sent == ALL && session_had_it
    };
    let mut memory = [0; 8];
    memory[usize::from(LENT)] = 1;
    assert!(explore(&[writing, serving::<true>], memory, check).unwrap() > 100);
    assert!(explore(&[writing, serving::<false>], memory, check).is_err());
}

const ATTENTION: u8 = 6;
/// How often the writer has sent.
const USES: u8 = 7;

/// `let_see`, `wake_reader`, `send_if_much` and `send_pending` of a writer without a burst behind it,
/// but at its first message. The first register tells that its reader only looks now and then.
fn streaming(access: &mut Access<'_>) -> Step {
    let published = access.load(PUBLISHED);
    match access.at() {
        0 => {
            access.store(PUBLISHED, published + 1);
            Step::To(1)
        }
        1 => [Step::Blocked, Step::To(2)][usize::from(access.full_fence())],
        2 => {
            let attention = access.load(ATTENTION);
            access.own().registers[0] = u8::from(attention == WATCHING);
            Step::To(match attention {
                AWAKE => 9,
                // Enough for a call with every other message.
                WATCHING if published.is_multiple_of(2) => 9,
                ASLEEP if published == 1 => 7,
                _ => 3,
            })
        }
        // `Outlet::send`
        3 => access.then(LOCK, |_| 1, |held| if held == 0 { 4 } else { 8 }),
        4 if access.load(LENT) == 0 => Step::To(6),
        4 => access.then(USES, |uses| uses + 1, |_| 5),
        5 => access.then(SENT, |_| published, |_| 10),
        6 | 10 => {
            access.store(LOCK, 0);
            Step::To(if access.at() == 6 { 8 } else { 11 })
        }
        8 => Step::To(if access.own().registers[0] == 1 { 9 } else { 7 }),
        // `call_reader`
        7 => access.then(ATTENTION, |_| WATCHING, |old| if old == AWAKE { 9 } else { 13 }),
        // `was_wanted`
        11 => [Step::Blocked, Step::To(12)][usize::from(access.full_fence())],
        12 if access.load(WANTED) == 0 => Step::To(9),
        12 => access.then(WANTED, |_| 0, |wanted| if wanted == 1 { 13 } else { 9 }),
        13 => access.then(CALLS, |count| count + 1, |_| 9),
        _ if published == ALL => Step::Done,
        _ => Step::To(0),
    }
}

/// What a session's registers are: the uses at its last look, whether it will look again, whether its
/// reader is lent.
const SEEN_USES: usize = 0;
const LOOKS: usize = 1;
const IS_LENT: usize = 2;

/// A session in a stream. After what it wrote it looks again
/// before long (`LOOKING`: as it is; otherwise it does not) if that was an odd number of messages.
fn watching<const LOOKING: bool>(access: &mut Access<'_>) -> Step {
    let published = access.load(PUBLISHED);
    match access.at() {
        0 if access.load(CALLS) != 0 => access.then(CALLS, |_| 0, |_| 1),
        0 if access.own().registers[LOOKS] == 1 => Step::To(3),
        0 => Step::Blocked,
        // `activate_read`
        1 => Step::To(if access.load(ATTENTION) == WATCHING { 2 } else { 4 }),
        2 => {
            access.store(ATTENTION, AWAKE);
            Step::To(4)
        }
        // `look`
        3 => {
            let uses = access.load(USES);
            let before = core::mem::replace(&mut access.own().registers[SEEN_USES], uses);
            access.own().registers[LOOKS] = u8::from(before != uses);
            Step::To(if before == uses { 4 } else { 0 })
        }
        // `take_back`
        4 if access.own().registers[IS_LENT] == 0 => Step::To(9),
        4 => access.then(LOCK, |_| 1, |held| if held == 0 { 7 } else { 5 }),
        5 => {
            access.store(WANTED, 1);
            Step::To(6)
        }
        6 => access.then(LOCK, |_| 1, |held| if held == 0 { 7 } else { 0 }),
        7 => {
            access.store(LENT, 0);
            Step::To(8)
        }
        8 => {
            access.store(LOCK, 0);
            access.own().registers[IS_LENT] = 0;
            access.own().registers[LOOKS] = 0;
            Step::To(18)
        }
        18 => {
            access.store(ATTENTION, AWAKE);
            Step::To(9)
        }
        // `pump`
        9 if access.load(SENT) < published => {
            let next = if published % 2 == 1 { 20 } else { 9 };
            access.then(SENT, |_| published, |_| next)
        }
        // `fall_asleep`
        9 => {
            access.store(ATTENTION, ASLEEP);
            Step::To(11)
        }
        11 => [Step::Blocked, Step::To(12)][usize::from(access.full_fence())],
        12 if access.load(SENT) < published => {
            access.store(ATTENTION, AWAKE);
            Step::To(9)
        }
        // `lend`
        12 => Step::To(14),
        14 | 20 => {
            let at = access.at();
            access.then(LOCK, |_| 1, |held| if held == 0 { at + 1 } else { at })
        }
        15 | 21 => {
            access.store(LENT, 1);
            access.own().registers[IS_LENT] = 1;
            Step::To(access.at() + 1)
        }
        16 | 22 => {
            access.store(LOCK, 0);
            Step::To(if access.at() == 16 { 0 } else { 23 })
        }
        23 => {
            access.store(ATTENTION, WATCHING);
            Step::To(24)
        }
        _ => {
            let uses = access.load(USES);
            access.own().registers[SEEN_USES] = uses;
            access.own().registers[LOOKS] = u8::from(LOOKING);
            Step::To(0)
        }
    }
}

#[test]
fn nothing_stays_behind_in_a_stream_in_every_order() {
    let check =
        |machine: &Machine, is_last: bool| !is_last || machine.memory[usize::from(SENT)] == ALL;
    // The session has its reader, and is called to begin with.
    let mut memory = [0; 8];
    memory[usize::from(CALLS)] = 1;
    assert!(explore(&[streaming, watching::<true>], memory, check).unwrap() > 1000);
    assert!(explore(&[streaming, watching::<false>], memory, check).is_err());
}

const LEFT: u8 = 2;
const WILL_LOOK: u8 = 3;

/// Leaves the odd messages (`leave`) and sends the even ones along with what was left. `FIRST`: says that it
/// has left something before it asks whether the session will look, as it is.
fn leaving<const FIRST: bool>(access: &mut Access<'_>) -> Step {
    let at = access.at();
    let published = access.load(PUBLISHED);
    match at {
        0 => access.then(PUBLISHED, |count| count + 1, |_| 1),
        1 if published.is_multiple_of(2) => {
            access.store(LEFT, 0);
            Step::To(5)
        }
        1 if FIRST => {
            access.store(LEFT, 1);
            Step::To(2)
        }
        1 | 2 => access.then(WILL_LOOK, |_| 1, |will| if will == 1 { 4 } else { 3 }),
        3 => access.then(CALLS, |count| count + 1, |_| 4),
        4 => {
            if !FIRST {
                access.store(LEFT, 1);
            }
            Step::To(6)
        }
        5 => access.then(SENT, |sent| sent.max(published), |_| 6),
        _ if published == ALL => Step::Done,
        _ => Step::To(0),
    }
}

/// `was_left` whenever it is told, and what follows.
fn looking_after(access: &mut Access<'_>) -> Step {
    match access.at() {
        0 if access.load(CALLS) == 0 => Step::Blocked,
        0 => access.then(CALLS, |calls| calls - 1, |_| 1),
        1 => access.then(WILL_LOOK, |_| 0, |_| 2),
        2 => access.then(LEFT, |_| 0, |left| if left == 1 { 3 } else { 0 }),
        _ => {
            let published = access.load(PUBLISHED);
            access.then(SENT, |sent| sent.max(published), |_| 0)
        }
    }
}

#[test]
fn what_was_left_is_looked_after_in_every_order() {
    let check =
        |machine: &Machine, is_last: bool| !is_last || machine.memory[usize::from(SENT)] == ALL;
    assert!(explore(&[leaving::<true>, looking_after], [0; 8], check).unwrap() > 100);
    assert!(explore(&[leaving::<false>, looking_after], [0; 8], check).is_err());
}
