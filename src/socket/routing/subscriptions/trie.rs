//! A prefix tree with compressed paths, in one [`Arena`].
//!
//! Nodes name each other by their index, so dropping or walking a tree of any depth needs no
//! recursion, and a node (64 bytes on 64-bit machines) holds up to [`LABEL`] bytes of a path. A
//! longer stretch without branches is a chain of nodes, which bounds the work of splitting one.
//!
//! A node with a payload keeps its index for as long as the payload is there: a split puts a new
//! node *above* it, a merge removes the node above it.

use super::arena::Arena;
use super::children::{Children, NodeId};

/// What hangs at the end of a prefix. A vacant payload is as good as none.
pub trait Payload: Default {
    fn is_vacant(&self) -> bool;
}

/// How many bytes of a path one node holds.
const LABEL: usize = 19;

const ROOT: NodeId = 0;

pub struct Trie<V> {
    nodes: Arena<Node<V>>,
    /// The first of the unused nodes, which are linked through `parent`; `ROOT` ends the list.
    unused: NodeId,
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

impl<V: Payload> Trie<V> {
    pub fn new() -> Self {
        Trie { nodes: Arena::new(), unused: ROOT }
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
            let child = match self.node(at).children.find(*first) {
                Some(child) => child,
                None => {
                    at = self.append(at, rest)?;
                    break;
                }
            };
            let node = self.node(child);
            let common = common_length(node.label(), rest);
            at = if common == node.label().len() { child } else { self.split(child, common)? };
            rest = rest.get(common..)?;
        }
        Some(&mut self.node_mut(at).payload)
    }

    /// The node at the end of exactly this prefix.
    pub fn find(&self, prefix: &[u8]) -> Option<NodeId> {
        let mut at = self.root()?;
        let mut rest = prefix;
        while let Some(first) = rest.first() {
            at = self.node(at).children.find(*first)?;
            rest = rest.strip_prefix(self.node(at).label())?;
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
        &self.node(at).payload
    }

    pub fn payload_mut(&mut self, at: NodeId) -> &mut V {
        &mut self.node_mut(at).payload
    }

    /// The node after `at` in the order of the prefixes. `prefix` is the path to `at` and becomes
    /// the path to the node returned.
    pub fn successor(&self, at: NodeId, prefix: &mut Vec<u8>) -> Option<NodeId> {
        let mut next = self.node(at).children.first();
        let mut at = at;
        while next.is_none() {
            if at == ROOT {
                return None;
            }
            let node = self.node(at);
            prefix.truncate(prefix.len() - node.label().len());
            at = node.parent;
            next = self.node(at).children.after(node.first_byte());
        }
        let next = next?;
        prefix.extend_from_slice(self.node(next).label());
        Some(next)
    }

    /// Gives back what the tree no longer needs after the payload of `at` became vacant. When
    /// several did, this may have taken other nodes of theirs with it, so `at` may be gone.
    pub fn prune(&mut self, mut at: NodeId) {
        while at != ROOT {
            let Some(node) = self.nodes.get(at as usize) else {
                return;
            };
            if node.length == 0 || !node.payload.is_vacant() {
                return;
            }
            if !node.children.is_empty() {
                self.merge_into_only_child(at);
                return;
            }
            let (parent, byte) = (node.parent, node.first_byte());
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
    fn append(&mut self, mut at: NodeId, rest: &[u8]) -> Option<NodeId> {
        let parent = at;
        let mut top = None;
        for label in rest.chunks(LABEL) {
            let node = self.allocate(Node::new(at, label))?;
            match top {
                None => top = Some((label, node)),
                Some(_) => self.node_mut(at).children.insert(first_of(label), node),
            }
            at = node;
        }
        let (label, node) = top?;
        self.node_mut(parent).children.insert(first_of(label), node);
        Some(at)
    }

    /// Divides the label of `at` after `length` bytes; returns the new node, which is above.
    fn split(&mut self, at: NodeId, length: usize) -> Option<NodeId> {
        let node = self.node(at);
        let (above, below) = node.label().split_at_checked(length)?;
        let (parent, byte) = (node.parent, node.first_byte());
        let (above, below) = (Node::new(parent, above), Node::<V>::new(ROOT, below));
        let upper = self.allocate(above)?;
        self.node_mut(upper).children.insert(below.first_byte(), at);
        self.node_mut(parent).children.replace(byte, upper);
        let node = self.node_mut(at);
        node.parent = upper;
        node.label = below.label;
        node.length = below.length;
        Some(upper)
    }

    /// Removes `at`, which has no payload, when its only child can take over its label.
    fn merge_into_only_child(&mut self, at: NodeId) {
        let node = self.node(at);
        let Some(child) = node.children.only() else {
            return;
        };
        let below = self.node(child).label();
        let length = node.label().len() + below.len();
        if length > LABEL {
            return;
        }
        let mut label = [0; LABEL];
        for (to, from) in label.iter_mut().zip(node.label().iter().chain(below)) {
            *to = *from;
        }
        let (parent, byte) = (node.parent, node.first_byte());
        self.node_mut(parent).children.replace(byte, child);
        let node = self.node_mut(child);
        node.parent = parent;
        node.label = label;
        node.length = length as u8;
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
        let id = NodeId::try_from(self.nodes.len()).ok()?;
        self.nodes.push(node);
        Some(id)
    }

    fn release(&mut self, id: NodeId) {
        let next = self.unused;
        *self.node_mut(id) = Node::new(next, &[]);
        self.unused = id;
    }

    #[inline]
    fn node(&self, id: NodeId) -> &Node<V> {
        &self.nodes[id as usize]
    }

    #[inline]
    fn node_mut(&mut self, id: NodeId) -> &mut Node<V> {
        &mut self.nodes[id as usize]
    }
}

impl<V: Payload> Default for Trie<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V: Payload> Node<V> {
    fn new(parent: NodeId, bytes: &[u8]) -> Self {
        let mut label = [0; LABEL];
        for (to, from) in label.iter_mut().zip(bytes) {
            *to = *from;
        }
        Node {
            parent,
            length: bytes.len().min(LABEL) as u8,
            label,
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

fn first_of(label: &[u8]) -> u8 {
    label.first().copied().unwrap_or(0)
}

fn common_length(left: &[u8], right: &[u8]) -> usize {
    left.iter().zip(right).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
pub fn node_size<V>() -> usize {
    std::mem::size_of::<Node<V>>()
}
