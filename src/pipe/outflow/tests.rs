use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::any::Any;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex};

use crate::message::Message;
use crate::pipe::outlet::{Carried, Carry, Went};
use crate::pipe::reader::Reader;
use crate::pipe::{pair, PipeEnd, PipeEvent, PipeLimits, PipeOwner, PipeShared};

#[test]
fn what_is_unread_goes_down_as_the_reader_goes_on() {
    for len in [100_000, 30_000] {
        let limits = PipeLimits { inbound: 0, outbound: 0, conflate: false };
        let (mut writer, mut reader) = pair(limits);
        let message = Message::copy_of(&vec![7; len]).unwrap();
        for _ in 0..10 {
            assert!(writer.out.write(&message));
        }
        writer.out.flush();
        let all = 10 * len as u64;
        assert!((all..all + 1000).contains(&writer.out.unread_bytes()), "{len}");
        let mut received = Message::new();
        let mut before = writer.out.unread_bytes();
        for left in (0..10).rev() {
            assert!(reader.read(&mut received));
            let unread = writer.out.unread_bytes();
            // The chunk that the reader is in counts whole.
            assert!(unread <= before && unread <= left * len as u64 + 131_072, "{len}: {unread}");
            before = unread;
        }
        assert!(!reader.check_read());
    }
}

/// Takes all there is, and counts the calls that a connection would have had.
#[derive(Debug)]
struct Counting(Arc<AtomicUsize>);

impl Carry for Counting {
    fn carry(&mut self, _: BorrowedFd<'_>, reader: &mut Reader) -> Carried {
        let mut slices = [(core::ptr::null(), 0); 8];
        let count = reader.gather(&mut slices, usize::MAX);
        let bytes = slices[..count].iter().map(|slice| slice.1).sum();
        self.0.fetch_add(usize::from(bytes > 0), Ordering::Relaxed);
        let went = if bytes > 0 { Went::On } else { Went::Empty };
        Carried { messages: reader.consume(bytes), bytes, went }
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// Keeps what it is told, at once or for later.
#[derive(Default)]
struct Owner {
    events: Mutex<Vec<PipeEvent>>,
    at_work: AtomicBool,
}

impl PipeOwner for Owner {
    fn pipe_event(&self, _: &Arc<PipeShared>, _: usize, event: PipeEvent) {
        self.events.lock().unwrap().push(event);
    }

    fn is_at_work(&self) -> bool {
        self.at_work.load(Ordering::Relaxed)
    }
}

/// A socket's end with requests to answer, and a session that has lent it the reader.
struct Scene {
    socket: PipeEnd,
    session: PipeEnd,
    sockets: Arc<Owner>,
    sessions: Arc<Owner>,
    calls: Arc<AtomicUsize>,
}

impl Scene {
    fn new(mark: i32, requests: usize) -> Scene {
        let limits = PipeLimits { inbound: 0, outbound: mark, conflate: false };
        let (socket, mut session) = pair(limits);
        let [sockets, sessions]: [Arc<Owner>; 2] = Default::default();
        socket.set_owner(sockets.clone());
        session.set_owner(sessions.clone());
        for _ in 0..requests {
            assert!(session.out.write(&Message::copy_of(b"request").unwrap()));
        }
        session.out.flush();
        assert!(!session.check_read());
        let calls = Arc::new(AtomicUsize::new(0));
        let carrier = || Box::new(Counting(calls.clone())) as Box<dyn Carry>;
        let nowhere = std::fs::File::open("/dev/null").unwrap();
        session.lend(&Arc::new(OwnedFd::from(nowhere)), carrier, false);
        Scene { socket, session, sockets, sessions, calls }
    }

    fn answer(&mut self) {
        let mut request = Message::new();
        assert!(self.socket.read(&mut request));
        assert!(self.socket.write(&Message::copy_of(b"answer").unwrap()));
        self.socket.flush();
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    fn told(owner: &Owner) -> Vec<PipeEvent> {
        core::mem::take(&mut owner.events.lock().unwrap())
    }
}

#[test]
fn answers_to_many_requests_leave_together() {
    let mut scene = Scene::new(0, 5);
    for _ in 0..4 {
        scene.answer();
    }
    assert_eq!((scene.calls(), scene.socket.out.unacknowledged()), (0, 4));
    assert_eq!(Scene::told(&scene.sessions), [PipeEvent::Left]);
    scene.answer();
    assert_eq!((scene.calls(), Scene::told(&scene.sessions)), (1, vec![]));
    assert!(!scene.session.was_left(), "nothing is left");
}

#[test]
fn what_is_left_leaves_when_the_mark_is_reached() {
    for mark in [4, 10, 63, 64, 100] {
        let mut scene = Scene::new(mark, 2 * mark as usize + 10);
        for _ in 0..2 * mark + 1 {
            crate::pipe::outflow::end_burst();
            assert!(scene.socket.check_write(), "{mark}");
            scene.answer();
        }
        assert!(scene.calls() >= 2, "{mark}");
        if mark > 10 {
            assert!(scene.calls() <= 8, "{mark}: {}", scene.calls());
        }
    }
}

#[test]
fn what_is_left_leaves_before_the_end() {
    let mut scene = Scene::new(0, 9);
    (0..3).for_each(|_| scene.answer());
    scene.socket.close();
    assert_eq!(scene.calls(), 1);
}

#[test]
fn answers_to_few_requests_leave_by_themselves() {
    let mut scene = Scene::new(0, 3);
    scene.answer();
    assert_eq!((scene.calls(), Scene::told(&scene.sessions)), (1, vec![]));
}

#[test]
fn what_is_left_leaves_when_there_is_nothing_to_read_or_the_session_looks() {
    let mut scene = Scene::new(0, 9);
    (0..3).for_each(|_| scene.answer());
    scene.socket.send_left();
    assert_eq!(scene.calls(), 1);
    (0..2).for_each(|_| scene.answer());
    assert_eq!((scene.calls(), Scene::told(&scene.sessions)), (1, vec![PipeEvent::Left]));
    assert!(scene.session.was_left());
    scene.session.activate_read();
    assert!(scene.session.take_back() && scene.session.check_read());
    (0..2).for_each(|_| scene.answer());
    let told = Scene::told(&scene.sessions);
    assert!(told.is_empty(), "it is awake: {told:?}");
    assert!(!scene.session.was_left());
}

#[test]
fn a_session_that_is_at_work_gets_the_answers() {
    let mut scene = Scene::new(0, 9);
    scene.sessions.at_work.store(true, Ordering::Relaxed);
    (0..3).for_each(|_| scene.answer());
    assert_eq!((scene.calls(), Scene::told(&scene.sessions)), (0, vec![PipeEvent::Readable]));
}

/// Else its owner would wait for room that nobody speaks of any more.
#[test]
fn who_sends_by_itself_hears_of_the_room_that_makes() {
    let mut scene = Scene::new(4, 9);
    scene.sessions.at_work.store(true, Ordering::Relaxed);
    (0..4).for_each(|_| scene.answer());
    assert!(!scene.socket.check_write());
    Scene::told(&scene.sockets);
    scene.socket.out.send_pending();
    assert_eq!(Scene::told(&scene.sockets), [PipeEvent::Writable]);
    assert!(scene.socket.out.activate() && scene.socket.check_write());
}
