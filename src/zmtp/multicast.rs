//! Messages in the streams of many publishers, as PGM and NORM carry them.
//!
//! A subscriber may join in the middle of a stream, or lose some of it, and has to find the next
//! beginning of a message. PGM's packets say where it is: each begins with the offset of the first
//! message that begins in it, or `ffff`. NORM marks each frame's beginning by itself, and a byte in
//! front of the frame says whether it is also a message's.
//!
//! An [`Assembler`] puts the frames of one publisher together. It gives whole messages only, so that
//! those of several publishers do not mix.

use std::collections::VecDeque;

use super::frame::{self, Header};

/// There is no beginning of a message in the packet.
const NO_OFFSET: u16 = 0xffff;
/// NORM's byte in front of a frame that does not begin a message.
const CONTINUED: u8 = 0xff;

/// How frames follow each other in a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// Frames of ZMTP 1.0, one behind the other (PGM).
    Plain,
    /// Frames of ZMTP 2.0, each with a byte in front (NORM).
    Marked,
}

/// The stream makes no sense: wait for the next beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutOfStep;

/// Puts the frames of one publisher together.
#[derive(Debug)]
pub struct Assembler {
    layout: Layout,
    max_body: u64,
    received: Vec<u8>,
    parts: Vec<Vec<u8>>,
    messages: VecDeque<Vec<Vec<u8>>>,
}

impl Assembler {
    pub fn new(layout: Layout, max_body: u64) -> Assembler {
        Assembler {
            layout,
            max_body,
            received: Vec::new(),
            parts: Vec::new(),
            messages: VecDeque::new(),
        }
    }

    /// Forgets what is unfinished. What comes next has to be the beginning of a message.
    pub fn restart(&mut self) {
        self.received.clear();
        self.parts.clear();
    }

    /// Takes bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), OutOfStep> {
        self.received.try_reserve(bytes.len()).map_err(|_| OutOfStep)?;
        self.received.extend_from_slice(bytes);
        let mut taken = 0;
        while let Some((mark, header)) = self.header(taken)? {
            let len = header.frame_len().ok_or(OutOfStep)?;
            let start = taken + mark;
            let Some(body) = self.received.get(start + header.header_len..start + len) else {
                break;
            };
            self.parts.push(body.to_vec());
            if !header.has_more() {
                self.messages.push_back(core::mem::take(&mut self.parts));
            }
            taken = start + len;
        }
        self.received.drain(..taken);
        Ok(())
    }

    /// The header of the frame that begins here, and the length of what stands in front of it.
    fn header(&self, at: usize) -> Result<Option<(usize, Header)>, OutOfStep> {
        let bytes = self.received.get(at..).unwrap_or_default();
        let (mark, header) = match self.layout {
            Layout::Plain => (0, frame::parse_header_v1(bytes)),
            Layout::Marked => {
                let Some((&mark, bytes)) = bytes.split_first() else { return Ok(None) };
                if (mark == CONTINUED) == self.parts.is_empty() {
                    return Err(OutOfStep);
                }
                (1, frame::parse_header(bytes))
            }
        };
        match header.map_err(|_| OutOfStep)? {
            Some(header) if header.body_len > self.max_body => Err(OutOfStep),
            header => Ok(header.map(|header| (mark, header))),
        }
    }

    /// Takes the next message.
    pub fn next_message(&mut self) -> Option<Vec<Vec<u8>>> {
        self.messages.pop_front()
    }

    pub fn has_messages(&self) -> bool {
        !self.messages.is_empty()
    }
}

/// Whether a byte of NORM's in front of a frame says that a message begins.
pub fn begins_message(mark: u8) -> bool {
    mark != CONTINUED
}

/// Appends a frame to NORM's stream.
pub fn append_marked(begins: bool, more: bool, body: &[u8], out: &mut Vec<u8>) {
    out.push(if begins { 0 } else { CONTINUED });
    frame::append_frame(if more { frame::MORE } else { 0 }, body, out);
}

/// Fills packets of PGM's stream.
#[derive(Debug)]
pub struct Packer {
    capacity: usize,
    packet: Vec<u8>,
    /// Of a frame, what did not fit into the last packet.
    rest: Vec<u8>,
    in_message: bool,
}

/// Bytes of the offset.
const OFFSET_LEN: usize = 2;

impl Packer {
    /// `capacity`: the longest packet.
    pub fn new(capacity: usize) -> Packer {
        let capacity = capacity.max(OFFSET_LEN + 1);
        Packer { capacity, packet: Vec::new(), rest: Vec::new(), in_message: false }
    }

    /// The packet to send, filled as far as `next` gives parts of messages (more, body). Empty when
    /// there is nothing to send. It stays until [`sent`](Self::sent).
    pub fn packet(&mut self, mut next: impl FnMut(&mut Vec<u8>) -> Option<bool>) -> &[u8] {
        if !self.packet.is_empty() {
            return &self.packet;
        }
        let mut offset = NO_OFFSET;
        self.packet.extend_from_slice(&NO_OFFSET.to_be_bytes());
        let mut body = Vec::new();
        loop {
            let room = self.capacity - self.packet.len();
            let taken = self.rest.len().min(room);
            self.packet.extend(self.rest.drain(..taken));
            if self.packet.len() == self.capacity {
                break;
            }
            body.clear();
            let begins = !self.in_message;
            let Some(more) = next(&mut body) else { break };
            if begins && offset == NO_OFFSET {
                offset = u16::try_from(self.packet.len() - OFFSET_LEN).unwrap_or(NO_OFFSET);
            }
            self.in_message = more;
            frame::append_frame_v1(more, &body, &mut self.rest);
        }
        if self.packet.len() == OFFSET_LEN {
            self.packet.clear();
        } else {
            self.packet[..OFFSET_LEN].copy_from_slice(&offset.to_be_bytes());
        }
        &self.packet
    }

    /// The packet is sent.
    pub fn sent(&mut self) {
        self.packet.clear();
    }

    pub fn has_unsent(&self) -> bool {
        !self.packet.is_empty() || !self.rest.is_empty()
    }
}

/// Splits a packet: the offset of the first message that begins in it, and the bytes of the stream.
/// `None` when it is no packet.
pub fn split_packet(packet: &[u8]) -> Option<(Option<usize>, &[u8])> {
    let (offset, bytes) = packet.split_first_chunk::<2>()?;
    match u16::from_be_bytes(*offset) {
        NO_OFFSET => Some((None, bytes)),
        offset if usize::from(offset) <= bytes.len() => Some((Some(offset.into()), bytes)),
        _ => None,
    }
}

#[cfg(test)]
#[path = "multicast_tests.rs"]
mod tests;
