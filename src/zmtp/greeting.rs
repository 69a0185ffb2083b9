//! The greeting: the first bytes each end sends, from which the other learns what it speaks.
//!
//! ```text
//! offset  0          9  10        11            12         32  33       64
//!         ff ...... 7f  revision  minor         mechanism  as  filler
//!                                 (3.x)         20 bytes   server
//!                                 socket type
//!                                 (2.0; ends here)
//! ```
//!
//! The first ten bytes double as the header of a ZMTP 1.0 frame: a length in eight bytes and a
//! flags byte. Peers from before versions existed read them as the start of our routing id
//! message, which is why the length in the middle is that of our routing id.

/// Size of the part that tells whether the peer knows about versions at all.
pub(super) const SIGNATURE_LEN: usize = 10;
/// Offset of the revision byte.
pub(super) const REVISION: usize = SIGNATURE_LEN;
/// Offset of the minor version (3.x) or the socket type (2.0).
pub(super) const MINOR: usize = REVISION + 1;
/// Offset of the mechanism's name.
pub(super) const MECHANISM: usize = MINOR + 1;
/// Size of a whole ZMTP 2.0 greeting.
pub(super) const V2_LEN: usize = 12;
/// Size of a whole ZMTP 3.x greeting.
pub(super) const V3_LEN: usize = 64;

/// The revision numbers on the wire; all others count as [`REVISION_3_X`].
pub(super) const REVISION_1_0: u8 = 0;
pub(super) const REVISION_2_0: u8 = 1;
pub(super) const REVISION_3_X: u8 = 3;
/// Our minor version.
const MINOR_VERSION: u8 = 1;

/// First byte of every greeting of a peer that knows about versions.
pub(super) const SIGNATURE_START: u8 = 0xff;
const SIGNATURE_END: u8 = 0x7f;

/// Our signature, announcing a ZMTP 1.0 routing id message.
pub(super) fn signature(routing_id_len: usize) -> [u8; SIGNATURE_LEN] {
    let mut signature = [0; SIGNATURE_LEN];
    signature[0] = SIGNATURE_START;
    let counted = (routing_id_len as u64).saturating_add(1);
    signature[1..9].copy_from_slice(&counted.to_be_bytes());
    signature[9] = SIGNATURE_END;
    signature
}

/// What follows the revision byte for a ZMTP 3.x peer.
///
/// The as-server byte stays zero for every mechanism: libzmq neither sets nor reads it.
pub(super) fn v3_tail(mechanism: &[u8; 20]) -> [u8; V3_LEN - MINOR] {
    let mut tail = [0; V3_LEN - MINOR];
    tail[0] = MINOR_VERSION;
    tail[1..21].copy_from_slice(mechanism);
    tail
}

/// Whether a peer of this revision gets, and sends, the short greeting of ZMTP 2.0.
pub(super) fn is_legacy(revision: u8) -> bool {
    revision == REVISION_1_0 || revision == REVISION_2_0
}
