//! The PLAIN mechanism (ZeroMQ RFC 24): a user name and a password in the clear, for the ZAP
//! handler to judge.
//!
//! ```text
//! client                             server
//!   HELLO     name, password  ─►        ZAP is asked about both
//!   ◄─  WELCOME                     or ERROR
//!   INITIATE  metadata        ─►
//!   ◄─  READY       metadata
//! ```
//!
//! A server whose application has no ZAP handler lets nobody in: there is nobody to say whether a
//! password is right.

use super::keys::SecretBytes;
use super::metadata::Source;
use super::refusal::{check_structure, error_command, refusal};
use super::zap::{self, Verdict};
use super::{HandshakeError, Setup, Status};
use crate::options::constants::{
    ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA, ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO,
    ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_WELCOME, ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED,
};

#[cfg(test)]
mod tests;

pub const NAME: &str = "PLAIN";

const HELLO: &[u8] = b"\x05HELLO";
const WELCOME: &[u8] = b"\x07WELCOME";
const INITIATE: &[u8] = b"\x08INITIATE";
const READY: &[u8] = b"\x05READY";

const MALFORMED_HELLO: HandshakeError =
    HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO);

fn with_metadata(name: &[u8], setup: &mut Setup) -> Vec<u8> {
    let mut body = name.to_vec();
    body.append(&mut setup.own_metadata);
    body
}

/// The side with a name and a password.
#[derive(Debug)]
pub struct Client {
    pub(super) setup: Setup,
    state: ClientState,
    outgoing: Option<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ClientState {
    ExpectWelcome,
    ExpectReady,
    Ready,
}

impl Client {
    /// Starts with HELLO. Name and password are at most 255 bytes long.
    pub fn new(setup: Setup, username: &SecretBytes, password: &SecretBytes) -> Client {
        let mut hello = HELLO.to_vec();
        for text in [username, password] {
            let length = u8::try_from(text.as_bytes().len()).unwrap_or(u8::MAX);
            hello.push(length);
            hello.extend_from_slice(&text.as_bytes()[..usize::from(length)]);
        }
        Client { setup, state: ClientState::ExpectWelcome, outgoing: Some(hello) }
    }

    pub fn status(&self) -> Status {
        match self.state {
            ClientState::Ready => Status::Ready,
            _ => Status::Handshaking,
        }
    }

    pub fn next_command(&mut self) -> Option<Vec<u8>> {
        self.outgoing.take()
    }

    pub fn process_command(&mut self, body: &[u8]) -> Result<(), HandshakeError> {
        if let Some(rest) = body.strip_prefix(WELCOME) {
            if self.state != ClientState::ExpectWelcome {
                return Err(HandshakeError::UNEXPECTED_COMMAND);
            }
            if !rest.is_empty() {
                return Err(HandshakeError::Protocol(
                    ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_WELCOME,
                ));
            }
            self.outgoing = Some(with_metadata(INITIATE, &mut self.setup));
            self.state = ClientState::ExpectReady;
            Ok(())
        } else if let Some(metadata) = body.strip_prefix(READY) {
            if self.state != ClientState::ExpectReady {
                return Err(HandshakeError::UNEXPECTED_COMMAND);
            }
            self.setup
                .peer
                .add(Source::Peer, metadata)
                .map_err(|_| HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA))?;
            self.state = ClientState::Ready;
            Ok(())
        } else {
            Err(refusal(body))
        }
    }
}

/// The side that asks ZAP.
#[derive(Debug)]
pub struct Server {
    pub(super) setup: Setup,
    state: ServerState,
    outgoing: Option<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ServerState {
    ExpectHello,
    /// WELCOME is sent as soon as ZAP has no objection.
    Asked,
    ExpectInitiate,
    Ready,
    Failed,
}

impl Server {
    pub fn new(setup: Setup) -> Server {
        Server { setup, state: ServerState::ExpectHello, outgoing: None }
    }

    pub fn status(&self) -> Status {
        match (self.state, self.setup.zap.verdict()) {
            (_, Verdict::Denied(_)) => Status::Rejected,
            (ServerState::Ready, _) => Status::Ready,
            _ if self.setup.zap.is_waiting() => Status::WaitingForZap,
            _ => Status::Handshaking,
        }
    }

    pub fn next_command(&mut self) -> Option<Vec<u8>> {
        if self.state != ServerState::Asked {
            return self.outgoing.take();
        }
        match self.setup.zap.verdict() {
            Verdict::Pending | Verdict::Unavailable => None,
            Verdict::Denied(status) => {
                self.state = ServerState::Failed;
                error_command(status)
            }
            Verdict::Accepted => {
                self.state = ServerState::ExpectInitiate;
                Some(WELCOME.to_vec())
            }
        }
    }

    pub fn process_command(&mut self, body: &[u8]) -> Result<(), HandshakeError> {
        match core::mem::replace(&mut self.state, ServerState::Failed) {
            ServerState::ExpectHello => self.hello(body),
            ServerState::ExpectInitiate => self.initiate(body),
            _ => Err(HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED)),
        }
    }

    pub(super) fn expects_hello(&self) -> bool {
        self.state == ServerState::ExpectHello
    }

    fn hello(&mut self, body: &[u8]) -> Result<(), HandshakeError> {
        check_structure(body)?;
        let rest = body.strip_prefix(HELLO).ok_or(HandshakeError::UNEXPECTED_COMMAND)?;
        let (username, rest) = split_text(rest).ok_or(MALFORMED_HELLO)?;
        let (password, rest) = split_text(rest).ok_or(MALFORMED_HELLO)?;
        if !rest.is_empty() {
            return Err(MALFORMED_HELLO);
        }
        if !self.setup.zap.asks_by_default() {
            // Without a domain nobody may be asked, and without an answer nobody comes in.
            return Err(zap::NO_HANDLER);
        }
        self.setup.zap.ask(NAME, vec![SecretBytes::new(username), SecretBytes::new(password)]);
        self.state = ServerState::Asked;
        Ok(())
    }

    fn initiate(&mut self, body: &[u8]) -> Result<(), HandshakeError> {
        let metadata = body.strip_prefix(INITIATE).ok_or(HandshakeError::UNEXPECTED_COMMAND)?;
        self.setup.peer.add(Source::Peer, metadata).map_err(HandshakeError::Silent)?;
        self.outgoing = Some(with_metadata(READY, &mut self.setup));
        self.state = ServerState::Ready;
        Ok(())
    }
}

/// Splits off a text that begins with its length.
fn split_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(length))
}
