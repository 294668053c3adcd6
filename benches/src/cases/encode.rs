use std::path::Path;

use anyhow::Result;
use bevy_ecs::world::World;
use keepstone::{Codec, SaveOptions, prelude::*};

use crate::{
    case::{Case, Plan},
    columns::Columns,
    mixed,
};

/// In memory, with checksums, without a codec. Three times copying and summing the plain columns, and one and a half
/// times plain serde of the rest, may be what a file costs that says what is in it.
#[expect(clippy::unnecessary_wraps, reason = "building another case can fail")]
pub(super) fn case(plan: &Plan, _: &Path) -> Result<Case> {
    Ok(against_floors(plan, Codec::None).limit(1.0))
}

/// The same beside one copy and sum of all that is in it, which a small world doesn't share with what a file costs.
pub(super) fn small(plan: &Plan, _: &Path) -> Result<Case> {
    let columns = Columns::new(mixed::rows(plan.amount));
    let data = [columns.plain_bytes(), columns.other_bytes()?].concat();
    Ok(against_copy(plan, mixed::world(plan.amount), data))
}

/// Entities that have each plain component, and nothing else.
#[expect(clippy::unnecessary_wraps, reason = "building another case can fail")]
pub(super) fn small_plain(plan: &Plan, _: &Path) -> Result<Case> {
    let mut world = World::new();
    let mut rows = mixed::rows(plan.amount.saturating_mul(6));
    // Those that have both, without the rest.
    rows.retain(|row| row.velocity.is_some() && row.health.is_some());
    rows.truncate(usize::try_from(plan.amount).unwrap_or(usize::MAX));
    for row in &mut rows {
        (row.name, row.parent) = (None, None);
    }
    world.spawn_batch(
        rows.iter().filter_map(|row| Some((row.position, row.velocity?, row.health?))).collect::<Vec<_>>(),
    );
    Ok(against_copy(plan, world, Columns::new(rows).plain_bytes()))
}

fn against_copy(plan: &Plan, world: World, data: Vec<u8>) -> Case {
    let mut out = Vec::new();
    let mut copied = Vec::new();
    let case = plan.case().limit(4.0).ours(move |watch| {
        let options = SaveOptions::default().codec(Codec::None);
        watch.together(|| {
            out.clear();
            Ok(world.save_to_with(&mut out, &options)?.encoded.bytes_total)
        })?;
        watch.note_bytes(out.len() as u64);
        Ok(())
    });
    case.floor(1.0, "memcpy + CRC-32 of all components", move |watch| {
        watch.note_bytes(data.len() as u64);
        watch.together(|| {
            copied.clear();
            copied.extend_from_slice(&data);
            Ok(crc32fast::hash(&copied))
        })
    })
}

/// What LZ4 adds to it.
#[expect(clippy::unnecessary_wraps, reason = "building another case can fail")]
pub(super) fn lz4(plan: &Plan, _: &Path) -> Result<Case> {
    Ok(against_floors(plan, Codec::Lz4))
}

fn against_floors(plan: &Plan, codec: Codec) -> Case {
    let world = mixed::world(plan.amount);
    let columns = Columns::new(mixed::rows(plan.amount));
    let rest = columns.clone();
    let options = SaveOptions::default().codec(codec);
    let entities = plan.amount;
    let mut out = Vec::new();
    let mut copied = Vec::new();
    let mut serialized = vec![0; rest.serialized_len_max()];
    let case = plan.case().ours(move |watch| {
        watch.together(|| {
            out.clear();
            Ok(world.save_to_with(&mut out, &options)?.encoded.bytes_total)
        })?;
        watch.note_bytes(out.len() as u64);
        let hundredths = out.len() as u64 * 100 / u64::from(entities.max(1));
        watch.note_remark(format!("{}.{:02} bytes per entity", hundredths / 100, hundredths % 100));
        Ok(())
    });
    case.floor(3.0, "memcpy + CRC-32 of the plain columns", move |watch| {
        watch.together(|| Ok(columns.copy_and_sum(&mut copied)))
    })
    .floor(1.5, "postcard of names and parents", move |watch| {
        watch.together(|| rest.serialize(&mut serialized))
    })
}
