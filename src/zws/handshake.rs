//! The handshake: from the first byte of a connection to the first message.
//!
//! ```text
//!            ┌ ZWS2.0 ───────────► routing ids both ways ───────────────────────┐
//! upgrade ───┤                                                                  ├─► done
//!            └ ZWS2.0/<name> ────► mechanism, as in ZMTP, maybe ZAP first ──────┘
//! ```
//!
//! It is driven like [`crate::zmtp::handshake::Handshake`]. All that was received is taken in; what
//! belongs to the time after the handshake is given back by [`take_rest`](Handshake::take_rest).

use super::frame::{self, Decoder, FrameError, Item, COMMAND};
use super::mask::Masks;
use super::upgrade::{self, Offer, Resource, Subprotocol};
use super::Role;
use crate::error::Errno;
use crate::options::constants::ZMQ_PROTOCOL_ERROR_WS_UNSPECIFIED;
use crate::security::{self, zap, HandshakeError, Mechanism};
use crate::zmtp::handshake::{Config, Peer, Status, MAX_COMMAND_SIZE};
use crate::zmtp::Version;

/// How many pings a peer may send before the handshake is over.
const PINGS_MAX: u32 = 100;

const REFUSED: HandshakeError = HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_WS_UNSPECIFIED);

/// One connection's handshake.
#[derive(Debug)]
pub struct Handshake {
    config: Config,
    offer: Offer,
    stage: Stage,
    output: Vec<u8>,
    /// What was received and is still to be looked at.
    received: Vec<u8>,
    decoder: Decoder,
    masks: Option<Masks>,
    pings: u32,
}

#[derive(Debug)]
enum Stage {
    /// A client waits for the response to the request with this key.
    Request(String),
    /// A server waits for a request.
    Listening,
    /// All that remains is the peer's routing id.
    RoutingId(Option<Vec<u8>>),
    Commands(Box<Mechanism>),
}

impl Handshake {
    /// The end that connects.
    pub fn client(config: Config, resource: &Resource) -> Handshake {
        let mut shake = Handshake::new(config, Role::Client, Stage::Listening);
        let mut masks = Masks::new();
        let key = upgrade::key(masks.nonce());
        shake.output = upgrade::request(resource, &key, &shake.offer);
        shake.stage = Stage::Request(key);
        shake.masks = Some(masks);
        shake
    }

    /// The end that was connected to.
    pub fn server(config: Config) -> Handshake {
        Handshake::new(config, Role::Server, Stage::Listening)
    }

    fn new(config: Config, role: Role, stage: Stage) -> Handshake {
        Handshake {
            offer: Offer::new(&config.mechanism, config.requires_mechanism()),
            config,
            stage,
            output: Vec::new(),
            received: Vec::new(),
            decoder: Decoder::new(role),
            masks: None,
            pings: 0,
        }
    }

    pub fn role(&self) -> Role {
        if self.masks.is_some() {
            Role::Client
        } else {
            Role::Server
        }
    }

    /// Bytes that wait to be written. The caller takes them off the front as it writes them. They
    /// may be there even when the handshake has failed: a refused client is told.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    pub fn status(&self) -> Status {
        match &self.stage {
            Stage::Request(_) | Stage::Listening | Stage::RoutingId(None) => Status::Working,
            Stage::RoutingId(Some(_)) => Status::Done,
            Stage::Commands(mechanism) => match mechanism.status() {
                security::Status::Handshaking => Status::Working,
                security::Status::WaitingForZap => Status::WaitingForZap,
                security::Status::Rejected => Status::Rejected,
                security::Status::Ready => Status::Done,
            },
        }
    }

    /// Takes bytes from the peer. After an error the connection is to be closed.
    pub fn input(&mut self, bytes: &[u8]) -> Result<(), HandshakeError> {
        if self.status() == Status::Rejected {
            // Whatever a refused peer still says is of no interest.
            return Ok(());
        }
        let seen = self.received.len();
        self.received.extend_from_slice(bytes);
        if matches!(self.stage, Stage::Request(_) | Stage::Listening) {
            let Some(len) = upgrade::head_len(&self.received, seen) else {
                return self.check_head(self.received.len());
            };
            self.check_head(len)?;
            self.upgrade(len)?;
            self.received.drain(..len);
        }
        let mut received = core::mem::take(&mut self.received);
        let outcome = self.take_frames(&mut received);
        self.received = received;
        outcome
    }

    /// Looks at a head of which so many bytes are there. A peer that does not even speak HTTP is
    /// not waited for.
    fn check_head(&mut self, len: usize) -> Result<(), HandshakeError> {
        let beginning: &[u8] = match self.stage {
            Stage::Listening => b"GET ",
            _ => b"HTTP/1.1 ",
        };
        if self.received.iter().zip(beginning).any(|(byte, expected)| byte != expected) {
            return self.refuse(&upgrade::BAD_REQUEST);
        }
        if len > upgrade::HEAD_MAX {
            return self.refuse(&upgrade::TOO_LONG);
        }
        Ok(())
    }

    fn refuse(&mut self, refused: &upgrade::Refused) -> Result<(), HandshakeError> {
        if matches!(self.stage, Stage::Listening) {
            self.output.extend_from_slice(refused.0);
        }
        Err(REFUSED)
    }

    fn upgrade(&mut self, len: usize) -> Result<(), HandshakeError> {
        let head = self.received.get(..len).unwrap_or_default();
        let subprotocol = match &self.stage {
            Stage::Request(key) => {
                upgrade::check_response(head, key, &self.offer).ok_or(REFUSED)?
            }
            _ => match upgrade::answer(head, &self.offer) {
                Ok((response, subprotocol)) => {
                    self.output.extend_from_slice(&response);
                    subprotocol
                }
                Err(refused) => return self.refuse(&refused),
            },
        };
        match subprotocol {
            Subprotocol::Bare => {
                self.stage = Stage::RoutingId(None);
                let id = &self.config.routing_id;
                frame::append_data(self.masks.as_mut(), 0, id, &mut self.output);
            }
            Subprotocol::Mechanism => {
                self.stage = Stage::Commands(Box::new(self.config.start_mechanism()?));
                self.queue_commands();
            }
        }
        Ok(())
    }

    /// Takes frames off the front of `received`, as long as the handshake has a use for them.
    fn take_frames(&mut self, received: &mut Vec<u8>) -> Result<(), HandshakeError> {
        let limit = match u64::try_from(self.config.maxmsgsize) {
            Ok(maximum) => maximum.min(MAX_COMMAND_SIZE),
            Err(_) => MAX_COMMAND_SIZE,
        };
        while matches!(self.status(), Status::Working | Status::WaitingForZap) {
            let decoded = self.decoder.decode(received, limit).map_err(|error| match error {
                FrameError::Malformed => REFUSED,
                FrameError::TooLarge => HandshakeError::Silent(Errno::EMSGSIZE),
                FrameError::NoMemory => HandshakeError::Silent(Errno::ENOMEM),
            })?;
            let Some((used, item)) = decoded else { return Ok(()) };
            match item {
                Item::Data { body, .. } => match &mut self.stage {
                    Stage::Commands(mechanism) if mechanism.expects_command() => {
                        mechanism.process_command(body)?;
                        self.queue_commands();
                    }
                    Stage::RoutingId(id) => {
                        let wanted = self.config.recv_routing_id;
                        *id = Some(if wanted { body.to_vec() } else { Vec::new() });
                    }
                    _ => return Err(HandshakeError::UNEXPECTED_COMMAND),
                },
                Item::Ping(payload) => {
                    self.pings += 1;
                    if self.pings > PINGS_MAX {
                        return Err(REFUSED);
                    }
                    frame::append_pong(self.masks.as_mut(), payload, &mut self.output);
                }
                Item::Close(payload) => {
                    frame::append_close(self.masks.as_mut(), payload, &mut self.output);
                    return Err(HandshakeError::Closed);
                }
                Item::Pong | Item::Fragment => {}
            }
            received.drain(..used);
        }
        Ok(())
    }

    fn queue_commands(&mut self) {
        if let Stage::Commands(mechanism) = &mut self.stage {
            while let Some(body) = mechanism.next_command() {
                frame::append_data(self.masks.as_mut(), COMMAND, &body, &mut self.output);
            }
        }
    }

    // --- ZAP, as in ZMTP ---

    pub fn take_zap_request(&mut self) -> Option<zap::Request> {
        self.mechanism()?.take_zap_request()
    }

    pub fn zap_reply(&mut self, frames: &[Vec<u8>]) -> Result<(), HandshakeError> {
        let mechanism = self.mechanism().ok_or(HandshakeError::Silent(Errno::EFSM))?;
        mechanism.zap_reply(frames)?;
        self.queue_commands();
        Ok(())
    }

    pub fn zap_unavailable(&mut self) -> Result<(), HandshakeError> {
        let mechanism = self.mechanism().ok_or(HandshakeError::Silent(Errno::EFSM))?;
        mechanism.zap_unavailable()?;
        self.queue_commands();
        Ok(())
    }

    pub fn take_event(&mut self) -> Option<HandshakeError> {
        self.mechanism()?.take_event()
    }

    /// Whether the ZAP handler refused the peer, so that the monitor knows already why the connection
    /// ends.
    pub fn was_denied(&self) -> bool {
        matches!(&self.stage, Stage::Commands(mechanism) if mechanism.was_denied())
    }

    fn mechanism(&mut self) -> Option<&mut Mechanism> {
        match &mut self.stage {
            Stage::Commands(mechanism) => Some(mechanism),
            _ => None,
        }
    }

    // --- the end ---

    /// What was received behind the end of the handshake.
    pub fn take_rest(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.received)
    }

    /// What was learned about the peer. Meant for [`Status::Done`].
    pub fn finish(self) -> Peer {
        match self.stage {
            Stage::Commands(mechanism) => {
                Peer::of_mechanism(Version::V3_0, *mechanism, &self.config.peer_address)
            }
            Stage::RoutingId(id) => {
                Peer { routing_id: id.unwrap_or_default(), ..Peer::legacy(Version::V2_0) }
            }
            Stage::Request(_) | Stage::Listening => Peer::legacy(Version::V2_0),
        }
    }
}

#[cfg(test)]
#[path = "handshake_tests.rs"]
mod tests;
