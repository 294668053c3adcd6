use std::{ops::Range, sync::Arc};

use bevy_ecs::{
    archetype::{Archetype, ArchetypeId},
    component::{Component, StorageType},
    entity::Entity,
    storage::TableId,
    world::World,
};
use keepstone_ecs_persist::{Runs, Slice};
use keepstone_value::Entities;

use crate::raw;

/// Where rows of a column come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Entities of an archetype, in its order.
    Archetype {
        /// Which.
        id: ArchetypeId,
        /// Its rows.
        rows: Range<u32>,
        /// The ordinal of the archetype's first entity; the others follow.
        first: u32,
        /// Whether its table holds these entities alone and in the same order.
        whole_table: bool,
    },
    /// These entities.
    Entities(Arc<[Entity]>, Range<usize>),
    /// These rows of a table, for components that are stored in tables.
    Rows(TableId, Arc<[u32]>),
}

impl Source {
    /// The entities that are listed one by one.
    pub(crate) fn entities(&self) -> &[Entity] {
        match self {
            Self::Archetype { .. } | Self::Rows(..) => &[],
            Self::Entities(entities, own) => entities.get(own.clone()).unwrap_or_default(),
        }
    }

    /// The ordinals of the entities, in their order.
    pub(crate) fn ordinals(&self, ordinals: &mut dyn Entities) -> impl Iterator<Item = u32> {
        let range = match self {
            Self::Archetype { rows, first, .. } => {
                first.saturating_add(rows.start)..first.saturating_add(rows.end)
            }
            Self::Entities(..) | Self::Rows(..) => 0..0,
        };
        range.chain(self.entities().iter().map(|entity| ordinals.ordinal(entity.to_bits())))
    }

    /// These entities.
    pub(crate) fn of(entities: Vec<Entity>) -> Self {
        let own = 0..entities.len();
        Self::Entities(entities.into(), own)
    }
}

impl Slice for Source {
    fn rows(&self) -> usize {
        match self {
            Self::Archetype { rows, .. } => rows.len(),
            Self::Entities(_, own) => own.len(),
            Self::Rows(_, rows) => rows.len(),
        }
    }

    fn slice(&self, own: Range<usize>) -> Self {
        match self {
            Self::Archetype { id, rows, first, whole_table } => {
                let at = |place: usize| {
                    let offset = u32::try_from(place).unwrap_or(u32::MAX);
                    rows.start.saturating_add(offset).min(rows.end)
                };
                let rows = at(own.start)..at(own.end);
                Self::Archetype { id: *id, rows, first: *first, whole_table: *whole_table }
            }
            Self::Entities(entities, all) => {
                Self::Entities(Arc::clone(entities), all.start + own.start..all.start + own.end)
            }
            Self::Rows(table, rows) => Self::Rows(*table, rows.get(own).unwrap_or_default().into()),
        }
    }
}

/// The rows of `T` that these sources have.
pub(crate) fn runs<'w, T: Component>(world: &'w World, sources: &[Source]) -> Runs<'w, T> {
    let mut runs = Runs::with_capacity(sources.len());
    for source in sources {
        match source {
            Source::Entities(..) => {
                let entities = source.entities().iter();
                runs.push_scattered(entities.filter_map(|&entity| world.get::<T>(entity)).collect());
            }
            Source::Archetype { id, rows, whole_table, .. } => {
                let Some(archetype) = world.archetypes().get(*id) else { continue };
                push_archetype(world, archetype, rows, *whole_table, &mut runs);
            }
            Source::Rows(table, rows) => {
                let column = raw::table_column::<T>(world, *table).unwrap_or_default();
                runs.push_scattered(rows.iter().filter_map(|&row| column.get(row as usize)).collect());
            }
        }
    }
    runs
}

fn push_archetype<'w, T: Component>(
    world: &'w World,
    archetype: &Archetype,
    rows: &Range<u32>,
    whole_table: bool,
    runs: &mut Runs<'w, T>,
) {
    let own = rows.start as usize..rows.end as usize;
    let entities = archetype.entities().get(own.clone()).unwrap_or_default();
    let by_entity = || entities.iter().filter_map(|row| world.get::<T>(row.id())).collect();
    let column = match T::STORAGE_TYPE {
        StorageType::SparseSet => None,
        StorageType::Table => raw::table_column::<T>(world, archetype.table_id()),
    };
    match column {
        None => runs.push_scattered(by_entity()),
        Some(column) if whole_table => runs.push_slice(column.get(own).unwrap_or_default()),
        // Archetypes share a table's rows when sparse-set components tell them apart.
        Some(column) => runs
            .push_scattered(entities.iter().filter_map(|row| column.get(row.table_row().index())).collect()),
    }
}
