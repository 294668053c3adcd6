//! Each rule by itself, and where they meet.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use keepstone_checkpoint::{
    AutoSession, Automatic, Bytes, CheckpointStore, Due, Durability, Error, Kind, Query, StoreOptions,
};

use super::{SECOND, cause, poll, sequences};

const SECONDS: fn(u64) -> Duration = Duration::from_secs;

fn auto(policy: Automatic) -> AutoSession {
    CheckpointStore::in_memory().session("main").unwrap().automatic(policy).unwrap()
}

/// The seconds, of so many, in which a checkpoint is made if somebody asks in each.
fn seconds(auto: &mut AutoSession, of: std::ops::Range<i64>) -> Vec<i64> {
    of.filter(|second| poll(auto, second * SECOND).is_some()).collect()
}

#[test]
fn without_a_rule_nothing_is_ever_due() {
    let mut auto = auto(Automatic::new());
    auto.changed(u64::MAX);
    assert!(!auto.event("anything"));
    assert_eq!((poll(&mut auto, i64::MIN), poll(&mut auto, i64::MAX)), (None, None));
    assert_eq!(auto.next_due(Some(0)).unwrap(), None);
}

#[test]
fn an_interval_counts_from_the_first_time_and_then_from_each_checkpoint() {
    let mut auto = auto(Automatic::new().every(SECONDS(10)));
    assert_eq!(seconds(&mut auto, 5..40), [15, 25, 35]);
    // However long nobody has asked, one is due.
    assert_eq!(poll(&mut auto, 1000 * SECOND).as_deref(), Some("interval"));
    assert_eq!(seconds(&mut auto, 1000..1015), [1010]);
}

#[test]
fn a_checkpoint_that_somebody_else_made_counts_for_the_interval() {
    let mut auto = auto(Automatic::new().every(SECONDS(10)));
    assert_eq!(seconds(&mut auto, 0..9), [0_i64; 0]);
    auto.session().clone().checkpoint(&1_u8).at(8 * SECOND).commit().unwrap();
    assert_eq!(seconds(&mut auto, 9..30), [18, 28]);
    // Of one that lies ahead it counts from when it is seen, and once.
    auto.session().clone().checkpoint(&2_u8).at(1_000_000 * SECOND).commit().unwrap();
    assert_eq!(seconds(&mut auto, 30..60), [48, 58]);
}

#[test]
fn told_bytes_add_up_until_a_checkpoint_holds_them() {
    let mut auto = auto(Automatic::new().after_bytes(100));
    auto.changed(60);
    assert_eq!(poll(&mut auto, 0), None);
    auto.changed(40);
    assert_eq!(auto.due(Some(0)).unwrap(), Some(Due::Changed(100)));
    assert_eq!(poll(&mut auto, 0).as_deref(), Some("bytes changed"));
    auto.changed(99);
    assert_eq!(poll(&mut auto, 0), None);
    // More than can be counted is as many as can be.
    auto.changed(u64::MAX);
    assert_eq!(auto.due(Some(0)).unwrap(), Some(Due::Changed(u64::MAX)));
    auto.checkpointed(Some(0)).unwrap();
    assert_eq!(poll(&mut auto, 0), None);
}

#[test]
fn events_that_the_policy_knows_make_one_due_which_names_the_first() {
    let mut auto = auto(Automatic::new().on("tool-call").on("answer"));
    assert!(!auto.event("token"));
    assert_eq!(poll(&mut auto, 0), None);
    assert!(auto.event("answer") && auto.event("tool-call"));
    assert_eq!(poll(&mut auto, 0).as_deref(), Some("answer"));
    assert_eq!(poll(&mut auto, 0), None);
    auto.set_policy(Automatic::new().on_any_event()).unwrap();
    assert!(auto.event("token"));
    // An event that doesn't count any longer is forgotten.
    auto.set_policy(Automatic::new().on("answer")).unwrap();
    assert_eq!(poll(&mut auto, 0), None);
    assert!(matches!(auto.set_policy(Automatic::new().on("")), Err(Error::Length { .. })));
    assert!(auto.event("answer"), "the policy is as it was");
}

#[test]
fn what_happens_within_the_throttle_is_due_once_that_is_over() {
    let mut auto = auto(Automatic::new().on("hit").throttle(SECONDS(5)));
    auto.event("hit");
    assert_eq!(poll(&mut auto, 0).as_deref(), Some("hit"));
    auto.event("hit");
    assert_eq!(auto.next_due(Some(SECOND)).unwrap(), Some(5 * SECOND));
    assert_eq!(seconds(&mut auto, 1..20), [5]);
    // One that was made by hand doesn't begin it.
    auto.session().clone().checkpoint(&1_u8).at(20 * SECOND).commit().unwrap();
    auto.event("hit");
    assert_eq!(seconds(&mut auto, 20..23), [20]);
}

#[test]
fn within_any_span_there_are_at_most_so_many() {
    let mut auto = auto(Automatic::new().every(Duration::ZERO).at_most(3, SECONDS(10)));
    assert_eq!(seconds(&mut auto, 0..24), [0, 1, 2, 10, 11, 12, 20, 21, 22]);
    // With a distance, both hold.
    let both = Automatic::new().every(SECONDS(1)).throttle(SECONDS(2)).at_most(2, SECONDS(10));
    auto.set_policy(both).unwrap();
    assert_eq!(seconds(&mut auto, 24..46), [31, 33, 41, 43]);
    auto.set_policy(Automatic::new().every(Duration::ZERO).at_most(0, Duration::ZERO)).unwrap();
    assert_eq!((seconds(&mut auto, 46..60), auto.next_due(Some(0)).unwrap()), (vec![], None));
}

#[test]
fn a_difference_is_measured_as_often_as_is_said_and_the_state_made_only_then() {
    let store = CheckpointStore::in_memory();
    let session = store.session("main").unwrap();
    let policy = Automatic::new().after_difference(50, SECONDS(10));
    let mut auto = session.automatic(policy).unwrap();
    let (mut state, captured) = (vec![7_u8; 1000], Cell::new(0));
    let mut poll = |state: &[u8], second: i64| {
        let capture = || {
            captured.set(captured.get() + 1);
            Bytes::from(state.to_vec())
        };
        auto.poll_with(Some(second * SECOND), capture).unwrap().as_ref().map(cause)
    };
    // All of it differs from nothing.
    assert_eq!(poll(&state, 0).as_deref(), Some("bytes differ"));
    assert_eq!((poll(&state, 9), captured.get()), (None, 1));
    state[..30].fill(1);
    assert_eq!((poll(&state, 10), captured.get()), (None, 2));
    state[..100].fill(2);
    assert_eq!((poll(&state, 19), captured.get()), (None, 2));
    assert_eq!((poll(&state, 20).as_deref(), captured.get()), (Some("bytes differ"), 3));
    let differs = |state: &[u8]| session.difference(&Bytes::from(state)).unwrap();
    assert_eq!(differs(&state), 0);
    state[500] = 1;
    assert!((1..20).contains(&differs(&state)), "{}", differs(&state));
    assert_eq!(differs(&[]), 1000, "bytes that went count as well");
    assert_eq!(store.len().unwrap(), 2);
}

#[test]
fn zero_and_the_greatest_spans_and_times_are_what_they_say() {
    let mut always = auto(Automatic::new().every(Duration::ZERO).after_bytes(0));
    assert_eq!([i64::MIN, 0, 0, i64::MAX].map(|now| poll(&mut always, now).is_some()), [true; 4]);
    let mut never = auto(Automatic::new().every(Duration::MAX));
    assert_eq!([i64::MIN, 0, i64::MAX, i64::MIN].map(|now| poll(&mut never, now)), [None, None, None, None]);
    assert_eq!(never.next_due(Some(i64::MIN)).unwrap(), None);
    let mut longest = auto(Automatic::new().every(Duration::from_nanos(u64::MAX)).throttle(Duration::MAX));
    assert_eq!((poll(&mut longest, i64::MIN), poll(&mut longest, i64::MAX - 1)), (None, None));
    assert_eq!(longest.next_due(Some(0)).unwrap(), Some(i64::MAX));
    assert_eq!(poll(&mut longest, i64::MAX).as_deref(), Some("interval"));
    assert_eq!(longest.next_due(Some(i64::MIN)).unwrap(), None);
    let mut nothing = auto(Automatic::new().after_bytes(0));
    assert_eq!(poll(&mut nothing, 0), None, "nothing has changed");
    nothing.changed(1);
    assert_eq!(poll(&mut nothing, 0).as_deref(), Some("bytes changed"));
}

#[test]
fn a_clock_that_goes_back_makes_nothing_wait_for_longer_than_its_span() {
    let mut auto = auto(Automatic::new().every(SECONDS(10)).throttle(SECONDS(3)).on("hit"));
    assert_eq!(seconds(&mut auto, 1000..1011), [1010]);
    auto.event("hit");
    assert_eq!(seconds(&mut auto, 5..9), [8], "three seconds after it was seen to be 5");
    assert_eq!(seconds(&mut auto, 2..14), [12]);
}

#[test]
fn branches_and_sessions_know_nothing_of_each_other() {
    let store = CheckpointStore::in_memory();
    let session = store.session("one").unwrap();
    let first = session.checkpoint(&0_u8).at(0).commit().unwrap();
    let policy = Automatic::new().every(SECONDS(10)).on("hit").throttle(SECONDS(10));
    let fork = session.fork("what if", &first).unwrap();
    let mut autos = [&session, &fork, &store.session("two").unwrap()]
        .map(|session| session.automatic(policy.clone()).unwrap());
    autos[0].event("hit");
    let polled = |autos: &mut [AutoSession; 3], second: i64| {
        [0, 1, 2].map(|place| poll(&mut autos[place], second * SECOND).is_some())
    };
    assert_eq!(polled(&mut autos, 5), [true, false, false]);
    assert_eq!(polled(&mut autos, 10), [false, true, false]);
    assert_eq!(polled(&mut autos, 15), [true, false, true]);
    let of = |query: &Query| store.list(query).unwrap().len();
    assert_eq!(of(&Query::new().session("one").branch("what if")), 1);
    assert_eq!((of(&Query::new().session("one")), of(&Query::new().session("two"))), (4, 1));
}

#[test]
fn the_store_s_clock_is_asked_where_no_time_is_told() {
    let err = auto(Automatic::new()).poll(None, &1_u8).unwrap_err();
    assert!(matches!(err, Error::Misuse { what } if what.contains("clock")), "{err}");
    assert_eq!(err.kind(), Kind::Misuse);
    let clock = Arc::new(AtomicI64::new(0));
    let told = Arc::clone(&clock);
    let options = StoreOptions::new().clock(move || told.load(Ordering::SeqCst));
    let session = CheckpointStore::in_memory_with(options).session("main").unwrap();
    let mut auto = session.automatic(Automatic::new().every(SECONDS(10))).unwrap();
    assert!(auto.poll(None, &1_u8).unwrap().is_none());
    clock.store(10 * SECOND, Ordering::SeqCst);
    let made = auto.poll(None, &1_u8).unwrap().unwrap();
    assert_eq!(made.checkpoint.time, Some(10 * SECOND));
}

#[test]
fn a_list_shows_the_cause_the_message_the_tags_and_the_time() {
    let store = CheckpointStore::in_memory();
    let policy = Automatic::new()
        .on_any_event()
        .message("before {cause} ({events} events, {bytes} bytes)")
        .tag("auto")
        .durability(Durability::Buffered);
    let mut auto = store.session("main").unwrap().automatic(policy).unwrap();
    auto.event("tool-call");
    auto.event("answer");
    auto.changed(12);
    let made = auto.poll(Some(77), &1_u8).unwrap().unwrap();
    assert_eq!((made.durability, cause(&made)), (Durability::Buffered, "tool-call".to_owned()));
    let found = store.list(&Query::new().tag("auto").times(77..=77)).unwrap().pop().unwrap();
    assert_eq!(&*found.message, "before tool-call (2 events, 12 bytes)");
    assert_eq!(sequences(&store), [1]);
}
