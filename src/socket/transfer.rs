//! Sending and receiving: at once where that is possible, and else waiting for it.

use super::direct::FEW_PEERS;
use super::patterns::{self, Pattern};
use super::{shared, Socket};
use crate::error::{Errno, Result};
use crate::message::{self, Message};
use crate::options::constants::*;
use crate::pipe::outflow::end_burst;
use crate::signaler::Deadline;

impl Socket {
    /// Sends one part (`zmq_msg_send(3)`). On success the body is taken and the caller empties its
    /// message.
    #[inline(always)]
    pub fn send(&mut self, message: &mut Message, flags: i32) -> Result<()> {
        self.end_straight();
        self.look_for_commands()?;
        let more = if flags & ZMQ_SNDMORE != 0 { message::MORE } else { 0 };
        message.set_flags(message.flags() & message::SHARED | more);
        message.clear_metadata();
        match self.kind.send(&mut self.core, message) {
            Ok(()) => {
                self.collect_ended();
                self.mark_watches();
                if self.pacing.is_on {
                    self.pace(message, flags);
                }
                Ok(())
            }
            Err(error) => self.send_slowly(message, flags, error),
        }
    }

    #[cold]
    #[inline(never)]
    fn send_slowly(&mut self, message: &mut Message, flags: i32, error: Errno) -> Result<()> {
        self.collect_ended();
        let waits = self.send_waits(flags);
        if error == patterns::MESSAGE_LOST {
            // The pipe died in the middle of this message: the rest has nowhere to go.
            return if waits { Ok(()) } else { Err(Errno::EAGAIN) };
        }
        if error != Errno::EAGAIN || !waits {
            return Err(error);
        }
        if self.is_shared {
            return Err(shared::WAIT_TO_SEND);
        }
        let deadline = Deadline::after(i64::from(self.core.options.sndtimeo));
        loop {
            self.wait_for_commands(deadline)?;
            let outcome = self.kind.send(&mut self.core, message);
            self.collect_ended();
            match outcome {
                Err(Errno::EAGAIN) => {}
                Err(error) if error == patterns::MESSAGE_LOST => return Ok(()),
                other => {
                    self.mark_watches();
                    self.note_waited();
                    return other;
                }
            }
        }
    }

    /// Whether a send with these flags may wait.
    pub(super) fn send_waits(&self, flags: i32) -> bool {
        flags & ZMQ_DONTWAIT == 0 && self.core.options.sndtimeo != 0
    }

    /// Receives one part (`zmq_msg_recv(3)`). Its body may be a view: to be used or owned before
    /// the socket is touched again.
    #[inline(always)]
    pub fn recv(&mut self, message: &mut Message, flags: i32) -> Result<()> {
        self.end_straight();
        if flags & ZMQ_DONTWAIT != 0 && self.is_known_empty() {
            return Err(Errno::EAGAIN);
        }
        self.look_for_commands()?;
        match self.kind.recv(&mut self.core, message) {
            Ok(()) => {
                self.note_received(message);
                Ok(())
            }
            Err(error) => self.recv_slowly(message, flags, error),
        }
    }

    #[cold]
    #[inline(never)]
    fn recv_slowly(&mut self, message: &mut Message, flags: i32, error: Errno) -> Result<()> {
        self.collect_ended();
        if error != Errno::EAGAIN {
            return Err(error);
        }
        self.send_left();
        let waits = flags & ZMQ_DONTWAIT == 0 && self.core.options.rcvtimeo != 0;
        if self.is_shared {
            return Err(if waits { shared::WAIT_TO_RECV } else { error });
        }
        let outcome = if waits { self.recv_waiting(message) } else { self.recv_again(message) };
        self.collect_ended();
        match outcome {
            Ok(()) => {
                self.leave_input();
                self.note_received(message);
            }
            Err(_) => self.release_input(),
        }
        outcome
    }

    /// Receives what has come in the meantime, without waiting.
    fn recv_again(&mut self, message: &mut Message) -> Result<()> {
        self.process_commands()?;
        match self.kind.recv(&mut self.core, message) {
            Err(Errno::EAGAIN) => {
                self.receive_now();
                self.kind.recv(&mut self.core, message)
            }
            outcome => outcome,
        }
    }

    fn recv_waiting(&mut self, message: &mut Message) -> Result<()> {
        let deadline = Deadline::after(i64::from(self.core.options.rcvtimeo));
        loop {
            self.wait_for_input(deadline)?;
            end_burst();
            let outcome = self.kind.recv(&mut self.core, message);
            if outcome != Err(Errno::EAGAIN) {
                return outcome;
            }
        }
    }

    /// There is nothing to read: answers that were to leave together have nothing to wait for.
    fn send_left(&mut self) {
        // Where there are more, those whose peer has nothing to read here have left.
        if self.core.pipes.len() <= FEW_PEERS {
            self.core.pipes.entries_mut().for_each(|(_, pipe)| pipe.send_left());
        }
    }

    /// Commands that a peer sent where none belong reach the application as plain messages.
    #[inline]
    fn note_received(&mut self, message: &mut Message) {
        message.set_flags(message.flags() & message::MORE);
        self.rcvmore = message.has_more();
        self.mark_watches();
    }

    /// Whether a message may be sent, by what was heard when [`Socket::events`] was last asked.
    #[inline]
    pub fn has_room(&mut self) -> bool {
        self.kind.has_out(&mut self.core)
    }

    /// Which of `ZMQ_POLLIN` and `ZMQ_POLLOUT` the socket is ready for. `ETERM`.
    pub fn events(&mut self) -> Result<i16> {
        self.events_among(ZMQ_POLLOUT as i16)
    }

    /// As [`Socket::events`], for a caller who may not want to know about sending.
    pub fn events_among(&mut self, wanted: i16) -> Result<i16> {
        self.process_commands()?;
        if self.is_known_empty() {
            return Ok(self.can_send(wanted));
        }
        let events = self.ready_for(wanted);
        self.end_asking(events);
        Ok(events)
    }

    /// As [`Socket::events_among`], for a caller who waits for this socket alone: when nothing is
    /// ready yet, it looks on for a moment.
    pub fn events_before(&mut self, deadline: Deadline, wanted: i16) -> Result<i16> {
        self.process_commands()?;
        let mut events = self.ready_for(wanted);
        let waits_for_input = events & wanted == 0 && wanted & ZMQ_POLLIN as i16 != 0;
        if waits_for_input && self.look_on(deadline) {
            // It may be somebody else's message, and the application be away for long.
            self.leave_input();
            end_burst();
            self.process_commands()?;
            events = self.ready_for(wanted);
        }
        self.end_asking(events);
        Ok(events)
    }

    fn can_send(&mut self, wanted: i16) -> i16 {
        if wanted & ZMQ_POLLOUT as i16 != 0 && self.kind.has_out(&mut self.core) {
            ZMQ_POLLOUT as i16
        } else {
            0
        }
    }

    fn ready_for(&mut self, wanted: i16) -> i16 {
        let mut events = self.can_send(wanted);
        if self.kind.has_in(&mut self.core) || self.has_in_now() {
            events |= ZMQ_POLLIN as i16;
        }
        events
    }

    fn end_asking(&mut self, events: i16) {
        if events & ZMQ_POLLIN as i16 == 0 {
            // Whoever asks may wait for `ZMQ_FD` next.
            self.release_input();
            self.send_left();
        }
        self.collect_ended();
    }

    /// Whether there is something to receive after a look at the connection.
    fn has_in_now(&mut self) -> bool {
        self.receive_now();
        self.kind.has_in(&mut self.core)
    }
}
