//! What the builder of the tests writes, the reader reads.

use std::borrow::Cow;

use keepstone_compat::edgevec::snapshot::{Entry, Value};

use super::files::{numbers, read};
use crate::edgevec::evec::Evec;

/// The postcard of one entry of each type, out of order, one of them twice.
fn payload() -> Vec<u8> {
    let entries: [&[u8]; 6] = [
        b"\x09\x01b\x03\x01",
        b"\x02\x02tt\x04\x02\x01x\x00",
        b"\x02\x01n\x01\x53",
        b"\x02\x01n\x01\x54",
        b"\x01\x01f\x02\x00\x00\x00\x00\x00\x00\xe0\x3f",
        b"\x01\x01a\x00\x02\xc3\xa9",
    ];
    [&[6][..], &entries.concat()].concat()
}

fn entry(vector: u32, key: &'static str, value: Value<'static>) -> Entry<'static> {
    Entry { vector, key: Cow::Borrowed(key), value }
}

#[test]
fn rows_deletes_and_metadata_are_those_that_were_written() {
    let mut evec = Evec::new(13).delete(0).delete(9).delete(12).metadata(1, &payload());
    evec.vectors[3] = vec![f32::INFINITY, f32::MIN_POSITIVE];
    evec.seed = 77;
    let bytes = evec.build();
    let snapshot = read(&bytes).unwrap();
    assert_eq!(snapshot.row_count(), 13);
    for row in 0..13 {
        assert_eq!(numbers(&snapshot, row), evec.vectors[row as usize]);
        assert_eq!(snapshot.is_deleted(row), [0, 9, 12].contains(&row), "{row}");
    }
    assert_eq!((snapshot.vector(13), snapshot.is_deleted(13)), (None, false));
    assert_eq!((snapshot.deleted_count(), snapshot.header.rng_seed), (3, 77));
    assert_eq!(snapshot.deleted().unwrap(), evec.bitmap);
    let graph = snapshot.graph().unwrap();
    assert_eq!((graph.node_count(), graph.max_layer()), (13, Some(0)));
    for (row, node) in (0..).zip(graph.nodes()) {
        assert_eq!(node.neighbors().unwrap(), [[row]]);
    }
    let expected = [
        entry(1, "a", Value::String("\u{e9}".into())),
        entry(1, "f", Value::Float(0.5)),
        entry(2, "n", Value::Integer(42)),
        entry(2, "tt", Value::Strings(vec!["x".into(), "".into()])),
        entry(9, "b", Value::Boolean(true)),
    ];
    assert_eq!(snapshot.metadata.unwrap(), expected);
    let texts: Vec<String> = snapshot.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["1 metadata entries have the vector and key of a later one, which counts"]);
}

#[test]
fn metadata_in_json_are_read_as_well() {
    let json = r#"{"data": {
        "2": {"t": {"type": "string_array", "value": ["x"]}, "b": {"value": false, "type": "boolean"}},
        "1": {"s": {"type": "string", "value": "\u00e9"}, "i": {"type": "integer", "value": -7}, "f": {"type": "float", "value": 1}}
    }}"#;
    let bytes = Evec::new(2).metadata(2, json.as_bytes()).build();
    let snapshot = read(&bytes).unwrap();
    let expected = [
        entry(1, "f", Value::Float(1.0)),
        entry(1, "i", Value::Integer(-7)),
        entry(1, "s", Value::String("\u{e9}".into())),
        entry(2, "b", Value::Boolean(false)),
        entry(2, "t", Value::Strings(vec!["x".into()])),
    ];
    assert_eq!((snapshot.metadata.as_deref(), snapshot.warnings.as_slice()), (Some(&expected[..]), &[][..]));
}

#[test]
fn snapshots_of_older_versions_have_no_deleted_nodes() {
    for minor in [1, 2] {
        let mut evec = Evec::new(9);
        evec.minor = minor;
        evec.bitmap = vec![0b10, 0];
        let bytes = evec.build();
        let snapshot = read(&bytes).unwrap();
        assert_eq!((snapshot.warnings.as_slice(), snapshot.deleted_count()), (&[][..], 1));
        assert!(snapshot.is_deleted(1));
    }
}

#[test]
fn bytes_at_any_address_are_read() {
    let bytes = Evec::new(5).build();
    let mut shifted = vec![0; 8];
    for shift in 0..8 {
        shifted.truncate(shift);
        shifted.extend(&bytes);
        assert_eq!(numbers(&read(&shifted[shift..]).unwrap(), 4), [4.0, -0.5]);
        shifted.resize(8, 0);
    }
}
