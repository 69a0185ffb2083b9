//! Settings of the multicast transports. They belong to every socket, whether or not the library
//! was built with such a transport.

use super::{GetValue, Row};

pub(super) const ROWS: &[Row] = &[
    int!(ZMQ_RATE, rate, 1..),
    int!(ZMQ_RECOVERY_IVL, recovery_ivl, 0..),
    int!(ZMQ_MULTICAST_HOPS, multicast_hops, 1..),
    int!(ZMQ_MULTICAST_MAXTPDU, multicast_maxtpdu, 1..),
    flag!(ZMQ_MULTICAST_LOOP, multicast_loop, bool_relaxed),
];
