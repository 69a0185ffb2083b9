//! ZAP: asking the application whether a peer may come in.
//!
//! A handler, if the application has one, listens at `inproc://zeromq.zap.01`. A mechanism puts
//! its question through a [`Client`], one per connection. The client makes the message and judges
//! the answer; carrying both to and from the handler is the session's work.
//!
//! ```text
//! Client::ask ─► take_request ─► (session sends the frames) ─► reply | unavailable ─► verdict
//! ```

use super::{HandshakeError, PeerMetadata};
use crate::error::Errno;
use crate::options::constants::{
    ZMQ_PROTOCOL_ERROR_ZAP_BAD_REQUEST_ID, ZMQ_PROTOCOL_ERROR_ZAP_BAD_VERSION,
    ZMQ_PROTOCOL_ERROR_ZAP_INVALID_METADATA, ZMQ_PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE,
    ZMQ_PROTOCOL_ERROR_ZAP_MALFORMED_REPLY, ZMQ_PROTOCOL_ERROR_ZAP_UNSPECIFIED,
};
use crate::security::keys::SecretBytes;
use crate::security::metadata::Source;

/// Nobody is there to ask.
pub const NO_HANDLER: HandshakeError = HandshakeError::NoDetail(Errno::EFAULT);

const VERSION: &[u8] = b"1.0";
/// A connection has one question, so one number is enough for all.
const REQUEST_ID: &[u8] = b"1";

/// The question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    pub domain: Vec<u8>,
    /// Where the peer connects from.
    pub address: String,
    /// The routing id of the socket that asks, not the peer's.
    pub routing_id: Vec<u8>,
    pub mechanism: &'static str,
    pub credentials: Vec<SecretBytes>,
}

impl Request {
    /// The message for the handler, beginning with the empty delimiter that a REP socket expects.
    pub fn frames(&self) -> Vec<&[u8]> {
        let mut frames = vec![
            b"",
            VERSION,
            REQUEST_ID,
            &self.domain,
            self.address.as_bytes(),
            &self.routing_id,
            self.mechanism.as_bytes(),
        ];
        frames.extend(self.credentials.iter().map(SecretBytes::as_bytes));
        frames
    }
}

/// The status codes that a handler may answer with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    Success,
    TemporaryError,
    AuthenticationFailure,
    InternalError,
}

impl Status {
    pub fn code(self) -> i32 {
        match self {
            Status::Success => 200,
            Status::TemporaryError => 300,
            Status::AuthenticationFailure => 400,
            Status::InternalError => 500,
        }
    }

    /// Reads the three digits of a status frame, or of the reason in an ERROR command.
    pub fn parse(text: &[u8]) -> Option<Status> {
        match text {
            b"200" => Some(Status::Success),
            b"300" => Some(Status::TemporaryError),
            b"400" => Some(Status::AuthenticationFailure),
            b"500" => Some(Status::InternalError),
            _ => None,
        }
    }
}

/// The answer, borrowed from its frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reply<'a> {
    pub status: Status,
    pub status_text: &'a [u8],
    pub user_id: &'a [u8],
    /// An encoded property list, not looked at yet.
    pub metadata: &'a [u8],
}

impl<'a> Reply<'a> {
    /// Checks an answer as far as it can be understood alone. The error is a
    /// `ZMQ_PROTOCOL_ERROR_ZAP_*` number.
    pub fn parse(frames: &'a [Vec<u8>]) -> Result<Reply<'a>, i32> {
        let [delimiter, version, request_id, status, status_text, user_id, metadata] = frames
        else {
            return Err(ZMQ_PROTOCOL_ERROR_ZAP_MALFORMED_REPLY);
        };
        if !delimiter.is_empty() {
            return Err(ZMQ_PROTOCOL_ERROR_ZAP_UNSPECIFIED);
        }
        if version != VERSION {
            return Err(ZMQ_PROTOCOL_ERROR_ZAP_BAD_VERSION);
        }
        if request_id != REQUEST_ID {
            return Err(ZMQ_PROTOCOL_ERROR_ZAP_BAD_REQUEST_ID);
        }
        let status = Status::parse(status).ok_or(ZMQ_PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE)?;
        Ok(Reply { status, status_text, user_id, metadata })
    }
}

/// What came of asking.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Not asked, or no answer yet.
    Pending,
    /// The peer may come in. Also where nobody is there to ask and the socket does not insist.
    Accepted,
    /// The handler refused, with a status other than success.
    Denied(Status),
    /// Nobody is there to ask, and the socket insists.
    Unavailable,
}

/// The asking side of one connection.
#[derive(Debug)]
pub struct Client {
    domain: Vec<u8>,
    enforced: bool,
    address: String,
    routing_id: Vec<u8>,
    state: State,
    event: Option<HandshakeError>,
}

#[derive(Debug)]
enum State {
    Idle,
    Asked(Request),
    Waiting,
    Decided(Verdict),
}

impl Client {
    /// `enforced` is `ZMQ_ZAP_ENFORCE_DOMAIN`: a missing handler keeps everybody out.
    pub fn new(domain: Vec<u8>, enforced: bool, address: String, routing_id: Vec<u8>) -> Client {
        Client { domain, enforced, address, routing_id, state: State::Idle, event: None }
    }

    /// Whether the socket has a ZAP domain, without which the NULL mechanism asks nobody.
    pub fn has_domain(&self) -> bool {
        !self.domain.is_empty()
    }

    /// Whether a mechanism that authenticates asks: always where there is a domain, and where there
    /// is none unless the socket insists that domains count.
    pub fn asks_by_default(&self) -> bool {
        self.has_domain() || !self.enforced
    }

    /// Puts the question.
    pub fn ask(&mut self, mechanism: &'static str, credentials: Vec<SecretBytes>) {
        self.state = State::Asked(Request {
            domain: self.domain.clone(),
            address: self.address.clone(),
            routing_id: self.routing_id.clone(),
            mechanism,
            credentials,
        });
    }

    pub fn is_waiting(&self) -> bool {
        matches!(self.state, State::Asked(_) | State::Waiting)
    }

    pub fn verdict(&self) -> Verdict {
        match self.state {
            State::Decided(verdict) => verdict,
            _ => Verdict::Pending,
        }
    }

    /// The question, once, for the session to carry to the handler.
    pub fn take_request(&mut self) -> Option<Request> {
        if !matches!(self.state, State::Asked(_)) {
            return None;
        }
        match std::mem::replace(&mut self.state, State::Waiting) {
            State::Asked(request) => Some(request),
            _ => None,
        }
    }

    /// Judges the handler's answer, and takes over what it tells about the peer. An answer that
    /// nobody asked for, or a bad one, ends the connection.
    pub fn reply(
        &mut self,
        frames: &[Vec<u8>],
        peer: &mut PeerMetadata,
    ) -> Result<(), HandshakeError> {
        if !matches!(self.state, State::Waiting) {
            return Err(HandshakeError::Silent(Errno::EFSM));
        }
        let reply = Reply::parse(frames).map_err(HandshakeError::Protocol)?;
        peer.set_user_id(reply.user_id);
        peer.add(Source::Zap, reply.metadata)
            .map_err(|_| HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZAP_INVALID_METADATA))?;
        self.state = State::Decided(match reply.status {
            Status::Success => Verdict::Accepted,
            denied => {
                self.event = Some(HandshakeError::Auth(denied.code()));
                Verdict::Denied(denied)
            }
        });
        Ok(())
    }

    /// There is no handler.
    pub fn unavailable(&mut self) -> Result<(), HandshakeError> {
        if !self.is_waiting() {
            return Err(HandshakeError::Silent(Errno::EFSM));
        }
        self.state = State::Decided(if self.enforced {
            self.event = Some(NO_HANDLER);
            Verdict::Unavailable
        } else {
            Verdict::Accepted
        });
        Ok(())
    }

    /// A failure to report while the connection stays open.
    pub fn take_event(&mut self) -> Option<HandshakeError> {
        self.event.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::constants::ZMQ_DEALER;

    fn frames(parts: [&[u8]; 7]) -> Vec<Vec<u8>> {
        parts.iter().map(|part| part.to_vec()).collect()
    }

    fn answer(status: &[u8]) -> Vec<Vec<u8>> {
        frames([b"", b"1.0", b"1", status, b"OK", b"anonymous", b"\x05Hello\0\0\0\x05World"])
    }

    fn waiting_client() -> Client {
        let mut client = Client::new(b"D".to_vec(), false, "127.0.0.1".into(), b"me".to_vec());
        client.ask("NULL", Vec::new());
        assert!(client.take_request().is_some());
        client
    }

    fn peer() -> PeerMetadata {
        PeerMetadata::new(ZMQ_DEALER, false)
    }

    #[test]
    fn a_request_has_its_frames_in_order() {
        let request = Request {
            domain: b"global".to_vec(),
            address: "127.0.0.1".into(),
            routing_id: b"me".to_vec(),
            mechanism: "PLAIN",
            credentials: vec![SecretBytes::new(b"user"), SecretBytes::new(b"secret")],
        };
        let expected: [&[u8]; 9] =
            [b"", b"1.0", b"1", b"global", b"127.0.0.1", b"me", b"PLAIN", b"user", b"secret"];
        assert_eq!(request.frames(), expected);
        // What is not to be known is not printed.
        assert!(!format!("{request:?}").contains("115, 101, 99"));
    }

    #[test]
    fn a_good_answer_tells_about_the_peer() {
        let mut client = waiting_client();
        let mut peer = peer();
        assert_eq!(client.verdict(), Verdict::Pending);
        client.reply(&answer(b"200"), &mut peer).unwrap();
        assert_eq!(client.verdict(), Verdict::Accepted);
        assert_eq!(client.take_event(), None);
        assert_eq!(peer.user_id(), Some(&b"anonymous"[..]));
        let properties = peer.into_properties("");
        assert!(properties.contains(&("Hello".into(), b"World".to_vec())));
        assert!(properties.contains(&("User-Id".into(), b"anonymous".to_vec())));
    }

    #[test]
    fn each_fault_of_an_answer_has_its_code() {
        let good: [&[u8]; 7] = [b"", b"1.0", b"1", b"200", b"OK", b"", b""];
        let faults: [(usize, &[u8], i32); 7] = [
            (0, b"x", ZMQ_PROTOCOL_ERROR_ZAP_UNSPECIFIED),
            (1, b"1.1", ZMQ_PROTOCOL_ERROR_ZAP_BAD_VERSION),
            (2, b"2", ZMQ_PROTOCOL_ERROR_ZAP_BAD_REQUEST_ID),
            (3, b"100", ZMQ_PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE),
            (3, b"2000", ZMQ_PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE),
            (3, b"", ZMQ_PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE),
            (6, b"\x05Hel", ZMQ_PROTOCOL_ERROR_ZAP_INVALID_METADATA),
        ];
        for (position, bytes, code) in faults {
            let mut parts = good;
            parts[position] = bytes;
            assert_eq!(
                waiting_client().reply(&frames(parts), &mut peer()),
                Err(HandshakeError::Protocol(code))
            );
        }
        for count in [0, 1, 6, 8] {
            let mut parts = frames(good);
            parts.resize(count, Vec::new());
            assert_eq!(
                waiting_client().reply(&parts, &mut peer()),
                Err(HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZAP_MALFORMED_REPLY))
            );
        }
    }

    #[test]
    fn a_denial_is_an_event() {
        for status in [Status::TemporaryError, Status::AuthenticationFailure, Status::InternalError]
        {
            let mut client = waiting_client();
            let digits = status.code().to_string();
            client.reply(&answer(digits.as_bytes()), &mut peer()).unwrap();
            assert_eq!(client.verdict(), Verdict::Denied(status));
            assert_eq!(client.take_event(), Some(HandshakeError::Auth(status.code())));
            assert_eq!(client.take_event(), None);
        }
    }

    #[test]
    fn an_answer_counts_once_and_only_after_the_question() {
        let mut client = waiting_client();
        client.reply(&answer(b"200"), &mut peer()).unwrap();
        let unasked = Err(HandshakeError::Silent(Errno::EFSM));
        assert_eq!(client.reply(&answer(b"200"), &mut peer()), unasked);
        assert_eq!(client.unavailable(), unasked);
        let mut idle = Client::new(Vec::new(), false, String::new(), Vec::new());
        assert_eq!(idle.reply(&answer(b"200"), &mut peer()), unasked);
        assert_eq!(idle.take_request(), None);
    }

    #[test]
    fn a_missing_handler_matters_only_where_enforced() {
        let mut client = waiting_client();
        client.unavailable().unwrap();
        assert_eq!(client.verdict(), Verdict::Accepted);
        let mut client = Client::new(b"D".to_vec(), true, String::new(), Vec::new());
        client.ask("NULL", Vec::new());
        client.unavailable().unwrap();
        assert_eq!(client.verdict(), Verdict::Unavailable);
        assert_eq!(client.take_event(), Some(HandshakeError::NoDetail(Errno::EFAULT)));
    }
}
