//! Reading from a pipe: messages, acknowledgements, falling asleep.

use core::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{lock, Inbound, PipeEnd, State};
use crate::message::{Message, Metadata};
use crate::pipe::queue::{ASLEEP, AWAKE, EXTERNAL_MIN, FRAME_MORE, FRAME_ROUTING_ID, LOOKING};
use crate::pipe::reader::{Accept, AcceptInline, Whole};
use crate::pipe::{fence, PipeEvent};

/// How many times not to wait a moment, after it was of no use.
const LEFT_OUT: u8 = 15;

/// Messages of one look that are worth the trip of their memory.
const MANY: u64 = 512;
/// How many looks in a row may bring fewer.
const LOOKS: i8 = 4;
/// How many not to count, after letting more gather was of no use.
const LOOKS_LEFT_OUT: i8 = 120;
/// How long to let more gather.
const BREATH: Duration = Duration::from_micros(12);
/// Fewer messages than this were not worth it.
const GATHERED: u64 = 8;

/// What a reader's last looks at its queue brought.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// Messages read and written when it looked last.
    read: u64,
    written: u64,
    /// Looks in a row that brought little; less than nothing where letting more gather was of no use.
    pub(super) little: i8,
    /// More were to gather before the last look.
    breathed: bool,
}

impl PipeEnd {
    fn lane_has_data(&mut self) -> bool {
        match &mut self.inbound {
            Inbound::Bytes(reader) => reader.has_frame(),
            Inbound::Latest { slot, .. } => lock(slot).is_some(),
            Inbound::Lent(_) => false,
        }
    }

    /// Whether anything is left to read. Where an engine reads bytes, the reader may stand inside a
    /// frame, where nothing may be taken for a frame's flags.
    pub(super) fn lane_has_bytes(&mut self) -> bool {
        match &mut self.inbound {
            Inbound::Bytes(reader) => reader.has_data(),
            Inbound::Latest { slot, .. } => lock(slot).is_some(),
            Inbound::Lent(_) => false,
        }
    }

    fn has_taken_all_seen(&self) -> bool {
        matches!(&self.inbound, Inbound::Bytes(reader) if reader.has_taken_all_seen())
    }

    /// Whether a message waits. When none does, the peer will send [`PipeEvent::Readable`] with
    /// the next one, and the end may turn out to be [`PipeEnd::ended`].
    #[inline]
    pub fn check_read(&mut self) -> bool {
        if !self.in_active || self.state == State::Ended {
            return false;
        }
        if self.lane_has_data() {
            return true;
        }
        self.fall_asleep()
    }

    /// Wakes up without having been told to: until [`PipeEnd::stop_looking`], the owner looks for
    /// messages again and again, and the peer need not call. False if this end did not sleep.
    pub fn look_on(&mut self) -> bool {
        let slept = !self.in_active && self.state == State::Active;
        if slept {
            self.in_active = true;
            self.in_queue().attention.store(LOOKING, Ordering::Relaxed);
        }
        slept
    }

    /// Goes on reading if there is something to read (true), or to sleep.
    pub fn stop_looking(&mut self) -> bool {
        let found = self.lane_has_data() || self.fall_asleep();
        if found {
            self.look();
        }
        found
    }

    /// Whether a message waits. This end stays as awake as it is.
    pub fn has_message(&mut self) -> bool {
        self.in_active && self.lane_has_data()
    }

    #[cold]
    #[inline(never)]
    fn fall_asleep(&mut self) -> bool {
        if self.out.keeps_references && self.more_follows_soon() {
            return true;
        }
        // Closed is read before the last look: what was published before closing is then seen.
        let closed = self.in_queue().closed.load(Ordering::Acquire);
        self.in_queue().rest(ASLEEP);
        fence::full();
        // What a dense writer published before it became sparse again comes with that news.
        if self.in_queue().writer_dense.load(Ordering::Acquire) {
            fence::heavy();
        }
        if self.lane_has_data() {
            self.in_queue().attention.store(AWAKE, Ordering::Relaxed);
            return true;
        }
        self.in_active = false;
        self.looks.little = self.looks.little.min(0);
        if self.in_queue().writer_blocked.load(Ordering::Relaxed) {
            // All is read, and the writer has no room: marks changed on a living pipe need not
            // fit each other, and the next step might never come.
            self.acknowledge_up_to(self.tally.read);
            if self.lane_has_data() {
                // The writer is in this thread, and has gone on.
                self.in_queue().attention.store(AWAKE, Ordering::Relaxed);
                self.in_active = true;
                return true;
            }
        }
        if closed && self.state == State::PeerClosed {
            self.state = State::Ended;
        }
        false
    }

    /// In a stream from another socket the next message is only a moment away, and falling asleep
    /// costs more than a moment: both sides, if the writer has to call for each message. Where
    /// waiting a moment was of no use, it is left out for some times.
    ///
    /// A reader that looks all the time takes message by message from under the writer's hands, and
    /// each costs both of them a trip of the same memory between two processors. So it looks only
    /// now and then, unless it has just written, and waits for an answer.
    fn more_follows_soon(&mut self) -> bool {
        if self.moments_left_out > 0 {
            self.moments_left_out -= 1;
            return false;
        }
        let has_written = self.out.written() != self.written_before;
        self.written_before = self.out.written();
        let follows = fence::several_processors()
            && if has_written {
                self.answer_comes(40, core::hint::spin_loop)
            } else {
                (0..4).any(|_| {
                    (0..50).for_each(|_| core::hint::spin_loop());
                    self.lane_has_data()
                })
            };
        if !follows {
            self.moments_left_out = LEFT_OUT;
        }
        follows
    }

    /// Looks so many times for an answer. The peer is told so: it would take quick answers for a stream,
    /// and leave out its fences until this end, falling asleep at last, pays for all of them.
    pub(super) fn answer_comes(&mut self, looks: u32, mut pause: impl FnMut()) -> bool {
        self.in_queue().attention.store(LOOKING, Ordering::Relaxed);
        let comes = (0..looks).any(|_| {
            pause();
            self.lane_has_data()
        });
        if comes {
            self.in_queue().attention.store(AWAKE, Ordering::Relaxed);
        }
        comes
    }

    /// All that was seen is read. A reader that is faster than its writer would take message by
    /// message from under its hands, and each costs both of them a trip of the same memory between
    /// two processors. So after some looks in a row that brought little it lets more gather first,
    /// unless it writes in between, and waits for answers.
    #[cold]
    #[inline(never)]
    fn let_more_gather(&mut self) {
        let found = self.tally.read - self.looks.read;
        let written = self.out.written();
        if found >= MANY || written != self.looks.written {
            self.looks.little = 0;
        } else if found > 0 {
            self.looks.little += 1;
        }
        let breathed = core::mem::take(&mut self.looks.breathed);
        if breathed && found < GATHERED {
            // It was of no use.
            self.looks.little = -LOOKS_LEFT_OUT;
        } else if self.looks.little > LOOKS && fence::several_processors() {
            self.looks.little = LOOKS;
            self.looks.breathed = true;
            let end = Instant::now() + BREATH;
            while Instant::now() < end {
                (0..8).for_each(|_| core::hint::spin_loop());
            }
        }
        (self.looks.read, self.looks.written) = (self.tally.read, written);
    }

    /// Takes the next message part. Bodies of some size come as views of the pipe's memory
    /// (`Message::own` before the next call on this pipe), or by reference.
    #[inline(always)]
    pub fn read(&mut self, message: &mut Message) -> bool {
        if let (Inbound::Bytes(reader), true) = (&mut self.inbound, self.in_active) {
            if let Some((flags, body)) = reader.next_short() {
                // SAFETY: the bytes stay until the next call on the reader; see the contract.
                unsafe { message.become_view(body.as_ptr(), body.len()) };
                message.set_flags(flags);
                if flags & FRAME_MORE == 0 {
                    self.count_read(1);
                }
                return true;
            }
        }
        self.read_any(message)
    }

    /// Takes the next message, if it has one part, or one part is left of it, and it lies in what was
    /// seen, unless `accept` will not have it.
    #[inline(always)]
    pub fn read_at_once(&mut self, accept: impl Accept) -> bool {
        let (Inbound::Bytes(reader), true) = (&mut self.inbound, self.in_active) else {
            return false;
        };
        let taken = reader.take_at_once(accept);
        if taken {
            self.count_read(1);
        }
        taken
    }

    /// Takes the next message with all its parts, if it lies in what was seen and is copied without
    /// a thought, unless `accept` will not have it. That gets the peer's routing id, too.
    #[inline]
    pub fn read_whole(&mut self, accept: impl FnOnce(&[u8], Whole<'_>) -> bool) -> bool {
        let (Inbound::Bytes(reader), true) = (&mut self.inbound, self.in_active) else {
            return false;
        };
        let id = &self.routing_id;
        let taken = reader.take_whole(EXTERNAL_MIN, |whole| accept(id, whole));
        if taken {
            self.count_read(1);
        }
        taken
    }

    /// As [`PipeEnd::read_at_once`], right after another message was read in that way: any number of
    /// bytes, or one to [`FEW`](crate::message::few::FEW). Gives their number, and whether
    /// [`PipeEnd::acknowledge`] is to be called.
    #[inline(always)]
    pub fn read_again<const ANY: bool>(
        &mut self,
        place: impl AcceptInline,
    ) -> Option<(usize, bool)> {
        let Inbound::Bytes(reader) = &mut self.inbound else { return None };
        debug_assert!(self.in_active);
        let len = reader.take_again::<ANY>(place)?;
        Some((len, self.tally.count(1)))
    }

    #[inline(never)]
    fn read_any(&mut self, message: &mut Message) -> bool {
        if self.out.keeps_references && self.has_taken_all_seen() {
            self.let_more_gather();
        }
        if !self.check_read() {
            return false;
        }
        let mut messages = 0;
        match &mut self.inbound {
            Inbound::Bytes(reader) => {
                if !reader.read(message, &mut messages) {
                    return false;
                }
            }
            Inbound::Latest { slot, .. } => {
                let Some(taken) = lock(slot).take() else { return false };
                *message = taken;
                messages = u64::from(message.flags() & (FRAME_MORE | FRAME_ROUTING_ID) == 0);
            }
            Inbound::Lent(_) => return false,
        }
        if messages > 0 {
            self.count_read(messages);
        }
        true
    }

    /// Properties of the connection that the part last read came over.
    pub fn metadata(&self) -> Option<&Arc<Metadata>> {
        match &self.inbound {
            Inbound::Bytes(reader) => reader.metadata(),
            Inbound::Latest { .. } | Inbound::Lent(_) => None,
        }
    }

    /// Counts messages as read and acknowledges them to the writer when half the mark is reached.
    #[inline]
    pub fn count_read(&mut self, messages: u64) {
        if self.tally.count(messages) {
            self.acknowledge();
        }
    }

    /// A call of the system begins with so many messages. The peer may get them before they are counted
    /// as read, answer, and find this thread still on its way.
    pub fn begin_call(&self, messages: u64) {
        let taken = self.tally.after(messages);
        if taken > 0 {
            self.in_queue().under_way.store(taken, Ordering::Release);
        }
    }

    /// It is over, and what it took is counted.
    pub fn end_call(&self) {
        let under_way = &self.in_queue().under_way;
        if under_way.load(Ordering::Relaxed) > 0 {
            under_way.store(0, Ordering::Release);
        }
    }

    /// Acknowledges what was read, up to the last step.
    #[inline(never)]
    pub fn acknowledge(&mut self) {
        let reached = self.tally.acknowledge();
        self.acknowledge_up_to(reached);
    }

    pub(super) fn acknowledge_up_to(&mut self, count: u64) {
        let queue = self.in_queue();
        queue.acknowledged.store(count, Ordering::Release);
        fence::full();
        if queue.writer_blocked.load(Ordering::Relaxed)
            && queue.writer_blocked.swap(false, Ordering::AcqRel)
            && !self.fill_up()
        {
            self.tell_peer(PipeEvent::Writable);
        }
    }
}
