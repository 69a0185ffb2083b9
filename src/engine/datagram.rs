//! Datagrams between a socket and a pipe.
//!
//! RADIO sends, DISH receives, and both speak in groups; DGRAM does both and speaks in addresses.
//! Each message of the pipe has two parts, the group or the address and the body. What cannot be
//! sent is lost, as on the way. What there is no room for stays with the system, as long as that
//! has room.

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};

use super::connectionless::Connectionless;
use super::Progress;
use crate::error::Errno;
use crate::message::{self, Message};
use crate::pipe::outflow::Outflow;
use crate::pipe::PipeEnd;
use crate::transport::udp;
use crate::zmtp::datagram;

/// The longest datagram there is, with some room to notice more.
const LONGEST: usize = 65_536;
/// What one socket may send or receive in a turn before the others have theirs.
const TURN: usize = 128;

/// What a socket does with datagrams.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Sends to this address (RADIO).
    Send(SocketAddr),
    /// Receives (DISH).
    Receive,
    /// Does both, with anyone (DGRAM).
    Exchange,
}

/// A socket and its datagrams.
#[derive(Debug)]
pub struct Datagrams {
    socket: UdpSocket,
    role: Role,
    ipv6: bool,
    readable: bool,
    writable: bool,
    received: Vec<u8>,
    /// The datagram to send next, and where to.
    outgoing: Vec<u8>,
    destination: Option<SocketAddr>,
}

impl Datagrams {
    pub fn new(socket: UdpSocket, role: Role, ipv6: bool) -> Datagrams {
        let received = if matches!(role, Role::Send(_)) { 0 } else { LONGEST };
        Datagrams {
            socket,
            role,
            ipv6,
            readable: true,
            writable: true,
            received: vec![0; received],
            outgoing: Vec::new(),
            destination: None,
        }
    }

    /// Receives and sends what can be in one turn.
    fn pump_once(&mut self, pipe: &mut PipeEnd) -> Progress {
        let received = match self.role {
            Role::Send(_) => Progress::Idle,
            Role::Receive | Role::Exchange => self.receive(&mut pipe.out),
        };
        if self.role == Role::Receive {
            // JOIN and LEAVE, which nobody is there to hear.
            let mut message = Message::new();
            while pipe.read(&mut message) {}
            return received;
        }
        match self.send(pipe) {
            Progress::More => Progress::More,
            _ => received,
        }
    }

    fn receive(&mut self, out: &mut Outflow) -> Progress {
        let mut count = 0;
        while self.readable && out.check_write() {
            if count == TURN {
                out.flush();
                return Progress::More;
            }
            count += 1;
            match self.socket.recv_from(&mut self.received).map_err(|error| Errno::of(&error)) {
                Ok((len, from)) => self.deliver(len, from, out),
                Err(Errno::EAGAIN) => self.readable = false,
                // What went wrong with one datagram is told in place of the next.
                Err(_) => {}
            }
        }
        out.flush();
        Progress::Idle
    }

    fn deliver(&self, len: usize, from: SocketAddr, out: &mut Outflow) {
        let bytes = self.received.get(..len).unwrap_or_default();
        let text;
        let (first, body) = if self.role == Role::Exchange {
            text = udp::peer_text(from);
            (text.as_bytes(), bytes)
        } else {
            let Some(parts) = datagram::decode(bytes) else { return };
            parts
        };
        // SAFETY: the views are used up before the bytes go.
        let (mut first, body) = unsafe {
            (Message::view(first.as_ptr(), first.len()), Message::view(body.as_ptr(), body.len()))
        };
        first.set_flags(message::MORE);
        if !(out.write(&first) && out.write(&body)) {
            out.rollback();
        }
    }

    fn send(&mut self, pipe: &mut PipeEnd) -> Progress {
        for _ in 0..TURN {
            if !self.writable {
                return Progress::Idle;
            }
            if self.destination.is_none() && !self.take(pipe) {
                return Progress::Idle;
            }
            let Some(destination) = self.destination else { continue };
            let sent = self.socket.send_to(&self.outgoing, destination);
            match sent.map_err(|error| Errno::of(&error)) {
                Err(Errno::EAGAIN) => self.writable = false,
                Err(Errno::EINTR) => {}
                // Too long, no way there, nobody there: lost.
                Ok(_) | Err(_) => self.destination = None,
            }
        }
        Progress::More
    }

    /// Takes the next message from the pipe; false when there is none. One that cannot be sent
    /// leaves no destination.
    fn take(&mut self, pipe: &mut PipeEnd) -> bool {
        let mut message = Message::new();
        if !pipe.read(&mut message) {
            return false;
        }
        if !message.has_more() {
            return true;
        }
        let mut group = [0; message::GROUP_MAX + 1];
        let len = message.len().min(group.len());
        group[..len].copy_from_slice(&message.data()[..len]);
        let group = &group[..len];
        if !pipe.read(&mut message) {
            return false;
        }
        if message.len() > LONGEST {
            return true;
        }
        self.destination = match self.role {
            Role::Send(destination) => {
                datagram::encode(group, message.data(), &mut self.outgoing).map(|()| destination)
            }
            _ => {
                self.outgoing.clear();
                self.outgoing.extend_from_slice(message.data());
                udp::parse_peer(group, self.ipv6)
            }
        };
        true
    }
}

impl Connectionless for Datagrams {
    fn descriptors(&self) -> Vec<RawFd> {
        vec![self.socket.as_raw_fd()]
    }

    fn ready(&mut self, readable: bool, writable: bool) {
        self.readable |= readable;
        self.writable |= writable;
    }

    fn pump(&mut self, pipe: &mut PipeEnd) -> Progress {
        self.pump_once(pipe)
    }

    fn has_unsent(&self) -> bool {
        self.destination.is_some()
    }
}
