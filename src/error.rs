//! Error numbers.
//!
//! The whole library speaks in the C library's `errno` values, because that is what a caller of
//! the C ABI sees in the end. Only the few numbers that ZeroMQ invented live above [`HAUSNUMERO`].

use libc::c_int;

/// Base of the error numbers that are ZeroMQ's own (`ZMQ_HAUSNUMERO`).
pub const HAUSNUMERO: c_int = 156_384_712;

/// An `errno` value.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub c_int);

/// Result of an operation that fails with an `errno` value.
pub type Result<T, E = Errno> = core::result::Result<T, E>;

macro_rules! errnos {
    ($($name:ident),* $(,)?) => {
        impl Errno {
            $(pub const $name: Errno = Errno(libc::$name);)*
        }
        fn libc_name(number: c_int) -> Option<&'static str> {
            $(if number == libc::$name { return Some(stringify!($name)); })*
            None
        }
    };
}

errnos!(
    EAGAIN,
    EINVAL,
    EFAULT,
    EINTR,
    ENOMEM,
    EMFILE,
    ENFILE,
    ENODEV,
    ENOENT,
    EBUSY,
    EPERM,
    EACCES,
    ENOTSUP,
    ENOTSOCK,
    EPROTO,
    EPROTONOSUPPORT,
    ENOBUFS,
    ENETDOWN,
    EADDRINUSE,
    EADDRNOTAVAIL,
    ECONNREFUSED,
    ECONNRESET,
    ECONNABORTED,
    EINPROGRESS,
    EMSGSIZE,
    EAFNOSUPPORT,
    ENETUNREACH,
    ENOTCONN,
    ETIMEDOUT,
    EHOSTUNREACH,
    ENETRESET,
    EPIPE,
    EBADF,
    EEXIST,
    ENAMETOOLONG,
    EISCONN,
    ENOPROTOOPT,
    ENOSYS,
    EOVERFLOW,
    EDEADLK,
    EIO,
    ESRCH,
    ENXIO,
);

impl Errno {
    /// The operation cannot be done in the socket's current state.
    pub const EFSM: Errno = Errno(HAUSNUMERO + 51);
    /// The protocol does not fit the socket's type.
    pub const ENOCOMPATPROTO: Errno = Errno(HAUSNUMERO + 52);
    /// The context was terminated.
    pub const ETERM: Errno = Errno(HAUSNUMERO + 53);
    /// There is no I/O thread to do the task.
    pub const EMTHREAD: Errno = Errno(HAUSNUMERO + 54);

    /// The calling thread's current C `errno`.
    pub fn last() -> Errno {
        Errno(std::io::Error::last_os_error().raw_os_error().unwrap_or(0))
    }

    /// The number behind an I/O error, `EIO` where it has none.
    pub fn of(error: &std::io::Error) -> Errno {
        Errno(error.raw_os_error().unwrap_or(libc::EIO))
    }
}

impl From<std::io::Error> for Errno {
    fn from(error: std::io::Error) -> Errno {
        Errno::of(&error)
    }
}

impl core::fmt::Debug for Errno {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Errno::EFSM => out.write_str("EFSM"),
            Errno::ENOCOMPATPROTO => out.write_str("ENOCOMPATPROTO"),
            Errno::ETERM => out.write_str("ETERM"),
            Errno::EMTHREAD => out.write_str("EMTHREAD"),
            Errno(number) => match libc_name(number) {
                Some(name) => out.write_str(name),
                None => write!(out, "errno {number}"),
            },
        }
    }
}
