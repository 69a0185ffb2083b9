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
use super::patterns::Pattern;
use super::Socket;
use crate::error::{Errno, Result};
use crate::pipe::inlet;
use crate::signaler::Deadline;

/// How long a thread looks again and again before it sleeps.
const SPIN: Duration = Duration::from_micros(20);
/// After a wait that was too long for that, one wait is left out, then two, four, and so on up to
/// this.
const MOST_LEFT_OUT: u32 = 64;
/// Who finds so much waiting (in reads of up to 64 KiB) shares its processor with the sender.
const CROWDED: u32 = 4;
/// How long a crowded thread gives way instead of sleeping: two ticks of the scheduler.
const GIVE_WAY: Duration = Duration::from_millis(9);
/// Where that was of no use, how long not to try it again.
const GIVE_WAY_PAUSE: Duration = Duration::from_millis(100);

/// Two threads that answer each other find each other running only when both look: a thread whose
/// spinning has failed for some time now and then looks as long as it takes to wake the other.
const PROBE: Duration = Duration::from_micros(120);
/// So many waits are left out before that.
const PROBE_AFTER: u32 = 8;
/// Who asked for busy polling looks at least so long.
const BUSY: Duration = Duration::from_micros(200);
/// Sockets with so many inproc pipes, and no others, look for their peers' messages themselves.
const FEW_PEERS: usize = 4;

/// Whether to spin before sleeping: where it was of no use lately, it is left out.
#[derive(Debug, Default)]
struct Patience {
    /// Waits to go without spinning, and how many it was last time.
    left_out: u32,
    last_left_out: u32,
}

impl Patience {
    /// Whether this is a wait to spin in.
    fn spins(&mut self) -> bool {
        if self.left_out > 0 {
            self.left_out -= 1;
            return false;
        }
        true
    }

    /// How long to spin this time.
    fn limit(&self) -> Duration {
        if self.last_left_out >= PROBE_AFTER {
            PROBE
        } else {
            SPIN
        }
    }

    fn note(&mut self, success: bool) {
        if success {
            self.last_left_out /= 2;
        } else {
            self.last_left_out = (self.last_left_out * 2).clamp(1, MOST_LEFT_OUT);
            self.left_out = self.last_left_out;
        }
    }
}

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

    /// Tries to receive for a short while, where that has been of use.
    fn spin(&mut self, key: PipeKey, deadline: Deadline) -> bool {
        let crowded = mem::take(&mut self.direct.reads) >= CROWDED;
        if !may_spin() {
            return false;
        }
        let busy = self.core.options.busy_poll > 0;
        if !self.direct.input.spins() && !crowded && !busy {
            return false;
        }
        let found =
            self.try_for(key, deadline.min(self.at_least(self.direct.input.limit())), pause)
                || crowded && self.give_way(key);
        self.direct.input.note(found);
        found
    }

    /// So long, or longer where busy polling was asked for.
    fn at_least(&self, limit: Duration) -> Duration {
        match u64::try_from(self.core.options.busy_poll) {
            Ok(microseconds) if microseconds > 0 => BUSY.max(Duration::from_micros(microseconds)),
            _ => limit,
        }
    }

    /// Looks for commands for a short while, where those who send them run at this moment: in
    /// threads of the application.
    pub(super) fn spin_for_commands(&mut self, deadline: Deadline) -> bool {
        let busy = self.core.options.busy_poll > 0;
        let spins = busy || self.has_few_near_peers() && self.direct.commands.spins();
        if !spins || !may_spin() {
            return false;
        }
        let end = deadline.min(self.at_least(self.direct.commands.limit()));
        let found = self.link.mailbox.look_for(|| {
            pause();
            Instant::now() >= end
        });
        self.direct.commands.note(found);
        found
    }

    fn has_few_near_peers(&self) -> bool {
        let pipes = &self.core.pipes;
        (1..=FEW_PEERS).contains(&pipes.len())
            && pipes
                .keys()
                .into_iter()
                .all(|key| pipes.find(key).is_some_and(|pipe| pipe.addresses.is_none()))
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
        if self.try_for(key, now + GIVE_WAY, std::thread::yield_now) {
            return true;
        }
        self.direct.gave_way = Some(now);
        false
    }

    /// Tries to receive again and again, until then at most.
    fn try_for(&mut self, key: PipeKey, end: Instant, between: fn()) -> bool {
        while !self.link.mailbox.has_pending() && Instant::now() < end {
            let Some(pipe) = self.core.pipes.find_mut(key) else { return false };
            match pipe.receive() {
                inlet::Direct::Received(_) => return true,
                inlet::Direct::Nothing(_) => between(),
                inlet::Direct::Unavailable(_) => return false,
            }
        }
        false
    }

    /// Sleeps until the connection is readable (true) or commands come (false).
    fn wait_for_either(&self, fd: &Arc<OwnedFd>, deadline: Deadline) -> Result<bool> {
        if self.link.mailbox.has_pending() {
            return Ok(false);
        }
        if deadline.passed() {
            return Err(Errno::EAGAIN);
        }
        let other = fd.as_raw_fd();
        self.link.mailbox.signaler().wait_with(other, deadline)
    }
}

fn pause() {
    for _ in 0..8 {
        hint::spin_loop();
    }
}

/// Whether another thread can run while this one spins.
fn may_spin() -> bool {
    static SEVERAL: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *SEVERAL.get_or_init(|| std::thread::available_parallelism().is_ok_and(|count| count.get() > 1))
}
