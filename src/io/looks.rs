//! Sessions that want to look at their pipes before long.
//!
//! A timer would do, but for its millisecond: in a stream a session looks every few tens of
//! microseconds whether its writing thread left something behind. All sessions of a thread look
//! at the same time.

use std::time::{Duration, Instant};

/// How long what is left behind waits, at most about twice this.
const INTERVAL: Duration = Duration::from_micros(50);

/// Which sessions look, and when.
#[derive(Debug, Default)]
pub struct Looks {
    sessions: Vec<u64>,
    due: Option<Instant>,
}

impl Looks {
    /// A session looks at the next occasion.
    pub fn add(&mut self, session: u64) {
        self.due.get_or_insert_with(|| Instant::now() + INTERVAL);
        self.sessions.push(session);
    }

    /// How long until the next occasion; none when nobody wants to look.
    pub fn until_due(&self) -> Option<Duration> {
        Some(self.due?.saturating_duration_since(Instant::now()))
    }

    /// The sessions that are to look now.
    pub fn take_due(&mut self) -> Vec<u64> {
        if self.due.is_none_or(|due| due > Instant::now()) {
            return Vec::new();
        }
        self.due = None;
        core::mem::take(&mut self.sessions)
    }
}
