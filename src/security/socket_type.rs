//! Socket types by name, and which of them may be connected.

use crate::options::constants::*;

/// Names in the order of the type numbers, which is what a ZMTP 2.0 greeting carries.
const NAMES: [&str; 21] = [
    "PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH", "XPUB", "XSUB",
    "STREAM", "SERVER", "CLIENT", "RADIO", "DISH", "GATHER", "SCATTER", "DGRAM", "PEER", "CHANNEL",
];

/// The name of a type as the Socket-Type property has it.
pub fn name(socket_type: i32) -> Option<&'static str> {
    NAMES.get(usize::try_from(socket_type).ok()?).copied()
}

/// Whether a peer that calls itself `peer` may talk to a socket of type `local`.
pub fn compatible(local: i32, peer: &[u8]) -> bool {
    partners(local).iter().any(|name| name.as_bytes() == peer)
}

fn partners(local: i32) -> &'static [&'static str] {
    match local {
        ZMQ_REQ => &["REP", "ROUTER"],
        ZMQ_REP => &["REQ", "DEALER"],
        ZMQ_DEALER => &["REP", "DEALER", "ROUTER"],
        ZMQ_ROUTER => &["REQ", "DEALER", "ROUTER"],
        ZMQ_PUB | ZMQ_XPUB => &["SUB", "XSUB"],
        ZMQ_SUB | ZMQ_XSUB => &["PUB", "XPUB"],
        ZMQ_PUSH => &["PULL"],
        ZMQ_PULL => &["PUSH"],
        ZMQ_PAIR => &["PAIR"],
        ZMQ_SERVER => &["CLIENT"],
        ZMQ_CLIENT => &["SERVER"],
        ZMQ_RADIO => &["DISH"],
        ZMQ_DISH => &["RADIO"],
        ZMQ_GATHER => &["SCATTER"],
        ZMQ_SCATTER => &["GATHER"],
        ZMQ_DGRAM => &["DGRAM"],
        ZMQ_PEER => &["PEER"],
        ZMQ_CHANNEL => &["CHANNEL"],
        _ => &[],
    }
}

/// Whether sockets of this type tell their routing id in their metadata.
pub fn announces_routing_id(socket_type: i32) -> bool {
    matches!(socket_type, ZMQ_REQ | ZMQ_DEALER | ZMQ_ROUTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_at_their_numbers() {
        for (number, expected) in [
            (ZMQ_PAIR, "PAIR"),
            (ZMQ_DEALER, "DEALER"),
            (ZMQ_XSUB, "XSUB"),
            (ZMQ_STREAM, "STREAM"),
            (ZMQ_SERVER, "SERVER"),
            (ZMQ_GATHER, "GATHER"),
            (ZMQ_CHANNEL, "CHANNEL"),
        ] {
            assert_eq!(name(number), Some(expected));
        }
        assert_eq!(name(-1), None);
        assert_eq!(name(21), None);
    }

    #[test]
    fn compatibility_is_mutual() {
        for (a, a_name) in NAMES.iter().enumerate() {
            for (b, b_name) in NAMES.iter().enumerate() {
                assert_eq!(
                    compatible(a as i32, b_name.as_bytes()),
                    compatible(b as i32, a_name.as_bytes()),
                    "{a_name} and {b_name}"
                );
            }
        }
        assert!(!compatible(ZMQ_STREAM, b"STREAM"));
        assert!(!compatible(ZMQ_REQ, b"REP\0"));
        assert!(!compatible(99, b"REP"));
    }
}
