//! The system calls that neither the standard library nor `socket2` offers, behind safe functions.
//!
//! Everything here is POSIX except accepting with flags and reading peer credentials, which have
//! one variant per system.

mod names;
mod users;

use std::ffi::{CString, OsString};
use std::io;
use std::mem::{size_of, MaybeUninit};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::ptr;

use libc::{c_int, socklen_t};
use socket2::{SockAddr, SockRef};

pub use names::{
    interface_address, interface_index, ipv4_text, lookup_host, numeric_host, Family, HostQuery,
};
pub use users::{group_has_member, peer_credentials, user_name};

use crate::error::{Errno, Result};

fn check(code: c_int) -> Result<c_int> {
    if code == -1 {
        return Err(Errno::last());
    }
    Ok(code)
}

/// Sets an integer socket option to exactly this value, whatever it means to the system.
pub fn set_option(fd: BorrowedFd<'_>, level: c_int, name: c_int, value: c_int) -> Result<()> {
    // SAFETY: the pointer and length describe `value`, which outlives the call.
    check(unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            ptr::from_ref(&value).cast(),
            size_of::<c_int>() as socklen_t,
        )
    })
    .map(drop)
}

/// Borrows a descriptor number that came from the application, if it is open at all.
pub fn borrow_number<'fd>(number: RawFd) -> Result<BorrowedFd<'fd>> {
    // SAFETY: F_GETFD takes no further argument and accepts any number.
    check(unsafe { libc::fcntl(number, libc::F_GETFD) })?;
    // SAFETY: the descriptor is open (and so not -1); the application gave it to us to use, so it
    // promises to keep it open.
    Ok(unsafe { BorrowedFd::borrow_raw(number) })
}

/// Takes over an open descriptor that the application handed to us for good.
pub fn adopt(fd: BorrowedFd<'_>) -> OwnedFd {
    // SAFETY: the descriptor is open, and by setting ZMQ_USE_FD the application gave up closing it.
    unsafe { OwnedFd::from_raw_fd(fd.as_raw_fd()) }
}

/// Whether connections can be accepted here; where the system cannot tell, accepting will.
pub fn is_listening(fd: BorrowedFd<'_>) -> Result<bool> {
    let socket = SockRef::from(&fd);
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    let listening = socket.is_listener()?;
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    let listening = socket.r#type()? == socket2::Type::STREAM;
    Ok(listening)
}

/// Accepts one connection: non-blocking and close-on-exec from the start where the system can.
pub fn accept(listener: BorrowedFd<'_>) -> Result<(OwnedFd, SockAddr)> {
    loop {
        // SAFETY: `accept_raw` fills the storage and length as accept(2) does.
        let accepted = unsafe {
            SockAddr::try_init(|storage, length| accept_raw(listener, storage.cast(), length))
        };
        match accepted {
            Ok(accepted) => return Ok(accepted),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
))]
fn accept_raw(
    listener: BorrowedFd<'_>,
    address: *mut libc::sockaddr,
    length: *mut socklen_t,
) -> io::Result<OwnedFd> {
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: the caller passes storage for any address and its length.
    let fd = unsafe { libc::accept4(listener.as_raw_fd(), address, length, flags) };
    if fd == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: accept4 just returned this descriptor to us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
)))]
fn accept_raw(
    listener: BorrowedFd<'_>,
    address: *mut libc::sockaddr,
    length: *mut socklen_t,
) -> io::Result<OwnedFd> {
    // SAFETY: the caller passes storage for any address and its length.
    let fd = unsafe { libc::accept(listener.as_raw_fd(), address, length) };
    if fd == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: accept just returned this descriptor to us alone.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    let socket = SockRef::from(&fd);
    socket.set_cloexec(true)?;
    socket.set_nonblocking(true)?;
    #[cfg(target_vendor = "apple")]
    socket.set_nosigpipe(true)?;
    drop(socket);
    Ok(fd)
}

/// An address of a family that only the system knows, from its bytes.
pub fn address_from_bytes(bytes: &[u8; 16]) -> SockAddr {
    let mut storage = socket2::SockAddrStorage::zeroed();
    // SAFETY: the storage has room for an address of any family, and is integers, for which every
    // bytes are a value.
    unsafe {
        let place = ptr::from_mut(&mut storage).cast::<u8>();
        ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len());
    }
    // SAFETY: the storage begins with these bytes, the first of which name the family.
    unsafe { SockAddr::new(storage, bytes.len() as socklen_t) }
}

/// The bytes of an address as the system knows it.
pub fn address_bytes(address: &SockAddr) -> Option<&[u8]> {
    let len = usize::try_from(address.len()).ok()?.min(size_of::<libc::sockaddr_storage>());
    // SAFETY: the address is a storage that is zero where the system wrote nothing.
    Some(unsafe { std::slice::from_raw_parts(address.as_ptr().cast::<u8>(), len) })
}

/// Sets sizes of a vsock's buffer (initial, least and most bytes; 0 leaves one as it is), and how
/// many milliseconds connecting may take (not if that is not positive).
#[cfg(target_os = "linux")]
pub fn tune_vsock(fd: BorrowedFd<'_>, sizes: &[u64; 3], timeout: i32) {
    fn wish<T>(fd: BorrowedFd<'_>, name: c_int, value: &T) {
        let size = size_of::<T>() as socklen_t;
        // SAFETY: the pointer and length describe `value`, which outlives the call.
        unsafe {
            let value = ptr::from_ref(value).cast();
            libc::setsockopt(fd.as_raw_fd(), libc::AF_VSOCK, name, value, size);
        }
    }
    const CONNECT_TIMEOUT: c_int = 6;
    // The least and the most before what lies between.
    for name in [1, 2, 0] {
        let size = sizes[name as usize];
        if size != 0 {
            wish(fd, name, &size);
        }
    }
    if timeout > 0 {
        let timeout = libc::timeval {
            tv_sec: (timeout / 1000).into(),
            tv_usec: (timeout % 1000 * 1000).into(),
        };
        wish(fd, CONNECT_TIMEOUT, &timeout);
    }
}

/// Bytes of the longest local path or abstract name; the system's structure also holds a NUL.
pub const LONGEST_LOCAL_NAME: usize = {
    // SAFETY: the structure consists of integers, for which zero is a value.
    let address: libc::sockaddr_un = unsafe { MaybeUninit::zeroed().assume_init() };
    address.sun_path.len() - 1
};

/// Creates a directory that only this user may enter; trailing `XXXXXX` become a unique name.
pub fn make_temporary_directory(template: OsString) -> Result<PathBuf> {
    let template = CString::new(template.into_vec()).map_err(|_| Errno::EINVAL)?;
    let mut bytes = template.into_bytes_with_nul();
    // SAFETY: the buffer is NUL-terminated and writable; mkdtemp changes only its letters.
    if unsafe { libc::mkdtemp(bytes.as_mut_ptr().cast()) }.is_null() {
        return Err(Errno::last());
    }
    bytes.pop();
    Ok(OsString::from_vec(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_numbers_are_refused() {
        assert_eq!(borrow_number(-1).err(), Some(Errno::EBADF));
        assert_eq!(borrow_number(i32::MAX).err(), Some(Errno::EBADF));
    }
}
