use std::{collections::BTreeMap, fmt};

use keepstone_format::SectionId;

use super::BytesDiff;
use crate::state::Table;

/// What changed between two states that have sections.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SectionsDiff {
    /// The sections that have changed, came or went, in the order of their ids.
    pub sections: Vec<SectionDiff>,
    /// How many are the same.
    pub same: u64,
    /// Whether what the payload says of itself in front of or behind its sections has changed.
    pub metadata: bool,
}

/// A section that has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SectionDiff {
    /// What it is.
    pub id: SectionId,
    /// Which one of those with its id.
    pub instance: u32,
    /// Its bytes in the first state, if it is there.
    pub before_len: Option<u64>,
    /// Its bytes in the second state, if it is there.
    pub after_len: Option<u64>,
    /// What changed in it, if it is in both.
    pub bytes: Option<BytesDiff>,
}

impl SectionsDiff {
    /// Whether both states hold the same sections and metadata, in whatever order.
    pub(super) fn is_empty(&self) -> bool {
        self.sections.is_empty() && !self.metadata
    }
}

/// The bytes of a section in both states.
type Both<'b> = (Option<&'b [u8]>, Option<&'b [u8]>);

/// Compares two states section by section; none if one of them is damaged, or has two sections of one id and number.
pub(super) fn between(before: &[u8], after: &[u8], kept_max: usize) -> Option<SectionsDiff> {
    let (before, after) = (Table::decode(before).ok()?, Table::decode(after).ok()?);
    let mut both: BTreeMap<(u32, u32), Both<'_>> = BTreeMap::new();
    for (entry, bytes) in &before.sections {
        if both.entry((entry.id.0, entry.instance)).or_default().0.replace(bytes).is_some() {
            return None;
        }
    }
    for (entry, bytes) in &after.sections {
        if both.entry((entry.id.0, entry.instance)).or_default().1.replace(bytes).is_some() {
            return None;
        }
    }
    let metadata = before.head != after.head || before.tail != after.tail;
    let mut diff = SectionsDiff { sections: Vec::new(), same: 0, metadata };
    let mut room = kept_max;
    for ((id, instance), (before, after)) in both {
        if before == after {
            diff.same += 1;
            continue;
        }
        let bytes = before.zip(after).map(|(before, after)| BytesDiff::between(before, after, room));
        room = room.saturating_sub(bytes.as_ref().map_or(0, |bytes| bytes.ranges.len()));
        diff.sections.push(SectionDiff {
            id: SectionId(id),
            instance,
            before_len: before.map(|bytes| bytes.len() as u64),
            after_len: after.map(|bytes| bytes.len() as u64),
            bytes,
        });
    }
    Some(diff)
}

/// A line for each section that has changed.
impl fmt::Display for SectionsDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("the same sections in other bytes");
        }
        for (index, section) in self.sections.iter().enumerate() {
            let between = if index == 0 { "" } else { "\n" };
            write!(f, "{between}{section}")?;
        }
        if self.metadata {
            let between = if self.sections.is_empty() { "" } else { "\n" };
            write!(f, "{between}metadata has changed")?;
        }
        Ok(())
    }
}

/// `section SCHEMA: 10 bytes -> 12 bytes, 2 of them new`, `+ section SCHEMA: 12 bytes`.
impl fmt::Display for SectionDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match (self.before_len, self.after_len) {
            (Some(_), None) => "- ",
            (None, Some(_)) => "+ ",
            _ => "",
        };
        write!(f, "{sign}section {}", self.id)?;
        if self.instance > 0 {
            write!(f, " ({})", self.instance)?;
        }
        match &self.bytes {
            Some(bytes) => write!(
                f,
                ": {} bytes -> {} bytes, {} of them new",
                bytes.before_len, bytes.after_len, bytes.new_bytes
            ),
            None => write!(f, ": {} bytes", self.before_len.or(self.after_len).unwrap_or_default()),
        }
    }
}
