//! Arrays in containers on the command line.

use std::fs;

use keepstone::format::{
    ArrayHead, Codec, FileKind, Limits, LogPosition, Metadata, Reader, SectionId, Writer, WriterOptions,
    array,
    plain::{OwnedLayout, Primitive},
};
use keepstone::storage::Snapshot;
use serde_json::{Value, json};

use crate::support::{json_on, on, run, with_file};

const MIB: usize = 1 << 20;
/// Rows of 12 bytes, so that rows begin in one chunk and end in the next.
const ROWS: usize = 300_000;

fn head(name: &str, primitive: Primitive, width: u32) -> Vec<u8> {
    let layout = OwnedLayout::Primitive(primitive);
    ArrayHead { name: name.to_owned(), layout, width }.encode().unwrap()
}

/// What nothing compresses.
fn values() -> Vec<u8> {
    let mut state = 7_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(u16::try_from(state >> 16).unwrap()).to_le_bytes()
    };
    (0..ROWS * 3).flat_map(|_| next()).collect()
}

/// Two arrays: `vectors`, raw or coded, and `ids`.
fn container(is_raw: bool) -> Vec<u8> {
    let mut head_metadata = Metadata::new();
    head_metadata.set_log_position(LogPosition { log_id: [0xab; 16], lsn: 7 });
    let options = WriterOptions::new(FileKind::SNAPSHOT).codec(Codec::None).head(head_metadata);
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    writer.coded_from(SectionId::ARRAY_HEAD, 0, &[&head("vectors", Primitive::F32, 3)]).unwrap();
    if is_raw {
        writer.raw_from(SectionId::ARRAY, 0, &[&values()]).unwrap();
    } else {
        writer.coded_from(SectionId::ARRAY, 0, &[&values()]).unwrap();
    }
    writer.coded_from(SectionId::ARRAY_HEAD, 1, &[&head("ids", Primitive::U64, 1)]).unwrap();
    let ids: Vec<u8> = (1..=ROWS as u64).flat_map(u64::to_le_bytes).collect();
    writer.raw_from(SectionId::ARRAY, 1, &[&ids]).unwrap();
    writer.finish(Metadata::new()).unwrap().0
}

/// What a repair answers, and the file that it wrote.
fn repaired(bytes: &[u8]) -> (Value, Option<Vec<u8>>) {
    with_file("damaged.keep", bytes, |path| {
        let out = path.with_extension("out");
        let args =
            ["repair".as_ref(), path.as_os_str(), "--out".as_ref(), out.as_os_str(), "--json".as_ref()];
        let document = run(&args).json();
        if out.exists() {
            let (exit, verified) = json_on("verify", &out);
            assert_eq!(exit, 0, "{document} {verified}");
            Snapshot::open(&out).unwrap_or_else(|error| panic!("{error}: {document}"));
        }
        (document, fs::read(&out).ok())
    })
}

fn open(bytes: &[u8]) -> Reader<&[u8]> {
    Reader::open(bytes, Limits::for_file_len(bytes.len() as u64)).unwrap()
}

fn array_of(bytes: &[u8], instance: u32) -> Vec<u8> {
    let reader = open(bytes);
    reader.read(reader.find(SectionId::ARRAY, instance).unwrap()).unwrap().into_owned()
}

/// Flips a bit in the payload of an array, `at` bytes into it as it is stored.
fn flip(bytes: &mut [u8], instance: u32, at: usize) {
    let value = values()[at..at + 64].to_vec();
    assert_eq!(instance, 0);
    let place = bytes.windows(64).position(|window| window == value).unwrap();
    bytes[place] ^= 1;
}

#[test]
fn inspect_lists_arrays_and_the_position_in_a_log() {
    for is_raw in [true, false] {
        with_file("two.keep", &container(is_raw), |path| {
            let (exit, document) = json_on("inspect", path);
            assert_eq!((exit, &document["array_faults"]), (0, &json!([])));
            let vectors = json!({
                "name": "vectors", "layout": "f32", "width": 3, "rows": ROWS, "stored": if is_raw { "raw" } else { "coded" },
                "bytes": ROWS * 12, "bytes_stored": ROWS * 12, "lost_rows": 0, "end_lost": false,
            });
            assert_eq!((&document["arrays"][0], &document["arrays"][1]["name"]), (&vectors, &json!("ids")));
            assert_eq!(document["head"]["log_position"], json!({"log_id": "ab".repeat(16), "lsn": 7}));
            let text = on("inspect", path).out;
            assert!(
                text.contains("vectors  300,000  3 x f32") && text.contains("up to record 7 of log abab"),
                "{text}"
            );
        });
    }
}

#[test]
fn of_an_array_only_damaged_chunks_are_lost_and_their_rows_named() {
    let whole = values();
    for is_raw in [true, false] {
        let mut bytes = container(is_raw);
        flip(&mut bytes, 0, MIB + 5000);
        flip(&mut bytes, 0, 3 * MIB + 100);
        let (document, new) = repaired(&bytes);
        let new = new.unwrap();
        assert_eq!(document["exit"], 1);
        let lost = document["lost"].as_array().unwrap();
        assert_eq!((lost.len(), &lost[0]["array"]), (1, &json!("vectors")), "{document}");
        // Chunk 1 is bytes 1 MiB to 2 MiB, the last one ends with the array.
        let rows = json!([
            {"start": MIB / 12, "end": (2 * MIB).div_ceil(12)}, {"start": 3 * MIB / 12, "end": ROWS},
        ]);
        assert_eq!(lost[0]["rows"], rows, "{document}");
        let mut expected = whole.clone();
        expected[MIB..2 * MIB].fill(0);
        expected[3 * MIB..].fill(0);
        assert_eq!(array_of(&new, 0), expected);
        assert_eq!(array_of(&new, 1), array_of(&container(true), 1));
        let reader = open(&new);
        let ranges = reader.read(reader.find(SectionId::ARRAY_LOST, 0).unwrap()).unwrap();
        let (mib, len) = (MIB as u64, whole.len() as u64);
        assert_eq!(array::decode_lost(&ranges, len).unwrap(), [mib..2 * mib, 3 * mib..len]);
        with_file("new.keep", &new, |path| {
            let stat = run(&["vectors", "stat", path.to_str().unwrap(), "--json"]).json();
            let count = rows
                .as_array()
                .unwrap()
                .iter()
                .map(|r| r["end"].as_u64().unwrap() - r["start"].as_u64().unwrap());
            let count: u64 = count.sum();
            assert_eq!((&stat["lost"], &stat["live"]), (&json!(count), &json!(ROWS as u64 - count)));
            assert!(json_on("verify", path).1["warnings"][0].as_str().unwrap().contains("lost before"));
        });
        // What was lost before stays lost, and what is lost now comes to it.
        let mut again = new.clone();
        flip(&mut again, 0, 40);
        let (document, newer) = repaired(&again);
        assert_eq!(document["lost"][0]["rows"], json!([{"start": 0, "end": MIB.div_ceil(12)}]), "{document}");
        let newer = newer.unwrap();
        let reader = open(&newer);
        let ranges = reader.read(reader.find(SectionId::ARRAY_LOST, 0).unwrap()).unwrap();
        assert_eq!(array::decode_lost(&ranges, len).unwrap(), [0..2 * mib, 3 * mib..len]);
    }
}

#[test]
fn without_a_footer_lengths_come_from_headers_and_chunks() {
    let whole = values();
    for is_raw in [true, false] {
        let mut bytes = container(is_raw);
        flip(&mut bytes, 0, MIB + 5000);
        bytes.truncate(bytes.len() - 64);
        let (document, new) = repaired(&bytes);
        let mut expected = whole.clone();
        expected[MIB..2 * MIB].fill(0);
        assert_eq!(array_of(&new.unwrap(), 0), expected, "{document}");
        // The last chunk: its length stands in the header of a raw section, of a coded one nobody knows it.
        let mut bytes = container(is_raw);
        flip(&mut bytes, 0, 3 * MIB + 100);
        bytes.truncate(bytes.len() - 64);
        let (document, new) = repaired(&bytes);
        let found = array_of(&new.unwrap(), 0);
        let kept = 3 * MIB / 12 * 12;
        assert_eq!(found[..kept], whole[..kept], "{document}");
        assert_eq!(found.len(), if is_raw { whole.len() } else { kept }, "{document}");
    }
}

#[test]
fn a_cut_in_an_array_keeps_the_chunks_before_it() {
    let bytes = container(false);
    let (document, new) = repaired(&bytes[..2 * MIB + 2000]);
    let found = array_of(&new.unwrap(), 0);
    assert_eq!(found.len(), 2 * MIB / 12 * 12, "{document}");
    assert_eq!(found, values()[..found.len()]);
    let message =
        document["lost"].as_array().unwrap().iter().find(|lost| lost["array"] == "vectors").unwrap();
    assert!(message["message"].as_str().unwrap().contains("nobody knows how many"), "{document}");
    // The checksums of a raw array stand behind it.
    let (document, new) = repaired(&container(true)[..2 * MIB]);
    let new = new.unwrap();
    assert!(
        open(&new).find(SectionId::ARRAY, 0).is_err() && open(&new).find(SectionId::ARRAY_HEAD, 0).is_ok()
    );
    assert!(document["lost"].as_array().unwrap().iter().any(|lost| lost["array"] == "vectors"), "{document}");
}

#[test]
fn stat_checks_what_it_reads() {
    for is_raw in [true, false] {
        let mut bytes = container(is_raw);
        flip(&mut bytes, 0, MIB + 5000);
        with_file("damaged.keep", &bytes, |path| {
            let document = run(&["vectors", "stat", path.to_str().unwrap(), "--json"]).json();
            assert_eq!(
                (&document["exit"], &document["error"]["kind"]),
                (&json!(1), &json!("damaged")),
                "{document}"
            );
        });
    }
}

#[test]
fn a_lost_head_leaves_the_values() {
    let mut bytes = container(true);
    let place = bytes.windows(7).position(|window| window == b"vectors").unwrap();
    bytes[place] ^= 1;
    let (document, new) = repaired(&bytes);
    assert_eq!(document["lost"][0]["what"], "head of array 0", "{document}");
    let new = new.unwrap();
    assert_eq!(array_of(&new, 0), values());
    with_file("new.keep", &new, |path| {
        let (_, inspected) = json_on("inspect", path);
        assert_eq!(inspected["arrays"].as_array().unwrap().len(), 1);
        assert_eq!(run(&["vectors", "stat", path.to_str().unwrap()]).exit, 1);
    });
}

/// A container of these sections: id, instance, bytes.
fn of(sections: &[(SectionId, u32, &[u8])]) -> Vec<u8> {
    let mut writer =
        Writer::new(Vec::new(), WriterOptions::new(FileKind::SNAPSHOT).codec(Codec::None)).unwrap();
    for (id, instance, bytes) in sections {
        writer.coded_from(*id, *instance, &[bytes]).unwrap();
    }
    writer.finish(Metadata::new()).unwrap().0
}

#[test]
fn arrays_that_break_a_rule_are_damaged_and_repaired_by_leaving_out() {
    use SectionId as Id;
    let a = head("a", Primitive::F32, 2);
    let beyond = 0..9;
    let lost = array::encode_lost(std::slice::from_ref(&beyond)).unwrap();
    for (sections, what) in [
        (vec![(Id::ARRAY_HEAD, 0, &b"\x00\x0b\x01"[..]), (Id::ARRAY, 0, b"12345678")], "empty name"),
        (vec![(Id::ARRAY_HEAD, 0, &a), (Id::ARRAY, 0, b"1234567")], "no whole number of rows"),
        (
            vec![(Id::ARRAY_HEAD, 0, &a), (Id::ARRAY, 0, b""), (Id::ARRAY_HEAD, 1, &a), (Id::ARRAY, 1, b"")],
            "the name \"a\"",
        ),
        (
            vec![(Id::ARRAY_HEAD, 0, &a), (Id::ARRAY, 0, b"12345678"), (Id::ARRAY_LOST, 0, &lost)],
            "leave the array",
        ),
        (vec![(Id::ARRAY_HEAD, 1, &a), (Id::ARRAY, 1, b""), (Id::ARRAY, 0, b"")], "out of order"),
        (vec![(Id::ARRAY_HEAD, 0, &a), (Id::ARRAY_LOST, 0, &lost)], "no array before it"),
        (vec![(Id::ARRAY_HEAD, 0, &a), (Id::EVEC_METADATA, 0, b"\xff")], "EVEC_METADATA"),
    ] {
        let bytes = of(&sections);
        with_file("broken.keep", &bytes, |path| {
            let (exit, document) = json_on("verify", path);
            let places = document["damage"].as_array().unwrap();
            let is_said = places.iter().any(|place| place["message"].as_str().unwrap().contains(what));
            assert!(exit == 1 && is_said, "{what}: {document}");
            assert_eq!(on("inspect", path).exit, 0, "{what}");
        });
        let (document, new) = repaired(&bytes);
        assert!(new.is_some(), "{what}: {document}");
    }
}
