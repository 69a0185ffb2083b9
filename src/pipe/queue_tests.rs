//! The queue against a model: random frames, sizes, roll-backs and new connections on one side,
//! frame-wise and byte-wise reading, broken writes included, on the other.

use core::ffi::c_void;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use super::*;
use crate::message::{Content, Metadata};
use crate::pipe::random::Random;
use crate::pipe::reader::{Body, Frame};

/// One part as the model keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    flags: u8,
    body: Vec<u8>,
    /// Which connection it came over.
    descriptor: i32,
}

type Parts = Vec<Part>;

/// A writer and what it has written.
struct Producer {
    writer: Writer,
    random: Random,
    descriptor: i32,
    next_id: u64,
    /// Of the body before, which others often have too.
    len: usize,
    unfinished: Parts,
    finished: Vec<Parts>,
    /// How many of the finished messages a reader may see.
    published: usize,
}

fn metadata(descriptor: i32) -> Option<Arc<Metadata>> {
    Some(Arc::new(Metadata::new(Vec::new(), descriptor)))
}

impl Producer {
    fn new(mut writer: Writer, seed: u64) -> Producer {
        writer.set_metadata(metadata(1));
        Producer {
            writer,
            random: Random::new(seed),
            descriptor: 1,
            next_id: 0,
            len: 0,
            unfinished: Vec::new(),
            finished: Vec::new(),
            published: 0,
        }
    }

    /// A body that tells its message from all others; further parts may be of any length.
    fn body(&mut self) -> Vec<u8> {
        let least = if self.unfinished.is_empty() { 8 } else { 0 };
        if self.len < least || self.random.below(2) == 0 {
            self.len = least + self.random.length();
        }
        self.next_id += 1;
        let mut body = vec![self.next_id as u8; self.len];
        let id = self.next_id.to_be_bytes();
        let start = self.len.min(8);
        body[..start].copy_from_slice(&id[..start]);
        body
    }

    fn note(&mut self, flags: u8, body: Vec<u8>) {
        self.unfinished.push(Part { flags, body, descriptor: self.descriptor });
        if flags & FRAME_MORE == 0 {
            self.finished.push(core::mem::take(&mut self.unfinished));
        }
    }

    /// Frames that arrive as bytes: received in pieces, framed where they lie.
    fn receive(&mut self) {
        let mut bytes = Vec::new();
        let mut parts = Vec::new();
        for _ in 0..1 + self.random.below(6) {
            let flags = u8::from(self.random.below(3) == 0);
            let body = self.body();
            if body.len() > 20_000 {
                break;
            }
            crate::zmtp::frame::append_frame(flags, &body, &mut bytes);
            self.note(flags, body.clone());
            parts.push((flags, body.len() + if body.len() > 255 { 9 } else { 2 }));
        }
        let mut rest = &bytes[..];
        let mut waiting = parts.into_iter().peekable();
        while !rest.is_empty() {
            let least = 1 + self.random.below(300);
            let (room, len) = self.writer.room(least).unwrap();
            assert!(len >= least);
            let count = len.min(rest.len()).min(1 + self.random.below(3000));
            // SAFETY: `room` has `len` bytes.
            unsafe { room.copy_from_nonoverlapping(rest.as_ptr(), count) };
            self.writer.received(count);
            rest = &rest[count..];
            if self.random.below(2) == 0 {
                let before = self.writer.unframed().len();
                let limit = 1 + self.random.below(3) as u64;
                assert!(self.writer.take_messages(limit, u64::MAX) <= limit);
                let mut taken = before - self.writer.unframed().len();
                while let Some((_, len)) = waiting.next_if(|(_, len)| *len <= taken) {
                    taken -= len;
                }
                assert_eq!(taken, 0, "only whole frames are taken");
            }
            while let Some(&(flags, len)) = waiting.peek() {
                if self.writer.unframed().len() < len {
                    break;
                }
                let large = self.writer.unframed()[0] & FRAME_LARGE;
                self.writer.take_frame(len, flags | large);
                waiting.next();
            }
        }
        assert!(self.writer.unframed().is_empty() && waiting.next().is_none());
    }

    fn step(&mut self) {
        match self.random.below(12) {
            0 => {
                self.publish();
            }
            1 => {
                self.writer.rollback();
                self.unfinished.clear();
                assert!(!self.writer.has_unfinished());
            }
            2 if self.random.below(4) == 0 && self.unfinished.is_empty() => {
                self.descriptor += 1;
                self.writer.set_metadata(metadata(self.descriptor));
            }
            3 => {
                let flags = u8::from(self.random.below(2) == 0);
                let body = self.body();
                let content = Content::copy_of(&body).unwrap();
                self.writer.write_external(flags, content).unwrap();
                self.note(flags, body);
            }
            4 | 5 => self.receive(),
            7 if self.unfinished.is_empty() => self.write_whole(),
            6 => {
                // Passed over by whoever walks frames; not a part of any message.
                let more = u8::from(!self.unfinished.is_empty());
                self.writer.write_frame(FRAME_SKIP | FRAME_COMMAND | more, b"ping").unwrap();
            }
            _ => {
                let flags = u8::from(self.random.below(2) == 0);
                let body = self.body();
                self.writer.write_frame(flags, &body).unwrap();
                self.note(flags, body);
            }
        }
        assert_eq!(self.writer.has_unfinished(), self.writer_is_inside(), "unfinished parts");
    }

    /// A message in one go, its first part given apart or not, where it fits the chunk.
    fn write_whole(&mut self) {
        let parts = 1 + self.random.below(3);
        let bodies: Vec<_> = (0..parts).map(|_| self.body()).collect();
        let apart = self.random.below(2).min(parts - 1);
        let flags = |part| u8::from(part + 1 < parts);
        let mut frames = Vec::new();
        for (part, body) in bodies.iter().enumerate().skip(apart) {
            crate::zmtp::frame::append_frame(flags(part), body, &mut frames);
        }
        let first = bodies.first().filter(|_| apart > 0).map(Vec::as_slice);
        if self.writer.write_whole(first, &frames) {
            assert!(!self.writer.is_shown());
            bodies.into_iter().enumerate().for_each(|(part, body)| self.note(flags(part), body));
        }
    }

    /// Skipped frames inside a message count as unfinished, as the message does.
    fn writer_is_inside(&self) -> bool {
        !self.unfinished.is_empty()
    }

    fn publish(&mut self) {
        self.writer.publish();
        self.published = self.finished.len();
    }
}

fn check_next(reader: &mut Reader, expected: &Part) {
    let frame = reader.next_frame().expect("a published part");
    assert_eq!(frame.flags, expected.flags);
    match frame.body {
        Body::Bytes(bytes) => assert_eq!(bytes, expected.body),
        Body::Content(content) => assert_eq!(content.as_slice(), expected.body),
    }
    assert_eq!(reader.metadata().unwrap().descriptor, expected.descriptor);
}

/// Takes a message in one go, if that can be done and is wanted.
fn take_whole(reader: &mut Reader, expected: &Parts, random: &mut Random) -> bool {
    let mut frames = Vec::new();
    for part in expected {
        crate::zmtp::frame::append_frame(part.flags, &part.body, &mut frames);
    }
    let limit = [0, 1000, usize::MAX][random.below(3)];
    let wanted = random.below(4) > 0;
    let taken = reader.take_whole(limit, |whole| {
        assert_eq!(whole.frames, frames);
        assert!(frames.len() <= limit);
        assert_eq!(whole.parts as usize, expected.len());
        assert_eq!(whole.bytes, expected.iter().map(|part| part.body.len()).sum::<usize>());
        match whole.split_first() {
            None => assert_eq!(expected.len(), 1),
            Some((first, rest)) => {
                assert_eq!(first, expected[0].body);
                assert!(frames.ends_with(rest.frames));
                assert_eq!(rest.parts as usize, expected.len() - 1);
                assert_eq!(rest.bytes, whole.bytes - first.len());
            }
        }
        wanted
    });
    assert!(wanted || !taken);
    taken
}

#[test]
fn frames_come_out_as_they_went_in() {
    let mut wholes = 0;
    for seed in 1..60 {
        let (writer, mut reader) = Queue::with_ends();
        let mut producer = Producer::new(writer, seed);
        let mut random = Random::new(seed + 1000);
        let mut read = 0;
        for round in 0..150 {
            for _ in 0..random.below(12) {
                producer.step();
            }
            if round == 149 {
                producer.publish();
            }
            let wanted = random.below(12);
            let mut taken = 0;
            // A finished message may be visible before it is published, an unfinished one never.
            while (taken < wanted || round == 149) && reader.has_frame() {
                let parts = &producer.finished[read];
                if random.below(2) == 0 && take_whole(&mut reader, parts, &mut random) {
                    wholes += 1;
                } else {
                    parts.iter().for_each(|part| check_next(&mut reader, part));
                }
                (read, taken) = (read + 1, taken + 1);
            }
            assert!(taken >= wanted || read >= producer.published, "seed {seed}");
        }
        assert_eq!(read, producer.finished.len(), "seed {seed}");
        assert!(reader.next_frame().is_none());
    }
    assert!(wholes > 1000, "{wholes} taken whole");
}

/// The bytes of finished messages and where each begins.
struct Stream {
    bytes: Vec<u8>,
    starts: Vec<usize>,
    single: Vec<bool>,
}

impl Stream {
    fn extend(&mut self, messages: &[Parts]) {
        for parts in &messages[self.single.len()..] {
            for part in parts {
                crate::zmtp::frame::append_frame(part.flags, &part.body, &mut self.bytes);
            }
            self.starts.push(self.bytes.len());
            self.single.push(parts.len() == 1);
        }
    }

    /// How many messages end at or before a position.
    fn ended(&self, position: usize) -> u64 {
        self.starts.partition_point(|&start| start <= position) as u64 - 1
    }
}

fn gathered(reader: &mut Reader, random: &mut Random) -> Vec<u8> {
    let mut slices = [(core::ptr::null(), 0); 32];
    let room = 2 + random.below(31);
    let limit = 1 + random.below(100_000);
    let count = reader.gather(&mut slices[..room], limit);
    let mut bytes = Vec::new();
    for &(data, len) in &slices[..count] {
        assert_ne!(len, 0);
        // SAFETY: gathered slices are valid until they are consumed.
        bytes.extend_from_slice(unsafe { core::slice::from_raw_parts(data, len) });
    }
    bytes
}

/// A byte-wise writer's producer: no skipped frames, which only inbound lanes have.
fn step_outbound(producer: &mut Producer) {
    match producer.random.below(8) {
        0 => producer.publish(),
        1 => {
            producer.writer.rollback();
            producer.unfinished.clear();
        }
        2 | 3 => {
            let flags = u8::from(producer.random.below(2) == 0);
            let body = producer.body();
            let content = Content::copy_of(&body).unwrap();
            producer.writer.write_external(flags, content).unwrap();
            producer.note(flags, body);
        }
        _ => {
            let flags = u8::from(producer.random.below(3) != 0);
            let body = producer.body();
            producer.writer.write_frame(flags, &body).unwrap();
            producer.note(flags, body);
        }
    }
}

#[test]
fn bytes_leave_in_any_pieces_and_broken_writes_resume_between_messages() {
    let (mut rewinds, mut skipped) = (0, 0);
    for seed in 1..120 {
        let (writer, mut reader) = Queue::with_ends();
        let mut producer = Producer::new(writer, seed);
        let mut random = Random::new(seed + 5000);
        let mut stream = Stream { bytes: Vec::new(), starts: vec![0], single: Vec::new() };
        let (mut position, mut credited) = (0, 0);
        for round in 0..200 {
            for _ in 0..random.below(8) {
                step_outbound(&mut producer);
            }
            if round >= 190 {
                producer.publish();
            }
            stream.extend(&producer.finished);
            for _ in 0..random.below(5) {
                let bytes = gathered(&mut reader, &mut random);
                assert!(stream.bytes[position..].starts_with(&bytes), "seed {seed}");
                // Often everything, or up to the end of a message or of its first part.
                let count = match random.below(4) {
                    0 => random.below(bytes.len() + 1),
                    1 => stream.starts[(stream.ended(position) + 1) as usize % stream.starts.len()]
                        .saturating_sub(position)
                        .min(bytes.len()),
                    _ => bytes.len(),
                };
                let in_all = reader.gathered();
                let taken = reader.consume(count);
                assert!(taken <= in_all, "seed {seed} round {round}");
                if count == bytes.len() {
                    assert_eq!(taken, in_all, "seed {seed} round {round}");
                }
                credited += taken;
                position += count;
                assert!(credited <= stream.ended(position), "seed {seed}");
                if reader.at_boundary() {
                    assert!(stream.starts.contains(&position), "seed {seed}");
                }
            }
            if random.below(6) > 0 {
                continue;
            }
            credited += reader.rewind_to_boundary();
            rewinds += 1;
            if !stream.starts.contains(&position) {
                let message = stream.ended(position) as usize;
                let (start, end) = (stream.starts[message], stream.starts[message + 1]);
                let next = gathered(&mut reader, &mut random);
                let back = !next.is_empty() && stream.bytes[start..].starts_with(&next);
                position = if back { start } else { end };
                skipped += usize::from(!back);
                assert!(stream.bytes[position..].starts_with(&next), "seed {seed}");
                assert!(back || !stream.single[message], "seed {seed}: a single part was lost");
            }
            assert!(reader.at_boundary());
            assert_eq!(credited, stream.ended(position), "seed {seed} round {round}");
        }
        loop {
            let bytes = gathered(&mut reader, &mut random);
            if bytes.is_empty() {
                break;
            }
            assert!(stream.bytes[position..].starts_with(&bytes));
            position += bytes.len();
            credited += reader.consume(bytes.len());
        }
        assert_eq!(position, stream.bytes.len(), "seed {seed}");
        assert_eq!(credited, stream.single.len() as u64, "seed {seed}");
    }
    assert!(rewinds > 1000 && skipped > 10, "{rewinds} rewinds, {skipped} messages cut");
}

#[test]
fn reading_may_change_between_frames_and_bytes() {
    for seed in 1..60 {
        let (writer, mut reader) = Queue::with_ends();
        let mut producer = Producer::new(writer, seed);
        let mut random = Random::new(seed + 9000);
        let mut stream = Stream { bytes: Vec::new(), starts: vec![0], single: Vec::new() };
        let (mut position, mut credited) = (0, 0);
        for _ in 0..100 {
            for _ in 0..random.below(10) {
                step_outbound(&mut producer);
            }
            producer.publish();
            stream.extend(&producer.finished);
            // By frames...
            for _ in 0..random.below(4) {
                if !reader.has_frame() {
                    break;
                }
                let message = stream.ended(position) as usize;
                for part in &producer.finished[message] {
                    check_next(&mut reader, part);
                }
                position = stream.starts[message + 1];
                credited += 1;
            }
            // ...and by bytes, up to a broken connection.
            let bytes = gathered(&mut reader, &mut random);
            let count = random.below(bytes.len() + 1);
            credited += reader.consume(count);
            position += count;
            credited += reader.rewind_to_boundary();
            if !stream.starts.contains(&position) {
                let message = stream.ended(position) as usize;
                let next = gathered(&mut reader, &mut random);
                let start = stream.starts[message];
                let back = !next.is_empty() && stream.bytes[start..].starts_with(&next);
                position = if back { start } else { stream.starts[message + 1] };
            }
            assert_eq!(credited, stream.ended(position), "seed {seed}");
        }
    }
}

/// What a body by reference does when it goes.
unsafe extern "C" fn count(_: *mut c_void, counter: *mut c_void) {
    // SAFETY: the hint is a counter that outlives the test's queue.
    unsafe { &*counter.cast::<AtomicUsize>() }.fetch_add(1, Ordering::Relaxed);
}

fn counted(counter: &AtomicUsize) -> Content {
    static BODY: [u8; 16] = [7; 16];
    let hint = core::ptr::from_ref(counter).cast_mut().cast();
    // SAFETY: the body is never written to, and lives for ever.
    unsafe { Content::from_caller(BODY.as_ptr().cast_mut(), BODY.len(), Some(count), hint) }
        .unwrap()
}

#[test]
fn bodies_by_reference_are_given_back_once_wherever_they_end() {
    for seed in 1..200 {
        let freed = AtomicUsize::new(0);
        let mut made = 0;
        let mut random = Random::new(seed);
        {
            let (mut writer, mut reader) = Queue::with_ends();
            for _ in 0..60 {
                let flags = u8::from(random.below(2) == 0);
                match random.below(8) {
                    0 => drop(writer.publish()),
                    1 => {
                        writer.rollback();
                    }
                    2 => drop(reader.next_frame()),
                    3 => {
                        let bytes = gathered(&mut reader, &mut random).len();
                        reader.consume(random.below(bytes + 1));
                    }
                    4 => drop(reader.rewind_to_boundary()),
                    5 => writer.write_frame(flags, &[1; 50]).unwrap(),
                    _ => {
                        writer.write_external(flags, counted(&freed)).unwrap();
                        made += 1;
                    }
                }
            }
            if random.below(2) == 0 {
                drop(reader);
                writer.write_frame(0, b"late").unwrap();
            } else {
                drop(writer);
                while reader.next_frame().is_some() {}
            }
        }
        assert_eq!(freed.load(Ordering::Relaxed), made, "seed {seed}");
    }
}

#[test]
fn a_rolled_back_body_is_given_back_at_once() {
    for parts_before in 0..3 {
        for parts_after in 0..3 {
            let freed = AtomicUsize::new(0);
            let (mut writer, mut reader) = Queue::with_ends();
            writer.write_frame(0, b"before").unwrap();
            for _ in 0..parts_before {
                writer.write_frame(FRAME_MORE, b"part").unwrap();
            }
            writer.write_external(FRAME_MORE, counted(&freed)).unwrap();
            for _ in 0..parts_after {
                writer.write_frame(FRAME_MORE, b"part").unwrap();
            }
            writer.rollback();
            assert_eq!(freed.load(Ordering::Relaxed), 1, "{parts_before} {parts_after}");
            writer.write_frame(0, b"after").unwrap();
            writer.publish();
            let mut random = Random::new(1);
            let mut bytes = Vec::new();
            loop {
                let next = gathered(&mut reader, &mut random);
                if next.is_empty() {
                    break;
                }
                reader.consume(next.len());
                bytes.extend(next);
            }
            assert_eq!(bytes, b"\0\x06before\0\x05after");
        }
    }
}

#[test]
fn rolling_back_keeps_finished_messages_that_are_not_published_yet() {
    let (mut writer, mut reader) = Queue::with_ends();
    writer.write_frame(FRAME_MORE, &[1; 200]).unwrap();
    // Ends in another chunk than it began in; then another one begins.
    writer.write_frame(0, &[2; 2000]).unwrap();
    writer.write_frame(FRAME_MORE, &[3; 20]).unwrap();
    assert!(writer.has_unfinished());
    writer.rollback();
    assert!(!writer.has_unfinished());
    writer.write_frame(0, &[4; 20]).unwrap();
    writer.publish();
    let mut firsts = Vec::new();
    while let Some(Frame { body: Body::Bytes(bytes), .. }) = reader.next_frame() {
        firsts.push(bytes[0]);
    }
    assert_eq!(firsts, [1, 2, 4]);
}

#[test]
fn a_message_cut_at_its_chunks_end_is_counted_once() {
    // Two whole messages and the first part of a third fill a chunk; all of it is written.
    let (mut writer, mut reader) = Queue::with_ends();
    writer.write_frame(0, &[1; 100]).unwrap();
    writer.write_frame(0, &[2; 100]).unwrap();
    writer.write_frame(FRAME_MORE, &[3; 40]).unwrap();
    writer.write_frame(0, &[4; 500]).unwrap();
    writer.publish();
    let mut slices = [(core::ptr::null(), 0); 8];
    let count = reader.gather(&mut slices, usize::MAX);
    assert_eq!((count, slices[0].1), (2, 246));
    let mut done = reader.consume(246);
    done += reader.rewind_to_boundary();
    assert_eq!(done, 2);
    let mut random = Random::new(7);
    let mut left = 0;
    loop {
        let bytes = gathered(&mut reader, &mut random).len();
        if bytes == 0 {
            break;
        }
        left += bytes;
        done += reader.consume(bytes);
    }
    assert_eq!((left, done), (42 + 509, 3), "the third message goes out again, whole");
}

#[test]
fn two_threads_see_one_order() {
    const MESSAGES: u64 = 20_000;
    let (mut writer, mut reader) = Queue::with_ends();
    let writing = std::thread::spawn(move || {
        let mut random = Random::new(42);
        for number in 0..MESSAGES {
            let parts = 1 + random.below(3);
            if random.below(20) == 0 {
                // Begun and given up.
                writer.write_frame(FRAME_MORE, &[9; 3000]).unwrap();
                writer.write_external(FRAME_MORE, Content::copy_of(&[9; 10]).unwrap()).unwrap();
                writer.write_frame(FRAME_MORE, &[9; 300]).unwrap();
                writer.rollback();
            }
            for part in 0..parts {
                let more = u8::from(part + 1 < parts);
                let mut body = vec![part as u8; 8 + random.below(400)];
                body[..8].copy_from_slice(&number.to_le_bytes());
                if random.below(10) == 0 {
                    writer.write_external(more, Content::copy_of(&body).unwrap()).unwrap();
                } else {
                    writer.write_frame(more, &body).unwrap();
                }
            }
            if random.below(3) > 0 {
                writer.publish();
            }
        }
        writer.publish();
        writer.queue.closed.store(true, Ordering::Release);
    });
    let (mut number, mut part) = (0u64, 0u8);
    loop {
        let closed = reader.queue.closed.load(Ordering::Acquire);
        let Some(frame) = reader.next_frame() else {
            if closed {
                break;
            }
            std::thread::yield_now();
            continue;
        };
        let body = match &frame.body {
            Body::Bytes(bytes) => bytes,
            Body::Content(content) => content.as_slice(),
        };
        assert_eq!(body[..8], number.to_le_bytes());
        assert!(body[8..].iter().all(|&byte| byte == part));
        if frame.flags & FRAME_MORE == 0 {
            (number, part) = (number + 1, 0);
        } else {
            part += 1;
        }
    }
    writing.join().unwrap();
    assert_eq!((number, part), (MESSAGES, 0));
}
