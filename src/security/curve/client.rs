//! The client's side of a CURVE handshake.

use super::boxes::{self, append_sealed};
use super::cipher::{self, Side};
use super::{
    keypair, take, COOKIE_LEN, CRYPTOGRAPHIC, HELLO, INITIATE, LONG_NONCE_LEN, MALFORMED_READY,
    PADDING_LEN, READY, SHORT_NONCE_LEN, SIGNATURE_LEN, VERSION, VOUCH_LEN, WELCOME,
};
use crate::options::constants::ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA;
use crate::security::keys::{fill_random, PublicKey, SecretKey, KEY_LEN};
use crate::security::metadata::Source;
use crate::security::refusal::refusal;
use crate::security::{HandshakeError, Setup, Status, Transforms};

/// Length of a whole WELCOME: its name, a nonce, a box with the server's short key and the cookie.
const WELCOME_LEN: usize = WELCOME.len() + LONG_NONCE_LEN + boxes::MAC_LEN + KEY_LEN + COOKIE_LEN;

/// The keys that the socket is configured with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientKeys {
    pub public: PublicKey,
    pub secret: SecretKey,
    pub server: PublicKey,
}

/// One connection's client.
#[derive(Debug)]
pub struct Client {
    pub(in crate::security) setup: Setup,
    pub(super) keys: ClientKeys,
    pub(super) state: State,
    outgoing: Option<Vec<u8>>,
    /// Number of the last command sent.
    sent: u64,
}

#[derive(Debug)]
pub(super) enum State {
    ExpectWelcome {
        short_public: PublicKey,
        short_secret: SecretKey,
    },
    /// With the key that both short key pairs share.
    ExpectReady(SecretKey),
    /// With the number of READY.
    Ready(SecretKey, u64),
    Failed,
}

impl Client {
    /// Starts with HELLO.
    pub fn new(setup: Setup, keys: ClientKeys) -> Result<Client, HandshakeError> {
        let (short_public, short_secret) = keypair().map_err(HandshakeError::NoDetail)?;
        let mut client = Client { setup, keys, state: State::Failed, outgoing: None, sent: 0 };
        client.outgoing = Some(client.hello(&short_public, &short_secret)?);
        client.state = State::ExpectWelcome { short_public, short_secret };
        Ok(client)
    }

    pub fn status(&self) -> Status {
        match self.state {
            State::Ready(..) => Status::Ready,
            _ => Status::Handshaking,
        }
    }

    pub fn next_command(&mut self) -> Option<Vec<u8>> {
        self.outgoing.take()
    }

    pub fn process_command(&mut self, body: &[u8]) -> Result<(), HandshakeError> {
        match core::mem::replace(&mut self.state, State::Failed) {
            State::ExpectWelcome { short_public, short_secret } if body.starts_with(WELCOME) => {
                let (key, initiate) = self.welcome(body, &short_public, &short_secret)?;
                self.outgoing = Some(initiate);
                self.state = State::ExpectReady(key);
                Ok(())
            }
            State::ExpectReady(key) if body.starts_with(READY) => {
                let received = self.ready(body, &key)?;
                self.state = State::Ready(key, received);
                Ok(())
            }
            _ => Err(refusal(body)),
        }
    }

    fn hello(
        &mut self,
        short_public: &PublicKey,
        short_secret: &SecretKey,
    ) -> Result<Vec<u8>, HandshakeError> {
        let key = boxes::shared_key(&self.keys.server, short_secret).map_err(|_| CRYPTOGRAPHIC)?;
        let number = self.number();
        let nonce = boxes::nonce(b"CurveZMQHELLO---", &number);
        let mut body = HELLO.to_vec();
        body.extend_from_slice(&VERSION);
        body.extend_from_slice(&[0; PADDING_LEN]);
        body.extend_from_slice(short_public);
        body.extend_from_slice(&number);
        append_sealed(&[&[0; SIGNATURE_LEN]], &nonce, &key, &mut body);
        Ok(body)
    }

    /// Takes WELCOME. Returns the connection's key, and INITIATE.
    fn welcome(
        &mut self,
        body: &[u8],
        short_public: &PublicKey,
        short_secret: &SecretKey,
    ) -> Result<(SecretKey, Vec<u8>), HandshakeError> {
        let (theirs, cookie) = self.open_welcome(body, short_secret)?;
        let key = boxes::shared_key(&theirs, short_secret).map_err(|_| CRYPTOGRAPHIC)?;
        let initiate = self.initiate(&theirs, &cookie, short_public, &key)?;
        Ok((key, initiate))
    }

    /// The server's short key and the cookie.
    pub(super) fn open_welcome(
        &self,
        body: &[u8],
        short_secret: &SecretKey,
    ) -> Result<(PublicKey, [u8; COOKIE_LEN]), HandshakeError> {
        if body.len() != WELCOME_LEN {
            return Err(CRYPTOGRAPHIC);
        }
        let (nonce, sealed) = body[WELCOME.len()..].split_at(LONG_NONCE_LEN);
        let nonce = boxes::nonce(b"WELCOME-", nonce);
        let key = boxes::shared_key(&self.keys.server, short_secret).map_err(|_| CRYPTOGRAPHIC)?;
        let opened = boxes::open(sealed, &nonce, &key).map_err(|_| CRYPTOGRAPHIC)?;
        let mut rest = &opened[..];
        let theirs = *take(&mut rest).ok_or(CRYPTOGRAPHIC)?;
        let cookie = *take(&mut rest).ok_or(CRYPTOGRAPHIC)?;
        Ok((theirs, cookie))
    }

    pub(super) fn initiate(
        &mut self,
        theirs: &PublicKey,
        cookie: &[u8; COOKIE_LEN],
        short_public: &PublicKey,
        key: &SecretKey,
    ) -> Result<Vec<u8>, HandshakeError> {
        let vouch_key = boxes::shared_key(theirs, &self.keys.secret).map_err(|_| CRYPTOGRAPHIC)?;
        let mut vouch_nonce = [0; LONG_NONCE_LEN];
        fill_random(&mut vouch_nonce).map_err(HandshakeError::NoDetail)?;
        let mut vouch = Vec::with_capacity(VOUCH_LEN);
        let nonce = boxes::nonce(b"VOUCH---", &vouch_nonce);
        append_sealed(&[short_public, &self.keys.server], &nonce, &vouch_key, &mut vouch);

        let number = self.number();
        let mut body = INITIATE.to_vec();
        body.extend_from_slice(cookie);
        body.extend_from_slice(&number);
        let metadata = core::mem::take(&mut self.setup.own_metadata);
        let nonce = boxes::nonce(b"CurveZMQINITIATE", &number);
        append_sealed(
            &[&self.keys.public, &vouch_nonce, &vouch, &metadata],
            &nonce,
            key,
            &mut body,
        );
        Ok(body)
    }

    /// Takes READY and returns its number.
    fn ready(&mut self, body: &[u8], key: &SecretKey) -> Result<u64, HandshakeError> {
        let mut rest = &body[READY.len()..];
        let number = *take::<SHORT_NONCE_LEN>(&mut rest).ok_or(MALFORMED_READY)?;
        if rest.len() < boxes::MAC_LEN {
            return Err(MALFORMED_READY);
        }
        let nonce = boxes::nonce(b"CurveZMQREADY---", &number);
        let metadata = boxes::open(rest, &nonce, key).map_err(|_| CRYPTOGRAPHIC)?;
        self.setup
            .peer
            .add(Source::Peer, &metadata)
            .map_err(|_| HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA))?;
        Ok(u64::from_be_bytes(number))
    }

    fn number(&mut self) -> [u8; SHORT_NONCE_LEN] {
        self.sent += 1;
        self.sent.to_be_bytes()
    }

    /// The end of the handshake: what was learned of the peer, and how to go on.
    pub(in crate::security) fn finish(self) -> (Setup, Option<Transforms>) {
        let transforms = match &self.state {
            State::Ready(key, received) => {
                let (seal, open) = cipher::halves(Side::Client, key, self.sent, *received);
                Some(Transforms { seal: seal.into(), open: open.into() })
            }
            _ => None,
        };
        (self.setup, transforms)
    }
}
