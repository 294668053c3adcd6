//! Parents, forks, restores, undo, heads.

use keepstone_checkpoint::{Bytes, Cause, Error, Query, Session};

use crate::{
    check::{Bench, Checked},
    stand::{Stand, commit, latest},
};

checks![
    a_first_checkpoint_has_no_parent,
    a_checkpoint_goes_on_from_the_head,
    parents_lead_back_to_the_first_checkpoint,
    a_restore_moves_the_head_and_destroys_nothing,
    a_checkpoint_after_a_restore_goes_on_from_what_was_restored,
    a_get_moves_no_head,
    a_fork_begins_where_it_was_told,
    forks_go_on_apart,
    a_fork_of_a_fork_goes_on_from_it,
    an_undo_takes_a_checkpoint_back,
    an_undo_takes_a_restore_back,
    undos_take_back_one_move_after_the_other_and_then_there_is_none,
    heads_and_moves_are_kept_over_openings,
    a_checkpoint_of_another_session_is_no_head_and_no_fork,
    a_name_of_a_branch_is_taken_until_the_branch_ends,
    a_session_keeps_its_last_branch,
    a_session_with_another_name_is_the_same_session,
    branches_of_many_sessions_do_not_disturb_each_other,
];

fn head(session: &Session) -> Result<Option<u64>, Error> {
    Ok(session.head()?.map(|head| head.sequence.0))
}

/// A session with so many checkpoints, of which each has its number as its state.
fn made(stand: &Stand, count: u8) -> Result<Session, Error> {
    let session = stand.store.session("main")?;
    (1..=count).try_for_each(|number| commit(&session, &[number]).map(drop))?;
    Ok(session)
}

fn at(stand: &Stand, sequence: u64) -> Result<keepstone_checkpoint::CheckpointId, Error> {
    let found = stand.store.list(&Query::new().sequences(sequence..=sequence))?;
    found
        .first()
        .map(|found| found.id)
        .ok_or(Error::Misuse { what: "a checkpoint that was made is not listed" })
}

fn a_first_checkpoint_has_no_parent(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    for name in ["one", "two"] {
        let session = stand.store.session(name)?;
        same!(head(&session)?, None, "the head of a new session");
        same!(latest(&session)?, None, "the state of a new session");
        same!(commit(&session, b"x")?.parent, None, "the parent of a first checkpoint");
    }
    Ok(())
}

fn a_checkpoint_goes_on_from_the_head(bench: &Bench<'_>) -> Checked {
    let mut stand = bench.stand()?;
    let mut before = None;
    for round in 0..6 {
        let session = stand.store.session("main")?;
        same!(session.head()?.map(|head| head.sequence), before, "the head in round {round}");
        let made = commit(&session, &[round])?;
        same!(made.parent, before, "the parent in round {round}");
        before = Some(made.sequence);
        drop(session);
        if round % 2 == 0 {
            stand = stand.reopen()?;
        }
    }
    Ok(())
}

fn parents_lead_back_to_the_first_checkpoint(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    drop(made(&stand, 12)?);
    stand.store.seal()?;
    let stand = stand.reopen()?;
    let mut next = stand.store.session("main")?.head()?;
    let mut way = Vec::new();
    while let Some(found) = next {
        way.push(found.sequence.0);
        next = match found.parent {
            Some(parent) => stand.store.list(&Query::new().sequences(parent.0..=parent.0))?.pop(),
            None => None,
        };
    }
    same!(way, (1..=12).rev().collect::<Vec<u64>>(), "the way back");
    Ok(())
}

fn a_restore_moves_the_head_and_destroys_nothing(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let session = made(&stand, 5)?;
    let restored: Bytes<'_> = session.restore(at(&stand, 2)?)?;
    same!(*restored.0, [2], "what was restored");
    drop((restored, session));
    let stand = stand.reopen()?;
    same!(head(&stand.store.session("main")?)?, Some(2), "the head");
    for number in 1..=5_u8 {
        same!(stand.store.state(at(&stand, number.into())?)?.bytes(), [number], "state {number}");
    }
    Ok(())
}

fn a_checkpoint_after_a_restore_goes_on_from_what_was_restored(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let session = made(&stand, 5)?;
    session.reset(at(&stand, 2)?)?;
    let next = commit(&session, b"other")?;
    same!((next.sequence.0, next.parent.map(|parent| parent.0)), (6, Some(2)), "sequence and parent");
    same!(stand.store.state(at(&stand, 5)?)?.bytes(), [5], "the state of what was left");
    Ok(())
}

fn a_get_moves_no_head(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let session = made(&stand, 3)?;
    let found: Bytes<'_> = stand.store.get(at(&stand, 1)?)?;
    same!(*found.0, [1], "the state");
    same!(head(&session)?, Some(3), "the head");
    same!(stand.store.moves()?.len(), 3, "moves of the head");
    Ok(())
}

fn a_fork_begins_where_it_was_told(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let session = made(&stand, 4)?;
    let fork = session.fork("other", at(&stand, 2)?)?;
    same!((head(&fork)?, latest(&fork)?), (Some(2), Some(vec![2])), "the head of the fork");
    let made = commit(&fork, b"forked")?;
    same!((made.parent.map(|parent| parent.0), &*made.branch), (Some(2), "other"), "parent and branch");
    same!(head(&session)?, Some(4), "the head of the branch that was forked");
    Ok(())
}

fn forks_go_on_apart(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    {
        let session = made(&stand, 2)?;
        let forks = [session.fork("a", at(&stand, 1)?)?, session.fork("b", at(&stand, 1)?)?];
        for round in 0..5_u8 {
            for (n, fork) in (0..).zip(&forks) {
                commit(fork, &[n, round])?;
            }
            commit(&session, &[9, round])?;
        }
    }
    let stand = stand.reopen()?;
    let session = stand.store.session("main")?;
    same!(latest(&session)?, Some(vec![9, 4]), "the state of main");
    same!(latest(&session.on("a")?)?, Some(vec![0, 4]), "the state of a");
    same!(latest(&session.on("b")?)?, Some(vec![1, 4]), "the state of b");
    same!(stand.store.list(&Query::new().branch("a"))?.len(), 5, "checkpoints made on a");
    Ok(())
}

fn a_fork_of_a_fork_goes_on_from_it(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let mut session = made(&stand, 1)?;
    for depth in 0..10_u8 {
        let from = session.head()?.ok_or(Error::Misuse { what: "a branch without a head" })?;
        session = session.fork(&format!("depth {depth}"), from.id)?;
        let made = commit(&session, &[depth; 40])?;
        same!(made.parent, Some(from.sequence), "the parent at depth {depth}");
    }
    drop(session);
    let stand = stand.reopen()?;
    let last = stand.store.session("main")?.on("depth 9")?;
    same!(latest(&last)?, Some(vec![9; 40]), "the state at the end");
    Ok(())
}

fn an_undo_takes_a_checkpoint_back(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let session = made(&stand, 3)?;
    same!(session.undo()?.cause, Cause::Checkpoint, "what was taken back");
    same!((head(&session)?, latest(&session)?), (Some(2), Some(vec![2])), "the head");
    same!(stand.store.state(at(&stand, 3)?)?.bytes(), [3], "the state of what was taken back");
    Ok(())
}

fn an_undo_takes_a_restore_back(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let session = made(&stand, 3)?;
    session.reset(at(&stand, 1)?)?;
    drop(session);
    let stand = stand.reopen()?;
    let session = stand.store.session("main")?;
    same!(session.undo()?.cause, Cause::Restore, "what was taken back");
    same!((head(&session)?, latest(&session)?), (Some(3), Some(vec![3])), "the head");
    Ok(())
}

fn undos_take_back_one_move_after_the_other_and_then_there_is_none(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let session = made(&stand, 4)?;
    for expected in [Some(3), Some(2), Some(1), None] {
        session.undo()?;
        same!(head(&session)?, expected, "the head");
    }
    let last = session.undo();
    ensure!(matches!(last, Err(Error::Misuse { .. })), "nothing was left, and an undo said {last:?}");
    same!(commit(&session, b"x")?.parent, None, "the parent of the next checkpoint");
    Ok(())
}

fn heads_and_moves_are_kept_over_openings(bench: &Bench<'_>) -> Checked {
    let mut stand = bench.stand()?;
    let session = made(&stand, 3)?;
    session.reset(at(&stand, 1)?)?;
    session.fork("side", at(&stand, 3)?)?;
    session.undo()?;
    drop(session);
    let (sessions, moves) = (stand.store.sessions()?, stand.store.moves()?);
    for round in 0..3 {
        same!(stand.store.sessions()?, sessions, "sessions and heads, round {round}");
        same!(stand.store.moves()?, moves, "moves, round {round}");
        if round == 1 {
            stand.store.seal()?;
        }
        stand = stand.reopen()?;
    }
    Ok(())
}

fn a_checkpoint_of_another_session_is_no_head_and_no_fork(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let session = made(&stand, 1)?;
    let other = commit(&stand.store.session("other")?, b"x")?;
    let refused = [session.reset(&other).err(), session.fork("f", &other).err(), session.find(&other).err()];
    for err in refused {
        ensure!(matches!(err, Some(Error::NoCheckpoint { .. })), "of another session: {err:?}");
    }
    same!(head(&session)?, Some(1), "the head");
    Ok(())
}

fn a_name_of_a_branch_is_taken_until_the_branch_ends(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let session = made(&stand, 2)?;
    let fork = session.fork("side", at(&stand, 1)?)?;
    commit(&fork, b"on the first side")?;
    let taken = session.fork("side", at(&stand, 2)?);
    ensure!(matches!(taken, Err(Error::Taken { .. })), "a second branch of one name: {taken:?}");
    session.end_branch("side")?;
    let ended = commit(&fork, b"x");
    ensure!(
        matches!(ended, Err(Error::NoBranch { .. })),
        "a checkpoint on a branch that has ended: {ended:?}"
    );
    let again = session.fork("side", at(&stand, 2)?)?;
    same!(head(&again)?, Some(2), "the head of the new branch");
    same!(stand.store.state(at(&stand, 3)?)?.bytes(), b"on the first side", "a state of the one that ended");
    Ok(())
}

fn a_session_keeps_its_last_branch(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let session = made(&stand, 1)?;
    let refused = session.end_branch("main");
    ensure!(matches!(refused, Err(Error::Misuse { .. })), "the last branch: {refused:?}");
    let unknown = session.end_branch("none");
    ensure!(matches!(unknown, Err(Error::NoBranch { .. })), "a branch that is not there: {unknown:?}");
    same!(head(&session)?, Some(1), "the head");
    Ok(())
}

fn a_session_with_another_name_is_the_same_session(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    drop(made(&stand, 3)?);
    stand.store.seal()?;
    stand.store.rename_session("main", "renamed")?;
    let stand = stand.reopen()?;
    ensure!(stand.store.find_session("main")?.is_none(), "the old name is still there");
    let session = stand.store.session("renamed")?;
    same!((head(&session)?, latest(&session)?), (Some(3), Some(vec![3])), "the head");
    same!(stand.store.list(&Query::new().session("renamed"))?.len(), 3, "its checkpoints");
    stand.store.session("main")?;
    let taken = stand.store.rename_session("main", "renamed");
    ensure!(matches!(taken, Err(Error::Taken { .. })), "a name that is taken: {taken:?}");
    Ok(())
}

fn branches_of_many_sessions_do_not_disturb_each_other(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let count = bench.of(20_u8, 100);
    for number in 0..count {
        let session = stand.store.session(&format!("session {number}"))?;
        let first = commit(&session, &[number, 0])?;
        commit(&session.fork("side", &first)?, &[number, 1])?;
    }
    let stand = stand.reopen()?;
    for number in 0..count {
        let session = stand.store.session(&format!("session {number}"))?;
        same!(latest(&session)?, Some(vec![number, 0]), "main of session {number}");
        same!(latest(&session.on("side")?)?, Some(vec![number, 1]), "side of session {number}");
    }
    Ok(())
}
