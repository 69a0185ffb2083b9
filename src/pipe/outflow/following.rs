//! Outflows whose messages are those of a log.

use std::sync::Arc;

use super::{Outbound, Outflow, Pace};
use crate::pipe::chunk::Published;
use crate::pipe::log::{Crowd, Log, Stretch};
use crate::pipe::queue::{AWAKE, FRAME_LARGE};
use crate::pipe::reader::measure;
use crate::pipe::writer::Writer;
use core::sync::atomic::Ordering;

/// The writer of a pipe that follows a log, and where the log is.
#[derive(Debug)]
pub(in crate::pipe) struct Follower {
    writer: Writer,
    stretch: Arc<Stretch>,
    crowd: Arc<Crowd>,
    /// What of the stretch is counted as written already.
    counted: Published,
}

impl Follower {
    /// Messages written that are not counted yet.
    pub(super) fn messages(&self) -> u64 {
        u64::from(self.stretch.published().messages() - self.counted.messages())
    }

    /// Something changed that those who write the log want to know.
    pub(super) fn note_news(&self) {
        self.crowd.note_news();
    }

    /// About how many bytes were written in all.
    pub(super) fn total(&self) -> u64 {
        let after_start = self.stretch.published().end() as u64 - self.writer.end() as u64;
        self.writer.total().wrapping_add(after_start)
    }
}

impl Outflow {
    /// From now on the log's messages are this pipe's. False where that cannot be: the pipe keeps
    /// only the latest message, or is at its end, or there is no memory.
    pub fn follow(&mut self, log: &Log) -> bool {
        let Outbound::Bytes(writer) = &mut self.lane else { return false };
        let crowd = writer.queue.crowd.get_or_init(|| log.crowd.clone());
        let belongs_here = Arc::ptr_eq(crowd, &log.crowd) && self.pace != Pace::Own;
        if !belongs_here || self.over || self.writing_parts {
            return false;
        }
        // What was finished before comes first.
        writer.publish();
        if writer.follow(log.stretch()).is_err() {
            return false;
        }
        // The log's fences are full ones.
        self.set_own(false);
        let Outbound::Bytes(writer) = core::mem::replace(&mut self.lane, Outbound::Lent) else {
            return false;
        };
        let stretch = log.stretch().clone();
        let counted = stretch.published();
        let crowd = log.crowd.clone();
        // The reader may have gone to sleep before it was one of this crowd.
        crowd.rest();
        self.lane = Outbound::Following(Follower { writer, stretch, crowd, counted });
        true
    }

    /// Whether this pipe follows the log of a crowd.
    pub fn follows(&self, crowd: &Arc<Crowd>) -> bool {
        matches!(&self.lane, Outbound::Following(follower) if Arc::ptr_eq(&follower.crowd, crowd))
    }

    /// Goes on in the log's next stretch. False when the pipe has stayed behind instead.
    pub fn turn(&mut self, log: &Log) -> bool {
        let Outbound::Following(follower) = &mut self.lane else { return false };
        let written = follower.messages();
        follower.writer.stay_behind(&follower.stretch);
        if self.over || follower.writer.follow(log.stretch()).is_err() {
            self.stop_following();
            return false;
        }
        follower.stretch = log.stretch().clone();
        follower.counted = Published::default();
        self.written += written;
        true
    }

    /// What the log holds by now is this pipe's, and nothing that comes later.
    #[inline]
    pub fn stop_following(&mut self) {
        if let Outbound::Following(_) = self.lane {
            self.stay_behind();
        }
    }

    #[cold]
    fn stay_behind(&mut self) {
        self.count_followed();
        if let Outbound::Following(follower) = core::mem::replace(&mut self.lane, Outbound::Lent) {
            let Follower { mut writer, stretch, crowd, .. } = follower;
            writer.stay_behind(&stretch);
            crowd.note_news();
            self.lane = Outbound::Bytes(writer);
        }
    }

    fn count_followed(&mut self) {
        if let Outbound::Following(follower) = &mut self.lane {
            self.written += follower.messages();
            follower.counted = follower.stretch.published();
        }
    }

    /// How many messages the log may get before this pipe is full; `None` when it is now, and
    /// the peer will send [`PipeEvent::Writable`](crate::pipe::PipeEvent) once it is not.
    pub fn credit_following(&mut self, by_mark: bool) -> Option<u64> {
        self.count_followed();
        if by_mark && !self.check_write_by_mark() {
            return None;
        }
        Some(self.credit()).filter(|&credit| credit > 0)
    }

    /// Calls the reader if it rests, after the log has published something, or sends in its place.
    /// True when it is still to be thought of with the next message.
    pub fn call_follower(&mut self) -> bool {
        if self.finds_reader_at_rest() {
            self.wake_reader(|_| false);
        }
        self.queue().attention.load(Ordering::Relaxed) != AWAKE
    }

    /// Goes on by itself with a message whose first parts are in the log, as frames. False without
    /// memory; the parts are taken back then.
    pub fn resume(&mut self, mut frames: &[u8]) -> bool {
        self.stop_following();
        while let Some((head, len)) = measure(frames) {
            let flags = frames[0];
            let Some((body, rest)) = frames[head..].split_at_checked(len) else { return false };
            let Outbound::Bytes(writer) = &mut self.lane else { return false };
            if writer.write_frame(flags & !FRAME_LARGE, body).is_err() {
                self.rollback();
                return false;
            }
            self.writing_parts = true;
            frames = rest;
        }
        true
    }
}
