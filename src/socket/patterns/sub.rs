//! SUB: receives what it subscribed to.

use super::xsub::XSub;
use super::Pattern;
use crate::error::{Errno, Result};
use crate::message::{self, Message};
use crate::options::constants::{ZMQ_SUBSCRIBE, ZMQ_UNSUBSCRIBE};
use crate::options::value::{GetValue, SetValue};
use crate::socket::core::{Core, PipeKey};
use crate::zmtp::command;

/// Rules of SUB: an XSUB that subscribes by option and checks what it receives.
#[derive(Debug)]
pub struct Sub {
    pub xsub: XSub,
}

impl Sub {
    pub fn new(core: &mut Core) -> Sub {
        core.options_mut().filter = true;
        Sub { xsub: XSub::filtering(core) }
    }
}

impl Pattern for Sub {
    fn attach(&mut self, core: &mut Core, pipe: PipeKey, all: bool, local: bool) {
        self.xsub.attach(core, pipe, all, local);
    }

    #[inline]
    fn recv(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        self.xsub.recv(core, message)
    }

    #[inline]
    fn has_in(&mut self, core: &mut Core) -> bool {
        self.xsub.has_in(core)
    }

    fn read_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.xsub.read_activated(core, pipe);
    }

    fn write_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.xsub.write_activated(core, pipe);
    }

    fn hiccuped(&mut self, core: &mut Core, pipe: PipeKey) {
        self.xsub.hiccuped(core, pipe);
    }

    fn pipe_terminated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.xsub.pipe_terminated(core, pipe);
    }

    fn set_option(&mut self, core: &mut Core, option: i32, value: SetValue<'_>) -> Result<()> {
        let body = match option {
            ZMQ_SUBSCRIBE => command::subscribe_body(value.bytes()?),
            ZMQ_UNSUBSCRIBE => command::cancel_body(value.bytes()?),
            _ => return Err(Errno::EINVAL),
        };
        let mut request = Message::copy_of(&body)?;
        request.set_flags(message::COMMAND);
        self.xsub.send(core, &mut request)
    }

    fn option(&mut self, core: &mut Core, option: i32) -> Result<GetValue> {
        self.xsub.option(core, option)
    }
}
