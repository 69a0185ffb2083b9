//! I/O threads.
//!
//! Each runs a reactor over the descriptors of its sessions and listeners. Other threads reach it
//! through [`IoHandle`]: commands go into an inbox, and a waker interrupts the wait. Readiness is
//! edge-triggered, so an object that did not finish its work stays in the run queue and gets
//! another, bounded turn after the others had theirs. An object whose handler panics is dropped;
//! its connection closes, and nothing else does.

use std::collections::{HashMap, HashSet, VecDeque};
use std::os::fd::{AsRawFd, RawFd};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token, Waker};

mod alarm;
mod handle;
mod looks;
mod system;
pub mod timers;
pub mod watch;

use crate::error::{Errno, Result};
use crate::pipe::{PipeEvent, PipeShared};
use crate::session::listener::Listener;
use crate::session::Session;
use crate::signaler::held;
use crate::transport::tcp::ConnectTarget;
pub use handle::IoHandle;
use looks::Looks;
use timers::{Purpose, Timers};
use watch::Watch;

const WAKE: Token = Token(0);
const EVENTS_PER_TURN: usize = 256;

/// What an I/O thread is told.
#[derive(Debug)]
enum IoCommand {
    AddSession(Box<Session>),
    AddListener(Box<Listener>),
    /// The socket closes or takes the endpoint down.
    Terminate {
        id: u64,
        linger: i32,
    },
    /// The session is to end if its handshake is not over.
    GiveUp(u64),
    /// The connection of this token is not watched any more.
    Unwatched(Token),
    Pipe {
        id: u64,
        pipe: Arc<PipeShared>,
        event: PipeEvent,
    },
    /// A host name was looked up.
    Resolved {
        id: u64,
        attempt: u64,
        outcome: Result<ConnectTarget>,
    },
    Stop,
}

/// What the system says of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    pub readable: bool,
    pub writable: bool,
    /// The peer has closed its side, or the connection is broken. Said once.
    pub hung_up: bool,
}

/// What an object wants after a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// Nothing to do until an event comes.
    Idle,
    /// More to do; another turn after the others.
    Again,
    /// The object is over: drop it.
    Over,
}

/// What an object may use of its thread during a turn.
pub struct Cx<'a> {
    pub registry: &'a Registry,
    pub timers: &'a mut Timers,
    looks: &'a mut Looks,
    pub io: &'a Arc<IoHandle>,
}

impl Cx<'_> {
    /// Has the session look at its pipe again, after so long.
    pub fn look_again(&mut self, id: u64, after: Duration) {
        self.looks.add(id, after);
    }

    /// A connection that is watched already, from now on for input.
    pub fn watch_connection(&self, fd: RawFd, id: u64, generation: u16) -> Arc<Watch> {
        Watch::for_input(self.io.clone(), fd, token(id, generation))
    }

    /// Begins to watch an accepted connection, for input.
    pub fn watch_accepted(&self, fd: RawFd, id: u64) -> Result<Arc<Watch>> {
        self.watch(fd, id, 0, Interest::READABLE)?;
        Ok(Watch::known(self.io.clone(), fd, token(id, 0)))
    }

    /// Watches a descriptor on behalf of an object. `generation` tells its descriptors apart.
    pub fn watch(&self, fd: RawFd, id: u64, generation: u16, interest: Interest) -> Result<()> {
        Ok(self.registry.register(&mut SourceFd(&fd), token(id, generation), interest)?)
    }

    /// Stops watching.
    pub fn unwatch(&self, fd: RawFd) {
        // A descriptor that the system closed already is not watched any more.
        let _ = self.registry.deregister(&mut SourceFd(&fd));
    }
}

fn token(id: u64, generation: u16) -> Token {
    Token((id as usize) << 16 | usize::from(generation))
}

/// The number and the generation of a token.
fn parts(token: Token) -> (u64, u16) {
    ((token.0 >> 16) as u64, token.0 as u16)
}

#[derive(Debug)]
enum Object {
    Session(Box<Session>),
    Listener(Box<Listener>),
}

impl Object {
    /// Whether a turn may do more than move messages: connect, accept, shake hands.
    fn takes_its_time(&self) -> bool {
        match self {
            Object::Session(session) => !session.has_shaken_hands(),
            Object::Listener(_) => true,
        }
    }
}

/// An I/O thread's own state.
#[derive(Debug)]
pub struct IoThread {
    poll: Poll,
    handle: Arc<IoHandle>,
    objects: HashMap<u64, Object>,
    timers: Timers,
    looks: Looks,
    run_queue: VecDeque<u64>,
    /// What is in the run queue.
    queued: HashSet<u64>,
    /// Memory for commands.
    commands: Vec<IoCommand>,
}

impl IoThread {
    /// `EMFILE`, `ENFILE` or `ENOMEM` when the system has no descriptors left.
    pub fn new() -> Result<IoThread> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        let handle = IoHandle::new(poll.registry().try_clone()?, waker);
        Ok(IoThread {
            poll,
            handle: Arc::new(handle),
            objects: HashMap::new(),
            timers: Timers::default(),
            looks: Looks::default(),
            run_queue: VecDeque::new(),
            queued: HashSet::new(),
            commands: Vec::new(),
        })
    }

    pub fn handle(&self) -> Arc<IoHandle> {
        self.handle.clone()
    }

    /// The thread's body.
    pub fn run(mut self) {
        system::sleep_precisely();
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        loop {
            let timeout = if !self.handle.rest() || !self.run_queue.is_empty() {
                Some(Duration::ZERO)
            } else if let Some(left) = self.looks.until_due() {
                system::wait_precisely(self.poll.as_raw_fd(), left);
                Some(Duration::ZERO)
            } else {
                self.timers.until_next().map(|left| left + Duration::from_micros(500))
            };
            if let Err(error) = self.poll.poll(&mut events, timeout) {
                if Errno::of(&error) != Errno::EINTR {
                    // Nothing to wait on: go on by looking now and then, never abort.
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            self.handle.rise();
            if !held::during(|| self.round(&events)) {
                break;
            }
        }
        self.finish();
    }

    /// Does what there is to do for now. False when the thread should end.
    fn round(&mut self, events: &Events) -> bool {
        self.hear(events);
        if !self.execute_commands() {
            return false;
        }
        self.fire_timers();
        self.look();
        self.run_queued();
        true
    }

    /// Gives each object that the system has news for a turn.
    fn hear(&mut self, events: &Events) {
        for event in events {
            if matches!(event.token(), WAKE | alarm::ALARM) {
                continue;
            }
            let (id, generation) = parts(event.token());
            let hung_up = event.is_read_closed() || event.is_error();
            let readable = event.is_readable() || hung_up;
            let writable = event.is_writable() || event.is_write_closed() || event.is_error();
            let news = Ready { readable, writable, hung_up };
            self.turn(id, |object, cx| match object {
                Object::Session(session) => session.ready(cx, generation, news),
                Object::Listener(listener) => listener.ready(cx),
            });
        }
    }

    /// False when the thread should end.
    fn execute_commands(&mut self) -> bool {
        let mut commands = core::mem::take(&mut self.commands);
        self.handle.take(&mut commands);
        let goes_on = commands.drain(..).all(|command| self.execute(command));
        self.commands = commands;
        goes_on
    }

    /// False when the thread should end.
    fn execute(&mut self, command: IoCommand) -> bool {
        match command {
            IoCommand::AddSession(session) => {
                let id = session.id();
                self.add(id, Object::Session(session));
            }
            IoCommand::AddListener(listener) => {
                let id = listener.id();
                self.add(id, Object::Listener(listener));
            }
            IoCommand::Terminate { id, linger } => {
                self.turn(id, |object, cx| match object {
                    Object::Session(session) => session.terminate(cx, linger),
                    Object::Listener(listener) => listener.terminate(cx),
                });
            }
            IoCommand::GiveUp(id) => self.turn(id, |object, cx| match object {
                Object::Session(session) => session.give_up(cx),
                Object::Listener(_) => Turn::Idle,
            }),
            IoCommand::Unwatched(token) => {
                let (id, generation) = parts(token);
                self.turn(id, |object, cx| match object {
                    Object::Session(session) => session.unwatched(cx, generation),
                    Object::Listener(_) => Turn::Idle,
                });
            }
            IoCommand::Pipe { id, pipe, event } => self.turn(id, |object, cx| match object {
                Object::Session(session) => session.pipe_event(cx, &pipe, event),
                Object::Listener(_) => Turn::Idle,
            }),
            IoCommand::Resolved { id, attempt, outcome } => {
                self.turn(id, |object, cx| match object {
                    Object::Session(session) => session.resolved(cx, attempt, outcome),
                    Object::Listener(_) => Turn::Idle,
                });
            }
            IoCommand::Stop => return false,
        }
        true
    }

    fn add(&mut self, id: u64, object: Object) {
        self.objects.insert(id, object);
        self.count_load();
        self.turn(id, |object, cx| match object {
            Object::Session(session) => session.start(cx),
            Object::Listener(listener) => listener.start(cx),
        });
    }

    fn count_load(&self) {
        self.handle.set_load(self.objects.len());
    }

    fn fire_timers(&mut self) {
        let now = Instant::now();
        while let Some((id, purpose)) = self.timers.take_due(now) {
            self.timer(id, purpose);
        }
    }

    fn timer(&mut self, id: u64, purpose: Purpose) {
        self.turn(id, |object, cx| match object {
            Object::Session(session) => session.timer(cx, purpose),
            Object::Listener(listener) => listener.ready(cx),
        });
    }

    /// Has the sessions look that asked for it.
    fn look(&mut self) {
        for id in self.looks.take_due() {
            self.turn(id, |object, cx| match object {
                Object::Session(session) => session.look(cx),
                Object::Listener(_) => Turn::Idle,
            });
        }
    }

    /// Gives each object that asked for one another turn.
    fn run_queued(&mut self) {
        for _ in 0..self.run_queue.len() {
            let Some(id) = self.run_queue.pop_front() else { break };
            self.queued.remove(&id);
            self.turn(id, |object, cx| match object {
                Object::Session(session) => session.work(cx),
                Object::Listener(listener) => listener.ready(cx),
            });
        }
    }

    fn turn(&mut self, id: u64, body: impl FnOnce(&mut Object, &mut Cx<'_>) -> Turn) {
        let Some(object) = self.objects.get_mut(&id) else { return };
        let mut cx = Cx {
            registry: self.poll.registry(),
            timers: &mut self.timers,
            looks: &mut self.looks,
            io: &self.handle,
        };
        if object.takes_its_time() {
            held::send_all();
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| body(object, &mut cx)));
        held::send_old();
        match outcome {
            Ok(Turn::Idle) => {}
            Ok(Turn::Again) => {
                if self.queued.insert(id) {
                    self.run_queue.push_back(id);
                }
            }
            Ok(Turn::Over) | Err(_) => self.remove(id),
        }
    }

    fn remove(&mut self, id: u64) {
        // Many messages may have to be given up.
        held::send_all();
        if let Some(object) = self.objects.remove(&id) {
            self.count_load();
            let mut cx = Cx {
                registry: self.poll.registry(),
                timers: &mut self.timers,
                looks: &mut self.looks,
                io: &self.handle,
            };
            let over = AssertUnwindSafe(move || match object {
                Object::Session(session) => session.over(&mut cx),
                Object::Listener(listener) => listener.over(&mut cx),
            });
            // Whatever went wrong in its end, the object is gone.
            let _ = catch_unwind(over);
        }
    }

    fn finish(&mut self) {
        drop(self.handle.close());
        let ids: Vec<u64> = self.objects.keys().copied().collect();
        ids.into_iter().for_each(|id| self.remove(id));
    }
}

#[cfg(test)]
mod tests;
