use hecs::{ColumnBatch, ColumnBatchType, Entity, World};
use keepstone_ecs_persist::{Error, SpawnOptions, SpawnReport, Table, WorldDoc};

use crate::{
    claims::Claims,
    decode::{Claimed, Decoding, Loaded, complete},
    handles::Exact,
    kept,
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
    let decoding = Decoding::new(world, doc, registry, options);
    decoding.check()?;
    let mut claims = Claims::new(world, options.ids);
    let claimed = decoding.claim(world, &mut claims)?;
    let source = claims.finish()?;
    let (mut entities, free) = match Exact::of(world, &decoding, &claims.victims)? {
        Some(exact) => (exact.entities, Some(exact.free)),
        None => (expected_ids(world, &claims.victims, &doc.tables), None),
    };
    let Loaded { tables, mut resources, mut values } = decoding.load(&entities, claimed.as_ref())?;
    despawn(world, &claims.victims);
    if let Some(free) = &free {
        world.set_freelist(free);
    }
    if let Err(Unexpected) = spawn_batches(world, tables, &entities) {
        if free.is_some() {
            return Err(Error::NotSupported { what: "keeping handles: hecs gave others" });
        }
        (entities, Loaded { resources, values, .. }) = spawn_reserved(world, &decoding, claimed.as_ref())?;
    }
    kept::keep_resources(world, resources, source);
    Ok(report(&decoding, claims, entities, values))
}

/// What is known of a load when it is done.
pub(crate) fn report(
    decoding: &Decoding<'_, '_>,
    claims: Claims,
    entities: Vec<Entity>,
    values: u64,
) -> SpawnReport<Entity> {
    let mut report = SpawnReport::new(entities);
    report.values = values;
    report.resources = decoding.sources();
    report.unknown = decoding.unknown();
    report.dangling = decoding.dangling();
    report.replaced = claims.victims.len() as u64;
    report.remapped = claims.remapped;
    report
}

/// Despawns entities, each once.
pub(crate) fn despawn(world: &mut World, entities: &[Entity]) {
    for &entity in entities {
        // It was found in the world.
        let _ = world.despawn(entity);
    }
}

pub(crate) fn check_limits(world: &World, count: u32, options: &SpawnOptions) -> Result<(), Error> {
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

/// The ids that hecs will give to the entities of these tables, each spawned as one batch, once `victims` are despawned.
///
/// A batch takes the end of the free list, in the order of the list, and new ids after that. The references of a file are decoded
/// with these ids, and [`spawn_batches`] checks that they are right.
fn expected_ids(world: &World, victims: &[Entity], tables: &[Table]) -> Vec<Entity> {
    let count = tables.iter().map(|table| table.rows as usize).sum();
    let free = world.freelist();
    // Every id that was ever given is alive or free.
    let mut fresh = u64::from(world.len()) + free.len() as u64;
    let unused = (free.len() + victims.len()).saturating_sub(count);
    let mut free: Vec<Entity> = free.chain(victims.iter().copied().map(next_life)).skip(unused).collect();
    let mut ids = Vec::with_capacity(count);
    for table in tables {
        let rows = table.rows as usize;
        let again = rows.min(free.len());
        ids.extend(free.drain(free.len() - again..));
        let new = fresh..fresh + (rows - again) as u64;
        fresh = new.end;
        ids.extend(new.map(|id| Entity::from_bits(FIRST_GENERATION | id).unwrap_or(Entity::DANGLING)));
    }
    ids
}

/// The entity that gets the id of this one after it.
pub(crate) fn next_life(entity: Entity) -> Entity {
    let bits = entity.to_bits().get().wrapping_add(FIRST_GENERATION);
    Entity::from_bits(bits).or(Entity::from_bits(bits | FIRST_GENERATION)).unwrap_or(Entity::DANGLING)
}

/// The upper half of the bits of an entity whose id is new.
const FIRST_GENERATION: u64 = 1 << 32;

/// hecs gave other ids than its free list says.
struct Unexpected;

/// Spawns the batches, if their entities get these ids; else the world is as before.
fn spawn_batches(world: &mut World, batches: Vec<ColumnBatch>, ids: &[Entity]) -> Result<(), Unexpected> {
    let mut free = world.freelist().len();
    let mut first = 0;
    for batch in batches {
        let mut spawned = world.spawn_column_batch(batch);
        let rows = spawned.len();
        // Ids that were free come in no order. New ones follow each other: the first of them tells them all.
        let again = rows.min(free);
        free -= again;
        let told = rows.min(again + 1);
        let own = ids.get(first..first + rows).unwrap_or_default();
        for (at, &expected) in own.iter().enumerate().take(told) {
            let entity = spawned.next();
            if entity != Some(expected) {
                let before = ids.get(..first + at).unwrap_or_default().iter().copied();
                let all: Vec<Entity> = before.chain(entity).chain(spawned).collect();
                despawn(world, &all);
                return Err(Unexpected);
            }
        }
        first += rows;
    }
    Ok(())
}

/// Spawns a document onto entities that are there before it is decoded: slower, and right whatever ids hecs gives.
fn spawn_reserved(
    world: &mut World,
    decoding: &Decoding<'_, '_>,
    claimed: Option<&Claimed>,
) -> Result<(Vec<Entity>, Loaded), Error> {
    let mut reserved = Reserved::new(world, decoding.doc.entity_count())?;
    let mut loaded = decoding.load(&reserved.entities, claimed)?;
    reserved.place(0, std::mem::take(&mut loaded.tables), &decoding.doc.tables);
    Ok((reserved.keep(), loaded))
}

/// Entities that are despawned again, unless they are kept.
pub(crate) struct Reserved<'w> {
    pub(crate) entities: Vec<Entity>,
    pub(crate) world: &'w mut World,
}

impl<'w> Reserved<'w> {
    /// Spawns entities without components.
    pub(crate) fn new(world: &'w mut World, count: u32) -> Result<Self, Error> {
        let empty = complete(ColumnBatchType::new().into_batch(count))?;
        Ok(Self { entities: world.spawn_column_batch(empty).collect(), world })
    }

    /// Gives the entities from `first` on the components of these tables.
    pub(crate) fn place(&mut self, first: usize, batches: Vec<ColumnBatch>, tables: &[Table]) {
        // hecs searches its free list for each id, and none of these is in it.
        let free: Vec<Entity> = self.world.freelist().collect();
        self.world.set_freelist(&[]);
        let mut rest = self.entities.get(first..).unwrap_or_default();
        for (batch, table) in batches.into_iter().zip(tables) {
            let (ids, after) = rest.split_at(rest.len().min(table.rows as usize));
            self.world.spawn_column_batch_at(ids, batch);
            rest = after;
        }
        self.world.set_freelist(&free);
    }

    /// The entities, which stay.
    pub(crate) fn keep(mut self) -> Vec<Entity> {
        std::mem::take(&mut self.entities)
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        for entity in self.entities.drain(..) {
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
        let decoding = Decoding::new(&world, &doc, &registry, &options);
        let (entities, loaded) = spawn_reserved(&mut world, &decoding, None).unwrap();
        kept::keep_resources(&mut world, loaded.resources, None);

        assert!(entities.iter().all(|entity| free.contains(entity) && world.contains(*entity)));
        // Three are the file's, one holds the resource.
        assert_eq!((world.len(), world.freelist().len()), (10 + 3 + 1, 10 - 3 - 1));
        assert!(world.freelist().all(|entity| free.contains(&entity)));
        let capture = crate::EcsWorld::capture(&world, &registry).unwrap();
        assert_eq!(capture.doc.column("season").map(|column| column.schema.resource), Some(true));
    }
}
