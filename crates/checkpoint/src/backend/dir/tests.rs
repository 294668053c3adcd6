use std::{
    cell::RefCell,
    sync::atomic::{AtomicBool, Ordering},
};

use keepstone_format::Kind;
use keepstone_storage::{MemFiles, Op};
use keepstone_testkit::{
    CountingFiles, Fault, FaultFiles, NoDirSync, SimFiles, Sweep, Until, fault_sweep,
    tap::{Call, Tap, Tapped, Verdict},
};

use super::*;

const DIR: &str = "store";

fn content(tag: u8) -> Vec<u8> {
    (0..700 + 100 * usize::from(tag)).map(|at| tag + u8::try_from(at % 7).unwrap()).collect()
}

/// What a history does to objects whose content is told by their last character.
#[derive(Debug, Clone, Copy)]
enum Act {
    Put(&'static str),
    Delete(&'static str),
    Reopen,
}

const ACTS: [Act; 8] = [
    Act::Put("packs/0.keep1"),
    Act::Put("manifests/0.keep2"),
    Act::Delete("packs/0.keep1"),
    Act::Put("packs/0.keep3"),
    Act::Reopen,
    Act::Put("single4"),
    Act::Delete("packs/0.keep3"),
    Act::Put("packs/0.keep5"),
];

fn tag_of(name: &str) -> u8 {
    name.as_bytes()[name.len() - 1] - b'0'
}

fn run(files: &Arc<dyn Files>, disk: &SimFiles) -> Result<(), String> {
    let open = || DirBackend::open(Arc::clone(files), DIR).map_err(|e| e.to_string());
    let mut backend = open()?;
    for (done, act) in ACTS.iter().enumerate() {
        match *act {
            Act::Put(name) => match backend.put_if_absent(name, &content(tag_of(name))) {
                Ok(true) => {}
                other => return Err(format!("{name}: {other:?}")),
            },
            Act::Delete(name) => backend.delete(name).map_err(|e| e.to_string())?,
            Act::Reopen => {
                drop(backend);
                backend = open()?;
            }
        }
        disk.acknowledge_as(done as u64 + 1);
    }
    Ok(())
}

/// All that was put and not deleted is there, and what is there is whole.
fn check(disk: &SimFiles, done: u64) -> Result<(), String> {
    let backend = DirBackend::open(Arc::new(disk.clone()), DIR).map_err(|e| format!("open: {e}"))?;
    let listed = backend.list("").map_err(|e| format!("list: {e}"))?;
    let done = usize::try_from(done).unwrap();
    for (at, act) in ACTS.iter().enumerate() {
        let Act::Put(name) = *act else { continue };
        let found = backend.get(name).map_err(|e| format!("get: {e}"))?;
        let may_be_gone = ACTS[at..]
            .iter()
            .take(done + 1 - at.min(done))
            .any(|act| matches!(act, Act::Delete(of) if *of == name));
        match &found {
            Some(bytes) if *bytes != content(tag_of(name)) => return Err(format!("{name} has other bytes")),
            Some(_) if at > done => return Err(format!("{name} is there before it was put")),
            None if at < done && !may_be_gone => return Err(format!("{name} is lost")),
            _ => {}
        }
        let in_list = listed.iter().find(|object| object.name == name);
        if in_list.map(|object| object.len) != found.as_ref().map(|bytes| bytes.len() as u64) {
            return Err(format!("{name} is listed as {in_list:?}"));
        }
    }
    let names: Vec<_> =
        ACTS.iter().filter_map(|act| if let Act::Put(name) = act { Some(*name) } else { None }).collect();
    if let Some(stray) = listed.iter().find(|object| !names.contains(&object.name.as_str())) {
        return Err(format!("{stray:?} is listed, which nobody put"));
    }
    let put = backend.put_if_absent("packs/after", b"after").map_err(|e| format!("put: {e}"))?;
    if put { Ok(()) } else { Err("nothing can be put any more".to_owned()) }
}

#[test]
fn what_was_put_is_there_after_any_crash_and_never_in_part() {
    let swept = Sweep::new()
        .run(|disk| run(&(Arc::new(disk.clone()) as Arc<dyn Files>), disk).unwrap())
        .recover(|disk| DirBackend::open(Arc::new(disk.clone()), DIR).map(drop).map_err(|e| e.to_string()))
        .check(check);
    let swept = swept.unwrap_or_else(|e| panic!("{e}"));
    assert!(swept.crash_points > 40, "{swept}");
}

/// What an opening has seen after a kill may be built on: a power cut doesn't take it any more.
#[test]
fn what_an_opening_shows_after_a_kill_is_durable() {
    let seen = RefCell::new(BTreeSet::new());
    let swept = Sweep::new()
        .run(|disk| {
            let backend = DirBackend::open(Arc::new(disk.clone()), DIR).unwrap();
            backend.put_if_absent("packs/0", &content(1)).unwrap();
            disk.acknowledge_as(1);
        })
        .recover(|disk| {
            let backend = DirBackend::open(Arc::new(disk.clone()), DIR).map_err(|e| e.to_string())?;
            let there = backend.get("packs/0").map_err(|e| e.to_string())?.is_some();
            seen.borrow_mut().insert(there);
            if there {
                disk.acknowledge_as(2);
            }
            Ok(())
        })
        .check(|disk, acknowledged| {
            let backend = DirBackend::open(Arc::new(disk.clone()), DIR).map_err(|e| e.to_string())?;
            match backend.get("packs/0").map_err(|e| e.to_string())? {
                Some(bytes) if bytes == content(1) => Ok(()),
                None if acknowledged == 0 => Ok(()),
                other => Err(format!("after {acknowledged}: {:?} bytes", other.map(|bytes| bytes.len()))),
            }
        });
    swept.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(seen.borrow().len(), 2, "both cases are met");
}

#[test]
fn a_directory_that_is_not_synced_is_caught() {
    let swept = Sweep::new()
        .run(|disk| {
            run(&(Arc::new(NoDirSync::over(Arc::new(disk.clone()))) as Arc<dyn Files>), disk).unwrap();
        })
        .check(check);
    assert!(swept.is_err());
}

#[test]
fn any_call_may_fail_and_the_object_is_there_whole_or_not_at_all() {
    let disk = || {
        let files: Arc<dyn Files> = Arc::new(MemFiles::new());
        DirBackend::open(Arc::clone(&files), DIR).unwrap().put_if_absent("packs/old", &content(1)).unwrap();
        files
    };
    let run = |files: &FaultFiles| {
        let backend = DirBackend::open(Arc::new(files.clone()), DIR).map_err(|e| e.kind())?;
        let put = backend.put_if_absent("packs/new", &content(2)).map_err(|e| e.kind());
        let listed = backend.list("packs/").map_err(|e| e.kind());
        let read = backend.get("packs/old").map_err(|e| e.kind());
        if let Ok(Some(bytes)) = &read {
            assert_eq!(*bytes, content(1));
        }
        if let (Ok(listed), Ok(true)) = (&listed, &put) {
            assert_eq!(listed.len(), 2);
        }
        backend.delete("packs/old").map_err(|e| e.kind())?;
        put
    };
    let swept = fault_sweep(&[Fault::NoSpace, Fault::Io], disk, run, |files, answer, case| {
        let backend = DirBackend::open(Arc::clone(files), DIR).map_err(|e| e.to_string())?;
        let found = backend.get("packs/new").map_err(|e| e.to_string())?;
        if found.as_ref().is_some_and(|bytes| *bytes != content(2)) {
            return Err("half of it is there".to_owned());
        }
        match answer {
            Ok(true) if found.is_none() => return Err("it is lost".to_owned()),
            Ok(false) => return Err("the name was free".to_owned()),
            Err(kind) if case.fault == Fault::NoSpace && kind != Kind::NoSpace => {
                return Err(format!("{kind:?}"));
            }
            _ => {}
        }
        let again = backend.put_if_absent("packs/new", &content(2)).map_err(|e| e.to_string())?;
        if again == found.is_some() { Err("it can't be put again".to_owned()) } else { Ok(()) }
    });
    let swept = swept.unwrap_or_else(|e| panic!("{e}"));
    assert!(swept.calls > 20, "{swept:?}");
}

/// A put whose last sync has failed shows its object: whoever reads it waits for the sync to be made up for.
#[test]
fn an_object_whose_name_was_not_synced_is_synced_before_it_is_shown() {
    #[derive(Debug)]
    struct NoSync(Arc<AtomicBool>);
    impl Tap for NoSync {
        fn before(&self, call: &Call<'_>) -> Verdict {
            let fails = call.op == Op::SyncDir && self.0.load(Ordering::SeqCst);
            if fails { Verdict::Fail(ErrorKind::Other.into()) } else { Verdict::Run }
        }
    }
    let switch = Arc::new(AtomicBool::new(false));
    let disk = SimFiles::empty();
    let files = Tapped::new(Arc::new(disk.clone()), NoSync(Arc::clone(&switch)));
    let backend = DirBackend::open(Arc::new(files), DIR).unwrap();
    backend.put_if_absent("packs/a", b"a").unwrap();
    switch.store(true, Ordering::SeqCst);
    assert_eq!(backend.put_if_absent("packs/b", b"b").unwrap_err().kind(), Kind::Io);
    assert_eq!(backend.get("packs/b").unwrap_err().kind(), Kind::Io);
    assert_eq!(backend.get_range("packs/a", 0..1).unwrap_err().kind(), Kind::Io);
    assert_eq!(backend.list("packs/").unwrap_err().kind(), Kind::Io);
    let syncs =
        |disk: &SimFiles| disk.steps().iter().filter(|step| step.to_string().contains("sync")).count();
    let before = syncs(&disk);
    switch.store(false, Ordering::SeqCst);
    assert_eq!(backend.get("packs/b").unwrap().unwrap(), b"b");
    assert_eq!(syncs(&disk), before + 1);
    assert!(!backend.put_if_absent("packs/b", b"b").unwrap());
    assert_eq!(syncs(&disk), before + 1);
}

#[test]
fn a_second_writer_is_refused_at_once_and_readers_are_not() {
    let files: Arc<dyn Files> = Arc::new(MemFiles::new());
    let writer = DirBackend::open(Arc::clone(&files), DIR).unwrap();
    writer.put_if_absent("packs/a", b"a").unwrap();
    let err = DirBackend::open(Arc::clone(&files), DIR).unwrap_err();
    assert!(matches!(&err, Error::Storage(source) if matches!(**source, StorageError::Busy { .. })), "{err}");

    let reader = DirBackend::read_only(Arc::clone(&files), DIR);
    assert_eq!(reader.get("packs/a").unwrap().unwrap(), b"a");
    assert_eq!(reader.list("").unwrap().len(), 1);
    for err in [reader.put_if_absent("packs/b", b"b").unwrap_err(), reader.delete("packs/a").unwrap_err()] {
        assert_eq!((err.kind(), err.source.downcast_ref()), (Kind::Denied, Some(&Refused::ReadOnly)));
    }
    assert_eq!(writer.list("").unwrap().len(), 1);
    drop(writer);
    DirBackend::open(files, DIR).unwrap();
}

#[test]
fn reading_a_directory_that_is_not_there_finds_nothing_and_makes_nothing() {
    let files: Arc<dyn Files> = Arc::new(MemFiles::new());
    let reader = DirBackend::read_only(Arc::clone(&files), "not/there");
    assert_eq!(reader.list("packs/").unwrap(), []);
    assert_eq!(reader.get("packs/a").unwrap(), None);
    assert_eq!(reader.get_range("packs/a", 0..5).unwrap(), None);
    assert!(files.metadata(Path::new("not")).is_err());
}

#[test]
fn the_log_the_lock_and_what_a_killed_writer_left_are_no_objects() {
    let files: Arc<dyn Files> = Arc::new(MemFiles::new());
    let backend = DirBackend::open(Arc::clone(&files), DIR).unwrap();
    backend.put_if_absent("packs/a", b"a").unwrap();
    drop(backend);
    files.create_dir(Path::new("store/log")).unwrap();
    for path in ["store/log/0001.wal", "store/packs/.b.1-2.tmp", "store/.c.1-2.tmp", "store/packs/UPPER"] {
        files.create_new(Path::new(path)).unwrap();
    }
    let backend = DirBackend::open(Arc::clone(&files), DIR).unwrap();
    assert_eq!(backend.list("").unwrap(), [Object { name: "packs/a".to_owned(), len: 1 }]);
    for name in ["log/0001.wal", "lock", "log"] {
        assert_eq!(backend.get(name).unwrap_err().kind(), Kind::Misuse);
        assert_eq!(backend.put_if_absent(name, b"").unwrap_err().kind(), Kind::Misuse);
        assert_eq!(backend.delete(name).unwrap_err().kind(), Kind::Misuse);
    }
    assert!(files.metadata(Path::new("store/packs/.b.1-2.tmp")).is_err());
    assert!(files.metadata(Path::new("store/.c.1-2.tmp")).is_err());
    assert!(files.metadata(Path::new("store/packs/UPPER")).is_ok());
    // A directory is no object either.
    assert_eq!(backend.get("packs").unwrap(), None);
    assert_eq!(backend.get_range("packs", 0..1).unwrap(), None);
    assert_eq!(backend.put_if_absent("packs", b"").unwrap_err().kind(), Kind::Misuse);
}

#[test]
fn a_range_is_one_read() {
    let files = CountingFiles::over(Arc::new(MemFiles::new()));
    let counted: Arc<dyn Files> = Arc::new(files.clone());
    let backend = DirBackend::open(counted, DIR).unwrap();
    backend.put_if_absent("packs/a", &content(3)).unwrap();
    let before = files.counts();
    assert_eq!(backend.get_range("packs/a", 100..200).unwrap().unwrap(), content(3)[100..200]);
    let after = files.counts();
    assert_eq!(
        (after.reads - before.reads, after.others - before.others),
        (1, 2),
        "an opening and the length"
    );
}

#[test]
fn a_fault_that_stays_answers_an_error_on_every_call() {
    let files: Arc<dyn Files> = Arc::new(MemFiles::new());
    drop(DirBackend::open(Arc::clone(&files), DIR).unwrap());
    let broken = FaultFiles::over(files, 0, Fault::Io, Until::Forever);
    assert_eq!(DirBackend::open(Arc::new(broken), DIR).unwrap_err().kind(), Kind::Io);
}

#[test]
fn parts_of_an_object_are_read_without_opening_it_again() {
    let files = Arc::new(CountingFiles::over(Arc::new(MemFiles::new())));
    let backend = DirBackend::open(files.clone(), DIR).unwrap();
    let part = |name: &str, at: u64| {
        let before = files.counts();
        let bytes = backend.get_range(name, at..at + 2).unwrap().unwrap();
        assert_eq!(bytes, content(tag_of(name))[usize::try_from(at).unwrap()..][..2]);
        let after = files.counts();
        assert_eq!(after.reads - before.reads, 1);
        after.others - before.others
    };
    let names: Vec<String> = (0..9).map(|tag| format!("packs/{tag}")).collect();
    for name in &names {
        assert!(backend.put_if_absent(name, &content(tag_of(name))).unwrap());
        assert!(part(name, 7) > 0 && part(name, 3) == 0, "{name}");
    }
    // Eight are open: the first one was closed, for which it makes room again the next time.
    assert!(part(&names[1], 0) == 0 && part(&names[0], 0) > 0);
    assert!(part(&names[1], 0) == 0 && part(&names[2], 0) > 0);
}

#[test]
fn what_was_deleted_is_not_read_from_the_file_that_it_was() {
    let backend = DirBackend::open(Arc::new(MemFiles::new()), DIR).unwrap();
    for bytes in [b"first", b"other"] {
        assert_eq!(backend.get_range("packs/a", 0..5).unwrap(), None);
        assert!(backend.put_if_absent("packs/a", bytes).unwrap());
        for _ in 0..2 {
            assert_eq!(backend.get_range("packs/a", 0..9).unwrap().unwrap(), bytes);
        }
        backend.delete("packs/a").unwrap();
    }
    // Who only reads can't tell when somebody else deletes it.
    assert!(backend.put_if_absent("packs/a", b"first").unwrap());
    let reader = DirBackend::read_only(Arc::clone(&backend.files), DIR);
    assert_eq!(reader.get_range("packs/a", 0..9).unwrap().unwrap(), b"first");
    backend.delete("packs/a").unwrap();
    assert_eq!(reader.get_range("packs/a", 0..9).unwrap(), None);
}
