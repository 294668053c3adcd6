//! Ids of saves: those of files that have none, and their text.

use keepstone_compat::awsv::SaveId;

use crate::awsv::files::{good, named, read, read_lz4};

const V1: &str = "v1_with_companion.awsv";

#[test]
fn a_file_of_version_1_has_the_same_id_at_every_read() {
    let bytes = named(V1);
    let Some(file) = read_lz4(bytes) else { return };
    let id = file.bundle.save_id_or_derived(bytes);
    assert_eq!(read(bytes).unwrap().bundle.save_id_or_derived(bytes), id);
    assert_eq!(id.to_string(), DERIVED);
}

/// What the first 16 bytes of the BLAKE3 hash of the fixture are, with version 8.
const DERIVED: &str = "85dd3b36-0afe-8147-8f0d-8e82b1ee4937";

#[test]
fn other_bytes_have_another_id() {
    let bytes = named(V1).to_vec();
    let mut seen = vec![SaveId::derived(&bytes), SaveId::derived(b"")];
    for bit in 0..bytes.len() * 8 {
        let mut other = bytes.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        seen.push(SaveId::derived(&other));
    }
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), count);
    for id in seen {
        assert_eq!((id.0[6] >> 4, id.0[8] >> 6), (8, 2), "{id}");
    }
}

#[test]
fn a_file_of_version_2_keeps_its_own_id() {
    for (name, bytes) in good().filter(|(name, _)| !name.starts_with("v1_")) {
        let bundle = read(bytes).unwrap().bundle;
        assert_eq!(Some(bundle.save_id_or_derived(bytes)), bundle.save_id, "{name}");
    }
}

#[test]
fn ids_are_read_from_their_text_and_from_nothing_else() {
    let text = "6ea6b68a-b2e8-41b3-bc0a-09d93acfe4cd";
    let id = SaveId::parse(text).unwrap();
    assert_eq!(id.to_string(), text);
    assert_eq!(SaveId::parse(&text.to_uppercase()), Some(id));
    for len in 0..text.len() {
        assert_eq!(SaveId::parse(&text[..len]), None, "{len}");
    }
    for index in 0..text.len() {
        for letter in ['g', '-', '+', ' ', '\u{e9}'] {
            let changed: String =
                text.chars().enumerate().map(|(at, old)| if at == index { letter } else { old }).collect();
            let expected = (changed == text).then_some(id);
            assert_eq!(SaveId::parse(&changed), expected, "{changed}");
        }
    }
    assert_eq!(SaveId::parse("6ea6b68ab2e841b3bc0a09d93acfe4cd"), None);
    assert_eq!(
        SaveId::parse(
            "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}"
        ),
        None
    );
}
