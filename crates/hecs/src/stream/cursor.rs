use std::borrow::Cow;

use keepstone_ecs_persist::{Column, ColumnData, ComponentSchema, Encoding, Error, Slices};
use keepstone_value::{Batches, Entities, Learned, Learner, Options};

use crate::{
    builtin,
    capture::{Planned, PlannedKind},
    column::{AnyColumn, Source},
    kept,
    stream::ranks::{Ranks, are_natural},
};

/// What was learnt of a column before any of it is handed out.
pub(crate) struct Learnt {
    pub(crate) schema: ComponentSchema,
    shape: Learned,
    links: Links,
}

/// What is known of the order of a relationship's rows.
enum Links {
    /// It is no relationship.
    None,
    /// It is that of their places.
    Natural,
    /// It is another.
    Ranked,
    /// Targets and ranks of all rows that the world keeps without knowing them.
    Kept(Vec<u32>, Option<Vec<u32>>),
}

impl Learnt {
    /// Goes through a column and asks `ordinals` for all that it refers to. None for one that can't be learnt.
    pub(crate) fn new(
        column: &Planned<'_, '_>,
        rows_max: u32,
        ordinals: &mut dyn Entities,
    ) -> Result<Option<Self>, Error> {
        match column.kind {
            PlannedKind::Registered(entry) => {
                let wrap = |source| Error::Value { component: entry.name().to_owned(), source };
                let ops = entry.ops();
                let schema = |encoding| ComponentSchema::new(entry.name(), entry.version(), false, encoding);
                if ops.linked {
                    let natural = are_natural(&*ops.column, &column.sources, rows_max, ordinals);
                    let links = if natural { Links::Natural } else { Links::Ranked };
                    let encoding = Encoding::Reference { linked: true };
                    return Ok(Some(Self { links, ..Self::known(schema(encoding)) }));
                }
                if let Some(encoding) = ops.column.encoding() {
                    return Ok(Some(Self::known(schema(encoding))));
                }
                let options = Options::default();
                let mut learner = Learner::new(&options);
                for sources in Slices::new(&column.sources).by(rows_max as usize) {
                    ops.column.learn(&sources, ordinals, &mut learner).map_err(wrap)?;
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
                    let ColumnData::References { targets, ranks } = data else { return Ok(None) };
                    let links = Links::Kept(targets.into_owned(), ranks.map(Cow::into_owned));
                    return Ok(Some(Self { links, ..Self::known(schema.clone()) }));
                }
                kept::mention(&column.rows, ordinals);
                Ok(Some(Self::known(schema.clone())))
            }
            PlannedKind::Source(_) => Ok(builtin::source_schema().map(Self::known)),
        }
    }

    fn known(schema: ComponentSchema) -> Self {
        Self { schema, shape: Learned::default(), links: Links::None }
    }
}

/// How far a column has been handed out.
pub(crate) struct Cursor<'c, 'p, 'r> {
    column: &'c Planned<'p, 'r>,
    learnt: &'c Learnt,
    batches: Batches<'c>,
    sources: Slices<'c, Source<'p>>,
    row: usize,
    ranks: Option<Ranks<'c, 'p>>,
}

impl<'c, 'p, 'r> Cursor<'c, 'p, 'r> {
    /// Starts before the first row; `whole` is how many entities all parts have together, and each at most.
    pub(crate) fn new(column: &'c Planned<'p, 'r>, learnt: &'c Learnt, whole: (u32, u32)) -> Self {
        let batches = Batches::new(&learnt.shape, &Options::default());
        let ranks = match (&learnt.links, &column.kind) {
            (Links::Ranked, PlannedKind::Registered(entry)) => {
                Some(Ranks::new(&*entry.ops().column, column, whole))
            }
            _ => None,
        };
        Self { column, learnt, batches, sources: Slices::new(&column.sources), row: 0, ranks }
    }

    /// Whether it is one value that belongs to no entity.
    pub(crate) fn is_resource(&self) -> bool {
        self.learnt.schema.resource
    }

    /// The next rows.
    pub(crate) fn take(&mut self, rows: u32, ordinals: &mut dyn Entities) -> Result<Column<'c>, Error> {
        let schema = self.learnt.schema.clone();
        let own = self.row..self.row + rows as usize;
        self.row = own.end;
        let data = match (&self.column.kind, &self.learnt.links) {
            (_, Links::Kept(targets, ranks)) => ColumnData::References {
                targets: Cow::Borrowed(targets.get(own.clone()).unwrap_or_default()),
                ranks: ranks.as_ref().map(|ranks| Cow::Borrowed(ranks.get(own).unwrap_or_default())),
            },
            (PlannedKind::Registered(entry), Links::None) => {
                let sources = self.sources.take(own.len());
                let data = entry.ops().column.capture_batch(&sources, ordinals, &mut self.batches);
                data.map_err(|source| Error::Value { component: entry.name().to_owned(), source })?
            }
            (PlannedKind::Registered(entry), _) => {
                let targets = targets(&*entry.ops().column, &self.sources.take(own.len()), ordinals);
                let ranks = self.ranks.as_mut().map(|ranks| Cow::Owned(ranks.take(own, ordinals)));
                ColumnData::References { targets: Cow::Owned(targets), ranks }
            }
            (PlannedKind::Kept(_), _) => {
                kept::join(&schema, self.column.rows.get(own).unwrap_or_default(), ordinals)
            }
            (PlannedKind::Source(source), _) => {
                let column = builtin::source_column(*source);
                return column.ok_or(Error::NotSupported { what: "sources of ids" });
            }
        };
        Ok(Column { schema, data })
    }
}

fn targets(column: &dyn AnyColumn, sources: &[Source<'_>], ordinals: &mut dyn Entities) -> Vec<u32> {
    let mut targets = Vec::new();
    column.links(sources, &mut |target, _| targets.push(ordinals.ordinal(target.to_bits().get())));
    targets
}
