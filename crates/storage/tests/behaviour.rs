use std::{
    io::{ErrorKind, Write as _},
    path::Path,
    sync::Arc,
};

use keepstone_format::Kind;
use keepstone_storage::{Durability, Error, Files, MemFiles, Op, OsFiles, atomic, read};

use crate::support::{load, names, on_both, payload, save};

#[test]
fn both_file_systems_keep_the_contract_of_files() {
    on_both(|files, root| {
        let path = root.join("a");
        let file = files.create_new(&path).unwrap();
        file.write_all_at(b"hello world", 0).unwrap();
        file.write_all_at(b"W", 6).unwrap();
        file.write_all_at(b"!", 12).unwrap();
        file.sync_data().unwrap();
        file.sync_all().unwrap();
        files.sync_dir(root).unwrap();

        let again = files.open(&path).unwrap();
        let mut buf = [9; 20];
        assert_eq!(again.read_full_at(&mut buf, 0).unwrap(), 13);
        assert_eq!(&buf[..14], b"hello World\0!\x09");
        assert_eq!(again.read_at(&mut buf, 13).unwrap(), 0);
        assert_eq!(again.metadata().unwrap().len, 13);
        assert_eq!(again.metadata().unwrap().id, files.metadata(&path).unwrap().id);

        // A name given away leaves the open file whole.
        save(&**files, &path, b"new").unwrap();
        assert_eq!(again.metadata().unwrap().len, 13);
        assert_ne!(again.metadata().unwrap().id, files.metadata(&path).unwrap().id);

        let sub = root.join("sub");
        files.create_dir(&sub).unwrap();
        files.rename(&path, &sub.join("b")).unwrap();
        assert_eq!(names(&**files, root), ["sub"]);
        assert_eq!(names(&**files, &sub.join("..")), ["sub"]);
        files.remove(&sub.join("b")).unwrap();
        assert!(names(&**files, &sub).is_empty());
    });
}

#[test]
fn both_file_systems_refuse_alike_and_name_operation_and_path() {
    on_both(|files, root| {
        let (file, dir, none) = (root.join("file"), root.join("dir"), root.join("none"));
        save(&**files, &file, b"x").unwrap();
        files.create_dir(&dir).unwrap();
        let check = |result: Result<(), Error>, op: Op, at: &Path, kind: ErrorKind| match result {
            Err(Error::Io { op: found, path, source }) => {
                assert_eq!((found, path.as_path(), source.kind()), (op, at, kind));
            }
            other => panic!("{op:?}: {other:?}"),
        };
        let (inside, missing) = (file.join("x"), none.join("x"));
        let (gone, taken) = (ErrorKind::NotFound, ErrorKind::AlreadyExists);
        check(files.open(&none).map(drop), Op::Open, &none, gone);
        check(files.create_new(&file).map(drop), Op::CreateNew, &file, taken);
        check(files.create_new(&missing).map(drop), Op::CreateNew, &missing, gone);
        check(files.metadata(&none).map(drop), Op::Metadata, &none, gone);
        check(files.list(&none).map(drop), Op::List, &none, gone);
        check(files.create_dir(&dir), Op::CreateDir, &dir, taken);
        check(files.create_dir(&missing), Op::CreateDir, &missing, gone);
        check(files.rename(&none, &file), Op::Rename, &file, gone);
        check(files.remove(&none), Op::Remove, &none, gone);
        // Windows has other answers to these.
        if cfg!(unix) {
            let (no_dir, is_dir) = (ErrorKind::NotADirectory, ErrorKind::IsADirectory);
            check(files.open(&inside).map(drop), Op::Open, &inside, no_dir);
            check(files.rename(&file, &dir), Op::Rename, &dir, is_dir);
            check(files.sync_dir(&none), Op::SyncDir, &none, gone);
        }
        assert_eq!(names(&**files, root), ["dir", "file"]);
    });
}

#[test]
fn a_lock_keeps_others_out_until_its_handle_is_closed() {
    on_both(|files, root| {
        let path = root.join("a");
        let first = files.create_new(&path).unwrap();
        assert!(first.try_lock().unwrap());
        let second = files.open(&path).unwrap();
        assert!(!second.try_lock().unwrap());
        drop(first);
        assert!(second.try_lock().unwrap());
        // A handle that never had the lock does not give it up.
        drop(files.open(&path).unwrap());
        assert!(!files.open(&path).unwrap().try_lock().unwrap());
    });
}

#[test]
fn a_replaced_file_has_the_new_content_and_nothing_is_left_beside_it() {
    on_both(|files, root| {
        let path = root.join("deep/er/a.keep");
        for (tag, len) in [(1, 0), (2, 1), (3, 4096), (4, 100_000), (5, 10)] {
            let content = payload(tag, len);
            let receipt = save(&**files, &path, &content).unwrap();
            assert_eq!(receipt.bytes, len as u64);
            assert_eq!(receipt.durability, Durability::Durable);
            assert_eq!(load(&**files, &path), Some(content));
            assert_eq!(names(&**files, path.parent().unwrap()), ["a.keep"]);
        }
    });
}

#[test]
fn pieces_are_visible_only_together() {
    on_both(|files, root| {
        let path = root.join("a.keep");
        save(&**files, &path, b"old").unwrap();
        let mut writer = atomic::Writer::create(&**files, &path, Durability::Buffered).unwrap();
        for piece in [&b"one "[..], b"", b"two ", b"three"] {
            writer.write_all(piece).unwrap();
            assert_eq!(load(&**files, &path).unwrap(), b"old");
        }
        let receipt = writer.commit().unwrap();
        assert_eq!((receipt.bytes, receipt.durability), (13, Durability::Buffered));
        assert_eq!(load(&**files, &path).unwrap(), b"one two three");
    });
}

#[test]
fn a_dropped_writer_changes_nothing() {
    on_both(|files, root| {
        let path = root.join("a.keep");
        let write = || {
            let mut writer = atomic::Writer::create(&**files, &path, Durability::Durable).unwrap();
            writer.write_all(b"half").unwrap();
        };
        write();
        assert!(names(&**files, root).is_empty());
        save(&**files, &path, b"old").unwrap();
        write();
        assert_eq!(names(&**files, root), ["a.keep"]);
        assert_eq!(load(&**files, &path).unwrap(), b"old");
    });
}

#[test]
fn a_panic_while_writing_leaves_the_previous_file() {
    on_both(|files, root| {
        let path = root.join("a.keep");
        save(&**files, &path, b"old").unwrap();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut writer = atomic::Writer::create(&**files, &path, Durability::Durable).unwrap();
            writer.write_all(b"half").unwrap();
            std::panic::resume_unwind(Box::new("user code"));
        }));
        assert!(panicked.is_err());
        assert_eq!(names(&**files, root), ["a.keep"]);
        save(&**files, &path, b"new").unwrap();
        assert_eq!(load(&**files, &path).unwrap(), b"new");
    });
}

#[test]
fn the_mode_of_the_replaced_file_is_kept() {
    on_both(|files, root| {
        let path = root.join("a.keep");
        for mode in [0o600, 0o444, 0o640] {
            save(&**files, &path, b"old").unwrap();
            let old = files.open(&path).unwrap();
            if old.metadata().unwrap().mode.is_none() {
                return;
            }
            old.set_mode(mode).unwrap();
            let mut writer = atomic::Writer::create(&**files, &path, Durability::Durable).unwrap();
            // Not even the temporary, while it is written, may be read by more than the old file.
            let beside = names(&**files, root).into_iter().find(|name| name != "a.keep");
            let temporary = root.join(beside.unwrap());
            assert_eq!(files.metadata(&temporary).unwrap().mode, Some(mode));
            writer.write_all(b"new").unwrap();
            writer.commit().unwrap();
            assert_eq!(files.metadata(&path).unwrap().mode, Some(mode));
        }
    });
}

#[test]
fn reading_checks_the_limit_first_and_reuses_the_buffer() {
    on_both(|files, root| {
        let path = root.join("a.keep");
        save(&**files, &path, &[1; 1000]).unwrap();
        let mut buf = vec![7; 3000];
        let memory = buf.as_ptr();
        read(&**files, &path, 1000, &mut buf).unwrap();
        assert_eq!((buf.as_slice(), buf.as_ptr()), (&[1; 1000][..], memory));

        let mut none = Vec::new();
        let err = read(&**files, &path, 999, &mut none).unwrap_err();
        assert_eq!(err.kind(), Kind::Limit);
        assert!(matches!(err, Error::Limit { needs: 1000, allowed: 999, .. }));
        assert_eq!(none.capacity(), 0);

        let err = read(&**files, &root.join("none"), 1, &mut none).unwrap_err();
        assert_eq!(err.kind(), Kind::NotFound);
    });
}

#[test]
fn a_path_without_a_name_is_misuse() {
    for path in ["", "/", "..", "a/.."] {
        let err = save(&MemFiles::new(), Path::new(path), b"x").unwrap_err();
        assert_eq!(err.kind(), Kind::Misuse, "{path}");
        assert!(matches!(err, Error::NoFileName { .. }));
    }
}

#[test]
fn a_directory_is_not_replaced() {
    on_both(|files, root| {
        let dir = root.join("dir");
        files.create_dir(&dir).unwrap();
        let err = save(&**files, &dir, b"x").unwrap_err();
        assert!(matches!(err, Error::NotAFile { .. }), "{err:?}");
        assert_eq!(err.kind(), Kind::Misuse);
        assert_eq!(names(&**files, root), ["dir"]);
    });
}

#[test]
fn a_bare_name_stands_in_the_current_directory() {
    let check = |files: &dyn Files| {
        let path = Path::new("bare.keep");
        save(files, path, b"1").unwrap();
        save(files, path, b"2").unwrap();
        assert_eq!(load(files, path).unwrap(), b"2");
        assert_eq!(names(files, Path::new(".")), ["bare.keep"]);
    };
    check(&MemFiles::new());
    // No other test depends on the current directory.
    let dir = tempfile::tempdir().unwrap();
    std::env::set_current_dir(dir.path()).unwrap();
    check(&OsFiles);
}

#[test]
fn longest_names_and_names_that_are_not_ascii_are_replaced() {
    on_both(|files, root| {
        for name in ["x".repeat(255), "\u{e9}".repeat(127), ".hidden".into(), "a b".into()] {
            let path = root.join(name);
            save(&**files, &path, b"1").unwrap();
            save(&**files, &path, b"2").unwrap();
            assert_eq!(load(&**files, &path).unwrap(), b"2");
        }
        assert_eq!(names(&**files, root).len(), 4);
    });
}

#[test]
fn eight_threads_leave_one_whole_file_and_readers_see_only_whole_ones() {
    on_both(|files, root| {
        let path = root.join("new/dir/a.keep");
        let content = |tag: u8| payload(tag, 2000 + 500 * usize::from(tag));
        let whole = |bytes: &[u8]| {
            (0..8).any(|tag| content(tag).starts_with(bytes) && content(tag).len() == bytes.len())
        };
        std::thread::scope(|scope| {
            for tag in 0..8 {
                let (files, path) = (Arc::clone(files), &path);
                scope.spawn(move || {
                    for _ in 0..10 {
                        save(&*files, path, &content(tag)).unwrap();
                        if cfg!(windows) {
                            // Another writer's lock, held until its rename is done, bars readers.
                            continue;
                        }
                        let found = load(&*files, path).unwrap();
                        assert!(whole(&found), "{} bytes", found.len());
                    }
                });
            }
        });
        assert!(whole(&load(&**files, &path).unwrap()));
        assert_eq!(names(&**files, path.parent().unwrap()), ["a.keep"]);
    });
}

#[cfg(unix)]
#[test]
fn a_pipe_is_neither_waited_for_nor_replaced() {
    // A save onto a device put a plain file in its place, and a load from a pipe without a writer waited for ever.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    if !made.is_ok_and(|status| status.success()) {
        println!("skipped: no mkfifo");
        return;
    }
    let err = save(&OsFiles, &path, b"x").unwrap_err();
    assert!(matches!(err, Error::NotAFile { .. }), "{err:?}");
    let err = read(&OsFiles, &path, 100, &mut Vec::new()).unwrap_err();
    assert!(matches!(err, Error::NotAFile { .. }), "{err:?}");
}
