//! Settings of the `vsock` and `vmci` transports.

use super::{GetValue, Row};

/// `size(OPTION, index)`: one of the sizes of a connection's buffer.
macro_rules! size {
    ($option:ident, $index:expr) => {
        Row {
            option: $crate::options::constants::$option,
            set: Some(|options, value| {
                options.vmci_buffers[$index] = value.u64()?;
                Ok(())
            }),
            get: Some(|options| GetValue::U64(options.vmci_buffers[$index])),
        }
    };
}

pub(super) const ROWS: &[Row] = &[
    size!(ZMQ_VMCI_BUFFER_SIZE, 0),
    size!(ZMQ_VMCI_BUFFER_MIN_SIZE, 1),
    size!(ZMQ_VMCI_BUFFER_MAX_SIZE, 2),
    int!(ZMQ_VMCI_CONNECT_TIMEOUT, vmci_connect_timeout, ..),
];
