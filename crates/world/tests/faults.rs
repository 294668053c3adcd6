//! Calls of the system that fail.

use std::sync::Arc;

use keepstone_storage::MemFiles;
use keepstone_testkit::{Fault, FaultFiles, Until};
use keepstone_world::Kind;

use crate::support::{load, save, world};

fn saved() -> Arc<MemFiles> {
    let files = Arc::new(MemFiles::new());
    save(&world(1), files.clone()).unwrap();
    files
}

/// How many calls a save makes.
fn calls() -> u64 {
    let files = Arc::new(FaultFiles::over(saved(), u64::MAX, Fault::Io, Until::Once));
    save(&world(2), files.clone()).unwrap();
    files.calls()
}

#[test]
fn a_failing_call_leaves_the_previous_world_and_the_next_save_works() {
    let faults = [
        (Fault::NoSpace, Kind::NoSpace),
        (Fault::Io, Kind::Io),
        (Fault::ReadOnly, Kind::Denied),
        (Fault::Denied, Kind::Denied),
        (Fault::TooManyOpen, Kind::Io),
    ];
    let mut failed = 0;
    for (fault, kind) in faults {
        for until in [Until::Once, Until::Forever] {
            for at in 0..calls() {
                let disk = saved();
                let result = save(&world(2), Arc::new(FaultFiles::over(disk.clone(), at, fault, until)));
                let found = load(disk.clone()).unwrap();
                match result {
                    // What a failed call was for was not needed after all.
                    Ok(_) => assert_eq!(found, Some(2), "{fault:?} at {at}"),
                    Err(error) => {
                        failed += 1;
                        assert_eq!(error.kind(), kind, "{fault:?} at {at}: {error}");
                        // 2: the directory could not be synced, which the error says.
                        assert!(matches!(found, Some(1 | 2)), "{fault:?} at {at}");
                    }
                }
                save(&world(3), disk.clone()).unwrap();
                assert_eq!(load(disk).unwrap(), Some(3));
            }
        }
    }
    assert!(failed > 50, "{failed}");
}

#[test]
fn short_writes_and_interrupted_calls_change_nothing() {
    for fault in [Fault::Short, Fault::Interrupted] {
        let disk = saved();
        save(&world(2), Arc::new(FaultFiles::over(disk.clone(), 0, fault, Until::Forever))).unwrap();
        assert_eq!(load(disk).unwrap(), Some(2));
    }
}

#[test]
fn a_missing_file_is_not_found() {
    assert_eq!(load(Arc::new(MemFiles::new())).unwrap_err().kind(), Kind::NotFound);
}
