use std::{borrow::Cow, ops::Range};

use crate::{
    doc::{Column, ColumnData, NONE},
    error::Error,
    gather::{ranks::ranks, targets::targets_by_row},
    lengths::Lengths,
    schema::Encoding,
};

/// Up to this many bytes a range of rows is copied; longer ones are borrowed, at 24 bytes and a call of the writer each.
const COPIED_MAX: usize = 4096;

/// New ordinals of a document, and how many references lost their targets.
pub(crate) struct Renumber<'p> {
    pub(crate) ordinals: &'p [u32],
    pub(crate) entities: u32,
    pub(crate) dangling: u64,
}

impl Renumber<'_> {
    fn of(&mut self, target: u32) -> u32 {
        let new = self.ordinals.get(target as usize).copied().unwrap_or(NONE);
        self.dangling += u64::from(new == NONE && target != NONE);
        new
    }

    /// Borrows the targets where none changes.
    fn all<'d>(&mut self, targets: &'d [u32]) -> Cow<'d, [u32]> {
        let same = |&target: &u32| {
            target == NONE || self.ordinals.get(target as usize).is_some_and(|&new| new == target)
        };
        if targets.iter().all(same) {
            return Cow::Borrowed(targets);
        }
        Cow::Owned(targets.iter().map(|&target| self.of(target)).collect())
    }
}

/// Takes ranges of rows of a column, in this order.
pub(crate) fn take<'d>(
    column: &'d Column<'_>,
    rows: &[Range<u32>],
    total: u32,
    renumber: &mut Renumber<'_>,
) -> Result<ColumnData<'d>, Error> {
    let whole = match rows {
        [] => total == 0,
        [one] => *one == (0..total),
        _ => false,
    };
    Ok(match &column.data {
        ColumnData::Plain(pieces) => match column.row_size().unwrap_or(0) {
            0 => ColumnData::Plain(Vec::new()),
            _ if whole => ColumnData::Plain(pieces.iter().map(|piece| Cow::Borrowed(&**piece)).collect()),
            size => ColumnData::Plain(take_plain(pieces, rows, size)),
        },
        ColumnData::Rows { data, lengths, targets } => {
            let taken = if whole || targets.is_empty() {
                renumber.all(targets)
            } else {
                let by_row = targets_by_row(column)?;
                let named = rows.iter().filter_map(|range| by_row.get(span(range))).flatten();
                Cow::Owned(named.flat_map(|row| row.iter()).map(|&target| renumber.of(target)).collect())
            };
            let (data, lengths) = take_cut(data, lengths, rows, whole);
            ColumnData::Rows { data, lengths, targets: taken }
        }
        ColumnData::Opaque { data, lengths } => {
            let (data, lengths) = take_cut(data, lengths, rows, whole);
            ColumnData::Opaque { data, lengths }
        }
        ColumnData::References { targets, ranks: places } => {
            let taken: Vec<u32> = rows
                .iter()
                .flat_map(|range| targets.get(span(range)).unwrap_or_default())
                .map(|&target| renumber.of(target))
                .collect();
            let linked = matches!(column.schema.encoding, Encoding::Reference { linked: true });
            let ranks = if linked {
                let keys: Vec<u32> = match places {
                    Some(places) => {
                        let ranges =
                            rows.iter().flat_map(|range| places.get(span(range)).unwrap_or_default());
                        ranges.copied().collect()
                    }
                    None => rows.iter().cloned().flatten().collect(),
                };
                ranks(&taken, &keys, renumber.entities)
            } else {
                None
            };
            ColumnData::References { targets: Cow::Owned(taken), ranks: ranks.map(Cow::Owned) }
        }
    })
}

fn span(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

/// Ranges of rows of this size, borrowed where they are long.
fn take_plain<'d>(pieces: &'d [Cow<'_, [u8]>], rows: &[Range<u32>], size: usize) -> Vec<Cow<'d, [u8]>> {
    let mut starts = Vec::with_capacity(pieces.len());
    let mut sum = 0_usize;
    for piece in pieces {
        starts.push(sum);
        sum += piece.len();
    }
    let mut taken: Vec<Cow<'d, [u8]>> = Vec::new();
    let mut small = Vec::new();
    let mut at = 0;
    for range in rows {
        let (mut from, to) = (range.start as usize * size, range.end as usize * size);
        // Ranges mostly follow each other; a search is for those that don't.
        if starts.get(at).is_none_or(|&start| start > from) {
            at = starts.partition_point(|&start| start <= from).saturating_sub(1);
        }
        while from < to {
            let (Some(piece), Some(&start)) = (pieces.get(at), starts.get(at)) else { break };
            let end = to.min(start + piece.len());
            match piece.get(from.saturating_sub(start)..end.saturating_sub(start)) {
                Some(bytes) if end > from => {
                    if bytes.len() <= COPIED_MAX {
                        small.extend_from_slice(bytes);
                    } else {
                        if !small.is_empty() {
                            taken.push(Cow::Owned(std::mem::take(&mut small)));
                        }
                        taken.push(Cow::Borrowed(bytes));
                    }
                    from = end;
                }
                _ => {}
            }
            if from < to {
                at += 1;
            }
        }
    }
    if !small.is_empty() {
        taken.push(Cow::Owned(small));
    }
    taken
}

/// Ranges of rows of any length.
fn take_cut<'d>(
    data: &'d [u8],
    lengths: &Lengths,
    rows: &[Range<u32>],
    whole: bool,
) -> (Cow<'d, [u8]>, Lengths) {
    if whole {
        return (Cow::Borrowed(data), lengths.clone());
    }
    let count: u32 = rows.iter().map(|range| range.end - range.start).sum();
    let (starts, taken) = if let Some(len) = lengths.common() {
        (None, Lengths::same(len, count))
    } else {
        let each: Vec<u32> = lengths.iter().collect();
        let taken =
            rows.iter().flat_map(|range| each.get(span(range)).unwrap_or_default()).copied().collect();
        (Some(row_starts(lengths)), Lengths::each(taken))
    };
    let start = |row: u32| match &starts {
        Some(starts) => starts.get(row as usize).copied().unwrap_or(data.len()),
        None => row as usize * lengths.common().unwrap_or(0) as usize,
    };
    let bytes = |range: &Range<u32>| data.get(start(range.start)..start(range.end)).unwrap_or_default();
    if let [one] = rows {
        return (Cow::Borrowed(bytes(one)), taken);
    }
    let mut copied = Vec::with_capacity(usize::try_from(taken.sum()).unwrap_or(0).min(data.len()));
    for range in rows {
        copied.extend_from_slice(bytes(range));
    }
    (Cow::Owned(copied), taken)
}

/// Where each row starts, and behind them where the last ends.
pub(crate) fn row_starts(lengths: &Lengths) -> Vec<usize> {
    let mut sum = 0_usize;
    let mut starts = vec![0];
    starts.extend(lengths.iter().map(|len| {
        sum = sum.saturating_add(len as usize);
        sum
    }));
    starts
}
