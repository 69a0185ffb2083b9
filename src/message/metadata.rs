//! Properties of the connection a message came over (`zmq_msg_gets(3)`).

use std::borrow::Cow;
use std::ffi::CString;

/// A private property of the original: the descriptor as text, from before `ZMQ_SRCFD`.
const DESCRIPTOR: &str = "__fd";

/// What is known of a connection: ZMTP and ZAP properties and the peer's address.
#[derive(Debug, Default)]
pub struct Metadata {
    properties: Vec<(Cow<'static, str>, CString)>,
    /// The descriptor the connection used (`ZMQ_SRCFD`), -1 when there is none.
    pub descriptor: i32,
}

impl Metadata {
    /// Metadata of a connection over `descriptor`. A value ends at its first NUL byte, since C
    /// callers receive a string.
    pub fn new(properties: Vec<(String, Vec<u8>)>, descriptor: i32) -> Metadata {
        // Ahead of what the peer calls itself, so that it cannot claim another descriptor.
        let own = (Cow::Borrowed(DESCRIPTOR), descriptor.to_string().into_bytes());
        let properties = core::iter::once(own)
            .filter(|_| descriptor >= 0)
            .chain(properties.into_iter().map(|(name, value)| (Cow::Owned(name), value)))
            .map(|(name, mut value)| {
                let end = value.iter().position(|&b| b == 0).unwrap_or(value.len());
                value.truncate(end);
                (name, CString::new(value).unwrap_or_default())
            })
            .collect();
        Metadata { properties, descriptor }
    }

    /// The value of a property. `Identity` and `Routing-Id` are two names of one property.
    pub fn property(&self, name: &str) -> Option<&CString> {
        let find = |name: &str| {
            self.properties.iter().find(|(known, _)| known == name).map(|(_, value)| value)
        };
        find(name).or_else(|| match name {
            "Identity" => find("Routing-Id"),
            "Routing-Id" => find("Identity"),
            _ => None,
        })
    }
}
