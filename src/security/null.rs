//! The NULL mechanism: both ends send READY with their metadata, and that is all.
//!
//! Where the socket has a ZAP domain the handler is asked first, and READY waits for its consent.
//! The peer's READY is taken meanwhile; it need not wait for ours. A peer that the handler refuses
//! gets ERROR with the status code in place of READY, or, where the trouble is only temporary,
//! nothing. The connection then stays open until the peer hangs up or the handshake's time is
//! over, so that ERROR is not lost to an early close.

use super::metadata::Source;
use super::refusal::{error_command, refusal};
use super::zap::Verdict;
use super::{HandshakeError, Setup, Status};

pub const NAME: &str = "NULL";

const READY: &[u8] = b"\x05READY";

/// One connection's NULL handshake.
#[derive(Debug)]
pub struct Null {
    pub(super) setup: Setup,
    answered: bool,
    ready_sent: bool,
    ready_received: bool,
}

impl Null {
    pub fn new(mut setup: Setup) -> Null {
        if setup.zap.has_domain() {
            setup.zap.ask(NAME, Vec::new());
        }
        Null { setup, answered: false, ready_sent: false, ready_received: false }
    }

    pub fn status(&self) -> Status {
        match self.setup.zap.verdict() {
            Verdict::Denied(_) | Verdict::Unavailable => Status::Rejected,
            _ if self.setup.zap.is_waiting() => Status::WaitingForZap,
            _ if self.ready_sent && self.ready_received => Status::Ready,
            _ => Status::Handshaking,
        }
    }

    pub fn next_command(&mut self) -> Option<Vec<u8>> {
        if self.answered || self.setup.zap.is_waiting() {
            return None;
        }
        self.answered = true;
        match self.setup.zap.verdict() {
            Verdict::Pending | Verdict::Accepted => {
                self.ready_sent = true;
                let metadata = core::mem::take(&mut self.setup.own_metadata);
                let mut body = Vec::with_capacity(READY.len() + metadata.len());
                body.extend_from_slice(READY);
                body.extend_from_slice(&metadata);
                Some(body)
            }
            Verdict::Unavailable => None,
            Verdict::Denied(status) => error_command(status),
        }
    }

    pub fn expects_command(&self) -> bool {
        !self.ready_received
    }

    pub fn process_command(&mut self, body: &[u8]) -> Result<(), HandshakeError> {
        if self.ready_received {
            return Err(HandshakeError::UNEXPECTED_COMMAND);
        }
        if let Some(metadata) = body.strip_prefix(READY) {
            self.setup.peer.add(Source::Peer, metadata).map_err(HandshakeError::Silent)?;
            self.ready_received = true;
            Ok(())
        } else {
            Err(refusal(body))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Errno;
    use crate::options::constants::*;
    use crate::security::metadata::encode_own;
    use crate::security::{zap, PeerMetadata};

    const READY_ROUTER: &[u8] = b"\x05READY\x0bSocket-Type\0\0\0\x06ROUTER";

    fn null(domain: &[u8], enforced: bool) -> Null {
        Null::new(Setup {
            own_metadata: encode_own(ZMQ_DEALER, b"", []),
            peer: PeerMetadata::new(ZMQ_DEALER, false),
            zap: zap::Client::new(domain.to_vec(), enforced, String::new(), Vec::new()),
        })
    }

    fn answer(status: &str) -> Vec<Vec<u8>> {
        ["", "1.0", "1", status, "", "", ""].iter().map(|frame| frame.as_bytes().to_vec()).collect()
    }

    fn give_answer(null: &mut Null, status: &str) -> Result<(), HandshakeError> {
        let setup = &mut null.setup;
        setup.zap.reply(&answer(status), &mut setup.peer)
    }

    #[test]
    fn ready_both_ways() {
        let mut null = null(b"", true);
        assert_eq!(null.status(), Status::Handshaking);
        let ready = null.next_command().unwrap();
        assert_eq!(ready, b"\x05READY\x0bSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0\0");
        assert_eq!(null.next_command(), None);
        null.process_command(READY_ROUTER).unwrap();
        assert_eq!(null.status(), Status::Ready);
        assert_eq!(null.setup.peer.socket_type(), Some(&b"ROUTER"[..]));
        assert_eq!(null.process_command(READY_ROUTER), Err(HandshakeError::UNEXPECTED_COMMAND));
    }

    #[test]
    fn ready_waits_for_zap() {
        let mut null = null(b"D", false);
        assert_eq!(null.status(), Status::WaitingForZap);
        assert_eq!(null.next_command(), None);
        let request = null.setup.zap.take_request().unwrap();
        assert_eq!(request.mechanism, "NULL");
        assert!(request.credentials.is_empty());
        null.process_command(READY_ROUTER).unwrap();
        assert_eq!(null.status(), Status::WaitingForZap);
        assert!(!null.expects_command());
        give_answer(&mut null, "200").unwrap();
        assert!(null.next_command().unwrap().starts_with(READY));
        assert_eq!(null.status(), Status::Ready);
    }

    #[test]
    fn a_refused_peer_is_told_unless_the_trouble_is_temporary() {
        let told: [(&str, Option<&[u8]>); 3] =
            [("300", None), ("400", Some(b"\x05ERROR\x03400")), ("500", Some(b"\x05ERROR\x03500"))];
        for (status, command) in told {
            let mut null = null(b"D", false);
            null.setup.zap.take_request().unwrap();
            give_answer(&mut null, status).unwrap();
            assert_eq!(null.status(), Status::Rejected);
            assert_eq!(null.next_command().as_deref(), command);
            assert_eq!(null.next_command(), None);
            null.process_command(READY_ROUTER).unwrap();
            assert_eq!(null.status(), Status::Rejected);
        }
    }

    #[test]
    fn a_missing_handler_is_told_nobody() {
        let mut lenient = null(b"D", false);
        lenient.setup.zap.unavailable().unwrap();
        assert!(lenient.next_command().unwrap().starts_with(READY));
        let mut strict = null(b"D", true);
        strict.setup.zap.unavailable().unwrap();
        assert_eq!(strict.next_command(), None);
        assert_eq!(strict.status(), Status::Rejected);
    }

    #[test]
    fn commands_of_the_peer_that_end_it() {
        let cases: [(&[u8], HandshakeError); 11] = [
            (b"", HandshakeError::UNEXPECTED_COMMAND),
            (b"\x05READ", HandshakeError::UNEXPECTED_COMMAND),
            (b"\x05HELLO", HandshakeError::UNEXPECTED_COMMAND),
            (b"\x05READYx", HandshakeError::Silent(Errno::EPROTO)),
            (b"\x05READY\x0bSocket-Type\0\0\0\x03SUB", HandshakeError::Silent(Errno::EINVAL)),
            (b"\x05ERROR", HandshakeError::MALFORMED_ERROR),
            (b"\x05ERROR\x04400", HandshakeError::MALFORMED_ERROR),
            (b"\x05ERROR\x03400", HandshakeError::Auth(400)),
            (b"\x05ERROR\x03300x", HandshakeError::Auth(300)),
            (b"\x05ERROR\x03200", HandshakeError::Silent(Errno::EPROTO)),
            (b"\x05ERROR\x00", HandshakeError::Silent(Errno::EPROTO)),
        ];
        for (body, error) in cases {
            assert_eq!(null(b"", false).process_command(body), Err(error));
        }
    }
}
