//! Retention: what goes, what stays, what the space does.

use std::{collections::BTreeMap, ops::ControlFlow};

use keepstone_checkpoint::{CheckpointId, CheckpointStore, Error, Policy, Pruned, Query};

use crate::{
    check::{Bench, Checked, Stop},
    random::Random,
    stand::{Stand, commit, latest, quiet, sequences},
};

checks![
    survivors_of_random_prunes_have_the_states_that_they_had,
    heads_of_branches_stay_whatever_a_policy_says,
    the_newest_of_each_session_stays_whatever_a_policy_says,
    what_is_locked_stays_whatever_a_policy_says,
    where_a_branch_begins_stays_whatever_a_policy_says,
    the_last_so_many_of_each_session_stay,
    what_has_a_tag_stays,
    what_has_an_annotation_stays,
    what_is_named_stays,
    what_is_young_enough_stays,
    a_policy_for_a_session_leaves_the_others_alone,
    a_bound_on_bytes_lets_the_oldest_go,
    what_a_plan_says_is_what_goes,
    a_plan_changes_nothing,
    a_prune_that_is_stopped_changes_nothing,
    a_plan_that_no_longer_fits_is_refused,
    what_was_pruned_stays_gone_over_openings,
    sequences_of_what_was_pruned_are_not_given_again,
    a_compaction_of_a_long_chain_keeps_the_newest_readable,
    before_the_grace_is_over_packs_stay,
    after_the_grace_a_sweep_gives_the_space_back,
    a_sweep_behind_a_compaction_gives_the_space_back_where_there_is_no_grace,
    a_branch_goes_on_after_its_past_was_pruned,
];

fn apply(store: &CheckpointStore, policy: &Policy) -> Result<Pruned, Error> {
    let plan = store.plan(policy, None)?;
    store.apply(&plan, &mut |_| ControlFlow::Continue(()))
}

/// Lets go of all that may go but what a policy keeps.
fn left(store: &CheckpointStore, policy: &Policy) -> Result<Vec<u64>, Error> {
    apply(store, policy)?;
    Ok(sequences(&store.list(&Query::new())?))
}

/// Checkpoints, and the states that they have to have.
type Made = Vec<(CheckpointId, Vec<u8>)>;

/// A session with a chain of so many checkpoints.
fn chain(bench: &Bench<'_>, count: usize) -> Result<(Stand, Made), Stop> {
    let stand = bench.stand_with(quiet().chain_factor(100))?;
    let mut random = bench.random();
    let (mut state, mut made) = (random.bytes(600), Vec::new());
    let session = stand.store.session("main")?;
    for _ in 0..count {
        random.edit(&mut state);
        made.push((commit(&session, &state)?.id, state.clone()));
    }
    drop(session);
    Ok((stand, made))
}

fn nothing_stays() -> Policy {
    // A rule that keeps nothing, so that only what always stays does.
    Policy::new().keep_tag("nobody has this tag").ending_undo()
}

fn survivors_of_random_prunes_have_the_states_that_they_had(bench: &Bench<'_>) -> Checked {
    let mut random = bench.random();
    for round in 0..bench.of(4, 40) {
        let mut stand = bench.stand_with(quiet().chain_factor(round % 6))?;
        let mut shadow: BTreeMap<CheckpointId, Vec<u8>> = BTreeMap::new();
        for step in 0..50 {
            random_step(&stand, &mut random, step, &mut shadow)?;
            if random.one_in(8) {
                let all = stand.store.list(&Query::new())?;
                let share = 1 + random.below(4);
                let chosen: Vec<_> =
                    all.iter().filter(|_| random.one_in(share)).map(|found| found.id).collect();
                let plan =
                    stand.store.plan(&Policy::new().keep_ids(chosen).keep_last(random.index(3)), None)?;
                stand.store.apply(&plan, &mut |_| ControlFlow::Continue(()))?;
                plan.gone().iter().for_each(|gone| drop(shadow.remove(&gone.id)));
                holds(&stand.store, &shadow)?;
            }
            if random.one_in(20) {
                stand.store.sweep(i64::MAX)?;
                stand = stand.reopen()?;
                holds(&stand.store, &shadow)?;
            }
        }
    }
    Ok(())
}

fn random_step(
    stand: &Stand,
    random: &mut Random,
    step: u32,
    shadow: &mut BTreeMap<CheckpointId, Vec<u8>>,
) -> Checked {
    let session = stand.store.session(random.of(&["one", "two"]).copied().unwrap_or_default())?;
    let all = stand.store.list(&Query::new().session(session.name()))?;
    let session = match random.of(&all) {
        Some(from) if random.one_in(6) => session.fork(&format!("fork {step}"), from)?,
        Some(from) if random.one_in(8) => {
            session.reset(from)?;
            session
        }
        _ => session,
    };
    let mut state = match session.head()?.and_then(|head| shadow.get(&head.id)) {
        Some(state) => state.clone(),
        None => random.bytes(700),
    };
    random.edit(&mut state);
    shadow.insert(commit(&session, &state)?.id, state);
    if random.one_in(10) {
        stand.store.seal()?;
    }
    Ok(())
}

fn holds(store: &CheckpointStore, shadow: &BTreeMap<CheckpointId, Vec<u8>>) -> Checked {
    same!(store.len()?, shadow.len(), "checkpoints that stay");
    for (id, state) in shadow {
        ensure!(store.state(*id)?.bytes() == state, "checkpoint {id}: another state after a prune");
    }
    Ok(())
}

fn heads_of_branches_stay_whatever_a_policy_says(bench: &Bench<'_>) -> Checked {
    let (stand, made) = chain(bench, 6)?;
    {
        let session = stand.store.session("main")?;
        for (n, (id, _)) in made.iter().enumerate().filter(|(n, _)| n % 2 == 0) {
            session.fork(&format!("fork {n}"), *id)?;
        }
    }
    same!(left(&stand.store, &nothing_stays())?, [1, 3, 5, 6], "what stays");
    let stand = stand.reopen()?;
    let session = stand.store.session("main")?;
    for (n, (_, state)) in made.iter().enumerate().filter(|(n, _)| n % 2 == 0) {
        same!(latest(&session.on(&format!("fork {n}"))?)?.as_ref(), Some(state), "the head of fork {n}");
    }
    Ok(())
}

fn the_newest_of_each_session_stays_whatever_a_policy_says(bench: &Bench<'_>) -> Checked {
    let (stand, made) = chain(bench, 5)?;
    let session = stand.store.session("main")?;
    if let Some((second, _)) = made.get(1) {
        session.reset(*second)?;
    }
    same!(left(&stand.store, &nothing_stays())?, [2, 5], "the head and the newest");
    Ok(())
}

fn what_is_locked_stays_whatever_a_policy_says(bench: &Bench<'_>) -> Checked {
    let (stand, made) = chain(bench, 6)?;
    for (id, _) in made.iter().skip(1).take(2) {
        stand.store.lock(*id, true)?;
    }
    same!(left(&stand.store, &nothing_stays())?, [2, 3, 6], "what stays");
    if let Some((id, _)) = made.get(1) {
        stand.store.lock(*id, false)?;
    }
    same!(left(&stand.store, &nothing_stays())?, [3, 6], "what stays once it is unlocked");
    Ok(())
}

fn where_a_branch_begins_stays_whatever_a_policy_says(bench: &Bench<'_>) -> Checked {
    let (stand, made) = chain(bench, 5)?;
    if let Some((third, _)) = made.get(2) {
        let fork = stand.store.session("main")?.fork("side", *third)?;
        for state in [b"6", b"7", b"8"] {
            commit(&fork, state)?;
        }
    }
    same!(left(&stand.store, &nothing_stays())?, [3, 5, 6, 8], "fork point, first and head of the branch");
    Ok(())
}

fn the_last_so_many_of_each_session_stay(bench: &Bench<'_>) -> Checked {
    let (stand, _) = chain(bench, 6)?;
    let other = stand.store.session("other")?;
    for state in [b"7", b"8", b"9"] {
        commit(&other, state)?;
    }
    same!(left(&stand.store, &Policy::keep_recent(2))?, [5, 6, 8, 9], "the last two of each");
    Ok(())
}

fn what_has_a_tag_stays(bench: &Bench<'_>) -> Checked {
    let (stand, made) = chain(bench, 6)?;
    for (n, (id, _)) in made.iter().enumerate().take(4) {
        stand.store.tag(*id, &[if n % 2 == 0 { "good" } else { "bad" }])?;
    }
    same!(left(&stand.store, &Policy::preserve_tagged(["good"], 1))?, [1, 3, 6], "what stays");
    Ok(())
}

fn what_has_an_annotation_stays(bench: &Bench<'_>) -> Checked {
    let (stand, made) = chain(bench, 4)?;
    if let Some((id, _)) = made.get(1) {
        stand.store.annotate(*id, "why", Some(""))?;
    }
    same!(left(&stand.store, &Policy::new().keep_annotated("why"))?, [2, 4], "what stays");
    Ok(())
}

fn what_is_named_stays(bench: &Bench<'_>) -> Checked {
    let (stand, made) = chain(bench, 8)?;
    let named = made.iter().skip(2).step_by(3).map(|(id, _)| *id);
    same!(left(&stand.store, &Policy::new().keep_ids(named))?, [3, 6, 8], "what stays");
    Ok(())
}

fn what_is_young_enough_stays(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let session = stand.store.session("main")?;
    for time in [0, 10, 20, 30, 40_i64] {
        session.checkpoint(&time).at(time).commit()?;
    }
    let plan = stand.store.plan(&Policy::new().keep_within(20), Some(40))?;
    stand.store.apply(&plan, &mut |_| ControlFlow::Continue(()))?;
    same!(sequences(&stand.store.list(&Query::new())?), [3, 4, 5], "what is not older than 20");
    Ok(())
}

fn a_policy_for_a_session_leaves_the_others_alone(bench: &Bench<'_>) -> Checked {
    let (stand, _) = chain(bench, 4)?;
    let other = stand.store.session("other")?;
    for state in [b"5", b"6", b"7"] {
        commit(&other, state)?;
    }
    let policy = Policy::keep_recent(1).only_session("other");
    same!(left(&stand.store, &policy)?, [1, 2, 3, 4, 7], "what stays");
    let unknown = stand.store.plan(&Policy::keep_recent(1).only_session("none"), None);
    ensure!(matches!(unknown, Err(Error::NoSession { .. })), "a session that is not there");
    Ok(())
}

fn a_bound_on_bytes_lets_the_oldest_go(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand_with(quiet().chain_factor(0))?;
    let session = stand.store.session("main")?;
    let mut random = bench.random();
    for _ in 0..10 {
        commit(&session, &random.bytes(1000))?;
    }
    same!(left(&stand.store, &Policy::new().max_bytes(3500))?, [8, 9, 10], "what fits");
    Ok(())
}

fn what_a_plan_says_is_what_goes(bench: &Bench<'_>) -> Checked {
    let (stand, _) = chain(bench, 20)?;
    let plan = stand.store.plan(&Policy::keep_recent(3), None)?;
    let kept: Vec<u64> = plan.kept().iter().map(|kept| kept.checkpoint.sequence.0).collect();
    let done = stand.store.apply(&plan, &mut |_| ControlFlow::Continue(()))?;
    same!(done.checkpoints, plan.gone().len() as u64, "checkpoints that have gone");
    same!(sequences(&stand.store.list(&Query::new())?), kept, "checkpoints that were to stay");
    Ok(())
}

fn a_plan_changes_nothing(bench: &Bench<'_>) -> Checked {
    let (stand, _) = chain(bench, 10)?;
    let before = stand.tap.counts();
    let plan = stand.store.plan(&Policy::keep_recent(1), None)?;
    same!(plan.gone().len(), 9, "what would go");
    same!(stand.tap.counts(), before, "requests of a plan");
    same!(stand.store.len()?, 10, "checkpoints");
    Ok(())
}

fn a_prune_that_is_stopped_changes_nothing(bench: &Bench<'_>) -> Checked {
    let (stand, made) = chain(bench, 12)?;
    stand.store.seal()?;
    for stop_at in 0..4 {
        let plan = stand.store.plan(&Policy::keep_recent(2), None)?;
        let mut told = 0;
        let done = stand.store.apply(&plan, &mut |_| {
            told += 1;
            if told > stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if !done.stopped {
            ensure!(stop_at > 0, "it was stopped at once, and it went on");
            return Ok(());
        }
        same!(stand.store.len()?, 12, "checkpoints");
        for (id, state) in &made {
            ensure!(stand.store.state(*id)?.bytes() == state, "checkpoint {id}: another state");
        }
    }
    Ok(())
}

fn a_plan_that_no_longer_fits_is_refused(bench: &Bench<'_>) -> Checked {
    let (stand, made) = chain(bench, 5)?;
    let plan = stand.store.plan(&Policy::keep_recent(1), None)?;
    if let Some((first, _)) = made.first() {
        stand.store.lock(*first, true)?;
    }
    let refused = stand.store.apply(&plan, &mut |_| ControlFlow::Continue(()));
    ensure!(matches!(refused, Err(Error::Misuse { .. })), "what goes was locked meanwhile: {refused:?}");
    same!(stand.store.len()?, 5, "checkpoints");
    Ok(())
}

fn what_was_pruned_stays_gone_over_openings(bench: &Bench<'_>) -> Checked {
    let (mut stand, made) = chain(bench, 10)?;
    apply(&stand.store, &Policy::keep_recent(2))?;
    for round in 0..3 {
        same!(sequences(&stand.store.list(&Query::new())?), [9, 10], "what stays, round {round}");
        for (id, _) in made.iter().take(8) {
            let found = stand.store.state(*id).map(drop);
            ensure!(matches!(found, Err(Error::NoCheckpoint { .. })), "{id} is gone, and found: {found:?}");
        }
        stand = stand.reopen()?;
    }
    Ok(())
}

fn sequences_of_what_was_pruned_are_not_given_again(bench: &Bench<'_>) -> Checked {
    let (stand, _) = chain(bench, 10)?;
    apply(&stand.store, &Policy::keep_recent(1))?;
    stand.store.session("last")?;
    let last = commit(&stand.store.session("last")?, b"x")?;
    same!(last.sequence.0, 11, "the next sequence");
    stand.store.end_session("last")?;
    stand.store.seal()?;
    let stand = stand.reopen()?;
    same!(commit(&stand.store.session("main")?, b"x")?.sequence.0, 12, "the next after an opening");
    Ok(())
}

fn a_compaction_of_a_long_chain_keeps_the_newest_readable(bench: &Bench<'_>) -> Checked {
    let count = bench.of(200, 1000);
    let (stand, made) = chain(bench, count)?;
    stand.store.seal()?;
    stand.store.compact(10)?;
    stand.store.sweep(i64::MAX)?;
    let stand = stand.reopen()?;
    same!(stand.store.len()?, 10, "checkpoints");
    for (id, state) in made.iter().skip(count - 10) {
        ensure!(stand.store.state(*id)?.bytes() == state, "checkpoint {id}: another state");
    }
    Ok(())
}

/// Nanoseconds of the grace.
const GRACE: i64 = 1000;

/// A store with a pack that nothing refers to since time 5000.
fn retired(bench: &Bench<'_>) -> Result<Stand, Stop> {
    let stand = bench.stand_with(quiet().grace(GRACE).clock(|| 5000))?;
    let session = stand.store.session("main")?;
    let mut random = bench.random();
    for _ in 0..10 {
        commit(&session, &random.bytes(2000))?;
    }
    drop(session);
    stand.store.seal()?;
    stand.store.compact(1)?;
    // The manifest says what is not needed any more.
    stand.store.seal()?;
    Ok(stand)
}

fn before_the_grace_is_over_packs_stay(bench: &Bench<'_>) -> Checked {
    let stand = retired(bench)?;
    let before = stand.names("packs/")?;
    let swept = stand.store.sweep(5000 + GRACE - 1)?;
    same!(swept.packs, 0, "packs that were removed before the grace was over");
    ensure!(swept.waiting > 0, "no pack waits for the grace to end");
    same!(stand.names("packs/")?, before, "the packs");
    Ok(())
}

fn after_the_grace_a_sweep_gives_the_space_back(bench: &Bench<'_>) -> Checked {
    let stand = retired(bench)?;
    let before = stand.object_bytes()?;
    ensure!(stand.store.sweep(5000 + GRACE)?.packs > 0, "nothing was removed after the grace");
    let after = stand.object_bytes()?;
    ensure!(after + 10_000 < before, "{before} bytes before, {after} bytes after, and 18,000 are not needed");
    let stand = stand.reopen()?;
    same!(latest(&stand.store.session("main")?)?.map(|state| state.len()), Some(2000), "the head");
    Ok(())
}

fn a_sweep_behind_a_compaction_gives_the_space_back_where_there_is_no_grace(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand_with(quiet().grace(0))?;
    let session = stand.store.session("main")?;
    let mut random = bench.random();
    let mut state = Vec::new();
    for _ in 0..10 {
        state = random.bytes(2000);
        commit(&session, &state)?;
    }
    drop(session);
    stand.store.seal()?;
    stand.store.compact(1)?;
    // An opening finds the prune in the journal, and the packs as they were.
    let stand = stand.reopen()?;
    let before = stand.object_bytes()?;
    ensure!(stand.store.sweep(0)?.packs > 0, "nothing was removed");
    let after = stand.object_bytes()?;
    ensure!(after + 10_000 < before, "{before} bytes before, {after} bytes after, and 18,000 are not needed");
    let stand = stand.reopen()?;
    same!(latest(&stand.store.session("main")?)?.as_ref(), Some(&state), "the head");
    Ok(())
}

fn a_branch_goes_on_after_its_past_was_pruned(bench: &Bench<'_>) -> Checked {
    let (mut stand, made) = chain(bench, 8)?;
    let mut state = made.last().map(|(_, state)| state.clone()).unwrap_or_default();
    for round in 0..6 {
        apply(&stand.store, &Policy::keep_recent(1))?;
        same!(latest(&stand.store.session("main")?)?.as_ref(), Some(&state), "the head in round {round}");
        stand = stand.reopen()?;
        state.push(round);
        commit(&stand.store.session("main")?, &state)?;
    }
    Ok(())
}
