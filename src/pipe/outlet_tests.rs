//! The outlet in every order of the two threads that want its reader.

use crate::pipe::interleave::{explore, Access, Machine, Step};

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
