//! Both sides of a handshake in memory, and everything that can be wrong with what they say.

use super::client::State;
use super::*;
use crate::error::Errno;
use crate::message::Content;
use crate::options::constants::*;
use crate::security::keys::SecretBytes;
use crate::security::metadata::encode_own;
use crate::security::{zap, HandshakeError, Opener, PeerMetadata, Setup, Status, Transforms};

const UNEXPECTED: HandshakeError = HandshakeError::UNEXPECTED_COMMAND;

struct Keys {
    client: (PublicKey, SecretKey),
    server: (PublicKey, SecretKey),
}

impl Keys {
    fn new() -> Keys {
        Keys { client: keypair().unwrap(), server: keypair().unwrap() }
    }

    fn client(&self) -> Client {
        let keys = ClientKeys {
            public: self.client.0,
            secret: self.client.1.clone(),
            server: self.server.0,
        };
        Client::new(setup(ZMQ_DEALER, ZMQ_DEALER, b"", false), keys).unwrap()
    }

    fn server(&self) -> Server {
        self.server_of(b"", true)
    }

    fn server_of(&self, domain: &[u8], enforced: bool) -> Server {
        Server::new(setup(ZMQ_ROUTER, ZMQ_ROUTER, domain, enforced), self.server.1.clone())
    }
}

fn setup(own_type: i32, local_type: i32, domain: &[u8], enforced: bool) -> Setup {
    Setup {
        own_metadata: encode_own(own_type, b"me", []),
        peer: PeerMetadata::new(local_type, true),
        zap: zap::Client::new(domain.to_vec(), enforced, "127.0.0.1".into(), Vec::new()),
    }
}

fn answer(status: &str) -> Vec<Vec<u8>> {
    ["", "1.0", "1", status, "", "alice", ""].iter().map(|part| part.as_bytes().to_vec()).collect()
}

/// Up to and with INITIATE.
fn initiated(client: &mut Client, server: &mut Server) -> Result<(), HandshakeError> {
    server.process_command(&client.next_command().unwrap())?;
    client.process_command(&server.next_command().unwrap())?;
    server.process_command(&client.next_command().unwrap())
}

/// What both ends of a new connection do to their messages.
pub(crate) fn transforms() -> (Transforms, Transforms) {
    connected(&Keys::new())
}

/// What seals messages, up to the last one there can be.
pub(crate) fn worn_out_sealer() -> crate::security::Sealer {
    super::cipher::halves(super::cipher::Side::Client, &SecretKey::default(), u64::MAX, 0).0.into()
}

fn connected(keys: &Keys) -> (Transforms, Transforms) {
    let (mut client, mut server) = (keys.client(), keys.server());
    initiated(&mut client, &mut server).unwrap();
    client.process_command(&server.next_command().unwrap()).unwrap();
    assert_eq!((client.status(), server.status()), (Status::Ready, Status::Ready));
    (client.finish().1.unwrap(), server.finish().1.unwrap())
}

/// The body of the frame that carries this one.
fn sealed(transforms: &mut Transforms, flags: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    transforms.seal.append_frame(flags, body, &mut out).unwrap();
    let header = crate::zmtp::frame::parse_header(&out).unwrap().unwrap();
    assert_eq!((header.flags, header.frame_len()), (0, Some(out.len())));
    out.split_off(header.header_len)
}

fn opened(transforms: &mut Transforms, frame: &[u8]) -> Result<(u8, Vec<u8>), HandshakeError> {
    let mut frame = frame.to_vec();
    let (flags, range) = transforms.open.open(&mut frame)?;
    Ok((flags, frame[range].to_vec()))
}

#[test]
fn both_sides_learn_about_each_other() {
    let keys = Keys::new();
    let (mut client, mut server) = (keys.client(), keys.server());
    assert_eq!((client.status(), server.status()), (Status::Handshaking, Status::Handshaking));
    initiated(&mut client, &mut server).unwrap();
    assert_eq!(client.next_command(), None);
    client.process_command(&server.next_command().unwrap()).unwrap();
    let (client_setup, _) = client.finish();
    let (server_setup, _) = server.finish();
    assert_eq!(client_setup.peer.socket_type(), Some(&b"ROUTER"[..]));
    assert_eq!(server_setup.peer.socket_type(), Some(&b"DEALER"[..]));
    assert_eq!(server_setup.peer.routing_id(), b"me");
}

#[test]
fn messages_of_all_sizes_pass_both_ways() {
    let (mut client, mut server) = connected(&Keys::new());
    let body: Vec<u8> = (0..100_000u32).map(|number| number as u8).collect();
    for length in (0..200).chain([255, 256, 1000, 65_535, 65_536, 100_000]) {
        for flags in [0, 1, 4] {
            let there = sealed(&mut client, flags, &body[..length]);
            assert_eq!(opened(&mut server, &there), Ok((flags, body[..length].to_vec())));
            let back = sealed(&mut server, flags, &body[..length]);
            assert_eq!(opened(&mut client, &back), Ok((flags, body[..length].to_vec())));
        }
    }
}

#[test]
fn a_body_is_sealed_where_it_lies() {
    let (mut client, mut server) = connected(&Keys::new());
    for length in [32 * 1024, 65_536, 100_000] {
        for flags in [0, 1, 4] {
            let body: Vec<u8> = (0..length).map(|number| number as u8).collect();
            let mut content = Content::copy_of(&body).unwrap();
            let place = content.as_ptr();
            assert_eq!(client.seal.seal_in_place(flags, &mut content), Ok(true));
            let mut frame = content.as_slice().to_vec();
            assert_eq!(content.as_ptr() as usize + content.len(), place as usize + length);
            let header = crate::zmtp::frame::parse_header(&frame).unwrap().unwrap();
            assert_eq!((header.flags, header.frame_len()), (0, Some(frame.len())));
            let (found, range) = server.open.open(&mut frame[header.header_len..]).unwrap();
            assert_eq!(found, flags);
            assert!(frame[header.header_len..][range] == body);
        }
    }
}

#[test]
#[allow(unsafe_code)]
fn a_body_that_others_refer_to_is_left_alone() {
    let (mut client, mut server) = connected(&Keys::new());
    let mut memory = vec![7; 40_000];
    // SAFETY: the memory outlives the content.
    let callers = unsafe {
        Content::from_caller(memory.as_mut_ptr(), memory.len(), None, core::ptr::null_mut())
    };
    let copy = Content::copy_of(&memory).unwrap();
    for mut content in [callers.unwrap(), copy.clone(), Content::copy_of(b"no room").unwrap()] {
        let before = content.as_slice().to_vec();
        assert_eq!(client.seal.seal_in_place(0, &mut content), Ok(false));
        assert!(content.as_slice() == before);
    }
    // None of them took a number.
    let next = sealed(&mut client, 0, b"next");
    assert_eq!(next[8..16], 3u64.to_be_bytes());
    assert_eq!(opened(&mut server, &next), Ok((0, b"next".to_vec())));
}

#[test]
fn flags_have_the_bits_of_the_protocol() {
    let (mut client, server) = connected(&Keys::new());
    #[cfg_attr(not(feature = "gssapi"), allow(irrefutable_let_patterns))]
    let Opener::Curve(opener) = &server.open
    else {
        panic!("a connection of CURVE")
    };
    for (flags, on_the_wire) in [(0, 0), (1, 1), (4, 2), (5, 3), (0xfa, 0)] {
        let mut frame = sealed(&mut client, flags, b"body");
        let (head, data) = frame.split_at_mut(cipher::OVERHEAD - 1);
        let nonce = boxes::nonce(b"CurveZMQMESSAGEC", &head[8..16]);
        let mac = head[16..].try_into().unwrap();
        boxes::open_in_place(data, mac, &nonce, opener.key()).unwrap();
        assert_eq!(data, [&[on_the_wire][..], b"body"].concat());
    }
}

#[test]
fn a_message_counts_once_and_only_in_its_direction() {
    let (mut client, mut server) = connected(&Keys::new());
    let first = sealed(&mut client, 0, b"one");
    let second = sealed(&mut client, 0, b"two");
    let out_of_order = Err(HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE));
    // Numbers may be left out, as by somebody who loses messages, but never go back.
    assert_eq!(opened(&mut server, &second), Ok((0, b"two".to_vec())));
    assert_eq!(opened(&mut server, &first), out_of_order);
    assert_eq!(opened(&mut server, &second), out_of_order);
    let (_, mut stranger) = connected(&Keys::new());
    assert_eq!(opened(&mut stranger, &second), Err(CRYPTOGRAPHIC));
}

#[test]
fn what_comes_back_to_its_sender_is_refused() {
    let (mut client, _) = connected(&Keys::new());
    let own = sealed(&mut client, 0, b"mine");
    assert_eq!(opened(&mut client, &own), Err(CRYPTOGRAPHIC));
}

#[test]
fn no_changed_bit_of_a_message_goes_unnoticed() {
    let (mut client, mut server) = connected(&Keys::new());
    let message = sealed(&mut client, 0, b"body");
    for position in 0..message.len() {
        for bit in 0..8 {
            let mut changed = message.clone();
            changed[position] ^= 1 << bit;
            assert!(opened(&mut server, &changed).is_err(), "byte {position}, bit {bit}");
        }
    }
    for length in 0..message.len() {
        assert!(opened(&mut server, &message[..length]).is_err());
    }
    // A forged number does not keep the true one from passing.
    assert_eq!(opened(&mut server, &message), Ok((0, b"body".to_vec())));
}

#[test]
fn each_fault_of_a_message_has_its_code() {
    let (mut client, mut server) = connected(&Keys::new());
    let message = sealed(&mut client, 0, b"");
    let cases: [(&[u8], i32); 5] = [
        (b"", ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED),
        (b"\x07MESSAG", ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED),
        (b"\x04PING\0\0", ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND),
        (b"\x07MESSAGE", ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE),
        (&message[..message.len() - 1], ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE),
    ];
    for (frame, code) in cases {
        assert_eq!(opened(&mut server, frame), Err(HandshakeError::Protocol(code)), "{frame:?}");
    }
}

#[test]
fn no_changed_bit_of_a_handshake_goes_unnoticed() {
    let keys = Keys::new();
    for stage in 0..4 {
        let length = command_at(&keys, stage).0.len();
        for position in 0..length {
            // The zeros that make HELLO long mean nothing.
            if stage == 0 && (8..80).contains(&position) {
                continue;
            }
            // The highest bit of a public key means nothing.
            let bit = if stage == 0 && position == 111 { 1 } else { 1 << (position % 8) };
            let (mut command, take) = command_at(&keys, stage);
            command[position] ^= bit;
            assert!(take(command).is_err(), "command {stage}, byte {position}");
        }
    }
}

#[test]
fn no_part_of_a_handshake_is_taken_for_the_whole() {
    let keys = Keys::new();
    for stage in 0..4 {
        let length = command_at(&keys, stage).0.len();
        for cut in 0..length {
            let (command, take) = command_at(&keys, stage);
            assert!(take(command[..cut].to_vec()).is_err(), "command {stage}, {cut} bytes");
            let (mut command, take) = command_at(&keys, stage);
            command.push(0);
            assert!(take(command).is_err(), "command {stage}, and one byte more");
        }
    }
}

type Take = Box<dyn FnOnce(Vec<u8>) -> Result<(), HandshakeError>>;

/// One of the four commands of a new handshake, and what takes it.
fn command_at(keys: &Keys, stage: usize) -> (Vec<u8>, Take) {
    let (mut client, mut server) = (keys.client(), keys.server());
    let mut command = client.next_command().unwrap();
    for step in 0..stage {
        if step % 2 == 0 {
            server.process_command(&command).unwrap();
            command = server.next_command().unwrap();
        } else {
            client.process_command(&command).unwrap();
            command = client.next_command().unwrap();
        }
    }
    if stage.is_multiple_of(2) {
        (command, Box::new(move |bytes| server.process_command(&bytes)))
    } else {
        (command, Box::new(move |bytes| client.process_command(&bytes)))
    }
}

#[test]
fn commands_of_one_connection_mean_nothing_on_another() {
    let keys = Keys::new();
    let (mut client, mut server) = (keys.client(), keys.server());
    let hello = client.next_command().unwrap();
    server.process_command(&hello).unwrap();
    client.process_command(&server.next_command().unwrap()).unwrap();
    let initiate = client.next_command().unwrap();

    let mut second = keys.server();
    assert_eq!(second.process_command(&initiate), Err(UNEXPECTED));
    let mut third = keys.server();
    third.process_command(&hello).unwrap();
    assert!(third.next_command().is_some());
    assert_eq!(third.process_command(&initiate), Err(CRYPTOGRAPHIC));

    server.process_command(&initiate).unwrap();
    let unspecified = Err(HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED));
    assert_eq!(server.process_command(&initiate), unspecified);
    assert_eq!(server.process_command(&hello), unspecified);
}

#[test]
fn each_fault_of_a_handshake_has_its_code() {
    let keys = Keys::new();
    let hello = keys.client().next_command().unwrap();
    let mut old = hello.clone();
    old[6] = 2;
    let cases: [(&[u8], HandshakeError); 6] = [
        (b"", HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED)),
        (
            b"\x05HELL",
            HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED),
        ),
        (b"\x05READYxxxx", UNEXPECTED),
        (b"\x05HELLO", MALFORMED_HELLO),
        (&hello[..199], MALFORMED_HELLO),
        (&old, MALFORMED_HELLO),
    ];
    for (command, error) in cases {
        assert_eq!(keys.server().process_command(command), Err(error));
    }
    assert_eq!(Keys::new().server().process_command(&hello), Err(CRYPTOGRAPHIC));
    let mut welcomed = keys.server();
    welcomed.process_command(&hello).unwrap();
    assert_eq!(welcomed.process_command(b"\x08INITIATE"), Err(MALFORMED_INITIATE));
    assert_eq!(keys.client().process_command(b"\x05READY"), Err(UNEXPECTED));
    assert_eq!(keys.client().process_command(b"\x07WELCOME"), Err(CRYPTOGRAPHIC));
}

#[test]
fn a_client_is_told_when_it_is_refused() {
    let keys = Keys::new();
    assert_eq!(keys.client().process_command(b"\x05ERROR\x03400"), Err(HandshakeError::Auth(400)));
    assert_eq!(
        keys.client().process_command(b"\x05ERROR\x02no"),
        Err(HandshakeError::Silent(Errno::EPROTO))
    );
    assert_eq!(keys.client().process_command(b"\x05ERROR"), Err(HandshakeError::MALFORMED_ERROR));
}

#[test]
fn a_server_key_of_zeros_cannot_be_used() {
    let (public, secret) = keypair().unwrap();
    let keys = ClientKeys { public, secret, server: [0; 32] };
    let refused = Client::new(setup(ZMQ_DEALER, ZMQ_DEALER, b"", false), keys).err();
    assert_eq!(refused, Some(CRYPTOGRAPHIC));
}

#[test]
fn zap_is_asked_about_the_clients_key() {
    let keys = Keys::new();
    let (mut client, mut server) = (keys.client(), keys.server_of(b"D", true));
    initiated(&mut client, &mut server).unwrap();
    assert_eq!(server.status(), Status::WaitingForZap);
    assert_eq!(server.next_command(), None);
    let request = server.setup.zap.take_request().unwrap();
    assert_eq!(
        (request.mechanism, &request.credentials[..]),
        ("CURVE", &[SecretBytes::new(&keys.client.0)][..])
    );
    let Setup { zap, peer, .. } = &mut server.setup;
    zap.reply(&answer("200"), peer).unwrap();
    client.process_command(&server.next_command().unwrap()).unwrap();
    assert_eq!(server.status(), Status::Ready);
    assert_eq!(server.setup.peer.user_id(), Some(&b"alice"[..]));
}

#[test]
fn a_refused_client_gets_the_reason_unless_it_is_temporary() {
    let keys = Keys::new();
    let told: [(&str, Option<&[u8]>); 3] =
        [("300", None), ("400", Some(b"\x05ERROR\x03400")), ("500", Some(b"\x05ERROR\x03500"))];
    for (status, command) in told {
        let (mut client, mut server) = (keys.client(), keys.server_of(b"", false));
        initiated(&mut client, &mut server).unwrap();
        server.setup.zap.take_request().unwrap();
        let Setup { zap, peer, .. } = &mut server.setup;
        zap.reply(&answer(status), peer).unwrap();
        assert_eq!(server.next_command().as_deref(), command);
        assert_eq!(server.next_command(), None);
        assert_eq!(server.status(), Status::Rejected);
        assert!(server.finish().1.is_none());
    }
}

#[test]
fn a_vouch_for_another_server_is_no_proof() {
    let keys = Keys::new();
    let (mut client, mut server) = (keys.client(), keys.server());
    server.process_command(&client.next_command().unwrap()).unwrap();
    let welcome = server.next_command().unwrap();
    let State::ExpectWelcome { short_public, short_secret } =
        core::mem::replace(&mut client.state, State::Failed)
    else {
        panic!("a new client waits for WELCOME")
    };
    let (theirs, cookie) = client.open_welcome(&welcome, &short_secret).unwrap();
    let key = boxes::shared_key(&theirs, &short_secret).unwrap();
    client.keys.server = keys.client.0;
    let initiate = client.initiate(&theirs, &cookie, &short_public, &key).unwrap();
    assert_eq!(
        server.process_command(&initiate),
        Err(HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_KEY_EXCHANGE))
    );
}
