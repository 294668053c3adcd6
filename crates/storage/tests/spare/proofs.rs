//! Damage: every length to which a file can be cut, and every bit; and bytes that another implementation made.

use std::{ffi::OsStr, fs, path::Path};

use keepstone_format::{Codec, FileKind, Kind, Metadata, SectionId, WriterOptions};
use keepstone_storage::{Error, spare};

use super::{PAGE, bytes_of, disk, load, memory, open, open_all, path_of, sample, save, state};

/// A save with more behind it.
fn padded() -> (Vec<u8>, usize) {
    let mut bytes = sample(2, &state(2, 70));
    let len = bytes.len();
    bytes.extend_from_slice(&state(9, 200));
    (bytes, len)
}

/// Whether a file is seen to be damaged, by name and in a spare; else it must be what it was.
fn is_seen(bytes: &[u8]) -> Result<bool, String> {
    let files = disk(&[("2.save", bytes), ("0.spare", bytes)]);
    let by_name = match load(&*files, &path_of(2)) {
        Ok((2, found)) if found == state(2, 70) => false,
        Err(Error::Container { source, .. }) if source.kind() == Kind::Damaged => true,
        other => return Err(format!("loaded {other:?}")),
    };
    let (_, unnamed) = open_all(&files).map_err(|err| format!("not opened: {err}"))?;
    if unnamed.is_empty() != by_name {
        return Err(format!("by name {by_name}, in a spare {unnamed:?}"));
    }
    Ok(by_name)
}

#[test]
fn what_is_written_is_read() {
    let files = memory();
    let spares = open(&files);
    for (generation, len) in [(1, 0), (2, 1), (3, 4096), (4, 300_000), (1 << 63, 70)] {
        let saved = save(&spares, generation, &state(generation, len)).unwrap();
        assert_eq!(load(&*files, &saved.path).unwrap(), (generation, state(generation, len)));
    }
}

#[test]
fn a_save_that_is_cut_is_seen_to_be() {
    let (bytes, len) = padded();
    for cut in 0..bytes.len() {
        let seen = is_seen(&bytes[..cut]).unwrap_or_else(|err| panic!("cut at {cut}: {err}"));
        assert_eq!(seen, cut < len, "cut at {cut}");
    }
}

/// Flips every `step`th bit.
pub(super) fn flip(step: usize) -> Result<usize, String> {
    let (mut bytes, len) = padded();
    let mut flipped = 0;
    for bit in (0..bytes.len() * 8).step_by(step) {
        // Of the padding of the page one bit a byte.
        if (40 * 8..PAGE * 8).contains(&bit) && !(bit / 8 + bit % 8).is_multiple_of(8) {
            continue;
        }
        bytes[bit / 8] ^= 1 << (bit % 8);
        let seen = is_seen(&bytes).map_err(|err| format!("bit {bit}: {err}"))?;
        if seen != (bit / 8 < len) {
            return Err(format!("bit {bit} is seen: {seen}"));
        }
        bytes[bit / 8] ^= 1 << (bit % 8);
        flipped += 1;
    }
    Ok(flipped)
}

#[test]
fn every_flipped_bit_is_seen_or_behind_the_container() {
    let flipped = flip(1).unwrap();
    assert!(flipped > 7000, "{flipped}");
}

/// A prefix of these bytes, if it is not that of the save.
fn wrong_prefix(bytes: &[u8], expected: &spare::Prefix) -> Option<String> {
    match spare::prefix_of(Path::new("2.save"), bytes) {
        Ok(found) if found == *expected => None,
        Err(Error::Container { source, .. }) if source.kind() == Kind::Damaged => None,
        other => Some(format!("{other:?}")),
    }
}

#[test]
fn a_prefix_that_is_cut_or_has_a_flipped_bit_is_an_error() {
    let (mut bytes, _) = padded();
    let expected = spare::prefix_of(Path::new("2.save"), &bytes).unwrap();
    let head = PAGE + usize::try_from(expected.head.header.body_offset()).unwrap();
    for cut in 0..bytes.len() {
        let found = spare::prefix_of(Path::new("2.save"), &bytes[..cut]);
        assert_eq!(found.ok(), (cut >= head).then(|| expected.clone()), "cut at {cut}");
    }
    for bit in 0..head * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(wrong_prefix(&bytes, &expected), None, "bit {bit}");
        assert!(spare::prefix_of(Path::new("2.save"), &bytes).is_err(), "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

/// A page in front of another container of the same length.
pub(super) fn exchange() -> Result<(), String> {
    let mixed = [&sample(3, b"six")[..PAGE], &sample(3, b"two")[PAGE..]].concat();
    let files = disk(&[("3.save", &mixed)]);
    match load(&*files, &path_of(3)) {
        Err(Error::Container {
            source: keepstone_format::Error::Invalid { what: "container", .. }, ..
        }) => Ok(()),
        other => Err(format!("read {other:?}")),
    }
}

#[test]
fn a_page_in_front_of_another_container_is_seen() {
    exchange().unwrap();
}

/// The bytes of a generation of section 5, which a save is in all but its name.
#[expect(clippy::disallowed_methods, reason = "golden files are read from the source tree")]
fn golden() -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/generation");
    fs::read(Path::new(folder).join("generation-v1.gen")).unwrap()
}

#[test]
fn a_save_of_another_implementation_is_read_and_written() {
    let expected = golden();
    let files = disk(&[("7.save", &expected)]);
    assert_eq!(load(&*files, &path_of(7)).unwrap(), (7, b"state of generation seven".to_vec()));
    assert_eq!(spare::prefix(&*files, &path_of(7)).unwrap().head.header.kind, FileKind::SAVE);

    let files = memory();
    let spares = open(&files);
    spares.make_ready(1, 1000).unwrap();
    let mut draft = spares.begin(7, 0).unwrap();
    let mut writer = draft.container(WriterOptions::new(FileKind::SAVE).codec(Codec::None)).unwrap();
    writer.coded_from(SectionId::BYTES, 0, &[b"state of generation seven"]).unwrap();
    let (_, written) = writer.finish(Metadata::new()).unwrap();
    draft.seal(written).unwrap().sync().unwrap().publish(OsStr::new("7.save")).unwrap();
    let made = bytes_of(&*files, &path_of(7));
    assert!(made[..expected.len()] == expected);
    assert!(made[expected.len()..].iter().all(|&byte| byte == 0) && made.len() == 8192);
}
