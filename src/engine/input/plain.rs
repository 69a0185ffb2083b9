//! Frames that stay where they are received: only their headers are looked at.

use std::os::fd::BorrowedFd;

use super::{hear_command, Ahead, Form, Input, Large, COMMAND_MAX, LARGE_FIRST, LARGE_PEEK};
use crate::engine::{stream, Failure, Outcome, Progress};
use crate::error::Errno;
use crate::message::{self, Content};
use crate::pipe::outflow::Outflow;
use crate::pipe::queue::{EXTERNAL_MIN, FRAME_COMMAND, FRAME_LARGE, FRAME_MORE, FRAME_SKIP};
use crate::zmtp::command::{self, Command};
use crate::zmtp::frame::{self, Header};

impl Input {
    pub(super) fn pump_plain(
        &mut self,
        fd: BorrowedFd<'_>,
        readable: &mut bool,
        pipe: &mut Outflow,
        mut budget: usize,
    ) -> Outcome {
        if !self.early.is_empty() {
            self.take_early_data(pipe)?;
        }
        loop {
            if !self.frame_received(pipe)? {
                self.stopped = true;
                return Ok(Progress::Idle);
            }
            if !*readable {
                return Ok(Progress::Idle);
            }
            if budget == 0 {
                return Ok(Progress::More);
            }
            let received = match &mut self.large {
                Some(_) => self.receive_large(fd, readable, pipe),
                None => self.receive_into_chunk(fd, readable, pipe),
            };
            match received {
                Ok(0) => return Err(Failure::Connection(Errno::EPIPE)),
                Ok(count) => budget = budget.saturating_sub(count),
                Err(Errno::EAGAIN) => *readable = false,
                Err(error) => return Err(Failure::Connection(error)),
            }
        }
    }

    pub(super) fn take_early_data(
        &mut self,
        pipe: &mut Outflow,
    ) -> core::result::Result<(), Failure> {
        let early = core::mem::take(&mut self.early);
        let Some(writer) = pipe.writer() else { return Ok(()) };
        writer.receive_copy(&early).map_err(Failure::Connection)
    }

    pub(super) fn receive_into_chunk(
        &mut self,
        fd: BorrowedFd<'_>,
        readable: &mut bool,
        pipe: &mut Outflow,
    ) -> crate::error::Result<usize> {
        let writer = pipe.writer().ok_or(Errno::EFAULT)?;
        let least = if self.after_large { LARGE_PEEK } else { 128 };
        let (room, mut len) = writer.room(least.max(self.missing))?;
        if self.after_large {
            len = LARGE_PEEK;
        }
        // SAFETY: room gives `len` writable bytes.
        let count = unsafe { stream::receive_raw(fd, room, len) }?;
        writer.received(count);
        *readable = count == len || !self.short_is_all;
        Ok(count)
    }

    fn receive_large(
        &mut self,
        fd: BorrowedFd<'_>,
        readable: &mut bool,
        pipe: &mut Outflow,
    ) -> crate::error::Result<usize> {
        let Some(large) = &mut self.large else { return Err(Errno::EFAULT) };
        let mut ahead = Ahead::new();
        let (count, all) = large.receive(fd, &mut self.awaited, &mut ahead)?;
        self.heard = true;
        *readable = !(all && self.short_is_all);
        if large.filled < large.len {
            return Ok(count);
        }
        let (flags, content) = (large.flags, large.content.take().ok_or(Errno::ENOMEM)?);
        self.large = None;
        self.after_large = true;
        let drops = self.is_dropping(pipe);
        let writer = pipe.writer().ok_or(Errno::EFAULT)?;
        if drops {
            writer.receive_copy(ahead.received())?;
            return Ok(count);
        }
        writer.write_external(flags, content)?;
        writer.receive_copy(ahead.received())?;
        if flags & FRAME_MORE == 0 {
            pipe.count_written(1);
        }
        pipe.flush();
        Ok(count)
    }

    /// Makes frames of the received bytes. False when the pipe has no more credit.
    pub(super) fn frame_received(
        &mut self,
        pipe: &mut Outflow,
    ) -> core::result::Result<bool, Failure> {
        self.missing = 0;
        loop {
            let mut credit = pipe.credit();
            let strict = self.form.is_some();
            let Some(writer) = pipe.writer() else { return Ok(true) };
            if writer.unframed().is_empty() {
                return Ok(true);
            }
            if credit == 0 {
                if !self.is_dropping(pipe) {
                    return Ok(false);
                }
                self.drop_received(pipe)?;
                return Ok(true);
            }
            if !strict {
                let messages = writer.take_messages(credit, self.max_body);
                if messages > 0 {
                    self.heard = true;
                    self.after_large = false;
                    credit -= messages;
                    pipe.count_written(messages);
                    if credit == 0 {
                        continue;
                    }
                }
            }
            let Some(writer) = pipe.writer() else { return Ok(true) };
            let bytes = writer.unframed();
            let Some(header) = frame::parse_header(bytes).map_err(|_| Failure::Protocol)? else {
                return Ok(true);
            };
            if header.is_command() {
                if !self.take_commands(pipe)? {
                    return Ok(true);
                }
                continue;
            }
            if header.body_len > self.max_body {
                return Err(Failure::Protocol);
            }
            let len = header.frame_len().ok_or(Failure::Protocol)?;
            let have = bytes.len();
            if len > have {
                if header.body_len >= EXTERNAL_MIN as u64 {
                    self.check_form(&header)?;
                    self.begin_large(&header, pipe)?;
                } else {
                    self.missing = len - have;
                }
                return Ok(true);
            }
            self.check_form(&header)?;
            self.heard = true;
            self.after_large = false;
            let flags = bytes[0] & (FRAME_MORE | FRAME_LARGE);
            writer.take_frame(len, flags);
            if !header.has_more() {
                pipe.count_written(1);
            }
        }
    }

    /// Takes received bytes for nobody, and answers what is for this end of the connection only.
    fn drop_received(&mut self, pipe: &mut Outflow) -> core::result::Result<(), Failure> {
        let Some(writer) = pipe.writer() else { return Ok(()) };
        let bytes = writer.unframed();
        let mut offset = 0;
        let mut large = None;
        while let Some(header) =
            frame::parse_header(&bytes[offset..]).map_err(|_| Failure::Protocol)?
        {
            let most = if header.is_command() { COMMAND_MAX } else { u64::MAX };
            if header.body_len > self.max_body.min(most) {
                return Err(Failure::Protocol);
            }
            let len = header.frame_len().ok_or(Failure::Protocol)?;
            let have = bytes.len() - offset;
            if len > have {
                let is_large = !header.is_command() && header.body_len >= EXTERNAL_MIN as u64;
                large = is_large.then_some(header);
                self.missing = if is_large { 0 } else { len - have };
                break;
            }
            if header.is_command() {
                let body = &bytes[offset + header.header_len..offset + len];
                hear_command(body, &mut self.pongs, &mut self.ttl);
            }
            self.heard = true;
            offset += len;
        }
        writer.discard(offset);
        match large {
            Some(header) => self.begin_large(&header, pipe),
            None => Ok(()),
        }
    }

    pub(super) fn begin_large(
        &mut self,
        header: &Header,
        pipe: &mut Outflow,
    ) -> core::result::Result<(), Failure> {
        let Some(writer) = pipe.writer() else { return Ok(()) };
        let len = usize::try_from(header.body_len).map_err(|_| Failure::Protocol)?;
        let start = &writer.unframed()[header.header_len..];
        let content = Content::with_len(len.min(LARGE_FIRST)).map_err(Failure::Connection)?;
        let filled = start.len().min(content.len());
        // SAFETY: the content is new and holds at least `filled` bytes.
        unsafe { core::ptr::copy_nonoverlapping(start.as_ptr(), content.as_ptr(), filled) };
        writer.drop_unframed();
        let flags = header.flags & FRAME_MORE;
        self.large = Some(Large { content: Some(content), filled, len, flags });
        Ok(())
    }

    /// Takes the commands at the front of the received bytes. They vanish at once unless data
    /// follows them, so that heartbeats neither wake the application nor fill the pipe. False
    /// when a command is not whole yet.
    pub(super) fn take_commands(
        &mut self,
        pipe: &mut Outflow,
    ) -> core::result::Result<bool, Failure> {
        let Some(writer) = pipe.writer() else { return Ok(false) };
        let in_message = writer.has_unfinished();
        let bytes = writer.unframed();
        let mut run: Vec<usize> = Vec::new();
        let mut offset = 0;
        let mut data_follows = false;
        let mut subscription = None;
        let mut missing = 0;
        while let Some(header) =
            frame::parse_header(&bytes[offset..]).map_err(|_| Failure::Protocol)?
        {
            let len = header.frame_len().ok_or(Failure::Protocol)?;
            let whole = len <= bytes.len() - offset;
            if !header.is_command() {
                data_follows = whole || header.body_len >= EXTERNAL_MIN as u64;
                break;
            }
            if header.body_len > self.max_body.min(COMMAND_MAX) {
                return Err(Failure::Protocol);
            }
            if !whole {
                missing = len - (bytes.len() - offset);
                break;
            }
            let body = &bytes[offset + header.header_len..offset + len];
            if self.passes(body) {
                subscription = Some((len, bytes[offset] & FRAME_LARGE));
                break;
            }
            hear_command(body, &mut self.pongs, &mut self.ttl);
            self.heard = true;
            run.push(len);
            offset += len;
        }
        if data_follows || subscription.is_some() {
            let more = if in_message { FRAME_MORE } else { 0 };
            for len in run {
                let large = writer.unframed()[0] & FRAME_LARGE;
                writer.take_frame(len, FRAME_SKIP | FRAME_COMMAND | large | more);
            }
        } else {
            writer.discard(offset);
        }
        if let Some((len, large)) = subscription {
            self.heard = true;
            writer.take_frame(len, FRAME_COMMAND | large);
            pipe.count_written(1);
            return Ok(true);
        }
        self.missing = missing;
        Ok(data_follows)
    }

    /// Checks that a frame is what the socket's kind expects next.
    pub(in crate::engine) fn check_form(
        &mut self,
        header: &Header,
    ) -> core::result::Result<(), Failure> {
        const GROUP_MAX: u64 = message::GROUP_MAX as u64;
        let Some(state) = self.form else { return Ok(()) };
        let more = header.has_more();
        let next = match (state, more, header.body_len) {
            (Form::Reply, true, 4) => Form::RequestId,
            (Form::Reply | Form::RequestId, true, 0) | (Form::ReplyBody, true, _) => {
                Form::ReplyBody
            }
            (Form::ReplyBody, false, _) => Form::Reply,
            (Form::Group, true, 0..=GROUP_MAX) => Form::GroupBody,
            (Form::GroupBody, false, _) => Form::Group,
            _ => return Err(Failure::Protocol),
        };
        self.form = Some(next);
        Ok(())
    }

    /// Whether the socket, not the engine, is who a command is for.
    pub(in crate::engine) fn passes(&self, body: &[u8]) -> bool {
        match command::parse(body) {
            Ok(Command::Subscribe(_) | Command::Cancel(_)) => self.passes_subscriptions,
            Ok(Command::Join(_) | Command::Leave(_)) => self.passes_groups,
            _ => false,
        }
    }
}
