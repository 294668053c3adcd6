//! Many threads commit while others listen.

use std::{sync::Arc, thread};

use keepstone_checkpoint::{
    Bytes, CheckpointStore, Durability, Event, Events, Files, MemFiles, StoreOptions,
};

const THREADS: u64 = 8;
const EACH: u64 = 60;

/// Takes everything until the store ends: how many checkpoints were told, how many events missed.
fn heard(events: Events, slow: bool) -> (u64, u64) {
    let (mut created, mut missed, mut gap, mut before) = (0, 0, 0, 0);
    for event in events {
        match event {
            Event::Created { checkpoint } => {
                let sequence = checkpoint.sequence.0;
                assert!(sequence > before, "{sequence} after {before}");
                // Nothing but checkpoints happens, so what is not there was missed.
                assert_eq!(sequence - before - 1, gap, "before {sequence}");
                (created, before, gap) = (created + 1, sequence, 0);
            }
            Event::Missed(count) => {
                missed += count;
                gap += count;
            }
            event => panic!("{event:?}"),
        }
        if slow {
            for _ in 0..20 {
                thread::yield_now();
            }
        }
    }
    assert_eq!(before + gap, THREADS * EACH, "what comes last is told too");
    (created, missed)
}

fn many(store: CheckpointStore) {
    let sessions: Vec<_> =
        (0..THREADS).map(|number| store.session(&format!("session {}", number / 2)).unwrap()).collect();
    let listeners = [(2000, false), (16, true), (1, true)];
    thread::scope(|scope| {
        let heard: Vec<_> = listeners
            .map(|(capacity, slow)| {
                let events = store.subscribe(capacity);
                scope.spawn(move || heard(events, slow))
            })
            .into();
        let threads: Vec<_> = (0..THREADS)
            .zip(sessions)
            .map(|(number, session)| {
                scope.spawn(move || {
                    for round in 0..EACH {
                        let state: Bytes<'_> = [number.to_le_bytes(), round.to_le_bytes()].concat().into();
                        let draft = session.checkpoint(&state);
                        let durability =
                            if round % 3 == 0 { Durability::Buffered } else { Durability::Durable };
                        draft.durability(durability).commit().unwrap();
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        // What was buffered behind what a thread waited for has been told by then.
        drop(store);
        for (heard, (capacity, _)) in heard.into_iter().zip(listeners) {
            let (created, missed) = heard.join().unwrap();
            assert_eq!(created + missed, THREADS * EACH);
            assert!(capacity < 2000 || missed == 0);
        }
    });
}

#[test]
fn each_of_three_listeners_hears_rising_sequences_of_a_store_in_memory() {
    many(CheckpointStore::in_memory());
}

#[test]
fn each_of_three_listeners_hears_rising_sequences_of_a_store_in_a_directory() {
    let files: Arc<dyn Files> = Arc::new(MemFiles::default());
    // Large enough that nothing is moved to packs, which would be told as well.
    many(CheckpointStore::open_with("dir", StoreOptions::new().files(files)).unwrap());
}
