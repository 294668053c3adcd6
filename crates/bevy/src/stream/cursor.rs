use std::{borrow::Cow, ops::Range};

use bevy_ecs::{entity::Entity, world::World};
use keepstone_ecs_persist::{Column, ColumnData, ComponentSchema, Encoding, Error, Slices};
use keepstone_value::{Batches, Learned, Learner, Options};

use crate::{
    capture::{Planned, PlannedKind},
    ordinals::Ordinals,
    relationship::{Walk, lists_ascend},
    source::Source,
    stream::ranks::Ranks,
};

/// What was learnt of a column before any of it is handed out.
pub(crate) struct Learnt {
    pub(crate) schema: ComponentSchema,
    shape: Learned,
    links: Links,
}

/// What is known of the order of a relationship's rows.
enum Links {
    /// It is that of the entities, or it is no relationship.
    Ascend,
    /// It is that of the lists on targets.
    Lists(Walk),
    /// Targets and ranks of all rows that the world keeps without knowing them, which say of themselves what place they have.
    Kept(Vec<u32>, Option<Vec<u32>>),
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
                let options = Options::default();
                let mut learner = Learner::new(&options);
                if let Some(target) = ops.target {
                    for sources in Slices::new(&column.sources).by(rows_max) {
                        ops.column.learn(world, &sources, ordinals, &mut learner).map_err(wrap)?;
                    }
                    let ascend = lists_ascend(world, target.walk, ordinals);
                    let links = if ascend { Links::Ascend } else { Links::Lists(target.walk) };
                    let encoding = Encoding::Reference { linked: true };
                    return Ok(Some(Self { links, ..Self::known(schema(encoding)) }));
                }
                if let Some(encoding) = ops.column.encoding() {
                    return Ok(Some(Self::known(schema(encoding))));
                }
                if column.resource {
                    ops.column.learn(world, &column.sources, ordinals, &mut learner).map_err(wrap)?;
                } else {
                    for sources in Slices::new(&column.sources).by(rows_max) {
                        ops.column.learn(world, &sources, ordinals, &mut learner).map_err(wrap)?;
                    }
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
                    let data = kept.capture(world, number, &holders(&column.sources), ordinals);
                    let ColumnData::References { targets, ranks } = data else { return Ok(None) };
                    let links = Links::Kept(targets.into_owned(), ranks.map(Cow::into_owned));
                    return Ok(Some(Self { links, ..Self::known(schema) }));
                }
                // For what the rows refer to.
                if column.resource {
                    drop(kept.capture(world, number, &[], ordinals));
                }
                for sources in Slices::new(&column.sources).by(rows_max) {
                    drop(kept.capture(world, number, &holders(&sources), ordinals));
                }
                Ok(Some(Self::known(schema)))
            }
        }
    }

    fn known(schema: ComponentSchema) -> Self {
        Self { schema, shape: Learned::default(), links: Links::Ascend }
    }
}

fn holders(sources: &[Source]) -> Vec<Entity> {
    sources.iter().flat_map(Source::entities).copied().collect()
}

/// How far a column has been handed out.
pub(crate) struct Cursor<'c, 'w, 'r> {
    world: &'w World,
    column: &'c Planned<'w, 'r>,
    learnt: &'c Learnt,
    batches: Batches<'c>,
    sources: Slices<'c, Source>,
    row: usize,
    ranks: Option<Ranks<'w>>,
}

impl<'c, 'w: 'c, 'r> Cursor<'c, 'w, 'r> {
    /// Starts before the first row; `whole` is how many entities all parts have together, and each at most.
    pub(crate) fn new(
        world: &'w World,
        column: &'c Planned<'w, 'r>,
        learnt: &'c Learnt,
        whole: (u32, u32),
    ) -> Self {
        let batches = Batches::new(&learnt.shape, &Options::default());
        let ranks = match learnt.links {
            Links::Lists(walk) => Some(Ranks::new(world, walk, whole)),
            _ => None,
        };
        Self { world, column, learnt, batches, sources: Slices::new(&column.sources), row: 0, ranks }
    }

    /// Whether it is one value that belongs to no entity.
    pub(crate) fn is_resource(&self) -> bool {
        self.learnt.schema.resource
    }

    /// The next rows, which belong to entities of the part with these ordinals.
    pub(crate) fn take(
        &mut self,
        rows: u32,
        part: Range<u32>,
        ordinals: &mut Ordinals<'w>,
    ) -> Result<Column<'c>, Error> {
        let schema = self.learnt.schema.clone();
        let rows = rows as usize;
        let own = self.row..self.row + rows;
        self.row = own.end;
        if let Links::Kept(targets, ranks) = &self.learnt.links {
            let targets = Cow::Borrowed(targets.get(own.clone()).unwrap_or_default());
            let ranks = ranks.as_ref().map(|ranks| Cow::Borrowed(ranks.get(own).unwrap_or_default()));
            return Ok(Column { schema, data: ColumnData::References { targets, ranks } });
        }
        let sources = self.sources.take(rows);
        let mut data = match self.column.kind {
            PlannedKind::Registered(_, entry) => entry
                .ops()
                .column
                .capture_batch(self.world, &sources, ordinals, &mut self.batches)
                .map_err(|source| Error::Value { component: entry.name().to_owned(), source })?,
            PlannedKind::Kept(number, column) => {
                column.capture(self.world, number, &holders(&sources), ordinals)
            }
        };
        if let (Some(own), ColumnData::References { ranks, .. }) = (&mut self.ranks, &mut data) {
            *ranks = Some(Cow::Owned(own.take(&sources, part, ordinals)));
        }
        Ok(Column { schema, data })
    }
}
