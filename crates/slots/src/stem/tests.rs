use std::ffi::OsStr;

use super::*;

const ID: &str = "00112233445566778899aabbccddeeff";

fn stem(slot: Option<u8>, sequence: u64, revision: u16) -> Stem {
    Stem { slot, sequence, revision, id: ID.parse().unwrap() }
}

fn stems() -> Vec<Stem> {
    let mut stems = Vec::new();
    for slot in [None, Some(0), Some(9), Some(10), Some(99), Some(255)] {
        for sequence in [1, 9, 0xABCD, 1 << 32, SEQUENCE_MAX] {
            stems.extend([0, 1, u16::MAX].map(|revision| stem(slot, sequence, revision)));
        }
    }
    stems
}

fn names() -> Vec<Name> {
    let of = |stem| [Name::Save(stem), Name::Deleted(stem), Name::Damaged(stem), Name::Note(stem, 0xBEEF)];
    let numbers =
        [0, 7, 10, u32::MAX].into_iter().flat_map(|number| [Name::Spare(number), Name::Old(number)]);
    stems().into_iter().flat_map(of).chain(numbers).chain([Name::Index]).collect()
}

fn parse(text: &str) -> Name {
    Name::parse(OsStr::new(text))
}

#[test]
fn names_are_written_as_the_format_says() {
    let bridge = stem(Some(3), 0x1F, 2);
    let text = "s003-000000000000001f-0002-00112233445566778899aabbccddeeff";
    assert_eq!(bridge.to_string(), text);
    assert_eq!(Name::Save(bridge).to_string(), format!("{text}.save"));
    assert_eq!(Name::Deleted(bridge).to_string(), format!("{text}.deleted"));
    assert_eq!(Name::Damaged(bridge).to_string(), format!("{text}.damaged"));
    assert_eq!(Name::Note(bridge, 0xA).to_string(), format!("{text}-000a.note"));
    let profile = stem(None, SEQUENCE_MAX, 0).to_string();
    assert_eq!(profile, "profile-8000000000000000-0000-00112233445566778899aabbccddeeff");
    assert_eq!((Name::Spare(12).to_string(), Name::Old(0).to_string()), ("12.spare".into(), "0.old".into()));
    assert_eq!(Name::Index.to_string(), "index");
}

#[test]
fn every_name_is_read_as_it_was_written() {
    for name in names() {
        assert_eq!(parse(&name.to_string()), name);
    }
}

#[test]
fn every_name_cut_short_or_with_a_flipped_bit_is_another_name_or_none() {
    for name in names() {
        let text = name.to_string();
        for len in 0..text.len() {
            let found = parse(&text[..len]);
            assert!(found == Name::Other || found.to_string() == text[..len], "{text} {len}");
        }
        for bit in 0..8 * text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let found = Name::of_bytes(&bytes);
            let is_canonical = found != name && found.to_string().as_bytes() == bytes;
            assert!(found == Name::Other || is_canonical, "{text} {bit}");
        }
    }
}

#[test]
fn names_that_are_not_canonical_are_none() {
    let good = format!("s003-000000000000001f-0002-{ID}");
    assert!(Stem::parse(good.as_bytes()).is_some());
    for (from, to) in [
        ("s003", "s03"),
        ("s003", "s0003"),
        ("s003", "s256"),
        ("s003", "s+03"),
        ("s003", "S003"),
        ("s003", "profile003"),
        ("s003", "Profile"),
        ("1f", "1F"),
        ("1f", "+f"),
        ("000000000000001f", "0000000000000000"),
        ("000000000000001f", "8000000000000001"),
        ("000000000000001f", "1f"),
        ("-0002-", "-002-"),
        ("-0002-", "-00002-"),
        ("-0002-", "_0002_"),
        (ID, "00000000000000000000000000000000"),
        (ID, "00112233-4455-6677-8899-aabbccddeeff"),
        ("eeff", "EEFF"),
        ("eeff", "eeff "),
        ("eeff", "eefg"),
        ("eeff", "eef"),
    ] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good);
        assert_eq!(Stem::parse(text.as_bytes()), None, "{text}");
        assert_eq!(parse(&format!("{text}.save")), Name::Other);
    }
    let others = [
        "",
        ".",
        ".save",
        "save",
        "index.save",
        "Index",
        "index ",
        "1.spare ",
        "01.spare",
        "00.spare",
        ".spare",
        "-1.spare",
        "+1.spare",
        "4294967296.spare",
        "1.Spare",
        "1.old.old",
        "LOCK",
    ];
    for text in others.into_iter().map(str::to_owned).chain([
        good.clone(),
        format!("{good}.note"),
        format!("{good}-0.note"),
        format!("{good}-00A0.note"),
        format!("{good}-00000.note"),
        format!("{good}.save.tmp"),
        format!("{good}..save"),
        format!("{good}\u{FC}.save"),
    ]) {
        assert_eq!(parse(&text), Name::Other, "{text}");
    }
}

#[test]
fn stems_are_ordered_by_sequence_then_revision_then_id() {
    let low = stem(Some(9), 1, 7);
    let next = stem(Some(1), 2, 0);
    let revised = stem(Some(0), 2, 1);
    let other = Stem { id: "f0000000000000000000000000000000".parse().unwrap(), ..revised };
    let mut stems = [other, revised, low, next];
    stems.sort();
    assert_eq!(stems, [low, next, revised, other]);
    assert!(stem(None, 5, 0) < stem(Some(0), 5, 0));
}

#[test]
fn a_stem_survives_in_a_head_and_a_head_without_one_has_none() {
    for stem in stems() {
        let mut head = Metadata::new();
        // What an earlier revision left.
        head.set(tag::SLOT, &[77]).set(tag::REVISION, &[9, 0, 0, 0]);
        stem.to_head(&mut head);
        let read = Metadata::from_bytes(&head.to_bytes().unwrap()).unwrap();
        assert_eq!(Stem::of_head(&read), Some(stem));
        for tag in [tag::SAVE_ID, tag::SEQUENCE] {
            assert_eq!(Stem::of_head(read.clone().remove(tag)), None);
        }
        for sequence in [0, SEQUENCE_MAX + 1] {
            assert_eq!(Stem::of_head(read.clone().set(tag::SEQUENCE, &sequence.to_le_bytes())), None);
        }
    }
}
