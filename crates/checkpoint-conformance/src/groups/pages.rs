//! Pages of any size in both directions, while the store changes.

use std::{collections::BTreeSet, ops::ControlFlow};

use keepstone_checkpoint::{CheckpointStore, Error, Policy, Query, Sequence};

use crate::{
    check::{Bench, Checked, Stop},
    stand::{Stand, commit, sequences},
};

checks![
    pages_of_any_size_make_the_list,
    pages_backwards_of_any_size_make_the_list_backwards,
    pages_of_a_filter_make_the_filtered_list,
    a_page_behind_the_last_is_empty,
    a_page_without_room_is_empty,
    a_page_goes_on_behind_a_checkpoint_that_was_pruned,
    pages_miss_nothing_that_stays_while_others_are_pruned,
    pages_have_nothing_twice_while_checkpoints_are_made,
    pages_backwards_show_what_was_there_while_checkpoints_are_made,
];

const COUNT: u64 = 37;

fn filled(bench: &Bench<'_>) -> Result<Stand, Stop> {
    let stand = bench.stand()?;
    for number in 0..COUNT {
        let session = stand.store.session(if number % 3 == 0 { "one" } else { "two" })?;
        commit(&session, &number.to_le_bytes())?;
    }
    stand.reopen()
}

/// Turns pages to the end. Between two of them something may happen.
fn turn(
    store: &CheckpointStore,
    query: &Query,
    size: usize,
    mut between: impl FnMut(usize) -> Result<(), Error>,
) -> Result<Vec<u64>, Stop> {
    let (mut all, mut page) = (Vec::new(), query.clone().limit(size));
    for number in 0.. {
        let found = sequences(&store.list(&page)?);
        ensure!(found.len() <= size, "{} on a page of {size}", found.len());
        let Some(last) = found.last().copied() else { break };
        all.extend(found);
        ensure!(all.len() < 10_000, "pages never end");
        page = page.after(Sequence(last));
        between(number)?;
    }
    Ok(all)
}

/// Nothing happens between two pages.
const NOTHING: fn(usize) -> Result<(), Error> = |_| Ok(());

fn pages_of_any_size_make_the_list(bench: &Bench<'_>) -> Checked {
    let stand = filled(bench)?;
    for size in 1..=40 {
        let all = turn(&stand.store, &Query::new(), size, NOTHING)?;
        same!(all, (1..=COUNT).collect::<Vec<_>>(), "pages of {size}");
    }
    Ok(())
}

fn pages_backwards_of_any_size_make_the_list_backwards(bench: &Bench<'_>) -> Checked {
    let stand = filled(bench)?;
    for size in 1..=40 {
        let all = turn(&stand.store, &Query::new().newest_first(), size, NOTHING)?;
        same!(all, (1..=COUNT).rev().collect::<Vec<_>>(), "pages of {size}");
    }
    Ok(())
}

fn pages_of_a_filter_make_the_filtered_list(bench: &Bench<'_>) -> Checked {
    let stand = filled(bench)?;
    for query in [Query::new().session("one"), Query::new().session("two").newest_first()] {
        let expected = sequences(&stand.store.list(&query)?);
        for size in 1..=20 {
            same!(turn(&stand.store, &query, size, NOTHING)?, expected, "pages of {size} of {query:?}");
        }
    }
    Ok(())
}

fn a_page_behind_the_last_is_empty(bench: &Bench<'_>) -> Checked {
    let stand = filled(bench)?;
    for after in [COUNT, COUNT + 1, u64::MAX] {
        let found = stand.store.list(&Query::new().after(Sequence(after)).limit(5))?;
        same!(sequences(&found), [0; 0], "behind {after}");
    }
    for after in [0, 1] {
        let found = stand.store.list(&Query::new().newest_first().after(Sequence(after)).limit(5))?;
        same!(sequences(&found), [0; 0], "before {after}");
    }
    Ok(())
}

fn a_page_without_room_is_empty(bench: &Bench<'_>) -> Checked {
    let stand = filled(bench)?;
    same!(sequences(&stand.store.list(&Query::new().limit(0))?), [0; 0], "a page of none");
    Ok(())
}

/// Lets go of all but these.
fn keep(store: &CheckpointStore, stays: impl Fn(u64) -> bool) -> Result<(), Error> {
    let all = store.list(&Query::new())?;
    let chosen = all.iter().filter(|found| stays(found.sequence.0)).map(|found| found.id);
    let plan = store.plan(&Policy::new().keep_ids(chosen).ending_undo(), None)?;
    store.apply(&plan, &mut |_| ControlFlow::Continue(())).map(drop)
}

fn a_page_goes_on_behind_a_checkpoint_that_was_pruned(bench: &Bench<'_>) -> Checked {
    let stand = filled(bench)?;
    keep(&stand.store, |sequence| sequence % 5 == 0)?;
    let expected = sequences(&stand.store.list(&Query::new())?);
    for after in 0..=COUNT {
        let found = sequences(&stand.store.list(&Query::new().after(Sequence(after)))?);
        let behind: Vec<u64> = expected.iter().copied().filter(|sequence| *sequence > after).collect();
        same!(found, behind, "behind {after}");
    }
    Ok(())
}

fn pages_miss_nothing_that_stays_while_others_are_pruned(bench: &Bench<'_>) -> Checked {
    for query in [Query::new(), Query::new().newest_first()] {
        let stand = filled(bench)?;
        let all = turn(&stand.store, &query, 4, |page| {
            // Each time some more of them go.
            keep(&stand.store, |sequence| sequence % 4 == 0 || sequence % 7 > page as u64)
        })?;
        let seen: BTreeSet<u64> = all.iter().copied().collect();
        same!(seen.len(), all.len(), "different checkpoints on all pages");
        let stays: BTreeSet<u64> = sequences(&stand.store.list(&Query::new())?).into_iter().collect();
        ensure!(seen.is_superset(&stays), "not on any page: {:?}", stays.difference(&seen));
    }
    Ok(())
}

fn pages_have_nothing_twice_while_checkpoints_are_made(bench: &Bench<'_>) -> Checked {
    let stand = filled(bench)?;
    let session = stand.store.session("three")?;
    let all = turn(&stand.store, &Query::new(), 5, |page| {
        if page < 6 { commit(&session, b"x").map(drop) } else { Ok(()) }
    })?;
    same!(all, (1..=COUNT + 6).collect::<Vec<_>>(), "all pages");
    Ok(())
}

fn pages_backwards_show_what_was_there_while_checkpoints_are_made(bench: &Bench<'_>) -> Checked {
    let stand = filled(bench)?;
    let session = stand.store.session("three")?;
    let all = turn(&stand.store, &Query::new().newest_first(), 5, |_| commit(&session, b"x").map(drop))?;
    same!(all, (1..=COUNT).rev().collect::<Vec<_>>(), "all pages");
    Ok(())
}
