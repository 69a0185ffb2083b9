//! Reading and writing a connection that is secured by TLS.

use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::stream;
use crate::error::{Errno, Result};
use crate::transport::tls::Secured;

/// Bytes received at once.
const RECEIVED: usize = 16 * 1024;

/// TLS over a descriptor.
#[derive(Debug)]
struct Secure {
    connection: Secured,
    received: Vec<u8>,
    fed: usize,
}

/// One connection's TLS, shared by the two halves of its engine.
#[derive(Clone, Debug)]
pub struct Shared(Arc<Mutex<Secure>>);

impl Shared {
    pub fn new(connection: Secured) -> Shared {
        Shared(Arc::new(Mutex::new(Secure { connection, received: Vec::new(), fed: 0 })))
    }

    fn lock(&self) -> MutexGuard<'_, Secure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`stream::receive`].
    pub fn receive(&self, fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize> {
        self.lock().receive(fd, buffer)
    }

    /// As [`stream::send`]. What was taken may still have to be written by [`Self::flush`].
    pub fn send(&self, fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize> {
        self.lock().send(fd, bytes)
    }

    /// Writes what there is for the peer; `EAGAIN` when the connection does not take all of it.
    pub fn flush(&self, fd: BorrowedFd<'_>) -> Result<()> {
        self.lock().flush(fd)
    }

    /// Tells the peer that nothing follows, if the connection has room for it.
    pub fn say_goodbye(&self, fd: BorrowedFd<'_>) {
        let mut secure = self.lock();
        secure.connection.say_goodbye();
        // What does not go now does not go at all.
        let _ = secure.flush(fd);
    }

    /// Whether there is something for the peer.
    pub fn wants_write(&self) -> bool {
        self.lock().connection.wants_write()
    }
}

impl Secure {
    fn receive(&mut self, fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize> {
        loop {
            match self.connection.read(buffer) {
                Err(Errno::EAGAIN) => {}
                outcome => return outcome,
            }
            if self.fed == self.received.len() {
                self.received.resize(RECEIVED, 0);
                self.fed = 0;
                let count = stream::receive(fd, &mut self.received);
                self.received.truncate(count.unwrap_or(0));
                if count? == 0 {
                    return Ok(0);
                }
            }
            let mut rest = &self.received[self.fed..];
            let outcome = self.connection.feed(&mut rest);
            self.fed = self.received.len() - rest.len();
            // The peer gets its answer, or hears why there is none. What does not go now goes when
            // the connection is writable.
            let flushed = self.flush(fd);
            outcome?;
            match flushed {
                Ok(()) | Err(Errno::EAGAIN) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn send(&mut self, fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize> {
        self.flush(fd)?;
        let taken = self.connection.write(bytes)?;
        match self.flush(fd) {
            Err(Errno::EAGAIN) if taken > 0 => Ok(taken),
            Err(error) => Err(error),
            // In the TLS handshake there is only so much room.
            Ok(()) if taken == 0 => Err(Errno::EAGAIN),
            Ok(()) => Ok(taken),
        }
    }

    fn flush(&mut self, fd: BorrowedFd<'_>) -> Result<()> {
        while self.connection.wants_write() {
            self.connection.write_to(&mut Descriptor(fd)).map_err(|error| Errno::of(&error))?;
        }
        Ok(())
    }
}

/// A descriptor to write to.
struct Descriptor<'a>(BorrowedFd<'a>);

impl Write for Descriptor<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        stream::send(self.0, bytes).map_err(|error| io::Error::from_raw_os_error(error.0))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
