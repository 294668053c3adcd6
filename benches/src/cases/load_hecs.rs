use std::path::Path;

use anyhow::{Context, Result, ensure};
use hecs::{Entity, World};
use keepstone::{
    Codec, LoadOptions, SaveOptions,
    ecs::EcsWorld,
    hecs::{Hecs, RegistryExt},
    prelude::*,
};

use crate::{
    case::{Case, Plan},
    in_hecs::{self, Batches},
    mixed,
};

/// From memory into a fresh world of hecs, beside `spawn_column_batch` of the same columns. Dropping the worlds is not timed.
pub(super) fn case(plan: &Plan, _: &Path) -> Result<Case> {
    let rows = mixed::rows(plan.amount);
    let bytes = saved(&in_hecs::world(&rows), SaveOptions::default())?;
    let case = plan.case().ours(move |watch| {
        watch.note_bytes(bytes.len() as u64);
        watch.each(|| Ok(World::load_from(&mut bytes.as_slice())?))
    });
    Ok(against_batches(plan, case, Batches::new(&rows)?))
}

/// The same without the copy that a stream costs: what is in memory is read where it lies.
pub(super) fn borrowed(plan: &Plan, _: &Path) -> Result<Case> {
    let rows = mixed::rows(plan.amount);
    let bytes = saved(&in_hecs::world(&rows), SaveOptions::default())?;
    let case = plan.case().ours(move |watch| {
        watch.note_bytes(bytes.len() as u64);
        watch.each(|| Ok(World::load_bytes(&bytes)?))
    });
    Ok(against_batches(plan, case, Batches::new(&rows)?))
}

/// Under the handles that the entities had, beside `spawn_column_batch_at` of handles that were reserved.
pub(super) fn exact(plan: &Plan, _: &Path) -> Result<Case> {
    let rows = mixed::rows(plan.amount);
    let world = in_hecs::world(&rows);
    let mut registry = <World as EcsWorld<Hecs>>::derived_registry()?.clone();
    registry.keep_handles()?;
    let bytes = saved(&world, SaveOptions::default().registry(&registry))?;
    // One by one they got ascending ids.
    let mut handles: Vec<Entity> = world.iter().map(|entity| entity.entity()).collect();
    handles.sort_unstable();
    let options = LoadOptions::default().registry(&registry);
    let (loaded, _) = World::load_from_with(&mut bytes.as_slice(), &options)?;
    ensure!(handles.iter().all(|&handle| loaded.contains(handle)), "a handle is gone");
    let batches = Batches::new(&rows)?;
    let case = plan.case().ours(move |watch| {
        watch.note_bytes(bytes.len() as u64);
        let options = LoadOptions::default().registry(&registry);
        watch.each(|| Ok(World::load_bytes_with(&bytes, &options)?.0))
    });
    let floor = "reserve_entities + spawn_column_batch_at";
    let case = case.floor(1.0, floor, move |watch| watch.each(|| batches.spawn_at(&handles)));
    Ok(case.limit(1.3).per("entity", plan.amount))
}

fn saved(world: &World, options: SaveOptions<'_, keepstone::hecs::Registry>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    world.save_to_with(&mut bytes, &options.codec(Codec::None)).context("the world can't be saved")?;
    Ok(bytes)
}

fn against_batches(plan: &Plan, case: Case, batches: Batches) -> Case {
    let case = case.floor(1.0, "spawn_column_batch", move |watch| watch.each(|| batches.spawn()));
    case.limit(1.3).per("entity", plan.amount)
}
