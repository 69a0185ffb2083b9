//! The nodes and leaves of a trie.

use super::children::Children;
use super::place::NodeId;

/// How many bytes of a path one node holds.
pub const LABEL: usize = 19;

/// The same for a leaf.
pub const LEAF_LABEL: usize = 3;

// On a cache line of its own: a step of a walk reads one.
#[repr(align(64))]
pub struct Node<V> {
    pub parent: NodeId,
    length: u8,
    label: [u8; LABEL],
    pub payload: V,
    pub children: Children,
}

/// An end of the tree: a node without room for children.
pub struct Leaf<V> {
    pub parent: NodeId,
    length: u8,
    label: [u8; LEAF_LABEL],
    pub payload: V,
}

impl<V: Default> Node<V> {
    pub fn new(parent: NodeId, label: &[u8]) -> Self {
        Node {
            parent,
            length: label.len().min(LABEL) as u8,
            label: padded(label),
            payload: V::default(),
            children: Children::default(),
        }
    }

    #[inline]
    pub fn label(&self) -> &[u8] {
        &self.label[..usize::from(self.length).min(LABEL)]
    }

    /// What is left of a path after the label with which it has to begin. Its first byte, which
    /// led here, is not looked at; most nodes of a dense tree have no other.
    #[inline]
    pub fn pass<'a>(&self, path: &'a [u8]) -> Option<&'a [u8]> {
        let label = self.label();
        let (head, rest) = path.split_at_checked(label.len())?;
        (head.len() <= 1 || head == label).then_some(rest)
    }

    /// Moves the node to another parent, with another label, for which it has room.
    pub fn set_place(&mut self, parent: NodeId, label: &[u8]) {
        (self.parent, self.length, self.label) = (parent, label.len() as u8, padded(label));
    }
}

impl<V> Leaf<V> {
    pub fn new(parent: NodeId, label: &[u8], payload: V) -> Self {
        let length = label.len().min(LEAF_LABEL) as u8;
        Leaf { parent, length, label: padded(label), payload }
    }

    #[inline]
    pub fn label(&self) -> &[u8] {
        &self.label[..usize::from(self.length).min(LEAF_LABEL)]
    }

    /// Moves the leaf to another parent, with another label, for which it has room.
    pub fn set_place(&mut self, parent: NodeId, label: &[u8]) {
        (self.parent, self.length, self.label) = (parent, label.len() as u8, padded(label));
    }
}

/// A label with zeros behind it.
fn padded<const N: usize>(label: &[u8]) -> [u8; N] {
    let mut padded = [0; N];
    padded.iter_mut().zip(label).for_each(|(to, from)| *to = *from);
    padded
}

pub fn first_of(label: &[u8]) -> u8 {
    label.first().copied().unwrap_or(0)
}
