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
            KIND_CONTENT => {
                let is_few = self.len().wrapping_sub(1) < FEW && !self.is_callers_memory();
                is_few.then(|| self.data())
            }
            _ => None,
        }
    }

    /// As [`Message::become_copy`], for a message that holds nothing but bytes, and one to
    /// [`INLINE_MAX`] more of them. False, and nothing has changed, for others.
    #[inline(always)]
    pub fn become_few(&mut self, bytes: &[u8]) -> bool {
        let is_few = bytes.len().wrapping_sub(1) < INLINE_MAX;
        if !is_few || self.kind != KIND_INLINE || self.group.is_long() {
            return false;
        }
        // SAFETY: there is room for as many; whoever is read from is not this message.
        unsafe { copy_few(bytes.as_ptr(), self.body.as_mut_ptr(), bytes.len()) };
        self.inline_len = bytes.len() as u8;
        self.flags = 0;
        self.routing_id = 0;
        self.group = Group::NONE;
        true
    }

    /// Gives everything back and leaves an empty message, where that takes no more than writing it.
    #[inline(always)]
    pub fn empty_at_once(&mut self) -> bool {
        let at_once = !self.holds_something();
        if at_once {
            // SAFETY: there is nothing to drop.
            unsafe { core::ptr::from_mut(self).write(Message::new()) };
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
