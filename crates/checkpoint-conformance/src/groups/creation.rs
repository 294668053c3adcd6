//! Checkpoints that are made, alone and in batches, and what is said about them.

use std::collections::BTreeSet;

use keepstone_checkpoint::{BatchItem, Bytes, Durability, Error, Fields, Query, Trigger};

use crate::{
    check::{Bench, Checked, Stop},
    stand::{commit, latest, sequences},
};

checks![
    a_new_store_is_empty,
    sequences_begin_at_1_and_have_no_gaps,
    sequences_go_on_after_an_opening,
    ids_are_all_different_over_openings_too,
    what_is_said_about_a_checkpoint_is_kept,
    states_of_any_length_are_kept,
    a_value_comes_back_as_the_value_that_it_was,
    the_same_state_again_is_a_checkpoint_of_its_own,
    equal_states_have_equal_content_ids_and_others_have_not,
    a_batch_is_made_as_a_whole_in_the_order_of_its_items,
    a_batch_with_an_item_that_is_refused_makes_nothing,
    metadata_of_a_session_is_kept,
    names_and_texts_of_any_script_are_kept,
    what_is_too_long_is_refused_and_makes_nothing,
    a_session_is_begun_once,
    a_buffered_checkpoint_is_there_once_it_was_flushed,
    a_store_that_was_closed_has_everything_in_packs,
];

fn a_new_store_is_empty(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    ensure!(stand.store.is_empty()?, "a new store has {} checkpoints", stand.store.len()?);
    ensure!(stand.store.sessions()?.is_empty(), "a new store has sessions");
    ensure!(stand.store.find_session("main")?.is_none(), "a new store has the session main");
    let stand = stand.reopen()?;
    ensure!(stand.store.is_empty()?, "a store without checkpoints has some when it is opened again");
    Ok(())
}

fn sequences_begin_at_1_and_have_no_gaps(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    for number in 0..20_u64 {
        let session = stand.store.session(&format!("session {}", number % 3))?;
        same!(commit(&session, b"x")?.sequence.0, number + 1, "the sequence");
    }
    same!(sequences(&stand.store.list(&Query::new())?), (1..=20).collect::<Vec<u64>>(), "the list");
    Ok(())
}

fn sequences_go_on_after_an_opening(bench: &Bench<'_>) -> Checked {
    let mut stand = bench.stand()?;
    for number in 1..=8_u64 {
        same!(commit(&stand.store.session("main")?, b"x")?.sequence.0, number, "the sequence");
        if number % 3 == 0 {
            stand.store.seal()?;
        }
        stand = stand.reopen()?;
    }
    Ok(())
}

fn ids_are_all_different_over_openings_too(bench: &Bench<'_>) -> Checked {
    let mut stand = bench.stand()?;
    let mut ids = BTreeSet::new();
    for _ in 0..4 {
        for _ in 0..10 {
            let made = commit(&stand.store.session("main")?, b"x")?;
            ensure!(ids.insert(made.id), "{} was given twice", made.id);
        }
        stand = stand.reopen()?;
    }
    Ok(())
}

fn what_is_said_about_a_checkpoint_is_kept(bench: &Bench<'_>) -> Checked {
    let mut stand = bench.stand()?;
    let session = stand.store.session("main")?;
    let payload = Bytes::from(b"state".as_slice());
    let draft = session.checkpoint(&payload).message("before the tool call").tag("safe").tag("a");
    let draft = draft.annotate("run", "7").annotate("empty", "").locked().at(-5);
    let made = draft.trigger(Trigger::Automatic("a tool call".into())).commit()?;
    drop(session);
    for round in 0..3 {
        let found = stand.store.checkpoint(made.id())?;
        same!(found.message, "before the tool call".into(), "the message, round {round}");
        same!(found.tags, ["a".into(), "safe".into()], "the tags, round {round}");
        let annotations = [("empty".to_owned(), String::new()), ("run".to_owned(), "7".to_owned())];
        same!(found.annotations, Fields::from(annotations), "the annotations, round {round}");
        same!((found.locked, found.time), (true, Some(-5)), "lock and time, round {round}");
        same!(found.trigger, Trigger::Automatic("a tool call".into()), "the trigger, round {round}");
        same!((&*found.session, &*found.branch), ("main", "main"), "session and branch, round {round}");
        same!((found.len, found.content), (5, made.checkpoint.content), "the content, round {round}");
        if round == 1 {
            stand.store.seal()?;
        }
        stand = stand.reopen()?;
    }
    Ok(())
}

fn states_of_any_length_are_kept(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let mut random = bench.random();
    let session = stand.store.session("main")?;
    let mut made = Vec::new();
    for len in [0, 1, 2, 31, 1000, 4096, 65_537, 0, 300_000, bench.of(1 << 20, 9 << 20), 5] {
        let state = random.bytes(len);
        made.push((commit(&session, &state)?.id, state));
    }
    drop(session);
    let check = |stand: &crate::stand::Stand| {
        for (id, state) in &made {
            let found = stand.store.state(*id)?;
            ensure!(found.bytes() == state, "a state of {} bytes comes back as another", state.len());
        }
        Ok::<(), Stop>(())
    };
    check(&stand)?;
    stand.store.seal()?;
    check(&stand)?;
    check(&stand.reopen()?)
}

fn a_value_comes_back_as_the_value_that_it_was(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let value = (7_u32, "found the door".to_owned(), vec![Some(1_i64), None, Some(-3)]);
    let made = stand.store.session("main")?.checkpoint(&value).commit()?;
    let stand = stand.reopen()?;
    same!(stand.store.get::<(u32, String, Vec<Option<i64>>)>(&made)?, value, "the value");
    match stand.store.get::<Vec<String>>(&made) {
        Err(Error::Payload { .. }) => Ok(()),
        other => Err(Stop::Failed(format!("read as another type: {other:?}"))),
    }
}

fn the_same_state_again_is_a_checkpoint_of_its_own(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let session = stand.store.session("main")?;
    let (one, two) = (commit(&session, &[3; 5000])?, commit(&session, &[3; 5000])?);
    ensure!(one.id != two.id, "one id for two checkpoints");
    drop(session);
    let stand = stand.reopen()?;
    for id in [one.id, two.id] {
        same!(stand.store.state(id)?.bytes(), [3; 5000], "the state of {id}");
    }
    Ok(())
}

fn equal_states_have_equal_content_ids_and_others_have_not(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let (left, right) = (stand.store.session("left")?, stand.store.session("right")?);
    let mut state = bench.random().bytes(3000);
    let (one, two) = (commit(&left, &state)?, commit(&right, &state)?);
    same!(one.content, two.content, "the content of equal states");
    if let Some(byte) = state.last_mut() {
        *byte ^= 1;
    }
    ensure!(commit(&left, &state)?.content != one.content, "one content id for two states");
    Ok(())
}

fn a_batch_is_made_as_a_whole_in_the_order_of_its_items(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let (one, two) = (stand.store.session("one")?, stand.store.session("two")?);
    let states: Vec<Bytes<'_>> = (0..10_u8).map(|n| vec![n; 500].into()).collect();
    let items = states.iter().zip(0..).map(|(state, n)| {
        BatchItem::new(if n % 2 == 0 { &one } else { &two }, state).message(format!("item {n}"))
    });
    let made = stand.store.checkpoint_batch(items.collect(), Durability::Durable)?;
    drop((one, two));
    let stand = stand.reopen()?;
    for (n, (made, state)) in made.iter().zip(&states).enumerate() {
        let found = stand.store.checkpoint(made.id())?;
        same!(found.sequence.0, n as u64 + 1, "the sequence of item {n}");
        same!(*found.message, *format!("item {n}"), "the message of item {n}");
        same!(
            found.parent.map(|parent| parent.0),
            (n as u64).checked_sub(1).filter(|p| *p > 0),
            "the parent of item {n}"
        );
        same!(stand.store.state(&found)?.bytes(), &*state.0, "the state of item {n}");
    }
    Ok(())
}

fn a_batch_with_an_item_that_is_refused_makes_nothing(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let session = stand.store.session("main")?;
    let payload = Bytes::from(b"x".as_slice());
    let items =
        vec![BatchItem::new(&session, &payload), BatchItem::new(&session, &payload).tag("t".repeat(256))];
    let refused = stand.store.checkpoint_batch(items, Durability::Durable);
    ensure!(matches!(refused, Err(Error::Length { .. })), "a tag of 256 bytes: {refused:?}");
    ensure!(stand.store.is_empty()?, "a part of a batch that was refused is there");
    Ok(())
}

fn metadata_of_a_session_is_kept(bench: &Bench<'_>) -> Checked {
    let mut stand = bench.stand()?;
    let metadata =
        Fields::from([("model".to_owned(), "small".to_owned()), ("user".to_owned(), String::new())]);
    drop(stand.store.begin_session("main", metadata.clone())?);
    for round in 0..3 {
        let sessions = stand.store.sessions()?;
        same!(
            sessions.first().map(|session| &session.metadata),
            Some(&metadata),
            "the metadata, round {round}"
        );
        if round == 1 {
            commit(&stand.store.session("main")?, b"x")?;
            stand.store.seal()?;
        }
        stand = stand.reopen()?;
    }
    Ok(())
}

fn names_and_texts_of_any_script_are_kept(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let names =
        ["\u{e9}t\u{e9}", "\u{4f60}\u{597d}", "a/b\\c", " ", "\0", "\u{1f600}", "MAIN", "main", "..", "a\nb"];
    for name in names {
        let session = stand.store.session(name)?;
        let payload = Bytes::from(name.as_bytes().to_vec());
        session.checkpoint(&payload).message(name).tag(name).annotate(name, name).commit()?;
    }
    stand.store.seal()?;
    let stand = stand.reopen()?;
    for name in names {
        let query = Query::new().session(name).tag(name).annotation(name, Some(name));
        let found = stand.store.list(&query)?;
        same!(found.len(), 1, "checkpoints of session {name:?}");
        for found in found {
            same!(*found.message, *name, "the message");
            same!(stand.store.state(&found)?.bytes(), name.as_bytes(), "the state");
        }
    }
    Ok(())
}

fn what_is_too_long_is_refused_and_makes_nothing(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let session = stand.store.session("main")?;
    let payload = Bytes::from(b"x".as_slice());
    let long = "x".repeat(256);
    let many = (0..65).fold(session.checkpoint(&payload), |draft, n| draft.tag(format!("tag {n}")));
    let refused = [
        session.checkpoint(&payload).tag(long.as_str()).commit().err(),
        session.checkpoint(&payload).tag("").commit().err(),
        session.checkpoint(&payload).annotate(long.as_str(), "x").commit().err(),
        session.checkpoint(&payload).message("x".repeat((64 << 10) + 1)).commit().err(),
        many.commit().err(),
        stand.store.session(&long).err(),
        stand.store.session("").err(),
    ];
    for (n, err) in refused.into_iter().enumerate() {
        ensure!(matches!(err, Some(Error::Length { .. } | Error::Tags { .. })), "request {n}: {err:?}");
    }
    ensure!(stand.store.is_empty()?, "what was refused is there");
    same!(stand.store.sessions()?.len(), 1, "sessions");
    Ok(())
}

fn a_session_is_begun_once(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    drop(stand.store.begin_session("main", Fields::new())?);
    let again = stand.store.begin_session("main", Fields::new());
    ensure!(matches!(again, Err(Error::Taken { .. })), "begun twice: {again:?}");
    drop(again);
    let stand = stand.reopen()?;
    let again = stand.store.begin_session("main", Fields::new());
    ensure!(matches!(again, Err(Error::Taken { .. })), "begun again after an opening: {again:?}");
    drop(stand.store.session("main")?);
    same!(stand.store.sessions()?.len(), 1, "sessions");
    Ok(())
}

fn a_buffered_checkpoint_is_there_once_it_was_flushed(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let session = stand.store.session("main")?;
    for number in 0..10_u8 {
        let payload = Bytes::from(vec![number; 100]);
        session.checkpoint(&payload).durability(Durability::Buffered).commit()?;
    }
    stand.store.flush()?;
    drop(session);
    let stand = stand.reopen()?;
    same!(stand.store.len()?, 10, "checkpoints");
    same!(latest(&stand.store.session("main")?)?, Some(vec![9; 100]), "the head");
    Ok(())
}

fn a_store_that_was_closed_has_everything_in_packs(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    commit(&stand.store.session("main")?, b"state")?;
    stand.store.clone().close()?;
    let stand = stand.reopen()?;
    let stats = stand.store.stats()?;
    same!((stats.checkpoints, stats.journal_bytes, stats.packs), (1, 0, 1), "checkpoints, journal, packs");
    same!(latest(&stand.store.session("main")?)?.as_deref(), Some(b"state".as_slice()), "the head");
    Ok(())
}
