//! Counting what was read, and when the writer is to hear of it.

/// Messages read from a lane. The writer hears of them in steps of half the high-water mark.
#[derive(Clone, Copy, Debug)]
pub struct Tally {
    pub read: u64,
    /// Half the mark; 0 without one.
    pub step: u64,
    /// Count of read messages at which the writer hears of it next.
    next: u64,
}

impl Tally {
    pub fn new(step: u64) -> Tally {
        Tally { read: 0, step, next: next_step(0, step) }
    }

    /// Counts messages as read; whether it is time for [`Tally::acknowledge`].
    #[inline]
    pub fn count(&mut self, messages: u64) -> bool {
        self.read += messages;
        self.read >= self.next
    }

    /// The count of messages that the writer will hear of once so many more are read; 0 if of none.
    #[inline]
    pub fn after(&self, messages: u64) -> u64 {
        let read = self.read + messages;
        if read >= self.next {
            self.last_step(read)
        } else {
            0
        }
    }

    /// The last step up to a count.
    fn last_step(&self, count: u64) -> u64 {
        count - count % self.step.max(1)
    }

    /// The count of messages that the writer is to hear of now.
    pub fn acknowledge(&mut self) -> u64 {
        let reached = self.last_step(self.read);
        self.next = reached + self.step;
        reached
    }

    /// Goes on in other steps.
    pub fn set_step(&mut self, step: u64) {
        self.step = step;
        self.next = next_step(self.read, step);
    }
}

/// The first multiple of `step` beyond `count`; never, without a step.
fn next_step(count: u64, step: u64) -> u64 {
    if step == 0 {
        u64::MAX
    } else {
        count - count % step + step
    }
}
