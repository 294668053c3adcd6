//! Any call to the file system may fail, once or from then on.

use std::sync::Arc;

use keepstone_checkpoint::{Files, MemFiles, Query};
use keepstone_testkit::{Fault, FaultFiles, fault_sweep};

use crate::support::open;

/// A store with two checkpoints, one of them in a pack.
fn prepared() -> Arc<dyn Files> {
    let files: Arc<dyn Files> = Arc::new(MemFiles::default());
    let store = open(&files).unwrap();
    let session = store.session("main").unwrap();
    session.checkpoint(&1_u64).commit().unwrap();
    store.seal().unwrap();
    session.checkpoint(&2_u64).commit().unwrap();
    files
}

/// The last checkpoint that was acknowledged, the last that was tried, and how many calls failed.
struct Told {
    acknowledged: u64,
    tried: u64,
    failed: u64,
}

fn work(files: &FaultFiles) -> Told {
    let mut told = Told { acknowledged: 2, tried: 2, failed: 0 };
    let files: Arc<dyn Files> = Arc::new(files.clone());
    let Ok(store) = open(&files) else {
        told.failed += 1;
        return told;
    };
    for tag in 3..6 {
        let Ok(session) = store.session("main") else {
            told.failed += 1;
            continue;
        };
        told.tried = tag;
        match session.checkpoint(&tag).commit() {
            Ok(_) => told.acknowledged = tag,
            Err(_) => told.failed += 1,
        }
        told.failed += u64::from(store.seal().is_err());
    }
    told
}

fn check(files: &Arc<dyn Files>, told: &Told) -> Result<(), String> {
    let store = open(files).map_err(|err| format!("open: {err}"))?;
    let session = store.session("main").map_err(|err| err.to_string())?;
    let latest = session.latest::<u64>().map_err(|err| err.to_string())?.unwrap_or(0);
    if !(told.acknowledged..=told.tried).contains(&latest) {
        return Err(format!(
            "{} was acknowledged, {} tried, {latest} is the latest",
            told.acknowledged, told.tried
        ));
    }
    for found in store.list(&Query::new()).map_err(|err| err.to_string())? {
        store.get::<u64>(&found).map_err(|err| err.to_string())?;
    }
    session.checkpoint(&9_u64).commit().map(drop).map_err(|err| format!("next: {err}"))
}

#[test]
fn a_call_that_fails_loses_nothing_and_the_next_one_works() {
    let faults = [Fault::Io, Fault::NoSpace];
    let swept = fault_sweep(&faults, prepared, work, |files, told, _| check(files, &told));
    println!("{:?}", swept.unwrap_or_else(|failed| panic!("{failed}")));
}

#[test]
fn once_the_cause_is_gone_the_same_store_goes_on() {
    let unharmed = FaultFiles::over(prepared(), u64::MAX, Fault::Io, keepstone_testkit::Until::Once);
    let told = work(&unharmed);
    assert_eq!((told.acknowledged, told.failed), (5, 0));
    for at in 0..unharmed.calls() {
        let files = FaultFiles::over(prepared(), at, Fault::NoSpace, keepstone_testkit::Until::Once);
        let told = work(&files);
        // One call fails, and with it at most the opening, or one checkpoint and what waits for it.
        assert!(told.failed <= 2, "call {at}: {} calls failed", told.failed);
        if told.failed > 0 && told.tried > 2 {
            assert!(told.acknowledged >= told.tried - 1, "call {at}");
        }
    }
}
