//! What a repair left out stays visible: in the new file, to its readers and to a second repair.

use std::{fs, path::Path};

use keepstone::format::{
    ArrayHead, Codec, FileKind, Limits, LogPosition, Metadata, Reader, SectionId, Writer, WriterOptions,
    array::{self, UNKNOWN_END},
    plain::{OwnedLayout, Primitive},
};
use keepstone::storage::{self, Snapshot};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{json_on, run, with_file};

const MIB: usize = 1 << 20;
/// Three chunks of 4 bytes a row, the last of half a MiB.
const ROWS: usize = 5 * MIB / 8;

fn head(name: &str, primitive: Primitive) -> Vec<u8> {
    let layout = OwnedLayout::Primitive(primitive);
    ArrayHead { name: name.to_owned(), layout, width: 1 }.encode().unwrap()
}

fn values() -> Vec<u8> {
    (0..u32::try_from(ROWS).unwrap()).flat_map(|row| (row + 1).to_le_bytes()).collect()
}

fn container(sections: &[(SectionId, u32, &[u8])]) -> Vec<u8> {
    let mut head = Metadata::new();
    head.set_log_position(LogPosition { log_id: [0xab; 16], lsn: 7 });
    let options = WriterOptions::new(FileKind::SNAPSHOT).codec(Codec::None).head(head);
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    for (id, instance, bytes) in sections {
        writer.coded_from(*id, *instance, &[bytes]).unwrap();
    }
    writer.finish(Metadata::new()).unwrap().0
}

fn vectors() -> Vec<u8> {
    let head = head("vectors", Primitive::F32);
    container(&[(SectionId::ARRAY_HEAD, 0, &head), (SectionId::ARRAY, 0, &values())])
}

/// A container as a repair leaves it: `lost` of the bytes are zero.
fn with_lost(lost: &[std::ops::Range<u64>]) -> Vec<u8> {
    let ranges = array::encode_lost(lost).unwrap();
    let head = head("vectors", Primitive::F32);
    let sections = [
        (SectionId::ARRAY_HEAD, 0, &head[..]),
        (SectionId::ARRAY, 0, &[0; 64]),
        (SectionId::ARRAY_LOST, 0, &ranges),
    ];
    container(&sections)
}

fn open(bytes: &[u8]) -> Reader<&[u8]> {
    Reader::open(bytes, Limits::for_file_len(bytes.len() as u64)).unwrap()
}

/// Repairs into `out` and returns the document.
fn repair(path: &Path, out: &Path) -> Value {
    let args = ["repair".as_ref(), path.as_os_str(), "--out".as_ref(), out.as_os_str(), "--json".as_ref()];
    run(&args).json()
}

/// Repairs bytes and hands document and new file over.
fn repaired<T>(bytes: &[u8], then: impl FnOnce(&Value, &Path) -> T) -> T {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("old.keep");
    fs::write(&path, bytes).unwrap();
    let out = dir.path().join("new.keep");
    let document = repair(&path, &out);
    then(&document, &out)
}

fn lost_ranges(path: &Path) -> Vec<(u64, u64)> {
    let bytes = fs::read(path).unwrap();
    let reader = open(&bytes);
    let len = reader.find(SectionId::ARRAY, 0).unwrap().decoded_len();
    let section = reader.find(SectionId::ARRAY_LOST, 0).unwrap();
    let ranges = array::decode_lost(&reader.read(section).unwrap(), len).unwrap();
    ranges.into_iter().map(|range| (range.start, range.end)).collect()
}

/// The position in the log stayed in the head of a repair that had lost rows. Recovery replayed from there on, and
/// everything before it that was lost was taken for empty.
#[test]
fn a_lossy_repair_leaves_the_log_position_out() {
    let mut bytes = vectors();
    let at = bytes.windows(4).position(|window| window == 300_000_u32.to_le_bytes()).unwrap();
    bytes[at] ^= 1;
    repaired(&bytes, |document, new| {
        let left_out = &document["log_position_left_out"];
        assert_eq!(
            (&left_out["lsn"], &left_out["log_id"]),
            (&json!(7), &json!("ab".repeat(16))),
            "{document}"
        );
        assert!(left_out["message"].as_str().unwrap().contains("lacks some"), "{document}");
        assert_eq!(open(&fs::read(new).unwrap()).head().log_position(), None);
        let text = run(&[
            "repair",
            new.with_file_name("old.keep").to_str().unwrap(),
            "--out",
            new.to_str().unwrap(),
        ]);
        assert!(text.out.contains("left out: the log position, record 7 of log abab"), "{}", text.out);
    });
    // Where nothing is lost it stays: here a header of a chunk is damaged, of which the tables have a copy.
    let mut bytes = vectors();
    let at = usize::try_from(open(&bytes).find(SectionId::ARRAY, 0).unwrap().offset()).unwrap();
    bytes[at + 3] ^= 1;
    repaired(&bytes, |document, new| {
        assert_eq!((&document["lost"], &document["log_position_left_out"]), (&json!([]), &json!(null)));
        assert_eq!(open(&fs::read(new).unwrap()).head().log_position().unwrap().lsn, 7);
    });
}

/// A file cut in its only array became a shorter array that looked whole to every reader.
#[test]
fn an_array_whose_end_is_unknown_does_not_look_whole() {
    let bytes = vectors();
    repaired(&bytes[..2 * MIB + 2000], |document, new| {
        let lost = document["lost"].as_array().unwrap();
        let vectors = lost.iter().find(|lost| lost["array"] == "vectors").unwrap();
        let rows = MIB / 2;
        assert_eq!(vectors["rows"], json!([{"start": rows, "end": null}]), "{document}");
        let message = vectors["message"].as_str().unwrap();
        assert!(message.starts_with("rows behind its end") && !message.contains("0 of"), "{message}");
        assert_eq!(lost_ranges(new), [(2 * MIB as u64, UNKNOWN_END)]);
        let snapshot = Snapshot::open(new).unwrap();
        let view = snapshot.view::<f32>("vectors");
        assert!(matches!(view, Err(storage::Error::ArrayLost { .. })), "{view:?}");
        let (exit, verified) = json_on("verify", new);
        assert!(
            exit == 0 && verified["warnings"][0].as_str().unwrap().contains("behind its end"),
            "{verified}"
        );
        let (_, inspected) = json_on("inspect", new);
        let array = &inspected["arrays"][0];
        assert_eq!((&array["lost_rows"], &array["end_lost"]), (&json!(0), &json!(true)));
        let stat = run(&["vectors", "stat", new.to_str().unwrap(), "--json"]).json();
        assert!(stat["warnings"][0].as_str().unwrap().contains("behind the end"), "{stat}");
        // A second repair of what is damaged elsewhere knows it still.
        let mut again = fs::read(new).unwrap();
        again[MIB / 2] ^= 1;
        repaired(&again, |document, new| {
            assert_eq!(lost_ranges(new), [(0, MIB as u64), (2 * MIB as u64, UNKNOWN_END)], "{document}");
        });
    });
}

/// The list of what an earlier repair had lost was damaged: the second repair dropped it, and zeros became values.
#[test]
fn without_the_list_of_what_was_lost_before_all_of_an_array_is_lost() {
    for lost in [&[0..8, 16..24][..], &[4..8, 64..UNKNOWN_END]] {
        let mut bytes = with_lost(lost);
        let section = *open(&bytes).find(SectionId::ARRAY_LOST, 0).unwrap();
        bytes[usize::try_from(section.offset()).unwrap() + 41] ^= 1;
        repaired(&bytes, |document, new| {
            assert_eq!(document["lost"][0]["array"], "vectors", "{document}");
            assert_eq!(lost_ranges(new), [(0, 64)]);
            assert!(!document["log_position_left_out"].is_null());
            let (_, inspected) = json_on("inspect", new);
            assert_eq!(inspected["arrays"][0]["lost_rows"], 16);
        });
    }
}

#[test]
fn heads_that_readers_of_snapshots_refuse_are_refused_or_left_out() {
    // A head of 64 KiB and more: a name, and a layout with as many fields as it takes.
    let field = |at: u32| (format!("f{at}"), OwnedLayout::Primitive(Primitive::U16));
    let layout = OwnedLayout::Struct((0..12_000).map(field).collect());
    let long = ArrayHead { name: "a".to_owned(), layout, width: 1 }.encode().unwrap();
    assert!(long.len() > 1 << 16);
    let bytes = container(&[(SectionId::ARRAY_HEAD, 0, &long), (SectionId::ARRAY, 0, b"")]);
    with_file("long.keep", &bytes, |path| {
        assert!(Snapshot::open(path).is_err());
        let (exit, verified) = json_on("verify", path);
        let message = verified["damage"][0]["message"].as_str().unwrap();
        assert!(exit == 1 && message.contains("bytes of an array head"), "{verified}");
    });
    repaired(&bytes, |document, new| {
        assert_eq!(document["lost"][0]["what"], "head of array 0", "{document}");
        Snapshot::open(new).unwrap();
    });
}

/// Heads of 200 arrays took 1.8 GB in `inspect`.
#[test]
fn heads_of_all_arrays_are_bounded_together() {
    let field = |at: u32| (format!("f{at}"), OwnedLayout::Primitive(Primitive::U8));
    let layout = OwnedLayout::Struct((0..8000).map(field).collect());
    let of = |name: String| ArrayHead { name, layout: layout.clone(), width: 1 }.encode().unwrap();
    let heads: Vec<Vec<u8>> = (0..20).map(|at| of(at.to_string())).collect();
    assert!(heads.iter().map(Vec::len).sum::<usize>() > MIB && heads[0].len() < 1 << 16);
    let sections: Vec<_> =
        (0..).zip(&heads).map(|(at, head)| (SectionId::ARRAY_HEAD, at, &head[..])).collect();
    with_file("heads.keep", &container(&sections), |path| {
        for verb in ["inspect", "verify"] {
            let (exit, document) = json_on(verb, path);
            assert_eq!((exit, &document["error"]["kind"]), (2, &json!("limit")), "{document}");
        }
    });
    // Ten of them are few enough; an error shows the begin of a layout.
    let head = ArrayHead { name: "vectors".to_owned(), layout: layout.clone(), width: 1 }.encode().unwrap();
    with_file("heads.keep", &container(&[(SectionId::ARRAY_HEAD, 0, &head)]), |path| {
        assert_eq!(json_on("verify", path).0, 0);
        let document = run(&["vectors", "stat", path.to_str().unwrap(), "--json"]).json();
        let message = document["error"]["message"].as_str().unwrap();
        assert!(message.contains("f0: u8") && message.len() < 600, "{message}");
    });
}

#[test]
fn which_vectors_are_deleted_is_not_known_from_a_lossy_array() {
    let eight = &values()[..32];
    let bits = head("deleted", Primitive::U8);
    let (first, whole) = (0..1, [0b11]);
    let lost = array::encode_lost(std::slice::from_ref(&first)).unwrap();
    let vectors = head("vectors", Primitive::F32);
    let mut sections = vec![
        (SectionId::ARRAY_HEAD, 0, &vectors[..]),
        (SectionId::ARRAY, 0, eight),
        (SectionId::ARRAY_HEAD, 1, &bits),
        (SectionId::ARRAY, 1, &whole),
    ];
    let stat = |bytes: &[u8]| {
        with_file("bits.keep", bytes, |path| {
            run(&["vectors", "stat", path.to_str().unwrap(), "--json"]).json()
        })
    };
    let document = stat(&container(&sections));
    assert_eq!((&document["deleted"], &document["live"]), (&json!(2), &json!(6)), "{document}");
    sections.push((SectionId::ARRAY_LOST, 1, &lost));
    let document = stat(&container(&sections));
    assert_eq!((&document["deleted"], &document["live"]), (&json!(null), &json!(null)), "{document}");
    assert!(document["warnings"][0].as_str().unwrap().contains("deleted"), "{document}");
    let document = stat(&container(&sections[..3]));
    assert_eq!((&document["deleted"], &document["live"]), (&json!(null), &json!(null)), "{document}");
}
