//! What the thread of the reader does with the input while it holds it.

use std::any::Any;
use std::os::fd::BorrowedFd;

use super::{Input, DIRECT_CALLS};
use crate::pipe::inlet::{Receive, Received};
use crate::pipe::outflow::Outflow;

impl Receive for Input {
    fn receive(&mut self, fd: BorrowedFd<'_>, out: &mut Outflow) -> Received {
        // The reader has room, or it would not ask.
        self.resume();
        out.reader_comes_back();
        let before = out.written();
        let mut readable = true;
        for _ in 0..DIRECT_CALLS {
            if !readable || self.stopped || out.written() != before {
                break;
            }
            if let Err(failure) = self.pump_some(fd, &mut readable, Some(out), 1) {
                self.failure = Some(failure);
                return Received::Return;
            }
            if !self.pongs.is_empty() || self.ttl.is_some() {
                return Received::Return;
            }
        }
        out.reader_comes_back();
        if out.written() != before {
            Received::Something
        } else if self.stopped {
            Received::Return
        } else if readable {
            Received::Something
        } else {
            Received::Nothing
        }
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}
