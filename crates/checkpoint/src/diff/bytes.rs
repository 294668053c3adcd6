use std::{fmt, ops::Range};

use crate::delta::{Delta, DeltaKind, Options};

/// What changed between two states that are bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BytesDiff {
    /// Bytes of the first state.
    pub before_len: u64,
    /// Bytes of the second state.
    pub after_len: u64,
    /// How what stays has moved; none if hardly anything stays.
    pub kind: Option<DeltaKind>,
    /// Bytes of the second state that the first doesn't have there.
    pub new_bytes: u64,
    /// How many ranges have changed.
    pub ranges_total: u64,
    /// The first of them.
    pub ranges: Vec<ByteRange>,
}

/// Bytes that have become others.
///
/// Where what stays has moved ([`DeltaKind::Moved`]), the first range says only where the bytes around it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ByteRange {
    /// Where they were in the first state; empty if they are new.
    pub before: Range<u64>,
    /// Where they are in the second state; empty if they are gone.
    pub after: Range<u64>,
}

impl BytesDiff {
    /// Compares two states, and keeps so many ranges.
    pub(crate) fn between(before: &[u8], after: &[u8], kept_max: usize) -> Self {
        let mut diff = Self {
            before_len: before.len() as u64,
            after_len: after.len() as u64,
            kind: None,
            new_bytes: 0,
            ranges_total: 0,
            ranges: Vec::new(),
        };
        if let Some(delta) = Delta::between(before, after, &Options::new()) {
            diff.kind = Some(delta.kind());
            diff.new_bytes = delta.stats().literal_bytes as u64;
            delta.for_each_change(before.len(), |before, after| diff.push(before, after, kept_max));
        } else {
            let front = before.iter().zip(after).take_while(|(a, b)| a == b).count();
            let left = before.len().min(after.len()) - front;
            let behind = before.iter().rev().zip(after.iter().rev()).take(left);
            let behind = behind.take_while(|(a, b)| a == b).count();
            let (before, after) = (front..before.len() - behind, front..after.len() - behind);
            diff.new_bytes = after.len() as u64;
            diff.push(before, after, kept_max);
        }
        diff
    }

    fn push(&mut self, before: Range<usize>, after: Range<usize>, kept_max: usize) {
        if before.is_empty() && after.is_empty() {
            return;
        }
        self.ranges_total += 1;
        if self.ranges.len() < kept_max {
            let wide = |range: Range<usize>| range.start as u64..range.end as u64;
            self.ranges.push(ByteRange { before: wide(before), after: wide(after) });
        }
    }
}

/// A line for each range that is kept: `bytes 16..20 -> 16..24`.
impl fmt::Display for BytesDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes -> {} bytes, {} of them new", self.before_len, self.after_len, self.new_bytes)?;
        for range in &self.ranges {
            write!(f, "\n{range}")?;
        }
        let left = self.ranges_total.saturating_sub(self.ranges.len() as u64);
        if left > 0 { write!(f, "\nand {left} more") } else { Ok(()) }
    }
}

/// `bytes 16..20 -> 16..24`, `+ bytes 16..24`, `- bytes 16..20`.
impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { before, after } = self;
        if before.is_empty() {
            write!(f, "+ bytes {}..{}", after.start, after.end)
        } else if after.is_empty() {
            write!(f, "- bytes {}..{}", before.start, before.end)
        } else {
            write!(f, "bytes {}..{} -> {}..{}", before.start, before.end, after.start, after.end)
        }
    }
}
