//! Making connections, losing them, and knowing that the peer lives.

use std::os::fd::AsRawFd;

use super::connecter::Step;
use super::Session;
use crate::engine::Failure;
use crate::error::{Errno, Result};
use crate::io::timers::Purpose;
use crate::io::{Cx, Turn};
use crate::options::constants::*;
use crate::pipe::PipeEnd;
use crate::socket::mailbox::Command;
use crate::transport::{self, tcp::ConnectTarget};

impl Session {
    // --- connecting ---

    pub(super) fn connect(&mut self, cx: &mut Cx<'_>, after_pause: bool) -> Turn {
        let Some(connecter) = &mut self.connecter else { return Turn::Over };
        let step = connecter.start(cx, after_pause);
        self.connect_step(cx, step)
    }

    pub(super) fn connect_step(&mut self, cx: &mut Cx<'_>, step: Step) -> Turn {
        match step {
            Step::Waiting => Turn::Idle,
            Step::Connected(made) => {
                let peer_address = transport::peer_address(&made.fd).unwrap_or_default();
                let watch = cx.watch_connection(made.fd.as_raw_fd(), self.id, made.generation);
                self.watch = Some(watch);
                let (addresses, protocol) = (made.addresses, made.protocol);
                self.start_engine(cx, made.fd, addresses, peer_address, protocol, made.generation)
            }
            Step::GaveUp => {
                self.give_endpoint_up();
                Turn::Idle
            }
        }
    }

    /// A host name was looked up.
    pub fn resolved(
        &mut self,
        cx: &mut Cx<'_>,
        attempt: u64,
        outcome: Result<ConnectTarget>,
    ) -> Turn {
        let Some(connecter) = &mut self.connecter else { return Turn::Idle };
        let step = connecter.resolved(cx, attempt, outcome);
        self.connect_step(cx, step)
    }

    pub(super) fn give_endpoint_up(&self) {
        if let Some(connecter) = &self.connecter {
            let name = connecter.endpoint_name().into_boxed_str();
            self.link.mailbox.send(Command::EndpointFailed(name));
        }
    }

    /// The connection broke: the endpoint is connected again, unless it is not to be.
    pub(super) fn reconnect(&mut self, cx: &mut Cx<'_>) -> Turn {
        if self.options.immediate {
            if let Some(mut pipe) = self.pipe.take() {
                pipe.close();
                if self.ending {
                    return Turn::Over;
                }
            }
        }
        if self.options.reconnect_ivl <= 0 {
            self.give_endpoint_up();
        }
        if self.options.subscribes() {
            if let Some(pipe) = &mut self.pipe {
                pipe.hiccup();
            }
        }
        if self.options.reconnect_ivl > 0 {
            return self.connect(cx, true);
        }
        Turn::Idle
    }

    /// The connection is over, for this reason.
    pub(super) fn engine_failed(&mut self, cx: &mut Cx<'_>, mut failure: Failure) -> Turn {
        if let Some(error) = self.engine.as_mut().and_then(|engine| engine.input.violation.take()) {
            self.report_handshake(&error);
        }
        let Some(engine) = self.engine.take() else { return Turn::Idle };
        let shaking = engine.is_handshaking();
        let denied = engine.handshake.as_ref().is_some_and(|shake| shake.was_denied());
        let opened = !shaking;
        self.cancel_engine_timers(cx);
        self.watching = None;
        self.take_input_back();
        self.watch = None;
        if let Some(pipe) = &mut self.pipe {
            pipe.stop_lending();
            pipe.out.rollback();
            if opened && self.options.router_notify & ZMQ_NOTIFY_DISCONNECT != 0 {
                pipe.out.write_anyway(0, b"");
            }
            if self.options.raw_socket && self.options.raw_notify {
                pipe.out.write_anyway(0, b"");
            }
        }
        if failure != Failure::Protocol && !denied && (shaking || !engine.has_mechanism) {
            let errno = match failure {
                Failure::Connection(errno) => errno,
                _ => Errno::ETIMEDOUT,
            };
            self.link.monitor.emit(
                ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL,
                errno.0,
                &engine.addresses,
            );
            if self.options.reconnect_stop & ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED != 0 {
                failure = Failure::Protocol;
            }
        }
        self.closed_pipe = None;
        let fd = engine.raw_fd();
        self.link.monitor.emit(ZMQ_EVENT_DISCONNECTED, fd, &engine.addresses);
        cx.unwatch(fd);
        drop(engine);
        self.zap = None;
        let active = self.connecter.is_some();
        if let Some(pipe) = &mut self.pipe {
            clean(pipe);
            let options = &self.options;
            if !active && opened && options.can_recv_disconnect_msg {
                pipe.disconnect_msg.clone_from(&options.disconnect_msg);
                pipe.send_disconnect_msg();
            }
            if active && opened && options.can_recv_hiccup_msg && !options.hiccup_msg.is_empty() {
                pipe.out.write_anyway(0, &options.hiccup_msg);
            }
            pipe.flush();
        }
        if failure == Failure::Protocol || !active {
            return Turn::Over;
        }
        let says_again = self.options.subscribes();
        if let Some(pipe) = self.pipe.as_mut().filter(|pipe| says_again && !pipe.peer_is_closed()) {
            // The socket will say all of that again.
            pipe.drop_unread();
        }
        if self.pipe.as_mut().is_some_and(|pipe| !pipe.check_read() && pipe.ended()) {
            self.pipe = None;
            if self.ending {
                return Turn::Over;
            }
        }
        self.reconnect(cx)
    }

    pub(super) fn cancel_engine_timers(&mut self, cx: &mut Cx<'_>) {
        self.unasked = None;
        if let Some(look) = self.timers.input.take() {
            cx.timers.cancel(look.timer);
        }
        let timers = &mut self.timers;
        let slots = [
            &mut timers.handshake,
            &mut timers.heartbeat,
            &mut timers.heartbeat_timeout,
            &mut timers.heartbeat_ttl,
        ];
        for slot in slots {
            if let Some(timer) = slot.take() {
                cx.timers.cancel(timer);
            }
        }
    }

    /// Bytes arrived: the peer lives, and perhaps said how long it may be silent.
    pub(super) fn note_life(&mut self, cx: &mut Cx<'_>) {
        let Some(engine) = self.engine.as_deref_mut() else { return };
        let ttl = engine.input.ttl.take();
        if core::mem::take(&mut engine.input.heard) {
            self.unasked = None;
            for slot in [&mut self.timers.heartbeat_timeout, &mut self.timers.heartbeat_ttl] {
                if let Some(timer) = slot.take() {
                    cx.timers.cancel(timer);
                }
            }
        }
        if let Some(ttl) = ttl.filter(|&ttl| ttl > 0) {
            if self.timers.heartbeat_ttl.is_none() {
                let milliseconds = i32::from(ttl) * 100;
                let timer = cx.timers.add(self.id, Purpose::HeartbeatTtl, milliseconds);
                self.timers.heartbeat_ttl = Some(timer);
            }
        }
    }

    pub(super) fn send_heartbeat(&mut self, cx: &mut Cx<'_>) -> Turn {
        let interval = self.options.heartbeat_interval;
        self.timers.heartbeat = Some(cx.timers.add(self.id, Purpose::Heartbeat, interval));
        let Some(engine) = self.engine.as_deref_mut() else { return Turn::Idle };
        engine.ping(self.options.heartbeat_ttl);
        let turn = self.work(cx);
        if self.timers.heartbeat_timeout.is_none() {
            self.await_answer(cx);
        }
        turn
    }

    /// Gives the peer so much time to answer a PING; from when it has gone out, as long as something goes
    /// out at all: it may stand behind a message that takes its time.
    pub(super) fn await_answer(&mut self, cx: &mut Cx<'_>) {
        let Some(engine) = self.engine.as_deref() else { return };
        let timeout = match self.options.heartbeat_timeout {
            -1 => self.options.heartbeat_interval,
            timeout => timeout,
        };
        if timeout > 0 {
            let output = &engine.output;
            self.unasked = output.has_unsent_control().then_some(output.progress);
            let timer = cx.timers.add(self.id, Purpose::HeartbeatTimeout, timeout);
            if let Some(before) = self.timers.heartbeat_timeout.replace(timer) {
                cx.timers.cancel(before);
            }
        }
    }
}

/// Fits the pipe for the next connection: nothing half-received, nothing half-sent.
pub(super) fn clean(pipe: &mut PipeEnd) {
    pipe.out.rollback();
    let done = pipe.reader().map_or(0, |reader| reader.rewind_to_boundary());
    pipe.count_read(done);
}
