//! Headers of frames and bodies of commands, each by itself.

use zmq::zmtp::command::{self, Command};
use zmq::zmtp::frame::{self, Header};

pub fn run(data: &[u8]) {
    if let Ok(Some(header)) = frame::parse_header(data) {
        check(&header, data);
        let Ok(len) = usize::try_from(header.body_len) else { return };
        let mut out = [0; frame::MAX_HEADER_LEN];
        let written = frame::encode_header(header.flags, len, &mut out);
        let again = frame::parse_header(&out[..written]).unwrap().unwrap();
        assert_eq!((again.flags, again.body_len), (header.flags, header.body_len));
        assert!(written <= header.header_len);
    }
    if let Ok(Some(header)) = frame::parse_header_v1(data) {
        check(&header, data);
        let Ok(len) = usize::try_from(header.body_len) else { return };
        let mut out = [0; frame::MAX_HEADER_LEN_V1];
        let written = frame::encode_header_v1(header.has_more(), len, &mut out);
        let again = frame::parse_header_v1(&out[..written]).unwrap().unwrap();
        assert_eq!((again.flags, again.body_len), (header.flags, header.body_len));
    }
    // A header that is not there yet is never one that is wrong, and the other way round.
    for cut in 0..data.len().min(frame::MAX_HEADER_LEN_V1) {
        for parse in [frame::parse_header, frame::parse_header_v1] {
            match parse(&data[..cut]) {
                Ok(None) => {}
                found => assert_eq!(found, parse(data)),
            }
        }
    }
    commands(data);
}

fn check(header: &Header, data: &[u8]) {
    assert!(header.header_len <= data.len() && header.body_len <= i64::MAX as u64);
    assert!(header.frame_len().is_some());
}

fn commands(data: &[u8]) {
    let Ok(found) = command::parse(data) else { return };
    let written = match found {
        Command::Ping { ttl_deciseconds, context } => command::ping_body(ttl_deciseconds, context),
        Command::Pong { context } if context.len() <= command::MAX_PING_CONTEXT => {
            command::pong_body(context)
        }
        Command::Subscribe(topic) => command::subscribe_body(topic),
        Command::Cancel(topic) => command::cancel_body(topic),
        Command::Join(group) => command::join_body(group),
        Command::Leave(group) => command::leave_body(group),
        Command::Pong { .. } | Command::Error(_) | Command::Unknown(_) => return,
    };
    assert_eq!(written, data);
}

pub fn seeds() -> Vec<Vec<u8>> {
    vec![
        command::encode_ping(7, b"context"),
        command::ping_body(7, b"context"),
        command::pong_body(b"context"),
        command::encode_subscribe(b"topic"),
        command::subscribe_body(b"topic"),
        command::cancel_body(&[7; 300]),
        command::join_body(b"group"),
        command::leave_body(b"group"),
        b"\x05ERROR\x03400".to_vec(),
        b"\x02\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        b"\x02\x7f\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xda\0".to_vec(),
        b"\x05\0body".to_vec(),
    ]
}
