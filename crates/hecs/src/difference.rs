use std::collections::HashMap;

use hecs::{Entity, World};
use keepstone_ecs_persist::{ColumnData, Difference, Encoding, Entry, Error, Lengths, NONE};
use keepstone_value::{Entities, EntityType};

use crate::registry::{Ops, Registry};

/// Compares two worlds: see [`EcsWorld::difference`](keepstone_ecs_persist::EcsWorld::difference).
pub(crate) fn difference(
    mine: &World,
    theirs: &World,
    pairs: &[(Entity, Entity)],
    registry: &Registry,
) -> Result<Option<Difference>, Error> {
    // Even numbers on one side and odd ones on the other: what has no pair equals nothing.
    let strays = u32::try_from(pairs.len()).unwrap_or(NONE).next_multiple_of(2);
    let (mut left, mut right) = (Side::new(mine, strays), Side::new(theirs, strays + 1));
    for (pair, &(a, b)) in (0..).zip(pairs) {
        left.pairs.insert(a, pair);
        right.pairs.insert(b, pair);
    }
    for (pair, &(a, b)) in pairs.iter().enumerate() {
        let what = match (mine.contains(a), theirs.contains(b)) {
            (true, false) => "only the first is alive",
            (false, true) => "only the second is alive",
            _ => continue,
        };
        return Ok(Some(Difference::new(Some(pair), "Entity", what)));
    }
    for entry in registry.iter() {
        if let Some(found) = component(&mut left, &mut right, pairs, entry)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// One of the two worlds; its entities are named by the number of their pair.
struct Side<'w> {
    world: &'w World,
    pairs: HashMap<Entity, u32>,
    /// What the next entity without a pair is called: on this side alone.
    next_stray: u32,
}

impl<'w> Side<'w> {
    fn new(world: &'w World, next_stray: u32) -> Self {
        Self { world, pairs: HashMap::new(), next_stray }
    }

    fn capture(&mut self, entities: &[Entity], entry: &Entry<Ops>) -> Result<Captured, Error> {
        entry
            .ops()
            .column
            .select(self.world, entities, self)
            .map_err(|source| Error::Value { component: entry.name().to_owned(), source })
    }
}

impl Entities for Side<'_> {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn ordinal(&mut self, bits: u64) -> u32 {
        let Some(entity) = Entity::from_bits(bits) else { return NONE };
        if let Some(&pair) = self.pairs.get(&entity) {
            return pair;
        }
        if !self.world.contains(entity) {
            return NONE;
        }
        let stray = self.next_stray;
        self.next_stray = stray.saturating_add(2);
        self.pairs.insert(entity, stray);
        stray
    }
}

fn component(
    left: &mut Side<'_>,
    right: &mut Side<'_>,
    pairs: &[(Entity, Entity)],
    entry: &Entry<Ops>,
) -> Result<Option<Difference>, Error> {
    let column = &entry.ops().column;
    let (mut rows, mut here, mut there) = (Vec::new(), Vec::new(), Vec::new());
    for (pair, &(a, b)) in pairs.iter().enumerate() {
        let what = match (column.has(left.world, a), column.has(right.world, b)) {
            (false, false) => continue,
            (true, true) => {
                rows.push(pair);
                here.push(a);
                there.push(b);
                continue;
            }
            (true, false) => "only the first has it",
            (false, true) => "only the second has it",
        };
        return Ok(Some(Difference::new(Some(pair), entry.name(), what)));
    }
    if rows.is_empty() {
        return Ok(None);
    }
    let (a, b) = (left.capture(&here, entry)?, right.capture(&there, entry)?);
    let (row, what) = match compare(&a, &b) {
        Compared::Equal => return Ok(None),
        Compared::RowDiffers(row) => (Some(row), "values differ"),
        Compared::Differ => (
            single_difference(left, right, &here, &there, entry)?,
            "references, their order or shapes differ",
        ),
    };
    // An order among several rows is no row's own: the first then stands for all.
    let pair = row.and_then(|row| rows.get(row)).or(rows.first()).copied();
    Ok(Some(Difference::new(pair, entry.name(), what)))
}

type Captured = (Encoding, ColumnData<'static>);

/// How two columns compare.
enum Compared {
    Equal,
    /// This row is the first whose bytes differ.
    RowDiffers(usize),
    /// Their bytes don't tell in which row.
    Differ,
}

fn compare(a: &Captured, b: &Captured) -> Compared {
    if a == b {
        return Compared::Equal;
    }
    let row = match (&a.1, &b.1) {
        (ColumnData::Plain(left), ColumnData::Plain(right)) => {
            let size = if let Encoding::Plain(layout) = &a.0 { layout.size() } else { 0 };
            first_mismatch(&left.concat(), &right.concat()).and_then(|at| at.checked_div(size))
        }
        (ColumnData::References { targets: a, .. }, ColumnData::References { targets: b, .. }) => {
            first_mismatch(a, b)
        }
        (
            ColumnData::Rows { data: a, lengths: a_lens, .. },
            ColumnData::Rows { data: b, lengths: b_lens, .. },
        ) => {
            let length = a_lens.iter().zip(b_lens.iter()).position(|(a, b)| a != b);
            length.or_else(|| first_mismatch(a, b).and_then(|at| row_of(a_lens, at)))
        }
        _ => None,
    };
    row.map_or(Compared::Differ, Compared::RowDiffers)
}

/// The first row that differs when each is captured alone.
fn single_difference(
    left: &mut Side<'_>,
    right: &mut Side<'_>,
    here: &[Entity],
    there: &[Entity],
    entry: &Entry<Ops>,
) -> Result<Option<usize>, Error> {
    for (row, (a, b)) in here.iter().zip(there).enumerate() {
        let one = std::slice::from_ref;
        if left.capture(one(a), entry)? != right.capture(one(b), entry)? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

fn first_mismatch<T: PartialEq>(a: &[T], b: &[T]) -> Option<usize> {
    if a.len() != b.len() {
        return Some(a.len().min(b.len()));
    }
    a.iter().zip(b).position(|(a, b)| a != b)
}

fn row_of(lengths: &Lengths, at: usize) -> Option<usize> {
    let mut end = 0;
    lengths.iter().position(|len| {
        end += len as usize;
        at < end
    })
}
