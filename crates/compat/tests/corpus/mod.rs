//! Replays the inputs on which this crate was fuzzed, and mutates them. `fuzz/README.md` says how to look for more.

mod awsv;
mod edgevec;
mod evec;
#[cfg(feature = "forge")]
mod forge;
#[path = "../../../format/tests/corpus/mutate.rs"]
mod mutate;
mod pecs;
mod pecs_rows;

use mutate::{mutate, replay, storm};

#[test]
fn awsv_files_are_read_or_refused() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/awsv");
    let corpus = replay(folder, awsv::check);
    storm("awsv", &corpus, 20_000, awsv::check, |random, bytes, other| {
        if random.below(2) == 0 {
            awsv::unpack(bytes);
        }
        mutate(random, bytes, other);
        if random.below(8) != 0 {
            awsv::reseal(bytes);
        }
    });
}

#[test]
fn pecs_files_are_read_or_refused() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/pecs");
    let corpus = replay(folder, pecs::check);
    storm("pecs", &corpus, 20_000, pecs::check, |random, bytes, other| {
        mutate(random, bytes, other);
        if random.below(8) != 0 {
            pecs::reseal(bytes);
        }
    });
}

#[test]
fn worlds_in_files_of_pecs_are_read_or_refused_and_written_again_equal() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/pecs_rows");
    let corpus = replay(folder, pecs_rows::check);
    storm("pecs_rows", &corpus, 10_000, pecs_rows::check, |random, bytes, other| {
        mutate(random, bytes, other);
        if random.below(8) != 0 {
            pecs_rows::reseal(bytes);
        }
    });
}

#[test]
fn logs_of_edgevec_are_read_or_refused() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/edgevec");
    let corpus = replay(folder, edgevec::check);
    storm("edgevec", &corpus, 20_000, edgevec::check, |random, bytes, other| {
        mutate(random, bytes, other);
        if random.below(4) == 0 {
            edgevec::reseal(bytes);
        }
    });
}

#[test]
fn snapshots_of_edgevec_are_read_or_refused() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/evec");
    let corpus = replay(folder, evec::check);
    storm("evec", &corpus, 20_000, evec::check, |random, bytes, other| {
        mutate(random, bytes, other);
        if random.below(8) != 0 {
            evec::reseal(bytes);
        }
    });
}

#[cfg(feature = "forge")]
#[test]
fn exports_of_forge_are_read_or_refused() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/forge");
    let corpus = replay(folder, forge::check);
    storm("forge", &corpus, 20_000, forge::check, mutate);
}
