//! Descriptors of the `ipc` transport: `AF_UNIX` stream sockets.
//!
//! An address is a path in the file system, `@name` in Linux's abstract namespace, or (for binding)
//! anything that starts with `*`, which means a fresh path in a temporary directory. Binding
//! replaces whatever file is at the path, so a file a crashed program left behind is no obstacle
//! and a second program takes the address over. A file is left in place when its listener closes,
//! except for the temporary ones.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process;

use socket2::{Domain, SockAddr, SockRef, Socket, Type};

pub use super::{finish_connect, peer_address, End};
use super::{prepare, sys, OpenError, FILTERED};
use crate::error::{Errno, Result};
use crate::options::SocketOptions;

const PREFIX: &str = "ipc://";

/// A listening descriptor with what has to go when it closes.
#[derive(Debug)]
pub struct IpcListener {
    pub fd: OwnedFd,
    /// The endpoint as events name it: the address that was asked for, with `*` filled in.
    pub endpoint: String,
    /// Present for `*` addresses.
    pub temporary: Option<TemporaryPath>,
}

impl IpcListener {
    /// Closes the descriptor and removes the temporary path. The error is what a monitor is told
    /// with CLOSE_FAILED; the descriptor is closed in any case.
    pub fn close(self) -> Result<()> {
        drop(self.fd);
        self.temporary.map_or(Ok(()), TemporaryPath::remove)
    }
}

/// A socket path in a directory of its own; both are removed when this is dropped.
#[derive(Debug)]
pub struct TemporaryPath {
    directory: PathBuf,
    socket: PathBuf,
    /// A forked child inherits this value, but not the path.
    owner: u32,
    removed: bool,
}

impl TemporaryPath {
    fn create() -> Result<TemporaryPath> {
        let directory = sys::make_temporary_directory(temporary_template())?;
        Ok(TemporaryPath {
            socket: directory.join("socket"),
            directory,
            owner: process::id(),
            removed: false,
        })
    }

    /// Removes the socket and its directory now, and says how that went.
    pub fn remove(mut self) -> Result<()> {
        self.clean()
    }

    fn clean(&mut self) -> Result<()> {
        if self.removed || self.owner != process::id() {
            return Ok(());
        }
        self.removed = true;
        // The directory goes also when nothing was bound in it.
        let unlinked = fs::remove_file(&self.socket);
        fs::remove_dir(&self.directory)?;
        Ok(unlinked?)
    }
}

impl Drop for TemporaryPath {
    fn drop(&mut self) {
        // There is nobody left to tell.
        let _ = self.clean();
    }
}

/// Where temporary sockets go: in the directory the environment names for such things, else in the
/// current one.
fn temporary_template() -> OsString {
    let directory = ["TMPDIR", "TEMPDIR", "TMP"]
        .into_iter()
        .filter_map(env::var_os)
        .find(|directory| Path::new(directory).is_dir());
    let mut template = directory.unwrap_or_default().into_vec();
    if template.last().is_some_and(|&last| last != b'/') {
        template.push(b'/');
    }
    template.extend_from_slice(b"tmpXXXXXX");
    OsString::from_vec(template)
}

/// Checks an address to connect to: `ENAMETOOLONG`, or `EINVAL` for `@` without a name.
pub fn check(address: &str) -> Result<()> {
    socket_address(OsStr::new(address)).map(drop)
}

/// Makes the listening descriptor of a bind: the one the application prepared (`ZMQ_USE_FD`; the
/// address then only names it), or a new one.
pub fn listen(address: &str, options: &SocketOptions) -> Result<IpcListener, OpenError> {
    if options.use_fd != -1 {
        check(address)?;
        return Ok(IpcListener {
            fd: super::adopt_listener(options.use_fd)?,
            endpoint: format!("{PREFIX}{address}"),
            temporary: None,
        });
    }
    let temporary = if address.starts_with('*') { Some(TemporaryPath::create()?) } else { None };
    let path = match &temporary {
        Some(temporary) => temporary.socket.as_os_str(),
        None => OsStr::new(address),
    };
    let socket_address = socket_address(path)?;
    if !is_abstract(path) {
        // Usually there is nothing, and what cannot be removed makes the bind fail.
        drop(fs::remove_file(path));
    }
    let socket = open()?;
    prepare(&socket, || {
        socket.bind(&socket_address)?;
        Ok(socket.listen(options.backlog)?)
    })?;
    Ok(IpcListener {
        endpoint: format!("{PREFIX}{}", path.to_string_lossy()),
        fd: socket.into(),
        temporary,
    })
}

/// Accepts one connection; errors as in [`super::tcp::accept`], [`FILTERED`] when the peer's user,
/// group and process are none of those the options let in.
pub fn accept(listener: BorrowedFd<'_>, options: &SocketOptions) -> Result<OwnedFd> {
    let (connection, _) = sys::accept(listener)?;
    if !passes_filters(connection.as_fd(), options) {
        return Err(FILTERED);
    }
    Ok(connection)
}

/// One match is enough. Besides the group its process runs with, a peer is in every group that
/// lists its user as a member.
fn passes_filters(connection: BorrowedFd<'_>, options: &SocketOptions) -> bool {
    let users = &options.ipc_uid_accept_filters;
    let groups = &options.ipc_gid_accept_filters;
    let processes = &options.ipc_pid_accept_filters;
    if users.is_empty() && groups.is_empty() && processes.is_empty() {
        return true;
    }
    let Ok(peer) = sys::peer_credentials(connection) else {
        return false;
    };
    if users.contains(&peer.uid)
        || groups.contains(&peer.gid)
        || peer.pid.is_some_and(|pid| processes.contains(&pid))
    {
        return true;
    }
    if groups.is_empty() {
        return false;
    }
    let Some(user) = sys::user_name(peer.uid) else {
        return false;
    };
    groups.iter().any(|&group| sys::group_has_member(group, &user))
}

/// Starts connecting; normally that is done at once. `EAGAIN` means that the listener's queue is
/// full: there is nothing to wait for, the attempt failed and is to be repeated later.
pub fn connect(address: &str) -> Result<(OwnedFd, bool), OpenError> {
    let address = socket_address(OsStr::new(address))?;
    let socket = open()?;
    let in_progress = prepare(&socket, || super::start_connect(&socket, &address))?;
    Ok((socket.into(), in_progress))
}

/// The endpoint text of one end of a connection or of a listener. An end without a name, as
/// connecting ends are, is `ipc://`.
pub fn endpoint_of(fd: impl AsFd, which: End) -> Result<String> {
    let socket = SockRef::from(&fd);
    let address = match which {
        End::Local => socket.local_addr()?,
        End::Remote => socket.peer_addr()?,
    };
    if !address.is_unix() {
        return Err(Errno::EAFNOSUPPORT);
    }
    let name = match (address.as_pathname(), address.as_abstract_namespace()) {
        (Some(path), _) => path.to_string_lossy().into_owned(),
        (None, Some(name)) => {
            let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
            match String::from_utf8_lossy(name) {
                name if name.is_empty() => String::new(),
                name => format!("@{name}"),
            }
        }
        (None, None) => String::new(),
    };
    Ok(format!("{PREFIX}{name}"))
}

fn open() -> Result<Socket> {
    Ok(Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?)
}

fn is_abstract(address: &OsStr) -> bool {
    address.as_bytes().starts_with(b"@")
}

fn socket_address(address: &OsStr) -> Result<SockAddr> {
    if address.len() > sys::LONGEST_LOCAL_NAME {
        return Err(Errno::ENAMETOOLONG);
    }
    if address == "@" || address.as_bytes().contains(&0) {
        return Err(Errno::EINVAL);
    }
    if !is_abstract(address) {
        return SockAddr::unix(address).map_err(|_| Errno::EINVAL);
    }
    // To the system an abstract name starts with a NUL byte.
    let mut name = address.as_bytes().to_vec();
    if let Some(first) = name.first_mut() {
        *first = 0;
    }
    SockAddr::unix(OsStr::from_bytes(&name)).map_err(|_| Errno::EINVAL)
}

#[cfg(test)]
#[path = "ipc_tests.rs"]
mod tests;
