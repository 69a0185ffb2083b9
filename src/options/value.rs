//! Option values on their way in and out of the C interface.
//!
//! `zmq_setsockopt` hands over a pointer and a length, `zmq_getsockopt` a buffer and its size, and
//! each option has its own idea of which lengths it takes. Those ideas come down to a handful of
//! rules, gathered here so that a row of the option table only has to name one: [`SetValue`] reads
//! what the caller gave, [`GetValue`] writes what the caller asked for. All of them fail with
//! `EINVAL`, the one error number ZeroMQ has for a value it does not like.
//!
//! The rules are kept as they are in libzmq even where they look odd (an integer option wants a
//! buffer of exactly four bytes, while the socket's own state fits in anything that is large
//! enough): bindings probe options with the buffers that happened to work there.

use std::ops::RangeBounds;

use crate::error::{Errno, Result};
use crate::security::keys::{PublicKey, SecretKey, KEY_LEN};
use crate::z85;

/// A value handed to `zmq_setsockopt`.
///
/// A null pointer is remembered as such, because "null, length 0" resets some options that refuse
/// an empty string given as "not null, length 0".
#[derive(Clone, Copy, Debug)]
pub struct SetValue<'a> {
    bytes: Option<&'a [u8]>,
    length: usize,
}

impl<'a> SetValue<'a> {
    /// A value the caller's pointer leads to; may be empty.
    pub fn new(bytes: &'a [u8]) -> SetValue<'a> {
        SetValue { bytes: Some(bytes), length: bytes.len() }
    }

    /// A null pointer that came with this length.
    pub fn null(length: usize) -> SetValue<'a> {
        SetValue { bytes: None, length }
    }

    /// The length the caller gave, whether or not there are bytes behind it.
    pub fn len(self) -> usize {
        self.length
    }

    pub fn is_empty(self) -> bool {
        self.length == 0
    }

    pub fn is_null(self) -> bool {
        self.bytes.is_none()
    }

    /// Whether the length is that of a C `int`.
    pub fn is_int_sized(self) -> bool {
        self.length == size_of::<i32>()
    }

    /// Any bytes, or none. A null pointer with a length is the only thing refused: following it
    /// is where libzmq crashes.
    pub fn bytes(self) -> Result<&'a [u8]> {
        match self.bytes {
            Some(bytes) => Ok(bytes),
            None if self.length == 0 => Ok(&[]),
            None => Err(Errno::EINVAL),
        }
    }

    /// Between one byte and `max` bytes.
    pub fn filled(self, max: usize) -> Result<&'a [u8]> {
        match self.bytes {
            Some(bytes) if !bytes.is_empty() && bytes.len() <= max => Ok(bytes),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Like [`filled`](Self::filled), with "null, length 0" for the empty string.
    pub fn filled_or_null(self, max: usize) -> Result<&'a [u8]> {
        if self.is_null() && self.is_empty() {
            return Ok(&[]);
        }
        self.filled(max)
    }

    /// At most `max` bytes, where a null pointer or a length of 0 stands for the empty string
    /// whatever the other of the two says.
    pub fn filled_or_blank(self, max: usize) -> Result<&'a [u8]> {
        if self.is_null() || self.is_empty() {
            return Ok(&[]);
        }
        self.filled(max)
    }

    /// A C `int`, exactly.
    pub fn int(self) -> Result<i32> {
        Ok(i32::from_ne_bytes(self.exactly()?))
    }

    /// A C `int` within a range.
    pub fn int_in(self, range: impl RangeBounds<i32>) -> Result<i32> {
        let value = self.int()?;
        if range.contains(&value) {
            Ok(value)
        } else {
            Err(Errno::EINVAL)
        }
    }

    /// The C `int` at the start of a value of any length, bytes that are not there taken for 0.
    ///
    /// For `ZMQ_XSUB_VERBOSE_UNSUBSCRIBE`, whose length libzmq never looks at.
    pub fn int_of_any_length(self) -> Result<i32> {
        let bytes = self.bytes.ok_or(Errno::EINVAL)?;
        let mut int = [0; size_of::<i32>()];
        for (to, from) in int.iter_mut().zip(bytes) {
            *to = *from;
        }
        Ok(i32::from_ne_bytes(int))
    }

    /// A C `int` that must be 0 or 1.
    pub fn bool_strict(self) -> Result<bool> {
        Ok(self.int_in(0..=1)? != 0)
    }

    /// A C `int`, any value but 0 meaning true.
    pub fn bool_relaxed(self) -> Result<bool> {
        Ok(self.int()? != 0)
    }

    /// A C `int` that is not negative, any value but 0 meaning true: what the options of the
    /// socket kinds take.
    pub fn bool_not_negative(self) -> Result<bool> {
        Ok(self.int_in(0..)? != 0)
    }

    pub fn i64(self) -> Result<i64> {
        Ok(i64::from_ne_bytes(self.exactly()?))
    }

    pub fn u32(self) -> Result<u32> {
        Ok(u32::from_ne_bytes(self.exactly()?))
    }

    pub fn u64(self) -> Result<u64> {
        Ok(u64::from_ne_bytes(self.exactly()?))
    }

    /// A CURVE key: 32 bytes, or 40 characters of Z85 with or without a NUL behind them.
    pub fn key(self) -> Result<PublicKey> {
        match self.bytes {
            Some(bytes) if bytes.len() == KEY_LEN => bytes.try_into().ok(),
            Some(text) => z85::decode_key(text.strip_suffix(b"\0").unwrap_or(text)),
            None => None,
        }
        .ok_or(Errno::EINVAL)
    }

    fn exactly<const N: usize>(self) -> Result<[u8; N]> {
        let bytes = self.bytes.ok_or(Errno::EINVAL)?;
        bytes.try_into().map_err(|_| Errno::EINVAL)
    }
}

impl<'a> From<&'a [u8]> for SetValue<'a> {
    fn from(bytes: &'a [u8]) -> SetValue<'a> {
        SetValue::new(bytes)
    }
}

/// A value on its way to the buffer of `zmq_getsockopt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GetValue {
    /// A setting: the buffer must have the size of a C `int`, no more and no less.
    Int(i32),
    /// Something the socket keeps track of (`ZMQ_EVENTS`, `ZMQ_FD`, `ZMQ_RCVMORE`...): the buffer
    /// must be at least as large as a C `int`.
    State(i32),
    /// The buffer must have exactly eight bytes.
    I64(i64),
    /// The buffer must have exactly eight bytes.
    U64(u64),
    /// As many bytes as there are; the buffer may be larger.
    Bytes(Vec<u8>),
    /// A CURVE key: its 32 bytes into a buffer of that size, its text with the NUL behind it into
    /// one of 41. The caller's size stays what it was.
    Key(SecretKey),
    /// These bytes and the NUL that ends them, which counts; the buffer may be larger.
    CString(Vec<u8>),
}

impl GetValue {
    pub fn bool(value: bool) -> GetValue {
        GetValue::Int(i32::from(value))
    }

    /// Writes the value to the caller's buffer and says how many bytes of it count, or fails with
    /// `EINVAL` where the buffer's size does not suit. Bytes left over are zeroed, as callers that
    /// read fixed-size fields expect.
    pub fn store(&self, out: &mut [u8]) -> Result<usize> {
        match self {
            GetValue::Int(value) => store_exactly(&value.to_ne_bytes(), out),
            GetValue::State(value) => store_padded(&value.to_ne_bytes(), 0, out),
            GetValue::I64(value) => store_exactly(&value.to_ne_bytes(), out),
            GetValue::U64(value) => store_exactly(&value.to_ne_bytes(), out),
            GetValue::Bytes(bytes) => store_padded(bytes, 0, out),
            GetValue::CString(bytes) => store_padded(bytes, 1, out),
            GetValue::Key(key) => match out.len() {
                KEY_LEN => store_exactly(key.as_bytes(), out),
                KEY_BUFFER => store_padded(&z85::encode_key(key.as_bytes()), 1, out),
                _ => Err(Errno::EINVAL),
            },
        }
    }
}

/// Room for a key as text, with its NUL.
const KEY_BUFFER: usize = z85::KEY_TEXT_LEN + 1;

fn store_exactly(bytes: &[u8], out: &mut [u8]) -> Result<usize> {
    if out.len() != bytes.len() {
        return Err(Errno::EINVAL);
    }
    out.copy_from_slice(bytes);
    Ok(bytes.len())
}

/// Stores `bytes` followed by `zeros` zero bytes that belong to the value, and clears the rest.
fn store_padded(bytes: &[u8], zeros: usize, out: &mut [u8]) -> Result<usize> {
    let size = bytes.len() + zeros;
    if out.len() < size {
        return Err(Errno::EINVAL);
    }
    let (head, rest) = out.split_at_mut(bytes.len());
    head.copy_from_slice(bytes);
    rest.fill(0);
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(value: GetValue, room: usize) -> Result<(usize, Vec<u8>)> {
        let mut out = vec![0xee; room];
        let size = value.store(&mut out)?;
        Ok((size, out))
    }

    #[test]
    fn integers_want_their_exact_size() {
        let five = 5i32.to_ne_bytes();
        assert_eq!(SetValue::new(&five).int(), Ok(5));
        assert_eq!(SetValue::new(&five[..3]).int(), Err(Errno::EINVAL));
        assert_eq!(SetValue::new(&[0; 8]).int(), Err(Errno::EINVAL));
        assert_eq!(SetValue::null(4).int(), Err(Errno::EINVAL));
        assert_eq!(SetValue::null(0).int(), Err(Errno::EINVAL));
        assert_eq!(SetValue::new(&7u64.to_ne_bytes()).u64(), Ok(7));
        assert_eq!(SetValue::new(&(-7i64).to_ne_bytes()).i64(), Ok(-7));
        assert_eq!(SetValue::new(&five).i64(), Err(Errno::EINVAL));
        assert_eq!(SetValue::new(&five).u32(), Ok(5));
    }

    #[test]
    fn booleans_come_in_three_tempers() {
        let parse = |value: i32| {
            let bytes = value.to_ne_bytes();
            let value = SetValue::new(&bytes);
            (value.bool_strict(), value.bool_relaxed(), value.bool_not_negative())
        };
        assert_eq!(parse(0), (Ok(false), Ok(false), Ok(false)));
        assert_eq!(parse(1), (Ok(true), Ok(true), Ok(true)));
        assert_eq!(parse(2), (Err(Errno::EINVAL), Ok(true), Ok(true)));
        assert_eq!(parse(-1), (Err(Errno::EINVAL), Ok(true), Err(Errno::EINVAL)));
    }

    #[test]
    fn a_lenient_integer_reads_what_is_there() {
        let wide = [2i32.to_ne_bytes(), 9i32.to_ne_bytes()].concat();
        assert_eq!(SetValue::new(&wide).int_of_any_length(), Ok(2));
        assert_eq!(SetValue::new(&[]).int_of_any_length(), Ok(0));
        assert_ne!(SetValue::new(&[1]).int_of_any_length(), Ok(0));
        assert_eq!(SetValue::null(4).int_of_any_length(), Err(Errno::EINVAL));
    }

    #[test]
    fn strings_differ_in_what_stands_for_empty() {
        let cases = [
            // value, bytes, filled, filled_or_null, filled_or_blank
            (SetValue::new(b"ab"), true, true, true, true),
            (SetValue::new(b"abc"), true, false, false, false),
            (SetValue::new(b""), true, false, false, true),
            (SetValue::null(0), true, false, true, true),
            (SetValue::null(2), false, false, false, true),
        ];
        for (value, bytes, filled, or_null, or_blank) in cases {
            assert_eq!(value.bytes().is_ok(), bytes, "{value:?}");
            assert_eq!(value.filled(2).is_ok(), filled, "{value:?}");
            assert_eq!(value.filled_or_null(2).is_ok(), or_null, "{value:?}");
            assert_eq!(value.filled_or_blank(2).is_ok(), or_blank, "{value:?}");
        }
    }

    #[test]
    fn settings_are_stored_in_buffers_of_their_size_only() {
        for (value, size) in [
            (GetValue::Int(1), 4),
            (GetValue::bool(true), 4),
            (GetValue::I64(1), 8),
            (GetValue::U64(1), 8),
        ] {
            assert_eq!(stored(value.clone(), size).unwrap().0, size);
            assert_eq!(stored(value.clone(), size - 1), Err(Errno::EINVAL));
            assert_eq!(stored(value.clone(), size + 1), Err(Errno::EINVAL));
            assert_eq!(stored(value, 0), Err(Errno::EINVAL));
        }
    }

    #[test]
    fn keys_have_two_forms() {
        let key = [0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b].repeat(4);
        let text = b"HelloWorld".repeat(4);
        let terminated = [&text[..], b"\0"].concat();
        let parsed: PublicKey = key.clone().try_into().unwrap();
        for form in [&key, &text, &terminated] {
            assert_eq!(SetValue::new(form).key(), Ok(parsed));
        }
        let longer = [&text[..], b"0"].concat();
        let shorter = [&text[..35], b"\0"].concat();
        let early_end = [&text[..35], b"\0     "].concat();
        for form in [&b""[..], &key[..31], &text[..39], &longer, &shorter, &early_end] {
            assert_eq!(SetValue::new(form).key(), Err(Errno::EINVAL));
        }
        assert_eq!(SetValue::null(32).key(), Err(Errno::EINVAL));

        let value = GetValue::Key(SecretKey::new(parsed));
        assert_eq!(stored(value.clone(), 32).unwrap(), (32, key));
        assert_eq!(stored(value.clone(), 41).unwrap(), (41, terminated));
        for room in [0, 31, 33, 40, 42, 64] {
            assert_eq!(stored(value.clone(), room), Err(Errno::EINVAL));
        }
    }

    #[test]
    fn state_and_strings_are_padded_with_zeros() {
        let (size, out) = stored(GetValue::State(-1), 6).unwrap();
        assert_eq!((size, out), (4, vec![255, 255, 255, 255, 0, 0]));
        assert_eq!(stored(GetValue::State(1), 3), Err(Errno::EINVAL));

        let bytes = GetValue::Bytes(b"ab".to_vec());
        assert_eq!(stored(bytes.clone(), 2).unwrap(), (2, b"ab".to_vec()));
        assert_eq!(stored(bytes.clone(), 4).unwrap(), (2, b"ab\0\0".to_vec()));
        assert_eq!(stored(bytes, 1), Err(Errno::EINVAL));

        let string = GetValue::CString(b"ab".to_vec());
        assert_eq!(stored(string.clone(), 3).unwrap(), (3, b"ab\0".to_vec()));
        assert_eq!(stored(string.clone(), 4).unwrap(), (3, b"ab\0\0".to_vec()));
        assert_eq!(stored(string, 2), Err(Errno::EINVAL));
        assert_eq!(stored(GetValue::Bytes(Vec::new()), 0).unwrap().0, 0);
        assert_eq!(stored(GetValue::CString(Vec::new()), 0), Err(Errno::EINVAL));
    }
}
