//! A prefix tree with compressed paths, in two [`Arena`]s.
//!
//! Nodes name each other by their index, so dropping or walking a tree of any depth needs no
//! recursion, and a node (64 bytes on 64-bit machines) holds up to [`LABEL`] bytes of a path. A
//! longer stretch without branches is a chain of nodes, which bounds the work of splitting one. Most
//! nodes of a large tree are its ends, with a byte or two of a path; those are *leaves*, which have
//! no room for children (24 bytes), in an arena of their own.
//!
//! A node with a payload keeps its index until the next [`Trie::entry`]: a split puts a new node
//! *above* it, a merge removes the node above it, and only a leaf that gets children moves.

use super::arena::Arena;
use super::children::{Children, NodeId};

/// What hangs at the end of a prefix. A vacant payload is as good as none.
pub trait Payload: Default {
    fn is_vacant(&self) -> bool;
}

/// How many bytes of a path one node holds.
const LABEL: usize = 19;

/// The same for a leaf.
const LEAF_LABEL: usize = 3;

const ROOT: NodeId = 0;

/// Marks the index of a leaf.
const LEAF: NodeId = 1 << 31;

fn is_leaf(id: NodeId) -> bool {
    id & LEAF != 0
}

pub struct Trie<V> {
    nodes: Arena<Node<V>>,
    leaves: Arena<Leaf<V>>,
    /// The first of the unused nodes and leaves, which are linked through `parent`; `ROOT` ends the
    /// lists.
    unused: NodeId,
    unused_leaf: NodeId,
}

// On a cache line of its own: a step of a walk reads one.
#[repr(align(64))]
struct Node<V> {
    parent: NodeId,
    length: u8,
    label: [u8; LABEL],
    payload: V,
    children: Children,
}

struct Leaf<V> {
    parent: NodeId,
    length: u8,
    label: [u8; LEAF_LABEL],
    payload: V,
}

impl<V: Payload> Trie<V> {
    pub fn new() -> Self {
        Trie { nodes: Arena::new(), leaves: Arena::new(), unused: ROOT, unused_leaf: ROOT }
    }

    /// The node of the empty prefix, with which a walk begins; an empty tree has none.
    pub fn root(&self) -> Option<NodeId> {
        self.nodes.get(0).map(|_| ROOT)
    }

    /// The payload at the end of `prefix`, made if there is none. `None` when the tree is full.
    pub fn entry(&mut self, prefix: &[u8]) -> Option<&mut V> {
        if self.nodes.len() == 0 {
            self.nodes.push(Node::new(ROOT, &[]));
        }
        let mut at = ROOT;
        let mut rest = prefix;
        while let Some(first) = rest.first() {
            let child = match self.child(at, *first) {
                Some(child) => child,
                None => {
                    at = self.append(at, rest)?;
                    break;
                }
            };
            let label = self.label(child);
            let common = common_length(label, rest);
            at = if common == label.len() { child } else { self.split(child, common)? };
            rest = rest.get(common..)?;
        }
        Some(self.payload_mut(at))
    }

    /// The node at the end of exactly this prefix.
    pub fn find(&self, prefix: &[u8]) -> Option<NodeId> {
        let mut at = self.root()?;
        let mut rest = prefix;
        while let Some(first) = rest.first() {
            at = self.child(at, *first)?;
            rest = rest.strip_prefix(self.label(at))?;
        }
        Some(at)
    }

    /// Calls `visit` with the payload of every node on the way of `topic`, the shortest first,
    /// until it returns false.
    #[inline]
    pub fn visit_prefixes(&self, topic: &[u8], mut visit: impl FnMut(&V) -> bool) {
        let Some(mut node) = self.nodes.get(0) else {
            return;
        };
        let mut rest = topic;
        while visit(&node.payload) {
            let Some(child) = rest.first().and_then(|first| node.children.find(*first)) else {
                return;
            };
            if is_leaf(child) {
                let leaf = self.leaf(child);
                if rest.starts_with(leaf.label()) {
                    visit(&leaf.payload);
                }
                return;
            }
            node = self.node(child);
            let Some((head, after)) = rest.split_at_checked(node.label().len()) else {
                return;
            };
            // The first byte led here, and most nodes of a dense tree have no other.
            if head.len() > 1 && head != node.label() {
                return;
            }
            rest = after;
        }
    }

    pub fn payload(&self, at: NodeId) -> &V {
        if is_leaf(at) {
            &self.leaf(at).payload
        } else {
            &self.node(at).payload
        }
    }

    pub fn payload_mut(&mut self, at: NodeId) -> &mut V {
        if is_leaf(at) {
            &mut self.leaf_mut(at).payload
        } else {
            &mut self.node_mut(at).payload
        }
    }

    /// The node after `at` in the order of the prefixes. `prefix` is the path to `at` and becomes
    /// the path to the node returned.
    pub fn successor(&self, at: NodeId, prefix: &mut Vec<u8>) -> Option<NodeId> {
        let mut next = if is_leaf(at) { None } else { self.node(at).children.first() };
        let mut at = at;
        while next.is_none() {
            if at == ROOT {
                return None;
            }
            let label = self.label(at);
            prefix.truncate(prefix.len() - label.len());
            at = self.parent(at);
            next = self.node(at).children.after(first_of(label));
        }
        let next = next?;
        prefix.extend_from_slice(self.label(next));
        Some(next)
    }

    /// Gives back what the tree no longer needs after the payload of `at` became vacant. When
    /// several did, this may have taken other nodes of theirs with it, so `at` may be gone.
    pub fn prune(&mut self, mut at: NodeId) {
        if self.nodes.len() == 0 {
            return;
        }
        while at != ROOT {
            // What is gone has no label.
            if self.label(at).is_empty() || !self.payload(at).is_vacant() {
                return;
            }
            if !is_leaf(at) && !self.node(at).children.is_empty() {
                self.merge_into_only_child(at);
                return;
            }
            let (parent, byte) = (self.parent(at), first_of(self.label(at)));
            self.node_mut(parent).children.remove(byte);
            self.release(at);
            at = parent;
        }
        let root = self.nodes.get(0);
        if root.is_some_and(|root| root.children.is_empty() && root.payload.is_vacant()) {
            *self = Trie::new();
        }
    }

    /// Hangs a new path with the bytes of `rest` below `at`; returns its end.
    fn append(&mut self, at: NodeId, rest: &[u8]) -> Option<NodeId> {
        let parent = if is_leaf(at) { self.grow(at)? } else { at };
        let mut at = parent;
        let mut top = None;
        for label in rest.chunks(LABEL) {
            let id = if label.len() <= LEAF_LABEL {
                self.allocate_leaf(Leaf::new(at, label))?
            } else {
                self.allocate(Node::new(at, label))?
            };
            match top {
                None => top = Some((label, id)),
                Some(_) => self.node_mut(at).children.insert(first_of(label), id),
            }
            at = id;
        }
        let (label, id) = top?;
        self.node_mut(parent).children.insert(first_of(label), id);
        Some(at)
    }

    /// Makes a node of a leaf, which is to have children.
    fn grow(&mut self, at: NodeId) -> Option<NodeId> {
        let node = Node::new(self.parent(at), self.label(at));
        let (parent, byte) = (node.parent, node.first_byte());
        let id = self.allocate(node)?;
        self.node_mut(id).payload = std::mem::take(&mut self.leaf_mut(at).payload);
        self.node_mut(parent).children.replace(byte, id);
        self.release(at);
        Some(id)
    }

    /// Divides the label of `at` after `length` bytes; returns the new node, which is above.
    fn split(&mut self, at: NodeId, length: usize) -> Option<NodeId> {
        let (above, below) = self.label(at).split_at_checked(length)?;
        let (parent, byte) = (self.parent(at), first_of(above));
        let (above, below) = (Node::new(parent, above), Node::<V>::new(ROOT, below));
        let upper = self.allocate(above)?;
        self.node_mut(upper).children.insert(below.first_byte(), at);
        self.node_mut(parent).children.replace(byte, upper);
        self.set_place(at, upper, below.label());
        Some(upper)
    }

    /// Removes `at`, which has no payload, when its only child can take over its label.
    fn merge_into_only_child(&mut self, at: NodeId) {
        let node = self.node(at);
        let Some(child) = node.children.only() else {
            return;
        };
        let label = [node.label(), self.label(child)].concat();
        if label.len() > if is_leaf(child) { LEAF_LABEL } else { LABEL } {
            return;
        }
        let (parent, byte) = (node.parent, node.first_byte());
        self.node_mut(parent).children.replace(byte, child);
        self.set_place(child, parent, &label);
        self.release(at);
    }

    fn allocate(&mut self, node: Node<V>) -> Option<NodeId> {
        if self.unused != ROOT {
            let id = self.unused;
            let place = self.node_mut(id);
            let next = std::mem::replace(place, node).parent;
            self.unused = next;
            return Some(id);
        }
        let id = NodeId::try_from(self.nodes.len()).ok().filter(|id| !is_leaf(*id))?;
        self.nodes.push(node);
        Some(id)
    }

    fn allocate_leaf(&mut self, leaf: Leaf<V>) -> Option<NodeId> {
        if self.unused_leaf != ROOT {
            let id = self.unused_leaf;
            self.unused_leaf = std::mem::replace(self.leaf_mut(id), leaf).parent;
            return Some(id);
        }
        let id = NodeId::try_from(self.leaves.len()).ok().filter(|id| !is_leaf(*id))? | LEAF;
        self.leaves.push(leaf);
        Some(id)
    }

    fn release(&mut self, id: NodeId) {
        if is_leaf(id) {
            *self.leaf_mut(id) = Leaf::new(self.unused_leaf, &[]);
            self.unused_leaf = id;
        } else {
            *self.node_mut(id) = Node::new(self.unused, &[]);
            self.unused = id;
        }
    }

    /// Moves a node to another parent, with another label, for which it has room.
    fn set_place(&mut self, at: NodeId, parent: NodeId, label: &[u8]) {
        if is_leaf(at) {
            let leaf = self.leaf_mut(at);
            (leaf.parent, leaf.length, leaf.label) = (parent, label.len() as u8, padded(label));
        } else {
            let node = self.node_mut(at);
            (node.parent, node.length, node.label) = (parent, label.len() as u8, padded(label));
        }
    }

    fn child(&self, at: NodeId, byte: u8) -> Option<NodeId> {
        if is_leaf(at) {
            return None;
        }
        self.node(at).children.find(byte)
    }

    fn parent(&self, at: NodeId) -> NodeId {
        if is_leaf(at) {
            self.leaf(at).parent
        } else {
            self.node(at).parent
        }
    }

    fn label(&self, at: NodeId) -> &[u8] {
        if is_leaf(at) {
            self.leaf(at).label()
        } else {
            self.node(at).label()
        }
    }

    #[inline]
    fn node(&self, id: NodeId) -> &Node<V> {
        &self.nodes[id as usize]
    }

    #[inline]
    fn node_mut(&mut self, id: NodeId) -> &mut Node<V> {
        &mut self.nodes[id as usize]
    }

    #[inline]
    fn leaf(&self, id: NodeId) -> &Leaf<V> {
        &self.leaves[(id & !LEAF) as usize]
    }

    #[inline]
    fn leaf_mut(&mut self, id: NodeId) -> &mut Leaf<V> {
        &mut self.leaves[(id & !LEAF) as usize]
    }
}

impl<V: Payload> Default for Trie<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V: Payload> Node<V> {
    fn new(parent: NodeId, label: &[u8]) -> Self {
        Node {
            parent,
            length: label.len().min(LABEL) as u8,
            label: padded(label),
            payload: V::default(),
            children: Children::default(),
        }
    }

    #[inline]
    fn label(&self) -> &[u8] {
        &self.label[..usize::from(self.length).min(LABEL)]
    }

    fn first_byte(&self) -> u8 {
        first_of(&self.label)
    }
}

impl<V: Payload> Leaf<V> {
    fn new(parent: NodeId, label: &[u8]) -> Self {
        let length = label.len().min(LEAF_LABEL) as u8;
        Leaf { parent, length, label: padded(label), payload: V::default() }
    }

    #[inline]
    fn label(&self) -> &[u8] {
        &self.label[..usize::from(self.length).min(LEAF_LABEL)]
    }
}

/// A label with zeros behind it.
fn padded<const N: usize>(label: &[u8]) -> [u8; N] {
    let mut padded = [0; N];
    padded.iter_mut().zip(label).for_each(|(to, from)| *to = *from);
    padded
}

fn first_of(label: &[u8]) -> u8 {
    label.first().copied().unwrap_or(0)
}

fn common_length(left: &[u8], right: &[u8]) -> usize {
    left.iter().zip(right).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
pub fn sizes<V>() -> (usize, usize) {
    (std::mem::size_of::<Node<V>>(), std::mem::size_of::<Leaf<V>>())
}
