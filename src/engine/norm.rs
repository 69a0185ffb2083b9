//! Messages between a pipe and a NORM session.

use std::collections::HashMap;
use std::os::fd::RawFd;

use super::connectionless::{deliver, Connectionless};
use super::Progress;
use crate::message::Message;
use crate::pipe::outflow::Outflow;
use crate::pipe::PipeEnd;
use crate::transport::norm::{Event, Sender, Session, Stream};
use crate::zmtp::multicast::{append_marked, begins_message, Assembler, Layout};

/// Bytes read from a stream at once.
const READ: usize = 64 * 1024;
/// Frames written in a turn.
const TURN: usize = 256;

/// What is known of a publisher's stream.
#[derive(Debug)]
struct Source {
    sender: Sender,
    assembler: Assembler,
    /// The next byte is one of a frame.
    in_step: bool,
    readable: bool,
}

/// A NORM session and its streams.
#[derive(Debug)]
pub struct Norm {
    session: Session,
    sends: bool,
    max_body: u64,
    /// Bytes for the stream, as far as it had no room for them.
    outgoing: Vec<u8>,
    written: usize,
    vacant: bool,
    in_message: bool,
    unflushed: bool,
    sources: HashMap<Stream, Source>,
    buffer: Vec<u8>,
}

impl Norm {
    pub fn new(session: Session, sends: bool, max_body: u64) -> Norm {
        Norm {
            session,
            sends,
            max_body,
            outgoing: Vec::new(),
            written: 0,
            vacant: true,
            in_message: false,
            unflushed: false,
            sources: HashMap::new(),
            buffer: vec![0; if sends { 0 } else { READ }],
        }
    }

    fn take_events(&mut self) {
        while let Some(event) = self.session.next_event() {
            match event {
                Event::Vacancy => self.vacant = true,
                Event::Readable(sender, stream) => {
                    let max_body = self.max_body;
                    let source = self.sources.entry(stream).or_insert_with(|| Source {
                        sender,
                        assembler: Assembler::new(Layout::Marked, max_body),
                        in_step: false,
                        readable: false,
                    });
                    source.readable = true;
                }
                Event::Over(stream) => {
                    self.sources.remove(&stream);
                }
                Event::Silent(sender) => {
                    self.sources.retain(|_, source| source.sender != sender);
                    self.session.forget(sender);
                }
                Event::Other => {}
            }
        }
    }

    fn send(&mut self, pipe: &mut PipeEnd) -> Progress {
        let mut message = Message::new();
        for _ in 0..TURN {
            if self.written < self.outgoing.len() {
                if !self.vacant {
                    return Progress::Idle;
                }
                self.written += self.session.write(&self.outgoing[self.written..]);
                if self.written < self.outgoing.len() {
                    self.vacant = false;
                    return Progress::Idle;
                }
                self.session.mark_end();
                self.unflushed = true;
            }
            if !pipe.read(&mut message) {
                if core::mem::take(&mut self.unflushed) {
                    self.session.flush();
                }
                return Progress::Idle;
            }
            self.outgoing.clear();
            self.written = 0;
            let more = message.has_more();
            append_marked(!self.in_message, more, message.data(), &mut self.outgoing);
            self.in_message = more;
        }
        Progress::More
    }

    fn receive(&mut self, out: &mut Outflow) {
        for (&stream, source) in &mut self.sources {
            loop {
                if !deliver(&mut source.assembler, out) {
                    // Out of room: the library keeps the rest.
                    break;
                }
                if !source.readable {
                    break;
                }
                read(&mut self.session, stream, source, &mut self.buffer);
            }
        }
        out.flush();
    }
}

/// Reads from a stream once.
fn read(session: &mut Session, stream: Stream, source: &mut Source, buffer: &mut [u8]) {
    if !source.in_step {
        if !session.seek_start(stream) {
            source.readable = false;
            return;
        }
        let mut mark = [0];
        match session.read(stream, &mut mark) {
            Some(1) if begins_message(mark[0]) => {
                source.in_step = true;
                source.assembler.restart();
                if source.assembler.push(&mark).is_err() {
                    source.in_step = false;
                }
            }
            Some(0) => source.readable = false,
            // The middle of a message, or a gap.
            _ => {}
        }
        return;
    }
    match session.read(stream, buffer) {
        Some(0) => source.readable = false,
        Some(len) => source.in_step = source.assembler.push(&buffer[..len]).is_ok(),
        None => source.in_step = false,
    }
}

impl Connectionless for Norm {
    fn descriptors(&self) -> Vec<RawFd> {
        vec![self.session.descriptor()]
    }

    fn ready(&mut self, _: bool, _: bool) {}

    fn pump(&mut self, pipe: &mut PipeEnd) -> Progress {
        self.take_events();
        if self.sends {
            return self.send(pipe);
        }
        // Subscriptions, which nobody is there to hear.
        let mut message = Message::new();
        while pipe.read(&mut message) {}
        self.receive(&mut pipe.out);
        Progress::Idle
    }

    fn has_unsent(&self) -> bool {
        self.written < self.outgoing.len()
    }
}
