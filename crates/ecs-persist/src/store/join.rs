use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use keepstone_format::{plain::OwnedLayout, wire::Input};
use keepstone_value::Shape;

use crate::{
    check::invalid,
    doc::{Column, ColumnData, NONE, Table, WorldDoc},
    error::Error,
    gather::{ranks, targets_by_row},
    identity::PersistId,
    lengths::Lengths,
    schema::{ComponentSchema, Encoding, Schema, check_count},
    store::{
        read::StoredDoc,
        record::{NOBODY, Value},
        shapes::Apart,
    },
};

/// A document that is put together from records, table by table.
pub(super) struct Joined {
    columns: Vec<Builder>,
    /// The place of the ids among the columns.
    id_at: u16,
    tables: Vec<Table>,
    ids: Vec<PersistId>,
}

impl Joined {
    /// Of records with these components.
    pub(super) fn new(mut components: BTreeMap<String, ComponentSchema>) -> Result<Self, Error> {
        let layout = Encoding::Plain(OwnedLayout::from(&PersistId::LAYOUT));
        let id = ComponentSchema::new(PersistId::COMPONENT, PersistId::VERSION, false, layout);
        components.insert(id.name.clone(), id);
        check_count(components.len() as u64)?;
        let columns: Vec<Builder> = components.into_values().map(Builder::new).collect();
        let id_at = columns.iter().position(|column| column.schema.name == PersistId::COMPONENT).unwrap_or(0);
        Ok(Self { columns, id_at: narrow(id_at), tables: Vec::new(), ids: Vec::new() })
    }

    /// Adds a table, or rows to the last one if that has the same components.
    pub(super) fn push(
        &mut self,
        schema: &Schema,
        entities: Vec<(PersistId, Input<'_>)>,
    ) -> Result<(), Error> {
        let place = |component: &ComponentSchema| {
            self.columns
                .binary_search_by(|column| column.schema.name.cmp(&component.name))
                .unwrap_or(usize::MAX)
        };
        let places: Vec<usize> = schema.components().iter().map(place).collect();
        let rows = u32::try_from(entities.len()).unwrap_or(u32::MAX);
        for (component, &place) in schema.components().iter().zip(&places) {
            if let (Encoding::Rows { shape, .. }, Some(column)) =
                (&component.encoding, self.columns.get_mut(place))
            {
                column.shapes.push((shape.clone(), entities.len()));
            }
        }
        for (id, mut values) in entities {
            for &place in &places {
                if let Some(column) = self.columns.get_mut(place) {
                    column.push(Value::take(&mut values, &column.schema.encoding)?);
                }
            }
            values.finish()?;
            self.ids.push(id);
        }
        let mut components: Vec<u16> = places.into_iter().map(narrow).chain([self.id_at]).collect();
        components.sort_unstable();
        match self.tables.last_mut() {
            Some(last) if last.components == components => last.rows = last.rows.saturating_add(rows),
            _ => self.tables.push(Table { rows, components }),
        }
        Ok(())
    }

    /// Lets references lead to ordinals. Entities that are not there follow those that are.
    pub(super) fn finish(mut self) -> Result<StoredDoc, Error> {
        let whole = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
        let mut ordinals: HashMap<u64, u32> = self.ids.iter().map(|id| id.0).zip(0..).collect();
        let named = self.columns.iter().flat_map(|column| column.targets.iter());
        let mut bare: Vec<u64> =
            named.copied().filter(|id| *id != NOBODY && !ordinals.contains_key(id)).collect();
        bare.sort_unstable();
        bare.dedup();
        ordinals.extend(bare.iter().copied().zip(whole..));
        if !bare.is_empty() {
            let rows = u32::try_from(bare.len()).unwrap_or(u32::MAX);
            self.tables.push(Table { rows, components: vec![self.id_at] });
            self.ids.extend(bare.into_iter().map(PersistId));
        }
        if let Some(column) = self.columns.get_mut(usize::from(self.id_at)) {
            column.data = self.ids.iter().flat_map(|id| id.0.to_le_bytes()).collect();
        }
        let entities = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
        let finish = |column: Builder| column.finish(&ordinals, entities);
        let columns = self.columns.into_iter().map(finish).collect::<Result<_, _>>()?;
        let doc = WorldDoc { tables: self.tables, columns, ..WorldDoc::default() };
        doc.check()?;
        Ok(StoredDoc { doc, whole, ids: self.ids })
    }
}

/// The place of a column; there are at most 16,383.
fn narrow(place: usize) -> u16 {
    u16::try_from(place).unwrap_or(u16::MAX)
}

/// A column that rows are added to.
struct Builder {
    schema: ComponentSchema,
    data: Vec<u8>,
    lengths: Vec<u32>,
    /// Ids of entities, and how many of them each row has.
    targets: Vec<u64>,
    counts: Vec<u32>,
    ranks: Vec<u32>,
    /// The shapes of serde rows, each with the number of rows that have it.
    shapes: Vec<(Shape, usize)>,
}

impl Builder {
    fn new(schema: ComponentSchema) -> Self {
        Self {
            schema,
            data: Vec::new(),
            lengths: Vec::new(),
            targets: Vec::new(),
            counts: Vec::new(),
            ranks: Vec::new(),
            shapes: Vec::new(),
        }
    }

    fn push(&mut self, value: Value<'_>) {
        let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        match value {
            Value::Plain(row) => self.data.extend_from_slice(row),
            Value::Rows { row, targets } => {
                self.data.extend_from_slice(row);
                self.lengths.push(len(row));
                self.counts.push(u32::try_from(targets.len()).unwrap_or(u32::MAX));
                self.targets.extend(targets.iter());
            }
            Value::Opaque(row) => {
                self.data.extend_from_slice(row);
                self.lengths.push(len(row));
            }
            Value::Reference { target, rank } => {
                self.targets.push(target);
                self.ranks.push(rank);
            }
        }
    }

    fn finish(mut self, ordinals: &HashMap<u64, u32>, entities: u32) -> Result<Column<'static>, Error> {
        self.join_shapes()?;
        let of = |id: &u64| ordinals.get(id).copied().unwrap_or(NONE);
        let targets: Vec<u32> = self.targets.iter().map(of).collect();
        let data = match &self.schema.encoding {
            Encoding::Plain(_) if self.data.is_empty() => ColumnData::Plain(Vec::new()),
            Encoding::Plain(_) => ColumnData::Plain(vec![Cow::Owned(self.data)]),
            Encoding::Rows { .. } => ColumnData::Rows {
                data: Cow::Owned(self.data),
                lengths: Lengths::each(self.lengths),
                targets: Cow::Owned(targets),
            },
            Encoding::Opaque { .. } => {
                ColumnData::Opaque { data: Cow::Owned(self.data), lengths: Lengths::each(self.lengths) }
            }
            Encoding::Reference { linked } => {
                // Those of rows that were saved apart may be equal: then the order of the rows decides, and only the places show whether that of all does.
                let places = if *linked { ranks(&targets, &self.ranks, entities) } else { None };
                let ranks = places.and_then(|places| ranks(&targets, &places, entities));
                ColumnData::References { targets: Cow::Owned(targets), ranks: ranks.map(Cow::Owned) }
            }
        };
        let column = Column { schema: self.schema, data };
        check_counts(&column, &self.counts)?;
        Ok(column)
    }

    /// Writes serde rows anew where not all have one shape.
    fn join_shapes(&mut self) -> Result<(), Error> {
        let Encoding::Rows { shape, human_readable } = &mut self.schema.encoding else { return Ok(()) };
        if self.shapes.iter().all(|(other, _)| other == shape) {
            return Ok(());
        }
        let rows = Apart {
            shapes: &self.shapes,
            data: &self.data,
            lengths: &self.lengths,
            targets: &self.targets,
            counts: &self.counts,
        };
        let joined = rows.join(&self.schema.name, *human_readable)?;
        *shape = joined.shape;
        self.data = joined.data;
        self.lengths = joined.lens;
        // They were places in the old list.
        let of = |place: &u32| self.targets.get(*place as usize).copied().unwrap_or(NOBODY);
        self.targets = joined.targets.iter().map(of).collect();
        self.counts.clear();
        Ok(())
    }
}

/// Rows side by side take each other's references where one has more or fewer than its record says.
fn check_counts(column: &Column<'_>, counts: &[u32]) -> Result<(), Error> {
    if counts.iter().all(|&count| count == 0) {
        return Ok(());
    }
    for (row, &count) in targets_by_row(column)?.iter().zip(counts) {
        if row.len() as u64 != u64::from(count) {
            return Err(invalid("references of a row", count, row.len()));
        }
    }
    Ok(())
}
