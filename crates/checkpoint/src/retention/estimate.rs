use std::sync::Arc;

use crate::checkpoint::Checkpoint;

/// What states take in a store while some of them go, oldest first or not. What is written anew is estimated.
pub(super) struct Estimate {
    nodes: Vec<Node>,
    total: u64,
}

struct Node {
    bytes: u64,
    /// Bytes of the state at the end of its chain.
    whole: u64,
    base: Option<usize>,
    /// The first of those that stand on it; or stood, and are gone.
    on_it: Option<usize>,
    /// The next one that stands on the same.
    next: Option<usize>,
    counts: bool,
    is_gone: bool,
    is_rebased: bool,
}

impl Estimate {
    /// Of all checkpoints; the bytes of those count for which `counts` answers true.
    pub(super) fn new(all: &[Arc<Checkpoint>], mut counts: impl FnMut(&Checkpoint) -> bool) -> Self {
        let mut sum = Self { nodes: Vec::with_capacity(all.len()), total: 0 };
        for (index, checkpoint) in all.iter().enumerate() {
            let base = checkpoint.base();
            let base = base.and_then(|base| all.binary_search_by_key(&base, |found| found.sequence).ok());
            let (bytes, counts) = (checkpoint.stored_bytes(), counts(checkpoint));
            let (mut whole, mut next) = (bytes, None);
            if let Some(base) = base.and_then(|base| sum.nodes.get_mut(base)) {
                next = base.on_it.replace(index);
                whole = base.whole;
            }
            if counts {
                sum.total = sum.total.saturating_add(bytes);
            }
            sum.nodes.push(Node {
                bytes,
                whole,
                base,
                on_it: None,
                next,
                counts,
                is_gone: false,
                is_rebased: false,
            });
        }
        sum
    }

    /// Bytes of what is there and counts.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Whether what a state stood on is gone.
    pub(super) fn is_rebased(&self, index: usize) -> bool {
        self.nodes.get(index).is_some_and(|node| node.is_rebased && !node.is_gone)
    }

    /// Lets one go.
    pub(super) fn take(&mut self, index: usize) {
        let Some(node) = self.nodes.get_mut(index).filter(|node| !node.is_gone) else { return };
        node.is_gone = true;
        let (bytes, base, mut on_it) = (node.bytes, node.base, node.on_it.take());
        if node.counts {
            self.total = self.total.saturating_sub(bytes);
        }
        while let Some(index) = on_it
            && let Some(node) = self.nodes.get_mut(index)
        {
            on_it = node.next.take();
            if node.is_gone {
                continue;
            }
            let before = node.bytes;
            (node.base, node.is_rebased) = (base, true);
            node.bytes = if base.is_some() { before.saturating_add(bytes) } else { node.whole };
            if node.counts {
                self.total = self.total.saturating_sub(before).saturating_add(node.bytes);
            }
            self.stand_on(base, index);
        }
    }

    fn stand_on(&mut self, base: Option<usize>, index: usize) {
        let Some(base) = base.and_then(|base| self.nodes.get_mut(base)) else { return };
        let next = base.on_it.replace(index);
        if let Some(node) = self.nodes.get_mut(index) {
            node.next = next;
        }
    }
}
