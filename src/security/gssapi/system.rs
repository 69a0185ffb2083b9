//! The system's GSSAPI library (MIT Kerberos), made safe: names, credentials and contexts that
//! release themselves, and tokens that are copied into our own memory.
#![allow(unsafe_code)]

use core::ffi::{c_int, c_void};
use core::ptr::{null, null_mut};
use std::sync::Mutex;

/// The library refused: a name, a ticket, a token, a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused;

const CONTINUE_NEEDED: u32 = 1;
const ERRORS: u32 = 0xffff_0000;
const BOTH_USES: c_int = 0;
/// Both sides prove who they are, and messages count once.
const FLAGS: u32 = 2 | 4;

#[repr(C)]
struct Buffer {
    length: usize,
    value: *mut c_void,
}

#[repr(C)]
struct Oid {
    length: u32,
    elements: *const c_void,
}

type Handle = *mut c_void;

#[link(name = "gssapi_krb5")]
extern "C" {
    fn gss_import_name(
        minor: *mut u32,
        text: *const Buffer,
        kind: *const Oid,
        name: *mut Handle,
    ) -> u32;
    fn gss_release_name(minor: *mut u32, name: *mut Handle) -> u32;
    fn gss_display_name(
        minor: *mut u32,
        name: Handle,
        text: *mut Buffer,
        kind: *mut *const Oid,
    ) -> u32;
    fn gss_release_buffer(minor: *mut u32, buffer: *mut Buffer) -> u32;
    fn gss_acquire_cred(
        minor: *mut u32,
        name: Handle,
        seconds: u32,
        mechanisms: Handle,
        usage: c_int,
        credentials: *mut Handle,
        actual: *mut Handle,
        left: *mut u32,
    ) -> u32;
    fn gss_release_cred(minor: *mut u32, credentials: *mut Handle) -> u32;
    fn gss_init_sec_context(
        minor: *mut u32,
        credentials: Handle,
        context: *mut Handle,
        target: Handle,
        mechanism: *const Oid,
        flags: u32,
        seconds: u32,
        bindings: Handle,
        token: *const Buffer,
        actual: *mut *const Oid,
        answer: *mut Buffer,
        granted: *mut u32,
        left: *mut u32,
    ) -> u32;
    fn gss_accept_sec_context(
        minor: *mut u32,
        context: *mut Handle,
        credentials: Handle,
        token: *const Buffer,
        bindings: Handle,
        peer: *mut Handle,
        mechanism: *mut *const Oid,
        answer: *mut Buffer,
        granted: *mut u32,
        left: *mut u32,
        delegated: *mut Handle,
    ) -> u32;
    fn gss_delete_sec_context(minor: *mut u32, context: *mut Handle, token: *mut Buffer) -> u32;
    fn gss_wrap(
        minor: *mut u32,
        context: Handle,
        encrypt: c_int,
        quality: u32,
        plain: *const Buffer,
        encrypted: *mut c_int,
        wrapped: *mut Buffer,
    ) -> u32;
    fn gss_unwrap(
        minor: *mut u32,
        context: Handle,
        wrapped: *const Buffer,
        plain: *mut Buffer,
        encrypted: *mut c_int,
        quality: *mut u32,
    ) -> u32;
}

fn borrowed(bytes: &[u8]) -> Buffer {
    Buffer { length: bytes.len(), value: bytes.as_ptr().cast_mut().cast() }
}

const EMPTY: Buffer = Buffer { length: 0, value: null_mut() };

/// Copies what the library gave, and gives it back.
fn taken(mut buffer: Buffer) -> Vec<u8> {
    let bytes = if buffer.value.is_null() {
        Vec::new()
    } else {
        // SAFETY: the library filled the buffer with so many bytes.
        unsafe { core::slice::from_raw_parts(buffer.value.cast::<u8>(), buffer.length) }.to_vec()
    };
    // SAFETY: the buffer came from the library and is released once.
    unsafe { gss_release_buffer(&mut 0, &mut buffer) };
    bytes
}

/// What kind of name a text is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameType {
    HostBased,
    UserName,
    Krb5Principal,
}

impl NameType {
    fn identifier(self) -> &'static [u8; 10] {
        match self {
            NameType::HostBased => b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04",
            NameType::UserName => b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x01",
            NameType::Krb5Principal => b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01",
        }
    }
}

/// A principal.
#[derive(Debug)]
pub struct Name(Handle);

// SAFETY: the library lets any thread use its objects, one at a time.
unsafe impl Send for Name {}

impl Name {
    pub fn new(text: &[u8], kind: NameType) -> Result<Name, Refused> {
        let identifier = kind.identifier();
        let kind = Oid { length: 10, elements: identifier.as_ptr().cast() };
        let mut name = null_mut();
        // SAFETY: text and kind live through the call, which copies them.
        let status = unsafe { gss_import_name(&mut 0, &borrowed(text), &kind, &mut name) };
        if status & ERRORS != 0 {
            Err(Refused)
        } else {
            Ok(Name(name))
        }
    }

    /// The name in full, as ZAP is told.
    fn text(&self) -> Vec<u8> {
        let mut text = EMPTY;
        // SAFETY: the name is alive, and the buffer is for the library to fill.
        unsafe { gss_display_name(&mut 0, self.0, &mut text, null_mut()) };
        taken(text)
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        // SAFETY: the name is released once.
        unsafe { gss_release_name(&mut 0, &mut self.0) };
    }
}

/// What proves who we are. Without a principal, whatever the system has.
#[derive(Debug)]
pub struct Credentials(Handle);

// SAFETY: as for Name.
unsafe impl Send for Credentials {}

impl Credentials {
    pub fn of_system() -> Credentials {
        Credentials(null_mut())
    }

    pub fn of(name: &Name) -> Result<Credentials, Refused> {
        let mut credentials = null_mut();
        // SAFETY: the name is alive; null stands for what is not wanted.
        let status = unsafe {
            let (actual, left) = (null_mut(), null_mut());
            let place = &mut credentials;
            gss_acquire_cred(&mut 0, name.0, 0, null_mut(), BOTH_USES, place, actual, left)
        };
        if status & ERRORS != 0 {
            Err(Refused)
        } else {
            Ok(Credentials(credentials))
        }
    }
}

impl Drop for Credentials {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the credentials are released once.
            unsafe { gss_release_cred(&mut 0, &mut self.0) };
        }
    }
}

/// How far a context came with a token.
#[derive(Debug)]
pub struct Step {
    /// For the peer; empty when it needs none.
    pub answer: Vec<u8>,
    pub complete: bool,
}

/// What both sides establish, and then protect messages with.
#[derive(Debug)]
pub struct Context {
    handle: Mutex<Handle>,
}

// SAFETY: as for Name; the lock sees to one at a time.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Default for Context {
    fn default() -> Context {
        Context { handle: Mutex::new(null_mut()) }
    }
}

impl Context {
    fn lock(&self) -> std::sync::MutexGuard<'_, Handle> {
        self.handle.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The client's step. May ask the Kerberos server for a ticket, and waits for it.
    pub fn initiate(
        &self,
        credentials: &Credentials,
        target: &Name,
        token: &[u8],
    ) -> Result<Step, Refused> {
        let mut answer = EMPTY;
        // SAFETY: all objects are alive; the library fills the answer.
        let status = unsafe {
            gss_init_sec_context(
                &mut 0,
                credentials.0,
                &mut *self.lock(),
                target.0,
                null(),
                FLAGS,
                0,
                null_mut(),
                &borrowed(token),
                null_mut(),
                &mut answer,
                null_mut(),
                null_mut(),
            )
        };
        Context::step(status, answer)
    }

    /// The server's step; with the last one comes the client's name.
    pub fn accept(
        &self,
        credentials: &Credentials,
        token: &[u8],
    ) -> Result<(Step, Vec<u8>), Refused> {
        let mut answer = EMPTY;
        let mut peer = null_mut();
        // SAFETY: as above.
        let status = unsafe {
            gss_accept_sec_context(
                &mut 0,
                &mut *self.lock(),
                credentials.0,
                &borrowed(token),
                null_mut(),
                &mut peer,
                null_mut(),
                &mut answer,
                null_mut(),
                null_mut(),
                null_mut(),
            )
        };
        let peer = if peer.is_null() { Vec::new() } else { Name(peer).text() };
        Ok((Context::step(status, answer)?, peer))
    }

    fn step(status: u32, answer: Buffer) -> Result<Step, Refused> {
        let answer = taken(answer);
        if status & ERRORS != 0 {
            return Err(Refused);
        }
        Ok(Step { answer, complete: status & CONTINUE_NEEDED == 0 })
    }

    pub fn wrap(&self, plain: &[u8]) -> Result<Vec<u8>, Refused> {
        let (mut wrapped, mut encrypted) = (EMPTY, 0);
        // SAFETY: as above.
        let status = unsafe {
            let handle = self.lock();
            gss_wrap(&mut 0, *handle, 1, 0, &borrowed(plain), &mut encrypted, &mut wrapped)
        };
        let wrapped = taken(wrapped);
        if status & ERRORS != 0 || encrypted == 0 {
            Err(Refused)
        } else {
            Ok(wrapped)
        }
    }

    pub fn unwrap(&self, wrapped: &[u8]) -> Result<Vec<u8>, Refused> {
        let (mut plain, mut encrypted) = (EMPTY, 0);
        // SAFETY: as above.
        let status = unsafe {
            let handle = self.lock();
            gss_unwrap(&mut 0, *handle, &borrowed(wrapped), &mut plain, &mut encrypted, null_mut())
        };
        let plain = taken(plain);
        // Anything but success, such as a message that came before, is refused.
        if status != 0 || encrypted == 0 {
            Err(Refused)
        } else {
            Ok(plain)
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let mut handle = self.lock();
        if !handle.is_null() {
            // SAFETY: the context is deleted once.
            unsafe { gss_delete_sec_context(&mut 0, &mut *handle, null_mut()) };
        }
    }
}
