//! What a session lends to the socket's thread: what sends and what receives.

use std::os::fd::AsFd;
use std::time::Duration;

use super::{InputLook, Session, Watching};
use crate::engine::input::Input;
use crate::engine::{Outcome, Progress};
use crate::io::timers::{Purpose, TimerKey};
use crate::io::{Cx, Turn};
use crate::pipe::inlet::Found;
use crate::pipe::PipeEnd;

/// How long a reader that holds the input may stay away, in milliseconds.
const AWAY: i32 = 1;
/// The same for one that has been there at each look: each of them takes time from somebody, who may
/// be that very reader.
const AWAY_MOST: i32 = 16;

/// After what time a peer is given up that was silent when there was too much to do for that, in
/// milliseconds.
const SILENT: i32 = 1;

/// How long what a writing thread left behind in a stream waits: at most about twice this, or what
/// becomes of it.
const LOOK: Duration = Duration::from_micros(50);
/// After so many looks at each of which it was at work, it is looked after half as often...
const STEADY: u32 = 16;
/// ...and so again, so many times. Each look takes time from somebody, who may be that very thread.
const LOOK_DOUBLINGS: u32 = 3;

/// Sessions and listeners of an I/O thread that are few.
const FEW: usize = 4;

impl Session {
    /// The writing half of a turn.
    pub(super) fn write(&mut self, cx: &mut Cx<'_>) -> Outcome {
        let outcome = self.write_some(cx);
        if let (Some(engine), Some(watch)) = (&self.engine, &self.watch) {
            watch.look_for_room(!engine.writable);
        }
        let engine = self.engine.as_ref().filter(|_| self.unasked.is_some());
        if engine.is_some_and(|engine| !engine.output.has_unsent_control()) {
            self.await_answer(cx);
        }
        outcome
    }

    fn write_some(&mut self, cx: &mut Cx<'_>) -> Outcome {
        let Some(engine) = self.engine.as_deref_mut() else { return Ok(Progress::Idle) };
        let Some(pipe) = self.pipe.as_mut() else {
            return engine.output.pump(engine.fd.as_fd(), &mut engine.writable, None);
        };
        if pipe.is_lent() {
            if !self.output_due && !engine.output.has_staged() {
                return Ok(Progress::Idle);
            }
            if !pipe.take_back() {
                // In use; the pipe calls when that is over.
                return Ok(Progress::Idle);
            }
        }
        engine.output.take_back(pipe);
        self.output_due = false;
        engine.output.alone = self.io.load() <= FEW;
        engine.limit_kept();
        self.watching = None;
        let progress = engine.output.pump(engine.fd.as_fd(), &mut engine.writable, Some(pipe))?;
        if progress != Progress::More && engine.writable {
            let watching = progress == Progress::CaughtUp;
            engine.output.lend(&engine.fd, pipe, watching);
            if watching && pipe.is_lent() {
                self.watching = Some(Watching { uses: pipe.outlet_uses(), steady: 0 });
                self.look_again(cx);
            }
        }
        Ok(progress)
    }

    fn look_again(&mut self, cx: &mut Cx<'_>) {
        let Some(watching) = &self.watching else { return };
        if !core::mem::replace(&mut self.will_look, true) {
            let doublings = (watching.steady / STEADY).min(LOOK_DOUBLINGS);
            cx.look_again(self.id, LOOK * (1 << doublings));
        }
    }

    /// It is time to look whether the writing thread left something.
    pub fn look(&mut self, cx: &mut Cx<'_>) -> Turn {
        self.will_look = false;
        let (Some(watching), Some(pipe)) = (&mut self.watching, &self.pipe) else {
            return Turn::Idle;
        };
        if pipe.outlet_uses() != watching.uses {
            // It is at work; what it left is not old.
            watching.uses = pipe.outlet_uses();
            watching.steady = watching.steady.saturating_add(1);
            self.look_again(cx);
            return Turn::Idle;
        }
        self.output_due = true;
        self.work(cx)
    }

    // --- input ---

    /// Lends the receiving half, if the reader would like it and nothing is left to read, or there
    /// is no room to read it: whose room that is knows best when there is some.
    pub(super) fn lend_input(&mut self) {
        let Some(pipe) = self.pipe.as_mut().filter(|pipe| pipe.input_is_wanted()) else { return };
        let Some(watch) = &self.watch else { return };
        let Some(engine) = self.engine.as_deref_mut() else { return };
        let is_done = !engine.readable || engine.input.waits_for_room();
        if engine.is_handshaking() || !is_done || !engine.input.can_lend() || self.ending {
            return;
        }
        let lent = engine.input.lent();
        let input = Box::new(core::mem::replace(&mut engine.input, lent));
        pipe.lend_input(input, &engine.fd, watch.clone(), self.down.clone());
    }

    /// Takes the receiving half back; true when it was lent.
    pub(super) fn take_input_back(&mut self) -> bool {
        let Some(receiver) = self.pipe.as_mut().and_then(PipeEnd::take_input_back) else {
            return false;
        };
        if let (Some(engine), Ok(input)) =
            (&mut self.engine, receiver.into_any().downcast::<Input>())
        {
            engine.input = *input;
            // Nobody looked for some time.
            engine.readable = true;
            engine.input.resume();
        }
        true
    }

    /// The reader holds on to the receiving half: looks from time to time whether it uses it.
    pub(super) fn watch_input(&mut self, cx: &mut Cx<'_>) {
        let uses = self.timers.input.take().map_or(0, |look| {
            cx.timers.cancel(look.timer);
            look.uses
        });
        self.plan_look(cx, uses, AWAY);
    }

    fn plan_look(&mut self, cx: &mut Cx<'_>, uses: u32, after: i32) {
        let timer = cx.timers.add(self.id, Purpose::LookAfterInput, after);
        self.timers.input = Some(InputLook { timer, uses, after });
    }

    pub(super) fn look_after_input(&mut self, cx: &mut Cx<'_>) -> Turn {
        let Some(InputLook { mut uses, after, .. }) = self.timers.input.take() else {
            return Turn::Idle;
        };
        let Some(pipe) = self.pipe.as_ref().filter(|pipe| pipe.input_is_lent()) else {
            return Turn::Idle;
        };
        match pipe.look_after_input(&mut uses) {
            Found::Busy => {
                self.plan_look(cx, uses, (2 * after).min(AWAY_MOST));
                Turn::Idle
            }
            Found::Waiting => Turn::Idle,
            Found::Idle => {
                self.take_input_back();
                self.work(cx)
            }
        }
    }

    /// Before a peer is given up as silent: what it sent may have met a reader that holds the
    /// input, a system that waits for more of a large body, or a pipe without room, where nobody
    /// listened. None when it was silent.
    pub(super) fn listen_once_more(&mut self, cx: &mut Cx<'_>, purpose: Purpose) -> Option<Turn> {
        let fired = self.silence_timer(purpose);
        self.take_input_back();
        if let Some(engine) = self.engine.as_deref_mut() {
            engine.readable = true;
        }
        // What is lent says nothing of itself, so that comes afterwards.
        let turn = self.work_alone(cx);
        if turn == Turn::Over {
            return Some(turn);
        }
        if purpose == Purpose::HeartbeatTimeout && self.is_on_its_way() {
            self.await_answer(cx);
        } else if fired.is_some() && self.silence_timer(purpose) == fired {
            let engine = self.engine.as_ref();
            // Who only takes, and all the time, is silent all the same; what is left to read may be
            // something else: asked again soon.
            let unread = turn == Turn::Again && engine.is_some_and(|engine| engine.readable);
            let next = unread.then(|| cx.timers.add(self.id, purpose, SILENT));
            if next.is_none() && !engine.is_some_and(|engine| engine.input.waits_for_room()) {
                return None;
            }
            match purpose {
                Purpose::HeartbeatTimeout => self.timers.heartbeat_timeout = next,
                _ => self.timers.heartbeat_ttl = next,
            }
        }
        if turn == Turn::Idle {
            self.lend_input();
        }
        Some(turn)
    }

    /// Whether the PING waits behind something of which the peer has taken more in the meantime.
    fn is_on_its_way(&self) -> bool {
        let progress = self.engine.as_ref().map(|engine| engine.output.progress);
        self.unasked.is_some() && self.unasked != progress
    }

    /// The timer that gives the peer up, if it is still to be obeyed.
    fn silence_timer(&self, purpose: Purpose) -> Option<TimerKey> {
        match purpose {
            Purpose::HeartbeatTimeout => self.timers.heartbeat_timeout,
            _ => self.timers.heartbeat_ttl,
        }
    }
}
