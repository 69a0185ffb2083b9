//! The client side of SOCKS 5 (RFC 1928), with user name and password (RFC 1929).
//!
//! The conversation, after the connection to the proxy stands: offer one way to authenticate, hear
//! the proxy's choice, authenticate if it wants that, ask for the target, hear whether it worked.
//! From the next byte on the connection is the target's.
//!
//! A proxy's own address has the syntax of any address to connect to, `source;` included, and is
//! resolved as such by the caller.
//!
//! [`SocksClient`] only turns bytes into bytes. Its owner writes what [`SocksClient::output`]
//! shows, says with [`SocksClient::advance`] how much of it went out, and feeds what comes in to
//! [`SocksClient::input`], until [`SocksClient::is_done`]. Host names are sent as they are, for the
//! proxy to resolve.

#![deny(unsafe_code)]

use std::net::{Ipv4Addr, Ipv6Addr};

use super::resolve;
use crate::error::{Errno, Result};
use crate::security::keys::SecretBytes;

const VERSION: u8 = 5;
const AUTHENTICATION_VERSION: u8 = 1;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const COMMAND_CONNECT: u8 = 1;
const RESERVED: u8 = 0;
const ADDRESS_V4: u8 = 1;
const ADDRESS_NAME: u8 = 3;
const ADDRESS_V6: u8 = 4;

/// Version, reply code, reserved byte, address type, and the first byte of the address: what tells
/// how long the reply is.
const REPLY_HEAD: usize = 5;
/// The longest reply has a name of 255 bytes.
const LONGEST_REPLY: usize = REPLY_HEAD + 255 + 2;

/// Splits the address part of a `tcp` endpoint into the host, without brackets, and the port.
/// `EINVAL` when the port is missing or 0, or the host too long for the protocol.
pub fn parse_target(address: &str) -> Result<(&str, u16)> {
    let (host, port) = address.rsplit_once(':').ok_or(Errno::EINVAL)?;
    let host = resolve::strip_brackets(host);
    let port = resolve::leading_integer(port) as u16;
    if port == 0 || host.len() > usize::from(u8::MAX) {
        return Err(Errno::EINVAL);
    }
    Ok((host, port))
}

/// One conversation with a proxy.
pub struct SocksClient {
    state: State,
    output: Vec<u8>,
    written: usize,
    /// The part of the current answer that arrived.
    answer: Vec<u8>,
    request: Vec<u8>,
    credentials: Option<(Vec<u8>, SecretBytes)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    AwaitingChoice,
    AwaitingAuthentication,
    AwaitingReply,
    Done,
    Failed(Errno),
}

impl SocksClient {
    /// A conversation that leads to `target` (`host:port`). `EINVAL` when the target has no port,
    /// or when the target's name, the user name or the password is too long for the protocol.
    pub fn new(target: &str, credentials: Option<(Vec<u8>, SecretBytes)>) -> Result<SocksClient> {
        let (host, port) = parse_target(target)?;
        let method = match &credentials {
            None => NO_AUTHENTICATION,
            Some((user, password)) => {
                if user.len().max(password.as_bytes().len()) > usize::from(u8::MAX) {
                    return Err(Errno::EINVAL);
                }
                USER_AND_PASSWORD
            }
        };
        Ok(SocksClient {
            state: State::AwaitingChoice,
            output: vec![VERSION, 1, method],
            written: 0,
            answer: Vec::new(),
            request: encode_request(host, port),
            credentials,
        })
    }

    /// What is to be written now.
    pub fn output(&self) -> &[u8] {
        self.output.get(self.written..).unwrap_or_default()
    }

    /// Notes that this many bytes of the output were written.
    pub fn advance(&mut self, count: usize) {
        self.written = self.written.saturating_add(count).min(self.output.len());
    }

    /// How many bytes may be read now without reading into what belongs to the target: 0 when it
    /// is this side's turn, or when the conversation is over.
    pub fn wanted(&self) -> usize {
        if !self.output().is_empty() {
            return 0;
        }
        self.answer_length().saturating_sub(self.answer.len())
    }

    /// Takes the next bytes from the proxy and returns how many of them were its: fewer than given
    /// once the conversation is done, the rest is the target's.
    ///
    /// An error ends the conversation: `EPROTO` for an answer that breaks the protocol (as one that
    /// comes before its question does), `EACCES` when the proxy accepts no way to authenticate or
    /// not these credentials, and the like of what a direct connection would have met when the
    /// proxy could not reach the target.
    pub fn input(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut taken = 0;
        while let Some(&byte) = bytes.get(taken) {
            match self.state {
                State::Done => break,
                State::Failed(error) => return Err(error),
                _ => {}
            }
            if self.wanted() == 0 {
                return Err(self.fail(Errno::EPROTO));
            }
            self.answer.push(byte);
            taken += 1;
            if let Err(error) = self.check_answer() {
                return Err(self.fail(error));
            }
            if self.answer.len() == self.answer_length() {
                self.act();
            }
        }
        Ok(taken)
    }

    /// Whether the connection is the target's now.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    fn fail(&mut self, error: Errno) -> Errno {
        self.state = State::Failed(error);
        error
    }

    /// Length of the answer that is awaited, as far as its beginning tells.
    fn answer_length(&self) -> usize {
        match self.state {
            State::AwaitingChoice | State::AwaitingAuthentication => 2,
            State::AwaitingReply => {
                let address = match (self.answer.get(3), self.answer.get(4)) {
                    (Some(&ADDRESS_V4), _) => 4,
                    (Some(&ADDRESS_V6), _) => 16,
                    (Some(&ADDRESS_NAME), Some(&length)) => 1 + usize::from(length),
                    _ => return REPLY_HEAD,
                };
                (4 + address + 2).min(LONGEST_REPLY)
            }
            State::Done | State::Failed(_) => 0,
        }
    }

    /// Looks at the byte that came last.
    fn check_answer(&self) -> Result<()> {
        let Some((&byte, before)) = self.answer.split_last() else {
            return Ok(());
        };
        match (self.state, before.len()) {
            (State::AwaitingChoice | State::AwaitingReply, 0) => expect(byte, VERSION),
            (State::AwaitingChoice, 1) => match byte {
                NO_AUTHENTICATION | USER_AND_PASSWORD => Ok(()),
                _ => Err(Errno::EACCES),
            },
            (State::AwaitingAuthentication, 0) => expect(byte, AUTHENTICATION_VERSION),
            (State::AwaitingAuthentication, 1) if byte != 0 => Err(Errno::EACCES),
            (State::AwaitingReply, 1) => reply_code(byte),
            (State::AwaitingReply, 2) => expect(byte, RESERVED),
            (State::AwaitingReply, 3) => match byte {
                ADDRESS_V4 | ADDRESS_NAME | ADDRESS_V6 => Ok(()),
                _ => Err(Errno::EPROTO),
            },
            _ => Ok(()),
        }
    }

    /// Goes on after a complete answer.
    fn act(&mut self) {
        let method = self.answer.get(1).copied();
        self.answer.clear();
        let (state, output) = match self.state {
            State::AwaitingChoice if method == Some(USER_AND_PASSWORD) => {
                (State::AwaitingAuthentication, self.encode_credentials())
            }
            State::AwaitingChoice | State::AwaitingAuthentication => {
                (State::AwaitingReply, std::mem::take(&mut self.request))
            }
            State::AwaitingReply => (State::Done, Vec::new()),
            over @ (State::Done | State::Failed(_)) => (over, Vec::new()),
        };
        self.state = state;
        self.output = output;
        self.written = 0;
    }

    /// A proxy that insists on credentials where there are none is sent empty ones.
    fn encode_credentials(&mut self) -> Vec<u8> {
        let (user, password) = self.credentials.take().unwrap_or_default();
        let mut bytes = vec![AUTHENTICATION_VERSION];
        for field in [&user[..], password.as_bytes()] {
            bytes.push(field.len() as u8);
            bytes.extend_from_slice(field);
        }
        bytes
    }
}

impl std::fmt::Debug for SocksClient {
    // Passwords do not belong in logs.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("SocksClient").field("state", &self.state).finish_non_exhaustive()
    }
}

fn expect(byte: u8, expected: u8) -> Result<()> {
    if byte == expected {
        return Ok(());
    }
    Err(Errno::EPROTO)
}

/// The reply codes of RFC 1928, section 6.
fn reply_code(code: u8) -> Result<()> {
    Err(match code {
        0 => return Ok(()),
        2 => Errno::EACCES,
        3 => Errno::ENETUNREACH,
        4 => Errno::EHOSTUNREACH,
        1 | 5 => Errno::ECONNREFUSED,
        6 => Errno::ETIMEDOUT,
        7 => Errno::ENOTSUP,
        8 => Errno::EAFNOSUPPORT,
        _ => Errno::EPROTO,
    })
}

/// The host's length was checked by [`parse_target`].
fn encode_request(host: &str, port: u16) -> Vec<u8> {
    let mut bytes = vec![VERSION, COMMAND_CONNECT, RESERVED];
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        bytes.push(ADDRESS_V4);
        bytes.extend_from_slice(&address.octets());
    } else if let Ok(address) = host.parse::<Ipv6Addr>() {
        bytes.push(ADDRESS_V6);
        bytes.extend_from_slice(&address.octets());
    } else {
        bytes.extend_from_slice(&[ADDRESS_NAME, host.len() as u8]);
        bytes.extend_from_slice(host.as_bytes());
    }
    bytes.extend_from_slice(&port.to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(target: &str) -> SocksClient {
        SocksClient::new(target, None).unwrap()
    }

    fn client_with(user: &[u8], password: &[u8]) -> SocksClient {
        SocksClient::new("a.test:80", Some((user.to_vec(), SecretBytes::new(password)))).unwrap()
    }

    /// Writes everything, checks what it was.
    fn write(client: &mut SocksClient, expected: &[u8]) {
        assert_eq!(client.output(), expected);
        assert_eq!(client.wanted(), 0);
        client.advance(1);
        assert_eq!(client.output(), &expected[1..]);
        client.advance(usize::MAX);
        assert!(client.output().is_empty());
    }

    fn greeted(target: &str) -> SocksClient {
        let mut client = client(target);
        write(&mut client, &[5, 1, 0]);
        assert_eq!(client.wanted(), 2);
        assert_eq!(client.input(&[5, 0]), Ok(2));
        client
    }

    /// Up to where the reply is awaited.
    fn asked() -> SocksClient {
        let mut client = greeted("1.2.3.4:80");
        client.advance(usize::MAX);
        client
    }

    #[test]
    fn targets_take_three_forms() {
        let v4 = [5, 1, 0, 1, 127, 0, 0, 1, 0x12, 0x34];
        write(&mut greeted("127.0.0.1:4660"), &v4);
        let mut v6 = vec![5, 1, 0, 4];
        v6.extend_from_slice(&Ipv6Addr::LOCALHOST.octets());
        v6.extend_from_slice(&[0, 80]);
        write(&mut greeted("[::1]:80"), &v6);
        write(&mut greeted("::1:80"), &v6);
        write(&mut greeted("a.test:80"), b"\x05\x01\x00\x03\x06a.test\x00\x50");
    }

    #[test]
    fn bad_targets_and_credentials_are_refused() {
        for target in ["host", "host:", "host:0", "host:x", "host:65536", ""] {
            assert_eq!(SocksClient::new(target, None).err(), Some(Errno::EINVAL), "{target}");
        }
        let long = "h".repeat(256);
        let target = format!("{long}:80");
        assert_eq!(SocksClient::new(&target, None).err(), Some(Errno::EINVAL));
        assert!(SocksClient::new(&target[1..], None).is_ok());
        let long = long.into_bytes();
        for (user, password) in [(long.clone(), vec![]), (vec![], long)] {
            let pair = (user, SecretBytes::new(&password));
            assert_eq!(SocksClient::new("h:1", Some(pair)).err(), Some(Errno::EINVAL));
        }
    }

    #[test]
    fn replies_of_every_address_form_end_it() {
        for reply in [
            &b"\x05\x00\x00\x01\x01\x02\x03\x04\x00\x50"[..],
            b"\x05\x00\x00\x03\x00\x00\x50",
            b"\x05\x00\x00\x03\x06a.test\x00\x50",
            b"\x05\x00\x00\x040123456789abcdef\x00\x50",
        ] {
            let mut at_once = asked();
            let mut bytes = reply.to_vec();
            bytes.extend_from_slice(b"\xfftarget");
            assert_eq!(at_once.input(&bytes), Ok(reply.len()));
            assert!(at_once.is_done());
            assert_eq!((at_once.wanted(), at_once.input(b"more")), (0, Ok(0)));

            let mut by_bytes = asked();
            for (position, byte) in reply.iter().enumerate() {
                assert!(!by_bytes.is_done());
                assert!(by_bytes.wanted() <= reply.len() - position);
                assert_eq!(by_bytes.input(&[*byte]), Ok(1));
            }
            assert!(by_bytes.is_done());
        }
        let mut longest = vec![5, 0, 0, 3, 255];
        longest.resize(LONGEST_REPLY, b'x');
        let mut client = asked();
        assert_eq!(client.input(&longest), Ok(LONGEST_REPLY));
        assert!(client.is_done());
    }

    #[test]
    fn credentials_are_sent_when_chosen() {
        let mut client = client_with(b"user", b"pw");
        write(&mut client, &[5, 1, 2]);
        assert_eq!(client.input(&[5, 2]), Ok(2));
        write(&mut client, b"\x01\x04user\x02pw");
        assert_eq!(client.wanted(), 2);
        assert_eq!(client.input(&[1, 0]), Ok(2));
        assert_eq!(client.output(), b"\x05\x01\x00\x03\x06a.test\x00\x50");
        assert!(!format!("{:?}", client_with(b"user", b"secret")).contains("secret"));
    }

    #[test]
    fn the_proxy_may_choose_the_other_way() {
        let mut client = client_with(b"user", b"");
        write(&mut client, &[5, 1, 2]);
        assert_eq!(client.input(&[5, 0]), Ok(2));
        assert_eq!(client.output().get(..4), Some(&[5, 1, 0, 3][..]));

        let mut client = greeted_with_choice(2);
        write(&mut client, &[1, 0, 0]);
    }

    fn greeted_with_choice(method: u8) -> SocksClient {
        let mut client = client("a.test:80");
        client.advance(3);
        client.input(&[5, method]).unwrap();
        client
    }

    #[test]
    fn refusals_are_final() {
        let mut no_method = client("a.test:80");
        no_method.advance(3);
        assert_eq!(no_method.input(&[5, 0xff]), Err(Errno::EACCES));
        assert_eq!(no_method.input(&[5, 0]), Err(Errno::EACCES));
        assert_eq!(no_method.wanted(), 0);

        let mut denied = client_with(b"user", b"wrong");
        denied.advance(3);
        denied.input(&[5, 2]).unwrap();
        denied.advance(usize::MAX);
        assert_eq!(denied.input(&[1, 1]), Err(Errno::EACCES));

        for (code, error) in [
            (1, Errno::ECONNREFUSED),
            (2, Errno::EACCES),
            (3, Errno::ENETUNREACH),
            (4, Errno::EHOSTUNREACH),
            (5, Errno::ECONNREFUSED),
            (6, Errno::ETIMEDOUT),
            (7, Errno::ENOTSUP),
            (8, Errno::EAFNOSUPPORT),
            (9, Errno::EPROTO),
            (255, Errno::EPROTO),
        ] {
            assert_eq!(asked().input(&[5, code]), Err(error), "{code}");
        }
    }

    #[test]
    fn broken_answers_are_protocol_errors() {
        let mut wrong_version = client("a.test:80");
        wrong_version.advance(3);
        assert_eq!(wrong_version.input(&[4]), Err(Errno::EPROTO));
        let mut early = client("a.test:80");
        assert_eq!(early.input(&[5, 0]), Err(Errno::EPROTO));
        let mut hasty = greeted("a.test:80");
        assert_eq!(hasty.input(&[5]), Err(Errno::EPROTO));
        for reply in [&[4][..], &[5, 0, 1], &[5, 0, 0, 0], &[5, 0, 0, 2], &[5, 0, 0, 5]] {
            assert_eq!(asked().input(reply), Err(Errno::EPROTO), "{reply:?}");
        }
        let mut wrong_authentication = client_with(b"user", b"pw");
        wrong_authentication.advance(3);
        wrong_authentication.input(&[5, 2]).unwrap();
        wrong_authentication.advance(usize::MAX);
        assert_eq!(wrong_authentication.input(&[5, 0]), Err(Errno::EPROTO));
    }
}
