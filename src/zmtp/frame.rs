//! Frame headers.
//!
//! ZMTP 2.0 and later put a flags byte first, then the body's length in one byte or, with
//! [`LARGE`] set, in eight. ZMTP 1.0 puts the length first (one byte, or 0xff and eight) and
//! counts the flags byte, which follows it, as part of the body.
//!
//! The parsers look at a prefix of the input and say nothing about the body: whether a length is
//! acceptable to the socket (`ZMQ_MAXMSGSIZE`) is for the caller to decide before it takes memory.

use crate::error::Errno;

/// More frames of the same message follow.
pub const MORE: u8 = 1;
/// The length takes eight bytes.
pub const LARGE: u8 = 2;
/// The frame is a command to the peer's protocol code, not a part of a message.
pub const COMMAND: u8 = 4;

/// Longest header of ZMTP 2.0 and later.
pub const MAX_HEADER_LEN: usize = 9;
/// Longest header of ZMTP 1.0.
pub const MAX_HEADER_LEN_V1: usize = 10;

/// First byte of a ZMTP 1.0 header whose length takes eight bytes.
const V1_LONG: u8 = 0xff;
/// The protocol's own limit, and with it the guarantee that header plus body fits a `u64`.
const MAX_BODY_LEN: u64 = i64::MAX as u64;

/// What the header of a frame says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// [`MORE`] and [`COMMAND`] only; how the length was written is of no further interest.
    pub flags: u8,
    pub header_len: usize,
    pub body_len: u64,
}

impl Header {
    pub fn has_more(&self) -> bool {
        self.flags & MORE != 0
    }

    pub fn is_command(&self) -> bool {
        self.flags & COMMAND != 0
    }

    /// Length of the whole frame. `None` if such a frame cannot exist in memory.
    pub fn frame_len(&self) -> Option<usize> {
        usize::try_from(self.body_len).ok()?.checked_add(self.header_len)
    }
}

/// A header that no frame can have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameError {
    /// A ZMTP 1.0 length that does not even cover the flags byte.
    Malformed,
    /// A length beyond what the protocol allows.
    TooLarge,
}

impl FrameError {
    pub fn errno(self) -> Errno {
        match self {
            FrameError::Malformed => Errno::EPROTO,
            FrameError::TooLarge => Errno::EMSGSIZE,
        }
    }
}

/// Reads a header of ZMTP 2.0 or later. `None` means that it is not complete yet.
///
/// Flag bits without a meaning are ignored, as libzmq does.
#[inline]
pub fn parse_header(bytes: &[u8]) -> Result<Option<Header>, FrameError> {
    let Some((&wire_flags, length)) = bytes.split_first() else {
        return Ok(None);
    };
    let (body_len, header_len) = if wire_flags & LARGE == 0 {
        match length.first() {
            Some(&short) => (u64::from(short), 2),
            None => return Ok(None),
        }
    } else {
        match length.first_chunk::<8>() {
            Some(long) => (u64::from_be_bytes(*long), MAX_HEADER_LEN),
            None => return Ok(None),
        }
    };
    if body_len > MAX_BODY_LEN {
        return Err(FrameError::TooLarge);
    }
    Ok(Some(Header { flags: wire_flags & (MORE | COMMAND), header_len, body_len }))
}

/// Reads a header of ZMTP 1.0, flags byte included. `None` means that it is not complete yet.
#[inline]
pub fn parse_header_v1(bytes: &[u8]) -> Result<Option<Header>, FrameError> {
    let Some((&first, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    let (counted, length_len) = if first == V1_LONG {
        match rest.first_chunk::<8>() {
            Some(long) => (u64::from_be_bytes(*long), 9),
            None => return Ok(None),
        }
    } else {
        (u64::from(first), 1)
    };
    // Judged before the flags byte arrives: a peer that sends nonsense need not be waited for.
    let body_len = counted.checked_sub(1).ok_or(FrameError::Malformed)?;
    if body_len > MAX_BODY_LEN {
        return Err(FrameError::TooLarge);
    }
    Ok(bytes.get(length_len).map(|&wire_flags| Header {
        flags: wire_flags & MORE,
        header_len: length_len + 1,
        body_len,
    }))
}

/// Writes a header of ZMTP 2.0 or later and returns its length. Of `flags`, [`MORE`] and
/// [`COMMAND`] count.
#[inline]
pub fn encode_header(flags: u8, body_len: usize, out: &mut [u8; MAX_HEADER_LEN]) -> usize {
    let flags = flags & (MORE | COMMAND);
    if let Ok(short) = u8::try_from(body_len) {
        out[0] = flags;
        out[1] = short;
        2
    } else {
        out[0] = flags | LARGE;
        out[1..].copy_from_slice(&(body_len as u64).to_be_bytes());
        MAX_HEADER_LEN
    }
}

/// Writes a header of ZMTP 1.0, flags byte included, and returns its length.
#[inline]
pub fn encode_header_v1(more: bool, body_len: usize, out: &mut [u8; MAX_HEADER_LEN_V1]) -> usize {
    let counted = (body_len as u64).saturating_add(1);
    let flags = if more { MORE } else { 0 };
    match u8::try_from(counted) {
        Ok(short) if short != V1_LONG => {
            out[0] = short;
            out[1] = flags;
            2
        }
        _ => {
            out[0] = V1_LONG;
            out[1..9].copy_from_slice(&counted.to_be_bytes());
            out[9] = flags;
            MAX_HEADER_LEN_V1
        }
    }
}

/// Appends a whole frame of ZMTP 2.0 or later.
pub fn append_frame(flags: u8, body: &[u8], out: &mut Vec<u8>) {
    let mut header = [0; MAX_HEADER_LEN];
    let header_len = encode_header(flags, body.len(), &mut header);
    out.extend_from_slice(&header[..header_len]);
    out.extend_from_slice(body);
}

/// Appends a whole frame of ZMTP 1.0.
pub fn append_frame_v1(more: bool, body: &[u8], out: &mut Vec<u8>) {
    let mut header = [0; MAX_HEADER_LEN_V1];
    let header_len = encode_header_v1(more, body.len(), &mut header);
    out.extend_from_slice(&header[..header_len]);
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: [usize; 9] = [0, 1, 253, 254, 255, 256, 65_535, 65_536, 1 << 40];

    #[test]
    fn headers_survive_a_round_trip_and_every_truncation_asks_for_more() {
        for length in LENGTHS {
            for flags in [0, MORE, COMMAND, MORE | COMMAND] {
                let mut out = [0; MAX_HEADER_LEN];
                let header_len = encode_header(flags, length, &mut out);
                assert_eq!(header_len, if length < 256 { 2 } else { 9 });
                for cut in 0..header_len {
                    assert_eq!(parse_header(&out[..cut]), Ok(None));
                }
                let expected = Header { flags, header_len, body_len: length as u64 };
                assert_eq!(parse_header(&out[..header_len]), Ok(Some(expected)));
            }
        }
    }

    #[test]
    fn v1_headers_survive_a_round_trip_and_every_truncation_asks_for_more() {
        for length in LENGTHS {
            for more in [false, true] {
                let mut out = [0; MAX_HEADER_LEN_V1];
                let header_len = encode_header_v1(more, length, &mut out);
                assert_eq!(header_len, if length < 254 { 2 } else { 10 });
                for cut in 0..header_len {
                    assert_eq!(parse_header_v1(&out[..cut]), Ok(None));
                }
                let expected =
                    Header { flags: u8::from(more), header_len, body_len: length as u64 };
                assert_eq!(parse_header_v1(&out[..header_len]), Ok(Some(expected)));
            }
        }
    }

    #[test]
    fn meaningless_flags_are_ignored() {
        let header = parse_header(&[0xf9, 7]).unwrap().unwrap();
        assert_eq!((header.flags, header.body_len), (MORE, 7));
        let header = parse_header_v1(&[8, 0xff]).unwrap().unwrap();
        assert_eq!((header.flags, header.body_len), (MORE, 7));
        assert_eq!(
            parse_header_v1(&[8, 0x7e]).unwrap().unwrap().flags,
            0,
            "ZMTP 1.0 has no commands"
        );
    }

    #[test]
    fn a_short_length_may_be_written_in_eight_bytes() {
        let header = parse_header(&[2, 0, 0, 0, 0, 0, 0, 0, 3]).unwrap().unwrap();
        assert_eq!((header.flags, header.body_len), (0, 3));
        let header = parse_header_v1(&[0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0]).unwrap().unwrap();
        assert_eq!((header.header_len, header.body_len), (10, 0));
    }

    #[test]
    fn impossible_lengths_are_refused() {
        assert_eq!(parse_header_v1(&[0]), Err(FrameError::Malformed));
        assert_eq!(parse_header_v1(&[0xff, 0, 0, 0, 0, 0, 0, 0, 0]), Err(FrameError::Malformed));
        assert_eq!(parse_header_v1(&[0xff; 9]), Err(FrameError::TooLarge));
        assert_eq!(parse_header(&[0xff; 9]), Err(FrameError::TooLarge));
        let largest = parse_header(&[2, 0x7f, 255, 255, 255, 255, 255, 255, 255]);
        assert_eq!(largest.unwrap().unwrap().body_len, MAX_BODY_LEN);
        assert_eq!(FrameError::TooLarge.errno(), Errno::EMSGSIZE);
    }
}
