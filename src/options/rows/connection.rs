//! The life of a connection: how it is made, watched, and made again.

use crate::error::{Errno, Result};
use crate::options::constants::ZMQ_HEARTBEAT_TTL;
use crate::options::SocketOptions;

use super::{GetValue, Row, SetValue};

pub(super) const ROWS: &[Row] = &[
    int!(ZMQ_BACKLOG, backlog, 0..),
    int!(ZMQ_USE_FD, use_fd, -1..),
    int!(ZMQ_CONNECT_TIMEOUT, connect_timeout, 0..),
    int!(ZMQ_RECONNECT_IVL, reconnect_ivl, -1..),
    int!(ZMQ_RECONNECT_IVL_MAX, reconnect_ivl_max, 0..),
    // Bits nobody has given a meaning are kept.
    int!(ZMQ_RECONNECT_STOP, reconnect_stop, ..),
    int!(ZMQ_HANDSHAKE_IVL, handshake_ivl, 0..),
    int!(ZMQ_HEARTBEAT_IVL, heartbeat_interval, 0..),
    // The default of -1, "the same as the interval", cannot be set again.
    int!(ZMQ_HEARTBEAT_TIMEOUT, heartbeat_timeout, 0..),
    Row {
        option: ZMQ_HEARTBEAT_TTL,
        set: Some(set_heartbeat_ttl),
        get: Some(|options| {
            GetValue::Int(i32::from(options.heartbeat_ttl) * MILLISECONDS_PER_TTL_UNIT)
        }),
    },
];

const MILLISECONDS_PER_TTL_UNIT: i32 = 100;

/// Milliseconds come in, the tenths of a second of the PING command are kept. The range is checked
/// after the division, so what rounds to zero from below passes.
fn set_heartbeat_ttl(options: &mut SocketOptions, value: SetValue<'_>) -> Result<()> {
    let tenths = value.int()? / MILLISECONDS_PER_TTL_UNIT;
    options.heartbeat_ttl = u16::try_from(tenths).map_err(|_| Errno::EINVAL)?;
    Ok(())
}
