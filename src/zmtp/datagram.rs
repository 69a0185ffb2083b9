//! Datagrams of RADIO: a length byte, the group, and the rest is the message.

/// Writes a datagram. `None` when the group is too long for its length byte.
pub fn encode(group: &[u8], body: &[u8], out: &mut Vec<u8>) -> Option<()> {
    out.clear();
    out.push(u8::try_from(group.len()).ok()?);
    out.extend_from_slice(group);
    out.extend_from_slice(body);
    Some(())
}

/// Splits a datagram into group and message. `None` when it is none.
pub fn decode(datagram: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = datagram.split_first()?;
    rest.split_at_checked(usize::from(length))
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

    use super::*;

    #[test]
    fn datagrams_survive_a_round_trip() {
        let mut out = Vec::new();
        for len in [0, 1, 127, 128, 255] {
            let group = vec![b'g'; len];
            encode(&group, b"body", &mut out).unwrap();
            assert_eq!(out.len(), 1 + len + 4);
            assert_eq!(decode(&out), Some((&group[..], &b"body"[..])));
        }
        assert_eq!(encode(&[0; 256], b"", &mut out), None);
        assert_eq!(encode(b"TV", b"Movies", &mut out), Some(()));
        assert_eq!(out, b"\x02TVMovies");
    }

    #[test]
    fn what_is_no_datagram() {
        assert_eq!(decode(b""), None);
        assert_eq!(decode(b"\x01"), None);
        assert_eq!(decode(b"\x80group"), None);
        assert_eq!(decode(b"\xffgroup"), None);
        assert_eq!(decode(b"\0"), Some((&b""[..], &b""[..])));
    }

    #[test]
    fn datagrams_at_random() {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        for seed in 0..20_000u64 {
            let len = hasher.hash_one((seed, 0)) as usize % 600;
            let bytes: Vec<u8> = (0..len).map(|at| hasher.hash_one((seed, at)) as u8).collect();
            match decode(&bytes) {
                Some((group, body)) => {
                    let mut out = Vec::new();
                    encode(group, body, &mut out).unwrap();
                    assert_eq!(out, bytes);
                }
                None => assert!(bytes.first().is_none_or(|&first| usize::from(first) >= len)),
            }
        }
    }
}
