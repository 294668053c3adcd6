//! Rows of a column of a document beside those that live entities have.

use std::borrow::Cow;

use keepstone_ecs_persist::{Column, ColumnData, ComponentSchema, Encoding, Error, Lengths, targets_by_row};

use crate::column::Source;

/// Rows of a column that follow each other, and the live rows of the same entities.
pub(crate) struct Live<'w> {
    /// The first row of the column.
    pub(crate) first: u32,
    pub(crate) source: Source<'w>,
}

impl Live<'_> {
    /// The rows of the column.
    pub(crate) fn rows(&self) -> impl Iterator<Item = u32> + Clone + use<> {
        (self.first..).take(self.source.len())
    }
}

/// Bytes in pieces, taken from the front.
pub(crate) struct Bytes<'p> {
    pieces: std::slice::Iter<'p, Cow<'p, [u8]>>,
    piece: &'p [u8],
    at: usize,
}

impl<'p> Bytes<'p> {
    pub(crate) fn new(pieces: &'p [Cow<'_, [u8]>]) -> Self {
        Self { pieces: pieces.iter(), piece: &[], at: 0 }
    }

    /// The next `len` bytes, or all that are left; copied only where they lie in several pieces.
    pub(crate) fn take(&mut self, len: usize) -> Cow<'p, [u8]> {
        let first = self.within(len);
        if first.len() == len {
            return Cow::Borrowed(first);
        }
        let mut bytes = first.to_vec();
        while bytes.len() < len {
            let more = self.within(len - bytes.len());
            if more.is_empty() {
                break;
            }
            bytes.extend_from_slice(more);
        }
        Cow::Owned(bytes)
    }

    /// Goes on to a place that is not behind.
    fn skip_to(&mut self, at: usize) {
        while self.at < at && !self.within(at - self.at).is_empty() {}
    }

    /// What is left of a piece, at most `len` bytes; empty at the end alone.
    fn within(&mut self, len: usize) -> &'p [u8] {
        while self.piece.is_empty() {
            let Some(piece) = self.pieces.next() else { return &[] };
            self.piece = piece;
        }
        let (taken, rest) = self.piece.split_at(self.piece.len().min(len));
        self.piece = rest;
        self.at += taken.len();
        taken
    }
}

/// Bytes that are compared at a time before single rows are.
const BLOCK_LEN: usize = 16 << 10;

/// Which rows of a column differ from live ones of the same encoding, ascending. None where that can't be told from the bytes.
pub(crate) fn differing(
    column: &Column<'_>,
    ours: ColumnData<'_>,
    live: &[Live<'_>],
) -> Result<Option<Vec<u32>>, Error> {
    match (&column.data, &ours) {
        (ColumnData::Plain(theirs), ColumnData::Plain(ours)) => {
            Ok(Some(plain_differing(theirs, ours, column.row_size().unwrap_or(0), live)))
        }
        (ColumnData::Rows { .. }, ColumnData::Rows { .. }) => {
            let ours = Column { schema: column.schema.clone(), data: ours };
            let all = live.iter().flat_map(Live::rows);
            if column.data == ours.data {
                return Ok(Some(Vec::new()));
            }
            let (theirs, ours) = (cut(column)?, cut(&ours)?);
            let differs = |(row, ours): &(u32, _)| theirs.get(*row as usize) != Some(ours);
            Ok(Some(all.zip(ours).filter(differs).map(|(row, _)| row).collect()))
        }
        _ => Ok(None),
    }
}

fn plain_differing(
    theirs: &[Cow<'_, [u8]>],
    ours: &[Cow<'_, [u8]>],
    size: usize,
    live: &[Live<'_>],
) -> Vec<u32> {
    let mut found = Vec::new();
    if size == 0 {
        return found;
    }
    let (mut theirs, mut ours) = (Bytes::new(theirs), Bytes::new(ours));
    let block = (BLOCK_LEN / size).max(1);
    for live in live {
        theirs.skip_to(live.first as usize * size);
        let (mut row, mut left) = (live.first, live.source.len());
        while left > 0 {
            let rows = left.min(block);
            let (a, b) = (theirs.take(rows * size), ours.take(rows * size));
            let pairs = || (row..).zip(a.chunks(size).zip(b.chunks(size)));
            if a != b {
                found.extend(pairs().filter(|(_, (a, b))| a != b).map(|(row, _)| row));
            }
            row = row.saturating_add(u32::try_from(rows).unwrap_or(u32::MAX));
            left -= rows;
        }
    }
    found
}

/// Which of the first half of rows differ from those of the second, as rows of the column.
pub(crate) fn halves_differ(
    encoding: Encoding,
    data: ColumnData<'_>,
    live: &[Live<'_>],
) -> Result<Vec<u32>, Error> {
    let all: Vec<u32> = live.iter().flat_map(Live::rows).collect();
    let both = Column { schema: ComponentSchema::new("", 1, false, encoding), data };
    let differs: Vec<bool> = match &both.data {
        ColumnData::Plain(pieces) => {
            let (bytes, size) = (pieces.concat(), both.row_size().unwrap_or(0));
            let (first, second) = bytes.split_at(bytes.len().min(all.len() * size));
            let pairs = first.chunks(size.max(1)).zip(second.chunks(size.max(1)));
            pairs.map(|(a, b)| a != b).collect()
        }
        ColumnData::Rows { .. } => {
            let rows = cut(&both)?;
            let (first, second) = rows.split_at(rows.len().min(all.len()));
            first.iter().zip(second).map(|(a, b)| a != b).collect()
        }
        ColumnData::References { targets, .. } => {
            let (first, second) = targets.split_at(targets.len().min(all.len()));
            first.iter().zip(second).map(|(a, b)| a != b).collect()
        }
        _ => vec![true; all.len()],
    };
    Ok(all.into_iter().zip(differs).filter(|(_, differs)| *differs).map(|(row, _)| row).collect())
}

/// These rows of a plain column, as a column of their own.
pub(crate) fn picked(column: &Column<'_>, wanted: &[u32]) -> Option<Column<'static>> {
    let (ColumnData::Plain(pieces), Some(size @ 1..)) = (&column.data, column.row_size()) else {
        return None;
    };
    let mut bytes = Bytes::new(pieces);
    let mut data = Vec::with_capacity(wanted.len().saturating_mul(size));
    for &row in wanted {
        bytes.skip_to(row as usize * size);
        data.extend_from_slice(&bytes.take(size));
    }
    Some(Column { schema: column.schema.clone(), data: ColumnData::Plain(vec![Cow::Owned(data)]) })
}

/// The bytes of a serde row and what it refers to.
type Row<'c> = (&'c [u8], &'c [u32]);

/// All rows of a serde column.
fn cut<'c>(column: &'c Column<'_>) -> Result<Vec<Row<'c>>, Error> {
    let ColumnData::Rows { data, lengths, .. } = &column.data else { return Ok(Vec::new()) };
    Ok(slices(data, lengths).zip(targets_by_row(column)?).collect())
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
