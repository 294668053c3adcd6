//! Sessions, branches, lists and the way back.

use keepstone_checkpoint::{
    Bytes, Cause, CheckpointId, CheckpointStore, Dynamic, Error, Fields, Kind, Query, Sequence, StoreOptions,
    Trigger,
};
use serde::{Deserialize, Serialize};

use crate::support::bytes;

#[derive(Serialize, Deserialize, PartialEq, Debug, Default, Clone)]
struct Agent {
    step: u32,
    notes: Vec<String>,
}

fn agent(step: u32) -> Agent {
    Agent { step, notes: (0..step).map(|note| format!("note {note}")).collect() }
}

fn steps(store: &CheckpointStore, query: &Query) -> Vec<u64> {
    store.list(query).unwrap().iter().map(|checkpoint| checkpoint.sequence.0).collect()
}

#[test]
fn a_restore_gives_the_state_back_and_loses_nothing_that_came_later() {
    let store = CheckpointStore::in_memory();
    let session = store.session("main").unwrap();
    assert_eq!(session.latest::<Agent>().unwrap(), None);
    let made: Vec<_> = (1..=5).map(|step| session.checkpoint(&agent(step)).commit().unwrap()).collect();
    assert_eq!(session.restore::<Agent>(&made[1]).unwrap(), agent(2));
    assert_eq!(session.latest::<Agent>().unwrap(), Some(agent(2)));
    let fork = session.checkpoint(&agent(20)).commit().unwrap();
    assert_eq!(fork.checkpoint.parent, Some(Sequence(2)));
    for (step, made) in (1..).zip(&made) {
        assert_eq!(store.get::<Agent>(made).unwrap(), agent(step));
    }
    // `get` moves no head.
    assert_eq!(session.head().unwrap().unwrap().id, fork.id());
    assert_eq!(session.restore::<Dynamic>(&made[4]).unwrap(), store.get::<Dynamic>(&made[4]).unwrap());
}

#[test]
fn a_state_is_restored_as_bytes_whatever_the_payload_is() {
    let store = CheckpointStore::in_memory();
    let session = store.session("agent").unwrap();
    let first = session.checkpoint(&agent(1)).commit().unwrap();
    let second = session.checkpoint(&agent(2)).commit().unwrap();
    let state = session.restore_state(&first).unwrap();
    assert_eq!(state.bytes(), store.state(&first).unwrap().bytes());
    assert_eq!(state.decode::<Agent>().unwrap(), agent(1));
    assert_eq!(session.head().unwrap().unwrap().id, first.id());
    session.undo().unwrap();
    assert_eq!(session.head().unwrap().unwrap().id, second.id());
    // One of another session is not gone back to.
    let other = store.session("other").unwrap();
    assert!(matches!(other.restore_state(&first), Err(Error::NoCheckpoint { .. })));
    assert!(other.head().unwrap().is_none());
}

#[test]
fn an_undo_takes_back_one_move_after_the_other_and_can_be_taken_back_by_a_restore() {
    let store = CheckpointStore::in_memory();
    let session = store.session("main").unwrap();
    let made: Vec<_> = (1..=3).map(|step| session.checkpoint(&agent(step)).commit().unwrap()).collect();
    session.restore::<Agent>(&made[0]).unwrap();
    let undone = session.undo().unwrap();
    assert_eq!(
        (undone.cause, undone.from, undone.to),
        (Cause::Restore, Some(Sequence(3)), Some(Sequence(1)))
    );
    assert_eq!(session.head().unwrap().unwrap().id, made[2].id());
    session.undo().unwrap();
    assert_eq!(session.latest::<Agent>().unwrap(), Some(agent(2)));
    session.undo().unwrap();
    session.undo().unwrap();
    assert_eq!(session.head().unwrap().map(|head| head.id), None);
    assert_eq!(session.undo().unwrap_err().kind(), Kind::Misuse);
    assert_eq!(session.restore::<Agent>(&made[2]).unwrap(), agent(3));
    let numbers: Vec<u64> = store.moves().unwrap().iter().map(|moved| moved.number).collect();
    assert_eq!(numbers, (1..=9).collect::<Vec<_>>());
}

#[test]
fn branches_go_on_apart_and_their_names_are_free_again_when_they_end() {
    let store = CheckpointStore::in_memory();
    let session = store.session("main").unwrap();
    let first = session.checkpoint(&agent(1)).commit().unwrap();
    session.checkpoint(&agent(2)).commit().unwrap();
    let other = session.fork("what if", &first).unwrap();
    let forked = other.checkpoint(&agent(3)).commit().unwrap();
    assert_eq!(forked.checkpoint.parent, Some(first.checkpoint.sequence));
    assert_eq!(session.latest::<Agent>().unwrap(), Some(agent(2)));
    assert_eq!(session.on("what if").unwrap().latest::<Agent>().unwrap(), Some(agent(3)));
    assert!(matches!(session.fork("what if", &first), Err(Error::Taken { .. })));
    assert_eq!(steps(&store, &Query::new().branch("what if")), [3]);
    session.end_branch("what if").unwrap();
    assert!(matches!(other.checkpoint(&agent(4)).commit(), Err(Error::NoBranch { .. })));
    assert!(matches!(session.end_branch("main"), Err(Error::Misuse { .. })));
    assert_eq!(store.get::<Agent>(&forked).unwrap(), agent(3));
    session.fork("what if", &forked).unwrap();
}

#[test]
fn a_checkpoint_of_another_session_is_none_of_this_one() {
    let store = CheckpointStore::in_memory();
    let (one, two) = (store.session("one").unwrap(), store.session("two").unwrap());
    let made = one.checkpoint(&agent(1)).commit().unwrap();
    two.checkpoint(&agent(2)).commit().unwrap();
    assert!(matches!(two.restore::<Agent>(&made), Err(Error::NoCheckpoint { .. })));
    assert!(matches!(two.fork("b", &made), Err(Error::NoCheckpoint { .. })));
    assert_eq!(two.latest::<Agent>().unwrap(), Some(agent(2)));
}

#[test]
fn what_is_said_about_checkpoints_is_listed_and_changed() {
    let store = CheckpointStore::in_memory_with(StoreOptions::new().clock(|| 1_000));
    let session = store.begin_session("main", Fields::from([("model".into(), "m1".into())])).unwrap();
    let first = agent(1);
    let draft = session.checkpoint(&first).message("before the tool call").tag("safe").tag("a").tag("safe");
    let made =
        draft.annotate("cost", "12").trigger(Trigger::Automatic("tool".into())).at(7).commit().unwrap();
    let plain = session.checkpoint(&agent(2)).commit().unwrap();
    let known = store.checkpoint(&made).unwrap();
    assert_eq!(known.tags.iter().map(|tag| &**tag).collect::<Vec<_>>(), ["a", "safe"]);
    assert_eq!(
        (&*known.message, known.time, plain.checkpoint.time),
        ("before the tool call", Some(7), Some(1_000))
    );
    assert_eq!(known.trigger, Trigger::Automatic("tool".into()));
    assert_eq!(steps(&store, &Query::new().annotation("cost", Some("12"))), [1]);
    assert_eq!(steps(&store, &Query::new().annotation("cost", Some("13"))), [0; 0]);
    store.untag(&made, &["a", "none"]).unwrap();
    store.tag(&plain, &["safe", "z"]).unwrap();
    store.annotate(&made, "cost", None).unwrap();
    store.annotate(&plain, "cost", Some("1")).unwrap();
    store.set_message(&plain, "after").unwrap();
    store.lock(&plain, true).unwrap();
    assert_eq!(steps(&store, &Query::new().tag("safe")), [1, 2]);
    assert_eq!(steps(&store, &Query::new().tag("safe").tag("z")), [2]);
    assert_eq!(steps(&store, &Query::new().annotation("cost", None)), [2]);
    assert_eq!(steps(&store, &Query::new().locked(true)), [2]);
    let of_session = store.list(&Query::new().session("main")).unwrap();
    assert_eq!(
        (&*of_session[1].message, of_session[1].tags.len(), of_session[0].tags.len()),
        ("after", 2, 1)
    );
    assert_eq!(store.sessions().unwrap()[0].metadata["model"], "m1");
}

#[test]
fn lists_are_in_order_in_ranges_and_in_pages() {
    let store = CheckpointStore::in_memory();
    for (time, name) in [(10, "a"), (30, "b"), (20, "a"), (20, "a"), (40, "b")] {
        store.session(name).unwrap().checkpoint(&bytes(name)).at(time).commit().unwrap();
    }
    assert_eq!(steps(&store, &Query::new()), [1, 2, 3, 4, 5]);
    assert_eq!(steps(&store, &Query::new().session("a")), [1, 3, 4]);
    assert_eq!(steps(&store, &Query::new().newest_first().limit(2)), [5, 4]);
    assert_eq!(steps(&store, &Query::new().newest_first().after(Sequence(4)).limit(2)), [3, 2]);
    assert_eq!(steps(&store, &Query::new().after(Sequence(4))), [5]);
    assert_eq!(steps(&store, &Query::new().after(Sequence(5))), [0; 0]);
    assert_eq!(steps(&store, &Query::new().newest_first().after(Sequence(1))), [0; 0]);
    assert_eq!(steps(&store, &Query::new().sequences(2..=3)), [2, 3]);
    assert_eq!(steps(&store, &Query::new().times(20..=30)), [2, 3, 4]);
    assert!(matches!(store.list(&Query::new().session("none")), Err(Error::NoSession { .. })));
    let at = |time| store.at("a", time).unwrap().map(|found| found.sequence.0);
    assert_eq!([at(9), at(10), at(19), at(20), at(100)], [None, Some(1), Some(1), Some(4), Some(4)]);
    assert_eq!(store.latest(&Query::new().session("a")).unwrap().unwrap().sequence.0, 4);
}

#[test]
fn sessions_begin_end_and_are_renamed() {
    let store = CheckpointStore::in_memory();
    let session = store.session("one").unwrap();
    let made = session.checkpoint(&agent(1)).commit().unwrap();
    assert!(matches!(store.begin_session("one", Fields::new()), Err(Error::Taken { .. })));
    store.rename_session("one", "uno").unwrap();
    assert!(store.find_session("one").unwrap().is_none());
    assert_eq!(&*store.checkpoint(&made).unwrap().session, "uno");
    assert_eq!(session.latest::<Agent>().unwrap(), Some(agent(1)));
    store.lock(&made, true).unwrap();
    assert!(matches!(store.end_session("uno"), Err(Error::Misuse { .. })));
    store.lock(&made, false).unwrap();
    store.end_session("uno").unwrap();
    assert!(matches!(store.get::<Agent>(&made), Err(Error::NoCheckpoint { .. })));
    assert!(matches!(session.checkpoint(&agent(2)).commit(), Err(Error::NoBranch { .. })));
    let again = store.session("uno").unwrap().checkpoint(&agent(3)).commit().unwrap();
    assert_eq!(again.checkpoint.sequence, Sequence(2), "a sequence is never given twice");
    for name in ["", &"x".repeat(256)] {
        assert!(matches!(store.session(name), Err(Error::Length { .. })), "{name}");
    }
}

#[test]
fn a_batch_is_made_as_a_whole_and_its_checkpoints_go_on_from_each_other() {
    use keepstone_checkpoint::{BatchItem, Durability};
    let store = CheckpointStore::in_memory();
    let (one, two) = (store.session("one").unwrap(), store.session("two").unwrap());
    one.checkpoint(&agent(1)).commit().unwrap();
    let agents = [agent(2), agent(3), agent(3)];
    let items = vec![
        BatchItem::new(&one, &agents[0]).message("first"),
        BatchItem::new(&two, &agents[1]),
        BatchItem::new(&one, &agents[2]).tag("last"),
    ];
    let made = store.checkpoint_batch(items, Durability::Durable).unwrap();
    let parents: Vec<_> = made.iter().map(|made| made.checkpoint.parent.map(|parent| parent.0)).collect();
    assert_eq!(parents, [Some(1), None, Some(2)]);
    for (made, agent) in made.iter().zip(&agents) {
        assert_eq!(store.get::<Agent>(made).unwrap(), *agent);
    }
    let other = CheckpointStore::in_memory();
    let item = BatchItem::new(&one, &agents[0]);
    assert!(matches!(other.checkpoint_batch(vec![item], Durability::Durable), Err(Error::Misuse { .. })));
    // One that can't be made takes the others with it.
    let long = "x".repeat(256);
    let items = vec![BatchItem::new(&one, &agents[0]), BatchItem::new(&two, &agents[0]).tag(long.as_str())];
    assert!(matches!(store.checkpoint_batch(items, Durability::Durable), Err(Error::Length { .. })));
    assert_eq!(store.len().unwrap(), 4);
}

#[test]
fn texts_that_are_too_long_are_refused_before_anything_is_made() {
    let store = CheckpointStore::in_memory();
    let session = store.session("main").unwrap();
    let (long, longer) = ("x".repeat(256), "x".repeat((64 << 10) + 1));
    let agent = agent(1);
    let refused = [
        session.checkpoint(&agent).tag(long.as_str()),
        session.checkpoint(&agent).tag(""),
        session.checkpoint(&agent).message(longer.as_str()),
        session.checkpoint(&agent).annotate("", "value"),
        session.checkpoint(&agent).annotate("key", longer.as_str()),
        (0..65).fold(session.checkpoint(&agent), |draft, tag| draft.tag(tag.to_string())),
    ];
    for draft in refused {
        assert_eq!(draft.commit().unwrap_err().kind(), Kind::Limit);
    }
    let small = CheckpointStore::in_memory_with(StoreOptions::new().state_bytes_max(100));
    let state: Bytes<'_> = vec![0; 101].into();
    assert_eq!(small.session("main").unwrap().checkpoint(&state).commit().unwrap_err().kind(), Kind::Limit);
    assert_eq!(store.len().unwrap(), 0);
    let id = CheckpointId::from_bytes([7; 16]);
    assert_eq!(store.get::<Agent>(id).unwrap_err().kind(), Kind::NotFound);
}

#[test]
fn a_payload_of_another_sort_is_told_apart() {
    let store = CheckpointStore::in_memory();
    let session = store.session("main").unwrap();
    let made = session.checkpoint(&agent(1)).commit().unwrap();
    assert_eq!(store.get::<Bytes<'static>>(&made).unwrap_err().kind(), Kind::Misuse);
    let raw = session.checkpoint(&bytes("raw")).commit().unwrap();
    assert_eq!(store.get::<Agent>(&raw).unwrap_err().kind(), Kind::Misuse);
    assert_eq!(store.state(&raw).unwrap().bytes(), b"raw");
    // A restore that fails moves no head.
    assert!(session.restore::<Bytes<'static>>(&made).is_err());
    assert_eq!(session.head().unwrap().unwrap().id, raw.id());
}
