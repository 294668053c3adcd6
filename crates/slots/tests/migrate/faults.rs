//! Calls that fail while all saves are migrated.

use std::{cell::RefCell, sync::Arc};

use keepstone_slots::{SaveManager, Step};
use keepstone_storage::Files;
use keepstone_testkit::{Fault, FaultFiles, fault_sweep};

use super::{
    crash::{Known, check_all, go_on, set_up},
    files, migrations, options,
};

/// Migrates what can be, and returns how many saves that was said of.
fn run(faulty: &FaultFiles) -> usize {
    let files: Arc<dyn Files> = Arc::new(faulty.clone());
    let Ok(manager) = SaveManager::open("saves", options(&files, 3)) else { return 0 };
    let Ok(mut bulk) = manager.migrate(&migrations().0) else { return 0 };
    let mut done = 0;
    while let Some(step) = bulk.step() {
        done += usize::from(matches!(step, Step::Migrated { .. }));
        drop(manager.maintain());
    }
    assert_eq!(done, bulk.progress().done);
    done
}

#[test]
fn any_fault_leaves_each_save_once_of_either_version_and_what_is_left_is_migrated() {
    let known: RefCell<Known> = RefCell::default();
    let swept = fault_sweep(
        // The others that make a call fail are handled as these are.
        &[Fault::Io, Fault::NoSpace, Fault::Interrupted, Fault::Short, Fault::BitFlip],
        || {
            let files = files();
            *known.borrow_mut() = set_up(&files);
            files
        },
        run,
        |files, done, _| {
            let known = known.borrow();
            let manager =
                SaveManager::open("saves", options(files, 3)).map_err(|err| format!("open: {err}"))?;
            let migrated = check_all(&manager, &known)?;
            if migrated < done {
                return Err(format!("{done} saves were said to be migrated, {migrated} are"));
            }
            drop(manager);
            go_on(files, &known, |_| {})
        },
    );
    let swept = swept.unwrap_or_else(|failed| panic!("{failed}"));
    assert!(swept.calls > 100, "{swept:?}");
}
