//! The sockets of a proxy while it works on them.

use core::ffi::{c_short, c_void};

use crate::context::handles;
use crate::error::{Errno, Result};
use crate::message::Message;
use crate::options::constants::ZMQ_DONTWAIT;
use crate::socket::relay::HeldBack;
use crate::socket::{self, Socket};

/// A socket while the proxy works on it.
pub(super) enum End<'a> {
    /// Entered, for as long as that takes.
    Own(&'a mut Socket),
    /// Used by other threads, too, and entered for each call.
    Shared(*mut c_void),
}

impl End<'_> {
    #[inline]
    pub fn again(&mut self) -> End<'_> {
        match self {
            End::Own(socket) => End::Own(socket),
            End::Shared(handle) => End::Shared(*handle),
        }
    }

    pub fn events(&mut self) -> Result<c_short> {
        match self {
            End::Own(socket) => socket.events(),
            End::Shared(handle) => socket::with(*handle, Socket::events),
        }
    }

    /// Receives a part, which may be a view as long as nothing else is done with the socket.
    #[inline]
    pub fn recv(&mut self, message: &mut Message) -> Result<()> {
        match self {
            End::Own(socket) => socket.recv(message, ZMQ_DONTWAIT),
            End::Shared(handle) => socket::with(*handle, |socket| {
                socket.set_wants_metadata(false);
                let received = socket.recv(message, ZMQ_DONTWAIT);
                message.own()?;
                received
            }),
        }
    }

    /// Whether a message would find room, as far as one knows without having it, or entering the socket.
    #[inline]
    pub fn has_room(&mut self) -> bool {
        match self {
            End::Own(socket) => socket.has_room(),
            End::Shared(_) => true,
        }
    }

    #[inline]
    pub fn send(&mut self, message: &mut Message, flags: i32) -> Result<()> {
        match self {
            End::Own(socket) => socket.send(message, flags),
            End::Shared(handle) => socket::with(*handle, |socket| socket.send(message, flags)),
        }
    }
}

/// The sockets of a proxy while it works on them, seen from one direction.
pub(super) struct Ends<'a> {
    pub from: End<'a>,
    /// None if messages go back to where they come from.
    pub to: Option<End<'a>>,
    pub capture: Option<End<'a>>,
}

/// Enters the sockets of a proxy.
pub(super) fn with_ends<T>(
    frontend: *mut c_void,
    backend: *mut c_void,
    capture: Option<*mut c_void>,
    body: impl FnOnce(&mut Ends<'_>) -> Result<T>,
) -> Result<T> {
    let backend = (backend != frontend).then_some(backend);
    with_end(frontend, |from| {
        with_optional(backend, |to| {
            with_optional(capture, |capture| body(&mut Ends { from, to, capture }))
        })
    })
}

pub(super) fn with_end<T>(
    handle: *mut c_void,
    body: impl FnOnce(End<'_>) -> Result<T>,
) -> Result<T> {
    if handles::is(handles::Kind::SharedSocket, handle) {
        return body(End::Shared(handle));
    }
    let mut body = Some(body);
    socket::with(handle, |socket| {
        socket.set_wants_metadata(false);
        let body = body.take().ok_or(Errno::EFAULT)?;
        body(End::Own(socket))
    })
}

fn with_optional<T>(
    handle: Option<*mut c_void>,
    body: impl FnOnce(Option<End<'_>>) -> Result<T>,
) -> Result<T> {
    match handle {
        Some(handle) => with_end(handle, |end| body(Some(end))),
        None => body(None),
    }
}

impl Ends<'_> {
    pub fn reversed(&mut self) -> Ends<'_> {
        let capture = self.capture.as_mut().map(End::again);
        match &mut self.to {
            Some(to) => Ends { from: to.again(), to: Some(self.from.again()), capture },
            None => Ends { from: self.from.again(), to: None, capture },
        }
    }

    #[inline]
    pub fn destination(&mut self) -> End<'_> {
        match &mut self.to {
            Some(to) => to.again(),
            None => self.from.again(),
        }
    }

    /// Whether a message has somewhere to go. A socket may have to receive it first to send it back.
    #[inline]
    pub fn have_room(&mut self) -> bool {
        self.to.as_mut().is_none_or(End::has_room)
    }

    /// Shows what was held back.
    pub fn show(&mut self, held: &mut HeldBack) {
        if let Some(End::Own(to)) = &mut self.to {
            to.show(held);
        }
    }

    #[inline]
    pub fn recv(&mut self, message: &mut Message) -> Result<()> {
        self.from.recv(message)?;
        if self.to.is_none() {
            // Sending on the same socket may take the pipe away that the view looks at.
            message.own()?;
        }
        Ok(())
    }
}
