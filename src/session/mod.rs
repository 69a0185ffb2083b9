//! Sessions: the life of one endpoint's connection, in an I/O thread.
//!
//! A connecting session lives as long as its endpoint: it connects, opens an engine over each
//! connection it makes, and connects again when one breaks. An accepted session lives as long as
//! its connection. Between the two ends stands the pipe: the session's end is lent to the engine
//! in each turn. When the socket closes, the session goes on until what waits in the pipe is
//! written or the linger time is over.
//!
//! Its I/O thread calls [`Session::start`], then [`work`] and [`pipe_news`] in turns, and
//! [`Session::over`]. [`opening`] starts an engine, [`connection`] keeps it and lets it go, and
//! [`lending`] gives the socket's thread a part of the work.

use core::sync::atomic::{fence, AtomicBool, Ordering};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

#[cfg(test)]
mod break_tests;
pub mod connecter;
mod connection;
mod lending;
pub mod listener;
mod newcomers;
mod opening;
#[cfg(test)]
mod peer_tests;
mod pipe_news;
mod work;
pub mod zap;

use crate::engine::connectionless::Connectionless;
use crate::engine::Engine;
use crate::io::timers::{Purpose, TimerKey};
use crate::io::watch::Watch;
use crate::io::{Cx, IoHandle, Turn};
use crate::monitor::Addresses;
use crate::options::SocketOptions;
use crate::pipe::PipeEnd;
use crate::socket::link::SocketLink;
use crate::socket::mailbox::Command;
use crate::transport::tls::{self, Secured};
use crate::transport::Endpoint;
use crate::zws::upgrade::Resource;
use connecter::Connecter;
use newcomers::Newcomers;
use zap::ZapLine;

/// A number from 0 up to `below`, different each time, to keep peers from acting in step.
fn jitter(below: i32) -> i32 {
    use std::hash::{BuildHasher, Hasher};
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    i32::try_from(random % u64::try_from(below.max(1)).unwrap_or(1)).unwrap_or(0)
}

#[derive(Debug, Default)]
struct SessionTimers {
    linger: Option<TimerKey>,
    handshake: Option<TimerKey>,
    heartbeat: Option<TimerKey>,
    heartbeat_timeout: Option<TimerKey>,
    heartbeat_ttl: Option<TimerKey>,
    exchange: Option<TimerKey>,
    input: Option<InputLook>,
}

/// The next look at the lent input.
#[derive(Debug)]
struct InputLook {
    timer: TimerKey,
    /// How often it had been used at the last look.
    uses: u32,
    /// How long after that, in milliseconds.
    after: i32,
}

/// A writing thread that has the pipe's reader, as it was at the last look.
#[derive(Debug)]
struct Watching {
    /// How often it had sent by itself.
    uses: u32,
    /// At how many looks in a row it was at work.
    steady: u32,
}

/// What is spoken on a new connection.
#[derive(Debug)]
pub enum Protocol {
    Zmtp,
    WebSocketServer(Option<Secured>),
    /// Asks for this resource.
    WebSocketClient(Resource, Option<Secured>),
}

/// A connection that a listener accepted.
#[derive(Debug)]
pub struct Accepted {
    pub fd: OwnedFd,
    pub addresses: Addresses,
    /// The text of the `Peer-Address` property.
    pub peer_address: String,
    pub protocol: Protocol,
    /// The listener's number.
    pub listener: u64,
    /// The listener's endpoint was taken down.
    pub down: Arc<AtomicBool>,
    /// Where the session is counted until its handshake is over.
    pub newcomers: Arc<Newcomers>,
}

/// A session, owned by its I/O thread.
#[derive(Debug)]
pub struct Session {
    id: u64,
    link: Arc<SocketLink>,
    io: Arc<IoHandle>,
    options: Arc<SocketOptions>,
    /// Present in sessions that connect; accepted ones have none.
    connecter: Option<Box<Connecter>>,
    /// An accepted connection, until the session starts.
    accepted: Option<Accepted>,
    pipe: Option<PipeEnd>,
    /// The pipe that the socket has closed and all of which is read. What was received and is no whole
    /// frame yet lies in it.
    closed_pipe: Option<PipeEnd>,
    /// Of accepted connections: the listener's endpoint was taken down.
    down: Option<Arc<AtomicBool>>,
    /// Of accepted connections, until the handshake is over.
    newcomers: Option<Arc<Newcomers>>,
    zap: Option<Box<ZapLine>>,
    engine: Option<Box<Engine>>,
    /// What the reactor looks for at the engine's connection.
    watch: Option<Arc<Watch>>,
    /// In place of connections.
    exchange: Option<Box<dyn Connectionless>>,
    /// The reactor watches its descriptors.
    exchange_watched: bool,
    /// The PING that the heartbeat's timeout is for has not gone out yet; with what the output had written.
    unasked: Option<u64>,
    /// There may be something to write although the pipe's reader is lent.
    output_due: bool,
    /// The pipe's reader is lent in a stream, and this session looks from time to time.
    watching: Option<Watching>,
    /// [`Session::look`] will be called.
    will_look: bool,
    /// The socket is done with this session; only the linger time keeps it.
    ending: bool,
    timers: SessionTimers,
}

impl Session {
    /// A session that connects to an endpoint, secured by `tls` if that is given. `pipe` is its end
    /// of the pipe to the socket.
    pub fn connecting(
        id: u64,
        link: Arc<SocketLink>,
        io: Arc<IoHandle>,
        options: Arc<SocketOptions>,
        target: Endpoint,
        tls: Option<tls::Client>,
        pipe: Option<PipeEnd>,
    ) -> Session {
        let connecter = Connecter::new(id, target, tls, link.clone(), options.clone());
        let mut session = Session::new(id, link, io, options);
        session.connecter = Some(Box::new(connecter));
        session.pipe = pipe;
        session
    }

    /// A session that has no connections.
    pub fn connectionless(
        id: u64,
        link: Arc<SocketLink>,
        io: Arc<IoHandle>,
        options: Arc<SocketOptions>,
        exchange: Box<dyn Connectionless>,
        pipe: PipeEnd,
    ) -> Session {
        let mut session = Session::new(id, link, io, options);
        session.exchange = Some(exchange);
        session.pipe = Some(pipe);
        session
    }

    /// A session over an accepted connection.
    pub fn accepted(
        id: u64,
        link: Arc<SocketLink>,
        io: Arc<IoHandle>,
        options: Arc<SocketOptions>,
        accepted: Accepted,
    ) -> Session {
        let mut session = Session::new(id, link, io, options);
        session.newcomers = Some(accepted.newcomers.clone());
        session.accepted = Some(accepted);
        session
    }

    fn new(
        id: u64,
        link: Arc<SocketLink>,
        io: Arc<IoHandle>,
        options: Arc<SocketOptions>,
    ) -> Session {
        Session {
            id,
            link,
            io,
            options,
            connecter: None,
            accepted: None,
            pipe: None,
            closed_pipe: None,
            down: None,
            newcomers: None,
            zap: None,
            engine: None,
            watch: None,
            exchange: None,
            exchange_watched: false,
            unasked: None,
            output_due: false,
            watching: None,
            will_look: false,
            ending: false,
            timers: SessionTimers::default(),
        }
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    /// The session arrived in its I/O thread.
    pub fn start(&mut self, cx: &mut Cx<'_>) -> Turn {
        if let Some(accepted) = self.accepted.take() {
            let Accepted { fd, addresses, peer_address, protocol, listener, down, .. } = accepted;
            self.down = Some(down);
            // Only now: what the socket answers must find the session in its thread.
            let added = Command::ChildAdded { id: self.id, io: self.io.clone(), parent: listener };
            if !self.link.mailbox.leave(added) {
                return Turn::Over;
            }
            // An endpoint that is taken down now either finds that command, or is found down.
            fence(Ordering::SeqCst);
            let Ok(watch) = cx.watch_accepted(fd.as_raw_fd(), self.id) else { return Turn::Over };
            self.watch = Some(watch);
            return self.start_engine(cx, fd, addresses, peer_address, protocol, 0);
        }
        if self.pipe.as_mut().is_some_and(|pipe| pipe.was_closed_early() && pipe.peer_closed())
            && self.exchange.is_none()
        {
            // The socket refused it when nobody was here to be told.
            self.pipe = None;
        }
        if self.exchange.is_some() {
            return self.work(cx);
        }
        self.connect(cx, false)
    }

    /// The session is no newcomer any more.
    fn settle(&mut self) {
        if let Some(newcomers) = self.newcomers.take() {
            newcomers.remove(self.id);
        }
    }

    /// The socket closes or takes the endpoint down: what waits is delivered within the linger
    /// time.
    pub fn terminate(&mut self, cx: &mut Cx<'_>, linger: i32) -> Turn {
        if self.ending && self.timers.linger.is_some() {
            return Turn::Idle;
        }
        self.ending = true;
        self.take_input_back();
        // A pipe that the socket did not close is cut (unbind); what it holds is not sent.
        let cut = self.pipe.as_ref().is_some_and(|pipe| !pipe.peer_is_closed());
        if linger == 0 || cut {
            return Turn::Over;
        }
        if self.pipe.is_none() && !self.has_unsent() {
            self.read_off();
            return Turn::Over;
        }
        if linger > 0 {
            self.timers.linger = Some(cx.timers.add(self.id, Purpose::Linger, linger));
        }
        if self.engine.is_none() && self.exchange.is_none() {
            // Without a connection the pipe is looked at here: it may hold nothing but its end.
            let over = self.pipe.as_mut().is_some_and(|pipe| !pipe.check_read() && pipe.ended());
            let hopeless = self.connecter.as_ref().is_none_or(|connecter| connecter.has_given_up());
            return if over || hopeless { Turn::Over } else { Turn::Idle };
        }
        self.work(cx)
    }

    /// Lets go of everything.
    pub fn over(mut self: Box<Self>, cx: &mut Cx<'_>) {
        self.cancel_engine_timers(cx);
        if let Some(timer) = self.timers.linger.take() {
            cx.timers.cancel(timer);
        }
        if let Some(connecter) = &mut self.connecter {
            connecter.close(cx);
        }
        self.take_input_back();
        if let Some(pipe) = &mut self.pipe {
            pipe.stop_lending();
        }
        if let Some(mut engine) = self.engine.take() {
            engine.say_goodbye();
            cx.unwatch(engine.raw_fd());
        }
        if let Some(timer) = self.timers.exchange.take() {
            cx.timers.cancel(timer);
        }
        if let Some(exchange) = self.exchange.take() {
            for fd in exchange.descriptors() {
                cx.unwatch(fd);
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.settle();
        if let Some(mut pipe) = self.pipe.take() {
            pipe.close();
        }
        self.link.mailbox.leave(Command::ChildGone(self.id));
    }
}
