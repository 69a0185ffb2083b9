//! Options that choose a mechanism.

use super::*;
use crate::security::keys::SecretKey;

/// Options that only a build with Kerberos has.
pub(super) const GSSAPI: [i32; 6] = [
    ZMQ_GSSAPI_SERVER,
    ZMQ_GSSAPI_PRINCIPAL,
    ZMQ_GSSAPI_SERVICE_PRINCIPAL,
    ZMQ_GSSAPI_PLAINTEXT,
    ZMQ_GSSAPI_PRINCIPAL_NAMETYPE,
    ZMQ_GSSAPI_SERVICE_PRINCIPAL_NAMETYPE,
];

fn mechanism(options: &SocketOptions) -> i32 {
    match get(options, ZMQ_MECHANISM) {
        Ok(GetValue::Int(mechanism)) => mechanism,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_last_option_set_chooses_the_mechanism() {
    let mut options = fresh();
    for (server, chosen) in [(ZMQ_PLAIN_SERVER, ZMQ_PLAIN), (ZMQ_CURVE_SERVER, ZMQ_CURVE)] {
        assert_eq!(get(&options, server), Ok(GetValue::Int(0)));
        for bad in [-1, 2] {
            assert_eq!(set_int(&mut options, server, bad), Err(Errno::EINVAL));
        }
        set_int(&mut options, server, 1).unwrap();
        assert_eq!((mechanism(&options), options.as_server), (chosen, true));
        assert_eq!(get(&options, server), Ok(GetValue::Int(1)));
        for client in [ZMQ_PLAIN_USERNAME, ZMQ_PLAIN_PASSWORD] {
            set_int(&mut options, server, 1).unwrap();
            set_bytes(&mut options, client, b"text").unwrap();
            assert_eq!((mechanism(&options), options.as_server), (ZMQ_PLAIN, false));
        }
        set_int(&mut options, server, 1).unwrap();
        set_bytes(&mut options, ZMQ_CURVE_SECRETKEY, &[7; 32]).unwrap();
        assert_eq!((mechanism(&options), options.as_server), (ZMQ_CURVE, true));
        set_bytes(&mut options, ZMQ_CURVE_SERVERKEY, &[7; 32]).unwrap();
        assert_eq!((mechanism(&options), options.as_server), (ZMQ_CURVE, false));
        set_int(&mut options, server, 0).unwrap();
        assert_eq!(mechanism(&options), ZMQ_NULL);
    }
}

#[test]
fn names_and_passwords_have_1_to_255_bytes() {
    let mut options = fresh();
    for option in [ZMQ_PLAIN_USERNAME, ZMQ_PLAIN_PASSWORD] {
        assert_eq!(get(&options, option), Ok(GetValue::CString(Vec::new())));
        for bad in [&b""[..], &[7; 256]] {
            assert_eq!(set_bytes(&mut options, option, bad), Err(Errno::EINVAL));
        }
        assert_eq!(mechanism(&options), ZMQ_NULL);
        for good in [&b"a"[..], b"a\0b", &[7; 255]] {
            set_bytes(&mut options, option, good).unwrap();
            assert_eq!(get(&options, option), Ok(GetValue::CString(good.to_vec())));
            assert_eq!(mechanism(&options), ZMQ_PLAIN);
        }
        // Null takes the mechanism away, and leaves the text.
        set(&mut options, option, SetValue::null(0)).unwrap();
        assert_eq!(mechanism(&options), ZMQ_NULL);
        assert_eq!(get(&options, option), Ok(GetValue::CString(vec![7; 255])));
        assert_eq!(set(&mut options, option, SetValue::null(1)), Err(Errno::EINVAL));
    }
}

#[test]
fn keys_are_kept_whatever_form_they_come_in() {
    let mut options = fresh();
    for option in [ZMQ_CURVE_PUBLICKEY, ZMQ_CURVE_SECRETKEY, ZMQ_CURVE_SERVERKEY] {
        assert_eq!(get(&options, option), Ok(GetValue::Key(SecretKey::default())));
        set_bytes(&mut options, option, &[7; 32]).unwrap();
        assert_eq!(get(&options, option), Ok(GetValue::Key(SecretKey::new([7; 32]))));
        set_bytes(&mut options, option, &b"00000".repeat(8)).unwrap();
        assert_eq!(get(&options, option), Ok(GetValue::Key(SecretKey::default())));
        for bad in [&b""[..], &[7; 31], &[7; 40], &[7; 41]] {
            assert_eq!(set_bytes(&mut options, option, bad), Err(Errno::EINVAL));
        }
        assert_eq!(set(&mut options, option, SetValue::null(32)), Err(Errno::EINVAL));
    }
}

#[cfg(feature = "gssapi")]
#[test]
fn principals_choose_kerberos() {
    let mut options = fresh();
    for value in [0, 1] {
        set_int(&mut options, ZMQ_GSSAPI_SERVER, value).unwrap();
        assert_eq!((mechanism(&options), options.as_server), (ZMQ_GSSAPI, value == 1));
    }
    set_bytes(&mut options, ZMQ_GSSAPI_PRINCIPAL, b"name\0").unwrap();
    assert_eq!(get(&options, ZMQ_GSSAPI_PRINCIPAL), Ok(GetValue::CString(b"name\0".to_vec())));
    assert!(options.as_server);
    set_bytes(&mut options, ZMQ_GSSAPI_SERVICE_PRINCIPAL, b"service").unwrap();
    assert!(!options.as_server);
    for option in [ZMQ_GSSAPI_PRINCIPAL_NAMETYPE, ZMQ_GSSAPI_SERVICE_PRINCIPAL_NAMETYPE] {
        for value in 0..3 {
            set_int(&mut options, option, value).unwrap();
            assert_eq!(get(&options, option), Ok(GetValue::Int(value)));
        }
        for bad in [-1, 3] {
            assert_eq!(set_int(&mut options, option, bad), Err(Errno::EINVAL));
        }
    }
    set_int(&mut options, ZMQ_GSSAPI_PLAINTEXT, 1).unwrap();
    assert_eq!(get(&options, ZMQ_GSSAPI_PLAINTEXT), Ok(GetValue::Int(1)));
}
