//! What a socket shares with its sessions and listeners in the I/O threads.

use core::sync::atomic::AtomicBool;
use std::sync::Arc;

use super::mailbox::{Command, Mailbox};
use crate::context::Context;
use crate::monitor::Monitor;
use crate::pipe::PipeEnd;

/// A socket as its children see it.
#[derive(Debug)]
pub struct SocketLink {
    pub id: u64,
    pub context: Arc<Context>,
    pub mailbox: Arc<Mailbox>,
    pub monitor: Monitor,
    /// An endpoint was taken down while `ZMQ_RECONNECT_STOP_AFTER_DISCONNECT` was set: connections
    /// that are refused are not tried again.
    pub disconnected: AtomicBool,
}

impl SocketLink {
    /// Names the socket as the owner of this end of a pipe.
    pub fn own(&self, end: &PipeEnd) {
        own(&self.mailbox, end);
    }

    /// Gives the socket a new pipe, which it [owns](SocketLink::own). If the pipe holds no message,
    /// and the socket is patient, it hears of it with the first one.
    pub fn attach(&self, end: PipeEnd, is_empty: bool) {
        if is_empty && self.mailbox.is_patient() {
            end.wait_to_be_told();
            self.mailbox.leave(Command::Attach(Box::new(end)));
        } else {
            self.mailbox.send(Command::Attach(Box::new(end)));
        }
    }
}

/// Names the socket behind a mailbox as the owner of this end of a pipe.
pub fn own(mailbox: &Arc<Mailbox>, end: &PipeEnd) {
    end.set_owner(mailbox.clone());
}
