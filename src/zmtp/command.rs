//! Commands that flow once the handshake is done.
//!
//! The body of a command frame is a length byte, the command's name, and data. libzmq drops a
//! command it does not know or cannot read and keeps the connection; the engine does the same with
//! [`Command::Unknown`] and with an error of [`parse`].

use super::frame::{append_frame, COMMAND};
use crate::options::constants::{
    ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR,
    ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED,
};

/// Longest context of a PING that a PONG gives back; more is cut off.
pub const MAX_PING_CONTEXT: usize = 16;

/// A command, borrowing from the body it was read from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command<'a> {
    /// The peer wants a PONG, and allows us to count it dead `ttl_deciseconds` after it fell
    /// silent (0: no such wish).
    Ping {
        ttl_deciseconds: u16,
        context: &'a [u8],
    },
    Pong {
        context: &'a [u8],
    },
    Subscribe(&'a [u8]),
    Cancel(&'a [u8]),
    /// A DISH socket wants the messages of this group.
    Join(&'a [u8]),
    Leave(&'a [u8]),
    /// The reason, without its length byte.
    Error(&'a [u8]),
    /// The whole body, name included.
    Unknown(&'a [u8]),
}

/// A `ZMQ_PROTOCOL_ERROR_*` number.
pub type ProtocolError = i32;

/// Reads the body of a command frame.
pub fn parse(body: &[u8]) -> Result<Command<'_>, ProtocolError> {
    const MALFORMED: ProtocolError = ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED;
    let (name, data) = split_length_prefixed(body).ok_or(MALFORMED)?;
    Ok(match name {
        b"PING" => {
            let (ttl, context) = data.split_first_chunk::<2>().ok_or(MALFORMED)?;
            Command::Ping { ttl_deciseconds: u16::from_be_bytes(*ttl), context }
        }
        b"PONG" => Command::Pong { context: data },
        b"SUBSCRIBE" => Command::Subscribe(data),
        b"CANCEL" => Command::Cancel(data),
        b"JOIN" => Command::Join(data),
        b"LEAVE" => Command::Leave(data),
        b"ERROR" => {
            let (reason, _) = split_length_prefixed(data)
                .ok_or(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR)?;
            Command::Error(reason)
        }
        _ => Command::Unknown(body),
    })
}

/// Splits off what a leading length byte covers.
fn split_length_prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(length))
}

/// Body of a PING.
pub fn ping_body(ttl_deciseconds: u16, context: &[u8]) -> Vec<u8> {
    body(b"\x04PING", &[&ttl_deciseconds.to_be_bytes(), context])
}

/// Body of the PONG that answers a PING with this context.
pub fn pong_body(context: &[u8]) -> Vec<u8> {
    let kept = context.len().min(MAX_PING_CONTEXT);
    body(b"\x04PONG", &[&context[..kept]])
}

/// Body of a SUBSCRIBE.
pub fn subscribe_body(topic: &[u8]) -> Vec<u8> {
    body(b"\x09SUBSCRIBE", &[topic])
}

/// Body of a CANCEL.
pub fn cancel_body(topic: &[u8]) -> Vec<u8> {
    body(b"\x06CANCEL", &[topic])
}

/// Body of a JOIN.
pub fn join_body(group: &[u8]) -> Vec<u8> {
    body(b"\x04JOIN", &[group])
}

/// Body of a LEAVE.
pub fn leave_body(group: &[u8]) -> Vec<u8> {
    body(b"\x05LEAVE", &[group])
}

/// A PING as a whole frame.
pub fn encode_ping(ttl_deciseconds: u16, context: &[u8]) -> Vec<u8> {
    frame(&ping_body(ttl_deciseconds, context))
}

/// A PONG as a whole frame.
pub fn encode_pong(context: &[u8]) -> Vec<u8> {
    frame(&pong_body(context))
}

/// A SUBSCRIBE as a whole frame.
pub fn encode_subscribe(topic: &[u8]) -> Vec<u8> {
    frame(&subscribe_body(topic))
}

/// A CANCEL as a whole frame.
pub fn encode_cancel(topic: &[u8]) -> Vec<u8> {
    frame(&cancel_body(topic))
}

fn body(prefixed_name: &[u8], data: &[&[u8]]) -> Vec<u8> {
    let mut body = prefixed_name.to_vec();
    for piece in data {
        body.extend_from_slice(piece);
    }
    body
}

fn frame(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    append_frame(COMMAND, body, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zmtp::frame::parse_header;

    #[test]
    fn what_we_write_we_can_read() {
        let ping = ping_body(300, b"LOL");
        let expected = Command::Ping { ttl_deciseconds: 300, context: b"LOL" };
        assert_eq!(parse(&ping), Ok(expected));
        assert_eq!(parse(&pong_body(b"LOL")), Ok(Command::Pong { context: b"LOL" }));
        assert_eq!(parse(&subscribe_body(b"A")), Ok(Command::Subscribe(b"A")));
        assert_eq!(parse(&cancel_body(b"")), Ok(Command::Cancel(b"")));
        assert_eq!(parse(&join_body(b"G")), Ok(Command::Join(b"G")));
        assert_eq!(parse(&leave_body(b"G")), Ok(Command::Leave(b"G")));
    }

    #[test]
    fn whole_frames_have_the_bytes_of_the_protocol() {
        assert_eq!(encode_subscribe(b"A"), b"\x04\x0b\x09SUBSCRIBEA");
        assert_eq!(encode_cancel(b"A"), b"\x04\x08\x06CANCELA");
        assert_eq!(encode_ping(0, b"LOL"), b"\x04\x0a\x04PING\0\0LOL");
        assert_eq!(encode_pong(b"LOL"), b"\x04\x08\x04PONGLOL");
        let long = encode_subscribe(&[7; 300]);
        let header = parse_header(&long).unwrap().unwrap();
        assert!(header.is_command());
        assert_eq!(header.frame_len(), Some(long.len()));
        assert_eq!(header.body_len, 310);
    }

    #[test]
    fn a_pong_cuts_a_long_context() {
        assert_eq!(pong_body(&[b'z'; 50]).len(), 5 + MAX_PING_CONTEXT);
    }

    #[test]
    fn errors_and_unknown_commands() {
        assert_eq!(parse(b"\x05ERROR\x03400"), Ok(Command::Error(b"400")));
        assert_eq!(
            parse(b"\x05ERROR\x04400"),
            Err(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR)
        );
        assert_eq!(parse(b"\x03FOObar"), Ok(Command::Unknown(b"\x03FOObar")));
        assert_eq!(parse(b"\x04ping\0\0"), Ok(Command::Unknown(b"\x04ping\0\0")));
        assert_eq!(parse(b"\0"), Ok(Command::Unknown(b"\0")));
    }

    #[test]
    fn truncations_are_errors_and_never_panic() {
        for valid in [ping_body(1, b""), subscribe_body(b""), cancel_body(b"")] {
            for cut in 0..valid.len() {
                assert_eq!(
                    parse(&valid[..cut]),
                    Err(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED)
                );
            }
        }
    }
}
