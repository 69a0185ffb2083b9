//! Texts that an application passes: endpoints, filters, Z85.

use core::ffi::c_char;
use std::ffi::CString;

use zmq::ffi::encoding::{zmq_curve_public, zmq_z85_decode, zmq_z85_encode};
use zmq::transport::filter::AddressMask;
use zmq::transport::{self, cluster, ipc, resolve, socks, udp, ws, Endpoint};

use super::handshake::KINDS;

/// Everything that looks at an endpoint before there is a descriptor, but for what asks a name
/// service.
pub fn endpoint(data: &[u8]) {
    let _ = udp::parse_peer(data, data.len().is_multiple_of(2));
    let Ok(text) = core::str::from_utf8(data) else { return };
    for ipv6 in [false, true] {
        if let Ok(mask) = AddressMask::parse(text, ipv6) {
            mask.matches([127, 0, 0, 1].into());
        }
    }
    let Ok(endpoint) = transport::parse(text) else { return };
    assert_eq!(endpoint.name(), text);
    assert!(text.ends_with(endpoint.address()) && !endpoint.address().is_empty());
    assert_eq!(transport::parse(&endpoint.name()), Ok(endpoint.clone()));
    for kind in KINDS {
        let _ = transport::check_kind(&endpoint, kind);
    }
    let address = endpoint.address();
    match &endpoint {
        Endpoint::Tcp(_) => tcp(address),
        Endpoint::Ws(_) | Endpoint::Wss(_) => {
            let (host, path) = ws::split(address);
            assert!(path.starts_with('/'));
            let resource = ws::resource(address);
            assert!(resource.path == path && host.ends_with(&resource.host));
            if !resolve::needs_resolver(host) && ws::check_connect(address, true).is_ok() {
                assert!(!path.contains([' ', '\r', '\n']));
            }
            tcp(host);
        }
        Endpoint::Udp(_) => tcp(address),
        Endpoint::Ipc(_) => {
            let _ = ipc::check(address);
        }
        Endpoint::Cluster(family, _) => {
            if let Ok(full) = cluster::text(*family, address) {
                assert!(cluster::check_connect(*family, address).is_ok());
                assert!(full.starts_with(family.scheme()));
            }
        }
        Endpoint::Inproc(_) | Endpoint::Multicast(..) => {}
    }
    endpoint.text();
}

fn tcp(address: &str) {
    let _ = resolve::check_connect(address);
    let _ = socks::parse_target(address);
    let host = address.rsplit_once(';').map_or(address, |(_, host)| host);
    let is_number = !resolve::needs_resolver(address);
    for ipv6 in [false, true] {
        if is_number {
            let _ = resolve::resolve_connect(address, ipv6);
            let _ = udp::resolve_connect(address, ipv6);
        }
        if is_number || host.starts_with("*:") {
            let _ = resolve::resolve_bind(address, ipv6);
            let _ = udp::resolve_bind(address, ipv6);
        }
    }
}

pub fn endpoint_seeds() -> Vec<Vec<u8>> {
    [
        "tcp://127.0.0.1:5555",
        "tcp://[::1%lo]:0",
        "tcp://*:*",
        "tcp://lo:1;127.0.0.1:2",
        "ipc://@name",
        "ipc://*",
        "inproc://a",
        "ws://127.0.0.1:80/path",
        "wss://[::1]:443",
        "udp://*;239.0.0.1:5555",
        "tipc://{5555,0,0}",
        "tipc://<1.2.3:4>",
        "vsock://2:5555",
        "vsock://*:*",
        "epgm://lo;239.0.0.1:5555",
        "norm://1,127.0.0.1:5555",
        "127.0.0.1/24",
        "::ffff:10.0.0.0/104",
        "[::1]:5555",
    ]
    .iter()
    .map(|seed| seed.as_bytes().to_vec())
    .collect()
}

/// Both directions of Z85, through the C interface.
pub fn z85(data: &[u8]) {
    decode(data);
    let data = &data[..data.len() / 4 * 4];
    let mut text = vec![0u8; data.len() / 4 * 5 + 1];
    let mut back = vec![0u8; data.len()];
    // SAFETY: the buffers have the sizes that the functions ask for.
    unsafe {
        let place = text.as_mut_ptr().cast::<c_char>();
        assert_eq!(zmq_z85_encode(place, data.as_ptr(), data.len()), place);
        assert_eq!(text.pop(), Some(0));
        assert!(text.iter().all(u8::is_ascii_graphic));
        text.push(0);
        let decoded = zmq_z85_decode(back.as_mut_ptr(), text.as_ptr().cast());
        assert_eq!(decoded.is_null(), data.is_empty());
    }
    assert_eq!(back, data);
}

fn decode(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let Ok(text) = CString::new(&data[..end]) else { return };
    let (room, beyond) = (end / 5 * 4, 8);
    let mut decoded = vec![0xa5u8; room + beyond];
    let mut public = [0x5a; 41 + 8];
    // SAFETY: there is room for what the text decodes to, and for a key.
    let (is_valid, is_key) = unsafe {
        (
            !zmq_z85_decode(decoded.as_mut_ptr(), text.as_ptr()).is_null(),
            zmq_curve_public(public.as_mut_ptr().cast::<c_char>(), text.as_ptr()) == 0,
        )
    };
    let written = if is_valid { room } else { 0 };
    assert!(decoded[written..].iter().all(|byte| *byte == 0xa5));
    let written = if is_key { 41 } else { 0 };
    assert!(public[written..].iter().all(|byte| *byte == 0x5a));
    assert!(!is_key || is_valid && end == 40);
    if is_valid {
        let mut again = vec![0u8; end + 1];
        // SAFETY: the text was this long.
        unsafe { zmq_z85_encode(again.as_mut_ptr().cast(), decoded.as_ptr(), room) };
        assert_eq!(&again[..end], text.as_bytes());
    }
}

pub fn z85_seeds() -> Vec<Vec<u8>> {
    let seeds: [&[u8]; 6] = [
        b"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7",
        b"HelloWorld",
        b"%nSc0",
        b"%nSc1",
        b"\x86\x4f\xd2\x6f\xb5\x59\xf7\x5b",
        b"Hello\0World",
    ];
    seeds.iter().map(|seed| seed.to_vec()).collect()
}
