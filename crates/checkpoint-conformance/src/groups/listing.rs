//! Every filter, against a plain reference over random stores.

use std::sync::Arc;

use keepstone_checkpoint::{Bytes, Checkpoint, Error, Query, Sequence};

use crate::{
    check::{Bench, Checked, Stop},
    random::Random,
    stand::{Stand, commit, sequences},
    tap::Counts,
};

checks![
    a_list_is_in_the_order_of_sequences,
    a_filter_by_session_finds_its_checkpoints,
    a_filter_by_branch_finds_what_was_made_on_it,
    a_filter_by_tag_finds_what_has_it,
    a_filter_by_several_tags_finds_what_has_all,
    a_filter_by_annotation_finds_what_has_it_whatever_it_says,
    a_filter_by_the_value_of_an_annotation_finds_what_says_so,
    a_filter_by_times_has_both_ends_and_nothing_without_a_time,
    a_filter_by_sequences_has_both_ends,
    a_filter_by_lock_finds_what_is_locked_or_what_is_not,
    filters_together_find_what_all_of_them_find,
    the_newest_first_is_the_list_backwards,
    a_limit_is_the_beginning_of_a_list,
    the_latest_is_the_last_of_a_list,
    the_latest_at_a_time_is_the_one_with_the_highest_time_up_to_then,
    a_list_of_a_session_that_is_not_there_is_an_error,
    a_list_reads_no_object,
    a_list_is_the_same_after_an_opening,
];

const SESSIONS: [&str; 3] = ["one", "two", "three"];
const TAGS: [&str; 3] = ["safe", "good", "release"];
const RUNS: [&str; 4] = ["1", "2", "3", ""];

/// A store with checkpoints of all sorts.
fn random_stand(bench: &Bench<'_>, random: &mut Random) -> Result<Stand, Stop> {
    let stand = bench.stand()?;
    for round in 0..bench.of(60_i64, 400) {
        let name = random.of(&SESSIONS).copied().unwrap_or_default();
        let mut session = stand.store.session(name)?;
        if random.one_in(3) {
            session = match (session.on("side"), session.head()?) {
                (Ok(side), _) => side,
                (Err(_), Some(head)) => session.fork("side", &head)?,
                (Err(_), None) => session,
            };
        }
        let payload = Bytes::from(random.bytes(20));
        let mut draft = session.checkpoint(&payload);
        for tag in TAGS {
            if random.one_in(3) {
                draft = draft.tag(tag);
            }
        }
        if random.one_in(2) {
            draft = draft.annotate("run", random.of(&RUNS).copied().unwrap_or_default());
        }
        if random.one_in(4) {
            draft = draft.annotate("why", "so");
        }
        if !random.one_in(5) {
            draft = draft.at(round * 10 - 200 + i64::try_from(random.below(30)).unwrap_or_default());
        }
        if random.one_in(6) {
            draft = draft.locked();
        }
        draft.commit()?;
        if random.one_in(20) {
            stand.store.seal()?;
        }
    }
    Ok(stand)
}

/// A part of a query, and what it means.
struct Part {
    query: Query,
    means: Box<dyn Fn(&Checkpoint) -> bool>,
}

fn session(random: &mut Random, query: Query) -> Part {
    let name = random.of(&SESSIONS).copied().unwrap_or_default();
    Part { query: query.session(name), means: Box::new(move |found| &*found.session == name) }
}

fn branch(random: &mut Random, query: Query) -> Part {
    let name = random.of(&["main", "side", "none"]).copied().unwrap_or_default();
    Part { query: query.branch(name), means: Box::new(move |found| &*found.branch == name) }
}

fn has(found: &Checkpoint, tag: &str) -> bool {
    found.tags.iter().any(|of| &**of == tag)
}

fn tag(random: &mut Random, query: Query) -> Part {
    let tag = random.of(&TAGS).copied().unwrap_or_default();
    Part { query: query.tag(tag), means: Box::new(move |found| has(found, tag)) }
}

fn two_tags(random: &mut Random, query: Query) -> Part {
    let [one, two] = [random.of(&TAGS), random.of(&TAGS)].map(|tag| tag.copied().unwrap_or_default());
    Part { query: query.tag(one).tag(two), means: Box::new(move |found| has(found, one) && has(found, two)) }
}

fn annotation(random: &mut Random, query: Query) -> Part {
    let key = random.of(&["run", "why", "none"]).copied().unwrap_or_default();
    let means = move |found: &Checkpoint| found.annotations.contains_key(key);
    Part { query: query.annotation(key, None), means: Box::new(means) }
}

fn value(random: &mut Random, query: Query) -> Part {
    let run = random.of(&RUNS).copied().unwrap_or_default();
    let means = move |found: &Checkpoint| found.annotations.get("run").is_some_and(|said| said == run);
    Part { query: query.annotation("run", Some(run)), means: Box::new(means) }
}

fn times(random: &mut Random, query: Query) -> Part {
    let [one, two] = [0; 2].map(|_: i64| i64::try_from(random.below(700)).unwrap_or_default() - 250);
    let range = if random.one_in(5) { i64::MIN..=i64::MAX } else { one.min(two)..=one.max(two) };
    let of = range.clone();
    let means = move |found: &Checkpoint| found.time.is_some_and(|time| of.contains(&time));
    Part { query: query.times(range), means: Box::new(means) }
}

fn between(random: &mut Random, query: Query) -> Part {
    let [one, two] = [0; 2].map(|_: u64| random.below(80));
    let range = one.min(two)..=one.max(two);
    let of = range.clone();
    Part { query: query.sequences(range), means: Box::new(move |found| of.contains(&found.sequence.0)) }
}

fn lock(random: &mut Random, query: Query) -> Part {
    let is = random.one_in(2);
    Part { query: query.locked(is), means: Box::new(move |found| found.locked == is) }
}

type Maker = fn(&mut Random, Query) -> Part;

/// Asks for random parts of one kind, in both directions, with and without a limit and a beginning, and compares.
fn filter(bench: &Bench<'_>, makers: &[Maker]) -> Checked {
    let mut random = bench.random();
    let stand = random_stand(bench, &mut random)?;
    let all = stand.store.list(&Query::new())?;
    for round in 0..bench.of(40, 400) {
        let (mut query, mut means) = (Query::new(), Vec::new());
        for maker in makers {
            // One kind is always asked for, of several a half.
            if makers.len() == 1 || random.one_in(2) {
                let part = maker(&mut random, query);
                query = part.query;
                means.push(part.means);
            }
        }
        let mut expected: Vec<Arc<Checkpoint>> =
            all.iter().filter(|found| means.iter().all(|means| means(found))).cloned().collect();
        let after = random.one_in(2).then(|| random.below(90));
        if random.one_in(2) {
            query = query.newest_first();
            expected.reverse();
            expected.retain(|found| after.is_none_or(|after| found.sequence.0 < after));
        } else {
            expected.retain(|found| after.is_none_or(|after| found.sequence.0 > after));
        }
        if let Some(after) = after {
            query = query.after(Sequence(after));
        }
        if random.one_in(2) {
            let limit = random.index(20);
            query = query.limit(limit);
            expected.truncate(limit);
        }
        let found = sequences(&stand.store.list(&query)?);
        same!(found, sequences(&expected), "round {round}, {query:?}");
    }
    Ok(())
}

fn a_list_is_in_the_order_of_sequences(bench: &Bench<'_>) -> Checked {
    let stand = random_stand(bench, &mut bench.random())?;
    let all = sequences(&stand.store.list(&Query::new())?);
    same!(all, (1..=all.len() as u64).collect::<Vec<_>>(), "the list");
    Ok(())
}

fn a_filter_by_session_finds_its_checkpoints(bench: &Bench<'_>) -> Checked {
    filter(bench, &[session])
}

fn a_filter_by_branch_finds_what_was_made_on_it(bench: &Bench<'_>) -> Checked {
    filter(bench, &[branch])
}

fn a_filter_by_tag_finds_what_has_it(bench: &Bench<'_>) -> Checked {
    filter(bench, &[tag])
}

fn a_filter_by_several_tags_finds_what_has_all(bench: &Bench<'_>) -> Checked {
    filter(bench, &[two_tags])
}

fn a_filter_by_annotation_finds_what_has_it_whatever_it_says(bench: &Bench<'_>) -> Checked {
    filter(bench, &[annotation])
}

fn a_filter_by_the_value_of_an_annotation_finds_what_says_so(bench: &Bench<'_>) -> Checked {
    filter(bench, &[value])
}

fn a_filter_by_times_has_both_ends_and_nothing_without_a_time(bench: &Bench<'_>) -> Checked {
    filter(bench, &[times])
}

fn a_filter_by_sequences_has_both_ends(bench: &Bench<'_>) -> Checked {
    filter(bench, &[between])
}

fn a_filter_by_lock_finds_what_is_locked_or_what_is_not(bench: &Bench<'_>) -> Checked {
    filter(bench, &[lock])
}

fn filters_together_find_what_all_of_them_find(bench: &Bench<'_>) -> Checked {
    filter(bench, &[session, branch, tag, annotation, value, times, between, lock])
}

fn the_newest_first_is_the_list_backwards(bench: &Bench<'_>) -> Checked {
    let stand = random_stand(bench, &mut bench.random())?;
    let mut all = sequences(&stand.store.list(&Query::new())?);
    all.reverse();
    same!(sequences(&stand.store.list(&Query::new().newest_first())?), all, "the list");
    Ok(())
}

fn a_limit_is_the_beginning_of_a_list(bench: &Bench<'_>) -> Checked {
    let stand = random_stand(bench, &mut bench.random())?;
    for limit in [0, 1, 2, 59, 60, 61, usize::MAX] {
        let found = sequences(&stand.store.list(&Query::new().limit(limit))?);
        let all = sequences(&stand.store.list(&Query::new())?);
        same!(Some(found.as_slice()), all.get(..limit.min(all.len())), "the first {limit}");
    }
    Ok(())
}

fn the_latest_is_the_last_of_a_list(bench: &Bench<'_>) -> Checked {
    let stand = random_stand(bench, &mut bench.random())?;
    for query in
        [Query::new(), Query::new().session("two"), Query::new().tag("safe"), Query::new().tag("none")]
    {
        let last = stand.store.list(&query)?.last().map(|found| found.id);
        same!(stand.store.latest(&query)?.map(|found| found.id), last, "the latest of {query:?}");
    }
    Ok(())
}

fn the_latest_at_a_time_is_the_one_with_the_highest_time_up_to_then(bench: &Bench<'_>) -> Checked {
    let stand = random_stand(bench, &mut bench.random())?;
    let all = stand.store.list(&Query::new().session("one"))?;
    for time in (-300..800).step_by(37) {
        let until = all.iter().filter(|found| found.time.is_some_and(|of| of <= time));
        let expected = until.max_by_key(|found| (found.time, found.sequence)).map(|found| found.sequence);
        same!(stand.store.at("one", time)?.map(|found| found.sequence), expected, "the latest at {time}");
    }
    Ok(())
}

fn a_list_of_a_session_that_is_not_there_is_an_error(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    commit(&stand.store.session("main")?, b"x")?;
    let found = stand.store.list(&Query::new().session("none"));
    ensure!(matches!(found, Err(Error::NoSession { .. })), "an unknown session: {found:?}");
    same!(stand.store.list(&Query::new().branch("none").tag("none"))?.len(), 0, "of an unknown branch");
    Ok(())
}

fn a_list_reads_no_object(bench: &Bench<'_>) -> Checked {
    let stand = random_stand(bench, &mut bench.random())?.reopen()?;
    let before: Counts = stand.tap.counts();
    for query in [Query::new(), Query::new().session("one").tag("safe").newest_first().limit(3)] {
        stand.store.list(&query)?;
    }
    stand.store.sessions()?;
    stand.store.stats()?;
    same!(stand.tap.counts(), before, "requests");
    Ok(())
}

fn a_list_is_the_same_after_an_opening(bench: &Bench<'_>) -> Checked {
    let stand = random_stand(bench, &mut bench.random())?;
    let text = |stand: &Stand| -> Result<Vec<String>, Error> {
        let line = |found: &Arc<Checkpoint>| {
            let said = (&found.tags, &found.annotations, found.locked, &found.message, &found.trigger);
            format!(
                "{:?} {:?} {:?} {said:?}",
                found.id,
                (&found.session, &found.branch, found.parent),
                found.time
            )
        };
        Ok(stand.store.list(&Query::new())?.iter().map(line).collect())
    };
    let before = text(&stand)?;
    let stand = stand.reopen()?;
    ensure!(text(&stand)? == before, "another list after an opening");
    stand.store.seal()?;
    ensure!(text(&stand.reopen()?)? == before, "another list after a move to packs");
    Ok(())
}
