use crate::message::Message;
use crate::pipe::{pair, PipeLimits};

#[test]
fn what_is_unread_goes_down_as_the_reader_goes_on() {
    for len in [100_000, 30_000] {
        let limits = PipeLimits { inbound: 0, outbound: 0, conflate: false };
        let (mut writer, mut reader) = pair(limits);
        let message = Message::copy_of(&vec![7; len]).unwrap();
        for _ in 0..10 {
            assert!(writer.out.write(&message));
        }
        writer.out.flush();
        let all = 10 * len as u64;
        assert!((all..all + 1000).contains(&writer.out.unread_bytes()), "{len}");
        let mut received = Message::new();
        let mut before = writer.out.unread_bytes();
        for left in (0..10).rev() {
            assert!(reader.read(&mut received));
            let unread = writer.out.unread_bytes();
            // The chunk that the reader is in counts whole.
            assert!(unread <= before && unread <= left * len as u64 + 131_072, "{len}: {unread}");
            before = unread;
        }
        assert!(!reader.check_read());
    }
}
