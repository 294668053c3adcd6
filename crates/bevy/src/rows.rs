//! Rows of captured columns, compared one by one.

use std::{borrow::Cow, ops::Range};

use bevy_ecs::entity::Entity;
use keepstone_ecs_persist::{Column, ColumnData, Encoding, Error, Lengths};
use keepstone_value::{Decoder, Options};
use serde::de::IgnoredAny;

/// The rows that a column has.
pub(crate) fn count(column: &Column<'_>) -> usize {
    let rows = match &column.data {
        ColumnData::Plain(pieces) => match column.row_size() {
            // Rows without bytes are not counted by them; nobody decodes them one by one.
            None | Some(0) => 0,
            Some(size) => (pieces.iter().map(|piece| piece.len()).sum::<usize>() / size) as u64,
        },
        ColumnData::Rows { lengths, .. } | ColumnData::Opaque { lengths, .. } => lengths.rows(),
        ColumnData::References { targets, .. } => targets.len() as u64,
        _ => 0,
    };
    usize::try_from(rows).unwrap_or(usize::MAX)
}

/// The bytes of some rows of a plain column.
pub(crate) fn plain<'c>(pieces: &'c [Cow<'_, [u8]>], range: Range<usize>) -> Cow<'c, [u8]> {
    let mut start = 0;
    let mut found: Cow<'c, [u8]> = Cow::Borrowed(&[]);
    for piece in pieces {
        let end = start + piece.len();
        let (from, to) = (range.start.max(start), range.end.min(end));
        if from < to
            && let Some(part) = piece.get(from - start..to - start)
        {
            if found.is_empty() {
                found = Cow::Borrowed(part);
            } else {
                found.to_mut().extend_from_slice(part);
            }
        }
        start = end;
    }
    found
}

/// Which rows of a column differ from `live`, whose rows are those of the candidates in their order and have the column's
/// encoding. None where that can't be told from the bytes.
pub(crate) fn differing(
    column: &Column<'_>,
    live: &ColumnData<'_>,
    candidates: &[(u32, Entity)],
) -> Result<Option<Vec<bool>>, Error> {
    let rows = || candidates.iter().map(|&(row, _)| row as usize);
    if column.data == *live && rows().eq(0..count(column)) {
        return Ok(Some(vec![false; candidates.len()]));
    }
    Ok(match (&column.data, live) {
        (ColumnData::Plain(ours), ColumnData::Plain(live)) => {
            let size = column.row_size().unwrap_or(0);
            let (ours, live) = (joined(ours), joined(live));
            let same = |(place, row): (usize, usize)| {
                ours.get(row * size..(row + 1) * size) == live.get(place * size..(place + 1) * size)
            };
            Some(rows().enumerate().map(|pair| size > 0 && !same(pair)).collect())
        }
        (ColumnData::Rows { .. }, ColumnData::Rows { .. }) => {
            let wrap = |source| Error::Value { component: column.schema.name.clone(), source };
            let ours = cut(&column.schema.encoding, &column.data).map_err(wrap)?;
            let live = cut(&column.schema.encoding, live).map_err(wrap)?;
            let same = |(place, row)| ours.get(row) == live.get(place);
            Some(rows().enumerate().map(|pair| !same(pair)).collect())
        }
        _ => None,
    })
}

fn joined<'p>(pieces: &'p [Cow<'_, [u8]>]) -> Cow<'p, [u8]> {
    match pieces {
        [piece] => Cow::Borrowed(piece),
        _ => Cow::Owned(pieces.concat()),
    }
}

/// Which of the first `count` rows differ from the `count` rows behind them.
pub(crate) fn halves_differ(
    encoding: &Encoding,
    data: &ColumnData<'_>,
    count: usize,
) -> Result<Vec<bool>, keepstone_value::Error> {
    let differ = |differs: &dyn Fn(usize) -> bool| (0..count).map(differs).collect();
    Ok(match (encoding, data) {
        (Encoding::Plain(layout), ColumnData::Plain(pieces)) => {
            let (bytes, size) = (joined(pieces), layout.size());
            let at = |row: usize| bytes.get(row * size..(row + 1) * size);
            differ(&|row| size > 0 && at(row) != at(row + count))
        }
        (_, ColumnData::Rows { .. }) => {
            let rows = cut(encoding, data)?;
            differ(&|row| rows.get(row) != rows.get(row + count))
        }
        _ => vec![true; count],
    })
}

/// The bytes of a serde row and what it refers to.
type Row<'c> = (&'c [u8], &'c [u32]);

fn cut<'c>(encoding: &Encoding, data: &'c ColumnData<'_>) -> Result<Vec<Row<'c>>, keepstone_value::Error> {
    let (Encoding::Rows { shape, human_readable }, ColumnData::Rows { data, lengths, targets }) =
        (encoding, data)
    else {
        return Ok(Vec::new());
    };
    if targets.is_empty() {
        return Ok(slices(data, lengths).map(|row| (row, [].as_slice())).collect());
    }
    let options = Options { human_readable: *human_readable, ..Options::default() };
    let mut decoder = Decoder::new(shape, data, targets, None, &options);
    let mut rows = Vec::new();
    for (len, row) in lengths.iter().zip(slices(data, lengths)) {
        let before = targets.len() - decoder.targets_left();
        decoder.row::<IgnoredAny>(len)?;
        let after = targets.len() - decoder.targets_left();
        rows.push((row, targets.get(before..after).unwrap_or_default()));
    }
    Ok(rows)
}

/// The bytes of each row.
pub(crate) fn slices<'d>(data: &'d [u8], lengths: &'d Lengths) -> impl Iterator<Item = &'d [u8]> {
    let mut rest = data;
    lengths.iter().map(move |len| {
        let (row, tail) = rest.split_at(rest.len().min(len as usize));
        rest = tail;
        row
    })
}
