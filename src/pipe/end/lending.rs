//! A session's reader on loan, and what the writing thread does with it.
//!
//! The session lends its reader when it falls asleep, and in the middle of a stream once it has
//! caught up ([`WATCHING`]); it then looks from time to time whether something is left. The writer
//! sends at once when the lane is idle and it has not done so for a while; otherwise it calls the
//! session and goes on, and from then on sends in larger pieces.

use core::sync::atomic::Ordering;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::{Inbound, PipeEnd, State};
use crate::pipe::outlet::{Carry, Loan};
use crate::pipe::queue::{AWAKE, IN_STREAMS, NEVER, WATCHING, WHEN_IDLE};

impl PipeEnd {
    /// Whether the reader is in the outlet.
    pub fn is_lent(&self) -> bool {
        matches!(self.inbound, Inbound::Lent(_))
    }

    /// Whether there is a reader to lend and somebody to lend it to.
    pub fn can_lend(&self) -> bool {
        self.state == State::Active && matches!(self.inbound, Inbound::Bytes(_))
    }

    /// Says whether the reader is for lending in the middle of a stream, too.
    pub fn lend_in_streams(&self, yes: bool) {
        let lends = if yes { IN_STREAMS } else { WHEN_IDLE };
        self.in_queue().lends.store(lends, Ordering::Relaxed);
    }

    /// Lends the reader to the writing thread. `watching`: the owner looks again before long, and
    /// need not be called; otherwise [`PipeEnd::check_read`] has said that nothing waits. What carries
    /// the messages is asked for only if the reader is lent, and comes back with it
    /// ([`PipeEnd::take_carrier`]).
    pub fn lend(
        &mut self,
        fd: &Arc<OwnedFd>,
        carrier: impl FnOnce() -> Box<dyn Carry>,
        watching: bool,
    ) {
        if !self.can_lend() || self.in_active && !watching {
            return;
        }
        let Inbound::Bytes(reader) = &self.inbound else { return };
        let queue = reader.queue.clone();
        let lent = Inbound::Lent(queue.clone());
        let Inbound::Bytes(reader) = core::mem::replace(&mut self.inbound, lent) else { return };
        let loan = Loan { reader, tally: self.tally, fd: fd.clone(), carrier: carrier() };
        self.shared.outlet.lend(loan);
        if queue.lends.load(Ordering::Relaxed) == NEVER {
            queue.lends.store(WHEN_IDLE, Ordering::Relaxed);
        }
        if watching {
            self.in_active = false;
            queue.rest(WATCHING);
        }
    }

    /// Takes the reader back, if it is lent. False when the writing thread uses it right now:
    /// [`PipeEvent::Readable`] follows then.
    pub fn take_back(&mut self) -> bool {
        if !self.is_lent() {
            return true;
        }
        let Some(loan) = self.shared.outlet.take_back() else { return false };
        self.reinstall(loan);
        true
    }

    /// As [`PipeEnd::take_back`]; waits for the call that the writing thread is in.
    pub fn take_back_waiting(&mut self) {
        if self.is_lent() {
            if let Some(loan) = self.shared.outlet.take_back_waiting() {
                self.reinstall(loan);
            }
        }
    }

    /// Ends the lending: the connection is gone.
    pub fn stop_lending(&mut self) {
        self.in_queue().lends.store(NEVER, Ordering::Relaxed);
        self.take_back_waiting();
        self.carrier = None;
    }

    /// What carried the messages while the reader was lent, once after it came back.
    pub fn take_carrier(&mut self) -> Option<Box<dyn Carry>> {
        self.carrier.take()
    }

    fn reinstall(&mut self, loan: Loan) {
        self.carrier = Some(loan.carrier);
        self.tally = loan.tally;
        self.inbound = Inbound::Bytes(loan.reader);
        self.in_active = true;
        self.in_queue().attention.store(AWAKE, Ordering::Relaxed);
    }

    /// [`PipeEvent::Left`] arrived: whether something is still there.
    pub fn was_left(&self) -> bool {
        self.shared.outlet.was_left()
    }

    /// How often the writing thread has sent by itself.
    pub fn outlet_uses(&self) -> u32 {
        self.shared.outlet.uses()
    }
}
