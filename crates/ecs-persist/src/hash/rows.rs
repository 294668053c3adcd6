use std::borrow::Cow;

use crate::{
    canonical::Maps,
    doc::{Column, ColumnData},
    error::Error,
    gather::{counted, row_starts, targets_by_row},
    schema::Encoding,
};

/// The rows of a column, each by itself.
pub(super) struct Rows<'c> {
    data: Cow<'c, [u8]>,
    /// Bytes of each row where all have as many; otherwise where they start.
    size: usize,
    starts: Option<Vec<usize>>,
    targets: Cow<'c, [u32]>,
    /// How many targets the rows have before each, and behind them the total; absent where each has one or none has any.
    targets_at: Option<Vec<usize>>,
    one_target: bool,
    ranks: Option<Cow<'c, [u32]>>,
}

impl<'c> Rows<'c> {
    /// Takes a column apart; `called` orders the entries of maps by entity.
    pub(super) fn of<K: Ord>(
        column: &'c Column<'_>,
        entities: u32,
        called: &dyn Fn(u32) -> K,
    ) -> Result<Self, Error> {
        let mut rows = Self {
            data: Cow::Borrowed(&[]),
            size: 0,
            starts: None,
            targets: Cow::Borrowed(&[]),
            targets_at: None,
            one_target: false,
            ranks: None,
        };
        match &column.data {
            ColumnData::Plain(pieces) => {
                rows.size = column.row_size().unwrap_or(0);
                rows.data = match pieces.as_slice() {
                    [piece] => Cow::Borrowed(&**piece),
                    pieces => Cow::Owned(pieces.concat()),
                };
            }
            ColumnData::Opaque { data, lengths } | ColumnData::Rows { data, lengths, .. } => {
                rows.data = Cow::Borrowed(data);
                match lengths.common() {
                    Some(len) => rows.size = len as usize,
                    None => rows.starts = Some(row_starts(lengths)),
                }
            }
            ColumnData::References { targets, ranks } => {
                rows.targets = Cow::Borrowed(targets);
                rows.one_target = true;
                if matches!(column.schema.encoding, Encoding::Reference { linked: true }) {
                    rows.ranks = Some(match ranks {
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
            rows.targets_at = Some(at);
            rows.targets = Cow::Borrowed(targets);
            if let Some(maps) = Maps::of(column)? {
                let sorted = maps.sort(column, called)?;
                rows.data = Cow::Owned(sorted.data);
                rows.targets = Cow::Owned(sorted.targets);
            }
        }
        Ok(rows)
    }

    /// The bytes of a row.
    pub(super) fn bytes(&self, row: u32) -> &[u8] {
        let row = row as usize;
        let bounds = match &self.starts {
            None => Some((row * self.size, (row + 1) * self.size)),
            Some(starts) => starts.get(row).copied().zip(starts.get(row + 1).copied()),
        };
        bounds.and_then(|(from, to)| self.data.get(from..to)).unwrap_or_default()
    }

    /// All bytes, in the order of the rows.
    pub(super) fn all_bytes(&self) -> &[u8] {
        &self.data
    }

    /// Whether all rows have as many bytes.
    pub(super) fn is_even(&self) -> bool {
        self.starts.is_none()
    }

    /// Whether any row may name an entity.
    pub(super) fn names(&self) -> bool {
        self.one_target || self.targets_at.is_some()
    }

    /// The ordinals that a row names.
    pub(super) fn targets(&self, row: u32) -> &[u32] {
        let row = row as usize;
        let bounds = match &self.targets_at {
            Some(at) => at.get(row).copied().zip(at.get(row + 1).copied()),
            None if self.one_target => Some((row, row + 1)),
            None => None,
        };
        bounds.and_then(|(from, to)| self.targets.get(from..to)).unwrap_or_default()
    }

    /// A row's place among those with its target, where that counts.
    pub(super) fn rank(&self, row: u32) -> Option<u32> {
        self.ranks.as_ref()?.get(row as usize).copied()
    }
}
