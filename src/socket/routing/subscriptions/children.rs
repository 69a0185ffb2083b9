//! The branches of a trie node: from the next byte of a path to the node that goes on with it.
//!
//! Three shapes, chosen so that a lookup touches few cache lines: up to four branches stand in the
//! node itself; more of them with bytes close together, or very many, become a table that is indexed
//! by the byte; what is left stands in a sorted array of sixteen. (A node with a short label has a
//! fourth, without this module: up to ten bytes close together in the node itself.)

use super::place::{NodeId, NO_NODE};

/// The largest range of bytes for which a table takes no more memory than a sorted array.
const NARROW: usize = 20;

pub enum Children {
    Few(Sorted<4>),
    Some(Box<Sorted<16>>),
    /// A place for every byte from the lowest one in use to the highest.
    Many {
        lowest: u8,
        nodes: Box<[NodeId]>,
    },
}

impl Children {
    #[inline]
    pub fn find(&self, byte: u8) -> Option<NodeId> {
        let node = match self {
            Children::Few(sorted) => sorted.find(byte),
            Children::Some(sorted) => sorted.find(byte),
            Children::Many { lowest, nodes } => {
                nodes.get(usize::from(byte.wrapping_sub(*lowest))).copied()
            }
        };
        node.filter(|node| *node != NO_NODE)
    }

    /// Adds a child under a byte that has none. False when this shape has no room for it.
    pub fn insert(&mut self, byte: u8, node: NodeId) -> bool {
        match self {
            Children::Few(sorted) => sorted.insert(byte, node),
            Children::Some(sorted) => sorted.insert(byte, node),
            Children::Many { lowest, nodes } => {
                let place = nodes.get_mut(usize::from(byte.wrapping_sub(*lowest)));
                place.map(|place| *place = node).is_some()
            }
        }
    }

    /// Puts another node in the place of the child under `byte`.
    pub fn replace(&mut self, byte: u8, node: NodeId) {
        if let Some(place) = self.place(byte) {
            *place = node;
        }
    }

    pub fn remove(&mut self, byte: u8) {
        match self {
            Children::Few(sorted) => sorted.remove(byte),
            Children::Some(sorted) => sorted.remove(byte),
            Children::Many { .. } => self.replace(byte, NO_NODE),
        }
        // A shape is kept until it is clearly too large, so that it does not change at every step.
        let length = self.iter().count();
        let too_large = match self {
            Children::Few(_) => false,
            Children::Some(_) => length < 4,
            Children::Many { nodes, .. } => length < 4 || (length < 13 && nodes.len() > NARROW),
        };
        if too_large {
            let all: Vec<(u8, NodeId)> = self.iter().collect();
            *self = Children::of(&all);
        }
    }

    /// The shape that suits these children, which are in order.
    pub fn of(children: &[(u8, NodeId)]) -> Self {
        let lowest = children.first().map_or(0, |(byte, _)| *byte);
        let span = span(children);
        match children.len() {
            0..=4 => Children::Few(Sorted::of(children)),
            5..=16 if span > NARROW => Children::Some(Box::new(Sorted::of(children))),
            _ => {
                let mut nodes = vec![NO_NODE; span].into_boxed_slice();
                for (byte, node) in children {
                    if let Some(place) = nodes.get_mut(usize::from(byte.wrapping_sub(lowest))) {
                        *place = *node;
                    }
                }
                Children::Many { lowest, nodes }
            }
        }
    }

    fn iter(&self) -> impl Iterator<Item = (u8, NodeId)> + '_ {
        let (lowest, bytes, nodes) = self.parts();
        occupied(lowest, bytes, nodes)
    }

    /// What [`occupied`] wants to know.
    pub fn parts(&self) -> (u8, &[u8], &[NodeId]) {
        match self {
            Children::Few(sorted) => (0, &sorted.bytes, &sorted.nodes),
            Children::Some(sorted) => (0, &sorted.bytes, &sorted.nodes),
            Children::Many { lowest, nodes } => (*lowest, &[], nodes),
        }
    }

    fn place(&mut self, byte: u8) -> Option<&mut NodeId> {
        let place = match self {
            Children::Few(sorted) => sorted.place(byte),
            Children::Some(sorted) => sorted.place(byte),
            Children::Many { lowest, nodes } => {
                nodes.get_mut(usize::from(byte.wrapping_sub(*lowest)))
            }
        };
        place.filter(|node| **node != NO_NODE)
    }
}

/// The children among places that stand for `bytes`, or where these are none for those from `lowest`
/// on, in order.
pub fn occupied<'a>(
    lowest: u8,
    bytes: &'a [u8],
    nodes: &'a [NodeId],
) -> impl Iterator<Item = (u8, NodeId)> + 'a {
    let places = (lowest..=u8::MAX).zip(nodes).enumerate();
    places.filter_map(move |(place, (counted, node))| {
        let byte = bytes.get(place).copied().unwrap_or(counted);
        (*node != NO_NODE).then_some((byte, *node))
    })
}

/// The number of bytes from the lowest to the highest of some children, which are in order.
pub fn span(children: &[(u8, NodeId)]) -> usize {
    match (children.first(), children.last()) {
        (Some((lowest, _)), Some((highest, _))) => usize::from(highest.saturating_sub(*lowest)) + 1,
        _ => 0,
    }
}

/// Up to `N` children in the order of their bytes; then unused places, with zeros.
pub struct Sorted<const N: usize> {
    bytes: [u8; N],
    nodes: [NodeId; N],
}

impl<const N: usize> Sorted<N> {
    fn of(children: &[(u8, NodeId)]) -> Self {
        let mut sorted = Sorted { bytes: [0; N], nodes: [NO_NODE; N] };
        for (place, (byte, node)) in children.iter().take(N).enumerate() {
            sorted.bytes[place] = *byte;
            sorted.nodes[place] = *node;
        }
        sorted
    }

    fn length(&self) -> usize {
        self.nodes.iter().filter(|node| **node != NO_NODE).count()
    }

    // A zero byte may be found in an unused place, where there is no node; a used one comes first.
    #[inline]
    fn find(&self, byte: u8) -> Option<NodeId> {
        self.nodes.get(first_equal(&self.bytes, byte)?).copied()
    }

    fn place(&mut self, byte: u8) -> Option<&mut NodeId> {
        self.nodes.get_mut(first_equal(&self.bytes, byte)?)
    }

    /// False when there is no room.
    fn insert(&mut self, byte: u8, node: NodeId) -> bool {
        let length = self.length();
        if length >= N {
            return false;
        }
        let used = self.bytes.iter().take(length);
        let place = used.filter(|own| **own < byte).count();
        self.bytes.copy_within(place..length, place + 1);
        self.nodes.copy_within(place..length, place + 1);
        self.bytes[place] = byte;
        self.nodes[place] = node;
        true
    }

    fn remove(&mut self, byte: u8) {
        let length = self.length();
        match first_equal(&self.bytes, byte) {
            Some(place) if place < length => {
                self.bytes.copy_within(place + 1..length, place);
                self.nodes.copy_within(place + 1..length, place);
                self.bytes[length - 1] = 0;
                self.nodes[length - 1] = NO_NODE;
            }
            _ => {}
        }
    }
}

/// Where `byte` stands first, four places at a time: subtracting one from each byte of the
/// difference borrows into the highest bit of the first one that is zero.
#[inline]
fn first_equal<const N: usize>(bytes: &[u8; N], byte: u8) -> Option<usize> {
    const ONES: u32 = 0x0101_0101;
    for (number, word) in bytes.chunks_exact(4).enumerate() {
        let word = u32::from_le_bytes(word.try_into().ok()?);
        let difference = word ^ (ONES * u32::from(byte));
        let zeros = difference.wrapping_sub(ONES) & !difference & (ONES << 7);
        if zeros != 0 {
            return Some(number * 4 + zeros.trailing_zeros() as usize / 8);
        }
    }
    None
}
