use keepstone_format::{FileKind, Kind, wire::put_varint};

use super::*;

/// Written from FORMAT.md by `tests/golden/packs.py`.
const GOLDEN: &[u8] = include_bytes!("../../../../tests/golden/commits-v1-two.keep");
const STORE: [u8; 16] = *b"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f";

fn of(commits: &[&[u8]]) -> Group {
    let mut bytes = Vec::new();
    for commit in commits {
        put_varint(&mut bytes, commit.len() as u64);
        bytes.extend_from_slice(commit);
    }
    let writer = std::array::from_fn(|at| 0xA0 + u8::try_from(at).unwrap());
    Group { first: 40, store_id: STORE, writer, commits: bytes }
}

fn commits(group: &Group) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    group
        .each(&mut |commit| {
            found.push(commit.to_vec());
            Ok(())
        })
        .unwrap();
    found
}

#[test]
fn the_golden_commits_are_written_and_read() {
    let group = of(&[b"the first commit", &[b'c'; 200]]);
    assert!(group.encode().unwrap() == GOLDEN);
    let found = Group::decode(40, &STORE, GOLDEN).unwrap();
    assert_eq!(found, group);
    assert_eq!(commits(&found), [b"the first commit".to_vec(), vec![b'c'; 200]]);
}

#[test]
fn commits_come_back_whatever_their_lengths() {
    let long = vec![5; (1 << 20) + 3];
    for list in [&[&b""[..]][..], &[b"", b"a", b""], &[&long, b"", &long]] {
        let group = of(list);
        let found = Group::decode(40, &STORE, &group.encode().unwrap()).unwrap();
        assert!(commits(&found) == list);
    }
}

#[test]
fn commits_cut_short_at_any_length_are_refused() {
    for len in 0..GOLDEN.len() {
        let err = Group::decode(40, &STORE, &GOLDEN[..len]).unwrap_err();
        assert!(
            matches!(&err, Error::Format { object, .. } if object == "commits/0000000000000028.keep"),
            "{len}"
        );
        assert_eq!(err.kind(), Kind::Damaged, "{len}");
    }
}

#[test]
fn commits_with_any_bit_flipped_are_refused() {
    for bit in 0..8 * GOLDEN.len() {
        let mut bytes = GOLDEN.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(Group::decode(40, &STORE, &bytes).is_err(), "{bit}");
    }
}

#[test]
fn what_is_no_group_of_commits_is_neither_written_nor_read() {
    for commits in [
        &b""[..],
        &[2, 1],
        &[0x80],
        &[0x80, 0x00],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 9],
    ] {
        let group = Group { commits: commits.to_vec(), ..of(&[]) };
        assert!(group.encode().is_err(), "{commits:?}");
        let mut options = Folder::COMMITS.options(40, STORE);
        options.head.set(tag::OBJECT_WRITER, &[1; 16]);
        let mut writer = Writer::new(Vec::new(), options).unwrap();
        writer.coded_from(SectionId::COMMITS, 0, &[commits]).unwrap();
        let bytes = writer.finish(Metadata::new()).unwrap().0;
        assert!(Group::decode(40, &STORE, &bytes).is_err(), "{commits:?}");
    }
    for first in [0, NUMBER_MAX, u64::MAX] {
        assert!(Group { first, ..of(&[b"a"]) }.encode().is_err(), "{first}");
    }
    let rule = |first, store: &[u8; 16], bytes: &[u8]| match Group::decode(first, store, bytes).unwrap_err() {
        Error::Format { source, .. } => match *source {
            FormatError::Invalid { rule, .. } => rule,
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    };
    assert_eq!(rule(41, &STORE, GOLDEN), "it has another number than its name says");
    assert_eq!(rule(40, &[9; 16], GOLDEN), "they are of another store");
    let with = |kind, id: SectionId| {
        let mut options = Folder::COMMITS.options(40, STORE);
        options.kind = kind;
        let mut writer = Writer::new(Vec::new(), options).unwrap();
        writer.coded_from(id, 0, &[b"\x01a"]).unwrap();
        writer.finish(Metadata::new()).unwrap().0
    };
    let kind = Folder::COMMITS.kind;
    assert_eq!(
        rule(40, &STORE, &with(FileKind::CHECKPOINT_PACK, SectionId::COMMITS)),
        "it is of another kind"
    );
    assert_eq!(rule(40, &STORE, &with(kind, SectionId::BYTES)), "it has other sections");
    assert_eq!(rule(40, &STORE, &with(kind, SectionId::COMMITS)), "it doesn't say who wrote it");
}
