use std::path::Path;

use anyhow::{Result, ensure};
use bevy_ecs::world::World;
use keepstone::{
    SaveOptions,
    bevy::Registry,
    format::plain::as_bytes,
    prelude::*,
    world::{LoadOptions, OwnedCapture},
};

use crate::{
    case::{Case, Plan},
    mixed::{self, Position, Velocity},
};

/// One copy of the columns is the floor; two are what may be taken.
const COPIES_MAX: f64 = 2.0;

/// A world that is as it was captured.
pub(super) fn equal(plan: &Plan, _: &Path) -> Result<Case> {
    restored(plan, 1.0, true)
}

/// A world in which every value differs.
pub(super) fn different(plan: &Plan, _: &Path) -> Result<Case> {
    restored(plan, -1.0, false)
}

/// Restores two captures in turns; those of `sign` 1 are the same.
fn restored(plan: &Plan, sign: f32, equal: bool) -> Result<Case> {
    let pairs = pairs(plan.amount);
    let mut registry = Registry::default();
    registry.add::<Position>()?;
    registry.add::<Velocity>()?;
    let mut world = World::new();
    world.spawn_batch(pairs.iter().copied());
    let options = SaveOptions::default().registry(&registry);
    let mut captures = [OwnedCapture::default(), OwnedCapture::default()];
    for capture in &mut captures {
        world.capture_into(capture, &options)?;
        let mut query = world.query::<(&mut Position, &mut Velocity)>();
        for (mut position, mut velocity) in query.iter_mut(&mut world) {
            *position = Position { x: position.x * sign, y: position.y * sign, z: position.z * sign };
            *velocity = Velocity { x: velocity.x * sign, y: velocity.y * sign, z: velocity.z * sign };
        }
    }
    drop(options);
    let case = plan.case().ours(move |watch| {
        let options = LoadOptions::default().registry(&registry);
        watch.together(|| {
            captures.rotate_left(1);
            let [capture, _] = &captures;
            let report = world.restore_with(capture, &options)?;
            ensure!((report.written == 0) == equal, "{} values were written", report.written);
            Ok(report.written)
        })
    });
    let (positions, velocities): (Vec<Position>, Vec<Velocity>) = pairs.into_iter().unzip();
    let mut out = Vec::new();
    Ok(case.limit(COPIES_MAX).floor(1.0, "memcpy of the columns", move |watch| {
        watch.together(|| {
            out.clear();
            out.extend_from_slice(as_bytes(&positions));
            out.extend_from_slice(as_bytes(&velocities));
            Ok(out.len())
        })
    }))
}

/// A position and a velocity for each entity, none of them zero.
pub(super) fn pairs(count: u32) -> Vec<(Position, Velocity)> {
    let rows = mixed::rows(count).into_iter();
    rows.map(|row| {
        let Position { x, y, z } = row.position;
        (
            Position { x: x + 1024.0, y: y + 1024.0, z: z + 1024.0 },
            Velocity { x: 1.0, y: x + 1024.0, z: y + 1024.0 },
        )
    })
    .collect()
}
