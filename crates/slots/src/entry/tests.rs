use super::*;
use crate::{error::Error, note::Note, stem::Name};

/// A stem whose id is made of its sequence.
pub(crate) fn stem_of(slot: Option<u8>, sequence: u64) -> Stem {
    let half = (sequence ^ 0xA5A5_A5A5_0000_0000).to_le_bytes();
    let id = SaveId::from_bytes([half, sequence.to_be_bytes()].concat().try_into().unwrap()).unwrap();
    Stem { slot, sequence, revision: 0, id }
}

/// The least that a head has.
pub(crate) fn head_of(stem: Stem) -> Metadata {
    let mut head = Metadata::new();
    stem.to_head(&mut head);
    let kind = if stem.slot.is_some() { SaveKind::Manual } else { SaveKind::Profile };
    head.set(tag::PLAYER, b"ada").set(tag::SAVE_KIND, &[kind.number()]);
    head
}

/// The entry of a save that has such a head.
pub(crate) fn entry_of(stem: Stem, bytes: u64, head: &Metadata) -> SaveEntry {
    SaveEntry::of_head(stem, &Name::Save(stem).to_string(), bytes, head).unwrap()
}

#[test]
fn all_that_a_head_says_is_told() {
    let stem = Stem { revision: 3, ..stem_of(Some(7), 12) };
    let mods = [Mod::new("hd", "1.0"), Mod::new("", "\u{FC}")];
    let mut head = head_of(stem);
    head.set_name("Bridge")
        .set_created_at(-7)
        .set_tick(99)
        .set_application("game")
        .set_application_version("1.2");
    head.set(tag::SAVE_KIND, &[3])
        .set(tag::PLAY_TIME, &5_000_000_001_u64.to_le_bytes())
        .set(tag::PLACE, b"North");
    head.set(tag::MODS, &Mod::encode_all(&mods)).set(tag::ANCESTORS, &[[1; 8], [2; 8]].concat());
    head.set(tag::PAYLOAD_TYPE, b"World").set(tag::PAYLOAD_VERSION, &[4, 0, 0, 0]).set(tag::CODEC, &[2]);
    head.set(tag::STATE_HASH, &[5; 8])
        .set(tag::PAYLOAD_LEN, &[6, 0, 0, 0, 0, 0, 0, 0])
        .set(tag::THUMBNAIL_LEN, &[8, 0, 0, 0]);
    head.set_custom("a", b"1").set_custom("b", b"").set(0x7777, b"later");
    let entry = entry_of(stem, 1234, &head);
    assert!(entry.is_good() && !entry.is_locked() && !entry.is_note_damaged());
    assert_eq!((entry.id(), entry.sequence(), entry.revision(), entry.slot()), (stem.id, 12, 3, Some(7)));
    assert_eq!((entry.kind(), entry.player(), entry.name()), (Some(SaveKind::Auto), "ada", Some("Bridge")));
    assert_eq!((entry.created_at(), entry.tick(), entry.place()), (Some(-7), Some(99), Some("North")));
    assert_eq!(entry.play_time(), Some(Duration::new(5, 1)));
    assert_eq!((entry.application(), entry.game_version()), (Some("game"), Some("1.2")));
    assert_eq!(entry.mods(), mods);
    assert_eq!(entry.ancestors(), [[1; 8], [2; 8]]);
    assert_eq!(entry.schema(), Some(Schema { name: "World".into(), version: 4 }));
    assert_eq!((entry.codec(), entry.payload_len()), (Some(Codec::Zstd), Some(6)));
    assert_eq!((entry.state_hash(), entry.thumbnail_len()), (Some(0x0505_0505_0505_0505), Some(8)));
    assert_eq!((entry.custom("a"), entry.custom("c")), (Some(b"1".to_vec()), None));
    assert_eq!(entry.customs(), [("a".to_owned(), b"1".to_vec()), ("b".to_owned(), vec![])]);
    assert_eq!((entry.bytes(), entry.file_name()), (1234, Name::Save(stem).to_string().as_str()));
    assert_eq!((entry.comment(), entry.deleted_at(), entry.head()), (None, None, head));
}

#[test]
fn a_note_counts_for_more_than_a_head_and_can_be_taken_off() {
    let stem = stem_of(Some(1), 5);
    let mut head = head_of(stem);
    head.set_name("Old");
    let entry = entry_of(stem, 1, &head);
    let note =
        Note { name: Some("New".into()), locked: true, comment: Some("c".into()), deleted_at: Some(8) };
    let noted = entry.with_note(Some((9, note)));
    assert_eq!((noted.name(), noted.comment(), noted.deleted_at()), (Some("New"), Some("c"), Some(8)));
    assert_eq!((noted.is_locked(), noted.note_number(), noted.head()), (true, Some(9), head));
    let plain = noted.with_note(Some((10, Note::default())));
    assert_eq!((plain.name(), plain.is_locked(), plain.note_number()), (Some("Old"), false, Some(10)));
    let unsure = plain.with_damaged_note(11);
    assert!(unsure.is_locked() && unsure.is_note_damaged() && unsure.is_good());
    let without = unsure.with_note(None);
    assert_eq!((without.note_number(), without.is_locked(), without.is_note_damaged()), (None, false, false));
}

#[test]
fn a_head_of_another_save_is_refused() {
    let stem = stem_of(Some(1), 5);
    let other = stem_of(Some(1), 6);
    let refused = |change: &dyn Fn(&mut Metadata)| {
        let mut head = head_of(stem);
        change(&mut head);
        let entry = SaveEntry::of_head(stem, &Name::Save(stem).to_string(), 1, &head);
        matches!(entry, Err(Error::Format { .. }))
    };
    assert!(!refused(&|_| {}));
    assert!(!refused(&|head| {
        head.set(tag::REVISION, &[0; 4]);
    }));
    assert!(refused(&|head| {
        head.set(tag::SAVE_ID, other.id.as_bytes());
    }));
    assert!(refused(&|head| {
        head.set(tag::SEQUENCE, &[6, 0, 0, 0, 0, 0, 0, 0]);
    }));
    assert!(refused(&|head| {
        head.set(tag::SLOT, &[2]);
    }));
    assert!(refused(&|head| {
        head.set(tag::REVISION, &[1, 0, 0, 0]);
    }));
    assert!(refused(&|head| {
        head.set(tag::SAVE_KIND, &[5]);
    }));
    assert!(refused(&|head| {
        head.set(tag::SAVE_KIND, &[6]);
    }));
    for tag in [tag::SAVE_ID, tag::SEQUENCE, tag::SLOT, tag::PLAYER, tag::SAVE_KIND] {
        assert!(
            refused(&|head| {
                head.remove(tag);
            }),
            "{tag:#x}"
        );
    }
}

#[test]
fn of_a_damaged_save_its_name_is_known() {
    let stem = stem_of(None, 5);
    let torn = EntryState::Damaged { reason: "torn".into() };
    let entry = SaveEntry::unusable(stem, &Name::Save(stem).to_string(), torn.clone(), None);
    assert_eq!(entry.state(), &torn);
    assert_eq!((entry.sequence(), entry.slot(), entry.kind(), entry.bytes()), (5, None, None, 0));
    let bob = Some(Player::new("bob").unwrap());
    let owned = SaveEntry::unusable(stem, "x", EntryState::Damaged { reason: String::new() }, bob);
    assert_eq!((owned.player(), entry.player()), ("bob", ""));
}

#[test]
fn modifications_with_long_names_are_refused_before_they_are_cut() {
    let mods = |len| [Mod::new("x".repeat(len), "1")];
    Mod::check_all(&mods(255)).unwrap();
    assert!(matches!(Mod::check_all(&mods(256)), Err(Error::TooLong { needs: 256, allowed: 255, .. })));
    assert_eq!(Mod::decode_all(&Mod::encode_all(&mods(255))), mods(255));
    let mut head = Metadata::new();
    assert!(head.set(tag::MODS, &Mod::encode_all(&mods(256))).to_bytes().is_err());
}
