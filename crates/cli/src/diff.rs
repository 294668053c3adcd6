//! What changed between two worlds, by entity, component and field.

mod compare;
mod difference;
mod matching;
mod side;
mod text;
mod values;

use std::{collections::BTreeSet, fmt, path::Path};

use keepstone::ecs::WorldDoc;
use serde::Serialize;

use self::{
    compare::compare,
    difference::{Difference, Found, Totals},
};
use crate::args::DiffArgs;
use crate::convert::worlds::Worlds;
use crate::error::Error;
use crate::output::{Exit, Report};
use crate::progress::Progress;
use crate::text::{Grid, Shown, count, plural};

/// Differences that are listed unless all are asked for.
const LISTED_MAX: usize = 100;

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
    worlds: Vec<World>,
    /// How many differences there are, and how many of them are listed.
    total: u64,
    listed: u64,
    warnings: Vec<String>,
}

/// What one world of the first file and that of the same name in the second have.
#[derive(Debug, Serialize)]
struct World {
    name: String,
    /// By what entities are matched; null where only one file has the world.
    matched_by: Option<&'static str>,
    /// How many entities it has in each file; null where it isn't in it.
    entities: [Option<u32>; 2],
    #[serde(flatten)]
    totals: Totals,
    differences: Vec<Difference>,
}

/// Compares two files.
pub(crate) fn run(args: &DiffArgs, progress: &Progress) -> Result<Diff, Error> {
    let a = read(&args.a, progress)?;
    let b = read(&args.b, progress)?;
    let mut room = if args.all { usize::MAX } else { LISTED_MAX };
    let formats = [a.format, b.format];
    let warnings = [(&args.a, &a.warnings), (&args.b, &b.warnings)]
        .into_iter()
        .flat_map(|(path, warnings)| warnings.iter().map(|text| format!("{}: {text}", path.display())))
        .collect();
    let names: BTreeSet<String> = a.docs.iter().chain(&b.docs).map(|doc| doc.name.clone()).collect();
    let (mut a, mut b) = (a.docs, b.docs);
    // One world each needs no name to be compared.
    let alone = (a.len(), b.len()) == (1, 1);
    let mut worlds = Vec::new();
    for name in names {
        let world = match (take(&mut a, &name, alone), take(&mut b, &name, alone)) {
            (Some(first), Some(second)) => World::of_both(first, second, &mut room, &args.a)?,
            (first, second) => match first.as_ref().or(second.as_ref()) {
                Some(doc) => World::of_one(doc, first.is_some(), &mut room),
                None => continue,
            },
        };
        worlds.push(world);
    }
    let total = worlds.iter().map(|world| world.totals.all()).sum();
    Ok(Diff {
        name: args.a.display().to_string(),
        other: args.b.display().to_string(),
        formats,
        equal: total == 0,
        total,
        listed: worlds.iter().map(|world| world.differences.len() as u64).sum(),
        worlds,
        warnings,
    })
}

fn read(path: &Path, progress: &Progress) -> Result<Worlds, Error> {
    let worlds = Worlds::read(path, progress);
    progress.clear();
    worlds
}

fn take(docs: &mut Vec<WorldDoc<'static>>, name: &str, alone: bool) -> Option<WorldDoc<'static>> {
    let at = docs.iter().position(|doc| alone || doc.name == name)?;
    Some(docs.swap_remove(at))
}

impl World {
    fn of_both(
        a: WorldDoc<'static>,
        b: WorldDoc<'static>,
        room: &mut usize,
        path: &Path,
    ) -> Result<Self, Error> {
        let name = a.name.clone();
        let entities = [Some(a.entity_count()), Some(b.entity_count())];
        let mut found = Found::new(*room);
        let matched_by =
            compare(a, b, &mut found).map_err(|source| Error::World { path: path.to_owned(), source })?;
        *room = found.room();
        let (totals, differences) = found.finish();
        Ok(Self { name, matched_by: Some(matched_by), entities, totals, differences })
    }

    fn of_one(doc: &WorldDoc<'_>, is_first: bool, room: &mut usize) -> Self {
        let mut found = Found::new(*room);
        found.world(&doc.name, doc.entity_count(), is_first);
        *room = found.room();
        let (totals, differences) = found.finish();
        let count = Some(doc.entity_count());
        let entities = if is_first { [count, None] } else { [None, count] };
        Self { name: doc.name.clone(), matched_by: None, entities, totals, differences }
    }
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
            let entities: u64 = self.worlds.iter().filter_map(|world| world.entities[0]).map(u64::from).sum();
            return writeln!(f, "{a} and {b} hold the same: {}", plural(entities, "entity"));
        }
        writeln!(f, "--- {a}\n+++ {b}")?;
        for world in self.worlds.iter().filter(|world| world.totals.all() > 0) {
            world.fmt(f)?;
        }
        if self.listed < self.total {
            writeln!(
                f,
                "{} of {} differences are listed; --all lists all",
                count(self.listed),
                count(self.total)
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.name.is_empty() {
            writeln!(f, "world \"{}\"", Shown(&self.name))?;
        }
        let mut grid = Grid::new("<<<<");
        let mut last = None;
        for difference in &self.differences {
            let (sign, subject, place, what) = difference.cells();
            // An entity is named once.
            let shown = if last == Some((sign, subject.clone())) { String::new() } else { subject.clone() };
            last = Some((sign, subject));
            grid.line([sign.to_owned(), shown, place, what]);
        }
        write!(f, "{grid}")?;
        if let Some(by) = self.matched_by {
            writeln!(f, "entities are matched by {by}: {}", self.totals)?;
        }
        Ok(())
    }
}
