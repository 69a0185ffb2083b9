use super::*;

const NO_LIMIT: u64 = u64::MAX;

type Parts = Vec<Vec<u8>>;

fn messages() -> Vec<Parts> {
    (0..50usize)
        .map(|number| {
            (0..1 + number % 3).map(|part| vec![number as u8; (number * 37 + part) % 400]).collect()
        })
        .collect()
}

fn packets(messages: &[Parts], capacity: usize) -> Vec<Vec<u8>> {
    let mut parts: VecDeque<(bool, Vec<u8>)> = messages
        .iter()
        .flat_map(|message| {
            message
                .iter()
                .enumerate()
                .map(|(index, part)| (index + 1 < message.len(), part.clone()))
        })
        .collect();
    let mut packer = Packer::new(capacity);
    let mut packets = Vec::new();
    loop {
        let packet = packer.packet(|body| {
            let (more, part) = parts.pop_front()?;
            body.extend_from_slice(&part);
            Some(more)
        });
        if packet.is_empty() {
            assert!(!packer.has_unsent());
            return packets;
        }
        assert!(packet.len() <= capacity);
        packets.push(packet.to_vec());
        packer.sent();
    }
}

fn all(assembler: &mut Assembler) -> Vec<Parts> {
    core::iter::from_fn(|| assembler.next_message()).collect()
}

#[test]
fn packets_of_all_sizes_carry_messages() {
    for capacity in [3, 4, 10, 100, 1400, 60_000] {
        let mut assembler = Assembler::new(Layout::Plain, NO_LIMIT);
        for packet in packets(&messages(), capacity) {
            let (_, bytes) = split_packet(&packet).unwrap();
            assembler.push(bytes).unwrap();
        }
        assert_eq!(all(&mut assembler), messages(), "{capacity}");
    }
}

#[test]
fn who_joins_late_begins_with_a_whole_message() {
    let packets = packets(&messages(), 100);
    for first in 0..packets.len() {
        let mut assembler = Assembler::new(Layout::Plain, NO_LIMIT);
        let mut joined = false;
        for packet in &packets[first..] {
            let (offset, bytes) = split_packet(packet).unwrap();
            let start = if joined { Some(0) } else { offset };
            if let Some(start) = start {
                joined = true;
                assembler.push(&bytes[start..]).unwrap();
            }
        }
        let received = all(&mut assembler);
        let sent = messages();
        assert_eq!(received, sent[sent.len() - received.len()..], "{first}");
    }
}

#[test]
fn marked_frames_carry_messages() {
    let mut stream = Vec::new();
    for message in messages() {
        for (index, part) in message.iter().enumerate() {
            append_marked(index == 0, index + 1 < message.len(), part, &mut stream);
        }
    }
    for step in [1, 7, 1000] {
        let mut assembler = Assembler::new(Layout::Marked, NO_LIMIT);
        for bytes in stream.chunks(step) {
            assembler.push(bytes).unwrap();
        }
        assert_eq!(all(&mut assembler), messages());
    }
}

#[test]
fn streams_out_of_step() {
    let mut marked = Assembler::new(Layout::Marked, 10);
    assert_eq!(marked.push(&[CONTINUED, 0, 1, b'a']), Err(OutOfStep));
    marked.restart();
    assert_eq!(marked.push(&[0, 1, 1, b'a', 0, 0, 0]), Err(OutOfStep));
    marked.restart();
    assert_eq!(marked.push(&[0, 0, 11]), Err(OutOfStep));
    marked.restart();
    assert_eq!(marked.push(&[0, 0, 1, b'a']), Ok(()));
    assert!(marked.has_messages());
    assert_eq!(all(&mut marked), [[b"a"]]);
    let mut plain = Assembler::new(Layout::Plain, 10);
    assert_eq!(plain.push(&[0]), Err(OutOfStep));
    for packet in [&b""[..], b"\0", b"\0\x05abcd", b"\xff\xfeab"] {
        assert_eq!(split_packet(packet), None);
    }
    assert_eq!(split_packet(b"\0\0"), Some((Some(0), &b""[..])));
    assert_eq!(split_packet(b"\xff\xffab"), Some((None, &b"ab"[..])));
}
