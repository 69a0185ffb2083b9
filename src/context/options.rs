//! Context options (`zmq_ctx_set(3)`, `zmq_ctx_get(3)`).

use std::collections::BTreeSet;

use crate::error::{Errno, Result};
use crate::options::constants::*;
use crate::options::value::SetValue;

/// What `ZMQ_SOCKET_LIMIT` reads as. A larger `ZMQ_MAX_SOCKETS` is accepted all the same.
pub const SOCKET_LIMIT: i32 = 65_535;
/// More I/O threads than this are refused when the context starts.
pub const IO_THREADS_LIMIT: i32 = 1024;

const THREAD_NAME_PREFIX_MAX: usize = 16;

/// What a context can be configured with.
#[derive(Clone, Debug)]
pub struct ContextOptions {
    pub max_sockets: i32,
    pub io_threads: i32,
    pub max_msgsz: i32,
    pub ipv6: bool,
    pub blocky: bool,
    pub zero_copy: bool,
    pub thread_priority: i32,
    pub thread_sched_policy: i32,
    pub thread_affinity: BTreeSet<i32>,
    pub thread_name_prefix: Vec<u8>,
}

impl Default for ContextOptions {
    fn default() -> Self {
        ContextOptions {
            max_sockets: ZMQ_MAX_SOCKETS_DFLT,
            io_threads: ZMQ_IO_THREADS_DFLT,
            max_msgsz: i32::MAX,
            ipv6: false,
            blocky: true,
            zero_copy: true,
            thread_priority: ZMQ_THREAD_PRIORITY_DFLT,
            thread_sched_policy: ZMQ_THREAD_SCHED_POLICY_DFLT,
            thread_affinity: BTreeSet::new(),
            thread_name_prefix: Vec::new(),
        }
    }
}

impl ContextOptions {
    /// Sets one option. `EINVAL` for an unknown option, a wrong size or a value out of range.
    pub fn set(&mut self, option: i32, value: SetValue<'_>) -> Result<()> {
        if option == ZMQ_THREAD_NAME_PREFIX {
            return self.set_thread_name_prefix(value);
        }
        let number = value.int_in(0..=i32::MAX)?;
        match option {
            ZMQ_MAX_SOCKETS if number >= 1 => self.max_sockets = number,
            ZMQ_IO_THREADS => self.io_threads = number,
            ZMQ_IPV6 => self.ipv6 = number != 0,
            ZMQ_BLOCKY => self.blocky = number != 0,
            ZMQ_MAX_MSGSZ => self.max_msgsz = number,
            ZMQ_ZERO_COPY_RECV => self.zero_copy = number != 0,
            ZMQ_THREAD_SCHED_POLICY => self.thread_sched_policy = number,
            ZMQ_THREAD_PRIORITY => self.thread_priority = number,
            ZMQ_THREAD_AFFINITY_CPU_ADD => {
                self.thread_affinity.insert(number);
            }
            ZMQ_THREAD_AFFINITY_CPU_REMOVE => {
                if !self.thread_affinity.remove(&number) {
                    return Err(Errno::EINVAL);
                }
            }
            _ => return Err(Errno::EINVAL),
        }
        Ok(())
    }

    fn set_thread_name_prefix(&mut self, value: SetValue<'_>) -> Result<()> {
        self.thread_name_prefix = match value.int() {
            Ok(number) => number.to_string().into_bytes(),
            Err(_) => value.filled(THREAD_NAME_PREFIX_MAX)?.to_vec(),
        };
        Ok(())
    }

    /// Writes one option's value into the caller's buffer and returns how many bytes it has.
    /// `EINVAL` for an unknown option or a buffer of the wrong size.
    pub fn get(&self, option: i32, out: &mut [u8]) -> Result<usize> {
        if option == ZMQ_THREAD_NAME_PREFIX && out.len() != 4 {
            let place = out.get_mut(..self.thread_name_prefix.len()).ok_or(Errno::EINVAL)?;
            place.copy_from_slice(&self.thread_name_prefix);
            return Ok(place.len());
        }
        let value = match option {
            ZMQ_MAX_SOCKETS => self.max_sockets,
            ZMQ_SOCKET_LIMIT => SOCKET_LIMIT,
            ZMQ_IO_THREADS => self.io_threads,
            ZMQ_IPV6 => i32::from(self.ipv6),
            ZMQ_BLOCKY => i32::from(self.blocky),
            ZMQ_MAX_MSGSZ => self.max_msgsz,
            ZMQ_MSG_T_SIZE => core::mem::size_of::<crate::message::Message>() as i32,
            ZMQ_ZERO_COPY_RECV => i32::from(self.zero_copy),
            ZMQ_THREAD_SCHED_POLICY => self.thread_sched_policy,
            ZMQ_THREAD_NAME_PREFIX => leading_number(&self.thread_name_prefix),
            _ => return Err(Errno::EINVAL),
        };
        if out.len() != 4 {
            return Err(Errno::EINVAL);
        }
        out.copy_from_slice(&value.to_ne_bytes());
        Ok(4)
    }
}

/// The number a text begins with, as `atoi` reads it; 0 when it begins with none.
fn leading_number(text: &[u8]) -> i32 {
    let text = text.trim_ascii_start();
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    let number = digits.fold(0i64, |number, digit| {
        let digit = i64::from(digit - b'0');
        number.saturating_mul(10).saturating_add(if negative { -digit } else { digit })
    });
    // A number that does not fit loses its upper half, as in the original.
    number as i32
}

#[cfg(test)]
mod tests {
    use super::leading_number;

    #[test]
    fn numbers_at_the_beginning_of_a_text() {
        let numbers: [(&[u8], i32); 9] = [
            (b"", 0),
            (b"lives", 0),
            (b"9 lives", 9),
            (b" +7", 7),
            (b"-", 0),
            (b"--1", 0),
            (b"-2147483648", i32::MIN),
            (b"4294967299", 3),
            (b"9999999999999999", 1_874_919_423),
        ];
        for (text, number) in numbers {
            assert_eq!(leading_number(text), number, "{text:?}");
        }
    }
}
