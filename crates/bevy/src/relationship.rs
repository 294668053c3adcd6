use std::{borrow::Cow, collections::HashMap};

use bevy_ecs::{
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

fn capture<'w, R: Relationship>(
    world: &'w World,
    sources: &[Source],
    entities: &mut dyn Entities,
) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error> {
    let targets: Vec<u32> =
        runs::<R>(world, sources).iter().map(|row| entities.ordinal(row.get().to_bits())).collect();
    let ranks = if lists_ascend::<R>(world, entities) {
        None
    } else {
        Some(Cow::Owned(ranks::<R>(world, &rows::<R>(world, sources), entities)))
    };
    let data = ColumnData::References { targets: Cow::Owned(targets), ranks };
    Ok((Encoding::Reference { linked: true }, data))
}

/// The lists that the targets of a relationship keep.
fn lists<R: Relationship>(world: &World) -> impl Iterator<Item = &R::RelationshipTarget> {
    let id = world.component_id::<R::RelationshipTarget>();
    let archetypes =
        world.archetypes().iter().filter(move |archetype| id.is_some_and(|id| archetype.contains(id)));
    archetypes.flat_map(|archetype| archetype.entities()).filter_map(|row| world.get(row.id()))
}

/// The ordinals of what a list names, as far as it is saved.
fn listed<'a, T: RelationshipTarget>(
    list: &'a T,
    entities: &'a mut dyn Entities,
) -> impl Iterator<Item = u32> {
    list.collection()
        .iter()
        .map(|source| entities.ordinal(source.to_bits()))
        .filter(|&ordinal| ordinal != NONE)
}

/// Whether every list has the order of the ordinals, so that it need not be written.
fn lists_ascend<R: Relationship>(world: &World, entities: &mut dyn Entities) -> bool {
    lists::<R>(world).all(|list| list.collection().len() < 2 || listed(list, entities).is_sorted())
}

/// Each row's place in the list on its target.
fn ranks<R: Relationship>(world: &World, rows: &[Entity], entities: &mut dyn Entities) -> Vec<u32> {
    let mut by_ordinal: HashMap<u32, u32> = HashMap::new();
    for list in lists::<R>(world) {
        by_ordinal.extend(listed(list, entities).zip(0..));
    }
    let rank = |&row: &Entity| by_ordinal.get(&entities.ordinal(row.to_bits())).copied().unwrap_or(0);
    rows.iter().map(rank).collect()
}

/// The entity of each row, in the order of [`runs`].
fn rows<R: Relationship>(world: &World, sources: &[Source]) -> Vec<Entity> {
    let mut rows = Vec::new();
    for source in sources {
        match source {
            Source::Archetype { id, .. } => {
                let archetype = world.archetypes().get(*id);
                rows.extend(
                    archetype.into_iter().flat_map(|archetype| archetype.entities()).map(|row| row.id()),
                );
            }
            Source::Entities(entities) => {
                rows.extend(entities.into_iter().copied().filter(|&entity| world.get::<R>(entity).is_some()));
            }
        }
    }
    rows
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
