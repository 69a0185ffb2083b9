//! Our boxes against NaCl's published example, and against libsodium where the machine has it.
//!
//! libsodium is loaded while the test runs, so that nothing is linked with it. Without it only the
//! example is checked, and the output says so.

use core::ffi::{c_int, c_ulonglong, c_void, CStr};

use zmq::security::curve::boxes::{append_sealed, nonce, open, public_of, shared_key, Nonce};
use zmq::security::curve::series::{Number, Series};
use zmq::security::keys::SecretKey;

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

fn array<const N: usize>(hex: &str) -> [u8; N] {
    bytes(hex).try_into().unwrap()
}

/// NaCl's own test: two pairs of keys, a nonce, a message and the box that holds it.
#[test]
fn the_example_of_nacl() {
    let alice =
        SecretKey::new(array("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"));
    let bob =
        SecretKey::new(array("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
    let alice_public = array("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    let bob_public = array("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    let shared = array("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389");
    let nonce: Nonce = array("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37");
    let message = bytes(concat!(
        "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a",
        "1ac728d45e6c61296cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057",
        "e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c60902e52f0a089bc76897040",
        "e082f937763848645e0705"
    ));
    let sealed = bytes(concat!(
        "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4",
        "476fb8c531a1186ac0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738",
        "b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de",
        "56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5"
    ));

    assert_eq!(public_of(&alice), alice_public);
    assert_eq!(public_of(&bob), bob_public);
    let key = shared_key(&bob_public, &alice).unwrap();
    assert_eq!(key, SecretKey::new(shared));
    assert_eq!(key, shared_key(&alice_public, &bob).unwrap());
    let mut made = Vec::new();
    append_sealed(&[&message], &nonce, &key, &mut made);
    assert_eq!(made, sealed);
    assert_eq!(*open(&sealed, &nonce, &key).unwrap(), message);
}

#[test]
fn keys_with_which_nothing_can_be_shared() {
    let mut one = [0; 32];
    one[0] = 1;
    for public in [[0; 32], one] {
        assert!(shared_key(&public, &SecretKey::new([7; 32])).is_err());
    }
}

type Seal = unsafe extern "C" fn(*mut u8, *const u8, c_ulonglong, *const u8, *const u8) -> c_int;
type Agree = unsafe extern "C" fn(*mut u8, *const u8, *const u8) -> c_int;
type Base = unsafe extern "C" fn(*mut u8, *const u8) -> c_int;

struct Sodium {
    seal: Seal,
    open: Seal,
    agree: Agree,
    base: Base,
}

impl Sodium {
    fn load() -> Option<Sodium> {
        // SAFETY: the functions have the types that libsodium documents for these names.
        unsafe {
            let library = libc::dlopen(c"libsodium.so.23".as_ptr(), libc::RTLD_NOW);
            if library.is_null() {
                return None;
            }
            let find = |name: &CStr| {
                let found = libc::dlsym(library, name.as_ptr());
                assert!(!found.is_null(), "libsodium has no {name:?}");
                found
            };
            let init: unsafe extern "C" fn() -> c_int =
                core::mem::transmute::<*mut c_void, _>(find(c"sodium_init"));
            assert!(init() >= 0);
            let seal = find(c"crypto_box_easy_afternm");
            let open = find(c"crypto_box_open_easy_afternm");
            Some(Sodium {
                seal: core::mem::transmute::<*mut c_void, Seal>(seal),
                open: core::mem::transmute::<*mut c_void, Seal>(open),
                agree: core::mem::transmute::<*mut c_void, Agree>(find(c"crypto_box_beforenm")),
                base: core::mem::transmute::<*mut c_void, Base>(find(c"crypto_scalarmult_base")),
            })
        }
    }

    fn sealed(&self, message: &[u8], nonce: &Nonce, key: &[u8; 32]) -> Vec<u8> {
        let mut out = vec![0; message.len() + 16];
        let len = message.len() as c_ulonglong;
        // SAFETY: all memory has the sizes that the function asks for.
        let outcome = unsafe {
            (self.seal)(out.as_mut_ptr(), message.as_ptr(), len, nonce.as_ptr(), key.as_ptr())
        };
        assert_eq!(outcome, 0);
        out
    }

    fn opened(&self, sealed: &[u8], nonce: &Nonce, key: &[u8; 32]) -> Option<Vec<u8>> {
        let mut out = vec![0; sealed.len() - 16];
        let len = sealed.len() as c_ulonglong;
        // SAFETY: as above.
        let outcome = unsafe {
            (self.open)(out.as_mut_ptr(), sealed.as_ptr(), len, nonce.as_ptr(), key.as_ptr())
        };
        (outcome == 0).then_some(out)
    }
}

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn fill<const N: usize>(&mut self) -> [u8; N] {
        let mut filled = [0; N];
        self.write(&mut filled);
        filled
    }

    fn write(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            *byte = (self.0 >> 24) as u8;
        }
    }
}

/// All lengths up to 300, then the powers of two to 1 MiB and their neighbours.
fn lengths() -> impl Iterator<Item = usize> {
    (0..=300).chain((9..=20).flat_map(|power| {
        let length = 1usize << power;
        [length - 1, length, length + 1]
    }))
}

#[test]
fn boxes_are_those_of_libsodium() {
    let Some(sodium) = Sodium::load() else {
        println!("libsodium.so.23 is not on this machine: nothing compared");
        return;
    };
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for length in lengths() {
        let (key, nonce): ([u8; 32], Nonce) = (numbers.fill(), numbers.fill());
        let mut message = vec![0; length];
        numbers.write(&mut message);
        let theirs = sodium.sealed(&message, &nonce, &key);
        let secret = SecretKey::new(key);
        let mut ours = Vec::new();
        append_sealed(&[&message], &nonce, &secret, &mut ours);
        assert!(ours == theirs, "{length} bytes sealed");
        assert!(*open(&theirs, &nonce, &secret).unwrap() == message, "{length} bytes opened");

        let mut forged = theirs;
        let at = usize::from(numbers.fill::<1>()[0]) % forged.len();
        forged[at] ^= 1 << (numbers.fill::<1>()[0] % 8);
        assert!(open(&forged, &nonce, &secret).is_err(), "{length} bytes forged at {at}");
        assert_eq!(sodium.opened(&forged, &nonce, &key), None);
    }
}

/// What each message of a connection is: the same box as any other with its nonce.
#[test]
fn boxes_of_a_series_are_like_all_others() {
    let sodium = Sodium::load();
    let prefix = b"CurveZMQMESSAGES";
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    for length in lengths() {
        let (key, number): ([u8; 32], Number) = (numbers.fill(), numbers.fill());
        let secret = SecretKey::new(key);
        let series = Series::new(&secret, prefix);
        let nonce = nonce(prefix, &number);
        let mut message = vec![0; length];
        numbers.write(&mut message);

        let mut sealed = Vec::new();
        append_sealed(&[&message], &nonce, &secret, &mut sealed);
        if let Some(sodium) = &sodium {
            assert!(sodium.sealed(&message, &nonce, &key) == sealed, "{length} bytes");
        }
        let mut data = message.clone();
        let mac = series.seal_in_place(&mut data, &number);
        assert!(sealed[..16] == mac && sealed[16..] == data, "{length} bytes sealed");
        assert_eq!(series.open_in_place(&mut data, &mac, &number), Ok(()));
        assert!(data == message, "{length} bytes opened");

        // Nothing is opened that was changed anywhere, and it is left as it was.
        for _ in 0..8 {
            let mut forged = sealed.clone();
            let at = usize::from(numbers.fill::<1>()[0]) % forged.len();
            forged[at] ^= 1 << (numbers.fill::<1>()[0] % 8);
            let (mac, data) = forged.split_first_chunk_mut().unwrap();
            let before = data.to_vec();
            assert!(series.open_in_place(data, mac, &number).is_err(), "{length} bytes at {at}");
            assert!(data == before, "{length} bytes forged at {at}");
        }
        let mut other = number;
        other[usize::from(other[0] % 8)] ^= 1;
        let (mac, data) = sealed.split_first_chunk_mut().unwrap();
        assert!(series.open_in_place(data, mac, &other).is_err(), "{length} bytes, other number");
    }
}

#[test]
fn keys_are_those_of_libsodium() {
    let Some(sodium) = Sodium::load() else {
        println!("libsodium.so.23 is not on this machine: nothing compared");
        return;
    };
    let mut numbers = Numbers(0x0123_4567_89ab_cdef);
    for _ in 0..200 {
        let (secret, other): ([u8; 32], [u8; 32]) = (numbers.fill(), numbers.fill());
        let (mut public, mut shared) = ([0; 32], [0; 32]);
        // SAFETY: keys have 32 bytes.
        let agreed = unsafe {
            (sodium.base)(public.as_mut_ptr(), other.as_ptr());
            (sodium.agree)(shared.as_mut_ptr(), public.as_ptr(), secret.as_ptr())
        };
        assert_eq!(agreed, 0);
        assert_eq!(public_of(&SecretKey::new(other)), public);
        let ours = shared_key(&public, &SecretKey::new(secret)).unwrap();
        assert_eq!(ours, SecretKey::new(shared));
        // Any 32 bytes may come as a public key; both agree on what is made of them.
        // SAFETY: as above.
        let agreed =
            unsafe { (sodium.agree)(shared.as_mut_ptr(), other.as_ptr(), secret.as_ptr()) };
        let ours = shared_key(&other, &SecretKey::new(secret)).ok();
        assert_eq!(ours, (agreed == 0).then(|| SecretKey::new(shared)));
    }
}
