use std::{borrow::Cow, ops::Range};

use crate::{
    doc::{Column, ColumnData},
    error::Error,
    gather::{counted, row_starts, targets_by_row},
    schema::Encoding,
};

/// The rows of a column, to be taken by ranges.
pub(super) struct Cells<'c> {
    data: Cow<'c, [u8]>,
    starts: Starts,
    targets: Cow<'c, [u32]>,
    targets_at: Starts,
    ranks: Option<Cow<'c, [u32]>>,
}

/// Where rows start.
enum Starts {
    /// Each is as long.
    Even(usize),
    /// And behind them where the last ends.
    At(Vec<usize>),
}

impl Starts {
    fn span(&self, rows: &Range<u32>) -> Range<usize> {
        let start = |row: u32| match self {
            Self::Even(len) => row as usize * len,
            Self::At(starts) => starts.get(row as usize).copied().unwrap_or_default(),
        };
        start(rows.start)..start(rows.end)
    }
}

impl<'c> Cells<'c> {
    /// Takes a column apart; `entities` is above all ordinals in it. `named` says whether references are asked for.
    pub(super) fn of(column: &'c Column<'_>, entities: u32) -> Result<Self, Error> {
        let mut cells = Self {
            data: Cow::Borrowed(&[]),
            starts: Starts::Even(0),
            targets: Cow::Borrowed(&[]),
            targets_at: Starts::Even(0),
            ranks: None,
        };
        match &column.data {
            ColumnData::Plain(pieces) => {
                cells.starts = Starts::Even(column.row_size().unwrap_or(0));
                cells.data = match pieces.as_slice() {
                    [piece] => Cow::Borrowed(&**piece),
                    pieces => Cow::Owned(pieces.concat()),
                };
            }
            ColumnData::Opaque { data, lengths } | ColumnData::Rows { data, lengths, .. } => {
                cells.data = Cow::Borrowed(data);
                cells.starts = match lengths.common() {
                    Some(len) => Starts::Even(len as usize),
                    None => Starts::At(row_starts(lengths)),
                };
            }
            ColumnData::References { targets, ranks } => {
                cells.targets = Cow::Borrowed(targets);
                cells.targets_at = Starts::Even(1);
                if matches!(column.schema.encoding, Encoding::Reference { linked: true }) {
                    cells.ranks = Some(match ranks {
                        Some(ranks) => Cow::Borrowed(&**ranks),
                        None => Cow::Owned(counted(targets, entities)),
                    });
                }
            }
        }
        if let ColumnData::Rows { targets, .. } = &column.data
            && !targets.is_empty()
        {
            let mut sum = 0;
            let mut at = vec![0];
            at.extend(targets_by_row(column)?.iter().map(|row| {
                sum += row.len();
                sum
            }));
            cells.targets = Cow::Borrowed(targets);
            cells.targets_at = Starts::At(at);
        }
        Ok(cells)
    }

    /// The bytes of these rows.
    pub(super) fn bytes(&self, rows: &Range<u32>) -> &[u8] {
        self.data.get(self.starts.span(rows)).unwrap_or_default()
    }

    /// The ordinals that these rows name.
    pub(super) fn targets(&self, rows: &Range<u32>) -> &[u32] {
        self.targets.get(self.targets_at.span(rows)).unwrap_or_default()
    }

    /// Whether any row may name an entity.
    pub(super) fn names(&self) -> bool {
        !self.targets.is_empty()
    }

    /// The length that all rows have, if they have one.
    pub(super) fn common_len(&self) -> Option<u32> {
        match self.starts {
            Starts::Even(len) => u32::try_from(len).ok(),
            Starts::At(_) => None,
        }
    }

    /// The lengths of these rows.
    pub(super) fn lengths(&self, rows: &Range<u32>) -> impl Iterator<Item = u32> + '_ {
        rows.clone().map(|row| {
            let span = self.starts.span(&(row..row + 1));
            u32::try_from(span.end.saturating_sub(span.start)).unwrap_or(u32::MAX)
        })
    }

    /// A row's place among those with its target, in a relationship with an order; else 0.
    pub(super) fn rank(&self, row: u32) -> u32 {
        self.ranks.as_ref().and_then(|ranks| ranks.get(row as usize)).copied().unwrap_or(0)
    }
}
