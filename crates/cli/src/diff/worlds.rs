use std::{collections::BTreeSet, fmt};

use keepstone::ecs::{self, DiffOptions, WorldDoc};
use serde::Serialize;

use super::difference::{Difference, Totals};
use crate::text::{Grid, Shown, count};

/// Differences that are listed unless all are asked for.
const LISTED_MAX: usize = 100;

/// What changed between the worlds of one place and those of another.
#[derive(Debug, Serialize)]
pub(crate) struct Compared {
    worlds: Vec<World>,
    /// How many differences there are, and how many of them are listed.
    total: u64,
    listed: u64,
}

/// What one world of the first place and that of the same name in the second have.
#[derive(Debug, Serialize)]
struct World {
    name: String,
    /// By what entities are matched; null where only one place has the world.
    matched_by: Option<String>,
    /// How many entities it has in each place; null where it isn't in it.
    entities: [Option<u32>; 2],
    #[serde(flatten)]
    totals: Totals,
    differences: Vec<Difference>,
}

/// Compares worlds by name. One world each needs no name to be compared.
pub(crate) fn compare(
    mut a: Vec<WorldDoc<'static>>,
    mut b: Vec<WorldDoc<'static>>,
    all: bool,
) -> Result<Compared, ecs::Error> {
    let mut room = if all { usize::MAX } else { LISTED_MAX };
    let names: BTreeSet<String> = a.iter().chain(&b).map(|doc| doc.name.clone()).collect();
    let alone = (a.len(), b.len()) == (1, 1);
    let mut worlds = Vec::new();
    for name in names {
        let world = match (take(&mut a, &name, alone), take(&mut b, &name, alone)) {
            (Some(first), Some(second)) => World::of_both(&first, &second, &mut room)?,
            (first, second) => match first.as_ref().or(second.as_ref()) {
                Some(doc) => World::of_one(doc, first.is_some(), &mut room),
                None => continue,
            },
        };
        worlds.push(world);
    }
    let total = worlds.iter().map(|world| world.totals.all()).sum();
    let listed = worlds.iter().map(|world| world.differences.len() as u64).sum();
    Ok(Compared { worlds, total, listed })
}

fn take(docs: &mut Vec<WorldDoc<'static>>, name: &str, alone: bool) -> Option<WorldDoc<'static>> {
    let at = docs.iter().position(|doc| alone || doc.name == name)?;
    Some(docs.swap_remove(at))
}

impl Compared {
    /// Whether both places hold the same.
    pub(crate) fn is_equal(&self) -> bool {
        self.total == 0
    }

    /// Entities of the first place.
    pub(crate) fn entities(&self) -> u64 {
        self.worlds.iter().filter_map(|world| world.entities[0]).map(u64::from).sum()
    }
}

impl World {
    fn of_both(a: &WorldDoc<'_>, b: &WorldDoc<'_>, room: &mut usize) -> Result<Self, ecs::Error> {
        let diff = a.diff(b, &DiffOptions::default().listed_max(*room))?;
        *room -= diff.changes.len();
        Ok(Self {
            name: a.name.clone(),
            matched_by: Some(diff.matched_by.to_string()),
            entities: diff.entities.map(Some),
            totals: diff.counts.into(),
            differences: diff.changes.into_iter().map(Difference::from).collect(),
        })
    }

    fn of_one(doc: &WorldDoc<'_>, is_first: bool, room: &mut usize) -> Self {
        let mut differences = Vec::new();
        if *room > 0 {
            *room -= 1;
            differences.push(Difference::of_world(&doc.name, doc.entity_count(), is_first));
        }
        let count = Some(doc.entity_count());
        let entities = if is_first { [count, None] } else { [None, count] };
        Self { name: doc.name.clone(), matched_by: None, entities, totals: Totals::of_world(), differences }
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for world in self.worlds.iter().filter(|world| world.totals.all() > 0) {
            world.fmt(f)?;
        }
        if self.listed < self.total {
            let (listed, total) = (count(self.listed), count(self.total));
            writeln!(f, "{listed} of {total} differences are listed; --all lists all")?;
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
        if let Some(by) = &self.matched_by {
            writeln!(f, "entities are matched by {by}: {}", self.totals)?;
        }
        Ok(())
    }
}
