use std::collections::BTreeSet;

use super::{get, row, set, GetValue, Row, SetValue, THEMES};
use crate::error::{Errno, Result};
use crate::options::constants::*;
use crate::options::SocketOptions;

mod integers;
mod security;

use integers::INTS;

fn fresh() -> SocketOptions {
    SocketOptions::new(ZMQ_DEALER)
}

fn set_int(options: &mut SocketOptions, option: i32, value: i32) -> Result<()> {
    set(options, option, SetValue::new(&value.to_ne_bytes()))
}

fn set_bytes(options: &mut SocketOptions, option: i32, value: &[u8]) -> Result<()> {
    set(options, option, SetValue::new(value))
}

#[test]
fn every_row_is_there_once_and_tested() {
    let mut tested_elsewhere = BTreeSet::from([
        ZMQ_TYPE,
        ZMQ_ROUTER_NOTIFY,
        ZMQ_AFFINITY,
        ZMQ_MAXMSGSIZE,
        ZMQ_ROUTING_ID,
        ZMQ_METADATA,
        ZMQ_HELLO_MSG,
        ZMQ_DISCONNECT_MSG,
        ZMQ_HICCUP_MSG,
        ZMQ_BUSY_POLL,
        ZMQ_BINDTODEVICE,
        ZMQ_SOCKS_PROXY,
        ZMQ_SOCKS_USERNAME,
        ZMQ_SOCKS_PASSWORD,
        ZMQ_TCP_ACCEPT_FILTER,
        ZMQ_IPC_FILTER_PID,
        ZMQ_IPC_FILTER_UID,
        ZMQ_IPC_FILTER_GID,
        ZMQ_MECHANISM,
        ZMQ_PLAIN_SERVER,
        ZMQ_PLAIN_USERNAME,
        ZMQ_PLAIN_PASSWORD,
        ZMQ_CURVE_SERVER,
        ZMQ_CURVE_PUBLICKEY,
        ZMQ_CURVE_SECRETKEY,
        ZMQ_CURVE_SERVERKEY,
        ZMQ_ZAP_DOMAIN,
    ]);
    if cfg!(feature = "gssapi") {
        tested_elsewhere.extend(security::GSSAPI);
    }
    #[cfg(feature = "wss")]
    tested_elsewhere.extend(WSS);
    #[cfg(target_os = "linux")]
    tested_elsewhere.extend(VSOCK);
    #[cfg(feature = "norm")]
    tested_elsewhere.extend(ZMQ_NORM_MODE..=ZMQ_NORM_PUSH);
    let ints: BTreeSet<i32> = INTS.iter().map(|case| case.0).collect();
    let mut seen = BTreeSet::new();
    for Row { option, set, get } in THEMES.iter().copied().flatten() {
        assert!(seen.insert(*option), "{option} has two rows");
        assert!(set.is_some() || get.is_some(), "{option} does nothing");
        assert!(ints.contains(option) != tested_elsewhere.contains(option));
    }
    assert_eq!(seen.len(), ints.len() + tested_elsewhere.len());
}

#[cfg(feature = "norm")]
#[test]
fn options_of_norm_have_their_ranges() {
    let mut options = fresh();
    for (option, default, good, bad) in [
        (ZMQ_NORM_MODE, ZMQ_NORM_CC, 4, 5),
        (ZMQ_NORM_UNICAST_NACK, 0, 1, 2),
        (ZMQ_NORM_BUFFER_SIZE, 2048, 1, 0),
        (ZMQ_NORM_SEGMENT_SIZE, 1400, 1, 0),
        (ZMQ_NORM_BLOCK_SIZE, 16, 255, 256),
        (ZMQ_NORM_NUM_PARITY, 4, 254, 255),
        (ZMQ_NORM_NUM_AUTOPARITY, 0, 254, 255),
        (ZMQ_NORM_PUSH, 0, 1, 2),
    ] {
        assert_eq!(get(&options, option), Ok(GetValue::Int(default)));
        assert_eq!(set_int(&mut options, option, bad), Err(Errno::EINVAL));
        assert_eq!(set_int(&mut options, option, good), Ok(()));
        assert_eq!(get(&options, option), Ok(GetValue::Int(good)));
    }
}

#[cfg(target_os = "linux")]
const VSOCK: [i32; 4] = [
    ZMQ_VMCI_BUFFER_SIZE,
    ZMQ_VMCI_BUFFER_MIN_SIZE,
    ZMQ_VMCI_BUFFER_MAX_SIZE,
    ZMQ_VMCI_CONNECT_TIMEOUT,
];

#[cfg(target_os = "linux")]
#[test]
fn sizes_of_vsock_buffers_are_kept() {
    let mut options = fresh();
    for (number, option) in VSOCK[..3].iter().enumerate() {
        let size = 1000 + number as u64;
        assert_eq!(get(&options, *option), Ok(GetValue::U64(0)));
        assert_eq!(set_bytes(&mut options, *option, &size.to_ne_bytes()), Ok(()));
        assert_eq!(set_int(&mut options, *option, 1), Err(Errno::EINVAL));
        assert_eq!(get(&options, *option), Ok(GetValue::U64(size)));
    }
    assert_eq!(options.vmci_buffers, [1000, 1001, 1002]);
    assert_eq!(get(&options, ZMQ_VMCI_CONNECT_TIMEOUT), Ok(GetValue::Int(-1)));
    assert_eq!(set_int(&mut options, ZMQ_VMCI_CONNECT_TIMEOUT, 50), Ok(()));
    assert_eq!(options.vmci_connect_timeout, 50);
}

#[cfg(feature = "wss")]
const WSS: [i32; 5] =
    [ZMQ_WSS_KEY_PEM, ZMQ_WSS_CERT_PEM, ZMQ_WSS_TRUST_PEM, ZMQ_WSS_HOSTNAME, ZMQ_WSS_TRUST_SYSTEM];

#[cfg(feature = "wss")]
#[test]
fn options_of_wss_are_kept_and_not_told() {
    let mut options = fresh();
    for option in &WSS[..4] {
        assert_eq!(set_bytes(&mut options, *option, b"text"), Ok(()));
        assert_eq!(set(&mut options, *option, SetValue::null(3)), Err(Errno::EINVAL));
    }
    assert_eq!(set_int(&mut options, ZMQ_WSS_TRUST_SYSTEM, 1), Ok(()));
    assert_eq!(set_int(&mut options, ZMQ_WSS_TRUST_SYSTEM, 2), Err(Errno::EINVAL));
    assert!(options.wss_trust_system);
    assert_eq!(options.wss_key_pem.as_bytes(), b"text");
    assert_eq!(options.wss_cert_pem, b"text");
    assert_eq!(options.wss_trust_pem, b"text");
    assert_eq!(options.wss_hostname, b"text");
    assert_eq!(set_bytes(&mut options, ZMQ_WSS_TRUST_PEM, b""), Ok(()));
    assert!(options.wss_trust_pem.is_empty());
    for option in WSS {
        assert_eq!(get(&options, option), Err(Errno::EINVAL), "{option}");
    }
}

#[test]
fn options_without_a_row_are_invalid() {
    let mut options = fresh();
    if cfg!(not(feature = "gssapi")) {
        assert!(security::GSSAPI.into_iter().all(|option| row(option).is_err()));
    }
    let kinds_and_state = [ZMQ_SUBSCRIBE, ZMQ_EVENTS, ZMQ_FD, ZMQ_ROUTER_MANDATORY];
    let unknown = [-1, 0, 1, 2, 3, 10, 20, 26, 125, 1000, i32::MIN, i32::MAX];
    for option in kinds_and_state.into_iter().chain(unknown) {
        assert!(row(option).is_err());
        assert_eq!(set_int(&mut options, option, 1), Err(Errno::EINVAL));
        assert_eq!(get(&options, option), Err(Errno::EINVAL));
    }
}

#[test]
fn some_options_are_only_read() {
    let mut options = fresh();
    for (option, value) in [(ZMQ_TYPE, ZMQ_DEALER), (ZMQ_MECHANISM, ZMQ_NULL)] {
        assert_eq!(get(&options, option), Ok(GetValue::Int(value)));
        assert_eq!(set_int(&mut options, option, 0), Err(Errno::EINVAL));
    }
    options.router_notify = 3;
    assert_eq!(get(&options, ZMQ_ROUTER_NOTIFY), Ok(GetValue::Int(3)));
}

#[test]
fn some_options_are_only_written() {
    let options = fresh();
    for option in [
        ZMQ_METADATA,
        ZMQ_HELLO_MSG,
        ZMQ_DISCONNECT_MSG,
        ZMQ_HICCUP_MSG,
        ZMQ_BUSY_POLL,
        ZMQ_TCP_ACCEPT_FILTER,
        ZMQ_IPC_FILTER_PID,
        ZMQ_IPC_FILTER_UID,
        ZMQ_IPC_FILTER_GID,
    ] {
        assert_eq!(get(&options, option), Err(Errno::EINVAL), "{option}");
    }
}

#[test]
fn wide_integers() {
    let mut options = fresh();
    assert_eq!(get(&options, ZMQ_AFFINITY), Ok(GetValue::U64(0)));
    assert_eq!(get(&options, ZMQ_MAXMSGSIZE), Ok(GetValue::I64(-1)));
    let value = u64::MAX - 1;
    for option in [ZMQ_AFFINITY, ZMQ_MAXMSGSIZE] {
        assert_eq!(set_int(&mut options, option, 1), Err(Errno::EINVAL));
        assert_eq!(set_bytes(&mut options, option, &[0; 9]), Err(Errno::EINVAL));
        assert_eq!(set_bytes(&mut options, option, &value.to_ne_bytes()), Ok(()));
    }
    assert_eq!(get(&options, ZMQ_AFFINITY), Ok(GetValue::U64(value)));
    assert_eq!(get(&options, ZMQ_MAXMSGSIZE), Ok(GetValue::I64(-2)));
}

#[test]
fn routing_ids_have_1_to_255_bytes() {
    let mut options = fresh();
    assert_eq!(get(&options, ZMQ_ROUTING_ID), Ok(GetValue::Bytes(Vec::new())));
    for good in [&b"a"[..], b"\0", &[7; 255]] {
        assert_eq!(set_bytes(&mut options, ZMQ_ROUTING_ID, good), Ok(()));
        assert_eq!(get(&options, ZMQ_ROUTING_ID), Ok(GetValue::Bytes(good.to_vec())));
    }
    for bad in [&b""[..], &[7; 256]] {
        assert_eq!(set_bytes(&mut options, ZMQ_ROUTING_ID, bad), Err(Errno::EINVAL));
    }
    for length in [0, 3] {
        let null = SetValue::null(length);
        assert_eq!(set(&mut options, ZMQ_ROUTING_ID, null), Err(Errno::EINVAL));
    }
}

#[test]
fn strings_have_a_length_and_a_way_to_be_emptied() {
    // Option, longest value, whether "not null, length 0" is taken, whether "null, length 0" is.
    let cases = [
        (ZMQ_BINDTODEVICE, 16, false, true),
        (ZMQ_SOCKS_PROXY, 70_000, false, true),
        (ZMQ_SOCKS_USERNAME, 255, true, true),
        (ZMQ_SOCKS_PASSWORD, 255, true, true),
        (ZMQ_ZAP_DOMAIN, 255, false, false),
    ];
    for (option, max, blank, null) in cases {
        let mut options = fresh();
        let read = |options: &SocketOptions| match get(options, option) {
            Ok(GetValue::CString(bytes)) => bytes,
            other => panic!("{option} reads as {other:?}"),
        };
        assert_eq!(read(&options), b"");
        for good in [vec![b'a'; max], b"b\0c".to_vec(), vec![0xff]] {
            assert_eq!(set_bytes(&mut options, option, &good), Ok(()), "{option}");
            assert_eq!(read(&options), good);
        }
        if option != ZMQ_SOCKS_PROXY {
            let long = vec![b'a'; max + 1];
            assert_eq!(set_bytes(&mut options, option, &long), Err(Errno::EINVAL), "{option}");
        }
        for (value, taken) in [(SetValue::new(b""), blank), (SetValue::null(0), null)] {
            set_bytes(&mut options, option, b"full").unwrap();
            assert_eq!(set(&mut options, option, value).is_ok(), taken, "{option} given {value:?}");
            assert_eq!(read(&options).is_empty(), taken);
        }
    }
}

#[test]
fn credentials_of_a_proxy_may_be_null_with_any_length() {
    let mut options = fresh();
    for option in [ZMQ_SOCKS_USERNAME, ZMQ_SOCKS_PASSWORD] {
        set_bytes(&mut options, option, b"full").unwrap();
        assert_eq!(set(&mut options, option, SetValue::null(9)), Ok(()));
    }
    assert!(options.socks_proxy_username.is_empty());
    assert!(options.socks_proxy_password.as_bytes().is_empty());
    for option in [ZMQ_SOCKS_PROXY, ZMQ_BINDTODEVICE, ZMQ_ZAP_DOMAIN] {
        let null = SetValue::null(9);
        assert_eq!(set(&mut options, option, null), Err(Errno::EINVAL));
    }
}

#[test]
fn ipv6_has_two_names() {
    let mut options = fresh();
    set_int(&mut options, ZMQ_IPV4ONLY, 0).unwrap();
    assert_eq!(get(&options, ZMQ_IPV6), Ok(GetValue::Int(1)));
    set_int(&mut options, ZMQ_IPV6, 0).unwrap();
    assert_eq!(get(&options, ZMQ_IPV4ONLY), Ok(GetValue::Int(1)));
}

#[test]
fn greetings_take_any_bytes() {
    let mut options = fresh();
    for option in [ZMQ_HELLO_MSG, ZMQ_DISCONNECT_MSG, ZMQ_HICCUP_MSG] {
        assert_eq!(set_bytes(&mut options, option, b"hi"), Ok(()));
        assert_eq!(set(&mut options, option, SetValue::null(2)), Err(Errno::EINVAL));
    }
    assert_eq!(options.hello_msg, b"hi");
    assert_eq!(options.disconnect_msg, b"hi");
    assert_eq!(options.hiccup_msg, b"hi");
    assert_eq!(set_bytes(&mut options, ZMQ_HELLO_MSG, b""), Ok(()));
    assert_eq!(set(&mut options, ZMQ_HICCUP_MSG, SetValue::null(0)), Ok(()));
    assert!(options.hello_msg.is_empty() && options.hiccup_msg.is_empty());
}

#[test]
fn busy_polling_takes_any_int() {
    let mut options = fresh();
    assert_eq!(set_int(&mut options, ZMQ_BUSY_POLL, -7), Ok(()));
    assert_eq!(options.busy_poll, -7);
    assert_eq!(set_bytes(&mut options, ZMQ_BUSY_POLL, &[0; 8]), Err(Errno::EINVAL));
}

#[test]
fn metadata_is_name_and_value() {
    let mut options = fresh();
    let long_name = [b"X-", &[b'n'; 253][..], b":v"].concat();
    for good in [&b"X-a:b"[..], b"X-a:other", b"X-:vv", b"X-url:tcp://x:1", &long_name] {
        assert_eq!(set_bytes(&mut options, ZMQ_METADATA, good), Ok(()));
    }
    let too_long = [b"X-", &[b'n'; 254][..], b":v"].concat();
    for bad in
        [&b""[..], b"X-:v", b"X-name", b"X-name:", b":value", b"x-name:v", b"name:value", &too_long]
    {
        assert_eq!(set_bytes(&mut options, ZMQ_METADATA, bad), Err(Errno::EINVAL));
    }
    assert_eq!(set(&mut options, ZMQ_METADATA, SetValue::null(5)), Err(Errno::EINVAL));
    let value = |name: &[u8]| options.app_metadata.get(name).map(Vec::as_slice);
    assert_eq!(options.app_metadata.len(), 4);
    assert_eq!(value(b"X-a"), Some(&b"b"[..]));
    assert_eq!(value(b"X-"), Some(&b"vv"[..]));
    assert_eq!(value(b"X-url"), Some(&b"tcp://x:1"[..]));
}

#[test]
fn tcp_filters_pile_up_until_emptied() {
    let mut options = fresh();
    let filter =
        |options: &mut SocketOptions, text: &[u8]| set_bytes(options, ZMQ_TCP_ACCEPT_FILTER, text);
    assert_eq!(filter(&mut options, b"127.0.0.1"), Ok(()));
    assert_eq!(filter(&mut options, b"10.0.0.0/8\0ignored"), Ok(()));
    assert_eq!(options.tcp_accept_filters.len(), 2);
    for bad in [&b""[..], b"\0", b"not an address", b"\xff", &[b'1'; 256]] {
        assert_eq!(filter(&mut options, bad), Err(Errno::EINVAL), "{bad:?}");
    }
    assert_eq!(filter(&mut options, b"::1"), Err(Errno::EINVAL));
    options.ipv6 = true;
    assert_eq!(filter(&mut options, b"::1"), Ok(()));
    assert_eq!(options.tcp_accept_filters.len(), 3);
    assert_eq!(set(&mut options, ZMQ_TCP_ACCEPT_FILTER, SetValue::null(0)), Ok(()));
    assert!(options.tcp_accept_filters.is_empty());
}

#[test]
fn ipc_filters_pile_up_until_emptied() {
    let mut options = fresh();
    let filters = [ZMQ_IPC_FILTER_PID, ZMQ_IPC_FILTER_UID, ZMQ_IPC_FILTER_GID];
    for option in filters {
        for value in [1, 2, 2, -1] {
            assert_eq!(set_int(&mut options, option, value), Ok(()));
        }
        for bad in [&b""[..], b"1", &[0; 8]] {
            assert_eq!(set_bytes(&mut options, option, bad), Err(Errno::EINVAL));
        }
        let null = SetValue::null(4);
        assert_eq!(set(&mut options, option, null), Err(Errno::EINVAL));
    }
    assert_eq!(options.ipc_pid_accept_filters, BTreeSet::from([-1, 1, 2]));
    let ids = BTreeSet::from([1, 2, u32::MAX]);
    assert_eq!(options.ipc_uid_accept_filters, ids);
    assert_eq!(options.ipc_gid_accept_filters, ids);
    for option in filters {
        assert_eq!(set(&mut options, option, SetValue::null(0)), Ok(()));
    }
    assert!(options.ipc_pid_accept_filters.is_empty());
    assert!(options.ipc_uid_accept_filters.is_empty());
    assert!(options.ipc_gid_accept_filters.is_empty());
}

#[test]
fn conflation_is_for_some_kinds_only() {
    let mut options = SocketOptions::new(ZMQ_PUSH);
    assert!(!options.conflates());
    set_int(&mut options, ZMQ_CONFLATE, 1).unwrap();
    assert!(options.conflates());
    options.socket_type = ZMQ_PAIR;
    assert!(!options.conflates());
}
