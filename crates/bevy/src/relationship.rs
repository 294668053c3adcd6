use std::{borrow::Cow, collections::HashSet, marker::PhantomData, sync::Arc};

use bevy_ecs::{
    component::ComponentId,
    entity::Entity,
    relationship::{Relationship, RelationshipSourceCollection, RelationshipTarget},
    storage::TableId,
    world::World,
};
use keepstone_ecs_persist::{Column, ColumnData, Encoding, Error, NONE};
use keepstone_value::{Batches, Entities, Learner, Resolve};

use crate::{
    capture::{Source, runs},
    column::{AnyColumn, Captured, Naming},
    raw::Values,
    registry,
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
}

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
        }),
    }
}

fn order<R: Relationship>(world: &mut World, target: Entity, sources: &[Entity]) {
    let names_it =
        |world: &World, source: Entity| world.get::<R>(source).is_some_and(|row| row.get() == target);
    let list = |world: &World| -> Vec<Entity> {
        let list = world.get::<R::RelationshipTarget>(target).map(RelationshipTarget::collection);
        list.map(|list| list.iter().collect()).unwrap_or_default()
    };
    let wanted: Vec<Entity> = sources.iter().copied().filter(|&source| names_it(world, source)).collect();
    let found = list(world);
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

/// The targets of `R`.
struct Related<R>(PhantomData<fn() -> R>);

impl<R: Relationship> AnyColumn for Related<R> {
    fn capture<'w>(&self, world: &'w World, sources: &[Source], entities: &mut dyn Entities) -> Captured<'w> {
        let targets: Vec<u32> =
            runs::<R>(world, sources).iter().map(|row| entities.ordinal(row.get().to_bits())).collect();
        let ranks = Lists::of::<R>(world, entities).ranks(|| ordinals::<R>(world, sources, entities));
        let data = ColumnData::References { targets: Cow::Owned(targets), ranks: ranks.map(Cow::Owned) };
        Ok((Encoding::Reference { linked: true }, data))
    }

    fn learn(
        &self,
        _: &World,
        _: &[Source],
        _: &mut dyn Entities,
        _: &mut Learner,
    ) -> Result<(), keepstone_value::Error> {
        Ok(())
    }

    fn capture_batch<'w>(
        &self,
        world: &'w World,
        sources: &[Source],
        entities: &mut dyn Entities,
        _: &mut Batches<'_>,
    ) -> Result<ColumnData<'w>, keepstone_value::Error> {
        self.capture(world, sources, entities).map(|(_, data)| data)
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

    fn overwrites(&self, _: &Encoding) -> Option<usize> {
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

/// The ordinal of the entity of each row, in the order of [`runs`].
fn ordinals<R: Relationship>(world: &World, sources: &[Source], entities: &mut dyn Entities) -> Vec<u32> {
    let mut ordinals = Vec::new();
    for source in sources {
        match source {
            Source::Archetype { rows, first, .. } => {
                ordinals.extend(first.saturating_add(rows.start)..first.saturating_add(rows.end));
            }
            Source::Entities(rows) => {
                for &entity in rows {
                    if world.get::<R>(entity).is_some() {
                        ordinals.push(entities.ordinal(entity.to_bits()));
                    }
                }
            }
        }
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
        let mut lists = Self { ranks: Vec::new(), ascend: true };
        let Some(id) = world.component_id::<R::RelationshipTarget>() else { return lists };
        for archetype in world.archetypes().iter().filter(|archetype| archetype.contains(id)) {
            for row in archetype.entities() {
                let list = world.get::<R::RelationshipTarget>(row.id()).map(RelationshipTarget::collection);
                if let Some(list) = list.filter(|list| list.len() > 1) {
                    lists.add(list.iter().map(|source| entities.ordinal(source.to_bits())));
                }
            }
        }
        lists
    }

    fn add(&mut self, sources: impl Iterator<Item = u32>) {
        let mut before = None;
        // Sources that are not saved leave no gap.
        for (rank, ordinal) in (0..).zip(sources.filter(|&ordinal| ordinal != NONE)) {
            self.ascend &= before < Some(ordinal);
            before = Some(ordinal);
            let at = ordinal as usize;
            if at >= self.ranks.len() {
                self.ranks.resize(at + 1, 0);
            }
            if let Some(slot) = self.ranks.get_mut(at) {
                *slot = rank;
            }
        }
    }

    /// The rank of each row, if ranks have to be written.
    fn ranks(self, ordinals: impl FnOnce() -> Vec<u32>) -> Option<Vec<u32>> {
        let rank = |ordinal: &u32| self.ranks.get(*ordinal as usize).copied().unwrap_or(0);
        (!self.ascend).then(|| ordinals().iter().map(rank).collect())
    }
}
