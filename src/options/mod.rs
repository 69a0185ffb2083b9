//! Socket options.
//!
//! [`SocketOptions`] is the plain data: what a socket, and every session, listener and engine it
//! starts, is configured with. A socket holds it in an `Arc`; endpoints keep the snapshot taken at
//! their bind or connect, so a later change of the socket touches only later endpoints.

#![deny(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};

pub mod constants;
pub mod rows;
pub mod value;

use crate::security::keys::{PublicKey, SecretBytes, SecretKey};
use crate::transport::filter::AddressMask;

/// Everything a socket can be configured with, at its defaults in [`SocketOptions::new`].
///
/// Times are milliseconds unless the field says otherwise; `-1` means "no limit" or "leave the
/// system's default", as the option's manual entry says.
#[derive(Clone, Debug)]
pub struct SocketOptions {
    pub socket_type: i32,
    pub sndhwm: i32,
    pub rcvhwm: i32,
    pub affinity: u64,
    pub routing_id: Vec<u8>,
    pub rate: i32,
    pub recovery_ivl: i32,
    pub multicast_hops: i32,
    pub multicast_maxtpdu: i32,
    pub multicast_loop: bool,
    pub sndbuf: i32,
    pub rcvbuf: i32,
    pub tos: i32,
    pub priority: i32,
    pub linger: i32,
    pub connect_timeout: i32,
    pub tcp_maxrt: i32,
    pub reconnect_stop: i32,
    pub reconnect_ivl: i32,
    pub reconnect_ivl_max: i32,
    pub backlog: i32,
    pub maxmsgsize: i64,
    pub rcvtimeo: i32,
    pub sndtimeo: i32,
    pub ipv6: bool,
    pub immediate: bool,
    pub invert_matching: bool,
    pub conflate: bool,
    pub socks_proxy_address: Vec<u8>,
    pub socks_proxy_username: Vec<u8>,
    pub socks_proxy_password: SecretBytes,
    pub tcp_keepalive: i32,
    pub tcp_keepalive_cnt: i32,
    pub tcp_keepalive_idle: i32,
    pub tcp_keepalive_intvl: i32,
    pub tcp_accept_filters: Vec<AddressMask>,
    pub ipc_uid_accept_filters: BTreeSet<u32>,
    pub ipc_gid_accept_filters: BTreeSet<u32>,
    pub ipc_pid_accept_filters: BTreeSet<i32>,
    /// `ZMQ_NULL`, `ZMQ_PLAIN`...: whichever the last of their options was about.
    pub mechanism: i32,
    pub as_server: bool,
    pub plain_username: SecretBytes,
    pub plain_password: SecretBytes,
    pub curve_public_key: PublicKey,
    pub curve_secret_key: SecretKey,
    pub curve_server_key: PublicKey,
    pub gssapi_principal: Vec<u8>,
    pub gssapi_principal_nametype: i32,
    pub gssapi_service_principal: Vec<u8>,
    pub gssapi_service_principal_nametype: i32,
    pub gssapi_plaintext: bool,
    pub zap_domain: Vec<u8>,
    pub zap_enforce_domain: bool,
    pub handshake_ivl: i32,
    /// Tenths of a second, the unit the PING command carries.
    pub heartbeat_ttl: u16,
    pub heartbeat_interval: i32,
    pub heartbeat_timeout: i32,
    pub use_fd: i32,
    pub bound_device: Vec<u8>,
    pub loopback_fastpath: bool,
    pub in_batch_size: i32,
    pub out_batch_size: i32,
    pub router_notify: i32,
    pub app_metadata: BTreeMap<Vec<u8>, Vec<u8>>,
    pub hello_msg: Vec<u8>,
    pub disconnect_msg: Vec<u8>,
    pub hiccup_msg: Vec<u8>,
    /// Microseconds, as `SO_BUSY_POLL` takes them.
    pub busy_poll: i32,
    pub norm_mode: i32,
    pub norm_unicast_nack: bool,
    /// KiB.
    pub norm_buffer_size: i32,
    pub norm_segment_size: i32,
    pub norm_block_size: i32,
    pub norm_num_parity: i32,
    pub norm_num_autoparity: i32,
    pub norm_push: bool,
    /// Initial, least and most bytes of a `vsock` connection's buffer; 0 is up to the system.
    pub vmci_buffers: [u64; 3],
    pub vmci_connect_timeout: i32,
    pub wss_key_pem: SecretBytes,
    pub wss_cert_pem: Vec<u8>,
    pub wss_trust_pem: Vec<u8>,
    pub wss_hostname: Vec<u8>,
    pub wss_trust_system: bool,

    // What a socket kind asks of its sessions; set by the kind, not by an option.
    /// The peer's routing id is delivered to the socket as the first message of a pipe.
    pub recv_routing_id: bool,
    /// Bytes go over the connection without any ZMTP framing (STREAM, ROUTER_RAW).
    pub raw_socket: bool,
    /// A raw connection announces itself and its end with empty messages (STREAM_NOTIFY).
    pub raw_notify: bool,
    /// Only messages that match a subscription pass.
    pub filter: bool,
    pub can_send_hello_msg: bool,
    pub can_recv_disconnect_msg: bool,
    pub can_recv_hiccup_msg: bool,
    /// Version of the monitor events (1 or 2).
    pub monitor_event_version: i32,
}

impl SocketOptions {
    /// The defaults of libzmq 4.3.5, for a socket of this type (a `ZMQ_PAIR`... constant).
    pub fn new(socket_type: i32) -> SocketOptions {
        SocketOptions {
            socket_type,
            sndhwm: 1000,
            rcvhwm: 1000,
            affinity: 0,
            routing_id: Vec::new(),
            rate: 100,
            recovery_ivl: 10_000,
            multicast_hops: 1,
            multicast_maxtpdu: 1500,
            multicast_loop: true,
            sndbuf: -1,
            rcvbuf: -1,
            tos: 0,
            priority: 0,
            linger: -1,
            connect_timeout: 0,
            tcp_maxrt: 0,
            reconnect_stop: 0,
            reconnect_ivl: 100,
            reconnect_ivl_max: 0,
            backlog: 100,
            maxmsgsize: -1,
            rcvtimeo: -1,
            sndtimeo: -1,
            ipv6: false,
            immediate: false,
            invert_matching: false,
            conflate: false,
            socks_proxy_address: Vec::new(),
            socks_proxy_username: Vec::new(),
            socks_proxy_password: SecretBytes::default(),
            tcp_keepalive: -1,
            tcp_keepalive_cnt: -1,
            tcp_keepalive_idle: -1,
            tcp_keepalive_intvl: -1,
            tcp_accept_filters: Vec::new(),
            ipc_uid_accept_filters: BTreeSet::new(),
            ipc_gid_accept_filters: BTreeSet::new(),
            ipc_pid_accept_filters: BTreeSet::new(),
            mechanism: constants::ZMQ_NULL,
            as_server: false,
            plain_username: SecretBytes::default(),
            plain_password: SecretBytes::default(),
            curve_public_key: PublicKey::default(),
            curve_secret_key: SecretKey::default(),
            curve_server_key: PublicKey::default(),
            gssapi_principal: Vec::new(),
            gssapi_principal_nametype: constants::ZMQ_GSSAPI_NT_HOSTBASED,
            gssapi_service_principal: Vec::new(),
            gssapi_service_principal_nametype: constants::ZMQ_GSSAPI_NT_HOSTBASED,
            gssapi_plaintext: false,
            zap_domain: Vec::new(),
            zap_enforce_domain: false,
            handshake_ivl: 30_000,
            heartbeat_ttl: 0,
            heartbeat_interval: 0,
            heartbeat_timeout: -1,
            use_fd: -1,
            bound_device: Vec::new(),
            loopback_fastpath: false,
            in_batch_size: 8192,
            out_batch_size: 8192,
            router_notify: 0,
            app_metadata: BTreeMap::new(),
            hello_msg: Vec::new(),
            disconnect_msg: Vec::new(),
            hiccup_msg: Vec::new(),
            busy_poll: 0,
            norm_mode: constants::ZMQ_NORM_CC,
            norm_unicast_nack: false,
            norm_buffer_size: 2048,
            norm_segment_size: 1400,
            norm_block_size: 16,
            norm_num_parity: 4,
            norm_num_autoparity: 0,
            norm_push: false,
            vmci_buffers: [0; 3],
            vmci_connect_timeout: -1,
            wss_key_pem: SecretBytes::default(),
            wss_cert_pem: Vec::new(),
            wss_trust_pem: Vec::new(),
            wss_hostname: Vec::new(),
            wss_trust_system: false,
            recv_routing_id: false,
            raw_socket: false,
            raw_notify: true,
            filter: false,
            can_send_hello_msg: false,
            can_recv_disconnect_msg: false,
            can_recv_hiccup_msg: false,
            monitor_event_version: 1,
        }
    }

    /// Whether pipes keep the newest message only. The option can be set on every kind of socket
    /// but means something to these alone.
    pub fn conflates(&self) -> bool {
        use constants::{ZMQ_DEALER, ZMQ_PUB, ZMQ_PULL, ZMQ_PUSH, ZMQ_SUB};
        let kinds = [ZMQ_DEALER, ZMQ_PULL, ZMQ_PUSH, ZMQ_PUB, ZMQ_SUB];
        self.conflate && kinds.contains(&self.socket_type)
    }

    /// Whether the socket tells its peers what it would like to receive.
    pub fn subscribes(&self) -> bool {
        use constants::{ZMQ_DISH, ZMQ_SUB, ZMQ_XSUB};
        matches!(self.socket_type, ZMQ_SUB | ZMQ_XSUB | ZMQ_DISH)
    }
}
