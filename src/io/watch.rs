//! What the reactor looks for at a connection.
//!
//! Room to write is looked for only after the connection was full: a local socket tells of room
//! each time the peer takes something, which would wake the I/O thread for every message. Input is
//! not looked for while the reader's thread does so itself (see [`crate::pipe::inlet`]).

use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, PoisonError};

use mio::unix::SourceFd;
use mio::{Interest, Token};

use super::IoHandle;
use crate::pipe::inlet::Reactor;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Looks {
    input: bool,
    room: bool,
}

impl Looks {
    fn interest(self) -> Option<Interest> {
        match (self.input, self.room) {
            (true, true) => Some(Interest::READABLE | Interest::WRITABLE),
            (true, false) => Some(Interest::READABLE),
            (false, true) => Some(Interest::WRITABLE),
            (false, false) => None,
        }
    }
}

/// One descriptor in the reactor of its I/O thread.
#[derive(Debug)]
pub struct Watch {
    io: Arc<IoHandle>,
    fd: RawFd,
    token: Token,
    looks: Mutex<Looks>,
}

impl Watch {
    /// Of a descriptor that the reactor knows already, from now on for input.
    pub(super) fn for_input(io: Arc<IoHandle>, fd: RawFd, token: Token) -> Arc<Watch> {
        // Fails only for a descriptor that is not watched any more.
        let _ = io.registry.reregister(&mut SourceFd(&fd), token, Interest::READABLE);
        Watch::known(io, fd, token)
    }

    /// Of a descriptor that the reactor watches for input already.
    pub(super) fn known(io: Arc<IoHandle>, fd: RawFd, token: Token) -> Arc<Watch> {
        let looks = Mutex::new(Looks { input: true, room: false });
        Arc::new(Watch { io, fd, token, looks })
    }

    /// Says whether the reactor shall look for room to write. Room that is there already counts as
    /// new.
    pub fn look_for_room(&self, looks: bool) {
        self.change(|now| now.room = looks);
    }

    fn change(&self, how: impl FnOnce(&mut Looks)) {
        let mut now = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *now;
        how(&mut now);
        if *now == before {
            return;
        }
        let (registry, mut source) = (&self.io.registry, SourceFd(&self.fd));
        // These fail only for a descriptor that is closed already.
        let _ = match (before.interest(), now.interest()) {
            (None, Some(interest)) => registry.register(&mut source, self.token, interest),
            (_, Some(interest)) => registry.reregister(&mut source, self.token, interest),
            (_, None) => registry.deregister(&mut source),
        };
    }
}

impl Reactor for Watch {
    fn look_for_input(&self, looks: bool) {
        self.change(|now| now.input = looks);
    }
}
