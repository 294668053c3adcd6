//! What holds for any bytes that are the note of a save.

use keepstone_format::{Codec, FileKind, Kind, Metadata, Writer, WriterOptions};
use keepstone_slots::{
    SaveManager,
    directory::{Name, check_note},
};

use super::{
    container,
    root::{PLAYER, ROOT, all, id, latest, options, shown, untouched, with},
};

/// Where head metadata begins in a container.
const HEAD_AT: usize = 64;
/// Bytes of an entry of metadata that has no value.
const ENTRY_LEN: usize = 4;

/// A note is good, or its save is said to have a bad one and is taken for a locked one; the other saves are as they were. An index says of it what it says
/// itself, and it can be changed.
pub(crate) fn check(bytes: &[u8]) {
    let bare = untouched();
    let noted = bare.iter().find(|entry| entry.id() == id(5)).unwrap();
    let Name::Save(stem) = Name::parse(noted.file_name().as_ref()) else { panic!("it has a name") };
    let files = with(&Name::Note(stem, 3).to_string(), bytes);
    let found = all(&files);
    assert_eq!(found.len(), bare.len());
    for (bare, found) in bare.iter().zip(&found).filter(|(bare, _)| bare.id() != id(5)) {
        assert_eq!(shown(bare), shown(found));
    }
    let entry = found.iter().find(|entry| entry.id() == id(5)).unwrap();
    let is_good = check_note(bytes, id(5)).is_ok();
    assert_eq!(entry.is_note_damaged(), !is_good);
    assert!(is_good || entry.is_locked(), "nothing may rotate out what may be locked");
    assert_eq!(latest(&files), b"5");

    let manager = SaveManager::open(ROOT, options(&files)).unwrap();
    manager.list(PLAYER).unwrap();
    manager.maintain().unwrap();
    let indexed = all(&files);
    assert!(indexed.iter().map(shown).eq(found.iter().map(shown)), "{indexed:?}");
    match manager.comment(id(5), "later") {
        Ok(()) => {
            let changed = manager.find(id(5)).unwrap().unwrap();
            assert_eq!((changed.comment(), changed.is_note_damaged()), (Some("later"), false));
            if is_good {
                assert_eq!((changed.name(), changed.is_locked()), (entry.name(), entry.is_locked()));
            }
            let read = all(&files).into_iter().find(|entry| entry.id() == id(5)).unwrap();
            assert_eq!(shown(&read), shown(&changed));
        }
        // The rest of the head leaves no room for it.
        Err(err) => assert!(is_good && err.kind() == Kind::Limit, "{err}"),
    }
}

/// The head metadata of a container, whatever it holds.
pub(crate) fn head(bytes: &[u8]) -> Option<Vec<u8>> {
    let len = u32::from_le_bytes(*bytes.get(HEAD_AT - 8..)?.first_chunk()?);
    let head = bytes.get(HEAD_AT..)?.get(..usize::try_from(len).ok()?)?;
    Some(head.to_vec())
}

/// A note with any head metadata, cut off where no container can hold it.
pub(crate) fn sealed(head: &[u8]) -> Vec<u8> {
    let head = head.get(..4096).unwrap_or(head);
    let mut room = Metadata::new();
    if let Some(len) = head.len().checked_sub(ENTRY_LEN) {
        room.set(0x7777, &vec![0; len]);
    }
    let options = WriterOptions::new(FileKind::NOTE).codec(Codec::None).head(room);
    let (mut bytes, _) = Writer::new(Vec::new(), options).unwrap().finish(Metadata::new()).unwrap();
    bytes.iter_mut().skip(HEAD_AT).zip(head).take(head.len()).for_each(|(to, from)| *to = *from);
    container::reseal(&mut bytes, false);
    bytes
}
