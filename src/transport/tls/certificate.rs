//! What is read of a certificate that is trusted by itself: from when to when it counts, and the
//! name in its subject.
//!
//! Authorities and alternative names are the business of the TLS library; it does not look at the
//! subject, where old self-signed certificates have their only name.

use rustls::CertificateError;

use super::malformed;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const OBJECT: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const COMMON_NAME: &[u8] = &[0x55, 4, 3];

/// Takes the element at the front: its tag and its content.
fn element<'a>(bytes: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&[tag, short], mut rest) = bytes.split_first_chunk::<2>()?;
    let mut len = usize::from(short);
    if short >= 0x80 {
        let count = usize::from(short & 0x7f);
        let (digits, after) = rest.split_at_checked(count)?;
        if count > 4 {
            return None;
        }
        len = digits.iter().fold(0, |len, &digit| len << 8 | usize::from(digit));
        rest = after;
    }
    let (content, after) = rest.split_at_checked(len)?;
    *bytes = after;
    Some((tag, content))
}

fn expect<'a>(bytes: &mut &'a [u8], wanted: u8) -> Option<&'a [u8]> {
    element(bytes).filter(|(tag, _)| *tag == wanted).map(|(_, content)| content)
}

/// Validity and subject.
fn fields(mut certificate: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut outer = expect(&mut certificate, SEQUENCE)?;
    let mut fields = expect(&mut outer, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        element(&mut fields)?;
    }
    // Serial number, algorithm, issuer.
    for _ in 0..3 {
        element(&mut fields)?;
    }
    let validity = expect(&mut fields, SEQUENCE)?;
    let subject = expect(&mut fields, SEQUENCE)?;
    Some((validity, subject))
}

/// Checks whether a certificate counts at this time, in seconds since 1970.
pub fn check_time(certificate: &[u8], now: u64) -> Result<(), rustls::Error> {
    let (mut validity, _) = fields(certificate).ok_or_else(malformed)?;
    let mut next = || element(&mut validity).and_then(|(tag, text)| seconds(tag, text));
    let (from, to) = (next().ok_or_else(malformed)?, next().ok_or_else(malformed)?);
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    if now < from {
        Err(CertificateError::NotValidYet.into())
    } else if now > to {
        Err(CertificateError::Expired.into())
    } else {
        Ok(())
    }
}

/// Whether the subject's common name is this one.
pub fn is_named(certificate: &[u8], name: &str) -> bool {
    let Some((_, mut subject)) = fields(certificate) else { return false };
    while let Some(mut set) = expect(&mut subject, SET) {
        while let Some(mut attribute) = expect(&mut set, SEQUENCE) {
            let is_name = expect(&mut attribute, OBJECT) == Some(COMMON_NAME);
            let value = element(&mut attribute).map(|(_, value)| value);
            if is_name && value.is_some_and(|value| value.eq_ignore_ascii_case(name.as_bytes())) {
                return true;
            }
        }
    }
    false
}

/// A time of a certificate in seconds since 1970.
fn seconds(tag: u8, text: &[u8]) -> Option<i64> {
    let (digits, end) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if end != b"Z" || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |range: core::ops::Range<usize>| {
        let digits = digits.get(range)?;
        Some(digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
    };
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => match number(0..2)? {
            year @ 50.. => (1900 + year, 2),
            year => (2000 + year, 2),
        },
        (GENERALIZED_TIME, 14) => (number(0..4)?, 4),
        _ => return None,
    };
    let part = |index: usize| number(rest + 2 * index..rest + 2 * index + 2);
    let days = days_before(year, part(0)?, part(1)?)?;
    Some(((days * 24 + part(2)?) * 60 + part(3)?) * 60 + part(4)?)
}

/// Days from the beginning of 1970 to this one.
fn days_before(year: i64, month: i64, day: i64) -> Option<i64> {
    const BEFORE_MONTH: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let index = usize::try_from(month - 1).ok()?;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let leap_days = |years: i64| years / 4 - years / 100 + years / 400;
    let before_year = (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969);
    let leap_day = i64::from(is_leap && month > 2);
    Some(before_year + BEFORE_MONTH.get(index)? + leap_day + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let cases: [(u8, &[u8], Option<i64>); 10] = [
            (UTC_TIME, b"700101000000Z", Some(0)),
            (UTC_TIME, b"191110083318Z", Some(1_573_374_798)),
            (UTC_TIME, b"491231235959Z", Some(2_524_607_999)),
            (UTC_TIME, b"500101000000Z", Some(-631_152_000)),
            (GENERALIZED_TIME, b"21191017083318Z", Some(4_726_974_798)),
            (GENERALIZED_TIME, b"20000229000000Z", Some(951_782_400)),
            (GENERALIZED_TIME, b"191110083318Z", None),
            (UTC_TIME, b"1911100833180", None),
            (UTC_TIME, b"191310083318Z", None),
            (UTC_TIME, b"", None),
        ];
        for (tag, text, expected) in cases {
            assert_eq!(seconds(tag, text), expected, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn no_bytes_do_harm() {
        let lengths: [&[u8]; 6] =
            [b"", b"\x30", b"\x30\x05a", b"\x30\x85\0\0\0\0\x01a", b"\x30\xff", b"\x30\x84\xff"];
        for bytes in lengths {
            assert!(check_time(bytes, 0).is_err());
            assert!(!is_named(bytes, "a"));
        }
    }
}
