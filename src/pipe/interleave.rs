//! All interleavings of a few threads over a few words of memory, store buffers included.
//!
//! A protocol is written down as one step function per thread; a step does at most one access to
//! memory. A plain store waits in its thread's buffer and reaches memory at any later moment, which
//! is what makes a fence necessary between a store and a load. [`explore`] visits every state that
//! can be reached.

use std::collections::HashSet;

pub const WORDS: usize = 8;

/// A thread's own state.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub struct Thread {
    pub at: u8,
    pub registers: [u8; 4],
    /// Inside of what the protocol guards.
    pub inside: bool,
    buffer: Vec<(u8, u8)>,
}

/// Memory and threads.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Machine {
    pub memory: [u8; WORDS],
    pub threads: Vec<Thread>,
}

/// What became of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Go on there.
    To(u8),
    /// Not possible in this state of the machine.
    Blocked,
    Done,
}

/// A thread at its step.
pub struct Access<'a> {
    machine: &'a mut Machine,
    thread: usize,
}

impl Access<'_> {
    pub fn own(&mut self) -> &mut Thread {
        &mut self.machine.threads[self.thread]
    }

    /// Where this thread is.
    pub fn at(&self) -> u8 {
        self.machine.threads[self.thread].at
    }

    pub fn load(&self, word: u8) -> u8 {
        let buffer = &self.machine.threads[self.thread].buffer;
        let buffered = buffer.iter().rev().find(|&&(at, _)| at == word);
        buffered.map_or(self.machine.memory[usize::from(word)], |&(_, value)| value)
    }

    pub fn store(&mut self, word: u8, value: u8) {
        self.own().buffer.push((word, value));
    }

    /// Whether this thread's stores are in memory: the condition of going past a full fence.
    pub fn full_fence(&self) -> bool {
        self.machine.threads[self.thread].buffer.is_empty()
    }

    /// Whether all threads' stores are in memory: `membarrier`.
    pub fn heavy_fence(&self) -> bool {
        self.machine.threads.iter().all(|thread| thread.buffer.is_empty())
    }

    /// An atomic exchange, a full fence as well; `None` before the buffer is empty.
    pub fn exchange(&mut self, word: u8, change: impl FnOnce(u8) -> u8) -> Option<u8> {
        if !self.full_fence() {
            return None;
        }
        let place = &mut self.machine.memory[usize::from(word)];
        let old = *place;
        *place = change(old);
        Some(old)
    }

    /// An atomic exchange as a step: where to go on from the old value.
    pub fn then(
        &mut self,
        word: u8,
        change: impl FnOnce(u8) -> u8,
        next: impl FnOnce(u8) -> u8,
    ) -> Step {
        self.exchange(word, change).map_or(Step::Blocked, |old| Step::To(next(old)))
    }
}

pub type Program = fn(&mut Access<'_>) -> Step;

const DONE: u8 = u8::MAX;

impl Machine {
    pub fn all_done(&self) -> bool {
        self.threads.iter().all(|thread| thread.at == DONE)
    }

    pub fn inside(&self) -> usize {
        self.threads.iter().filter(|thread| thread.inside).count()
    }
}

/// Runs the programs in every order. `check` sees each state and whether it is a last one.
/// Returns the number of states, or the first state that `check` refuses.
pub fn explore(
    programs: &[Program],
    memory: [u8; WORDS],
    check: impl Fn(&Machine, bool) -> bool,
) -> Result<usize, Box<Machine>> {
    let start = Machine { memory, threads: vec![Thread::default(); programs.len()] };
    let mut seen = HashSet::from([start.clone()]);
    let mut open = vec![start];
    while let Some(machine) = open.pop() {
        let mut is_last = true;
        for (number, program) in programs.iter().enumerate() {
            if !machine.threads[number].buffer.is_empty() {
                let mut next = machine.clone();
                let (word, value) = next.threads[number].buffer.remove(0);
                next.memory[usize::from(word)] = value;
                is_last = false;
                if seen.insert(next.clone()) {
                    open.push(next);
                }
            }
            if machine.threads[number].at == DONE {
                continue;
            }
            let mut next = machine.clone();
            let at = match program(&mut Access { machine: &mut next, thread: number }) {
                Step::Blocked => continue,
                Step::To(at) => at,
                Step::Done => DONE,
            };
            next.threads[number].at = at;
            is_last = false;
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
        if !check(&machine, is_last) {
            return Err(Box::new(machine));
        }
    }
    Ok(seen.len())
}
