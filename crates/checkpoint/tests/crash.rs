//! Power cuts and kills at each step of what a store does.

use std::{cell::RefCell, sync::Arc};

use keepstone_checkpoint::{BatchItem, Bytes, CheckpointStore, Durability, Error, Files, Query};
use keepstone_testkit::{Failure, Random, SimFiles, Sweep, Swept, effort, histories};

use crate::support::{bytes, edit, mixed, open};

/// The session that is gone on with after a crash.
const AFTER: &str = "after";
/// Acknowledgements: how many acts are done, and behind a thousand each, how many checkpoints after a crash.
const RECOVERY: u64 = 1000;

/// What a history does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// A checkpoint of a session.
    Commit(&'static str),
    /// Restores the first checkpoint of a session.
    Restore(&'static str),
    Undo(&'static str),
    /// Forks the head of a session.
    Fork(&'static str),
    Tag,
    Lock,
    Batch,
    /// A checkpoint that nobody waits for, and then all states are moved to a pack.
    SealBuffered,
    Seal,
    Sweep,
    /// The last session ends.
    End,
    /// The store ends, and another opens what is there.
    Reopen,
    Close,
}

const ALL: [Act; 14] = [
    Act::Commit("one"),
    Act::Commit("two"),
    Act::Commit("one"),
    Act::Restore("one"),
    Act::Undo("one"),
    Act::Fork("one"),
    Act::Tag,
    Act::Lock,
    Act::Batch,
    Act::SealBuffered,
    Act::Seal,
    Act::Sweep,
    Act::End,
    Act::Reopen,
];

/// What a store shows, the session after a crash aside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct View {
    sessions: Vec<String>,
    checkpoints: Vec<String>,
    moves: Vec<String>,
}

fn disk_of(disk: &SimFiles) -> Arc<dyn Files> {
    Arc::new(disk.clone())
}

fn view(store: &CheckpointStore) -> Result<View, Error> {
    let mut view = View::default();
    for session in store.sessions()? {
        if &*session.name != AFTER {
            view.sessions.push(format!("{session:?}"));
        }
    }
    for found in store.list(&Query::new())? {
        if &*found.session == AFTER {
            continue;
        }
        let state = store.state(&found)?;
        let known = (found.sequence, &found.branch, found.parent, &found.message, &found.tags, found.locked);
        view.checkpoints.push(format!("{} {known:?} {:?}", found.id, state.bytes()));
    }
    view.moves = store.moves()?.iter().map(|moved| format!("{moved:?}")).collect();
    Ok(view)
}

fn commit(store: &CheckpointStore, session: &str, payload: &Bytes<'_>, act: usize, durability: Durability) {
    let session = store.session(session).unwrap();
    let draft = session.checkpoint(payload).message(format!("act {act}"));
    drop(draft.durability(durability).commit().unwrap());
}

/// Runs a history and returns what is seen before it and after each act.
fn run(disk: &SimFiles, acts: &[Act]) -> Vec<View> {
    let files = disk_of(disk);
    let mut store = open(&files).unwrap();
    let mut random = Random::new(7);
    let mut state = mixed(&mut random, 500);
    let mut views = vec![view(&store).unwrap()];
    for (n, act) in acts.iter().enumerate() {
        edit(&mut random, &mut state);
        let payload: Bytes<'_> = state.clone().into();
        let last = |store: &CheckpointStore| store.latest(&Query::new()).unwrap();
        match *act {
            Act::Commit(session) => commit(&store, session, &payload, n, Durability::Durable),
            Act::Restore(name) => {
                let session = store.session(name).unwrap();
                if let Some(first) = store.list(&Query::new().session(name)).unwrap().first() {
                    drop(session.restore::<Bytes<'static>>(first).unwrap());
                }
            }
            Act::Undo(name) => drop(store.session(name).unwrap().undo()),
            Act::Fork(name) => {
                let session = store.session(name).unwrap();
                if let Some(head) = session.head().unwrap() {
                    let fork = session.fork(&format!("fork {n}"), &head).unwrap();
                    fork.checkpoint(&payload).commit().unwrap();
                }
            }
            Act::Tag => {
                if let Some(last) = last(&store) {
                    store.tag(&last, &[&format!("tag {n}")]).unwrap();
                }
            }
            Act::Lock => {
                if let Some(last) = last(&store) {
                    store.lock(&last, !last.locked).unwrap();
                }
            }
            Act::Batch => {
                let (one, two) = (store.session("one").unwrap(), store.session("two").unwrap());
                let other = bytes("other");
                let items = vec![
                    BatchItem::new(&one, &payload),
                    BatchItem::new(&two, &other),
                    BatchItem::new(&one, &other).tag("batch"),
                ];
                store.checkpoint_batch(items, Durability::Durable).unwrap();
            }
            Act::SealBuffered => {
                commit(&store, "one", &payload, n, Durability::Buffered);
                store.seal().unwrap();
            }
            Act::Seal => store.seal().unwrap(),
            Act::Sweep => drop(store.sweep(i64::MAX).unwrap()),
            Act::End => {
                if let Some(session) = store.sessions().unwrap().last() {
                    drop(store.end_session(&session.name));
                }
            }
            Act::Reopen => {
                drop(store);
                store = open(&files).unwrap();
            }
            Act::Close => {
                store.close().unwrap();
                store = open(&files).unwrap();
            }
        }
        views.push(view(&store).unwrap());
        disk.acknowledge_as(u64::try_from(n).unwrap() + 1);
    }
    views
}

/// Whether what is found is a view, as far as that goes.
fn is(found: &View, view: &View) -> bool {
    found.sessions == view.sessions
        && found.checkpoints == view.checkpoints
        && found.moves.starts_with(&view.moves)
}

/// The number of acts that are done, as far as can be seen.
///
/// An act may be several commits (a session that begins, a fork and its checkpoint), so what is found may lie between two views: then every checkpoint of the earlier one has to be there.
fn seen(store: &CheckpointStore, acknowledged: u64, views: &[View]) -> Result<u64, String> {
    let done = usize::try_from(acknowledged % RECOVERY).unwrap();
    let found = view(store).map_err(|err| err.to_string())?;
    let after = views.get(done + 1).unwrap_or(&views[done]);
    if is(&found, after) {
        return Ok(u64::try_from(done + usize::from(after != &views[done]))
            .unwrap()
            .min(acknowledged % RECOVERY + 1));
    }
    if is(&found, &views[done]) || is_between(&found, &views[done], after) {
        return Ok(acknowledged % RECOVERY);
    }
    Err(format!("found {found:#?}\nwhere {:#?}\nor {after:#?} has to be", views[done]))
}

fn is_between(found: &View, before: &View, after: &View) -> bool {
    let stays = |line: &&String| after.checkpoints.contains(line);
    before.checkpoints.iter().filter(stays).all(|line| found.checkpoints.contains(line))
        && found
            .checkpoints
            .iter()
            .all(|line| before.checkpoints.contains(line) || after.checkpoints.contains(line))
        && found.moves.starts_with(&before.moves)
}

fn check(disk: &SimFiles, acknowledged: u64, views: &[View]) -> Result<(), String> {
    let store = open(&disk_of(disk)).map_err(|err| format!("open: {err}"))?;
    seen(&store, acknowledged, views)?;
    let recoveries = acknowledged / RECOVERY;
    let latest = match store.find_session(AFTER).map_err(|err| err.to_string())? {
        Some(session) => session.latest::<u64>().map_err(|err| err.to_string())?,
        None => None,
    };
    if latest.unwrap_or(0) < recoveries {
        return Err(format!(
            "checkpoint {recoveries} was acknowledged after a crash, {latest:?} is the latest"
        ));
    }
    let session = store.session("next").map_err(|err| format!("next session: {err}"))?;
    let made =
        session.checkpoint(&bytes("next")).commit().map_err(|err| format!("next checkpoint: {err}"))?;
    store.seal().map_err(|err| format!("seal: {err}"))?;
    let state = store.state(&made).map_err(|err| format!("after the next checkpoint: {err}"))?;
    if state.bytes() == b"next" { Ok(()) } else { Err("the next checkpoint is another one".to_owned()) }
}

/// What goes on after a crash: opens what is there, goes on, tidies up.
fn recover(disk: &SimFiles, views: &[View]) -> Result<(), String> {
    let acknowledged = disk.acknowledged();
    let store = open(&disk_of(disk)).map_err(|err| format!("open: {err}"))?;
    let done = seen(&store, acknowledged, views)?;
    // What has been handed out may be built on.
    disk.acknowledge_as(acknowledged / RECOVERY * RECOVERY + done);
    let tag = acknowledged / RECOVERY + 1;
    let session = store.session(AFTER).map_err(|err| format!("session: {err}"))?;
    session.checkpoint(&tag).commit().map_err(|err| format!("checkpoint: {err}"))?;
    disk.acknowledge_as(tag * RECOVERY + done);
    store.seal().map_err(|err| format!("seal: {err}"))?;
    store.sweep(i64::MAX).map(drop).map_err(|err| format!("sweep: {err}"))
}

pub(crate) fn sweep(sweep: Sweep<'_>, acts: &[Act]) -> Result<Swept, Failure> {
    let views = RefCell::new(Vec::new());
    sweep
        .run(|disk| *views.borrow_mut() = run(disk, acts))
        .recover(|disk| recover(disk, &views.borrow()))
        .check(|disk, acknowledged| check(disk, acknowledged, &views.borrow()))
}

pub(crate) fn begin(states: u64) -> Sweep<'static> {
    let scale = effort::scale();
    Sweep::new()
        .states_max_per_point(states * scale)
        .recoveries_max_per_point(2 * scale)
        .states_again_max_per_point(3 * scale)
}

fn swept(acts: &[Act], states: u64) -> Swept {
    sweep(begin(states), acts).unwrap_or_else(|failure| panic!("{acts:?}: {failure}"))
}

#[test]
fn a_crash_while_checkpoints_are_made_and_moved_to_packs_loses_nothing_acknowledged() {
    let one = Act::Commit("one");
    let buffered = Act::SealBuffered;
    let all = swept(&[one, one, Act::Seal, one, Act::Batch, buffered, one, Act::Close, one], 12);
    println!("{all}");
    assert!(all.states_checked > 300 && all.recoveries > 50, "{all}");
}

#[test]
fn a_crash_while_heads_move_and_sessions_end_leaves_the_one_or_the_other() {
    let (one, two) = (Act::Commit("one"), Act::Commit("two"));
    let moves = [one, one, Act::Restore("one"), Act::Undo("one"), Act::Fork("one"), Act::Tag, Act::Lock];
    println!("{}", swept(&moves, 8));
    let ends = [one, two, Act::Seal, Act::End, one, Act::Seal, Act::Seal, Act::Sweep, Act::Reopen, one];
    println!("{}", swept(&ends, 8));
}

#[test]
fn random_histories_lose_nothing_acknowledged() {
    let all = histories(6, |seed| {
        let mut random = Random::new(seed);
        let acts: Vec<Act> = (0..5 + random.index(5)).map(|_| ALL[random.index(ALL.len())]).collect();
        sweep(begin(3).recoveries_max_per_point(1).seed(seed), &acts)
            .inspect_err(|_| println!("seed {seed}: {acts:?}"))
    });
    println!("{}", all.unwrap_or_else(|failure| panic!("{failure}")));
}
