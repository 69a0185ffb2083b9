//! The answers of a SOCKS proxy.

use zmq::security::keys::SecretBytes;
use zmq::transport::socks::{parse_target, SocksClient};

use super::script::{joined, piece, Script};

pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let credentials = match script.byte() % 3 {
        0 => None,
        _ => Some((script.piece().to_vec(), SecretBytes::new(script.piece()))),
    };
    let target = String::from_utf8_lossy(script.piece()).into_owned();
    let size = usize::from(script.byte()).max(1);
    let Ok(mut client) = SocksClient::new(&target, credentials) else { return };
    assert!(parse_target(&target).is_ok());
    for piece in script.rest().chunks(size) {
        let waiting = client.output().len();
        assert!(waiting <= 600);
        client.advance(waiting);
        assert!(client.is_done() || client.wanted() > 0);
        let Ok(taken) = client.input(piece) else {
            assert!(client.input(b"more").is_err() && !client.is_done());
            return;
        };
        assert!(taken == piece.len() || client.is_done());
        if client.is_done() {
            assert_eq!((client.wanted(), client.input(b"more")), (0, Ok(0)));
            return;
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let granted: &[u8] = b"\x05\0\x05\0\0\x01\x7f\0\0\x01\x12\x34";
    let named: &[u8] = b"\x05\x02\x01\0\x05\0\0\x03\x04name\x12\x34";
    vec![
        joined(&[&[0], &piece(b"example.org:80"), &[2], granted]),
        joined(&[&[0], &piece(b"[::1]:80"), &[2], b"\x05\0\x05\0\0\x04", &[1; 18]]),
        joined(&[&[1], &piece(b"user"), &piece(b"word"), &piece(b"10.0.0.1:1"), &[2], named]),
        joined(&[&[0], &piece(b"h:1"), &[255], b"\x05\xff"]),
        joined(&[&[0], &piece(b"h:1"), &[2], b"\x05\0\x05\x05\0\x01"]),
    ]
}
