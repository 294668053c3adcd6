use std::path::Path;

use anyhow::Result;
use bevy_ecs::world::World;
use keepstone::{Codec, SaveOptions, prelude::*};

use crate::{
    case::{Case, Plan},
    columns::Columns,
    insert_by_ids, mixed,
};

/// From memory into a fresh world, relationships and hooks included. Dropping the worlds is not timed.
pub(super) fn case(plan: &Plan, _: &Path) -> Result<Case> {
    Ok(against_floor(plan, Codec::None)?.limit(1.3))
}

/// What LZ4 adds to it.
pub(super) fn lz4(plan: &Plan, _: &Path) -> Result<Case> {
    against_floor(plan, Codec::Lz4)
}

/// A world into bytes and these into a fresh world, beside the floors of both by themselves.
#[expect(clippy::unnecessary_wraps, reason = "building another case can fail")]
pub(super) fn round_trip(plan: &Plan, _: &Path) -> Result<Case> {
    let world = mixed::world(plan.amount);
    let rows = mixed::rows(plan.amount);
    let columns = Columns::new(rows.clone());
    let rest = columns.clone();
    let (mut out, mut copied) = (Vec::new(), Vec::new());
    let mut serialized = vec![0; rest.serialized_len_max()];
    let case = plan.case().ours(move |watch| {
        let options = SaveOptions::default().codec(Codec::None);
        watch.each(|| {
            out.clear();
            world.save_to_with(&mut out, &options)?;
            Ok(World::load_from(&mut out.as_slice())?)
        })?;
        watch.note_bytes(out.len() as u64);
        Ok(())
    });
    let case = case.floor(1.0, "memcpy + CRC-32 of the plain columns", move |watch| {
        watch.together(|| Ok(columns.copy_and_sum(&mut copied)))
    });
    let case = case.floor(1.0, "postcard of names and parents", move |watch| {
        watch.together(|| rest.serialize(&mut serialized))
    });
    Ok(case.floor(1.0, "spawn_empty + insert_by_ids", move |watch| {
        watch.each(|| Ok(insert_by_ids::spawn(&rows)))
    }))
}

fn against_floor(plan: &Plan, codec: Codec) -> Result<Case> {
    let mut bytes = Vec::new();
    mixed::world(plan.amount).save_to_with(&mut bytes, &SaveOptions::default().codec(codec))?;
    let rows = mixed::rows(plan.amount);
    Ok(plan
        .case()
        .ours(move |watch| {
            watch.note_bytes(bytes.len() as u64);
            watch.each(|| Ok(World::load_from(&mut bytes.as_slice())?))
        })
        .floor(1.0, "spawn_empty + insert_by_ids", move |watch| {
            watch.each(|| Ok(insert_by_ids::spawn(&rows)))
        }))
}

#[cfg(test)]
mod tests {
    use bevy_ecs::entity::Entity;
    use keepstone::ecs::EcsWorld as _;

    use super::*;

    #[test]
    fn ours_and_the_floor_build_the_same_world() {
        let count = 1200;
        let (saved, floor) = (mixed::world(count), insert_by_ids::spawn(&mixed::rows(count)));
        let mut bytes = Vec::new();
        saved.save_to(&mut bytes).unwrap();
        let (loaded, report) =
            World::load_from_with(&mut bytes.as_slice(), &keepstone::LoadOptions::default()).unwrap();

        let registry = World::derived_registry().unwrap();
        let originals: Vec<Entity> = saved.capture(registry).unwrap().entities().collect();
        let pairs: Vec<(Entity, Entity)> = originals.iter().copied().zip(report.spawned.entities).collect();
        assert_eq!(pairs.len(), count as usize);
        assert_eq!(saved.difference(&loaded, &pairs, registry).unwrap(), None);

        // Both spawned in the order of the indexes into a world of their own, so the ids are the same.
        let same: Vec<(Entity, Entity)> = originals.iter().map(|&entity| (entity, entity)).collect();
        assert_eq!(saved.difference(&floor, &same, registry).unwrap(), None);
    }
}
