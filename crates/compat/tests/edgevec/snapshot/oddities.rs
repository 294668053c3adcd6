//! What the original overlooks, and what it refuses.

use keepstone_compat::Error;
use keepstone_compat::edgevec::snapshot::Warning;
use keepstone_format::Kind;

use super::files::read;
use crate::edgevec::evec::{Evec, metadata, patched, seal};

fn warnings(bytes: &[u8]) -> Vec<Warning> {
    read(bytes).unwrap().warnings
}

/// The snapshot with metadata of this header and payload.
fn with_metadata(section: &[u8]) -> Vec<u8> {
    let mut evec = Evec::new(3);
    evec.flags = 4;
    evec.rest = section.to_vec();
    evec.build()
}

#[test]
fn counts_of_deleted_nodes_are_checked() {
    let bytes = patched(&Evec::new(9).delete(2).build(), 60, &5_u32.to_le_bytes());
    assert_eq!(warnings(&bytes), [Warning::DeletedCount { header: 5, nodes: 1 }]);
    let mut old = Evec::new(1);
    (old.minor, old.deleted_count) = (2, 7);
    assert_eq!(warnings(&old.build()), [Warning::Reserved { offset: 60, found: 7 }]);
}

/// EdgeVec's `soft_delete` of an index leaves the bitmap of the storage as it is: by the bitmap alone the deleted would be back.
#[test]
fn rows_that_one_place_says_are_deleted_are() {
    let mut evec = Evec::new(9).delete(4);
    evec.nodes[7].2 = 1;
    evec.deleted_count += 1;
    evec.bitmap[0] |= 1;
    let bytes = evec.build();
    let snapshot = read(&bytes).unwrap();
    assert_eq!(snapshot.warnings, [Warning::DeletedRows { bitmap_only: 1, graph_only: 1 }]);
    assert_eq!(snapshot.deleted().unwrap(), [0b1001_0001, 0]);
}

#[test]
fn bits_and_bytes_behind_the_end_are_told() {
    let mut evec = Evec::new(9);
    evec.bitmap[1] = 0b1110;
    evec.rest = vec![1, 2, 3];
    let bytes = evec.build();
    let snapshot = read(&bytes).unwrap();
    let trailing = Warning::Trailing { offset: bytes.len() as u64 - 3, len: 3 };
    assert_eq!(snapshot.warnings, [trailing, Warning::BitmapBeyond { count: 3 }]);
    assert_eq!(snapshot.deleted().unwrap(), [0, 0]);
}

#[test]
fn a_bitmap_that_is_short_or_missing_leaves_rows_alive() {
    let mut evec = Evec::new(17);
    evec.bitmap = vec![0xff];
    for row in 0..8 {
        evec.nodes[row].2 = 1;
    }
    evec.deleted_count = 8;
    let bytes = evec.build();
    let snapshot = read(&bytes).unwrap();
    assert_eq!(snapshot.warnings, [Warning::BitmapShort { needs: 3, found: 1 }]);
    assert_eq!(snapshot.deleted().unwrap(), [0xff, 0, 0]);
    // No bitmap: the graph goes on to the end.
    let mut none = Evec::new(2);
    none.bitmap.clear();
    let bytes = patched(&none.build(), 24, &[0; 8]);
    let snapshot = read(&bytes).unwrap();
    assert_eq!(snapshot.warnings, [Warning::BitmapShort { needs: 1, found: 0 }]);
    assert_eq!(snapshot.graph().unwrap().bytes().len(), bytes.len() - 80);
    let behind = patched(&Evec::new(2).build(), 24, &1_000_000_u64.to_le_bytes());
    assert_eq!(warnings(&behind)[0], Warning::BitmapShort { needs: 1, found: 0 });
}

#[test]
fn a_newer_minor_version_is_read_with_a_warning() {
    for minor in [5, 255] {
        let mut evec = Evec::new(1);
        evec.minor = minor;
        assert_eq!(warnings(&evec.build()), [Warning::Minor { found: minor }]);
    }
}

#[test]
fn broken_graphs_are_warnings() {
    let mut evec = Evec::new(4);
    evec.nodes[1].0 = 9;
    evec.nodes[2].1 = vec![1, 4];
    assert_eq!(warnings(&evec.build()), [Warning::GraphNodes { count: 2, first: 1 }]);
    // A count of neighbours that the slot doesn't hold, and a number that doesn't end.
    for slot in [vec![200, 1], vec![0xff; 16], vec![1, 0xff, 0xff, 0xff, 0xff, 0x7f]] {
        let mut evec = Evec::new(4);
        evec.nodes[3].1 = slot;
        assert_eq!(warnings(&evec.build()), [Warning::GraphNodes { count: 1, first: 3 }]);
    }
    // All nodes share one slot.
    let mut shared = Evec::new(4).build();
    for row in 0..4 {
        shared[96 + 16 * row + 8..][..4].fill(0);
        shared[96 + 16 * row + 12..][..2].copy_from_slice(&64_u16.to_le_bytes());
    }
    seal(&mut shared);
    assert_eq!(warnings(&shared), [Warning::GraphNodes { count: 3, first: 1 }]);
    let mut short = Evec::new(4);
    short.nodes.pop();
    for node in &mut short.nodes {
        node.1.clear();
    }
    assert_eq!(warnings(&short.build()), [Warning::GraphShort { needs: 64, found: 48 }]);
}

#[test]
fn oddities_of_the_metadata_are_told() {
    let mut section = metadata(1, b"\x01\x09\x01k\x03\x00tail");
    (section[4], section[7]) = (0, 8);
    let bytes = with_metadata(&section);
    let at = bytes.len() as u64 - section.len() as u64;
    let expected = [
        Warning::MetadataVersion { offset: at + 4 },
        Warning::MetadataReserved { offset: at + 7, found: 8 },
        Warning::MetadataTrailing { offset: bytes.len() as u64 - 4, len: 4 },
        Warning::MetadataIds { count: 1, first: 9 },
    ];
    assert_eq!(warnings(&bytes), expected);
}

#[test]
fn other_flags_and_versions_are_refused() {
    for bit in (0..16).filter(|bit| *bit != 2) {
        let bytes = patched(&Evec::new(1).build(), 6, &(1_u16 << bit).to_le_bytes());
        let error = read(&bytes).unwrap_err();
        assert!(matches!(error, Error::Flags { offset: 6, unknown } if unknown == 1 << bit), "{error}");
        assert_eq!(error.kind(), Kind::Newer);
    }
    let error = read(&patched(&Evec::new(1).build(), 4, &[1])).unwrap_err();
    assert!(matches!(error, Error::Version { found: 1, newest: 0, .. }), "{error}");
    assert_eq!(error.kind(), Kind::Newer);
    let error = read(&patched(&Evec::new(1).build(), 5, &[0])).unwrap_err();
    assert!(matches!(error, Error::Version { found: 0, oldest: 1, .. }), "{error}");
    assert_eq!(error.kind(), Kind::Damaged);
}

#[test]
fn metadata_that_the_original_refuses_are_refused() {
    let good = metadata(1, b"\x01\x01\x01k\x03\x01");
    assert!(read(&with_metadata(&good)).is_ok());
    let changed = |at: usize, value: u8| {
        let mut section = good.clone();
        section[at] = value;
        let bytes = with_metadata(&section);
        (bytes.len() as u64 - section.len() as u64, read(&bytes).unwrap_err())
    };
    let (at, error) = changed(0, b'm');
    assert!(matches!(error, Error::Unknown { offset, .. } if offset == at), "{error}");
    let (at, error) = changed(4, 2);
    assert!(matches!(error, Error::Unknown { offset, found: 2, .. } if offset == at + 4), "{error}");
    let (at, error) = changed(6, 3);
    assert!(matches!(error, Error::Unknown { offset, found: 3, .. } if offset == at + 6), "{error}");
    let (_, error) = changed(11, 1);
    assert!(matches!(error, Error::Truncated { part: "the metadata", .. }), "{error}");
    let (at, error) = changed(12, !good[12]);
    assert!(matches!(error, Error::Checksum { offset, .. } if offset == at + 16), "{error}");
    for payload in [
        &b""[..],
        b"\x01",
        b"\x02\x01\x01k\x03\x01",
        b"\x01\x01\x01k\x05\x01",
        b"\x01\x01\x01k\x03\x02",
        b"\x01\x01\x02\xff\xff\x03\x01",
        b"\x01\x01\x01k\x04\x7f",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    ] {
        let error = read(&with_metadata(&metadata(1, payload))).unwrap_err();
        let is_expected =
            matches!(error, Error::Postcard { .. } | Error::Announced { .. } | Error::Unknown { .. });
        assert!(is_expected && error.kind() == Kind::Damaged, "{payload:?}: {error}");
    }
    for json in
        ["", "{}", r#"{"data": {"x": {}}}"#, r#"{"data": {"1": {"k": {"type": "date", "value": 1}}}}"#]
    {
        let error = read(&with_metadata(&metadata(2, json.as_bytes()))).unwrap_err();
        assert!(matches!(error, Error::MetadataJson { .. }), "{json}: {error}");
    }
}
