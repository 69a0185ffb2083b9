//! Pollers: waiting for many sockets and descriptors, again and again.
//!
//! A poller hangs a watch on each of its sockets (see [`crate::socket::watch`]) and asks only those
//! that are marked, and those that were ready when last asked. So a wait costs what is ready and
//! what happened, whatever the number of sockets, and needs no system call where something is
//! ready. Plain descriptors are left to the system's `poll`, which knows what to say about one that
//! was closed, or that is a file.

use core::ffi::{c_short, c_void};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::fd::RawFd;
use std::sync::Arc;

use crate::context::handles;
use crate::error::{Errno, Result};
use crate::poll::{as_events, poll, watched_events};
use crate::signaler::Deadline;
use crate::socket::watch::{Inbox, Watch};
use crate::socket::{self, Socket};

/// What a poller reports.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// Null for a descriptor.
    pub socket: *mut c_void,
    /// -1 for a socket.
    pub fd: RawFd,
    pub user_data: *mut c_void,
    pub events: c_short,
}

#[derive(Debug)]
enum Source {
    Socket { handle: *mut c_void, watch: Arc<Watch> },
    Descriptor(RawFd),
}

#[derive(Debug)]
struct Item {
    source: Source,
    wanted: c_short,
    user_data: *mut c_void,
}

/// A poller.
#[derive(Debug)]
pub struct Poller {
    inbox: Arc<Inbox>,
    /// By numbers that grow: in the order in which they were added, and are reported.
    items: BTreeMap<u64, Item>,
    sockets: HashMap<usize, u64>,
    descriptors: HashMap<RawFd, u64>,
    next_key: u64,
    /// Sockets that may be ready.
    hot: BTreeSet<u64>,
    /// Items with events to wait for.
    waiting: usize,
    /// What the system is asked: the inbox, and the descriptors with their keys.
    set: Vec<libc::pollfd>,
    set_keys: Vec<u64>,
    set_is_old: bool,
    has_shared: bool,
}

// SAFETY: the pointers are checked handles, and user data that only the application looks into.
unsafe impl Send for Poller {}

impl Poller {
    /// `EMFILE`, `ENFILE` or `ENOMEM` when the system has no descriptor left.
    pub fn new() -> Result<Poller> {
        Ok(Poller {
            inbox: Inbox::new()?,
            items: BTreeMap::new(),
            sockets: HashMap::new(),
            descriptors: HashMap::new(),
            next_key: 0,
            hot: BTreeSet::new(),
            waiting: 0,
            set: Vec::new(),
            set_keys: Vec::new(),
            set_is_old: true,
            has_shared: false,
        })
    }

    /// Number of sockets and descriptors.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is neither socket nor descriptor.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// A descriptor that is readable when a socket may have become ready, until the next wait.
    /// `EINVAL` as long as no thread-safe socket was added.
    pub fn descriptor(&self) -> Result<RawFd> {
        if !self.has_shared {
            return Err(Errno::EINVAL);
        }
        Ok(self.inbox.expose())
    }

    // --- what to wait for ---

    /// `EINVAL` when the socket is there already; `ENOTSOCK`, `EBUSY`.
    pub fn add(
        &mut self,
        handle: *mut c_void,
        user_data: *mut c_void,
        wanted: c_short,
    ) -> Result<()> {
        if let Some(&key) = self.sockets.get(&(handle as usize)) {
            if self.is_watched(key)? {
                return Err(Errno::EINVAL);
            }
            // That was a socket whose handle another one has now.
            self.take_out(key);
        }
        let watch = Watch::new(&self.inbox, self.next_key);
        socket::with(handle, |socket| {
            socket.add_watch(&watch);
            Ok(())
        })?;
        self.has_shared |= handles::is(handles::Kind::SharedSocket, handle);
        self.sockets.insert(handle as usize, self.next_key);
        self.put_in(Item { source: Source::Socket { handle, watch }, wanted, user_data });
        Ok(())
    }

    fn is_watched(&self, key: u64) -> Result<bool> {
        match self.items.get(&key).map(|item| &item.source) {
            Some(Source::Socket { handle, watch }) => {
                socket::with(*handle, |socket| Ok(socket.has_watch(watch)))
            }
            _ => Ok(false),
        }
    }

    /// `EINVAL` when the descriptor is there already.
    pub fn add_descriptor(
        &mut self,
        fd: RawFd,
        user_data: *mut c_void,
        wanted: c_short,
    ) -> Result<()> {
        if self.descriptors.contains_key(&fd) {
            return Err(Errno::EINVAL);
        }
        self.descriptors.insert(fd, self.next_key);
        self.put_in(Item { source: Source::Descriptor(fd), wanted, user_data });
        Ok(())
    }

    fn put_in(&mut self, item: Item) {
        self.waiting += usize::from(item.wanted != 0);
        self.set_is_old |= matches!(item.source, Source::Descriptor(_));
        self.items.insert(self.next_key, item);
        self.next_key += 1;
    }

    /// Changes the events to wait for. `EINVAL` when the socket is not there.
    pub fn modify(&mut self, handle: *mut c_void, wanted: c_short) -> Result<()> {
        let key = *self.sockets.get(&(handle as usize)).ok_or(Errno::EINVAL)?;
        self.hot.insert(key);
        self.want(key, wanted)
    }

    /// Changes the events to wait for. `EINVAL` when the descriptor is not there.
    pub fn modify_descriptor(&mut self, fd: RawFd, wanted: c_short) -> Result<()> {
        let key = *self.descriptors.get(&fd).ok_or(Errno::EINVAL)?;
        self.set_is_old = true;
        self.want(key, wanted)
    }

    fn want(&mut self, key: u64, wanted: c_short) -> Result<()> {
        let item = self.items.get_mut(&key).ok_or(Errno::EINVAL)?;
        self.waiting -= usize::from(item.wanted != 0);
        self.waiting += usize::from(wanted != 0);
        item.wanted = wanted;
        Ok(())
    }

    /// `EINVAL` when the socket is not there. One that is closed leaves the poller, too.
    pub fn remove(&mut self, handle: *mut c_void) -> Result<()> {
        let key = *self.sockets.get(&(handle as usize)).ok_or(Errno::EINVAL)?;
        self.take_out(key);
        Ok(())
    }

    /// `EINVAL` when the descriptor is not there.
    pub fn remove_descriptor(&mut self, fd: RawFd) -> Result<()> {
        let key = *self.descriptors.get(&fd).ok_or(Errno::EINVAL)?;
        self.take_out(key);
        Ok(())
    }

    fn take_out(&mut self, key: u64) {
        let Some(item) = self.items.remove(&key) else { return };
        self.waiting -= usize::from(item.wanted != 0);
        self.hot.remove(&key);
        match item.source {
            Source::Socket { handle, watch } => {
                self.sockets.remove(&(handle as usize));
                unwatch(handle, &watch);
            }
            Source::Descriptor(fd) => {
                self.descriptors.remove(&fd);
                self.set_is_old = true;
            }
        }
    }

    // --- waiting ---

    /// Waits until something is ready, for at most `timeout` milliseconds (negative: without end),
    /// and gives up to `capacity` reports to `report`; how many there were. `EAGAIN` when there was
    /// nothing; `EFAULT` when there never will be; `EINTR`; and what sockets answer when asked:
    /// `ETERM`, `ENOTSOCK`, `EBUSY`.
    pub fn wait(
        &mut self,
        capacity: usize,
        timeout: i64,
        mut report: impl FnMut(usize, Report) -> Result<()>,
    ) -> Result<usize> {
        let deadline = Deadline::after(timeout);
        if self.waiting == 0 || capacity == 0 {
            if timeout < 0 {
                return Err(Errno::EFAULT);
            }
            poll(&mut [], deadline, None)?;
            return Err(Errno::EAGAIN);
        }
        self.renew_set();
        let mut asks_the_system = self.set.len() > 1;
        let mut pause = Deadline::after(0);
        loop {
            if asks_the_system {
                poll(&mut self.set, pause, None)?;
            }
            let found = self.look(capacity, &mut report)?;
            if found > 0 {
                return Ok(found);
            }
            if timeout == 0 || asks_the_system && pause == deadline && deadline.passed() {
                return Err(Errno::EAGAIN);
            }
            asks_the_system = true;
            pause = deadline;
            self.inbox.arm();
        }
    }

    /// Lists what to ask the system about, if descriptors came, went or changed.
    fn renew_set(&mut self) {
        if !core::mem::take(&mut self.set_is_old) {
            return;
        }
        let item = |fd, events| libc::pollfd { fd, events, revents: 0 };
        self.set.clear();
        self.set.push(item(self.inbox.descriptor(), libc::POLLIN));
        self.set_keys.clear();
        let mut keys: Vec<u64> = self.descriptors.values().copied().collect();
        keys.sort_unstable();
        for key in keys {
            let Some(Item { source: Source::Descriptor(fd), wanted, .. }) = self.items.get(&key)
            else {
                continue;
            };
            if *wanted != 0 {
                self.set.push(item(*fd, watched_events(*wanted)));
                self.set_keys.push(key);
            }
        }
    }

    /// Asks the sockets that may be ready, and reports them and the descriptors that the system
    /// found ready, in order.
    fn look(
        &mut self,
        capacity: usize,
        report: &mut impl FnMut(usize, Report) -> Result<()>,
    ) -> Result<usize> {
        for key in self.inbox.take() {
            if let Some(Item { source: Source::Socket { watch, .. }, .. }) = self.items.get(&key) {
                watch.unmark();
                self.hot.insert(key);
            }
        }
        let mut found = 0;
        let mut descriptors = self.set.iter().skip(1).zip(&self.set_keys).peekable();
        let mut from = 0;
        while found < capacity {
            let socket = self.hot.range(from..).next().copied();
            let ready = descriptors.next_if(|(item, key)| {
                item.revents == 0 || socket.is_none_or(|socket| **key < socket)
            });
            if let Some((item, key)) = ready {
                let events = as_events(item.revents);
                let Some(described) = self.items.get(key).filter(|_| events != 0) else { continue };
                let user_data = described.user_data;
                let socket = core::ptr::null_mut();
                report(found, Report { socket, fd: item.fd, user_data, events })?;
                found += 1;
                continue;
            }
            let Some(key) = socket else { break };
            from = key + 1;
            let Some(Item { source: Source::Socket { handle, .. }, wanted, user_data }) =
                self.items.get(&key)
            else {
                continue;
            };
            let events = socket::with(*handle, Socket::events)? & wanted;
            if events == 0 {
                self.hot.remove(&key);
                continue;
            }
            report(found, Report { socket: *handle, fd: -1, user_data: *user_data, events })?;
            found += 1;
        }
        Ok(found)
    }
}

/// A socket that was closed took its watches along.
fn unwatch(handle: *mut c_void, watch: &Arc<Watch>) {
    if handles::is_foreign(handle) {
        // In a forked child nobody may be there any more who would open the mailbox's lock.
        return;
    }
    let _ = socket::with(handle, |socket| {
        socket.remove_watch(watch);
        Ok(())
    });
}

impl Drop for Poller {
    fn drop(&mut self) {
        for item in self.items.values() {
            if let Source::Socket { handle, watch } = &item.source {
                unwatch(*handle, watch);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use core::ptr::null_mut;
    use core::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::context;
    use crate::options::constants::ZMQ_PULL;
    use crate::poll::IN;

    /// Whether a forked child drops the poller and comes to its end.
    fn a_child_drops(poller: &mut Option<Poller>) -> bool {
        // SAFETY: the child calls nothing that is not allowed after a fork but the allocator, which the
        // C library takes care of, and what is tested; its alarm ends it if that hangs.
        unsafe {
            let child = libc::fork();
            if child == 0 {
                libc::alarm(5);
                drop(poller.take());
                libc::_exit(0);
            }
            let mut status = -1;
            libc::waitpid(child, &raw mut status, 0) == child && status == 0
        }
    }

    #[test]
    fn a_forked_child_may_destroy_its_poller() {
        let context = context::create().unwrap();
        let handle = socket::create(context, ZMQ_PULL).unwrap();
        let mailbox = socket::with(handle, |socket| Ok(socket.mailbox())).unwrap();
        let mut poller = Poller::new().ok();
        poller.as_mut().unwrap().add(handle, null_mut(), IN).unwrap();
        let over = AtomicBool::new(false);
        let stuck = std::thread::scope(|scope| {
            scope.spawn(|| {
                // Keeps the lock busy.
                while !over.load(Ordering::Relaxed) {
                    mailbox.take_bell_off();
                }
            });
            let stuck = (0..200).find(|_| !a_child_drops(&mut poller));
            over.store(true, Ordering::Relaxed);
            stuck
        });
        assert_eq!(stuck, None, "the child that did not come to its end");
        drop(poller);
        socket::close(handle).unwrap();
        context::terminate(context).unwrap();
    }
}
