use std::{path::Path, sync::Arc};

use keepstone_storage::{Durability, Files, atomic};
use keepstone_testkit::{
    Failure, Fault, IgnoredFailure, NoDirSync, NoFileSync, Random, SimFiles, Sweep, Swept, SyncAfterRename,
    Until, crash_sweep, histories,
};

use crate::support::{load, names, payload, save};

const LENS: [usize; 6] = [0, 1, 511, 512, 513, 4096];

type Content = Option<Vec<u8>>;

/// Loads a file, and sees that the disk can be used on: cleaned and written again.
fn load_and_go_on(disk: &dyn Files, path: &Path) -> Result<Content, String> {
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
            assert!(swept.states_checked >= 2_u64.pow(sectors + 1) - 1, "{swept:?}");
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
fn check_caught(path: &str, old: Content, wrap: impl Fn(Arc<dyn Files>) -> Arc<dyn Files>, acks: u64) {
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
fn a_failed_write_that_is_taken_for_written_is_caught() {
    let wrap = |files| Arc::new(IgnoredFailure::over(files, 0)) as Arc<dyn Files>;
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

/// Which saves were acknowledged, in one number.
const FIRST: u64 = 1;
const SECOND: u64 = 2;

/// Sweeps a save of `first` that is cut short by power cut or kill, and the save of `second` with which
/// another process goes on, cut short as well.
fn sweep_twice(first: &Path, second: &Path, old: Option<&[u8]>, kills: bool) -> Swept {
    let contents = [payload(2, 600), payload(3, 1100)];
    let sweep = Sweep::new()
        .setup(|disk| {
            if let Some(bytes) = old {
                save(disk, second, bytes).unwrap();
            }
        })
        .run(|disk| {
            save(disk, first, &contents[0]).unwrap();
            disk.acknowledge_as(FIRST);
        })
        .recover(|disk| {
            let dir = second.parent().unwrap();
            if disk.metadata(dir).is_ok() {
                atomic::clean(disk, dir).map_err(|e| e.to_string())?;
            }
            // What a reader finds after a power cut is on the disk; after a kill it need not be.
            let found = load(disk, first).is_some_and(|found| found == contents[0]);
            let before = if found && !kills { FIRST } else { disk.acknowledged() };
            disk.acknowledge_as(before);
            save(disk, second, &contents[1]).map_err(|e| e.to_string())?;
            disk.acknowledge_as(before | SECOND);
            Ok(())
        })
        .kills(kills);
    let swept = sweep.check(|disk, acknowledged| {
        let at = |path: &Path| load(disk, path);
        let is = |found: &Option<Vec<u8>>, content: Option<&[u8]>| found.as_deref() == content;
        let [one, two] = [Some(&*contents[0]), Some(&*contents[1])];
        let (found, other) = (at(second), at(first));
        let first_done = acknowledged & FIRST > 0;
        let good = if acknowledged & SECOND > 0 {
            is(&found, two) && (first == second || is(&other, one) || !first_done)
        } else if first == second {
            is(&found, one) || is(&found, two) || !first_done && is(&found, old)
        } else {
            (is(&found, old) || is(&found, two)) && (is(&other, one) || !first_done && is(&other, None))
        };
        if good {
            return Ok(());
        }
        let lens = [found, other].map(|bytes| bytes.map(|bytes| bytes.len()));
        Err(format!("found lengths {lens:?}"))
    });
    swept.unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn a_second_crash_while_going_on_after_the_first_loses_nothing() {
    let (path, other) = (Path::new("new/er/a.keep"), Path::new("new/er/b.keep"));
    for old in [None, Some(&b"old"[..])] {
        for first in [path, other] {
            for kills in [false, true] {
                let swept = sweep_twice(first, path, old, kills);
                assert!(swept.is_exhaustive() && swept.states_checked > 100, "{swept}");
                assert_eq!(swept.kills > 0, kills, "{swept}");
            }
        }
    }
}

#[test]
fn a_sync_that_fails_loses_no_save_that_is_acknowledged_later() {
    let path = Path::new("new/a.keep");
    let contents = [payload(1, 600), payload(2, 1100), payload(3, 513)];
    let calls = {
        let disk = SimFiles::empty();
        save(&disk, path, &contents[0]).unwrap();
        let counting = disk.faults(u64::MAX, Fault::Io, Until::Once);
        save(&counting, path, &contents[1]).unwrap();
        counting.calls()
    };
    for at in 0..calls {
        let swept = Sweep::new()
            .setup(|disk| {
                save(disk, path, &contents[0]).unwrap();
            })
            .run(|disk| {
                save(&disk.faults(at, Fault::Io, Until::Once), path, &contents[1]).unwrap_err();
                save(disk, path, &contents[2]).unwrap();
                disk.acknowledge();
            })
            .check(|disk, acknowledged| match load(disk, path) {
                Some(found) if found == contents[2] => Ok(()),
                Some(found) if acknowledged == 0 && contents.contains(&found) => Ok(()),
                found => Err(format!("found {:?}", found.map(|bytes| bytes.len()))),
            });
        swept.unwrap_or_else(|e| panic!("call {at}: {e}"));
    }
}

/// Saves of random lengths to a few files, and removals.
fn history(seed: u64) -> Vec<(&'static Path, Vec<u8>)> {
    let mut random = Random::new(seed);
    let paths = ["a.keep", "b.keep", "new/a.keep", "new/er/b.keep"].map(Path::new);
    let step = |number: u8| {
        let len = random.index(1600);
        (paths[random.index(paths.len())], payload(number % 7, len))
    };
    (1..6).map(step).collect()
}

#[test]
fn random_histories_of_saves_lose_nothing_acknowledged() {
    let swept = histories(6, |seed| {
        let saves = history(seed);
        let after = |count: usize, path: &Path| {
            let made = saves.iter().take(count).rev();
            made.filter(|(saved, _)| *saved == path).map(|(_, content)| content.clone()).next()
        };
        let acknowledged_is = |disk: &SimFiles| usize::try_from(disk.acknowledged()).unwrap();
        let save_next = |disk: &SimFiles| {
            if let Some((path, content)) = saves.get(acknowledged_is(disk)) {
                save(disk, path, content).unwrap();
                disk.acknowledge();
            }
        };
        let sweep = Sweep::new().seed(seed).run(|disk| saves.iter().for_each(|_| save_next(disk)));
        let sweep = sweep.recover(|disk| {
            save_next(disk);
            Ok(())
        });
        sweep.check(|disk, _| {
            let count = acknowledged_is(disk);
            for (path, _) in &saves {
                let found = load(disk, path);
                if found != after(count, path) && found != after(count + 1, path) {
                    return Err(format!("{} has {:?} bytes", path.display(), found.map(|bytes| bytes.len())));
                }
            }
            Ok(())
        })
    });
    let swept = swept.unwrap_or_else(|e| panic!("{e}"));
    println!("{swept}");
    assert!(swept.states_checked > 1000, "{swept}");
}
