//! Waiting for sockets and descriptors together.
//!
//! A socket knows by itself what it is ready for, without a system call. So a table of sockets of
//! which one is ready costs no more than asking them. Only when none is, or when there are plain
//! descriptors to ask about, the system's `poll` comes in: a socket's descriptor becomes readable
//! when its state may have changed, and then it is asked again. Many sockets have one descriptor
//! together.

use core::ffi::{c_long, c_short, c_void};
use std::os::fd::RawFd;
use std::sync::Arc;

use libc::{pollfd, sigset_t};

use crate::context::handles;
use crate::error::{Errno, Result};
use crate::options::constants::{
    ZMQ_POLLERR, ZMQ_POLLIN, ZMQ_POLLITEMS_DFLT, ZMQ_POLLOUT, ZMQ_POLLPRI,
};
use crate::signaler::Deadline;
use crate::socket;
use crate::socket::bell::Bell;
use crate::socket::mailbox::Mailbox;
use crate::socket::watch::{Inbox, Watch};

/// A message or a byte can be read.
pub const IN: c_short = ZMQ_POLLIN as c_short;
/// A message or a byte can be written.
pub const OUT: c_short = ZMQ_POLLOUT as c_short;
/// Something is wrong with a descriptor; never reported for a socket.
pub const ERR: c_short = ZMQ_POLLERR as c_short;
/// A descriptor has urgent data; never reported for a socket.
pub const PRI: c_short = ZMQ_POLLPRI as c_short;

/// What one line of a table is about.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// A ZeroMQ socket, by its handle.
    Socket(*mut c_void),
    /// Anything of the system.
    Descriptor(RawFd),
}

/// What to wait for, line by line, and where to report what is ready.
pub trait Table {
    /// A thread that waits for one socket alone may look at it for a moment before it sleeps.
    const LOOKS_ON: bool = true;

    fn count(&self) -> usize;
    fn source(&self, index: usize) -> Source;
    /// Events asked for. Those that a socket never has still make it watched.
    fn wanted(&self, index: usize) -> c_short;
    fn report(&mut self, index: usize, ready: c_short);
}

/// Lines on the stack; longer tables take memory from the heap.
const FEW: usize = ZMQ_POLLITEMS_DFLT as usize;

/// So many lines are worth one descriptor for all sockets.
const MANY: usize = 4;

const NOTHING: pollfd = pollfd { fd: -1, events: 0, revents: 0 };

/// Waits until a line of the table is ready, for at most `timeout` milliseconds (negative: without
/// end), and returns the number of those that are. Every line gets its report.
///
/// `mask` is the set of signals that are blocked while the system waits. `EINTR` when a signal
/// came, and what sockets answer when asked: `ENOTSOCK`, `EBUSY`, `ETERM`.
#[inline]
pub fn wait<T: Table>(table: &mut T, timeout: c_long, mask: Option<&sigset_t>) -> Result<usize> {
    let mut ready = 0;
    let mut deadline = None;
    let mut asks_the_system = table.count() == 0;
    for index in 0..table.count() {
        match table.source(index) {
            Source::Socket(handle) => {
                let is_alone = table.count() == 1 && timeout != 0;
                let events = if T::LOOKS_ON && is_alone {
                    let deadline = *deadline.insert(after(timeout));
                    events_before(deadline, handle, table.wanted(index))?
                } else {
                    events_of(handle, table.wanted(index))?
                };
                table.report(index, events);
                ready += usize::from(events != 0);
            }
            Source::Descriptor(_) => {
                table.report(index, 0);
                asks_the_system = true;
            }
        }
    }
    if asks_the_system || (ready == 0 && timeout != 0) {
        let timeout = if ready > 0 { 0 } else { timeout };
        return wait_in_the_system(table, ready, deadline.unwrap_or_else(|| after(timeout)), mask);
    }
    Ok(ready)
}

#[inline]
fn events_of(handle: *mut c_void, wanted: c_short) -> Result<c_short> {
    socket::with(handle, |socket| Ok(socket.events_among(wanted)? & wanted))
}

/// As [`events_of`], or what they are a moment later.
fn events_before(deadline: Deadline, handle: *mut c_void, wanted: c_short) -> Result<c_short> {
    socket::with(handle, |socket| Ok(socket.events_before(deadline, wanted)? & wanted))
}

fn after(timeout: c_long) -> Deadline {
    // The C type is not that wide everywhere.
    #[allow(clippy::unnecessary_cast)]
    Deadline::after(timeout as i64)
}

/// The rest of [`wait`], when `ready` sockets are ready and have their report.
#[inline(never)]
fn wait_in_the_system<T: Table>(
    table: &mut T,
    ready: usize,
    deadline: Deadline,
    mask: Option<&sigset_t>,
) -> Result<usize> {
    let mut few = [NOTHING; FEW];
    let mut many = Vec::new();
    let set = if table.count() <= FEW {
        &mut few[..table.count()]
    } else {
        many.try_reserve_exact(table.count()).map_err(|_| Errno::ENOMEM)?;
        many.resize(table.count(), NOTHING);
        &mut many[..]
    };
    let mut sockets = Watched::default();
    let sleeps = !deadline.passed();
    for (line, item) in set.iter_mut().enumerate() {
        *item = match table.source(line) {
            // All were just asked.
            Source::Socket(_) if !sleeps || table.wanted(line) == 0 => NOTHING,
            Source::Socket(handle) => {
                let fd = sockets.watch(handle, line, table.count() >= MANY)?;
                pollfd { fd, events: libc::POLLIN, revents: 0 }
            }
            Source::Descriptor(fd) => {
                pollfd { fd, events: watched_events(table.wanted(line)), revents: 0 }
            }
        };
    }
    loop {
        poll(set, deadline, mask)?;
        sockets.note_changes(set);
        let mut found = ready;
        for (line, item) in set.iter().enumerate() {
            let events = match table.source(line) {
                Source::Descriptor(_) => as_events(item.revents),
                // A socket's state changes only along with its descriptor.
                Source::Socket(_) if item.revents == 0 => continue,
                Source::Socket(handle) => events_of(handle, table.wanted(line))?,
            };
            table.report(line, events);
            found += usize::from(events != 0);
        }
        if found > 0 || deadline.passed() {
            return Ok(found);
        }
    }
}

/// The table's sockets while the system is asked about them.
#[derive(Default)]
struct Watched {
    /// The sockets may be closed by other threads meanwhile. What is held here keeps the number of
    /// a descriptor from going to another file, and shows the end.
    exposed: Vec<Arc<Mailbox>>,
    /// On which the bell hangs, and the lines they are in: the first of them has its descriptor.
    belled: Vec<(usize, Arc<Mailbox>)>,
    /// With the socket it is from.
    bell: Option<(*mut c_void, Arc<Bell>)>,
    /// Of the sockets that other threads may use at the same time. Their own descriptors would not
    /// do: each call of another thread clears them.
    inbox: Option<Arc<Inbox>>,
    /// Each names its line.
    watches: Vec<(*mut c_void, Arc<Watch>)>,
}

impl Watched {
    /// The descriptor that becomes readable when the state of the socket may have changed, if that of
    /// an earlier line does not do for it.
    fn watch(&mut self, handle: *mut c_void, line: usize, by_bell: bool) -> Result<RawFd> {
        if handles::is(handles::Kind::SharedSocket, handle) {
            return self.watch_shared(handle, line);
        }
        let mailbox = socket::with(handle, |socket| {
            if by_bell && self.bell.is_none() {
                self.bell = socket.take_bell().map(|bell| (handle, bell));
            }
            Ok(socket.mailbox())
        })?;
        match &self.bell {
            Some((_, bell)) if mailbox.hang(bell) => {
                let descriptor = if self.belled.is_empty() { bell.descriptor() } else { -1 };
                self.belled.push((line, mailbox));
                Ok(descriptor)
            }
            _ => {
                let descriptor = mailbox.expose();
                self.exposed.push(mailbox);
                Ok(descriptor)
            }
        }
    }

    /// The descriptor is that of all shared sockets.
    fn watch_shared(&mut self, handle: *mut c_void, line: usize) -> Result<RawFd> {
        let inbox = match &self.inbox {
            Some(inbox) => inbox,
            None => self.inbox.insert(Inbox::new()?),
        };
        let watch = Watch::new(inbox, line as u64);
        socket::with(handle, |socket| {
            socket.add_watch(&watch);
            Ok(())
        })?;
        let descriptor = inbox.expose();
        self.watches.push((handle, watch));
        Ok(descriptor)
    }

    /// Before the sockets are looked at: has the lines of those that may have changed say so.
    fn note_changes(&self, set: &mut [pollfd]) {
        if let Some(inbox) = &self.inbox {
            // What the system saw is of no account: a mark that came after it looked is taken here, too.
            let marked = inbox.take();
            self.watches.iter().for_each(|(_, watch)| watch.unmark());
            marked.iter().for_each(|line| set[*line as usize].revents = libc::POLLIN);
        }
        if let (Some((first, _)), Some((_, bell))) = (self.belled.first(), &self.bell) {
            if set[*first].revents != 0 {
                bell.still();
            }
        }
        for (line, mailbox) in &self.belled {
            set[*line].revents = if mailbox.is_raised() { libc::POLLIN } else { 0 };
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.exposed.iter().for_each(|mailbox| mailbox.conceal());
        self.belled.iter().for_each(|(_, mailbox)| mailbox.take_bell_off());
        // Sockets that were closed in the meantime took theirs along.
        if let Some((handle, bell)) = self.bell.take() {
            if bell.is_rung() {
                // What was raised on the way out is not to wake the next sleep.
                bell.still();
            }
            let _ = socket::with(handle, |socket| {
                socket.give_bell_back(&bell);
                Ok(())
            });
        }
        for (handle, watch) in self.watches.drain(..) {
            let _ = socket::with(handle, |socket| {
                socket.remove_watch(&watch);
                Ok(())
            });
        }
    }
}

/// The system's names of [`IN`], [`OUT`] and [`PRI`].
const KNOWN: [c_short; 3] = [libc::POLLIN, libc::POLLOUT, libc::POLLPRI];

fn translated(bits: c_short, from: [c_short; 3], to: [c_short; 3]) -> c_short {
    let pairs = from.into_iter().zip(to);
    pairs.filter(|(known, _)| bits & known != 0).fold(0, |all, (_, name)| all | name)
}

/// What to ask the system for on a descriptor.
pub fn watched_events(wanted: c_short) -> c_short {
    translated(wanted, [IN, OUT, PRI], KNOWN)
}

/// What the system's answer means.
pub fn as_events(revents: c_short) -> c_short {
    let unknown = revents & !(libc::POLLIN | libc::POLLOUT | libc::POLLPRI);
    let error = if unknown != 0 { ERR } else { 0 };
    translated(revents, KNOWN, [IN, OUT, PRI]) | error
}

/// The system's `poll`, with a mask of blocked signals if one is given. `EINTR`.
pub fn poll(set: &mut [pollfd], deadline: Deadline, mask: Option<&sigset_t>) -> Result<()> {
    let count = set.len() as libc::nfds_t;
    let outcome = match mask {
        // SAFETY: the pointer and the count are those of a slice.
        None => unsafe { libc::poll(set.as_mut_ptr(), count, deadline.poll_timeout()) },
        Some(mask) => poll_masked(set, deadline, mask)?,
    };
    if outcome < 0 {
        return Err(Errno::last());
    }
    Ok(())
}

#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd"
))]
fn poll_masked(set: &mut [pollfd], deadline: Deadline, mask: &sigset_t) -> Result<i32> {
    let left = match deadline {
        Deadline::Never => None,
        Deadline::At(at) => {
            let left = at.saturating_duration_since(std::time::Instant::now());
            Some(libc::timespec {
                tv_sec: libc::time_t::try_from(left.as_secs()).unwrap_or(libc::time_t::MAX),
                tv_nsec: left.subsec_nanos().into(),
            })
        }
    };
    let left = left.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
    let count = set.len() as libc::nfds_t;
    // SAFETY: the pointers are those of a slice of that length, of a variable or null, and of a
    // reference.
    Ok(unsafe { libc::ppoll(set.as_mut_ptr(), count, left, mask) })
}

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd"
)))]
fn poll_masked(_set: &mut [pollfd], _deadline: Deadline, _mask: &sigset_t) -> Result<i32> {
    Err(Errno::ENOTSUP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context;
    use crate::options::constants::{ZMQ_LINGER, ZMQ_SERVER};
    use crate::options::value::SetValue;

    /// Another line, or an earlier one, may have ended the wait.
    #[test]
    fn a_mark_that_comes_when_the_system_has_looked_is_no_less_a_change() {
        let context = context::create().unwrap();
        let server = socket::create(context, ZMQ_SERVER).unwrap();
        let mut sockets = Watched::default();
        let fd = sockets.watch(server, 1, false).unwrap();
        let mut set = [NOTHING, pollfd { fd, events: libc::POLLIN, revents: 0 }];
        sockets.note_changes(&mut set);
        poll(&mut set, Deadline::after(0), None).unwrap();
        assert_eq!(set[1].revents, 0, "nothing new");
        let linger = 0i32.to_ne_bytes();
        socket::with(server, |socket| socket.set_option(ZMQ_LINGER, SetValue::new(&linger)))
            .unwrap();
        sockets.note_changes(&mut set);
        assert_ne!(set[1].revents, 0, "the mark is taken, and its socket not looked at");
        drop(sockets);
        socket::close(server).unwrap();
        context::terminate(context).unwrap();
    }

    #[test]
    fn bits_of_the_system_and_ours_correspond() {
        assert_eq!(
            translated(IN | OUT | PRI | ERR, [IN, OUT, PRI], KNOWN),
            libc::POLLIN | libc::POLLOUT | libc::POLLPRI
        );
        assert_eq!(as_events(libc::POLLIN | libc::POLLOUT), IN | OUT);
        assert_eq!(as_events(libc::POLLPRI), PRI);
        assert_eq!(as_events(libc::POLLIN | libc::POLLHUP), IN | ERR);
        assert_eq!(as_events(libc::POLLNVAL), ERR);
        assert_eq!(as_events(0), 0);
    }
}
