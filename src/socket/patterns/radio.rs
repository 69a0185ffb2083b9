//! RADIO: distributes messages to those who joined their group.
//!
//! A message travels as two parts, its group and its body, which is also how it goes over a
//! connection. What comes the other way are the peers' JOIN and LEAVE commands.

use std::collections::{BTreeSet, HashMap};

use super::interest::is_command;
use super::Pattern;
use crate::error::{Errno, Result};
use crate::message::{Message, GROUP_MAX};
use crate::options::constants::ZMQ_XPUB_NODROP;
use crate::options::value::SetValue;
use crate::socket::core::{Core, PipeKey};
use crate::socket::routing::distributor::Distributor;
use crate::zmtp::command::{self, Command};

/// Rules of RADIO.
#[derive(Debug)]
pub struct Radio {
    distributor: Distributor,
    groups: HashMap<Vec<u8>, BTreeSet<PipeKey>>,
    /// Pipes whose peers cannot join and get everything.
    joined_to_all: Vec<PipeKey>,
    /// Peers without room miss messages; otherwise the sender waits for them.
    lossy: bool,
}

impl Radio {
    pub fn new(_core: &mut Core) -> Radio {
        Radio {
            distributor: Distributor::default(),
            groups: HashMap::new(),
            joined_to_all: Vec::new(),
            lossy: true,
        }
    }

    fn note(&mut self, pipe: PipeKey, command: Command<'_>) {
        match command {
            Command::Join(group) if group.len() <= GROUP_MAX => {
                self.groups.entry(group.to_vec()).or_default().insert(pipe);
            }
            Command::Leave(group) => {
                if let Some(pipes) = self.groups.get_mut(group) {
                    pipes.remove(&pipe);
                    if pipes.is_empty() {
                        self.groups.remove(group);
                    }
                }
            }
            _ => {}
        }
    }

    fn choose(&mut self, core: &mut Core, group: &[u8]) {
        self.distributor.forget_choice();
        for &pipe in self.groups.get(group).into_iter().flatten().chain(&self.joined_to_all) {
            self.distributor.choose(core, pipe);
        }
    }
}

impl Pattern for Radio {
    fn attach(&mut self, core: &mut Core, pipe: PipeKey, subscribe_to_all: bool, _: bool) {
        self.distributor.attach(core, pipe);
        if subscribe_to_all {
            self.joined_to_all.push(pipe);
        }
        self.read_activated(core, pipe);
    }

    fn send(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        if message.has_more() {
            return Err(Errno::EINVAL);
        }
        self.choose(core, message.group());
        if !self.lossy && !self.distributor.all_chosen_have_room(core) {
            return Err(Errno::EAGAIN);
        }
        let mut group = Message::copy_of(message.group())?;
        group.set_more(true);
        let sent = self.distributor.send_to_chosen(core, &mut group);
        let sent = sent.and_then(|()| self.distributor.send_to_chosen(core, message));
        if sent.is_err() {
            self.distributor.forget_message(core);
        }
        self.distributor.forget_choice();
        sent
    }

    fn has_out(&mut self, _core: &mut Core) -> bool {
        true
    }

    fn read_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        let mut part = Message::new();
        while core.read(pipe, &mut part) {
            if is_command(&part) {
                if let Ok(command) = command::parse(part.data()) {
                    self.note(pipe, command);
                }
            }
        }
    }

    fn write_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.distributor.activated(core, pipe);
    }

    fn pipe_terminated(&mut self, core: &mut Core, pipe: PipeKey) {
        self.groups.retain(|_, pipes| {
            pipes.remove(&pipe);
            !pipes.is_empty()
        });
        self.joined_to_all.retain(|&other| other != pipe);
        self.distributor.pipe_terminated(core, pipe);
    }

    fn set_option(&mut self, _core: &mut Core, option: i32, value: SetValue<'_>) -> Result<()> {
        if option != ZMQ_XPUB_NODROP {
            return Err(Errno::EINVAL);
        }
        self.lossy = !value.bool_not_negative()?;
        Ok(())
    }
}
