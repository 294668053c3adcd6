use crate::{
    doc::{NONE, WorldDoc},
    error::Error,
    gather::Index,
};

/// Which entities of two documents are the same, by their row numbers.
pub(super) struct Matched<'d> {
    pub(super) old: Index,
    pub(super) new: Index,
    pub(super) old_rows: &'d [u32],
    pub(super) new_rows: &'d [u32],
    /// Entities of the new document that stand together in one table of it, and in one of the old one or in none.
    pub(super) runs: Vec<Run>,
    /// Entities of the old document that the new one doesn't have.
    pub(super) gone: Vec<Run>,
    /// By old ordinal, the row number, or none where the entity is gone.
    pub(super) old_names: Vec<u32>,
    /// How many row numbers there are with the new ones.
    pub(super) rows_after: u32,
}

/// Entities with ordinals that follow each other in both documents.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// The first in the new document, or [`NONE`].
    pub(super) new: u32,
    pub(super) new_table: u32,
    /// The first in the old document, or [`NONE`].
    pub(super) old: u32,
    pub(super) old_table: u32,
    pub(super) len: u32,
}

impl<'d> Matched<'d> {
    /// Matches documents that were checked.
    pub(super) fn of(
        old: &WorldDoc<'_>,
        old_rows: &'d [u32],
        new: &WorldDoc<'_>,
        new_rows: &'d [u32],
        rows_before: u32,
    ) -> Result<Self, Error> {
        let (old, new) = (Index::of(old), Index::of(new));
        expect("row numbers of the old document", old_rows.len() as u64, old.entities().into())?;
        expect("row numbers of the new document", new_rows.len() as u64, new.entities().into())?;
        let mut ordinals = vec![NONE; rows_before as usize];
        for (&row, ordinal) in old_rows.iter().zip(0..) {
            match ordinals.get_mut(row as usize) {
                Some(slot) if *slot == NONE => *slot = ordinal,
                _ => return Err(bad("row number of the old document", row, rows_before)),
            }
        }
        let mut matched = Self {
            old,
            new,
            old_rows,
            new_rows,
            runs: Vec::new(),
            gone: Vec::new(),
            old_names: vec![NONE; old_rows.len()],
            rows_after: rows_before,
        };
        matched.match_rows(&ordinals, rows_before)?;
        matched.find_gone();
        Ok(matched)
    }

    fn match_rows(&mut self, ordinals: &[u32], rows_before: u32) -> Result<(), Error> {
        let spawned = self.new_rows.iter().filter(|&&row| row >= rows_before).count();
        let mut is_there = vec![false; spawned];
        for table in 0..self.new.tables() {
            let mut own = self.new.ordinals(table);
            while let Some(new) = own.next() {
                let row = self.new_row(new);
                if let Some(place) = row.checked_sub(rows_before) {
                    match is_there.get_mut(place as usize) {
                        Some(taken) if !*taken => *taken = true,
                        _ => return Err(bad("row number of a new entity", row, rows_before)),
                    }
                    self.spawned(new, table);
                    continue;
                }
                let old = ordinals.get(row as usize).copied().unwrap_or(NONE);
                let Some(run) = self.stayed(new, table, old) else {
                    return Err(bad("row number of the new document", row, rows_before));
                };
                own.start = new + run.len;
                self.runs.push(run);
            }
        }
        self.rows_after = u32::try_from(u64::from(rows_before) + spawned as u64).unwrap_or(NONE);
        Ok(())
    }

    fn spawned(&mut self, new: u32, new_table: u32) {
        match self.runs.last_mut() {
            Some(run) if run.new_table == new_table && run.old == NONE => run.len += 1,
            _ => self.runs.push(Run { new, new_table, old: NONE, old_table: NONE, len: 1 }),
        }
    }

    /// Matches an entity and those that follow it in both documents; nothing if one of them is matched already.
    fn stayed(&mut self, new: u32, new_table: u32, old: u32) -> Option<Run> {
        if old == NONE {
            return None;
        }
        let old_table = self.old.table_of(old);
        let of_new = self.new_rows.get(new as usize..self.new.ordinals(new_table).end as usize)?;
        let of_old = self.old_rows.get(old as usize..self.old.ordinals(old_table).end as usize)?;
        let len = of_new.iter().zip(of_old).take_while(|(one, other)| one == other).count();
        let names = self.old_names.get_mut(old as usize..old as usize + len)?;
        if names.iter().any(|&name| name != NONE) {
            return None;
        }
        names.copy_from_slice(of_old.get(..len)?);
        Some(Run { new, new_table, old, old_table, len: u32::try_from(len).ok()? })
    }

    fn find_gone(&mut self) {
        for old_table in 0..self.old.tables() {
            for old in self.old.ordinals(old_table) {
                if self.old_names.get(old as usize) != Some(&NONE) {
                    continue;
                }
                match self.gone.last_mut() {
                    Some(run) if run.old_table == old_table && run.old + run.len == old => run.len += 1,
                    _ => self.gone.push(Run { new: NONE, new_table: NONE, old, old_table, len: 1 }),
                }
            }
        }
    }

    /// The rows of the entities that are gone, ascending.
    pub(super) fn despawned(&self) -> Vec<u32> {
        let ordinals = self.gone.iter().flat_map(|run| run.old..run.old + run.len);
        let mut rows: Vec<u32> = ordinals.map(|ordinal| self.old_row(ordinal)).collect();
        rows.sort_unstable();
        rows
    }

    /// The row number of an ordinal of the old document, also of one that is gone.
    pub(super) fn old_row(&self, ordinal: u32) -> u32 {
        self.old_rows.get(ordinal as usize).copied().unwrap_or(NONE)
    }

    /// The row number that an ordinal of the old document now stands for: none if its entity is gone.
    pub(super) fn old_name(&self, ordinal: u32) -> u32 {
        self.old_names.get(ordinal as usize).copied().unwrap_or(NONE)
    }

    /// The row number of an ordinal of the new document.
    pub(super) fn new_row(&self, ordinal: u32) -> u32 {
        self.new_rows.get(ordinal as usize).copied().unwrap_or(NONE)
    }
}

fn expect(what: &'static str, found: u64, expected: u64) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(Error::BadSelection { what, found, expected }) }
}

fn bad(what: &'static str, found: u32, rows_before: u32) -> Error {
    Error::BadSelection { what, found: found.into(), expected: rows_before.into() }
}
