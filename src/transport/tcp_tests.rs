//! Loopback connections with every option that leaves a trace on the descriptor.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::time::Duration;

use super::*;
use crate::transport::filter::AddressMask;

fn options() -> SocketOptions {
    SocketOptions::new(0)
}

fn errno<T>(outcome: Result<T, OpenError>) -> Option<Errno> {
    outcome.err().map(|error| error.errno)
}

/// Waits (10 seconds at most) for a descriptor to become readable, or writable.
fn wait(fd: impl AsFd, events: libc::c_short) {
    let mut poll = libc::pollfd { fd: fd.as_fd().as_raw_fd(), events, revents: 0 };
    // SAFETY: one valid entry.
    let ready = unsafe { libc::poll(&mut poll, 1, 10_000) };
    assert_eq!(ready, 1);
}

fn local(fd: impl AsFd) -> SocketAddr {
    let address = SockRef::from(&fd).local_addr().unwrap();
    address.as_socket().unwrap()
}

fn target(address: SocketAddr) -> ConnectTarget {
    ConnectTarget { source: None, address }
}

fn is_prepared(fd: impl AsFd) -> bool {
    // SAFETY: F_GETFD takes no argument.
    let flags = unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_GETFD) };
    SockRef::from(&fd).nonblocking().unwrap() && flags & libc::FD_CLOEXEC != 0
}

fn connected_pair(listen_at: &str, options: &SocketOptions) -> (OwnedFd, OwnedFd) {
    let listener = bind(listen_at, options).unwrap();
    assert!(is_prepared(&listener));
    let (client, in_progress) = connect(&target(local(&listener)), options).unwrap();
    if in_progress {
        wait(&client, libc::POLLOUT);
    }
    finish_connect(&client).unwrap();
    tune(&client, options).unwrap();
    wait(&listener, libc::POLLIN);
    let (server, peer) = accept(listener.as_fd(), options).unwrap();
    assert_eq!(endpoint_text(&peer), endpoint_of(&client, End::Local));
    assert!(is_prepared(&client) && is_prepared(&server));
    assert_eq!(accept(listener.as_fd(), options).err(), Some(Errno::EAGAIN));
    (client, server)
}

#[test]
fn bytes_pass_and_ends_are_named() {
    let (client, server) = connected_pair("127.0.0.1:*", &options());
    let port = local(&server).port();
    let name = format!("tcp://127.0.0.1:{port}");
    assert_eq!(endpoint_of(&server, End::Local), Ok(name.clone()));
    assert_eq!(endpoint_of(&client, End::Remote), Ok(name));
    assert_eq!(endpoint_of(&client, End::Local), endpoint_of(&server, End::Remote));
    assert_eq!(peer_address(&server).as_deref(), Some("127.0.0.1"));

    let (mut client, mut server) = (TcpStream::from(client), TcpStream::from(server));
    client.write_all(b"hi").unwrap();
    wait(&server, libc::POLLIN);
    let mut buffer = [0; 4];
    assert_eq!(server.read(&mut buffer).unwrap(), 2);
    drop(client);
    wait(&server, libc::POLLIN);
    assert_eq!(server.read(&mut buffer).unwrap(), 0);
}

#[test]
fn ipv6_listeners_take_both_families() {
    let mut options = options();
    options.ipv6 = true;
    let Ok(listener) = bind("*:*", &options) else {
        return;
    };
    if !local(&listener).is_ipv6() {
        return;
    }
    let port = local(&listener).port();
    assert_eq!(endpoint_of(&listener, End::Local), Ok(format!("tcp://[::]:{port}")));
    let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    wait(&listener, libc::POLLIN);
    let (server, _) = accept(listener.as_fd(), &options).unwrap();
    assert_eq!(peer_address(&server).as_deref(), Some("::ffff:127.0.0.1"));
    let name = format!("tcp://[::ffff:127.0.0.1]:{port}");
    assert_eq!(endpoint_of(&server, End::Local), Ok(name));
    drop(client);
}

#[test]
fn options_reach_the_descriptors() {
    let mut options = options();
    options.sndbuf = 40_000;
    options.rcvbuf = 50_000;
    options.tos = 0x28;
    options.priority = 3;
    options.tcp_keepalive = 1;
    options.tcp_keepalive_cnt = 5;
    options.tcp_keepalive_idle = 60;
    options.tcp_keepalive_intvl = 7;
    options.tcp_maxrt = 4321;
    let (client, server) = connected_pair("127.0.0.1:*", &options);
    for fd in [&client, &server] {
        let socket = SockRef::from(fd);
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 5);
        assert_eq!(socket.tcp_keepalive_time().unwrap().as_secs(), 60);
        assert_eq!(socket.tcp_keepalive_interval().unwrap().as_secs(), 7);
        assert_eq!(socket.tos_v4().unwrap(), 0x28);
        assert_eq!(socket.priority().unwrap(), 3);
        let timeout = socket.tcp_user_timeout().unwrap();
        assert_eq!(timeout, Some(Duration::from_millis(4321)));
        // Linux doubles what it is asked for.
        assert_eq!(socket.send_buffer_size().unwrap(), 80_000);
        assert_eq!(socket.recv_buffer_size().unwrap(), 100_000);
    }
}

#[test]
fn untouched_options_stay_the_systems() {
    let (client, _server) = connected_pair("127.0.0.1:*", &options());
    let socket = SockRef::from(&client);
    assert!(socket.tcp_nodelay().unwrap());
    assert!(!socket.keepalive().unwrap());
    assert_eq!(socket.tos_v4().unwrap(), 0);
}

#[test]
fn impossible_keepalive_is_an_error() {
    let mut options = options();
    options.tcp_keepalive = 1;
    options.tcp_keepalive_cnt = 100_000;
    let listener = bind("127.0.0.1:*", &options).unwrap();
    let _client = TcpStream::connect(local(&listener)).unwrap();
    wait(&listener, libc::POLLIN);
    let refused = accept(listener.as_fd(), &options);
    assert_eq!(refused.err(), Some(Errno::EINVAL));
}

#[test]
fn used_ports_and_foreign_addresses_are_refused() {
    let options = options();
    let listener = bind("127.0.0.1:*", &options).unwrap();
    let address = local(&listener);
    assert_eq!(errno(listen(&address, &options)), Some(Errno::EADDRINUSE));
    let foreign = bind("192.0.2.1:*", &options);
    assert_eq!(errno(foreign), Some(Errno::EADDRNOTAVAIL));
    assert_eq!(errno(bind("no-port", &options)), Some(Errno::EINVAL));
    let opened = |error: OpenError| error.descriptor.is_some();
    assert!(listen(&address, &options).is_err_and(opened));
    assert!(!bind("no-port", &options).is_err_and(opened));
    drop(listener);
    listen(&address, &options).unwrap();
}

#[test]
fn device_must_exist() {
    let mut options = options();
    options.bound_device = b"no-such-dev0".to_vec();
    let error = errno(bind("127.0.0.1:*", &options)).unwrap();
    assert!([Errno::ENODEV, Errno::EPERM].contains(&error), "{error:?}");
    options.bound_device = b"lo".to_vec();
    match bind("127.0.0.1:*", &options) {
        Ok(listener) => {
            let device = SockRef::from(&listener).device().unwrap();
            assert_eq!(device.as_deref(), Some(&b"lo"[..]));
        }
        Err(error) => assert_eq!(error.errno, Errno::EPERM),
    }
}

#[test]
fn filters_turn_peers_away() {
    let mut options = options();
    options.tcp_accept_filters = vec![AddressMask::parse("10.0.0.0/8", false).unwrap()];
    let listener = bind("127.0.0.1:*", &options).unwrap();
    let mut client = TcpStream::connect(local(&listener)).unwrap();
    wait(&listener, libc::POLLIN);
    assert_eq!(accept(listener.as_fd(), &options).err(), Some(FILTERED));
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    match client.read(&mut [0; 1]) {
        Ok(count) => assert_eq!(count, 0),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }

    let second = AddressMask::parse("127.0.0.0/8", false).unwrap();
    options.tcp_accept_filters.push(second);
    let _client = TcpStream::connect(local(&listener)).unwrap();
    wait(&listener, libc::POLLIN);
    assert!(accept(listener.as_fd(), &options).is_ok());
}

#[test]
fn prepared_descriptors_are_adopted() {
    let prepared = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = prepared.local_addr().unwrap();
    let mut options = options();
    options.use_fd = prepared.into_raw_fd();
    let listener = bind("this is not looked at", &options).unwrap();
    assert_eq!(listener.as_raw_fd(), options.use_fd);
    assert!(SockRef::from(&listener).nonblocking().unwrap());
    assert_eq!(local(&listener), address);
    let _client = TcpStream::connect(address).unwrap();
    wait(&listener, libc::POLLIN);
    let (server, _) = accept(listener.as_fd(), &options).unwrap();
    assert!(SockRef::from(&server).tcp_nodelay().unwrap());
}

#[test]
fn unusable_descriptors_are_left_alone() {
    let mut options = options();
    options.use_fd = i32::MAX;
    assert_eq!(errno(bind("*:*", &options)), Some(Errno::EBADF));

    let file = std::fs::File::open("/dev/null").unwrap();
    options.use_fd = file.as_raw_fd();
    assert_eq!(errno(bind("*:*", &options)), Some(Errno::ENOTSOCK));
    assert!(file.metadata().is_ok());

    let not_listening = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    options.use_fd = not_listening.as_raw_fd();
    assert_eq!(errno(bind("*:*", &options)), Some(Errno::EINVAL));
    assert!(not_listening.r#type().is_ok());
}

#[test]
fn refusal_is_reported_by_finish_connect() {
    let options = options();
    let free = local(bind("127.0.0.1:*", &options).unwrap());
    match connect(&target(free), &options) {
        Ok((client, _)) => {
            wait(&client, libc::POLLOUT);
            assert_eq!(finish_connect(&client), Err(Errno::ECONNREFUSED));
        }
        Err(error) => assert_eq!(error.errno, Errno::ECONNREFUSED),
    }
}

#[test]
fn source_address_is_used() {
    let options = options();
    let listener = bind("127.0.0.1:*", &options).unwrap();
    let port = local(&listener).port();
    let text = format!("127.0.0.2:0;127.0.0.1:{port}");
    let target = resolve::resolve_connect(&text, false).unwrap();
    let (client, _) = connect(&target, &options).unwrap();
    wait(&listener, libc::POLLIN);
    let (server, _) = accept(listener.as_fd(), &options).unwrap();
    assert_eq!(peer_address(&server).as_deref(), Some("127.0.0.2"));
    drop(client);
}

#[test]
fn endpoints_are_found_under_other_names() {
    assert_eq!(other_names("127.1:5", false), ["tcp://127.0.0.1:5", "tcp://127.0.0.1:5"]);
    // Nothing to connect to, so it is not tried as an address to bind either.
    assert!(other_names("*:5", false).is_empty());
    let names = other_names("[::ffff:127.0.0.1]:9", true);
    assert_eq!(names.first().map(String::as_str), Some("tcp://[::ffff:127.0.0.1]:9"));
}

#[test]
fn an_address_that_stands_for_all_is_known() {
    let is_any = |text: &str| super::is_any(text.parse().unwrap());
    assert!(["0.0.0.0", "::", "::ffff:0.0.0.0"].into_iter().all(is_any));
    assert!(!["127.0.0.1", "::1", "::ffff:127.0.0.1", "fe80::1"].into_iter().any(is_any));
}

#[test]
fn connections_of_a_listener_with_one_address_have_the_same() {
    for (address, one) in [("127.0.0.1:*", true), ("0.0.0.0:*", false), ("*:*", false)] {
        for ipv6 in [false, true] {
            let options = SocketOptions { ipv6, ..options() };
            let listener = bind(address, &options).unwrap();
            assert_eq!(has_one_address(&listener), one, "{address}");
        }
    }
}
