//! What changed, by comparison of columns.

use std::collections::HashMap;

use crate::{
    delta::{Mark, WorldDelta, compare::Compare, matched::Matched},
    doc::{Column, ColumnData, NONE, Table, WorldDoc},
    error::Error,
    gather::{Renumber, counted, take},
    schema::Encoding,
};

impl WorldDelta<'_> {
    /// What changed between two documents of a world, for programs whose ECS doesn't tell: columns are compared. `since` says where in a
    /// chain the older one stands; `old_rows` and `new_rows` are the row numbers of their entities. Entities that came since have the numbers
    /// from [`Mark::rows`] on, each once.
    ///
    /// Serde values are equal if they are equal as values: a column may be written in another shape because of other rows. Values of a
    /// component whose version, encoding or layout is another are all changed. Foreign ids are compared as a component. Metadata and name are those of the
    /// new document.
    ///
    /// # Errors
    /// As [`WorldDoc::check`] for both documents; [`Error::BadSelection`] when row numbers don't fit; [`Error::Value`] when a serde row can't be read.
    pub fn between<'n, D>(
        since: &Mark<D>,
        old: &WorldDoc<'_>,
        old_rows: &[u32],
        new: &'n WorldDoc<'_>,
        new_rows: &[u32],
    ) -> Result<WorldDelta<'n>, Error> {
        old.check()?;
        new.check()?;
        let delta = WorldDelta::since(since);
        match (old.foreign_as_column(), new.foreign_as_column()) {
            (None, None) => between(delta, old, old_rows, new, new_rows),
            (before, after) => {
                let (before, after) = (before.as_ref().unwrap_or(old), after.as_ref().unwrap_or(new));
                Ok(between(delta, before, old_rows, after, new_rows)?.into_owned())
            }
        }
    }
}

fn between<'n>(
    mut delta: WorldDelta<'n>,
    old: &WorldDoc<'_>,
    old_rows: &[u32],
    new: &'n WorldDoc<'_>,
    new_rows: &[u32],
) -> Result<WorldDelta<'n>, Error> {
    let matched = Matched::of(old, old_rows, new, new_rows, delta.rows_before)?;
    delta.rows_after = matched.rows_after;
    delta.despawned = matched.despawned();
    delta.doc.name.clone_from(&new.name);
    delta.doc.meta.clone_from(&new.meta);

    let mut compare = Compare::new(&matched, old, new);
    let mut sets = Sets::new(&matched);
    let mut changed: Vec<Vec<(u32, u32)>> = Vec::with_capacity(new.columns.len());
    for (name, before, after) in by_name(old, new) {
        let found = compare.column(before, after)?;
        if !found.removed.is_empty() {
            delta.removed.push((name.to_owned(), found.removed));
        }
        if found.resource_removed {
            delta.removed_resources.push(name.to_owned());
        }
        if let Some(at) = after {
            sets.add(at, &found.changed);
            changed.push(found.changed);
        }
    }
    let order = sets.order(new_rows);
    delta.rows = order.rows;
    take_changed(&mut delta, new, &matched, changed, &order.tables, &order.places)?;
    Ok(delta)
}

/// The columns of both documents, ascending by name, with their places.
pub(super) fn by_name<'d>(
    old: &'d WorldDoc<'_>,
    new: &'d WorldDoc<'_>,
) -> impl Iterator<Item = (&'d str, Option<usize>, Option<usize>)> {
    let mut before = old.columns.iter().map(|column| column.schema.name.as_str()).enumerate().peekable();
    let mut after = new.columns.iter().map(|column| column.schema.name.as_str()).enumerate().peekable();
    std::iter::from_fn(move || {
        let name = match (before.peek(), after.peek()) {
            (Some((_, one)), Some((_, other))) => *one.min(other),
            (Some((_, one)), None) | (None, Some((_, one))) => *one,
            (None, None) => return None,
        };
        let at_before = before.next_if(|(_, own)| *own == name).map(|(at, _)| at);
        let at_after = after.next_if(|(_, own)| *own == name).map(|(at, _)| at);
        Some((name, at_before, at_after))
    })
}

/// Takes the changed values of all columns, in the order of the entities.
fn take_changed<'n>(
    delta: &mut WorldDelta<'n>,
    new: &'n WorldDoc<'_>,
    matched: &Matched<'_>,
    changed: Vec<Vec<(u32, u32)>>,
    tables: &[(u32, Vec<u16>)],
    places: &[u32],
) -> Result<(), Error> {
    let mut renumber = Renumber { ordinals: matched.new_rows, entities: matched.rows_after, dangling: 0 };
    let mut numbers = vec![u16::MAX; new.columns.len()];
    let columns = new.columns.iter().zip(new.rows_per_column()).zip(changed).zip(&mut numbers);
    for (((column, total), mut changed), number) in columns {
        if changed.is_empty() {
            continue;
        }
        let place = |ordinal: u32| places.get(ordinal as usize).copied().unwrap_or(NONE);
        if !column.schema.resource {
            changed.sort_by_key(|&(ordinal, _)| place(ordinal));
        }
        let mut ranges: Vec<std::ops::Range<u32>> = Vec::new();
        for (_, row) in changed {
            match ranges.last_mut() {
                Some(last) if last.end == row => last.end += 1,
                _ => ranges.push(row..row + 1),
            }
        }
        let mut data = take(column, &ranges, total, &mut renumber)?;
        if let (Encoding::Reference { linked: true }, ColumnData::References { targets, ranks }) =
            (&column.schema.encoding, &mut data)
            && ranks.is_none()
        {
            *ranks = Some(counted(targets, matched.rows_after).into());
        }
        *number = u16::try_from(delta.doc.columns.len()).unwrap_or(u16::MAX);
        delta.doc.columns.push(Column { schema: column.schema.clone(), data });
    }
    let number = |at: &u16| numbers.get(usize::from(*at)).copied().unwrap_or(u16::MAX);
    delta.doc.tables = tables
        .iter()
        .map(|(rows, set)| Table { rows: *rows, components: set.iter().map(number).collect() })
        .collect();
    Ok(())
}

/// Which values each entity has in the delta.
struct Sets {
    /// By ordinal; [`NONE`] for entities that are not in it.
    of: Vec<u32>,
    all: Vec<Vec<u16>>,
    with: HashMap<(u32, u16), u32>,
}

/// In which order the entities of a delta stand.
struct Order {
    rows: Vec<u32>,
    /// How many entities have which values.
    tables: Vec<(u32, Vec<u16>)>,
    /// By ordinal.
    places: Vec<u32>,
}

impl Sets {
    /// Spawned entities are there whatever they have.
    fn new(matched: &Matched<'_>) -> Self {
        let mut of = vec![NONE; matched.new_rows.len()];
        for run in matched.runs.iter().filter(|run| run.old == NONE) {
            if let Some(slots) = of.get_mut(run.new as usize..(run.new + run.len) as usize) {
                slots.fill(0);
            }
        }
        Self { of, all: vec![Vec::new()], with: HashMap::new() }
    }

    /// Adds a column to the sets of the entities of these values. Columns come in their order.
    fn add(&mut self, column: usize, changed: &[(u32, u32)]) {
        let Ok(column) = u16::try_from(column) else { return };
        let mut last = (NONE, NONE);
        for &(ordinal, _) in changed {
            let Some(slot) = self.of.get_mut(ordinal as usize) else { continue };
            // Neighbours mostly have the same.
            if last.0 != *slot || last.1 == NONE {
                let without = if *slot == NONE { 0 } else { *slot };
                let next = u32::try_from(self.all.len()).unwrap_or(NONE);
                let with = *self.with.entry((without, column)).or_insert(next);
                if with == next {
                    let mut set = self.all.get(without as usize).cloned().unwrap_or_default();
                    set.push(column);
                    self.all.push(set);
                }
                last = (*slot, with);
            }
            *slot = last.1;
        }
    }

    /// Rows ascend in each table, and so do the first rows of the tables.
    fn order(&self, rows: &[u32]) -> Order {
        let mut found: Vec<(u32, u32, u32)> = Vec::new();
        for ((&set, &row), ordinal) in self.of.iter().zip(rows).zip(0..) {
            if set != NONE {
                found.push((row, set, ordinal));
            }
        }
        found.sort_unstable();
        let mut tables: Vec<(u32, Vec<u16>)> = Vec::new();
        let mut table_of = vec![NONE; self.all.len()];
        for &(_, set, _) in &found {
            let Some(table) = table_of.get_mut(set as usize) else { continue };
            if *table == NONE {
                *table = u32::try_from(tables.len()).unwrap_or(NONE);
                tables.push((0, self.all.get(set as usize).cloned().unwrap_or_default()));
            }
            if let Some((count, _)) = tables.get_mut(*table as usize) {
                *count += 1;
            }
        }
        let mut next: Vec<u32> = Vec::with_capacity(tables.len());
        let mut sum = 0;
        for (count, _) in &tables {
            next.push(sum);
            sum += count;
        }
        let mut order = Order { rows: vec![0; found.len()], tables, places: vec![NONE; self.of.len()] };
        for (row, set, ordinal) in found {
            let table = table_of.get(set as usize).copied().unwrap_or(NONE);
            let Some(place) = next.get_mut(table as usize) else { continue };
            if let (Some(slot), Some(own)) =
                (order.rows.get_mut(*place as usize), order.places.get_mut(ordinal as usize))
            {
                (*slot, *own) = (row, *place);
            }
            *place += 1;
        }
        order
    }
}
