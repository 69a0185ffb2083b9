//! How a socket queues, limits and hands on messages.

use crate::error::{Errno, Result};
use crate::options::constants::{ZMQ_AFFINITY, ZMQ_MAXMSGSIZE, ZMQ_ROUTING_ID};
use crate::options::SocketOptions;

use super::{GetValue, Row, SetValue};

/// Longest routing id, and longest name of a metadata property.
const SHORT_STRING_MAX: usize = 255;

pub(super) const ROWS: &[Row] = &[
    read_only!(ZMQ_TYPE, |options| GetValue::Int(options.socket_type)),
    int!(ZMQ_SNDHWM, sndhwm, 0..),
    int!(ZMQ_RCVHWM, rcvhwm, 0..),
    int!(ZMQ_SNDTIMEO, sndtimeo, -1..),
    int!(ZMQ_RCVTIMEO, rcvtimeo, -1..),
    int!(ZMQ_LINGER, linger, -1..),
    flag!(ZMQ_IMMEDIATE, immediate, bool_strict),
    flag!(ZMQ_CONFLATE, conflate, bool_strict),
    flag!(ZMQ_INVERT_MATCHING, invert_matching, bool_relaxed),
    int!(ZMQ_IN_BATCH_SIZE, in_batch_size, 1..),
    int!(ZMQ_OUT_BATCH_SIZE, out_batch_size, 1..),
    // Every socket can tell, but only a ROUTER can be told.
    read_only!(ZMQ_ROUTER_NOTIFY, |options| GetValue::Int(options.router_notify)),
    Row {
        option: ZMQ_AFFINITY,
        set: Some(|options, value| {
            options.affinity = value.u64()?;
            Ok(())
        }),
        get: Some(|options| GetValue::U64(options.affinity)),
    },
    Row {
        option: ZMQ_MAXMSGSIZE,
        set: Some(|options, value| {
            options.maxmsgsize = value.i64()?;
            Ok(())
        }),
        get: Some(|options| GetValue::I64(options.maxmsgsize)),
    },
    Row {
        option: ZMQ_ROUTING_ID,
        set: Some(|options, value| {
            options.routing_id = value.filled(SHORT_STRING_MAX)?.to_vec();
            Ok(())
        }),
        get: Some(|options| GetValue::Bytes(options.routing_id.clone())),
    },
    write_only!(ZMQ_METADATA, add_property),
    write_only!(ZMQ_HELLO_MSG, |options, value| {
        options.hello_msg = value.bytes()?.to_vec();
        Ok(())
    }),
    write_only!(ZMQ_DISCONNECT_MSG, |options, value| {
        options.disconnect_msg = value.bytes()?.to_vec();
        Ok(())
    }),
    write_only!(ZMQ_HICCUP_MSG, |options, value| {
        options.hiccup_msg = value.bytes()?.to_vec();
        Ok(())
    }),
];

/// Takes `name:value` for the handshake's metadata. The name starts with `X-`, neither side of the
/// first colon is empty, and the first value given for a name stays.
fn add_property(options: &mut SocketOptions, value: SetValue<'_>) -> Result<()> {
    // A property of four bytes cannot be told from a C `int` given by mistake; libzmq refuses it.
    if value.is_int_sized() {
        return Err(Errno::EINVAL);
    }
    let property = value.bytes()?;
    let colon = property.iter().position(|byte| *byte == b':');
    let (name, value) = property.split_at(colon.ok_or(Errno::EINVAL)?);
    let value = value.strip_prefix(b":").ok_or(Errno::EINVAL)?;
    if !name.starts_with(b"X-") || name.len() > SHORT_STRING_MAX || value.is_empty() {
        return Err(Errno::EINVAL);
    }
    options.app_metadata.entry(name.to_vec()).or_insert_with(|| value.to_vec());
    Ok(())
}
