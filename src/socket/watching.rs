//! A socket and those who watch it.

use std::os::fd::RawFd;
use std::sync::Arc;

use super::bell::Bell;
use super::watch::{Inbox, Watch};
use super::Socket;
use crate::error::Result;

impl Socket {
    /// Hangs a watch on the socket, which is marked at once.
    pub fn add_watch(&mut self, watch: &Arc<Watch>) {
        self.watches.push(watch.clone());
        self.mailbox.set_watches(&self.watches);
        watch.mark();
    }

    /// Takes a watch off the socket.
    pub fn remove_watch(&mut self, watch: &Arc<Watch>) {
        self.watches.retain(|one| !Arc::ptr_eq(one, watch));
        self.mailbox.set_watches(&self.watches);
    }

    /// Whether this watch hangs on the socket.
    pub fn has_watch(&self, watch: &Arc<Watch>) -> bool {
        self.watches.iter().any(|one| Arc::ptr_eq(one, watch))
    }

    /// A bell for a sleep on this socket and others, which nobody else uses meanwhile. `None` where the
    /// system has no descriptor left.
    pub fn take_bell(&mut self) -> Option<Arc<Bell>> {
        match self.bell.take() {
            None => Bell::new().ok(),
            bell => bell,
        }
    }

    /// Keeps it for the next sleep.
    pub fn give_bell_back(&mut self, bell: &Arc<Bell>) {
        self.bell = Some(bell.clone());
    }

    /// The application did something that may make the socket ready.
    #[inline]
    pub(super) fn mark_watches(&self) {
        if !self.watches.is_empty() {
            self.watches.iter().for_each(|watch| watch.mark());
        }
    }

    /// As [`Socket::mark_watches`], where it is something that senders may wait for.
    pub(super) fn note_change(&mut self) {
        self.changes += 1;
        self.mark_watches();
    }

    /// The descriptor of `ZMQ_FD`. Other threads' calls clear the mailbox's, so a shared socket
    /// shows one that only reading `ZMQ_EVENTS` clears.
    pub(super) fn visible_descriptor(&mut self) -> Result<RawFd> {
        self.core.shows_descriptor = true;
        if !self.is_shared {
            return Ok(self.descriptor());
        }
        if self.visible.is_none() {
            let inbox = Inbox::new()?;
            let watch = Watch::new(&inbox, 0);
            self.add_watch(&watch);
            self.visible = Some((inbox, watch));
        }
        Ok(self.visible.as_ref().map_or(-1, |(inbox, _)| inbox.expose()))
    }

    pub(super) fn visible_events(&mut self) -> Result<i16> {
        if let Some((inbox, watch)) = &self.visible {
            inbox.take();
            watch.unmark();
        }
        self.events()
    }
}
