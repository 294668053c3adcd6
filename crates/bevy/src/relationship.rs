use std::borrow::Cow;

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
    let targets: Vec<u32> = runs::<R>(world, sources).iter().map(|row| entities.ordinal(row.get().to_bits())).collect();
    let rows = rows::<R>(world, sources);
    let ranks = ranks::<R>(world, &rows, &targets, entities).map(Cow::Owned);
    let data = ColumnData::References { targets: Cow::Owned(targets), ranks };
    Ok((Encoding::Reference { linked: true }, data))
}

/// The entity of each row, in the order of [`runs`].
fn rows<R: Relationship>(world: &World, sources: &[Source]) -> Vec<Entity> {
    let mut rows = Vec::new();
    for source in sources {
        match source {
            Source::Archetype(id) => {
                let archetype = world.archetypes().get(*id);
                rows.extend(archetype.into_iter().flat_map(|archetype| archetype.entities()).map(|row| row.id()));
            }
            Source::Entities(entities) => {
                rows.extend(entities.into_iter().copied().filter(|&entity| world.get::<R>(entity).is_some()));
            }
        }
    }
    rows
}

/// Each row's place in the list on its target, unless sorting by ordinal gives the same lists.
fn ranks<R: Relationship>(
    world: &World,
    rows: &[Entity],
    targets: &[u32],
    entities: &mut dyn Entities,
) -> Option<Vec<u32>> {
    let mut places: Vec<(u32, u32, usize)> = Vec::new(); // target, ordinal of the row, row
    for (row, (&source, &target)) in rows.iter().zip(targets).enumerate() {
        if target != NONE {
            places.push((target, entities.ordinal(source.to_bits()), row));
        }
    }
    places.sort_unstable();
    let mut ranks = vec![0; rows.len()];
    let mut natural = true;
    for group in places.chunk_by(|a, b| a.0 == b.0) {
        let target = group.first().and_then(|&(_, _, row)| rows.get(row)).and_then(|&row| world.get::<R>(row));
        let list = target.and_then(|relationship| world.get::<R::RelationshipTarget>(relationship.get()));
        let Some(list) = list else { continue };
        let mut wanted = group.iter();
        // Sources that are not saved leave no gap.
        let listed = list.collection().iter().map(|source| entities.ordinal(source.to_bits()));
        let listed = listed.filter(|ordinal| group.binary_search_by_key(ordinal, |place| place.1).is_ok());
        for (rank, ordinal) in (0_u32..).zip(listed) {
            natural &= wanted.next().is_some_and(|place| place.1 == ordinal);
            let place = group.binary_search_by_key(&ordinal, |place| place.1).ok().and_then(|at| group.get(at));
            if let Some(slot) = place.and_then(|place| ranks.get_mut(place.2)) {
                *slot = rank;
            }
        }
    }
    (!natural).then_some(ranks)
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
