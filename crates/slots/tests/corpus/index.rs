//! What holds for any bytes that are the index of a directory.

use std::sync::Arc;

use keepstone_format::{Codec, FileKind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions};
use keepstone_slots::{
    Files, SaveEntry, SaveManager,
    directory::{INDEX_LEN_MAX, IndexedNames, Name},
};

use super::root::{PLAYER, ROOT, all, content, dir, latest, options, shown, untouched, with};

/// No index adds a save, hides one or keeps one from being loaded. Of one that breaks a rule nothing is believed. A writer leaves one that is that of
/// the directory, and that the next writer leaves as it is.
pub(crate) fn check(bytes: &[u8]) {
    let files = with("index", bytes);
    let (found, truth) = (all(&files), untouched());
    let names = |entries: &[SaveEntry]| {
        let mut names: Vec<String> = entries.iter().map(|entry| entry.file_name().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&found), names(truth));
    assert_eq!(latest(&files), b"5");
    if IndexedNames::decode(bytes.to_vec()).is_none() {
        assert!(found.iter().map(shown).eq(truth.iter().map(shown)), "{found:?}");
    }
    let left = maintained(&files);
    assert!(left.len() as u64 <= INDEX_LEN_MAX);
    let names = files.list(&dir()).unwrap().into_iter().map(|name| Name::parse(&name));
    let indexed = IndexedNames::decode(left.clone()).expect("a writer leaves a good index");
    assert!(indexed.are(names), "a writer leaves the index of another directory");
    assert!(maintained(&files) == left, "the next writer believes something else");
}

/// The index as a writer leaves it.
fn maintained(files: &Arc<dyn Files>) -> Vec<u8> {
    let manager = SaveManager::open(ROOT, options(files)).unwrap();
    manager.list(PLAYER).unwrap();
    manager.maintain().unwrap();
    content(&**files, &dir().join("index"))
}

/// What the section of an index holds, if the container around it is sound.
pub(crate) fn body(bytes: &[u8]) -> Option<Vec<u8>> {
    let reader = Reader::open(bytes, Limits::for_file_len(bytes.len() as u64)).ok()?;
    Some(reader.read(reader.find(SectionId::INDEX, 0).ok()?).ok()?.into_owned())
}

/// An index with any body.
pub(crate) fn sealed(body: &[u8]) -> Vec<u8> {
    let options = WriterOptions::new(FileKind::INDEX).codec(Codec::None);
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    writer.raw_from(SectionId::INDEX, 0, &[body]).unwrap();
    writer.finish(Metadata::new()).unwrap().0
}
