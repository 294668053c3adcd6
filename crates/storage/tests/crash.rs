use std::{path::Path, sync::Arc};

use keepstone_storage::{Durability, Files, MemFiles, atomic};
use keepstone_testkit::{
    Failure, Fault, FaultFiles, NoDirSync, NoFileSync, SimFiles, Swept, SyncAfterRename, Until, crash_sweep,
};

use crate::support::{load, names, payload, save};

const LENS: [usize; 6] = [0, 1, 511, 512, 513, 4096];

type Content = Option<Vec<u8>>;

/// Loads a file, and sees that the disk can be used on: cleaned and written again.
fn load_and_go_on(disk: &MemFiles, path: &Path) -> Result<Content, String> {
    let found = load(disk, path);
    let dir = path.parent().unwrap();
    if disk.metadata(dir).is_ok() {
        atomic::clean(disk, dir).map_err(|e| e.to_string())?;
        let left = names(disk, dir);
        if left.len() != usize::from(found.is_some()) {
            return Err(format!("after cleaning there are {left:?}"));
        }
    }
    save(disk, path, b"next").map_err(|e| e.to_string())?;
    match load(disk, path).as_deref() {
        Some(b"next") => Ok(found),
        other => Err(format!("the next save loads as {other:?}")),
    }
}

/// Sweeps saves of `contents[1..]`, one after another, on a disk that holds `contents[0]`.
fn sweep(
    path: &Path,
    contents: &[Content],
    wrap: impl FnOnce(Arc<dyn Files>) -> Arc<dyn Files>,
) -> Result<Swept, Failure> {
    let (before, saves) = contents.split_first().unwrap();
    crash_sweep(
        |disk| {
            if let Some(bytes) = before {
                save(disk, path, bytes).unwrap();
            }
        },
        |disk| {
            let files = wrap(Arc::new(disk.clone()));
            for bytes in saves {
                save(&*files, path, bytes.as_ref().unwrap()).unwrap();
                disk.acknowledge();
            }
        },
        |disk, acknowledged| {
            let found = load_and_go_on(disk, path)?;
            let in_flight = contents.get(acknowledged + 1);
            if found == contents[acknowledged] || Some(&found) == in_flight {
                return Ok(());
            }
            let len = found.map(|bytes| bytes.len());
            Err(format!("found a file of {len:?} bytes, neither acknowledged nor in flight"))
        },
    )
}

fn unchanged(files: Arc<dyn Files>) -> Arc<dyn Files> {
    files
}

#[test]
fn a_crash_leaves_the_acknowledged_file_or_the_one_in_flight() {
    let befores = LENS.map(|len| Some(payload(1, len))).into_iter();
    for before in befores.chain([None]) {
        for len in LENS {
            let after = Some(payload(2, len));
            let contents = [before.clone(), after];
            let swept = sweep(Path::new("a.keep"), &contents, unchanged).unwrap_or_else(|e| panic!("{e}"));
            assert!(swept.crash_points >= 6, "{swept:?}");
            // All subsets of the sectors of the temporary are there.
            let sectors = u32::try_from(len.div_ceil(512)).unwrap();
            assert!(swept.states_checked >= 2_usize.pow(sectors + 1) - 1, "{swept:?}");
        }
    }
}

#[test]
fn a_crash_among_several_saves_leaves_one_of_two_neighbours() {
    for path in ["a.keep", "new/er/a.keep"] {
        let contents: Vec<Content> =
            (0..4).map(|tag| (tag > 0).then(|| payload(tag, 1000 + 100 * usize::from(tag)))).collect();
        let swept = sweep(Path::new(path), &contents, unchanged).unwrap_or_else(|e| panic!("{e}"));
        assert!(swept.states_checked > 20, "{swept:?}");
    }
}

#[test]
fn a_crash_while_directories_are_made_leaves_all_or_nothing_of_the_first_save() {
    for len in LENS {
        let contents = [None, Some(payload(1, len))];
        let path = Path::new("new/and/deep/a.keep");
        sweep(path, &contents, unchanged).unwrap_or_else(|e| panic!("{e}"));
    }
}

/// A sweep over a disk that is wrong must find a state that is.
fn check_caught(path: &str, old: Content, wrap: impl Fn(Arc<dyn Files>) -> Arc<dyn Files>, acks: usize) {
    let contents = [old, Some(payload(2, 700))];
    match sweep(Path::new(path), &contents, wrap) {
        Err(Failure::Check { acknowledged, .. }) => assert_eq!(acknowledged, acks),
        other => panic!("not caught: {other:?}"),
    }
}

#[test]
fn a_missing_file_sync_is_caught() {
    let wrap = |files| Arc::new(NoFileSync::over(files)) as Arc<dyn Files>;
    check_caught("a.keep", Some(payload(1, 600)), wrap, 0);
    check_caught("a.keep", None, wrap, 0);
    check_caught("new/a.keep", None, wrap, 0);
}

#[test]
fn a_missing_directory_sync_is_caught() {
    let wrap = |files| Arc::new(NoDirSync::over(files)) as Arc<dyn Files>;
    check_caught("a.keep", Some(payload(1, 600)), wrap, 1);
    check_caught("a.keep", None, wrap, 1);
    check_caught("new/a.keep", None, wrap, 1);
}

#[test]
fn a_rename_before_the_file_sync_is_caught() {
    let wrap = |files| Arc::new(SyncAfterRename::over(files)) as Arc<dyn Files>;
    check_caught("a.keep", Some(payload(1, 600)), wrap, 0);
    check_caught("a.keep", None, wrap, 0);
}

#[test]
fn a_buffered_save_may_lose_both_contents_in_a_power_cut() {
    // What the documentation warns of is what the simulated disk shows.
    let path = Path::new("a.keep");
    let swept = crash_sweep(
        |disk| {
            save(disk, path, b"old").unwrap();
        },
        |disk| {
            atomic::replace(disk, path, Durability::Buffered, b"new").unwrap();
        },
        |disk, _| match load(disk, path).as_deref() {
            Some(b"old" | b"new") => Ok(()),
            other => Err(format!("{other:?}")),
        },
    );
    assert!(matches!(swept, Err(Failure::Check { .. })), "{swept:?}");
}

#[test]
fn the_mode_survives_with_the_content() {
    let path = Path::new("a.keep");
    let swept = crash_sweep(
        |disk| {
            save(disk, path, b"old").unwrap();
            disk.open(path).unwrap().set_mode(0o600).unwrap();
        },
        |disk| {
            save(disk, path, b"new").unwrap();
            disk.acknowledge();
        },
        |disk, acknowledged| match (load(disk, path).as_deref(), disk.metadata(path)) {
            (Some(b"old"), Ok(found)) if acknowledged == 0 && found.mode == Some(0o600) => Ok(()),
            (Some(b"new"), Ok(found)) if found.mode == Some(0o600) => Ok(()),
            other => Err(format!("{other:?}")),
        },
    );
    swept.unwrap_or_else(|e| panic!("{e}"));
}

/// A writer of `first` is killed at its call `at`; a new process then saves `second`; power is cut.
fn sweep_after_kill(first: &Path, second: &Path, old: Option<&[u8]>, at: u64) {
    let contents = [payload(2, 600), payload(3, 1100)];
    let swept = crash_sweep(
        |disk: &SimFiles| {
            if let Some(bytes) = old {
                save(disk, second, bytes).unwrap();
            }
        },
        |disk| {
            let inner = Arc::new(disk.clone());
            let killed = FaultFiles::over(inner, at, Fault::Io, Until::Forever);
            save(&killed, first, &contents[0]).unwrap_err();
            save(disk, second, &contents[1]).unwrap();
            disk.acknowledge();
        },
        |disk, acknowledged| {
            let found = load(disk, second);
            let found = found.as_deref();
            let unfinished = first == second && found == Some(&*contents[0]);
            if found == Some(&*contents[1]) || acknowledged == 0 && (found == old || unfinished) {
                return Ok(());
            }
            Err(format!("{acknowledged} acknowledged, found {:?}", found.map(<[u8]>::len)))
        },
    );
    swept.unwrap_or_else(|e| panic!("killed at call {at}: {e}"));
}

/// Calls of a save that a kill can cut short.
fn calls_of(path: &Path, old: Option<&[u8]>) -> u64 {
    let disk = MemFiles::new();
    if let Some(bytes) = old {
        save(&disk, path, bytes).unwrap();
    }
    let counting = FaultFiles::over(Arc::new(disk), u64::MAX, Fault::Io, Until::Once);
    save(&counting, path, b"new").unwrap();
    counting.calls()
}

#[test]
fn a_kill_and_then_a_power_cut_lose_nothing_acknowledged() {
    let (path, other) = (Path::new("new/er/a.keep"), Path::new("new/er/b.keep"));
    for old in [None, Some(&b"old"[..])] {
        for first in [path, other] {
            // The killed writer may have made the directories without making them durable.
            let calls = calls_of(first, old);
            (0..calls).for_each(|at| sweep_after_kill(first, path, old, at));
        }
    }
}

/// Copies a directory without subdirectories.
fn copy(from: &MemFiles, to: &SimFiles) {
    for name in names(from, Path::new("")) {
        let bytes = load(from, Path::new(&name)).unwrap();
        let file = to.create_new(Path::new(&name)).unwrap();
        file.write_all_at(&bytes, 0).unwrap();
    }
}

#[test]
fn a_second_power_cut_while_going_on_after_the_first_loses_nothing() {
    let path = Path::new("a.keep");
    let contents = [payload(1, 600), payload(2, 1100), payload(3, 513)];
    let mut swept_again = 0;
    let swept = crash_sweep(
        |disk| {
            save(disk, path, &contents[0]).unwrap();
        },
        |disk| {
            save(disk, path, &contents[1]).unwrap();
            disk.acknowledge();
        },
        |first, acknowledged| {
            let recovered = load(first, path).unwrap();
            let expected = &contents[..2][acknowledged..];
            if !expected.contains(&recovered) {
                return Err("after the first cut".to_owned());
            }
            let again = crash_sweep(
                |disk| copy(first, disk),
                |disk| {
                    atomic::clean(disk, Path::new("")).unwrap();
                    save(disk, path, &contents[2]).unwrap();
                    disk.acknowledge();
                },
                |second, acknowledged| match load(second, path) {
                    Some(found) if found == contents[2] => Ok(()),
                    Some(found) if acknowledged == 0 && found == recovered => Ok(()),
                    other => Err(format!("after the second cut: {other:?}")),
                },
            );
            swept_again += again.map_err(|e| e.to_string())?.states_checked;
            Ok(())
        },
    );
    swept.unwrap_or_else(|e| panic!("{e}"));
    assert!(swept_again > 100, "{swept_again}");
}
