//! The HTTP request and response that turn a connection into a WebSocket.
//!
//! Names of headers, and the tokens in `Upgrade` and `Connection`, are compared without regard to
//! case, and lists may be spread over several headers of the same name. Sub-protocols go by the
//! client's order: the first one that this socket speaks is taken.

use base64::prelude::{Engine, BASE64_STANDARD};

use crate::security::MechanismConfig;

/// The longest request or response taken.
pub const HEAD_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;

const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const END: &[u8] = b"\r\n\r\n";

/// What both ends speak once they are through with HTTP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subprotocol {
    /// `ZWS2.0`: no mechanism.
    Bare,
    /// `ZWS2.0/` and the name of the socket's mechanism.
    Mechanism,
}

/// The sub-protocols of a socket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offer {
    mechanism: String,
    allows_bare: bool,
}

impl Offer {
    /// `requires_mechanism`: someone has a say about peers, which a sub-protocol without mechanism
    /// would bypass.
    pub fn new(mechanism: &MechanismConfig, requires_mechanism: bool) -> Offer {
        let padded = mechanism.greeting_name();
        let name: String =
            padded.iter().take_while(|&&byte| byte != 0).map(|&byte| char::from(byte)).collect();
        Offer {
            mechanism: format!("ZWS2.0/{name}"),
            allows_bare: *mechanism == MechanismConfig::Null && !requires_mechanism,
        }
    }

    fn list(&self) -> String {
        if self.allows_bare {
            format!("{},ZWS2.0", self.mechanism)
        } else {
            self.mechanism.clone()
        }
    }

    fn name(&self, subprotocol: Subprotocol) -> &str {
        match subprotocol {
            Subprotocol::Bare => "ZWS2.0",
            Subprotocol::Mechanism => &self.mechanism,
        }
    }

    fn find(&self, name: &str) -> Option<Subprotocol> {
        if name == self.mechanism {
            Some(Subprotocol::Mechanism)
        } else if self.allows_bare && name == "ZWS2.0" {
            Some(Subprotocol::Bare)
        } else {
            None
        }
    }
}

/// Where a client wants to go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resource {
    /// Host and port, as the `Host` header has them.
    pub host: String,
    /// Begins with a slash.
    pub path: String,
}

/// The text of a request's key.
pub fn key(nonce: [u8; 16]) -> String {
    BASE64_STANDARD.encode(nonce)
}

/// What proves that a server read the key.
fn accept(key: &str) -> String {
    let mut hash = sha1_smol::Sha1::new();
    hash.update(key.as_bytes());
    hash.update(GUID.as_bytes());
    BASE64_STANDARD.encode(hash.digest().bytes())
}

/// A client's request.
pub fn request(resource: &Resource, key: &str, offer: &Offer) -> Vec<u8> {
    let Resource { host, path } = resource;
    let protocols = offer.list();
    format!(
        "GET {path} HTTP/1.1\r\n\
         Host: {host}\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\n\
         Sec-WebSocket-Protocol: {protocols}\r\n\
         Sec-WebSocket-Version: 13\r\n\r\n"
    )
    .into_bytes()
}

/// How long the request or response at the front of `bytes` is, once it is there. `seen` bytes
/// were looked at before.
pub fn head_len(bytes: &[u8], seen: usize) -> Option<usize> {
    let start = seen.saturating_sub(END.len() - 1);
    let at = bytes.get(start..)?.windows(END.len()).position(|window| window == END)?;
    Some(start + at + END.len())
}

/// A request that is refused, with the response to it.
#[derive(PartialEq, Eq, Debug)]
pub struct Refused(pub &'static [u8]);

/// What to say to a client that wants something else.
pub const BAD_REQUEST: Refused =
    Refused(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
const OTHER_VERSION: Refused = Refused(
    b"HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\nSec-WebSocket-Version: 13\r\n\
      Content-Length: 0\r\n\r\n",
);

/// What to say to a client that does not come to an end.
pub const TOO_LONG: Refused = Refused(
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n\
      Content-Length: 0\r\n\r\n",
);

/// A server's answer to a request, and what is spoken from here on.
pub fn answer(head: &[u8], offer: &Offer) -> Result<(Vec<u8>, Subprotocol), Refused> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let complete = request.parse(head).map_err(|_| BAD_REQUEST)?.is_complete();
    if !complete || request.method != Some("GET") || request.version != Some(1) {
        return Err(BAD_REQUEST);
    }
    let headers = Headers(request.headers);
    if !headers.upgrades() {
        return Err(BAD_REQUEST);
    }
    if headers.values("Sec-WebSocket-Version").any(|version| version != "13") {
        return Err(OTHER_VERSION);
    }
    let key = headers.only("Sec-WebSocket-Key").filter(|key| !key.is_empty()).ok_or(BAD_REQUEST)?;
    let subprotocol = headers
        .tokens("Sec-WebSocket-Protocol")
        .find_map(|name| offer.find(name))
        .ok_or(BAD_REQUEST)?;
    let (accept, name) = (accept(key), offer.name(subprotocol));
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\
         Sec-WebSocket-Protocol: {name}\r\n\r\n"
    );
    Ok((response.into_bytes(), subprotocol))
}

/// Reads a server's response: what is spoken from here on, or `None` when this is no WebSocket
/// for us.
pub fn check_response(head: &[u8], key: &str, offer: &Offer) -> Option<Subprotocol> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let complete = response.parse(head).ok()?.is_complete();
    if !complete || response.code != Some(101) || response.version != Some(1) {
        return None;
    }
    let headers = Headers(response.headers);
    if !headers.upgrades() || headers.only("Sec-WebSocket-Accept") != Some(accept(key).as_str()) {
        return None;
    }
    offer.find(headers.only("Sec-WebSocket-Protocol")?)
}

#[derive(Clone, Copy)]
struct Headers<'a>(&'a [httparse::Header<'a>]);

impl<'a> Headers<'a> {
    /// The values of this header, which may be there several times. One that is no text counts as
    /// empty.
    fn values(self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| core::str::from_utf8(header.value).unwrap_or_default().trim())
    }

    fn tokens(self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.values(name).flat_map(|value| value.split(',')).map(str::trim)
    }

    /// The value of a header that may be there once only.
    fn only(self, name: &'a str) -> Option<&'a str> {
        let mut values = self.values(name);
        let value = values.next()?;
        values.next().is_none().then_some(value)
    }

    fn upgrades(self) -> bool {
        let has =
            |name, wanted: &str| self.tokens(name).any(|token| token.eq_ignore_ascii_case(wanted));
        has("Upgrade", "websocket") && has("Connection", "upgrade")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn null_offer() -> Offer {
        Offer::new(&MechanismConfig::Null, false)
    }

    fn request_with(headers: &str) -> Vec<u8> {
        format!("GET /a HTTP/1.1\r\nHost: x\r\n{headers}\r\n").into_bytes()
    }

    const USUAL: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

    #[test]
    fn the_proof_of_the_specification() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn client_and_server_agree() {
        let resource = Resource { host: "h:1".into(), path: "/p".into() };
        let key = key([7; 16]);
        let request = request(&resource, &key, &null_offer());
        assert!(request.starts_with(b"GET /p HTTP/1.1\r\nHost: h:1\r\n"));
        assert_eq!(head_len(&request, 0), Some(request.len()));
        let (response, subprotocol) = answer(&request, &null_offer()).unwrap();
        assert_eq!(subprotocol, Subprotocol::Mechanism);
        assert_eq!(check_response(&response, &key, &null_offer()), Some(Subprotocol::Mechanism));
        assert_eq!(check_response(&response, "other key", &null_offer()), None);
    }

    #[test]
    fn the_first_subprotocol_that_is_spoken_here_is_taken() {
        let chosen = |protocols: &str, offer: &Offer| {
            let request = request_with(&format!("{USUAL}{protocols}"));
            answer(&request, offer).map(|(_, subprotocol)| subprotocol)
        };
        let strict = Offer::new(&MechanismConfig::Null, true);
        for (protocols, lenient_choice, strict_choice) in [
            ("Sec-WebSocket-Protocol: ZWS2.0\r\n", Ok(Subprotocol::Bare), Err(BAD_REQUEST)),
            (
                "Sec-WebSocket-Protocol: chat, ZWS2.0 ,ZWS2.0/NULL\r\n",
                Ok(Subprotocol::Bare),
                Ok(Subprotocol::Mechanism),
            ),
            (
                "sec-websocket-protocol: x\r\nSec-WebSocket-Protocol: ZWS2.0/NULL\r\n",
                Ok(Subprotocol::Mechanism),
                Ok(Subprotocol::Mechanism),
            ),
            ("Sec-WebSocket-Protocol: ZWS2.0/CURVE\r\n", Err(BAD_REQUEST), Err(BAD_REQUEST)),
            ("Sec-WebSocket-Protocol: zws2.0\r\n", Err(BAD_REQUEST), Err(BAD_REQUEST)),
            ("Sec-WebSocket-Protocol: \r\n", Err(BAD_REQUEST), Err(BAD_REQUEST)),
            ("", Err(BAD_REQUEST), Err(BAD_REQUEST)),
        ] {
            assert_eq!(chosen(protocols, &null_offer()), lenient_choice, "{protocols}");
            assert_eq!(chosen(protocols, &strict), strict_choice, "{protocols}");
        }
        assert_eq!(strict.list(), "ZWS2.0/NULL");
        assert_eq!(null_offer().list(), "ZWS2.0/NULL,ZWS2.0");
    }

    #[test]
    fn browsers_send_lists_and_their_own_spelling() {
        let request = request_with(
            "connection: keep-alive, Upgrade\r\nUPGRADE: WebSocket\r\nSec-WebSocket-Key: x\r\n\
             Sec-WebSocket-Protocol: ZWS2.0\r\nSec-WebSocket-Extensions: permessage-deflate\r\n",
        );
        assert!(answer(&request, &null_offer()).is_ok());
    }

    #[test]
    fn requests_that_are_refused() {
        let usual = request_with(&format!("{USUAL}Sec-WebSocket-Protocol: ZWS2.0\r\n"));
        assert!(answer(&usual, &null_offer()).is_ok());
        let usual = String::from_utf8(usual).unwrap();
        for (part, other) in [
            ("GET ", "POST "),
            ("HTTP/1.1", "HTTP/1.0"),
            ("HTTP/1.1", "HTTP/2"),
            ("GET /a ", "GET /a b "),
            ("Upgrade: websocket", "Upgrade: h2c"),
            ("Connection: Upgrade", "Connection: close"),
            ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Key: "),
            ("Sec-WebSocket-Key", "Sec-WebSocket-Keys"),
            ("Host: x", "Sec-WebSocket-Key: other"),
            ("Host: x", "Host\0: x"),
            ("Host: x", "no header"),
        ] {
            let request = usual.replacen(part, other, 1);
            assert_eq!(answer(request.as_bytes(), &null_offer()), Err(BAD_REQUEST), "{other}");
        }
        let version = usual.replace("Version: 13", "Version: 8");
        assert_eq!(answer(version.as_bytes(), &null_offer()), Err(OTHER_VERSION));
        let many = request_with(&"A: b\r\n".repeat(HEADERS_MAX + 1));
        assert_eq!(answer(&many, &null_offer()), Err(BAD_REQUEST));
    }

    #[test]
    fn responses_that_are_refused() {
        let key = key([7; 16]);
        let resource = Resource { host: String::new(), path: "/".into() };
        let request = request(&resource, &key, &null_offer());
        let (usual, _) = answer(&request, &null_offer()).unwrap();
        let usual = String::from_utf8(usual).unwrap();
        for (part, other) in [
            ("101 Switching Protocols", "200 OK"),
            ("HTTP/1.1", "HTTP/1.0"),
            ("Upgrade: websocket", "Upgrade: x"),
            ("Connection: Upgrade", "Connection: x"),
            ("Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept: x"),
            ("ZWS2.0/NULL", "ZWS2.0/PLAIN"),
            ("ZWS2.0/NULL", ""),
            // Once more the same header (libzmq#4013).
            ("Protocol: ZWS2.0/NULL", "Protocol: ZWS2.0/NULL\r\nSec-WebSocket-Protocol: ZWS2.0"),
        ] {
            let response = usual.replacen(part, other, 1);
            assert_eq!(check_response(response.as_bytes(), &key, &null_offer()), None, "{other}");
        }
    }

    #[test]
    fn the_end_of_a_head_is_found_wherever_it_was_cut() {
        let head = b"GET / HTTP/1.1\r\n\r\nrest";
        for seen in 0..18 {
            assert_eq!(head_len(head, seen), Some(18), "{seen}");
        }
        assert_eq!(head_len(&head[..17], 0), None);
        assert_eq!(head_len(b"", 0), None);
    }
}
