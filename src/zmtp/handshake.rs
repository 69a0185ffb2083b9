//! The handshake: from the first byte of a connection to the first message.
//!
//! ```text
//!              ┌ first byte not ff, or tenth byte even ─► identity frame ────────┐ ZMTP 1.0
//! greeting ────┼ revision 0 or 1 ───────────────────────► identity frame ────────┼─► done
//!              └ revision 3 ───► mechanism: READY both ways, maybe ZAP first ────┘
//! ```
//!
//! [`Handshake`] is driven by the engine. It offers bytes to write in [`output`], takes bytes that
//! were read in [`input`], and says in [`status`] how things stand. It takes no byte beyond the
//! end of the handshake, so what [`input`] leaves over is the first data frame.
//!
//! The greeting goes out in pieces, as libzmq sends it: the signature at once, the revision when
//! the peer's signature shows that it knows revisions, the rest when its revision shows how we
//! should go on.
//!
//! [`output`]: Handshake::output
//! [`input`]: Handshake::input
//! [`status`]: Handshake::status

use super::frame::{self, Header, COMMAND};
use super::greeting::{self, MECHANISM, MINOR, REVISION, SIGNATURE_LEN, SIGNATURE_START};
use super::Version;
use crate::error::Errno;
use crate::options::constants::{ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH, ZMQ_PUB, ZMQ_XPUB};
use crate::security::{self, socket_type, zap, Mechanism};

pub use crate::security::HandshakeError;
pub use types::{Config, Peer, Status};

#[cfg(test)]
mod tests;
mod types;

/// Longest frame that a peer may send during the handshake, whatever `ZMQ_MAXMSGSIZE` says.
pub const MAX_COMMAND_SIZE: u64 = 1 << 20;

/// One connection's handshake.
#[derive(Debug)]
pub struct Handshake {
    config: Config,
    stage: Stage,
    output: Vec<u8>,
    /// The greeting or frame that is being received.
    partial: Vec<u8>,
}

#[derive(Debug)]
enum Stage {
    Greeting,
    Legacy(Legacy),
    Commands(Version, Box<Mechanism>),
}

/// A peer without mechanisms. All that remains is its identity frame.
#[derive(Debug)]
struct Legacy {
    version: Version,
    socket_type: Option<Vec<u8>>,
    inject_subscription: bool,
    routing_id: Option<Vec<u8>>,
}

impl Handshake {
    pub fn new(config: Config) -> Handshake {
        // Room for a greeting and a short READY.
        let mut output = Vec::with_capacity(2 * greeting::V3_LEN);
        output.extend_from_slice(&greeting::signature(config.routing_id.len()));
        let partial = Vec::with_capacity(greeting::V3_LEN);
        Handshake { config, stage: Stage::Greeting, output, partial }
    }

    /// Bytes that wait to be written. The caller takes them off the front as it writes them.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    pub fn status(&self) -> Status {
        match &self.stage {
            Stage::Greeting => Status::Working,
            Stage::Legacy(legacy) if legacy.routing_id.is_some() => Status::Done,
            Stage::Legacy(_) => Status::Working,
            Stage::Commands(_, mechanism) => match mechanism.status() {
                security::Status::Handshaking => Status::Working,
                security::Status::WaitingForZap => Status::WaitingForZap,
                security::Status::Rejected => Status::Rejected,
                security::Status::Ready => Status::Done,
            },
        }
    }

    /// Takes bytes from the peer and says how many: all of them, unless the handshake ends before.
    /// After an error the connection is to be closed.
    pub fn input(&mut self, bytes: &[u8]) -> Result<usize, HandshakeError> {
        let mut rest = bytes;
        loop {
            match self.status() {
                Status::Done => break,
                // Whatever a refused peer still says is of no interest.
                Status::Rejected => return Ok(bytes.len()),
                Status::Working | Status::WaitingForZap => {}
            }
            if !self.expects_input() {
                if rest.is_empty() {
                    break;
                }
                return Err(HandshakeError::UNEXPECTED_COMMAND);
            }
            let missing = self.bytes_needed()?.saturating_sub(self.partial.len());
            let (taken, left) = rest.split_at(missing.min(rest.len()));
            self.partial.extend_from_slice(taken);
            rest = left;
            if taken.len() < missing {
                break;
            }
            self.advance()?;
        }
        Ok(bytes.len() - rest.len())
    }

    /// The question to the ZAP handler, once it is due. The caller sends it and brings back the
    /// answer by [`zap_reply`](Self::zap_reply), or says [`zap_unavailable`](Self::zap_unavailable).
    pub fn take_zap_request(&mut self) -> Option<zap::Request> {
        self.mechanism()?.take_zap_request()
    }

    /// Takes the ZAP handler's answer, as it came, delimiter included. A denial is no error here:
    /// it shows as an [event](Self::take_event) and as [`Status::Rejected`].
    pub fn zap_reply(&mut self, frames: Vec<Vec<u8>>) -> Result<(), HandshakeError> {
        let mechanism = self.mechanism().ok_or(HandshakeError::Silent(Errno::EFSM))?;
        mechanism.zap_reply(&frames)?;
        self.queue_commands();
        Ok(())
    }

    /// Nobody handles ZAP in this context. Where the socket does not insist, the handshake goes on.
    pub fn zap_unavailable(&mut self) -> Result<(), HandshakeError> {
        let mechanism = self.mechanism().ok_or(HandshakeError::Silent(Errno::EFSM))?;
        mechanism.zap_unavailable()?;
        self.queue_commands();
        Ok(())
    }

    /// A failure for the monitor that does not close the connection. To be asked for after each of
    /// the calls about ZAP.
    pub fn take_event(&mut self) -> Option<HandshakeError> {
        self.mechanism()?.take_event()
    }

    /// Whether the ZAP handler refused the peer, so that the monitor knows already why the connection
    /// ends.
    pub fn was_denied(&self) -> bool {
        matches!(&self.stage, Stage::Commands(_, mechanism) if mechanism.was_denied())
    }

    /// What was learned about the peer. Meant for [`Status::Done`].
    pub fn finish(self) -> Peer {
        match self.stage {
            Stage::Greeting => Peer::legacy(Version::V1_0),
            Stage::Legacy(legacy) => Peer {
                socket_type: legacy.socket_type,
                routing_id: legacy.routing_id.unwrap_or_default(),
                inject_subscription: legacy.inject_subscription,
                ..Peer::legacy(legacy.version)
            },
            Stage::Commands(version, mechanism) => {
                Peer::of_mechanism(version, *mechanism, &self.config.peer_address)
            }
        }
    }

    fn mechanism(&mut self) -> Option<&mut Mechanism> {
        match &mut self.stage {
            Stage::Commands(_, mechanism) => Some(mechanism),
            _ => None,
        }
    }

    fn expects_input(&self) -> bool {
        match &self.stage {
            Stage::Commands(_, mechanism) => mechanism.expects_command(),
            _ => true,
        }
    }

    /// How long `partial` must be before the next step can be taken.
    fn bytes_needed(&self) -> Result<usize, HandshakeError> {
        let received = self.partial.len();
        if !matches!(self.stage, Stage::Greeting) {
            return match self.frame_header()? {
                Some(header) => header.frame_len().ok_or(HandshakeError::Silent(Errno::EMSGSIZE)),
                None => Ok(received.saturating_add(1)),
            };
        }
        Ok(match self.partial.get(REVISION) {
            _ if received == 0 => 1,
            _ if received < SIGNATURE_LEN => SIGNATURE_LEN,
            None => REVISION + 1,
            Some(&revision) if greeting::is_legacy(revision) => greeting::V2_LEN,
            Some(_) => greeting::V3_LEN,
        })
    }

    /// The header of the frame in `partial`, if it is there already, and acceptable.
    fn frame_header(&self) -> Result<Option<Header>, HandshakeError> {
        let has_v1_framing =
            matches!(&self.stage, Stage::Legacy(legacy) if legacy.version.has_v1_framing());
        let header = if has_v1_framing {
            frame::parse_header_v1(&self.partial)
        } else {
            frame::parse_header(&self.partial)
        };
        let header = header.map_err(|error| HandshakeError::Silent(error.errno()))?;
        let limit = match u64::try_from(self.config.maxmsgsize) {
            Ok(maximum) => maximum.min(MAX_COMMAND_SIZE),
            Err(_) => MAX_COMMAND_SIZE,
        };
        let limit = match &self.stage {
            Stage::Commands(_, mechanism) => limit.min(mechanism.longest_command()),
            _ => limit,
        };
        match header {
            Some(header) if header.body_len > limit => Err(HandshakeError::Silent(Errno::EMSGSIZE)),
            header => Ok(header),
        }
    }

    /// `partial` holds as many bytes as were needed: goes one step further.
    fn advance(&mut self) -> Result<(), HandshakeError> {
        if matches!(self.stage, Stage::Greeting) {
            return self.advance_greeting();
        }
        let Some(header) = self.frame_header()? else {
            return Ok(());
        };
        if header.frame_len() != Some(self.partial.len()) {
            return Ok(());
        }
        let frame = std::mem::take(&mut self.partial);
        let body = frame.get(header.header_len..).unwrap_or_default();
        match &mut self.stage {
            Stage::Greeting => {}
            // What libzmq does not look at, we do not either: an identity frame's flags, and
            // whether a handshake command is marked as one.
            Stage::Legacy(legacy) => {
                let wanted = self.config.recv_routing_id;
                legacy.routing_id = Some(if wanted { body.to_vec() } else { Vec::new() });
            }
            Stage::Commands(_, mechanism) => {
                mechanism.process_command(body)?;
                self.queue_commands();
            }
        }
        Ok(())
    }

    fn advance_greeting(&mut self) -> Result<(), HandshakeError> {
        let received = &self.partial[..];
        match received.len() {
            1 if received[0] != SIGNATURE_START => self.start_unversioned(),
            // The flags byte of a ZMTP 1.0 peer's identity message, whose lowest bit says "more".
            SIGNATURE_LEN if received[SIGNATURE_LEN - 1] & 1 == 0 => self.start_unversioned(),
            SIGNATURE_LEN => {
                self.output.push(greeting::REVISION_3_X);
                Ok(())
            }
            // Everything up to and with the revision.
            MINOR => {
                if greeting::is_legacy(received[REVISION]) {
                    // Type numbers are small; a socket has passed the check for them long ago.
                    self.output.push(self.config.socket_type as u8);
                } else {
                    let mechanism = self.config.mechanism.greeting_name();
                    self.output.extend_from_slice(&greeting::v3_tail(&mechanism));
                }
                Ok(())
            }
            greeting::V2_LEN if received[REVISION] == greeting::REVISION_1_0 => {
                self.start_legacy(Version::V1_0)
            }
            greeting::V2_LEN if received[REVISION] == greeting::REVISION_2_0 => {
                self.start_legacy(Version::V2_0)
            }
            greeting::V3_LEN => self.start_mechanism(),
            _ => Ok(()),
        }
    }

    /// The peer predates greetings: what it sent is the beginning of its identity message, and the
    /// signature we sent was the header of ours.
    fn start_unversioned(&mut self) -> Result<(), HandshakeError> {
        self.refuse_downgrade()?;
        self.output.extend_from_slice(&self.config.routing_id);
        self.stage = Stage::Legacy(Legacy {
            version: Version::V1_0,
            socket_type: None,
            inject_subscription: matches!(self.config.socket_type, ZMQ_PUB | ZMQ_XPUB),
            routing_id: None,
        });
        Ok(())
    }

    /// The peer has a revision, but no mechanisms: identities follow in frames of their own.
    fn start_legacy(&mut self, version: Version) -> Result<(), HandshakeError> {
        self.refuse_downgrade()?;
        if version.has_v1_framing() {
            frame::append_frame_v1(false, &self.config.routing_id, &mut self.output);
        } else {
            frame::append_frame(0, &self.config.routing_id, &mut self.output);
        }
        let socket_type = socket_type::name(i32::from(self.partial[MINOR]));
        self.stage = Stage::Legacy(Legacy {
            version,
            socket_type: socket_type.map(|name| name.as_bytes().to_vec()),
            inject_subscription: false,
            routing_id: None,
        });
        self.partial.clear();
        Ok(())
    }

    fn refuse_downgrade(&self) -> Result<(), HandshakeError> {
        if self.config.requires_mechanism() {
            return Err(HandshakeError::Silent(Errno::EPROTO));
        }
        Ok(())
    }

    fn start_mechanism(&mut self) -> Result<(), HandshakeError> {
        let config = &mut self.config;
        let theirs = &self.partial[MECHANISM..MECHANISM + 20];
        if theirs != config.mechanism.greeting_name() {
            return Err(HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH));
        }
        // Any revision but 3 is one of the future, and taken for the newest we know.
        let version = match (self.partial[REVISION], self.partial[MINOR]) {
            (greeting::REVISION_3_X, 0) => Version::V3_0,
            _ => Version::V3_1,
        };
        self.partial.clear();
        let mechanism = config.start_mechanism()?;
        self.stage = Stage::Commands(version, Box::new(mechanism));
        self.queue_commands();
        Ok(())
    }

    fn queue_commands(&mut self) {
        if let Stage::Commands(_, mechanism) = &mut self.stage {
            while let Some(body) = mechanism.next_command() {
                frame::append_frame(COMMAND, &body, &mut self.output);
            }
        }
    }
}
