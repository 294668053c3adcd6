//! Bytes that are made to cost much.

use keepstone_compat::Error;
use keepstone_compat::edgevec::Snapshot;
use keepstone_compat::edgevec::snapshot::Warning;
use keepstone_format::{Kind, Limits};

use super::files::{FULL, read};
use crate::edgevec::evec::{Evec, metadata, patched};

/// A header with these numbers and right checksums, and nothing behind it.
fn header(count: u64, dimensions: u32, index_offset: u64, bitmap_offset: u64) -> Vec<u8> {
    let mut bytes = patched(&Evec::new(0).build(), 8, &count.to_le_bytes());
    bytes[16..24].copy_from_slice(&index_offset.to_le_bytes());
    bytes[24..32].copy_from_slice(&bitmap_offset.to_le_bytes());
    patched(&bytes, 40, &dimensions.to_le_bytes())
}

#[test]
fn counts_beyond_the_file_are_refused() {
    for (count, dimensions, index_offset) in [
        (1 << 40, 4, 64 + (16 << 40)),
        (u64::MAX, u32::MAX, 64),
        (u64::MAX, 1, 64),
        (1 << 62, 4, 64),
        (u64::MAX / 4, 1, 60),
        (1, u32::MAX, 64 + 4 * u64::from(u32::MAX)),
        (1, 1, u64::MAX),
        (1, 1, 0),
    ] {
        for bitmap_offset in [0, 64, 68, u64::MAX] {
            let bytes = header(count, dimensions, index_offset, bitmap_offset);
            let error = read(&bytes).unwrap_err();
            assert!(matches!(error, Error::Offset { .. } | Error::Truncated { .. }), "{error}");
            assert_eq!(error.kind(), Kind::Damaged);
            assert!(Snapshot::salvage(&bytes, &Limits::default()).is_err());
        }
    }
}

/// Rows without numbers cost no byte of the file.
#[test]
fn rows_without_numbers_are_limited() {
    let bytes = header(u64::MAX, 0, 64, 64);
    let error = read(&bytes).unwrap_err();
    assert!(matches!(error, Error::Limit { what: "vectors", needs: u64::MAX, .. }), "{error}");
    assert_eq!(error.kind(), Kind::Limit);
    let bytes = header(1000, 0, 64, 64);
    let snapshot = read(&bytes).unwrap();
    assert_eq!((snapshot.row_count(), snapshot.vectors().count()), (1000, 1000));
    assert_eq!(snapshot.deleted().unwrap(), [0; 125]);
    assert_eq!(snapshot.warnings.len(), 2);
}

#[test]
fn offsets_out_of_order_are_refused() {
    let bytes = Evec::new(2).build();
    for offset in [1_u64, 63, 64, 79] {
        let error = read(&patched(&bytes, 24, &offset.to_le_bytes())).unwrap_err();
        assert!(
            matches!(error, Error::Offset { offset: 24, least: 80, found, .. } if found == offset),
            "{offset}: {error}"
        );
    }
    // A bitmap in the nodes: the graph is cut short, the vectors are there.
    let snapshot = patched(&bytes, 24, &100_u64.to_le_bytes());
    let snapshot = read(&snapshot).unwrap();
    assert!(snapshot.warnings.contains(&Warning::GraphShort { needs: 32, found: 20 }));
    for offset in [0_u64, 64, 79, 81, u64::MAX] {
        let error = read(&patched(&bytes, 16, &offset.to_le_bytes())).unwrap_err();
        assert!(matches!(error, Error::Offset { offset: 16, least: 80, most: 80, .. }), "{offset}: {error}");
    }
    // Metadata without a bitmap would stand in the vectors.
    let mut flagged = patched(&bytes, 24, &[0; 8]);
    flagged[6] = 4;
    let error = read(&patched(&flagged, 6, &[4])).unwrap_err();
    assert!(matches!(error, Error::Offset { offset: 24, found: 0, .. }), "{error}");
}

#[test]
fn limits_of_the_caller_hold() {
    let mut limits = Limits::default();
    limits.decoded_max = FULL.len() as u64 - 1;
    let error = Snapshot::read(FULL, &limits).unwrap_err();
    assert!(matches!(error, Error::Limit { what: "decoded bytes", .. }), "{error}");
    let mut limits = Limits::default();
    limits.rows_max = 99;
    let error = Snapshot::read(FULL, &limits).unwrap_err();
    assert!(matches!(error, Error::Limit { what: "vectors", needs: 100, allowed: 99 }), "{error}");
}

#[test]
fn elements_of_metadata_are_counted_before_they_are_built() {
    // 300,000 empty strings, which cost a byte each here and 24 in memory.
    let mut payload = b"\x01\x01\x01k\x04\xe0\xa7\x12".to_vec();
    payload.resize(payload.len() + 300_000, 0);
    let mut evec = Evec::new(1);
    evec.flags = 4;
    evec.rest = metadata(1, &payload);
    let bytes = evec.build();
    let mut limits = Limits::default();
    limits.decoded_max = 1 << 20;
    let error = Snapshot::read(&bytes, &limits).unwrap_err();
    assert!(matches!(error, Error::Limit { what: "elements of metadata", needs: 300_001, .. }), "{error}");
    assert!(read(&bytes).is_ok());
}

#[test]
fn deep_json_is_refused() {
    let json = format!(r#"{{"x": {}"#, "[".repeat(100_000));
    let bytes = Evec::new(1).metadata(2, json.as_bytes()).build();
    assert!(matches!(read(&bytes), Err(Error::MetadataJson { .. })));
}

/// Strings of a list took 19 times their length in JSON, since only postcard was counted.
#[test]
fn elements_of_json_are_counted_before_they_are_built() {
    let of = |strings: usize| {
        let list = vec![r#""""#; strings].join(",");
        format!(r#"{{"data":{{"1":{{"k":{{"type":"string_array","value":[{list}]}}}}}}}}"#)
    };
    let bytes = Evec::new(1).metadata(2, of((1 << 18) - 5).as_bytes()).build();
    let mut limits = Limits::default();
    limits.decoded_max = bytes.len() as u64;
    assert_eq!(Snapshot::read(&bytes, &limits).unwrap().metadata.unwrap().len(), 1);
    let bytes = Evec::new(1).metadata(2, of((1 << 18) - 4).as_bytes()).build();
    limits.decoded_max = bytes.len() as u64;
    let error = Snapshot::read(&bytes, &limits).err().unwrap();
    assert!(matches!(error, Error::Limit { needs: 262_145, allowed: 262_144, .. }), "{error}");
    // What stands in a string separates nothing.
    let text = r#"{"data":{"1":{"k":{"type":"string","value":"\",\\{"}}}}"#;
    let bytes = Evec::new(1).metadata(2, text.as_bytes()).build();
    assert!(read(&bytes).is_ok());
}
