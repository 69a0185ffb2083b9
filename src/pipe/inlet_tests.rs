//! A lane without room, filled up by the thread that makes the room.

use core::sync::atomic::AtomicUsize;
use std::collections::VecDeque;
use std::fs::File;

use super::*;
use crate::message::Message;
use crate::pipe::{pair, PipeEnd, PipeEvent, PipeLimits, PipeOwner, PipeShared};

/// A connection that brings so many messages, as far as there is room for them.
#[derive(Debug)]
struct Source {
    left: usize,
    waits: bool,
    /// What comes last is not for the reader.
    ends: bool,
}

impl Receive for Source {
    fn receive(&mut self, _: BorrowedFd<'_>, out: &mut Outflow) -> Received {
        out.reader_comes_back();
        let before = out.written();
        while self.left > 0 && out.check_write() {
            assert!(out.write(&Message::copy_of(b"m").unwrap()));
            self.left -= 1;
        }
        out.flush();
        self.waits = self.left > 0;
        match (self.ends && self.left == 0, out.written() != before) {
            (true, _) => Received::Return,
            (_, true) => Received::Something,
            _ => Received::Nothing,
        }
    }

    fn waits_for_room(&self) -> bool {
        self.waits
    }

    fn is_better_shared(&self, _: u64, _: u64) -> bool {
        false
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// Remembers whether it looks.
#[derive(Debug)]
struct Lookout(AtomicBool);

impl Reactor for Lookout {
    fn look_for_input(&self, looks: bool) {
        self.0.store(looks, Ordering::Relaxed);
    }
}

/// Keeps what a session would be told.
#[derive(Default)]
struct Told(Mutex<VecDeque<PipeEvent>>);

impl PipeOwner for Told {
    fn pipe_event(&self, _: &Arc<PipeShared>, _: usize, event: PipeEvent) {
        self.0.lock().unwrap().push_back(event);
    }
}

struct Scene {
    reader: PipeEnd,
    session: PipeEnd,
    told: Arc<Told>,
    lookout: Arc<Lookout>,
    read: AtomicUsize,
}

/// A lane with the mark of 4 that is full, and behind it so many messages more.
fn full_lane(left: usize, ends: bool) -> Scene {
    let (reader, mut session) = pair(PipeLimits { inbound: 4, outbound: 4, conflate: false });
    let told = Arc::new(Told::default());
    session.set_owner(told.clone());
    reader.set_owner(Arc::new(Told::default()));
    let mut source = Source { left: 4 + left, waits: false, ends };
    let fd = Arc::new(OwnedFd::from(File::open("/dev/null").unwrap()));
    assert_eq!(
        source.receive(std::os::fd::AsFd::as_fd(&*fd), &mut session.out),
        Received::Something
    );
    let lookout = Arc::new(Lookout(AtomicBool::new(true)));
    session.lend_input(Box::new(source), &fd, lookout.clone(), None);
    Scene { reader, session, told, lookout, read: AtomicUsize::new(0) }
}

impl Scene {
    fn read(&mut self) -> bool {
        let read = self.reader.read(&mut Message::new());
        self.read.fetch_add(usize::from(read), Ordering::Relaxed);
        read
    }

    fn read_all(&mut self) -> usize {
        while self.read() {}
        self.read.load(Ordering::Relaxed)
    }

    fn events(&self) -> Vec<PipeEvent> {
        self.told.0.lock().unwrap().drain(..).collect()
    }
}

#[test]
fn the_reader_goes_on_with_what_found_no_room() {
    let mut scene = full_lane(33, false);
    assert!(!scene.lookout.0.load(Ordering::Relaxed), "nobody is to look before there is room");
    assert_eq!(scene.read_all(), 37);
    assert_eq!(scene.events(), []);
    // With room again, who is to come next is the session's business.
    assert!(scene.lookout.0.load(Ordering::Relaxed));
    assert!(!scene.session.input_is_held());
}

#[test]
fn what_is_not_for_the_reader_goes_to_the_session() {
    let mut scene = full_lane(3, true);
    assert_eq!(scene.read_all(), 7);
    assert_eq!(scene.events(), [PipeEvent::InputReturned]);
    assert!(scene.session.take_input_back().is_some());
}

#[test]
fn a_session_that_took_its_input_back_hears_of_the_room() {
    let mut scene = full_lane(3, false);
    assert!(scene.session.take_input_back().is_some());
    assert!(scene.lookout.0.load(Ordering::Relaxed));
    assert_eq!(scene.read_all(), 4);
    assert_eq!(scene.events(), [PipeEvent::Writable]);
}
