//! From a new connection to an open one: engine, handshake, ZAP.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::zap::ZapLine;
use super::{Protocol, Session};
use crate::engine::handshake::Handshake;
use crate::engine::{Engine, Failure, Framing, HandshakeFailure, Progress};
use crate::io::timers::Purpose;
use crate::io::{Cx, Turn};
use crate::message::Metadata;
use crate::monitor::Addresses;
use crate::options::constants::*;
use crate::options::SocketOptions;
use crate::pipe::queue::FRAME_ROUTING_ID;
use crate::pipe::{pair, PipeEnd, PipeEvent};
use crate::security::curve::ClientKeys;
#[cfg(feature = "gssapi")]
use crate::security::gssapi;
use crate::security::MechanismConfig;
use crate::socket::endpoints::limits;
use crate::zmtp::handshake::{Config, HandshakeError, Peer, Status};
use crate::{zmtp, zws};

impl Session {
    pub(super) fn start_engine(
        &mut self,
        cx: &mut Cx<'_>,
        fd: OwnedFd,
        addresses: Addresses,
        peer_address: String,
        protocol: Protocol,
        generation: u16,
    ) -> Turn {
        let raw = self.options.raw_socket && matches!(protocol, Protocol::Zmtp);
        let config = self.handshake_config(&peer_address);
        let mut secured = None;
        let handshake = match protocol {
            Protocol::Zmtp if raw => None,
            Protocol::Zmtp => Some(Handshake::Zmtp(zmtp::handshake::Handshake::new(config))),
            Protocol::WebSocketServer(tls) => {
                secured = tls;
                Some(Handshake::Zws(zws::handshake::Handshake::server(config)))
            }
            Protocol::WebSocketClient(resource, tls) => {
                secured = tls;
                Some(Handshake::Zws(zws::handshake::Handshake::client(config, &resource)))
            }
        };
        let framing = handshake.as_ref().and_then(Handshake::role).map(Framing::WebSocket);
        let mut engine = Engine::new(fd, Arc::new(addresses), generation, handshake, &self.options);
        engine.framing = framing;
        if let Some(secured) = secured {
            engine.secure(secured);
        }
        engine.collect_handshake_output();
        self.engine = Some(Box::new(engine));
        if raw {
            return self.open_raw(cx, peer_address);
        }
        if self.options.handshake_ivl > 0 {
            let timer = cx.timers.add(self.id, Purpose::Handshake, self.options.handshake_ivl);
            self.timers.handshake = Some(timer);
        }
        self.work(cx)
    }

    pub(super) fn handshake_config(&self, peer_address: &str) -> Config {
        let options = &self.options;
        let mut config = Config::new(options.socket_type);
        config.routing_id.clone_from(&options.routing_id);
        config.recv_routing_id = options.recv_routing_id;
        config.app_metadata = options
            .app_metadata
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        config.mechanism = mechanism(options);
        config.zap_domain.clone_from(&options.zap_domain);
        config.zap_enforce_domain = options.zap_enforce_domain;
        peer_address.clone_into(&mut config.peer_address);
        config.maxmsgsize = options.maxmsgsize;
        config
    }

    /// Makes the pipe where there is none; the socket's end is to be given to it.
    pub(super) fn make_pipe(&mut self) -> Option<PipeEnd> {
        if self.pipe.is_some() || self.ending {
            return None;
        }
        let (mut theirs, ours) = pair(limits(&self.options));
        self.io.own(&ours, self.id);
        if let Some(engine) = &self.engine {
            theirs.addresses = Some(engine.addresses.clone());
        }
        self.link.own(&theirs);
        self.pipe = Some(ours);
        Some(theirs)
    }

    pub(super) fn open_raw(&mut self, cx: &mut Cx<'_>, peer_address: String) -> Turn {
        self.settle();
        if let Some(theirs) = self.make_pipe() {
            self.link.attach(theirs, false);
        }
        let notify = self.options.raw_notify;
        let Some(engine) = &mut self.engine else { return Turn::Idle };
        engine.open(Framing::Raw, None, &self.options);
        let properties = vec![("Peer-Address".to_owned(), peer_address.into_bytes())];
        engine.metadata = Some(Arc::new(Metadata::new(properties, engine.raw_fd())));
        if let Some(pipe) = &mut self.pipe {
            pipe.out.set_metadata(engine.metadata.clone());
            if notify {
                pipe.out.write_anyway(0, b"");
            }
        }
        self.work(cx)
    }

    /// The handshake is done: data may flow.
    pub(super) fn open(&mut self, cx: &mut Cx<'_>, peer: Peer) {
        self.settle();
        if let Some(timer) = self.timers.handshake.take() {
            cx.timers.cancel(timer);
        }
        let theirs = self.make_pipe();
        let Some(engine) = &mut self.engine else { return };
        let framing = engine.framing.unwrap_or(Framing::Zmtp(peer.version));
        engine.open(framing, peer.transforms, &self.options);
        engine.has_mechanism = peer.version.has_mechanism();
        if !peer.properties.is_empty() {
            engine.metadata = Some(Arc::new(Metadata::new(peer.properties, engine.raw_fd())));
        }
        if let Some(pipe) = &mut self.pipe {
            pipe.out.set_metadata(engine.metadata.clone());
            if self.options.recv_routing_id {
                pipe.out.write_anyway(FRAME_ROUTING_ID, &peer.routing_id);
            }
            if self.options.router_notify & ZMQ_NOTIFY_CONNECT != 0 {
                pipe.out.write_anyway(0, b"");
            }
            if peer.inject_subscription {
                pipe.out.write_anyway(0, &[1]);
            }
            if let Some(theirs) = theirs {
                pipe.flush();
                self.link.attach(theirs, pipe.out.written() == 0);
            }
        }
        let websocket = engine.is_websocket();
        if engine.has_mechanism || websocket {
            if self.options.heartbeat_interval > 0 {
                let timer =
                    cx.timers.add(self.id, Purpose::Heartbeat, self.options.heartbeat_interval);
                self.timers.heartbeat = Some(timer);
            }
            self.link.monitor.emit(ZMQ_EVENT_HANDSHAKE_SUCCEEDED, 0, &engine.addresses);
        }
    }

    /// Goes on with the handshake; an early return of the turn as `Err`.
    pub(super) fn shake_hands(&mut self, cx: &mut Cx<'_>) -> core::result::Result<(), Turn> {
        let Some(engine) = self.engine.as_deref_mut() else { return Err(Turn::Idle) };
        let outcome = engine.read_handshake();
        let request = engine.handshake.as_mut().and_then(|shake| shake.take_zap_request());
        if let Some(request) = request {
            if self.zap.is_none() {
                self.zap = ZapLine::open(self.id, &self.io, &self.link).map(Box::new);
            }
            match &mut self.zap {
                Some(line) => {
                    line.send(&request);
                    self.take_zap_replies(cx)?;
                }
                None => {
                    let answered = self.with_handshake(|shake| shake.zap_unavailable());
                    self.answered(cx, answered)?;
                }
            }
        }
        let failure = match outcome {
            Ok(Progress::More) => return Err(Turn::Again),
            Ok(_) => None,
            Err(failure) => Some(failure),
        };
        if let Some(failure) = failure {
            return Err(match failure {
                HandshakeFailure::Connection(error) => {
                    self.engine_failed(cx, Failure::Connection(error))
                }
                HandshakeFailure::Protocol(error) => {
                    self.report_handshake(&error);
                    // What was said before may tell the peer what is wrong, such as our mechanism.
                    if let Some(engine) = self.engine.as_deref_mut() {
                        engine.collect_handshake_output();
                    }
                    let _ = self.write(cx);
                    let failure = match error {
                        HandshakeError::Closed => Failure::Connection(error.errno()),
                        _ => Failure::Protocol,
                    };
                    self.engine_failed(cx, failure)
                }
            });
        }
        self.finish_handshake(cx);
        Ok(())
    }

    pub(super) fn with_handshake<T>(
        &mut self,
        body: impl FnOnce(&mut Handshake) -> T,
    ) -> Option<T> {
        let engine = self.engine.as_deref_mut()?;
        let shake = engine.handshake.as_deref_mut()?;
        let result = body(shake);
        engine.collect_handshake_output();
        Some(result)
    }

    /// The ZAP handler's verdict went into the handshake.
    pub(super) fn answered(
        &mut self,
        cx: &mut Cx<'_>,
        outcome: Option<core::result::Result<(), HandshakeError>>,
    ) -> core::result::Result<(), Turn> {
        if let Some(Some(event)) = self.with_handshake(|shake| shake.take_event()) {
            self.report_handshake(&event);
        }
        if let Some(Err(error)) = outcome {
            self.report_handshake(&error);
            return Err(self.engine_failed(cx, Failure::Protocol));
        }
        Ok(())
    }

    pub(super) fn finish_handshake(&mut self, cx: &mut Cx<'_>) {
        let done = self
            .engine
            .as_ref()
            .and_then(|engine| engine.handshake.as_ref())
            .is_some_and(|shake| matches!(shake.status(), Status::Done));
        if !done {
            return;
        }
        if let Some(engine) = self.engine.as_deref_mut() {
            if let Some(peer) = engine.finish_handshake() {
                self.open(cx, peer);
            }
        }
    }

    pub(super) fn report_handshake(&self, error: &HandshakeError) {
        let Some(engine) = &self.engine else { return };
        let (kind, value) = match *error {
            HandshakeError::Protocol(code) => (ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, code),
            HandshakeError::Auth(code) => (ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, code),
            HandshakeError::NoDetail(errno) => (ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL, errno.0),
            HandshakeError::Silent(_) | HandshakeError::Closed => return,
        };
        self.link.monitor.emit(kind, value, &engine.addresses);
    }

    pub(super) fn zap_event(&mut self, cx: &mut Cx<'_>, event: PipeEvent) -> Turn {
        let Some(zap) = &mut self.zap else { return Turn::Idle };
        match event {
            PipeEvent::Readable => zap.activate(),
            PipeEvent::Closed => zap.peer_closed(),
            _ => return Turn::Idle,
        }
        if let Err(turn) = self.take_zap_replies(cx) {
            return turn;
        }
        self.finish_handshake(cx);
        self.work(cx)
    }

    pub(super) fn take_zap_replies(&mut self, cx: &mut Cx<'_>) -> core::result::Result<(), Turn> {
        while let Some(reply) = self.zap.as_mut().and_then(|line| line.take_reply()) {
            let outcome = self.with_handshake(|shake| shake.zap_reply(reply));
            self.answered(cx, outcome)?;
        }
        Ok(())
    }
}

/// The mechanism that the socket's options choose.
fn mechanism(options: &SocketOptions) -> MechanismConfig {
    match (options.mechanism, options.as_server) {
        (ZMQ_PLAIN, true) => MechanismConfig::PlainServer,
        (ZMQ_PLAIN, false) => MechanismConfig::PlainClient {
            username: options.plain_username.clone(),
            password: options.plain_password.clone(),
        },
        (ZMQ_CURVE, true) => MechanismConfig::CurveServer(options.curve_secret_key.clone()),
        (ZMQ_CURVE, false) => MechanismConfig::CurveClient(ClientKeys {
            public: options.curve_public_key,
            secret: options.curve_secret_key.clone(),
            server: options.curve_server_key,
        }),
        #[cfg(feature = "gssapi")]
        (ZMQ_GSSAPI, as_server) => MechanismConfig::Gssapi(gssapi_settings(options, as_server)),
        _ => MechanismConfig::Null,
    }
}

#[cfg(feature = "gssapi")]
fn gssapi_settings(options: &SocketOptions, as_server: bool) -> gssapi::Settings {
    use gssapi::system::NameType;
    let principal = |text: &[u8], kind: i32| gssapi::Principal {
        text: text.to_vec(),
        kind: match kind {
            ZMQ_GSSAPI_NT_USER_NAME => NameType::UserName,
            ZMQ_GSSAPI_NT_KRB5_PRINCIPAL => NameType::Krb5Principal,
            _ => NameType::HostBased,
        },
    };
    let service =
        principal(&options.gssapi_service_principal, options.gssapi_service_principal_nametype);
    gssapi::Settings {
        principal: principal(&options.gssapi_principal, options.gssapi_principal_nametype),
        service: (!as_server).then_some(service),
        plaintext: options.gssapi_plaintext,
    }
}
