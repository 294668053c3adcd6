//! Threads and processes beside each other.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use keepstone_checkpoint::{
    BatchItem, Bytes, CheckpointId, CheckpointReader, CheckpointStore, Durability, Error, Files, MemFiles,
    Query,
};
use keepstone_storage::Op;
use keepstone_testkit::{
    Random,
    tap::{Call, Tap, Tapped, Verdict},
};

use crate::support::{ROOT, edit, mixed, open, quiet};

#[test]
fn readers_beside_a_writer_that_moves_its_journal_are_never_told_of_an_error() {
    let files: Arc<dyn Files> = Arc::new(MemFiles::default());
    let store = open(&files).unwrap();
    let session = store.session("main").unwrap();
    session.checkpoint(&0_u64).commit().unwrap();
    let acknowledged = AtomicU64::new(0);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut refreshed = 0;
            while !is_over.load(Ordering::SeqCst) {
                let at_least = acknowledged.load(Ordering::SeqCst);
                let reader = CheckpointReader::open_with(ROOT, quiet(&files))?;
                let found = reader.list(&Query::new().newest_first().limit(3))?;
                assert!(found[0].sequence.0 > at_least, "{} after {at_least}", found[0].sequence);
                for found in found {
                    assert_eq!(reader.get::<u64>(&found)? + 1, found.sequence.0);
                }
                refreshed += 1;
            }
            Ok::<u64, Error>(refreshed)
        });
        for tag in 1..400 {
            session.checkpoint(&tag).commit().unwrap();
            acknowledged.store(tag, Ordering::SeqCst);
            if tag % 3 == 0 {
                store.seal().unwrap();
            }
            if tag % 7 == 0 {
                store.sweep(0).unwrap();
            }
        }
        is_over.store(true, Ordering::SeqCst);
        let refreshed = reading.join().unwrap().unwrap();
        assert!(refreshed > 0);
    });
}

/// Fails one call in so many that write to the store, while it is on.
#[derive(Debug)]
struct NowAndThen {
    is_on: AtomicBool,
    random: Mutex<Random>,
}

impl Tap for NowAndThen {
    fn before(&self, call: &Call<'_>) -> Verdict {
        let reads = matches!(call.op, Op::Read | Op::Open | Op::Metadata | Op::List);
        if !reads && self.is_on.load(Ordering::SeqCst) && self.random.lock().unwrap().one_in(40) {
            return Verdict::Fail(io::Error::other("planned"));
        }
        Verdict::Run
    }
}

#[test]
fn threads_beside_calls_that_fail_now_and_then_lose_nothing_that_they_were_told_of() {
    for seed in 0..4 {
        let tap = NowAndThen { is_on: AtomicBool::new(false), random: Mutex::new(Random::new(seed)) };
        let files = Tapped::new(Arc::new(MemFiles::default()), tap);
        let dynamic: Arc<dyn Files> = Arc::new(files.clone());
        let options = quiet(&dynamic).journal_bytes_max(20_000).cache_bytes_max(10_000).background(true);
        let store = CheckpointStore::open_with(ROOT, options).unwrap();
        files.tap().is_on.store(true, Ordering::SeqCst);
        let told: Vec<(CheckpointId, u64, Vec<u8>)> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|number| {
                    let store = store.clone();
                    scope.spawn(move || goes_on(&store, number, 1000 * seed + number))
                })
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        files.tap().is_on.store(false, Ordering::SeqCst);
        assert!(told.len() > 50, "seed {seed}: {}", told.len());
        let check = |store: &CheckpointStore| {
            for (id, number, state) in &told {
                let found = store.checkpoint(*id).unwrap();
                assert_eq!(*found.session, *name(*number), "seed {seed}");
                assert_eq!(store.state(&found).unwrap().bytes(), state, "seed {seed}, {}", found.sequence);
            }
            for found in store.list(&Query::new()).unwrap() {
                let state = store.state(&found).unwrap();
                assert_eq!(name(state.bytes()[0].into()), *found.session, "seed {seed}, {}", found.sequence);
            }
        };
        check(&store);
        drop(store);
        check(&open(&dynamic).unwrap());
    }
}

fn name(number: u64) -> String {
    format!("session {number}")
}

/// Goes on with a session whatever fails, and answers what was acknowledged.
fn goes_on(store: &CheckpointStore, number: u64, seed: u64) -> Vec<(CheckpointId, u64, Vec<u8>)> {
    let mut random = Random::new(seed);
    let mut told: Vec<(CheckpointId, u64, Vec<u8>)> = Vec::new();
    let mut state = mixed(&mut random, 1000);
    for round in 0..150 {
        // Each thread writes to two sessions, one of which the next one writes to as well.
        let of = (number + u64::from(random.one_in(4))) % 4;
        let Ok(session) = store.session(&name(of)) else { continue };
        edit(&mut random, &mut state);
        state.insert(0, u8::try_from(of).unwrap());
        let durability = if random.one_in(3) { Durability::Buffered } else { Durability::Durable };
        match random.index(12) {
            0 => drop(store.seal()),
            1 => {
                if let Some((id, ..)) = told.iter().rev().find(|(_, told, _)| *told == of) {
                    drop(session.restore::<Bytes<'static>>(*id));
                }
            }
            2 => drop(session.undo()),
            3 => drop(session.fork(
                &format!("{number} {round}"),
                match told.last() {
                    Some((id, ..)) => *id,
                    None => continue,
                },
            )),
            4 => {
                let payload = Bytes::from(state.as_slice());
                let items = vec![BatchItem::new(&session, &payload), BatchItem::new(&session, &payload)];
                let made = store.checkpoint_batch(items, Durability::Durable);
                told.extend(made.into_iter().flatten().map(|made| (made.id(), of, state.clone())));
            }
            5 => drop(store.sweep(0)),
            _ => {
                let made = session.checkpoint(&Bytes::from(state.as_slice())).durability(durability).commit();
                if durability == Durability::Durable {
                    told.extend(made.into_iter().map(|made| (made.id(), of, state.clone())));
                }
            }
        }
    }
    told
}
