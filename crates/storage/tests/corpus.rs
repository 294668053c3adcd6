//! Replays the inputs on which this crate was fuzzed, and mutates them. `fuzz/README.md` says how to look for more.

#[path = "../../format/tests/corpus/mutate.rs"]
mod mutate;
mod snapshot;
mod wal;

use mutate::{mutate, replay, storm};

#[test]
fn logs_are_read_or_refused() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/wal");
    let corpus = replay(folder, wal::check);
    storm("wal", &corpus, 1500, wal::check, |random, bytes, other| {
        mutate(random, bytes, other);
        if random.below(4) > 0 {
            wal::reseal(bytes);
        }
    });
}

#[test]
fn snapshots_are_viewed_or_refused() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/snapshot");
    let corpus = replay(folder, snapshot::check);
    storm("snapshot", &corpus, 3000, snapshot::check, |random, bytes, other| {
        mutate(random, bytes, other);
        if random.below(4) > 0 {
            snapshot::reseal(bytes, random.below(3) > 0);
        }
    });
}
