use super::{fresh, get, set, set_bytes, set_int, GetValue, SetValue};
use crate::error::Errno;
use crate::options::constants::*;

/// Every option with a C `int` behind it: number, default, values taken, values refused. What is
/// taken reads back as it was given, unless a second number says otherwise.
pub(super) type IntCase = (i32, i32, &'static [i32], &'static [(i32, i32)], &'static [i32]);

const ANY: &[i32] = &[i32::MIN, -1, 0, 1, i32::MAX];
const FROM_MINUS_ONE: &[i32] = &[-1, 0, 1, i32::MAX];
const FROM_ZERO: &[i32] = &[0, 1, 255, 65_536, i32::MAX];
const FROM_ONE: &[i32] = &[1, 2, i32::MAX];
const STRICT: &[i32] = &[0, 1];
const NOT_STRICT: &[i32] = &[-1, 2, i32::MIN, i32::MAX];
const RELAXED: &[(i32, i32)] = &[(0, 0), (1, 1), (2, 1), (-1, 1)];
const BELOW_ZERO: &[i32] = &[-1, -2, i32::MIN];
const BELOW_ONE: &[i32] = &[0, -1, i32::MIN];
const BELOW_MINUS_ONE: &[i32] = &[-2, i32::MIN];

pub(super) const INTS: &[IntCase] = &[
    (ZMQ_SNDHWM, 1000, FROM_ZERO, &[], BELOW_ZERO),
    (ZMQ_RCVHWM, 1000, FROM_ZERO, &[], BELOW_ZERO),
    (ZMQ_SNDTIMEO, -1, FROM_MINUS_ONE, &[], BELOW_MINUS_ONE),
    (ZMQ_RCVTIMEO, -1, FROM_MINUS_ONE, &[], BELOW_MINUS_ONE),
    (ZMQ_LINGER, -1, FROM_MINUS_ONE, &[], BELOW_MINUS_ONE),
    (ZMQ_IMMEDIATE, 0, STRICT, &[], NOT_STRICT),
    (ZMQ_CONFLATE, 0, STRICT, &[], NOT_STRICT),
    (ZMQ_INVERT_MATCHING, 0, &[], RELAXED, &[]),
    (ZMQ_IN_BATCH_SIZE, 8192, FROM_ONE, &[], BELOW_ONE),
    (ZMQ_OUT_BATCH_SIZE, 8192, FROM_ONE, &[], BELOW_ONE),
    (ZMQ_BACKLOG, 100, FROM_ZERO, &[], BELOW_ZERO),
    (ZMQ_USE_FD, -1, FROM_MINUS_ONE, &[], BELOW_MINUS_ONE),
    (ZMQ_CONNECT_TIMEOUT, 0, FROM_ZERO, &[], BELOW_ZERO),
    (ZMQ_RECONNECT_IVL, 100, FROM_MINUS_ONE, &[], BELOW_MINUS_ONE),
    (ZMQ_RECONNECT_IVL_MAX, 0, FROM_ZERO, &[], BELOW_ZERO),
    (ZMQ_RECONNECT_STOP, 0, ANY, &[], &[]),
    (ZMQ_HANDSHAKE_IVL, 30_000, FROM_ZERO, &[], BELOW_ZERO),
    (ZMQ_HEARTBEAT_IVL, 0, FROM_ZERO, &[], BELOW_ZERO),
    (ZMQ_HEARTBEAT_TIMEOUT, -1, FROM_ZERO, &[], BELOW_ZERO),
    (
        ZMQ_HEARTBEAT_TTL,
        0,
        &[0, 100, 6_553_500],
        &[(-99, 0), (99, 0), (199, 100), (6_553_599, 6_553_500)],
        &[-100, i32::MIN, 6_553_600, i32::MAX],
    ),
    (ZMQ_SNDBUF, -1, FROM_MINUS_ONE, &[], BELOW_MINUS_ONE),
    (ZMQ_RCVBUF, -1, FROM_MINUS_ONE, &[], BELOW_MINUS_ONE),
    (ZMQ_TOS, 0, FROM_ZERO, &[], BELOW_ZERO),
    (ZMQ_PRIORITY, 0, FROM_ZERO, &[], BELOW_ZERO),
    (ZMQ_TCP_MAXRT, 0, FROM_ZERO, &[], BELOW_ZERO),
    (ZMQ_TCP_KEEPALIVE, -1, &[-1, 0, 1], &[], &[-2, 2, i32::MAX]),
    (ZMQ_TCP_KEEPALIVE_CNT, -1, FROM_MINUS_ONE, &[], BELOW_MINUS_ONE),
    (ZMQ_TCP_KEEPALIVE_IDLE, -1, FROM_MINUS_ONE, &[], BELOW_MINUS_ONE),
    (ZMQ_TCP_KEEPALIVE_INTVL, -1, FROM_MINUS_ONE, &[], BELOW_MINUS_ONE),
    (ZMQ_LOOPBACK_FASTPATH, 0, &[], RELAXED, &[]),
    (ZMQ_IPV6, 0, STRICT, &[], NOT_STRICT),
    (ZMQ_IPV4ONLY, 1, STRICT, &[], NOT_STRICT),
    (ZMQ_RATE, 100, FROM_ONE, &[], BELOW_ONE),
    (ZMQ_RECOVERY_IVL, 10_000, FROM_ZERO, &[], BELOW_ZERO),
    (ZMQ_MULTICAST_HOPS, 1, FROM_ONE, &[], BELOW_ONE),
    (ZMQ_MULTICAST_MAXTPDU, 1500, FROM_ONE, &[], BELOW_ONE),
    (ZMQ_MULTICAST_LOOP, 1, &[], RELAXED, &[]),
    (ZMQ_ZAP_ENFORCE_DOMAIN, 0, &[], RELAXED, &[]),
];

#[test]
fn integer_options_keep_their_range() {
    for &(option, default, same, others, refused) in INTS {
        let mut options = fresh();
        assert_eq!(get(&options, option), Ok(GetValue::Int(default)), "{option}");
        let taken = same.iter().map(|value| (*value, *value));
        for (value, read) in taken.chain(others.iter().copied()) {
            assert_eq!(set_int(&mut options, option, value), Ok(()), "{option}");
            assert_eq!(get(&options, option), Ok(GetValue::Int(read)), "{option} after {value}");
        }
        let before = get(&options, option);
        for value in refused {
            assert_eq!(
                set_int(&mut options, option, *value),
                Err(Errno::EINVAL),
                "{option} given {value}"
            );
        }
        assert_eq!(get(&options, option), before, "{option}");
    }
}

#[test]
fn integer_options_take_no_other_size() {
    let sizes = [0, 1, 2, 3, 5, 8, 255];
    for &(option, ..) in INTS {
        let mut options = fresh();
        for size in sizes {
            let value = vec![0; size];
            assert_eq!(
                set_bytes(&mut options, option, &value),
                Err(Errno::EINVAL),
                "{option} given {size} bytes"
            );
        }
        for length in [0, 4] {
            assert_eq!(set(&mut options, option, SetValue::null(length)), Err(Errno::EINVAL));
        }
    }
}
