//! Replays the inputs on which this crate was fuzzed, and mutates them. `fuzz/README.md` says how to look for more.

mod columns;
mod delta;
#[cfg(feature = "json")]
mod json;
#[path = "../../format/tests/corpus/mutate.rs"]
mod mutate;
mod parts;
mod record;
mod rows;

use mutate::{Random, mutate, replay, storm};

/// Mutates the bytes of the file, which its checksums catch, or what its sections hold, which they don't.
fn forge_world(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    forge(random, bytes, other, columns::sealed);
}

/// The same, mostly as a world in parts.
fn forge_parts(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    let seal = if random.below(8) == 0 { columns::sealed } else { parts::sealed };
    forge(random, bytes, other, seal);
}

/// The same, mostly as a delta.
fn forge_delta(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    let seal = if random.below(8) == 0 { columns::sealed } else { delta::sealed };
    forge(random, bytes, other, seal);
}

fn forge(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8], seal: fn(&[columns::Section]) -> Vec<u8>) {
    let Some(mut sections) = columns::sections(bytes).filter(|_| random.below(8) != 0) else {
        return mutate(random, bytes, other);
    };
    let others = columns::sections(other).unwrap_or_default();
    for _ in 0..=random.below(2) {
        let at = random.below(sections.len());
        let Some(section) = sections.get_mut(at) else { break };
        match random.below(16) {
            4 => section.instance ^= 1 << (16 + random.below(2)),
            0 => drop(sections.remove(at)),
            1 => section.instance = section.instance.wrapping_add(1) & 0x3_0003,
            2 => section.id = 0x10 + u32::try_from(random.below(9)).unwrap(),
            3 => {
                let Some(copied) = others.get(random.below(others.len())) else { continue };
                section.payload.clone_from(&copied.payload);
            }
            _ => {
                let copied =
                    others.get(random.below(others.len())).map_or(&[][..], |section| &section.payload);
                mutate(random, &mut section.payload, copied);
            }
        }
    }
    *bytes = seal(&sections);
}

#[test]
fn worlds_are_read_or_refused_and_written_again_equal() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/columns");
    let corpus = replay(folder, columns::check);
    storm("columns", &corpus, 20_000, columns::check, forge_world);
}

#[test]
fn rows_are_read_or_refused() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/rows");
    let corpus = replay(folder, rows::check);
    storm("rows", &corpus, 20_000, rows::check, mutate);
}

#[test]
fn worlds_in_parts_are_read_or_refused_in_every_way_alike() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/parts");
    let corpus = replay(folder, parts::check);
    storm("parts", &corpus, 3_000, parts::check, forge_parts);
}

#[test]
fn deltas_are_read_or_refused_and_apply_whole_or_not_at_all() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/delta");
    let corpus = replay(folder, delta::check);
    storm("delta", &corpus, 10_000, delta::check, forge_delta);
}

#[test]
#[cfg(feature = "json")]
fn worlds_in_json_are_read_or_refused_and_written_again_equal() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/json");
    let corpus = replay(folder, json::check);
    storm("json", &corpus, 5_000, json::check, mutate);
}

#[test]
fn records_of_entities_are_read_or_refused_and_written_again_equal() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/record");
    let corpus = replay(folder, record::check);
    storm("record", &corpus, 20_000, record::check, mutate);
}
