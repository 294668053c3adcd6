//! The sweep can fail: stores that are wrong in a known way are caught.

use std::panic;

use keepstone_checkpoint::planted::{self, Plant};

use crate::{
    automatic,
    crash::{Act, begin, sweep},
    retention,
};

fn history() -> Vec<Act> {
    let one = Act::Commit("one");
    vec![one, Act::Seal, one, Act::SealBuffered, one, Act::Close]
}

fn is_caught(plant: Plant) {
    planted::with(plant, || sweep(begin(12), &history())).unwrap_err();
}

#[test]
fn a_sound_store_passes() {
    sweep(begin(12), &history()).unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn a_checkpoint_that_is_acknowledged_without_a_sync_is_caught() {
    is_caught(Plant::UnsyncedCommit);
}

#[test]
fn a_manifest_that_is_written_before_its_commits_are_durable_is_caught() {
    is_caught(Plant::ManifestFirst);
}

#[test]
fn a_journal_that_is_cut_before_the_manifest_is_durable_is_caught() {
    is_caught(Plant::CutFirst);
}

#[test]
fn a_pack_that_is_put_after_the_manifest_that_names_it_is_caught() {
    is_caught(Plant::LatePack);
}

#[test]
fn a_sweep_that_takes_what_is_needed_is_caught() {
    // The history has no sweep: only those that come after a crash take what is needed.
    let history = [Act::Commit("one"), Act::Seal, Act::Commit("two"), Act::Seal];
    let caught = planted::with(Plant::SweptLive, || sweep(begin(12), &history));
    assert!(caught.is_err());
}

/// Lets random schedules run with a fault, which they have to find.
fn is_caught_by_the_rules(plant: Plant) {
    let run = || planted::with(plant, || automatic::histories(60));
    assert!(panic::catch_unwind(run).is_err(), "{plant:?}");
}

#[test]
fn a_throttle_that_begins_with_a_failure_is_caught() {
    is_caught_by_the_rules(Plant::FailureThrottles);
}

#[test]
fn what_a_failure_forgets_is_caught() {
    is_caught_by_the_rules(Plant::FailureForgets);
}

#[test]
fn an_interval_that_counts_from_the_opening_is_caught() {
    is_caught_by_the_rules(Plant::IntervalFromOpening);
}

#[test]
fn retention_that_takes_heads_is_caught() {
    let run = || planted::with(Plant::HeadsGo, automatic::sweep);
    assert!(panic::catch_unwind(run).is_err());
}

#[test]
fn a_sweep_that_takes_packs_of_which_nobody_knows_since_when_they_are_not_needed_is_caught() {
    let run = || planted::with(Plant::UntimedGo, automatic::undated);
    assert!(panic::catch_unwind(run).is_err());
}

/// Lets prunes in the journal run with a fault, which crashes have to find.
fn is_caught_by_prunes(plant: Plant) {
    let run = || planted::with(plant, || retention::crash::sweep(retention::crash::ROOM));
    assert!(!matches!(panic::catch_unwind(run), Ok(Ok(_))), "{plant:?}");
}

#[test]
fn a_prune_that_is_acknowledged_without_a_sync_is_caught() {
    is_caught_by_prunes(Plant::UnsyncedPrune);
}

#[test]
fn a_prune_that_is_committed_without_what_it_makes_anew_is_caught() {
    is_caught_by_prunes(Plant::PruneAlone);
}

#[test]
fn a_journal_with_a_prune_that_is_cut_before_the_manifest_is_durable_is_caught() {
    is_caught_by_prunes(Plant::CutFirst);
}
