//! The fence between "data is there" and "the other side sleeps".
//!
//! A writer publishes, then looks whether the reader sleeps; a reader marks itself asleep, then
//! looks for data once more. Each side must see the other's store, which takes a full fence on
//! both sides, or, since going to sleep is rare and publishing is not, nothing on the frequent
//! side and `membarrier(2)` on the rare one. Where the kernel has no `membarrier`, both sides
//! pay for a full fence.

use core::sync::atomic::{compiler_fence, fence, AtomicU8, Ordering};

const UNKNOWN: u8 = 0;
const ASYMMETRIC: u8 = 1;
const SYMMETRIC: u8 = 2;

static MODE: AtomicU8 = AtomicU8::new(UNKNOWN);

/// The frequent side's fence.
#[inline]
pub fn light() {
    if MODE.load(Ordering::Relaxed) == ASYMMETRIC {
        compiler_fence(Ordering::SeqCst);
    } else {
        fence(Ordering::SeqCst);
    }
}

/// The rare side's fence.
#[inline]
pub fn heavy() {
    match MODE.load(Ordering::Relaxed) {
        ASYMMETRIC if system::barrier() => {}
        _ => fence(Ordering::SeqCst),
    }
}

/// Finds out once which fences this system has. Called before the first pipe is made.
pub fn prepare() {
    if MODE.load(Ordering::Acquire) == UNKNOWN {
        let mode = if system::register() { ASYMMETRIC } else { SYMMETRIC };
        MODE.store(mode, Ordering::Release);
    }
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
