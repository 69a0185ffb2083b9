//! The group that a RADIO message is for, as it stands in a message.

use core::ffi::{c_void, CStr};
use core::mem::ManuallyDrop;

use super::Content;
use crate::error::{Errno, Result};

/// Longest group name (`ZMQ_GROUP_MAX_LENGTH`).
pub const GROUP_MAX: usize = 255;

/// Longest group name that lies inside the message.
const INLINE: usize = 14;

/// Where a long group has its mark.
const LAST: usize = 15;
const LONG: u8 = 0xff;

/// A short group: its bytes, and zeros behind them. A long one: a raw [`Content`], with the name and a
/// NUL, in the first eight bytes, and [`LONG`] in the last.
///
/// Whoever holds it gives a long one back with [`Group::clear`].
#[repr(transparent)]
pub(super) struct Group([u8; 16]);

impl Group {
    pub const NONE: Group = Group([0; 16]);

    /// `EINVAL` when the name is longer than [`GROUP_MAX`]; `ENOMEM`.
    pub fn of(name: &[u8]) -> Result<Group> {
        if name.len() > GROUP_MAX {
            return Err(Errno::EINVAL);
        }
        let mut group = [0; 16];
        if name.len() <= INLINE {
            group[..name.len()].copy_from_slice(name);
        } else {
            let mut text = name.to_vec();
            text.push(0);
            let raw = Content::copy_of(&text)?.into_raw() as usize;
            group[..8].copy_from_slice(&raw.to_ne_bytes());
            group[LAST] = LONG;
        }
        Ok(Group(group))
    }

    /// Whether it has memory of its own.
    #[inline]
    pub fn is_long(&self) -> bool {
        self.0[LAST] == LONG
    }

    /// The content of a long group. To be dropped only where the group is given up.
    fn content(&self) -> ManuallyDrop<Content> {
        let mut raw = [0; 8];
        raw.copy_from_slice(&self.0[..8]);
        // SAFETY: a long group's first eight bytes are a raw content that the group holds.
        ManuallyDrop::new(unsafe { Content::from_raw(usize::from_ne_bytes(raw) as *mut c_void) })
    }

    /// The name, with its terminating NUL, as C callers receive it.
    pub fn as_ptr(&self) -> *const u8 {
        if self.is_long() {
            self.content().as_ptr()
        } else {
            self.0.as_ptr()
        }
    }

    /// The name, without its NUL.
    pub fn name(&self) -> &[u8] {
        // SAFETY: a name ends with a NUL, wherever it lies, and is the group's own.
        unsafe { CStr::from_ptr(self.as_ptr().cast()) }.to_bytes()
    }

    /// Gives the name's memory back; no group is left.
    #[inline]
    pub fn clear(&mut self) {
        if self.is_long() {
            drop(ManuallyDrop::into_inner(self.content()));
        }
        *self = Group::NONE;
    }
}
