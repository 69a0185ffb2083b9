use core::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::pipe::random::Random;

#[test]
fn classes_hold_what_is_asked_for_and_waste_little() {
    for len in (POOLED_MIN..=POOLED_MAX).step_by(997) {
        let class = class_of(len);
        let size = SIZES[class].bytes();
        assert!(size >= len && size <= len + len / 4, "{len}: {size}");
        assert_eq!(class_of(size), class, "{len}");
    }
    assert_eq!((class_of(0), class_of(POOLED_MIN), class_of(POOLED_MIN + 1)), (0, 0, 1));
    assert_eq!((class_of(POOLED_MAX), SIZES[CLASSES - 1].bytes()), (CLASSES - 1, POOLED_MAX));
    for too_long in [POOLED_MAX + 1, 2 * POOLED_MAX, isize::MAX as usize, usize::MAX] {
        assert!(class_of(too_long) >= CLASSES);
    }
}

#[test]
fn sizes_of_no_class_are_what_they_are() {
    for bytes in [0, 1, POOLED_MIN - 1, POOLED_MIN + 1, 1000, POOLED_MAX + 1] {
        assert_eq!((Size::of(bytes).bytes(), Size::of(bytes).class()), (bytes, CLASSES));
    }
    assert_eq!(Size::of(1024), SIZES[class_of(1024)]);
    #[cfg(target_pointer_width = "64")]
    for beyond in [1 << CLASS_SHIFT, (1 << CLASS_SHIFT) + 1000] {
        assert!(allocate(beyond).is_none());
    }
}

#[test]
fn each_class_begins_behind_the_one_before() {
    for class in 1..CLASSES {
        let (before, size) = (SIZES[class - 1].bytes(), SIZES[class].bytes());
        assert_eq!((class_of(before), class_of(before + 1)), (class - 1, class));
        assert_eq!((class_of(size), size_of_class(class)), (class, size));
    }
}

#[test]
fn a_released_block_is_used_again() {
    let len = 3 * 1024 * 1024 + 12_345;
    let (block, size) = allocate(len).expect("memory");
    // SAFETY: the block is ours and unused.
    unsafe { release(block, size) };
    let (again, same) = allocate(len).expect("memory");
    assert_eq!(same, size);
    // SAFETY: as above.
    unsafe { release(again, same) };
}

/// Writes all over a block, which has to be ours alone then.
fn fill(block: NonNull<u8>, size: Size, with: u8) {
    // SAFETY: the block holds `size` bytes.
    unsafe { block.as_ptr().write_bytes(with, size.bytes()) };
}

fn is_filled(block: NonNull<u8>, size: Size, with: u8) -> bool {
    // SAFETY: as above, and `fill` has written them.
    unsafe { core::slice::from_raw_parts(block.as_ptr(), size.bytes()) }
        .iter()
        .all(|&byte| byte == with)
}

#[test]
fn blocks_go_round_among_threads_and_are_never_two_peoples() {
    struct Held(NonNull<u8>, Size, u8);
    // SAFETY: a block may be freed by any thread.
    unsafe impl Send for Held {}
    const ROUNDS: u64 = 40;
    let (sender, receiver) = std::sync::mpsc::channel::<Vec<Held>>();
    let receiver = Mutex::new(receiver);
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let (sender, receiver) = (sender.clone(), &receiver);
            scope.spawn(move || {
                let mut random = Random::new(thread + 1);
                for round in 0..ROUNDS {
                    let len = 64 << random.below(12);
                    let held = (0..1 + random.below(100)).map(|number| {
                        let (block, size) = allocate(len + number).expect("memory");
                        let with = (thread as u8) << 6 | (round as u8 ^ number as u8) & 63;
                        fill(block, size, with);
                        Held(block, size, with)
                    });
                    sender.send(held.collect()).unwrap();
                    let other = receiver.lock().unwrap().recv().unwrap();
                    for Held(block, size, with) in other {
                        assert!(is_filled(block, size, with));
                        // SAFETY: the block is ours and unused.
                        unsafe { release(block, size) };
                    }
                }
            });
        }
    });
}

/// How many blocks lie in a row.
fn count(mut next: *mut Link) -> usize {
    let mut count = 0;
    while let Some(block) = NonNull::new(next) {
        count += 1;
        // SAFETY: blocks that wait hold a link.
        next = unsafe { block.as_ref() }.next;
    }
    count
}

/// What a thread has of the class of this size: one by one, room for more, and a whole batch.
fn own(size: Size) -> (usize, usize, usize) {
    LOCAL.with(|local| {
        let own = &local.classes[size.class()];
        (count(own.first.get()), own.room.get(), count(own.whole.get()))
    })
}

#[test]
fn a_thread_keeps_less_than_two_batches() {
    let check = |len: usize, batch: usize| {
        let blocks: Vec<_> = (0..3 * batch + 2).map(|_| allocate(len).expect("memory")).collect();
        let (size, mut kept) = (blocks[0].1, own(blocks[0].1));
        assert_eq!(usize::from(BATCH[size.class()]), batch);
        for (block, size) in blocks {
            // SAFETY: the block is ours and unused.
            unsafe { release(block, size) };
            let now = own(size);
            let (before, after) = (kept.0 + kept.2, now.0 + now.2);
            assert!(after == before + 1 || after + batch == before + 1, "{kept:?} {now:?}");
            assert_eq!((now.0 + now.1, now.2 % batch), (batch - 1, 0));
            kept = now;
        }
        assert_eq!(kept.2, batch);
        for _ in 0..kept.0 + batch {
            let (block, _) = allocate(len).expect("memory");
            // SAFETY: all blocks come from malloc, and this one is ours and unused.
            unsafe { libc::free(block.as_ptr().cast()) };
            assert_eq!(own(size).0 + own(size).1, batch - 1);
        }
        assert_eq!((own(size).0, own(size).2), (0, 0));
    };
    // Threads of their own, so that nothing is there before.
    for (len, batch) in [(1024, 32), (4096, 16), (40_000, 1)] {
        std::thread::spawn(move || check(len, batch)).join().unwrap();
    }
    let large = std::thread::spawn(|| {
        let (block, size) = allocate(POOLED_MAX).expect("memory");
        // SAFETY: the block is ours and unused.
        unsafe { release(block, size) };
        own(size)
    });
    assert_eq!(large.join().unwrap(), (0, 0, 0));
}

/// Uses the pool when it is dropped.
struct Late;

impl Drop for Late {
    fn drop(&mut self) {
        let (block, size) = allocate(2000).expect("memory");
        // SAFETY: the block is ours and unused.
        unsafe { release(block, size) };
        LATE_HAS.store(own(size).0 + own(size).1 + own(size).2, Ordering::Relaxed);
    }
}

static LATE_HAS: AtomicUsize = AtomicUsize::new(usize::MAX);

#[test]
fn a_thread_at_its_end_keeps_nothing() {
    thread_local!(static LATE: Late = const { Late });
    std::thread::spawn(|| {
        // Prepared first, dropped last.
        LATE.with(|_| ());
        let (block, size) = allocate(2000).expect("memory");
        // SAFETY: the block is ours and unused.
        unsafe { release(block, size) };
        assert_eq!(own(size).0, 1);
    })
    .join()
    .unwrap();
    assert_eq!(LATE_HAS.load(Ordering::Relaxed), 0);
}
