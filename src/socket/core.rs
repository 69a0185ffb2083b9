//! What every socket kind works with: the socket's pipes and options.
//!
//! A kind (see [`super::patterns`]) owns the rules of its pattern and nothing else; it reaches its
//! pipes by key through [`Core`], which also notes which pipes ended, so that the socket can tell
//! the kind about them once the present call is over.

use std::sync::Arc;

use super::slab::Slab;
use crate::message::Message;
use crate::options::SocketOptions;
use crate::pipe::PipeEnd;

/// Names a pipe of this socket.
pub type PipeKey = usize;

/// The part of a socket that its kind works with.
#[derive(Debug)]
pub struct Core {
    pub options: Arc<SocketOptions>,
    pub pipes: Slab<PipeEnd>,
    /// The caller wants to know which connection a message came over (not so for `zmq_recv`).
    pub wants_metadata: bool,
    /// The application has the descriptor of `ZMQ_FD`, and may sleep on it after any call.
    pub shows_descriptor: bool,
    /// Pipes that are over and wait to be taken away.
    pub(super) ended: Vec<PipeKey>,
}

impl Core {
    pub fn new(options: SocketOptions) -> Core {
        Core {
            options: Arc::new(options),
            pipes: Slab::default(),
            wants_metadata: true,
            shows_descriptor: false,
            ended: Vec::new(),
        }
    }

    /// The options, for changing them; endpoints that exist keep what they have.
    pub fn options_mut(&mut self) -> &mut SocketOptions {
        Arc::make_mut(&mut self.options)
    }

    /// Whether a message waits in the pipe.
    #[inline]
    pub fn check_read(&mut self, key: PipeKey) -> bool {
        let Some(pipe) = self.pipes.find_mut(key) else { return false };
        if pipe.check_read() {
            return true;
        }
        if pipe.ended() {
            self.note_ended(key);
        }
        false
    }

    /// Takes the next part from the pipe. A long body is a view of the pipe's memory: it must be
    /// used or made the message's own (`Message::own`) before the pipe is touched again.
    #[inline(always)]
    pub fn read(&mut self, key: PipeKey, message: &mut Message) -> bool {
        let Some(pipe) = self.pipes.find_mut(key) else { return false };
        if pipe.read(message) {
            message.adopt_metadata(if self.wants_metadata { pipe.metadata() } else { None });
            return true;
        }
        if pipe.ended() {
            self.note_ended(key);
        }
        false
    }

    #[cold]
    pub(super) fn note_ended(&mut self, key: PipeKey) {
        if !self.ended.contains(&key) {
            self.ended.push(key);
        }
    }

    /// Whether a message may be written to the pipe.
    #[inline]
    pub fn check_write(&mut self, key: PipeKey) -> bool {
        self.pipes.find_mut(key).is_some_and(PipeEnd::check_write)
    }

    /// As [`Core::check_write`], for a sender that is told when there is no room: it hears of each time
    /// the mark is reached, as in libzmq, however fast the peer is.
    pub fn check_write_by_mark(&mut self, key: PipeKey) -> bool {
        self.pipes.find_mut(key).is_some_and(|pipe| pipe.out.check_write_by_mark())
    }

    /// Appends one part (flags in the message); false when the pipe is full or over.
    #[inline]
    pub fn write(&mut self, key: PipeKey, message: &Message) -> bool {
        self.pipes.find_mut(key).is_some_and(|pipe| pipe.write(message))
    }

    /// Shows finished messages to the pipe's peer.
    #[inline]
    pub fn flush(&mut self, key: PipeKey) {
        if let Some(pipe) = self.pipes.find_mut(key) {
            pipe.flush();
        }
    }

    /// Drops the parts of an unfinished message.
    pub fn rollback(&mut self, key: PipeKey) {
        if let Some(pipe) = self.pipes.find_mut(key) {
            pipe.out.rollback();
        }
    }

    /// Ends a pipe from this side. The kind hears `pipe_terminated` after the present call.
    pub fn terminate(&mut self, key: PipeKey) {
        if let Some(pipe) = self.pipes.find_mut(key) {
            pipe.close();
            self.note_ended(key);
        }
    }
}
