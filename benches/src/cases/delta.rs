//! One row of a hundred changed: told from bevy's change ticks, and applied to another world.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use bevy_ecs::{
    change_detection::{Ref, Tick},
    component::{Component, Mutable},
    entity::Entity,
    hierarchy::ChildOf,
    query::QueryState,
    world::World,
};
use keepstone::{
    Plain,
    bevy::{Moment, Registry, RegistryExt},
    ecs::{DeltaWorld, EcsWorld, EncodeOptions, LiveRows, Mark, SpawnOptions, WorldDelta, WorldDoc},
    format::plain::as_bytes,
};

use crate::{
    case::{Case, Plan},
    mixed::{self, Health, Name, Position, SplitMix, Velocity},
};

/// A scan of the ticks and a copy of the changed rows are the floor.
const SCANS_MAX: f64 = 1.3;
/// Changing as many values in their places is the floor.
const SCATTERS_MAX: f64 = 1.5;

/// What changed since a mark.
pub(super) fn told(plan: &Plan, _: &Path) -> Result<Case> {
    let Changed { mut world, registry, mark, value_bytes, .. } = Changed::of(plan.amount)?;
    let delta = world.delta(&mark, &registry)?.delta;
    let (bytes, _) = delta.encode(Vec::new(), &EncodeOptions::default())?;
    let (written, changed) = (bytes.len() as u64, value_bytes);
    ensure!(written * 10 <= changed * 13, "{written} bytes for {changed} that changed");
    let mut floor = Floor::new(plan.amount)?;
    let case = plan.case().ours(move |watch| {
        watch.note_bytes(written);
        watch.note_remark(format!("{changed} bytes changed"));
        watch.together(|| Ok(world.delta(&mark, &registry)?.delta.rows.len()))
    });
    Ok(case.limit(SCANS_MAX).floor(1.0, "scan of the change ticks, copy of changed rows", move |watch| {
        watch.together(|| Ok(floor.scan()))
    }))
}

/// What changed, applied to a world that was loaded from the base.
pub(super) fn applied(plan: &Plan, _: &Path) -> Result<Case> {
    let Changed { mut world, registry, mark, base, places, .. } = Changed::of(plan.amount)?;
    let delta: WorldDelta<'static> = world.delta(&mark, &registry)?.delta;
    let values = (
        values::<Position>(&world, &places),
        values::<Velocity>(&world, &places),
        values::<Health>(&world, &places),
    );
    drop(world);
    let mut second = World::new();
    let report = second.spawn_doc(&base, &registry, &SpawnOptions::default())?;
    let entities = report.entities;
    let mut rows = LiveRows::of_base(mark.root, entities.iter().copied());
    let mut third = World::new();
    let thirds = third.spawn_doc(&base, &registry, &SpawnOptions::default())?.entities;
    let case = plan.case().ours(move |watch| {
        watch.together(|| {
            // Once more from the base: nothing was spawned.
            (rows.state, rows.sequence) = (rows.root, 0);
            let report = second.apply_delta(&mut rows, &delta, &registry, &SpawnOptions::default())?;
            ensure!(report.missing == 0, "{} rows are missing", report.missing);
            Ok(report.written)
        })
    });
    let (positions, velocities, healths) = values;
    let of = |row: u32| thirds.get(usize::try_from(row).unwrap_or(usize::MAX)).copied();
    let (positions, velocities, healths) =
        (by_entity(positions, of)?, by_entity(velocities, of)?, by_entity(healths, of)?);
    Ok(case.limit(SCATTERS_MAX).floor(1.0, "get_mut of each changed value", move |watch| {
        watch.together(|| {
            let written = scatter(&mut third, &positions)
                + scatter(&mut third, &velocities)
                + scatter(&mut third, &healths);
            Ok(written)
        })
    }))
}

/// A mixed world, of which one entity in a hundred has changed in all plain components since a mark.
struct Changed {
    world: World,
    registry: Registry,
    mark: Mark<Moment>,
    base: WorldDoc<'static>,
    /// Who changed, with the row numbers.
    places: Vec<(u32, Entity)>,
    value_bytes: u64,
}

impl Changed {
    fn of(count: u32) -> Result<Self> {
        let mut world = mixed::world(count);
        let mut registry = Registry::default();
        registry.add::<Position>()?;
        registry.add::<Velocity>()?;
        registry.add::<Health>()?;
        registry.add::<Name>()?;
        registry.add_relationship::<ChildOf>("bevy_ecs.ChildOf", 1)?;
        let (capture, mark) = world.mark(&registry)?;
        let base = capture.doc.into_owned();
        let mut places = Vec::new();
        for row in 0..mark.rows {
            if SplitMix::new(row.into()).next_u16().is_multiple_of(100) {
                places.push((row, World::entity_of_row(&mark, row).context("every row is an entity")?));
            }
        }
        let value_bytes = change(&mut world, &places);
        Ok(Self { world, registry, mark, base, places, value_bytes })
    }
}

/// Changes these entities, and returns how many bytes of values that are.
fn change(world: &mut World, places: &[(u32, Entity)]) -> u64 {
    let mut bytes = 0;
    for &(_, entity) in places {
        if let Some(mut position) = world.get_mut::<Position>(entity) {
            position.x += 1.0;
            bytes += 12;
        }
        if let Some(mut velocity) = world.get_mut::<Velocity>(entity) {
            velocity.x += 1.0;
            bytes += 12;
        }
        if let Some(mut health) = world.get_mut::<Health>(entity) {
            health.current += 1;
            bytes += 8;
        }
    }
    bytes
}

/// The least that tells what changed: all change ticks are looked at, and changed rows copied.
struct Floor {
    world: World,
    since: Tick,
    positions: QueryState<Ref<'static, Position>>,
    velocities: QueryState<Ref<'static, Velocity>>,
    healths: QueryState<Ref<'static, Health>>,
    names: QueryState<Ref<'static, Name>>,
    parents: QueryState<Ref<'static, ChildOf>>,
}

impl Floor {
    fn new(count: u32) -> Result<Self> {
        let Changed { mut world, places, .. } = Changed::of(count)?;
        let since = world.increment_change_tick();
        change(&mut world, &places);
        world.increment_change_tick();
        Ok(Self {
            since,
            positions: world.query(),
            velocities: world.query(),
            healths: world.query(),
            names: world.query(),
            parents: world.query(),
            world,
        })
    }

    fn scan(&mut self) -> usize {
        let (world, since) = (&self.world, self.since);
        let plain = copy(world, since, &mut self.positions)
            + copy(world, since, &mut self.velocities)
            + copy(world, since, &mut self.healths);
        plain + count(world, since, &mut self.names) + count(world, since, &mut self.parents)
    }
}

fn copy<T: Component + Plain>(world: &World, since: Tick, query: &mut QueryState<Ref<'static, T>>) -> usize {
    let now = world.read_change_tick();
    let (mut bytes, mut rows) = (Vec::new(), Vec::new());
    for table in query.contiguous_iter(world).into_iter().flatten() {
        let ticks = table.changed_ticks_slice();
        for ((row, tick), value) in (0_u32..).zip(ticks).zip(table.into_inner()) {
            if tick.is_newer_than(since, now) {
                rows.push(row);
                bytes.extend_from_slice(as_bytes(std::slice::from_ref(value)));
            }
        }
    }
    bytes.len() + rows.len()
}

fn count<T: Component>(world: &World, since: Tick, query: &mut QueryState<Ref<'static, T>>) -> usize {
    let now = world.read_change_tick();
    let newer = |ticks: &[Tick]| ticks.iter().filter(|tick| tick.is_newer_than(since, now)).count();
    let tables = query.contiguous_iter(world).into_iter().flatten();
    tables.map(|table| newer(table.changed_ticks_slice())).sum()
}

/// The values that these entities have of a component, with their row numbers.
fn values<T: Component + Copy>(world: &World, places: &[(u32, Entity)]) -> Vec<(u32, T)> {
    places.iter().filter_map(|&(row, entity)| Some((row, *world.get::<T>(entity)?))).collect()
}

fn by_entity<T>(values: Vec<(u32, T)>, of: impl Fn(u32) -> Option<Entity>) -> Result<Vec<(Entity, T)>> {
    values.into_iter().map(|(row, value)| Ok((of(row).context("every row is an entity")?, value))).collect()
}

fn scatter<T: Component<Mutability = Mutable> + Copy>(world: &mut World, values: &[(Entity, T)]) -> usize {
    let mut written = 0;
    for &(entity, value) in values {
        if let Some(mut place) = world.get_mut::<T>(entity) {
            *place = value;
            written += 1;
        }
    }
    written
}
