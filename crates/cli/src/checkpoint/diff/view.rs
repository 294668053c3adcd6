use std::fmt;

use keepstone::{
    checkpoint::{
        ByteRange, BytesDiff, DiffOptions, Difference, SectionsDiff, State, StateLayout, delta::DeltaKind,
    },
    ecs::{WorldDoc, list_worlds},
    format::{Limits, Reader},
    value::{
        ValueDiff,
        diff::{Change, What},
    },
};
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use crate::checkpoint::entry::layout_name;
use crate::diff::worlds;
use crate::inspect::holds_worlds;
use crate::payload::value::Json;
use crate::text::{Shown, count, plural};

/// Changes that are listed unless all are asked for.
const LISTED_MAX: usize = 100;

/// What changed, as what both states are compared as.
#[derive(Debug, Serialize)]
#[serde(tag = "compared_as", rename_all = "lowercase")]
pub(super) enum View {
    /// Bytes, whatever they are.
    Bytes(Ranges),
    /// Bytes that are JSON.
    Json(Values),
    /// Serde values.
    Value(Values),
    /// Worlds, by entity, component and field.
    Worlds(worlds::Compared),
    /// Sections that nothing is known of.
    Sections(Sections),
    /// They are of two sorts.
    Layouts { layouts: [&'static str; 2] },
}

#[derive(Debug, Serialize)]
pub(super) struct Ranges {
    /// How what stays has moved.
    change: Moves,
    /// How many ranges of bytes change; none: too much does, and all of B is new.
    #[serde(rename = "ranges")]
    count: Option<u64>,
    /// Bytes of B that A doesn't have there.
    new_bytes: u64,
    /// The first of the ranges: where they are in A, and where in B.
    places: Vec<[u64; 4]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Moves {
    None,
    /// What stays keeps its place.
    Aligned,
    /// What stays has moved, and keeps its order.
    Shifted,
    /// What stays has another order.
    Moved,
    /// Hardly anything stays.
    Rewritten,
}

#[derive(Debug, Serialize)]
pub(super) struct Values {
    /// How many changes there are, and how many of them are listed.
    total: u64,
    listed: usize,
    #[serde(serialize_with = "each_change")]
    differences: ValueDiff,
}

#[derive(Debug, Serialize)]
pub(super) struct Sections {
    /// Those that have changed.
    #[serde(rename = "sections")]
    changed: Vec<Section>,
    /// How many haven't.
    same: u64,
    /// Whether what the payload says of itself has changed.
    metadata: bool,
}

#[derive(Debug, Serialize)]
struct Section {
    id: String,
    instance: u32,
    /// Its bytes in A, if it is there.
    a: Option<u64>,
    /// Its bytes in B, if it is there.
    b: Option<u64>,
    /// Bytes of B that A doesn't have there.
    new_bytes: Option<u64>,
    #[serde(skip)]
    text: String,
}

impl View {
    pub(super) fn of(a: &State, b: &State, bytes: bool, all: bool) -> Self {
        let kept = if all { usize::MAX } else { LISTED_MAX };
        let is_sections = a.layout() == StateLayout::Sections && b.layout() == StateLayout::Sections;
        if is_sections
            && !bytes
            && let (Some(a), Some(b)) = (worlds_of(a), worlds_of(b))
            && let Ok(compared) = worlds::compare(a, b, all)
        {
            return Self::Worlds(compared);
        }
        match a.diff(b, &DiffOptions::default().structure(!bytes).kept_max(kept)) {
            Difference::Same => Self::Bytes(Ranges::none()),
            Difference::Json(diff) => Self::Json(diff.into()),
            Difference::Value(diff) => Self::Value(diff.into()),
            Difference::Sections(diff) => Self::Sections(diff.into()),
            Difference::Bytes(diff) => Self::Bytes(diff.into()),
            _ => Self::Layouts { layouts: [a, b].map(|state| layout_name(state.layout())) },
        }
    }

    /// Whether both hold the same.
    pub(super) fn is_equal(&self) -> bool {
        match self {
            Self::Bytes(ranges) => ranges.change == Moves::None,
            Self::Json(values) | Self::Value(values) => values.total == 0,
            Self::Worlds(worlds) => worlds.is_equal(),
            Self::Sections(found) => found.changed.is_empty() && !found.metadata,
            Self::Layouts { .. } => false,
        }
    }
}

/// The worlds that a state holds, if it holds any that can be read.
fn worlds_of(state: &State) -> Option<Vec<WorldDoc<'static>>> {
    let container = state.container().ok()?;
    let reader = Reader::open(container.as_slice(), Limits::for_file_len(container.len() as u64)).ok()?;
    if !holds_worlds(&reader) {
        return None;
    }
    let entries = list_worlds(&reader).ok()?;
    let docs = entries.iter().map(|entry| WorldDoc::decode(&reader, entry.world).map(WorldDoc::into_owned));
    docs.collect::<Result<_, _>>().ok()
}

impl Ranges {
    fn none() -> Self {
        Self { change: Moves::None, count: Some(0), new_bytes: 0, places: Vec::new() }
    }
}

impl From<BytesDiff> for Ranges {
    fn from(diff: BytesDiff) -> Self {
        let change = match diff.kind {
            Some(DeltaKind::Aligned) => Moves::Aligned,
            Some(DeltaKind::Shifted) => Moves::Shifted,
            Some(DeltaKind::Moved) => Moves::Moved,
            _ => Moves::Rewritten,
        };
        let is_rewritten = change == Moves::Rewritten;
        let place =
            |ByteRange { before, after, .. }: &ByteRange| [before.start, before.end, after.start, after.end];
        Self {
            change,
            count: (!is_rewritten).then_some(diff.ranges_total),
            new_bytes: if is_rewritten { diff.after_len } else { diff.new_bytes },
            places: diff.ranges.iter().map(place).collect(),
        }
    }
}

impl From<ValueDiff> for Values {
    fn from(differences: ValueDiff) -> Self {
        Self { total: differences.total(), listed: differences.changes().len(), differences }
    }
}

impl From<SectionsDiff> for Sections {
    fn from(diff: SectionsDiff) -> Self {
        let section = |section: &keepstone::checkpoint::SectionDiff| Section {
            id: section.id.to_string(),
            instance: section.instance,
            a: section.before_len,
            b: section.after_len,
            new_bytes: section.bytes.as_ref().map(|bytes| bytes.new_bytes),
            text: section.to_string(),
        };
        Self {
            changed: diff.sections.iter().map(section).collect(),
            same: diff.same,
            metadata: diff.metadata,
        }
    }
}

fn each_change<S: Serializer>(diff: &ValueDiff, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(diff.changes().iter().map(Shape))
}

/// A change as JSON.
struct Shape<'c>(&'c Change);

impl Serialize for Shape<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let what = match &self.0.what {
            What::Added(_) => "added",
            What::Removed(_) => "removed",
            What::Changed { .. } => "changed",
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("what", what)?;
        map.serialize_entry("path", &self.0.path.to_string())?;
        for (key, value) in [("a", self.0.before()), ("b", self.0.after())] {
            if let Some(value) = value {
                map.serialize_entry(key, &Json(value))?;
            }
        }
        map.end()
    }
}

impl Moves {
    /// What stays, in words.
    fn words(self) -> &'static str {
        match self {
            Self::None => "their bytes are the same",
            Self::Aligned => "all that stays keeps its place",
            Self::Shifted => "what stays is in the same order, and some of it at another place",
            Self::Moved => "what stays is in another order",
            Self::Rewritten => "hardly anything stays",
        }
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(ranges) => ranges.fmt(f),
            Self::Json(values) | Self::Value(values) => values.fmt(f),
            Self::Worlds(worlds) => worlds.fmt(f),
            Self::Sections(sections) => sections.fmt(f),
            Self::Layouts { layouts: [a, b] } => writeln!(f, "  one is {a}, the other {b}"),
        }
    }
}

impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let new = count(self.new_bytes);
        match self.count {
            Some(ranges) => writeln!(f, "  {}, {new} bytes of them new", plural(ranges, "changed range"))?,
            None => writeln!(f, "  all {new} bytes are new")?,
        }
        writeln!(f, "  {}", self.change.words())
    }
}

impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in self.differences.changes() {
            let sign = if let What::Changed { .. } = change.what { "~ " } else { "" };
            writeln!(f, "  {sign}{}", Shown(&change.to_string()))?;
        }
        if (self.listed as u64) < self.total {
            let (listed, total) = (count(self.listed as u64), count(self.total));
            writeln!(f, "{listed} of {total} changes are listed; --all lists all")?;
        }
        Ok(())
    }
}

impl fmt::Display for Sections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.changed.iter().try_for_each(|section| writeln!(f, "  {}", Shown(&section.text)))?;
        if self.metadata {
            writeln!(f, "  what they say of themselves has changed")?;
        }
        writeln!(f, "  {} the same", plural(self.same, "section"))
    }
}
