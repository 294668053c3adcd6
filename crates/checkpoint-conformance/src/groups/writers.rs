//! Many threads, and several openings that write.

use std::{collections::BTreeSet, sync::Barrier, thread};

use keepstone_checkpoint::{BatchItem, Bytes, CheckpointStore, Durability, Error, Query};

use crate::{
    check::{Bench, Checked, Stop},
    stand::{Stand, commit, latest, quiet, sequences},
};

checks![
    threads_get_sequences_without_gaps_and_repeats,
    threads_on_one_branch_go_on_from_each_other,
    threads_find_the_states_that_they_have_made,
    what_a_thread_was_acknowledged_every_thread_sees,
    what_a_thread_has_seen_it_never_sees_less_of,
    batches_of_threads_are_made_as_wholes,
    sessions_that_threads_begin_at_once_are_begun_once,
    threads_that_edit_one_checkpoint_lose_no_edit,
    threads_make_checkpoints_while_others_move_prune_and_sweep,
    what_threads_have_made_is_there_after_an_opening,
    a_second_opening_is_told_that_another_has_gone_on,
    a_writer_that_was_told_so_goes_on_with_what_the_other_has_made,
    of_two_openings_that_write_by_turns_nothing_acknowledged_is_lost,
    two_openings_that_begin_a_store_at_once_begin_one_store,
    a_writer_that_was_overtaken_by_a_prune_brings_nothing_back,
];

const THREADS: u8 = 4;

fn join<T>(thread: thread::ScopedJoinHandle<'_, Result<T, Stop>>) -> Result<T, Stop> {
    thread.join().map_err(|_| Stop::failed("a thread panicked"))?
}

/// Does something in several threads at the same time, and answers what came of each.
fn threads<T: Send>(work: impl Fn(u8) -> Result<T, Stop> + Sync) -> Result<Vec<T>, Stop> {
    let barrier = Barrier::new(usize::from(THREADS));
    thread::scope(|scope| {
        let (work, barrier) = (&work, &barrier);
        let begin = |tag| {
            scope.spawn(move || {
                barrier.wait();
                work(tag)
            })
        };
        let threads: Vec<_> = (0..THREADS).map(begin).collect();
        threads.into_iter().map(join).collect()
    })
}

fn state(tag: u8, round: u8) -> Vec<u8> {
    [vec![tag; 100], vec![round; 50]].concat()
}

/// Threads that make checkpoints: two on each session.
fn made(bench: &Bench<'_>, stand: &Stand) -> Result<Vec<(u64, Vec<u8>)>, Stop> {
    stand.tap.dawdle();
    let (rounds, store) = (bench.of(20, 120), &stand.store);
    let made = threads(|tag| {
        let session = store.session(&format!("session {}", tag / 2))?;
        let mut made = Vec::new();
        for round in 0..rounds {
            made.push((commit(&session, &state(tag, round))?.sequence.0, state(tag, round)));
        }
        Ok(made)
    })?;
    Ok(made.into_iter().flatten().collect())
}

fn threads_get_sequences_without_gaps_and_repeats(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let made = made(bench, &stand)?;
    let given: BTreeSet<u64> = made.iter().map(|(sequence, _)| *sequence).collect();
    same!(given, (1..=made.len() as u64).collect(), "the sequences");
    Ok(())
}

fn threads_on_one_branch_go_on_from_each_other(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    made(bench, &stand)?;
    for session in 0..THREADS / 2 {
        let mut before = None;
        for found in stand.store.list(&Query::new().session(format!("session {session}")))? {
            same!(found.parent, before, "the parent of {}", found.sequence);
            before = Some(found.sequence);
        }
    }
    Ok(())
}

fn threads_find_the_states_that_they_have_made(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let made = made(bench, &stand)?;
    holds(&stand.store, &made)
}

fn holds(store: &CheckpointStore, made: &[(u64, Vec<u8>)]) -> Checked {
    same!(store.len()?, made.len(), "checkpoints");
    let all = store.list(&Query::new())?;
    for (sequence, state) in made {
        let found = all.iter().find(|found| found.sequence.0 == *sequence);
        let found = found.ok_or_else(|| Stop::Failed(format!("checkpoint {sequence} is not there")))?;
        same!(store.state(found)?.bytes(), state, "the state of {sequence}");
    }
    Ok(())
}

fn what_a_thread_was_acknowledged_every_thread_sees(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    stand.tap.dawdle();
    let rounds = bench.of(20, 200);
    let acknowledged = std::sync::atomic::AtomicU64::new(0);
    threads(|tag| {
        let session = stand.store.session(&format!("session {tag}"))?;
        for round in 0..rounds {
            // Whatever was acknowledged before the question has to be in the answer.
            let before = acknowledged.load(std::sync::atomic::Ordering::SeqCst);
            let last = stand.store.latest(&Query::new())?.map_or(0, |last| last.sequence.0);
            ensure!(last >= before, "{before} was acknowledged, and {last} is the latest");
            let own = commit(&session, &[tag, round])?.sequence.0;
            acknowledged.fetch_max(own, std::sync::atomic::Ordering::SeqCst);
            ensure!(own > before, "{own} was given after {before} was acknowledged");
        }
        Ok(())
    })
    .map(drop)
}

fn what_a_thread_has_seen_it_never_sees_less_of(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    stand.tap.dawdle();
    let rounds = bench.of(30_u8, 250);
    threads(|tag| {
        let session = stand.store.session("main")?;
        let mut seen = Vec::new();
        for round in 0..rounds {
            if tag == 0 {
                commit(&session, &[round])?;
            }
            let now = sequences(&stand.store.list(&Query::new())?);
            ensure!(now.starts_with(&seen), "after {seen:?} it was {now:?}");
            seen = now;
        }
        Ok(())
    })
    .map(drop)
}

fn batches_of_threads_are_made_as_wholes(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    stand.tap.dawdle();
    let rounds = bench.of(10, 100);
    let (one, two) = (stand.store.session("one")?, stand.store.session("two")?);
    threads(|tag| {
        for round in 0..rounds {
            let payload = Bytes::from(state(tag, round));
            let items = [&one, &two, &one].map(|session| BatchItem::new(session, &payload));
            let made = stand.store.checkpoint_batch(items.into(), Durability::Durable)?;
            let numbers: Vec<u64> = made.iter().map(|made| made.checkpoint.sequence.0).collect();
            let first = numbers.first().copied().unwrap_or_default();
            same!(numbers, [first, first + 1, first + 2], "the sequences of a batch");
            for made in &made {
                same!(stand.store.state(made)?.bytes(), state(tag, round), "a state of a batch");
            }
        }
        Ok(())
    })
    .map(drop)
}

fn sessions_that_threads_begin_at_once_are_begun_once(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    stand.tap.dawdle();
    for round in 0..bench.of(10, 100) {
        let name = format!("session {round}");
        threads(|tag| Ok(commit(&stand.store.session(&name)?, &[tag])?))?;
        same!(
            stand.store.list(&Query::new().session(&*name))?.len(),
            usize::from(THREADS),
            "its checkpoints"
        );
        same!(stand.store.sessions()?.len(), round + 1, "sessions");
    }
    Ok(())
}

fn threads_that_edit_one_checkpoint_lose_no_edit(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    stand.tap.dawdle();
    let id = commit(&stand.store.session("main")?, b"x")?.id;
    threads(|tag| {
        for round in 0..12 {
            stand.store.tag(id, &[&format!("{tag}-{round}")])?;
            stand.store.annotate(id, &format!("task {tag}"), Some(&round.to_string()))?;
        }
        Ok(())
    })?;
    let stand = stand.reopen()?;
    let found = stand.store.checkpoint(id)?;
    same!((found.tags.len(), found.annotations.len()), (48, 4), "tags and annotations");
    ensure!(found.annotations.values().all(|value| value == "11"), "{:?}", found.annotations);
    Ok(())
}

fn threads_make_checkpoints_while_others_move_prune_and_sweep(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand_with(quiet().grace(0))?;
    stand.tap.dawdle();
    let rounds = bench.of(20, 150);
    threads(|tag| {
        let session = stand.store.session(&format!("session {tag}"))?;
        for round in 0..rounds {
            match (tag, round % 4) {
                (0, 0) => stand.store.seal()?,
                (0, 1) => drop(stand.store.sweep(i64::MAX)?),
                (0, 2) => drop(stand.store.compact(6)?),
                _ => {
                    commit(&session, &state(tag, round))?;
                    same!(latest(&session)?, Some(state(tag, round)), "the state of an own head");
                }
            }
        }
        Ok(())
    })?;
    let before = sequences(&stand.store.list(&Query::new())?);
    let stand = stand.reopen()?;
    let all = stand.store.list(&Query::new())?;
    same!(sequences(&all), before, "checkpoints after an opening");
    for found in all {
        same!(stand.store.state(&found)?.bytes().len(), 150, "bytes of the state of {}", found.sequence);
    }
    Ok(())
}

fn what_threads_have_made_is_there_after_an_opening(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand_with(quiet().journal_bytes_max(3000))?;
    let made = made(bench, &stand)?;
    holds(&stand.reopen()?.store, &made)
}

fn is_superseded<T>(answer: &Result<T, Error>) -> bool {
    matches!(answer, Err(Error::Superseded { .. }))
}

fn a_second_opening_is_told_that_another_has_gone_on(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let (one, two) = (stand.store.session("main")?, stand.second()?.session("main")?);
    commit(&one, b"one")?;
    let told = commit(&two, b"two");
    ensure!(is_superseded(&told), "another opening has gone on, and the second is told {told:?}");
    same!(stand.second()?.len()?, 1, "checkpoints");
    Ok(())
}

fn a_writer_that_was_told_so_goes_on_with_what_the_other_has_made(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let (one, two) = (stand.store.session("main")?, stand.second()?.session("main")?);
    commit(&one, b"one")?;
    ensure!(is_superseded(&commit(&two, b"two")), "it was not told that another has gone on");
    same!(latest(&two)?.as_deref(), Some(b"one".as_slice()), "what it reads then");
    let made = commit(&two, b"two")?;
    same!((made.sequence.0, made.parent.map(|parent| parent.0)), (2, Some(1)), "sequence and parent");
    ensure!(is_superseded(&commit(&one, b"three")), "the first was not told that the second has gone on");
    same!(latest(&one)?.as_deref(), Some(b"two".as_slice()), "what the first reads then");
    Ok(())
}

fn of_two_openings_that_write_by_turns_nothing_acknowledged_is_lost(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let mut random = bench.random();
    let stores = [stand.store.clone(), stand.second()?];
    let mut made: Vec<(u64, Vec<u8>)> = Vec::new();
    for round in 0..bench.of(60_u8, 250) {
        let Some(store) = random.of(&stores) else { continue };
        if random.one_in(6) {
            drop(if random.one_in(2) { store.seal() } else { store.sweep(i64::MAX).map(drop) });
            continue;
        }
        let answer = store.session("main").and_then(|session| commit(&session, &state(1, round)));
        match answer {
            Ok(found) => made.push((found.sequence.0, state(1, round))),
            Err(Error::Superseded { .. } | Error::Poisoned { .. }) => {}
            Err(err) => return Err(err.into()),
        }
    }
    ensure!(made.len() > 10, "of 60 checkpoints {} were made", made.len());
    holds(&stand.second()?, &made)?;
    drop(stores);
    holds(&stand.reopen()?.store, &made)
}

fn two_openings_that_begin_a_store_at_once_begin_one_store(bench: &Bench<'_>) -> Checked {
    for _ in 0..bench.of(5, 50) {
        let ground = bench.ground()?;
        let backend = ground.open()?;
        let stores = threads(|_| Ok(CheckpointStore::on(backend.clone(), quiet())?))?;
        let (mut acknowledged, mut told) = (0, 0);
        for store in &stores {
            match store.session("main").and_then(|session| commit(&session, b"x")) {
                Ok(_) => acknowledged += 1,
                Err(Error::Superseded { .. }) => told += 1,
                Err(err) => return Err(err.into()),
            }
        }
        same!(acknowledged + told, usize::from(THREADS), "openings that were answered");
        drop(stores);
        same!(CheckpointStore::on(backend, quiet())?.len()?, acknowledged, "checkpoints");
    }
    Ok(())
}

fn a_writer_that_was_overtaken_by_a_prune_brings_nothing_back(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let one = stand.store.session("main")?;
    for n in 0..6_u8 {
        commit(&one, &[n; 300])?;
    }
    let other = stand.second()?;
    other.compact(1)?;
    other.sweep(i64::MAX)?;
    commit(&other.session("main")?, b"after the prune")?;
    let told = (commit(&one, b"late"), stand.store.seal());
    ensure!(told.0.is_err(), "a writer that was overtaken was acknowledged");
    same!(sequences(&stand.second()?.list(&Query::new())?), [6, 7], "what is there");
    same!(latest(&one)?.as_deref(), Some(b"after the prune".as_slice()), "what the first reads then");
    Ok(())
}
