//! How the nodes of a trie are named.
//!
//! Most ends of a large tree have one byte of a path and a payload that fits a small number. Such an
//! end is *bare*: its name, which stands among the branches of its parent, is all there is of it.

/// Names a node: its highest bits say what kind it is, the rest is its index in the arena of its
/// kind, or the payload of a bare end. Zero is the root, which is nobody's child.
pub type NodeId = u32;

pub const NO_NODE: NodeId = 0;
pub const ROOT: NodeId = 0;

const LEAF: NodeId = 1 << 31;
const BARE: NodeId = 1 << 30;

/// Indexes and the payloads of bare ends are below this.
pub const LIMIT: u32 = BARE;

/// Where a payload is. A bare end is known by its parent and the byte that leads to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Node(NodeId),
    Leaf(NodeId),
    Bare { parent: NodeId, byte: u8 },
}

impl Place {
    pub const ROOT: Place = Place::Node(ROOT);

    /// The child with this name.
    pub fn of_child(parent: NodeId, byte: u8, id: NodeId) -> Place {
        match (is_leaf(id), bare_payload(id)) {
            (true, _) => Place::Leaf(id),
            (_, Some(_)) => Place::Bare { parent, byte },
            _ => Place::Node(id),
        }
    }
}

/// The name of the node with this index.
pub fn node_id(index: usize) -> Option<NodeId> {
    NodeId::try_from(index).ok().filter(|index| *index < LIMIT)
}

/// The name of the leaf with this index.
pub fn leaf_id(index: usize) -> Option<NodeId> {
    Some(node_id(index)? | LEAF)
}

#[inline]
pub fn is_leaf(id: NodeId) -> bool {
    id & LEAF != 0
}

/// The index of a node or leaf.
#[inline]
pub fn index(id: NodeId) -> usize {
    (id & (LIMIT - 1)) as usize
}

/// The name of a bare end with this payload.
pub fn bare_id(payload: u32) -> Option<NodeId> {
    (payload < LIMIT).then_some(payload | BARE)
}

/// The payload of a bare end.
#[inline]
pub fn bare_payload(id: NodeId) -> Option<u32> {
    (id & (LEAF | BARE) == BARE).then_some(id & (LIMIT - 1))
}
