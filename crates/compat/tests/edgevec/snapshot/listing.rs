//! The fixtures hold what their listing says.

use keepstone_compat::edgevec::snapshot::{Entry, Value};
use keepstone_format::crc32;
use serde_json::{Value as Json, json};

use super::files::{EMPTY, FULL, HEADER, ONE, numbers, read};
use crate::edgevec::files::LISTING;

fn listed(name: &str) -> Json {
    let listing: Json = serde_json::from_str(LISTING).unwrap();
    listing["files"].as_array().unwrap().iter().find(|file| file["file"] == name).unwrap().clone()
}

fn check(name: &str, bytes: &[u8]) {
    let (snapshot, listed) = (read(bytes).unwrap(), listed(name));
    assert_eq!(snapshot.warnings, [], "{name}");
    let header = &snapshot.header;
    let found = json!({
        "data_crc": header.data_crc, "deleted_count": header.deleted_count, "dimensions": header.dimensions,
        "flags": header.flags, "header_crc": header.header_crc, "hnsw_m": header.hnsw_m, "hnsw_m0": header.hnsw_m0,
        "index_offset": header.index_offset, "metadata_offset": header.metadata_offset, "rng_seed": header.rng_seed,
        "vector_count": header.vector_count, "version": format!("{}.{}", header.major, header.minor),
    });
    assert_eq!(found, listed["header"], "{name}");
    assert_eq!(listed["vectors_crc32"], crc32(snapshot.vector_bytes()), "{name}");
    let deleted: Vec<u32> =
        (0..snapshot.row_count()).filter(|row| snapshot.is_deleted(*row)).map(|row| row + 1).collect();
    assert_eq!(json!(deleted), listed["deleted_ids"], "{name}");
    assert_eq!(snapshot.deleted_count() as usize, deleted.len());

    let range = |part: &str| {
        let range: Vec<usize> = serde_json::from_value(listed["sections"][part].clone()).unwrap();
        &bytes[range[0]..range[1]]
    };
    assert_eq!(snapshot.vector_bytes(), range("vectors"), "{name}");
    let graph = snapshot.graph().unwrap();
    assert_eq!(graph.bytes(), [range("nodes"), range("neighbors")].concat(), "{name}");
    assert_eq!(snapshot.deleted().unwrap(), range("tombstones"), "{name}");

    let nodes: Vec<_> = graph.nodes().collect();
    assert_eq!(nodes.len() as u64, graph.node_count());
    for sample in listed["sample_nodes"].as_array().unwrap() {
        let node = nodes[usize::try_from(sample["node"].as_u64().unwrap()).unwrap()];
        let found = json!({
            "deleted": node.deleted, "layer0": node.neighbors().unwrap()[0], "max_layer": node.max_layer,
            "neighbor_len": node.slot_len, "neighbor_offset": node.slot_offset,
            "node": sample["node"], "vector_id": node.vector_id,
        });
        assert_eq!(found, *sample, "{name}");
    }
    for sample in listed["sample_vectors"].as_array().unwrap() {
        let row = u32::try_from(sample["id"].as_u64().unwrap()).unwrap() - 1;
        let expected: Vec<f32> = serde_json::from_value(sample["first4"].clone()).unwrap();
        assert_eq!(numbers(&snapshot, row)[..4], expected, "{name}");
    }
    assert_eq!(metadata(snapshot.metadata.as_deref()), listed["metadata"], "{name}");
}

/// Entries as the listing has them: by vector, by key.
fn metadata(entries: Option<&[Entry<'_>]>) -> Json {
    let Some(entries) = entries else { return Json::Null };
    let mut out = json!({});
    for entry in entries {
        out[entry.vector.to_string()][&*entry.key] = match &entry.value {
            Value::String(text) => json!(text),
            Value::Integer(number) => json!(number),
            Value::Float(number) => json!(number),
            Value::Boolean(value) => json!(value),
            Value::Strings(texts) => json!(texts),
        };
    }
    out
}

#[test]
fn snapshots_hold_what_their_listing_says() {
    check("snap_0x128.evec", EMPTY);
    check("snap_1x128.evec", ONE);
    check("snap_100x8_deleted_meta.evec", FULL);
}

#[test]
fn a_header_alone_is_an_index_without_vectors() {
    let snapshot = read(HEADER).unwrap();
    assert_eq!((snapshot.row_count(), snapshot.header.dimensions), (0, 16));
    assert_eq!((snapshot.vector_bytes(), snapshot.deleted()), (&b""[..], Some(&b""[..])));
    assert_eq!((snapshot.warnings, snapshot.metadata), (vec![], None));
    let listed = listed("header_only_dim16.evec");
    let hex = listed["header_hex"].as_str().unwrap();
    let bytes: Vec<u8> =
        (0..64).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect();
    assert_eq!(bytes, HEADER);
}

#[test]
fn vectors_are_those_that_the_rule_of_the_listing_makes() {
    for (bytes, rows, width) in [(ONE, 1, 128), (FULL, 100, 8)] {
        let snapshot = read(bytes).unwrap();
        assert_eq!(snapshot.row_count(), rows);
        for (row, (id, vector)) in (0_u64..).zip(snapshot.vectors()) {
            let found: Vec<f32> = vector.to_f32().unwrap().collect();
            let expected: Vec<f32> = (0..width).map(|j| number(row * width + j)).collect();
            assert_eq!((u64::from(id), found), (row + 1, expected));
        }
    }
}

/// The rule: splitmix64, of which 24 bits count.
fn number(at: u64) -> f32 {
    let mut z = at.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    let [a, b, c, ..] = (z >> 40).to_le_bytes();
    (f32::from(a) + f32::from(b) * 256.0 + f32::from(c) * 65536.0) / 16_777_216.0
}
