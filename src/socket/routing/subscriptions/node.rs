//! The nodes and leaves of a trie.

use super::children::{occupied, span, Children};
use super::place::{NodeId, NO_NODE};

/// How many bytes of a path one node holds.
pub const LABEL: usize = 18;

/// The same for a leaf.
pub const LEAF_LABEL: usize = 3;

/// The places of a [`Shape::Row`].
const ROW: usize = 10;

// On a cache line of its own: a step of a walk reads one.
#[repr(align(64))]
pub struct Node<V> {
    pub payload: V,
    shape: Shape,
}

enum Shape {
    /// For any label and any children.
    Wide { parent: NodeId, length: u8, label: [u8; LABEL], children: Children },
    /// A label of one byte and children whose bytes are close together, in the node itself: with
    /// the ten digits, a dense tree needs nothing else.
    Row { parent: NodeId, label: [u8; 1], lowest: u8, nodes: [NodeId; ROW] },
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
        Node { payload: V::default(), shape: Shape::of(parent, label, &[]) }
    }

    pub fn parent(&self) -> NodeId {
        match &self.shape {
            Shape::Wide { parent, .. } | Shape::Row { parent, .. } => *parent,
        }
    }

    #[inline]
    pub fn label(&self) -> &[u8] {
        match &self.shape {
            Shape::Wide { length, label, .. } => &label[..usize::from(*length).min(LABEL)],
            Shape::Row { label, .. } => label,
        }
    }

    /// What is left of a path after the label with which it has to begin. Its first byte, which
    /// led here, is not looked at; most nodes of a dense tree have no other.
    #[inline]
    pub fn pass<'a>(&self, path: &'a [u8]) -> Option<&'a [u8]> {
        match &self.shape {
            Shape::Wide { .. } => {
                let label = self.label();
                let (head, rest) = path.split_at_checked(label.len())?;
                (head.len() <= 1 || head == label).then_some(rest)
            }
            Shape::Row { .. } => path.get(1..),
        }
    }

    /// Moves the node to another parent, with another label, for which it has room.
    pub fn set_place(&mut self, parent: NodeId, label: &[u8]) {
        let children: Vec<(u8, NodeId)> = self.children().collect();
        self.shape = Shape::of(parent, label, &children);
    }

    #[inline]
    pub fn child(&self, byte: u8) -> Option<NodeId> {
        match &self.shape {
            Shape::Wide { children, .. } => children.find(byte),
            Shape::Row { lowest, nodes, .. } => {
                row_place(*lowest, byte).map(|place| nodes[place]).filter(|node| *node != NO_NODE)
            }
        }
    }

    pub fn is_childless(&self) -> bool {
        self.first_child().is_none()
    }

    /// The child and its byte, if it is the only one.
    pub fn only_child(&self) -> Option<(u8, NodeId)> {
        let mut children = self.children();
        let only = children.next()?;
        children.next().is_none().then_some(only)
    }

    /// The child with the smallest byte, and that byte.
    pub fn first_child(&self) -> Option<(u8, NodeId)> {
        self.children().next()
    }

    /// The child with the next byte above `byte`, and its byte.
    pub fn child_after(&self, byte: u8) -> Option<(u8, NodeId)> {
        self.children().find(|(own, _)| *own > byte)
    }

    /// Adds a child under a byte that has none.
    pub fn add_child(&mut self, byte: u8, node: NodeId) {
        let fits = match &mut self.shape {
            Shape::Wide { children, .. } => children.insert(byte, node),
            Shape::Row { lowest, nodes, .. } => {
                row_place(*lowest, byte).map(|place| nodes[place] = node).is_some()
            }
        };
        if !fits {
            let mut all: Vec<(u8, NodeId)> = self.children().collect();
            let place = all.partition_point(|(own, _)| *own < byte);
            all.insert(place, (byte, node));
            self.shape = Shape::of(self.parent(), self.label(), &all);
        }
    }

    /// Puts another node in the place of the child under `byte`.
    pub fn replace_child(&mut self, byte: u8, node: NodeId) {
        match &mut self.shape {
            Shape::Wide { children, .. } => children.replace(byte, node),
            Shape::Row { lowest, nodes, .. } => {
                if let Some(place) = row_place(*lowest, byte) {
                    nodes[place] = node;
                }
            }
        }
    }

    pub fn remove_child(&mut self, byte: u8) {
        match &mut self.shape {
            Shape::Wide { children, .. } => children.remove(byte),
            Shape::Row { .. } => self.replace_child(byte, NO_NODE),
        }
    }

    pub fn children(&self) -> impl Iterator<Item = (u8, NodeId)> + '_ {
        let (lowest, bytes, nodes) = match &self.shape {
            Shape::Wide { children, .. } => children.parts(),
            Shape::Row { lowest, nodes, .. } => (*lowest, &[][..], &nodes[..]),
        };
        occupied(lowest, bytes, nodes)
    }

    #[cfg(test)]
    pub fn is_row(&self) -> bool {
        matches!(self.shape, Shape::Row { .. })
    }
}

impl Shape {
    fn of(parent: NodeId, label: &[u8], children: &[(u8, NodeId)]) -> Self {
        match (label, children) {
            // Up to four children stand in a node of the other shape, too.
            ([byte], [(lowest, _), _, _, _, _, ..]) if span(children) <= ROW => {
                let mut nodes = [NO_NODE; ROW];
                for (byte, node) in children {
                    if let Some(place) = row_place(*lowest, *byte) {
                        nodes[place] = *node;
                    }
                }
                Shape::Row { parent, label: [*byte], lowest: *lowest, nodes }
            }
            _ => {
                let length = label.len().min(LABEL) as u8;
                let children = Children::of(children);
                Shape::Wide { parent, length, label: padded(label), children }
            }
        }
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

/// Where a byte stands in a row from `lowest` on, which ends at the last byte even if it has more
/// places.
#[inline]
fn row_place(lowest: u8, byte: u8) -> Option<usize> {
    byte.checked_sub(lowest).map(usize::from).filter(|place| *place < ROW)
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
