use std::{path::Path, sync::Arc};

use keepstone_storage::{
    Durability, Error, Files, MemFiles, Wal, WalOptions,
    wal::{GivenUp, Log},
};
use keepstone_testkit::CountingFiles;

use super::{DIR, content, drain, image, lsn, lsns, open, options, read, read_only, record};

fn memory() -> Arc<dyn Files> {
    Arc::new(MemFiles::new())
}

#[test]
fn records_of_all_lengths_are_read_back_in_order() {
    let files = memory();
    let lens = [0, 1, 7, 8, 9, 500, 5000, 8000, 20_000, 1 << 20, (1 << 20) + 1, (3 << 20) + 5];
    let expected: Vec<_> = (1..).zip(lens).map(|(lsn, len)| (lsn, record(lsn, len))).collect();
    for durability in [Durability::Durable, Durability::Buffered] {
        let files = memory();
        let wal = open(&files).unwrap();
        assert!(wal.opened().created);
        for (lsn, bytes) in &expected {
            assert_eq!(wal.append(bytes, durability).unwrap().0, *lsn);
        }
        assert_eq!(read(&wal).unwrap(), expected);
        wal.close().unwrap();
        assert_eq!(read_only(&files).unwrap(), expected);
        let wal = open(&files).unwrap();
        assert!(wal.opened().closed && wal.opened().copied == 0, "{:?}", wal.opened());
        assert_eq!(read(&wal).unwrap(), expected);
        assert_eq!(wal.end(), lsn(13));
    }
    assert!(files.list(Path::new("")).unwrap().is_empty());
}

#[test]
fn a_log_that_is_shrunk_takes_twelve_kibibytes_and_goes_on_where_it_was() {
    let files = memory();
    let options = || options(&files).segment_bytes(64 << 10, 256 << 10);
    let wal = Wal::open(DIR, options()).unwrap();
    wal.shrink().unwrap();
    for i in 1..=500 {
        wal.append(&record(i, 1000), Durability::Buffered).unwrap();
    }
    // What it gives up may have been given up before.
    wal.truncate(lsn(501)).unwrap();
    wal.shrink().unwrap();
    assert_eq!((wal.start(), wal.end()), (lsn(501), lsn(501)));
    wal.close().unwrap();
    let taken: usize = content(&*files).iter().map(|(_, bytes)| bytes.len()).sum();
    assert_eq!(taken, 12 << 10);
    let wal = Wal::open(DIR, options()).unwrap();
    for i in 501..=600 {
        assert_eq!(wal.append(&record(i, 1000), Durability::Buffered).unwrap(), lsn(i));
    }
    assert_eq!(lsns(&read(&wal).unwrap()), (501..=600).collect::<Vec<_>>());
}

#[test]
fn a_log_is_read_from_any_record_on() {
    let files = memory();
    let wal = open(&files).unwrap();
    for i in 1..=100 {
        wal.append(&record(i, 300), Durability::Buffered).unwrap();
    }
    for from in [1, 2, 50, 99, 100, 101, 200] {
        let found = lsns(&drain(wal.read_from(lsn(from)).unwrap()).unwrap());
        assert_eq!(found, (from..=100).collect::<Vec<_>>());
    }
    assert!(wal.stats().segments > 1);
}

#[test]
fn a_long_record_is_read_in_parts_of_bounded_length() {
    let files = memory();
    let wal = open(&files).unwrap();
    let long = record(1, (2 << 20) + 77);
    wal.append(&long, Durability::Durable).unwrap();
    wal.append(b"short", Durability::Durable).unwrap();
    let mut reader = wal.read_from(lsn(1)).unwrap();
    let mut found = Vec::new();
    let mut parts = Vec::new();
    while let Some(part) = reader.next_part().unwrap() {
        parts.push((part.lsn.0, part.bytes.len(), part.first, part.last));
        if part.lsn == lsn(1) {
            found.extend_from_slice(part.bytes);
        }
    }
    let expected =
        [(1, 1 << 20, true, false), (1, 1 << 20, false, false), (1, 77, false, true), (2, 5, true, true)];
    assert_eq!(parts, expected);
    assert_eq!(found, long);
}

#[test]
fn the_second_writer_is_refused_and_readers_are_not() {
    let files = memory();
    let wal = open(&files).unwrap();
    wal.append(b"one", Durability::Durable).unwrap();
    assert!(matches!(open(&files), Err(Error::Busy { path }) if path == Path::new("log/LOCK")));
    assert_eq!(read_only(&files).unwrap(), [(1, b"one".to_vec())]);
    drop(wal);
    open(&files).unwrap();
}

#[test]
fn given_up_records_are_gone_and_their_segments_with_them() {
    for given_up in [GivenUp::Remove, GivenUp::Recycle, GivenUp::Archive] {
        let files = memory();
        let wal = Wal::open(DIR, options(&files).given_up(given_up)).unwrap();
        for i in 1..=200 {
            wal.append(&record(i, 300), Durability::Durable).unwrap();
        }
        let before = wal.stats().segments;
        wal.truncate(lsn(150)).unwrap();
        assert_eq!(wal.start(), lsn(150));
        assert!(wal.stats().segments < before, "{given_up:?}");
        let given = wal.read_from(lsn(149)).unwrap_err();
        assert!(matches!(given, Error::GivenUp { asked: 149, start: 150, .. }), "{given}");
        for i in 201..=260 {
            wal.append(&record(i, 300), Durability::Durable).unwrap();
        }
        assert_eq!(lsns(&read(&wal).unwrap()), (150..=260).collect::<Vec<_>>());
        assert_eq!(wal.stats().segments_recycled > 0, given_up == GivenUp::Recycle);
        wal.close().unwrap();
        let archived = |name: &std::ffi::OsString| name.to_string_lossy().ends_with(".archived");
        let names = files.list(Path::new(DIR)).unwrap();
        assert_eq!(names.iter().any(archived), given_up == GivenUp::Archive);
        let wal = open(&files).unwrap();
        assert!(wal.opened().damage.is_empty(), "{:?}", wal.opened());
        assert_eq!(lsns(&read(&wal).unwrap()), (150..=260).collect::<Vec<_>>());
    }
}

#[test]
fn a_durable_append_is_one_write_and_one_sync_of_its_bytes() {
    let counting = Arc::new(CountingFiles::over(memory()));
    let files: Arc<dyn Files> = Arc::clone(&counting) as _;
    let wal = Wal::open(DIR, options(&files).segment_bytes(1 << 20, 1 << 20)).unwrap();
    let before = counting.counts();
    for _ in 0..100 {
        wal.append(&[7; 100], Durability::Durable).unwrap();
    }
    let after = counting.counts();
    assert_eq!(after.writes - before.writes, 100);
    assert_eq!(after.file_syncs - before.file_syncs, 100);
    // 16 bytes of head and 104 of body, and a mark of 40.
    assert_eq!(after.bytes_written - before.bytes_written, 100 * (16 + 104 + 40));
    assert_eq!(
        (after.dir_syncs, after.creates, after.renames),
        (before.dir_syncs, before.creates, before.renames)
    );
}

#[test]
fn reading_only_changes_no_byte_and_takes_no_lock() {
    let files = memory();
    let wal = open(&files).unwrap();
    wal.append(&record(1, 100), Durability::Buffered).unwrap();
    wal.flush().unwrap();
    let counting = Arc::new(CountingFiles::over(Arc::clone(&files)));
    let through: Arc<dyn Files> = Arc::clone(&counting) as _;
    assert_eq!(lsns(&read_only(&through).unwrap()), [1]);
    let counts = counting.counts();
    assert_eq!(
        (counts.writes, counts.creates, counts.file_syncs, counts.dir_syncs, counts.removes),
        (0, 0, 0, 0, 0)
    );
    assert!(!Log::open(DIR, options(&files)).unwrap().closed());
}

#[test]
fn what_a_killed_writer_left_is_copied_before_it_is_handed_out() {
    let files = memory();
    let wal = open(&files).unwrap();
    for i in 1..=10 {
        wal.append(&record(i, 100), Durability::Durable).unwrap();
    }
    wal.append(&record(11, 100), Durability::Buffered).unwrap();
    wal.flush().unwrap();
    // The process dies: nothing is closed, the lock goes with it.
    let left = image(&files);
    let wal = open(&left).unwrap();
    assert!(!wal.opened().closed && wal.opened().torn.is_none(), "{:?}", wal.opened());
    // The last group has no later mark, so it is copied with what was never synced.
    assert_eq!(wal.opened().copied, 2);
    assert_eq!(lsns(&read(&wal).unwrap()), (1..=11).collect::<Vec<_>>());
    assert_eq!(wal.append(b"next", Durability::Durable).unwrap(), lsn(12));
}

#[test]
fn a_log_that_keeps_nothing_back_gives_each_record_to_the_system() {
    // With nothing to keep back an append once wrote nothing for ever: no bytes are as many as were allowed.
    let counting = Arc::new(CountingFiles::over(memory()));
    let files: Arc<dyn Files> = Arc::clone(&counting) as _;
    let wal = Wal::open(DIR, options(&files).buffer_bytes(0)).unwrap();
    let before = counting.counts().writes;
    for i in 1..=3 {
        wal.append(&record(i, 10), Durability::Buffered).unwrap();
        assert_eq!(counting.counts().writes - before, i);
        assert_eq!(read_only(&files).unwrap().len() as u64, i);
    }
}

#[test]
fn wrong_options_are_refused_with_what_to_do() {
    let files = memory();
    for bad in [
        options(&files).segment_bytes(100, 1 << 20),
        options(&files).segment_bytes(1 << 20, 1 << 19),
        options(&files).record_bytes_max(1 << 31),
    ] {
        let err = Wal::open(DIR, bad).unwrap_err();
        assert!(matches!(&err, Error::Options { what, .. } if what.ends_with("mend the options")), "{err}");
    }
    let wal = Wal::open(DIR, options(&files).record_bytes_max(10)).unwrap();
    let long = wal.append(&[0; 11], Durability::Durable).unwrap_err();
    assert!(matches!(long, Error::RecordTooLong { needs: 11, allowed: 10, .. }), "{long}");
    assert!(matches!(wal.append_batch(&[], Durability::Durable), Err(Error::Options { .. })));
    assert_eq!(wal.end(), lsn(1));
}

#[test]
fn threads_share_a_log_and_each_gets_its_own_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let options = WalOptions::default().segment_bytes(1 << 16, 1 << 18);
    let wal = Wal::open(dir.path().join("log"), options.clone()).unwrap();
    let per_thread = 200;
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let wal = &wal;
            scope.spawn(move || {
                let mut last = lsn(0);
                for i in 0..per_thread {
                    let durability = if i % 3 == 0 { Durability::Durable } else { Durability::Buffered };
                    let bytes = [thread.to_le_bytes(), u64::to_le_bytes(i)].concat();
                    let at = wal.append(&bytes.repeat(10), durability).unwrap();
                    assert!(at > last);
                    last = at;
                }
            });
        }
    });
    let written = read(&wal).unwrap();
    wal.close().unwrap();
    let wal = Wal::open(dir.path().join("log"), options).unwrap();
    assert!(wal.opened().closed);
    assert_eq!(read(&wal).unwrap(), written);
    assert_eq!(lsns(&written), (1..=8 * per_thread).collect::<Vec<_>>());
    for thread in 0..8_u64 {
        let own = written.iter().filter(|(_, bytes)| bytes[..8] == thread.to_le_bytes());
        let counts: Vec<u64> = own.map(|(_, b)| u64::from_le_bytes(b[8..16].try_into().unwrap())).collect();
        assert_eq!(counts, (0..per_thread).collect::<Vec<_>>());
    }
}
