//! Spares that are wrong in a known way: each is caught by the kind of test that is there for it, which
//! passes on them as they are.

use std::panic::{AssertUnwindSafe, catch_unwind};

use keepstone_storage::planted::{Plant, with};
use keepstone_testkit::Sweep;

use super::{
    crash,
    crash::{Act, deep, shallow},
    player::KEPT,
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

/// A crash sweep of `acts` behind as many saves as are kept.
fn crashes(sweep: fn() -> Sweep<'static>, acts: &[Act]) -> impl Fn() -> Result<(), String> {
    crashes_behind(KEPT, sweep, acts)
}

fn crashes_behind(
    before: usize,
    sweep: fn() -> Sweep<'static>,
    acts: &[Act],
) -> impl Fn() -> Result<(), String> {
    move || crash::sweep(sweep(), before, acts).map(drop).map_err(|failure| failure.to_string())
}

#[test]
fn a_save_over_a_page_that_is_not_zero_on_the_disk_is_caught_by_a_power_cut() {
    caught(Plant::UnsyncedSparePage, "came back", crashes(shallow, &[Act::Save, Act::Recycle, Act::Save]));
}

#[test]
fn a_save_in_a_spare_whose_name_is_not_durable_is_caught_by_a_power_cut() {
    let acts = [Act::Save, Act::Recycle, Act::Save];
    caught(Plant::UnsyncedSpareName, "was acknowledged", crashes(shallow, &acts));
    let acts = [Act::MakeReady, Act::Save];
    caught(Plant::UnsyncedSpareName, "was acknowledged", crashes(shallow, &acts));
}

#[test]
fn a_page_that_is_zeroed_under_the_name_of_a_save_is_caught_by_a_power_cut() {
    caught(Plant::ZeroedUnderName, "by name", crashes(shallow, &[Act::Save, Act::Recycle]));
}

#[test]
fn a_number_that_is_used_again_at_once_is_caught_by_a_power_cut() {
    // Without anything to retire in between.
    let test = crashes_behind(0, shallow, &[Act::Save, Act::Save]);
    caught(Plant::ReusedSpareNumber, "was acknowledged", test);
}

#[test]
fn a_new_file_whose_name_is_not_synced_is_caught_by_a_power_cut() {
    caught(Plant::UnsyncedNewSpare, "was acknowledged", crashes(shallow, &[Act::Save]));
}

#[test]
fn a_save_of_a_killed_writer_that_is_not_copied_is_caught_by_a_power_cut() {
    let acts = [Act::MakeReady, Act::Save];
    caught(Plant::AdoptInPlace, "by name", crashes(deep, &acts));
}

#[test]
fn a_page_without_a_checksum_is_caught_by_flipped_bits() {
    caught(Plant::BelievedPage, "bit", || proofs::flip(7).map(drop));
}

#[test]
fn a_container_that_is_not_compared_is_caught_by_an_exchanged_page() {
    caught(Plant::UncomparedContainer, "read", proofs::exchange);
}

#[test]
fn a_lock_that_is_not_asked_for_is_caught_by_a_reader() {
    caught(Plant::UnaskedLock, "panicked", || {
        readers::hold_back();
        Ok(())
    });
}
