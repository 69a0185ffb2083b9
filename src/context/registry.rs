//! Who is bound to which inproc name, and who waits for a name to be bound.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Errno, Result};
use crate::options::SocketOptions;
use crate::pipe::{PipeEnd, PipeShared};
use crate::socket::mailbox::Mailbox;

/// A bound socket, as a connecting one needs to know it.
#[derive(Clone, Debug)]
pub struct Bound {
    pub socket: u64,
    pub mailbox: Arc<Mailbox>,
    pub options: Arc<SocketOptions>,
}

/// A connection made before its name was bound: the binder's end of the pipe waits here.
#[derive(Debug)]
pub struct Pending {
    pub options: Arc<SocketOptions>,
    pub end: Box<PipeEnd>,
}

/// Bound names and waiting connections, always looked at together.
#[derive(Debug, Default)]
pub struct Names {
    bound: HashMap<String, Bound>,
    pending: HashMap<String, Vec<Pending>>,
}

impl Names {
    /// `EADDRINUSE` when the name is taken. Returns the connections that waited for it.
    pub fn bind(&mut self, name: &str, bound: Bound) -> Result<Vec<Pending>> {
        if self.bound.contains_key(name) {
            return Err(Errno::EADDRINUSE);
        }
        self.bound.insert(name.to_owned(), bound);
        Ok(self.pending.remove(name).unwrap_or_default())
    }

    /// `ENOENT` when this socket did not bind the name.
    pub fn unbind(&mut self, name: &str, socket: u64) -> Result<()> {
        match self.bound.get(name) {
            Some(bound) if bound.socket == socket => {
                self.bound.remove(name);
                Ok(())
            }
            _ => Err(Errno::ENOENT),
        }
    }

    pub fn find(&self, name: &str) -> Option<&Bound> {
        self.bound.get(name)
    }

    pub fn wait_for(&mut self, name: &str, pending: Pending) {
        self.pending.entry(name.to_owned()).or_default().push(pending);
    }

    /// Takes back the connection with this pipe, if it still waits for the name.
    pub fn give_up(&mut self, name: &str, pipe: &Arc<PipeShared>) -> Option<Pending> {
        let waiting = self.pending.get_mut(name)?;
        let position = waiting.iter().position(|one| Arc::ptr_eq(&one.end.shared, pipe))?;
        let given_up = waiting.remove(position);
        if waiting.is_empty() {
            self.pending.remove(name);
        }
        Some(given_up)
    }

    /// Forgets the names that a socket bound. Its connections that wait for a name and took something
    /// stay: what it sent before it closed is for whoever binds the name.
    pub fn forget(&mut self, socket: u64) {
        self.bound.retain(|_, bound| bound.socket != socket);
    }
}

/// The registry of a context.
#[derive(Debug, Default)]
pub struct Registry(Mutex<Names>);

impl Registry {
    pub fn lock(&self) -> MutexGuard<'_, Names> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
