//! Who is at the other end of a local connection, and the groups users are in.

use std::ffi::{CStr, CString};
use std::mem::{size_of, MaybeUninit};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use libc::{c_char, c_int, socklen_t};

use super::check;
use crate::error::Result;

/// Who is at the other end of a local connection, as the system saw it when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub uid: u32,
    pub gid: u32,
    /// Not every system knows it.
    pub pid: Option<i32>,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn peer_credentials(fd: BorrowedFd<'_>) -> Result<Credentials> {
    let mut credentials = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut length = size_of::<libc::ucred>() as socklen_t;
    // SAFETY: the pointers describe `credentials` and its length, both valid for the call.
    check(unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            ptr::from_mut(&mut credentials).cast(),
            &mut length,
        )
    })?;
    Ok(Credentials { uid: credentials.uid, gid: credentials.gid, pid: Some(credentials.pid) })
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn peer_credentials(fd: BorrowedFd<'_>) -> Result<Credentials> {
    let (mut uid, mut gid) = (0, 0);
    // SAFETY: both pointers are valid for the call.
    check(unsafe { libc::getpeereid(fd.as_raw_fd(), &mut uid, &mut gid) })?;
    Ok(Credentials { uid, gid, pid: None })
}

/// Room for one entry of the user or group data base; entries that need more are not looked at.
const LARGEST_ENTRY: usize = 1 << 20;

/// Calls a `get...id_r` function with a growing buffer until its entry fits, and reads the entry
/// while the buffer is alive.
fn read_entry<Entry, T>(
    mut call: impl FnMut(*mut Entry, &mut [c_char], *mut *mut Entry) -> c_int,
    read: impl FnOnce(&Entry) -> T,
) -> Option<T> {
    let mut buffer: Vec<c_char> = vec![0; 1024];
    loop {
        let mut entry = MaybeUninit::<Entry>::uninit();
        let mut found: *mut Entry = ptr::null_mut();
        match call(entry.as_mut_ptr(), &mut buffer, &mut found) {
            // SAFETY: `found` is null or points to `entry`, filled, whose strings lie in `buffer`.
            0 => return unsafe { found.as_ref() }.map(read),
            libc::EINTR => {}
            libc::ERANGE if buffer.len() < LARGEST_ENTRY => buffer.resize(buffer.len() * 2, 0),
            _ => return None,
        }
    }
}

/// The login name of a user.
pub fn user_name(uid: u32) -> Option<CString> {
    read_entry(
        |entry: *mut libc::passwd, buffer, found| {
            // SAFETY: all pointers are valid for the call, the length is the buffer's.
            unsafe { libc::getpwuid_r(uid, entry, buffer.as_mut_ptr(), buffer.len(), found) }
        },
        |entry| {
            // SAFETY: a filled entry's name is a NUL-terminated string in the live buffer.
            unsafe { CStr::from_ptr(entry.pw_name) }.to_owned()
        },
    )
}

/// Whether a group names this user among its members.
pub fn group_has_member(gid: u32, user: &CStr) -> bool {
    read_entry(
        |entry: *mut libc::group, buffer, found| {
            // SAFETY: all pointers are valid for the call, the length is the buffer's.
            unsafe { libc::getgrgid_r(gid, entry, buffer.as_mut_ptr(), buffer.len(), found) }
        },
        |entry| {
            let mut member = entry.gr_mem;
            // SAFETY: a filled entry's members are a null-terminated array of NUL-terminated
            // strings in the live buffer; the walk ends at the null.
            unsafe {
                while !member.is_null() && !(*member).is_null() {
                    if CStr::from_ptr(*member) == user {
                        return true;
                    }
                    member = member.add(1);
                }
            }
            false
        },
    )
    .unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_superuser_has_a_name() {
        assert_eq!(user_name(0).as_deref(), Some(c"root"));
        assert_eq!(user_name(3_999_999_999), None);
        assert!(!group_has_member(3_999_999_999, c"root"));
    }
}
