//! The receiving half on loan: lent by the session's end, used by the reader's.

use core::sync::atomic::AtomicBool;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::{PipeEnd, State};
use crate::pipe::inlet::{Direct, Found, Loan, Reactor, Receive, Received};
use crate::pipe::outflow::Outbound;
use crate::pipe::PipeEvent;

impl PipeEnd {
    // --- the session ---

    /// Whether the writing half is lent.
    pub fn input_is_lent(&self) -> bool {
        matches!(self.out.lane, Outbound::Lent)
    }

    /// Whether the reader at the other end would like to receive by itself.
    pub fn input_is_wanted(&self) -> bool {
        self.shared.inlet.is_wanted() && self.state == State::Active && !self.input_is_lent()
    }

    /// Whether input is the reader's business at this moment.
    pub fn input_is_held(&self) -> bool {
        self.input_is_lent() && self.shared.inlet.is_held()
    }

    /// Lends the writing half together with what receives.
    pub fn lend_input(
        &mut self,
        receiver: Box<dyn Receive>,
        fd: &Arc<OwnedFd>,
        reactor: Arc<dyn Reactor>,
        down: Option<Arc<AtomicBool>>,
    ) {
        let lent = self.out.lent();
        let out = core::mem::replace(&mut self.out, lent);
        self.shared.inlet.lend(Loan { receiver, out, fd: fd.clone(), reactor, down });
    }

    /// Takes back what was lent, after the call that the reader may be in. The receiver's early
    /// business is the caller's again.
    pub fn take_input_back(&mut self) -> Option<Box<dyn Receive>> {
        if !self.input_is_lent() {
            return None;
        }
        let (loan, waits) = self.shared.inlet.take_back()?;
        self.out = loan.out;
        if waits {
            self.tell_peer(PipeEvent::InputTaken);
        }
        Some(loan.receiver)
    }

    /// Looks whether the reader still uses it.
    pub fn look_after_input(&self, uses: &mut u32) -> Found {
        self.shared.inlet.look(uses)
    }

    /// The writing half only, where the receiver is of no use any more.
    pub(super) fn take_all_back(&mut self) {
        self.take_back_waiting();
        drop(self.take_input_back());
    }

    // --- the reader ---

    /// Receives from the connection behind the pipe, if its session lets this thread, without
    /// waiting.
    pub fn receive(&mut self) -> Direct {
        if self.state != State::Active {
            return Direct::Unavailable(None);
        }
        let mut found = self.shared.inlet.receive();
        if let Direct::Received(event) | Direct::Unavailable(event) = &mut found {
            if let Some(event) = event.take() {
                self.tell_peer(event);
            }
        }
        if matches!(found, Direct::Received(_)) {
            self.activate_read();
        }
        found
    }

    /// There is room behind the pipe for what had none: receives it, if the session has lent what
    /// does that. False when it has to be told.
    pub(super) fn fill_up(&self) -> bool {
        if self.input_is_lent() || self.state != State::Active {
            return false;
        }
        let filled = self.shared.inlet.fill_up();
        if filled == Some(Received::Return) {
            self.tell_peer(PipeEvent::InputReturned);
        }
        filled.is_some()
    }

    /// Whether input does not depend on this thread alone: the session looks at it, or looks after
    /// the loan.
    pub fn input_is_looked_after(&self) -> bool {
        self.shared.inlet.is_looked_after()
    }

    /// Lets go of what [`PipeEnd::receive`] took hold of.
    pub fn release_input(&self) {
        self.shared.inlet.release();
    }
}
