//! Z85, the text form of binary keys (ZeroMQ RFC 32): 4 bytes are 5 characters.
//!
//! Both directions work on one group at a time, so that callers choose where the result goes and
//! nothing here allocates.
#![deny(unsafe_code)]

const ALPHABET: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

const NO_DIGIT: u8 = 0xff;

/// What each byte is worth as a digit.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        digits[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

/// The five characters for four bytes.
pub fn encode_group(bytes: [u8; 4]) -> [u8; 5] {
    let mut rest = u32::from_be_bytes(bytes);
    let mut text = [0; 5];
    for character in text.iter_mut().rev() {
        *character = ALPHABET[(rest % 85) as usize];
        rest /= 85;
    }
    text
}

/// The four bytes of five characters, unless one is no digit or the number takes more than 32 bits.
pub fn decode_group(text: [u8; 5]) -> Option<[u8; 4]> {
    let mut number = 0u32;
    for character in text {
        let digit = DIGITS[usize::from(character)];
        if digit == NO_DIGIT {
            return None;
        }
        number = number.checked_mul(85)?.checked_add(digit.into())?;
    }
    Some(number.to_be_bytes())
}

/// Length of a CURVE key as text.
pub const KEY_TEXT_LEN: usize = 40;

/// The text of a key.
pub fn encode_key(key: &[u8; 32]) -> [u8; KEY_TEXT_LEN] {
    let mut text = [0; KEY_TEXT_LEN];
    for (characters, bytes) in text.chunks_exact_mut(5).zip(key.chunks_exact(4)) {
        characters.copy_from_slice(&encode_group([bytes[0], bytes[1], bytes[2], bytes[3]]));
    }
    text
}

/// The key of a text, unless it has another length or is no Z85.
pub fn decode_key(text: &[u8]) -> Option<[u8; 32]> {
    if text.len() != KEY_TEXT_LEN {
        return None;
    }
    let mut key = [0; 32];
    for (bytes, group) in key.chunks_exact_mut(4).zip(text.chunks_exact(5)) {
        bytes.copy_from_slice(&decode_group(group.try_into().ok()?)?);
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        assert_eq!(&encode_group([0x86, 0x4f, 0xd2, 0x6f]), b"Hello");
        assert_eq!(&encode_group([0xb5, 0x59, 0xf7, 0x5b]), b"World");
        assert_eq!(decode_group(*b"Hello"), Some([0x86, 0x4f, 0xd2, 0x6f]));
    }

    #[test]
    fn the_largest_number_and_the_one_after_it() {
        assert_eq!(&encode_group([0xff; 4]), b"%nSc0");
        assert_eq!(decode_group(*b"%nSc0"), Some([0xff; 4]));
        assert_eq!(decode_group(*b"%nSc1"), None);
        assert_eq!(decode_group(*b"#####"), None);
    }

    #[test]
    fn characters_outside_the_alphabet_are_refused() {
        for odd in ['"', '\'', ',', ';', '\\', '_', '`', '|', '~', ' ', '\n', '\0'] {
            assert_eq!(decode_group([b'0', b'0', odd as u8, b'0', b'0']), None);
        }
        assert_eq!(decode_group([b'0', b'0', 0xe4, b'0', b'0']), None);
    }

    #[test]
    fn keys_have_one_length() {
        let key = [0xb5; 32];
        let text = encode_key(&key);
        assert_eq!(decode_key(&text), Some(key));
        assert_eq!(decode_key(&text[..39]), None);
        assert_eq!(decode_key(&[&text[..], b"0"].concat()), None);
        assert_eq!(decode_key(&[b' '; KEY_TEXT_LEN]), None);
    }

    #[test]
    fn both_directions_agree() {
        let mut number = 0u32;
        for _ in 0..10_000 {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let bytes = number.to_le_bytes();
            assert_eq!(decode_group(encode_group(bytes)), Some(bytes));
        }
    }
}
