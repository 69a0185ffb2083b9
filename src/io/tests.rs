//! What the system cannot watch.

use std::io::Read;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::IntoRawFd;

use super::*;
use crate::context::{self, unique_id};
use crate::engine::datagram::{Datagrams, Role};
use crate::ffi::context::{zmq_ctx_new, zmq_ctx_term};
use crate::ffi::socket::{zmq_bind, zmq_close, zmq_setsockopt, zmq_socket};
use crate::message::Message;
use crate::monitor::Monitor;
use crate::options::constants::{ZMQ_DISH, ZMQ_PULL, ZMQ_USE_FD};
use crate::options::SocketOptions;
use crate::pipe::{pair, PipeLimits};
use crate::socket::link::SocketLink;
use crate::socket::mailbox::Mailbox;

#[test]
fn a_listener_that_cannot_be_watched_tries_again() {
    let context = zmq_ctx_new();
    let pull = zmq_socket(context, ZMQ_PULL);
    let io = context::find(context).unwrap().choose_io_thread(0).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let fd: i32 = listener.try_clone().unwrap().into_raw_fd();
    // A descriptor cannot be watched twice.
    let elsewhere = Token(usize::MAX);
    io.registry.register(&mut SourceFd(&fd), elsewhere, Interest::READABLE).unwrap();
    // SAFETY: an int with its size, and a C string.
    unsafe {
        assert_eq!(zmq_setsockopt(pull, ZMQ_USE_FD, (&raw const fd).cast(), 4), 0);
        assert_eq!(zmq_bind(pull, c"tcp://127.0.0.1:*".as_ptr()), 0);
    }
    // The I/O thread tries in this time. If not, all is well as ever.
    std::thread::sleep(Duration::from_millis(100));
    io.registry.deregister(&mut SourceFd(&fd)).unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert!(peer.read_exact(&mut [0]).is_ok(), "nobody accepts");
    assert_eq!((zmq_close(pull), zmq_ctx_term(context)), (0, 0));
}

#[test]
fn datagrams_arrive_where_the_system_cannot_watch_for_them() {
    let context = zmq_ctx_new();
    let thread = IoThread::new().unwrap();
    let io = thread.handle();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let (address, fd) = (socket.local_addr().unwrap(), socket.as_raw_fd());
    // A descriptor cannot be watched twice.
    let elsewhere = Token(usize::MAX);
    io.registry.register(&mut SourceFd(&fd), elsewhere, Interest::READABLE).unwrap();
    let link = SocketLink {
        id: unique_id(),
        context: context::find(context).unwrap(),
        mailbox: Mailbox::new().unwrap(),
        monitor: Monitor::default(),
        disconnected: false.into(),
    };
    let id = unique_id();
    let (mut ours, theirs) = pair(PipeLimits { inbound: 0, outbound: 0, conflate: false });
    io.own(&theirs, id);
    let datagrams = Box::new(Datagrams::new(socket, Role::Receive, false));
    let options = Arc::new(SocketOptions::new(ZMQ_DISH));
    let link = Arc::new(link);
    let session = Session::connectionless(id, link, io.clone(), options, datagrams, theirs);
    io.add_session(Box::new(session));
    let running = std::thread::spawn(|| thread.run());
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut message = Message::new();
    let arrived = (0..500).any(|_| {
        sender.send_to(b"\x01gbody", address).unwrap();
        std::thread::sleep(Duration::from_millis(10));
        ours.activate_read();
        ours.read(&mut message) && message.data() == b"g"
    });
    assert!(arrived, "nobody receives");
    message.own().unwrap();
    drop(ours);
    io.stop();
    running.join().unwrap();
    assert_eq!(zmq_ctx_term(context), 0);
}
