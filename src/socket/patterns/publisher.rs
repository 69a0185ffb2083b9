//! PUB: distributes messages to those who subscribed to them.

use super::xpub::XPub;
use super::Pattern;
use crate::error::Result;
use crate::message::Message;
use crate::options::value::{GetValue, SetValue};
use crate::socket::core::{Core, PipeKey};

/// Rules of PUB: an XPUB that keeps its subscriptions to itself.
#[derive(Debug)]
pub struct Pub {
    xpub: XPub,
}

impl Pub {
    pub fn new(core: &mut Core) -> Pub {
        Pub { xpub: XPub::deaf(core) }
    }
}

impl Pattern for Pub {
    fn attach(&mut self, core: &mut Core, pipe: PipeKey, all: bool, local: bool) {
        self.xpub.attach(core, pipe, all, local);
    }

    #[inline]
    fn send(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        self.xpub.send(core, message)
    }

    #[inline]
    fn has_out(&mut self, core: &mut Core) -> bool {
        self.xpub.has_out(core)
    }

    fn read_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.xpub.read_activated(core, pipe);
    }

    fn write_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.xpub.write_activated(core, pipe);
    }

    fn pipe_terminated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.xpub.pipe_terminated(core, pipe);
    }

    fn set_option(&mut self, core: &mut Core, option: i32, value: SetValue<'_>) -> Result<()> {
        self.xpub.set_option(core, option, value)
    }

    fn option(&mut self, core: &mut Core, option: i32) -> Result<GetValue> {
        self.xpub.option(core, option)
    }
}
