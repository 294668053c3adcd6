//! What changed between two checkpoints.

use keepstone_checkpoint::{
    Bytes, CheckpointId, CheckpointReader, CheckpointStore, DiffOptions, Difference, Error, Payload,
    PayloadError, StateLayout, StoreOptions,
};
use keepstone_format::{Metadata, SectionId};
use keepstone_store::Prepared;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Clone)]
struct Game {
    party: Vec<Hero>,
    gold: u32,
}

#[derive(Serialize, Deserialize, Clone)]
struct Hero {
    name: String,
    health: u32,
}

fn hero(name: &str, health: u32) -> Hero {
    Hero { name: name.to_owned(), health }
}

fn game() -> Game {
    Game { party: vec![hero("ann", 9), hero("bo", 5), hero("cy", 10)], gold: 3 }
}

/// A payload of two sections.
struct Parts(Vec<u8>, Vec<u8>);

impl Payload for Parts {
    fn prepare(&self) -> Result<Prepared<'_>, PayloadError> {
        let parts = [(0x1001, &self.0), (0x1002, &self.1)];
        Ok(Prepared::new(0, move |writer| {
            for (id, bytes) in parts.into_iter().filter(|(_, bytes)| !bytes.is_empty()) {
                writer.coded_from(SectionId(id), 0, &[bytes])?;
            }
            Ok(Metadata::new())
        }))
    }
}

fn commit<P: Payload + ?Sized>(store: &CheckpointStore, payload: &P) -> CheckpointId {
    store.session("main").unwrap().checkpoint(payload).commit().unwrap().into()
}

/// What changed between two payloads.
fn between<P: Payload, Q: Payload>(before: &P, after: &Q) -> Difference {
    let store = CheckpointStore::in_memory();
    let (before, after) = (commit(&store, before), commit(&store, after));
    let there = store.diff(before, after).unwrap();
    assert_eq!(there.is_same(), store.diff(after, before).unwrap().is_same());
    assert_eq!(store.diff(after, after).unwrap(), Difference::Same);
    there
}

fn of_bytes(before: &str, after: &str) -> Difference {
    between(&Bytes::from(before.as_bytes()), &Bytes::from(after.as_bytes()))
}

#[test]
fn serde_values_are_compared_by_field_and_element() {
    let mut after = game();
    after.party[2].health = 7;
    after.party.insert(1, hero("di", 1));
    let found = between(&game(), &after);
    assert!(matches!(found, Difference::Value(_)), "{found:?}");
    let expected = "+ party[1]: Hero { name: \"di\", health: 1 }\nparty[3].health: 10 -> 7";
    assert_eq!(found.to_string(), expected);
    assert_eq!(found.as_value().unwrap().total(), 2);
    assert_eq!(between(&game(), &game()), Difference::Same);
}

#[test]
fn types_that_have_changed_are_compared_by_what_they_hold() {
    #[derive(Serialize)]
    #[serde(rename = "Game")]
    struct Later {
        party: Vec<Hero>,
        gold: u64,
        keys: Option<u8>,
    }
    let later = Later { party: game().party, gold: 3, keys: Some(2) };
    assert_eq!(between(&game(), &later).to_string(), "+ keys: Some(2)");
    let same = Later { party: game().party, gold: 3, keys: None };
    assert_eq!(between(&game(), &same).to_string(), "+ keys: None");
}

#[cfg(feature = "json")]
#[test]
fn json_is_compared_by_member_and_element() {
    let before = r#"{"party":[{"name":"ann","health":9},{"name":"bo"}],"gold":3,"note":null}"#;
    let after =
        r#"{ "gold": 3, "note": "x", "party": [{"name":"ann","health":7.5},{"name":"di"},{"name":"bo"}] }"#;
    let found = of_bytes(before, after);
    assert!(matches!(found, Difference::Json(_)), "{found:?}");
    let expected = "party[0].health: 9 -> 7.5\n+ party[1]: { name: \"di\" }\nnote: None -> \"x\"";
    assert_eq!(found.to_string(), expected);
    let spaced = of_bytes("[1,2]", "[1, 2]");
    assert!(spaced.is_same() && spaced != Difference::Same);
    assert_eq!(spaced.to_string(), "the same in other bytes");
    let deep = |levels: usize| "[".repeat(levels) + "1" + &"]".repeat(levels);
    assert!(matches!(of_bytes(&deep(100), &deep(99)), Difference::Json(_)));
    // Deeper than a reader goes.
    assert!(matches!(of_bytes(&deep(300), &deep(299)), Difference::Bytes(_)));
}

#[test]
fn bytes_that_are_no_json_are_compared_as_ranges() {
    for (before, after) in [("7", "8"), ("{\"a\":1}", "{\"a\":1"), ("text", "next"), ("", "[")] {
        assert!(matches!(of_bytes(before, after), Difference::Bytes(_)), "{before} {after}");
    }
    let long: Vec<u8> = (0..2000_u32).flat_map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let ranges = |after: &[u8]| match between(&Bytes::from(long.clone()), &Bytes::from(after)) {
        Difference::Bytes(diff) => {
            assert_eq!((diff.before_len, diff.after_len), (8000, after.len() as u64));
            assert_eq!(diff.ranges_total, diff.ranges.len() as u64);
            let texts: Vec<String> = diff.ranges.iter().map(ToString::to_string).collect();
            (texts.join(", "), diff.new_bytes)
        }
        other => panic!("{other:?}"),
    };
    let mut changed = long.clone();
    changed[100..110].copy_from_slice(b"0123456789");
    changed[7000] ^= 1;
    assert_eq!(ranges(&changed), ("bytes 100..110 -> 100..110, bytes 7000..7001 -> 7000..7001".into(), 11));
    let inserted = [&long[..4000], b"new", &long[4000..]].concat();
    assert_eq!(ranges(&inserted), ("+ bytes 4000..4003".into(), 3));
    let cut = [&long[..4000], &long[4100..]].concat();
    assert_eq!(ranges(&cut), ("- bytes 4000..4100".into(), 0));
    assert_eq!(ranges(&long[..7500]), ("- bytes 7500..8000".into(), 0));
    assert_eq!(ranges(&long[500..]), ("- bytes 0..500".into(), 0));
    let other = vec![7; 60];
    assert_eq!(ranges(&other), ("bytes 0..8000 -> 0..60".into(), 60));
}

#[test]
fn sections_are_compared_one_by_one() {
    let (first, second) = (vec![1; 500], vec![2; 300]);
    let before = Parts(first.clone(), second.clone());
    let mut changed = first.clone();
    changed[7] = 9;
    let found = between(&before, &Parts(changed, second.clone()));
    let Difference::Sections(diff) = &found else { panic!("{found:?}") };
    assert_eq!((diff.same, diff.metadata, diff.sections.len()), (1, false, 1));
    assert_eq!((diff.sections[0].id, diff.sections[0].before_len), (SectionId(0x1001), Some(500)));
    assert!(found.to_string().ends_with(": 500 bytes -> 500 bytes, 1 of them new"), "{found}");
    let found = between(&before, &Parts(first, Vec::new()));
    let Difference::Sections(diff) = &found else { panic!("{found:?}") };
    assert_eq!((diff.sections[0].before_len, diff.sections[0].after_len), (Some(300), None));
    assert!(found.to_string().starts_with("- section "), "{found}");
}

#[test]
fn states_of_two_sorts_are_told_apart() {
    let found = between(&game(), &Bytes::from(&b"bytes"[..]));
    let expected = Difference::Layouts { before: StateLayout::Value, after: StateLayout::Bytes };
    assert_eq!((&found, found.to_string()), (&expected, "value -> bytes".to_owned()));
    assert!(!found.is_same());
}

#[test]
fn what_is_kept_of_many_changes_is_bounded_and_all_are_counted() {
    let store = CheckpointStore::in_memory();
    let (before, after) = (commit(&store, &vec![1; 5000]), commit(&store, &vec![2; 5000]));
    let options = DiffOptions::default().kept_max(3);
    let diff = store.diff_with(before, after, &options).unwrap();
    assert_eq!(diff.to_string(), "[0]: 1 -> 2\n[1]: 1 -> 2\n[2]: 1 -> 2\nand 4997 more");
    // Too long to be taken apart, or not wanted.
    for options in [options.structure_bytes_max(100), options.structure(false)] {
        assert!(matches!(store.diff_with(before, after, &options).unwrap(), Difference::Bytes(_)));
    }
    let zeros = commit(&store, &Bytes::from(vec![0; 4000]));
    let mut dotted = vec![0; 4000];
    (0..4000).step_by(100).for_each(|at| dotted[at] = 1);
    let dotted = commit(&store, &Bytes::from(dotted));
    let Difference::Bytes(diff) = store.diff_with(zeros, dotted, &options).unwrap() else { panic!() };
    assert_eq!((diff.ranges.len(), diff.ranges_total, diff.new_bytes), (3, 40, 40));
    assert!(diff.to_string().ends_with("\nand 37 more"), "{diff}");
}

#[test]
fn a_reader_finds_the_same_and_names_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let store = CheckpointStore::open_with(dir.path(), StoreOptions::new().background(false)).unwrap();
    let mut after = game();
    after.gold = 4;
    let (before, after) = (commit(&store, &game()), commit(&store, &after));
    let reader = CheckpointReader::open(dir.path()).unwrap();
    assert_eq!(reader.diff(before, after).unwrap().to_string(), "gold: 3 -> 4");
    assert_eq!(reader.diff(before, after).unwrap(), store.diff(before, after).unwrap());
    let missing = CheckpointId::from_bytes([7; 16]);
    assert!(matches!(store.diff(before, missing), Err(Error::NoCheckpoint { id }) if id == missing));
    assert!(matches!(reader.diff(missing, before), Err(Error::NoCheckpoint { .. })));
}
