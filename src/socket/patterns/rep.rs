//! REP: receives a request, sends its reply, and so on in strict alternation.
//!
//! A request carries the addresses of those it came through, down to an empty part, the *bottom*.
//! They are copied to the reply as they come, so that it finds the same way back.

use super::router::Router;
use super::Pattern;
use crate::error::{Errno, Result};
use crate::message::Message;
use crate::options::value::SetValue;
use crate::socket::core::{Core, PipeKey};

/// Rules of REP.
#[derive(Debug)]
pub struct Rep {
    router: Router,
    /// The request is all here and its reply is not all out.
    sending_reply: bool,
    /// The next part received begins a request.
    request_begins: bool,
}

impl Rep {
    pub fn new(core: &mut Core) -> Rep {
        Rep { router: Router::new(core), sending_reply: false, request_begins: true }
    }

    fn recv_part(&mut self, core: &mut Core, message: &mut Message) -> Result<Option<PipeKey>> {
        let pipe = self.router.recv_part(core, message)?;
        self.router.part_received(core, pipe, message);
        Ok(pipe)
    }

    /// Receives up to the bottom of a request and begins the reply with what stood above it.
    /// Messages without a bottom are dropped.
    fn begin_request(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        loop {
            self.router.rollback(core);
            let pipe = self.recv_part(core, message)?;
            // A peer that does not take its replies gets none.
            self.router.begin_message(core, pipe);
            while message.has_more() {
                if self.router.send_part(core, message).is_err() {
                    self.router.rollback(core);
                }
                if message.is_empty() {
                    return Ok(());
                }
                self.recv_part(core, message)?;
            }
        }
    }
}

impl Pattern for Rep {
    fn attach(&mut self, core: &mut Core, pipe: PipeKey, all: bool, local: bool) {
        self.router.attach(core, pipe, all, local);
    }

    fn send(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        if !self.sending_reply {
            return Err(Errno::EFSM);
        }
        self.router.send_part(core, message)?;
        self.sending_reply = message.has_more();
        Ok(())
    }

    fn recv(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        if self.sending_reply {
            return Err(Errno::EFSM);
        }
        if self.request_begins {
            self.begin_request(core, message)?;
            self.request_begins = false;
        }
        self.recv_part(core, message)?;
        if !message.has_more() {
            self.sending_reply = true;
            self.request_begins = true;
        }
        Ok(())
    }

    fn has_in(&mut self, core: &mut Core) -> bool {
        !self.sending_reply && self.router.has_in(core)
    }

    fn has_out(&mut self, core: &mut Core) -> bool {
        self.sending_reply && self.router.has_out(core)
    }

    fn read_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.router.read_activated(core, pipe);
    }

    fn write_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.router.write_activated(core, pipe);
    }

    fn pipe_terminated(&mut self, core: &mut Core, pipe: PipeKey) {
        if self.router.receives_from(pipe) {
            // A request that breaks off is none.
            self.request_begins = true;
        }
        self.router.pipe_terminated(core, pipe);
    }

    fn set_option(&mut self, core: &mut Core, option: i32, value: SetValue<'_>) -> Result<()> {
        self.router.set_option(core, option, value)
    }

    fn peer_state(&mut self, core: &mut Core, routing_id: &[u8]) -> Result<i32> {
        self.router.peer_state(core, routing_id)
    }
}
