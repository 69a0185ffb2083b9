//! What a monitor tells about a socket, and how it looks as a message.
//!
//! Numbers are in the byte order of the machine: a monitor never leaves the process.
//! Version 1 is two frames: the event's number (16 bits) with one value (32 bits), then an address.
//! Version 2 is the event, the count of values and each value as 64-bit numbers in frames of their
//! own, then the local and the remote address.
#![deny(unsafe_code)]

/// Something that happened to a socket or to one of its connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// One of the `ZMQ_EVENT_*` bits.
    pub kind: u64,
    /// A descriptor, an error number, a time: what `kind` says. All but `PIPES_STATS` have one.
    pub values: Vec<u64>,
    /// This side's address; empty where there is none.
    pub local: String,
    /// The peer's address; empty where there is none.
    pub remote: String,
    /// True when this side bound the endpoint. The one address of version 1 is then the local one.
    pub bound: bool,
}

impl Event {
    /// An event with one value, as almost all are. A negative value keeps its sign when a program
    /// reads it as a signed number of either width.
    pub fn new(kind: u64, value: i64, local: &str, remote: &str, bound: bool) -> Self {
        Event {
            kind,
            values: vec![value as u64],
            local: local.to_owned(),
            remote: remote.to_owned(),
            bound,
        }
    }

    /// The frames of the message in this version of the format; none for a version that does not
    /// exist, or when version 1 has no place for the event.
    pub fn frames(&self, version: i32) -> Vec<Vec<u8>> {
        match version {
            1 => self.frames_v1().unwrap_or_default(),
            2 => self.frames_v2(),
            _ => Vec::new(),
        }
    }

    fn frames_v1(&self) -> Option<Vec<Vec<u8>>> {
        let kind = u16::try_from(self.kind).ok()?;
        let [value] = self.values[..] else {
            return None;
        };
        let mut head = kind.to_ne_bytes().to_vec();
        head.extend_from_slice(&(value as u32).to_ne_bytes());
        let address = if self.bound { &self.local } else { &self.remote };
        Some(vec![head, address.clone().into_bytes()])
    }

    fn frames_v2(&self) -> Vec<Vec<u8>> {
        let numbers = [self.kind, self.values.len() as u64];
        let numbers = numbers.iter().chain(&self.values);
        let mut frames: Vec<Vec<u8>> = numbers.map(|n| n.to_ne_bytes().to_vec()).collect();
        frames.push(self.local.clone().into_bytes());
        frames.push(self.remote.clone().into_bytes());
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCEPTED: u64 = 0x20;
    const PIPES_STATS: u64 = 0x10000;

    #[test]
    fn version_1_has_one_value_and_one_address() {
        let mut event = Event::new(ACCEPTED, 9, "tcp://local", "tcp://remote", true);
        let frames = event.frames(1);
        assert_eq!(frames.len(), 2);
        assert_eq!(frames[0][..2], 0x20_u16.to_ne_bytes());
        assert_eq!(frames[0][2..], 9_i32.to_ne_bytes());
        assert_eq!(frames[1], b"tcp://local");
        event.bound = false;
        assert_eq!(event.frames(1)[1], b"tcp://remote");
    }

    #[test]
    fn version_2_has_all_values_and_both_addresses() {
        let mut event = Event::new(PIPES_STATS, 1, "tcp://local", "", true);
        event.values.push(2);
        let expected = [
            0x10000_u64.to_ne_bytes().to_vec(),
            2_u64.to_ne_bytes().to_vec(),
            1_u64.to_ne_bytes().to_vec(),
            2_u64.to_ne_bytes().to_vec(),
            b"tcp://local".to_vec(),
            Vec::new(),
        ];
        assert_eq!(event.frames(2), expected);
    }

    #[test]
    fn negative_values_keep_their_sign() {
        let event = Event::new(ACCEPTED, -1, "", "", false);
        assert_eq!(event.frames(1)[0][2..], (-1_i32).to_ne_bytes());
        assert_eq!(event.frames(2)[2], (-1_i64).to_ne_bytes());
    }

    #[test]
    fn what_version_1_cannot_say_is_no_message() {
        assert!(Event::new(PIPES_STATS, 1, "", "", false).frames(1).is_empty());
        assert!(Event::default().frames(1).is_empty());
        assert!(Event::new(ACCEPTED, 1, "", "", false).frames(3).is_empty());
    }
}
