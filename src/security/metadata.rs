//! Metadata: the list of named properties that each end tells about itself.
//!
//! On the wire a property is a length byte and a name, then a length in four bytes and a value.
//! READY carries such a list, and so does the answer of a ZAP handler, which may tell us more about
//! the peer. [`PeerMetadata`] collects both.

use super::socket_type;
use crate::error::{Errno, Result};

const SOCKET_TYPE: &[u8] = b"Socket-Type";
const IDENTITY: &[u8] = b"Identity";
const USER_ID: &str = "User-Id";
const PEER_ADDRESS: &str = "Peer-Address";
/// Where `ZMQ_SRCFD` looks; never to be set by a peer.
const SOURCE_FD: &str = "__fd";

/// More properties than this from one source are an attack on our memory, not a description.
pub const MAX_PROPERTIES: usize = 1024;

/// Who described the peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// The peer itself.
    Peer,
    /// The ZAP handler.
    Zap,
}

/// Appends one property. A name or value too long for its length field is cut.
pub fn append_property(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    let name = &name[..name.len().min(usize::from(u8::MAX))];
    let value = &value[..value.len().min(i32::MAX as usize)];
    out.push(name.len() as u8);
    out.extend_from_slice(name);
    out.extend_from_slice(&(value.len() as u32).to_be_bytes());
    out.extend_from_slice(value);
}

/// Our own metadata: socket type, routing id where the type has a use for it, and what the
/// application added.
pub fn encode_own<'a>(
    socket_type: i32,
    routing_id: &[u8],
    app_metadata: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    if let Some(name) = socket_type::name(socket_type) {
        append_property(SOCKET_TYPE, name.as_bytes(), &mut out);
    }
    if socket_type::announces_routing_id(socket_type) {
        append_property(IDENTITY, routing_id, &mut out);
    }
    for (name, value) in app_metadata {
        // libzmq keeps these as C strings, so nothing beyond a zero byte ever leaves it.
        append_property(until_zero(name), until_zero(value), &mut out);
    }
    out
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// Splits the first property off an encoded list.
fn split_property(list: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (&name_len, rest) = list.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(name_len))?;
    let (value_len, rest) = rest.split_first_chunk::<4>()?;
    let value_len = usize::try_from(u32::from_be_bytes(*value_len)).ok()?;
    let (value, rest) = rest.split_at_checked(value_len)?;
    Some((name, value, rest))
}

/// What is known about a peer.
#[derive(Debug)]
pub struct PeerMetadata {
    local_socket_type: i32,
    wants_routing_id: bool,
    routing_id: Vec<u8>,
    routing_id_source: Source,
    user_id: Option<Vec<u8>>,
    from_peer: Properties,
    from_zap: Properties,
}

/// Properties by name, of which there are few.
#[derive(Debug, Default)]
struct Properties(Vec<(Vec<u8>, Vec<u8>)>);

impl Properties {
    fn place(&self, name: &[u8]) -> core::result::Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_slice().cmp(name))
    }

    fn find(&self, name: &[u8]) -> Option<&[u8]> {
        let (_, value) = self.0.get(self.place(name).ok()?)?;
        Some(value)
    }

    /// Adds a property, unless there is one of this name.
    fn add(&mut self, name: &[u8], value: &[u8]) {
        if let Err(place) = self.place(name) {
            // With room for the zero byte that C wants behind it.
            let mut copy = Vec::with_capacity(value.len() + 1);
            copy.extend_from_slice(value);
            self.0.insert(place, (name.to_vec(), copy));
        }
    }
}

impl PeerMetadata {
    /// Nothing is known yet. The local socket's type decides which peers are acceptable, and
    /// whether it has a use for their routing ids.
    pub fn new(local_socket_type: i32, wants_routing_id: bool) -> PeerMetadata {
        PeerMetadata {
            local_socket_type,
            wants_routing_id,
            routing_id: Vec::new(),
            routing_id_source: Source::Peer,
            user_id: None,
            from_peer: Properties::default(),
            from_zap: Properties::default(),
        }
    }

    /// Takes an encoded property list. `EPROTO` if it is malformed, `EINVAL` if the peer's socket
    /// type does not go with ours.
    pub fn add(&mut self, source: Source, mut list: &[u8]) -> Result<()> {
        while !list.is_empty() {
            let (name, value, rest) = split_property(list).ok_or(Errno::EPROTO)?;
            list = rest;
            self.add_property(source, name, value)?;
        }
        Ok(())
    }

    fn add_property(&mut self, source: Source, name: &[u8], value: &[u8]) -> Result<()> {
        if name == IDENTITY && self.wants_routing_id {
            // The handler's word stands, whichever of the two arrives first.
            if source == Source::Zap || self.routing_id_source == Source::Peer {
                self.routing_id = value.to_vec();
                self.routing_id_source = source;
            }
        } else if name == SOCKET_TYPE && !socket_type::compatible(self.local_socket_type, value) {
            return Err(Errno::EINVAL);
        }
        let properties = match source {
            Source::Peer => &mut self.from_peer,
            Source::Zap => &mut self.from_zap,
        };
        if properties.0.len() >= MAX_PROPERTIES {
            return Err(Errno::EPROTO);
        }
        properties.add(name, value);
        Ok(())
    }

    /// The ZAP handler's name for the peer.
    pub fn set_user_id(&mut self, user_id: &[u8]) {
        self.from_zap.add(USER_ID.as_bytes(), user_id);
        self.user_id = (!user_id.is_empty()).then(|| user_id.to_vec());
    }

    /// The peer's socket type, if it told.
    pub fn socket_type(&self) -> Option<&[u8]> {
        self.from_peer.find(SOCKET_TYPE)
    }

    /// The peer's routing id, if the local socket has a use for it.
    pub fn routing_id(&self) -> &[u8] {
        &self.routing_id
    }

    /// The ZAP handler's name for the peer, if it gave one.
    pub fn user_id(&self) -> Option<&[u8]> {
        self.user_id.as_deref()
    }

    /// Everything a message from this peer answers to `zmq_msg_gets`. Where two sources name the
    /// same property the more trusted one counts: our own knowledge of the address, then the ZAP
    /// handler, then the peer.
    pub fn into_properties(self, peer_address: &str) -> Vec<(String, Vec<u8>)> {
        let mut merged = Vec::with_capacity(1 + self.from_zap.0.len() + self.from_peer.0.len());
        if !peer_address.is_empty() {
            merged.push((PEER_ADDRESS.to_owned(), peer_address.into()));
        }
        let from_peer = self.from_peer.0.into_iter();
        let from_peer = from_peer.filter(|(name, _)| name != PEER_ADDRESS.as_bytes());
        for (name, value) in self.from_zap.0.into_iter().chain(from_peer) {
            // Names that are no text are left out: property names are ASCII by specification.
            match String::from_utf8(name) {
                Ok(name) if name != SOURCE_FD => merged.push((name, value)),
                _ => {}
            }
        }
        // Of two with the same name the first, which is trusted more, keeps its place in front.
        merged.sort_by(|one, other| one.0.cmp(&other.0));
        merged.dedup_by(|later, earlier| later.0 == earlier.0);
        merged
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::constants::*;

    fn list(properties: &[(&[u8], &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, value) in properties {
            append_property(name, value, &mut out);
        }
        out
    }

    fn dealer() -> PeerMetadata {
        PeerMetadata::new(ZMQ_ROUTER, true)
    }

    #[test]
    fn own_metadata_has_the_bytes_of_the_protocol() {
        assert_eq!(
            encode_own(ZMQ_DEALER, b"", []),
            b"\x0bSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0\0"
        );
        assert_eq!(
            encode_own(ZMQ_SUB, b"ignored", [(&b"X-a"[..], &b"v\0w"[..])]),
            b"\x0bSocket-Type\0\0\0\x03SUB\x03X-a\0\0\0\x01v"
        );
    }

    #[test]
    fn a_peer_is_described_by_what_it_sent() {
        let mut peer = dealer();
        let bytes = encode_own(ZMQ_DEALER, b"id", [(&b"X-a"[..], &b"v"[..])]);
        peer.add(Source::Peer, &bytes).unwrap();
        assert_eq!(peer.socket_type(), Some(&b"DEALER"[..]));
        assert_eq!(peer.routing_id(), b"id");
        let expected: Vec<(String, Vec<u8>)> = vec![
            ("Identity".into(), b"id".to_vec()),
            ("Peer-Address".into(), b"127.0.0.1".to_vec()),
            ("Socket-Type".into(), b"DEALER".to_vec()),
            ("X-a".into(), b"v".to_vec()),
        ];
        assert_eq!(peer.into_properties("127.0.0.1"), expected);
    }

    #[test]
    fn only_whole_properties_are_accepted() {
        let valid = list(&[(b"Socket-Type", b"REQ"), (b"X-empty", b""), (b"", b"x")]);
        let ends = [0, 19, 19 + 12, valid.len()];
        for cut in 0..=valid.len() {
            let result = dealer().add(Source::Peer, &valid[..cut]);
            let expected = if ends.contains(&cut) { Ok(()) } else { Err(Errno::EPROTO) };
            assert_eq!(result, expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_value_length_beyond_the_list_is_refused() {
        assert_eq!(dealer().add(Source::Peer, b"\x01a\xff\xff\xff\xffxyz"), Err(Errno::EPROTO));
    }

    #[test]
    fn an_incompatible_peer_is_refused() {
        let bytes = list(&[(b"Socket-Type", b"PULL")]);
        assert_eq!(dealer().add(Source::Peer, &bytes), Err(Errno::EINVAL));
    }

    #[test]
    fn too_many_properties_are_refused() {
        let mut bytes = Vec::new();
        for number in 0..=MAX_PROPERTIES {
            append_property(number.to_string().as_bytes(), b"", &mut bytes);
        }
        assert_eq!(dealer().add(Source::Peer, &bytes), Err(Errno::EPROTO));
    }

    #[test]
    fn the_zap_handler_is_believed_before_the_peer() {
        let mut peer = dealer();
        peer.set_user_id(b"alice");
        peer.add(Source::Zap, &list(&[(b"Role", b"admin"), (b"Identity", b"zap")])).unwrap();
        peer.add(
            Source::Peer,
            &list(&[
                (b"User-Id", b"root"),
                (b"Role", b"god"),
                (b"Identity", b"peer"),
                (b"Peer-Address", b"10.0.0.1"),
                (b"__fd", b"0"),
                (b"\xff", b"not text"),
            ]),
        )
        .unwrap();
        assert_eq!(peer.routing_id(), b"zap");
        assert_eq!(peer.user_id(), Some(&b"alice"[..]));
        let expected: Vec<(String, Vec<u8>)> = vec![
            ("Identity".into(), b"zap".to_vec()),
            ("Role".into(), b"admin".to_vec()),
            ("User-Id".into(), b"alice".to_vec()),
        ];
        assert_eq!(peer.into_properties(""), expected);
    }

    #[test]
    fn a_socket_without_use_for_routing_ids_keeps_none() {
        let mut peer = PeerMetadata::new(ZMQ_REP, false);
        peer.add(Source::Peer, &encode_own(ZMQ_REQ, b"id", [])).unwrap();
        assert_eq!(peer.routing_id(), b"");
    }
}
