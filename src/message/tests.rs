//! Messages against a model: what they hold, what they share, and that everything a caller lends
//! is given back once.

use core::ffi::c_void;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::error::Errno;
use crate::pipe::random::Random;

unsafe extern "C" fn count(data: *mut c_void, counter: *mut c_void) {
    // SAFETY: the hint is a counter that outlives the messages.
    unsafe { &*counter.cast::<AtomicUsize>() }.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the data was leaked from a box of this one type.
    drop(unsafe { Box::from_raw(data.cast::<[u8; 300]>()) });
}

/// A body in memory that valgrind and sanitizers watch, given back through a function.
fn lent(len: usize, fill: u8, counter: &AtomicUsize) -> Message {
    let data = Box::into_raw(Box::new([fill; 300])).cast::<u8>();
    let hint = core::ptr::from_ref(counter).cast_mut().cast();
    // SAFETY: the box lives until `count` takes it back.
    Message::of_content(unsafe { Content::from_caller(data, len, Some(count), hint) }.unwrap())
}

/// What a message is expected to be.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    body: Vec<u8>,
    more: bool,
    routing_id: u32,
    group: Vec<u8>,
    descriptor: Option<i32>,
}

fn assert_is(message: &Message, model: &Model) {
    assert_eq!(message.data(), model.body);
    assert_eq!((message.len(), message.is_empty()), (model.body.len(), model.body.is_empty()));
    assert_eq!((message.has_more(), message.routing_id()), (model.more, model.routing_id));
    // SAFETY: the group ends with a NUL.
    let group = unsafe { core::ffi::CStr::from_ptr(message.group_ptr().cast()) };
    assert_eq!(group.to_bytes(), model.group);
    assert_eq!(message.metadata().map(|metadata| metadata.descriptor), model.descriptor);
}

/// As C callers move messages: the bytes go elsewhere, and the old place is forgotten.
fn moved(message: Message) -> Message {
    let mut bytes = [0u8; 64];
    let size = core::mem::size_of::<Message>();
    // SAFETY: both are 64 bytes; the original is forgotten, so that one message is left.
    unsafe {
        core::ptr::copy_nonoverlapping((&raw const message).cast(), bytes.as_mut_ptr(), size);
        core::mem::forget(message);
        core::ptr::read_unaligned(bytes.as_ptr().cast::<Message>())
    }
}

#[test]
fn messages_are_what_was_done_to_them() {
    static CONSTANT: [u8; 300] = [9; 300];
    for seed in 1..60 {
        let mut random = Random::new(seed);
        let freed = AtomicUsize::new(0);
        let mut made = 0;
        let mut messages: Vec<(Message, Model)> = vec![Default::default()];
        for _ in 0..300 {
            let index = random.below(messages.len());
            let fill = random.draw() as u8;
            let (message, model) = &mut messages[index];
            match random.below(16) {
                0 => {
                    let body = vec![fill; random.length()];
                    let new = Message::copy_of(&body).unwrap();
                    messages.push((new, Model { body, ..Model::default() }));
                }
                1 => {
                    let len = random.below(300);
                    made += 1;
                    let model = Model { body: vec![fill; len], ..Model::default() };
                    messages.push((lent(len, fill, &freed), model));
                }
                2 => {
                    let len = random.below(300);
                    // SAFETY: the bytes live for ever.
                    let new = unsafe { Message::constant(CONSTANT.as_ptr(), len) };
                    messages.push((new, Model { body: vec![9; len], ..Model::default() }));
                }
                3 => {
                    let copy = message.duplicate().unwrap();
                    let model = model.clone();
                    messages.push((copy, model));
                }
                4 => {
                    message.truncate(random.below(model.body.len() + 1));
                    model.body.truncate(message.len());
                }
                5 => {
                    model.group = vec![b'g'; random.below(GROUP_MAX + 1)];
                    message.set_group(&model.group).unwrap();
                    let too_long = [b'g'; GROUP_MAX + 1];
                    assert_eq!(message.set_group(&too_long), Err(Errno::EINVAL));
                }
                6 => {
                    model.routing_id = u32::from(fill);
                    message.set_routing_id(model.routing_id);
                }
                7 => {
                    model.more = !model.more;
                    message.set_more(model.more);
                }
                8 => {
                    model.descriptor = Some(i32::from(fill));
                    let metadata = Metadata::new(Vec::new(), i32::from(fill));
                    message.set_metadata(Some(Arc::new(metadata)));
                }
                9 => {
                    model.descriptor = None;
                    message.clear_metadata();
                }
                10 => {
                    // Inline bodies are each message's own; content is shared by contract.
                    if !message.has_content() && model.body.len() <= INLINE_MAX {
                        let (place, len) = (message.data_ptr(), message.len());
                        if len > 0 && place.cast_const() != CONSTANT.as_ptr() {
                            // SAFETY: the body has `len` bytes and is this message's own.
                            unsafe { place.write_bytes(fill, len) };
                            model.body.fill(fill);
                        }
                    }
                }
                11 => {
                    model.body = vec![fill; random.length()];
                    let is_few = (1..=few::FEW).contains(&model.body.len());
                    assert!(match is_few && random.below(2) == 0 {
                        true => message.become_few(&model.body),
                        false => message.become_copy(&model.body),
                    });
                    (model.more, model.routing_id, model.group) = (false, 0, Vec::new());
                }
                12 | 13 => {
                    let (message, model) = messages.swap_remove(index);
                    messages.push((moved(message), model));
                }
                _ => {
                    let (mut message, _) = messages.swap_remove(index);
                    message.close();
                    assert!(!message.is_valid());
                    if random.below(2) == 0 {
                        message.close();
                    }
                }
            }
            for (message, model) in &messages {
                assert!(message.is_valid());
                assert_is(message, model);
            }
            if messages.is_empty() {
                messages.push(Default::default());
            }
        }
        drop(messages);
        assert_eq!(freed.load(Ordering::Relaxed), made, "seed {seed}");
    }
}

#[test]
fn a_view_becomes_a_body_of_its_own() {
    for len in [0, 1, INLINE_MAX - 1, INLINE_MAX, INLINE_MAX + 1, 255, 40_000] {
        let mut bytes = vec![5; len];
        // SAFETY: the bytes live until the message owns a copy.
        let mut message = unsafe { Message::view(bytes.as_ptr(), len) };
        message.set_more(true);
        message.own().unwrap();
        bytes.fill(6);
        drop(bytes);
        assert_eq!(message.data(), vec![5; len]);
        assert!(message.has_more() && message.is_valid());
        assert_eq!(message.has_content(), len > INLINE_MAX);
    }
}

#[test]
fn a_past_body_is_filled_again_where_nobody_else_has_it_and_it_suits() {
    let reused = |past: Content, len: usize| {
        let before = past.as_ptr();
        let bytes = vec![9; len];
        // SAFETY: the bytes live until the message owns a copy.
        let mut message = unsafe { Message::view(bytes.as_ptr(), len) };
        message.own_with(Some(past)).unwrap();
        assert_eq!(message.data(), bytes);
        message.content().is_some_and(|content| content.as_ptr() == before)
    };
    let past = |len: usize| Content::copy_of(&vec![3; len]).unwrap();
    assert!(reused(past(100), 100) && reused(past(100), 90) && reused(past(50_000), 49_000));
    assert!(!reused(past(100), INLINE_MAX) && !reused(past(100), 1000));
    assert!(!reused(past(100_000), 40_000), "most of the block would be unused");
    assert!(!reused(past(40_000), 30_000), "long bodies begin elsewhere");

    let shared = past(100);
    assert!(!reused(shared.clone(), 100));
    assert_eq!(shared.as_slice(), [3; 100]);
    let mut narrowed = past(100);
    narrowed.narrow(10..100);
    assert!(!reused(narrowed, 90));
    let freed = AtomicUsize::new(0);
    let mut callers = lent(100, 3, &freed);
    assert!(!reused(callers.take_body().unwrap(), 100));
    assert_eq!((freed.load(Ordering::Relaxed), callers.len()), (1, 0));
}

#[test]
fn messages_in_one_place_know_the_connection_of_each() {
    let connections = [3, 4].map(|descriptor| Arc::new(Metadata::new(Vec::new(), descriptor)));
    let mut message = Message::new();
    for known in [Some(0), Some(0), Some(1), None, None, Some(1)] {
        // SAFETY: the bytes are constant.
        unsafe { message.become_view(b"body".as_ptr(), 4) };
        message.adopt_metadata(known.map(|number: usize| &connections[number]));
        let descriptor = message.metadata().map(|metadata| metadata.descriptor);
        assert_eq!(descriptor, known.map(|number| connections[number].descriptor));
        let holders = connections.each_ref().map(Arc::strong_count);
        assert_eq!(holders, [0, 1].map(|number| 1 + usize::from(known == Some(number))));
    }
    drop(message);
    assert!(connections.iter().all(|connection| Arc::strong_count(connection) == 1));
}

#[test]
fn a_truncated_body_by_reference_is_not_passed_on_whole() {
    let mut message = Message::copy_of(&[1; 100]).unwrap();
    message.truncate(1000);
    assert_eq!(message.len(), 100);
    message.truncate(10);
    assert_eq!((message.len(), message.content().unwrap().len()), (10, 100));
    let mut short = Message::copy_of(&[1; 20]).unwrap();
    short.truncate(256 + 3);
    assert_eq!(short.len(), 20, "a length beyond the present one changes nothing");
}

#[test]
fn memory_that_was_never_a_message_is_not_valid() {
    let mut random = Random::new(5);
    for _ in 0..1000 {
        let mut bytes = [0u8; 64];
        bytes.fill_with(|| random.draw() as u8);
        // The byte that says what the rest is.
        bytes[42] = [0, 1, 0x7f, 0xC0, 0xC5, 0xff][random.below(6)];
        // SAFETY: any 64 bytes may be looked at as a message; dropping is what is refused here.
        let message = core::mem::ManuallyDrop::new(unsafe {
            core::ptr::read_unaligned(bytes.as_ptr().cast::<Message>())
        });
        assert!(!message.is_valid());
    }
    assert!(Message::new().is_valid());
}

#[test]
fn the_last_of_many_threads_gives_the_body_back() {
    for _ in 0..200 {
        let freed = AtomicUsize::new(0);
        let mut message = lent(300, 4, &freed);
        let copies: Vec<Message> = (0..4).map(|_| message.duplicate().unwrap()).collect();
        std::thread::scope(|scope| {
            for copy in copies {
                scope.spawn(move || assert_eq!(copy.data(), [4; 300]));
            }
            drop(message);
        });
        assert_eq!(freed.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn bodies_grow_and_keep_their_bytes() {
    let mut content = Content::copy_of(b"start").unwrap();
    for len in [6, 40_000, 100_000, 9_000_000, 30] {
        content = content.resized(len).unwrap();
        assert_eq!((content.len(), &content.as_slice()[..5]), (len, &b"start"[..]));
    }
    assert_eq!(Content::with_len(usize::MAX).unwrap_err(), Errno::ENOMEM);
    assert_eq!(Content::with_len(usize::MAX / 2).unwrap_err(), Errno::ENOMEM);
    assert_eq!(Message::with_len(isize::MAX as usize).unwrap_err(), Errno::ENOMEM);
}

#[test]
fn bytes_come_in_front_of_a_body_of_our_own_only() {
    let mut content = Content::copy_of(&[7; 50_000]).unwrap();
    assert!(content.prepend(b"middle ") && content.prepend(b"first "));
    assert_eq!(&content.as_slice()[..15], b"first middle \x07\x07");
    assert_eq!(content.len(), 50_013);
    content.narrow(20..30);
    assert!(content.has_room_before(500) && !content.has_room_before(1 << 20));

    let other = content.clone();
    assert!(!content.prepend(b"x") && content.as_mut_slice().is_none());
    drop(other);
    assert!(content.prepend(b"x") && content.as_mut_slice().is_some());

    let mut memory = [1; 100];
    let hint = core::ptr::null_mut();
    // SAFETY: the memory outlives the content.
    let content = unsafe { Content::from_caller(memory[50..].as_mut_ptr(), 50, None, hint) };
    let mut content = content.unwrap();
    assert!(!content.prepend(b"x") && content.as_mut_slice().is_none());
    drop(content);
    assert_eq!(memory, [1; 100]);
}

#[test]
fn pooled_blocks_belong_to_one_user_at_a_time() {
    std::thread::scope(|scope| {
        for thread in 0..3u8 {
            scope.spawn(move || {
                let mut random = Random::new(u64::from(thread) + 1);
                let mut held: Vec<(Content, u8)> = Vec::new();
                for round in 0..400 {
                    if held.len() > 6 || random.below(2) == 0 && !held.is_empty() {
                        let (content, fill) = held.swap_remove(random.below(held.len()));
                        let bytes = content.as_slice();
                        assert_eq!((bytes[0], bytes[bytes.len() - 1]), (fill, fill));
                        continue;
                    }
                    let fill = thread.wrapping_mul(80).wrapping_add(round as u8);
                    let content = Content::with_len(20_000 + random.below(200_000)).unwrap();
                    // SAFETY: a new body's bytes are nobody else's.
                    unsafe {
                        content.as_ptr().write(fill);
                        content.as_ptr().add(content.len() - 1).write(fill);
                    }
                    held.push((content, fill));
                }
            });
        }
    });
}

#[test]
fn metadata_knows_both_names_of_the_routing_id() {
    let properties =
        vec![("Identity".to_owned(), b"me\0hidden".to_vec()), ("X-Empty".to_owned(), Vec::new())];
    let metadata = Metadata::new(properties, 7);
    assert_eq!(metadata.property("Routing-Id").unwrap().to_bytes(), b"me");
    assert_eq!(metadata.property("Identity").unwrap().to_bytes(), b"me");
    assert_eq!(metadata.property("X-Empty").unwrap().to_bytes(), b"");
    assert!(metadata.property("User-Id").is_none());
    assert_eq!(metadata.property("__fd").unwrap().to_bytes(), b"7");
    let other = Metadata::new(vec![("Routing-Id".to_owned(), b"it".to_vec())], 7);
    assert_eq!(other.property("Identity").unwrap().to_bytes(), b"it");
    assert!(Metadata::new(Vec::new(), -1).property("__fd").is_none());
}

#[test]
fn the_memory_of_a_long_group_goes_back() {
    let name = [b'g'; 200];
    let give_back: [fn(&mut Message); 5] = [
        |message| assert!(message.become_few(&[5; 10])),
        |message| assert!(message.become_few(&[5; 50])),
        |message| assert!(message.become_copy(&[5; 500])),
        Message::empty,
        Message::close,
    ];
    for (index, give_back) in give_back.iter().enumerate() {
        for mut message in [Message::new(), Message::copy_of(&[4; 50]).unwrap()] {
            message.set_group(&name).unwrap();
            let place = message.group_ptr();
            give_back(&mut message);
            assert_eq!(message.group(), b"");
            // What this thread gave back last comes first.
            let next = Content::with_len(name.len() + 1).unwrap();
            assert_eq!(next.as_ptr().cast_const(), place, "{index}");
        }
    }
}
