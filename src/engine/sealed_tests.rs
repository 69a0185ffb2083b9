//! Both halves of connections whose frames are sealed: whatever goes in comes out, in its order,
//! however little the system takes at once, and commands find their place between messages.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::input::Input;
use super::output::Output;
use super::{Failure, Framing, Progress};
use crate::error::Errno;
use crate::message::Message;
use crate::options::constants::{ZMQ_PULL, ZMQ_PUSH};
use crate::options::SocketOptions;
use crate::pipe::random::Random;
use crate::pipe::{pair, PipeEnd, PipeLimits};
use crate::security::curve;
use crate::zmtp::{command, frame, Version};

type Parts = Vec<Vec<u8>>;

/// A PUSH and a PULL that are connected, without their sockets.
struct Connection {
    output: Output,
    from: UnixStream,
    out: PipeEnd,
    input: Input,
    to: UnixStream,
    into: PipeEnd,
    /// The applications' ends.
    sender: PipeEnd,
    receiver: PipeEnd,
    /// Bodies that somebody else refers to for a while.
    kept: Vec<Message>,
}

impl Connection {
    fn new() -> Connection {
        let (from, to) = UnixStream::pair().unwrap();
        from.set_nonblocking(true).unwrap();
        to.set_nonblocking(true).unwrap();
        let limits = || PipeLimits { inbound: 0, outbound: 0, conflate: false };
        let ((sender, out), (into, receiver)) = (pair(limits()), pair(limits()));
        let (client, server) = curve::tests::transforms();
        let mut output = Output::new(&SocketOptions::new(ZMQ_PUSH));
        let mut input = Input::new(&SocketOptions::new(ZMQ_PULL));
        output.secure(client.seal);
        output.open(Framing::Zmtp(Version::V3_1), false);
        input.secure(server.open, true);
        input.open(Framing::Zmtp(Version::V3_1), false);
        Connection { output, from, out, input, to, into, sender, receiver, kept: Vec::new() }
    }

    /// Lets the sender's thread seal and send by itself, as the session does when it is idle.
    fn lend(&mut self) {
        let fd = Arc::new(OwnedFd::from(self.from.try_clone().unwrap()));
        self.output.lend(&fd, &mut self.out, true);
        self.out.lend_in_streams(true);
    }

    fn write(&mut self, body: &[u8], more: bool, shared: bool) {
        let mut message = Message::copy_of(body).unwrap();
        if shared {
            self.kept.push(message.duplicate().unwrap());
        }
        message.set_more(more);
        assert!(self.sender.out.write(&message));
        if !more {
            drop(message);
            self.sender.out.flush();
        }
    }

    /// A turn of each engine; what came in whole, and whether there may be more.
    fn turn(&mut self, found: &mut Vec<Parts>, parts: &mut Parts) -> bool {
        self.out.take_back_waiting();
        self.output.take_back(&mut self.out);
        self.out.activate_read();
        let (mut writable, mut readable) = (true, true);
        let wrote = self.output.pump(self.from.as_fd(), &mut writable, Some(&mut self.out));
        let read = self.input.pump(self.to.as_fd(), &mut readable, Some(&mut self.into.out));
        let more = wrote != Ok(Progress::Idle) || read != Ok(Progress::Idle) || !writable;
        assert!(wrote.is_ok() && !self.output.is_broken(), "writing failed");
        assert_eq!(read.err(), None);
        self.receiver.activate_read();
        let mut message = Message::new();
        while self.receiver.read(&mut message) {
            parts.push(message.data().to_vec());
            if !message.has_more() {
                found.push(core::mem::take(parts));
            }
        }
        more
    }
}

#[test]
fn all_messages_come_out_in_order() {
    let mut sent_by_itself = 0;
    for seed in 1..40 {
        let mut random = Random::new(seed);
        let mut connection = Connection::new();
        let (mut sent, mut found) = (Vec::new(), Vec::new());
        let (mut pings, mut parts) = (0, Parts::new());
        for number in 0..random.below(200) {
            let mut message = Parts::new();
            loop {
                let len = match random.below(6) {
                    0 => 32_700 + random.below(200),
                    1 if random.below(4) == 0 => 300_000 + random.below(300_000),
                    _ => random.length(),
                };
                let body = vec![number as u8; len];
                let (more, shared) = (random.below(4) == 0, random.below(4) == 0);
                connection.write(&body, more, shared);
                message.push(body);
                if !more {
                    break;
                }
            }
            sent.push(message);
            if random.below(3) == 0 {
                // As the session has it written, in the middle of whatever is on its way.
                frame::append_frame(4, &command::ping_body(7, b""), &mut connection.output.control);
                pings += 1;
            }
            if random.below(3) == 0 {
                connection.turn(&mut found, &mut parts);
            }
            if random.below(3) == 0 {
                connection.lend();
            }
            if random.below(10) == 0 {
                connection.kept.clear();
            }
        }
        sent_by_itself += connection.out.outlet_uses();
        while connection.turn(&mut found, &mut parts) || connection.output.has_staged() {}
        connection.turn(&mut found, &mut parts);
        let same = |(found, sent): (&Parts, &Parts)| found == sent;
        assert!(found.len() == sent.len() && found.iter().zip(&sent).all(same), "seed {seed}");
        let pongs = connection.input.pongs.windows(4).filter(|bytes| bytes == b"PONG").count();
        assert_eq!(pongs, pings, "seed {seed}");
    }
    assert!(sent_by_itself > 100, "{sent_by_itself}");
}

#[test]
fn a_connection_that_cannot_seal_any_more_ends() {
    let mut connection = Connection::new();
    connection.output.secure(curve::tests::worn_out_sealer());
    connection.write(b"the last straw", false, false);
    let wrote =
        connection.output.pump(connection.from.as_fd(), &mut true, Some(&mut connection.out));
    assert_eq!(wrote, Err(Failure::Connection(Errno::ENOMEM)));
}
