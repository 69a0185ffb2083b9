//! The table of socket options.
//!
//! Every option that is a plain setting of [`SocketOptions`] is one [`Row`], in the file of its
//! theme: which number it has, how a new value is checked and kept, how it is read back. Its
//! default is the field's in [`SocketOptions::new`]. Adding an option is adding a row.
//!
//! [`set`] and [`get`] come last in line. A socket first asks its kind (`ZMQ_SUBSCRIBE`,
//! `ZMQ_ROUTER_MANDATORY`...), then, when reading, answers for its own state (`ZMQ_EVENTS`,
//! `ZMQ_LAST_ENDPOINT`...), and turns to this table for what is left. An option that ends here
//! without a row, or whose row lacks the direction asked for, is `EINVAL`, as is any value that
//! does not suit: libzmq knows no other error for options.

use crate::error::{Errno, Result};

use super::value::{GetValue, SetValue};
use super::SocketOptions;

type Setter = fn(&mut SocketOptions, SetValue<'_>) -> Result<()>;
type Getter = fn(&SocketOptions) -> GetValue;

/// One option.
struct Row {
    option: i32,
    /// `None` where the option can only be read.
    set: Option<Setter>,
    /// `None` where the option can only be written.
    get: Option<Getter>,
}

/// `int(OPTION, field, range)`: a C `int` within the range.
macro_rules! int {
    ($option:ident, $field:ident, $range:expr) => {
        Row {
            option: $crate::options::constants::$option,
            set: Some(|options, value| {
                options.$field = value.int_in($range)?;
                Ok(())
            }),
            get: Some(|options| GetValue::Int(options.$field)),
        }
    };
}

/// `flag(OPTION, field, rule)`: a C `int` as a boolean, by one of the rules of `SetValue`.
macro_rules! flag {
    ($option:ident, $field:ident, $rule:ident) => {
        Row {
            option: $crate::options::constants::$option,
            set: Some(|options, value| {
                options.$field = value.$rule()?;
                Ok(())
            }),
            get: Some(|options| GetValue::bool(options.$field)),
        }
    };
}

/// `string(OPTION, field, rule, max)`: at most `max` bytes, by one of the rules of `SetValue`; read
/// back with a NUL behind it.
macro_rules! string {
    ($option:ident, $field:ident, $rule:ident, $max:expr) => {
        Row {
            option: $crate::options::constants::$option,
            set: Some(|options, value| {
                options.$field = value.$rule($max)?.to_vec();
                Ok(())
            }),
            get: Some(|options| GetValue::CString(options.$field.clone())),
        }
    };
}

/// `write_only(OPTION, setter)`
macro_rules! write_only {
    ($option:ident, $set:expr) => {
        Row { option: $crate::options::constants::$option, set: Some($set), get: None }
    };
}

/// `read_only(OPTION, getter)`
macro_rules! read_only {
    ($option:ident, $get:expr) => {
        Row { option: $crate::options::constants::$option, set: None, get: Some($get) }
    };
}

mod connection;
mod messages;
mod multicast;
mod network;
#[cfg(feature = "norm")]
mod norm;
mod security;
#[cfg(test)]
mod tests;
#[cfg(feature = "wss")]
mod tls;
#[cfg(target_os = "linux")]
mod vsock;

const THEMES: &[&[Row]] = &[
    messages::ROWS,
    connection::ROWS,
    network::ROWS,
    multicast::ROWS,
    security::ROWS,
    security::GSSAPI_ROWS,
    #[cfg(feature = "wss")]
    tls::ROWS,
    #[cfg(feature = "norm")]
    norm::ROWS,
    #[cfg(target_os = "linux")]
    vsock::ROWS,
];

/// Changes an option, or fails with `EINVAL` and changes nothing.
pub fn set(options: &mut SocketOptions, option: i32, value: SetValue<'_>) -> Result<()> {
    let set = row(option)?.set.ok_or(Errno::EINVAL)?;
    set(options, value)
}

/// Reads an option. Whether the caller's buffer suits is for [`GetValue::store`] to say.
pub fn get(options: &SocketOptions, option: i32) -> Result<GetValue> {
    let get = row(option)?.get.ok_or(Errno::EINVAL)?;
    Ok(get(options))
}

fn row(option: i32) -> Result<&'static Row> {
    THEMES.iter().copied().flatten().find(|row| row.option == option).ok_or(Errno::EINVAL)
}
