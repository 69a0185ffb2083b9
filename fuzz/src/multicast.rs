//! Streams of PGM and NORM, put together again.

use zmq::zmtp::multicast::{append_marked, split_packet, Assembler, Layout, Packer};

use super::script::{joined, long_piece, Script};

/// Pieces of a publisher's stream, some of them lost.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let layout = script.pick(&[Layout::Plain, Layout::Marked]);
    let limit = script.pick(&[u64::MAX, 0, 100, i64::MAX as u64]);
    let (mut one, mut other) = (Assembler::new(layout, limit), Assembler::new(layout, limit));
    let mut count = 0;
    while !script.is_empty() {
        let is_lost = script.byte() == 1;
        let packet = script.long_piece();
        if is_lost {
            one.restart();
            other.restart();
            continue;
        }
        if let Some((offset, bytes)) = split_packet(packet) {
            assert!(offset.is_none_or(|offset| offset <= bytes.len()));
        }
        count += packet.len();
        let outcome = one.push(packet);
        let in_pieces = packet.chunks(3).try_for_each(|piece| other.push(piece));
        assert_eq!(outcome, in_pieces);
        loop {
            let (message, same) = (one.next_message(), other.next_message());
            assert_eq!(message, same);
            let Some(parts) = message else { break };
            assert!(parts.iter().all(|part| part.len() as u64 <= limit && part.len() <= count));
        }
        if outcome.is_err() {
            one.restart();
            other.restart();
        }
    }
    pack(data);
}

/// What is packed can be unpacked.
fn pack(data: &[u8]) {
    let capacity = data.first().map_or(3, |&first| usize::from(first));
    let mut bodies = data.chunks(7);
    let mut packer = Packer::new(capacity);
    let mut assembler = Assembler::new(Layout::Plain, u64::MAX);
    loop {
        let packet = packer.packet(|body| {
            body.extend_from_slice(bodies.next()?);
            Some(false)
        });
        if packet.is_empty() {
            break;
        }
        let (_, bytes) = split_packet(packet).expect("a packet");
        assembler.push(bytes).expect("a stream");
        packer.sent();
    }
    let found: Vec<u8> =
        core::iter::from_fn(|| assembler.next_message()).flatten().flatten().collect();
    assert_eq!(found, data);
}

pub fn seeds() -> Vec<Vec<u8>> {
    let plain = b"\x05\x01part\x05\0last\x01\0";
    let mut marked = Vec::new();
    append_marked(true, true, b"part", &mut marked);
    append_marked(false, false, &[7; 300], &mut marked);
    vec![
        joined(&[&[0, 0, 0], &long_piece(plain)]),
        joined(&[&[0, 2, 0], &long_piece(&plain[..7]), &[0], &long_piece(&plain[7..])]),
        joined(&[&[1, 0, 0], &long_piece(&marked), &[1, 0, 0, 0], &long_piece(&marked)]),
        joined(&[&[0, 0, 0], &long_piece(b"\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0")]),
        joined(&[&[0, 0, 0], &long_piece(b"\0\x05\0\0\0\0\0")]),
    ]
}
