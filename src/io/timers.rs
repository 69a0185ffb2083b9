//! Timers of an I/O thread.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What a timer is for; each object has at most one of each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Purpose {
    Linger,
    Reconnect,
    ConnectTimeout,
    Handshake,
    Heartbeat,
    /// The peer did not answer a PING.
    HeartbeatTimeout,
    /// The peer promised to be heard within this time.
    HeartbeatTtl,
    /// The reader holds on to what receives; look whether it uses it.
    LookAfterInput,
    /// The listener could not accept; try again.
    Accept,
    /// A session without connections has something to do.
    Exchange,
}

/// Names a running timer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub struct TimerKey {
    at: Instant,
    number: u64,
}

/// Timers by the time they are due.
#[derive(Debug, Default)]
pub struct Timers {
    due: BTreeMap<TimerKey, (u64, Purpose)>,
    next_number: u64,
}

impl Timers {
    /// Starts a timer for an object.
    pub fn add(&mut self, object: u64, purpose: Purpose, milliseconds: i32) -> TimerKey {
        let delay = Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0));
        let key = TimerKey { at: Instant::now() + delay, number: self.next_number };
        self.next_number += 1;
        self.due.insert(key, (object, purpose));
        key
    }

    pub fn cancel(&mut self, key: TimerKey) {
        self.due.remove(&key);
    }

    /// How long until the next timer; `None` without timers.
    pub fn until_next(&self) -> Option<Duration> {
        let (key, _) = self.due.first_key_value()?;
        Some(key.at.saturating_duration_since(Instant::now()))
    }

    /// Takes one timer that is due.
    pub fn take_due(&mut self, now: Instant) -> Option<(u64, Purpose)> {
        let entry = self.due.first_entry()?;
        if entry.key().at > now {
            return None;
        }
        Some(entry.remove())
    }
}
