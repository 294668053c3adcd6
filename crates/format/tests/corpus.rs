//! Replays the inputs on which this crate was fuzzed, and mutates them. `fuzz/README.md` says how to look for more.

mod container;
pub(crate) mod mutate;

use mutate::{mutate, replay, storm};

#[test]
fn containers_are_read_or_refused() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/container");
    let corpus = replay(folder, container::check);
    storm("container", &corpus, 8000, container::check, |random, bytes, other| {
        mutate(random, bytes, other);
        match random.below(4) {
            0 => {}
            1 => container::reseal(bytes, true),
            _ => container::reseal(bytes, false),
        }
    });
}
