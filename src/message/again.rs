//! A message in the place of another one, and one that is about to go.

use core::ffi::c_void;

use super::few::{copy_few, FEW};
use super::group::Group;
use super::{Content, Message, INLINE_MAX, KIND_CONTENT, KIND_INLINE, KIND_VIEW};

impl Message {
    /// Looks at other memory from now on, as [`Message::view`]. What was known of the connection
    /// stays.
    ///
    /// # Safety
    /// As for [`Message::view`].
    #[inline]
    pub unsafe fn become_view(&mut self, data: *const u8, len: usize) {
        if self.kind == KIND_CONTENT {
            drop(self.take_body());
        }
        self.routing_id = 0;
        self.group.clear();
        self.set_pointer(KIND_VIEW, data, len);
    }

    /// Becomes a copy of these bytes, with no flags; what was known of the connection stays. Its memory
    /// is used again where that suits. False, and nothing has changed, where there is no memory.
    #[inline(never)]
    pub fn become_copy(&mut self, bytes: &[u8]) -> bool {
        // SAFETY: it copies.
        unsafe {
            self.become_copy_by(bytes, |from, to, len| to.copy_from_nonoverlapping(from, len))
        }
    }

    /// [`Message::become_copy`], where `copy` copies the bytes if nothing else is to be done.
    ///
    /// # Safety
    /// `copy` is as [`core::ptr::copy_nonoverlapping`] for so many bytes.
    #[inline(always)]
    unsafe fn become_copy_by(
        &mut self,
        bytes: &[u8],
        copy: impl FnOnce(*const u8, *mut u8, usize),
    ) -> bool {
        let is_done = match self.kind {
            _ if self.group.is_long() => false,
            // SAFETY: the same contract.
            KIND_INLINE => unsafe { self.fill_by(bytes, copy).is_ok() },
            // SAFETY: the same contract.
            KIND_CONTENT if bytes.len() > INLINE_MAX => unsafe { self.refill_by(bytes, copy) },
            _ => false,
        };
        if is_done {
            self.become_plain();
        }
        is_done || self.become_copy_anew(bytes)
    }

    /// Fills the content that it has again, where that suits.
    ///
    /// # Safety
    /// As for [`Message::become_copy_by`].
    #[inline(always)]
    unsafe fn refill_by(
        &mut self,
        bytes: &[u8],
        copy: impl FnOnce(*const u8, *mut u8, usize),
    ) -> bool {
        // SAFETY: the message's own handle, which stays; the rest is the same contract.
        unsafe {
            let mut content = Content::peek(self.word(2) as *mut c_void);
            let is_refilled = content.refill_by(bytes, copy);
            if is_refilled {
                self.set_pointer(KIND_CONTENT, content.as_ptr(), bytes.len());
            }
            is_refilled
        }
    }

    /// [`Message::become_copy`] where all has to be thought of.
    #[inline(never)]
    fn become_copy_anew(&mut self, bytes: &[u8]) -> bool {
        let (len, mut past) = (self.len(), self.take_body());
        if self.fill_again(bytes, &mut past).is_err() {
            if let Some(past) = past {
                self.put_body_back(past, len);
            }
            return false;
        }
        self.flags = 0;
        self.routing_id = 0;
        self.group.clear();
        true
    }

    /// A body of one byte to [`FEW`] that is to be copied on its way.
    #[inline(always)]
    pub fn few(&self) -> Option<&[u8]> {
        match self.kind {
            // What only looks like a message may have any length.
            KIND_INLINE => {
                self.body.get(..usize::from(self.inline_len)).filter(|body| !body.is_empty())
            }
            KIND_CONTENT => self.own_content().filter(|body| body.len().wrapping_sub(1) < FEW),
            _ => None,
        }
    }

    /// The body, where it is a content and not a caller's memory.
    #[inline(always)]
    pub fn own_content(&self) -> Option<&[u8]> {
        if self.kind != KIND_CONTENT || self.is_callers_memory() {
            return None;
        }
        // SAFETY: a content keeps so many bytes valid there, and memory of our own is never null.
        Some(unsafe { core::slice::from_raw_parts(self.word(0) as *const u8, self.word(1)) })
    }

    /// As [`Message::become_copy`], made for one byte to [`FEW`], and for a message that holds nothing
    /// but bytes.
    #[inline(always)]
    pub fn become_few(&mut self, bytes: &[u8]) -> bool {
        let len = bytes.len();
        let is_inline = self.kind == KIND_INLINE && !self.group.is_long();
        if len.wrapping_sub(1) >= INLINE_MAX || !is_inline {
            return self.become_few_apart(bytes);
        }
        // SAFETY: there is room for as many; whoever is read from is not this message.
        unsafe { copy_few(bytes.as_ptr(), self.body.as_mut_ptr(), len) };
        self.inline_len = len as u8;
        self.become_plain();
        true
    }

    /// [`Message::become_few`] where the bytes do not lie in the message, or not yet.
    #[inline(never)]
    fn become_few_apart(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() <= INLINE_MAX || bytes.len() > FEW {
            return self.become_copy_anew(bytes);
        }
        // SAFETY: as many bytes can be copied so.
        unsafe { self.become_copy_by(bytes, |from, to, len| copy_few(from, to, len)) }
    }

    /// Forgets what was there besides a body, a long group excepted.
    #[inline(always)]
    fn become_plain(&mut self) {
        self.flags = 0;
        self.routing_id = 0;
        self.group = Group::NONE;
    }

    /// Gives everything back and leaves an empty message, where that takes no more than writing it.
    #[inline(always)]
    pub fn empty_at_once(&mut self) -> bool {
        let at_once = !self.holds_something();
        if at_once {
            // SAFETY: there is nothing to drop.
            unsafe { Message::write_new(self) };
        }
        at_once
    }

    /// Takes the body out of a message that keeps it in a content, which has no bytes then.
    #[inline]
    pub fn take_body(&mut self) -> Option<Content> {
        if self.kind != KIND_CONTENT {
            return None;
        }
        self.kind = KIND_INLINE;
        self.inline_len = 0;
        // SAFETY: the message's own handle, taken once since the kind changed first.
        Some(unsafe { Content::from_raw(self.word(2) as *mut c_void) })
    }

    /// Undoes [`Message::take_body`]: the body had `len` bytes.
    pub fn put_body_back(&mut self, content: Content, len: usize) {
        self.set_content(content);
        self.truncate(len);
    }
}
