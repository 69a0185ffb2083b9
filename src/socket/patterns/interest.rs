//! How a message says that it is a subscription.

use crate::message::{self, Message};
use crate::zmtp::command::{self, Command};

/// What a subscriber wants from now on, or no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest<'a> {
    Subscribe(&'a [u8]),
    Cancel(&'a [u8]),
}

impl<'a> Interest<'a> {
    /// Reads a SUBSCRIBE or CANCEL command, or the older form of them: a message that begins with
    /// a 1 or a 0 byte. Anything else is no such thing.
    pub fn of(message: &'a Message) -> Option<Interest<'a>> {
        let body = message.data();
        if is_command(message) {
            return match command::parse(body) {
                Ok(Command::Subscribe(topic)) => Some(Interest::Subscribe(topic)),
                Ok(Command::Cancel(topic)) => Some(Interest::Cancel(topic)),
                _ => None,
            };
        }
        match body.split_first()? {
            (1, topic) => Some(Interest::Subscribe(topic)),
            (0, topic) => Some(Interest::Cancel(topic)),
            _ => None,
        }
    }

    /// The message's older form, which applications see and send.
    pub fn to_user_form(self) -> Vec<u8> {
        let (first, topic) = match self {
            Interest::Subscribe(topic) => (1, topic),
            Interest::Cancel(topic) => (0, topic),
        };
        let mut body = Vec::with_capacity(topic.len() + 1);
        body.push(first);
        body.extend_from_slice(topic);
        body
    }
}

/// Whether the message is a ZMTP command.
pub fn is_command(message: &Message) -> bool {
    message.flags() & message::COMMAND != 0
}
