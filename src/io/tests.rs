//! What the system cannot watch.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::fd::IntoRawFd;

use super::*;
use crate::context;
use crate::ffi::context::{zmq_ctx_new, zmq_ctx_term};
use crate::ffi::socket::{zmq_bind, zmq_close, zmq_setsockopt, zmq_socket};
use crate::options::constants::{ZMQ_PULL, ZMQ_USE_FD};

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
