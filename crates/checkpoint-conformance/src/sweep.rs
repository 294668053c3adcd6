//! Faults at each request of what is done to a store.

use std::{collections::BTreeSet, sync::Arc};

use keepstone_checkpoint::{CheckpointId, CheckpointStore, Error, Kind};

use crate::{
    act::Act,
    check::{Bench, Checked, Stop},
    ground::{Ground, Objects},
    random::Random,
    stand::{commit, latest, quiet},
    tap::{Cut, Tap, Then, When},
    view::{AFTER, View, ids},
};

/// Requests of an act at most: one that never ends is found out.
const REQUESTS_MAX: u64 = 2000;
/// Requests that a recovery makes, about.
const RECOVERY_REQUESTS: u64 = 24;

/// What an act begins with, and what it makes of it.
struct Prepared {
    act: Act,
    objects: Objects,
    known: BTreeSet<CheckpointId>,
    before: View,
    after: View,
}

/// What is found after a fault.
struct Found {
    view: View,
    /// Whether the act is done.
    is_done: bool,
}

impl Prepared {
    fn new(bench: &Bench<'_>, act: Act) -> Result<Self, Stop> {
        let mut objects = Objects::new();
        if let Some(prepare) = act.prepare {
            let ground = bench.ground()?;
            prepare(&ground.store(quiet())?)?;
            objects = ground.objects()?;
        }
        let mut prepared =
            Self { act, objects, known: BTreeSet::new(), before: View::default(), after: View::default() };
        let ground = prepared.place(bench)?;
        {
            let store = ground.store(quiet())?;
            prepared.known = ids(&store)?;
            prepared.before = View::of(&store, &prepared.known)?;
            (act.run)(&store)?;
        }
        prepared.after = View::of(&ground.store(quiet())?, &prepared.known)?;
        Ok(prepared)
    }

    /// A new place with what the act begins with.
    fn place(&self, bench: &Bench<'_>) -> Result<Ground, Stop> {
        let ground = bench.ground()?;
        ground.fill(&self.objects)?;
        Ok(ground)
    }

    /// Does it with a fault; answers what it said, and whether the fault was met.
    fn attempt(&self, ground: &Ground, cut: Cut) -> Result<(Result<(), Error>, bool), Stop> {
        let tap = Tap::new(ground.open()?);
        if self.act.opens {
            tap.cut(cut);
        }
        let done = CheckpointStore::on(Arc::<Tap>::clone(&tap), quiet()).and_then(|store| {
            if !self.act.opens {
                tap.cut(cut);
            }
            (self.act.run)(&store)
        });
        Ok((done, tap.is_hit()))
    }

    /// Looks at a store after a fault.
    fn found(&self, store: &CheckpointStore, was_acknowledged: bool) -> Result<Found, Stop> {
        let view = View::of(store, &self.known)?;
        if view == self.after {
            return Ok(Found { view, is_done: true });
        }
        let is_part = self.act.is_in_parts && view.is_between(&self.before, &self.after);
        ensure!(!was_acknowledged, "it was acknowledged and is not there: {}", view.difference(&self.after));
        ensure!(
            view == self.before || is_part,
            "neither what was before nor what had to be: {}; {}",
            view.difference(&self.before),
            view.difference(&self.after)
        );
        Ok(Found { view, is_done: false })
    }

    /// Looks at a place after a crash, and goes on.
    fn check(&self, ground: &Ground, was_acknowledged: bool) -> Result<Found, Stop> {
        let store = ground.store(quiet()).map_err(|stop| stop.on("opening after the crash"))?;
        let found = self.found(&store, was_acknowledged)?;
        let mut expected = &found.view;
        if self.act.is_in_parts && !found.is_done {
            (self.act.run)(&store).map_err(|err| Stop::from(err).on("doing it again"))?;
            expected = &self.after;
        }
        go_on(&store)?;
        drop(store);
        let store = ground.store(quiet()).map_err(|stop| stop.on("opening once more"))?;
        let view = View::of(&store, &self.known)?;
        ensure!(view == *expected, "it is another once the store went on: {}", view.difference(expected));
        Ok(found)
    }

    /// Opens what a crash has left, goes on and tidies up, until another crash.
    fn recover(&self, bench: &Bench<'_>, crashed: &Objects, view: &View, cut: Cut) -> Result<bool, Stop> {
        let ground = bench.ground()?;
        ground.fill(crashed)?;
        let tap = Tap::new(ground.open()?);
        tap.cut(cut);
        let mut made = None;
        let recovered = CheckpointStore::on(Arc::<Tap>::clone(&tap), quiet()).and_then(|store| {
            made = Some(commit(&store.session(AFTER)?, b"recovered")?);
            store.seal()?;
            store.sweep(i64::MAX).map(drop)
        });
        let is_hit = tap.is_hit();
        drop(tap);
        if !is_hit {
            recovered?;
        }
        let store = ground.store(quiet()).map_err(|stop| stop.on("opening after the second crash"))?;
        let found = View::of(&store, &self.known)?;
        ensure!(found == *view, "it is another after the second crash: {}", found.difference(view));
        if let Some(made) = made {
            let state = store.state(&made)?;
            same!(state.bytes(), b"recovered", "a checkpoint acknowledged after a crash");
        }
        go_on(&store)?;
        Ok(is_hit)
    }
}

/// Makes a checkpoint, moves everything to packs and reads it.
fn go_on(store: &CheckpointStore) -> Checked {
    let session = store.session(AFTER)?;
    commit(&session, b"goes on")?;
    store.seal()?;
    same!(latest(&session)?.as_deref(), Some(b"goes on".as_slice()), "the checkpoint after a fault");
    Ok(())
}

/// Kills the process before and after each request of an act, and again while what is left is opened, gone on with and tidied up.
pub(crate) fn crash(bench: &Bench<'_>, act: Act) -> Checked {
    let prepared = Prepared::new(bench, act)?;
    let mut random = bench.random();
    each_fault(&prepared, Then::Dead, |cut| {
        let ground = prepared.place(bench)?;
        let (done, is_hit) = prepared.attempt(&ground, cut)?;
        if !is_hit {
            done?;
            return Ok(false);
        }
        let crashed = ground.objects()?;
        let found = prepared.check(&ground, done.is_ok())?;
        again(bench, &mut random, |second| prepared.recover(bench, &crashed, &found.view, second))?;
        Ok(true)
    })
}

/// Calls with crashes of a recovery: with each, until one is not met, or with some.
fn again(
    bench: &Bench<'_>,
    random: &mut Random,
    mut recover: impl FnMut(Cut) -> Result<bool, Stop>,
) -> Checked {
    const WHEN: [When; 2] = [When::Before, When::After];
    let text = |cut: Cut| format!("and {:?} request {} of the recovery", cut.when, cut.at);
    if !bench.is_full() {
        let when = if random.one_in(2) { When::Before } else { When::After };
        let cut = Cut { at: random.below(RECOVERY_REQUESTS), when, then: Then::Dead };
        return recover(cut).map(drop).map_err(|stop| stop.on(&text(cut)));
    }
    for at in 0..REQUESTS_MAX {
        for when in WHEN {
            let cut = Cut { at, when, then: Then::Dead };
            if !recover(cut).map_err(|stop| stop.on(&text(cut)))? {
                return Ok(());
            }
        }
    }
    Err(Stop::failed("a recovery never ends"))
}

/// Calls with a fault at each request of an act, until one is not met.
fn each_fault(prepared: &Prepared, then: Then, mut with: impl FnMut(Cut) -> Result<bool, Stop>) -> Checked {
    let what = prepared.act.what;
    for at in 0..REQUESTS_MAX {
        // Nothing has happened when there is no room.
        let whens: &[When] =
            if then == Then::NoRoom { &[When::Before] } else { &[When::Before, When::After] };
        for when in whens {
            let cut = Cut { at, when: *when, then };
            let text = format!("{what}, {when:?} request {at}");
            if !with(cut).map_err(|stop| stop.on(&text))? {
                return Ok(());
            }
        }
    }
    Err(Stop::Failed(format!("{what}: it never ends")))
}

/// Lets each request of an act fail once, before and after it took effect; the same handle goes on.
pub(crate) fn fail_once(bench: &Bench<'_>, act: Act) -> Checked {
    fail(bench, act, Then::GoesOn, &[Kind::Io, Kind::Poisoned])
}

/// Leaves no room from each put of an act on; the same handle goes on reading, and writing once there is room.
pub(crate) fn no_room(bench: &Bench<'_>, act: Act) -> Checked {
    fail(bench, act, Then::NoRoom, &[Kind::NoSpace])
}

fn fail(bench: &Bench<'_>, act: Act, then: Then, kinds: &[Kind]) -> Checked {
    let prepared = Prepared::new(bench, act)?;
    each_fault(&prepared, then, |cut| {
        let ground = prepared.place(bench)?;
        let tap = Tap::new(ground.open()?);
        if act.opens {
            tap.cut(cut);
        }
        let store = match CheckpointStore::on(Arc::<Tap>::clone(&tap), quiet()) {
            Ok(store) => store,
            Err(err) => {
                ensure!(
                    kinds.contains(&err.kind()),
                    "an opening fails with the kind {:?}: {err}",
                    err.kind()
                );
                drop(tap);
                return prepared.check(&ground, false).map(|_| true);
            }
        };
        if !act.opens {
            tap.cut(cut);
        }
        let done = (act.run)(&store);
        if let Err(err) = &done {
            ensure!(kinds.contains(&err.kind()), "it fails with the kind {:?}: {err}", err.kind());
        }
        let is_hit = tap.is_hit();
        // What is there is read while there is no room.
        if then != Then::NoRoom {
            tap.mend();
        }
        let found = prepared.found(&store, done.is_ok())?;
        tap.mend();
        if !is_hit {
            done?;
            return Ok(false);
        }
        go_on(&store)?;
        drop((store, tap));
        let view = View::of(&ground.store(quiet())?, &prepared.known)?;
        ensure!(
            view == found.view,
            "the next opening finds something else than the handle showed: {}",
            view.difference(&found.view)
        );
        Ok(true)
    })
}
