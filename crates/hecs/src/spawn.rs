use hecs::{ColumnBatch, ColumnBatchType, Entity, World};
use keepstone_ecs_persist::{Error, SpawnOptions, SpawnReport, Table, WorldDoc};

use crate::{
    decode::{Decoding, Loaded, complete},
    kept::{self, Known},
    registry::Registry,
};

/// Spawns a document: see [`EcsWorld::spawn_doc`](keepstone_ecs_persist::EcsWorld::spawn_doc).
pub(crate) fn spawn(
    world: &mut World,
    doc: &WorldDoc<'_>,
    registry: &Registry,
    options: &SpawnOptions,
) -> Result<SpawnReport<Entity>, Error> {
    doc.check()?;
    // What was reserved becomes entities: until then the free list is not up to date.
    world.flush();
    check_limits(world, doc.entity_count(), options)?;
    let ids = expected_ids(world, &doc.tables);
    let decoding = Decoding { doc, registry, options, known: Known::of(world) };
    let Loaded { tables, resources, report } = decoding.load(ids)?;
    match spawn_batches(world, tables, &report.entities) {
        Ok(()) => {
            kept::keep_resources(world, resources);
            Ok(report)
        }
        Err(Unexpected) => spawn_reserved(world, &decoding),
    }
}

fn check_limits(world: &World, count: u32, options: &SpawnOptions) -> Result<(), Error> {
    let (what, needs, allowed) = ("entities", u64::from(count), u64::from(options.entities_max));
    if needs > allowed {
        return Err(Error::Limit { what, needs, allowed });
    }
    let needs = u64::from(world.len()) + needs.max(world.freelist().len() as u64);
    let (what, allowed) = ("entity ids of the world", u64::from(IDS_MAX));
    if needs > allowed { Err(Error::Limit { what, needs, allowed }) } else { Ok(()) }
}

/// Beyond, hecs panics.
const IDS_MAX: u32 = u32::MAX - 1;

/// The ids that hecs will give to the entities of these tables, each spawned as one batch.
///
/// A batch takes the end of the free list, in the order of the list, and new ids after that. The references of a file are decoded
/// with these ids, and [`spawn_batches`] checks that they are right.
fn expected_ids(world: &World, tables: &[Table]) -> Vec<Entity> {
    let count = tables.iter().map(|table| table.rows as usize).sum();
    let free = world.freelist();
    let unused = free.len().saturating_sub(count);
    // Every id that was ever given is alive or free.
    let mut fresh = u64::from(world.len()) + free.len() as u64;
    let mut free: Vec<Entity> = free.skip(unused).collect();
    let mut ids = Vec::with_capacity(count);
    for table in tables {
        let rows = table.rows as usize;
        let again = rows.min(free.len());
        ids.extend(free.drain(free.len() - again..));
        for _ in again..rows {
            ids.push(Entity::from_bits(FIRST_GENERATION | fresh).unwrap_or(Entity::DANGLING));
            fresh += 1;
        }
    }
    ids
}

/// The upper half of the bits of an entity whose id is new.
const FIRST_GENERATION: u64 = 1 << 32;

/// hecs gave other ids than its free list says.
struct Unexpected;

/// Spawns the batches, if their entities get these ids; else the world is as before.
fn spawn_batches(world: &mut World, batches: Vec<ColumnBatch>, ids: &[Entity]) -> Result<(), Unexpected> {
    let mut first = 0;
    for batch in batches {
        let mut next = first;
        // All of the batch, once one of them is another than expected.
        let mut found: Vec<Entity> = Vec::new();
        for entity in world.spawn_column_batch(batch) {
            if !found.is_empty() || ids.get(next) != Some(&entity) {
                if found.is_empty() {
                    found.extend(ids.get(first..next).unwrap_or_default());
                }
                found.push(entity);
            }
            next += 1;
        }
        if !found.is_empty() {
            let before = ids.get(..first).unwrap_or_default();
            for &entity in before.iter().chain(&found) {
                // It was spawned here, and is there.
                let _ = world.despawn(entity);
            }
            return Err(Unexpected);
        }
        first = next;
    }
    Ok(())
}

/// Spawns a document onto entities that are there before it is decoded: slower, and right whatever ids hecs gives.
fn spawn_reserved(world: &mut World, decoding: &Decoding<'_, '_>) -> Result<SpawnReport<Entity>, Error> {
    let empty = ColumnBatchType::new().into_batch(decoding.doc.entity_count());
    let mut reserved = Reserved { ids: world.spawn_column_batch(complete(empty)?).collect(), world };
    let Loaded { tables, resources, report } = decoding.load(reserved.ids.clone())?;
    reserved.ids.clear();
    let world = &mut *reserved.world;
    // hecs searches its free list for each id, and none of these is in it.
    let free: Vec<Entity> = world.freelist().collect();
    world.set_freelist(&[]);
    let mut rest = report.entities.as_slice();
    for (batch, table) in tables.into_iter().zip(&decoding.doc.tables) {
        let (ids, after) = rest.split_at(rest.len().min(table.rows as usize));
        world.spawn_column_batch_at(ids, batch);
        rest = after;
    }
    world.set_freelist(&free);
    kept::keep_resources(world, resources);
    Ok(report)
}

/// Entities that are despawned again, unless they are taken out.
struct Reserved<'w> {
    ids: Vec<Entity>,
    world: &'w mut World,
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        for entity in self.ids.drain(..) {
            // It was spawned for this, and is there.
            let _ = self.world.despawn(entity);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::borrow::Cow;

    use keepstone_ecs_persist::{Column, ColumnData, ComponentSchema, Encoding, Lengths, Unknown};

    use super::*;

    #[test]
    fn the_slower_way_takes_free_ids_leaves_the_rest_of_them_and_keeps_resources() {
        let data = ColumnData::Opaque { data: Cow::Borrowed(b"autumn"), lengths: Lengths::same(6, 1) };
        let encoding = Encoding::Opaque { origin: "test".to_owned() };
        let mut doc = WorldDoc::default();
        doc.columns.push(Column { schema: ComponentSchema::new("season", 1, true, encoding), data });
        doc.tables.push(Table { rows: 3, components: Vec::new() });

        let mut world = World::new();
        let ids: Vec<Entity> = (0..20).map(|_| world.spawn(())).collect();
        ids.iter().step_by(2).for_each(|&entity| world.despawn(entity).unwrap());
        let free: Vec<Entity> = world.freelist().collect();
        let mut options = SpawnOptions::default();
        options.unknown = Unknown::Keep;
        let registry = Registry::default();
        let decoding =
            Decoding { doc: &doc, registry: &registry, options: &options, known: Known::of(&world) };
        let report = spawn_reserved(&mut world, &decoding).unwrap();

        assert!(report.entities.iter().all(|entity| free.contains(entity) && world.contains(*entity)));
        // Three are the file's, one holds the resource.
        assert_eq!((world.len(), world.freelist().len()), (10 + 3 + 1, 10 - 3 - 1));
        assert!(world.freelist().all(|entity| free.contains(&entity)));
        let capture = crate::EcsWorld::capture(&world, &registry).unwrap();
        assert_eq!(capture.doc.column("season").map(|column| column.schema.resource), Some(true));
    }
}
