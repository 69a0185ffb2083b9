//! Starting the library's own threads.

use std::thread::JoinHandle;

use super::options::ContextOptions;
use crate::error::{Errno, Result};

/// Starts a background thread that blocks all signals and carries the context's name prefix,
/// scheduling and affinity. Settings that the system refuses are left out.
pub fn spawn(
    options: &ContextOptions,
    role: &str,
    body: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>> {
    let mut name = options.thread_name_prefix.clone();
    if !name.is_empty() {
        name.push(b'/');
    }
    name.extend_from_slice(format!("ZMQbg/{role}").as_bytes());
    name.retain(|&byte| byte != 0);
    name.truncate(15);
    let name = String::from_utf8_lossy(&name).into_owned();
    let settings = options.clone();
    // A signal that arrives during the start must not find a thread of ours with it unblocked.
    let mask = system::block_signals();
    let thread = std::thread::Builder::new()
        .name(name)
        .stack_size(256 * 1024)
        .spawn(move || {
            system::apply(&settings);
            body();
        })
        .map_err(|error| Errno::of(&error));
    system::restore_signals(mask);
    thread
}

/// Calls something that starts threads by itself, so that they block all signals.
#[cfg(any(feature = "norm", feature = "pgm"))]
pub fn without_signals<T>(body: impl FnOnce() -> T) -> T {
    let mask = system::block_signals();
    let outcome = body();
    system::restore_signals(mask);
    outcome
}

mod system {
    use super::ContextOptions;

    pub fn block_signals() -> libc::sigset_t {
        // SAFETY: plain signal-set calls on local variables.
        unsafe {
            let mut all: libc::sigset_t = core::mem::zeroed();
            let mut before: libc::sigset_t = core::mem::zeroed();
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
            before
        }
    }

    pub fn restore_signals(mask: libc::sigset_t) {
        // SAFETY: the mask came from block_signals.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const mask, core::ptr::null_mut());
        }
    }

    pub fn apply(options: &ContextOptions) {
        apply_scheduling(options);
        apply_affinity(options);
    }

    fn apply_scheduling(options: &ContextOptions) {
        if options.thread_sched_policy < 0 && options.thread_priority < 0 {
            return;
        }
        // SAFETY: the calls take this thread's id and pointers to local variables.
        unsafe {
            let mut policy = 0;
            let mut parameters: libc::sched_param = core::mem::zeroed();
            let this = libc::pthread_self();
            if libc::pthread_getschedparam(this, &raw mut policy, &raw mut parameters) != 0 {
                return;
            }
            if options.thread_sched_policy >= 0 {
                policy = options.thread_sched_policy;
            }
            let real_time = policy == libc::SCHED_FIFO || policy == libc::SCHED_RR;
            if options.thread_priority >= 0 {
                if real_time {
                    parameters.sched_priority = options.thread_priority;
                } else if options.thread_priority > 0 {
                    // Ordinary policies know no priorities; the manual maps them to niceness.
                    libc::setpriority(libc::PRIO_PROCESS, 0, -20);
                }
            }
            if !real_time {
                parameters.sched_priority = 0;
            }
            libc::pthread_setschedparam(this, policy, &raw const parameters);
        }
    }

    #[cfg(target_os = "linux")]
    fn apply_affinity(options: &ContextOptions) {
        if options.thread_affinity.is_empty() {
            return;
        }
        // SAFETY: the set is local; CPU_SET stays inside it by the range check.
        unsafe {
            let mut set: libc::cpu_set_t = core::mem::zeroed();
            for &cpu in &options.thread_affinity {
                if let Some(cpu) = usize::try_from(cpu).ok().filter(|&cpu| cpu < 1024) {
                    libc::CPU_SET(cpu, &mut set);
                }
            }
            let size = core::mem::size_of::<libc::cpu_set_t>();
            libc::pthread_setaffinity_np(libc::pthread_self(), size, &raw const set);
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn apply_affinity(_options: &ContextOptions) {}
}
