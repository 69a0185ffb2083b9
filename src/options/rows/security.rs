//! Authentication and encryption.
//!
//! There is no option that names the mechanism: setting one of its keys or passwords chooses it,
//! and the last one set counts.

use crate::error::Result;
use crate::options::constants::{
    ZMQ_CURVE, ZMQ_CURVE_PUBLICKEY, ZMQ_CURVE_SECRETKEY, ZMQ_CURVE_SERVER, ZMQ_CURVE_SERVERKEY,
    ZMQ_NULL, ZMQ_PLAIN, ZMQ_PLAIN_PASSWORD, ZMQ_PLAIN_SERVER, ZMQ_PLAIN_USERNAME,
};
#[cfg(feature = "gssapi")]
use crate::options::constants::{
    ZMQ_GSSAPI, ZMQ_GSSAPI_NT_HOSTBASED, ZMQ_GSSAPI_NT_KRB5_PRINCIPAL, ZMQ_GSSAPI_PRINCIPAL,
    ZMQ_GSSAPI_SERVER, ZMQ_GSSAPI_SERVICE_PRINCIPAL,
};
use crate::options::SocketOptions;
use crate::security::keys::{SecretBytes, SecretKey};

use super::{GetValue, Row, SetValue};

/// Longest ZAP domain.
const DOMAIN_MAX: usize = 255;
/// Longest name and password of PLAIN.
const PLAIN_MAX: usize = 255;

pub(super) const ROWS: &[Row] = &[
    read_only!(ZMQ_MECHANISM, |options| GetValue::Int(options.mechanism)),
    string!(ZMQ_ZAP_DOMAIN, zap_domain, filled, DOMAIN_MAX),
    flag!(ZMQ_ZAP_ENFORCE_DOMAIN, zap_enforce_domain, bool_relaxed),
    Row {
        option: ZMQ_PLAIN_SERVER,
        set: Some(|options, value| set_server(options, ZMQ_PLAIN, value)),
        get: Some(|options| is_server(options, ZMQ_PLAIN)),
    },
    Row {
        option: ZMQ_PLAIN_USERNAME,
        set: Some(|options, value| {
            if let Some(username) = plain_text(options, value)? {
                options.plain_username = username;
            }
            Ok(())
        }),
        get: Some(|options| GetValue::CString(options.plain_username.as_bytes().to_vec())),
    },
    Row {
        option: ZMQ_PLAIN_PASSWORD,
        set: Some(|options, value| {
            if let Some(password) = plain_text(options, value)? {
                options.plain_password = password;
            }
            Ok(())
        }),
        get: Some(|options| GetValue::CString(options.plain_password.as_bytes().to_vec())),
    },
    Row {
        option: ZMQ_CURVE_SERVER,
        set: Some(|options, value| set_server(options, ZMQ_CURVE, value)),
        get: Some(|options| is_server(options, ZMQ_CURVE)),
    },
    Row {
        option: ZMQ_CURVE_PUBLICKEY,
        set: Some(|options, value| {
            options.curve_public_key = value.key()?;
            options.mechanism = ZMQ_CURVE;
            Ok(())
        }),
        get: Some(|options| GetValue::Key(SecretKey::new(options.curve_public_key))),
    },
    Row {
        option: ZMQ_CURVE_SECRETKEY,
        set: Some(|options, value| {
            options.curve_secret_key = SecretKey::new(value.key()?);
            options.mechanism = ZMQ_CURVE;
            Ok(())
        }),
        get: Some(|options| GetValue::Key(options.curve_secret_key.clone())),
    },
    Row {
        option: ZMQ_CURVE_SERVERKEY,
        set: Some(|options, value| {
            options.curve_server_key = value.key()?;
            options.mechanism = ZMQ_CURVE;
            options.as_server = false;
            Ok(())
        }),
        get: Some(|options| GetValue::Key(SecretKey::new(options.curve_server_key))),
    },
];

/// Options of a build with Kerberos; in any other they are unknown.
#[cfg(feature = "gssapi")]
pub(super) const GSSAPI_ROWS: &[Row] = &[
    Row {
        option: ZMQ_GSSAPI_SERVER,
        set: Some(|options, value| {
            options.as_server = value.bool_strict()?;
            options.mechanism = ZMQ_GSSAPI;
            Ok(())
        }),
        get: Some(|options| is_server(options, ZMQ_GSSAPI)),
    },
    Row {
        option: ZMQ_GSSAPI_PRINCIPAL,
        set: Some(|options, value| {
            options.gssapi_principal = value.filled(PRINCIPAL_MAX)?.to_vec();
            options.mechanism = ZMQ_GSSAPI;
            Ok(())
        }),
        get: Some(|options| GetValue::CString(options.gssapi_principal.clone())),
    },
    Row {
        option: ZMQ_GSSAPI_SERVICE_PRINCIPAL,
        set: Some(|options, value| {
            options.gssapi_service_principal = value.filled(PRINCIPAL_MAX)?.to_vec();
            options.mechanism = ZMQ_GSSAPI;
            options.as_server = false;
            Ok(())
        }),
        get: Some(|options| GetValue::CString(options.gssapi_service_principal.clone())),
    },
    flag!(ZMQ_GSSAPI_PLAINTEXT, gssapi_plaintext, bool_strict),
    int!(ZMQ_GSSAPI_PRINCIPAL_NAMETYPE, gssapi_principal_nametype, NAME_TYPES),
    int!(ZMQ_GSSAPI_SERVICE_PRINCIPAL_NAMETYPE, gssapi_service_principal_nametype, NAME_TYPES),
];
#[cfg(not(feature = "gssapi"))]
pub(super) const GSSAPI_ROWS: &[Row] = &[];

/// Longest name of a principal.
#[cfg(feature = "gssapi")]
const PRINCIPAL_MAX: usize = 255;
#[cfg(feature = "gssapi")]
const NAME_TYPES: core::ops::RangeInclusive<i32> =
    ZMQ_GSSAPI_NT_HOSTBASED..=ZMQ_GSSAPI_NT_KRB5_PRINCIPAL;

/// A socket that stops being a server has no mechanism at all.
fn set_server(options: &mut SocketOptions, mechanism: i32, value: SetValue<'_>) -> Result<()> {
    options.as_server = value.bool_strict()?;
    options.mechanism = if options.as_server { mechanism } else { ZMQ_NULL };
    Ok(())
}

fn is_server(options: &SocketOptions, mechanism: i32) -> GetValue {
    GetValue::bool(options.as_server && options.mechanism == mechanism)
}

/// A name or password makes the socket a client of PLAIN; null takes the mechanism away and leaves
/// the text.
fn plain_text(options: &mut SocketOptions, value: SetValue<'_>) -> Result<Option<SecretBytes>> {
    if value.is_null() && value.is_empty() {
        options.mechanism = ZMQ_NULL;
        return Ok(None);
    }
    let text = value.filled(PLAIN_MAX)?;
    options.mechanism = ZMQ_PLAIN;
    options.as_server = false;
    Ok(Some(SecretBytes::new(text)))
}
