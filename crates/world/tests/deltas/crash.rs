//! The power goes out at any moment of a delta.

use std::{path::Path, sync::Arc};

use keepstone_storage::Files;
use keepstone_testkit::{Failure, NoDirSync, NoFileSync, SimFiles, Swept, SyncAfterRename, crash_sweep};
use keepstone_world::{Codec, LoadOptions, SaveOptions, WorldDeltas as _};

use super::{
    BASE, delta,
    game::{Game as _, HecsWorld},
};

fn options<'r, R>(files: Arc<dyn Files>) -> SaveOptions<'r, R> {
    SaveOptions::default().files(files).codec(Codec::None)
}

/// How many entities the base has, and with each delta one more.
const BEFORE: u64 = 3;
const DELTAS: u32 = 2;

/// Saves a base, then deltas through `wrap`, and cuts the power at every step of these. What loads is the base with the deltas that are
/// there, in order.
fn sweep(wrap: impl Fn(SimFiles) -> Arc<dyn Files>) -> Result<Swept, Failure> {
    crash_sweep(
        |disk| {
            let mut world = HecsWorld::game(BEFORE);
            world.save_base_with(BASE, &options(Arc::new(disk.clone()))).unwrap();
        },
        |disk| {
            // The same entities give the same bytes, so that this is the base on the disk.
            let mut world = HecsWorld::game(BEFORE);
            let (_, mut mark) = world.save_base_to(&mut Vec::new()).unwrap();
            for number in 1..=DELTAS {
                world.add(100 + u64::from(number));
                world.save_delta_with(&mut mark, delta(number), &options(wrap(disk.clone()))).unwrap();
                disk.acknowledge();
            }
        },
        |disk, acknowledged| {
            let files: Arc<dyn Files> = Arc::new(disk.clone());
            let there = |number: &u32| files.metadata(Path::new(&delta(*number))).is_ok();
            let paths = (1..=DELTAS).take_while(there).map(delta);
            let options = LoadOptions::default().files(Arc::clone(&files));
            let found =
                HecsWorld::load_deltas_with(BASE, paths, &options).map_err(|error| format!("{error:?}"))?;
            let expected = acknowledged as u64 + BEFORE;
            let count = u64::from(found.world.len());
            if found.world.census().len() as u64 == count && (expected..=expected + 1).contains(&count) {
                return Ok(());
            }
            Err(format!("{acknowledged} acknowledged, found {count} entities"))
        },
    )
}

#[test]
fn a_crash_leaves_the_deltas_that_were_acknowledged_and_perhaps_the_one_in_flight() {
    let swept = sweep(|disk| Arc::new(disk)).unwrap();
    assert!(swept.states_checked > 16, "{swept:?}");
}

#[test]
fn the_sweep_catches_deltas_that_leave_a_sync_out() {
    for (what, result) in [
        ("file sync", sweep(|disk| Arc::new(NoFileSync::over(Arc::new(disk))))),
        ("directory sync", sweep(|disk| Arc::new(NoDirSync::over(Arc::new(disk))))),
        ("order", sweep(|disk| Arc::new(SyncAfterRename::over(Arc::new(disk))))),
    ] {
        assert!(matches!(result, Err(Failure::Check { .. })), "{what} taken away: {result:?}");
    }
}
