//! Z85 texts, and the CURVE keys that are written in them.

use core::ffi::{c_char, c_int};
use core::ptr::null_mut;

use zeroize::Zeroize;

use super::guard::{bytes, c_string, guard, guard_status};
use crate::error::Errno;
use crate::security::curve::{self, boxes};
use crate::security::keys::SecretKey;
use crate::z85::{self, decode_group, encode_group};

/// Writes `size` bytes, a multiple of 4, as Z85 text: 5 characters for every 4 bytes and a final nul.
#[no_mangle]
pub unsafe extern "C" fn zmq_z85_encode(
    text: *mut c_char,
    data: *const u8,
    size: usize,
) -> *mut c_char {
    guard(null_mut(), || {
        if text.is_null() || !size.is_multiple_of(4) {
            return Err(Errno::EINVAL);
        }
        // SAFETY: the caller has `size` bytes at `data`.
        let data = unsafe { bytes(data.cast(), size) }.map_err(|_| Errno::EINVAL)?;
        let mut next = text.cast::<[u8; 5]>();
        for group in data.chunks_exact(4) {
            let group = encode_group([group[0], group[1], group[2], group[3]]);
            // SAFETY: the caller has room for 5 characters for each group and the nul.
            unsafe {
                next.write(group);
                next = next.add(1);
            }
        }
        // SAFETY: as above.
        unsafe { next.cast::<u8>().write(0) };
        Ok(text)
    })
}

/// Reads Z85 text, whose length is a multiple of 5, into 4 bytes for every 5 characters.
///
/// `data` may be the memory of `text` itself. It is touched only when the whole text is valid.
#[no_mangle]
pub unsafe extern "C" fn zmq_z85_decode(data: *mut u8, text: *const c_char) -> *mut u8 {
    guard(null_mut(), || {
        // SAFETY: the caller passes a C string or null; the borrow ends before anything is written.
        let characters = unsafe { c_string(text) }?.to_bytes();
        if data.is_null() || characters.is_empty() || !characters.len().is_multiple_of(5) {
            return Err(Errno::EINVAL);
        }
        let mut groups = characters.chunks_exact(5).map(group_of);
        let count = groups.len();
        if !groups.all(|group| decode_group(group).is_some()) {
            return Err(Errno::EINVAL);
        }
        let (mut from, mut to) = (text.cast::<[u8; 5]>(), data.cast::<[u8; 4]>());
        for _ in 0..count {
            // SAFETY: `count` groups were read above, and the caller has 4 bytes for each.
            unsafe {
                to.write(decode_group(from.read()).ok_or(Errno::EINVAL)?);
                (from, to) = (from.add(1), to.add(1));
            }
        }
        Ok(data)
    })
}

fn group_of(characters: &[u8]) -> [u8; 5] {
    let mut group = [0; 5];
    group.copy_from_slice(characters);
    group
}

/// Makes a CURVE key pair, each key as 40 characters of Z85 and a nul.
#[no_mangle]
pub unsafe extern "C" fn zmq_curve_keypair(
    public_key: *mut c_char,
    secret_key: *mut c_char,
) -> c_int {
    guard_status(|| {
        if public_key.is_null() || secret_key.is_null() {
            return Err(Errno::EINVAL);
        }
        let (public, secret) = curve::keypair()?;
        // SAFETY: the caller has room for the text of a key at both places.
        unsafe {
            write_key(public_key, &public);
            write_key(secret_key, secret.as_bytes());
        }
        Ok(())
    })
}

/// Derives the public CURVE key of a secret one, both in Z85.
#[no_mangle]
pub unsafe extern "C" fn zmq_curve_public(
    public_key: *mut c_char,
    secret_key: *const c_char,
) -> c_int {
    guard_status(|| {
        // SAFETY: the caller passes a C string or null; the borrow ends before anything is written.
        let text = unsafe { c_string(secret_key) }?.to_bytes();
        let secret = SecretKey::new(z85::decode_key(text).ok_or(Errno::EINVAL)?);
        if public_key.is_null() {
            return Err(Errno::EINVAL);
        }
        // SAFETY: the caller has room for the text of a key.
        unsafe { write_key(public_key, &boxes::public_of(&secret)) };
        Ok(())
    })
}

/// Writes the text of a key and a nul.
unsafe fn write_key(place: *mut c_char, key: &[u8; 32]) {
    let mut text = [0; z85::KEY_TEXT_LEN + 1];
    text[..z85::KEY_TEXT_LEN].copy_from_slice(&z85::encode_key(key));
    // SAFETY: the caller has room for so many bytes.
    unsafe { place.cast::<[u8; z85::KEY_TEXT_LEN + 1]>().write(text) };
    text.zeroize();
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::ffi::CStr;
    use core::ptr::null;

    const DATA: [u8; 8] = [0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b];

    #[test]
    fn both_directions_through_the_boundary() {
        let mut text = [1; 11];
        let mut data = [0u8; 8];
        // SAFETY: the buffers have the sizes that the functions ask for.
        unsafe {
            let start = zmq_z85_encode(text.as_mut_ptr(), DATA.as_ptr(), 8);
            assert_eq!(CStr::from_ptr(start), c"HelloWorld");
            assert_eq!(zmq_z85_decode(data.as_mut_ptr(), start), data.as_mut_ptr());
            assert_eq!(data, DATA);
            assert!(!zmq_z85_decode(start.cast(), start).is_null());
        }
        assert!(text[..8].iter().zip(DATA).all(|(left, right)| *left as u8 == right));
    }

    #[test]
    fn wrong_sizes_and_texts_are_refused_and_write_nothing() {
        let mut text = [1; 11];
        let mut data = [7u8; 8];
        // SAFETY: the buffers would be large enough, and null is recognised.
        unsafe {
            assert!(zmq_z85_encode(text.as_mut_ptr(), DATA.as_ptr(), 7).is_null());
            assert!(zmq_z85_encode(text.as_mut_ptr(), null(), 4).is_null());
            for wrong in [c"", c"0123", c"Hello0", c"Hello#####", c"Hello W rl"] {
                assert!(zmq_z85_decode(data.as_mut_ptr(), wrong.as_ptr()).is_null());
                assert_eq!(Errno::last(), Errno::EINVAL);
            }
            assert!(zmq_z85_decode(data.as_mut_ptr(), null()).is_null());
        }
        assert_eq!((text, data), ([1; 11], [7; 8]));
    }

    #[test]
    fn a_new_pair_of_keys_belongs_together() {
        let (mut public, mut secret, mut derived) = ([1; 42], [1; 42], [1; 42]);
        // SAFETY: 41 characters fit each buffer.
        unsafe {
            assert_eq!(zmq_curve_keypair(public.as_mut_ptr(), secret.as_mut_ptr()), 0);
            assert_eq!(zmq_curve_public(derived.as_mut_ptr(), secret.as_ptr()), 0);
            assert_eq!(CStr::from_ptr(public.as_ptr()).count_bytes(), 40);
            assert_eq!(CStr::from_ptr(secret.as_ptr()).count_bytes(), 40);
        }
        assert_eq!(public, derived);
        assert_ne!(public[..40], secret[..40]);
        assert_eq!((public[41], secret[41], derived[41]), (1, 1, 1));
    }

    #[test]
    fn keys_of_wrong_length_are_refused() {
        let mut public = [1; 41];
        // SAFETY: C strings and null; nothing is written.
        unsafe {
            for wrong in [c"", c"HelloWorld", c"HelloWorldHelloWorldHelloWorldHelloWorl "] {
                assert_eq!(zmq_curve_public(public.as_mut_ptr(), wrong.as_ptr()), -1);
                assert_eq!(Errno::last(), Errno::EINVAL);
            }
            let long = c"HelloWorldHelloWorldHelloWorldHelloWorldHello";
            assert_eq!(zmq_curve_public(public.as_mut_ptr(), long.as_ptr()), -1);
            assert_eq!(zmq_curve_public(public.as_mut_ptr(), null()), -1);
            assert_eq!(zmq_curve_keypair(null_mut(), public.as_mut_ptr()), -1);
            assert_eq!(zmq_curve_keypair(public.as_mut_ptr(), null_mut()), -1);
        }
        assert_eq!(public, [1; 41]);
    }

    #[test]
    fn nothing_encodes_to_an_empty_text() {
        let mut text = [1; 1];
        // SAFETY: room for the nul; no data is read.
        unsafe { assert!(!zmq_z85_encode(text.as_mut_ptr(), null(), 0).is_null()) };
        assert_eq!(text, [0]);
    }
}
