//! What other threads have to say: commands in the mailbox, and news of the pipes.

use std::sync::Arc;

use super::core::PipeKey;
use super::mailbox::Command;
use super::patterns::Pattern;
use super::Socket;
use crate::error::{Errno, Result};
use crate::options::constants::*;
use crate::pipe::{PipeEnd, PipeEvent, NOWHERE};
use crate::signaler::Deadline;

impl Socket {
    #[inline]
    pub(super) fn look_for_commands(&mut self) -> Result<()> {
        if self.mailbox.has_pending() {
            return self.process_commands();
        }
        if self.stopped {
            return Err(Errno::ETERM);
        }
        Ok(())
    }

    /// Executes the commands that wait. `ETERM` once the context is terminating.
    #[inline(never)]
    pub(super) fn process_commands(&mut self) -> Result<()> {
        if self.mailbox.needs_attention() {
            self.execute_waiting();
        }
        self.collect_ended();
        if self.stopped {
            return Err(Errno::ETERM);
        }
        Ok(())
    }

    pub(super) fn execute_waiting(&mut self) {
        self.execute_those(|_| true);
    }

    /// Executes what waits, for a call that would not do so by itself: the end of the context is left to
    /// those that do.
    pub(super) fn execute_what_can_wait(&mut self) {
        if !self.execute_those(|it| !matches!(it, Command::Stop)) {
            self.mailbox.send(Command::Stop);
        }
        self.collect_ended();
    }

    /// Takes all that waits, and executes what is wanted of it. Whether that was all.
    fn execute_those(&mut self, is_wanted: impl Fn(&Command) -> bool) -> bool {
        let mut commands = ::core::mem::take(&mut self.commands);
        self.mailbox.take(&mut commands);
        let mut all = true;
        while let Some(command) = commands.pop_front() {
            if is_wanted(&command) {
                self.execute(command);
            } else {
                all = false;
            }
        }
        self.commands = commands;
        all
    }

    /// Sleeps until commands come, and executes them. `EAGAIN`, `EINTR`, `ETERM`.
    pub(super) fn wait_for_commands(&mut self, deadline: Deadline) -> Result<()> {
        self.collect_ended();
        if self.stopped {
            return Err(Errno::ETERM);
        }
        if !self.spin_for_commands(deadline) {
            self.mailbox.wait(deadline)?;
        }
        self.process_commands()
    }

    pub(super) fn execute(&mut self, command: Command) {
        match command {
            Command::Stop => {
                self.stopped = true;
                self.link.monitor.stop();
            }
            Command::Attach(end) => {
                self.attach(*end, false, false);
            }
            Command::Pipe { pipe, side, event } => {
                let key = usize::try_from(pipe.slot(side)).unwrap_or(NOWHERE);
                let known = self
                    .core
                    .pipes
                    .find(key)
                    .is_some_and(|end| Arc::ptr_eq(&end.shared, &pipe) && end.side() == side);
                if known {
                    self.pipe_event(key, event);
                }
            }
            Command::ChildAdded { id, io, parent } => {
                if self.terminating || !self.endpoints.is_listening(parent) {
                    io.terminate(id, self.core.options.linger);
                }
                self.endpoints.add_child(id, io, Some(parent));
            }
            Command::ChildGone(id) => self.endpoints.remove_child(id),
            Command::EndpointFailed(endpoint) => {
                // The endpoint may have been taken down in the meantime.
                let _ = self.take_endpoint_down(&endpoint);
            }
        }
    }

    fn pipe_event(&mut self, key: PipeKey, event: PipeEvent) {
        if event != PipeEvent::Readable {
            self.changes += 1;
        }
        let Some(end) = self.core.pipes.find_mut(key) else { return };
        match event {
            PipeEvent::Readable => {
                if end.activate_read() {
                    self.kind.read_activated(&mut self.core, key);
                }
            }
            PipeEvent::Writable => {
                if end.out.activate() {
                    self.kind.write_activated(&mut self.core, key);
                }
            }
            PipeEvent::Closed => {
                let woken = end.activate_read();
                if end.peer_closed() {
                    self.core.note_ended(key);
                } else if woken {
                    self.kind.read_activated(&mut self.core, key);
                }
            }
            PipeEvent::Hiccup => {
                end.hiccuped();
                if self.core.options.immediate {
                    self.core.terminate(key);
                } else {
                    self.kind.hiccuped(&mut self.core, key);
                }
            }
            PipeEvent::HighWaterMarks(inbound, outbound) => {
                if end.set_limits(inbound, outbound) {
                    self.kind.write_activated(&mut self.core, key);
                }
            }
            // The peer is a session at most; and what it took back is looked at in any case.
            PipeEvent::Left
            | PipeEvent::InputWanted
            | PipeEvent::InputHeld
            | PipeEvent::InputReturned
            | PipeEvent::InputTaken
            | PipeEvent::Dismissed => {}
            PipeEvent::StatsWanted(queued) => end.send_stats(queued),
            PipeEvent::Stats(outbound, inbound) => {
                let values = vec![outbound, inbound];
                let addresses = end.addresses.clone().unwrap_or_default();
                self.link.monitor.emit_values(ZMQ_EVENT_PIPES_STATS, values, &addresses);
            }
            PipeEvent::Bound(inbound, outbound) => {
                end.set_boosts(inbound, outbound);
                if end.set_limits(self.core.options.rcvhwm, self.core.options.sndhwm) {
                    self.kind.write_activated(&mut self.core, key);
                }
            }
        }
        self.collect_ended();
    }

    /// Makes a pipe this socket's own. `None` when the socket is ending, or the pipe over already:
    /// its key may soon be another's.
    pub(super) fn attach(&mut self, end: PipeEnd, to_all: bool, local: bool) -> Option<PipeKey> {
        if self.terminating {
            return None;
        }
        self.note_change();
        end.look();
        let closed = end.was_closed_early();
        let key = self.core.pipes.insert(end);
        if let Some(end) = self.core.pipes.find(key) {
            end.set_slot(key as u64);
        }
        self.kind.attach(&mut self.core, key, to_all, local);
        if closed {
            self.pipe_event(key, PipeEvent::Closed);
        }
        self.collect_ended();
        self.core.pipes.find(key).map(|_| key)
    }

    /// Takes away the pipes that ended during a call.
    #[inline]
    pub(super) fn collect_ended(&mut self) {
        if !self.core.ended.is_empty() {
            self.take_ended_away();
        }
    }

    #[cold]
    fn take_ended_away(&mut self) {
        self.note_change();
        while let Some(key) = self.core.ended.pop() {
            if self.core.pipes.find(key).is_some() {
                self.kind.pipe_terminated(&mut self.core, key);
                self.endpoints.pipe_ended(key);
                drop(self.core.pipes.remove(key));
            }
        }
    }
}
