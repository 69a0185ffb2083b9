//! What comes from the other end of the pipe: the socket's, or the ZAP handler's.

use std::sync::Arc;

use super::Session;
use crate::io::{Cx, Turn};
use crate::pipe::{PipeEvent, PipeShared};

impl Session {
    /// The socket's end of the pipe, or the ZAP handler's, has news.
    pub fn pipe_event(
        &mut self,
        cx: &mut Cx<'_>,
        pipe: &Arc<PipeShared>,
        event: PipeEvent,
    ) -> Turn {
        if self.zap.as_ref().is_some_and(|zap| zap.is(pipe)) {
            return self.zap_event(cx, event);
        }
        if !self.pipe.as_ref().is_some_and(|end| Arc::ptr_eq(&end.shared, pipe)) {
            return Turn::Idle;
        }
        if !matches!(event, PipeEvent::Readable | PipeEvent::Left | PipeEvent::InputHeld) {
            self.take_input_back();
        }
        let Some(end) = self.pipe.as_mut() else { return Turn::Idle };
        match event {
            PipeEvent::Readable => {
                end.activate_read();
                self.output_due = true;
                if self.exchange.is_none()
                    && self.engine.is_none()
                    && !end.check_read()
                    && end.ended()
                {
                    return self.pipe_over(cx);
                }
                self.work(cx)
            }
            PipeEvent::Left => {
                if !end.was_left() {
                    return Turn::Idle;
                }
                end.activate_read();
                self.output_due = true;
                self.work(cx)
            }
            PipeEvent::Writable => {
                end.out.activate();
                if let Some(engine) = &mut self.engine {
                    engine.input.resume();
                }
                self.work(cx)
            }
            PipeEvent::Closed => {
                end.activate_read();
                self.output_due = true;
                if end.peer_closed() && self.exchange.is_none() {
                    return self.pipe_over(cx);
                }
                self.work(cx)
            }
            PipeEvent::HighWaterMarks(inbound, outbound) => {
                // Whatever was lent is back, and has to be looked after.
                self.output_due = true;
                if end.set_limits(inbound, outbound) {
                    if let Some(engine) = &mut self.engine {
                        engine.input.resume();
                    }
                }
                self.work(cx)
            }
            PipeEvent::StatsWanted(queued) => {
                end.send_stats(queued);
                self.work(cx)
            }
            PipeEvent::InputWanted | PipeEvent::InputReturned => self.work(cx),
            PipeEvent::Dismissed => {
                self.ending = true;
                Turn::Idle
            }
            PipeEvent::InputHeld => {
                self.watch_input(cx);
                Turn::Idle
            }
            PipeEvent::Hiccup
            | PipeEvent::Bound(..)
            | PipeEvent::Stats(..)
            | PipeEvent::InputTaken => Turn::Idle,
        }
    }

    /// The socket closed the pipe and all of it is read.
    pub(super) fn pipe_over(&mut self, cx: &mut Cx<'_>) -> Turn {
        if let (Some(engine), Some(pipe)) = (&mut self.engine, &mut self.pipe) {
            engine.output.take_back(pipe);
        }
        self.closed_pipe = self.pipe.take();
        if self.options.raw_socket && !self.ending {
            // A raw connection is nothing without its pipe.
            self.ending = true;
        }
        if self.ending && !self.has_unsent() {
            self.read_off();
            return Turn::Over;
        }
        self.work(cx)
    }

    /// Reads what the peer said to nobody, before the connection is closed: the system would forget what
    /// it has not sent yet.
    pub(super) fn read_off(&mut self) {
        if let (Some(engine), Some(pipe)) = (&mut self.engine, &mut self.closed_pipe) {
            engine.input.drops = true;
            // Whatever comes of it, the connection is over.
            let _ = engine.read(Some(&mut pipe.out));
        }
    }
}
