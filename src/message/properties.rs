//! What a message knows besides its body: the connection it came over, its peer's number, its group.

use std::sync::Arc;

use super::group::Group;
use super::{Message, Metadata};
use crate::error::Result;

impl Message {
    /// Properties of the connection the message came over.
    pub fn metadata(&self) -> Option<&Metadata> {
        // SAFETY: the pointer is null or holds one reference of an Arc.
        unsafe { self.metadata.as_ref() }
    }

    /// Attaches the connection's properties, in place of earlier ones.
    pub fn set_metadata(&mut self, metadata: Option<Arc<Metadata>>) {
        self.clear_metadata();
        if let Some(metadata) = metadata {
            self.metadata = Arc::into_raw(metadata);
        }
    }

    /// Has these properties from now on, or none. A message that comes over the same connection as
    /// the one before, in its place, has them already.
    #[inline(always)]
    pub fn adopt_metadata(&mut self, metadata: Option<&Arc<Metadata>>) {
        if self.metadata != metadata.map_or(core::ptr::null(), Arc::as_ptr) {
            self.replace_metadata(metadata);
        }
    }

    #[inline(never)]
    fn replace_metadata(&mut self, metadata: Option<&Arc<Metadata>>) {
        self.set_metadata(metadata.cloned());
    }

    /// A further reference to the connection's properties.
    pub fn metadata_arc(&self) -> Option<Arc<Metadata>> {
        if self.metadata.is_null() {
            return None;
        }
        // SAFETY: the pointer came from Arc::into_raw and the message holds its reference.
        unsafe {
            Arc::increment_strong_count(self.metadata);
            Some(Arc::from_raw(self.metadata))
        }
    }

    /// Forgets the connection's properties.
    #[inline]
    pub fn clear_metadata(&mut self) {
        if !self.metadata.is_null() {
            // SAFETY: as in metadata_arc; this gives the message's own reference back.
            drop(unsafe { Arc::from_raw(self.metadata) });
            self.metadata = core::ptr::null();
        }
    }

    /// The peer's number on SERVER and PEER sockets; 0 when unset.
    pub fn routing_id(&self) -> u32 {
        self.routing_id
    }

    /// Sets the peer's number.
    pub fn set_routing_id(&mut self, routing_id: u32) {
        self.routing_id = routing_id;
    }

    /// The group, with its terminating NUL, as C callers receive it.
    pub fn group_ptr(&self) -> *const u8 {
        self.group.as_ptr()
    }

    /// The group, without its NUL.
    pub fn group(&self) -> &[u8] {
        self.group.name()
    }

    /// Sets the group of a RADIO message. `EINVAL` when it is longer than [`GROUP_MAX`].
    pub fn set_group(&mut self, name: &[u8]) -> Result<()> {
        let group = Group::of(name)?;
        self.group.clear();
        self.group = group;
        Ok(())
    }
}
