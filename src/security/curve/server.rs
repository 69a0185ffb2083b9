//! The server's side of a CURVE handshake.

use super::boxes::{self, append_sealed};
use super::cipher::{self, Side};
use super::{
    keypair, take, CRYPTOGRAPHIC, HELLO, INITIATE, LONG_NONCE_LEN, MALFORMED_HELLO,
    MALFORMED_INITIATE, NAME, PADDING_LEN, READY, SHORT_NONCE_LEN, SIGNATURE_LEN, VERSION,
    VOUCH_LEN, WELCOME,
};
use crate::options::constants::{
    ZMQ_PROTOCOL_ERROR_ZMTP_KEY_EXCHANGE, ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED,
};
use crate::security::keys::{fill_random, same_bytes, SecretBytes, SecretKey, KEY_LEN};
use crate::security::metadata::Source;
use crate::security::refusal::{check_structure, error_command};
use crate::security::zap::Verdict;
use crate::security::{HandshakeError, Setup, Status, Transforms};

const HELLO_LEN: usize = HELLO.len()
    + VERSION.len()
    + PADDING_LEN
    + KEY_LEN
    + SHORT_NONCE_LEN
    + boxes::MAC_LEN
    + SIGNATURE_LEN;
/// The box of a cookie, without its nonce.
const SEALED_COOKIE_LEN: usize = boxes::MAC_LEN + 2 * KEY_LEN;
/// An INITIATE without any metadata.
const INITIATE_MIN: usize = INITIATE.len()
    + LONG_NONCE_LEN
    + SEALED_COOKIE_LEN
    + SHORT_NONCE_LEN
    + boxes::MAC_LEN
    + KEY_LEN
    + LONG_NONCE_LEN
    + VOUCH_LEN;

/// One connection's server.
#[derive(Debug)]
pub struct Server {
    pub(in crate::security) setup: Setup,
    secret: SecretKey,
    state: State,
    outgoing: Option<Vec<u8>>,
}

#[derive(Debug)]
enum State {
    ExpectHello,
    /// The key of the cookie is all that is kept.
    ExpectInitiate(SecretKey),
    /// READY is sent as soon as ZAP has no objection.
    Asked(Connection),
    Ready(Connection),
    Failed,
}

/// What a client's INITIATE made.
#[derive(Debug)]
struct Connection {
    key: SecretKey,
    /// Number of the client's last command.
    received: u64,
}

/// Number of READY, the first command that the server counts.
const READY_NUMBER: u64 = 1;

impl Server {
    pub fn new(setup: Setup, secret: SecretKey) -> Server {
        Server { setup, secret, state: State::ExpectHello, outgoing: None }
    }

    pub fn status(&self) -> Status {
        match (&self.state, self.setup.zap.verdict()) {
            (_, Verdict::Denied(_)) => Status::Rejected,
            (State::Ready(_), _) => Status::Ready,
            _ if self.setup.zap.is_waiting() => Status::WaitingForZap,
            _ => Status::Handshaking,
        }
    }

    pub fn next_command(&mut self) -> Option<Vec<u8>> {
        if self.setup.zap.is_waiting() {
            return None;
        }
        match core::mem::replace(&mut self.state, State::Failed) {
            State::Asked(connection) => {
                if let Verdict::Denied(status) = self.setup.zap.verdict() {
                    return error_command(status);
                }
                let ready = self.ready(&connection.key);
                self.state = State::Ready(connection);
                Some(ready)
            }
            other => {
                self.state = other;
                self.outgoing.take()
            }
        }
    }

    pub fn process_command(&mut self, body: &[u8]) -> Result<(), HandshakeError> {
        match core::mem::replace(&mut self.state, State::Failed) {
            State::ExpectHello => self.hello(body),
            State::ExpectInitiate(cookie_key) => self.initiate(body, &cookie_key),
            _ => Err(HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED)),
        }
    }

    pub(in crate::security) fn expects_hello(&self) -> bool {
        matches!(self.state, State::ExpectHello)
    }

    fn hello(&mut self, body: &[u8]) -> Result<(), HandshakeError> {
        check_structure(body)?;
        let mut rest = body.strip_prefix(HELLO).ok_or(HandshakeError::UNEXPECTED_COMMAND)?;
        if body.len() != HELLO_LEN {
            return Err(MALFORMED_HELLO);
        }
        let version = *take::<2>(&mut rest).ok_or(MALFORMED_HELLO)?;
        if version != VERSION {
            return Err(MALFORMED_HELLO);
        }
        take::<PADDING_LEN>(&mut rest).ok_or(MALFORMED_HELLO)?;
        let client = take::<KEY_LEN>(&mut rest).ok_or(MALFORMED_HELLO)?;
        let number = take::<SHORT_NONCE_LEN>(&mut rest).ok_or(MALFORMED_HELLO)?;

        let key = boxes::shared_key(client, &self.secret).map_err(|_| CRYPTOGRAPHIC)?;
        let nonce = boxes::nonce(b"CurveZMQHELLO---", number);
        boxes::open(rest, &nonce, &key).map_err(|_| CRYPTOGRAPHIC)?;
        self.welcome(client, &key)
    }

    /// Makes WELCOME and the cookie in it, and keeps no more than the cookie's key.
    fn welcome(&mut self, client: &[u8; KEY_LEN], key: &SecretKey) -> Result<(), HandshakeError> {
        let (short_public, short_secret) = keypair().map_err(HandshakeError::NoDetail)?;
        let cookie_key = SecretKey::random().map_err(HandshakeError::NoDetail)?;
        let mut random = [0; 2 * LONG_NONCE_LEN];
        fill_random(&mut random).map_err(HandshakeError::NoDetail)?;
        let (cookie_nonce, welcome_nonce) = random.split_at(LONG_NONCE_LEN);

        let mut cookie = Vec::with_capacity(SEALED_COOKIE_LEN);
        let nonce = boxes::nonce(b"COOKIE--", cookie_nonce);
        append_sealed(&[client, short_secret.as_bytes()], &nonce, &cookie_key, &mut cookie);

        let mut body = WELCOME.to_vec();
        body.extend_from_slice(welcome_nonce);
        let nonce = boxes::nonce(b"WELCOME-", welcome_nonce);
        append_sealed(&[&short_public, cookie_nonce, &cookie], &nonce, key, &mut body);
        self.outgoing = Some(body);
        self.state = State::ExpectInitiate(cookie_key);
        Ok(())
    }

    fn initiate(&mut self, body: &[u8], cookie_key: &SecretKey) -> Result<(), HandshakeError> {
        check_structure(body)?;
        let mut rest = body.strip_prefix(INITIATE).ok_or(HandshakeError::UNEXPECTED_COMMAND)?;
        if body.len() < INITIATE_MIN {
            return Err(MALFORMED_INITIATE);
        }
        let cookie_nonce = take::<LONG_NONCE_LEN>(&mut rest).ok_or(MALFORMED_INITIATE)?;
        let sealed_cookie = take::<SEALED_COOKIE_LEN>(&mut rest).ok_or(MALFORMED_INITIATE)?;
        let number = take::<SHORT_NONCE_LEN>(&mut rest).ok_or(MALFORMED_INITIATE)?;

        let nonce = boxes::nonce(b"COOKIE--", cookie_nonce);
        let cookie = boxes::open(sealed_cookie, &nonce, cookie_key).map_err(|_| CRYPTOGRAPHIC)?;
        let mut in_cookie = &cookie[..];
        let client_short = take::<KEY_LEN>(&mut in_cookie).ok_or(CRYPTOGRAPHIC)?;
        let mut short_secret = SecretKey::default();
        short_secret
            .as_mut_bytes()
            .copy_from_slice(take::<KEY_LEN>(&mut in_cookie).ok_or(CRYPTOGRAPHIC)?);

        let key = boxes::shared_key(client_short, &short_secret).map_err(|_| CRYPTOGRAPHIC)?;
        let nonce = boxes::nonce(b"CurveZMQINITIATE", number);
        let opened = boxes::open(rest, &nonce, &key).map_err(|_| CRYPTOGRAPHIC)?;
        let mut rest = &opened[..];
        let client = take::<KEY_LEN>(&mut rest).ok_or(CRYPTOGRAPHIC)?;
        let vouch_nonce = take::<LONG_NONCE_LEN>(&mut rest).ok_or(CRYPTOGRAPHIC)?;
        let vouch = take::<VOUCH_LEN>(&mut rest).ok_or(CRYPTOGRAPHIC)?;
        let metadata = rest;

        let vouch_key = boxes::shared_key(client, &short_secret).map_err(|_| CRYPTOGRAPHIC)?;
        let nonce = boxes::nonce(b"VOUCH---", vouch_nonce);
        let vouched = boxes::open(vouch, &nonce, &vouch_key).map_err(|_| CRYPTOGRAPHIC)?;
        self.check_vouch(&vouched, client_short)?;

        if self.setup.zap.asks_by_default() {
            self.setup.zap.ask(NAME, vec![SecretBytes::new(client)]);
        }
        let received = u64::from_be_bytes(*number);
        self.state = State::Asked(Connection { key, received });
        self.setup.peer.add(Source::Peer, metadata).map_err(HandshakeError::Silent)
    }

    /// The client's long key vouched for its short one, and to this server: a box made for another
    /// server, which that one passes on, is no proof.
    fn check_vouch(&self, vouched: &[u8], client_short: &[u8]) -> Result<(), HandshakeError> {
        let (short, server) = vouched.split_at(KEY_LEN.min(vouched.len()));
        let own = boxes::public_of(&self.secret);
        // The highest bit of a key means nothing, and a client may have it set.
        let mut server = server.to_vec();
        if let Some(last) = server.last_mut() {
            *last &= 0x7f;
        }
        if same_bytes(short, client_short) & same_bytes(&server, &own) {
            Ok(())
        } else {
            Err(HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_KEY_EXCHANGE))
        }
    }

    fn ready(&mut self, key: &SecretKey) -> Vec<u8> {
        let number = READY_NUMBER.to_be_bytes();
        let nonce = boxes::nonce(b"CurveZMQREADY---", &number);
        let mut body = READY.to_vec();
        body.extend_from_slice(&number);
        append_sealed(&[&self.setup.own_metadata], &nonce, key, &mut body);
        body
    }

    /// The end of the handshake: what was learned of the peer, and how to go on.
    pub(in crate::security) fn finish(self) -> (Setup, Option<Transforms>) {
        let transforms = match &self.state {
            State::Ready(Connection { key, received }) => {
                let (seal, open) = cipher::halves(Side::Server, key, READY_NUMBER, *received);
                Some(Transforms { seal: seal.into(), open: open.into() })
            }
            _ => None,
        };
        (self.setup, transforms)
    }
}
