use std::sync::Arc;

use keepstone_format::Limits;
use keepstone_storage::{
    Error, Files, Op,
    generation::{self, Check},
};
use keepstone_testkit::{
    Fault, FaultFiles, Until, fault_sweep,
    tap::{Call, Tap, Tapped, Verdict},
};

use super::{commit, dir, disk, load, memory, open, path_of, state};
use crate::support::names;

/// A disk with `count` generations, of which as many are kept.
fn prepared(count: u32) -> Arc<dyn Files> {
    let files = memory();
    if count > 0 {
        let mut generations = open(&files, count).unwrap();
        for tag in 1..=u64::from(count) {
            commit(&mut generations, &state(tag, 300)).unwrap();
        }
    }
    files
}

/// Opens and saves three times; answers which saves were acknowledged last, and which tried.
fn work(files: &FaultFiles, count: u32) -> (u64, u64) {
    let before = u64::from(count);
    let files: Arc<dyn Files> = Arc::new(files.clone());
    let Ok(mut generations) = open(&files, 1) else { return (before, before) };
    let mut acknowledged = before;
    for tag in before + 1..before + 4 {
        if commit(&mut generations, &state(tag, 300)).is_ok() {
            acknowledged = tag;
        }
    }
    (acknowledged, before + 3)
}

fn tag_of(state_found: &[u8], tried: u64) -> Option<u64> {
    (1..=tried).find(|&tag| state(tag, 300) == state_found)
}

fn check(files: &Arc<dyn Files>, count: u32, (acknowledged, tried): (u64, u64)) -> Result<(), String> {
    let found = match load(&**files) {
        Ok((_, bytes)) => tag_of(&bytes, tried),
        Err(_) if acknowledged == 0 => Some(0),
        Err(err) => return Err(err.to_string()),
    };
    if found.is_none_or(|found| found < acknowledged) {
        return Err(format!("{acknowledged} was acknowledged, {found:?} is loaded"));
    }
    // The cause is gone.
    let mut generations = open(files, 1).map_err(|err| err.to_string())?;
    for tag in 100..103 {
        commit(&mut generations, &state(tag, 300)).map_err(|err| err.to_string())?;
        let (_, bytes) = load(&**files).map_err(|err| err.to_string())?;
        if bytes != state(tag, 300) {
            return Err("the next save is not the newest".to_owned());
        }
    }
    let left = names(&**files, dir());
    // Those that were there, two, the lock, and one for each name that could not be removed.
    let most = usize::try_from(count).unwrap().max(2) + 4;
    if left.len() > most { Err(format!("files pile up: {left:?}")) } else { Ok(()) }
}

#[test]
fn any_call_may_fail_and_the_previous_save_loads_and_the_next_succeeds() {
    for count in [0, 1, 2, 3] {
        let run = |files: &FaultFiles| work(files, count);
        let swept = fault_sweep(
            &Fault::ERRORS,
            || prepared(count),
            run,
            |files, told, case| {
                let (acknowledged, tried) = told;
                if case.until == Until::Once && acknowledged + 3 < tried {
                    return Err("one fault cost all saves".to_owned());
                }
                check(files, count, told)
            },
        );
        let swept = swept.unwrap_or_else(|err| panic!("{count} before: {err}"));
        println!("{count} before: {swept:?}");
        assert!(swept.calls >= 25, "{swept:?}");
    }
}

#[test]
fn one_fault_costs_one_save() {
    let run = |files: &FaultFiles| {
        let files: Arc<dyn Files> = Arc::new(files.clone());
        let mut generations = open(&files, 1).ok()?;
        Some((10..14).filter(|&tag| commit(&mut generations, &state(tag, 300)).is_ok()).count())
    };
    let swept = fault_sweep(
        &Fault::ERRORS,
        || prepared(2),
        run,
        |_, saved, case| match (saved, case.until) {
            (None | Some(3 | 4), Until::Once) | (_, Until::Forever) => Ok(()),
            other => Err(format!("{other:?}")),
        },
    );
    swept.unwrap_or_else(|err| panic!("{err}"));
}

#[test]
fn short_and_interrupted_transfers_change_nothing() {
    let run = |files: &FaultFiles| {
        let told = work(files, 2);
        (told, load(files).unwrap())
    };
    let faults = [Fault::Short, Fault::Interrupted];
    let swept = fault_sweep(
        &faults,
        || prepared(2),
        run,
        |_, found, _| {
            assert_eq!(found, ((5, 5), (5, state(5, 300))));
            Ok(())
        },
    );
    swept.unwrap_or_else(|err| panic!("{err}"));
}

#[test]
fn reading_under_any_fault_gives_the_newest_or_says_what_is_wrong() {
    let run = |files: &FaultFiles| {
        let loaded = generation::load(files, dir(), Limits::default(), Check::Verifies);
        loaded.map(|loaded| (loaded.generation, loaded.passed_over.len()))
    };
    let swept = fault_sweep(
        &Fault::ALL,
        || prepared(3),
        run,
        |files, found, _| {
            match found {
                // A read that lies may make a page or a container look damaged, which is said.
                Ok((3, 0) | (_, 1..)) | Err(_) => {}
                other => return Err(format!("{other:?}")),
            }
            let after = load(&**files).map_err(|err| err.to_string())?;
            if after == (3, state(3, 300)) { Ok(()) } else { Err("reading has changed something".to_owned()) }
        },
    );
    let swept = swept.unwrap_or_else(|err| panic!("{err}"));
    assert!(swept.calls >= 15, "{swept:?}");
}

#[test]
fn reading_writes_nothing() {
    let files = prepared(3);
    let before: Vec<_> = (0..3).map(|number| super::bytes_of(&*files, number)).collect();
    let only: Arc<dyn Files> = Arc::new(Tapped::new(Arc::clone(&files), ReadOnly));
    assert_eq!(load(&*only).unwrap().0, 3);
    assert_eq!(generation::open(&*only, dir(), 2).unwrap().generation(), 2);
    assert_eq!(generation::list(&*only, dir()).unwrap().generations.len(), 3);
    let after: Vec<_> = (0..3).map(|number| super::bytes_of(&*files, number)).collect();
    assert!(before == after);
}

/// Everything that changes something is refused.
#[derive(Debug)]
struct ReadOnly;

impl Tap for ReadOnly {
    fn before(&self, call: &Call<'_>) -> Verdict {
        match call.op {
            Op::Open | Op::Metadata | Op::List | Op::Read | Op::Lock => Verdict::Run,
            _ => Verdict::Fail(std::io::ErrorKind::ReadOnlyFilesystem.into()),
        }
    }
}

#[test]
fn opening_twice_changes_nothing_the_second_time() {
    let files = prepared(3);
    // What a killed writer leaves of a draft.
    files.create_new(&path_of(9)).unwrap().write_all_at(&[0; 9000], 0).unwrap();
    let content = || {
        let names = names(&*files, dir());
        let read = |name: &String| {
            let mut bytes = Vec::new();
            keepstone_storage::read(&*files, &dir().join(name), 1 << 20, &mut bytes).unwrap();
            bytes
        };
        names.iter().map(|name| (name.clone(), read(name))).collect::<Vec<_>>()
    };
    drop(open(&files, 1).unwrap());
    let first = content();
    assert_eq!(first.len(), 4, "the three and the lock");
    drop(open(&files, 1).unwrap());
    assert!(content() == first);
}

#[test]
fn a_failed_write_poisons_the_draft_even_if_ignored() {
    use std::io::Write as _;

    let inner = disk(&[]);
    let full: Arc<dyn Files> =
        Arc::new(FaultFiles::over(Arc::clone(&inner), u64::MAX, Fault::NoSpace, Until::Once));
    let mut generations = open(&full, 1).unwrap();
    commit(&mut generations, b"one").unwrap();
    drop(generations);
    let failing: Arc<dyn Files> = Arc::new(Tapped::new(Arc::clone(&inner), FullAt(300_000)));
    let mut generations = open(&failing, 1).unwrap();
    let mut draft = generations.begin().unwrap();
    let container = keepstone_format::WriterOptions::new(keepstone_format::FileKind::SAVE)
        .codec(keepstone_format::Codec::None);
    let mut writer = draft.container(container).unwrap();
    let err = writer.coded_from(keepstone_format::SectionId::BYTES, 0, &[&vec![7; 700_000]]).unwrap_err();
    assert_eq!(err.kind(), keepstone_format::Kind::NoSpace);
    drop(writer);
    draft.write_all(b"more").unwrap_err();
    drop(draft);
    let committed = commit(&mut generations, b"fits").unwrap();
    assert_eq!(committed.generation, 3);
    assert!(matches!(load(&*inner), Ok((3, text)) if text == b"fits"));
}

/// A disk on which no byte behind this offset fits.
#[derive(Debug)]
struct FullAt(u64);

impl Tap for FullAt {
    fn before(&self, call: &Call<'_>) -> Verdict {
        match call.with {
            keepstone_testkit::tap::With::Bytes { data, offset } if offset + data.len() as u64 > self.0 => {
                Verdict::Fail(std::io::ErrorKind::StorageFull.into())
            }
            _ => Verdict::Run,
        }
    }
}

#[test]
fn a_failed_last_sync_says_so_and_the_name_is_gone() {
    let inner = prepared(2);
    // Opening: one sync of the newest; then the body, then the page.
    let failing: Arc<dyn Files> = Arc::new(Tapped::new(Arc::clone(&inner), SyncFails::default()));
    let mut generations = open(&failing, 1).unwrap();
    let err = commit(&mut generations, b"three").unwrap_err();
    assert!(matches!(&err, Error::Io { op: Op::SyncData, path, .. } if *path == path_of(0)), "{err}");
    assert_eq!(names(&*inner, dir()), ["1.gen", "LOCK"]);
    assert_eq!(load(&*inner).unwrap().0, 2);
    let committed = commit(&mut generations, b"four").unwrap();
    assert_eq!((committed.generation, committed.recycled), (4, false));
}

/// The third sync of a file fails.
#[derive(Debug, Default)]
struct SyncFails {
    made: std::sync::atomic::AtomicU64,
}

impl Tap for SyncFails {
    fn before(&self, call: &Call<'_>) -> Verdict {
        let third =
            call.op == Op::SyncData && self.made.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 2;
        if third { Verdict::Fail(std::io::Error::from_raw_os_error(5)) } else { Verdict::Run }
    }
}
