//! The flags of a frame inside an encrypted MESSAGE, where they have other bits than in a frame.

use crate::zmtp::frame;

/// More parts follow.
const MORE: u8 = 1;
/// The body is a command.
const COMMAND: u8 = 2;

#[inline]
pub(super) fn to_sealed(flags: u8) -> u8 {
    let more = if flags & frame::MORE != 0 { MORE } else { 0 };
    let command = if flags & frame::COMMAND != 0 { COMMAND } else { 0 };
    more | command
}

#[inline]
pub(super) fn from_sealed(flags: u8) -> u8 {
    let more = if flags & MORE != 0 { frame::MORE } else { 0 };
    let command = if flags & COMMAND != 0 { frame::COMMAND } else { 0 };
    more | command
}
