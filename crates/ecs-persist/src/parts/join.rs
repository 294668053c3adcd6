use std::{borrow::Cow, collections::BTreeMap};

use crate::{
    check::{TABLES_MAX, invalid},
    doc::{Column, ColumnData, Table, WorldDoc},
    error::Error,
    lengths::Lengths,
    meta::WorldMeta,
    parts::WorldPart,
    schema::{ComponentSchema, Encoding, Schema},
};

/// Puts parts together into one world.
pub(crate) struct Join<'a> {
    /// Its tables name components by the numbers of `columns`.
    doc: WorldDoc<'a>,
    columns: Vec<Joined<'a>>,
    /// By name, the number of each column.
    numbers: BTreeMap<String, u16>,
    foreign_ids: Option<Vec<u128>>,
    next: u32,
    room: u64,
}

struct Joined<'a> {
    schema: ComponentSchema,
    pieces: Vec<Cow<'a, [u8]>>,
    lengths: Vec<Lengths>,
    targets: Vec<u32>,
    ranks: Option<Vec<u32>>,
}

impl<'a> Join<'a> {
    /// Starts a world that has these components, whether they have rows or not.
    pub(crate) fn new(meta: WorldMeta, schema: &Schema) -> Self {
        let components = schema.components();
        Self {
            doc: WorldDoc { meta, ..WorldDoc::default() },
            columns: components.iter().map(|schema| Joined::new(schema.clone())).collect(),
            numbers: components.iter().map(|schema| schema.name.clone()).zip(0..).collect(),
            foreign_ids: None,
            next: 0,
            room: 0,
        }
    }

    /// Sets how many bytes may be taken for row lengths that differ between parts but not within one, which say nothing of
    /// each row.
    pub(crate) fn set_room(&mut self, bytes: u64) {
        self.room = bytes;
    }

    /// Adds the part that follows those before.
    pub(crate) fn push(&mut self, part: WorldPart<'a>) -> Result<(), Error> {
        if part.first != self.next {
            return Err(invalid("first ordinal of a part", part.first, self.next));
        }
        self.next = self.next.saturating_add(part.doc.entity_count());
        self.doc.name = part.doc.name;
        if let Some(ids) = part.doc.foreign_ids {
            self.foreign_ids.get_or_insert_default().extend_from_slice(&ids);
        }
        let mut numbers = Vec::with_capacity(part.doc.columns.len());
        for column in part.doc.columns {
            let number = self.number_of(&column.schema)?;
            numbers.push(number);
            if let Some(joined) = self.columns.get_mut(usize::from(number)) {
                joined.push(column)?;
            }
        }
        let needs = self.doc.tables.len() as u64 + part.doc.tables.len() as u64;
        if needs > u64::from(TABLES_MAX) {
            return Err(Error::Limit { what: "tables of a world", needs, allowed: TABLES_MAX.into() });
        }
        for mut table in part.doc.tables {
            renumber(&mut table, &numbers)?;
            self.doc.tables.push(table);
        }
        Ok(())
    }

    /// The number of a component, which may be new.
    fn number_of(&mut self, schema: &ComponentSchema) -> Result<u16, Error> {
        if let Some(&number) = self.numbers.get(&schema.name) {
            return Ok(number);
        }
        let needs = self.columns.len();
        let number = u16::try_from(needs).map_err(|_| invalid("components of a world", needs, "a u16"))?;
        self.numbers.insert(schema.name.clone(), number);
        self.columns.push(Joined::new(schema.clone()));
        Ok(number)
    }

    /// The world that the parts make.
    pub(crate) fn finish(self) -> Result<WorldDoc<'a>, Error> {
        let Self { mut doc, columns, numbers, foreign_ids, mut room, .. } = self;
        let mut places = vec![0; columns.len()];
        for (place, &number) in (0_u16..).zip(numbers.values()) {
            if let Some(slot) = places.get_mut(usize::from(number)) {
                *slot = place;
            }
        }
        for table in &mut doc.tables {
            renumber(table, &places)?;
            table.components.sort_unstable();
        }
        let mut columns: Vec<(u16, Joined<'a>)> = places.into_iter().zip(columns).collect();
        columns.sort_unstable_by_key(|(place, _)| *place);
        for (_, column) in columns {
            doc.columns.push(column.finish(&mut room)?);
        }
        doc.foreign_ids = foreign_ids.map(Cow::Owned);
        doc.check()?;
        Ok(doc)
    }
}

fn renumber(table: &mut Table, numbers: &[u16]) -> Result<(), Error> {
    for component in &mut table.components {
        let number = numbers.get(usize::from(*component)).copied();
        *component = number
            .ok_or_else(|| invalid("component of a table", *component, format!("below {}", numbers.len())))?;
    }
    Ok(())
}

/// The lengths of all rows. Those of rows that all have one length take no memory, and `room` is what the others may take.
fn join_lengths(pieces: &[Lengths], room: &mut u64) -> Result<Lengths, Error> {
    let rows = pieces.iter().map(Lengths::rows).sum::<u64>();
    let mut filled = pieces.iter().filter(|piece| piece.rows() > 0).map(Lengths::common);
    let first = filled.next().unwrap_or(Some(0));
    if let (Some(len), true) = (first, filled.all(|common| common == first)) {
        let rows = u32::try_from(rows).map_err(|_| invalid("rows of a column", rows, "a u32"))?;
        return Ok(Lengths::same(len, rows));
    }
    let alike = pieces.iter().filter(|piece| piece.common().is_some()).map(Lengths::rows).sum::<u64>();
    let (needs, allowed) = (alike.saturating_mul(4), *room);
    *room = allowed.checked_sub(needs).ok_or(Error::Limit {
        what: "bytes of the row lengths of a world",
        needs,
        allowed,
    })?;
    Ok(Lengths::each(pieces.iter().flat_map(Lengths::iter).collect()))
}

impl<'a> Joined<'a> {
    fn new(schema: ComponentSchema) -> Self {
        let (pieces, lengths, targets, ranks) = (Vec::new(), Vec::new(), Vec::new(), None);
        Self { schema, pieces, lengths, targets, ranks }
    }

    fn push(&mut self, column: Column<'a>) -> Result<(), Error> {
        if column.schema != self.schema {
            return Err(invalid("schema of a part", column.schema.name, "that of the parts before"));
        }
        match column.data {
            ColumnData::Plain(pieces) => self.pieces.extend(pieces),
            ColumnData::Rows { data, lengths, targets } => {
                self.pieces.push(data);
                self.lengths.push(lengths);
                self.targets.extend_from_slice(&targets);
            }
            ColumnData::Opaque { data, lengths } => {
                self.pieces.push(data);
                self.lengths.push(lengths);
            }
            ColumnData::References { targets, ranks } => {
                self.targets.extend_from_slice(&targets);
                if let Some(ranks) = ranks {
                    self.ranks.get_or_insert_default().extend_from_slice(&ranks);
                }
            }
        }
        Ok(())
    }

    fn finish(self, room: &mut u64) -> Result<Column<'a>, Error> {
        let Self { schema, mut pieces, lengths, targets, ranks } = self;
        let mut whole = || match pieces.len() {
            0 | 1 => pieces.pop().unwrap_or_default(),
            _ => Cow::Owned(pieces.concat()),
        };
        let data = match &schema.encoding {
            Encoding::Rows { .. } => ColumnData::Rows {
                data: whole(),
                lengths: join_lengths(&lengths, room)?,
                targets: Cow::Owned(targets),
            },
            Encoding::Opaque { .. } => {
                ColumnData::Opaque { data: whole(), lengths: join_lengths(&lengths, room)? }
            }
            Encoding::Reference { .. } => {
                ColumnData::References { targets: Cow::Owned(targets), ranks: ranks.map(Cow::Owned) }
            }
            Encoding::Plain(_) => ColumnData::Plain(pieces),
        };
        Ok(Column { schema, data })
    }
}
