//! The `norm` transport: NACK-oriented reliable multicast, by the system's NORM library.
//!
//! An address is `[id,][interface;]host:port`. The library has a thread of its own, does the
//! protocol there, and posts events that a descriptor announces. Publishers write into one stream;
//! subscribers find a stream for each publisher.

use std::ffi::{c_char, c_double, c_int, c_uint, c_void, CString};
use std::os::fd::RawFd;

use super::resolve::leading_integer;
use crate::context::threads::without_signals;
use crate::error::{Errno, Result};
use crate::options::constants::{
    ZMQ_NORM_CC, ZMQ_NORM_CCE, ZMQ_NORM_CCE_ECNONLY, ZMQ_NORM_CCL, ZMQ_NORM_FIXED,
};
use crate::options::SocketOptions;

type Handle = *const c_void;

#[repr(C)]
struct RawEvent {
    kind: c_uint,
    session: Handle,
    sender: Handle,
    object: Handle,
}

#[link(name = "norm")]
extern "C" {
    fn NormCreateInstance(priority_boost: bool) -> Handle;
    fn NormDestroyInstance(instance: Handle);
    fn NormStopInstance(instance: Handle);
    fn NormGetNextEvent(instance: Handle, event: *mut RawEvent, wait: bool) -> bool;
    fn NormGetDescriptor(instance: Handle) -> c_int;
    fn NormCreateSession(instance: Handle, address: *const c_char, port: u16, node: u32) -> Handle;
    fn NormDestroySession(session: Handle);
    fn NormIsUnicastAddress(address: *const c_char) -> bool;
    fn NormSetRxPortReuse(
        session: Handle,
        enable: bool,
        bind_address: *const c_char,
        sender_address: *const c_char,
        sender_port: u16,
    );
    fn NormSetMulticastInterface(session: Handle, name: *const c_char) -> bool;
    fn NormSetTTL(session: Handle, ttl: u8) -> bool;
    fn NormSetTOS(session: Handle, tos: u8) -> bool;
    fn NormSetLoopback(session: Handle, loopback: bool) -> bool;
    fn NormSetDefaultUnicastNack(session: Handle, unicast: bool);
    fn NormSetDefaultSyncPolicy(session: Handle, policy: c_uint);
    fn NormStartReceiver(session: Handle, buffer: u32) -> bool;
    fn NormStopReceiver(session: Handle);
    fn NormGetRandomSessionId() -> u16;
    fn NormStartSender(
        session: Handle,
        instance: u16,
        buffer: u32,
        segment: u16,
        data: u16,
        parity: u16,
        fec: u8,
    ) -> bool;
    fn NormStopSender(session: Handle);
    fn NormSetTxRate(session: Handle, bits_per_second: c_double);
    fn NormSetCongestionControl(session: Handle, enable: bool, adjust: bool);
    fn NormSetEcnSupport(session: Handle, enable: bool, ignore_loss: bool, tolerate_loss: bool);
    fn NormSetAutoParity(session: Handle, parity: u8);
    fn NormStreamOpen(session: Handle, buffer: u32, info: *const c_char, len: c_uint) -> Handle;
    fn NormStreamSetPushEnable(stream: Handle, enable: bool);
    fn NormStreamWrite(stream: Handle, bytes: *const c_char, len: c_uint) -> c_uint;
    fn NormStreamFlush(stream: Handle, end_of_message: bool, mode: c_uint);
    fn NormStreamMarkEom(stream: Handle);
    fn NormStreamRead(stream: Handle, buffer: *mut c_char, len: *mut c_uint) -> bool;
    fn NormStreamSeekMsgStart(stream: Handle) -> bool;
    fn NormObjectGetType(object: Handle) -> c_uint;
    fn NormNodeDelete(node: Handle);
}

const ANY_NODE: u32 = u32::MAX;
const SYNC_STREAM: c_uint = 1;
const FLUSH_ACTIVE: c_uint = 2;
const OBJECT_STREAM: c_uint = 3;

const TX_QUEUE_VACANCY: c_uint = 1;
const TX_QUEUE_EMPTY: c_uint = 2;
const REMOTE_SENDER_INACTIVE: c_uint = 14;
const RX_OBJECT_NEW: c_uint = 17;
const RX_OBJECT_UPDATED: c_uint = 19;
const RX_OBJECT_COMPLETED: c_uint = 20;
const RX_OBJECT_ABORTED: c_uint = 21;

/// A publisher's stream, by a number that is its own as long as it lasts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Stream(usize);

/// A publisher.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sender(usize);

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// There is room to write.
    Vacancy,
    /// A stream has something to read.
    Readable(Sender, Stream),
    /// A stream is over; its number is no longer to be used.
    Over(Stream),
    /// A publisher fell silent. [`Session::forget`] gives its resources back.
    Silent(Sender),
    Other,
}

/// One session: a sender or a receiver.
#[derive(Debug)]
pub struct Session {
    instance: Handle,
    session: Handle,
    /// Of senders: the stream to write to.
    stream: Handle,
}

// SAFETY: the library locks what its functions touch; handles may be used from any thread.
unsafe impl Send for Session {}

struct Address {
    node: u32,
    interface: Option<CString>,
    host: CString,
    port: u16,
}

fn parse(address: &str) -> Result<Address> {
    let text = |text: &str| CString::new(text).map_err(|_| Errno::EINVAL);
    let (node, rest) = match address.split_once(',') {
        Some((id, rest)) => (leading_integer(id) as u32, rest),
        None => (ANY_NODE, address),
    };
    let (interface, rest) = match rest.split_once(';') {
        Some((interface, rest)) => (Some(text(interface)?), rest),
        None => (None, rest),
    };
    let (host, port) = rest.rsplit_once(':').ok_or(Errno::EINVAL)?;
    let port = leading_integer(port) as u16;
    if host.is_empty() || port == 0 {
        return Err(Errno::EINVAL);
    }
    Ok(Address { node, interface, host: text(host)?, port })
}

impl Session {
    /// Begins to send or to receive.
    pub fn open(address: &str, sends: bool, options: &SocketOptions) -> Result<Session> {
        let address = parse(address)?;
        // The library starts a thread here.
        // SAFETY: no precondition.
        let instance = without_signals(|| unsafe { NormCreateInstance(false) });
        if instance.is_null() {
            return Err(Errno::ENOMEM);
        }
        let none = core::ptr::null();
        let mut opened = Session { instance, session: none, stream: none };
        // SAFETY: the instance was made above, the host is a C string.
        opened.session = unsafe {
            NormCreateSession(instance, address.host.as_ptr(), address.port, address.node)
        };
        if opened.session.is_null() {
            return Err(Errno::EINVAL);
        }
        opened.configure(&address, options);
        let buffer =
            u32::try_from(options.norm_buffer_size.saturating_mul(1024)).unwrap_or(u32::MAX);
        // SAFETY: the session was made above.
        let started = without_signals(|| unsafe {
            if sends {
                opened.start_sender(buffer, options)
            } else {
                NormSetDefaultSyncPolicy(opened.session, SYNC_STREAM);
                NormStartReceiver(opened.session, buffer)
            }
        });
        if !started {
            return Err(match Errno::last() {
                Errno(0) => Errno::EINVAL,
                error => error,
            });
        }
        Ok(opened)
    }

    fn configure(&self, address: &Address, options: &SocketOptions) {
        let session = self.session;
        let hops = u8::try_from(options.multicast_hops).unwrap_or(u8::MAX);
        // The last two bits of the type of service are those of congestion notification.
        let with_ecn = matches!(options.norm_mode, ZMQ_NORM_CCE | ZMQ_NORM_CCE_ECNONLY);
        let tos = match options.tos % 4 {
            0 if with_ecn => options.tos + 1,
            3 if with_ecn => options.tos - 1,
            _ => options.tos,
        };
        // SAFETY: the session is open, and the texts are C strings or null.
        unsafe {
            let unicast = NormIsUnicastAddress(address.host.as_ptr());
            if !unicast {
                NormSetTTL(session, hops);
                NormSetRxPortReuse(session, true, core::ptr::null(), core::ptr::null(), 0);
                // Subscribers on the same machine are to hear, too.
                NormSetLoopback(session, true);
                if let Some(interface) = &address.interface {
                    NormSetMulticastInterface(session, interface.as_ptr());
                }
            }
            if unicast || options.norm_unicast_nack {
                NormSetDefaultUnicastNack(session, true);
            }
            NormSetTOS(session, tos as u8);
        }
    }

    /// # Safety
    /// The session is open.
    unsafe fn start_sender(&mut self, buffer: u32, options: &SocketOptions) -> bool {
        let session = self.session;
        let parity = options.norm_num_parity.max(options.norm_num_autoparity) as u16;
        let block = (options.norm_block_size as u16).max(parity + 1);
        let segment = u16::try_from(options.norm_segment_size).unwrap_or(u16::MAX);
        // SAFETY: the caller's promise.
        unsafe {
            let id = NormGetRandomSessionId();
            if !NormStartSender(session, id, buffer, segment, block, parity, 0) {
                return false;
            }
            if options.norm_mode == ZMQ_NORM_FIXED {
                NormSetTxRate(session, f64::from(options.rate) * 1000.0);
            } else {
                NormSetCongestionControl(session, true, true);
                if options.norm_mode != ZMQ_NORM_CC {
                    let only = options.norm_mode == ZMQ_NORM_CCE_ECNONLY;
                    let ecn = only || options.norm_mode == ZMQ_NORM_CCE;
                    NormSetEcnSupport(session, ecn, only, options.norm_mode == ZMQ_NORM_CCL);
                }
            }
            if options.norm_num_autoparity > 0 {
                NormSetAutoParity(session, options.norm_num_autoparity as u8);
            }
            self.stream = NormStreamOpen(session, buffer, core::ptr::null(), 0);
            if self.stream.is_null() {
                return false;
            }
            NormStreamSetPushEnable(self.stream, options.norm_push);
        }
        true
    }

    /// Becomes readable when there are events.
    pub fn descriptor(&self) -> RawFd {
        // SAFETY: the instance is there until this is dropped.
        unsafe { NormGetDescriptor(self.instance) }
    }

    pub fn next_event(&mut self) -> Option<Event> {
        let none = core::ptr::null();
        let mut event = RawEvent { kind: 0, session: none, sender: none, object: none };
        // SAFETY: the instance is there, and the event lives through the call.
        if !unsafe { NormGetNextEvent(self.instance, &raw mut event, false) } {
            return None;
        }
        let stream = Stream(event.object as usize);
        let sender = Sender(event.sender as usize);
        Some(match event.kind {
            TX_QUEUE_VACANCY | TX_QUEUE_EMPTY => Event::Vacancy,
            RX_OBJECT_NEW | RX_OBJECT_UPDATED if is_stream(event.object) => {
                Event::Readable(sender, stream)
            }
            RX_OBJECT_COMPLETED | RX_OBJECT_ABORTED => Event::Over(stream),
            REMOTE_SENDER_INACTIVE => Event::Silent(sender),
            _ => Event::Other,
        })
    }

    /// Gives back what is kept for a silent publisher. Its streams are over.
    pub fn forget(&mut self, sender: Sender) {
        // SAFETY: the publisher was named by an event and is forgotten once.
        unsafe { NormNodeDelete(sender.0 as Handle) }
    }

    /// Writes to the stream; less than all when there is no room.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        let len = c_uint::try_from(bytes.len()).unwrap_or(c_uint::MAX);
        // SAFETY: only senders write, and theirs is an open stream; the bytes are valid.
        let written = unsafe { NormStreamWrite(self.stream, bytes.as_ptr().cast(), len) };
        written as usize
    }

    /// A frame ends here.
    pub fn mark_end(&mut self) {
        // SAFETY: as for writing.
        unsafe { NormStreamMarkEom(self.stream) }
    }

    /// Has what was written sent now.
    pub fn flush(&mut self) {
        // SAFETY: as for writing.
        unsafe { NormStreamFlush(self.stream, false, FLUSH_ACTIVE) }
    }

    /// Goes on to the next beginning of a frame; false when it is not there yet.
    pub fn seek_start(&mut self, stream: Stream) -> bool {
        // SAFETY: the stream was named by an event and is not over.
        unsafe { NormStreamSeekMsgStart(stream.0 as Handle) }
    }

    /// Reads what is there; `None` when the stream is broken here.
    pub fn read(&mut self, stream: Stream, buffer: &mut [u8]) -> Option<usize> {
        let mut len = c_uint::try_from(buffer.len()).unwrap_or(c_uint::MAX);
        // SAFETY: the stream was named by an event and is not over; the buffer is valid.
        let whole =
            unsafe { NormStreamRead(stream.0 as Handle, buffer.as_mut_ptr().cast(), &raw mut len) };
        whole.then_some(len as usize)
    }
}

/// Whether the object of an event is a stream; publishers other than libzmq's may send files.
fn is_stream(object: Handle) -> bool {
    // SAFETY: the event's object is there until its end was reported.
    unsafe { NormObjectGetType(object) == OBJECT_STREAM }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: what was made is ended, each once, and in this order.
        unsafe {
            if !self.session.is_null() {
                if self.stream.is_null() {
                    NormStopReceiver(self.session);
                } else {
                    NormStopSender(self.session);
                }
                NormDestroySession(self.session);
            }
            NormStopInstance(self.instance);
            NormDestroyInstance(self.instance);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let parsed = |text| {
            let address = parse(text)?;
            let text = |text: CString| text.into_string().unwrap();
            Ok((address.node, address.interface.map(text), text(address.host), address.port))
        };
        let address = |node, interface: Option<&str>, host: &str, port| {
            Ok((node, interface.map(str::to_owned), host.to_owned(), port))
        };
        assert_eq!(parsed("224.1.2.3:5556"), address(ANY_NODE, None, "224.1.2.3", 5556));
        assert_eq!(parsed("eth0;224.1.2.3:5"), address(ANY_NODE, Some("eth0"), "224.1.2.3", 5));
        assert_eq!(parsed("7,eth0;224.1.2.3:5"), address(7, Some("eth0"), "224.1.2.3", 5));
        for text in ["", "224.1.2.3", "224.1.2.3:", "224.1.2.3:x", ":5", "a\0b:5"] {
            assert_eq!(parsed(text), Err(Errno::EINVAL), "{text}");
        }
    }
}
