//! Power cuts and kills at each step of a prune.

use std::{collections::BTreeSet, sync::Arc};

use keepstone_checkpoint::{CheckpointStore, Error, Files, Policy, Query};
use keepstone_testkit::{Failure, SimFiles, Sweep, Swept, effort};

use super::go;
use crate::support::{ROOT, bytes, quiet};

/// The session that is gone on with after a crash.
const AFTER: &str = "after";
/// Bytes of a journal that has room for whatever a prune makes anew.
pub(crate) const ROOM: u64 = 8 << 20;
/// How many checkpoints there are to begin with.
const COUNT: u64 = 9;

/// What stays of a first and of a second prune.
const STAGES: [&[u64]; 3] = [&[1, 2, 3, 4, 5, 6, 7, 8, 9], &[2, 4, 6, 8, 9], &[4, 8, 9]];

/// A store with so many bytes in the journal.
fn on(disk: &SimFiles, journal_bytes_max: u64) -> Result<CheckpointStore, Error> {
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    CheckpointStore::open_with(ROOT, quiet(&files).journal_bytes_max(journal_bytes_max))
}

/// What a checkpoint of the first session holds.
fn text(sequence: u64) -> String {
    format!("{} {sequence} {}", "x".repeat(300), "y".repeat(usize::try_from(sequence * 3).unwrap()))
}

fn fill(disk: &SimFiles) {
    let store = on(disk, ROOM).unwrap();
    let session = store.session("main").unwrap();
    for sequence in 1..=COUNT {
        session.checkpoint(&bytes(&text(sequence))).commit().unwrap();
        if sequence == 5 {
            store.seal().unwrap();
        }
    }
}

/// Lets go of what the stages before have.
fn prune(store: &CheckpointStore, stage: usize) -> Result<(), Error> {
    let wanted = STAGES[stage];
    let all = store.list(&Query::new())?;
    let stays = all.iter().filter(|found| wanted.contains(&found.sequence.0) || &*found.session == AFTER);
    let plan = store.plan(&Policy::new().keep_ids(stays.map(|found| found.id)).only_session("main"), None)?;
    store.apply(&plan, &mut go).map(drop)
}

/// The stage that a store is in, none of whose states is wrong.
fn stage(store: &CheckpointStore) -> Result<usize, String> {
    let failed = |err: Error| err.to_string();
    let mut found = Vec::new();
    for checkpoint in store.list(&Query::new().session("main")).map_err(failed)? {
        let sequence = checkpoint.sequence.0;
        found.push(sequence);
        let state = store.state(&checkpoint).map_err(failed)?;
        if state.bytes() != text(sequence).as_bytes() {
            return Err(format!("checkpoint {sequence} is not what it was"));
        }
    }
    let stage = STAGES.iter().position(|stage| *stage == found);
    stage.ok_or_else(|| format!("{found:?} is left, which is neither before nor after a prune"))
}

/// Sees that nothing is undone that was acknowledged.
fn check(disk: &SimFiles, acknowledged: u64, room: u64) -> Result<(), String> {
    let store = on(disk, room).map_err(|err| format!("open: {err}"))?;
    let stage = stage(&store)?;
    if (stage as u64) < acknowledged {
        return Err(format!("prune {acknowledged} was done, and stage {stage} is found"));
    }
    // It goes on: what is made and pruned next is.
    prune(&store, 2).map_err(|err| format!("next prune: {err}"))?;
    store.sweep(0).map_err(|err| format!("sweep: {err}"))?;
    let session = store.session(AFTER).map_err(|err| err.to_string())?;
    session.checkpoint(&bytes("next")).commit().map_err(|err| format!("next: {err}"))?;
    drop((session, store));
    let store = on(disk, room).map_err(|err| format!("open again: {err}"))?;
    if self::stage(&store)? != 2 {
        return Err("the next prune is not done".to_owned());
    }
    let sequences: BTreeSet<_> =
        store.list(&Query::new()).unwrap().iter().map(|found| found.sequence).collect();
    if sequences.last().is_none_or(|last| last.0 <= COUNT) {
        return Err(format!("{sequences:?}: a sequence is given twice"));
    }
    Ok(())
}

/// Crashes at each step of two prunes, with so many bytes in the journal, and of what recovers from that.
pub(crate) fn sweep(room: u64) -> Result<Swept, Failure> {
    let scale = effort::scale();
    Sweep::new()
        .states_max_per_point(12 * scale)
        .recoveries_max_per_point(3 * scale)
        .states_again_max_per_point(6 * scale)
        .setup(fill)
        .run(|disk| {
            let store = on(disk, room).unwrap();
            prune(&store, 1).unwrap();
            disk.acknowledge_as(1);
            store.sweep(0).unwrap();
            prune(&store, 2).unwrap();
            disk.acknowledge_as(2);
            store.sweep(i64::MAX).unwrap();
        })
        .recover(|disk| {
            let failed = |err: Error| err.to_string();
            let store = on(disk, room).map_err(failed)?;
            let found = stage(&store)?;
            disk.acknowledge_as(found as u64);
            prune(&store, 2).map_err(failed)?;
            disk.acknowledge_as(2);
            store.sweep(i64::MAX).map_err(failed)?;
            let session = store.session(AFTER).map_err(failed)?;
            session.checkpoint(&bytes("recovered")).commit().map(drop).map_err(failed)
        })
        .check(|disk, acknowledged| check(disk, acknowledged, room))
}

#[test]
fn a_crash_in_a_prune_or_in_the_recovery_of_one_leaves_all_or_what_was_to_stay() {
    for room in [0, ROOM] {
        let swept = sweep(room).unwrap_or_else(|failure| panic!("{room}: {failure}"));
        println!("{swept}");
        assert!(swept.states_checked > 150 && swept.recoveries > 20, "{room}: {swept}");
    }
}
