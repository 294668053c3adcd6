use std::borrow::Cow;

use bevy_ecs::{
    archetype::Archetype,
    entity::Entity,
    relationship::{Relationship, RelationshipSourceCollection, RelationshipTarget},
    world::World,
};
use keepstone_ecs_persist::{Column, ColumnData, Encoding, Error, NONE};
use keepstone_value::{Entities, Resolve};

use crate::{
    capture::{Source, runs},
    raw::Values,
    registry,
};

/// What a relationship can do beside the operations of every component.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ops {
    /// Inserts the relationship, running its hooks.
    pub(crate) insert: fn(&mut World, Entity, Entity),
}

pub(crate) fn ops<R: Relationship>() -> registry::Ops {
    registry::Ops {
        size: size_of::<R>(),
        id: |world| world.component_id::<R>(),
        register: |world| world.register_component::<R>(),
        capture: capture::<R>,
        decode: decode::<R>,
        target: Some(Ops {
            insert: |world, source, target| {
                if let Ok(mut source) = world.get_entity_mut(source) {
                    source.insert(<R as Relationship>::from(target));
                }
            },
        }),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "has the signature of every component's capture")]
fn capture<'w, R: Relationship>(
    world: &'w World,
    sources: &[Source],
    entities: &mut dyn Entities,
) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error> {
    let targets: Vec<u32> =
        runs::<R>(world, sources).iter().map(|row| entities.ordinal(row.get().to_bits())).collect();
    let ranks = Lists::of::<R>(world, entities).ranks(|| ordinals::<R>(world, sources, entities));
    let data = ColumnData::References { targets: Cow::Owned(targets), ranks: ranks.map(Cow::Owned) };
    Ok((Encoding::Reference { linked: true }, data))
}

/// The ordinal of the entity of each row, in the order of [`runs`].
fn ordinals<R: Relationship>(world: &World, sources: &[Source], entities: &mut dyn Entities) -> Vec<u32> {
    let mut ordinals = Vec::new();
    for source in sources {
        match source {
            Source::Archetype { id, first, .. } => {
                let rows = world.archetypes().get(*id).map_or(0, Archetype::len);
                ordinals.extend(*first..first.saturating_add(rows));
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

fn decode<R: Relationship>(
    column: &Column<'_>,
    _: usize,
    entities: &mut dyn Resolve,
) -> Result<Box<dyn Values>, Error> {
    let ColumnData::References { targets, .. } = &column.data else {
        return Err(Error::Mismatch {
            name: column.schema.name.clone(),
            type_name: std::any::type_name::<R>(),
            found: column.schema.encoding.to_string(),
            expected: Encoding::Reference { linked: true }.to_string(),
        });
    };
    let target = |&ordinal: &u32| <R as Relationship>::from(Entity::from_bits(entities.bits(ordinal)));
    Ok(Box::new(targets.iter().map(target).collect::<Vec<R>>()))
}
