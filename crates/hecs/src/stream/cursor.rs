use std::borrow::Cow;

use keepstone_ecs_persist::{Column, ColumnData, ComponentSchema, Encoding, Error};
use keepstone_value::{Batches, Learned, Learner, Options};

use crate::{
    builtin,
    capture::{Planned, PlannedKind},
    column::Source,
    kept,
    ordinals::Ordinals,
};

/// What was learnt of a column before any of it is handed out.
pub(crate) struct Learnt {
    pub(crate) schema: ComponentSchema,
    shape: Learned,
    /// Targets and ranks of all rows: which place a row has is known when all are.
    links: Option<(Vec<u32>, Option<Vec<u32>>)>,
}

impl Learnt {
    /// Goes through a column and asks `ordinals` for all that it refers to. None for one that can't be learnt.
    pub(crate) fn new(
        column: &Planned<'_, '_>,
        rows_max: usize,
        ordinals: &mut Ordinals<'_>,
    ) -> Result<Option<Self>, Error> {
        match column.kind {
            PlannedKind::Registered(entry) => {
                let wrap = |source| Error::Value { component: entry.name().to_owned(), source };
                let ops = entry.ops();
                let schema = |encoding| ComponentSchema::new(entry.name(), entry.version(), false, encoding);
                if ops.linked {
                    let (encoding, data) = ops.column.capture(&column.sources, ordinals).map_err(wrap)?;
                    return Ok(Self::linked(schema(encoding), data));
                }
                if let Some(encoding) = ops.column.encoding() {
                    return Ok(Some(Self::known(schema(encoding))));
                }
                let options = Options::default();
                let mut learner = Learner::new(&options);
                for source in parts_of(&column.sources, rows_max) {
                    let source = std::slice::from_ref(&source);
                    ops.column.learn(source, ordinals, &mut learner).map_err(wrap)?;
                }
                let shape = learner.finish().map_err(wrap)?;
                if shape.shape() == Learned::default().shape() {
                    return Ok(None);
                }
                let human_readable = options.human_readable;
                let encoding = Encoding::Rows { shape: shape.shape().clone(), human_readable };
                Ok(Some(Self { shape, ..Self::known(schema(encoding)) }))
            }
            PlannedKind::Kept(schema) => {
                if let Encoding::Reference { linked: true } = schema.encoding {
                    let data = kept::join(schema, &column.rows, ordinals);
                    return Ok(Self::linked(schema.clone(), data));
                }
                kept::mention(&column.rows, ordinals);
                Ok(Some(Self::known(schema.clone())))
            }
            PlannedKind::Source(_) => Ok(builtin::source_schema().map(Self::known)),
        }
    }

    fn known(schema: ComponentSchema) -> Self {
        Self { schema, shape: Learned::default(), links: None }
    }

    fn linked(schema: ComponentSchema, data: ColumnData<'static>) -> Option<Self> {
        let ColumnData::References { targets, ranks } = data else { return None };
        let links = (targets.into_owned(), ranks.map(Cow::into_owned));
        Some(Self { links: Some(links), ..Self::known(schema) })
    }
}

/// All rows, in sources of at most `rows_max`.
fn parts_of<'s>(sources: &'s [Source<'s>], rows_max: usize) -> impl Iterator<Item = Source<'s>> {
    sources.iter().flat_map(move |source| {
        let len = source.len();
        (0..len).step_by(rows_max).map(move |from| source.part(from..len.min(from + rows_max)))
    })
}

/// How far a column has been handed out.
pub(crate) struct Cursor<'c, 'p, 'r> {
    column: &'c Planned<'p, 'r>,
    learnt: &'c Learnt,
    batches: Batches<'c>,
    row: usize,
    /// The source of the next row, and how much of it is taken.
    source: usize,
    taken: usize,
}

impl<'c, 'p, 'r> Cursor<'c, 'p, 'r> {
    pub(crate) fn new(column: &'c Planned<'p, 'r>, learnt: &'c Learnt) -> Self {
        let batches = Batches::new(&learnt.shape, &Options::default());
        Self { column, learnt, batches, row: 0, source: 0, taken: 0 }
    }

    /// Whether it is one value that belongs to no entity.
    pub(crate) fn is_resource(&self) -> bool {
        self.learnt.schema.resource
    }

    /// The next rows.
    pub(crate) fn take(&mut self, rows: usize, ordinals: &mut Ordinals<'_>) -> Result<Column<'c>, Error> {
        let schema = self.learnt.schema.clone();
        let own = self.row..self.row + rows;
        self.row = own.end;
        if let Some((targets, ranks)) = &self.learnt.links {
            let targets = Cow::Borrowed(targets.get(own.clone()).unwrap_or_default());
            let ranks = ranks.as_ref().map(|ranks| Cow::Borrowed(ranks.get(own).unwrap_or_default()));
            return Ok(Column { schema, data: ColumnData::References { targets, ranks } });
        }
        match self.column.kind {
            PlannedKind::Registered(entry) => {
                let sources = self.take_sources(rows);
                let data = entry
                    .ops()
                    .column
                    .capture_batch(&sources, ordinals, &mut self.batches)
                    .map_err(|source| Error::Value { component: entry.name().to_owned(), source })?;
                Ok(Column { schema, data })
            }
            PlannedKind::Kept(_) => {
                let data = kept::join(&schema, self.column.rows.get(own).unwrap_or_default(), ordinals);
                Ok(Column { schema, data })
            }
            PlannedKind::Source(source) => {
                builtin::source_column(source).ok_or(Error::NotSupported { what: "sources of ids" })
            }
        }
    }

    fn take_sources(&mut self, rows: usize) -> Vec<Source<'c>> {
        let column: &'c Planned<'p, 'r> = self.column;
        let mut left = rows;
        let mut taken = Vec::new();
        while let Some(source) = column.sources.get(self.source).filter(|_| left > 0) {
            let to = source.len().min(self.taken + left);
            taken.push(source.part(self.taken..to));
            left -= to - self.taken;
            self.taken = to;
            if to == source.len() {
                (self.source, self.taken) = (self.source + 1, 0);
            }
        }
        taken
    }
}
