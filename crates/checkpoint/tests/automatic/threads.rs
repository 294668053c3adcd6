//! Checkpoints go in the background while many threads make others.

use std::{collections::BTreeMap, sync::Arc, thread};

use keepstone_checkpoint::{Bytes, CheckpointStore, Files, MemFiles, Policy, Query, Retention};
use keepstone_testkit::effort;

use crate::support::{ROOT, quiet};

#[test]
fn what_threads_make_while_others_go_has_every_byte_and_sequences_have_no_gaps() {
    let rounds = u8::try_from(60 * effort::scale().min(4)).unwrap();
    let files: Arc<dyn Files> = Arc::new(MemFiles::default());
    let retention = Retention::new(Policy::new().keep_last(5).keep_tag("good")).after_checkpoints(7);
    let options = quiet(&files)
        .journal_bytes_max(10_000)
        .background(true)
        .grace(0)
        .chain_factor(3)
        .retention(retention);
    let store = CheckpointStore::open_with(ROOT, options.clone()).unwrap();
    let made: BTreeMap<u64, (Vec<u8>, bool)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8_u8)
            .map(|thread| {
                let store = store.clone();
                scope.spawn(move || {
                    // Two threads share each session.
                    let session = store.session(&format!("session {}", thread / 2)).unwrap();
                    let make = |round: u8| {
                        let state = [vec![thread; 300], vec![round; 30], vec![thread; 300]].concat();
                        let payload: Bytes<'_> = state.as_slice().into();
                        let is_good = round.is_multiple_of(20);
                        // The thread that lets others go may be slow, but not for ever.
                        while store.len().unwrap() > 150 {
                            thread::yield_now();
                        }
                        let draft = session.checkpoint(&payload);
                        let draft = if is_good { draft.tag("good") } else { draft };
                        (draft.commit().unwrap().checkpoint.sequence.0, (state, is_good))
                    };
                    (0..rounds).map(make).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let count = 8 * u64::from(rounds);
    assert!(made.keys().copied().eq(1..=count), "each sequence is given once");
    let check = |store: &CheckpointStore| {
        let left = store.list(&Query::new()).unwrap();
        for found in &left {
            match store.state(found) {
                Ok(state) => assert_eq!(state.bytes(), made[&found.sequence.0].0, "{}", found.sequence),
                // It may have gone since it was listed.
                Err(err) => assert!(store.checkpoint(found).is_err(), "{}: {err}", found.sequence),
            }
        }
        let is_left = |sequence| left.iter().any(|found| found.sequence.0 == sequence);
        assert!(made.iter().all(|(sequence, (_, is_good))| !is_good || is_left(*sequence)));
        for info in store.sessions().unwrap() {
            let head = info.branches[0].1.unwrap();
            assert!(is_left(head.0), "the head of {} is gone", info.name);
        }
        left.len()
    };
    check(&store);
    let stats = store.stats().unwrap();
    assert!(stats.background_errors == 0, "{}", store.last_background_error().unwrap());
    assert!(stats.pruned > count / 4, "{stats:?}");
    store.close().unwrap();
    let store = CheckpointStore::open_with(ROOT, options.background(false)).unwrap();
    check(&store);
    let session = store.session("session 0").unwrap();
    session.checkpoint(&1_u8).commit().unwrap();
    let good = made.values().filter(|(_, is_good)| *is_good).count();
    assert!(store.len().unwrap() <= 4 * 5 + good, "{} are left", store.len().unwrap());
    assert_eq!(session.head().unwrap().unwrap().sequence.0, count + 1);
    let last = store.list(&Query::new().newest_first().limit(1)).unwrap();
    assert_eq!(session.latest::<u8>().unwrap(), Some(1));
    assert_eq!(last[0].sequence.0, count + 1);
}
