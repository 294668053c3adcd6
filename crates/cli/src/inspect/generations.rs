use std::{fmt, path::Path};

use serde::Serialize;

use super::keep::{self, Container};
use crate::error::{Error, with_causes};
use crate::generations::Found;
use crate::text::{Grid, Shown, count, plural, size};

/// What a directory of generations holds, or a file of one.
#[derive(Debug, Serialize)]
pub(super) struct Directory {
    kind: &'static str,
    /// Whether one file is looked at.
    alone: bool,
    /// Newest first.
    generations: Vec<Summary>,
    /// Why other files are passed by; one of them may hold a later generation.
    refused: Vec<String>,
    /// The newest of them, if its container can be opened.
    newest: Option<Container>,
}

#[derive(Debug, Serialize)]
struct Summary {
    generation: u64,
    bytes: u64,
    file: String,
    /// Why its container can't be opened.
    error: Option<String>,
}

/// Reads commit pages, and of each container the parts that describe it.
pub(super) fn inspect(path: &Path, found: &Found) -> Result<Directory, Error> {
    let (mut generations, mut newest) = (Vec::new(), None);
    for (place, one) in found.generations.iter().enumerate() {
        let opened = found.open(one);
        let error = opened.as_ref().err().map(|error| with_causes(error));
        if let (0, Ok(reader)) = (place, opened) {
            newest = Some(keep::describe(path, &reader)?);
        }
        let file = one.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        generations.push(Summary { generation: one.generation, bytes: one.bytes, file, error });
    }
    let refused = found.refused.iter().map(|error| with_causes(error)).collect();
    Ok(Directory { kind: "generations", alone: found.alone, generations, refused, newest })
}

impl fmt::Display for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {}", plural(self.generations.len() as u64, "recycled generation"))?;
        let mut grid = Grid::new("<>><");
        grid.line(["file", "generation", "container", ""].map(str::to_owned));
        for one in &self.generations {
            let error = one.error.as_deref().map(|error| Shown(error).to_string()).unwrap_or_default();
            grid.line([Shown(&one.file).to_string(), count(one.generation), size(one.bytes), error]);
        }
        write!(f, "{grid}")?;
        for refused in &self.refused {
            writeln!(f, "\nwarning: {}", Shown(refused))?;
        }
        match &self.newest {
            Some(newest) if self.alone => write!(f, "\n{newest}"),
            Some(newest) => write!(f, "\nthe newest\n{newest}"),
            None => Ok(()),
        }
    }
}
