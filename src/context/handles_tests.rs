//! Handles: entering from several threads, and every pointer that is not a handle.

use core::sync::atomic::AtomicBool;

use super::*;
use crate::pipe::interleave::{explore, Access, Step};
use crate::pipe::random::Random;

fn object(number: usize) -> *mut c_void {
    core::ptr::without_provenance_mut(number)
}

#[test]
fn only_live_handles_are_known() {
    let handle = insert(Kind::Socket, object(8)).unwrap();
    assert!(is(Kind::Socket, handle) && !is(Kind::Context, handle));
    for offset in 1..64 {
        let beside = handle.wrapping_byte_add(offset);
        assert_eq!(enter(beside).unwrap_err(), Errno::ENOTSOCK);
        assert_eq!(remove(Kind::Socket, beside), None);
    }
    let mut random = Random::new(1);
    for _ in 0..1000 {
        let anywhere = object(random.draw() as usize);
        assert!(!is(Kind::Socket, anywhere) || anywhere == handle);
    }
    assert_eq!(enter(core::ptr::null_mut()).unwrap_err(), Errno::ENOTSOCK);
    assert_eq!(with_object(Kind::Context, handle, |_| ()), None);
    assert_eq!(remove(Kind::Context, handle), None);
    assert_eq!(enter(handle).unwrap().object(), object(8));
    assert_eq!(remove(Kind::Socket, handle), Some(object(8)));
    assert_eq!(enter(handle).unwrap_err(), Errno::ENOTSOCK);
    assert_eq!(remove(Kind::Socket, handle), None);
}

#[test]
fn a_call_keeps_other_calls_out_until_it_ends() {
    fence::prepare();
    let handle = insert(Kind::Socket, object(8)).unwrap();
    let address = handle as usize;
    let elsewhere = move |expected: Option<Errno>| {
        let entering = move || enter(core::ptr::with_exposed_provenance_mut(address)).err();
        assert_eq!(std::thread::spawn(entering).join().unwrap(), expected);
    };
    // Often enough for the socket to give its bias up.
    for _ in 0..20 {
        let entered = enter(handle).unwrap();
        assert_eq!(enter(handle).unwrap_err(), Errno::EBUSY, "further up in this thread");
        assert_eq!(enter_to_close(handle).unwrap_err(), Errno::EBUSY);
        elsewhere(Some(Errno::EBUSY));
        drop(entered);
        elsewhere(None);
    }
    assert_eq!(remove(Kind::Socket, handle), Some(object(8)));
}

#[test]
fn slots_rest_and_begin_anew() {
    let mut handles = std::collections::HashSet::new();
    for number in 0..RESTING_SLOTS / 4 {
        let handle = insert(Kind::Socket, object(number + 1)).unwrap();
        assert!(handles.insert(handle as usize), "a handle that was closed a moment ago");
        assert_eq!(enter(handle).unwrap().object(), object(number + 1));
        assert_eq!(remove(Kind::Socket, handle), Some(object(number + 1)));
    }
}

#[test]
fn a_shared_socket_is_entered_by_its_place() {
    let mut place = None;
    let handle = insert_shared(|shared| place = Some(core::ptr::from_ref(shared))).unwrap();
    assert!(is(Kind::SharedSocket, handle) && !is(Kind::Socket, handle));
    assert_eq!(enter(handle).unwrap_err(), SHARED);
    assert_eq!(enter_to_close(handle).unwrap_err(), SHARED);
    assert_eq!(shared(handle).map(core::ptr::from_ref).ok(), place);
    assert_eq!(remove(Kind::Socket, handle), None);
    assert!(!is_foreign(handle));
    assert!(remove(Kind::SharedSocket, handle).is_some());
    assert_eq!(enter(handle).unwrap_err(), Errno::ENOTSOCK);
    assert_eq!(shared(handle).err(), Some(Errno::ENOTSOCK));
    let plain = insert(Kind::Socket, object(8)).unwrap();
    assert_eq!(shared(plain).err(), Some(Errno::ENOTSOCK));
    assert_eq!(abandon_shared(plain), Err(Errno::ENOTSOCK));
    assert_eq!(remove(Kind::Socket, plain), Some(object(8)));
}

#[test]
fn two_calls_never_overlap() {
    const THREADS: usize = 3;
    fence::prepare();
    // New sockets keep being made, since one that is fought over is soon unbiased.
    for round in 0..400 {
        let inside = AtomicU32::new(0);
        let closed = AtomicBool::new(false);
        let handle = insert(Kind::Socket, core::ptr::from_ref(&inside).cast_mut().cast()).unwrap();
        let address = handle as usize;
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let closed = &closed;
                scope.spawn(move || {
                    let handle = core::ptr::with_exposed_provenance_mut(address);
                    let mut random = Random::new((round * THREADS + thread) as u64 + 1);
                    let mut calls = 0;
                    while calls < 60 {
                        let entered = match enter(handle) {
                            Ok(entered) => entered,
                            Err(Errno::EBUSY) => {
                                // Not for ever: the others may be done already.
                                calls += 1;
                                continue;
                            }
                            Err(error) => {
                                assert_eq!(error, Errno::ENOTSOCK);
                                assert!(closed.load(Ordering::SeqCst));
                                return;
                            }
                        };
                        // SAFETY: the object is the counter, which outlives the threads.
                        let inside = unsafe { &*entered.object().cast::<AtomicU32>() };
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two calls at once");
                        for _ in 0..random.below(200) {
                            core::hint::spin_loop();
                        }
                        assert_eq!(inside.fetch_sub(1, Ordering::SeqCst), 1, "two calls at once");
                        calls += 1;
                        if random.below(100) == 0 {
                            closed.store(true, Ordering::SeqCst);
                            assert!(remove(Kind::Socket, handle).is_some());
                            return;
                        }
                    }
                });
            }
        });
        if !closed.load(Ordering::SeqCst) {
            assert!(remove(Kind::Socket, handle).is_some());
        }
    }
}

// --- the entry as a protocol, in every order ---

/// Words of memory: the owner (a thread's number times 8, plus its term), the next term, and a mark
/// for each term.
const OWNER: u8 = 0;
const TERM: u8 = 1;
const MARKS: u8 = 2;

/// One thread that calls `CALLS` times, as `enter`, `take_over` and `Entered::drop` do it. The
/// terms of ownership share one mark if `ONE_MARK`.
fn caller<const ME: u8, const CALLS: u8, const ONE_MARK: bool>(access: &mut Access<'_>) -> Step {
    const CLAIMED_BY_SOMEBODY: u8 = 1;
    let [owner, term, calls, _] = access.own().registers;
    let mark_of = |owner: u8| if ONE_MARK { MARKS } else { MARKS + owner % 8 };
    let next_call = |access: &mut Access<'_>| {
        access.own().registers[2] += 1;
        if calls + 1 == CALLS {
            Step::Done
        } else {
            Step::To(0)
        }
    };
    match access.at() {
        0 => {
            let owner = access.load(OWNER);
            access.own().registers[0] = owner;
            Step::To(if owner / 8 == ME { 1 } else { 10 })
        }
        1 => Step::To(if access.load(mark_of(owner)) == 0 { 2 } else { 10 }),
        2 => {
            access.store(mark_of(owner), 1);
            Step::To(3)
        }
        // A light fence: nothing but this order.
        3 => {
            if access.load(OWNER) == owner {
                access.own().inside = true;
                return Step::To(5);
            }
            Step::To(4)
        }
        4 => {
            access.store(mark_of(owner), 0);
            Step::To(10)
        }
        5 => {
            access.own().inside = false;
            access.store(mark_of(owner), 0);
            next_call(access)
        }
        10 => {
            let owner = access.load(OWNER);
            access.own().registers[0] = owner;
            if owner == CLAIMED_BY_SOMEBODY || owner / 8 == ME {
                return next_call(access);
            }
            Step::To(11)
        }
        11 => {
            let claim = |seen| if seen == owner { CLAIMED_BY_SOMEBODY } else { seen };
            match access.exchange(OWNER, claim) {
                None => Step::Blocked,
                Some(seen) if seen == owner => Step::To(12),
                Some(_) => next_call(access),
            }
        }
        12 if access.heavy_fence() => Step::To(13),
        12 => Step::Blocked,
        13 => Step::To(if access.load(mark_of(owner)) == 0 { 15 } else { 14 }),
        14 => {
            access.store(OWNER, owner);
            next_call(access)
        }
        15 => match access.exchange(TERM, |term| term + 1) {
            None => Step::Blocked,
            Some(term) => {
                access.own().registers[1] = term;
                access.own().registers[0] = ME * 8 + term;
                Step::To(16)
            }
        },
        16 => {
            access.store(mark_of(ME * 8 + term), 1);
            Step::To(17)
        }
        17 => {
            access.store(OWNER, ME * 8 + term);
            access.own().inside = true;
            Step::To(5)
        }
        _ => unreachable!("no step {}", access.at()),
    }
}

/// Thread 1 used the socket last, in term 0.
const USED_BY_THREAD_1: [u8; 8] = [8, 1, 0, 0, 0, 0, 0, 0];

#[test]
fn entering_excludes_in_every_order() {
    let outcome =
        explore(&[caller::<1, 2, false>, caller::<2, 2, false>], USED_BY_THREAD_1, |machine, _| {
            machine.inside() < 2
        });
    assert!(outcome.unwrap() > 100);
    let outcome = explore(
        &[caller::<1, 1, false>, caller::<2, 1, false>, caller::<3, 1, false>],
        USED_BY_THREAD_1,
        |machine, _| machine.inside() < 2,
    );
    assert!(outcome.unwrap() > 1000);
}

/// Why each term has a mark of its own: a thread that was about to mark a call when it lost the
/// ownership would clear the new owner's mark.
#[test]
fn one_mark_for_all_terms_would_not_do() {
    let outcome =
        explore(&[caller::<1, 2, true>, caller::<2, 1, true>], USED_BY_THREAD_1, |machine, _| {
            machine.inside() < 2
        });
    assert!(outcome.is_err());
}
