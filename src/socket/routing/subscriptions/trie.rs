//! A prefix tree with compressed paths, in two [`Arena`]s.
//!
//! Nodes name each other by their index, so dropping or walking a tree of any depth needs no
//! recursion, and a node (64 bytes on 64-bit machines) holds up to [`LABEL`] bytes of a path. A
//! longer stretch without branches is a chain of nodes, which bounds the work of splitting one. Most
//! nodes of a large tree are its ends. Those with one byte of a path and a payload that fits a small
//! number are [bare](super::place) and take no memory at all; those with a byte or two more are
//! *leaves*, which have no room for children (24 bytes), in an arena of their own.
//!
//! A payload keeps its [`Place`] until the next [`Trie::update`]: a split puts a new node *above* it,
//! a merge removes the node above it, and only an end that gets children or a larger payload, or
//! whose path is split to one byte, moves. A bare end moves with a merge, too.

mod storage;

use super::arena::Arena;
use super::node::{first_of, Leaf, Node, LABEL, LEAF_LABEL};
use super::place::{bare_id, bare_payload, is_leaf, NodeId, Place, ROOT};

/// What hangs at the end of a prefix. A vacant payload is as good as none.
pub trait Payload: Default {
    fn is_vacant(&self) -> bool;

    /// The payload as a small number, if it can be one: zero when it is vacant. It takes one below
    /// [`LIMIT`](super::place::LIMIT) to be the payload of a bare end.
    fn number(&self) -> Option<u32>;

    fn from_number(number: u32) -> Self;
}

pub struct Trie<V> {
    nodes: Arena<Node<V>>,
    leaves: Arena<Leaf<V>>,
    /// The first of the unused nodes and leaves, which are linked through `parent`; `ROOT` ends the
    /// lists.
    unused: NodeId,
    unused_leaf: NodeId,
}

impl<V: Payload> Trie<V> {
    pub fn new() -> Self {
        Trie { nodes: Arena::new(), leaves: Arena::new(), unused: ROOT, unused_leaf: ROOT }
    }

    /// The place of the empty prefix, with which a walk begins; an empty tree has none.
    pub fn root(&self) -> Option<Place> {
        self.nodes.get(0).map(|_| Place::ROOT)
    }

    /// Changes the payload at the end of `prefix`, a vacant one if there is none. `None` when the
    /// tree is full; then nothing has changed.
    pub fn update<R>(&mut self, prefix: &[u8], change: impl FnOnce(&mut V) -> R) -> Option<R> {
        if self.nodes.len() == 0 {
            self.nodes.push(Node::new(ROOT, &[]));
        }
        let mut at = Place::ROOT;
        let mut rest = prefix;
        while let Some(first) = rest.first() {
            let Some(child) = self.child(at, *first) else {
                at = self.append(at, rest)?;
                break;
            };
            let label = self.label(&child);
            let common = common_length(label, rest);
            at = if common == label.len() { child } else { self.split(child, common)? };
            rest = rest.get(common..)?;
        }
        let result = self.change(at, change);
        if result.is_none() {
            self.prune(at);
        }
        result
    }

    /// The place at the end of exactly this prefix.
    pub fn find(&self, prefix: &[u8]) -> Option<Place> {
        let mut at = self.root()?;
        let mut rest = prefix;
        while let Some(first) = rest.first() {
            at = self.child(at, *first)?;
            rest = rest.strip_prefix(self.label(&at))?;
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
            let Some(child) = rest.first().and_then(|first| node.child(*first)) else {
                return;
            };
            if let Some(number) = bare_payload(child) {
                visit(&V::from_number(number));
                return;
            }
            if is_leaf(child) {
                let leaf = self.leaf(child);
                if rest.starts_with(leaf.label()) {
                    visit(&leaf.payload);
                }
                return;
            }
            node = self.node(child);
            let Some(after) = node.pass(rest) else {
                return;
            };
            rest = after;
        }
    }

    pub fn is_vacant(&self, at: Place) -> bool {
        match at {
            Place::Node(id) => self.node(id).payload.is_vacant(),
            Place::Leaf(id) => self.leaf(id).payload.is_vacant(),
            Place::Bare { parent, byte } => self.node(parent).child(byte) == bare_id(0),
        }
    }

    /// Changes the payload at a place, which may have to move when it grows. `None` when there is
    /// no room for that; then nothing has changed.
    pub fn change<R>(&mut self, at: Place, change: impl FnOnce(&mut V) -> R) -> Option<R> {
        let (parent, byte) = match at {
            Place::Node(id) => return Some(change(&mut self.node_mut(id).payload)),
            Place::Leaf(id) => return Some(change(&mut self.leaf_mut(id).payload)),
            Place::Bare { parent, byte } => (parent, byte),
        };
        let before = bare_payload(self.node(parent).child(byte)?)?;
        let mut payload = V::from_number(before);
        let result = change(&mut payload);
        let id = match payload.number().and_then(bare_id) {
            Some(id) => id,
            None => self.allocate_leaf(Leaf::new(parent, &[byte], payload))?,
        };
        self.node_mut(parent).replace_child(byte, id);
        Some(result)
    }

    /// The place after `at` in the order of the prefixes. `prefix` is the path to `at` and becomes
    /// the path to the place returned.
    pub fn successor(&self, at: Place, prefix: &mut Vec<u8>) -> Option<Place> {
        let mut at = at;
        let mut next = match at {
            Place::Node(id) => self.node(id).first_child().map(|child| (id, child)),
            _ => None,
        };
        while next.is_none() {
            if at == Place::ROOT {
                return None;
            }
            let label = self.label(&at);
            prefix.truncate(prefix.len() - label.len());
            let (parent, byte) = (self.parent(at), first_of(label));
            next = self.node(parent).child_after(byte).map(|child| (parent, child));
            at = Place::Node(parent);
        }
        let (parent, (byte, id)) = next?;
        let next = Place::of_child(parent, byte, id);
        prefix.extend_from_slice(self.label(&next));
        Some(next)
    }

    /// Gives back what the tree no longer needs after the payload of `at` became vacant. When
    /// several did, this may have taken other nodes of theirs with it, so `at` may be gone.
    pub fn prune(&mut self, mut at: Place) {
        if self.nodes.len() == 0 {
            return;
        }
        while at != Place::ROOT {
            // What is gone has no label, or is not found below its parent.
            if self.label(&at).is_empty() || !self.is_vacant(at) {
                return;
            }
            if let Place::Node(id) = at {
                if !self.node(id).is_childless() {
                    self.merge_into_only_child(id);
                    return;
                }
            }
            let (parent, byte) = (self.parent(at), first_of(self.label(&at)));
            self.node_mut(parent).remove_child(byte);
            self.release(at);
            at = Place::Node(parent);
        }
        let root = self.nodes.get(0);
        if root.is_some_and(|root| root.is_childless() && root.payload.is_vacant()) {
            *self = Trie::new();
        }
    }

    /// Hangs a new path with the bytes of `rest` below `at`; returns its end.
    fn append(&mut self, at: Place, rest: &[u8]) -> Option<Place> {
        let parent = match at {
            Place::Node(id) => id,
            _ => self.grow(at)?,
        };
        let mut at = parent;
        let mut end = None;
        let mut top = None;
        for label in rest.chunks(LABEL) {
            let id = match label.len() {
                1 => bare_id(0)?,
                2..=LEAF_LABEL => self.allocate_leaf(Leaf::new(at, label, V::default()))?,
                _ => self.allocate(Node::new(at, label))?,
            };
            match top {
                None => top = Some((label, id)),
                Some(_) => self.node_mut(at).add_child(first_of(label), id),
            }
            end = Some(Place::of_child(at, first_of(label), id));
            at = id;
        }
        let (label, id) = top?;
        self.node_mut(parent).add_child(first_of(label), id);
        end
    }

    /// Makes a node of an end, which is to have children.
    fn grow(&mut self, at: Place) -> Option<NodeId> {
        let (parent, label) = (self.parent(at), self.label(&at));
        let byte = first_of(label);
        let id = self.allocate(Node::new(parent, label))?;
        self.node_mut(id).payload = self.change(at, std::mem::take)?;
        self.node_mut(parent).replace_child(byte, id);
        self.release(at);
        Some(id)
    }

    /// Divides the label of `at` after `length` bytes; returns the new node, which is above.
    fn split(&mut self, at: Place, length: usize) -> Option<Place> {
        let (above, below) = self.label(&at).split_at_checked(length)?;
        let (parent, byte) = (self.parent(at), first_of(above));
        let (above, below) = (Node::new(parent, above), Node::<V>::new(ROOT, below));
        let upper = self.allocate(above)?;
        self.node_mut(parent).replace_child(byte, upper);
        let id = match self.bare(at) {
            Some(bare) if below.label().len() == 1 => {
                self.release(at);
                bare
            }
            _ => self.set_place(at, upper, below.label()),
        };
        self.node_mut(upper).add_child(first_of(below.label()), id);
        Some(Place::Node(upper))
    }

    /// Removes a node, which has no payload, when its only child can take over its label.
    fn merge_into_only_child(&mut self, at: NodeId) {
        let node = self.node(at);
        let Some((byte, child_id)) = node.only_child() else {
            return;
        };
        let child = Place::of_child(at, byte, child_id);
        let label = [node.label(), self.label(&child)].concat();
        if label.len() > if matches!(child, Place::Node(_)) { LABEL } else { LEAF_LABEL } {
            return;
        }
        let (parent, byte) = (node.parent(), first_of(&label));
        let id = match bare_payload(child_id) {
            // It is about to be pruned itself, and would not be found elsewhere.
            Some(0) => return,
            Some(number) => {
                let leaf = Leaf::new(parent, &label, V::from_number(number));
                let Some(id) = self.allocate_leaf(leaf) else {
                    return;
                };
                id
            }
            None => self.set_place(child, parent, &label),
        };
        self.node_mut(parent).replace_child(byte, id);
        self.release(Place::Node(at));
    }
}

impl<V: Payload> Default for Trie<V> {
    fn default() -> Self {
        Self::new()
    }
}

fn common_length(left: &[u8], right: &[u8]) -> usize {
    left.iter().zip(right).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
pub fn sizes<V>() -> (usize, usize) {
    (std::mem::size_of::<Node<V>>(), std::mem::size_of::<Leaf<V>>())
}

#[cfg(test)]
impl<V> Trie<V> {
    /// Nodes and leaves for which there is memory.
    pub fn used(&self) -> (usize, usize) {
        (self.nodes.len(), self.leaves.len())
    }
}
