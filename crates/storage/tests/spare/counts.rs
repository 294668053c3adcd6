use std::{ffi::OsStr, sync::Arc};

use keepstone_format::{Codec, FileKind, Metadata, SectionId, WriterOptions};
use keepstone_storage::{
    Files, MemFiles,
    spare::{self, Spares},
};
use keepstone_testkit::{CountingFiles, Counts};

use super::{name_of, open, path_of, save, state};

fn cost(files: &CountingFiles, work: impl FnOnce()) -> Counts {
    let before = files.counts();
    work();
    let after = files.counts();
    Counts {
        creates: after.creates - before.creates,
        writes: after.writes - before.writes,
        bytes_written: after.bytes_written - before.bytes_written,
        reads: after.reads - before.reads,
        file_syncs: after.file_syncs - before.file_syncs,
        dir_syncs: after.dir_syncs - before.dir_syncs,
        renames: after.renames - before.renames,
        removes: after.removes - before.removes,
        others: after.others - before.others,
    }
}

/// Without the bytes, which depend on the length of a container.
fn calls(files: &CountingFiles, work: impl FnOnce()) -> Counts {
    Counts { bytes_written: 0, ..cost(files, work) }
}

fn counting() -> (CountingFiles, Spares) {
    let counting = CountingFiles::over(Arc::new(MemFiles::new()));
    let files: Arc<dyn Files> = Arc::new(counting.clone());
    let spares = open(&files);
    (counting, spares)
}

#[test]
fn a_save_into_a_file_that_is_ready_costs_one_write_one_sync_and_one_rename() {
    let (counting, spares) = counting();
    spares.make_ready(2, 2000).unwrap();
    // Open and lock. That the name is free is told by a look that fails, which is not counted.
    let one = Counts { writes: 1, file_syncs: 1, renames: 1, others: 2, ..Counts::default() };
    assert_eq!(calls(&counting, || drop(save(&spares, 1, &state(1, 1000)).unwrap())), one);
    // One that grows costs no call more.
    assert_eq!(calls(&counting, || drop(save(&spares, 2, &state(2, 9000)).unwrap())), one);
    assert_eq!(spares.ready(), 0);
}

#[test]
fn a_long_save_into_a_file_that_is_ready_costs_one_sync_as_well() {
    let (counting, spares) = counting();
    spares.make_ready(1, 1 << 20).unwrap();
    // What is before whole pages, the pages, what is behind them, and the commit page.
    let long = Counts { writes: 4, file_syncs: 1, renames: 1, others: 2, ..Counts::default() };
    assert_eq!(calls(&counting, || drop(save(&spares, 1, &state(1, 1 << 20)).unwrap())), long);
}

#[test]
fn a_new_file_costs_a_sync_of_it_and_one_of_the_directory() {
    let (counting, spares) = counting();
    let new = Counts {
        creates: 1,
        writes: 1,
        file_syncs: 1,
        dir_syncs: 1,
        renames: 1,
        others: 1,
        ..Counts::default()
    };
    assert_eq!(calls(&counting, || drop(save(&spares, 1, &state(1, 1000)).unwrap())), new);
}

#[test]
fn a_save_that_is_left_to_the_system_costs_no_sync() {
    let (counting, spares) = counting();
    let left = Counts { creates: 1, writes: 1, renames: 1, others: 1, ..Counts::default() };
    let work = || {
        let mut draft = spares.begin(1, 100).unwrap();
        let written = super::fill(&mut draft, b"left").unwrap();
        draft.seal(written).unwrap().leave().publish(OsStr::new("1.save")).unwrap();
    };
    assert_eq!(calls(&counting, work), left);
}

#[test]
fn files_are_made_ready_with_one_sync_each_and_one_of_the_directory() {
    let (counting, spares) = counting();
    let made = Counts {
        creates: 2,
        writes: 2,
        bytes_written: 2 * 8192,
        file_syncs: 2,
        dir_syncs: 1,
        ..Counts::default()
    };
    assert_eq!(cost(&counting, || spares.make_ready(2, 3000).unwrap()), made);
    assert_eq!(cost(&counting, || spares.make_ready(2, 1 << 30).unwrap()), Counts::default());
}

#[test]
fn retiring_is_one_rename_and_recycling_syncs_the_directory_twice_for_all() {
    let (counting, spares) = counting();
    for generation in 1..=4 {
        save(&spares, generation, b"state").unwrap();
    }
    let retired = Counts { renames: 1, ..Counts::default() };
    for generation in 1..=3 {
        assert_eq!(cost(&counting, || spares.retire(&path_of(generation)).unwrap()), retired);
    }
    let recycled = Counts {
        writes: 2,
        bytes_written: 2 * 4096,
        file_syncs: 2,
        dir_syncs: 2,
        renames: 2,
        removes: 1,
        // Open, lock and length of each.
        others: 6,
        ..Counts::default()
    };
    assert_eq!(cost(&counting, || spares.recycle(2).unwrap()), recycled);
    assert_eq!(cost(&counting, || spares.recycle(2).unwrap()), Counts::default());
    spares.retire(&path_of(4)).unwrap();
    let removed = Counts { removes: 1, ..Counts::default() };
    assert_eq!(cost(&counting, || spares.recycle(2).unwrap()), removed);
}

#[test]
fn a_prefix_is_one_read_and_two_if_the_head_is_long() {
    let (counting, spares) = counting();
    save(&spares, 1, b"short").unwrap();
    let mut draft = spares.begin(2, 0).unwrap();
    let mut head = Metadata::new();
    head.set_name(&"n".repeat(3000));
    let options = WriterOptions::new(FileKind::SAVE).codec(Codec::None).head(head);
    let mut writer = draft.container(options).unwrap();
    writer.coded_from(SectionId::BYTES, 0, &[&state(2, 9000)]).unwrap();
    let (_, written) = writer.finish(Metadata::new()).unwrap();
    let synced = draft.seal(written).unwrap().sync().unwrap();
    synced.publish(OsStr::new(&name_of(2))).unwrap();
    for (generation, reads) in [(1, 1), (2, 2)] {
        let prefix = |counting: &CountingFiles| {
            assert_eq!(spare::prefix(counting, &path_of(generation)).unwrap().generation, generation);
        };
        let expected = Counts { reads, others: 2, ..Counts::default() };
        assert_eq!(cost(&counting, || prefix(&counting)), expected);
    }
}
