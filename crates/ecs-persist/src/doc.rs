use std::borrow::Cow;

use crate::{
    lengths::Lengths,
    meta::WorldMeta,
    schema::{ComponentSchema, Encoding, Schema},
};

/// The ordinal of a reference to nothing that was saved.
pub const NONE: u32 = u32::MAX;

/// A world without an engine: tables, columns and a schema, possibly borrowed from the world or file it came from.
///
/// Everything that saves or loads a world passes through one. Entities are ordinals, given table by table and row by row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorldDoc<'a> {
    /// The name of this world among those of one file; empty for the only one.
    pub name: String,
    /// What the application says about it.
    pub meta: WorldMeta,
    /// Runs of entities with the same components.
    pub tables: Vec<Table>,
    /// The columns, ascending by component name.
    pub columns: Vec<Column<'a>>,
    /// What another system calls the entities, in the order of the ordinals.
    pub foreign_ids: Option<Cow<'a, [u128]>>,
}

/// A run of entities that have the same components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// How many entities.
    pub rows: u32,
    /// Their components: places in [`WorldDoc::columns`], ascending.
    pub components: Vec<u16>,
}

/// All values of one component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column<'a> {
    /// What the rows are.
    pub schema: ComponentSchema,
    /// The rows.
    pub data: ColumnData<'a>,
}

/// The rows of a column, table by table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnData<'a> {
    /// Fixed-size rows, in pieces that needn't end where a row ends.
    Plain(Vec<Cow<'a, [u8]>>),
    /// Serde rows.
    Rows {
        /// The rows one after the other.
        data: Cow<'a, [u8]>,
        /// The length of each row.
        lengths: Lengths,
        /// The ordinals that the rows refer to, in the order in which rows are written.
        targets: Cow<'a, [u32]>,
    },
    /// Rows that only the program they came from can interpret.
    Opaque {
        /// The rows one after the other.
        data: Cow<'a, [u8]>,
        /// The length of each row.
        lengths: Lengths,
    },
    /// One ordinal a row, or [`NONE`].
    References {
        /// The ordinals.
        targets: Cow<'a, [u32]>,
        /// Each row's place among the rows with its target; absent when the order of the ordinals is that order.
        ranks: Option<Cow<'a, [u32]>>,
    },
}

impl WorldDoc<'_> {
    /// How many entities the document has.
    pub fn entity_count(&self) -> u32 {
        self.tables.iter().fold(0, |sum, table| sum.saturating_add(table.rows))
    }

    /// How many component values it has, resources included.
    pub fn value_count(&self) -> u64 {
        let rows = |table: &Table| u64::from(table.rows) * table.components.len() as u64;
        self.tables.iter().map(rows).sum::<u64>()
            + self.columns.iter().filter(|c| c.schema.resource).count() as u64
    }

    /// How many rows each column has by what the tables say; a resource has one.
    pub fn rows_per_column(&self) -> Vec<u32> {
        let mut rows: Vec<u32> =
            self.columns.iter().map(|column| u32::from(column.schema.resource)).collect();
        for table in &self.tables {
            for &component in &table.components {
                if let Some(rows) = rows.get_mut(usize::from(component)) {
                    *rows = rows.saturating_add(table.rows);
                }
            }
        }
        rows
    }

    /// The descriptions of all columns.
    pub fn schema(&self) -> Schema {
        Schema::new(self.columns.iter().map(|column| column.schema.clone()).collect())
    }

    /// The column of a component.
    pub fn column(&self, name: &str) -> Option<&Column<'_>> {
        let at = self.columns.binary_search_by(|column| column.schema.name.as_str().cmp(name)).ok()?;
        self.columns.get(at)
    }

    /// Copies what is borrowed.
    pub fn into_owned(self) -> WorldDoc<'static> {
        WorldDoc {
            name: self.name,
            meta: self.meta,
            tables: self.tables,
            columns: self.columns.into_iter().map(Column::into_owned).collect(),
            foreign_ids: self.foreign_ids.map(|ids| Cow::Owned(ids.into_owned())),
        }
    }
}

impl Column<'_> {
    /// Copies what is borrowed.
    pub fn into_owned(self) -> Column<'static> {
        let data = match self.data {
            ColumnData::Plain(pieces) => {
                ColumnData::Plain(pieces.into_iter().map(|piece| Cow::Owned(piece.into_owned())).collect())
            }
            ColumnData::Rows { data, lengths, targets } => ColumnData::Rows {
                data: Cow::Owned(data.into_owned()),
                lengths,
                targets: Cow::Owned(targets.into_owned()),
            },
            ColumnData::Opaque { data, lengths } => {
                ColumnData::Opaque { data: Cow::Owned(data.into_owned()), lengths }
            }
            ColumnData::References { targets, ranks } => ColumnData::References {
                targets: Cow::Owned(targets.into_owned()),
                ranks: ranks.map(|ranks| Cow::Owned(ranks.into_owned())),
            },
        };
        Column { schema: self.schema, data }
    }

    /// How many references of this column name nothing.
    pub fn dangling(&self) -> u64 {
        let targets = match &self.data {
            ColumnData::Rows { targets, .. } | ColumnData::References { targets, .. } => targets.as_ref(),
            ColumnData::Plain(_) | ColumnData::Opaque { .. } => &[],
        };
        targets.iter().filter(|&&target| target == NONE).count() as u64
    }

    /// Bytes of one row, for plain columns.
    pub fn row_size(&self) -> Option<usize> {
        match &self.schema.encoding {
            Encoding::Plain(layout) => Some(layout.size()),
            _ => None,
        }
    }
}
