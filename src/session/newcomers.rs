//! Accepted connections whose handshake is not over.
//!
//! Anybody can open connections and say nothing. Each is given up when its time for the handshake
//! is over; but until then they hold descriptors and memory. So a listener knows its newcomers, and
//! gives up the oldest when there are too many, or when the system has no descriptors left for the
//! next one. Who shakes hands at once is through long before it is the oldest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::io::IoHandle;

/// Newcomers of one listener. A program's peers may all come at once, and are welcome.
const MOST: usize = 16 * 1024;
/// Who came so short a time ago is not given up for want of descriptors.
const GRACE: Duration = Duration::from_millis(500);
/// How many are given up at once for want of descriptors.
const GIVEN_UP: usize = 16;

#[derive(Debug)]
struct Newcomer {
    io: Arc<IoHandle>,
    since: Instant,
}

/// The newcomers of a listener, by the numbers of their sessions, which grow.
#[derive(Debug, Default)]
pub struct Newcomers(Mutex<BTreeMap<u64, Newcomer>>);

impl Newcomers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Newcomer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session begins. The oldest is given up where there are too many.
    pub fn add(&self, id: u64, io: Arc<IoHandle>) {
        let mut newcomers = self.lock();
        newcomers.insert(id, Newcomer { io, since: Instant::now() });
        let oldest = if newcomers.len() > MOST { newcomers.pop_first() } else { None };
        drop(newcomers);
        if let Some((id, newcomer)) = oldest {
            newcomer.io.give_up(id);
        }
    }

    /// A session's handshake is over, or the session is.
    pub fn remove(&self, id: u64) {
        self.lock().remove(&id);
    }

    /// There are no descriptors: gives up some of those who had their time.
    pub fn make_room(&self) {
        for _ in 0..GIVEN_UP {
            let mut newcomers = self.lock();
            let oldest =
                newcomers.first_entry().filter(|entry| entry.get().since.elapsed() >= GRACE);
            let Some((id, newcomer)) = oldest.map(|entry| entry.remove_entry()) else { return };
            drop(newcomers);
            newcomer.io.give_up(id);
        }
    }
}
