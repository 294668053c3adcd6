use super::*;

/// Written from FORMAT.md by `tests/golden/notes-and-indexes.py`.
const GOLDEN: &[u8] = include_bytes!("../../tests/golden/note-v1-full.keep");

fn id() -> SaveId {
    "0102030405060708090a0b0c0d0e0f10".parse().unwrap()
}

fn full() -> Note {
    Note {
        name: Some("Br\u{FC}cke".into()),
        locked: true,
        comment: Some("before the boss".into()),
        deleted_at: Some(-5),
    }
}

#[test]
fn the_golden_note_is_written_and_read() {
    assert_eq!(Note::decode(GOLDEN, id()).unwrap(), full());
    assert!(full().encode(id()).unwrap() == GOLDEN);
}

#[test]
fn every_note_is_read_as_it_was_written() {
    for bits in 0..16_u8 {
        let has = |bit: u8| bits >> bit & 1 == 1;
        let note = Note {
            name: has(0).then(|| "n".repeat(1000)),
            locked: has(1),
            comment: has(2).then(String::new),
            deleted_at: has(3).then_some(i64::MIN),
        };
        let bytes = note.encode(id()).unwrap();
        assert!(bytes.len() as u64 <= NOTE_LEN_MAX);
        assert_eq!(Note::decode(&bytes, id()).unwrap(), note);
    }
}

#[test]
fn a_note_cut_short_at_any_length_is_refused() {
    for len in 0..GOLDEN.len() {
        assert!(Note::decode(&GOLDEN[..len], id()).is_err(), "{len}");
    }
}

#[test]
fn a_note_with_any_bit_flipped_is_refused() {
    for bit in 0..8 * GOLDEN.len() {
        let mut bytes = GOLDEN.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(Note::decode(&bytes, id()).is_err(), "{bit}");
    }
}

#[test]
fn what_is_no_note_of_the_save_is_refused() {
    let written = |kind, head: Metadata, section: bool| {
        let options = WriterOptions::new(kind).codec(Codec::None).head(head);
        let mut writer = Writer::new(Vec::new(), options).unwrap();
        if section {
            writer.coded_from(keepstone_format::SectionId::BYTES, 0, &[b"x"]).unwrap();
        }
        writer.finish(Metadata::new()).unwrap().0
    };
    let head = full().to_head(id());
    let rule = |bytes: &[u8]| match Note::decode(bytes, id()) {
        Err(FormatError::Invalid { what: WHAT, rule, .. }) => Some(rule),
        _ => None,
    };
    assert_eq!(rule(&written(FileKind::NOTE, head.clone(), false)), None);
    assert_eq!(rule(&written(FileKind::SAVE, head.clone(), false)), Some("its kind is not note"));
    assert_eq!(rule(&written(FileKind::NOTE, head.clone(), true)), Some("it has sections"));
    let of_another = Some("it is of another save than its name says");
    assert_eq!(rule(&written(FileKind::NOTE, full().to_head(SaveId::random()), false)), of_another);
    assert_eq!(rule(&written(FileKind::NOTE, Metadata::new(), false)), of_another);
}

#[test]
fn the_longest_note_can_be_read_and_a_longer_one_is_not_written() {
    let note = |len: usize| Note { comment: Some("c".repeat(len)), ..Note::default() };
    // Two entries of 4 bytes, and an id.
    let longest = note(4096 - 8 - 16).encode(id()).unwrap();
    assert!(longest.len() as u64 <= NOTE_LEN_MAX);
    assert!(matches!(
        note(4096 - 8 - 15).encode(id()),
        Err(FormatError::Limit { needs: 4097, allowed: 4096, .. })
    ));
}
