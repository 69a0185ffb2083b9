//! A session's line to the ZAP handler: an inproc pipe to whoever bound `inproc://zeromq.zap.01`.

use std::sync::Arc;

use crate::io::IoHandle;
use crate::message::Message;
use crate::pipe::queue::{FRAME_MORE, FRAME_ROUTING_ID};
use crate::pipe::{pair, PipeEnd, PipeLimits, PipeShared};
use crate::security::zap::Request;
use crate::socket::link::{own, SocketLink};
use crate::socket::mailbox::Command;

const HANDLER: &str = "inproc://zeromq.zap.01";
/// More parts than any valid reply has.
const REPLY_PARTS_MAX: usize = 16;

/// An open line.
#[derive(Debug)]
pub struct ZapLine {
    pipe: PipeEnd,
    reply: Vec<Vec<u8>>,
}

impl ZapLine {
    /// Connects to the handler; `None` when there is none.
    pub fn open(session: u64, io: &Arc<IoHandle>, link: &SocketLink) -> Option<ZapLine> {
        let names = link.context.registry.lock();
        let handler = names.find(HANDLER)?;
        let (mut ours, theirs) = pair(PipeLimits { inbound: 0, outbound: 0, conflate: false });
        io.own(&ours, session);
        if handler.options.recv_routing_id {
            ours.out.write_anyway(FRAME_ROUTING_ID, b"");
        }
        own(&handler.mailbox, &theirs);
        handler.mailbox.send(Command::Attach(Box::new(theirs)));
        drop(names);
        Some(ZapLine { pipe: ours, reply: Vec::new() })
    }

    /// Sends a request.
    pub fn send(&mut self, request: &Request) {
        let frames = request.frames();
        let last = frames.len().saturating_sub(1);
        for (number, frame) in frames.iter().enumerate() {
            // SAFETY: the view is used up before the frame goes.
            let mut message = unsafe { Message::view(frame.as_ptr(), frame.len()) };
            message.set_flags(if number < last { FRAME_MORE } else { 0 });
            self.pipe.write(&message);
        }
        self.pipe.flush();
    }

    pub fn is(&self, pipe: &Arc<PipeShared>) -> bool {
        Arc::ptr_eq(&self.pipe.shared, pipe)
    }

    /// The handler answered or went away.
    pub fn activate(&mut self) {
        self.pipe.activate_read();
    }

    pub fn peer_closed(&mut self) {
        self.pipe.activate_read();
        self.pipe.peer_closed();
    }

    /// Takes one whole reply, when there is one.
    pub fn take_reply(&mut self) -> Option<Vec<Vec<u8>>> {
        let mut message = Message::new();
        while self.pipe.read(&mut message) {
            if self.reply.len() < REPLY_PARTS_MAX {
                self.reply.push(message.data().to_vec());
            }
            if !message.has_more() {
                return Some(core::mem::take(&mut self.reply));
            }
        }
        None
    }
}
