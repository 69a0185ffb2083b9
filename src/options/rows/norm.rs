//! Settings of the `norm` transport.

use super::{GetValue, Row};

pub(super) const ROWS: &[Row] = &[
    int!(ZMQ_NORM_MODE, norm_mode, 0..=4),
    flag!(ZMQ_NORM_UNICAST_NACK, norm_unicast_nack, bool_strict),
    int!(ZMQ_NORM_BUFFER_SIZE, norm_buffer_size, 1..),
    int!(ZMQ_NORM_SEGMENT_SIZE, norm_segment_size, 1..),
    int!(ZMQ_NORM_BLOCK_SIZE, norm_block_size, 1..=255),
    int!(ZMQ_NORM_NUM_PARITY, norm_num_parity, 0..=254),
    int!(ZMQ_NORM_NUM_AUTOPARITY, norm_num_autoparity, 0..=254),
    flag!(ZMQ_NORM_PUSH, norm_push, bool_strict),
];
