//! Generations that are wrong in a known way: each is caught by the kind of test that is there for it, which
//! passes on them as they are.

use std::panic::{AssertUnwindSafe, catch_unwind};

use keepstone_storage::planted::{Plant, with};
use keepstone_testkit::Sweep;

use super::{
    crash,
    crash::{Act, deep, shallow},
    proofs, readers,
};

#[track_caller]
fn caught(plant: Plant, says: &str, test: impl Fn() -> Result<(), String>) {
    let test = || {
        let passed = catch_unwind(AssertUnwindSafe(&test));
        passed.unwrap_or_else(|_| Err("panicked".to_owned()))
    };
    test().unwrap_or_else(|failure| panic!("fails without a fault: {failure}"));
    let said = with(plant, test).expect_err("is not caught");
    assert!(said.contains(says), "{plant:?} is caught by another sign: {said}");
}

/// A crash sweep of `acts` behind `before` saves.
fn crashes(sweep: fn() -> Sweep<'static>, before: u32, acts: &[Act]) -> impl Fn() -> Result<(), String> {
    move || crash::sweep(sweep(), before, acts, 1).map(drop).map_err(|failure| failure.to_string())
}

#[test]
fn one_sync_of_container_and_page_is_caught_by_a_power_cut() {
    caught(Plant::OneSyncGeneration, "passed over", crashes(shallow, 2, &[Act::Commit]));
}

#[test]
fn a_newest_page_that_is_not_settled_is_caught_by_a_power_cut_after_a_kill() {
    caught(Plant::UnsettledPage, "was acknowledged", crashes(deep, 2, &[Act::Commit]));
}

#[test]
fn names_that_are_not_synced_by_an_opening_are_caught_by_a_power_cut_after_a_kill() {
    let acts = [Act::PageFails, Act::Reopen, Act::Commit];
    caught(Plant::UnsyncedNames, "holds generation", crashes(shallow, 4, &acts));
}

#[test]
fn writing_over_the_newest_is_caught_by_a_power_cut() {
    caught(Plant::RecycledNewest, "load: auto/0.gen", crashes(shallow, 2, &[Act::Commit]));
}

#[test]
fn a_file_that_is_used_after_a_failed_sync_is_caught_by_a_power_cut() {
    caught(Plant::ReusedFile, "passed over", crashes(shallow, 1, &[Act::BodyFails, Act::Commit]));
}

#[test]
fn a_number_that_is_used_again_is_caught_by_a_power_cut() {
    caught(Plant::ReusedNumber, "holds generation", crashes(shallow, 4, &[Act::PageFails, Act::Commit]));
}

#[test]
fn a_page_without_a_checksum_is_caught_by_flipped_bits() {
    caught(Plant::BelievedPage, "bit", || proofs::flip(7).map(drop));
}

#[test]
fn a_container_that_is_not_compared_is_caught_by_an_exchanged_page() {
    caught(Plant::UncomparedContainer, "loaded", proofs::exchange);
}

#[test]
fn a_lock_that_is_not_asked_for_is_caught_by_a_reader() {
    caught(Plant::UnaskedLock, "panicked", || {
        readers::hold_back();
        Ok(())
    });
}
