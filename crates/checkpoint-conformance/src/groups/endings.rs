//! Sessions and runs that are deleted.

use std::ops::ControlFlow;

use keepstone_checkpoint::{Bytes, CheckpointStore, Error, Fields, Policy, Query};

use crate::{
    check::{Bench, Checked, Stop},
    stand::{Stand, commit, latest, quiet, sequences},
};

checks![
    a_session_that_ends_takes_all_its_checkpoints_and_branches_along,
    a_session_that_ends_leaves_the_others_as_they_were,
    a_session_that_ended_stays_gone_over_openings,
    the_name_of_a_session_that_ended_is_free_and_begins_empty,
    a_session_that_is_not_there_does_not_end,
    a_session_with_a_locked_checkpoint_does_not_end,
    the_space_of_a_session_that_ended_is_given_back,
    a_handle_of_a_session_that_ended_makes_no_checkpoint,
    the_checkpoints_of_a_run_are_deleted_by_what_they_are_annotated_with,
    the_checkpoints_of_several_runs_are_deleted_at_once,
    the_checkpoints_of_a_run_are_deleted_in_all_sessions_and_branches,
    a_run_that_is_not_there_deletes_nothing,
    no_run_deletes_nothing,
    what_is_left_of_runs_that_were_deleted_is_readable,
];

/// Sessions with checkpoints of runs by turns.
fn runs(bench: &Bench<'_>) -> Result<Stand, Stop> {
    let stand = bench.stand_with(quiet().chain_factor(100))?;
    let mut random = bench.random();
    for name in ["one", "two"] {
        let session = stand.store.session(name)?;
        let mut state = random.bytes(400);
        for n in 0..9_u8 {
            random.edit(&mut state);
            let run = ["a", "b", "c"].get(usize::from(n % 3)).copied().unwrap_or_default();
            let payload = Bytes::from(state.clone());
            session.checkpoint(&payload).annotate("run", run).commit()?;
        }
        let payload = Bytes::from(b"last".as_slice());
        session.checkpoint(&payload).commit()?;
    }
    Ok(stand)
}

/// Deletes what has an annotation with one of these values, as far as it may go.
fn delete_runs(store: &CheckpointStore, runs: &[&str]) -> Result<u64, Error> {
    let all = store.list(&Query::new())?;
    let is_of = |fields: &Fields| fields.get("run").is_some_and(|run| runs.contains(&run.as_str()));
    let stays = all.iter().filter(|found| !is_of(&found.annotations)).map(|found| found.id);
    let plan = store.plan(&Policy::new().keep_ids(stays).ending_undo(), None)?;
    Ok(store.apply(&plan, &mut |_| ControlFlow::Continue(()))?.checkpoints)
}

fn count(store: &CheckpointStore, run: &str) -> Result<usize, Error> {
    Ok(store.list(&Query::new().annotation("run", Some(run)))?.len())
}

fn a_session_that_ends_takes_all_its_checkpoints_and_branches_along(bench: &Bench<'_>) -> Checked {
    let stand = runs(bench)?;
    let session = stand.store.session("one")?;
    let first = stand.store.list(&Query::new().session("one").limit(1))?.pop();
    if let Some(first) = &first {
        commit(&session.fork("side", first)?, b"on a side")?;
    }
    stand.store.end_session("one")?;
    ensure!(stand.store.find_session("one")?.is_none(), "a session that has ended is found");
    same!(
        stand.store.list(&Query::new())?.iter().filter(|found| &*found.session == "one").count(),
        0,
        "its checkpoints"
    );
    if let Some(first) = first {
        let found = stand.store.state(&first).map(drop);
        ensure!(matches!(found, Err(Error::NoCheckpoint { .. })), "its first checkpoint: {found:?}");
    }
    Ok(())
}

fn a_session_that_ends_leaves_the_others_as_they_were(bench: &Bench<'_>) -> Checked {
    let stand = runs(bench)?;
    let states = |stand: &Stand| -> Result<Vec<Vec<u8>>, Error> {
        let all = stand.store.list(&Query::new().session("two"))?;
        all.iter().map(|found| Ok(stand.store.state(found)?.bytes().to_vec())).collect()
    };
    let before = states(&stand)?;
    stand.store.end_session("one")?;
    same!(states(&stand)?, before, "states of the other session");
    stand.store.seal()?;
    stand.store.sweep(i64::MAX)?;
    let stand = stand.reopen()?;
    same!(states(&stand)?, before, "states of the other session after a sweep and an opening");
    Ok(())
}

fn a_session_that_ended_stays_gone_over_openings(bench: &Bench<'_>) -> Checked {
    let mut stand = runs(bench)?;
    stand.store.end_session("one")?;
    for round in 0..3 {
        same!(stand.store.sessions()?.len(), 1, "sessions in round {round}");
        same!(stand.store.len()?, 10, "checkpoints in round {round}");
        if round == 1 {
            stand.store.seal()?;
        }
        stand = stand.reopen()?;
    }
    Ok(())
}

fn the_name_of_a_session_that_ended_is_free_and_begins_empty(bench: &Bench<'_>) -> Checked {
    let stand = runs(bench)?;
    stand.store.end_session("one")?;
    let again = stand.store.begin_session("one", Fields::new())?;
    same!(latest(&again)?, None, "the state of the new session");
    let made = commit(&again, b"new")?;
    same!((made.sequence.0, made.parent), (21, None), "sequence and parent of its first checkpoint");
    same!(stand.store.list(&Query::new().session("one"))?.len(), 1, "its checkpoints");
    Ok(())
}

fn a_session_that_is_not_there_does_not_end(bench: &Bench<'_>) -> Checked {
    let stand = runs(bench)?;
    let ended = stand.store.end_session("none");
    ensure!(matches!(ended, Err(Error::NoSession { .. })), "an unknown session: {ended:?}");
    same!((stand.store.len()?, stand.store.sessions()?.len()), (20, 2), "checkpoints and sessions");
    Ok(())
}

fn a_session_with_a_locked_checkpoint_does_not_end(bench: &Bench<'_>) -> Checked {
    let stand = runs(bench)?;
    let last = stand.store.latest(&Query::new().session("one"))?;
    let last = last.ok_or(Stop::failed("a session without its checkpoints"))?;
    stand.store.lock(&last, true)?;
    let ended = stand.store.end_session("one");
    ensure!(matches!(ended, Err(Error::Misuse { .. })), "a session with a locked checkpoint: {ended:?}");
    same!(stand.store.len()?, 20, "checkpoints");
    stand.store.lock(&last, false)?;
    Ok(stand.store.end_session("one")?)
}

fn the_space_of_a_session_that_ended_is_given_back(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    commit(&stand.store.session("stays")?, b"little")?;
    let large = stand.store.session("large")?;
    let mut random = bench.random();
    for _ in 0..10 {
        commit(&large, &random.bytes(20_000))?;
    }
    drop(large);
    stand.store.seal()?;
    stand.store.end_session("large")?;
    stand.store.seal()?;
    // Nobody told when it ended: the grace begins with the first sweep.
    stand.store.sweep(0)?;
    stand.store.sweep(i64::MAX)?;
    // The journal may hold what its newest object has.
    commit(&stand.store.session("stays")?, b"more")?;
    stand.store.seal()?;
    let left = stand.object_bytes()?;
    ensure!(left < 50_000, "{left} bytes are left of a store with two little states");
    Ok(())
}

fn a_handle_of_a_session_that_ended_makes_no_checkpoint(bench: &Bench<'_>) -> Checked {
    let stand = runs(bench)?;
    let session = stand.store.session("one")?;
    stand.store.end_session("one")?;
    let made = commit(&session, b"x");
    ensure!(matches!(made, Err(Error::NoBranch { .. })), "on a session that has ended: {made:?}");
    same!(stand.store.len()?, 10, "checkpoints");
    Ok(())
}

fn the_checkpoints_of_a_run_are_deleted_by_what_they_are_annotated_with(bench: &Bench<'_>) -> Checked {
    let stand = runs(bench)?;
    same!(delete_runs(&stand.store, &["b"])?, 6, "checkpoints that have gone");
    same!((count(&stand.store, "b")?, stand.store.len()?), (0, 14), "those of the run, and all");
    Ok(())
}

fn the_checkpoints_of_several_runs_are_deleted_at_once(bench: &Bench<'_>) -> Checked {
    let stand = runs(bench)?;
    delete_runs(&stand.store, &["a", "c", "none"])?;
    let stand = stand.reopen()?;
    let left = ["a", "b", "c"].map(|run| count(&stand.store, run).unwrap_or(usize::MAX));
    same!(left, [0, 6, 0], "checkpoints of the runs");
    Ok(())
}

fn the_checkpoints_of_a_run_are_deleted_in_all_sessions_and_branches(bench: &Bench<'_>) -> Checked {
    let stand = runs(bench)?;
    let session = stand.store.session("one")?;
    let last = session.head()?.ok_or(Stop::failed("a session without a head"))?;
    let side = session.fork("side", &last)?;
    commit(&side, b"first of the side")?;
    let payload = Bytes::from(b"of run a".as_slice());
    side.checkpoint(&payload).annotate("run", "a").commit()?;
    commit(&side, b"head of the side")?;
    delete_runs(&stand.store, &["a"])?;
    same!(count(&stand.store, "a")?, 0, "checkpoints of the run");
    same!(stand.store.list(&Query::new().branch("side"))?.len(), 2, "checkpoints of the side");
    Ok(())
}

fn a_run_that_is_not_there_deletes_nothing(bench: &Bench<'_>) -> Checked {
    let stand = runs(bench)?;
    same!(delete_runs(&stand.store, &["none"])?, 0, "checkpoints that have gone");
    same!(stand.store.len()?, 20, "checkpoints");
    Ok(())
}

fn no_run_deletes_nothing(bench: &Bench<'_>) -> Checked {
    let stand = runs(bench)?;
    let before = sequences(&stand.store.list(&Query::new())?);
    same!(delete_runs(&stand.store, &[])?, 0, "checkpoints that have gone");
    same!(sequences(&stand.store.list(&Query::new())?), before, "checkpoints");
    Ok(())
}

fn what_is_left_of_runs_that_were_deleted_is_readable(bench: &Bench<'_>) -> Checked {
    let stand = runs(bench)?;
    let mut states = Vec::new();
    for found in stand.store.list(&Query::new())? {
        states.push((found.id, stand.store.state(&found)?.bytes().to_vec()));
    }
    stand.store.seal()?;
    delete_runs(&stand.store, &["a", "b"])?;
    stand.store.sweep(i64::MAX)?;
    let stand = stand.reopen()?;
    for found in stand.store.list(&Query::new())? {
        let expected = states.iter().find(|(id, _)| *id == found.id).map(|(_, state)| state.as_slice());
        same!(Some(stand.store.state(&found)?.bytes()), expected, "the state of {}", found.sequence);
    }
    Ok(())
}
