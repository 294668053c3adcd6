//! Every file of a store in a directory, deleted, cut and changed.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use keepstone_checkpoint::{CheckpointId, CheckpointStore, Error, Files, Kind};

use super::shadow::{OUT, Shadows, contents, go, in_dir, put, readable, repaired};
use crate::support::{ROOT, open, quiet};

/// What has to survive when a file is not what it was, as the files are now.
fn expected(files: &Arc<dyn Files>, shadows: &Shadows, path: &Path, closed: bool) -> BTreeSet<CheckpointId> {
    let name = path.to_str().unwrap();
    let packs: Vec<PathBuf> =
        contents(files).into_keys().chain([path.to_owned()]).filter(|path| is_in(path, "packs")).collect();
    let packs: BTreeSet<PathBuf> = packs.into_iter().collect();
    if is_in(path, "packs") {
        let touched = packs.iter().position(|pack| pack == path).unwrap();
        // Bytes of a place that is not touched are there, but which place is not known here.
        return shadows.survivors(|link| link.phase != touched);
    }
    if is_in(path, "manifests") {
        let is_newest = !contents(files).into_keys().any(|other| is_in(&other, "manifests") && other > *path);
        // The older manifest has what was moved before it, and the journal all since; a closed store has none.
        return shadows.survivors(|link| !is_newest || !closed || link.phase < 2);
    }
    assert!(name.contains("log"), "{name}");
    let last =
        shadows.all.values().filter(|shadow| shadow.phase < 2).map(|shadow| shadow.commit).max().unwrap();
    let behind = readable(files, last + 1);
    shadows.survivors(|link| link.phase < 2 || link.commit < behind || closed)
}

fn is_in(path: &Path, folder: &str) -> bool {
    path.parent().is_some_and(|parent| parent.ends_with(folder))
}

/// Repairs a store with one file that is not what it was.
fn check(files: &Arc<dyn Files>, shadows: &Shadows, path: &Path, closed: bool, what: &str) {
    let expected = expected(files, shadows, path, closed);
    let what = format!("{}: {what}", path.display());
    let done = repaired(files, |repaired, reader| shadows.check(reader, repaired, &expected, &what));
    if let Err(err) = done {
        assert!(expected.is_empty() && err.kind() == Kind::Damaged, "{what}: {err}");
    }
}

fn each(closed: bool, damage: impl Fn(&Arc<dyn Files>, &Shadows, &Path, &[u8])) {
    let (files, shadows) = in_dir(closed);
    let all = contents(&files);
    let objects = |folder: &str| all.keys().filter(|path| is_in(path, folder)).count();
    assert_eq!((objects("packs"), objects("manifests")), (if closed { 3 } else { 2 }, 2));
    for (path, bytes) in &all {
        if !path.ends_with("LOCK") {
            damage(&files, &shadows, path, bytes);
            put(&files, path, Some(bytes));
        }
    }
}

#[test]
fn a_sound_store_comes_back_whole() {
    for closed in [false, true] {
        let (files, shadows) = in_dir(closed);
        let all = shadows.survivors(|_| true);
        repaired(&files, |repaired, reader| {
            shadows.check(reader, repaired, &all, "sound");
            assert!(
                repaired.is_whole() && repaired.faults.is_empty() && repaired.torn.is_none(),
                "{repaired:#?}"
            );
            assert!(repaired.moved.is_empty() && !repaired.is_older, "{repaired:#?}");
        })
        .unwrap();
    }
}

#[test]
fn a_file_that_is_gone_takes_no_more_than_was_in_it() {
    for closed in [false, true] {
        each(closed, |files, shadows, path, _| {
            put(files, path, None);
            check(files, shadows, path, closed, "gone");
        });
    }
}

#[test]
fn a_file_that_is_cut_takes_no_more_than_was_in_it() {
    for closed in [false, true] {
        each(closed, |files, shadows, path, bytes| {
            let content = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 2;
            for len in (0..content.min(bytes.len())).step_by(content / 20 + 1) {
                put(files, path, Some(&bytes[..len]));
                check(files, shadows, path, closed, &format!("cut at {len}"));
            }
        });
    }
}

#[test]
fn changed_bytes_take_no_more_than_was_in_them() {
    for closed in [false, true] {
        each(closed, |files, shadows, path, bytes| {
            let content = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 2;
            for at in (0..content.min(bytes.len())).step_by(content / 60 + 1) {
                let mut changed = bytes.to_vec();
                changed[at] ^= 0x55;
                put(files, path, Some(&changed));
                check(files, shadows, path, closed, &format!("byte {at}"));
            }
        });
    }
}

#[test]
fn in_a_pack_that_is_damaged_only_what_stands_on_the_damage_is_lost() {
    let (files, shadows) = in_dir(true);
    let all = contents(&files);
    let (path, bytes) = all.iter().find(|(path, _)| is_in(path, "packs")).unwrap();
    // The payload begins at byte 128, and the first state in it is that of the first checkpoint.
    let mut changed = bytes.clone();
    changed[140] ^= 1;
    put(&files, path, Some(&changed));
    let first = shadows.all.values().map(|shadow| shadow.known.sequence).min().unwrap();
    let expected = shadows.survivors(|link| link.known.sequence != first);
    assert!(!expected.is_empty() && expected.len() < shadows.all.len());
    repaired(&files, |repaired, reader| {
        shadows.check(reader, repaired, &expected, "damaged");
        assert_eq!(repaired.lost.len(), shadows.all.len() - expected.len());
        let cause = &repaired.lost[0];
        assert_eq!((cause.checkpoint.sequence, cause.stands_on, cause.offset), (first, None, Some(128)));
        assert_eq!(cause.object.as_ref().map(|name| path.ends_with(name)), Some(true));
        assert_eq!(cause.dependents + 1, repaired.lost.len() as u64);
        assert!(repaired.lost[1..].iter().all(|lost| lost.stands_on == Some(first)), "{repaired:#?}");
    })
    .unwrap();
}

#[test]
fn what_is_there_or_open_or_no_store_is_refused() {
    let (files, _) = in_dir(false);
    let repair = |from: &str, to: &str| CheckpointStore::repair(from, to, &quiet(&files), &mut go);
    assert!(matches!(repair("nowhere", OUT), Err(Error::NoStore { .. })));
    assert!(matches!(repair(ROOT, ROOT), Err(Error::Misuse { .. })));
    for inside in ["ROOT/inside", "./ROOT/inside", "elsewhere/../ROOT/inside", "./ROOT/deep/../inside"] {
        let refused = repair(ROOT, &inside.replace("ROOT", ROOT));
        assert!(matches!(refused, Err(Error::Misuse { .. })), "{inside}: {refused:?}");
    }
    assert!(matches!(repair(&format!("./{ROOT}"), &format!("{ROOT}/inside")), Err(Error::Misuse { .. })));
    assert!(repair(ROOT, OUT).unwrap().is_whole());
    assert!(matches!(repair(ROOT, OUT), Err(Error::Misuse { .. })));
    // Who writes to the old one is not kept from it.
    let store = open(&files).unwrap();
    assert!(repair(ROOT, "third").unwrap().is_whole());
    drop(store);
    let stopped = CheckpointStore::repair(ROOT, "stopped", &quiet(&files), &mut |progress| {
        if progress.done == 3 {
            std::ops::ControlFlow::Break(())
        } else {
            std::ops::ControlFlow::Continue(())
        }
    });
    assert!(stopped.unwrap().stopped);
    assert_eq!(files.list(Path::new("stopped/manifests")).unwrap_or_default().len(), 0);
}
