//! The fences between "data is there" and "the other side sleeps".
//!
//! A writer publishes, then looks whether the reader sleeps; a reader marks itself asleep, then
//! looks for data once more. Each side must see the other's store, which takes a full fence on
//! both sides. For a writer that publishes many small messages in a row that is a good part of
//! what a message costs; such a writer uses a [`light`] fence, and the reader, who sleeps much
//! more rarely than the writer publishes, makes up for it with a [`heavy`] one: `membarrier(2)`.
//! Where the kernel has none, all fences are full.

use core::sync::atomic::{compiler_fence, fence, AtomicU8, Ordering};
use std::sync::OnceLock;

const UNKNOWN: u8 = 0;
const ASYMMETRIC: u8 = 1;
const SYMMETRIC: u8 = 2;

static MODE: AtomicU8 = AtomicU8::new(UNKNOWN);

/// Orders this thread's stores before its later loads.
#[inline]
pub fn full() {
    fence(Ordering::SeqCst);
}

/// The dense writer's fence. Only after [`is_asymmetric`] said yes.
#[inline]
pub fn light() {
    compiler_fence(Ordering::SeqCst);
}

/// The fence of a reader whose writer uses [`light`] ones.
pub fn heavy() {
    if !system::barrier() {
        // Cannot happen once registration succeeded; the kernel's own fallback is a full fence on
        // every processor, ours can only be one on this.
        fence(Ordering::SeqCst);
    }
}

/// Whether light and heavy fences may be used in this process.
#[inline]
pub fn is_asymmetric() -> bool {
    MODE.load(Ordering::Relaxed) == ASYMMETRIC
}

/// Finds out once which fences this system has. Called before the first pipe is made.
pub fn prepare() {
    if MODE.load(Ordering::Acquire) == UNKNOWN {
        let mode = if system::register() { ASYMMETRIC } else { SYMMETRIC };
        MODE.store(mode, Ordering::Release);
    }
}

/// Whether another thread can run while this one looks again and again. It is the machine's
/// processors that count: a thread that was bound to one of them may well have its peer on another.
pub fn several_processors() -> bool {
    processors() > 1
}

/// How many processors the machine has.
pub fn processors() -> i64 {
    static PROCESSORS: OnceLock<i64> = OnceLock::new();
    // SAFETY: sysconf has no preconditions.
    *PROCESSORS.get_or_init(|| unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) })
}

#[cfg(target_os = "linux")]
mod system {
    const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;
    const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;

    fn membarrier(command: libc::c_int) -> bool {
        // SAFETY: membarrier takes two integers and touches no memory of ours.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }

    pub fn register() -> bool {
        membarrier(REGISTER_PRIVATE_EXPEDITED)
    }

    /// A process that forked or lost its registration registers again.
    pub fn barrier() -> bool {
        membarrier(PRIVATE_EXPEDITED) || (register() && membarrier(PRIVATE_EXPEDITED))
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub fn register() -> bool {
        false
    }

    pub fn barrier() -> bool {
        false
    }
}
