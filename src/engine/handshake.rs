//! The handshake of a connection, in whichever protocol it is.

use crate::security::zap;
use crate::zmtp::handshake::{HandshakeError, Peer, Status};
use crate::{zmtp, zws};

/// A handshake that goes on.
#[derive(Debug)]
pub enum Handshake {
    Zmtp(zmtp::handshake::Handshake),
    Zws(zws::handshake::Handshake),
}

impl Handshake {
    /// Which end of a WebSocket this is, if it is to be one.
    pub fn role(&self) -> Option<zws::Role> {
        match self {
            Handshake::Zmtp(_) => None,
            Handshake::Zws(shake) => Some(shake.role()),
        }
    }

    pub fn output(&mut self) -> &mut Vec<u8> {
        match self {
            Handshake::Zmtp(shake) => shake.output(),
            Handshake::Zws(shake) => shake.output(),
        }
    }

    pub fn status(&self) -> Status {
        match self {
            Handshake::Zmtp(shake) => shake.status(),
            Handshake::Zws(shake) => shake.status(),
        }
    }

    /// Takes bytes from the peer and says how many belong to the handshake, as far as that is
    /// known; the rest that it took all the same is given back by [`take_rest`](Self::take_rest).
    pub fn input(&mut self, bytes: &[u8]) -> Result<usize, HandshakeError> {
        match self {
            Handshake::Zmtp(shake) => shake.input(bytes),
            Handshake::Zws(shake) => shake.input(bytes).map(|()| bytes.len()),
        }
    }

    pub fn take_rest(&mut self) -> Vec<u8> {
        match self {
            Handshake::Zmtp(_) => Vec::new(),
            Handshake::Zws(shake) => shake.take_rest(),
        }
    }

    pub fn take_zap_request(&mut self) -> Option<zap::Request> {
        match self {
            Handshake::Zmtp(shake) => shake.take_zap_request(),
            Handshake::Zws(shake) => shake.take_zap_request(),
        }
    }

    pub fn zap_reply(&mut self, frames: Vec<Vec<u8>>) -> Result<(), HandshakeError> {
        match self {
            Handshake::Zmtp(shake) => shake.zap_reply(frames),
            Handshake::Zws(shake) => shake.zap_reply(&frames),
        }
    }

    pub fn zap_unavailable(&mut self) -> Result<(), HandshakeError> {
        match self {
            Handshake::Zmtp(shake) => shake.zap_unavailable(),
            Handshake::Zws(shake) => shake.zap_unavailable(),
        }
    }

    pub fn take_event(&mut self) -> Option<HandshakeError> {
        match self {
            Handshake::Zmtp(shake) => shake.take_event(),
            Handshake::Zws(shake) => shake.take_event(),
        }
    }

    pub fn was_denied(&self) -> bool {
        match self {
            Handshake::Zmtp(shake) => shake.was_denied(),
            Handshake::Zws(shake) => shake.was_denied(),
        }
    }

    pub fn finish(self) -> Peer {
        match self {
            Handshake::Zmtp(shake) => shake.finish(),
            Handshake::Zws(shake) => shake.finish(),
        }
    }
}
