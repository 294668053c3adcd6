use super::header::field;
use super::warning::Warning;

/// Bytes of a node.
const NODE_LEN: usize = 16;
const POOL_AT: usize = 8;
const SLOT_LEN_AT: usize = POOL_AT + 4;
const LAYER_AT: usize = SLOT_LEN_AT + 2;
const DELETED_AT: usize = LAYER_AT + 1;
const _: () = assert!(DELETED_AT + 1 == NODE_LEN);

/// The graph of a snapshot: a node for each row, then the bytes that their neighbours stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Graph<'a> {
    bytes: &'a [u8],
    nodes: &'a [[u8; NODE_LEN]],
    pool: &'a [u8],
}

/// A node of the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node<'a> {
    /// The id of its vector.
    pub vector_id: u64,
    /// The highest layer that it is in.
    pub max_layer: u8,
    /// Whether it is deleted; nothing before version 0.3.
    pub deleted: u8,
    /// Where its neighbours stand among those of all nodes.
    pub slot_offset: u32,
    /// How many bytes are kept for them.
    pub slot_len: u16,
    /// Its neighbours, coded; none if they would stand elsewhere.
    pub slot: Option<&'a [u8]>,
}

impl<'a> Graph<'a> {
    /// Takes the nodes that there are, at most one for each row.
    pub(super) fn new(bytes: &'a [u8], rows: u32) -> Self {
        let len = usize::try_from(rows).unwrap_or(usize::MAX).saturating_mul(NODE_LEN);
        let (nodes, pool) = bytes.split_at_checked(len).unwrap_or((bytes, &[]));
        Self { bytes, nodes: nodes.as_chunks().0, pool }
    }

    /// Returns nodes and neighbours, the bytes as they are.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns how many nodes there are.
    pub fn node_count(&self) -> u64 {
        self.nodes.len() as u64
    }

    /// Returns the highest layer; none without nodes.
    pub fn max_layer(&self) -> Option<u8> {
        self.nodes().map(|node| node.max_layer).max()
    }

    /// Returns the nodes in file order, which is that of the rows.
    pub fn nodes(&self) -> impl Iterator<Item = Node<'a>> + '_ {
        self.nodes.iter().map(|bytes| {
            let slot_offset = u32::from_le_bytes(field(bytes, POOL_AT));
            let slot_len = u16::from_le_bytes(field(bytes, SLOT_LEN_AT));
            let start = usize::try_from(slot_offset).unwrap_or(usize::MAX);
            Node {
                vector_id: u64::from_le_bytes(field(bytes, 0)),
                max_layer: u8::from_le_bytes(field(bytes, LAYER_AT)),
                deleted: u8::from_le_bytes(field(bytes, DELETED_AT)),
                slot_offset,
                slot_len,
                slot: self.pool.get(start..).and_then(|slot| slot.get(..usize::from(slot_len))),
            }
        })
    }

    /// Whether there is a node for each of so many rows.
    pub(super) fn is_whole(&self, rows: u32) -> bool {
        self.node_count() == u64::from(rows)
    }

    /// What is wrong with nodes or neighbours, if something is.
    pub(super) fn warning(&self, rows: u32) -> Option<Warning> {
        if !self.is_whole(rows) {
            let needs = u64::from(rows).saturating_mul(NODE_LEN as u64);
            return Some(Warning::GraphShort { needs, found: self.bytes.len() as u64 });
        }
        // Slots don't overlap, so together they are no longer than the pool: what a hostile file can cost.
        let mut room = self.pool.len();
        let mut broken = 0;
        let mut first = None;
        for (row, node) in (0..).zip(self.nodes()) {
            let left = room.checked_sub(usize::from(node.slot_len));
            let is_good = node.vector_id == u64::from(row) + 1
                && left.is_some()
                && node.slot.is_some_and(|slot| node.is_slot_good(slot, rows));
            room = left.unwrap_or(0);
            if !is_good {
                broken += 1;
                first.get_or_insert(row);
            }
        }
        first.map(|first| Warning::GraphNodes { count: broken, first })
    }
}

impl Node<'_> {
    /// Returns the neighbours, as rows, in each layer from the lowest up; none if they can't be decoded.
    pub fn neighbors(&self) -> Option<Vec<Vec<u32>>> {
        let mut layers = Vec::new();
        self.decode(self.slot?, |layer, neighbor| {
            while layers.len() <= layer {
                layers.push(Vec::new());
            }
            if let (Some(neighbor), Some(list)) = (neighbor, layers.get_mut(layer)) {
                list.push(neighbor);
            }
            true
        })?;
        Some(layers)
    }

    fn is_slot_good(&self, slot: &[u8], rows: u32) -> bool {
        self.decode(slot, |_, neighbor| neighbor.is_none_or(|neighbor| neighbor < rows)).is_some()
    }

    /// Goes through the layers, each once without a neighbour, and the neighbours in them.
    fn decode(&self, slot: &[u8], mut see: impl FnMut(usize, Option<u32>) -> bool) -> Option<()> {
        let mut rest = slot;
        for layer in 0..=usize::from(self.max_layer) {
            see(layer, None).then_some(())?;
            // A node that never had a neighbour has no slot.
            if slot.is_empty() {
                continue;
            }
            let mut neighbor = 0_u32;
            for _ in 0..varint(&mut rest)? {
                neighbor = neighbor.checked_add(varint(&mut rest)?)?;
                see(layer, Some(neighbor)).then_some(())?;
            }
        }
        Some(())
    }
}

/// Takes a number of seven bits a byte, least significant first.
fn varint(rest: &mut &[u8]) -> Option<u32> {
    let mut value = 0_u32;
    for shift in (0..u32::BITS).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        let group = u32::from(byte & 0x7f);
        if (group << shift) >> shift != group {
            return None;
        }
        value |= group << shift;
        if *byte < 0x80 {
            return Some(value);
        }
    }
    None
}
