//! States over forks and chains of differences, against copies.

use std::collections::BTreeMap;

use keepstone_checkpoint::{Bytes, CheckpointId, CheckpointStore, Query, StoreOptions};

use crate::{
    check::{Bench, Checked, Stop},
    random::Random,
    stand::{Stand, commit, quiet},
};

checks![
    states_of_random_forks_are_those_that_were_checkpointed,
    states_are_the_same_in_the_journal_and_in_packs,
    states_are_the_same_to_a_reader,
    states_of_a_long_chain_are_those_that_were_checkpointed,
    states_that_are_all_kept_whole_are_those_that_were_checkpointed,
    states_that_grow_and_shrink_are_those_that_were_checkpointed,
    a_state_that_comes_back_is_the_state_that_it_was,
    states_of_several_packs_are_read_together,
    states_that_no_memory_is_left_for_are_read_from_objects,
    a_small_change_of_a_long_state_takes_few_bytes,
];

/// What every checkpoint has to have.
type Shadow = BTreeMap<CheckpointId, Vec<u8>>;

fn check(store: &CheckpointStore, shadow: &Shadow) -> Checked {
    same!(store.len()?, shadow.len(), "checkpoints");
    for (id, state) in shadow {
        let found = store.state(*id)?;
        ensure!(
            found.bytes() == state,
            "checkpoint {id}: another state, of {} bytes, where {} had to be",
            found.bytes().len(),
            state.len()
        );
    }
    Ok(())
}

/// Sessions and forks at random places, each going on with small changes.
fn grow(stand: &Stand, random: &mut Random, steps: u32, shadow: &mut Shadow) -> Checked {
    for _ in 0..steps {
        let session = stand.store.session(random.of(&["one", "two"]).copied().unwrap_or_default())?;
        let all = stand.store.list(&Query::new().session(session.name()))?;
        let session = match random.of(&all) {
            Some(from) if random.one_in(5) => session.fork(&format!("fork {}", shadow.len()), from)?,
            Some(from) if random.one_in(8) => {
                session.restore::<Bytes<'_>>(from)?;
                session
            }
            Some(from) => session.on(&from.branch)?,
            None => session,
        };
        let head = session.head()?;
        let mut state = match head.and_then(|head| shadow.get(&head.id)) {
            Some(state) => state.clone(),
            None => random.bytes(800),
        };
        if !random.one_in(8) {
            random.edit(&mut state);
        }
        shadow.insert(commit(&session, &state)?.id, state);
        if random.one_in(15) {
            stand.store.seal()?;
        }
    }
    Ok(())
}

fn history(bench: &Bench<'_>, options: StoreOptions) -> Result<(Stand, Shadow), Stop> {
    let mut shadow = Shadow::new();
    let stand = bench.stand_with(options)?;
    grow(&stand, &mut bench.random(), bench.of(60, 500), &mut shadow)?;
    Ok((stand, shadow))
}

fn states_of_random_forks_are_those_that_were_checkpointed(bench: &Bench<'_>) -> Checked {
    let mut random = bench.random();
    for _ in 0..bench.of(3, 20) {
        let (mut stand, mut shadow) = (bench.stand()?, Shadow::new());
        for _ in 0..3 {
            grow(&stand, &mut random, 25, &mut shadow)?;
            check(&stand.store, &shadow)?;
            stand = stand.reopen()?;
            check(&stand.store, &shadow)?;
        }
    }
    Ok(())
}

fn states_are_the_same_in_the_journal_and_in_packs(bench: &Bench<'_>) -> Checked {
    let (stand, shadow) = history(bench, quiet())?;
    check(&stand.store, &shadow)?;
    stand.store.seal()?;
    same!(stand.store.stats()?.journal_bytes, 0, "bytes in the journal");
    check(&stand.store, &shadow)?;
    check(&stand.reopen()?.store, &shadow)
}

fn states_are_the_same_to_a_reader(bench: &Bench<'_>) -> Checked {
    let (stand, shadow) = history(bench, quiet())?;
    let reader = stand.reader()?;
    for (id, state) in &shadow {
        ensure!(reader.state(*id)?.bytes() == state, "checkpoint {id}: another state to a reader");
    }
    Ok(())
}

fn states_of_a_long_chain_are_those_that_were_checkpointed(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand_with(quiet().chain_factor(1000))?;
    let (mut random, mut shadow) = (bench.random(), Shadow::new());
    let mut state = random.bytes(500);
    let session = stand.store.session("main")?;
    for round in 0..bench.of(150, 2000) {
        random.edit(&mut state);
        shadow.insert(commit(&session, &state)?.id, state.clone());
        if round % 40 == 0 {
            stand.store.seal()?;
        }
    }
    drop(session);
    check(&stand.reopen()?.store, &shadow)
}

fn states_that_are_all_kept_whole_are_those_that_were_checkpointed(bench: &Bench<'_>) -> Checked {
    let (stand, shadow) = history(bench, quiet().chain_factor(0))?;
    let all = stand.store.list(&Query::new())?;
    let keyframes = all.iter().filter(|found| found.is_keyframe()).count();
    // The others are the same as the one before.
    ensure!(keyframes * 4 > all.len() * 3, "{keyframes} of {} are kept whole", all.len());
    check(&stand.reopen()?.store, &shadow)
}

fn states_that_grow_and_shrink_are_those_that_were_checkpointed(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let (mut random, mut shadow) = (bench.random(), Shadow::new());
    let session = stand.store.session("main")?;
    let mut state = Vec::new();
    for _ in 0..bench.of(40, 300) {
        if random.one_in(2) {
            let len = random.index(3000);
            state.extend(random.bytes(len));
        } else {
            let at = random.index(state.len() + 1);
            drop(state.drain(..at));
        }
        shadow.insert(commit(&session, &state)?.id, state.clone());
    }
    drop(session);
    check(&stand.store, &shadow)?;
    check(&stand.reopen()?.store, &shadow)
}

fn a_state_that_comes_back_is_the_state_that_it_was(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let (mut random, mut shadow) = (bench.random(), Shadow::new());
    let session = stand.store.session("main")?;
    let states = [random.bytes(2000), random.bytes(2100), Vec::new(), vec![0; 2000]];
    for round in 0..24 {
        if let Some(state) = states.get(round % states.len()) {
            shadow.insert(commit(&session, state)?.id, state.clone());
        }
        if round == 11 {
            stand.store.seal()?;
        }
    }
    drop(session);
    check(&stand.reopen()?.store, &shadow)
}

fn states_of_several_packs_are_read_together(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand_with(quiet().chain_factor(100))?;
    let (mut random, mut shadow) = (bench.random(), Shadow::new());
    let session = stand.store.session("main")?;
    let mut state = random.bytes(1000);
    for _ in 0..10 {
        for _ in 0..3 {
            random.edit(&mut state);
            shadow.insert(commit(&session, &state)?.id, state.clone());
        }
        stand.store.seal()?;
    }
    drop(session);
    let stand = stand.reopen()?;
    ensure!(stand.store.stats()?.packs >= 2, "ten moves have made one pack");
    check(&stand.store, &shadow)
}

fn states_that_no_memory_is_left_for_are_read_from_objects(bench: &Bench<'_>) -> Checked {
    let (stand, shadow) = history(bench, quiet().cache_bytes_max(0).journal_bytes_max(2000))?;
    check(&stand.store, &shadow)?;
    check(&stand.reopen()?.store, &shadow)
}

fn a_small_change_of_a_long_state_takes_few_bytes(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let mut state = bench.random().bytes(100_000);
    let session = stand.store.session("main")?;
    commit(&session, &state)?;
    let before: u64 = stand.object_bytes()?;
    for at in [10_usize, 50_000, 99_999] {
        if let Some(byte) = state.get_mut(at) {
            *byte ^= 255;
        }
        commit(&session, &state)?;
    }
    let grown = stand.object_bytes()?.saturating_sub(before);
    ensure!(grown < 3000, "three changes of a byte have taken {grown} bytes");
    Ok(())
}
