//! Prunes that are one commit of the journal, and what seals and sweeps make of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use keepstone_checkpoint::{
    Backend, CheckpointReader, CheckpointStore, Error, Files, Kind, MemBackend, Pruned, Query, Stats,
};

use keepstone_testkit::CountingFiles;

use super::{fill, go, mem, states};
use crate::{
    repair::shadow::{contents, put, repaired},
    support::{ROOT, bytes, open, quiet},
};

/// A store of sixty checkpoints in packs, and their states.
fn sealed(files: &Arc<dyn Files>) -> (CheckpointStore, BTreeMap<u64, Vec<u8>>) {
    let store = CheckpointStore::open_with(ROOT, quiet(files).grace(0)).unwrap();
    fill(&store, 60, 3000);
    store.seal().unwrap();
    let all = states(&store);
    (store, all)
}

fn from(all: &BTreeMap<u64, Vec<u8>>, first: u64) -> BTreeMap<u64, Vec<u8>> {
    all.range(first..).map(|(sequence, state)| (*sequence, state.clone())).collect()
}

/// Objects that were put, and commits.
fn counts(stats: &Stats) -> (u64, u64, u64, u64) {
    (stats.manifest, stats.packs, stats.retired_packs, stats.commits)
}

#[test]
fn a_prune_is_one_commit_and_puts_no_object() {
    let files = mem();
    let (store, all) = sealed(&files);
    let before = store.stats().unwrap();
    let pruned = store.compact(5).unwrap();
    let after = store.stats().unwrap();
    let (manifest, packs, retired, commits) = counts(&before);
    assert_eq!(counts(&after), (manifest, packs, retired, commits + 1));
    assert_eq!(after.groups, before.groups + 1);
    assert!(pruned.rebased > 0 && pruned.bytes_written == after.journal_bytes, "{pruned:?} {after:?}");
    assert_eq!(states(&store), from(&all, 56));
    // Whoever opens it goes by the journal.
    drop(store);
    assert_eq!(states(&open(&files).unwrap()), from(&all, 56));
}

#[test]
fn a_prune_of_a_store_in_use_is_one_write_and_one_sync() {
    let counting = Arc::new(CountingFiles::over(mem()));
    let files: Arc<dyn Files> = counting.clone();
    let (store, _) = sealed(&files);
    let before = counting.counts();
    store.compact(5).unwrap();
    let after = counting.counts();
    assert_eq!((after.file_syncs - before.file_syncs, after.dir_syncs), (1, before.dir_syncs));
    assert_eq!((after.writes - before.writes, after.renames), (1, before.renames));
}

#[test]
fn a_prune_whose_states_the_journal_has_no_room_for_puts_packs_and_a_manifest() {
    let files = mem();
    let (store, all) = sealed(&files);
    drop(store);
    let options = quiet(&files).grace(0).journal_bytes_max(100);
    let store = CheckpointStore::open_with(ROOT, options).unwrap();
    let before = store.stats().unwrap();
    store.compact(5).unwrap();
    let after = store.stats().unwrap();
    assert_eq!((after.manifest, after.commits), (before.manifest + 1, before.commits));
    assert_eq!((after.journal_bytes, after.retired_packs), (0, 1));
    assert_eq!(states(&store), from(&all, 56));
}

#[test]
fn a_journal_that_prunes_have_filled_is_full_though_what_they_wrote_is_gone_again() {
    let files = mem();
    let options = quiet(&files).journal_bytes_max(20_000);
    let store = CheckpointStore::open_with(ROOT, options.clone()).unwrap();
    let manifest = store.stats().unwrap().manifest;
    let mut opened = 0;
    for round in 0..40 {
        fill(&store, 1, 3000);
        store.compact(1).unwrap();
        let stats = store.stats().unwrap();
        assert!(stats.journal_bytes < 6000, "{stats:?}");
        if stats.manifest > manifest {
            opened = round;
            break;
        }
    }
    // Each round has written about 1,700 bytes.
    assert!((8..20).contains(&opened), "{opened}");
    // Whoever opens it counts them as well.
    let files = mem();
    let options = quiet(&files).journal_bytes_max(20_000);
    let mut rounds = 0;
    loop {
        let store = CheckpointStore::open_with(ROOT, options.clone()).unwrap();
        fill(&store, 1, 3000);
        store.compact(1).unwrap();
        if store.stats().unwrap().manifest > manifest {
            break;
        }
        rounds += 1;
        assert!(rounds < 20);
    }
    assert!(rounds >= 8, "{rounds}");
}

#[test]
fn a_sweep_behind_a_prune_gives_the_space_back_at_once_where_there_is_no_grace() {
    for reopens in [false, true] {
        let files = mem();
        let (mut store, all) = sealed(&files);
        let before = store.stats().unwrap();
        store.compact(5).unwrap();
        if reopens {
            drop(store);
            store = CheckpointStore::open_with(ROOT, quiet(&files).grace(0)).unwrap();
        }
        let swept = store.sweep(0).unwrap();
        assert_eq!((swept.packs, swept.bytes, swept.waiting), (before.packs, before.pack_bytes, 0));
        assert_eq!(states(&store), from(&all, 56));
        // What nobody has touched since is looked at and left alone.
        let manifest = store.stats().unwrap().manifest;
        store.sweep(0).unwrap();
        assert_eq!(store.stats().unwrap().manifest, manifest);
        drop(store);
        assert_eq!(states(&open(&files).unwrap()), from(&all, 56));
    }
}

#[test]
fn the_grace_begins_when_a_manifest_says_so_and_not_before() {
    let files = mem();
    let (store, all) = sealed(&files);
    drop(store);
    let store = CheckpointStore::open_with(ROOT, quiet(&files).grace(100)).unwrap();
    store.compact(5).unwrap();
    let swept = store.sweep(1000).unwrap();
    assert_eq!((swept.packs, swept.waiting), (0, 1));
    assert_eq!(store.sweep(1099).unwrap().packs, 0);
    assert_eq!(store.sweep(1100).unwrap().packs, 1);
    assert_eq!(states(&store), from(&all, 56));
}

#[test]
fn prunes_one_behind_the_other_a_seal_and_a_sweep_leave_what_is_to_stay() {
    let files = mem();
    let (store, mut all) = sealed(&files);
    for stays in [40, 20, 6] {
        store.compact(stays).unwrap();
        fill(&store, 1, 3000);
        let first = states(&store).keys().next().copied().unwrap();
        all = states(&store);
        assert_eq!(all.len(), stays + 1);
        assert_eq!(from(&all, first), all);
    }
    drop(store);
    let store = CheckpointStore::open_with(ROOT, quiet(&files).grace(0)).unwrap();
    assert_eq!(states(&store), all);
    store.seal().unwrap();
    let stats = store.stats().unwrap();
    assert_eq!((stats.packs, stats.retired_packs, stats.journal_bytes), (1, 1, 0));
    assert_eq!(store.sweep(0).unwrap().packs, 1);
    assert_eq!(states(&store), all);
    store.close().unwrap();
    assert_eq!(states(&open(&files).unwrap()), all);
}

#[test]
fn a_reader_from_before_a_prune_reads_on_and_finds_what_stays_after_a_sweep() {
    let files = mem();
    let (store, all) = sealed(&files);
    let reader = CheckpointReader::open_with(ROOT, quiet(&files)).unwrap();
    let ids: Vec<_> = store.list(&Query::new()).unwrap().iter().map(|found| found.id).collect();
    let read = |sequence: u64| reader.state(ids[usize::try_from(sequence).unwrap() - 1]);
    store.compact(5).unwrap();
    // No pack is gone: all that it knows is there.
    for (sequence, state) in &all {
        assert_eq!(read(*sequence).unwrap().bytes(), state);
    }
    store.sweep(0).unwrap();
    for (sequence, state) in from(&all, 56) {
        assert_eq!(read(sequence).unwrap().bytes(), state);
    }
    assert!(matches!(read(1), Err(Error::NoCheckpoint { .. })));
    // One that is told goes by the journal.
    store.compact(2).unwrap();
    reader.refresh().unwrap();
    assert_eq!(reader.list(&Query::new()).unwrap().len(), 2);
    assert_eq!(read(60).unwrap().bytes(), &all[&60]);
}

#[test]
fn a_repair_goes_by_a_prune_that_is_only_in_the_journal() {
    let files = mem();
    let (store, all) = sealed(&files);
    store.compact(5).unwrap();
    drop(store);
    let repaired = CheckpointStore::repair(ROOT, "out", &quiet(&files), &mut go).unwrap();
    assert!(repaired.is_whole() && repaired.checkpoints == 5, "{repaired:?}");
    let store = CheckpointStore::open_with("out", quiet(&files)).unwrap();
    assert_eq!(states(&store), from(&all, 56));
}

#[test]
fn damage_anywhere_in_a_journal_with_a_prune_leaves_states_that_were_and_what_was_made_anew() {
    let files = mem();
    let store = open(&files).unwrap();
    fill(&store, 8, 700);
    let all: Vec<Vec<u8>> = states(&store).into_values().collect();
    store.compact(3).unwrap();
    drop(store);
    let mut recovered = BTreeSet::new();
    for (path, bytes) in contents(&files).into_iter().filter(|(path, _)| path.starts_with("agent/log")) {
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap_or_default();
        for at in (0..end).step_by(29) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            put(&files, &path, Some(&damaged));
            let done = repaired(&files, |repaired, reader| {
                for found in reader.list(&Query::new()).unwrap() {
                    let state = reader.state(&found).unwrap();
                    assert!(all.iter().any(|known| known == state.bytes()), "{at}: {}", found.sequence);
                }
                recovered.insert(repaired.recovered.len());
            });
            if let Err(err) = done {
                assert_eq!(err.kind(), Kind::Damaged, "{at}: {err}");
            }
        }
        put(&files, &path, Some(&bytes));
    }
    // Where the first state is lost, all behind it stood on it but the three that stay: the first of them was made anew.
    assert!(recovered.contains(&3), "{recovered:?}");
}

#[test]
fn a_prune_of_a_writer_that_another_has_gone_past_takes_nothing() {
    let backend: Arc<dyn Backend> = Arc::new(MemBackend::default());
    let on = || CheckpointStore::on(Arc::clone(&backend), quiet(&mem())).unwrap();
    let late = on();
    fill(&late, 12, 2000);
    let next = on();
    next.session("main").unwrap().checkpoint(&bytes("next")).commit().unwrap();
    let all = states(&next);
    let err = late.compact(2).unwrap_err();
    assert!(matches!(err, Error::Superseded { .. }), "{err}");
    assert_eq!(states(&next), all);
    assert_eq!(states(&on()), all);
}

#[test]
fn a_store_in_memory_is_pruned_without_a_journal() {
    let store = CheckpointStore::in_memory();
    fill(&store, 30, 2000);
    let all = states(&store);
    let pruned: Pruned = store.compact(3).unwrap();
    assert_eq!((pruned.checkpoints, pruned.bytes_written), (27, 0));
    assert_eq!(states(&store), from(&all, 28));
    assert_eq!(store.sweep(0).unwrap().packs, 0);
}
