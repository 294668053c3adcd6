//! Which entities have a column. Ordinals stay: where some rows of a table have it and others don't, the table is cut.

use crate::{
    check::TABLES_MAX,
    doc::{Table, WorldDoc},
    error::Error,
};

/// Components that a world may have: FORMAT.md, section 2.7.
const COLUMNS_MAX: usize = 16_383;

/// The tables with a column at `at` that exactly these entities have, who ascend.
pub(super) fn with_holders(doc: &WorldDoc<'_>, at: usize, holders: &[u32]) -> Result<Vec<Table>, Error> {
    let at = u16::try_from(at).unwrap_or(u16::MAX);
    let mut tables: Vec<Table> = Vec::with_capacity(doc.tables.len());
    let mut rest = holders;
    let mut start = 0_u32;
    for table in &doc.tables {
        let end = start.saturating_add(table.rows);
        let mut without = table.components.clone();
        without.retain(|component| *component != at);
        let mut with = without.clone();
        with.insert(with.partition_point(|component| *component < at), at);
        while start < end {
            let run = (start..end).zip(rest).take_while(|(ordinal, holder)| ordinal == *holder).count();
            rest = rest.get(run..).unwrap_or_default();
            let held = u32::try_from(run).unwrap_or(u32::MAX);
            push(&mut tables, held, &with);
            start = start.saturating_add(held);
            let gap = rest.first().copied().unwrap_or(end).min(end).saturating_sub(start);
            push(&mut tables, gap, &without);
            start = start.saturating_add(gap);
        }
    }
    check_count(&tables)?;
    Ok(tables)
}

/// Checks that a world may have so many tables.
pub(super) fn check_count(tables: &[Table]) -> Result<(), Error> {
    let needs = tables.len() as u64;
    if needs > u64::from(TABLES_MAX) {
        return Err(Error::Limit { what: "tables of a world", needs, allowed: TABLES_MAX.into() });
    }
    Ok(())
}

fn push(tables: &mut Vec<Table>, rows: u32, components: &[u16]) {
    match tables.last_mut() {
        _ if rows == 0 => {}
        Some(last) if last.components == components => last.rows = last.rows.saturating_add(rows),
        _ => tables.push(Table { rows, components: components.to_vec() }),
    }
}

/// Makes tables with the same components that follow each other one.
pub(super) fn join(tables: &mut Vec<Table>) {
    tables.dedup_by(|table, before| {
        let same = table.components == before.components;
        if same {
            before.rows = before.rows.saturating_add(table.rows);
        }
        same
    });
}

/// Checks that another column has room.
pub(super) fn check_room(doc: &WorldDoc<'_>) -> Result<(), Error> {
    let needs = doc.columns.len() + 1;
    if needs > COLUMNS_MAX {
        return Err(Error::Limit {
            what: "components of a world",
            needs: needs as u64,
            allowed: COLUMNS_MAX as u64,
        });
    }
    Ok(())
}

/// Renames the columns that tables have, by what each place becomes.
pub(super) fn rename(tables: &mut [Table], place: impl Fn(usize) -> usize) {
    for table in tables {
        for component in &mut table.components {
            *component = u16::try_from(place(usize::from(*component))).unwrap_or(u16::MAX);
        }
        table.components.sort_unstable();
    }
}
