mod view;

use std::{fmt, path::Path};

use keepstone::checkpoint::CheckpointReader;
use serde::Serialize;

use self::view::View;
use super::{
    entry::{Entry, Heads},
    store,
};
use crate::args::Point;
use crate::error::Error;
use crate::output::{Exit, Report};
use crate::text::{Shown, count};

/// What `checkpoint diff` found.
#[derive(Debug, Serialize)]
pub(super) struct Compared {
    #[serde(skip)]
    name: String,
    a: Entry,
    b: Entry,
    /// Whether both hold the same, be it in the same bytes or not.
    equal: bool,
    #[serde(flatten)]
    view: View,
}

/// Compares the states of two checkpoints.
pub(super) fn run(path: &Path, a: Point, b: Point, bytes: bool, all: bool) -> Result<Compared, Error> {
    let reader = CheckpointReader::open(path)?;
    let (a, b) = (store::find(&reader, a)?, store::find(&reader, b)?);
    let (left, right) = (reader.state(a.id)?, reader.state(b.id)?);
    store::check(&a, &left)?;
    store::check(&b, &right)?;
    let view = View::of(&left, &right, bytes, all);
    let heads = Heads::of(&reader.sessions());
    let (a, b) = (Entry::new(&a, &heads), Entry::new(&b, &heads));
    Ok(Compared { name: path.display().to_string(), a, b, equal: view.is_equal(), view })
}

impl Report for Compared {
    fn exit(&self) -> Exit {
        if self.equal { Exit::Good } else { Exit::Bad }
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (a, b) = (&self.a, &self.b);
        let (a_bytes, b_bytes) = (count(a.bytes), count(b.bytes));
        write!(f, "{}: #{} and #{} ", Shown(&self.name), a.number, b.number)?;
        if !self.equal {
            return write!(f, "differ\n  {a_bytes} bytes -> {b_bytes} bytes\n{}", self.view);
        }
        if a.content == b.content {
            writeln!(f, "are the same, {a_bytes} bytes")
        } else {
            writeln!(f, "hold the same in other bytes, {a_bytes} and {b_bytes} bytes")
        }
    }
}
