use std::{
    ffi::OsStr,
    io::{ErrorKind, Write as _},
    sync::Arc,
};

use keepstone_format::Kind;
use keepstone_storage::{Error, Files, Op};
use keepstone_testkit::{
    Fault, FaultFiles, Until, fault_sweep,
    tap::{Call, Tap, Tapped, Verdict, With},
};

use super::{
    dir, fill, load, memory, name_of, open, open_all, path_of,
    player::{Player, found},
    save, spare_path, state,
};
use crate::support::names;

/// A disk with four saves, the oldest retired, a spare, and one save without a name.
fn prepared() -> Arc<dyn Files> {
    let files = memory();
    let mut player = Player::open(&files).unwrap();
    for _ in 0..5 {
        player.save(|_| {}).unwrap();
        player.rotate().unwrap();
    }
    player.recycle(1).unwrap();
    let mut draft = player.spares.begin(6, 0).unwrap();
    let written = fill(&mut draft, &super::player::content(6)).unwrap();
    drop(draft.seal(written).unwrap().sync().unwrap());
    files
}

/// Opens, saves, rotates and recycles, whatever fails; answers the last that was acknowledged, and how many were.
fn work(files: &FaultFiles) -> (u64, usize) {
    let files: Arc<dyn Files> = Arc::new(files.clone());
    let Ok(mut player) = Player::open(&files) else { return (6, 0) };
    let (mut acknowledged, mut count) = (6, 0);
    for _ in 0..5 {
        let _ = player.save(|tag| {
            acknowledged = tag;
            count += 1;
        });
        let _ = player.rotate();
        let _ = player.recycle(2);
        let _ = player.spares.make_ready(2, 700);
    }
    (acknowledged, count)
}

fn check(files: &Arc<dyn Files>, acknowledged: u64) -> Result<(), String> {
    let newest = found(&**files)?.last().copied();
    if newest.is_none_or(|newest| newest < acknowledged) {
        return Err(format!("{acknowledged} was acknowledged, {newest:?} is the newest"));
    }
    // The cause is gone.
    let mut player = Player::open(files).map_err(|err| err.to_string())?;
    for _ in 0..3 {
        let tag = player.save(|_| {}).map_err(|err| err.to_string())?;
        player.rotate().map_err(|err| err.to_string())?;
        player.recycle(1).map_err(|err| err.to_string())?;
        if found(&**files)?.last() != Some(&tag) {
            return Err("the next save is not the newest".to_owned());
        }
    }
    let left = names(&**files, dir());
    if left.len() > 4 { Err(format!("files pile up: {left:?}")) } else { Ok(()) }
}

#[test]
fn any_call_may_fail_and_the_previous_saves_load_and_the_next_succeeds() {
    let swept = fault_sweep(&Fault::ERRORS, prepared, work, |files, (acknowledged, count), case| {
        if case.until == Until::Once && count != 0 && count < 4 {
            return Err("one fault cost more than one save".to_owned());
        }
        check(files, acknowledged)
    });
    let swept = swept.unwrap_or_else(|err| panic!("{err}"));
    println!("{swept:?}");
    assert!(swept.calls >= 100, "{swept:?}");
}

#[test]
fn short_and_interrupted_transfers_change_nothing() {
    let swept = fault_sweep(&[Fault::Short, Fault::Interrupted], prepared, work, |files, told, _| {
        assert_eq!(told, (11, 5));
        check(files, 11)
    });
    swept.unwrap_or_else(|err| panic!("{err}"));
}

#[test]
fn reading_under_any_fault_gives_the_save_or_says_what_is_wrong() {
    let disk = || {
        let files = memory();
        save(&open(&files), 1, &state(1, 3000)).unwrap();
        files
    };
    let run = |files: &FaultFiles| load(files, &path_of(1));
    let swept = fault_sweep(&Fault::ALL, disk, run, |files, loaded, _| {
        if loaded.is_ok_and(|loaded| loaded != (1, state(1, 3000))) {
            return Err("another state".to_owned());
        }
        let after = load(&**files, &path_of(1)).map_err(|err| err.to_string())?;
        if after == (1, state(1, 3000)) { Ok(()) } else { Err("reading has changed something".to_owned()) }
    });
    assert!(swept.unwrap_or_else(|err| panic!("{err}")).calls >= 6);
}

/// A disk on which no byte behind this offset fits.
#[derive(Debug)]
struct FullAt(u64);

impl Tap for FullAt {
    fn before(&self, call: &Call<'_>) -> Verdict {
        match call.with {
            With::Bytes { data, offset } if offset + data.len() as u64 > self.0 => {
                Verdict::Fail(ErrorKind::StorageFull.into())
            }
            _ => Verdict::Run,
        }
    }
}

#[test]
fn a_full_disk_says_how_much_the_save_takes_and_gives_the_space_back() {
    let inner = memory();
    let files: Arc<dyn Files> = Arc::new(Tapped::new(Arc::clone(&inner), FullAt(400_000)));
    let spares = open(&files);
    save(&spares, 1, b"one").unwrap();
    spares.make_ready(1, 1000).unwrap();

    // As far as known: what was announced, or what has come.
    let mut draft = spares.begin(2, 3_000_000).unwrap();
    let err = fill(&mut draft, &state(2, 700_000)).unwrap_err();
    assert!(matches!(&err, Error::Full { path, needs: 3_004_096, .. } if *path == spare_path(1)), "{err}");
    let says = "the disk or the quota is full; this save takes at least 3004096 bytes in all; free as many and save again";
    assert_eq!(err.to_string(), format!("{}: {says}", spare_path(1).display()));
    assert_eq!((err.kind(), err.io_kind()), (Kind::NoSpace, Some(ErrorKind::StorageFull)));
    let again = draft.write_all(b"more").unwrap_err();
    let again = again.into_inner().unwrap().downcast::<Error>().unwrap();
    assert!(matches!(*again, Error::Poisoned { .. }), "{again}");
    drop(draft);
    assert_eq!(names(&*inner, dir()), ["1.save"]);

    let mut draft = spares.begin(3, 0).unwrap();
    let Err(Error::Full { needs, .. }) = fill(&mut draft, &state(3, 700_000)) else { panic!("it fits") };
    assert!((700_000..800_000).contains(&needs), "{needs}");
    drop(draft);

    // Not before the last write.
    let mut draft = spares.begin(4, 0).unwrap();
    let written = fill(&mut draft, &state(4, 390_000)).unwrap();
    let Err(Error::Full { needs, .. }) = draft.seal(written) else { panic!("it fits") };
    assert!((390_000..450_000).contains(&needs), "{needs}");

    let err = spares.make_ready(1, 1 << 20).unwrap_err();
    assert!(matches!(&err, Error::Full { .. }) && err.kind() == Kind::NoSpace, "{err}");
    assert_eq!((spares.ready(), names(&*inner, dir())), (0, vec!["1.save".to_owned()]));
    save(&spares, 5, b"fits").unwrap();
    assert_eq!(load(&*inner, &path_of(5)).unwrap(), (5, b"fits".to_vec()));
}

/// One kind of call is refused.
#[derive(Debug)]
struct Refused(Op, std::sync::atomic::AtomicBool);

impl Refused {
    fn over(inner: &Arc<dyn Files>, op: Op) -> Tapped<Self> {
        Tapped::new(Arc::clone(inner), Self(op, true.into()))
    }

    fn allow(tapped: &Tapped<Self>) {
        tapped.tap().1.store(false, std::sync::atomic::Ordering::SeqCst);
    }

    fn refuse(tapped: &Tapped<Self>) {
        tapped.tap().1.store(true, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Tap for Refused {
    fn before(&self, call: &Call<'_>) -> Verdict {
        if call.op == self.0 && self.1.load(std::sync::atomic::Ordering::SeqCst) {
            return Verdict::Fail(std::io::Error::from_raw_os_error(5));
        }
        Verdict::Run
    }
}

#[test]
fn a_file_whose_sync_failed_is_removed_and_not_used_again() {
    let inner = memory();
    let tapped = Refused::over(&inner, Op::SyncData);
    let files: Arc<dyn Files> = Arc::new(tapped.clone());
    let spares = open(&files);
    spares.make_ready(1, 1000).unwrap();
    let err = save(&spares, 1, b"one").unwrap_err();
    assert!(matches!(&err, Error::Io { op: Op::SyncData, path, .. } if *path == spare_path(0)), "{err}");
    assert_eq!((spares.ready(), names(&*inner, dir())), (0, vec![]));
    // So is one whose page was to be zeroed.
    save(&spares, 2, b"two").unwrap();
    spares.retire(&path_of(2)).unwrap();
    let err = spares.recycle(1).unwrap_err();
    assert!(matches!(&err, Error::Io { op: Op::SyncData, .. }), "{err}");
    assert_eq!((spares.ready(), names(&*inner, dir())), (0, vec![]));
    Refused::allow(&tapped);
    spares.recycle(1).unwrap();
    assert_eq!(spares.ready(), 0);
}

#[test]
fn what_could_not_be_removed_is_removed_later_and_not_written_to() {
    let inner = memory();
    let tapped = Refused::over(&inner, Op::Remove);
    let files: Arc<dyn Files> = Arc::new(tapped.clone());
    let spares = open(&files);
    let mut draft = spares.begin(1, 0).unwrap();
    draft.write_all(&vec![1; 300_000]).unwrap();
    drop(draft);
    save(&spares, 2, b"two").unwrap();
    save(&spares, 3, b"three").unwrap();
    spares.retire(&path_of(2)).unwrap();
    spares.recycle(0).unwrap_err();
    assert_eq!(names(&*inner, dir()).len(), 3);
    assert!(!save(&spares, 4, b"four").unwrap().recycled);
    Refused::allow(&tapped);
    spares.recycle(0).unwrap();
    assert_eq!(names(&*inner, dir()), ["3.save", "4.save"]);
}

#[test]
fn a_directory_that_could_not_be_synced_is_synced_again_before_a_spare_is_used() {
    let inner = memory();
    let tapped = Refused::over(&inner, Op::SyncDir);
    let files: Arc<dyn Files> = Arc::new(tapped.clone());
    Refused::allow(&tapped);
    let spares = open(&files);
    save(&spares, 1, b"one").unwrap();
    save(&spares, 2, b"two").unwrap();
    Refused::refuse(&tapped);
    assert_eq!(spares.make_ready(1, 100).unwrap_err().kind(), Kind::Io);
    spares.retire(&path_of(1)).unwrap();
    assert_eq!(spares.recycle(5).unwrap_err().kind(), Kind::Io);
    assert_eq!(spares.ready(), 0);
    Refused::allow(&tapped);
    spares.recycle(5).unwrap();
    assert_eq!(spares.ready(), 2);
    spares.make_ready(2, 100).unwrap();
    assert_eq!(names(&*inner, dir()).len(), 3);
}

#[test]
fn a_save_that_cannot_be_renamed_counts_all_the_same() {
    let inner = memory();
    let tapped = Refused::over(&inner, Op::Rename);
    let files: Arc<dyn Files> = Arc::new(tapped);
    let spares = open(&files);
    let saved = save(&spares, 1, b"one").unwrap();
    assert!(!saved.is_named());
    assert!(matches!(&saved.unnamed, Some(Error::Io { op: Op::Rename, .. })));
    assert_eq!(load(&*inner, &saved.path).unwrap(), (1, b"one".to_vec()));
    let (spares, mut unnamed) = open_all(&inner).unwrap();
    unnamed.pop().unwrap().adopt(&spares, OsStr::new(&name_of(1))).unwrap();
    assert_eq!(load(&*inner, &path_of(1)).unwrap(), (1, b"one".to_vec()));
}
