//! Synchronizations that are wrong in a known way: each is caught by the kind of test that is there for it,
//! which passes on them as they are.

use keepstone_slots::{
    planted::{Plant, with},
    sync::{Fault, SyncOptions},
};

use super::{Machine, PLAYER, cloud, in_cloud, model, settle};

#[track_caller]
fn caught(plant: Plant, says: &str, test: impl Fn() -> Result<(), String>) {
    test().unwrap_or_else(|failure| panic!("fails without a fault: {failure}"));
    let said = with(plant, test).expect_err("is not caught");
    assert!(said.contains(says), "{plant:?} is caught by another sign: {said}");
}

/// Some of the histories of the model.
fn histories() -> Result<(), String> {
    (0..12).try_for_each(model::run)
}

#[test]
fn a_clock_that_decides_is_caught_by_random_histories() {
    caught(Plant::ClockDecides, "save", histories);
}

#[test]
fn an_empty_side_that_deletes_is_caught_by_random_histories() {
    caught(Plant::EmptyDeletes, "is lost", histories);
}

#[test]
fn a_base_that_is_written_first_is_caught_by_a_put_that_fails() {
    caught(Plant::BaseFirst, "has the save", || {
        let cloud = cloud();
        let machines = [Machine::new(), Machine::new()];
        machines[0].save(0, "common");
        settle(&machines, &cloud, &SyncOptions::new());
        // More than a save remembers.
        for number in 0..40 {
            machines[0].save(0, &number.to_string());
        }
        // After the listing and the list of heads.
        cloud.fail(2, Fault::Before);
        let report = machines[0].manager.sync(PLAYER, &cloud, &SyncOptions::new()).unwrap();
        assert!(!report.is_clean());
        let one = machines.into_iter().next().unwrap().reopened();
        one.sync(&cloud);
        let found = one.latest(0);
        if found != "39" || !in_cloud(&cloud).values().any(|text| text == "39") {
            return Err(format!("this machine has the save {found} instead of the newest"));
        }
        Ok(())
    });
}
