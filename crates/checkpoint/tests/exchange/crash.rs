//! Power cuts and failing calls while an import goes on.

use std::sync::Arc;

use keepstone_checkpoint::{CheckpointStore, Files, MemFiles, Query, Selection};
use keepstone_testkit::{Fault, FaultFiles, Random, SimFiles, Sweep, fault_sweep};

use super::graph::{fill, heads, said};
use crate::support::{bytes, open};

/// A store and its export.
fn source() -> (CheckpointStore, Vec<u8>) {
    let store = CheckpointStore::in_memory();
    fill(&store, &mut Random::new(5), 12);
    let mut out = Vec::new();
    store.export(&Selection::All, &mut out).unwrap();
    (store, out)
}

/// Sees that what is there is of the source, that an import does the rest, and that the session that was there before is as it was.
fn check(files: &Arc<dyn Files>, source: &CheckpointStore, out: &[u8], is_done: bool) -> Result<(), String> {
    let failed = |err: keepstone_checkpoint::Error| err.to_string();
    let store = open(files).map_err(|err| format!("open: {err}"))?;
    let expected = said(source);
    let imported = |found: &CheckpointStore| {
        let mut all = said(found);
        all.retain(|_, said| &*said.session != "own");
        all
    };
    let own = store.find_session("own").map_err(failed)?.ok_or("the session that was there is gone")?;
    if own.latest::<u64>().map_err(failed)? != Some(7) {
        return Err("what was there is another".to_owned());
    }
    let some = imported(&store);
    if is_done && some.len() != expected.len() {
        return Err(format!("{} of {} checkpoints are there", some.len(), expected.len()));
    }
    for found in
        store.list(&Query::new()).map_err(failed)?.iter().filter(|found| some.contains_key(&found.id))
    {
        let (here, there) = (store.state(found).map_err(failed)?, source.state(found.id).map_err(failed)?);
        if here.bytes() != there.bytes() {
            return Err(format!("checkpoint {} has another state", found.id));
        }
    }
    let again = store.import(out).map_err(|err| format!("again: {err}"))?;
    if !again.renamed.is_empty() || imported(&store) != expected {
        return Err(format!("after another import: {again:?}"));
    }
    let mut sessions = heads(&store);
    sessions.retain(|session| &*session.0 != "own");
    if sessions == heads(source) { Ok(()) } else { Err(format!("heads are {sessions:?}")) }
}

fn prepare(files: &Arc<dyn Files>) {
    let store = open(files).unwrap();
    let own = store.session("own").unwrap();
    own.checkpoint(&bytes("before")).commit().unwrap();
    own.checkpoint(&7_u64).commit().unwrap();
}

#[test]
fn a_crash_leaves_some_of_an_import_and_doing_it_again_does_the_rest() {
    let (store, out) = source();
    let disk_of = |disk: &SimFiles| -> Arc<dyn Files> { Arc::new(disk.clone()) };
    let swept = Sweep::new()
        .states_max_per_point(6)
        .setup(|disk| prepare(&disk_of(disk)))
        .run(|disk| {
            open(&disk_of(disk)).unwrap().import(&*out).unwrap();
            disk.acknowledge_as(1);
        })
        .check(|disk, acknowledged| check(&disk_of(disk), &store, &out, acknowledged == 1));
    let swept = swept.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(swept.states_checked > 10, "{swept}");
}

#[test]
fn a_call_that_fails_leaves_an_import_that_can_be_done_again() {
    let (store, out) = source();
    let prepared = || {
        let files: Arc<dyn Files> = Arc::new(MemFiles::default());
        prepare(&files);
        files
    };
    let work = |files: &FaultFiles| {
        let files: Arc<dyn Files> = Arc::new(files.clone());
        open(&files).is_ok_and(|copy| copy.import(&*out).is_ok())
    };
    let swept = fault_sweep(&[Fault::Io, Fault::NoSpace], prepared, work, |files, is_done, _| {
        check(files, &store, &out, is_done)
    });
    println!("{:?}", swept.unwrap_or_else(|failed| panic!("{failed}")));
}
