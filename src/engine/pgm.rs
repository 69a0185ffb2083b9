//! Messages between a pipe and PGM.

use std::collections::HashMap;
use std::os::fd::RawFd;

use super::connectionless::{deliver, Connectionless};
use super::Progress;
use crate::message::Message;
use crate::pipe::outflow::Outflow;
use crate::pipe::PipeEnd;
use crate::transport::pgm::{Pgm, Received, Source};
use crate::zmtp::multicast::{split_packet, Assembler, Layout, Packer};

/// Packets sent or received in a turn.
const TURN: usize = 128;
/// More than the longest packet.
const LONGEST: usize = 65_536;
/// Publishers remembered; beyond that all begin anew.
const SOURCES_MAX: usize = 4096;

/// A publisher that is joined.
#[derive(Debug)]
struct Joined {
    assembler: Assembler,
    /// The number of its next packet. OpenPGM passes over what it could not have repaired, and does
    /// not always say so.
    next: u32,
}

/// A PGM socket and the streams of its publishers.
#[derive(Debug)]
pub struct Multicast {
    pgm: Pgm,
    sends: bool,
    max_body: u64,
    packer: Packer,
    sources: HashMap<Source, Joined>,
    buffer: Vec<u8>,
}

impl Multicast {
    pub fn new(pgm: Pgm, sends: bool, max_body: u64) -> Multicast {
        let packer = Packer::new(pgm.capacity());
        let buffer = vec![0; LONGEST];
        Multicast { pgm, sends, max_body, packer, sources: HashMap::new(), buffer }
    }

    fn send(&mut self, pipe: &mut PipeEnd) -> Progress {
        let mut message = Message::new();
        for _ in 0..TURN {
            let packet = self.packer.packet(|body| {
                pipe.read(&mut message).then(|| {
                    body.extend_from_slice(message.data());
                    message.has_more()
                })
            });
            if packet.is_empty() || !self.pgm.send(packet) {
                return Progress::Idle;
            }
            self.packer.sent();
        }
        Progress::More
    }

    /// Hears what subscribers miss, and repairs it.
    fn listen(&mut self) -> Progress {
        for _ in 0..TURN {
            if self.pgm.receive(&mut self.buffer) == Received::Nothing {
                return Progress::Idle;
            }
        }
        Progress::More
    }

    fn receive(&mut self, out: &mut Outflow) -> Progress {
        let has_room = self.sources.values_mut().all(|joined| deliver(&mut joined.assembler, out));
        if !has_room {
            // The rest stays with OpenPGM, as long as its window lasts.
            return Progress::Idle;
        }
        for _ in 0..TURN {
            match self.pgm.receive(&mut self.buffer) {
                Received::Nothing => return Progress::Idle,
                // Whose it was is not said: all begin anew with their next message.
                Received::Loss => self.sources.clear(),
                Received::Packet(source, number, len) => {
                    if let Some(assembler) = self.take(source, number, len) {
                        if !deliver(assembler, out) {
                            return Progress::Idle;
                        }
                    }
                }
            }
        }
        Progress::More
    }

    /// Takes a packet of a publisher's.
    fn take(&mut self, source: Source, number: u32, len: usize) -> Option<&mut Assembler> {
        let (offset, bytes) = split_packet(self.buffer.get(..len)?)?;
        let joined = self.sources.get(&source);
        let bytes = if joined.is_some_and(|joined| joined.next == number) {
            bytes
        } else {
            self.sources.remove(&source);
            // Joins where a message begins.
            bytes.get(offset?..)?
        };
        if self.sources.len() >= SOURCES_MAX {
            self.sources
                .retain(|known, joined| *known == source || joined.assembler.has_messages());
        }
        let max_body = self.max_body;
        let joined = self.sources.entry(source).or_insert_with(|| Joined {
            assembler: Assembler::new(Layout::Plain, max_body),
            next: number,
        });
        joined.next = number.wrapping_add(1);
        if joined.assembler.push(bytes).is_err() {
            self.sources.remove(&source);
            return None;
        }
        self.sources.get_mut(&source).map(|joined| &mut joined.assembler)
    }
}

impl Connectionless for Multicast {
    fn descriptors(&self) -> Vec<RawFd> {
        self.pgm.descriptors()
    }

    fn ready(&mut self, _: bool, _: bool) {}

    fn pump(&mut self, pipe: &mut PipeEnd) -> Progress {
        if self.sends {
            return match (self.listen(), self.send(pipe)) {
                (Progress::Idle, Progress::Idle) => Progress::Idle,
                _ => Progress::More,
            };
        }
        // Subscriptions, which nobody is there to hear.
        let mut message = Message::new();
        while pipe.read(&mut message) {}
        let progress = self.receive(&mut pipe.out);
        pipe.out.flush();
        progress
    }

    fn has_unsent(&self) -> bool {
        self.packer.has_unsent()
    }

    fn due(&mut self) -> Option<i32> {
        self.pgm.due()
    }
}
