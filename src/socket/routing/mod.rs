//! How a socket chooses among its pipes.
//!
//! Every socket kind is put together from a few of these: a [`fair_queue`] to receive from all
//! pipes in turn, a [`balancer`] to send to one after the other, a [`distributor`] to send to many
//! at once (its choice guided by [`subscriptions`]), and a [`peer_table`] to address a pipe by its
//! peer's routing id.
//!
//! None of them owns a pipe. They hold keys in a [`pipe_list`] whose order says which pipes are
//! usable now, so that a pipe that cannot be read or written costs nothing until it wakes up;
//! [`turns`] goes round those that are.
#![deny(unsafe_code)]

pub mod balancer;
pub mod distributor;
pub mod fair_queue;
pub mod peer_table;
pub mod pipe_list;
pub mod subscriptions;
pub mod turns;

use std::hash::{BuildHasher, RandomState};

use super::core::{Core, PipeKey};
use crate::error::Errno;

/// Why a pipe refused a part: it is full or over (`EAGAIN`: an event will tell of a change), or
/// there was no memory for it (`ENOMEM`: no event would ever come, so nobody may wait for one).
#[cold]
pub fn refusal(core: &mut Core, pipe: PipeKey) -> Errno {
    if core.check_write(pipe) {
        Errno::ENOMEM
    } else {
        Errno::EAGAIN
    }
}

/// An unpredictable number, where counters begin that peers get to see.
pub fn random_number() -> u32 {
    // Each state has keys of its own, derived from the system's randomness.
    RandomState::new().hash_one(0u8) as u32
}
