//! Rows as differences to the row before, and what else stands in the sections of a delta alone.

use keepstone_format::wire::{Input, put_name, put_varint};

use crate::{
    check::invalid,
    delta::{StateId, WorldDelta},
    doc::WorldDoc,
    error::Error,
    schema::check_count,
};

/// What section `DELTA` holds.
pub(super) fn encode_delta(delta: &WorldDelta<'_>) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(64 + delta.despawned.len());
    out.extend(delta.root.0);
    out.extend(delta.previous.0);
    put_varint(&mut out, delta.sequence.into());
    put_varint(&mut out, delta.rows_before.into());
    put_varint(&mut out, delta.rows_after.into());
    put_list(&mut out, &delta.despawned);
    put_varint(&mut out, delta.removed.len() as u64);
    for (name, rows) in &delta.removed {
        put_name(&mut out, name)?;
        put_list(&mut out, rows);
    }
    put_varint(&mut out, delta.removed_resources.len() as u64);
    for name in &delta.removed_resources {
        put_name(&mut out, name)?;
    }
    Ok(out)
}

/// What section `ROWS` holds.
pub(super) fn encode_rows(delta: &WorldDelta<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(2 * delta.rows.len());
    let mut rest: &[u32] = &delta.rows;
    for table in &delta.doc.tables {
        let (own, after) = rest.split_at(rest.len().min(table.rows as usize));
        put_rows(&mut out, own);
        rest = after;
    }
    out
}

/// Reads section `DELTA` into a delta that has only its document so far.
pub(super) fn decode_delta<'a>(bytes: &[u8], doc: WorldDoc<'a>) -> Result<WorldDelta<'a>, Error> {
    let mut input = Input::new("delta", bytes);
    let mut delta = WorldDelta {
        root: StateId(input.array()?),
        previous: StateId(input.array()?),
        sequence: input.varint_u32()?,
        rows_before: input.varint_u32()?,
        rows_after: input.varint_u32()?,
        doc,
        ..WorldDelta::default()
    };
    delta.despawned = take_list(&mut input)?;
    // A name of one byte, a count and a row.
    let removed = input.count(4)?;
    check_count(removed as u64)?;
    for _ in 0..removed {
        let name = input.name()?.to_owned();
        delta.removed.push((name, take_list(&mut input)?));
    }
    let gone = input.count(2)?;
    check_count(gone as u64)?;
    for _ in 0..gone {
        delta.removed_resources.push(input.name()?.to_owned());
    }
    input.finish()?;
    Ok(delta)
}

/// Reads section `ROWS`.
pub(super) fn decode_rows(bytes: &[u8], doc: &WorldDoc<'_>) -> Result<Vec<u32>, Error> {
    let mut input = Input::new("rows of a delta", bytes);
    // A row takes a byte at least.
    let mut rows = Vec::with_capacity((doc.entity_count() as usize).min(bytes.len()));
    for table in &doc.tables {
        take_rows(&mut input, table.rows, &mut rows)?;
    }
    input.finish()?;
    Ok(rows)
}

fn put_list(out: &mut Vec<u8>, rows: &[u32]) {
    put_varint(out, rows.len() as u64);
    put_rows(out, rows);
}

fn put_rows(out: &mut Vec<u8>, rows: &[u32]) {
    let mut next = 0_u32;
    for &row in rows {
        // Rows that don't ascend are refused before anything is written.
        put_varint(out, row.saturating_sub(next).into());
        next = row.saturating_add(1);
    }
}

fn take_list(input: &mut Input<'_>) -> Result<Vec<u32>, Error> {
    let count = input.count(1)?;
    let mut rows = Vec::with_capacity(count);
    take_rows(input, u32::try_from(count).unwrap_or(u32::MAX), &mut rows)?;
    Ok(rows)
}

fn take_rows(input: &mut Input<'_>, count: u32, rows: &mut Vec<u32>) -> Result<(), Error> {
    let mut next = 0_u32;
    for _ in 0..count {
        let gap = input.varint_u32()?;
        let row = next.checked_add(gap).filter(|&row| row != u32::MAX);
        let row = row.ok_or_else(|| invalid("row of a delta", "2^32 - 1 or more", "a row number"))?;
        rows.push(row);
        next = row + 1;
    }
    Ok(())
}
