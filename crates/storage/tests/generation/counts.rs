use std::sync::Arc;

use keepstone_storage::{Files, MemFiles};
use keepstone_testkit::{CountingFiles, Counts};

use super::{commit, open, state};

/// What one commit of `len` bytes of state costs.
fn cost(files: &CountingFiles, generations: &mut keepstone_storage::Generations, len: usize) -> Counts {
    let before = files.counts();
    commit(generations, &state(1, len)).unwrap();
    let after = files.counts();
    Counts {
        creates: after.creates - before.creates,
        writes: after.writes - before.writes,
        bytes_written: 0,
        reads: after.reads - before.reads,
        file_syncs: after.file_syncs - before.file_syncs,
        dir_syncs: after.dir_syncs - before.dir_syncs,
        renames: after.renames - before.renames,
        removes: after.removes - before.removes,
        others: after.others - before.others,
    }
}

#[test]
fn a_recycled_commit_opens_looks_locks_writes_and_syncs_twice() {
    let counting = CountingFiles::over(Arc::new(MemFiles::new()));
    let files: Arc<dyn Files> = Arc::new(counting.clone());
    let mut generations = open(&files, 1).unwrap();
    // Body and page; open, ask for a second name, and lock.
    let recycled = Counts { writes: 2, file_syncs: 2, others: 3, ..Counts::default() };
    let new = Counts { creates: 1, dir_syncs: 1, others: 1, ..recycled };
    assert_eq!(cost(&counting, &mut generations, 1000), new);
    assert_eq!(cost(&counting, &mut generations, 1000), new);
    for len in [1000, 20_000, 60_000, 1] {
        assert_eq!(cost(&counting, &mut generations, len), recycled, "{len}");
    }
    // Of a large one what is before its pages, the pages, what is behind them.
    for _ in 0..2 {
        cost(&counting, &mut generations, 1 << 20);
    }
    for len in [1 << 20, 1_000_000] {
        assert_eq!(cost(&counting, &mut generations, len), Counts { writes: 4, ..recycled }, "{len}");
    }
}

#[test]
fn an_opening_writes_and_syncs_the_newest_page_and_the_directory() {
    let counting = CountingFiles::over(Arc::new(MemFiles::new()));
    let files: Arc<dyn Files> = Arc::new(counting.clone());
    let mut generations = open(&files, 1).unwrap();
    for tag in 0..3 {
        commit(&mut generations, &state(tag, 10)).unwrap();
    }
    drop(generations);
    let before = counting.counts();
    open(&files, 1).unwrap();
    let after = counting.counts();
    assert_eq!(after.writes - before.writes, 1);
    assert_eq!(after.bytes_written - before.bytes_written, 4096);
    assert_eq!(after.file_syncs - before.file_syncs, 1);
    assert_eq!(after.dir_syncs - before.dir_syncs, 1);
    assert_eq!((after.creates, after.removes), (before.creates, before.removes));
}
