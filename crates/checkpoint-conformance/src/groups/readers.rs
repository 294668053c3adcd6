//! Readers beside a writer and a prune.

use std::thread;

use keepstone_checkpoint::{Error, Query};

use crate::{
    check::{Bench, Checked, Stop},
    stand::{commit, quiet, sequences},
};

checks![
    a_reader_finds_no_store_where_none_is,
    a_reader_sees_what_was_acknowledged_before_it_was_opened,
    a_reader_sees_later_checkpoints_once_it_is_refreshed,
    a_reader_reads_states_from_the_journal_and_from_packs,
    a_reader_puts_and_deletes_nothing,
    a_reader_reads_what_stays_while_a_prune_moves_it,
    a_reader_reads_what_was_pruned_until_the_grace_is_over,
    a_reader_beside_a_writer_sees_a_beginning_of_what_is_made,
    a_reader_beside_moves_to_packs_always_reads,
];

fn a_reader_finds_no_store_where_none_is(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    let found = keepstone_checkpoint::CheckpointReader::on(backend.clone(), quiet());
    ensure!(matches!(found, Err(Error::NoStore { .. })), "a place without objects: {found:?}");
    same!(backend.list("")?, [], "objects that it has made");
    Ok(())
}

fn a_reader_sees_what_was_acknowledged_before_it_was_opened(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let session = stand.store.session("main")?;
    for count in 1..=10 {
        commit(&session, b"x")?;
        if count % 4 == 0 {
            stand.store.seal()?;
        }
        same!(stand.reader()?.list(&Query::new())?.len(), count, "checkpoints to a new reader");
    }
    Ok(())
}

fn a_reader_sees_later_checkpoints_once_it_is_refreshed(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let session = stand.store.session("main")?;
    commit(&session, b"x")?;
    let reader = stand.reader()?;
    let made = commit(&session, b"later")?;
    same!(reader.list(&Query::new())?.len(), 1, "checkpoints before it is refreshed");
    reader.refresh()?;
    same!(reader.list(&Query::new())?.len(), 2, "checkpoints once it is refreshed");
    same!(reader.state(made.id)?.bytes(), b"later", "the state");
    Ok(())
}

fn a_reader_reads_states_from_the_journal_and_from_packs(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let session = stand.store.session("main")?;
    let packed = commit(&session, &[1; 1000])?;
    stand.store.seal()?;
    let in_journal = commit(&session, &[2; 1000])?;
    let reader = stand.reader()?;
    same!(reader.state(packed.id)?.bytes(), [1; 1000], "a state in a pack");
    same!(reader.state(in_journal.id)?.bytes(), [2; 1000], "a state in the journal");
    same!(reader.sessions(), stand.store.sessions()?, "the sessions");
    Ok(())
}

fn a_reader_puts_and_deletes_nothing(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let made = commit(&stand.store.session("main")?, b"x")?;
    stand.store.seal()?;
    let before = stand.tap.counts();
    let reader = stand.reader()?;
    reader.list(&Query::new())?;
    reader.state(made.id)?;
    reader.refresh()?;
    reader.stats()?;
    let after = stand.tap.counts();
    same!((after.puts, after.deletes), (before.puts, before.deletes), "puts and deletes");
    Ok(())
}

fn a_reader_reads_what_stays_while_a_prune_moves_it(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand_with(quiet().chain_factor(100))?;
    let session = stand.store.session("main")?;
    let mut random = bench.random();
    let mut state = random.bytes(500);
    for _ in 0..12 {
        random.edit(&mut state);
        commit(&session, &state)?;
    }
    stand.store.seal()?;
    let reader = stand.reader()?;
    stand.store.compact(2)?;
    stand.store.sweep(i64::MAX)?;
    let stays = stand.store.list(&Query::new())?;
    same!(stays.len(), 2, "checkpoints that stay");
    for found in stays {
        // Its pack is gone: it looks where it is now.
        same!(reader.state(found.id)?.bytes(), stand.store.state(&found)?.bytes(), "a state");
    }
    Ok(())
}

fn a_reader_reads_what_was_pruned_until_the_grace_is_over(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand_with(quiet().grace(1000).clock(|| 0))?;
    let session = stand.store.session("main")?;
    for n in 0..6_u8 {
        commit(&session, &[n; 400])?;
    }
    stand.store.seal()?;
    let reader = stand.reader()?;
    let all = reader.list(&Query::new())?;
    stand.store.compact(1)?;
    stand.store.sweep(999)?;
    for (n, found) in (0..).zip(&all) {
        same!(reader.state(found.id)?.bytes(), [n; 400], "a state that was pruned");
    }
    Ok(())
}

/// Reads beside a thread that works on the store, until that ends.
fn beside(
    stand: &crate::stand::Stand,
    work: impl FnOnce() -> Result<(), Stop> + Send,
    mut read: impl FnMut() -> Checked,
) -> Checked {
    stand.tap.dawdle();
    thread::scope(|scope| {
        let writer = scope.spawn(work);
        let mut answer = Ok(());
        while !writer.is_finished() && answer.is_ok() {
            answer = read();
        }
        writer.join().map_err(|_| Stop::failed("the writer panicked"))??;
        answer?;
        read()
    })
}

fn a_reader_beside_a_writer_sees_a_beginning_of_what_is_made(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let rounds = bench.of(60, 500);
    let session = stand.store.session("main")?;
    let mut seen = 0;
    let write = || {
        (0..rounds).try_for_each(|n: u64| commit(&session, &n.to_le_bytes()).map(drop)).map_err(Stop::from)
    };
    beside(&stand, write, || {
        let reader = stand.reader()?;
        let all = reader.list(&Query::new())?;
        same!(sequences(&all), (1..=all.len() as u64).collect::<Vec<_>>(), "the checkpoints");
        ensure!(all.len() >= seen, "{} checkpoints, after {seen} were seen", all.len());
        seen = all.len();
        for (n, found) in (0_u64..).zip(&all).skip(seen.saturating_sub(2)) {
            same!(reader.state(found.id)?.bytes(), n.to_le_bytes(), "the state of {}", found.sequence);
        }
        Ok(())
    })
}

fn a_reader_beside_moves_to_packs_always_reads(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand_with(quiet().grace(0))?;
    let rounds = bench.of(25, 200);
    let session = stand.store.session("main")?;
    commit(&session, &[0; 200])?;
    let write = || {
        for n in 1..rounds {
            commit(&session, &[n; 200])?;
            stand.store.seal()?;
        }
        Ok(())
    };
    beside(&stand, write, || {
        let reader = stand.reader()?;
        for (n, found) in (0_u8..).zip(reader.list(&Query::new())?) {
            same!(reader.state(found.id)?.bytes(), [n; 200], "the state of {}", found.sequence);
        }
        Ok(())
    })
}
