//! Proxies: sockets joined so that what one receives, the other sends.
//!
//! A proxy works in turns. In a turn it enters both sockets, asks what they are ready for and moves
//! messages in each direction that has something to read and room to write, up to [`BURST`] of
//! them. When neither has, it leaves the sockets and sleeps until that may have changed: a side
//! that has something to read is no reason to wake up, only room on the other side is.
//!
//! Most messages go from pipe to pipe as they lie there, and are shown to their readers when that
//! direction's turn is over (see [`crate::socket::relay`]). The others are taken part by part.
//!
//! Their bodies are not copied: what was read is a view of the incoming pipe until it is in the outgoing
//! one. A message is left where it is while there is no room for any, so that it is not lost when a
//! signal ends the proxy. If it finds no room all the same (its one peer is full, or another thread was
//! faster), it gets a body of its own and waits as [`Direction::stuck`]; so a proxy never blocks on one
//! direction while the other could go on, or while its control socket has a command.

use core::ffi::{c_short, c_void};

use crate::error::{Errno, Result};
use crate::message::Message;
use crate::options::constants::{ZMQ_DONTWAIT, ZMQ_SNDMORE};
use crate::poll::{self, Source, Table, ERR, IN, OUT};
use crate::socket::relay::{HeldBack, Moved};
use ends::{with_end, with_ends, End, Ends};

mod ends;

/// Most messages moved in one direction before the other has its turn.
const BURST: usize = 1000;

/// Wakes a proxy for nothing but the end of a context: sockets never have this event.
const WATCHED: c_short = ERR;

/// Runs a proxy between two sockets, which may be one and the same.
///
/// `capture` gets a copy of every message. `control` can pause and end the proxy; without it, only
/// an error ends it: `ETERM`, `EINTR`, or what a socket answers.
pub fn run(
    frontend: *mut c_void,
    backend: *mut c_void,
    capture: Option<*mut c_void>,
    control: Option<*mut c_void>,
) -> Result<()> {
    let mut proxy = Proxy {
        frontend,
        backend,
        capture,
        paused: false,
        requests: Direction::default(),
        replies: Direction::default(),
    };
    loop {
        if let Some(control) = control {
            let terminated = with_end(control, |mut control| proxy.obey(&mut control))?;
            if terminated {
                return proxy.finish();
            }
        }
        let wanted = if proxy.paused { Some([WATCHED; 2]) } else { proxy.turn()? };
        if let Some(wanted) = wanted {
            proxy.sleep(wanted, control)?;
        }
    }
}

#[derive(Debug)]
struct Proxy {
    frontend: *mut c_void,
    backend: *mut c_void,
    capture: Option<*mut c_void>,
    paused: bool,
    /// From the frontend to the backend; all there is if they are one socket.
    requests: Direction,
    /// From the backend to the frontend.
    replies: Direction,
}

impl Proxy {
    /// Moves what can be moved. If nothing can: the events to wait for, of frontend and backend.
    fn turn(&mut self) -> Result<Option<[c_short; 2]>> {
        let (requests, replies) = (&mut self.requests, &mut self.replies);
        with_ends(self.frontend, self.backend, self.capture, |ends| {
            let front = ends.from.events()?;
            let Some(to) = &mut ends.to else {
                return match (front & IN, front & OUT, &requests.stuck) {
                    (_, 0, Some(_)) => Ok(Some([OUT; 2])),
                    (0, _, None) => Ok(Some([IN; 2])),
                    _ => requests.forward(ends, BURST, Patience::Little).map(|()| None),
                };
            };
            let back = to.events()?;
            let there = requests.goes_on(front, back);
            if there {
                requests.forward(ends, BURST, Patience::Little)?;
            }
            let and_back = replies.goes_on(back, front);
            if and_back {
                replies.forward(&mut ends.reversed(), BURST, Patience::Little)?;
            }
            if there || and_back {
                return Ok(None);
            }
            let (in_front, out_back) = requests.waits_for(front);
            let (in_back, out_front) = replies.waits_for(back);
            Ok(Some([in_front | out_front, in_back | out_back]))
        })
    }

    fn sleep(&self, wanted: [c_short; 2], control: Option<*mut c_void>) -> Result<()> {
        let mut lines = [(self.frontend, wanted[0]); 3];
        let mut count = 1;
        if self.backend != self.frontend {
            lines[count] = (self.backend, wanted[1]);
            count += 1;
        }
        if let Some(control) = control {
            lines[count] = (control, IN);
            count += 1;
        }
        poll::wait(&mut Watch(&lines[..count]), -1, None).map(drop)
    }

    /// Carries out a command, if one came. Returns whether it was the last.
    fn obey(&mut self, control: &mut End<'_>) -> Result<bool> {
        if control.events()? & IN == 0 {
            return Ok(false);
        }
        let mut command = Message::new();
        match control.recv(&mut command) {
            Err(Errno::EAGAIN) => return Ok(false),
            other => other?,
        }
        let mut terminated = false;
        match command.data() {
            b"PAUSE" => self.paused = true,
            b"RESUME" => self.paused = false,
            b"TERMINATE" => terminated = true,
            b"STATISTICS" => {
                drop(command);
                return self.report(control).map(|()| false);
            }
            _ => {}
        }
        drop(command);
        // A control socket of kind REP has to answer whatever it was asked.
        control.send(&mut Message::new(), 0)?;
        Ok(terminated)
    }

    fn report(&self, control: &mut End<'_>) -> Result<()> {
        let all =
            [self.requests.received, self.replies.sent, self.replies.received, self.requests.sent];
        let numbers = all.map(|traffic| [traffic.messages, traffic.bytes]);
        let (last, others) = (numbers[3][1], &numbers.as_flattened()[..7]);
        for number in others {
            control.send(&mut Message::copy_of(&number.to_ne_bytes())?, ZMQ_SNDMORE)?;
        }
        control.send(&mut Message::copy_of(&last.to_ne_bytes())?, 0)
    }

    /// Delivers messages that are already read, whole.
    fn finish(&mut self) -> Result<()> {
        let (requests, replies) = (&mut self.requests, &mut self.replies);
        if requests.stuck.is_none() && replies.stuck.is_none() {
            return Ok(());
        }
        with_ends(self.frontend, self.backend, self.capture, |ends| {
            if requests.stuck.is_some() {
                requests.forward(ends, 1, Patience::Endless)?;
            }
            if replies.stuck.is_some() {
                replies.forward(&mut ends.reversed(), 1, Patience::Endless)?;
            }
            Ok(())
        })
    }
}

/// Sockets to wait for, with the events that are wanted.
struct Watch<'a>(&'a [(*mut c_void, c_short)]);

impl Table for Watch<'_> {
    /// A proxy has little use for processors that others could have.
    const LOOKS_ON: bool = false;

    fn count(&self) -> usize {
        self.0.len()
    }

    fn source(&self, index: usize) -> Source {
        Source::Socket(self.0[index].0)
    }

    fn wanted(&self, index: usize) -> c_short {
        self.0[index].1
    }

    fn report(&mut self, _index: usize, _ready: c_short) {}
}

/// What to do when there is no room for a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Patience {
    /// Put it aside.
    Little,
    /// Wait for room.
    Endless,
}

#[derive(Clone, Copy, Default, Debug)]
struct Traffic {
    messages: u64,
    bytes: u64,
}

impl Traffic {
    #[inline]
    fn count(&mut self, moved: Moved) {
        self.messages += moved.parts;
        self.bytes += moved.bytes;
    }
}

/// One of the two ways through a proxy.
#[derive(Default, Debug)]
struct Direction {
    /// First part of a message that was read and captured, but found no room. Its other parts are
    /// unread.
    stuck: Option<Message>,
    received: Traffic,
    sent: Traffic,
    /// Messages that were moved and not shown.
    held: HeldBack,
}

impl Direction {
    /// Whether there is something to move and room for it, given the events of both ends.
    fn goes_on(&self, from: c_short, to: c_short) -> bool {
        (from & IN != 0 || self.stuck.is_some()) && to & OUT != 0
    }

    /// Events to wait for where it does not go on: of the end it reads, and of the one it writes.
    fn waits_for(&self, from: c_short) -> (c_short, c_short) {
        if from & IN != 0 || self.stuck.is_some() {
            (WATCHED, OUT)
        } else {
            (IN, WATCHED)
        }
    }

    /// Moves up to `limit` messages.
    fn forward(&mut self, ends: &mut Ends<'_>, limit: usize, patience: Patience) -> Result<()> {
        let outcome = self.forward_holding_back(ends, limit, patience);
        ends.show(&mut self.held);
        outcome
    }

    fn forward_holding_back(
        &mut self,
        ends: &mut Ends<'_>,
        limit: usize,
        patience: Patience,
    ) -> Result<()> {
        for _ in 0..limit {
            if self.relay(ends) {
                continue;
            }
            let mut message = Message::new();
            if let Some(stuck) = self.stuck.take() {
                message = stuck;
            } else {
                // To look for more may take a moment.
                ends.show(&mut self.held);
                if !ends.have_room() || !self.receive(ends, &mut message)? {
                    return Ok(());
                }
            }
            let mut more = message.has_more();
            if !self.send_first(ends, &mut message, patience)? {
                message.own()?;
                self.stuck = Some(message);
                return Ok(());
            }
            while more {
                message = Message::new();
                // A message is whole in the pipe it comes from, so its parts are there. Were one
                // missing, the sockets know where to go on.
                if !self.receive(ends, &mut message)? {
                    return Ok(());
                }
                // Once the first part was accepted there is room for the others.
                let size = message.len();
                more = message.has_more();
                ends.destination().send(&mut message, flags(more))?;
                self.sent.count(Moved::part(size));
            }
        }
        Ok(())
    }

    /// Moves a message the short way, if that can be done.
    #[inline]
    fn relay(&mut self, ends: &mut Ends<'_>) -> bool {
        let (End::Own(from), Some(End::Own(to)), None, None) =
            (&mut ends.from, &mut ends.to, &ends.capture, &self.stuck)
        else {
            return false;
        };
        let Some(moved) = from.relay_at_once(to, &mut self.held) else { return false };
        self.received.count(moved);
        self.sent.count(moved);
        true
    }

    /// Reads one part, if there is one, and shows it to the capture socket.
    #[inline]
    fn receive(&mut self, ends: &mut Ends<'_>, message: &mut Message) -> Result<bool> {
        match ends.recv(message) {
            Err(Errno::EAGAIN) => return Ok(false),
            other => other?,
        }
        self.received.count(Moved::part(message.len()));
        if let Some(capture) = &mut ends.capture {
            show(message, capture)?;
        }
        Ok(true)
    }

    /// Sends the first part of a message, unless that would take more patience.
    #[inline]
    fn send_first(
        &mut self,
        ends: &mut Ends<'_>,
        message: &mut Message,
        patience: Patience,
    ) -> Result<bool> {
        let (more, size) = (message.has_more(), message.len());
        match ends.destination().send(message, flags(more) | ZMQ_DONTWAIT) {
            Err(Errno::EAGAIN) => {
                ends.show(&mut self.held);
                let mut to = ends.destination();
                // Some kinds always claim to have room, and then have none for a certain message.
                // An event to wait for would not come.
                if patience == Patience::Little && to.events()? & OUT == 0 {
                    return Ok(false);
                }
                to.send(message, flags(more))?;
            }
            other => other?,
        }
        self.sent.count(Moved::part(size));
        Ok(true)
    }
}

#[inline]
fn flags(more: bool) -> i32 {
    if more {
        ZMQ_SNDMORE
    } else {
        0
    }
}

fn show(message: &mut Message, capture: &mut End<'_>) -> Result<()> {
    let mut copy = if message.has_content() {
        message.duplicate()?
    } else {
        let body = message.data();
        // SAFETY: the copy is gone at the end of this function, before the body.
        unsafe { Message::view(body.as_ptr(), body.len()) }
    };
    capture.send(&mut copy, flags(message.has_more()))
}
