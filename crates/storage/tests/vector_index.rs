//! The example of a vector index, killed at any moment.

#[path = "../examples/vector_index/index.rs"]
mod index;
#[path = "../examples/vector_index/record.rs"]
mod record;

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use keepstone_storage::Durability;
use keepstone_testkit::Random;

use index::{Index, Policy};

const TEST: &str = "vector_index::an_index_that_is_killed_at_any_moment_holds_all_that_was_acknowledged";
/// In a child: where its index is.
const DIR: &str = "KEEPSTONE_TEST_INDEX_DIR";
const DIMENSIONS: u32 = 16;
/// A new snapshot every 30 changes.
const POLICY: Policy = Policy { changes_min: 30, percent: 0 };
/// How many changes share a sync.
const PER_SYNC: u64 = 3;

/// What the index holds after `lsn` changes: by id, the change that inserted it.
fn model(lsn: u64) -> BTreeMap<u64, u64> {
    let (mut live, mut next_id) = (BTreeMap::new(), 1);
    for number in 1..=lsn {
        if let Some(id) = deleted_by(number, next_id) {
            live.remove(&id);
        } else {
            live.insert(next_id, number);
            next_id += 1;
        }
    }
    live
}

/// The id that a change deletes; none if it inserts the next one.
fn deleted_by(number: u64, next_id: u64) -> Option<u64> {
    (number.is_multiple_of(4) && next_id > 1).then(|| number.wrapping_mul(0x9E37_79B9) % next_id + 1)
}

fn vector_of(number: u64) -> Vec<f32> {
    let number = f32::from(u16::try_from(number).unwrap());
    (0..DIMENSIONS).map(|place| number + f32::from(u16::try_from(place).unwrap()) / 32.0).collect()
}

fn text_of(number: u64) -> String {
    "x".repeat(usize::try_from(number % 50).unwrap()) + &number.to_string()
}

/// What the process does that is killed.
fn insert_and_delete_without_end(dir: &Path) {
    let mut index = Index::open(dir, DIMENSIONS, POLICY).unwrap();
    let mut next_id = 1;
    for number in 1..=index.applied().0 {
        next_id += u64::from(deleted_by(number, next_id).is_none());
    }
    let mut out = std::io::stdout().lock();
    loop {
        let number = index.applied().0 + 1;
        match deleted_by(number, next_id) {
            Some(id) => index.delete(id, Durability::Buffered).unwrap(),
            None => {
                next_id =
                    1 + index.insert(&vector_of(number), &text_of(number), Durability::Buffered).unwrap();
            }
        }
        if number.is_multiple_of(PER_SYNC) {
            index.sync().unwrap();
            writeln!(out, "ACK {number}").unwrap();
            out.flush().unwrap();
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the kill comes at a moment that nobody chose")]
fn an_index_that_is_killed_at_any_moment_holds_all_that_was_acknowledged() {
    if let Ok(dir) = env::var(DIR) {
        return insert_and_delete_without_end(Path::new(&dir));
    }
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random::new(7);
    let (mut snapshots_seen, mut last) = (0, 0);
    for round in 0..40 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([TEST, "--exact", "--nocapture"])
            .env(DIR, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let acknowledged = thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            // The kill may cut the last line short.
            lines.filter_map(|line| line.strip_prefix("ACK ").and_then(|lsn| lsn.parse::<u64>().ok())).max()
        });
        thread::sleep(Duration::from_micros(random.below(60_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        let acknowledged = acknowledged.join().unwrap().unwrap_or(last);

        let index = Index::open(dir.path(), DIMENSIONS, POLICY).unwrap();
        let applied = index.applied().0;
        assert!(applied >= acknowledged, "round {round}: {acknowledged} acknowledged, {applied} there");
        assert!(applied >= last, "round {round}: {last} was there, {applied} is");
        let live = model(applied);
        let there: Vec<u64> = (1..=applied).filter(|id| index.vector(*id).unwrap().is_some()).collect();
        assert_eq!(there, live.keys().copied().collect::<Vec<_>>(), "round {round}");
        assert_eq!(index.len(), live.len());
        for (id, number) in &live {
            assert_eq!(index.vector(*id).unwrap(), Some(&*vector_of(*number)), "round {round}, id {id}");
            assert_eq!(index.text(*id).unwrap(), Some(&*text_of(*number)), "round {round}, id {id}");
        }
        if let Some((id, number)) = live.last_key_value() {
            let hits = index.search(&vector_of(*number), 1).unwrap();
            assert_eq!(hits.first().map(|hit| hit.id), Some(*id));
        }
        snapshots_seen += u64::from((index.changes() as u64) < applied - last);
        last = applied;
    }
    assert!(snapshots_seen > 3, "the index compacted itself in only {snapshots_seen} rounds");
    assert!(last > 300, "only {last} changes in all rounds: the kills came too early to mean much");
}
