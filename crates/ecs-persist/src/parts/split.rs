use std::{borrow::Cow, ops::Range};

use keepstone_value::{Decoder, Options};
use serde::de::IgnoredAny;

use crate::{
    doc::{Column, ColumnData, Table, WorldDoc},
    error::Error,
    lengths::Lengths,
    parts::{PartSink, WorldPart},
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
        let mut cursors: Vec<Cursor<'_>> = self.columns.iter().map(Cursor::new).collect();
        let mut tables = self.tables.iter();
        let mut rest: Option<Table> = tables.next().cloned();
        let mut first = 0;
        loop {
            let mut left = rows_max.max(1);
            let mut taken: Vec<Table> = Vec::new();
            while let Some(table) = rest.as_mut().filter(|_| left > 0) {
                let rows = table.rows.min(left);
                taken.push(Table { rows, components: table.components.clone() });
                (table.rows, left) = (table.rows - rows, left - rows);
                if table.rows == 0 {
                    rest = tables.next().cloned();
                }
            }
            let doc = self.part(taken, first, &mut cursors)?;
            let next = first + doc.entity_count();
            sink.part(&WorldPart::new(doc, first, total))?;
            first = next;
            if rest.is_none() {
                return cursors.into_iter().try_for_each(Cursor::finish);
            }
        }
    }

    /// The part with these tables, of which the first entity is `first`.
    fn part<'s>(
        &'s self,
        mut tables: Vec<Table>,
        first: u32,
        cursors: &mut [Cursor<'s>],
    ) -> Result<WorldDoc<'s>, Error> {
        let mut rows = vec![0_u32; self.columns.len()];
        for table in &tables {
            for &component in &table.components {
                if let Some(rows) = rows.get_mut(usize::from(component)) {
                    *rows += table.rows;
                }
            }
        }
        let (mut places, mut columns) = (Vec::with_capacity(rows.len()), Vec::new());
        for ((column, cursor), rows) in self.columns.iter().zip(cursors).zip(rows) {
            let rows = if column.schema.resource { u32::from(first == 0) } else { rows };
            places.push(if rows == 0 { None } else { u16::try_from(columns.len()).ok() });
            if rows > 0 {
                columns.push(Column { schema: column.schema.clone(), data: cursor.take(rows)? });
            }
        }
        for component in tables.iter_mut().flat_map(|table| &mut table.components) {
            // A column that a table names has rows.
            *component = places.get(usize::from(*component)).copied().flatten().unwrap_or(u16::MAX);
        }
        let mut doc =
            WorldDoc { name: self.name.clone(), meta: self.meta.clone(), tables, columns, foreign_ids: None };
        let own = first as usize..first as usize + doc.entity_count() as usize;
        doc.foreign_ids =
            self.foreign_ids.as_ref().map(|ids| Cow::Borrowed(ids.get(own).unwrap_or_default()));
        Ok(doc)
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
