//! What a program sets and asks: options, groups, the monitor.

use super::patterns::Pattern;
use super::{close, with, Socket};
use crate::error::{Errno, Result};
use crate::options::constants::*;
use crate::options::rows;
use crate::options::value::{GetValue, SetValue};

impl Socket {
    /// Sets an option (`zmq_setsockopt(3)`). `EINVAL`, `ETERM`.
    pub fn set_option(&mut self, option: i32, value: SetValue<'_>) -> Result<()> {
        if self.stopped {
            return Err(Errno::ETERM);
        }
        self.note_change();
        self.meet_newcomers();
        let outcome = self.kind.set_option(&mut self.core, option, value);
        self.collect_ended();
        if outcome != Err(Errno::EINVAL) {
            // It may have to do with pipes that come and go, such as `ZMQ_PROBE_ROUTER`.
            if self.mailbox.is_patient() {
                self.mailbox.set_patient(false);
                self.execute_what_can_wait();
            }
            return outcome;
        }
        rows::set(self.core.options_mut(), option, value)?;
        if option == ZMQ_SNDHWM || option == ZMQ_RCVHWM {
            let (sndhwm, rcvhwm) = (self.core.options.sndhwm, self.core.options.rcvhwm);
            for key in self.core.pipes.keys() {
                let Some(pipe) = self.core.pipes.find_mut(key) else { continue };
                let writable = pipe.set_limits(rcvhwm, sndhwm);
                pipe.send_limits_to_peer(sndhwm, rcvhwm);
                if writable {
                    self.kind.write_activated(&mut self.core, key);
                }
            }
        }
        Ok(())
    }

    /// Hears of pipes that came and went, where a call is about all of them.
    pub(super) fn meet_newcomers(&mut self) {
        if self.mailbox.is_patient() && self.mailbox.has_pending() {
            self.execute_what_can_wait();
        }
    }

    /// Reads an option (`zmq_getsockopt(3)`). `EINVAL`, `ETERM`.
    pub fn option(&mut self, option: i32) -> Result<GetValue> {
        if self.stopped {
            return Err(Errno::ETERM);
        }
        let outcome = self.kind.option(&mut self.core, option);
        if !matches!(outcome, Err(Errno::EINVAL)) {
            return outcome;
        }
        match option {
            ZMQ_RCVMORE => Ok(GetValue::State(i32::from(self.rcvmore))),
            ZMQ_FD => self.visible_descriptor().map(GetValue::State),
            ZMQ_EVENTS => self.visible_events().map(|events| GetValue::State(i32::from(events))),
            ZMQ_LAST_ENDPOINT => Ok(GetValue::CString(self.endpoints.last.clone().into_bytes())),
            ZMQ_THREAD_SAFE => Ok(GetValue::State(i32::from(self.is_shared))),
            _ => rows::get(&self.core.options, option),
        }
    }

    /// Joins a group (`zmq_join`). `EINVAL` when it is joined or its name too long.
    pub fn join(&mut self, group: &[u8]) -> Result<()> {
        self.note_change();
        let outcome = self.kind.join(&mut self.core, group);
        self.collect_ended();
        outcome
    }

    /// Leaves a group (`zmq_leave`). `EINVAL` when it is not joined.
    pub fn leave(&mut self, group: &[u8]) -> Result<()> {
        let outcome = self.kind.leave(&mut self.core, group);
        self.collect_ended();
        outcome
    }

    /// Starts or stops the monitor (`zmq_socket_monitor(3)`).
    pub fn monitor(
        &mut self,
        endpoint: Option<&str>,
        events: u64,
        version: i32,
        socket_type: i32,
    ) -> Result<()> {
        if self.stopped {
            return Err(Errno::ETERM);
        }
        if !(1..=2).contains(&version) || version == 1 && events >> 16 != 0 {
            return Err(Errno::EINVAL);
        }
        let Some(endpoint) = endpoint else {
            self.link.monitor.stop();
            return Ok(());
        };
        if !matches!(crate::transport::parse(endpoint)?, crate::transport::Endpoint::Inproc(_)) {
            return Err(Errno::EPROTONOSUPPORT);
        }
        self.link.monitor.stop();
        if !matches!(socket_type, ZMQ_PAIR | ZMQ_PUB | ZMQ_PUSH) {
            return Err(Errno::EINVAL);
        }
        let socket = self.link.context.create_socket(socket_type)?;
        let prepared = with(socket, |monitor| {
            monitor.core.options_mut().linger = 0;
            monitor.bind(endpoint)
        });
        if let Err(error) = prepared {
            close(socket)?;
            return Err(error);
        }
        self.link.monitor.start(socket, events, version);
        Ok(())
    }

    /// Asks for a monitor event with the queue lengths of every pipe
    /// (`zmq_socket_monitor_pipes_stats`). `EINVAL` when no monitor wants it, `EAGAIN` without
    /// pipes.
    pub fn request_pipes_stats(&mut self) -> Result<()> {
        if !self.link.monitor.wants(ZMQ_EVENT_PIPES_STATS) {
            return Err(Errno::EINVAL);
        }
        self.meet_newcomers();
        if self.core.pipes.is_empty() {
            return Err(Errno::EAGAIN);
        }
        for key in self.core.pipes.keys() {
            if let Some(pipe) = self.core.pipes.find_mut(key) {
                pipe.request_stats();
            }
        }
        Ok(())
    }
}
