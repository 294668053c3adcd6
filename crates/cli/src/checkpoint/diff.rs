use std::{fmt, path::Path};

use keepstone::checkpoint::{
    CheckpointReader,
    delta::{Delta, DeltaKind, Options},
};
use serde::Serialize;

use super::{
    entry::{Entry, Heads},
    store,
};
use crate::args::Point;
use crate::error::Error;
use crate::output::{Exit, Report};
use crate::text::{Shown, count, plural};

/// What `checkpoint diff` found.
#[derive(Debug, Serialize)]
pub(super) struct Compared {
    #[serde(skip)]
    name: String,
    a: Entry,
    b: Entry,
    equal: bool,
    /// How the bytes of B stand to those of A.
    change: Change,
    /// How many ranges of bytes change; none: too much does, and all of B is new.
    ranges: Option<usize>,
    /// Bytes of B that A doesn't have there.
    new_bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Change {
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

/// Compares the states of two checkpoints.
pub(super) fn run(path: &Path, a: Point, b: Point) -> Result<Compared, Error> {
    let reader = CheckpointReader::open(path)?;
    let (a, b) = (store::find(&reader, a)?, store::find(&reader, b)?);
    let (left, right) = (reader.state(a.id)?, reader.state(b.id)?);
    store::check(&a, &left)?;
    store::check(&b, &right)?;
    let equal = left.layout() == right.layout() && left.bytes() == right.bytes();
    let (change, ranges, new_bytes) = if left.bytes() == right.bytes() {
        (Change::None, Some(0), 0)
    } else {
        match Delta::between(left.bytes(), right.bytes(), &Options::new()) {
            Some(delta) => {
                let stats = delta.stats();
                (Change::of(delta.kind()), Some(stats.ops), stats.literal_bytes)
            }
            None => (Change::Rewritten, None, right.bytes().len()),
        }
    };
    let heads = Heads::of(&reader.sessions());
    let (a, b) = (Entry::new(&a, &heads), Entry::new(&b, &heads));
    Ok(Compared { name: path.display().to_string(), a, b, equal, change, ranges, new_bytes })
}

impl Change {
    fn of(kind: DeltaKind) -> Self {
        match kind {
            DeltaKind::Aligned => Self::Aligned,
            DeltaKind::Shifted => Self::Shifted,
            DeltaKind::Moved => Self::Moved,
            _ => Self::Rewritten,
        }
    }

    /// What stays, in words.
    fn words(self) -> &'static str {
        match self {
            Self::None => "their bytes are the same, but not what they are",
            Self::Aligned => "all that stays keeps its place",
            Self::Shifted => "what stays is in the same order, and some of it at another place",
            Self::Moved => "what stays is in another order",
            Self::Rewritten => "hardly anything stays",
        }
    }
}

impl Report for Compared {
    fn exit(&self) -> Exit {
        if self.equal { Exit::Good } else { Exit::Bad }
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (a, b) = (&self.a, &self.b);
        write!(f, "{}: #{} and #{} ", Shown(&self.name), a.number, b.number)?;
        if self.equal {
            return writeln!(f, "are the same, {} bytes", count(a.bytes));
        }
        writeln!(f, "differ")?;
        writeln!(f, "  {} bytes -> {} bytes", count(a.bytes), count(b.bytes))?;
        let new = count(self.new_bytes as u64);
        match self.ranges {
            Some(ranges) => {
                let ranges = plural(ranges as u64, "changed range");
                writeln!(f, "  {ranges}, {new} bytes of them new")?;
            }
            None => writeln!(f, "  all {new} bytes are new")?,
        }
        writeln!(f, "  {}", self.change.words())
    }
}
