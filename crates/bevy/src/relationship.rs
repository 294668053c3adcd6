use std::{borrow::Cow, collections::HashSet, marker::PhantomData, sync::Arc};

use bevy_ecs::{
    archetype::ArchetypeEntity,
    component::ComponentId,
    entity::Entity,
    relationship::{Relationship, RelationshipSourceCollection, RelationshipTarget},
    storage::TableId,
    world::World,
};
use keepstone_ecs_persist::{Column, ColumnData, ColumnStep, ComponentSchema, Encoding, Error, NONE, Slice};
use keepstone_value::{Batches, Entities, Learner, Resolve};

use crate::{
    column::{AnyColumn, Captured, Naming},
    delta::{Window, changed_since},
    raw::{self, Values},
    registry,
    source::{Source, runs},
};

/// What a relationship can do beside the operations of every component.
#[derive(Clone, Copy)]
pub(crate) struct Ops {
    /// Inserts the relationship, running its hooks.
    pub(crate) insert: fn(&mut World, Entity, Entity),
    /// The component that is the list on a target.
    pub(crate) list: fn(&World) -> Option<ComponentId>,
    /// Puts the sources of a target in this order, if its list has another. What else is in the list goes behind them.
    pub(crate) order: fn(&mut World, Entity, &[Entity]),
    /// Goes through the lists that targets keep, list by list.
    pub(crate) walk: Walk,
    /// What an entity relates to.
    pub(crate) target: fn(&World, Entity) -> Option<Entity>,
    /// The list on a target.
    pub(crate) sources: fn(&World, Entity) -> Vec<Entity>,
    /// Hands on each target whose list was changed since.
    pub(crate) changed_lists: fn(&World, Window, &mut dyn FnMut(Entity)),
}

/// Hands on rank and ordinal of each source that is saved, of lists with more than one. Those that are not leave no gap.
pub(crate) type Walk = fn(&World, &mut dyn Entities, &mut dyn FnMut(u32, u32));

pub(crate) fn ops<R: Relationship>() -> registry::Ops {
    registry::Ops {
        size: size_of::<R>(),
        id: |world| world.component_id::<R>(),
        register: |world| world.register_component::<R>(),
        column: Arc::new(Related::<R>(PhantomData)),
        persists: None,
        target: Some(Ops {
            insert: |world, source, target| {
                if let Ok(mut source) = world.get_entity_mut(source) {
                    source.insert(<R as Relationship>::from(target));
                }
            },
            list: |world| world.component_id::<R::RelationshipTarget>(),
            order: order::<R>,
            walk: walk::<R>,
            target: |world, source| world.get::<R>(source).map(Relationship::get),
            sources: sources_of::<R>,
            changed_lists: changed_lists::<R>,
        }),
    }
}

fn order<R: Relationship>(world: &mut World, target: Entity, sources: &[Entity]) {
    let names_it =
        |world: &World, source: Entity| world.get::<R>(source).is_some_and(|row| row.get() == target);
    let wanted: Vec<Entity> = sources.iter().copied().filter(|&source| names_it(world, source)).collect();
    let found = sources_of::<R>(world, target);
    if found == wanted {
        return;
    }
    let known: HashSet<&Entity> = HashSet::from_iter(&wanted);
    let rest = found.as_slice().iter().filter(|source| !known.contains(source));
    let ordered: Vec<Entity> = wanted.as_slice().iter().chain(rest).copied().collect();
    // A collection without an order of its own can't be put in one.
    if found == ordered || ordered.len() != found.len() {
        return;
    }
    if let Some(mut target) = world.get_mut::<R::RelationshipTarget>(target) {
        // The same sources as before, in another order: no relationship is made or broken by this.
        let collection = target.collection_mut_risky();
        collection.clear();
        collection.extend_from_iter(ordered);
    }
}

fn sources_of<R: Relationship>(world: &World, target: Entity) -> Vec<Entity> {
    let list = world.get::<R::RelationshipTarget>(target).map(RelationshipTarget::collection);
    list.map(|list| list.iter().collect()).unwrap_or_default()
}

fn changed_lists<R: Relationship>(world: &World, window: Window, found: &mut dyn FnMut(Entity)) {
    let Some(id) = world.component_id::<R::RelationshipTarget>() else { return };
    let mut seen: Vec<TableId> = Vec::new();
    let mut rows = Vec::new();
    for archetype in world.archetypes().iter().filter(|archetype| archetype.contains(id)) {
        let table = archetype.table_id();
        match (raw::changed_ticks(world, table, id), world.storages().tables.get(table)) {
            (Some(ticks), Some(own)) => {
                // Archetypes may share it.
                if !seen.contains(&table) {
                    seen.push(table);
                    rows.clear();
                    window.scan(ticks, &mut rows);
                    rows.iter().filter_map(|&row| own.entities().get(row as usize)).for_each(|&e| found(e));
                }
            }
            _ => archetype
                .entities()
                .iter()
                .map(ArchetypeEntity::id)
                .filter(|&entity| changed_since(world, entity, id, window))
                .for_each(&mut *found),
        }
    }
}

fn walk<R: Relationship>(world: &World, entities: &mut dyn Entities, found: &mut dyn FnMut(u32, u32)) {
    let Some(id) = world.component_id::<R::RelationshipTarget>() else { return };
    for archetype in world.archetypes().iter().filter(|archetype| archetype.contains(id)) {
        for row in archetype.entities() {
            let list = world.get::<R::RelationshipTarget>(row.id()).map(RelationshipTarget::collection);
            if let Some(list) = list.filter(|list| list.len() > 1) {
                let ordinals = list.iter().map(|source| entities.ordinal(source.to_bits()));
                for (rank, ordinal) in (0..).zip(ordinals.filter(|&ordinal| ordinal != NONE)) {
                    found(rank, ordinal);
                }
            }
        }
    }
}

/// Whether every list has the order of the ordinals, so that it need not be written.
pub(crate) fn lists_ascend(world: &World, walk: Walk, entities: &mut dyn Entities) -> bool {
    let (mut ascend, mut before) = (true, 0);
    walk(world, entities, &mut |rank, ordinal| {
        ascend &= rank == 0 || before < ordinal;
        before = ordinal;
    });
    ascend
}

/// The targets of `R`.
struct Related<R>(PhantomData<fn() -> R>);

impl<R: Relationship> AnyColumn for Related<R> {
    fn capture<'w>(&self, world: &'w World, sources: &[Source], entities: &mut dyn Entities) -> Captured<'w> {
        let targets = ordinals_of_targets::<R>(world, sources, entities);
        let ranks = Lists::of::<R>(world, entities).ranks(|| ordinals(sources, entities));
        let data = ColumnData::References { targets: Cow::Owned(targets), ranks: ranks.map(Cow::Owned) };
        Ok((Encoding::Reference { linked: true }, data))
    }

    /// Asks for what the rows refer to.
    fn learn(
        &self,
        world: &World,
        sources: &[Source],
        entities: &mut dyn Entities,
        _: &mut Learner,
    ) -> Result<(), keepstone_value::Error> {
        drop(ordinals_of_targets::<R>(world, sources, entities));
        Ok(())
    }

    /// The targets alone: ranks are those of the whole world.
    fn capture_batch<'w>(
        &self,
        world: &'w World,
        sources: &[Source],
        entities: &mut dyn Entities,
        _: &mut Batches<'_>,
    ) -> Result<ColumnData<'w>, keepstone_value::Error> {
        let targets = ordinals_of_targets::<R>(world, sources, entities);
        Ok(ColumnData::References { targets: Cow::Owned(targets), ranks: None })
    }

    fn decode(
        &self,
        column: &Column<'_>,
        _: usize,
        entities: &mut dyn Resolve,
    ) -> Result<Box<dyn Values>, Error> {
        let target = |&ordinal: &u32| <R as Relationship>::from(Entity::from_bits(entities.bits(ordinal)));
        Ok(Box::new(targets::<R>(column)?.iter().map(target).collect::<Vec<R>>()))
    }

    fn encoding(&self) -> Option<Encoding> {
        Some(Encoding::Reference { linked: true })
    }

    fn differing(
        &self,
        world: &World,
        column: &Column<'_>,
        candidates: &[(u32, Entity)],
        naming: &mut dyn Naming,
    ) -> Result<Vec<bool>, Error> {
        let targets = targets::<R>(column)?;
        let mut differs = |&(row, entity): &(u32, Entity)| {
            let live = world.get::<R>(entity).map(|live| naming.ordinal(live.get().to_bits()));
            live != targets.get(row as usize).copied()
        };
        Ok(candidates.iter().map(&mut differs).collect())
    }

    fn steps(&self, schema: &ComponentSchema, newest: u32) -> Result<Vec<ColumnStep>, Error> {
        match schema.version {
            found if found > newest => {
                Err(Error::NewerComponent { name: schema.name.clone(), found, newest })
            }
            _ => Ok(Vec::new()),
        }
    }

    fn overwrites(&self, _: &ComponentSchema) -> Option<usize> {
        None
    }

    fn overwrite(&self, _: &mut World, _: TableId, _: &[u8]) -> u64 {
        0
    }
}

fn targets<'c, R>(column: &'c Column<'_>) -> Result<&'c [u32], Error> {
    match &column.data {
        ColumnData::References { targets, .. } => Ok(targets),
        _ => Err(registry::mismatch::<R>(column, "relationship")),
    }
}

fn ordinals_of_targets<R: Relationship>(
    world: &World,
    sources: &[Source],
    entities: &mut dyn Entities,
) -> Vec<u32> {
    runs::<R>(world, sources).iter().map(|row| entities.ordinal(row.get().to_bits())).collect()
}

/// The ordinal of the entity of each row, in the order of [`runs`]: all that a source has are rows.
fn ordinals(sources: &[Source], entities: &mut dyn Entities) -> Vec<u32> {
    let mut ordinals = Vec::with_capacity(sources.iter().map(Slice::rows).sum());
    for source in sources {
        ordinals.extend(source.ordinals(entities));
    }
    ordinals
}

/// The order of the sources in the lists that targets keep.
struct Lists {
    /// By ordinal of the source. Sources in front and those in no list need not be there.
    ranks: Vec<u32>,
    /// Whether every list has the order of the ordinals, so that it need not be written.
    ascend: bool,
}

impl Lists {
    fn of<R: Relationship>(world: &World, entities: &mut dyn Entities) -> Self {
        let (mut lists, mut before) = (Self { ranks: Vec::new(), ascend: true }, 0);
        walk::<R>(world, entities, &mut |rank, ordinal| {
            lists.ascend &= rank == 0 || before < ordinal;
            before = ordinal;
            let at = ordinal as usize;
            if at >= lists.ranks.len() {
                lists.ranks.resize(at + 1, 0);
            }
            if let Some(slot) = lists.ranks.get_mut(at) {
                *slot = rank;
            }
        });
        lists
    }

    /// The rank of each row, if ranks have to be written.
    fn ranks(self, ordinals: impl FnOnce() -> Vec<u32>) -> Option<Vec<u32>> {
        let rank = |ordinal: &u32| self.ranks.get(*ordinal as usize).copied().unwrap_or(0);
        (!self.ascend).then(|| ordinals().iter().map(rank).collect())
    }
}
