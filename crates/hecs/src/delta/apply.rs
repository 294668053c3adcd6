use hecs::{Entity, EntityBuilder, World};
use keepstone_ecs_persist::{ApplyReport, Error, LiveRows, SpawnOptions, WorldDelta};

use crate::{
    decode::Decoding,
    delta::{
        ids::Ids,
        names::Names,
        plan::{Over, Plan, Rows},
    },
    kept::{self, Kept, KeptResources},
    registry::Registry,
    restore::apply::keep,
    spawn::{Reserved, check_limits, despawn},
};

/// Applies a delta: see [`DeltaWorld::apply_delta`](keepstone_ecs_persist::DeltaWorld::apply_delta).
pub(super) fn apply(
    world: &mut World,
    rows: &mut LiveRows<Entity>,
    delta: &WorldDelta<'_>,
    registry: &Registry,
    options: &SpawnOptions,
) -> Result<ApplyReport, Error> {
    rows.check(delta)?;
    delta.check()?;
    // What was reserved becomes entities: until then the free list is not up to date.
    world.flush();
    let spawned = delta.rows_after - delta.rows_before;
    check_limits(world, spawned, options)?;
    let mut decoding = Decoding::new(world, &delta.doc, registry, options);
    decoding.refuse_handles("keeping handles with a delta; apply it to the document, and load that")?;
    // Serde rows may have another shape in each delta: what is kept is brought in line later.
    let known = std::mem::take(&mut decoding.known);
    decoding.check()?;
    let ids = Ids::of(world, &decoding, delta, &rows.entities)?;

    let reserved = Reserved::new(world, spawned)?;
    let by_row = by_row(delta, &reserved.entities);
    let names =
        Names { world: reserved.world, known: &rows.entities, spawned: &by_row, victims: &ids.victims };
    let mut report = ApplyReport::default();
    report.dangling = names.dangling(&delta.doc);
    if options.refuse_dangling && report.dangling > 0 {
        return Err(Error::Dangling { count: report.dangling });
    }
    let of_tables = Rows::of(delta, &names);
    report.missing = of_tables.missing(delta, &names);
    let plan = Plan::new(&decoding, (delta, &known), names, of_tables, &ids)?;
    report.unknown = decoding.unknown();
    report.spawned = spawned.into();
    report.written = plan.written;
    report.despawned = plan.despawned.len() as u64;
    // From here on nothing fails.
    rows.follow(delta, by_row)?;
    plan.apply(reserved, &mut report);
    Ok(report)
}

/// The entity of each row that a delta spawns: `reserved` come in the order of the tables.
fn by_row(delta: &WorldDelta<'_>, reserved: &[Entity]) -> Vec<Entity> {
    let mut by_row = vec![Entity::DANGLING; reserved.len()];
    let new = delta.rows.iter().filter_map(|row| row.checked_sub(delta.rows_before));
    for (row, &entity) in new.zip(reserved) {
        if let Some(slot) = by_row.get_mut(row as usize) {
            *slot = entity;
        }
    }
    by_row
}

impl Plan {
    fn apply(self, mut reserved: Reserved<'_>, report: &mut ApplyReport) {
        let world = &mut *reserved.world;
        despawn(world, &self.despawned);
        for (column, entities) in &self.removals {
            report.removed += entities.iter().filter(|&&entity| column.remove(world, entity)).count() as u64;
        }
        for (name, entities) in &self.kept_removals {
            report.removed += entities.iter().filter(|&&entity| let_go(world, entity, name)).count() as u64;
        }
        write(world, self.over);
        for (entity, row) in self.kept {
            keep(world, entity, row);
        }
        if !self.resources_removed.is_empty() {
            for kept in world.query_mut::<&mut KeptResources>() {
                let before = kept.rows.len();
                kept.rows.retain(|row| !self.resources_removed.iter().any(|name| name == row.name()));
                report.removed += (before - kept.rows.len()) as u64;
            }
        }
        kept::keep_resources(world, self.resources, self.source);
        if !reserved.entities.is_empty() {
            reserved.place(0, self.batches, &self.tables);
        }
        reserved.keep();
    }
}

/// Writes values over those that are there, and adds the others: all of an entity at once.
fn write(world: &mut World, over: Vec<Over>) {
    let (mut inserts, mut rests) = (Vec::new(), Vec::new());
    let mut lacking = Vec::new();
    for mut over in over {
        let rest = over.values.overwrite(world, &over.entities, &mut lacking);
        if lacking.is_empty() {
            continue;
        }
        let ordinals: Vec<u32> = over.ordinals.into_iter().flatten().collect();
        let at = |at: usize| Some((*ordinals.get(at)?, rests.len(), (*over.entities.get(at)?)?));
        inserts.extend(lacking.drain(..).filter_map(at));
        rests.push(rest);
    }
    inserts.sort_unstable_by_key(|&(ordinal, place, _)| (ordinal, place));
    let mut builder = EntityBuilder::new();
    for group in inserts.chunk_by(|a, b| a.0 == b.0) {
        for (_, place, _) in group {
            if let Some(values) = rests.get_mut(*place) {
                values.add_to(&mut builder);
            }
        }
        if let Some(&(_, _, entity)) = group.first() {
            // It was looked up, and is not among those that were despawned.
            let _ = world.insert(entity, builder.build());
        }
    }
}

/// Lets go of what an entity keeps under this name, and says whether there was something.
fn let_go(world: &mut World, entity: Entity, name: &str) -> bool {
    let Ok(mut kept) = world.get::<&mut Kept>(entity) else { return false };
    let before = kept.rows.len();
    kept.rows.retain(|row| row.name() != name);
    let (is_gone, is_empty) = (kept.rows.len() < before, kept.rows.is_empty());
    drop(kept);
    if is_empty {
        // It has it: that was looked up above.
        let _ = world.remove_one::<Kept>(entity);
    }
    is_gone
}
