//! The tables that a save of the present would have, and what changed in them.

use std::{borrow::Cow, collections::HashMap};

use bevy_ecs::{
    archetype::{ArchetypeEntity, ArchetypeId},
    component::{ComponentId, StorageType},
    entity::Entity,
    storage::TableId,
    world::World,
};
use keepstone_ecs_persist::Slice;

use crate::{capture::Plan, delta::moment::Window, raw, source::Source};

/// A table of a save of the present.
pub(super) struct LiveTable<'w> {
    pub(super) archetype: ArchetypeId,
    /// Places of the plan's columns, ascending.
    pub(super) set: Vec<u16>,
    pub(super) entities: Cow<'w, [Entity]>,
    home: Home,
}

/// Where bevy has the values of a table's entities.
enum Home {
    /// In the rows of this table, in its order.
    Table(TableId),
    /// In these rows of a table that others share.
    Shared(TableId, Vec<u32>),
    /// Here and there.
    Scattered,
}

impl<'w> LiveTable<'w> {
    fn of(world: &'w World, source: &Source, set: Vec<u16>) -> Self {
        let scattered = |entities: &[Entity]| {
            let first = entities.first().and_then(|&first| world.entities().get_spawned(first).ok());
            let archetype = first.map_or(ArchetypeId::EMPTY, |at| at.archetype_id);
            let entities = Cow::Owned(entities.to_vec());
            Self { archetype, set: set.clone(), entities, home: Home::Scattered }
        };
        let Source::Archetype { id, whole_table, .. } = source else { return scattered(source.entities()) };
        let Some(archetype) = world.archetypes().get(*id) else { return scattered(&[]) };
        let table = archetype.table_id();
        match world.storages().tables.get(table) {
            Some(own) if *whole_table => Self {
                archetype: *id,
                set,
                entities: Cow::Borrowed(own.entities()),
                home: Home::Table(table),
            },
            _ => {
                let rows = archetype.entities().iter().map(|row| row.table_row().index_u32()).collect();
                let entities = archetype.entities().iter().map(ArchetypeEntity::id).collect();
                Self { archetype: *id, set, entities, home: Home::Shared(table, rows) }
            }
        }
    }

    pub(super) fn is_scattered(&self) -> bool {
        matches!(self.home, Home::Scattered)
    }

    /// The positions of values that were changed since, behind those that are in `found`.
    pub(super) fn changed(&self, world: &World, id: ComponentId, window: Window, found: &mut Vec<u32>) {
        match &self.home {
            Home::Table(table) if raw::changed_ticks(world, *table, id).is_some() => {
                if is_still(world, *table, id, window) {
                    return;
                }
                if let Some(ticks) = raw::changed_ticks(world, *table, id) {
                    window.scan(ticks, found);
                }
            }
            Home::Shared(table, rows) if raw::changed_ticks(world, *table, id).is_some() => {
                if is_still(world, *table, id, window) {
                    return;
                }
                let ticks = raw::changed_ticks(world, *table, id).unwrap_or_default();
                let newer = |row: &u32| ticks.get(*row as usize).is_some_and(|&tick| window.has(tick));
                found.extend((0..).zip(rows).filter(|(_, row)| newer(row)).map(|(at, _)| at));
            }
            _ => {
                let newer = |entity: Entity| changed_since(world, entity, id, window);
                let own = (0..).zip(self.entities.iter());
                found.extend(own.filter(|(_, entity)| newer(**entity)).map(|(at, _)| at));
            }
        }
    }

    /// The rows at these positions, of a component that is stored so.
    pub(super) fn source(&self, positions: &[u32], storage: Option<StorageType>) -> Source {
        match (&self.home, storage) {
            (Home::Table(table), Some(StorageType::Table)) => Source::Rows(*table, positions.into()),
            (Home::Shared(table, rows), Some(StorageType::Table)) => {
                let row = |at: &u32| rows.get(*at as usize).copied();
                Source::Rows(*table, positions.iter().filter_map(row).collect())
            }
            _ => {
                let entity = |at: &u32| self.entities.get(*at as usize).copied();
                Source::of(positions.iter().filter_map(entity).collect())
            }
        }
    }
}

/// Whether bevy's summary of a column says that nothing was changed.
fn is_still(world: &World, table: TableId, id: ComponentId, window: Window) -> bool {
    let summary = world.storages().tables.get(table).and_then(|table| table.get_summary_tick(id));
    summary.is_some_and(|tick| !window.has(tick.get()))
}

/// Whether the value that an entity has of a component was changed since.
pub(crate) fn changed_since(world: &World, entity: Entity, id: ComponentId, window: Window) -> bool {
    let entity = world.get_entity(entity).ok();
    entity.and_then(|entity| entity.get_change_ticks_by_id(id)).is_some_and(|ticks| window.has(ticks.changed))
}

/// The tables of a plan.
pub(super) fn tables<'w>(world: &'w World, plan: &Plan<'w, '_>) -> Vec<LiveTable<'w>> {
    let table = |((rows, saved), source): (&(u32, Vec<usize>), &Source)| {
        debug_assert_eq!(*rows as usize, source.rows(), "a table has the rows of its source");
        LiveTable::of(world, source, saved.iter().filter_map(|&at| u16::try_from(at).ok()).collect())
    };
    plan.tables.iter().zip(&plan.sources).map(table).collect()
}

/// Where entities stand among the tables.
pub(super) struct Positions {
    /// By archetype, for those that are one table: which.
    whole: Vec<Option<u32>>,
    scattered: HashMap<Entity, (u32, u32)>,
}

impl Positions {
    pub(super) fn of(world: &World, tables: &[LiveTable<'_>]) -> Self {
        let mut found = Self { whole: vec![None; world.archetypes().len()], scattered: HashMap::new() };
        for (number, table) in (0..).zip(tables) {
            if table.is_scattered() {
                found.scattered.extend(
                    table.entities.iter().copied().zip(0..).map(|(entity, at)| (entity, (number, at))),
                );
            } else if let Some(slot) = found.whole.get_mut(table.archetype.index()) {
                *slot = Some(number);
            }
        }
        found
    }

    /// The table of an entity, and its place there.
    pub(super) fn get(&self, world: &World, entity: Entity) -> Option<(u32, u32)> {
        let at = world.entities().get_spawned(entity).ok()?;
        match self.whole.get(at.archetype_id.index()) {
            Some(Some(table)) => Some((*table, at.archetype_row.index_u32())),
            _ => self.scattered.get(&entity).copied(),
        }
    }
}
