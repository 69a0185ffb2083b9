//! Where the nodes of a trie are kept, and what is said of each whatever its kind.

use super::super::node::{Leaf, Node};
use super::super::place::{bare_id, index, leaf_id, node_id, NodeId, Place, NO_NODE, ROOT};
use super::{Payload, Trie};

impl<V: Payload> Trie<V> {
    pub(super) fn allocate(&mut self, node: Node<V>) -> Option<NodeId> {
        if self.unused != ROOT {
            let id = self.unused;
            self.unused = std::mem::replace(self.node_mut(id), node).parent();
            return Some(id);
        }
        let id = node_id(self.nodes.len())?;
        self.nodes.push(node);
        Some(id)
    }

    pub(super) fn allocate_leaf(&mut self, leaf: Leaf<V>) -> Option<NodeId> {
        if self.unused_leaf != ROOT {
            let id = self.unused_leaf;
            self.unused_leaf = std::mem::replace(self.leaf_mut(id), leaf).parent;
            return Some(id);
        }
        let id = leaf_id(self.leaves.len())?;
        self.leaves.push(leaf);
        Some(id)
    }

    pub(super) fn release(&mut self, at: Place) {
        match at {
            Place::Node(id) => {
                *self.node_mut(id) = Node::new(self.unused, &[]);
                self.unused = id;
            }
            Place::Leaf(id) => {
                *self.leaf_mut(id) = Leaf::new(self.unused_leaf, &[], V::default());
                self.unused_leaf = id;
            }
            Place::Bare { .. } => {}
        }
    }

    /// Moves a node or leaf to another parent, with another label, for which it has room. Its name
    /// remains.
    pub(super) fn set_place(&mut self, at: Place, parent: NodeId, label: &[u8]) -> NodeId {
        match at {
            Place::Node(id) => {
                self.node_mut(id).set_place(parent, label);
                id
            }
            Place::Leaf(id) => {
                self.leaf_mut(id).set_place(parent, label);
                id
            }
            Place::Bare { .. } => NO_NODE,
        }
    }

    /// The name as a bare end, if this is an end that can be one.
    pub(super) fn bare(&self, at: Place) -> Option<NodeId> {
        let payload = match at {
            Place::Node(id) if self.node(id).is_childless() => &self.node(id).payload,
            Place::Leaf(id) => &self.leaf(id).payload,
            _ => return None,
        };
        bare_id(payload.number()?)
    }

    pub(super) fn child(&self, at: Place, byte: u8) -> Option<Place> {
        let Place::Node(parent) = at else {
            return None;
        };
        let id = self.node(parent).child(byte)?;
        Some(Place::of_child(parent, byte, id))
    }

    pub(super) fn parent(&self, at: Place) -> NodeId {
        match at {
            Place::Node(id) => self.node(id).parent(),
            Place::Leaf(id) => self.leaf(id).parent,
            Place::Bare { parent, .. } => parent,
        }
    }

    pub(super) fn label<'a>(&'a self, at: &'a Place) -> &'a [u8] {
        match at {
            Place::Node(id) => self.node(*id).label(),
            Place::Leaf(id) => self.leaf(*id).label(),
            Place::Bare { byte, .. } => std::slice::from_ref(byte),
        }
    }

    #[inline]
    pub(super) fn node(&self, id: NodeId) -> &Node<V> {
        &self.nodes[index(id)]
    }

    #[inline]
    pub(super) fn node_mut(&mut self, id: NodeId) -> &mut Node<V> {
        &mut self.nodes[index(id)]
    }

    #[inline]
    pub(super) fn leaf(&self, id: NodeId) -> &Leaf<V> {
        &self.leaves[index(id)]
    }

    #[inline]
    pub(super) fn leaf_mut(&mut self, id: NodeId) -> &mut Leaf<V> {
        &mut self.leaves[index(id)]
    }
}
