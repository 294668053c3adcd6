//! What happens is told, in its order, once.

use std::{thread, time::Duration};

use keepstone_checkpoint::{
    Bytes, CheckpointService, CheckpointStore, Durability, Event, Events, Fields, Files, ImportedCheckpoint,
    MemFiles, Policy, Request, Selection, StoreOptions,
};

/// An event in a few words.
pub(super) fn told(event: &Event) -> String {
    match event {
        Event::SessionBegun { session } => format!("session {session}"),
        Event::SessionEnded { session } => format!("session {session} ended"),
        Event::SessionRenamed { from, to } => format!("{from} is {to}"),
        Event::BranchBegun { session, branch, head } => {
            format!("branch {session}/{branch}{}", head.map_or("", |_| " at a head"))
        }
        Event::BranchEnded { session, branch } => format!("branch {session}/{branch} ended"),
        Event::Created { checkpoint } => format!("created {}", checkpoint.sequence),
        Event::Restored { session, branch, to } => {
            format!("restored {session}/{branch}{}", to.map_or(" to nothing", |_| ""))
        }
        Event::Undone { session, branch, to } => {
            format!("undone {session}/{branch}{}", to.map_or(" to nothing", |_| ""))
        }
        Event::Tagged { checkpoint } => format!("tagged {} {:?}", checkpoint.sequence, checkpoint.tags),
        Event::Edited { checkpoint } => {
            format!("edited {} {:?} {}", checkpoint.sequence, checkpoint.message, checkpoint.locked)
        }
        Event::Pruned { checkpoints, rebased } => format!("pruned {}, rebased {rebased}", checkpoints.len()),
        Event::Sealed { bytes } => format!("sealed {}", *bytes > 0),
        Event::Failed { work, .. } => format!("failed {work:?}"),
        Event::Recovered => "recovered".to_owned(),
        Event::Missed(count) => format!("missed {count}"),
        event => panic!("{event:?}"),
    }
}

/// What there is at this moment.
pub(super) fn now(events: &mut Events) -> Vec<String> {
    std::iter::from_fn(|| events.try_next()).map(|event| told(&event)).collect()
}

fn service() -> CheckpointService {
    CheckpointService::new(CheckpointStore::in_memory())
}

#[test]
fn whatever_happens_is_told_whoever_does_it() {
    let service = service();
    let mut events = service.subscribe(100);
    let session = service.create_session("a", Fields::new()).unwrap();
    assert_eq!(now(&mut events), ["session a", "branch a/main"]);
    let made = service.checkpoint(Request::new("a").tag("t"), &1_u8).unwrap();
    session.checkpoint(&2_u8).commit().unwrap();
    session.checkpoint(&3_u8).durability(Durability::Buffered).commit().unwrap();
    assert_eq!(now(&mut events), ["created 1", "created 2", "created 3"]);
    service.restore::<u8>("a", &made).unwrap();
    session.undo().unwrap();
    for _ in 0..3 {
        session.undo().unwrap();
    }
    assert_eq!(
        now(&mut events),
        ["restored a/main", "undone a/main", "undone a/main", "undone a/main", "undone a/main to nothing"]
    );
    session.restore::<u8>(&made).unwrap();
    service.fork("a", "b", &made).unwrap().checkpoint(&4_u8).commit().unwrap();
    service.end_branch("a", "b").unwrap();
    assert_eq!(
        now(&mut events),
        ["restored a/main", "branch a/b at a head", "created 4", "branch a/b ended"]
    );
    service.tag(&made, &["u"]).unwrap();
    service.untag(&made, &["t"]).unwrap();
    service.annotate(&made, "k", Some("v")).unwrap();
    service.set_message(&made, "m").unwrap();
    service.lock(&made, true).unwrap();
    assert_eq!(
        now(&mut events),
        [
            r#"tagged 1 ["t", "u"]"#,
            r#"tagged 1 ["u"]"#,
            r#"edited 1 "" false"#,
            r#"edited 1 "m" false"#,
            r#"edited 1 "m" true"#
        ]
    );
    let pruned = service.compact(1).unwrap();
    assert_eq!(now(&mut events), [format!("pruned {}, rebased {}", pruned.checkpoints, pruned.rebased)]);
    service.compact(1).unwrap();
    service.lock(&made, false).unwrap();
    service.rename_session("a", "z").unwrap();
    service.end_session("z").unwrap();
    assert_eq!(now(&mut events), [r#"edited 1 "m" false"#, "a is z", "session z ended"]);
}

#[test]
fn what_was_refused_is_not_told() {
    let service = service();
    service.create_session("a", Fields::new()).unwrap();
    let made = service.checkpoint("a", &1_u8).unwrap();
    let mut events = service.subscribe(100);
    assert!(service.create_session("a", Fields::new()).is_err());
    assert!(service.checkpoint(Request::new("a").tag(""), &1_u8).is_err());
    assert!(service.tag(&made, &[""]).is_err());
    assert!(service.fork("a", "main", &made).is_err());
    assert!(service.prune(&Policy::new().only_session("none"), None).is_err());
    // Nor is what changes nothing.
    service.restore::<u8>("a", &made).unwrap();
    service.compact(10).unwrap();
    assert_eq!(now(&mut events), [""; 0]);
}

#[test]
fn what_an_import_brings_is_told() {
    let (from, to) = (service(), service());
    from.create_session("a", Fields::new()).unwrap();
    for step in 0..3_u8 {
        from.checkpoint("a", &step).unwrap();
    }
    let mut export = Vec::new();
    from.store().export(&Selection::All, &mut export).unwrap();
    let mut events = to.subscribe(100);
    to.store().import(export.as_slice()).unwrap();
    let all = now(&mut events);
    assert_eq!(all.iter().filter(|told| told.starts_with("created")).count(), 3, "{all:?}");
    assert!(all.contains(&"session a".to_owned()));
    let id = keepstone_checkpoint::CheckpointId::from_bytes([3; 16]);
    to.store().import_all([ImportedCheckpoint::new(id, "a", vec![1])]).unwrap();
    assert!(now(&mut events).contains(&"created 4".to_owned()));
}

#[test]
fn moving_states_to_packs_is_told() {
    let files: std::sync::Arc<dyn Files> = std::sync::Arc::new(MemFiles::default());
    let options = StoreOptions::new().files(files).background(false).journal_bytes_max(1000);
    let store = CheckpointStore::open_with("dir", options).unwrap();
    let session = store.session("a").unwrap();
    let mut events = store.subscribe(100);
    let state: Bytes<'_> = vec![7; 500].into();
    session.checkpoint(&state).commit().unwrap();
    store.seal().unwrap();
    assert_eq!(now(&mut events), ["created 1", "sealed true"]);
    // By itself, as the journal grows.
    let mut random = keepstone_testkit::Random::new(1);
    for _ in 0..3 {
        let state: Bytes<'_> = crate::support::mixed(&mut random, 2000).into();
        session.checkpoint(&state).commit().unwrap();
    }
    let all = now(&mut events);
    assert!(all.contains(&"sealed true".to_owned()), "{all:?}");
}

#[test]
fn a_slow_listener_is_told_how_many_it_has_missed_where_they_belong() {
    let service = service();
    let session = service.create_session("a", Fields::new()).unwrap();
    let (mut slow, mut fast) = (service.subscribe(3), service.subscribe(1000));
    for step in 0..10_u8 {
        session.checkpoint(&step).commit().unwrap();
    }
    assert_eq!(now(&mut slow), ["missed 7", "created 8", "created 9", "created 10"]);
    session.checkpoint(&10_u8).commit().unwrap();
    assert_eq!(now(&mut slow), ["created 11"]);
    for step in 0..4_u8 {
        session.checkpoint(&step).commit().unwrap();
    }
    assert_eq!(slow.try_next().map(|event| told(&event)).unwrap(), "missed 1");
    session.checkpoint(&0_u8).commit().unwrap();
    assert_eq!(now(&mut slow), ["missed 1", "created 14", "created 15", "created 16"]);
    assert_eq!(now(&mut fast).len(), 16);
    assert_eq!(service.metrics().events_missed, 9);
}

#[test]
fn a_listener_hears_what_comes_after_it_has_begun_and_ends_with_the_store() {
    let service = service();
    let session = service.create_session("a", Fields::new()).unwrap();
    session.checkpoint(&1_u8).commit().unwrap();
    let mut late = service.subscribe(10);
    session.checkpoint(&2_u8).commit().unwrap();
    assert_eq!(now(&mut late), ["created 2"]);
    assert!(!late.has_ended() && late.next_timeout(Duration::from_millis(1)).is_none());
    session.checkpoint(&3_u8).commit().unwrap();
    drop((session, service));
    assert!(!late.has_ended(), "one event is still there");
    assert_eq!(late.map(|event| told(&event)).collect::<Vec<_>>(), ["created 3"]);
}

#[test]
fn a_listener_that_waits_is_woken() {
    let service = service();
    let session = service.create_session("a", Fields::new()).unwrap();
    let mut waits = service.subscribe(10);
    let mut with_limit = service.subscribe(10);
    thread::scope(|scope| {
        let one = scope.spawn(move || waits.next().map(|event| told(&event)));
        let two = scope.spawn(move || with_limit.next_timeout(Duration::from_mins(1)));
        session.checkpoint(&1_u8).commit().unwrap();
        assert_eq!(one.join().unwrap().unwrap(), "created 1");
        assert_eq!(two.join().unwrap().map(|event| told(&event)).unwrap(), "created 1");
    });
    let ended = service.subscribe(1);
    thread::scope(|scope| {
        let waits = scope.spawn(move || ended.count());
        drop((session, service));
        assert_eq!(waits.join().unwrap(), 0);
    });
}

#[test]
fn nobody_is_told_after_the_end_of_a_subscription() {
    let service = service();
    let session = service.create_session("a", Fields::new()).unwrap();
    let (one, mut two) = (service.subscribe(10), service.subscribe(10));
    drop(one);
    session.checkpoint(&1_u8).commit().unwrap();
    assert_eq!((service.metrics().subscribers, now(&mut two).len()), (1, 1));
    drop(two);
    session.checkpoint(&2_u8).commit().unwrap();
    assert_eq!((service.metrics().subscribers, service.metrics().events_missed), (0, 0));
}
