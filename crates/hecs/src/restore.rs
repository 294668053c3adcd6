//! Worlds that become what a document says, in place.

pub(crate) mod apply;
mod extra;
pub(crate) mod found;
mod plan;

use hecs::{Entity, World};
use keepstone_ecs_persist::{Error, Match, RestoreReport, SpawnOptions, WorldDoc};

use crate::{
    claims::Claims,
    decode::Decoding,
    kept,
    registry::Registry,
    restore::{found::Found, plan::Plan},
    spawn::{Reserved, check_limits},
};

/// Restores a world: see [`EcsWorld::restore_doc`](keepstone_ecs_persist::EcsWorld::restore_doc).
pub(crate) fn restore(
    world: &mut World,
    doc: &WorldDoc<'_>,
    found: Match<'_, Entity>,
    registry: &Registry,
    options: &SpawnOptions,
) -> Result<RestoreReport<Entity>, Error> {
    doc.check()?;
    // What was reserved becomes entities: they could be among those that are looked for.
    world.flush();
    let decoding = Decoding::new(world, doc, registry, options);
    decoding.check()?;
    let mut found = Found::new(world, &decoding, found)?;
    check_limits(world, found.missing(), options)?;
    // The ids of the document are those of its entities: those of others in the world give way with them.
    let mut claims = Claims::of_document(world);
    decoding.claim(world, &mut claims)?;
    let source = claims.finish()?;

    let mut reserved = Reserved::new(world, found.missing())?;
    found.fill(&reserved.entities);
    let plan = Plan::new(reserved.world, &decoding, &found)?;
    reserved.entities.clear();

    let (spawned, respawned) = (found.missing(), found.respawned());
    let mut report = RestoreReport::new(found.entities);
    (report.spawned, report.respawned) = (spawned.into(), respawned);
    report.unknown = decoding.unknown();
    report.dangling = decoding.dangling();
    (report.written, report.unchanged) = (plan.written, plan.unchanged);
    report.removed = plan.removed();
    report.despawned = plan.despawned.len() as u64;
    let is_changed = source != kept::source(reserved.world);
    match (decoding.sources(), is_changed) {
        (0, _) => {}
        (_, true) => report.written += 1,
        (_, false) => report.unchanged += 1,
    }
    plan.apply(reserved.world, registry, &report.entities);
    kept::keep_resources(reserved.world, Vec::new(), source.filter(|_| is_changed));
    Ok(report)
}
