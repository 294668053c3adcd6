//! The power goes out at any moment of a save.

use std::sync::Arc;

use keepstone_storage::Files;
use keepstone_testkit::{Failure, NoDirSync, NoFileSync, SimFiles, Swept, SyncAfterRename, crash_sweep};

use crate::support::{load, save, world};

/// Saves worlds 1 and 2 through `wrap` and cuts the power at every step of the second save.
fn sweep(wrap: impl Fn(SimFiles) -> Arc<dyn Files>) -> Result<Swept, Failure> {
    crash_sweep(
        |disk| {
            save(&world(1), Arc::new(disk.clone())).unwrap();
        },
        |disk| {
            save(&world(2), wrap(disk.clone())).unwrap();
            disk.acknowledge();
        },
        |disk, acknowledged| match load(Arc::new(disk.clone())) {
            Ok(Some(2)) => Ok(()),
            Ok(Some(1)) if acknowledged == 0 => Ok(()),
            other => Err(format!("{acknowledged} acknowledged, found {other:?}")),
        },
    )
}

#[test]
fn a_crash_leaves_the_last_acknowledged_world_or_the_one_in_flight() {
    let swept = sweep(|disk| Arc::new(disk)).unwrap();
    assert!(swept.states_checked > 8, "{swept:?}");
}

#[test]
fn the_sweep_catches_saves_that_leave_a_sync_out() {
    for (what, result) in [
        ("file sync", sweep(|disk| Arc::new(NoFileSync::over(Arc::new(disk))))),
        ("directory sync", sweep(|disk| Arc::new(NoDirSync::over(Arc::new(disk))))),
        ("order", sweep(|disk| Arc::new(SyncAfterRename::over(Arc::new(disk))))),
    ] {
        assert!(matches!(result, Err(Failure::Check { .. })), "{what} taken away: {result:?}");
    }
}
