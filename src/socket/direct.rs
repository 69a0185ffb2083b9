//! Waiting for messages at the connection itself.
//!
//! A socket with one pipe need not be woken by an I/O thread: while it waits, it receives by
//! itself, if the session behind the pipe lets it (see [`crate::pipe::inlet`]).

use ::core::hint;
use ::core::mem;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::core::PipeKey;
use super::patience::{Patience, Spun};
use super::patterns::Pattern;
use super::Socket;
use crate::error::{Errno, Result};
use crate::pipe::fence::several_processors;
use crate::pipe::{inlet, PipeEnd, NOWHERE};
use crate::signaler::Deadline;

/// Who finds so much waiting (in reads of up to 64 KiB) shares its processor with the sender.
const CROWDED: u32 = 4;
/// How long a crowded thread gives way instead of sleeping: two ticks of the scheduler.
const GIVE_WAY: Duration = Duration::from_millis(9);
/// Where that was of no use, how long not to try it again.
const GIVE_WAY_PAUSE: Duration = Duration::from_millis(100);

/// How long a spinning thread keeps its processor for itself.
const ALONE: Duration = Duration::from_micros(1);
/// Who asked for busy polling looks at least so long.
const BUSY: Duration = Duration::from_micros(200);
/// Sockets with so many inproc pipes, and no others, look for their peers' messages themselves.
pub(super) const FEW_PEERS: usize = 4;

/// What a socket knows about its own receiving.
#[derive(Debug, Default)]
pub struct Direct {
    /// The pipe whose input this socket may hold.
    held: Option<PipeKey>,
    /// With the connection, and with the mailbox.
    input: Patience,
    commands: Patience,
    /// Successful reads since there was nothing.
    reads: u32,
    /// When giving way was of no use.
    gave_way: Option<Instant>,
}

impl Direct {
    /// Whether there may be input that only this socket looks for.
    #[inline]
    pub fn holds_input(&self) -> bool {
        self.held.is_some()
    }
}

impl Socket {
    /// Waits until there may be something to receive. `EAGAIN`, `EINTR`, `ETERM`.
    pub(super) fn wait_for_input(&mut self, deadline: Deadline) -> Result<()> {
        self.collect_ended();
        if self.stopped {
            return Err(Errno::ETERM);
        }
        while let Some(key) = self.core.pipes.only_key() {
            let Some(pipe) = self.core.pipes.find_mut(key) else { break };
            match pipe.receive() {
                inlet::Direct::Received(_) => {
                    self.direct.held = Some(key);
                    self.direct.reads += 1;
                    self.kind.read_activated(&mut self.core, key);
                    return Ok(());
                }
                inlet::Direct::Unavailable(_) => break,
                inlet::Direct::Nothing(fd) => {
                    self.direct.held = Some(key);
                    if self.spin(key, deadline) {
                        self.kind.read_activated(&mut self.core, key);
                        return Ok(());
                    }
                    if !self.wait_for_either(&fd, deadline)? {
                        return self.process_commands();
                    }
                }
            }
        }
        // Several pipes, or input that is not to be had: nobody else would look at what is held.
        self.release_input();
        self.wait_for_commands(deadline)
    }

    /// Receives what is there already, where this socket holds its input.
    pub(super) fn receive_now(&mut self) {
        let Some(key) = self.direct.held else { return };
        let Some(pipe) = self.core.pipes.find_mut(key) else { return };
        if matches!(pipe.receive(), inlet::Direct::Received(_)) {
            self.kind.read_activated(&mut self.core, key);
        }
    }

    /// A call ends with a message: what this thread holds on to is looked after (see
    /// [`crate::pipe::inlet`]), or the I/O thread's again.
    pub(super) fn leave_input(&mut self) {
        let Some(pipe) = self.direct.held.and_then(|key| self.core.pipes.find_mut(key)) else {
            return;
        };
        if !pipe.input_is_looked_after() {
            self.release_input();
        }
    }

    /// Leaves receiving to the I/O thread.
    pub(super) fn release_input(&mut self) {
        if let Some(key) = self.direct.held.take() {
            if let Some(pipe) = self.core.pipes.find_mut(key) {
                pipe.release_input();
            }
        }
    }

    /// For a caller that waits for this socket alone, before it goes to sleep elsewhere: looks for
    /// something to receive for a short while, where that has been of use. Whether there may be. What
    /// this thread holds of the connection stays with it.
    pub(super) fn look_on(&mut self, deadline: Deadline) -> bool {
        if !several_processors() || self.is_shared {
            return false;
        }
        let Some(key) = self.core.pipes.only_key() else { return self.spin_for_commands(deadline) };
        let Some(limit) = self.input_limit() else { return false };
        let Some(pipe) = self.core.pipes.find_mut(key) else { return false };
        let found = match pipe.receive() {
            inlet::Direct::Received(_) => true,
            inlet::Direct::Nothing(_) => self.spin_within(key, deadline.min(limit)),
            inlet::Direct::Unavailable(_) => return self.spin_for_commands(deadline),
        };
        self.direct.held = Some(key);
        if found {
            self.kind.read_activated(&mut self.core, key);
            self.mark_watches();
        }
        found || self.mailbox.has_pending()
    }

    /// Tries to receive for a short while, where that has been of use.
    fn spin(&mut self, key: PipeKey, deadline: Deadline) -> bool {
        let crowded = mem::take(&mut self.direct.reads) >= CROWDED;
        if !several_processors() {
            return false;
        }
        let limit = self.input_limit();
        limit.is_some_and(|limit| self.spin_within(key, deadline.min(limit)))
            || crowded && self.give_way(key)
    }

    fn spin_within(&mut self, key: PipeKey, end: Instant) -> bool {
        let spin = Spin::new(end);
        let found = self.try_for(key, &spin);
        self.direct.input.end(spin.outcome(found));
        found
    }

    /// How long to try to receive before a sleep, if at all.
    fn input_limit(&mut self) -> Option<Duration> {
        self.busy_limit().or_else(|| self.direct.input.begin())
    }

    /// How long to spin where busy polling was asked for.
    fn busy_limit(&self) -> Option<Duration> {
        let microseconds = u64::try_from(self.core.options.busy_poll).unwrap_or(0);
        (microseconds > 0).then(|| BUSY.max(Duration::from_micros(microseconds)))
    }

    /// Looks for commands for a short while, where those who send them run at this moment: in
    /// threads of the application.
    pub(super) fn spin_for_commands(&mut self, deadline: Deadline) -> bool {
        if !several_processors() {
            return false;
        }
        let are_near = self.has_few_near_peers();
        let limit = match self.busy_limit() {
            None if are_near => self.direct.commands.begin(),
            busy => busy,
        };
        let Some(limit) = limit else { return false };
        let spin = Spin::new(deadline.min(limit));
        let found = if are_near {
            self.spin_at_pipes(&spin)
        } else {
            self.mailbox.look_for(|| spin.is_over())
        };
        self.direct.commands.end(spin.outcome(found));
        found
    }

    /// Looks for commands and for messages in the pipes, whose writers need not send commands then.
    fn spin_at_pipes(&mut self, spin: &Spin) -> bool {
        let mut asleep = [NOWHERE; FEW_PEERS];
        for (place, (key, pipe)) in asleep.iter_mut().zip(self.core.pipes.entries_mut()) {
            if pipe.look_on() {
                *place = key;
            }
        }
        let pipes = &mut self.core.pipes;
        let mut has_message =
            || asleep.iter().any(|&key| pipes.find_mut(key).is_some_and(PipeEnd::has_message));
        let mut found = self.mailbox.look_for(|| has_message() || spin.is_over());
        for key in asleep {
            if self.core.pipes.find_mut(key).is_some_and(PipeEnd::stop_looking) {
                self.kind.read_activated(&mut self.core, key);
                // No command came that would have told pollers.
                self.mark_watches();
                found = true;
            }
        }
        found
    }

    fn has_few_near_peers(&self) -> bool {
        let pipes = &self.core.pipes;
        (1..=FEW_PEERS).contains(&pipes.len())
            && pipes.values().all(|pipe| pipe.addresses.is_none())
    }

    /// The scheduler likes to run a woken thread where its waker runs, and then the two take turns
    /// while another processor has nothing to do. Threads that can run are spread again; sleeping
    /// ones are not. So this one stays ready to run for a while, and gives way.
    fn give_way(&mut self, key: PipeKey) -> bool {
        let now = Instant::now();
        let tired = |since: Instant| now.duration_since(since) < GIVE_WAY_PAUSE;
        if self.direct.gave_way.is_some_and(tired) {
            return false;
        }
        if self.try_for(key, &Spin::giving_way(now + GIVE_WAY)) {
            return true;
        }
        self.direct.gave_way = Some(now);
        false
    }

    /// Tries to receive again and again, as long as the spin lasts.
    fn try_for(&mut self, key: PipeKey, spin: &Spin) -> bool {
        while !self.mailbox.has_pending() {
            let Some(pipe) = self.core.pipes.find_mut(key) else { return false };
            match pipe.receive() {
                inlet::Direct::Received(_) => return true,
                inlet::Direct::Nothing(_) if spin.is_over() => return false,
                inlet::Direct::Nothing(_) => {}
                inlet::Direct::Unavailable(_) => return false,
            }
        }
        false
    }

    /// Sleeps until the connection is readable (true) or commands come (false).
    fn wait_for_either(&self, fd: &Arc<OwnedFd>, deadline: Deadline) -> Result<bool> {
        self.mailbox.wait_with(fd.as_raw_fd(), deadline)
    }
}

/// One time of spinning.
struct Spin {
    start: Instant,
    end: Instant,
    /// From here on, other threads of this processor have their turns in between: the one that is
    /// waited for may be among them.
    yields: Instant,
}

impl Spin {
    fn new(end: Instant) -> Spin {
        let start = Instant::now();
        Spin { start, end, yields: start + ALONE }
    }

    fn giving_way(end: Instant) -> Spin {
        let start = Instant::now();
        Spin { start, end, yields: start }
    }

    /// Lets a moment pass; whether that was the last one.
    fn is_over(&self) -> bool {
        let now = Instant::now();
        if now >= self.end {
            return true;
        }
        if now >= self.yields {
            std::thread::yield_now();
        } else {
            (0..8).for_each(|_| hint::spin_loop());
        }
        false
    }

    fn outcome(&self, found: bool) -> Spun {
        if found {
            Spun::Found(self.start.elapsed())
        } else {
            Spun::Nothing
        }
    }
}
