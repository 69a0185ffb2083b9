//! Frames of RFC 6455, and what ZWS puts into them.
//!
//! ```text
//! byte 0     fin, three reserved bits, opcode
//! byte 1     masked, length (126: two more bytes follow, 127: eight)
//!            mask, four bytes, if masked
//!            payload; of binary messages, the first byte is a flags byte
//! ```
//!
//! [`Decoder`] reads what a peer sends. Where libzmq only knows messages that come in one frame,
//! fragments are put together here, because browsers send them. Text is refused by both. What a
//! peer may make the decoder keep is what it sends, up to the limit for messages.

use super::mask::{self, Key, Masks};
use super::Role;

/// More parts of the same message follow.
pub const MORE: u8 = 1;
/// The binary message is a command.
pub const COMMAND: u8 = 2;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;
const CONTINUATION: u8 = 0;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// Opcodes from here on are those of control frames.
const CONTROL: u8 = 8;
/// The longest payload of a control frame.
const CONTROL_MAX: u64 = 125;

/// What a frame brought.
#[derive(PartialEq, Eq, Debug)]
pub enum Item<'a> {
    /// A part of a message, or a command.
    Data {
        flags: u8,
        body: &'a [u8],
    },
    Ping(&'a [u8]),
    Pong,
    Close(&'a [u8]),
    /// A fragment; the rest of the message is still to come.
    Fragment,
}

/// A frame that ends the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameError {
    Malformed,
    /// Longer than `ZMQ_MAXMSGSIZE` allows.
    TooLarge,
    NoMemory,
}

/// Reads frames.
#[derive(Debug)]
pub struct Decoder {
    role: Role,
    /// The payload of a fragmented message so far, flags byte included.
    fragments: Vec<u8>,
    in_fragments: bool,
}

#[derive(Clone, Copy, Debug)]
struct Header {
    is_final: bool,
    opcode: u8,
    key: Option<Key>,
    len: usize,
    payload_len: u64,
}

impl Header {
    fn is_control(&self) -> bool {
        self.opcode >= CONTROL
    }
}

impl Decoder {
    /// A decoder for this end of a connection.
    pub fn new(role: Role) -> Decoder {
        Decoder { role, fragments: Vec::new(), in_fragments: false }
    }

    /// Whether the next frame belongs to a message, so that there has to be room for one.
    pub fn expects_room(&self, bytes: &[u8]) -> bool {
        bytes.first().is_some_and(|first| first & 0xf < CONTROL)
    }

    /// Takes the frame at the front of `bytes` and says how long it was. `None` means that it is
    /// not complete yet. A message's body must not be longer than `limit`.
    pub fn decode<'a>(
        &'a mut self,
        bytes: &'a mut [u8],
        limit: u64,
    ) -> Result<Option<(usize, Item<'a>)>, FrameError> {
        if !self.in_fragments {
            self.fragments.clear();
        }
        let Some(header) = self.header(bytes)? else { return Ok(None) };
        self.check_length(&header, limit)?;
        let payload_len = usize::try_from(header.payload_len).map_err(|_| FrameError::TooLarge)?;
        let used = header.len.checked_add(payload_len).ok_or(FrameError::TooLarge)?;
        let Some(payload) = bytes.get_mut(header.len..used) else { return Ok(None) };
        if let Some(key) = header.key {
            mask::apply(key, 0, payload);
        }
        let payload = &*payload;
        let item = match header.opcode {
            CLOSE => Item::Close(payload),
            PING => Item::Ping(payload),
            PONG => Item::Pong,
            _ if header.is_final && !self.in_fragments => data(payload)?,
            _ => {
                let reserved = self.fragments.try_reserve(payload.len());
                reserved.map_err(|_| FrameError::NoMemory)?;
                self.fragments.extend_from_slice(payload);
                self.in_fragments = !header.is_final;
                if header.is_final {
                    data(&self.fragments)?
                } else {
                    Item::Fragment
                }
            }
        };
        Ok(Some((used, item)))
    }

    /// The header at the front of `bytes`; `None` when it is not complete yet. What is wrong is
    /// found as soon as it is there.
    fn header(&self, bytes: &[u8]) -> Result<Option<Header>, FrameError> {
        let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
        let (is_final, opcode) = (first & FIN != 0, first & 0xf);
        let expected = match opcode {
            CLOSE | PING | PONG => is_final,
            BINARY => !self.in_fragments,
            CONTINUATION => self.in_fragments,
            _ => false,
        };
        if !expected || first & RESERVED != 0 {
            return Err(FrameError::Malformed);
        }
        let Some((&second, rest)) = rest.split_first() else { return Ok(None) };
        let is_masked = second & MASKED != 0;
        if is_masked != (self.role == Role::Server) {
            return Err(FrameError::Malformed);
        }
        let (payload_len, length_len) = match second & !MASKED {
            126 => match rest.first_chunk::<2>() {
                Some(length) => (u64::from(u16::from_be_bytes(*length)), 2),
                None => return Ok(None),
            },
            127 => match rest.first_chunk::<8>() {
                Some(length) => (u64::from_be_bytes(*length), 8),
                None => return Ok(None),
            },
            short => (u64::from(short), 0),
        };
        let key = if is_masked {
            match rest.get(length_len..).and_then(<[u8]>::first_chunk::<4>) {
                Some(key) => Some(*key),
                None => return Ok(None),
            }
        } else {
            None
        };
        let len = 2 + length_len + if is_masked { 4 } else { 0 };
        Ok(Some(Header { is_final, opcode, key, len, payload_len }))
    }

    fn check_length(&self, header: &Header, limit: u64) -> Result<(), FrameError> {
        if header.is_control() {
            return if header.payload_len > CONTROL_MAX {
                Err(FrameError::Malformed)
            } else {
                Ok(())
            };
        }
        let before = self.fragments.len() as u64;
        let total = before.checked_add(header.payload_len).ok_or(FrameError::TooLarge)?;
        // The flags byte does not count.
        if total.saturating_sub(1) > limit || total > i64::MAX as u64 {
            return Err(FrameError::TooLarge);
        }
        if total == 0 && header.is_final {
            return Err(FrameError::Malformed);
        }
        Ok(())
    }
}

/// A whole binary message: flags byte and body.
fn data(payload: &[u8]) -> Result<Item<'_>, FrameError> {
    let (&flags, body) = payload.split_first().ok_or(FrameError::Malformed)?;
    Ok(Item::Data { flags, body })
}

/// Appends a part of a message, or a command.
pub fn append_data(masks: Option<&mut Masks>, flags: u8, body: &[u8], out: &mut Vec<u8>) {
    append(masks, BINARY, &[&[flags], body], out);
}

pub fn append_ping(masks: Option<&mut Masks>, out: &mut Vec<u8>) {
    append(masks, PING, &[], out);
}

/// Appends the answer to a ping with this payload.
pub fn append_pong(masks: Option<&mut Masks>, payload: &[u8], out: &mut Vec<u8>) {
    append(masks, PONG, &[payload], out);
}

/// Appends the answer to a close frame with this payload.
pub fn append_close(masks: Option<&mut Masks>, payload: &[u8], out: &mut Vec<u8>) {
    append(masks, CLOSE, &[payload], out);
}

fn append(masks: Option<&mut Masks>, opcode: u8, pieces: &[&[u8]], out: &mut Vec<u8>) {
    let key = masks.map(Masks::next_key);
    let masked = if key.is_some() { MASKED } else { 0 };
    let len: usize = pieces.iter().map(|piece| piece.len()).sum();
    out.push(FIN | opcode);
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(short @ ..=125), _) => out.push(masked | short),
        (_, Ok(medium)) => {
            out.push(masked | 126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(key.as_ref().map_or(&[], |key| &key[..]));
    let start = out.len();
    for piece in pieces {
        out.extend_from_slice(piece);
    }
    if let Some(key) = key {
        mask::apply(key, 0, &mut out[start..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: [usize; 8] = [0, 1, 124, 125, 126, 65_534, 65_535, 70_000];
    const NO_LIMIT: u64 = u64::MAX;

    fn sent_by(role: Role, write: impl Fn(Option<&mut Masks>, &mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        let mut masks = (role == Role::Client).then(Masks::new);
        write(masks.as_mut(), &mut out);
        out
    }

    #[test]
    fn messages_survive_a_round_trip_and_every_truncation_asks_for_more() {
        for (sender, receiver) in [(Role::Client, Role::Server), (Role::Server, Role::Client)] {
            for len in LENGTHS {
                let body: Vec<u8> = (0..len).map(|at| at as u8).collect();
                let sent = sent_by(sender, |masks, out| append_data(masks, MORE, &body, out));
                let mut decoder = Decoder::new(receiver);
                for cut in (0..sent.len()).take(20).chain([sent.len() - 1]) {
                    let mut part = sent[..cut].to_vec();
                    assert_eq!(decoder.decode(&mut part, NO_LIMIT), Ok(None), "{len} {cut}");
                }
                let mut whole = sent.clone();
                let expected = body;
                assert_eq!(
                    decoder.decode(&mut whole, NO_LIMIT),
                    Ok(Some((sent.len(), Item::Data { flags: MORE, body: &expected })))
                );
            }
        }
    }

    #[test]
    fn control_frames_survive_a_round_trip() {
        for (sender, receiver) in [(Role::Client, Role::Server), (Role::Server, Role::Client)] {
            let mut sent = sent_by(sender, |mut masks, out| {
                append_ping(masks.as_deref_mut(), out);
                append_pong(masks.as_deref_mut(), b"abc", out);
                append_close(masks, b"\x03\xe8bye", out);
            });
            let mut decoder = Decoder::new(receiver);
            let (used, item) = decoder.decode(&mut sent, 0).unwrap().unwrap();
            assert_eq!(item, Item::Ping(b""));
            sent.drain(..used);
            let (used, item) = decoder.decode(&mut sent, 0).unwrap().unwrap();
            assert_eq!(item, Item::Pong);
            sent.drain(..used);
            let (used, item) = decoder.decode(&mut sent, 0).unwrap().unwrap();
            assert_eq!(item, Item::Close(b"\x03\xe8bye"));
            assert_eq!(used, sent.len());
        }
    }

    #[test]
    fn the_bytes_of_the_specification() {
        // RFC 6455, section 5.7: a masked "Hello", here as a ping.
        let mut ping = [0x89, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        let mut decoder = Decoder::new(Role::Server);
        let decoded = decoder.decode(&mut ping, 0).unwrap();
        assert_eq!(decoded, Some((11, Item::Ping(b"Hello"))));
        let sent = sent_by(Role::Server, |masks, out| append_data(masks, 0, b"hi", out));
        assert_eq!(sent, b"\x82\x03\0hi");
        let sent = sent_by(Role::Server, |masks, out| append_pong(masks, b"Hello", out));
        assert_eq!(sent, b"\x8a\x05Hello");
    }

    #[test]
    fn fragments_become_one_message_and_control_frames_may_come_between() {
        let mut decoder = Decoder::new(Role::Client);
        let mut decode = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            let (used, item) = decoder.decode(&mut bytes, 4).unwrap().unwrap();
            (used, format!("{item:?}"))
        };
        assert_eq!(decode(b"\x02\x02\x01a"), (4, "Fragment".into()));
        assert_eq!(decode(b"\x89\0"), (2, "Ping([])".into()));
        assert_eq!(decode(b"\0\0"), (2, "Fragment".into()));
        assert_eq!(decode(b"\0\x01b"), (3, "Fragment".into()));
        assert_eq!(decode(b"\x80\x02cd"), (4, "Data { flags: 1, body: [97, 98, 99, 100] }".into()));
        assert_eq!(decode(b"\x02\0"), (2, "Fragment".into()));
        assert_eq!(decode(b"\x80\x01\0"), (3, "Data { flags: 0, body: [] }".into()));
        assert_eq!(decode(b"\x82\x02\0z"), (4, "Data { flags: 0, body: [122] }".into()));
    }

    #[test]
    fn what_ends_the_connection() {
        let cases: [(&[u8], FrameError); 15] = [
            (b"\x81", FrameError::Malformed),       // text
            (b"\x83\x01\0", FrameError::Malformed), // an opcode without a meaning
            (b"\x8b\0", FrameError::Malformed),
            (b"\xc2\x01\0", FrameError::Malformed), // a reserved bit
            (b"\x80\x01\0", FrameError::Malformed), // goes on with nothing
            (b"\0\x01\0", FrameError::Malformed),
            (b"\x09\0", FrameError::Malformed), // a control frame in fragments
            (b"\x82\x81", FrameError::Malformed), // masked by a server
            (b"\x82\0", FrameError::Malformed), // no flags byte
            (b"\x89\x7e\0\x7e", FrameError::Malformed), // a long ping
            (b"\x88\x7f\0\0\0\0\0\0\0\x7e", FrameError::Malformed),
            (b"\x82\x06", FrameError::TooLarge),
            (b"\x02\x06", FrameError::TooLarge),
            (b"\x82\x7f\x80\0\0\0\0\0\0\0", FrameError::TooLarge),
            (b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", FrameError::TooLarge),
        ];
        for (bytes, error) in cases {
            let outcome = Decoder::new(Role::Client).decode(&mut bytes.to_vec(), 4).map(|_| ());
            assert_eq!(outcome, Err(error), "{bytes:x?}");
        }
        let unmasked =
            Decoder::new(Role::Server).decode(&mut b"\x82\x01\0".to_vec(), 4).map(|_| ());
        assert_eq!(unmasked, Err(FrameError::Malformed));
        // Without a limit, the largest length of the protocol is still none that memory has.
        let huge = &mut b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff".to_vec();
        assert_eq!(Decoder::new(Role::Client).decode(huge, NO_LIMIT), Err(FrameError::TooLarge));
    }

    #[test]
    fn fragments_obey_the_limit_together_and_begin_one_message_only() {
        let mut decoder = Decoder::new(Role::Client);
        decoder.decode(&mut b"\x02\x03\0ab".to_vec(), 4).unwrap();
        assert_eq!(decoder.decode(&mut b"\x80\x03cde".to_vec(), 4), Err(FrameError::TooLarge));
        let mut decoder = Decoder::new(Role::Client);
        decoder.decode(&mut b"\x02\x03\0ab".to_vec(), 4).unwrap();
        assert_eq!(decoder.decode(&mut b"\x82\x02\0a".to_vec(), 4), Err(FrameError::Malformed));
    }
}
