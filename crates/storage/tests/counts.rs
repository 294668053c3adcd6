use std::{path::Path, sync::Arc};

use keepstone_storage::{Durability, MemFiles, atomic};
use keepstone_testkit::{CountingFiles, Counts};

/// Counts of one replacement; calls that change nothing and are not pinned are left out.
fn counts_of(files: &CountingFiles, path: &str, durability: Durability) -> Counts {
    let before = files.counts();
    atomic::replace(files, Path::new(path), durability, &[1; 1000]).unwrap();
    let after = files.counts();
    Counts {
        creates: after.creates - before.creates,
        writes: after.writes - before.writes,
        bytes_written: after.bytes_written - before.bytes_written,
        file_syncs: after.file_syncs - before.file_syncs,
        dir_syncs: after.dir_syncs - before.dir_syncs,
        renames: after.renames - before.renames,
        removes: after.removes - before.removes,
        ..Counts::default()
    }
}

#[test]
fn a_replacement_costs_one_write_one_sync_one_rename_and_one_directory_sync() {
    let files = CountingFiles::over(Arc::new(MemFiles::new()));
    let usual = Counts {
        creates: 1,
        writes: 1,
        bytes_written: 1000,
        file_syncs: 1,
        dir_syncs: 1,
        renames: 1,
        ..Counts::default()
    };
    // Beside the file: two directories, their names, and that of the empty directory they go into.
    let first = Counts { creates: 3, dir_syncs: 4, ..usual };
    let buffered = Counts { file_syncs: 0, dir_syncs: 0, ..usual };
    assert_eq!(counts_of(&files, "new/er/a.keep", Durability::Durable), first);
    assert_eq!(counts_of(&files, "new/er/a.keep", Durability::Durable), usual);
    assert_eq!(counts_of(&files, "new/er/b.keep", Durability::Durable), usual);
    assert_eq!(counts_of(&files, "new/er/b.keep", Durability::Buffered), buffered);
}
