use crate::{
    check::invalid,
    doc::{Column, ColumnData, NONE},
    error::Error,
};

/// Checks of the ranks of a column what its rows in one part tell: a place is below the number of all entities, two rows with one target have
/// two, and a row without a target has none. Whether each place is taken once in the whole world is known by nobody who doesn't remember all rows.
pub(super) fn check(column: &Column<'_>, total: u32) -> Result<(), Error> {
    let ColumnData::References { targets, ranks: Some(ranks) } = &column.data else { return Ok(()) };
    let mut rows: Vec<(u32, u32)> = Vec::with_capacity(targets.len());
    for (&target, &rank) in targets.iter().zip(ranks.iter()) {
        if target == NONE && rank != 0 {
            return Err(invalid("rank of a reference to nothing", rank, 0));
        }
        if rank >= total {
            return Err(invalid("rank of a reference", rank, format!("below {total}")));
        }
        if target != NONE {
            rows.push((target, rank));
        }
    }
    rows.sort_unstable();
    let twice = rows.windows(2).find_map(|pair| match pair {
        [one, other] if one == other => Some(one.1),
        _ => None,
    });
    match twice {
        Some(rank) => Err(invalid("rank of a reference", rank, "each place of its target once")),
        None => Ok(()),
    }
}
