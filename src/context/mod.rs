//! Contexts: sockets, I/O threads, the inproc registry and their common end.
//!
//! A context starts its threads with its first socket. `terminate` tells every socket to stop
//! blocking, waits until the application has closed them and the reaper has finished them, and
//! then ends the threads. Waiting is on a descriptor, so a signal interrupts it (`EINTR`) and the
//! caller may call again.

use core::ffi::c_void;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

pub mod handles;
pub mod options;
pub mod reaper;
pub mod registry;
pub mod threads;

use crate::error::{Errno, Result};
use crate::io::{IoHandle, IoThread};
use crate::options::value::SetValue;
use crate::signaler::{Deadline, Signaler};
use crate::socket::mailbox::{Command, Mailbox};
use crate::socket::{patterns, Socket};
use options::{ContextOptions, IO_THREADS_LIMIT};
use reaper::{Reaper, ReaperHandle};
use registry::Registry;

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// A number that no other socket, session or listener of this process has.
pub fn unique_id() -> u64 {
    NEXT_ID.fetch_add(1, Ordering::Relaxed)
}

#[derive(Debug)]
struct Running {
    io: Vec<Arc<IoHandle>>,
    reaper: Arc<ReaperHandle>,
    threads: Vec<JoinHandle<()>>,
    max_sockets: usize,
}

#[derive(Debug, Default)]
struct State {
    running: Option<Running>,
    terminating: bool,
    sockets: HashMap<u64, Arc<Mailbox>>,
}

/// A context.
#[derive(Debug)]
pub struct Context {
    options: Mutex<ContextOptions>,
    state: Mutex<State>,
    pub registry: Registry,
    /// Set when a terminating context has no sockets left.
    finished: Signaler,
    process: u32,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a context and returns its handle. `EMFILE`, `ENOMEM`.
pub fn create() -> Result<*mut c_void> {
    let context = Arc::new(Context {
        options: Mutex::default(),
        state: Mutex::default(),
        registry: Registry::default(),
        finished: Signaler::new()?,
        process: std::process::id(),
    });
    let object = Arc::into_raw(context).cast_mut().cast::<c_void>();
    handles::insert(handles::Kind::Context, object).inspect_err(|_| {
        // SAFETY: the pointer came from into_raw above and no handle took it over.
        drop(unsafe { Arc::from_raw(object.cast::<Context>()) });
    })
}

/// The context behind a handle. `EFAULT` when it is none.
pub fn find(handle: *mut c_void) -> Result<Arc<Context>> {
    handles::with_object(handles::Kind::Context, handle, |object| {
        let object = object.cast::<Context>();
        // SAFETY: the handle holds one reference of the Arc; this takes a further one while
        // with_object keeps removal away.
        unsafe {
            Arc::increment_strong_count(object);
            Arc::from_raw(object)
        }
    })
    .ok_or(Errno::EFAULT)
}

/// Ends a context: waits until all its sockets are closed and finished. `EFAULT`, `EINTR`.
pub fn terminate(handle: *mut c_void) -> Result<()> {
    let context = find(handle)?;
    if context.is_foreign() {
        // A forked child has none of the threads and must not touch the parent's connections:
        // it lets go of the handle and leaves the rest to the end of the process.
        handles::remove(handles::Kind::Context, handle).ok_or(Errno::EFAULT)?;
        core::mem::forget(context);
        return Ok(());
    }
    context.shutdown();
    while !context.is_finished() {
        context.finished.wait(Deadline::Never)?;
    }
    let object = handles::remove(handles::Kind::Context, handle).ok_or(Errno::EFAULT)?;
    // SAFETY: removing the handle hands its reference over, to one caller.
    drop(unsafe { Arc::from_raw(object.cast::<Context>()) });
    context.stop_threads();
    Ok(())
}

/// Makes every blocking call of the context's sockets end with `ETERM`. `EFAULT`.
pub fn shutdown(handle: *mut c_void) -> Result<()> {
    let context = find(handle)?;
    // The threads that could block are those of the parent process.
    if !context.is_foreign() {
        context.shutdown();
    }
    Ok(())
}

/// Sets a context option. `EFAULT`, `EINVAL`.
pub fn set(handle: *mut c_void, option: i32, value: SetValue<'_>) -> Result<()> {
    lock(&find(handle)?.options).set(option, value)
}

/// Reads a context option into `out`. `EFAULT`, `EINVAL`.
pub fn get(handle: *mut c_void, option: i32, out: &mut [u8]) -> Result<usize> {
    lock(&find(handle)?.options).get(option, out)
}

impl Context {
    /// Whether this process is a forked child of the one that made the context.
    pub fn is_foreign(&self) -> bool {
        self.process != std::process::id()
    }

    /// A copy of the options as they are now.
    pub fn options(&self) -> ContextOptions {
        lock(&self.options).clone()
    }

    fn shutdown(&self) {
        let mut state = lock(&self.state);
        if state.terminating {
            return;
        }
        state.terminating = true;
        for mailbox in state.sockets.values() {
            mailbox.send(Command::Stop);
        }
    }

    fn is_finished(&self) -> bool {
        lock(&self.state).sockets.is_empty()
    }

    fn stop_threads(&self) {
        let Some(running) = lock(&self.state).running.take() else { return };
        running.io.iter().for_each(|io| io.stop());
        running.reaper.stop();
        for thread in running.threads {
            // A thread that panicked is over as well.
            let _ = thread.join();
        }
    }

    /// Makes a socket. `ETERM` on a terminating context, `EMFILE` at the limit of sockets.
    pub fn create_socket(self: &Arc<Self>, socket_type: i32) -> Result<*mut c_void> {
        let mut state = lock(&self.state);
        if state.terminating {
            return Err(Errno::ETERM);
        }
        if state.running.is_none() {
            state.running = Some(self.start()?);
        }
        let limit = state.running.as_ref().map_or(0, |running| running.max_sockets);
        if state.sockets.len() >= limit {
            return Err(Errno::EMFILE);
        }
        let mailbox = Mailbox::new()?;
        let socket = Socket::new(self.clone(), mailbox.clone(), socket_type)?;
        let id = socket.id();
        if patterns::is_thread_safe(socket_type) {
            let socket = Box::new(socket);
            let handle = handles::insert_shared(|shared| shared.open(socket))?;
            state.sockets.insert(id, mailbox);
            return Ok(handle);
        }
        let object = Box::into_raw(Box::new(socket)).cast::<c_void>();
        match handles::insert(handles::Kind::Socket, object) {
            Ok(handle) => {
                state.sockets.insert(id, mailbox);
                Ok(handle)
            }
            Err(error) => {
                // SAFETY: the pointer came from into_raw above and no handle took it over.
                drop(unsafe { Box::from_raw(object.cast::<Socket>()) });
                Err(error)
            }
        }
    }

    fn start(self: &Arc<Self>) -> Result<Running> {
        crate::pipe::fence::prepare();
        let options = self.options();
        if options.io_threads > IO_THREADS_LIMIT {
            return Err(Errno::EMFILE);
        }
        let (reaper, reaper_handle) = Reaper::new()?;
        let mut io_threads = Vec::new();
        for _ in 0..options.io_threads {
            io_threads.push(IoThread::new()?);
        }
        let mut running = Running {
            io: io_threads.iter().map(IoThread::handle).collect(),
            reaper: reaper_handle,
            threads: Vec::new(),
            max_sockets: usize::try_from(options.max_sockets).unwrap_or(0),
        };
        let context = self.clone();
        let outcome = (|| {
            let reaper = threads::spawn(&options, "Reaper", move || reaper.run(context))?;
            running.threads.push(reaper);
            for (number, io) in io_threads.into_iter().enumerate() {
                let role = format!("IO/{number}");
                running.threads.push(threads::spawn(&options, &role, move || io.run())?);
            }
            Ok(())
        })();
        if let Err(error) = outcome {
            running.reaper.stop();
            running.io.iter().for_each(|io| io.stop());
            running.threads.into_iter().for_each(|thread| drop(thread.join()));
            return Err(error);
        }
        Ok(running)
    }

    /// The least loaded I/O thread among those the mask allows (0: any). `None` without threads.
    pub fn choose_io_thread(&self, affinity: u64) -> Option<Arc<IoHandle>> {
        let state = lock(&self.state);
        let io = &state.running.as_ref()?.io;
        let allowed = |number: usize| affinity == 0 || number < 64 && affinity & (1 << number) != 0;
        io.iter()
            .enumerate()
            .filter(|(number, _)| allowed(*number))
            .min_by_key(|(_, io)| io.load())
            .map(|(_, io)| io.clone())
    }

    /// Ends a closed socket: at once when it has nothing in the I/O threads, so that a program that
    /// opens and closes sockets in a loop does not outrun us; otherwise in the reaper.
    pub fn reap(&self, mut socket: Box<Socket>) {
        let body = std::panic::AssertUnwindSafe(|| {
            socket.begin_termination();
            socket.continue_termination()
        });
        // A socket whose termination panicked is given up: it must not hold the context.
        if std::panic::catch_unwind(body).unwrap_or(true) {
            let id = socket.id();
            drop(socket);
            self.forget_socket(id);
            return;
        }
        let reaper = lock(&self.state).running.as_ref().map(|running| running.reaper.clone());
        match reaper {
            Some(reaper) => reaper.reap(socket),
            None => drop(socket),
        }
    }

    /// A socket is gone for good.
    pub fn forget_socket(&self, id: u64) {
        let mut state = lock(&self.state);
        state.sockets.remove(&id);
        if state.terminating && state.sockets.is_empty() {
            self.finished.set();
        }
    }
}
