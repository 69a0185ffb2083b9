//! Authentication.
//!
//! The mechanisms other than NULL bring their own rows with their own modules; until one is built
//! in, its options are unknown here and give `EINVAL`, which is how programs find out.

use crate::options::constants::ZMQ_NULL;

use super::{GetValue, Row};

/// Longest ZAP domain.
const DOMAIN_MAX: usize = 255;

pub(super) const ROWS: &[Row] = &[
    read_only!(ZMQ_MECHANISM, |_| GetValue::Int(ZMQ_NULL)),
    // Readable in every build of libzmq: programs list them, and here PLAIN is never in use.
    read_only!(ZMQ_PLAIN_SERVER, |_| GetValue::Int(0)),
    read_only!(ZMQ_PLAIN_USERNAME, |_| GetValue::CString(Vec::new())),
    read_only!(ZMQ_PLAIN_PASSWORD, |_| GetValue::CString(Vec::new())),
    string!(ZMQ_ZAP_DOMAIN, zap_domain, filled, DOMAIN_MAX),
    flag!(ZMQ_ZAP_ENFORCE_DOMAIN, zap_enforce_domain, bool_relaxed),
];
