//! A hundred thousand checkpoints. What they cost is told in requests and bytes, which do not depend on the machine.

use keepstone_checkpoint::{BatchItem, Bytes, Durability, Query, Sequence};

use crate::{
    check::{Bench, Checked, Stop},
    stand::{Stand, commit, latest, quiet, sequences},
};

checks![a_hundred_thousand_checkpoints_are_listed_paged_and_opened_with_few_requests];

/// Checkpoints.
const COUNT: u64 = 100_000;
/// Of which one in so many has a tag.
const TAGGED: u64 = 1000;
/// Checkpoints of a batch.
const BATCH: u64 = 10_000;

/// Ten checkpoints of a session after each other have the same state.
fn state(n: u64) -> [u8; 8] {
    (n / 20).to_le_bytes()
}

fn filled(bench: &Bench<'_>) -> Result<Stand, Stop> {
    let stand = bench.stand_with(quiet())?;
    let sessions = ["even", "odd"].map(|name| stand.store.session(name));
    let [even, odd] = sessions;
    let (even, odd) = (even?, odd?);
    for from in (0..COUNT).step_by(usize::try_from(BATCH).unwrap_or(1)) {
        let states: Vec<Bytes<'_>> = (from..from + BATCH).map(|n| state(n).to_vec().into()).collect();
        let items = states.iter().zip(from..).map(|(state, n)| {
            let item = BatchItem::new(if n % 2 == 0 { &even } else { &odd }, state);
            if n % TAGGED == 0 { item.tag("round") } else { item }
        });
        stand.store.checkpoint_batch(items.collect(), Durability::Durable)?;
    }
    drop((even, odd));
    stand.store.seal()?;
    stand.reopen()
}

fn a_hundred_thousand_checkpoints_are_listed_paged_and_opened_with_few_requests(
    bench: &Bench<'_>,
) -> Checked {
    let stand = filled(bench)?;
    let opened = stand.tap.counts();
    ensure!(opened.puts + opened.deletes == 0, "an opening has put or deleted: {opened:?}");
    ensure!(opened.gets + opened.lists <= 12, "requests of an opening: {opened:?}");
    ensure!(opened.bytes_read <= 60 * COUNT, "bytes that an opening has read: {opened:?}");
    listed(&stand)?;
    paged(&stand)?;
    same!(stand.tap.counts(), opened, "requests, after lists and pages");
    read(&stand)?;
    let reader = stand.reader()?;
    same!(reader.list(&Query::new())?.len() as u64, COUNT, "checkpoints to a reader");
    let grown = stand.object_bytes()?;
    let made = commit(&stand.store.session("even")?, b"one more")?;
    same!(made.sequence.0, COUNT + 1, "the next sequence");
    let grown = stand.object_bytes()?.saturating_sub(grown);
    ensure!(grown < 2000, "one more checkpoint has taken {grown} bytes");
    Ok(())
}

fn listed(stand: &Stand) -> Checked {
    let all = stand.store.list(&Query::new())?;
    same!(all.len() as u64, COUNT, "checkpoints");
    ensure!((1..).zip(&all).all(|(n, found)| found.sequence.0 == n), "not in their order");
    same!(stand.store.list(&Query::new().session("odd"))?.len() as u64, COUNT / 2, "of a session");
    same!(stand.store.list(&Query::new().tag("round"))?.len() as u64, COUNT / TAGGED, "with a tag");
    let some = stand.store.list(&Query::new().sequences(50_000..=50_009))?;
    same!(sequences(&some), (50_000..=50_009).collect::<Vec<u64>>(), "between two sequences");
    same!(stand.store.latest(&Query::new())?.map(|last| last.sequence.0), Some(COUNT), "the latest");
    Ok(())
}

fn paged(stand: &Stand) -> Checked {
    let mut page = Query::new().newest_first().limit(100);
    let mut count = 0;
    loop {
        let found = stand.store.list(&page)?;
        let Some(last) = found.last() else { break };
        count += found.len() as u64;
        same!(last.sequence, Sequence(COUNT - count + 1), "the last of a page");
        page = page.after(last.sequence);
    }
    same!(count, COUNT, "checkpoints on all pages");
    Ok(())
}

/// States from anywhere, each with few requests.
fn read(stand: &Stand) -> Checked {
    for n in [0, 1, 49_999, 77_777, COUNT - 1] {
        let found = stand.store.list(&Query::new().sequences(n + 1..=n + 1))?.pop();
        let found = found.ok_or_else(|| Stop::Failed(format!("checkpoint {} is not there", n + 1)))?;
        let before = stand.tap.counts();
        same!(stand.store.state(&found)?.bytes(), state(n), "the state of {}", n + 1);
        let after = stand.tap.counts();
        ensure!(after.gets - before.gets <= 4, "{} reads for one state", after.gets - before.gets);
        let bytes = after.bytes_read - before.bytes_read;
        ensure!(bytes <= 100_000, "{bytes} bytes read for one state");
    }
    same!(latest(&stand.store.session("odd")?)?, Some(state(COUNT - 1).to_vec()), "the head");
    Ok(())
}
