//! The message: what `zmq_msg_t` holds.
//!
//! A message is 64 bytes that C callers move with memcpy, so nothing in it may point into itself.
//! Bodies of up to 33 bytes lie inside; longer ones are a [`Content`]. Between a pipe and the C
//! boundary a body may also be a *view* of memory somebody else keeps alive for the moment (the
//! caller's buffer on send, the pipe's chunk on receive); [`Message::own`] turns a view into a
//! body of its own before it is stored or handed out.

use core::ffi::c_void;
use std::sync::Arc;

mod again;
pub mod content;
pub mod few;
mod group;
pub mod metadata;
pub mod pool;
mod properties;
#[cfg(test)]
mod tests;

pub use content::{Content, FreeFunction};
pub use group::GROUP_MAX;
pub use metadata::Metadata;

use crate::error::Result;
use group::Group;

/// Longest body that lies inside the message.
pub const INLINE_MAX: usize = 33;

/// More parts of the same message follow.
pub const MORE: u8 = 1;
/// A ZMTP command, not user data.
pub const COMMAND: u8 = 4;
/// The peer's routing id, first in a pipe.
pub const ROUTING_ID: u8 = 0x40;
/// The body is (or was) shared with a copy.
pub const SHARED: u8 = 0x80;

const KIND_CLOSED: u8 = 0;
const KIND_INLINE: u8 = 0xC1;
const KIND_CONTENT: u8 = 0xC2;
const KIND_CONSTANT: u8 = 0xC3;
const KIND_VIEW: u8 = 0xC4;

/// One message part.
#[repr(C, align(8))]
pub struct Message {
    metadata: *const Metadata,
    body: [u8; INLINE_MAX],
    inline_len: u8,
    kind: u8,
    flags: u8,
    routing_id: u32,
    group: Group,
}

const _: () = assert!(core::mem::size_of::<Message>() == 64);
#[cfg(not(target_pointer_width = "64"))]
compile_error!("a message keeps what it knows of a body in words of eight bytes");

// SAFETY: what a message refers to (Content, Metadata, a caller's constant data) may be used from
// any thread; a view never leaves the call that made it.
unsafe impl Send for Message {}

impl Default for Message {
    fn default() -> Message {
        Message::new()
    }
}

impl Message {
    /// An empty message.
    #[inline]
    pub const fn new() -> Message {
        Message {
            metadata: core::ptr::null(),
            body: [0; INLINE_MAX],
            inline_len: 0,
            kind: KIND_INLINE,
            flags: 0,
            routing_id: 0,
            group: Group::NONE,
        }
    }

    /// A message with room for `len` bytes. `ENOMEM`.
    pub fn with_len(len: usize) -> Result<Message> {
        let mut message = Message::new();
        message.make_room(len)?;
        Ok(message)
    }

    /// Gives an empty message a body of `len` bytes. `ENOMEM`, and it stays empty.
    #[inline(always)]
    pub fn make_room(&mut self, len: usize) -> Result<()> {
        if len <= INLINE_MAX {
            self.inline_len = len as u8;
        } else {
            self.set_content(Content::with_len(len)?);
        }
        Ok(())
    }

    /// A message with a copy of `bytes`. `ENOMEM`.
    pub fn copy_of(bytes: &[u8]) -> Result<Message> {
        let mut message = Message::new();
        message.fill(bytes)?;
        Ok(message)
    }

    /// Gives an empty message a copy of `bytes` as its body. `ENOMEM`, and it stays empty.
    #[inline]
    pub fn fill(&mut self, bytes: &[u8]) -> Result<()> {
        // SAFETY: it copies.
        unsafe { self.fill_by(bytes, |from, to, len| to.copy_from_nonoverlapping(from, len)) }
    }

    /// [`Message::fill`], where `copy` copies the bytes to a body of more than [`INLINE_MAX`].
    ///
    /// # Safety
    /// `copy` is as [`core::ptr::copy_nonoverlapping`] for so many bytes.
    #[inline(always)]
    unsafe fn fill_by(
        &mut self,
        bytes: &[u8],
        copy: impl FnOnce(*const u8, *mut u8, usize),
    ) -> Result<()> {
        if bytes.len() <= INLINE_MAX {
            self.set_inline(bytes);
        } else {
            // In this order: what the message keeps of the content is still in registers.
            self.set_content(Content::with_len(bytes.len())?);
            // The content is new, and has room for them.
            copy(bytes.as_ptr(), self.word(0) as *mut u8, bytes.len());
        }
        Ok(())
    }

    /// A message whose body is this content.
    pub fn of_content(content: Content) -> Message {
        let mut message = Message::new();
        message.set_content(content);
        message
    }

    /// A message over memory that outlives it, never freed (`zmq_send_const(3)`).
    ///
    /// # Safety
    /// `data` is valid for `len` bytes for ever.
    pub unsafe fn constant(data: *const u8, len: usize) -> Message {
        let mut message = Message::new();
        message.set_pointer(KIND_CONSTANT, data, len);
        message
    }

    /// A message that looks at memory of somebody else. See the module's text.
    ///
    /// # Safety
    /// `data` stays valid for `len` bytes until the message is dropped or owned.
    #[inline]
    pub unsafe fn view(data: *const u8, len: usize) -> Message {
        let mut message = Message::new();
        message.set_pointer(KIND_VIEW, data, len);
        message
    }

    #[inline]
    fn set_pointer(&mut self, kind: u8, data: *const u8, len: usize) {
        self.body[..8].copy_from_slice(&(data as usize).to_ne_bytes());
        self.body[8..16].copy_from_slice(&len.to_ne_bytes());
        self.kind = kind;
    }

    #[inline]
    fn word(&self, index: usize) -> usize {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.body[index * 8..index * 8 + 8]);
        usize::from_ne_bytes(bytes)
    }

    #[inline]
    fn set_inline(&mut self, bytes: &[u8]) {
        self.body[..bytes.len()].copy_from_slice(bytes);
        self.inline_len = bytes.len() as u8;
        self.kind = KIND_INLINE;
    }

    #[inline(always)]
    fn set_content(&mut self, content: Content) {
        let (data, len) = (content.as_ptr(), content.len());
        self.set_pointer(KIND_CONTENT, data, len);
        self.body[16..24].copy_from_slice(&(content.into_raw() as usize).to_ne_bytes());
    }

    /// Whether the message was initialised and not closed; every C entry checks this first.
    #[inline]
    pub fn is_valid(&self) -> bool {
        matches!(self.kind, KIND_INLINE | KIND_CONTENT | KIND_CONSTANT | KIND_VIEW)
    }

    /// Length of the body in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        if self.kind == KIND_INLINE {
            usize::from(self.inline_len)
        } else {
            self.word(1)
        }
    }

    /// Whether the body has no bytes.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The body's first byte, for a C caller that may write through it.
    pub fn data_ptr(&mut self) -> *mut u8 {
        if self.kind == KIND_INLINE {
            self.body.as_mut_ptr()
        } else {
            self.word(0) as *mut u8
        }
    }

    /// The body.
    #[inline]
    pub fn data(&self) -> &[u8] {
        if self.kind == KIND_INLINE {
            return &self.body[..usize::from(self.inline_len)];
        }
        let len = self.word(1);
        if len == 0 {
            return &[];
        }
        // SAFETY: content, constant and view all keep len bytes valid (constructors' contracts).
        unsafe { core::slice::from_raw_parts(self.word(0) as *const u8, len) }
    }

    /// The body as a shared content, where it is one.
    pub fn content(&self) -> Option<Content> {
        if self.kind != KIND_CONTENT {
            return None;
        }
        // SAFETY: the raw handle stays in the message; the clone is a handle of its own.
        let held =
            core::mem::ManuallyDrop::new(unsafe { Content::from_raw(self.word(2) as *mut c_void) });
        Some(Content::clone(&held))
    }

    /// Takes the whole of a shared content out of the message, and leaves it empty.
    pub fn take_content(&mut self) -> Option<Content> {
        let content = self.content().filter(|content| content.len() == self.len())?;
        self.empty();
        Some(content)
    }

    /// Whether the body lies in memory that can be passed on by reference.
    #[inline]
    pub fn has_content(&self) -> bool {
        self.kind == KIND_CONTENT
    }

    /// Whether the body is memory of the caller that wants to know when it is no longer used: it
    /// is passed on by reference whatever its size.
    #[inline]
    pub fn is_callers_memory(&self) -> bool {
        // SAFETY: the raw handle stays in the message; this one is only looked at.
        self.kind == KIND_CONTENT
            && unsafe { Content::peek(self.word(2) as *mut c_void) }.is_callers()
    }

    /// Turns a view into a body of the message's own. `ENOMEM`, and the message stays a view.
    #[inline]
    pub fn own(&mut self) -> Result<()> {
        self.own_with(None)
    }

    /// As [`Message::own`], with a body of the message's past to be filled again where that suits.
    #[inline]
    pub fn own_with(&mut self, mut past: Option<Content>) -> Result<()> {
        if self.kind != KIND_VIEW {
            return Ok(());
        }
        // SAFETY: a view's bytes are valid (Message::view), and never the message's own.
        let bytes = unsafe { &*core::ptr::from_ref(self.data()) };
        self.fill_again(bytes, &mut past)
    }

    /// As [`Message::fill`], in the memory of a body of the message's past where that suits, which is
    /// taken then.
    #[inline]
    fn fill_again(&mut self, bytes: &[u8], past: &mut Option<Content>) -> Result<()> {
        match past.take_if(|past| bytes.len() > INLINE_MAX && past.refill(bytes)) {
            Some(refilled) => {
                self.set_content(refilled);
                Ok(())
            }
            None => self.fill(bytes),
        }
    }

    /// Shortens the body to `len` bytes (`len` is at most the present length).
    pub fn truncate(&mut self, len: usize) {
        if self.kind == KIND_INLINE {
            self.inline_len = self.inline_len.min(u8::try_from(len).unwrap_or(u8::MAX));
        } else if len < self.word(1) {
            self.body[8..16].copy_from_slice(&len.to_ne_bytes());
        }
    }

    /// The flag bits ([`MORE`], [`COMMAND`], [`ROUTING_ID`], [`SHARED`]).
    #[inline]
    pub fn flags(&self) -> u8 {
        self.flags
    }

    /// Replaces the flag bits.
    #[inline]
    pub fn set_flags(&mut self, flags: u8) {
        self.flags = flags;
    }

    /// Whether more parts follow.
    #[inline]
    pub fn has_more(&self) -> bool {
        self.flags & MORE != 0
    }

    /// Sets or clears [`MORE`].
    #[inline]
    pub fn set_more(&mut self, more: bool) {
        self.flags = self.flags & !MORE | u8::from(more);
    }

    /// A second message with the same body, shared where it is a content. `ENOMEM`.
    pub fn duplicate(&mut self) -> Result<Message> {
        let mut copy = Message::new();
        match self.kind {
            KIND_CONTENT => {
                self.flags |= SHARED;
                if let Some(content) = self.content() {
                    let (data, len) = (self.word(0), self.word(1));
                    copy.set_content(content);
                    copy.body[..8].copy_from_slice(&data.to_ne_bytes());
                    copy.body[8..16].copy_from_slice(&len.to_ne_bytes());
                }
            }
            KIND_CONSTANT => copy.set_pointer(KIND_CONSTANT, self.data().as_ptr(), self.len()),
            _ => copy = Message::copy_of(self.data())?,
        }
        copy.flags = self.flags;
        copy.routing_id = self.routing_id;
        copy.metadata = self.metadata_arc().map_or(core::ptr::null(), Arc::into_raw);
        copy.set_group(self.group())?;
        Ok(copy)
    }

    /// Whether there is anything to give back.
    #[inline]
    fn holds_something(&self) -> bool {
        self.kind == KIND_CONTENT || !self.metadata.is_null() || self.group.is_long()
    }

    /// Gives everything back and leaves an empty message.
    #[inline(always)]
    pub fn empty(&mut self) {
        let body = self.take_all();
        // SAFETY: nothing is left that would have to be dropped.
        unsafe { Message::write_new(self) };
        drop(body);
    }

    /// Releases everything and leaves the message closed ([`Message::is_valid`] is false).
    #[inline(always)]
    pub fn close(&mut self) {
        let body = self.take_all();
        self.kind = KIND_CLOSED;
        drop(body);
    }

    /// Releases all but the body, which is taken out if it is a content.
    #[inline(always)]
    fn take_all(&mut self) -> Option<Content> {
        if !self.metadata.is_null() || self.group.is_long() {
            self.release_rest();
        }
        self.take_body()
    }

    #[inline(never)]
    fn release_rest(&mut self) {
        self.clear_metadata();
        self.group.clear();
    }

    #[inline(never)]
    fn release(&mut self) {
        self.close();
    }

    /// Writes an empty message over memory whose present content is not a message (`zmq_msg_init*`).
    ///
    /// # Safety
    /// `place` is valid for writes of 64 bytes, aligned as `zmq_msg_t` is.
    #[inline(always)]
    pub unsafe fn write_new(place: *mut Message) {
        // SAFETY: the caller's promise; zeros are right for all but the kind, as in `Message::new`.
        unsafe {
            place.write_bytes(0, 1);
            (*place).kind = KIND_INLINE;
        }
    }
}

impl Drop for Message {
    #[inline]
    fn drop(&mut self) {
        if self.holds_something() {
            self.release();
        }
    }
}

impl core::fmt::Debug for Message {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "Message({} bytes, flags {:#x})", self.len(), self.flags)
    }
}
