//! Pipes that follow a log, leave it and write their own, against a model of what each is to carry.

use std::collections::VecDeque;

use super::*;
use crate::message::Message;
use crate::pipe::interleave::{explore, Access, Machine, Program, Step};
use crate::pipe::queue::{ASLEEP, AWAKE, EXTERNAL_MIN, FRAME_LARGE, WATCHING};
use crate::pipe::random::Random;
use crate::pipe::{pair, PipeEnd, PipeLimits};

const PIPES: usize = 3;

struct Carrier {
    near: PipeEnd,
    far: PipeEnd,
    expected: VecDeque<(u8, Vec<u8>)>,
    read: u64,
    written: u64,
    /// What is left of a message that was read as bytes in part.
    bytes: Vec<u8>,
    by_bytes: bool,
}

impl Carrier {
    fn new(by_bytes: bool) -> Carrier {
        let (near, far) = pair(PipeLimits { inbound: 0, outbound: 0, conflate: false });
        let expected = VecDeque::new();
        Carrier { near, far, expected, read: 0, written: 0, bytes: Vec::new(), by_bytes }
    }

    fn expect(&mut self, frames: &[(u8, Vec<u8>)]) {
        self.expected.extend(frames.iter().cloned());
        self.written += 1;
    }

    fn write(&mut self, frames: &[(u8, Vec<u8>)]) {
        for (flags, body) in frames {
            let mut message = Message::copy_of(body).unwrap();
            message.set_flags(*flags);
            assert!(self.near.write(&message));
        }
        self.near.flush();
        self.expect(frames);
    }

    fn check(&mut self, flags: u8, body: &[u8]) {
        let (expected_flags, expected) = self.expected.pop_front().expect("more than was written");
        assert_eq!(flags, expected_flags);
        assert!(body == expected);
        self.read += u64::from(flags & FRAME_MORE == 0);
    }

    fn read_message(&mut self) {
        self.far.activate_read();
        let mut message = Message::new();
        while self.far.read(&mut message) {
            let flags = message.flags();
            self.check(flags, message.data());
            if flags & FRAME_MORE == 0 {
                break;
            }
        }
    }

    fn read_bytes(&mut self, limit: usize) {
        self.far.activate_read();
        let Some(reader) = self.far.reader() else { return };
        let mut slices = [(core::ptr::null(), 0); 8];
        let count = reader.gather(&mut slices, limit);
        let mut taken = 0;
        for &(start, len) in &slices[..count] {
            let len = len.min(limit - taken);
            // SAFETY: gathered slices are published bytes, kept until they are consumed.
            self.bytes.extend_from_slice(unsafe { core::slice::from_raw_parts(start, len) });
            taken += len;
        }
        let messages = reader.consume(taken);
        self.far.count_read(messages);
        let before = self.read;
        while let Some((flags, head, len)) = head_of(&self.bytes) {
            if self.bytes.len() < head + len {
                break;
            }
            let rest = self.bytes.split_off(head + len);
            let whole = core::mem::replace(&mut self.bytes, rest);
            self.check(flags, &whole[head..]);
        }
        assert_eq!(self.read - before, messages);
    }
}

fn head_of(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let flags = *bytes.first()?;
    if flags & FRAME_LARGE == 0 {
        return Some((flags, 2, usize::from(*bytes.get(1)?)));
    }
    let len = u64::from_be_bytes(*bytes[1..].first_chunk::<8>()?);
    Some((flags & !FRAME_LARGE, 9, len as usize))
}

fn random_message(random: &mut Random) -> Vec<(u8, Vec<u8>)> {
    let parts = if random.below(3) == 0 { 1 + random.below(4) } else { 1 };
    let fill = random.draw() as u8;
    (1..=parts)
        .map(|part| {
            let flags = if part < parts { FRAME_MORE } else { 0 };
            (flags, vec![fill.wrapping_add(part as u8); random.length().min(EXTERNAL_MIN - 1)])
        })
        .collect()
}

fn append(log: &mut Log, carriers: &mut [Carrier], frame: &(u8, Vec<u8>)) {
    if !log.has_room(frame.1.len()) {
        log.turn(frame.1.len()).unwrap();
        for carrier in carriers.iter_mut().filter(|carrier| carrier.near.out.follows(&log.crowd)) {
            assert!(carrier.near.out.turn(log));
        }
    }
    log.append(frame.0, &frame.1);
}

fn walk(seed: u64) {
    let mut random = Random::new(seed);
    let mut log = Log::new().unwrap();
    let mut carriers: Vec<_> = (0..PIPES).map(|number| Carrier::new(number == 0)).collect();
    for _ in 0..400 {
        let which = random.below(PIPES);
        match random.below(12) {
            0 | 1 if !carriers[which].near.out.follows(&log.crowd) => {
                assert!(carriers[which].near.out.follow(&log));
            }
            2 => carriers[which].near.out.stop_following(),
            3 if !carriers[which].near.out.follows(&log.crowd) => {
                carriers[which].write(&random_message(&mut random));
            }
            4 => {
                // Some parts go to the log; then each goes on by itself.
                let mut frames = random_message(&mut random);
                frames.push((0, vec![7; 5]));
                frames.iter_mut().rev().skip(1).for_each(|frame| frame.0 = FRAME_MORE);
                let in_log = frames.len() - 1;
                frames[..in_log].iter().for_each(|frame| append(&mut log, &mut carriers, frame));
                for carrier in &mut carriers {
                    if carrier.near.out.follows(&log.crowd) {
                        assert!(carrier.near.out.resume(log.unfinished()));
                        carrier.write(&frames[in_log..]);
                        let all = carrier.expected.pop_back().into_iter();
                        carrier.expected.extend(frames[..in_log].iter().cloned().chain(all));
                    }
                }
                log.rollback();
            }
            5 => {
                let message = random_message(&mut random);
                message[..message.len() - 1]
                    .iter()
                    .for_each(|frame| append(&mut log, &mut carriers, frame));
                log.rollback();
            }
            6 | 7 => {
                let message = random_message(&mut random);
                message.iter().for_each(|frame| append(&mut log, &mut carriers, frame));
                log.publish();
                for carrier in &mut carriers {
                    if carrier.near.out.follows(&log.crowd) {
                        carrier.expect(&message);
                    }
                }
            }
            _ if carriers[which].by_bytes => {
                let limit = 1 + random.below(9000);
                carriers[which].read_bytes(limit);
            }
            _ => carriers[which].read_message(),
        }
        for carrier in &carriers {
            assert_eq!(carrier.near.out.unacknowledged(), carrier.written);
        }
    }
    for carrier in &mut carriers {
        while !carrier.expected.is_empty() {
            if carrier.by_bytes {
                carrier.read_bytes(9000);
            } else {
                carrier.read_message();
            }
        }
    }
}

#[test]
fn each_pipe_carries_its_own_and_what_the_log_held_while_it_followed() {
    for seed in 0..300 {
        walk(seed);
    }
}

#[test]
fn a_used_stretch_is_used_again_and_a_followed_one_is_not() {
    let mut log = Log::new().unwrap();
    let (mut near, _far) = pair(PipeLimits { inbound: 0, outbound: 0, conflate: false });
    assert!(near.out.follow(&log));
    let followed = log.stretch().base();
    let mut seen = Vec::new();
    for _ in 0..40 {
        log.append(0, &[1; 3000]);
        log.publish();
        if !log.has_room(3000) {
            log.turn(3000).unwrap();
            seen.push(log.stretch().base());
        }
    }
    assert!(!seen.contains(&followed));
    seen.sort();
    seen.dedup();
    assert!(seen.len() < 8);
}

const PUBLISHED: u8 = 0;
const RESTING: u8 = 1;
/// Of the two readers: what they do, and calls that they have not answered.
const ATTENTION: [u8; 2] = [2, 3];
const CALLS: [u8; 2] = [4, 5];
/// The readers' queues know the crowd.
const KNOWN: u8 = 6;

const MESSAGES: u8 = 2;

/// `follow`, and then `send_together` for each message. The registers tell which reader is looked at, and
/// whether one is to be thought of with the next message. `TELLS`: as it is; otherwise nothing is said of
/// readers that rested before they were of the crowd.
fn publishing<const TELLS: bool>(access: &mut Access<'_>) -> Step {
    let [reader, ..] = access.own().registers;
    let (attention, calls) = (ATTENTION[usize::from(reader)], CALLS[usize::from(reader)]);
    match access.at() {
        0 => {
            access.store(KNOWN, 1);
            Step::To(if TELLS { 1 } else { 2 })
        }
        1 => access.then(RESTING, |_| 1, |_| 2),
        2 => {
            let published = access.load(PUBLISHED);
            access.store(PUBLISHED, published + 1);
            access.own().registers = [0; 4];
            Step::To(3)
        }
        3 => [Step::Blocked, Step::To(4)][usize::from(access.full_fence())],
        4 if access.load(RESTING) == 0 => Step::To(11),
        4 => access.then(RESTING, |_| 0, |_| 5),
        // `call_follower`: the second reader's session lends in streams.
        5 if access.load(attention) == AWAKE => Step::To(8),
        5 => access.then(
            attention,
            |_| if reader == 0 { AWAKE } else { WATCHING },
            |old| {
                if old == AWAKE {
                    7
                } else {
                    6
                }
            },
        ),
        6 => access.then(calls, |count| count + 1, |_| 7),
        7 => {
            let again = access.load(attention) != AWAKE;
            access.own().registers[1] |= u8::from(again);
            Step::To(8)
        }
        8 if reader == 0 => {
            access.own().registers[0] = 1;
            Step::To(5)
        }
        8 => Step::To(if access.own().registers[1] == 1 { 9 } else { 11 }),
        9 => access.then(RESTING, |_| 1, |_| 11),
        _ if access.load(PUBLISHED) == MESSAGES => Step::Done,
        _ => Step::To(2),
    }
}

/// `rest`, in `fall_asleep`, until all messages were seen.
fn resting<const ME: usize>(access: &mut Access<'_>) -> Step {
    let published = access.load(PUBLISHED);
    let seen = access.own().registers[0];
    match access.at() {
        0 if published > seen => {
            access.own().registers[0] = published;
            if published == MESSAGES {
                Step::Done
            } else {
                Step::To(0)
            }
        }
        0 => {
            access.store(ATTENTION[ME], ASLEEP);
            Step::To(1)
        }
        1 => Step::To(if access.load(KNOWN) == 1 { 2 } else { 3 }),
        2 => access.then(RESTING, |_| 1, |_| 3),
        3 => [Step::Blocked, Step::To(4)][usize::from(access.full_fence())],
        4 if published > seen => {
            access.store(ATTENTION[ME], AWAKE);
            Step::To(0)
        }
        4 => Step::To(5),
        5 if access.load(CALLS[ME]) == 0 => Step::Blocked,
        5 => access.then(CALLS[ME], |_| 0, |_| 6),
        6 if access.load(ATTENTION[ME]) == WATCHING => {
            access.store(ATTENTION[ME], AWAKE);
            Step::To(0)
        }
        _ => Step::To(0),
    }
}

#[test]
fn those_who_rest_hear_of_the_next_message_in_every_order() {
    let check = |machine: &Machine, is_last: bool| !is_last || machine.all_done();
    let readers: [Program; 2] = [resting::<0>, resting::<1>];
    let states = explore(&[publishing::<true>, readers[0], readers[1]], [0; 8], check);
    assert!(states.unwrap() > 1000);
    assert!(explore(&[publishing::<false>, readers[0], readers[1]], [0; 8], check).is_err());
}
