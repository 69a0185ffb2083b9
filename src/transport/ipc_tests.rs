//! Local connections: every form of an address, what stays behind, and who may enter.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

fn options() -> SocketOptions {
    SocketOptions::new(0)
}

fn errno<T>(outcome: Result<T, OpenError>) -> Option<Errno> {
    outcome.err().map(|error| error.errno)
}

/// A directory of one test's own, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let directory = env::temp_dir().join(format!("oxi-ipc-{}-{number}", process::id()));
        fs::create_dir(&directory).unwrap();
        Scratch(directory)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Connects to a listener and accepts; local connections are complete at once.
fn pair(address: &str, options: &SocketOptions) -> (IpcListener, UnixStream, Result<OwnedFd>) {
    let listener = listen(address, options).unwrap();
    let bound = endpoint_of(&listener.fd, End::Local).unwrap();
    let (client, in_progress) = connect(bound.strip_prefix(PREFIX).unwrap()).unwrap();
    assert!(!in_progress);
    finish_connect(&client).unwrap();
    let server = accept(listener.fd.as_fd(), options);
    (listener, client.into(), server)
}

#[test]
fn bytes_pass_through_a_path() {
    let scratch = Scratch::new();
    let path = scratch.path("s");
    let (listener, mut client, server) = pair(&path, &options());
    let server = server.unwrap();
    assert_eq!(listener.endpoint, format!("ipc://{path}"));
    assert_eq!(endpoint_of(&server, End::Local), Ok(format!("ipc://{path}")));
    assert_eq!(endpoint_of(&server, End::Remote), Ok("ipc://".into()));
    assert_eq!(endpoint_of(&client, End::Remote), Ok(format!("ipc://{path}")));
    client.write_all(b"hi").unwrap();
    let mut buffer = [0; 4];
    assert_eq!(UnixStream::from(server).read(&mut buffer).unwrap(), 2);
    let empty = accept(listener.fd.as_fd(), &options());
    assert_eq!(empty.err(), Some(Errno::EAGAIN));
    listener.close().unwrap();
    assert!(Path::new(&path).exists());
}

#[test]
fn peers_are_named_by_their_credentials() {
    let scratch = Scratch::new();
    let (_listener, client, server) = pair(&scratch.path("s"), &options());
    let peer = sys::peer_credentials(client.as_fd()).unwrap();
    let expected = format!("localhost:{}:{}:{}", peer.uid, peer.gid, process::id());
    assert_eq!(peer_address(server.unwrap()), Some(expected.clone()));
    assert_eq!(peer_address(&client), Some(expected));
}

#[test]
fn abstract_names_leave_no_file_and_are_exclusive() {
    let name = format!("@oxi-test-{}", process::id());
    let (listener, client, server) = pair(&name, &options());
    assert!(server.is_ok());
    assert_eq!(endpoint_of(&listener.fd, End::Local), Ok(format!("ipc://{name}")));
    assert_eq!(endpoint_of(&client, End::Remote), Ok(format!("ipc://{name}")));
    assert!(!Path::new(&name).exists());
    let second = listen(&name, &options());
    assert_eq!(errno(second), Some(Errno::EADDRINUSE));
    drop((listener, client, server));
    listen(&name, &options()).unwrap();
}

#[test]
fn wildcards_make_and_remove_a_temporary_path() {
    let (listener, _client, server) = pair("*", &options());
    assert!(server.is_ok());
    let path = PathBuf::from(listener.endpoint.strip_prefix(PREFIX).unwrap());
    assert!(path.ends_with("socket") && path.exists());
    assert_eq!(endpoint_of(&listener.fd, End::Local), Ok(listener.endpoint.clone()));
    listener.close().unwrap();
    assert!(!path.exists() && !path.parent().unwrap().exists());

    let listener = listen("*", &options()).unwrap();
    let path = PathBuf::from(listener.endpoint.strip_prefix(PREFIX).unwrap());
    drop(listener);
    assert!(!path.parent().unwrap().exists());

    let listener = listen("*:*", &options()).unwrap();
    let path = PathBuf::from(listener.endpoint.strip_prefix(PREFIX).unwrap());
    fs::remove_file(&path).unwrap();
    assert_eq!(listener.close(), Err(Errno::ENOENT));
    assert!(!path.parent().unwrap().exists());
}

#[test]
fn binding_replaces_what_is_there() {
    let scratch = Scratch::new();
    let path = scratch.path("s");
    fs::write(&path, b"left behind").unwrap();
    let first = listen(&path, &options()).unwrap();
    let (_second, _client, server) = pair(&path, &options());
    assert!(server.is_ok());
    assert_eq!(accept(first.fd.as_fd(), &options()).err(), Some(Errno::EAGAIN));
    let directory = scratch.path("");
    assert_eq!(errno(listen(&directory, &options())), Some(Errno::EADDRINUSE));
    let missing = scratch.path("missing/s");
    assert_eq!(errno(listen(&missing, &options())), Some(Errno::ENOENT));
}

#[test]
fn names_have_a_length_and_a_content() {
    let longest = "a".repeat(sys::LONGEST_LOCAL_NAME);
    assert_eq!(sys::LONGEST_LOCAL_NAME, 107);
    assert_eq!(check(&longest), Ok(()));
    assert_eq!(check(&format!("{longest}a")), Err(Errno::ENAMETOOLONG));
    let name = format!("@{longest}");
    assert_eq!(check(&name), Err(Errno::ENAMETOOLONG));
    assert_eq!(check(&name[..sys::LONGEST_LOCAL_NAME]), Ok(()));
    assert_eq!(check("@"), Err(Errno::EINVAL));
    assert_eq!(check("a\0b"), Err(Errno::EINVAL));
    assert_eq!(errno(listen("@", &options())), Some(Errno::EINVAL));
    let too_long = listen(&format!("{longest}a"), &options());
    assert_eq!(errno(too_long), Some(Errno::ENAMETOOLONG));
}

#[test]
fn connecting_needs_a_listener() {
    let scratch = Scratch::new();
    let path = scratch.path("s");
    assert_eq!(errno(connect(&path)), Some(Errno::ENOENT));
    assert!(connect(&path).is_err_and(|error| error.descriptor.is_some()));
    assert_eq!(connect("@").err(), Some(OpenError::from(Errno::EINVAL)));
    drop(listen(&path, &options()).unwrap());
    assert_eq!(errno(connect(&path)), Some(Errno::ECONNREFUSED));
}

#[test]
fn prepared_descriptors_keep_their_file() {
    let scratch = Scratch::new();
    let path = scratch.path("s");
    let prepared = UnixListener::bind(&path).unwrap();
    let mut options = options();
    options.use_fd = prepared.as_raw_fd();
    std::mem::forget(prepared);
    let (listener, _client, server) = pair(&path, &options);
    assert!(server.is_ok() && listener.temporary.is_none());
    listener.close().unwrap();
    assert!(Path::new(&path).exists());
    options.use_fd = i32::MAX;
    assert_eq!(errno(listen(&path, &options)), Some(Errno::EBADF));
    assert_eq!(errno(listen("@", &options)), Some(Errno::EINVAL));
}

#[test]
fn any_matching_filter_lets_a_peer_in() {
    let scratch = Scratch::new();
    let path = scratch.path("s");
    let (_listener, client, _server) = pair(&path, &options());
    let me = sys::peer_credentials(client.as_fd()).unwrap();
    let pid = me.pid.unwrap();
    let outcome = |set: &dyn Fn(&mut SocketOptions)| {
        let mut options = options();
        set(&mut options);
        pair(&path, &options).2.map(drop)
    };
    assert_eq!(
        outcome(&|o| {
            o.ipc_uid_accept_filters.insert(me.uid);
        }),
        Ok(())
    );
    assert_eq!(
        outcome(&|o| {
            o.ipc_gid_accept_filters.insert(me.gid);
        }),
        Ok(())
    );
    assert_eq!(
        outcome(&|o| {
            o.ipc_pid_accept_filters.insert(pid);
        }),
        Ok(())
    );
    let stranger = me.uid + 1;
    assert_eq!(
        outcome(&|o| {
            o.ipc_uid_accept_filters.insert(stranger);
        }),
        Err(FILTERED)
    );
    assert_eq!(
        outcome(&|o| {
            o.ipc_pid_accept_filters.insert(pid + 1);
        }),
        Err(FILTERED)
    );
    let nobody = 3_999_999_999;
    assert_eq!(
        outcome(&|o| {
            o.ipc_gid_accept_filters.insert(nobody);
        }),
        Err(FILTERED)
    );
    let both = |o: &mut SocketOptions| {
        o.ipc_uid_accept_filters.insert(stranger);
        o.ipc_pid_accept_filters.insert(pid);
    };
    assert_eq!(outcome(&both), Ok(()));
}
