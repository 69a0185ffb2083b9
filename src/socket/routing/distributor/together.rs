//! Pipes that get the same messages, one after the other, have them in common: each is written
//! once, to a [`Log`], whatever their number.
//!
//! Which message goes to which pipes is decided as ever. When the choice has been the same for some
//! messages, the chosen pipes begin to follow the log; when it becomes another they go on by
//! themselves. Pipes that come, go or are full join and leave one by one. Their credits are looked
//! at when the log has got as many messages as the one with the least may have.

use super::Distributor;
use crate::error::Result;
use crate::message::Message;
use crate::pipe::fence;
use crate::pipe::log::Log;
use crate::pipe::outflow::is_copied;
use crate::pipe::queue::{FRAME_COMMAND, FRAME_MORE};
use crate::socket::core::{Core, PipeKey};

/// Fewer pipes than this are as well off on their own.
const PIPES_MIN: usize = 3;
/// Messages with the same choice after which the chosen follow.
const STEADY: u32 = 16;
/// The same, after a message that could not go by the log.
const STEADY_AGAIN: u32 = 1024;
/// Most bytes of an unfinished message in the log.
const UNFINISHED_MAX: usize = 1024 * 1024;

/// What the pipes have in common.
#[derive(Debug)]
pub struct Together {
    log: Option<Log>,
    followers: Vec<PipeKey>,
    /// Messages in a row for which the choice has been the same.
    steady: u32,
    /// How many it takes.
    needed: u32,
    /// The choice changed, or has been the same for long enough.
    pending: bool,
    /// Messages of the log at which some follower may be full.
    limit: u64,
}

impl Default for Together {
    fn default() -> Together {
        Together {
            log: None,
            followers: Vec::new(),
            steady: 0,
            needed: STEADY,
            pending: false,
            limit: 0,
        }
    }
}

impl Together {
    #[inline]
    pub(super) fn is_formed(&self) -> bool {
        !self.followers.is_empty()
    }

    /// The choice is that of the message before.
    #[inline]
    pub(super) fn note_kept(&mut self) {
        self.steady = self.steady.saturating_add(1);
        self.pending |= self.steady == self.needed;
    }

    /// The choice is made anew. `alike`: for the same reasons as that of the message before.
    #[inline]
    pub(super) fn note_new(&mut self, alike: bool) {
        self.pending = true;
        if !alike {
            self.steady = 0;
            self.needed = STEADY;
        }
    }

    /// The pipe is over, in the middle of a message.
    pub(super) fn forget(&mut self, pipe: PipeKey) {
        self.followers.retain(|&follower| follower != pipe);
    }

    /// Whether a follower left by itself or has another mark.
    #[inline]
    fn has_news(&self) -> bool {
        self.is_formed() && self.log.as_ref().is_some_and(|log| log.crowd.has_news())
    }
}

impl Distributor {
    /// Between two messages: lets those follow the log that are chosen, if it is time for that.
    #[inline]
    pub(super) fn settle(&mut self, core: &mut Core) {
        if self.together.pending || self.together.has_news() {
            self.settle_now(core);
        }
    }

    #[inline(never)]
    fn settle_now(&mut self, core: &mut Core) {
        let together = &mut self.together;
        together.pending = false;
        let is_formed = together.is_formed();
        if !is_formed && (together.steady < together.needed || self.matching < PIPES_MIN) {
            return;
        }
        let worth_it = together.steady > 0 && self.matching >= PIPES_MIN;
        if !worth_it {
            self.part(core);
        } else if !self.align(core) {
            self.part_for_long(core);
        }
    }

    /// Lets the chosen pipes follow, and no others. False when one of them cannot.
    fn align(&mut self, core: &mut Core) -> bool {
        if self.together.log.is_none() {
            self.together.log = Log::new().ok();
        }
        let Distributor { pipes, together, matching, .. } = self;
        let Some(log) = &mut together.log else { return false };
        // What is left of a message whose followers all went away before its end.
        log.rollback();
        let before = core::mem::take(&mut together.followers);
        for &pipe in &before {
            let is_chosen = pipes.position(core, pipe).is_some_and(|place| place < *matching);
            if let Some(end) = core.pipes.find_mut(pipe).filter(|_| !is_chosen) {
                end.out.stop_following();
            }
        }
        together.limit = 0;
        for position in 0..*matching {
            let Some(pipe) = pipes.at(position) else { continue };
            let Some(end) = core.pipes.find_mut(pipe) else { continue };
            if !end.out.follows(&log.crowd) && !end.out.follow(log) {
                // They are to part, those behind this one as well.
                together.followers.extend(before);
                return false;
            }
            together.followers.push(pipe);
        }
        log.crowd.forget_news();
        true
    }

    /// Whether all have room. Those without will tell when they do.
    pub(super) fn all_together_have_room(&mut self, core: &mut Core) -> bool {
        let Some(log) = &self.together.log else { return true };
        if self.more || log.total() < self.together.limit {
            return true;
        }
        let mut least = u64::MAX;
        for &pipe in &self.together.followers {
            let Some(end) = core.pipes.find_mut(pipe) else { continue };
            if end.peer_is_closed() {
                continue;
            }
            let Some(credit) = end.out.credit_following(true) else { return false };
            least = least.min(credit);
        }
        self.together.limit = log.total().saturating_add(least);
        true
    }

    /// Takes those without room out of the present message and the following ones.
    #[inline(never)]
    fn leave_full_ones_behind(&mut self, core: &mut Core) {
        let mut least = u64::MAX;
        let mut full = Vec::new();
        for &pipe in &self.together.followers {
            match core.pipes.find_mut(pipe).map(|end| end.out.credit_following(false)) {
                Some(Some(credit)) => least = least.min(credit),
                _ => full.push(pipe),
            }
        }
        let total = self.together.log.as_ref().map_or(0, Log::total);
        self.together.limit = total.saturating_add(least);
        self.leave_behind(core, &full);
    }

    fn leave_behind(&mut self, core: &mut Core, left: &[PipeKey]) {
        if left.is_empty() {
            return;
        }
        self.together.followers.retain(|pipe| !left.contains(pipe));
        self.together.pending = true;
        for &pipe in left {
            if let Some(position) = self.pipes.position(core, pipe) {
                self.refused(core, pipe, position);
            }
        }
    }

    /// Sends one part to all that follow, if it is one for the log. Otherwise they follow no longer.
    #[inline]
    pub(super) fn send_together(&mut self, core: &mut Core, message: &Message) -> Result<bool> {
        let Some(log) = &self.together.log else { return Ok(false) };
        let body = message.data();
        if !is_copied(message) || log.unfinished().len() + body.len() > UNFINISHED_MAX {
            self.part_for_long(core);
            return Ok(false);
        }
        if !self.more && log.total() >= self.together.limit {
            self.leave_full_ones_behind(core);
        }
        if !self.make_room(core, body.len()) {
            return Ok(false);
        }
        let Some(log) = &mut self.together.log else { return Ok(false) };
        log.append(message.flags() & (FRAME_MORE | FRAME_COMMAND), body);
        self.more = message.has_more();
        if !self.more {
            log.publish();
            self.active = self.eligible;
            fence::full();
            if log.crowd.is_resting() {
                self.call_resting(core);
            }
        }
        Ok(true)
    }

    /// Whether the log has room for a part of `len` bytes now, and somebody follows it.
    #[inline]
    fn make_room(&mut self, core: &mut Core, len: usize) -> bool {
        let fits = self.together.log.as_ref().is_some_and(|log| log.has_room(len));
        (fits || self.turn(core, len)) && self.together.is_formed()
    }

    #[inline(never)]
    fn turn(&mut self, core: &mut Core, len: usize) -> bool {
        let Together { log, followers, .. } = &mut self.together;
        let Some(log) = log else { return false };
        if log.turn(len).is_err() {
            self.part_for_long(core);
            return false;
        }
        let stays =
            |pipe: &PipeKey| core.pipes.find_mut(*pipe).is_none_or(|end| !end.out.turn(log));
        let left: Vec<PipeKey> = followers.iter().copied().filter(stays).collect();
        self.leave_behind(core, &left);
        true
    }

    #[inline(never)]
    fn call_resting(&mut self, core: &mut Core) {
        let Some(log) = &self.together.log else { return };
        log.crowd.awake();
        let mut again = false;
        for &pipe in &self.together.followers {
            if let Some(end) = core.pipes.find_mut(pipe) {
                again |= end.out.call_follower();
            }
        }
        if again {
            log.crowd.rest();
        }
    }

    /// All go on by themselves, for many messages.
    #[inline(never)]
    fn part_for_long(&mut self, core: &mut Core) {
        self.part(core);
        self.together.steady = 1;
        self.together.needed = STEADY_AGAIN;
    }

    /// All go on by themselves, an unfinished message included.
    #[inline(never)]
    pub(super) fn part(&mut self, core: &mut Core) {
        let followers = core::mem::take(&mut self.together.followers);
        let Some(log) = &mut self.together.log else { return };
        let unfinished = log.unfinished();
        let fails = |pipe: &PipeKey| {
            core.pipes.find_mut(*pipe).is_some_and(|end| !end.out.resume(unfinished))
        };
        let left: Vec<PipeKey> = followers.iter().copied().filter(fails).collect();
        log.rollback();
        log.crowd.forget_news();
        self.leave_behind(core, &left);
    }
}
