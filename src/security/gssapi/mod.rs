//! The GSSAPI mechanism (ZeroMQ RFC 38): Kerberos says who both sides are, and encrypts.
//!
//! ```text
//! client                              server
//!   INITIATE  token  ─►
//!   ◄─  INITIATE  token                 ... as long as the library wants
//!   (an empty command) ─►               ZAP is asked about the client's principal
//!   ◄─  READY  metadata               or ERROR
//!   READY  metadata  ─►
//!   MESSAGE ◄─►                         unless both agreed on plain text
//! ```
//!
//! READY goes inside a MESSAGE where messages are encrypted. [`system`] is the library of the
//! system; a client's first step may wait for a Kerberos server.

use std::sync::Arc;

use super::keys::SecretBytes;
use super::metadata::Source;
use super::refusal::{check_structure, error_command, refusal_in};
use super::zap::Verdict;
use super::{HandshakeError, Setup, Status, Transforms};
use crate::options::constants::{
    ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC, ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA,
    ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_INITIATE,
};

pub mod cipher;
pub mod system;

use cipher::{Opener, Sealer};
use system::{Context, Credentials, Name, NameType, Step};

pub const NAME: &str = "GSSAPI";

const INITIATE: &[u8] = b"\x08INITIATE";
const READY: &[u8] = b"\x05READY";
/// Bytes of the length before a token.
const LENGTH_LEN: usize = 4;

const MALFORMED_INITIATE: HandshakeError =
    HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_INITIATE);
const CRYPTOGRAPHIC: HandshakeError =
    HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC);

/// A principal as the options have it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Principal {
    pub text: Vec<u8>,
    pub kind: NameType,
}

impl Principal {
    fn name(&self) -> Result<Name, HandshakeError> {
        let end = self.text.iter().position(|byte| *byte == 0).unwrap_or(self.text.len());
        Name::new(&self.text[..end], self.kind).map_err(|_| CRYPTOGRAPHIC)
    }
}

/// What a socket is configured with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Whose credentials to use; whatever the system has, when it is empty.
    pub principal: Principal,
    /// Whom a client talks to; none makes a server.
    pub service: Option<Principal>,
    pub plaintext: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Tokens,
    /// A server whose context stands waits for the command that says so of the client's.
    Established,
    Asked,
    ExpectReady,
    Ready,
    Failed,
}

/// Either side of one connection.
#[derive(Debug)]
pub struct Gssapi {
    pub(super) setup: Setup,
    context: Arc<Context>,
    credentials: Credentials,
    /// Of a client.
    target: Option<Name>,
    /// Of a server: the client's principal.
    peer: Vec<u8>,
    plaintext: bool,
    state: State,
    outgoing: Option<Vec<u8>>,
}

impl Gssapi {
    pub fn new(setup: Setup, settings: &Settings) -> Result<Gssapi, HandshakeError> {
        let credentials = if settings.principal.text.is_empty() {
            Credentials::of_system()
        } else {
            Credentials::of(&settings.principal.name()?).map_err(|_| CRYPTOGRAPHIC)?
        };
        let target = settings.service.as_ref().map(Principal::name).transpose()?;
        let mut gssapi = Gssapi {
            setup,
            context: Arc::default(),
            credentials,
            target,
            peer: Vec::new(),
            plaintext: settings.plaintext,
            state: State::Tokens,
            outgoing: None,
        };
        if gssapi.target.is_some() {
            gssapi.next_step(&[])?;
        }
        Ok(gssapi)
    }

    pub fn status(&self) -> Status {
        match (self.state, self.setup.zap.verdict()) {
            (_, Verdict::Denied(_)) => Status::Rejected,
            (State::Ready, _) => Status::Ready,
            _ if self.setup.zap.is_waiting() => Status::WaitingForZap,
            _ => Status::Handshaking,
        }
    }

    pub fn next_command(&mut self) -> Option<Vec<u8>> {
        if self.state != State::Asked {
            return self.outgoing.take();
        }
        if self.setup.zap.is_waiting() {
            return None;
        }
        if let Verdict::Denied(status) = self.setup.zap.verdict() {
            self.state = State::Failed;
            return error_command(status);
        }
        self.state = State::ExpectReady;
        self.ready()
    }

    pub fn process_command(&mut self, body: &[u8]) -> Result<(), HandshakeError> {
        match core::mem::replace(&mut self.state, State::Failed) {
            State::Tokens => {
                check_structure(body)?;
                if let Some(error) = refusal_in(body) {
                    return Err(error);
                }
                self.next_step(token_of(body)?)
            }
            State::Established => {
                if self.setup.zap.asks_by_default() {
                    self.setup
                        .zap
                        .ask(NAME, vec![SecretBytes::new(&core::mem::take(&mut self.peer))]);
                }
                self.state = State::Asked;
                Ok(())
            }
            State::ExpectReady => self.take_ready(body),
            State::Asked | State::Ready | State::Failed => Err(HandshakeError::UNEXPECTED_COMMAND),
        }
    }

    /// Gives the library the peer's token and sends what it answers.
    fn next_step(&mut self, token: &[u8]) -> Result<(), HandshakeError> {
        let Step { answer, complete } = match &self.target {
            Some(target) => self.context.initiate(&self.credentials, target, token),
            None => self.context.accept(&self.credentials, token).map(|(step, peer)| {
                self.peer = peer;
                step
            }),
        }
        .map_err(|_| CRYPTOGRAPHIC)?;
        self.state = match (complete, &self.target) {
            (false, _) => State::Tokens,
            (true, Some(_)) => State::ExpectReady,
            (true, None) => State::Established,
        };
        // Without a token the command is empty: it tells the server that the client is through.
        let mut body = Vec::new();
        if !answer.is_empty() {
            body.extend_from_slice(INITIATE);
            body.extend_from_slice(&(answer.len() as u32).to_be_bytes());
            body.extend_from_slice(&answer);
        }
        self.outgoing = Some(body);
        Ok(())
    }

    fn ready(&mut self) -> Option<Vec<u8>> {
        let mut body = READY.to_vec();
        body.append(&mut self.setup.own_metadata);
        if self.plaintext {
            return Some(body);
        }
        let mut sealed = Vec::new();
        Sealer::new(&self.context).append(0, &body, &mut sealed).ok()?;
        Some(sealed)
    }

    fn take_ready(&mut self, body: &[u8]) -> Result<(), HandshakeError> {
        if let Some(error) = refusal_in(body) {
            return Err(error);
        }
        let mut body = body.to_vec();
        let range = if self.plaintext {
            0..body.len()
        } else {
            Opener::new(&self.context).open(&mut body)?.1
        };
        let body = &body[range];
        check_structure(body)?;
        let metadata = body.strip_prefix(READY).ok_or(HandshakeError::UNEXPECTED_COMMAND)?;
        self.setup
            .peer
            .add(Source::Peer, metadata)
            .map_err(|_| HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA))?;
        if self.target.is_some() {
            self.outgoing = self.ready();
        }
        self.state = State::Ready;
        Ok(())
    }

    pub(super) fn finish(self) -> (Setup, Option<Transforms>) {
        let transforms = (!self.plaintext).then(|| Transforms {
            seal: Sealer::new(&self.context).into(),
            open: Opener::new(&self.context).into(),
        });
        (self.setup, transforms)
    }
}

fn token_of(body: &[u8]) -> Result<&[u8], HandshakeError> {
    let rest = body.strip_prefix(INITIATE).ok_or(HandshakeError::UNEXPECTED_COMMAND)?;
    let (length, token) = rest.split_first_chunk::<LENGTH_LEN>().ok_or(MALFORMED_INITIATE)?;
    if u32::from_be_bytes(*length) as usize != token.len() {
        return Err(MALFORMED_INITIATE);
    }
    Ok(token)
}
