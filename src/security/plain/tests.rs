//! Both sides of a handshake in memory.

use super::*;
use crate::error::Errno;
use crate::options::constants::*;
use crate::security::keys::SecretBytes;
use crate::security::metadata::encode_own;
use crate::security::PeerMetadata;

fn setup(own_type: i32, local_type: i32, domain: &[u8], enforced: bool) -> Setup {
    Setup {
        own_metadata: encode_own(own_type, b"", []),
        peer: PeerMetadata::new(local_type, true),
        zap: zap::Client::new(domain.to_vec(), enforced, String::new(), Vec::new()),
    }
}

fn client() -> Client {
    let (username, password) = (SecretBytes::new(b"admin"), SecretBytes::new(b"secret"));
    Client::new(setup(ZMQ_DEALER, ZMQ_DEALER, b"", false), &username, &password)
}

fn server() -> Server {
    Server::new(setup(ZMQ_ROUTER, ZMQ_ROUTER, b"D", false))
}

fn give_answer(server: &mut Server, status: &str) {
    let frames = ["", "1.0", "1", status, "", "", ""].map(|part| part.as_bytes().to_vec());
    let Setup { zap, peer, .. } = &mut server.setup;
    zap.reply(&frames, peer).unwrap();
}

#[test]
fn a_whole_handshake() {
    let (mut client, mut server) = (client(), server());
    let hello = client.next_command().unwrap();
    assert_eq!(hello, b"\x05HELLO\x05admin\x06secret");
    assert_eq!(client.next_command(), None);
    server.process_command(&hello).unwrap();
    assert_eq!(server.status(), Status::WaitingForZap);
    assert_eq!(server.next_command(), None);
    let request = server.setup.zap.take_request().unwrap();
    assert_eq!(request.credentials, [SecretBytes::new(b"admin"), SecretBytes::new(b"secret")]);
    give_answer(&mut server, "200");
    let welcome = server.next_command().unwrap();
    assert_eq!(welcome, b"\x07WELCOME");
    client.process_command(&welcome).unwrap();
    server.process_command(&client.next_command().unwrap()).unwrap();
    client.process_command(&server.next_command().unwrap()).unwrap();
    assert_eq!((client.status(), server.status()), (Status::Ready, Status::Ready));
    assert_eq!(client.setup.peer.socket_type(), Some(&b"ROUTER"[..]));
    assert_eq!(server.setup.peer.socket_type(), Some(&b"DEALER"[..]));
}

#[test]
fn a_refused_client_gets_the_reason_unless_it_is_temporary() {
    let told: [(&str, Option<&[u8]>); 3] =
        [("300", None), ("400", Some(b"\x05ERROR\x03400")), ("500", Some(b"\x05ERROR\x03500"))];
    for (status, command) in told {
        let (mut client, mut server) = (client(), server());
        server.process_command(&client.next_command().unwrap()).unwrap();
        server.setup.zap.take_request().unwrap();
        give_answer(&mut server, status);
        assert_eq!(server.status(), Status::Rejected);
        assert_eq!(server.next_command().as_deref(), command);
        assert_eq!(server.next_command(), None);
        if let Some(command) = command {
            assert!(matches!(client.process_command(command), Err(HandshakeError::Auth(_))));
        }
    }
}

#[test]
fn without_a_domain_an_insisting_server_lets_nobody_in() {
    let mut server = Server::new(setup(ZMQ_ROUTER, ZMQ_ROUTER, b"", true));
    assert_eq!(server.process_command(b"\x05HELLO\0\0"), Err(zap::NO_HANDLER));
}

#[test]
fn faults_of_a_client_and_their_codes() {
    let malformed = ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED;
    let cases: [(&[u8], HandshakeError); 9] = [
        (b"", HandshakeError::Protocol(malformed)),
        (b"\x05HELL", HandshakeError::Protocol(malformed)),
        (b"\x05READY", HandshakeError::UNEXPECTED_COMMAND),
        (b"\x08INITIATE", HandshakeError::UNEXPECTED_COMMAND),
        (b"\x05HELLO", MALFORMED_HELLO),
        (b"\x05HELLO\x02a", MALFORMED_HELLO),
        (b"\x05HELLO\x01a", MALFORMED_HELLO),
        (b"\x05HELLO\x01a\x02b", MALFORMED_HELLO),
        (b"\x05HELLO\x01a\x01bc", MALFORMED_HELLO),
    ];
    for (command, error) in cases {
        assert_eq!(server().process_command(command), Err(error), "{command:?}");
    }
    let mut server = server();
    server.process_command(b"\x05HELLO\0\0").unwrap();
    let early = server.process_command(b"\x08INITIATE");
    assert_eq!(early, Err(HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED)));
}

#[test]
fn faults_of_metadata() {
    let mut server = server();
    server.process_command(b"\x05HELLO\0\0").unwrap();
    server.setup.zap.take_request().unwrap();
    give_answer(&mut server, "200");
    server.next_command().unwrap();
    let result = server.process_command(b"\x08INITIATE\x05abc");
    assert_eq!(result, Err(HandshakeError::Silent(Errno::EPROTO)));

    let mut client = client();
    client.process_command(b"\x07WELCOME").unwrap();
    let invalid = HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA);
    assert_eq!(client.process_command(b"\x05READY\x05abc"), Err(invalid));
}

#[test]
fn faults_of_a_server_and_their_codes() {
    let welcome = ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_WELCOME;
    let cases: [(&[u8], HandshakeError); 6] = [
        (b"", HandshakeError::UNEXPECTED_COMMAND),
        (b"\x05READY", HandshakeError::UNEXPECTED_COMMAND),
        (b"\x07WELCOME!", HandshakeError::Protocol(welcome)),
        (b"\x05ERROR", HandshakeError::MALFORMED_ERROR),
        (b"\x05ERROR\x03300", HandshakeError::Auth(300)),
        (b"\x05ERROR\x05other", HandshakeError::Silent(Errno::EPROTO)),
    ];
    for (command, error) in cases {
        assert_eq!(client().process_command(command), Err(error), "{command:?}");
    }
    let mut welcomed = client();
    welcomed.process_command(b"\x07WELCOME").unwrap();
    assert_eq!(welcomed.process_command(b"\x07WELCOME"), Err(HandshakeError::UNEXPECTED_COMMAND));
}
