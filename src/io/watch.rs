//! What the reactor looks for at a connection.
//!
//! Room to write is looked for only after the connection was full: a local socket tells of room
//! each time the peer takes something, which would wake the I/O thread for every message. Input is
//! not looked for while the reader's thread does so itself (see [`crate::pipe::inlet`]). A connection
//! that the system cannot watch again is closed: nobody would hear of what comes.

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
        let outcome = match (before.interest(), now.interest()) {
            // The system may have no room for one more descriptor to watch.
            (None, Some(interest)) => registry.register(&mut source, self.token, interest),
            // These fail only for a descriptor that is not watched any more.
            (_, Some(interest)) => registry.reregister(&mut source, self.token, interest),
            (_, None) => registry.deregister(&mut source),
        };
        if outcome.is_err() && now.interest().is_some() {
            self.io.unwatched(self.token);
        }
    }
}

impl Reactor for Watch {
    fn look_for_input(&self, looks: bool) {
        self.change(|now| now.input = looks);
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::io::IoThread;

    #[test]
    fn a_session_hears_that_the_system_does_not_watch_its_connection_any_more() {
        let io = IoThread::new().unwrap().handle();
        let (connection, _peer) = UnixStream::pair().unwrap();
        let fd = connection.as_raw_fd();
        let token = Token(7 << 16 | 1);
        io.registry.register(&mut SourceFd(&fd), token, Interest::READABLE).unwrap();
        let watch = Watch::known(io.clone(), fd, token);
        let told = || {
            let mut commands = Vec::new();
            io.take(&mut commands);
            commands.len()
        };
        watch.look_for_input(false);
        watch.look_for_input(true);
        watch.look_for_room(true);
        assert_eq!(told(), 0);
        watch.look_for_input(false);
        watch.look_for_room(false);
        // A descriptor cannot be watched twice.
        io.registry.register(&mut SourceFd(&fd), Token(usize::MAX), Interest::READABLE).unwrap();
        watch.look_for_input(true);
        assert_eq!(told(), 1);
    }
}
