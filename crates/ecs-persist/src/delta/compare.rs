use std::ops::Range;

use crate::{
    delta::{
        cells::Cells,
        digest::digests,
        matched::{Matched, Run},
    },
    doc::{Column, NONE, WorldDoc},
    error::Error,
    schema::Encoding,
};

/// Compares the columns of two documents.
pub(super) struct Compare<'m> {
    matched: &'m Matched<'m>,
    old: &'m WorldDoc<'m>,
    new: &'m WorldDoc<'m>,
    /// By table, the first row in the column at hand, or [`NONE`].
    old_bases: Vec<u32>,
    new_bases: Vec<u32>,
}

/// What changed in a column.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Ordinals and rows of the new document, ascending by ordinal. A resource has ordinal [`NONE`].
    pub(super) changed: Vec<(u32, u32)>,
    /// The row numbers of entities that no longer have the component, ascending.
    pub(super) removed: Vec<u32>,
    /// Whether it was a resource that is gone.
    pub(super) resource_removed: bool,
}

/// So many rows are compared at once before each is looked at.
const BLOCK: u32 = 16;

impl<'m> Compare<'m> {
    pub(super) fn new(matched: &'m Matched<'m>, old: &'m WorldDoc<'m>, new: &'m WorldDoc<'m>) -> Self {
        let bases = |doc: &WorldDoc<'_>| vec![NONE; doc.tables.len()];
        Self { matched, old, new, old_bases: bases(old), new_bases: bases(new) }
    }

    /// Compares a column of the old document with one of the new one; one of them may be missing.
    pub(super) fn column(&mut self, before: Option<usize>, after: Option<usize>) -> Result<Found, Error> {
        let matched = self.matched;
        let column = |doc: &'m WorldDoc<'m>, at: Option<usize>| at.and_then(|at| doc.columns.get(at));
        let (old, new) = (column(self.old, before), column(self.new, after));
        let is_resource = |column: Option<&Column<'_>>| column.is_some_and(|column| column.schema.resource);
        let rows = |places: &[(u32, u32)], bases: &mut Vec<u32>| {
            for &(table, base) in places {
                if let Some(slot) = bases.get_mut(table as usize) {
                    *slot = base;
                }
            }
        };
        let old_places = before.map_or(&[][..], |at| matched.old.places(at));
        let new_places = after.map_or(&[][..], |at| matched.new.places(at));
        rows(old_places, &mut self.old_bases);
        rows(new_places, &mut self.new_bases);
        let mut found = Found::default();
        let same = self.same(old, new)?;
        if is_resource(new) {
            if !(is_resource(old) && same.is_row(0, 0)) {
                found.changed.push((NONE, 0));
            }
        } else {
            found.resource_removed = is_resource(old);
        }
        // Values of an entity are none of a resource.
        self.entities(&same, &mut found);
        if same.linked {
            self.lists(&same, &mut found);
        }
        found.removed.sort_unstable();
        let clear = |places: &[(u32, u32)], bases: &mut Vec<u32>| {
            for &(table, _) in places {
                if let Some(slot) = bases.get_mut(table as usize) {
                    *slot = NONE;
                }
            }
        };
        clear(old_places, &mut self.old_bases);
        clear(new_places, &mut self.new_bases);
        Ok(found)
    }

    fn base(bases: &[u32], table: u32) -> Option<u32> {
        bases.get(table as usize).copied().filter(|&base| base != NONE)
    }

    /// The rows of a run in the old column and in the new one.
    fn rows_of(&self, run: &Run) -> (Option<u32>, Option<u32>) {
        let first = |bases: &[u32], table: u32, ordinal: u32, start: u32| {
            Some(Self::base(bases, table)? + ordinal.saturating_sub(start))
        };
        let old = first(&self.old_bases, run.old_table, run.old, self.matched.old.first(run.old_table));
        let new = first(&self.new_bases, run.new_table, run.new, self.matched.new.first(run.new_table));
        (old, new)
    }

    fn entities(&self, same: &Same<'_>, found: &mut Found) {
        for run in &self.matched.runs {
            match self.rows_of(run) {
                (Some(old), Some(new)) => {
                    let mut at = 0;
                    while at < run.len {
                        let len = BLOCK.min(run.len - at);
                        let (o, n) = (old + at, new + at);
                        if !same.are_blocks(&(o..o + len), &(n..n + len)) {
                            let differ = (0..len).filter(|row| !same.is_row(o + row, n + row));
                            found.changed.extend(differ.map(|row| (run.new + at + row, n + row)));
                        }
                        at += len;
                    }
                }
                (None, Some(new)) => found.changed.extend((0..run.len).map(|at| (run.new + at, new + at))),
                (Some(_), None) => {
                    found.removed.extend((run.new..run.new + run.len).map(|at| self.matched.new_row(at)));
                }
                (None, None) => {}
            }
        }
    }

    /// Adds all rows of each target whose list is another.
    fn lists(&self, same: &Same<'_>, found: &mut Found) {
        let matched = self.matched;
        let mut touched = vec![false; matched.rows_after as usize];
        let mut touch = |row: u32| {
            if let Some(slot) = touched.get_mut(row as usize) {
                *slot = true;
            }
        };
        let mut any = false;
        for run in matched.runs.iter().chain(&matched.gone) {
            let (old, new) = self.rows_of(run);
            for at in 0..run.len {
                let before = old.and_then(|old| same.old_place(old + at));
                let after = new.and_then(|new| same.new_place(new + at));
                if before != after {
                    any = true;
                    before.into_iter().chain(after).for_each(|(target, _)| touch(target));
                }
            }
        }
        if !any {
            return;
        }
        let is_touched = |row: u32| touched.get(row as usize).copied().unwrap_or(false);
        let runs = matched.runs.iter().filter_map(|run| Some((run, self.rows_of(run).1?)));
        for (run, new) in runs {
            let of_touched =
                |at: &u32| same.new_place(new + at).is_some_and(|(target, _)| is_touched(target));
            found.changed.extend((0..run.len).filter(of_touched).map(|at| (run.new + at, new + at)));
        }
        found.changed.sort_unstable();
        found.changed.dedup();
    }

    fn same(&self, old: Option<&'m Column<'m>>, new: Option<&'m Column<'m>>) -> Result<Same<'m>, Error> {
        let matched = self.matched;
        let mut same = Same { matched, linked: false, way: Way::Never, old: None, new: None };
        let linked = |column: Option<&Column<'_>>| {
            column.is_some_and(|column| column.schema.encoding == Encoding::Reference { linked: true })
        };
        same.linked = linked(new);
        if let Some(new) = new.filter(|new| matches!(new.schema.encoding, Encoding::Reference { .. })) {
            same.new = Some(Cells::of(new, matched.new.entities())?);
        }
        if linked(old) && same.linked {
            same.old = old.map(|old| Cells::of(old, matched.old.entities())).transpose()?;
        }
        let (Some(old), Some(new)) = (old, new) else { return Ok(same) };
        if old.schema.version != new.schema.version || old.schema.resource != new.schema.resource {
            return Ok(same);
        }
        same.way = match (&old.schema.encoding, &new.schema.encoding) {
            (one, other) if one == other => Way::Bytes,
            (
                Encoding::Rows { shape: one, human_readable },
                Encoding::Rows { shape: other, human_readable: also },
            ) if human_readable == also => Way::Values {
                old: digests(old, one, *human_readable, &|ordinal| matched.old_name(ordinal))?,
                new: digests(new, other, *human_readable, &|ordinal| matched.new_row(ordinal))?,
            },
            _ => Way::Never,
        };
        if matches!(same.way, Way::Bytes) {
            if let Some(way) = self.sorted_maps(old, new)? {
                same.way = way;
                return Ok(same);
            }
            same.old = Some(Cells::of(old, matched.old.entities())?);
            same.new = Some(Cells::of(new, matched.new.entities())?);
        }
        Ok(same)
    }

    /// The entries of maps stand in an order that depends on ordinals where their keys hold entities: then values are compared.
    fn sorted_maps(&self, old: &Column<'_>, new: &Column<'_>) -> Result<Option<Way>, Error> {
        let has_maps = |column| Ok::<bool, Error>(crate::canonical::Maps::of(column)?.is_some());
        let Encoding::Rows { shape, human_readable } = &new.schema.encoding else { return Ok(None) };
        if !has_maps(old)? && !has_maps(new)? {
            return Ok(None);
        }
        let matched = self.matched;
        Ok(Some(Way::Values {
            old: digests(old, shape, *human_readable, &|ordinal| matched.old_name(ordinal))?,
            new: digests(new, shape, *human_readable, &|ordinal| matched.new_row(ordinal))?,
        }))
    }
}

/// Says which rows of two columns are the same.
struct Same<'m> {
    matched: &'m Matched<'m>,
    /// Whether the new one is a relationship with an order.
    linked: bool,
    way: Way,
    old: Option<Cells<'m>>,
    new: Option<Cells<'m>>,
}

/// How rows are compared.
enum Way {
    /// They are of different kinds.
    Never,
    /// By their bytes and the entities that they name.
    Bytes,
    /// By hashes of their values.
    Values { old: Vec<[u8; 16]>, new: Vec<[u8; 16]> },
}

impl Same<'_> {
    /// Whether these rows are all the same. May say no where they are.
    fn are_blocks(&self, old: &Range<u32>, new: &Range<u32>) -> bool {
        match (&self.way, &self.old, &self.new) {
            (Way::Bytes, Some(before), Some(after)) => {
                before.common_len() == after.common_len()
                    && before.common_len().is_some()
                    && before.bytes(old) == after.bytes(new)
                    && !before.names()
                    && !after.names()
            }
            _ => false,
        }
    }

    fn is_row(&self, old: u32, new: u32) -> bool {
        match (&self.way, &self.old, &self.new) {
            (Way::Bytes, Some(before), Some(after)) => {
                let (o, n) = (old..old + 1, new..new + 1);
                before.bytes(&o) == after.bytes(&n)
                    && before
                        .targets(&o)
                        .iter()
                        .map(|&target| self.old_name(target))
                        .eq(after.targets(&n).iter().map(|&target| self.matched.new_row(target)))
            }
            (Way::Values { old: before, new: after }, ..) => {
                before.get(old as usize).is_some_and(|one| after.get(new as usize) == Some(one))
            }
            _ => false,
        }
    }

    /// A relationship goes with its target. One that stays without a target is another than before.
    fn old_name(&self, target: u32) -> u32 {
        if self.linked { self.matched.old_row(target) } else { self.matched.old_name(target) }
    }

    /// Row number of the target and rank of a row of a relationship; nothing without a target.
    fn old_place(&self, row: u32) -> Option<(u32, u32)> {
        let cells = self.old.as_ref()?;
        let target = self.matched.old_row(*cells.targets(&(row..row + 1)).first()?);
        (target != NONE).then(|| (target, cells.rank(row)))
    }

    fn new_place(&self, row: u32) -> Option<(u32, u32)> {
        let cells = self.new.as_ref()?;
        let target = self.matched.new_row(*cells.targets(&(row..row + 1)).first()?);
        (target != NONE).then(|| (target, cells.rank(row)))
    }
}
