//! Pipe ends: counting against a model, sleeping and waking in every order and under load, and
//! what is left of a pipe that ends.

use core::sync::atomic::AtomicU64;
use std::collections::VecDeque;
use std::sync::Condvar;
use std::time::{Duration, Instant};

use super::*;
use crate::message::{Content, Metadata};
use crate::pipe::outflow::Again;
use crate::pipe::queue::{self, FRAME_MORE, FRAME_ROUTING_ID};
use crate::pipe::random::Random;
use crate::pipe::reader::AcceptInline;

fn limits(inbound: i32, outbound: i32) -> PipeLimits {
    PipeLimits { inbound, outbound, conflate: false }
}

/// An owner that keeps events for whoever asks.
#[derive(Default)]
struct Inbox {
    events: Mutex<VecDeque<PipeEvent>>,
    arrived: Condvar,
}

impl PipeOwner for Inbox {
    fn pipe_event(&self, _: &Arc<PipeShared>, _: usize, event: PipeEvent) {
        lock(&self.events).push_back(event);
        self.arrived.notify_all();
    }
}

impl Inbox {
    fn of(end: &PipeEnd) -> Arc<Inbox> {
        let inbox = Arc::new(Inbox::default());
        end.set_owner(inbox.clone());
        inbox
    }

    fn take(&self) -> Option<PipeEvent> {
        lock(&self.events).pop_front()
    }

    /// Sleeps until there is an event. A pipe that forgets to wake its peer ends here.
    fn wait(&self) -> PipeEvent {
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut events = lock(&self.events);
        loop {
            if let Some(event) = events.pop_front() {
                return event;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "nobody woke this end");
            events = self.arrived.wait_timeout(events, left).unwrap().0;
        }
    }
}

/// Executes what waits, as a socket does at the beginning of a call.
fn execute(end: &mut PipeEnd, event: PipeEvent) {
    match event {
        PipeEvent::Readable => drop(end.activate_read()),
        PipeEvent::Writable => drop(end.out.activate()),
        PipeEvent::Closed => {
            end.activate_read();
            end.peer_closed();
        }
        PipeEvent::HighWaterMarks(inbound, outbound) => drop(end.set_limits(inbound, outbound)),
        PipeEvent::Bound(inbound, outbound) => end.set_boosts(inbound, outbound),
        PipeEvent::StatsWanted(queued) => end.send_stats(queued),
        PipeEvent::Hiccup
        | PipeEvent::Stats(..)
        | PipeEvent::InputWanted
        | PipeEvent::InputHeld
        | PipeEvent::InputReturned
        | PipeEvent::InputTaken
        | PipeEvent::Left
        | PipeEvent::Dismissed => {}
    }
}

fn execute_all(end: &mut PipeEnd, inbox: &Inbox) {
    while let Some(event) = inbox.take() {
        execute(end, event);
    }
}

fn message(flags: u8, body: &[u8]) -> Message {
    let mut message = Message::copy_of(body).unwrap();
    message.set_flags(flags);
    message
}

/// The number of messages that go in before the pipe is full.
fn fill(end: &mut PipeEnd) -> u64 {
    let mut count = 0;
    while end.write(&message(0, b"x")) {
        end.flush();
        count += 1;
        assert!(count < 100_000);
    }
    count
}

fn drain(end: &mut PipeEnd) -> u64 {
    let mut count = 0;
    let mut part = Message::new();
    while end.read(&mut part) {
        count += u64::from(part.flags() & FRAME_MORE == 0);
    }
    count
}

/// Takes the message that was sent first, or refuses it.
struct Expected<'a> {
    sent: &'a VecDeque<Vec<Vec<u8>>>,
    refused: bool,
}

impl AcceptInline for Expected<'_> {
    fn accept(self, body: &[u8], _: &Option<Arc<Metadata>>) -> bool {
        assert_eq!([body], &self.sent[0][..]);
        !self.refused
    }
}

#[test]
fn marks_and_order_hold_whatever_happens() {
    let (mut at_once_read, mut few_sent, mut few_read) = (0, 0, 0);
    for seed in 1..80 {
        let mut random = Random::new(seed);
        let mark = random.below(8) as i32;
        let (mut near, mut far) = pair(limits(0, mark));
        let (near_inbox, far_inbox) = (Inbox::of(&near), Inbox::of(&far));
        let mut sent: VecDeque<Vec<Vec<u8>>> = VecDeque::new();
        let mut unfinished: Vec<Vec<u8>> = Vec::new();
        let (mut number, mut flushed) = (0u32, 0);
        let mut part = Message::new();
        for _ in 0..600 {
            match random.below(8) {
                0 => {
                    near.out.rollback();
                    unfinished.clear();
                }
                1 => {
                    near.flush();
                    flushed = sent.len();
                }
                2 => execute_all(&mut near, &near_inbox),
                3 => execute_all(&mut far, &far_inbox),
                4 | 5 => {
                    let more = u8::from(random.below(3) == 0);
                    number += 1;
                    let mut body = number.to_le_bytes().to_vec();
                    body.resize(4 + random.length(), 5);
                    let waiting = sent.len() as i32;
                    let is_last = more == 0 && random.below(2) == 0;
                    if is_last && near.send_at_once(&body) {
                        assert!(mark == 0 || waiting < mark, "beyond the mark");
                        assert!(!near.out.writing_parts);
                        unfinished.push(body);
                        sent.push_back(core::mem::take(&mut unfinished));
                        for _ in 0..random.below(4) {
                            number += 1;
                            let mut body = number.to_le_bytes().to_vec();
                            let is_few = random.below(2) == 0;
                            let more = if is_few { random.below(61) } else { random.length() };
                            body.resize(4 + more, 5);
                            let waiting = sent.len() as i32;
                            let (data, len) = (body.as_ptr(), body.len());
                            // SAFETY: the body is there, and no chunk's.
                            let outcome = unsafe {
                                if is_few && random.below(2) == 0 {
                                    near.out.send_again::<false>(data, len)
                                } else {
                                    near.out.send_again::<true>(data, len)
                                }
                            };
                            match outcome {
                                Again::No => break,
                                Again::ToFinish => near.finish_send(),
                                Again::Done => {}
                            }
                            assert!(mark == 0 || waiting < mark, "beyond the mark");
                            sent.push_back(vec![body]);
                            few_sent += 1;
                        }
                        flushed = sent.len();
                    } else if near.write(&message(more, &body)) {
                        assert!(mark == 0 || waiting < mark, "beyond the mark");
                        assert_eq!(near.out.writing_parts, more != 0);
                        unfinished.push(body);
                        if more == 0 {
                            sent.push_back(core::mem::take(&mut unfinished));
                        }
                    } else {
                        // Steps of half the mark: what may be withheld is less than that.
                        let full = waiting > mark - (mark + 1) / 2 && mark > 0;
                        assert!(full || near.out.active || !lock(&near_inbox.events).is_empty());
                    }
                }
                _ => {
                    if !far.check_read() {
                        let told = !lock(&far_inbox.events).is_empty();
                        assert!(flushed == 0 || told, "messages wait unseen");
                        continue;
                    }
                    let expected = sent.pop_front().expect("only finished messages are seen");
                    flushed = flushed.saturating_sub(1);
                    for (index, body) in expected.iter().enumerate() {
                        let is_last = index + 1 == expected.len();
                        let refused = random.below(8) == 0;
                        let accept = |got: &[u8], _: Option<&Arc<Metadata>>| {
                            assert_eq!(got, body);
                            !refused
                        };
                        if random.below(2) == 0 && far.read_at_once(accept) {
                            assert!(is_last && !refused);
                            at_once_read += 1;
                            for _ in 0..random.below(4) {
                                let refused = random.below(8) == 0;
                                let expected = Expected { sent: &sent, refused };
                                let taken = match random.below(2) {
                                    0 => far.read_again::<true>(expected),
                                    _ => far.read_again::<false>(expected),
                                };
                                let Some((len, is_step)) = taken else { break };
                                if is_step {
                                    far.acknowledge();
                                }
                                assert!(!refused && len == sent.pop_front().unwrap()[0].len());
                                flushed = flushed.saturating_sub(1);
                                few_read += 1;
                            }
                            continue;
                        }
                        assert!(far.read(&mut part));
                        assert_eq!(part.data(), body);
                        assert_eq!(part.has_more(), !is_last);
                    }
                }
            }
        }
        near.out.rollback();
        near.flush();
        near.close();
        execute_all(&mut far, &far_inbox);
        assert_eq!(drain(&mut far), sent.len() as u64, "seed {seed}");
        assert!(far.ended());
    }
    assert!(at_once_read > 1000 && few_sent > 1000 && few_read > 100);
}

#[test]
fn a_full_pipe_has_room_again_after_half_of_it() {
    for mark in [1, 2, 3, 10, 1000] {
        let (mut near, mut far) = pair(limits(0, mark));
        let inbox = Inbox::of(&near);
        assert_eq!(fill(&mut near), mark as u64);
        let mut part = Message::new();
        for _ in 0..(mark + 1) / 2 {
            assert!(inbox.take().is_none());
            assert!(far.read(&mut part));
        }
        assert_eq!(inbox.take(), Some(PipeEvent::Writable));
        assert!(!near.check_write() && near.out.activate());
        assert_eq!(fill(&mut near), (mark as u64).div_ceil(2));
    }
}

#[test]
fn live_marks_neither_stall_nor_overflow() {
    for seed in 1..200 {
        let mut random = Random::new(seed);
        let (mut near, mut far) = pair(limits(3, 3));
        let (near_inbox, far_inbox) = (Inbox::of(&near), Inbox::of(&far));
        for _ in 0..20 {
            let (inbound, outbound) = (random.below(6) as i32, random.below(6) as i32);
            near.set_limits(inbound, outbound);
            near.send_limits_to_peer(outbound, inbound);
            for _ in 0..random.below(10) {
                if near.write(&message(0, b"x")) {
                    near.flush();
                }
            }
            execute_all(&mut far, &far_inbox);
            drain(&mut far);
            execute_all(&mut near, &near_inbox);
            assert!(near.check_write(), "seed {seed}: everything is read, and no room");
        }
    }
}

/// Two inproc sockets with marks of 1000 and 10, of which one is lowered on the living pipe: the
/// reader's step, which comes of the old mark, is larger than all that may be written.
#[test]
fn marks_that_do_not_fit_each_other_do_not_stall() {
    for sleepy in [false, true] {
        let (mut near, mut far) = pair(limits(0, 1010));
        let (near_inbox, far_inbox) = (Inbox::of(&near), Inbox::of(&far));
        near.set_boosts(0, 10);
        far.set_boosts(1000, 0);
        near.set_limits(0, 10);
        near.send_limits_to_peer(10, 0);
        execute_all(&mut far, &far_inbox);
        for _ in 0..100 {
            let mut written = 0;
            while near.write(&message(0, b"x")) {
                near.flush();
                written += 1;
                if sleepy {
                    execute_all(&mut far, &far_inbox);
                    assert_eq!(drain(&mut far), 1);
                }
                assert!(sleepy && written < 40 || written <= 20, "beyond the mark");
            }
            execute_all(&mut far, &far_inbox);
            assert_eq!(drain(&mut far), if sleepy { 0 } else { written });
            execute_all(&mut near, &near_inbox);
            assert!(near.check_write(), "everything is read, and no room");
        }
    }
}

#[test]
fn the_unread_is_left_to_the_peer_and_the_unfinished_is_not() {
    let (mut near, mut far) = pair(limits(0, 0));
    let inbox = Inbox::of(&far);
    assert!(!far.check_read());
    assert!(near.write(&message(0, b"whole")));
    assert!(near.write(&message(FRAME_MORE, &[1; 3000])));
    near.close();
    assert_eq!(inbox.take(), Some(PipeEvent::Closed));
    assert!(inbox.take().is_none(), "told once");
    assert!(far.activate_read() && !far.peer_closed());
    assert!(!far.check_write() && far.peer_is_closed());
    let mut part = Message::new();
    assert!(far.read(&mut part) && !far.ended());
    assert_eq!(part.data(), b"whole");
    assert!(!far.read(&mut part) && far.ended());
    drop(near);
    assert!(!far.read(&mut part) && !far.write(&message(0, b"late")));
}

/// An engine stands anywhere in the bytes when the socket closes; what is left still goes out.
#[test]
fn a_close_does_not_move_a_reader_of_bytes() {
    for seed in 1..100 {
        let mut random = Random::new(seed);
        let (mut near, mut far) = pair(limits(0, 0));
        let inbox = Inbox::of(&far);
        let mut bytes = Vec::new();
        for _ in 0..random.below(20) {
            // Bodies full of bytes that would be flags of skipped frames.
            let body = vec![queue::FRAME_SKIP; random.length()];
            let flags = u8::from(random.below(3) == 0);
            assert!(near.write(&message(flags, &body)));
            crate::zmtp::frame::append_frame(flags, &body, &mut bytes);
        }
        assert!(near.write(&message(0, b"last")));
        crate::zmtp::frame::append_frame(0, b"last", &mut bytes);
        near.flush();
        let take = |far: &mut PipeEnd, share: usize| {
            let mut slices = [(core::ptr::null(), 0); 8];
            let reader = far.reader().unwrap();
            let count = reader.gather(&mut slices, usize::MAX);
            let mut found = Vec::new();
            for &(data, len) in &slices[..count] {
                // SAFETY: gathered slices are valid until they are consumed.
                found.extend_from_slice(unsafe { core::slice::from_raw_parts(data, len) });
            }
            found.truncate(found.len() / share);
            let messages = reader.consume(found.len());
            far.count_read(messages);
            found
        };
        let mut found = take(&mut far, 1 + random.below(4));
        drop(near);
        assert_eq!(inbox.take(), Some(PipeEvent::Closed));
        far.activate_read();
        assert_eq!(far.peer_closed(), found.len() == bytes.len(), "seed {seed}");
        loop {
            let more = take(&mut far, 1);
            if more.is_empty() {
                break;
            }
            found.extend(more);
        }
        assert!(found == bytes, "seed {seed}");
        assert!(!far.check_read() && far.ended());
    }
}

#[test]
fn a_peer_without_owner_finds_out_that_the_pipe_was_closed() {
    let (mut near, far) = pair(limits(0, 0));
    near.out.write_anyway(0, b"goodbye");
    drop(near);
    let inbox = Inbox::of(&far);
    assert!(far.was_closed_early() && inbox.take().is_none());
}

#[test]
fn only_a_reader_that_takes_message_by_message_and_never_answers_lets_more_gather() {
    let (mut writer, mut reader) = pair(limits(0, 0));
    for end in [&mut writer, &mut reader] {
        end.out.join_sockets();
    }
    let read_one = |writer: &mut PipeEnd, reader: &mut PipeEnd, answers: bool| {
        assert!(writer.out.write(&message(0, b"one")));
        writer.out.flush();
        assert!(reader.read(&mut Message::new()));
        if answers {
            assert!(reader.out.write(&message(0, b"answer")));
        }
        reader.looks.little
    };
    let mut most =
        |answers, times| (0..times).map(|_| read_one(&mut writer, &mut reader, answers)).max();
    assert!(most(true, 20) <= Some(1));
    // The fifth lets more gather; nothing does, and so it is left out for some times.
    assert_eq!(most(false, 6), Some(4));
    assert_eq!(most(false, 121), Some(0));
    assert_eq!(most(false, 4), Some(4));
    assert!(!reader.check_read());
    assert_eq!(reader.looks.little, 0);
}

#[test]
fn routing_ids_are_not_counted() {
    let (mut near, mut far) = pair(limits(0, 1));
    near.out.write_anyway(FRAME_ROUTING_ID, b"me");
    assert_eq!(near.out.unacknowledged(), 0);
    assert_eq!(fill(&mut near), 1);
    far.drop_routing_id();
    assert_eq!(drain(&mut far), 1);
    assert!(near.out.activate());
    assert_eq!(fill(&mut near), 1);
}

#[test]
fn a_conflating_pipe_keeps_the_latest() {
    let (mut near, mut far) = pair(PipeLimits { inbound: 0, outbound: 0, conflate: true });
    let inbox = Inbox::of(&far);
    assert!(!far.check_read());
    for number in 0..10u8 {
        assert!(near.write(&message(0, &[number; 100])));
        near.flush();
    }
    assert_eq!((inbox.take(), inbox.take()), (Some(PipeEvent::Readable), None));
    far.activate_read();
    let mut part = Message::new();
    assert!(far.read(&mut part));
    assert_eq!(part.data(), [9; 100]);
    assert!(!far.read(&mut part));
}

/// A caller's body whose function uses the very pipe's peer: sends on it while the pipe is at work.
unsafe extern "C" fn send_elsewhere(_: *mut core::ffi::c_void, hint: *mut core::ffi::c_void) {
    // SAFETY: the hint is the other pipe's end, which outlives the messages.
    let other = unsafe { &*hint.cast::<Mutex<PipeEnd>>() };
    if let Ok(mut other) = other.try_lock() {
        other.out.write_anyway(0, b"freed");
    }
}

#[test]
fn free_functions_may_use_other_ends_meanwhile() {
    static BODY: [u8; 9] = [3; 9];
    let (other, mut reports) = pair(limits(0, 0));
    let other = Mutex::new(other);
    let body = || {
        let hint = core::ptr::from_ref(&other).cast_mut().cast();
        // SAFETY: the body lives for ever and is never written to.
        let content = unsafe {
            Content::from_caller(BODY.as_ptr().cast_mut(), 9, Some(send_elsewhere), hint)
        };
        Message::of_content(content.unwrap())
    };
    let with_flags = |flags: u8| {
        let mut message = body();
        message.set_flags(flags);
        message
    };
    let (mut near, mut far) = pair(limits(0, 0));
    // Rolled back, taken by bytes, taken by frames, and left in the queue.
    assert!(near.write(&with_flags(FRAME_MORE)));
    assert!(near.write(&with_flags(FRAME_MORE)));
    near.out.rollback();
    assert_eq!(drain(&mut reports), 2);
    for _ in 0..4 {
        assert!(near.write(&with_flags(0)));
    }
    near.flush();
    let reader = far.reader().unwrap();
    let mut slices = [(core::ptr::null(), 0); 4];
    assert_eq!(reader.gather(&mut slices, 1), 2);
    assert_eq!(reader.consume(11), 1);
    reports.activate_read();
    assert_eq!(drain(&mut reports), 1);
    let mut part = Message::new();
    assert!(far.read(&mut part));
    drop(part);
    reports.activate_read();
    assert_eq!(drain(&mut reports), 1);
    drop((near, far));
    reports.activate_read();
    assert_eq!(drain(&mut reports), 2);
}

/// Sends numbered messages through a pipe, both sides really sleeping when they have to.
fn numbers_arrive_in_order(mark: i32, messages: u32, pause: usize) {
    let (mut near, mut far) = pair(limits(0, mark));
    let (near_inbox, far_inbox) = (Inbox::of(&near), Inbox::of(&far));
    let sleeps = Arc::new(AtomicU64::new(0));
    let counter = sleeps.clone();
    let writing = std::thread::spawn(move || {
        let mut random = Random::new(3);
        for number in 0..messages {
            while !near.write(&message(0, &number.to_le_bytes())) {
                counter.fetch_add(1, Ordering::Relaxed);
                let event = near_inbox.wait();
                execute(&mut near, event);
            }
            near.flush();
            if pause > 0 && random.below(pause) == 0 {
                std::thread::yield_now();
            }
        }
        near
    });
    let mut part = Message::new();
    for number in 0..messages {
        while !far.read(&mut part) {
            let mut looks = 0;
            if number % 2 == 0 && far.look_on() {
                while !far.has_message() && looks < number % 64 {
                    core::hint::spin_loop();
                    looks += 1;
                }
                if far.stop_looking() {
                    continue;
                }
            }
            sleeps.fetch_add(1, Ordering::Relaxed);
            let event = far_inbox.wait();
            execute(&mut far, event);
        }
        assert_eq!(part.data(), number.to_le_bytes());
    }
    let near = writing.join().unwrap();
    assert!(!far.check_read());
    assert!(near.out.unacknowledged() <= u64::try_from(mark).unwrap() / 2 || mark == 0);
    assert!(sleeps.load(Ordering::Relaxed) > 0);
}

#[test]
fn nobody_sleeps_through_a_message() {
    numbers_arrive_in_order(0, 60_000, 3);
    numbers_arrive_in_order(0, 60_000, 90);
}

#[test]
fn nobody_sleeps_through_new_room() {
    numbers_arrive_in_order(1, 3000, 0);
    numbers_arrive_in_order(2, 3000, 7);
    numbers_arrive_in_order(50, 60_000, 0);
}

/// Also where the message comes in the last moment.
#[test]
fn who_has_found_something_looks_no_more() {
    for round in 0..3000 {
        let (mut one, mut other) = pair(limits(0, 0));
        let others = Inbox::of(&other);
        other.out.join_sockets();
        assert!(!other.check_read() && other.look_on());
        other.moments_left_out = 0;
        let writer = std::thread::spawn(move || {
            (0..round % 100).for_each(|_| core::hint::spin_loop());
            assert!(one.write(&message(0, b"x")));
            one.flush();
            one
        });
        if other.stop_looking() {
            assert_eq!(other.in_queue().attention.load(Ordering::Relaxed), AWAKE);
        } else {
            execute(&mut other, others.wait());
        }
        assert_eq!(drain(&mut other), 1);
        drop(writer.join());
    }
}

#[test]
fn who_looks_by_itself_is_not_called() {
    let (mut one, mut other) = pair(limits(0, 0));
    let others = Inbox::of(&other);
    assert!(!other.look_on(), "it does not sleep");
    assert!(!other.check_read() && !other.has_message());
    assert!(other.look_on() && !other.has_message());
    assert!(one.write(&message(0, b"x")));
    one.flush();
    assert!(other.has_message() && other.stop_looking());
    assert_eq!(others.take(), None);
    assert_eq!(drain(&mut other), 1);
    assert!(!other.check_read() && other.look_on());
    assert!(!other.stop_looking() && !other.has_message(), "asleep again");
    assert!(one.write(&message(0, b"x")));
    one.flush();
    assert_eq!(others.take(), Some(PipeEvent::Readable));
    one.close();
    execute_all(&mut other, &others);
    assert_eq!(drain(&mut other), 1);
    assert!(!other.check_read() && other.ended() && !other.look_on());
}

/// Whether a writer with a mark of four, whose messages nobody acknowledged, may go on while (or after)
/// the reader makes a call with so many of them.
fn may_write_around_a_call(messages: u64, is_over: bool) -> bool {
    let (mut one, other) = pair(limits(0, 4));
    let _ones = Inbox::of(&one);
    for _ in 0..4 {
        assert!(one.write(&message(0, b"x")));
    }
    one.flush();
    other.begin_call(messages);
    if is_over {
        other.end_call();
    }
    one.check_write()
}

#[test]
fn what_is_given_to_the_system_need_not_be_acknowledged_first() {
    assert!(!may_write_around_a_call(0, false));
    assert!(!may_write_around_a_call(1, false), "less than half the mark");
    assert!(may_write_around_a_call(2, false));
    assert!(may_write_around_a_call(4, false));
    assert!(!may_write_around_a_call(4, true), "it took none");
}

/// Who answers so quickly that the other one never sleeps.
#[test]
fn quick_answers_are_no_stream() {
    let (mut one, mut other) = pair(limits(0, 0));
    let others = Inbox::of(&other);
    let mut answer = Message::new();
    for _ in 0..1000 {
        assert!(other.answer_comes(1, || {
            assert!(one.write(&message(0, b"x")));
            one.flush();
        }));
        assert!(other.read(&mut answer));
    }
    assert!(!other.in_queue().writer_dense.load(Ordering::Relaxed));
    assert!(!other.check_read());
    assert_eq!(others.take(), None);
}

#[test]
fn an_end_that_is_closed_is_not_told_of_the_other_ones() {
    let (mut one, mut other) = pair(limits(0, 0));
    let (ones, others) = (Inbox::of(&one), Inbox::of(&other));
    one.close();
    assert_eq!(others.take(), Some(PipeEvent::Closed));
    other.peer_closed();
    other.close();
    assert_eq!(ones.take(), None);
}

#[test]
fn who_has_not_looked_yet_is_told_of_the_first_message() {
    let (mut one, mut other) = pair(limits(0, 0));
    let others = Inbox::of(&other);
    one.out.write_anyway(FRAME_ROUTING_ID, b"id");
    one.flush();
    other.wait_to_be_told();
    assert_eq!(others.take(), None);
    assert!(one.write(&message(0, b"x")));
    one.flush();
    assert_eq!(others.take(), Some(PipeEvent::Readable));
    other.look();
    other.drop_routing_id();
    assert_eq!(drain(&mut other), 1);
}

/// The owner hears of its end while the first messages come.
#[test]
fn whoever_begins_to_look_misses_nothing() {
    for round in 0..2000 {
        let (mut one, mut other) = pair(limits(0, 0));
        let others = Inbox::of(&other);
        other.wait_to_be_told();
        let writer = std::thread::spawn(move || {
            for _ in 0..3 {
                assert!(one.write(&message(0, b"x")));
                one.flush();
                (0..round % 50).for_each(|_| core::hint::spin_loop());
            }
            one
        });
        (0..round % 300).for_each(|_| core::hint::spin_loop());
        other.look();
        let mut read = drain(&mut other);
        while read < 3 {
            execute(&mut other, others.wait());
            read += drain(&mut other);
        }
        writer.join().unwrap();
    }
}
