//! Copies: exports, imports, forks.

use keepstone_checkpoint::{Bytes, Checkpoint, CheckpointStore, Error, Fields, Query, Selection};

use crate::{
    act,
    check::{Bench, Checked},
    stand::{Stand, commit, latest, sequences},
    view::{View, ids},
};

checks![
    a_copy_of_a_store_is_the_store,
    a_copy_of_a_session_has_all_of_it_and_nothing_else,
    a_copy_of_a_branch_has_what_it_goes_back_to,
    a_copy_changes_nothing_where_it_comes_from,
    a_copy_keeps_ids_and_all_that_was_said,
    a_copy_keeps_the_order,
    a_copy_that_is_taken_in_twice_is_there_once,
    a_copy_into_a_store_with_sessions_leaves_them_as_they_are,
    a_copy_of_what_is_not_there_is_an_error,
    a_copy_outlives_openings,
    a_copy_goes_on_by_itself,
    a_copy_of_a_branch_that_went_on_elsewhere_gets_a_name_of_its_own,
    a_fork_is_a_copy_that_takes_no_bytes_of_states,
    bytes_that_are_no_export_take_nothing_in,
];

fn export(store: &CheckpointStore, selection: &Selection) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    store.export(selection, &mut bytes)?;
    Ok(bytes)
}

fn prepared(bench: &Bench<'_>) -> Result<Stand, crate::check::Stop> {
    let stand = bench.stand()?;
    act::prepare(&stand.store)?;
    Ok(stand)
}

fn session(name: &str) -> Selection {
    Selection::Session(name.to_owned())
}

fn a_copy_of_a_store_is_the_store(bench: &Bench<'_>) -> Checked {
    let (stand, copy) = (prepared(bench)?, bench.stand()?);
    copy.store.import(export(&stand.store, &Selection::All)?.as_slice())?;
    let text = |store: &CheckpointStore| -> Result<Vec<String>, Error> {
        let line = |session: keepstone_checkpoint::SessionInfo| format!("{session:?}");
        Ok(store.sessions()?.into_iter().map(line).collect())
    };
    same!(text(&copy.store)?, text(&stand.store)?, "sessions, branches and heads");
    let all = stand.store.list(&Query::new())?;
    same!(copy.store.len()?, all.len(), "checkpoints");
    for found in all {
        let state = copy.store.state(found.id)?;
        same!(state.bytes(), stand.store.state(&found)?.bytes(), "the state of {}", found.id);
    }
    Ok(())
}

fn a_copy_of_a_session_has_all_of_it_and_nothing_else(bench: &Bench<'_>) -> Checked {
    let (stand, copy) = (prepared(bench)?, bench.stand()?);
    let taken = copy.store.import(export(&stand.store, &session("one"))?.as_slice())?;
    let expected = stand.store.list(&Query::new().session("one"))?;
    same!(taken.imported, expected.len() as u64, "checkpoints that were taken in");
    same!(copy.store.sessions()?.len(), 1, "sessions");
    for found in &expected {
        let of_copy = copy.store.checkpoint(found.id)?;
        same!((&*of_copy.session, &of_copy.branch), ("one", &found.branch), "session and branch");
    }
    let heads = |store: &CheckpointStore| -> Result<_, Error> {
        let one = store.session("one")?;
        Ok((latest(&one)?, latest(&one.on("side")?)?))
    };
    same!(heads(&copy.store)?, heads(&stand.store)?, "the heads");
    Ok(())
}

fn a_copy_of_a_branch_has_what_it_goes_back_to(bench: &Bench<'_>) -> Checked {
    let (stand, copy) = (prepared(bench)?, bench.stand()?);
    let side = Selection::Branch { session: "one".to_owned(), branch: "side".to_owned() };
    copy.store.import(export(&stand.store, &side)?.as_slice())?;
    same!(copy.store.len()?, 3, "the head of the branch and two before its beginning");
    let (from, to) = (stand.store.session("one")?.on("side")?, copy.store.session("one")?.on("side")?);
    same!(latest(&to)?, latest(&from)?, "the head");
    Ok(())
}

fn a_copy_changes_nothing_where_it_comes_from(bench: &Bench<'_>) -> Checked {
    let stand = prepared(bench)?;
    let known = ids(&stand.store)?;
    let (before, counts) = (View::of(&stand.store, &known)?, stand.tap.counts());
    export(&stand.store, &Selection::All)?;
    let after = stand.tap.counts();
    same!((after.puts, after.deletes), (counts.puts, counts.deletes), "puts and deletes");
    ensure!(View::of(&stand.store, &known)? == before, "an export has changed the store");
    Ok(())
}

/// What is said about a checkpoint, and its id.
fn said(found: &Checkpoint) -> String {
    let notes = (&found.message, &found.tags, &found.annotations, found.locked, &found.trigger);
    format!("{} {notes:?} {:?} {:?}", found.id, found.time, found.content)
}

fn a_copy_keeps_ids_and_all_that_was_said(bench: &Bench<'_>) -> Checked {
    let (stand, copy) = (prepared(bench)?, bench.stand()?);
    let payload = Bytes::from(b"said".as_slice());
    stand.store.session("one")?.checkpoint(&payload).at(77).message("m").tag("t").locked().commit()?;
    copy.store.import(export(&stand.store, &Selection::All)?.as_slice())?;
    for found in stand.store.list(&Query::new())? {
        same!(said(&*copy.store.checkpoint(found.id)?), said(&found), "what is said");
    }
    Ok(())
}

fn a_copy_keeps_the_order(bench: &Bench<'_>) -> Checked {
    let (stand, copy) = (prepared(bench)?, bench.stand()?);
    // What was there before comes first.
    commit(&copy.store.session("before")?, b"x")?;
    copy.store.import(export(&stand.store, &Selection::All)?.as_slice())?;
    let order = |store: &CheckpointStore| -> Result<Vec<_>, Error> {
        let all = store.list(&Query::new())?;
        Ok(all.iter().filter(|found| &*found.session != "before").map(|found| found.id).collect())
    };
    same!(order(&copy.store)?, order(&stand.store)?, "the order");
    let all = sequences(&copy.store.list(&Query::new())?);
    same!(all, (1..=all.len() as u64).collect::<Vec<_>>(), "the sequences");
    Ok(())
}

fn a_copy_that_is_taken_in_twice_is_there_once(bench: &Bench<'_>) -> Checked {
    let (stand, copy) = (prepared(bench)?, bench.stand()?);
    let bytes = export(&stand.store, &Selection::All)?;
    let first = copy.store.import(bytes.as_slice())?;
    let known = ids(&copy.store)?;
    let before = View::of(&copy.store, &known)?;
    let second = copy.store.import(bytes.as_slice())?;
    same!((second.imported, second.known), (0, first.imported), "new and known checkpoints");
    let after = View::of(&copy.store, &known)?;
    ensure!(after == before, "the second time has changed: {}", after.difference(&before));
    Ok(())
}

fn a_copy_into_a_store_with_sessions_leaves_them_as_they_are(bench: &Bench<'_>) -> Checked {
    let (stand, copy) = (prepared(bench)?, bench.stand()?);
    let own = copy.store.begin_session("own", Fields::from([("a".to_owned(), "b".to_owned())]))?;
    let made = commit(&own, b"own state")?;
    let before = copy.store.sessions()?;
    copy.store.import(export(&stand.store, &Selection::All)?.as_slice())?;
    same!(copy.store.sessions()?.first(), before.first(), "the session");
    same!(copy.store.state(made.id)?.bytes(), b"own state", "its state");
    Ok(())
}

fn a_copy_of_what_is_not_there_is_an_error(bench: &Bench<'_>) -> Checked {
    let stand = prepared(bench)?;
    let found = export(&stand.store, &session("none")).map(|bytes| bytes.len());
    ensure!(matches!(found, Err(Error::NoSession { .. })), "an unknown session: {found:?}");
    let none = Selection::Branch { session: "one".to_owned(), branch: "none".to_owned() };
    let found = export(&stand.store, &none).map(|bytes| bytes.len());
    ensure!(matches!(found, Err(Error::NoBranch { .. })), "an unknown branch: {found:?}");
    Ok(())
}

fn a_copy_outlives_openings(bench: &Bench<'_>) -> Checked {
    let (stand, mut copy) = (prepared(bench)?, bench.stand()?);
    copy.store.import(export(&stand.store, &Selection::All)?.as_slice())?;
    let known = ids(&copy.store)?;
    let before = View::of(&copy.store, &known)?;
    for round in 0..2 {
        copy = copy.reopen()?;
        let found = View::of(&copy.store, &known)?;
        ensure!(found == before, "round {round}: {}", found.difference(&before));
        copy.store.seal()?;
    }
    Ok(())
}

fn a_copy_goes_on_by_itself(bench: &Bench<'_>) -> Checked {
    let (stand, copy) = (prepared(bench)?, bench.stand()?);
    copy.store.import(export(&stand.store, &Selection::All)?.as_slice())?;
    let before = latest(&stand.store.session("one")?)?;
    let made = commit(&copy.store.session("one")?, b"in the copy")?;
    same!(latest(&stand.store.session("one")?)?, before, "the head where it comes from");
    let found = stand.store.checkpoint(made.id).map(drop);
    ensure!(matches!(found, Err(Error::NoCheckpoint { .. })), "it is in the other store: {found:?}");
    Ok(())
}

fn a_copy_of_a_branch_that_went_on_elsewhere_gets_a_name_of_its_own(bench: &Bench<'_>) -> Checked {
    let (stand, copy) = (prepared(bench)?, bench.stand()?);
    copy.store.import(export(&stand.store, &session("two"))?.as_slice())?;
    let here = commit(&copy.store.session("two")?, b"here")?;
    let there = commit(&stand.store.session("two")?, b"there")?;
    let taken = copy.store.import(export(&stand.store, &session("two"))?.as_slice())?;
    same!(taken.renamed.len(), 1, "branches with another name");
    let two = copy.store.session("two")?;
    same!(two.head()?.map(|head| head.id), Some(here.id), "the head of the branch that was here");
    for renamed in &taken.renamed {
        same!(two.on(&renamed.to)?.head()?.map(|head| head.id), Some(there.id), "the head of the other");
    }
    Ok(())
}

fn a_fork_is_a_copy_that_takes_no_bytes_of_states(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let session = stand.store.session("main")?;
    let made = commit(&session, &bench.random().bytes(100_000))?;
    let before = stand.object_bytes()?;
    let fork = session.fork("copy", &made)?;
    let grown = stand.object_bytes()?.saturating_sub(before);
    ensure!(grown < 2000, "a fork has taken {grown} bytes");
    same!(latest(&fork)?, latest(&session)?, "the state of the fork");
    Ok(())
}

fn bytes_that_are_no_export_take_nothing_in(bench: &Bench<'_>) -> Checked {
    let (stand, copy) = (prepared(bench)?, bench.stand()?);
    let bytes = export(&stand.store, &Selection::All)?;
    for len in [0, 1, 20, bytes.len() / 2, bytes.len().saturating_sub(1)] {
        let cut = bytes.get(..len).unwrap_or_default();
        ensure!(copy.store.import(cut).is_err(), "{len} of {} bytes were taken in", bytes.len());
    }
    ensure!(copy.store.is_empty()?, "a part of what is no export is there");
    Ok(())
}
