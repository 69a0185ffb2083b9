//! Sessions that want to look at their pipes before long.
//!
//! A timer would do, but for its millisecond: in a stream a session looks every few tens of
//! microseconds whether its writing thread left something behind.

use std::time::{Duration, Instant};

/// Which sessions look, and when. They are few: those in a stream.
#[derive(Debug, Default)]
pub struct Looks {
    sessions: Vec<(u64, Instant)>,
}

impl Looks {
    /// A session looks after so long.
    pub fn add(&mut self, session: u64, after: Duration) {
        self.sessions.push((session, Instant::now() + after));
    }

    /// How long until the next one looks; none when nobody wants to.
    pub fn until_due(&self) -> Option<Duration> {
        let next = self.sessions.iter().map(|(_, due)| *due).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// The sessions that are to look now.
    pub fn take_due(&mut self) -> Vec<u64> {
        if self.sessions.is_empty() {
            return Vec::new();
        }
        let now = Instant::now();
        let mut due = Vec::new();
        self.sessions.retain(|&(session, at)| {
            if at <= now {
                due.push(session);
            }
            at > now
        });
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_session_looks_at_its_time() {
        let mut looks = Looks::default();
        assert_eq!(looks.until_due(), None);
        looks.add(1, Duration::from_secs(1000));
        looks.add(2, Duration::ZERO);
        assert_eq!(looks.until_due(), Some(Duration::ZERO));
        assert_eq!(looks.take_due(), [2]);
        assert!(looks.until_due().is_some_and(|left| left > Duration::from_secs(900)));
        assert!(looks.take_due().is_empty());
    }
}
