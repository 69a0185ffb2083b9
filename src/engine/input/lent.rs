//! What the thread of the reader does with the input while it holds it.

use std::any::Any;
use std::os::fd::BorrowedFd;

use super::{Input, DIRECT_CALLS};
use crate::pipe::fence::processors;
use crate::pipe::inlet::{Receive, Received};
use crate::pipe::outflow::Outflow;

/// In a stream of messages of this size, in bytes, receiving and handling are better shared between
/// two threads: there is much to copy, and still much to look at.
const BETTER_SHARED: core::ops::Range<u64> = 300..8192;

/// On two processors a sender and the thread that handles the messages leave none for a third one.
const ENOUGH_PROCESSORS: i64 = 3;

/// So many messages at once, up to that size, are better shared when they have to be opened. Fewer
/// are waited for, one after the other, and then each thread that need not wake counts.
const MANY_SEALED: u64 = 8;

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

    fn waits_for_room(&self) -> bool {
        self.stopped
    }

    fn is_better_shared(&self, messages: u64, bytes: u64) -> bool {
        let size = bytes / messages.max(1);
        if self.secured.is_some() {
            return messages >= MANY_SEALED && size < BETTER_SHARED.end;
        }
        BETTER_SHARED.contains(&size) && processors() >= ENOUGH_PROCESSORS
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}
