use std::slice;

use keepstone_format::SectionOptions;
use keepstone_testkit::Random;

use super::*;
use crate::{
    entry::{
        EntryState,
        tests::{entry_of, head_of, stem_of},
    },
    note::Note,
    stem::Stem,
};

/// Written from FORMAT.md by `tests/golden/notes-and-indexes.py`.
const GOLDEN: &[u8] = include_bytes!("../../tests/golden/index-v1-small.keep");

fn note(name: &str) -> Note {
    Note { name: Some(name.into()), locked: true, ..Note::default() }
}

/// The entries of the golden index.
fn golden_entries() -> Vec<SaveEntry> {
    let of = |number: u8, slot, kind: u8, name: &str, bytes, extension: fn(Stem) -> Name| {
        let stem = Stem {
            slot,
            sequence: number.into(),
            revision: 0,
            id: crate::SaveId::from_bytes([number; 16]).unwrap(),
        };
        let mut head = head_of(stem);
        head.set_name(name).set(keepstone_format::tag::SAVE_KIND, &[kind]);
        SaveEntry::of_head(stem, &extension(stem).to_string(), bytes, &head).unwrap()
    };
    let torn = of(4, Some(255), 3, "Torn", 0, Name::Damaged);
    vec![
        of(1, None, 5, "Profile", 300, Name::Save),
        of(2, Some(3), 1, "Bridge", 0x1_0000_0001, Name::Save).with_note(Some((0xAB, note("Mine")))),
        of(3, Some(3), 2, "Gone", 400, Name::Deleted),
        SaveEntry::unusable(
            torn.stem(),
            torn.file_name(),
            EntryState::Damaged { reason: "torn".into() },
            None,
        ),
        of(5, Some(255), 4, "Unsure", 500, Name::Save).with_damaged_note(7),
    ]
}

fn shown(entry: &SaveEntry) -> String {
    format!("{entry:?} {:?} {:?}", entry.head(), entry.comment())
}

fn encoded(entries: &[SaveEntry]) -> Vec<u8> {
    encode(&entries.iter().collect::<Vec<_>>()).unwrap()
}

/// An index with any body.
fn sealed(body: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::INDEX).codec(Codec::None)).unwrap();
    writer.raw_from(SectionId::INDEX, 0, &[body]).unwrap();
    writer.finish(Metadata::new()).unwrap().0
}

fn golden_body() -> Vec<u8> {
    GOLDEN[body_of(GOLDEN).unwrap()].to_vec()
}

#[test]
fn the_golden_index_is_written_and_read() {
    let entries = golden_entries();
    assert!(encoded(&entries) == GOLDEN);
    let index = decode(GOLDEN.to_vec()).unwrap();
    assert!(index.has_others);
    let read: Vec<String> = index.entries.iter().map(shown).collect();
    assert_eq!(read, [&entries[0], &entries[1], &entries[2]].map(shown));
    assert_eq!(
        (read.len(), index.entries[1].name(), index.entries[1].bytes()),
        (3, Some("Mine"), 0x1_0000_0001)
    );
    assert_eq!(index.entries[2].state(), &EntryState::Deleted);
}

#[test]
fn the_fingerprint_is_that_of_all_saves_and_their_notes() {
    let mut names = Fingerprint::default();
    for entry in golden_entries() {
        names.add(entry.file_name().as_bytes());
        if let Some(number) = entry.note_number() {
            names.add(Name::Note(entry.stem(), number).to_string().as_bytes());
        }
    }
    assert_eq!(decode(GOLDEN.to_vec()).unwrap().fingerprint, names);
}

#[test]
fn indexes_of_any_size_are_read_as_they_were_written() {
    for count in [0, 1, 2, 100, 6000] {
        let entries: Vec<SaveEntry> = (1..=count)
            .map(|sequence| {
                let stem = stem_of(Some(0), sequence);
                let mut head = head_of(stem);
                head.set_name(&format!("Save {sequence}")).set_custom("k", &sequence.to_le_bytes());
                entry_of(stem, sequence * 3, &head)
            })
            .collect();
        let bytes = encoded(&entries);
        let index = decode(bytes).unwrap();
        assert!(!index.has_others);
        assert!(index.entries.iter().map(shown).eq(entries.iter().map(shown)), "{count}");
    }
}

#[test]
fn an_index_cut_short_at_any_length_is_none() {
    for len in 0..GOLDEN.len() {
        assert!(decode(GOLDEN[..len].to_vec()).is_none(), "{len}");
    }
    let body = golden_body();
    for len in 0..body.len() {
        assert!(decode(sealed(&body[..len])).is_none(), "body {len}");
    }
    assert!(decode(sealed(&[&body[..], &[0]].concat())).is_none());
}

#[test]
fn an_index_with_any_bit_flipped_is_none() {
    for bit in 0..8 * GOLDEN.len() {
        let mut bytes = GOLDEN.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(bytes).is_none(), "{bit}");
    }
}

#[test]
fn a_body_with_any_bit_flipped_and_sound_checksums_is_read_without_harm() {
    let body = golden_body();
    let mut read = 0;
    for bit in 0..8 * body.len() {
        let mut changed = body.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        if let Some(index) = decode(sealed(&changed)) {
            read += 1;
            index
                .entries
                .iter()
                .for_each(|entry| drop((shown(entry), entry.mods(), entry.ancestors(), entry.customs())));
        }
    }
    // Text and lengths of containers may be anything; names, ids and lengths of parts may not.
    assert!(read > 0 && read < 4 * body.len(), "{read}");
}

#[test]
fn random_changes_of_a_body_are_read_without_harm() {
    let body = golden_body();
    for seed in 0..1000 {
        let mut random = Random::new(seed);
        let mut changed = body.clone();
        for _ in 0..=random.below(4) {
            let at = random.index(changed.len());
            match random.below(4) {
                0 => changed[at] = 0xFF,
                1 => changed[at] = 0,
                2 => drop(changed.splice(at..at, random.bytes(1))),
                _ => drop(changed.remove(at)),
            }
        }
        if let Some(index) = decode(sealed(&changed)) {
            index.entries.iter().for_each(|entry| drop((shown(entry), entry.mods(), entry.customs())));
        }
    }
}

#[test]
fn counts_and_lengths_that_are_not_there_are_none() {
    let body = golden_body();
    for count in [0, 4, 6, 1 << 20, u32::MAX] {
        let mut changed = body.clone();
        changed[4..8].copy_from_slice(&count.to_le_bytes());
        assert!(decode(sealed(&changed)).is_none(), "{count}");
    }
    let many = [&1_u32.to_le_bytes()[..], &u32::MAX.to_le_bytes(), &[0; 1000]].concat();
    assert!(decode(sealed(&many)).is_none());
    for version in [0, 2, u32::MAX] {
        let mut changed = body.clone();
        changed[..4].copy_from_slice(&version.to_le_bytes());
        assert!(decode(sealed(&changed)).is_none(), "{version}");
    }
}

#[test]
fn rules_between_parts_of_an_entry_hold() {
    let stem = stem_of(Some(1), 1);
    let name = Name::Save(stem).to_string();
    let head = head_of(stem).to_bytes().unwrap();
    let noted = note("n").to_head(stem.id).to_bytes().unwrap();
    let note_name = Name::Note(stem, 1).to_string();
    let entry = |name: &str, note_name: &str, state: u8, head: &[u8], note: &[u8]| {
        let mut out = Vec::new();
        for text in [name, note_name] {
            out.push(u8::try_from(text.len()).unwrap());
            out.extend_from_slice(text.as_bytes());
        }
        out.push(state);
        out.extend_from_slice(&[0; 8]);
        for part in [head, note] {
            out.extend_from_slice(&u16::try_from(part.len()).unwrap().to_le_bytes());
            out.extend_from_slice(part);
        }
        out
    };
    let index = |entries: &[Vec<u8>]| {
        let count = u32::try_from(entries.len()).unwrap();
        let body = [&VERSION.to_le_bytes()[..], &count.to_le_bytes(), &entries.concat()].concat();
        decode(sealed(&body)).map(|index| (index.entries.len(), index.has_others))
    };
    let good = entry(&name, &note_name, 0, &head, &noted);
    assert_eq!(index(slice::from_ref(&good)), Some((1, false)));
    assert_eq!(index(&[entry(&name, &note_name, 0, &head, &[])]), Some((0, true)));
    assert_eq!(index(&[entry(&name, "", 1, &[], &[])]), Some((0, true)));
    let another = stem_of(Some(1), 2);
    let later = entry(&Name::Save(another).to_string(), "", 0, &head_of(another).to_bytes().unwrap(), &[]);
    assert_eq!(index(&[good.clone(), later.clone()]), Some((2, false)));
    for (what, entries) in [
        ("twice", vec![good.clone(), good.clone()]),
        ("in descending order", vec![later, good]),
        ("no save", vec![entry("index", "", 0, &head, &[])]),
        ("a note as a save", vec![entry(&note_name, "", 0, &head, &[])]),
        ("a note of another save", vec![entry(&name, &Name::Note(another, 1).to_string(), 0, &head, &noted)]),
        ("a note that is none", vec![entry(&name, "x", 0, &head, &noted)]),
        ("a note without a name", vec![entry(&name, "", 0, &head, &noted)]),
        (
            "the metadata of another note",
            vec![entry(&name, &note_name, 0, &head, &note("n").to_head(another.id).to_bytes().unwrap())],
        ),
        ("the head of another save", vec![entry(&name, "", 0, &head_of(another).to_bytes().unwrap(), &[])]),
        ("good without a head", vec![entry(&name, "", 0, &[], &[])]),
        ("damaged with a head", vec![entry(&name, "", 1, &head, &[])]),
        ("another state", vec![entry(&name, "", 2, &head, &[])]),
        ("a head that is cut", vec![entry(&name, "", 0, &head[..head.len() - 1], &[])]),
    ] {
        assert_eq!(index(&entries), None, "{what}");
    }
}

#[test]
fn containers_that_are_no_index_are_none() {
    let body = golden_body();
    let written = |kind, fill: &dyn Fn(&mut Writer<Vec<u8>>)| {
        let mut writer = Writer::new(Vec::new(), WriterOptions::new(kind).codec(Codec::None)).unwrap();
        fill(&mut writer);
        decode(writer.finish(Metadata::new()).unwrap().0).is_some()
    };
    assert!(written(FileKind::INDEX, &|out| out.raw_from(SectionId::INDEX, 0, &[&body]).unwrap()));
    assert!(!written(FileKind::SAVE, &|out| out.raw_from(SectionId::INDEX, 0, &[&body]).unwrap()));
    assert!(!written(FileKind::INDEX, &|_| {}));
    assert!(!written(FileKind::INDEX, &|out| out.raw_from(SectionId::BYTES, 0, &[&body]).unwrap()));
    assert!(!written(FileKind::INDEX, &|out| out.raw_from(SectionId::INDEX, 1, &[&body]).unwrap()));
    assert!(!written(FileKind::INDEX, &|out| {
        out.coded_from_with(SectionId::INDEX, 0, &[&body], SectionOptions::new(Codec::None)).unwrap();
    }));
    assert!(!written(FileKind::INDEX, &|out| {
        out.raw_from(SectionId::INDEX, 0, &[&body]).unwrap();
        out.raw_from(SectionId::BYTES, 0, &[b"x"]).unwrap();
    }));
}
