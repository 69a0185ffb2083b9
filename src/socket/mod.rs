//! The socket: what all kinds have in common.
//!
//! A socket is used by one thread at a time: the handle's entry flag sees to that, or, for the
//! thread-safe kinds, a lock ([`shared`]). Other threads reach it through its [`mailbox`]; every
//! call first executes the [`commands`] that wait there, and a call that cannot go on sleeps on the
//! mailbox. Closing calls [`Socket::begin_termination`] and then [`Socket::continue_termination`],
//! which the reaper repeats until the last session and listener is gone.
//!
//! What a program does with a socket has a file each: [`transfer`] sends and receives, [`endpoints`]
//! binds and connects, [`settings`] are its options.

use std::collections::VecDeque;
use std::ffi::c_void;
use std::os::fd::RawFd;
use std::sync::atomic::AtomicBool;
use std::sync::Arc;

mod at_once;
pub mod bell;
mod commands;
pub mod core;
mod direct;
pub mod endpoints;
pub mod link;
pub mod mailbox;
mod pacing;
mod patience;
pub mod patterns;
mod peers;
pub mod relay;
pub mod routing;
mod settings;
pub mod shared;
pub mod slab;
mod straight;
mod transfer;
pub mod watch;
mod watching;

use self::core::Core;
use crate::context::handles::Entered;
use crate::context::{self, handles, unique_id, Context};
use crate::error::{Errno, Result};
use crate::monitor::Monitor;
use crate::options::SocketOptions;
use bell::Bell;
use endpoints::Endpoints;
use link::SocketLink;
use mailbox::{Command, Mailbox};
use patterns::Kind;
use watch::{Inbox, Watch};

/// A socket of any kind.
#[derive(Debug)]
pub struct Socket {
    core: Core,
    kind: Kind,
    straight: straight::Straight,
    link: Arc<SocketLink>,
    /// The link's, at hand.
    mailbox: Arc<Mailbox>,
    endpoints: Endpoints,
    /// More parts of the message last received follow.
    rcvmore: bool,
    /// The context is terminating: every call gives `ETERM`.
    stopped: bool,
    terminating: bool,
    direct: direct::Direct,
    /// Many threads may use it: waiting is not done in here.
    is_shared: bool,
    pacing: pacing::Pacing,
    /// Memory for commands.
    commands: VecDeque<Command>,
    /// How often anything happened that senders may have waited for.
    changes: u64,
    /// Who wants to know when readiness may have changed.
    watches: Vec<Arc<Watch>>,
    /// For whoever polls this socket before others, while it is not in use.
    bell: Option<Arc<Bell>>,
    /// What `ZMQ_FD` of a shared socket shows.
    visible: Option<(Arc<Inbox>, Arc<Watch>)>,
}

/// Makes a socket in a context. `EFAULT`, `EINVAL`, `EMFILE`, `ETERM`.
pub fn create(context: *mut c_void, socket_type: i32) -> Result<*mut c_void> {
    context::find(context)?.create_socket(socket_type)
}

/// Closes a socket; what it still has to deliver goes on in the background. `ENOTSOCK`.
pub fn close(handle: *mut c_void) -> Result<()> {
    let entered = match handles::enter_to_close(handle) {
        Err(handles::SHARED) => return shared::close(handle),
        entered => entered?,
    };
    let object = handles::remove(handles::Kind::Socket, handle).ok_or(Errno::ENOTSOCK)?;
    drop(entered);
    // SAFETY: removing the handle makes its object ours; it came from Box::into_raw.
    let socket = unsafe { Box::from_raw(object.cast::<Socket>()) };
    retire(socket);
    Ok(())
}

/// Hands a socket without a handle over to its end.
fn retire(socket: Box<Socket>) {
    let context = socket.link.context.clone();
    if context.is_foreign() {
        // A forked child shares the descriptors: its parent goes on with the socket, undisturbed.
        ::core::mem::forget(socket);
        return;
    }
    // Whoever polls the socket at this moment must find out that it is gone.
    socket.link.mailbox.retire();
    socket.mark_watches();
    context.reap(socket);
}

/// Calls `body` with the socket behind a handle. `ENOTSOCK`, or `EBUSY` while another thread is in
/// a call on the same socket.
///
/// If the socket is a shared one and sending or receiving has to wait, `body` is called again.
#[inline]
pub fn with<T>(handle: *mut c_void, mut body: impl FnMut(&mut Socket) -> Result<T>) -> Result<T> {
    match handles::enter(handle) {
        Ok(entered) => {
            // SAFETY: for the time of the body.
            let socket = unsafe { of(&entered) };
            socket.end_straight();
            body(socket)
        }
        Err(handles::SHARED) => shared::with(handle, body),
        Err(error) => Err(error),
    }
}

/// As [`with`], for the calls that programs make most. The two bodies do the same; each of them is
/// used in one place, so that the compiler makes one function of the call and its own socket's.
#[inline(always)]
pub fn with_either<T>(
    handle: *mut c_void,
    own: impl FnOnce(&mut Socket) -> Result<T>,
    shared: impl FnMut(&mut Socket) -> Result<T>,
) -> Result<T> {
    match handles::enter(handle) {
        // SAFETY: as above.
        Ok(entered) => own(unsafe { of(&entered) }),
        Err(handles::SHARED) => shared::with(handle, shared),
        Err(error) => Err(error),
    }
}

/// The socket that was entered.
///
/// # Safety
/// It is used for no longer than it is entered, and by nothing else at the same time.
#[inline(always)]
pub unsafe fn of<'a>(entered: &Entered) -> &'a mut Socket {
    // SAFETY: the handle is a socket's, and entering it keeps every other thread out.
    unsafe { &mut *entered.object().cast::<Socket>() }
}

impl Socket {
    /// `EINVAL` for an unknown type.
    pub fn new(context: Arc<Context>, mailbox: Arc<Mailbox>, socket_type: i32) -> Result<Socket> {
        let settings = context.options();
        let mut options = SocketOptions::new(socket_type);
        options.ipv6 = settings.ipv6;
        options.linger = if settings.blocky { -1 } else { 0 };
        let mut core = Core::new(options);
        let kind = Kind::new(socket_type, &mut core)?;
        mailbox.set_patient(patterns::hears_of_messages_only(socket_type));
        let link = SocketLink {
            id: unique_id(),
            context,
            mailbox: mailbox.clone(),
            monitor: Monitor::default(),
            disconnected: AtomicBool::new(false),
        };
        Ok(Socket {
            core,
            kind,
            straight: straight::Straight::nowhere(),
            link: Arc::new(link),
            mailbox,
            endpoints: Endpoints::default(),
            rcvmore: false,
            stopped: false,
            terminating: false,
            direct: direct::Direct::default(),
            is_shared: patterns::is_thread_safe(socket_type),
            pacing: pacing::Pacing::default(),
            commands: VecDeque::new(),
            changes: 0,
            watches: Vec::new(),
            bell: None,
            visible: None,
        })
    }

    /// The socket's number, unique in the process.
    pub fn id(&self) -> u64 {
        self.link.id
    }

    /// Its kind (`ZMQ_TYPE`).
    pub fn socket_type(&self) -> i32 {
        self.core.options.socket_type
    }

    /// The descriptor of `ZMQ_FD`.
    pub fn descriptor(&self) -> RawFd {
        self.mailbox.show()
    }

    /// Where commands for it arrive, and its descriptor with them.
    pub fn mailbox(&self) -> Arc<Mailbox> {
        self.mailbox.clone()
    }

    /// Whether received messages shall name their connection.
    #[inline]
    pub fn set_wants_metadata(&mut self, wants: bool) {
        self.core.wants_metadata = wants;
    }

    // --- the end: begun by whoever closes the socket, continued by the reaper ---

    /// Starts the end of a closed socket: its names are forgotten, its pipes closed, its sessions
    /// and listeners told to finish within the linger time.
    pub fn begin_termination(&mut self) {
        self.terminating = true;
        self.link.context.registry.lock().forget(self.link.id);
        self.give_all_waiting_up();
        for key in self.core.pipes.keys() {
            if let Some(mut pipe) = self.core.pipes.remove(key) {
                pipe.send_disconnect_msg();
                pipe.close();
            }
        }
        self.endpoints.terminate_all(self.core.options.linger);
    }

    /// Goes on ending; true when nothing is left.
    pub fn continue_termination(&mut self) -> bool {
        self.execute_waiting();
        if !self.endpoints.has_no_children() {
            return false;
        }
        self.link.monitor.stop();
        // A connection may have been accepted at the last moment; it has to hear of the end.
        for command in self.mailbox.close() {
            self.execute(command);
        }
        true
    }
}
