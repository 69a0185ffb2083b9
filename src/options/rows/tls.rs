//! TLS of the `wss` transport. As in libzmq none of these can be read back.

use crate::error::Result;
use crate::options::SocketOptions;
use crate::security::keys::SecretBytes;

use super::{Row, SetValue};

/// `text(OPTION, field)`: any bytes; whether they are what they should be, a bind or connect says.
macro_rules! text {
    ($option:ident, $field:ident) => {
        write_only!($option, |options: &mut SocketOptions, value: SetValue<'_>| -> Result<()> {
            options.$field = value.bytes()?.to_vec();
            Ok(())
        })
    };
}

pub(super) const ROWS: &[Row] = &[
    write_only!(ZMQ_WSS_KEY_PEM, |options, value| {
        options.wss_key_pem = SecretBytes::new(value.bytes()?);
        Ok(())
    }),
    text!(ZMQ_WSS_CERT_PEM, wss_cert_pem),
    text!(ZMQ_WSS_TRUST_PEM, wss_trust_pem),
    text!(ZMQ_WSS_HOSTNAME, wss_hostname),
    write_only!(ZMQ_WSS_TRUST_SYSTEM, |options, value| {
        options.wss_trust_system = value.bool_strict()?;
        Ok(())
    }),
];
