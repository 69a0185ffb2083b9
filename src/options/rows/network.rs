//! What the tcp and ipc transports ask of the operating system, and whom they let in.

use crate::error::{Errno, Result};
use crate::options::constants::{ZMQ_IPV4ONLY, ZMQ_SOCKS_PASSWORD};
use crate::options::SocketOptions;
use crate::security::keys::SecretBytes;
use crate::transport::filter::AddressMask;

use super::{GetValue, Row, SetValue};

/// Longest accept filter, and longest SOCKS user name or password.
const SHORT_STRING_MAX: usize = 255;

/// `IFNAMSIZ`: the room the system has for the name of a network interface.
const DEVICE_NAME_MAX: usize = 16;

pub(super) const ROWS: &[Row] = &[
    int!(ZMQ_SNDBUF, sndbuf, -1..),
    int!(ZMQ_RCVBUF, rcvbuf, -1..),
    int!(ZMQ_TOS, tos, 0..),
    int!(ZMQ_PRIORITY, priority, 0..),
    int!(ZMQ_TCP_MAXRT, tcp_maxrt, 0..),
    int!(ZMQ_TCP_KEEPALIVE, tcp_keepalive, -1..=1),
    int!(ZMQ_TCP_KEEPALIVE_CNT, tcp_keepalive_cnt, -1..),
    int!(ZMQ_TCP_KEEPALIVE_IDLE, tcp_keepalive_idle, -1..),
    int!(ZMQ_TCP_KEEPALIVE_INTVL, tcp_keepalive_intvl, -1..),
    flag!(ZMQ_LOOPBACK_FASTPATH, loopback_fastpath, bool_relaxed),
    // libzmq answers EINVAL to whoever reads this one, so nobody can rely on more.
    write_only!(ZMQ_BUSY_POLL, |options, value| {
        options.busy_poll = value.int()?;
        Ok(())
    }),
    flag!(ZMQ_IPV6, ipv6, bool_strict),
    Row {
        option: ZMQ_IPV4ONLY,
        set: Some(|options, value| {
            options.ipv6 = !value.bool_strict()?;
            Ok(())
        }),
        get: Some(|options| GetValue::bool(!options.ipv6)),
    },
    string!(ZMQ_BINDTODEVICE, bound_device, filled_or_null, DEVICE_NAME_MAX),
    string!(ZMQ_SOCKS_PROXY, socks_proxy_address, filled_or_null, usize::MAX),
    string!(ZMQ_SOCKS_USERNAME, socks_proxy_username, filled_or_blank, SHORT_STRING_MAX),
    Row {
        option: ZMQ_SOCKS_PASSWORD,
        set: Some(|options, value| {
            let password = value.filled_or_blank(SHORT_STRING_MAX)?;
            options.socks_proxy_password = SecretBytes::new(password);
            Ok(())
        }),
        get: Some(|options| GetValue::CString(options.socks_proxy_password.as_bytes().to_vec())),
    },
    write_only!(ZMQ_TCP_ACCEPT_FILTER, add_tcp_filter),
    write_only!(ZMQ_IPC_FILTER_PID, |options, value| {
        if forgets_all(value) {
            options.ipc_pid_accept_filters.clear();
        } else {
            options.ipc_pid_accept_filters.insert(value.int()?);
        }
        Ok(())
    }),
    write_only!(ZMQ_IPC_FILTER_UID, |options, value| {
        if forgets_all(value) {
            options.ipc_uid_accept_filters.clear();
        } else {
            options.ipc_uid_accept_filters.insert(value.u32()?);
        }
        Ok(())
    }),
    write_only!(ZMQ_IPC_FILTER_GID, |options, value| {
        if forgets_all(value) {
            options.ipc_gid_accept_filters.clear();
        } else {
            options.ipc_gid_accept_filters.insert(value.u32()?);
        }
        Ok(())
    }),
];

/// A filter given as "null, length 0" empties the list it would be added to.
fn forgets_all(value: SetValue<'_>) -> bool {
    value.is_null() && value.is_empty()
}

/// The filter's text ends at its first NUL, if it has one. Whether IPv6 addresses are understood
/// depends on `ZMQ_IPV6` as it is now.
fn add_tcp_filter(options: &mut SocketOptions, value: SetValue<'_>) -> Result<()> {
    if forgets_all(value) {
        options.tcp_accept_filters.clear();
        return Ok(());
    }
    let bytes = value.filled(SHORT_STRING_MAX)?;
    let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = std::str::from_utf8(bytes).map_err(|_| Errno::EINVAL)?;
    let mask = AddressMask::parse(text, options.ipv6)?;
    options.tcp_accept_filters.push(mask);
    Ok(())
}
