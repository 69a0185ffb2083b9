//! A session's turns: what it does when its connection or a timer has something for it.

use core::sync::atomic::Ordering;
use std::os::fd::RawFd;

use mio::Interest;

use super::Session;
use crate::engine::{Failure, Progress};
use crate::error::Errno;
use crate::io::timers::Purpose;
use crate::io::{Cx, Ready, Turn};
use crate::pipe::PipeEnd;

/// How long until another look at descriptors that the system has no room to watch, in milliseconds.
const UNWATCHED: i32 = 10;

/// Has all of these watched, or none.
fn watch_all(cx: &Cx<'_>, id: u64, descriptors: &[RawFd]) -> bool {
    let interest = Interest::READABLE | Interest::WRITABLE;
    for (index, &fd) in descriptors.iter().enumerate() {
        if cx.watch(fd, id, 0, interest).is_err() {
            descriptors[..index].iter().for_each(|&fd| cx.unwatch(fd));
            return false;
        }
    }
    true
}

impl Session {
    /// The descriptor became ready.
    pub fn ready(&mut self, cx: &mut Cx<'_>, generation: u16, news: Ready) -> Turn {
        let Ready { readable, writable, hung_up } = news;
        if let Some(exchange) = &mut self.exchange {
            exchange.ready(readable, writable);
            return self.work(cx);
        }
        if let Some(engine) = &mut self.engine {
            if engine.generation != generation {
                return Turn::Idle;
            }
            engine.writable |= writable;
            engine.hung_up |= hung_up;
            if readable && !self.pipe.as_ref().is_some_and(PipeEnd::input_is_held) {
                self.take_input_back();
                if let Some(engine) = &mut self.engine {
                    engine.readable = true;
                }
            }
            return self.work(cx);
        }
        let Some(connecter) = &mut self.connecter else { return Turn::Idle };
        let step = connecter.ready(cx, generation, writable);
        self.connect_step(cx, step)
    }

    /// One turn: reads and writes what can be, and lends what may be lent.
    pub fn work(&mut self, cx: &mut Cx<'_>) -> Turn {
        let turn = self.work_alone(cx);
        if turn == Turn::Idle {
            self.lend_input();
        }
        turn
    }

    /// Whether the handshake is over: turns take no longer than what they move.
    pub fn has_shaken_hands(&self) -> bool {
        self.engine.as_ref().is_some_and(|engine| !engine.is_handshaking())
    }

    /// As [`Session::work`], with the receiving half kept.
    pub(super) fn work_alone(&mut self, cx: &mut Cx<'_>) -> Turn {
        if self.down.as_ref().is_some_and(|down| down.load(Ordering::Acquire)) {
            // `zmq_unbind` has returned: nothing comes in any more. The order to end is on its way.
            return Turn::Over;
        }
        if self.exchange.is_some() {
            return self.exchange(cx);
        }
        if self.engine.as_ref().is_some_and(|engine| engine.is_handshaking()) {
            if let Err(turn) = self.shake_hands(cx) {
                return turn;
            }
        }
        let Some(engine) = self.engine.as_deref_mut() else { return Turn::Idle };
        let mut more = false;
        if !engine.is_handshaking() {
            engine.input.drops = self.ending;
            let closed = self.closed_pipe.as_mut().filter(|_| self.ending);
            let pipe = self.pipe.as_mut().or(closed).map(|pipe| &mut pipe.out);
            let read = engine.read(pipe);
            engine.answer_pings();
            match read {
                Ok(progress) => more |= progress == Progress::More,
                Err(failure) => {
                    self.note_life(cx);
                    return self.engine_failed(cx, failure);
                }
            }
        }
        self.note_life(cx);
        match self.write(cx) {
            Ok(progress) => more |= progress == Progress::More,
            Err(failure) => return self.engine_failed(cx, failure),
        }
        let Some(engine) = self.engine.as_deref_mut() else { return Turn::Idle };
        let broken = engine.output.is_broken();
        let hung_up = engine.hung_up && !engine.is_handshaking();
        if engine.is_closed() {
            return self.engine_failed(cx, Failure::Connection(Errno::ECONNRESET));
        }
        if self.pipe.as_ref().is_some_and(PipeEnd::ended) {
            return self.pipe_over(cx);
        }
        let forgotten = hung_up && self.pipe.is_none() && !self.ending;
        if forgotten || broken && self.pipe.as_ref().is_none_or(PipeEnd::peer_is_closed) {
            // Nobody reads from this connection any more, so that nothing else would end it.
            return self.engine_failed(cx, Failure::Connection(Errno::EPIPE));
        }
        if self.ending && self.pipe.is_none() && !self.has_unsent() {
            return Turn::Over;
        }
        if more {
            Turn::Again
        } else {
            Turn::Idle
        }
    }

    /// A turn without connections.
    fn exchange(&mut self, cx: &mut Cx<'_>) -> Turn {
        let (Some(exchange), Some(pipe)) = (&mut self.exchange, &mut self.pipe) else {
            return Turn::Idle;
        };
        if !self.exchange_watched {
            self.exchange_watched = watch_all(cx, self.id, &exchange.descriptors());
            exchange.ready(true, true);
        }
        let progress = exchange.pump(pipe);
        if let Some(timer) = self.timers.exchange.take() {
            cx.timers.cancel(timer);
        }
        let mut due = exchange.due();
        if !self.exchange_watched {
            due = Some(due.map_or(UNWATCHED, |due| due.min(UNWATCHED)));
        }
        if let Some(milliseconds) = due {
            let timer = cx.timers.add(self.id, Purpose::Exchange, milliseconds);
            self.timers.exchange = Some(timer);
        }
        if pipe.ended() && !exchange.has_unsent() {
            return Turn::Over;
        }
        if progress == Progress::More {
            Turn::Again
        } else {
            Turn::Idle
        }
    }

    pub(super) fn has_unsent(&self) -> bool {
        self.engine.as_ref().is_some_and(|engine| engine.output.has_staged())
    }

    /// A timer of this session fired.
    pub fn timer(&mut self, cx: &mut Cx<'_>, purpose: Purpose) -> Turn {
        if matches!(purpose, Purpose::HeartbeatTimeout | Purpose::HeartbeatTtl) {
            if let Some(turn) = self.listen_once_more(cx, purpose) {
                return turn;
            }
        }
        match purpose {
            Purpose::Linger => Turn::Over,
            Purpose::Reconnect | Purpose::ConnectTimeout => {
                let Some(connecter) = &mut self.connecter else { return Turn::Idle };
                let step = connecter.timer(cx, purpose);
                self.connect_step(cx, step)
            }
            Purpose::Heartbeat => self.send_heartbeat(cx),
            Purpose::Handshake | Purpose::HeartbeatTimeout | Purpose::HeartbeatTtl => {
                self.engine_failed(cx, Failure::Timeout)
            }
            Purpose::LookAfterInput => self.look_after_input(cx),
            Purpose::Exchange => {
                self.timers.exchange = None;
                self.work(cx)
            }
            Purpose::Accept => Turn::Idle,
        }
    }

    /// The system has no room to watch the connection again, which its reader had in hand: it is over,
    /// as if it had broken.
    pub fn unwatched(&mut self, cx: &mut Cx<'_>, generation: u16) -> Turn {
        if self.engine.as_ref().is_some_and(|engine| engine.generation == generation) {
            return self.engine_failed(cx, Failure::Connection(Errno::ENOMEM));
        }
        Turn::Idle
    }

    /// The listener has no room for connections that do not get through the handshake.
    pub fn give_up(&mut self, cx: &mut Cx<'_>) -> Turn {
        if self.engine.as_ref().is_some_and(|engine| engine.is_handshaking()) {
            return self.engine_failed(cx, Failure::Timeout);
        }
        Turn::Idle
    }
}
