//! The tests can fail: repairs that are wrong in a known way are caught.

use std::panic::{AssertUnwindSafe, catch_unwind};

use keepstone_checkpoint::planted::{self, Plant};

use super::{crash, shadow};
use crate::support::ROOT;

/// Repairs a store whose first pack, or whose journal, is damaged, and checks what comes of it.
fn check(folder: &str, at: impl Fn(&[u8]) -> usize) {
    let (files, shadows) = shadow::in_dir(false);
    let all = shadow::contents(&files);
    let is_in =
        |path: &std::path::Path| path.starts_with(format!("{ROOT}/{folder}")) && !path.ends_with("LOCK");
    let (path, bytes) = all.iter().find(|(path, _)| is_in(path)).unwrap();
    let mut changed = bytes.clone();
    changed[at(bytes)] ^= 1;
    shadow::put(&files, path, Some(&changed));
    let first = shadows.all.values().map(|shadow| shadow.known.sequence).min().unwrap();
    let expected = match folder {
        "packs" => shadows.survivors(|link| link.known.sequence != first),
        _ => shadows.survivors(|link| link.phase < 2),
    };
    shadow::repaired(&files, |repaired, reader| shadows.check(reader, repaired, &expected, folder)).unwrap();
}

fn in_pack() {
    check("packs", |_| 140);
}

/// Damages a commit that is in no manifest.
fn in_journal() {
    let behind_both = |bytes: &[u8]| {
        let text = b"2 5";
        bytes.windows(text.len()).rposition(|window| window == text).unwrap()
    };
    check("log", behind_both);
}

fn is_caught(plant: Plant, work: fn()) {
    work();
    assert!(catch_unwind(AssertUnwindSafe(|| planted::with(plant, work))).is_err(), "{plant:?}");
}

#[test]
fn a_repair_that_leaves_out_what_is_behind_the_first_loss_is_caught() {
    is_caught(Plant::StopsAtLoss, in_pack);
}

#[test]
fn a_repair_that_gives_sequences_again_is_caught() {
    is_caught(Plant::SequencesAgain, in_journal);
}

#[test]
fn a_repair_that_writes_the_manifest_before_the_packs_is_caught() {
    let caught = planted::with(Plant::RepairedFirst, || catch_unwind(AssertUnwindSafe(crash::sweep)));
    assert!(caught.is_err() || caught.unwrap().is_err());
}
