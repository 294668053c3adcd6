//! What changed between two worlds, by entity, component and field.

mod difference;
pub(crate) mod worlds;

use std::{fmt, path::Path};

use serde::Serialize;

use self::worlds::Compared;
use crate::args::DiffArgs;
use crate::convert::worlds::Worlds;
use crate::error::Error;
use crate::output::{Exit, Report};
use crate::progress::Progress;
use crate::text::{Shown, plural};

/// What `diff` answers.
#[derive(Debug, Serialize)]
pub(crate) struct Diff {
    #[serde(skip)]
    name: String,
    /// The other file.
    other: String,
    /// The formats of both.
    formats: [&'static str; 2],
    equal: bool,
    #[serde(flatten)]
    compared: Compared,
    warnings: Vec<String>,
}

/// Compares two files.
pub(crate) fn run(args: &DiffArgs, progress: &Progress) -> Result<Diff, Error> {
    let a = read(&args.a, progress)?;
    let b = read(&args.b, progress)?;
    let formats = [a.format, b.format];
    let warnings = [(&args.a, &a.warnings), (&args.b, &b.warnings)]
        .into_iter()
        .flat_map(|(path, warnings)| warnings.iter().map(|text| format!("{}: {text}", path.display())))
        .collect();
    let failed = |source| Error::World { path: args.a.clone(), source };
    let compared = worlds::compare(a.docs, b.docs, args.all).map_err(failed)?;
    Ok(Diff {
        name: args.a.display().to_string(),
        other: args.b.display().to_string(),
        formats,
        equal: compared.is_equal(),
        compared,
        warnings,
    })
}

fn read(path: &Path, progress: &Progress) -> Result<Worlds, Error> {
    let worlds = Worlds::read(path, progress);
    progress.clear();
    worlds
}

impl Report for Diff {
    fn exit(&self) -> Exit {
        if self.equal { Exit::Good } else { Exit::Bad }
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (a, b) = (Shown(&self.name), Shown(&self.other));
        if self.equal {
            let entities = plural(self.compared.entities(), "entity");
            return writeln!(f, "{a} and {b} hold the same: {entities}");
        }
        write!(f, "--- {a}\n+++ {b}\n{}", self.compared)
    }
}
