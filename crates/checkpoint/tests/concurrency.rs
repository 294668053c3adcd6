//! Many threads on one store.

use std::{collections::BTreeSet, sync::Arc, thread};

use keepstone_checkpoint::{Bytes, CheckpointStore, Files, MemFiles, Query};

use crate::support::{ROOT, quiet};

#[test]
fn threads_get_sequences_without_gaps_and_every_parent_is_the_head_before() {
    let files: Arc<dyn Files> = Arc::new(MemFiles::default());
    let store =
        CheckpointStore::open_with(ROOT, quiet(&files).journal_bytes_max(20_000).background(true)).unwrap();
    let made: Vec<(u64, Option<u64>, Vec<u8>)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8_u8)
            .map(|thread| {
                let store = store.clone();
                scope.spawn(move || {
                    // Two threads share each session.
                    let session = store.session(&format!("session {}", thread / 2)).unwrap();
                    (0..50_u8)
                        .map(|round| {
                            let state = [vec![thread; 200], vec![round; 200]].concat();
                            let payload: Bytes<'_> = state.as_slice().into();
                            let made = session.checkpoint(&payload).commit().unwrap().checkpoint;
                            (made.sequence.0, made.parent.map(|parent| parent.0), state)
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let sequences: BTreeSet<u64> = made.iter().map(|(sequence, ..)| *sequence).collect();
    assert_eq!(sequences, (1..=400).collect());
    for number in 0..4 {
        let of_session = store.list(&Query::new().session(format!("session {number}"))).unwrap();
        assert_eq!(of_session.len(), 100);
        let mut before = None;
        for checkpoint in of_session {
            assert_eq!(checkpoint.parent, before, "two threads on a branch go on from each other");
            before = Some(checkpoint.sequence);
        }
    }
    let check = |store: &CheckpointStore| {
        let all = store.list(&Query::new()).unwrap();
        for (sequence, parent, state) in &made {
            let found = &all[usize::try_from(*sequence).unwrap() - 1];
            assert_eq!(found.parent.map(|parent| parent.0), *parent);
            assert_eq!(store.state(found).unwrap().bytes(), state);
        }
    };
    check(&store);
    store.close().unwrap();
    check(&CheckpointStore::open_with(ROOT, quiet(&files)).unwrap());
}

#[test]
fn a_panic_in_a_payload_leaves_the_store_usable() {
    struct Panics;
    impl serde::Serialize for Panics {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("in user code")
        }
    }
    let store = CheckpointStore::in_memory();
    let session = store.session("main").unwrap();
    session.checkpoint(&1_u8).commit().unwrap();
    let same = session.clone();
    assert!(thread::spawn(move || same.checkpoint(&Panics).commit().map(drop)).join().is_err());
    session.checkpoint(&2_u8).commit().unwrap();
    assert_eq!(session.latest::<u8>().unwrap(), Some(2));
}
