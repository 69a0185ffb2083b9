//! Sending to many pipes at once.

mod together;

use super::pipe_list::PipeList;
use super::refusal;
use crate::error::{Errno, Result};
use crate::message::Message;
use crate::pipe::queue::EXTERNAL_MIN;
use crate::socket::core::{Core, PipeKey};
use together::Together;

/// Copies a message to every pipe that was chosen for it.
///
/// The list of pipes falls into four sections, each a prefix of the next: *matching* pipes get the
/// present message; *active* ones may get it; *eligible* ones have room and become active with the
/// next message (a pipe cannot join in the middle of one); behind them stand the full ones.
#[derive(Debug, Default)]
pub struct Distributor {
    pipes: PipeList<2>,
    matching: usize,
    active: usize,
    eligible: usize,
    more: bool,
    /// A pipe came or has room again since the choice was made.
    stale: bool,
    together: Together,
}

impl Distributor {
    pub fn attach(&mut self, core: &mut Core, pipe: PipeKey) {
        self.pipes.push(core, pipe);
        self.activated(core, pipe);
    }

    pub fn contains(&self, core: &Core, pipe: PipeKey) -> bool {
        self.pipes.position(core, pipe).is_some()
    }

    /// The pipe has room again.
    pub fn activated(&mut self, core: &mut Core, pipe: PipeKey) {
        let Some(position) = self.pipes.position(core, pipe) else {
            return;
        };
        if position < self.eligible {
            return;
        }
        self.pipes.swap(core, position, self.eligible);
        self.eligible += 1;
        self.stale = true;
        if !self.more {
            self.pipes.swap(core, self.eligible - 1, self.active);
            self.active += 1;
        }
    }

    pub fn pipe_terminated(&mut self, core: &mut Core, pipe: PipeKey) {
        let Some(position) = self.pipes.position(core, pipe) else {
            return;
        };
        let position = self.leave_sections(core, position);
        self.pipes.remove(core, position);
        if self.more {
            // Its key may be another pipe's before the message ends.
            self.together.forget(pipe);
        }
    }

    /// Chooses the pipe for the present message, if it has room.
    #[inline]
    pub fn choose(&mut self, core: &mut Core, pipe: PipeKey) {
        let Some(position) = self.pipes.position(core, pipe) else {
            return;
        };
        if position >= self.matching && position < self.eligible {
            self.pipes.swap(core, position, self.matching);
            self.matching += 1;
        }
    }

    /// Chooses exactly those pipes that were not chosen.
    pub fn reverse_choice(&mut self, core: &mut Core) {
        let chosen = core::mem::take(&mut self.matching);
        for position in chosen..self.eligible {
            self.pipes.swap(core, position, self.matching);
            self.matching += 1;
        }
    }

    /// Chooses no pipe.
    #[inline]
    pub fn forget_choice(&mut self) {
        self.choose_anew(false);
    }

    /// Chooses no pipe, so that others can be. `alike`: for the same reasons as last time.
    #[inline]
    pub fn choose_anew(&mut self, alike: bool) {
        self.matching = 0;
        self.stale = false;
        self.together.note_new(alike);
    }

    /// Leaves the choice as it is for another message, where no pipe came or has room again.
    #[inline]
    pub fn keep_choice(&mut self) -> bool {
        if !self.stale {
            self.together.note_kept();
        }
        !self.stale
    }

    /// Sends one part to all pipes that have room. `ENOMEM`.
    pub fn send_to_all(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        self.matching = self.active;
        self.send_to_chosen(core, message)
    }

    /// Sends one part to the chosen pipes. Pipes without room miss the message. `ENOMEM`.
    #[inline]
    pub fn send_to_chosen(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        if !self.more {
            self.settle(core);
        }
        if self.together.is_formed() && self.send_together(core, message)? {
            return Ok(());
        }
        self.send_to_each(core, message)
    }

    #[inline]
    fn send_to_each(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        // Long bodies travel by reference: one copy now instead of one for each pipe.
        if self.matching > 1 && message.len() >= EXTERNAL_MIN && !message.has_content() {
            let mut shared = Message::copy_of(message.data())?;
            shared.set_flags(message.flags());
            *message = shared;
        }
        let more = message.has_more();
        let mut position = 0;
        while position < self.matching {
            let Some(pipe) = self.pipes.at(position) else {
                break;
            };
            let written = match core.pipes.find_mut(pipe) {
                Some(end) => {
                    let written = end.write(message);
                    if written && !more {
                        end.flush();
                    }
                    written
                }
                None => false,
            };
            if written {
                position += 1;
            } else {
                // Another pipe takes this position.
                self.refused(core, pipe, position);
            }
        }
        self.more = more;
        if !more {
            self.active = self.eligible;
        }
        Ok(())
    }

    /// Takes back the parts of an unfinished message.
    pub fn forget_message(&mut self, core: &mut Core) {
        self.part(core);
        for position in 0..self.matching {
            if let Some(pipe) = self.pipes.at(position) {
                core.rollback(pipe);
            }
        }
        self.more = false;
        self.active = self.eligible;
    }

    /// Whether every chosen pipe has room. Those without will tell when they do.
    pub fn all_chosen_have_room(&mut self, core: &mut Core) -> bool {
        if !self.more {
            self.settle(core);
        }
        if self.together.is_formed() {
            return self.all_together_have_room(core);
        }
        (0..self.matching).filter_map(|position| self.pipes.at(position)).all(|pipe| {
            let over = core.pipes.find(pipe).is_none_or(|end| end.peer_is_closed());
            over || core.check_write_by_mark(pipe)
        })
    }

    /// Takes a pipe that refused a part out of the present message, and out of the following ones
    /// unless it has room for them.
    #[cold]
    #[inline(never)]
    fn refused(&mut self, core: &mut Core, pipe: PipeKey, position: usize) {
        let out_of_memory = refusal(core, pipe) == Errno::ENOMEM;
        core.rollback(pipe);
        self.leave_sections(core, position);
        if out_of_memory {
            // No event would bring the pipe back.
            self.rejoin(core, pipe);
        }
    }

    fn rejoin(&mut self, core: &mut Core, pipe: PipeKey) {
        if let Some(position) = self.pipes.position(core, pipe) {
            self.pipes.swap(core, position, self.eligible);
            self.eligible += 1;
            self.stale = true;
        }
    }

    /// Moves a pipe behind all sections and says where it is then.
    fn leave_sections(&mut self, core: &mut Core, mut position: usize) -> usize {
        for section in [&mut self.matching, &mut self.active, &mut self.eligible] {
            if position < *section {
                *section -= 1;
                self.pipes.swap(core, position, *section);
                position = *section;
            }
        }
        position
    }
}
