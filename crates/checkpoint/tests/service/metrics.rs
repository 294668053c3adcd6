//! What is counted is what happened.

use keepstone_checkpoint::{
    BatchItem, Bytes, CheckpointId, CheckpointService, CheckpointStore, Durability, Fields, Metrics, Policy,
    Query, Request, StoreOptions,
};

/// Does some of everything, and answers what is to be counted of it.
pub(super) fn worked(service: &CheckpointService) -> Metrics {
    let (mut expected, none) = (Metrics::default(), CheckpointId::from_bytes([7; 16]));
    service.create_session("a", Fields::new()).unwrap();
    service.create_session("b", Fields::new()).unwrap();
    assert!(service.create_session("a", Fields::new()).is_err());
    (expected.sessions, expected.others, expected.requests_failed) = (2, 2, 1);
    let state: Bytes<'_> = vec![3; 100].into();
    let made: Vec<_> = (0..10).map(|_| service.checkpoint("a", &state).unwrap()).collect();
    // Past the service it is counted as well.
    let session = service.session("b").unwrap();
    session.checkpoint(&state).commit().unwrap();
    let items = vec![BatchItem::new(&session, &state), BatchItem::new(&session, &state)];
    service.store().checkpoint_batch(items, Durability::Durable).unwrap();
    (expected.checkpoints, expected.state_bytes, expected.last_sequence) = (13, 1300, 13);
    expected.stored_bytes =
        service.store().list(&Query::new()).unwrap().iter().map(|found| found.stored_bytes()).sum();
    // What fails is no checkpoint: a tag that is too long, a session that isn't there, a batch.
    assert!(service.checkpoint(Request::new("a").tag("x".repeat(256)), &state).is_err());
    assert!(service.checkpoint("none", &state).is_err());
    let (long, items) = ("x".repeat(256), |long: &str| {
        vec![BatchItem::new(&session, &state), BatchItem::new(&session, &state).tag(long)]
    });
    assert!(service.store().checkpoint_batch(items(&long), Durability::Durable).is_err());
    expected.checkpoints_failed = 3;
    expected.requests_failed += 2;
    assert!(service.get::<Bytes<'static>>(&made[0]).is_ok() && service.state(&made[1]).is_ok());
    assert!(service.get::<u32>(&made[0]).is_err() && service.state(none).is_err());
    expected.gets = 2;
    expected.requests_failed += 2;
    service.list_by_session("a").unwrap();
    service.latest(&Query::new()).unwrap();
    service.describe(&made[0]).unwrap();
    service.sessions().unwrap();
    assert!(service.list_by_session("none").is_err());
    expected.lists = 4;
    expected.requests_failed += 1;
    service.restore::<Bytes<'static>>("a", &made[2]).unwrap();
    service.restore_state("a", &made[4]).unwrap();
    assert!(service.restore::<Bytes<'static>>("b", &made[2]).is_err());
    service.undo("a").unwrap();
    (expected.restores, expected.undos) = (2, 1);
    expected.requests_failed += 1;
    service.tag(&made[0], &["t"]).unwrap();
    service.lock(&made[0], true).unwrap();
    assert!(service.set_message(none, "m").is_err());
    expected.edits = 2;
    expected.requests_failed += 1;
    let gone = service.compact(3).unwrap().checkpoints;
    assert!(gone > 0);
    let gone = gone + service.prune(&Policy::keep_recent(1), None).unwrap().checkpoints;
    assert!(service.prune(&Policy::keep_recent(1).only_session("none"), None).is_err());
    (expected.prunes, expected.pruned) = (2, gone);
    expected.requests_failed += 1;
    expected
}

#[test]
fn metrics_are_what_happened_and_failures_are_no_successes() {
    let service = CheckpointService::new(CheckpointStore::in_memory());
    let expected = worked(&service);
    assert_eq!(service.metrics(), expected);
    assert_eq!(service.clone().metrics(), expected);
}

#[test]
fn seals_and_listeners_are_counted() {
    let files: std::sync::Arc<dyn keepstone_checkpoint::Files> =
        std::sync::Arc::new(keepstone_checkpoint::MemFiles::default());
    let store = CheckpointStore::open_with("dir", StoreOptions::new().files(files.clone())).unwrap();
    let service = CheckpointService::from(store);
    service.create_session("a", Fields::new()).unwrap();
    service.checkpoint("a", &1_u8).unwrap();
    service.seal().unwrap();
    // There is nothing to move.
    service.seal().unwrap();
    let (one, two) = (service.subscribe(1), service.store().subscribe(0));
    let metrics = service.metrics();
    assert_eq!((metrics.seals, metrics.subscribers, metrics.events_missed), (1, 2, 0));
    for step in 0..5_u8 {
        service.checkpoint("a", &step).unwrap();
    }
    drop(one);
    service.checkpoint("a", &9_u8).unwrap();
    drop(two);
    let metrics = service.metrics();
    assert_eq!((metrics.subscribers, metrics.events_missed, metrics.last_sequence), (0, 9, 7));
    service.close().unwrap();
    let store = CheckpointStore::open_with("dir", StoreOptions::new().files(files)).unwrap();
    let metrics = CheckpointService::new(store).metrics();
    assert_eq!((metrics.checkpoints, metrics.last_sequence), (0, 7), "it counts from the opening");
}
