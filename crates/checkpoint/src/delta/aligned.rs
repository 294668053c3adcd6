//! The difference of states that have each byte in its place.

use crate::delta::equal::{BLOCK, STRETCH, differing};
use crate::delta::script::{Builder, Script};

/// Two changes with at most so many equal bytes between them are one: a step of its own costs as much.
const GAP_MERGED: usize = 2;

/// Compares states of one length; gives up once the delta takes `cost_max` bytes.
pub(super) fn diff(source: &[u8], target: &[u8], cost_max: usize) -> Option<Script> {
    let mut runs = Runs { target, builder: Builder::default(), copied: 0, start: 0, end: 0 };
    let (stretches, source_rest) = source.as_chunks::<STRETCH>();
    let (target_stretches, target_rest) = target.as_chunks::<STRETCH>();
    let mut at = 0;
    for (source, target) in stretches.iter().zip(target_stretches) {
        if source != target {
            runs.compare(source, target, at);
            if runs.builder.cost() >= cost_max {
                return None;
            }
        }
        at += STRETCH;
    }
    runs.compare(source_rest, target_rest, at);
    runs.finish(source.len(), cost_max)
}

struct Runs<'a> {
    target: &'a [u8],
    builder: Builder,
    /// Everything in front of it is in the builder.
    copied: usize,
    /// The change that may still grow; empty if there is none.
    start: usize,
    end: usize,
}

impl Runs<'_> {
    /// Finds changes in bytes that stand at `at`.
    #[inline]
    fn compare(&mut self, source: &[u8], target: &[u8], mut at: usize) {
        let (blocks, source_rest) = source.as_chunks::<BLOCK>();
        let (target_blocks, target_rest) = target.as_chunks::<BLOCK>();
        for (source, target) in blocks.iter().zip(target_blocks) {
            let mut mask = differing(source, target);
            while mask != 0 {
                let start = mask.trailing_zeros();
                let len = (mask >> start).trailing_ones();
                self.add(at + start as usize, at + (start + len) as usize);
                // Above the run; a run that ends the block leaves nothing.
                mask &= u64::MAX.checked_shl(start + len).unwrap_or(0);
            }
            at += BLOCK;
        }
        for (source, target) in source_rest.iter().zip(target_rest) {
            if source != target {
                self.add(at, at + 1);
            }
            at += 1;
        }
    }

    #[inline]
    fn add(&mut self, start: usize, end: usize) {
        if start > self.end + GAP_MERGED || self.start == self.end {
            self.flush();
            self.start = start;
        }
        self.end = end;
    }

    #[inline]
    fn flush(&mut self) {
        if let Some(changed) = self.target.get(self.start..self.end)
            && !changed.is_empty()
        {
            self.builder.copy(self.copied, self.start - self.copied);
            self.builder.insert(changed);
            self.copied = self.end;
        }
    }

    fn finish(mut self, len: usize, cost_max: usize) -> Option<Script> {
        self.flush();
        self.builder.copy(self.copied, len - self.copied);
        (self.builder.cost() < cost_max).then(|| self.builder.finish())
    }
}
