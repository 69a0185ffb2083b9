//! Timers that an application runs by itself (`zmq_timers(3)`).
//!
//! Time is a parameter here, in milliseconds from any beginning. A timer's function is called by
//! whoever executes the timers, one timer after the other ([`Timers::due`]), with nothing borrowed,
//! so that it may add, change and cancel timers, its own included.

#![deny(unsafe_code)]

use std::collections::BTreeMap;

use crate::error::{Errno, Result};

/// When a timer is due, and a number that keeps timers of the same time in order.
type Turn = (u64, u64);

#[derive(Debug)]
struct Timer<F> {
    turn: Turn,
    interval: u64,
    function: F,
}

/// A set of timers, each with a function `F`.
#[derive(Debug)]
pub struct Timers<F> {
    timers: BTreeMap<i32, Timer<F>>,
    turns: BTreeMap<Turn, i32>,
    latest_id: i32,
    next_number: u64,
}

impl<F> Default for Timers<F> {
    fn default() -> Self {
        Timers { timers: BTreeMap::new(), turns: BTreeMap::new(), latest_id: 0, next_number: 0 }
    }
}

impl<F: Copy> Timers<F> {
    /// Adds a timer that is due every `interval` and returns its number.
    pub fn add(&mut self, now: u64, interval: u64, function: F) -> i32 {
        loop {
            self.latest_id = self.latest_id.checked_add(1).unwrap_or(1);
            if !self.timers.contains_key(&self.latest_id) {
                break;
            }
        }
        let id = self.latest_id;
        let turn = self.schedule(id, now.saturating_add(interval));
        self.timers.insert(id, Timer { turn, interval, function });
        id
    }

    fn schedule(&mut self, id: i32, when: u64) -> Turn {
        let turn = (when, self.next_number);
        self.next_number += 1;
        self.turns.insert(turn, id);
        turn
    }

    /// Removes a timer. `EINVAL` when there is no such timer.
    pub fn cancel(&mut self, id: i32) -> Result<()> {
        let timer = self.timers.remove(&id).ok_or(Errno::EINVAL)?;
        self.turns.remove(&timer.turn);
        Ok(())
    }

    /// Changes a timer's interval, which starts now. `EINVAL`.
    pub fn set_interval(&mut self, now: u64, id: i32, interval: u64) -> Result<()> {
        self.timers.get_mut(&id).ok_or(Errno::EINVAL)?.interval = interval;
        self.reset(now, id)
    }

    /// Starts a timer's interval anew. `EINVAL`.
    pub fn reset(&mut self, now: u64, id: i32) -> Result<()> {
        let timer = self.timers.get(&id).ok_or(Errno::EINVAL)?;
        let (old, when) = (timer.turn, now.saturating_add(timer.interval));
        self.turns.remove(&old);
        let turn = self.schedule(id, when);
        if let Some(timer) = self.timers.get_mut(&id) {
            timer.turn = turn;
        }
        Ok(())
    }

    /// How long until a timer is due. `None` without timers.
    pub fn until_next(&self, now: u64) -> Option<u64> {
        self.turns.first_key_value().map(|((when, _), _)| when.saturating_sub(now))
    }

    /// Begins an execution: see [`Timers::due`].
    pub fn execution(&self, now: u64) -> Execution {
        Execution { now, end: self.next_number }
    }

    /// The next timer of an execution, to be called and then [rescheduled](Timers::called). Each
    /// timer comes at most once, and one that was added or started anew meanwhile does not.
    pub fn due(&self, execution: Execution) -> Option<Due<F>> {
        let due = self.turns.iter().take_while(|((when, _), _)| *when <= execution.now);
        let (turn, id) = due.into_iter().find(|((_, number), _)| *number < execution.end)?;
        let function = self.timers.get(id)?.function;
        Some(Due { id: *id, turn: *turn, function })
    }

    /// A timer's function was called: its interval starts anew, unless the function saw to that.
    pub fn called(&mut self, execution: Execution, due: &Due<F>) {
        if self.timers.get(&due.id).is_some_and(|timer| timer.turn == due.turn) {
            // The timer is there.
            let _ = self.reset(execution.now, due.id);
        }
    }
}

/// One execution of the timers that are due.
#[derive(Clone, Copy, Debug)]
pub struct Execution {
    now: u64,
    /// The number of the first turn that is none of its business.
    end: u64,
}

/// A timer that is due.
#[derive(Clone, Copy, Debug)]
pub struct Due<F> {
    pub id: i32,
    turn: Turn,
    pub function: F,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn execute(timers: &mut Timers<char>, now: u64) -> String {
        let mut called = String::new();
        let execution = timers.execution(now);
        while let Some(due) = timers.due(execution) {
            called.push(due.function);
            timers.called(execution, &due);
        }
        called
    }

    #[test]
    fn timers_come_in_order_and_again() {
        let mut timers = Timers::default();
        timers.add(0, 30, 'c');
        timers.add(0, 10, 'a');
        timers.add(0, 10, 'b');
        assert_eq!(timers.until_next(4), Some(6));
        assert_eq!(execute(&mut timers, 9), "");
        assert_eq!(execute(&mut timers, 10), "ab");
        assert_eq!(timers.until_next(10), Some(10));
        assert_eq!(execute(&mut timers, 45), "abc");
        assert_eq!(timers.until_next(100), Some(0));
    }

    #[test]
    fn a_timer_comes_once_even_without_an_interval() {
        let mut timers = Timers::default();
        timers.add(0, 0, 'z');
        assert_eq!(execute(&mut timers, 0), "z");
        assert_eq!(execute(&mut timers, 0), "z");
    }

    #[test]
    fn changes_start_the_interval_anew() {
        let mut timers = Timers::default();
        let id = timers.add(0, 10, 'a');
        timers.reset(8, id).unwrap();
        assert_eq!(execute(&mut timers, 10), "");
        timers.set_interval(10, id, 3).unwrap();
        assert_eq!(timers.until_next(10), Some(3));
        assert_eq!(execute(&mut timers, 13), "a");
        timers.set_interval(13, id, u64::MAX).unwrap();
        assert_eq!(execute(&mut timers, u64::MAX - 1), "");
        timers.cancel(id).unwrap();
        assert_eq!(timers.until_next(0), None);
        let gone = Err(Errno::EINVAL);
        assert_eq!(timers.cancel(id), gone);
        assert_eq!(timers.reset(0, id), gone);
        assert_eq!(timers.set_interval(0, id, 1), gone);
    }

    #[test]
    fn a_function_may_change_all_timers() {
        let mut timers = Timers::default();
        let first = timers.add(0, 1, 'a');
        let second = timers.add(0, 2, 'b');
        let execution = timers.execution(5);
        let due = timers.due(execution).unwrap();
        assert_eq!(due.id, first);
        timers.cancel(first).unwrap();
        timers.cancel(second).unwrap();
        timers.add(5, 0, 'c');
        timers.called(execution, &due);
        assert!(timers.due(execution).is_none());
        assert_eq!(execute(&mut timers, 5), "c");
    }
}
