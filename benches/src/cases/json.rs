use std::path::Path;

use anyhow::Result;
use bevy_ecs::world::World;
use keepstone::{Json, SaveOptions, prelude::*};
use serde::{Deserialize, Serialize};

use crate::{
    case::{Case, Plan},
    insert_by_ids,
    mixed::{self, Name, Row},
};

/// What somebody would write who needs no more than this world: the members that ours has, and no types.
#[derive(Serialize, Deserialize)]
struct Plain {
    version: u32,
    entity_count: u32,
    entities: Vec<PlainEntity>,
}

#[derive(Serialize, Deserialize)]
struct PlainEntity {
    id: u32,
    components: PlainComponents,
}

#[derive(Serialize, Deserialize)]
struct PlainComponents {
    #[serde(rename = "bench.health", skip_serializing_if = "Option::is_none")]
    health: Option<PlainHealth>,
    #[serde(rename = "bench.name", skip_serializing_if = "Option::is_none")]
    name: Option<Name>,
    #[serde(rename = "bench.position")]
    position: Vector,
    #[serde(rename = "bench.velocity", skip_serializing_if = "Option::is_none")]
    velocity: Option<Vector>,
    #[serde(rename = "bevy_ecs.ChildOf", skip_serializing_if = "Option::is_none")]
    parent: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct Vector {
    x: f32,
    y: f32,
    z: f32,
}

#[derive(Serialize, Deserialize)]
struct PlainHealth {
    current: i32,
    max: i32,
}

impl Plain {
    fn new(rows: Vec<Row>) -> Self {
        let entities = (0_u32..).zip(rows).map(|(id, row)| PlainEntity { id, components: row.into() });
        let entities: Vec<PlainEntity> = entities.collect();
        Self { version: 1, entity_count: u32::try_from(entities.len()).unwrap_or(u32::MAX), entities }
    }
}

impl From<Row> for PlainComponents {
    fn from(row: Row) -> Self {
        Self {
            health: row.health.map(|health| PlainHealth { current: health.current, max: health.max }),
            name: row.name,
            position: Vector { x: row.position.x, y: row.position.y, z: row.position.z },
            velocity: row.velocity.map(|velocity| Vector { x: velocity.x, y: velocity.y, z: velocity.z }),
            parent: row.parent,
        }
    }
}

fn text(world: &World, out: &mut Vec<u8>) -> Result<usize> {
    out.clear();
    world.save_to_with(out, &SaveOptions::default().format(Json).pretty(false))?;
    Ok(out.len())
}

/// A world as JSON without spaces, beside `to_vec` of a struct.
#[expect(clippy::unnecessary_wraps, reason = "building another case can fail")]
pub(super) fn encode(plan: &Plan, _: &Path) -> Result<Case> {
    let (world, same) = (mixed::world(plan.amount), Plain::new(mixed::rows(plan.amount)));
    let mut out = Vec::new();
    let case = plan.case().ours(move |watch| {
        watch.together(|| text(&world, &mut out))?;
        watch.note_bytes(out.len() as u64);
        Ok(())
    });
    Ok(case.limit(1.5).floor(1.0, "serde_json::to_vec", move |watch| {
        let mut len = 0;
        watch.together(|| {
            let text = serde_json::to_vec(&same)?;
            len = text.len() as u64;
            Ok(text)
        })?;
        watch.note_bytes(len);
        Ok(())
    }))
}

/// That JSON into a fresh world, beside `from_slice` of the struct, which ends with a struct and not with a world.
pub(super) fn load(plan: &Plan, _: &Path) -> Result<Case> {
    Ok(parsed(plan)?.limit(1.5))
}

/// The same beside `from_slice` and a world that is spawned from rows.
pub(super) fn load_spawned(plan: &Plan, _: &Path) -> Result<Case> {
    let rows = mixed::rows(plan.amount);
    Ok(parsed(plan)?.limit(1.5).floor(1.0, "spawn_empty + insert_by_ids", move |watch| {
        watch.each(|| Ok(insert_by_ids::spawn(&rows)))
    }))
}

fn parsed(plan: &Plan) -> Result<Case> {
    let mut ours = Vec::new();
    text(&mixed::world(plan.amount), &mut ours)?;
    let same = serde_json::to_vec(&Plain::new(mixed::rows(plan.amount)))?;
    let case = plan.case().ours(move |watch| {
        watch.note_bytes(ours.len() as u64);
        watch.each(|| Ok(World::load_from(&mut ours.as_slice())?))
    });
    Ok(case.floor(1.0, "serde_json::from_slice", move |watch| {
        watch.note_bytes(same.len() as u64);
        watch.each(|| Ok(serde_json::from_slice::<Plain>(&same)?))
    }))
}
