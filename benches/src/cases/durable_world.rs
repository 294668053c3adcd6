use std::path::Path;

use anyhow::Result;
use bevy_ecs::world::World;
use keepstone::{Codec, SaveOptions, prelude::*};

use super::Removed;
use crate::{
    Watch,
    case::{Case, Plan},
    mixed::{self, Position},
};

/// A durable save with LZ4 beside one without a codec: what compressing costs, less what the disk is spared.
#[expect(clippy::unnecessary_wraps, reason = "building another case can fail")]
pub(super) fn mixed(plan: &Plan, dir: &Path) -> Result<Case> {
    Ok(against_uncompressed(plan, dir, || mixed::world(plan.amount)))
}

/// The same with a world that gets smaller: positions on a grid.
#[expect(clippy::unnecessary_wraps, reason = "building another case can fail")]
pub(super) fn on_a_grid(plan: &Plan, dir: &Path) -> Result<Case> {
    Ok(against_uncompressed(plan, dir, || {
        let mut world = mixed::world(plan.amount);
        for mut position in world.query::<&mut Position>().iter_mut(&mut world) {
            *position = Position { x: (position.x / 64.0).round(), y: 0.0, z: (position.z / 64.0).round() };
        }
        world
    }))
}

fn against_uncompressed(plan: &Plan, dir: &Path, world: impl Fn() -> World) -> Case {
    let case = plan.case().limit(1.2);
    let [ours, floor] =
        [(Codec::Lz4, "keepstone-lz4.keep"), (Codec::None, "keepstone-plain.keep")].map(|(codec, name)| {
            let (world, file) = (world(), Removed(dir.join(name)));
            move |watch: &mut Watch| {
                let options = SaveOptions::default().codec(codec);
                let mut bytes = 0;
                watch.each(|| {
                    let report = world.save_with(file.path(), &options)?;
                    bytes = report.encoded.bytes_total;
                    Ok(report)
                })?;
                watch.note_bytes(bytes);
                Ok(())
            }
        });
    case.ours(ours).floor(1.0, "durable save without a codec", floor)
}
