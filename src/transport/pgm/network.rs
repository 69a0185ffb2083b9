//! The groups and interfaces that an address names.

use std::ffi::CString;
use std::ptr;

use super::system::*;
use crate::error::{Errno, Result};

/// Groups and interfaces of a network's name.
pub struct Network(*mut AddressInfo);

impl Network {
    pub fn find(name: &str) -> Result<Network> {
        let name = CString::new(name).map_err(|_| Errno::EINVAL)?;
        let mut network = Network(ptr::null_mut());
        // SAFETY: the name is a C string, the rest are variables, and no hints are given.
        check(|error| unsafe {
            pgm_getaddrinfo(name.as_ptr(), ptr::null(), &raw mut network.0, error)
        })?;
        if network.receive().is_empty() || network.send().is_empty() {
            return Err(Errno::EINVAL);
        }
        Ok(network)
    }

    pub fn receive(&self) -> &[GroupRequest] {
        // SAFETY: OpenPGM filled the structure, which lives as long as this; null is looked for.
        unsafe { self.0.as_ref().map_or(&[], |info| requests(info.receive, info.receive_count)) }
    }

    pub fn send(&self) -> &[GroupRequest] {
        // SAFETY: as above.
        unsafe { self.0.as_ref().map_or(&[], |info| requests(info.send, info.send_count)) }
    }
}

/// # Safety
/// `first` is null or leads to so many requests.
unsafe fn requests<'a>(first: *const GroupRequest, count: u32) -> &'a [GroupRequest] {
    if first.is_null() {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(first, count as usize) }
}

impl Drop for Network {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: OpenPGM gave it to us, and nobody borrows from it any more.
            unsafe { pgm_freeaddrinfo(self.0) }
        }
    }
}
