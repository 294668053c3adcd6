use std::borrow::Cow;

use bevy_ecs::{entity::Entity, world::World};
use keepstone_ecs_persist::{Column, ColumnData, ComponentSchema, Encoding, Error};
use keepstone_value::{Batches, Learned, Learner, Options};

use crate::{
    capture::{Planned, PlannedKind, Source},
    ordinals::Ordinals,
};

/// What was learnt of a column before any of it is handed out.
pub(crate) struct Learnt {
    pub(crate) schema: ComponentSchema,
    shape: Learned,
    /// Targets and ranks of all rows of a relationship: which place a row has is known when all are.
    links: Option<(Vec<u32>, Option<Vec<u32>>)>,
}

impl Learnt {
    /// Goes through a column and asks `ordinals` for all that it refers to. None for one whose codec can't learn.
    pub(crate) fn new(
        world: &World,
        column: &Planned<'_, '_>,
        rows_max: usize,
        ordinals: &mut Ordinals<'_>,
    ) -> Result<Option<Self>, Error> {
        match column.kind {
            PlannedKind::Registered(_, entry) => {
                let wrap = |source| Error::Value { component: entry.name().to_owned(), source };
                let ops = entry.ops();
                let resource = column.resource;
                let schema =
                    |encoding| ComponentSchema::new(entry.name(), entry.version(), resource, encoding);
                if ops.target.is_some() {
                    let (encoding, data) =
                        ops.column.capture(world, &column.sources, ordinals).map_err(wrap)?;
                    return Ok(Self::linked(schema(encoding), data));
                }
                if let Some(encoding) = ops.column.encoding() {
                    return Ok(Some(Self::known(schema(encoding))));
                }
                let options = Options::default();
                let mut learner = Learner::new(&options);
                for source in parts_of(&column.sources, rows_max) {
                    ops.column.learn(world, &[source], ordinals, &mut learner).map_err(wrap)?;
                }
                let shape = learner.finish().map_err(wrap)?;
                if shape.shape() == Learned::default().shape() {
                    return Ok(None);
                }
                let human_readable = options.human_readable;
                let encoding = Encoding::Rows { shape: shape.shape().clone(), human_readable };
                Ok(Some(Self { shape, ..Self::known(schema(encoding)) }))
            }
            PlannedKind::Kept(number, kept) => {
                let schema = kept.schema.clone();
                if let Encoding::Reference { linked: true } = schema.encoding {
                    let holders: Vec<Entity> =
                        column.sources.iter().flat_map(Source::entities).copied().collect();
                    let data = kept.capture(world, number, &holders, ordinals);
                    return Ok(Self::linked(schema, data));
                }
                for source in parts_of(&column.sources, rows_max) {
                    // For what the rows refer to.
                    drop(kept.capture(world, number, source.entities(), ordinals));
                }
                Ok(Some(Self::known(schema)))
            }
        }
    }

    fn known(schema: ComponentSchema) -> Self {
        Self { schema, shape: Learned::default(), links: None }
    }

    fn linked(schema: ComponentSchema, data: ColumnData<'_>) -> Option<Self> {
        let ColumnData::References { targets, ranks } = data else { return None };
        let links = (targets.into_owned(), ranks.map(Cow::into_owned));
        Some(Self { links: Some(links), ..Self::known(schema) })
    }
}

/// All rows, in sources of at most `rows_max`.
fn parts_of(sources: &[Source], rows_max: usize) -> impl Iterator<Item = Source> {
    sources.iter().flat_map(move |source| {
        // A kept resource has no entity, and a row.
        let len = source.len().max(1);
        (0..len).step_by(rows_max).map(move |from| source.part(from..source.len().min(from + rows_max)))
    })
}

/// How far a column has been handed out.
pub(crate) struct Cursor<'c, 'w, 'r> {
    world: &'w World,
    column: &'c Planned<'w, 'r>,
    learnt: &'c Learnt,
    batches: Batches<'c>,
    row: usize,
    /// The source of the next row, and how much of it is taken.
    source: usize,
    taken: usize,
}

impl<'c, 'w: 'c, 'r> Cursor<'c, 'w, 'r> {
    pub(crate) fn new(world: &'w World, column: &'c Planned<'w, 'r>, learnt: &'c Learnt) -> Self {
        let batches = Batches::new(&learnt.shape, &Options::default());
        Self { world, column, learnt, batches, row: 0, source: 0, taken: 0 }
    }

    /// Whether it is one value that belongs to no entity.
    pub(crate) fn is_resource(&self) -> bool {
        self.learnt.schema.resource
    }

    /// The next rows.
    pub(crate) fn take(&mut self, rows: usize, ordinals: &mut Ordinals<'w>) -> Result<Column<'c>, Error> {
        let schema = self.learnt.schema.clone();
        let own = self.row..self.row + rows;
        self.row = own.end;
        if let Some((targets, ranks)) = &self.learnt.links {
            let targets = Cow::Borrowed(targets.get(own.clone()).unwrap_or_default());
            let ranks = ranks.as_ref().map(|ranks| Cow::Borrowed(ranks.get(own).unwrap_or_default()));
            return Ok(Column { schema, data: ColumnData::References { targets, ranks } });
        }
        let sources = self.take_sources(rows);
        let data = match self.column.kind {
            PlannedKind::Registered(_, entry) => entry
                .ops()
                .column
                .capture_batch(self.world, &sources, ordinals, &mut self.batches)
                .map_err(|source| Error::Value { component: entry.name().to_owned(), source })?,
            PlannedKind::Kept(number, column) => {
                let holders: Vec<Entity> = sources.iter().flat_map(Source::entities).copied().collect();
                column.capture(self.world, number, &holders, ordinals)
            }
        };
        Ok(Column { schema, data })
    }

    fn take_sources(&mut self, rows: usize) -> Vec<Source> {
        let mut left = rows;
        let mut taken = Vec::new();
        while let Some(source) = self.column.sources.get(self.source).filter(|_| left > 0) {
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
