use std::{path::Path, time::Instant};

use anyhow::{Context, Result};
use bevy_ecs::{component::Component, entity::Entity, query::QueryState, world::World};
use keepstone::{
    Durability, SaveOptions, Saver,
    bevy::{PersistIds, Registry},
    prelude::*,
    world::OwnedCapture,
};

use super::Removed;
use crate::{
    case::{Case, Plan},
    columns::Columns,
    mixed::{self, Health, Position, Velocity},
};

/// The plain columns of the mixed world.
fn plain() -> Result<Registry> {
    let mut registry = Registry::default();
    registry.add::<Position>()?;
    registry.add::<Velocity>()?;
    registry.add::<Health>()?;
    Ok(registry)
}

/// Plain columns and entities into memory used before, beside a copy of the same by hand, table by table.
pub(super) fn case(plan: &Plan, _: &Path) -> Result<Case> {
    let mut world = mixed::world(plan.amount);
    let mut by_hand = ByHand::new(&mut world);
    Ok(captured(plan)?.limit(1.3).floor(1.0, "extend_from_slice of each table's columns", move |watch| {
        watch.together(|| by_hand.copy(&world))
    }))
}

/// The same beside the copy of columns that are in one piece, and of nothing else.
pub(super) fn beside_memcpy(plan: &Plan, _: &Path) -> Result<Case> {
    let columns = Columns::new(mixed::rows(plan.amount)).plain_bytes();
    let mut out = Vec::new();
    Ok(captured(plan)?.floor(1.0, "memcpy of the plain columns", move |watch| {
        watch.together(|| {
            out.clear();
            out.extend_from_slice(&columns);
            Ok(out.len())
        })
    }))
}

fn captured(plan: &Plan) -> Result<Case> {
    let (world, registry) = (mixed::world(plan.amount), plain()?);
    let mut capture = OwnedCapture::default();
    Ok(plan.case().stalls().ours(move |watch| {
        let options = SaveOptions::default().registry(&registry);
        watch.together(|| Ok(world.capture_into(&mut capture, &options)?))
    }))
}

/// What somebody would write who knows the three types.
struct ByHand {
    queries: (
        QueryState<&'static Position>,
        QueryState<&'static Velocity>,
        QueryState<&'static Health>,
        QueryState<Entity>,
    ),
    positions: Vec<Position>,
    velocities: Vec<Velocity>,
    healths: Vec<Health>,
    entities: Vec<Entity>,
}

impl ByHand {
    fn new(world: &mut World) -> Self {
        Self {
            queries: (world.query(), world.query(), world.query(), world.query()),
            positions: Vec::new(),
            velocities: Vec::new(),
            healths: Vec::new(),
            entities: Vec::new(),
        }
    }

    fn copy(&mut self, world: &World) -> Result<usize> {
        let (positions, velocities, healths, entities) = &mut self.queries;
        let len = copy(positions, world, &mut self.positions)?
            + copy(velocities, world, &mut self.velocities)?
            + copy(healths, world, &mut self.healths)?;
        self.entities.clear();
        for table in entities.contiguous_iter(world)? {
            self.entities.extend_from_slice(table);
        }
        Ok(len + self.entities.len())
    }
}

fn copy<T: Component + Copy>(
    query: &mut QueryState<&'static T>,
    world: &World,
    into: &mut Vec<T>,
) -> Result<usize> {
    into.clear();
    for table in query.contiguous_iter(world)? {
        into.extend_from_slice(table);
    }
    Ok(into.len())
}

/// What the caller of a save in the background waits for, beside a capture into memory used before.
pub(super) fn in_background(plan: &Plan, dir: &Path) -> Result<Case> {
    let (world, same) = (mixed::world(plan.amount), mixed::world(plan.amount));
    let (saver, file) = (Saver::new()?, Removed(dir.join("keepstone-background.keep")));
    let mut capture = OwnedCapture::default();
    let case = plan.case().stalls().ours(move |watch| {
        let options = SaveOptions::default().durability(Durability::Buffered);
        watch.spent(|| {
            let begin = Instant::now();
            let ticket = saver.save_with(&world, file.path(), &options)?;
            let waited = begin.elapsed();
            ticket.wait()?;
            Ok(waited)
        })
    });
    Ok(case.floor(1.0, "capture_into memory used before", move |watch| {
        watch.together(|| Ok(same.capture_into(&mut capture, &SaveOptions::default())?))
    }))
}

/// The hash of a world without ids, beside an encode of it.
#[expect(clippy::unnecessary_wraps, reason = "building another case can fail")]
pub(super) fn hash(plan: &Plan, _: &Path) -> Result<Case> {
    Ok(hashed(plan, mixed::world(plan.amount)))
}

/// The hash of a world whose entities have ids.
pub(super) fn hash_by_ids(plan: &Plan, _: &Path) -> Result<Case> {
    Ok(hashed(plan, with_ids(plan.amount)?))
}

fn hashed(plan: &Plan, world: World) -> Case {
    let case = plan.case().ours(move |watch| watch.together(|| Ok(world.hash()?)));
    against_encode(case, mixed::world(plan.amount))
}

/// A save in the canonical order, beside one in the order of the world.
pub(super) fn canonical(plan: &Plan, _: &Path) -> Result<Case> {
    let world = with_ids(plan.amount)?;
    let mut out = Vec::new();
    let case = plan.case().ours(move |watch| {
        let options = SaveOptions::default().canonical(true);
        watch.together(|| {
            out.clear();
            Ok(world.save_to_with(&mut out, &options)?.encoded.bytes_total)
        })?;
        watch.note_bytes(out.len() as u64);
        Ok(())
    });
    Ok(against_encode(case, with_ids(plan.amount)?))
}

fn against_encode(case: Case, world: World) -> Case {
    let mut out = Vec::new();
    case.floor(1.0, "save_to_with, as it stands, no codec", move |watch| {
        let options = SaveOptions::default().codec(keepstone::Codec::None);
        watch.together(|| {
            out.clear();
            Ok(world.save_to_with(&mut out, &options)?.encoded.bytes_total)
        })
    })
}

/// The mixed world with an id on each entity.
pub(super) fn with_ids(count: u32) -> Result<World> {
    let mut world = mixed::world(count);
    let entities: Vec<Entity> = world.query::<Entity>().iter(&world).collect();
    // Not in the order of the rows, as in a world that has lived.
    for entity in entities.into_iter().rev() {
        world.assign_persist_id(entity).context("an entity got no id")?;
    }
    Ok(world)
}
