//! What stands in the directory of a player, for tools that look at files one by one: section 13 of `FORMAT.md`.
//!
//! Programs that want to know which saves there are have [`SaveReader`](crate::SaveReader), which needs none of this. Here is
//! what a file is by its name, whether an index is that of a directory, and whether a note is sound. Nothing is opened.
//!
//! ```
//! use keepstone_slots::directory::Name;
//!
//! let name = Name::parse("s003-0000000000000012-0000-00112233445566778899aabbccddeeff.save".as_ref());
//! let Name::Save(stem) = name else { panic!("it is a save") };
//! assert_eq!((stem.slot, stem.sequence, stem.revision), (Some(3), 0x12, 0));
//! assert_eq!(Name::parse("s003.save".as_ref()), Name::Other);
//! ```

use keepstone_format::Error as FormatError;

use crate::{
    SaveId, index,
    listing::Fingerprint,
    note::{self, Note},
};

pub use crate::stem::{Name, Stem};

/// Bytes that an index may have; a longer one is not believed.
pub const INDEX_LEN_MAX: u64 = index::INDEX_LEN_MAX;
/// Bytes that a note may have.
pub const NOTE_LEN_MAX: u64 = note::NOTE_LEN_MAX;

/// The names of files that an index has.
#[derive(Debug, Clone, Copy)]
pub struct IndexedNames(Fingerprint);

impl IndexedNames {
    /// Takes the names from the container of an index; none: it breaks a rule, so that nothing of it is believed.
    ///
    /// The container has to be read before the directory is listed: then what comes meanwhile makes the index older, and it never has too
    /// much. Memory is taken for what is in the container alone, whatever it says.
    pub fn decode(container: Vec<u8>) -> Option<Self> {
        index::decode(container).map(|index| Self(index.fingerprint))
    }

    /// Whether these are the names that it has, in whatever order. Those that no index has, such as spares, don't count.
    ///
    /// Names are compared by a hash of 64 bits, as [`SaveReader`](crate::SaveReader) does to tell whether an index is that of a directory.
    pub fn are(&self, names: impl IntoIterator<Item = Name>) -> bool {
        let mut found = Fingerprint::default();
        for name in names.into_iter().filter(|name| name.stem().is_some()) {
            found.add(name.to_string().as_bytes());
        }
        found == self.0
    }
}

/// Checks that a container is a note of a save.
///
/// # Errors
/// [`FormatError::Invalid`] if it is a note of another save or none at all; those of
/// [`Reader::open`](keepstone_format::Reader::open).
pub fn check_note(container: &[u8], id: SaveId) -> Result<(), FormatError> {
    Note::decode(container, id).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written from FORMAT.md by `tests/golden/notes-and-indexes.py`.
    const INDEX: &[u8] = include_bytes!("../tests/golden/index-v1-small.keep");
    const NOTE: &[u8] = include_bytes!("../tests/golden/note-v1-full.keep");

    fn name(slot: &str, sequence: u8, rest: &str) -> Name {
        let id = format!("{sequence:02x}").repeat(16);
        let name = Name::parse(format!("{slot}-{sequence:016x}-0000-{id}{rest}").as_ref());
        assert_ne!(name, Name::Other, "{slot} {sequence} {rest}");
        name
    }

    fn golden() -> Vec<Name> {
        vec![
            name("profile", 1, ".save"),
            name("s003", 2, ".save"),
            name("s003", 2, "-00ab.note"),
            name("s003", 3, ".deleted"),
            name("s255", 4, ".damaged"),
            name("s255", 5, ".save"),
            name("s255", 5, "-0007.note"),
        ]
    }

    #[test]
    fn an_index_is_that_of_the_names_in_it_and_of_no_others() {
        let indexed = IndexedNames::decode(INDEX.to_vec()).unwrap();
        assert!(indexed.are(golden()));
        assert!(indexed.are(golden().into_iter().rev()));
        let unnamed = [Name::Spare(0), Name::Old(7), Name::Index, Name::Other];
        assert!(indexed.are(golden().into_iter().chain(unnamed)));
        assert!(!indexed.are([]));
        for at in 0..golden().len() {
            let mut names = golden();
            let gone = names.remove(at);
            assert!(!indexed.are(names.clone()), "without {gone}");
            names.extend([gone, gone]);
            assert!(!indexed.are(names.clone()), "{gone} twice");
        }
        for more in [name("s003", 6, ".save"), name("s003", 2, "-00ac.note"), name("s003", 2, ".deleted")] {
            assert!(!indexed.are(golden().into_iter().chain([more])), "with {more}");
        }
    }

    #[test]
    fn a_damaged_index_is_none() {
        for len in 0..INDEX.len() {
            assert!(IndexedNames::decode(INDEX[..len].to_vec()).is_none(), "{len}");
        }
    }

    #[test]
    fn a_note_is_one_of_its_save_alone() {
        let id: SaveId = "0102030405060708090a0b0c0d0e0f10".parse().unwrap();
        check_note(NOTE, id).unwrap();
        let error = check_note(NOTE, SaveId::random()).unwrap_err();
        assert!(matches!(error, FormatError::Invalid { what: "note", .. }), "{error}");
        assert!(check_note(INDEX, id).is_err());
        assert!(check_note(&NOTE[..NOTE.len() - 1], id).is_err());
    }
}
