use std::{borrow::Cow, ops::Range};

use keepstone_value::{Decoder, Options};
use serde::de::IgnoredAny;

use crate::{
    check::invalid,
    doc::{Column, ColumnData, WorldDoc},
    error::Error,
    lengths::Lengths,
    parts::{Cuts, LeftBehind, PartColumns, PartSink},
    report::Capture,
    schema::{ComponentSchema, Encoding},
};

impl WorldDoc<'_> {
    /// Hands this world to `sink` in parts of at most `rows_max` entities (at least 1), which borrow from it.
    ///
    /// # Errors
    /// [`Error::Invalid`] when columns and tables disagree, [`Error::Value`] when the rows of a column with references can't be
    /// read, and what the sink answers.
    pub fn split(&self, rows_max: u32, sink: &mut dyn PartSink) -> Result<(), Error> {
        self.check()?;
        let total = self.entity_count();
        sink.begin(self.schema(), total)?;
        let mut cursors = Cursors(self.columns.iter().map(Cursor::new).collect());
        let mut cuts = Cuts::new(&self.tables, rows_max);
        while let Some(mut part) = cuts.next_part(&mut cursors)? {
            part.doc.name.clone_from(&self.name);
            part.doc.meta.clone_from(&self.meta);
            let own = part.first as usize..part.first as usize + part.doc.entity_count() as usize;
            let ids = self.foreign_ids.as_ref();
            part.doc.foreign_ids = ids.map(|ids| Cow::Borrowed(ids.get(own).unwrap_or_default()));
            sink.part(&part)?;
        }
        cursors.0.into_iter().try_for_each(Cursor::finish)
    }
}

impl<E: Copy> Capture<'_, E> {
    /// Hands what was captured to `sink` in parts, as [`WorldDoc::split`], and says what was left out.
    ///
    /// # Errors
    /// As [`WorldDoc::split`].
    pub fn split(self, rows_max: u32, sink: &mut dyn PartSink) -> Result<LeftBehind, Error> {
        self.doc.split(rows_max, sink)?;
        Ok(LeftBehind { left_out: self.left_out, entities: self.entities_left_out, dangling: self.dangling })
    }
}

struct Cursors<'s>(Vec<Cursor<'s>>);

impl<'s> PartColumns<'s> for Cursors<'s> {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn is_resource(&self, column: usize) -> bool {
        self.0.get(column).is_some_and(|cursor| cursor.column.schema.resource)
    }

    fn take(&mut self, column: usize, rows: u32, _: Range<u32>) -> Result<Column<'s>, Error> {
        let missing = || invalid("column of a part", column, "one of the world");
        let cursor = self.0.get_mut(column).ok_or_else(missing)?;
        Ok(Column { schema: cursor.column.schema.clone(), data: cursor.take(rows)? })
    }
}

/// How far a column has been handed out.
struct Cursor<'s> {
    column: &'s Column<'s>,
    row: usize,
    byte: usize,
    target: usize,
    /// Only reading a row tells how many references it has.
    decoder: Option<Decoder<'s>>,
    lengths: Box<dyn Iterator<Item = u32> + 's>,
}

impl<'s> Cursor<'s> {
    fn new(column: &'s Column<'s>) -> Self {
        let mut decoder = None;
        let mut lengths: Box<dyn Iterator<Item = u32> + 's> = Box::new(std::iter::empty());
        match (&column.data, &column.schema.encoding) {
            (ColumnData::Rows { data, lengths: each, targets }, Encoding::Rows { shape, human_readable }) => {
                lengths = Box::new(each.iter());
                let options = Options { human_readable: *human_readable, ..Options::default() };
                decoder = (!targets.is_empty()).then(|| Decoder::new(shape, data, targets, None, &options));
            }
            (ColumnData::Opaque { lengths: each, .. }, _) => lengths = Box::new(each.iter()),
            _ => {}
        }
        Self { column, row: 0, byte: 0, target: 0, decoder, lengths }
    }

    /// The next rows.
    fn take(&mut self, rows: u32) -> Result<ColumnData<'s>, Error> {
        let column = self.column;
        let count = rows as usize;
        let data = match &column.data {
            ColumnData::Plain(pieces) => {
                let len = count.saturating_mul(column.row_size().unwrap_or(0));
                let bytes = self.byte..self.byte.saturating_add(len);
                self.byte = bytes.end;
                ColumnData::Plain(cut(pieces, bytes))
            }
            ColumnData::Rows { data, targets, .. } => {
                let (bytes, lengths) = self.rows(count);
                let from = self.target;
                self.read(&lengths, targets.len(), &column.schema)?;
                ColumnData::Rows {
                    data: Cow::Borrowed(data.get(bytes).unwrap_or_default()),
                    lengths: Lengths::each(lengths),
                    targets: Cow::Borrowed(targets.get(from..self.target).unwrap_or_default()),
                }
            }
            ColumnData::Opaque { data, .. } => {
                let (bytes, lengths) = self.rows(count);
                ColumnData::Opaque {
                    data: Cow::Borrowed(data.get(bytes).unwrap_or_default()),
                    lengths: Lengths::each(lengths),
                }
            }
            ColumnData::References { targets, ranks } => {
                let own = self.row..self.row + count;
                let ranks = ranks.as_ref().map(|ranks| ranks.get(own.clone()).unwrap_or_default());
                ColumnData::References {
                    targets: Cow::Borrowed(targets.get(own).unwrap_or_default()),
                    ranks: ranks.map(Cow::Borrowed),
                }
            }
        };
        self.row += count;
        Ok(data)
    }

    fn rows(&mut self, count: usize) -> (Range<usize>, Vec<u32>) {
        let lengths: Vec<u32> = self.lengths.by_ref().take(count).collect();
        let len: usize = lengths.iter().map(|&len| len as usize).sum();
        let bytes = self.byte..self.byte.saturating_add(len);
        self.byte = bytes.end;
        (bytes, lengths)
    }

    /// Passes over the references of the rows that were taken.
    fn read(&mut self, lengths: &[u32], targets: usize, schema: &ComponentSchema) -> Result<(), Error> {
        let Some(decoder) = &mut self.decoder else { return Ok(()) };
        let wrap = |source| Error::Value { component: schema.name.clone(), source };
        for &len in lengths {
            decoder.row::<IgnoredAny>(len).map_err(wrap)?;
        }
        self.target = targets - decoder.targets_left();
        Ok(())
    }

    /// References that no row has would be in no part.
    fn finish(self) -> Result<(), Error> {
        let wrap = |source| Error::Value { component: self.column.schema.name.clone(), source };
        self.decoder.map_or(Ok(()), |decoder| decoder.finish().map_err(wrap))
    }
}

/// The bytes of `range` among those of all pieces.
fn cut<'s>(pieces: &'s [Cow<'_, [u8]>], range: Range<usize>) -> Vec<Cow<'s, [u8]>> {
    let mut found = Vec::new();
    let mut at = 0;
    for piece in pieces {
        let end = at + piece.len();
        let (from, to) = (range.start.max(at), range.end.min(end));
        if from < to {
            found.extend(piece.get(from - at..to - at).map(Cow::Borrowed));
        }
        at = end;
        if at >= range.end {
            break;
        }
    }
    found
}
