//! Replays the inputs on which this crate was fuzzed, and mutates them. `fuzz/README.md` says how to look for more.

#[path = "../../format/tests/corpus/container.rs"]
#[allow(dead_code, reason = "the container's own check is run by the tests of the format")]
mod container;
mod index;
#[path = "../../format/tests/corpus/mutate.rs"]
mod mutate;
mod note;
mod root;

use mutate::{mutate, replay, storm};

#[test]
fn indexes_are_believed_or_not_and_hide_nothing() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/index");
    let corpus = replay(folder, index::check);
    storm("index", &corpus, 1500, index::check, |random, bytes, other| {
        let body = index::body(bytes).filter(|_| random.below(8) > 0);
        let Some(mut body) = body else {
            mutate(random, bytes, other);
            return container::reseal(bytes, true);
        };
        mutate(random, &mut body, &index::body(other).unwrap_or_default());
        *bytes = index::sealed(&body);
    });
}

#[test]
fn notes_are_read_or_told_to_be_damaged() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/note");
    let corpus = replay(folder, note::check);
    storm("note", &corpus, 1500, note::check, |random, bytes, other| {
        let head = note::head(bytes).filter(|_| random.below(8) > 0);
        let Some(mut head) = head else {
            mutate(random, bytes, other);
            return container::reseal(bytes, true);
        };
        mutate(random, &mut head, &note::head(other).unwrap_or_default());
        *bytes = note::sealed(&head);
    });
}
