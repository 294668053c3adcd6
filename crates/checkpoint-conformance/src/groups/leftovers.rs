//! Objects that a crash leaves: a later sweep removes them, after the grace, and nothing else.

use keepstone_checkpoint::{CheckpointStore, Query, StoreOptions};

use crate::{
    act,
    check::{Bench, Checked, Stop},
    ground::{Ground, Objects},
    stand::{Stand, commit, quiet},
    tap::{Cut, Tap, Then, When},
};

checks![
    a_crash_while_states_move_leaves_nothing_that_a_later_sweep_does_not_remove,
    a_crash_while_a_prune_is_applied_leaves_nothing_that_a_later_sweep_does_not_remove,
    a_pack_that_nobody_knows_stays_for_the_grace,
    a_sweep_removes_no_pack_that_is_needed,
    objects_that_a_store_does_not_know_are_left_alone,
    manifests_and_commits_that_were_given_up_are_gone,
];

/// Nanoseconds of the grace.
const GRACE: i64 = 1000;

fn options(time: i64) -> StoreOptions {
    quiet().grace(GRACE).clock(move || time)
}

/// Crashes at each request of an act, and sees that after the grace there is what the store knows and nothing else.
fn crash(bench: &Bench<'_>, run: fn(&CheckpointStore) -> Result<(), keepstone_checkpoint::Error>) -> Checked {
    let ground = bench.ground()?;
    act::prepare(&ground.store(options(0))?)?;
    let objects = ground.objects()?;
    for at in 0..200 {
        for when in [When::Before, When::After] {
            let ground = bench.ground()?;
            ground.fill(&objects)?;
            let tap = Tap::new(ground.open()?);
            let store = CheckpointStore::on(std::sync::Arc::<Tap>::clone(&tap), options(0))?;
            tap.cut(Cut { at, when, then: Then::Dead });
            let done = run(&store);
            let is_hit = tap.is_hit();
            drop((store, tap));
            if !is_hit {
                done?;
                return Ok(());
            }
            tidied(ground).map_err(|stop| stop.on(&format!("{when:?} request {at}")))?;
        }
    }
    Err(Stop::failed("it never ends"))
}

/// Goes on after a crash until every grace is over, and looks at what is there.
fn tidied(ground: Ground) -> Checked {
    let stand = Stand::on(ground, options(10))?;
    commit(&stand.store.session("next")?, b"next")?;
    stand.store.seal()?;
    // What it finds now it notes, and waits.
    stand.store.sweep(10)?;
    let stand = stand.reopen()?;
    commit(&stand.store.session("next")?, b"next")?;
    stand.store.seal()?;
    stand.store.sweep(10 + GRACE)?;
    commit(&stand.store.session("next")?, b"next")?;
    stand.store.seal()?;
    stand.store.sweep(20 + 3 * GRACE)?;
    let known = stand.store.stats()?;
    let packs = stand.names("packs/")?;
    same!(packs.len() as u64, known.packs, "packs that are there, and those that the store knows");
    only_the_newest(&stand)
}

/// Of manifests and commits so few are there as a store leaves without a crash.
fn only_the_newest(stand: &Stand) -> Checked {
    let (manifests, commits) = (stand.names("manifests/")?, stand.names("commits/")?);
    ensure!(manifests.len() <= 2, "manifests: {manifests:?}");
    ensure!(commits.len() <= 2, "commits: {commits:?}");
    Ok(())
}

fn a_crash_while_states_move_leaves_nothing_that_a_later_sweep_does_not_remove(bench: &Bench<'_>) -> Checked {
    crash(bench, act::SEAL.run)
}

fn a_crash_while_a_prune_is_applied_leaves_nothing_that_a_later_sweep_does_not_remove(
    bench: &Bench<'_>,
) -> Checked {
    crash(bench, act::PRUNE.run)
}

/// A pack that no manifest names.
const ORPHAN: &str = "packs/0000000000ffffff.keep";

/// A store, and a pack that a writer has put and was killed before it told anybody.
fn with_orphan(bench: &Bench<'_>) -> Result<(Stand, Objects), Stop> {
    let stand = bench.stand_with(options(0))?;
    act::prepare(&stand.store)?;
    stand.store.seal()?;
    stand.backend().put_if_absent(ORPHAN, &[1; 100])?;
    let before = stand.ground_objects()?;
    Ok((stand, before))
}

fn a_pack_that_nobody_knows_stays_for_the_grace(bench: &Bench<'_>) -> Checked {
    let (stand, before) = with_orphan(bench)?;
    let swept = stand.store.sweep(5)?;
    same!((swept.packs, swept.waiting), (0, 1), "packs that went, and that wait");
    same!(stand.ground_objects()?.len(), before.len(), "objects");
    commit(&stand.store.session("one")?, b"x")?;
    stand.store.seal()?;
    for (now, is_there) in [(5 + GRACE - 1, true), (5 + GRACE, false)] {
        stand.store.sweep(now)?;
        same!(stand.backend().get(ORPHAN)?.is_some(), is_there, "whether it is there at {now}");
    }
    Ok(())
}

fn a_sweep_removes_no_pack_that_is_needed(bench: &Bench<'_>) -> Checked {
    let (stand, _) = with_orphan(bench)?;
    for now in [5, 5 + GRACE, i64::MAX] {
        stand.store.sweep(now)?;
        commit(&stand.store.session("one")?, b"x")?;
        stand.store.seal()?;
    }
    let stand = stand.reopen()?;
    for found in stand.store.list(&Query::new())? {
        same!(stand.store.state(&found)?.bytes().len() as u64, found.len, "bytes of {}", found.sequence);
    }
    Ok(())
}

fn objects_that_a_store_does_not_know_are_left_alone(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let names = ["packs/notes.txt", "packs/1.keep", "readme", "other/thing", "manifests/a", "commits/b"];
    for name in names {
        stand.backend().put_if_absent(name, b"not of the store")?;
    }
    act::prepare(&stand.store)?;
    stand.store.seal()?;
    stand.store.sweep(i64::MAX)?;
    let stand = stand.reopen()?;
    stand.store.compact(1)?;
    stand.store.sweep(i64::MAX)?;
    for name in names {
        same!(stand.backend().get(name)?.as_deref(), Some(b"not of the store".as_slice()), "{name}");
    }
    Ok(())
}

fn manifests_and_commits_that_were_given_up_are_gone(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let session = stand.store.session("main")?;
    for _ in 0..10 {
        for _ in 0..5 {
            commit(&session, b"x")?;
        }
        stand.store.seal()?;
        only_the_newest(&stand)?;
    }
    Ok(())
}
