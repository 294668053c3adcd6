//! Snapshots of EdgeVec and vectors on the command line.

use std::{fs, path::Path};

use keepstone::compat::edgevec::{Snapshot, snapshot::read_metadata};
use keepstone::format::{FileKind, Limits, Reader, SectionId, SectionLayout};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Answer, fixture, json_on, on, run, with_file};

const FULL: &str = "snap_100x8_deleted_meta.evec";
const ALL: [&str; 4] = [FULL, "snap_1x128.evec", "snap_0x128.evec", "header_only_dim16.evec"];

fn vectors(verb: &str, args: &[&Path], more: &[&str]) -> Answer {
    let args = args.iter().map(|path| path.to_str().unwrap());
    run(&["vectors", verb].into_iter().chain(args).chain(more.iter().copied()).collect::<Vec<_>>())
}

fn stat(path: &Path) -> Value {
    let document = vectors("stat", &[path], &["--json"]).json();
    assert_eq!((&document["verb"], &document["path"]), (&json!("vectors stat"), &json!(path)));
    document
}

fn repair(path: &Path, out: &Path) -> Value {
    let args = ["repair".as_ref(), path.as_os_str(), "--out".as_ref(), out.as_os_str(), "--json".as_ref()];
    run(&args).json()
}

fn open(path: &Path) -> Reader<Vec<u8>> {
    Reader::open(fs::read(path).unwrap(), Limits::default()).unwrap()
}

#[test]
fn an_imported_snapshot_has_arrays_and_metadata_and_is_good() {
    let dir = TempDir::new().unwrap();
    for name in ALL {
        let out = dir.path().join("out.keep");
        let document = vectors("import", &[&fixture(name), &out], &["--json"]).json();
        let bytes = fs::read(fixture(name)).unwrap();
        let snapshot = Snapshot::read(&bytes, &Limits::default()).unwrap();
        assert_eq!((&document["exit"], &document["verb"]), (&json!(0), &json!("vectors import")));
        assert_eq!(
            (&document["rows"], &document["deleted"]),
            (&json!(snapshot.row_count()), &json!(snapshot.deleted_count()))
        );
        assert_eq!(
            (&document["dimensions"], &document["codec"]),
            (&json!(snapshot.header.dimensions), &json!("none"))
        );
        assert_eq!(document["metadata_entries"], json!(snapshot.metadata.as_ref().map(Vec::len)));
        let reader = open(&out);
        assert_eq!(
            (&document["bytes"], &document["bytes_out"]),
            (&json!(bytes.len()), &json!(reader.bytes()))
        );
        assert_eq!(reader.header().kind, FileKind::SNAPSHOT);
        let values = reader.find(SectionId::ARRAY, 0).unwrap();
        assert_eq!(
            (values.layout(), values.decoded_len()),
            (SectionLayout::Raw, snapshot.vector_bytes().len() as u64)
        );
        assert_eq!(reader.view_raw(values).unwrap(), snapshot.vector_bytes());
        assert_eq!(read_metadata(&reader).unwrap(), snapshot.metadata);
        assert_eq!(on("verify", &out).exit, 0);
        // What convert writes is the same.
        let converted = dir.path().join("converted.keep");
        let input = fixture(name);
        let args = ["convert", input.to_str().unwrap(), converted.to_str().unwrap(), "--json"];
        let document = run(&args).json();
        assert_eq!((&document["format"], &document["codec"]), (&json!("evec"), &json!("none")));
        assert_eq!(fs::read(&converted).unwrap(), fs::read(&out).unwrap());
    }
}

#[test]
fn a_codec_makes_the_arrays_coded() {
    let dir = TempDir::new().unwrap();
    let plain = stat(&fixture(FULL));
    for codec in ["lz4", "zstd"] {
        let out = dir.path().join("out.keep");
        let document = vectors("import", &[&fixture(FULL), &out], &["--codec", codec, "--json"]).json();
        assert_eq!((&document["exit"], &document["codec"]), (&json!(0), &json!(codec)));
        let (_, inspected) = json_on("inspect", &out);
        let arrays = inspected["arrays"].as_array().unwrap();
        assert!(arrays.iter().all(|array| array["stored"] == "coded"), "{inspected}");
        let found = stat(&out);
        for key in ["rows", "dimensions", "deleted", "bytes", "live", "norm_min", "norm_mean", "norm_max"] {
            assert_eq!(found[key], plain[key], "{key}");
        }
    }
}

#[test]
fn stat_counts_what_is_live_and_how_long_it_is() {
    let document = stat(&fixture(FULL));
    let bytes = fs::read(fixture(FULL)).unwrap();
    let mut lengths = Vec::new();
    for row in (0..100).filter(|row| ![2, 16, 63, 99].contains(row)) {
        let numbers = bytes[64 + row * 32..][..32]
            .as_chunks()
            .0
            .iter()
            .map(|four| f64::from(f32::from_le_bytes(*four)));
        lengths.push(numbers.map(|number| number * number).sum::<f64>().sqrt());
    }
    lengths.sort_by(f64::total_cmp);
    let found = |key: &str| document[key].as_f64().unwrap();
    assert_eq!((found("norm_min"), found("norm_max")), (lengths[0], lengths[95]));
    assert!((found("norm_mean") - lengths.iter().sum::<f64>() / 96.0).abs() < 1e-12);
    let counts = ["rows", "dimensions", "deleted", "live", "lost", "bytes", "non_finite", "zero"];
    assert_eq!(counts.map(|key| document[key].as_u64().unwrap()), [100, 8, 4, 96, 0, 3200, 0, 0]);
    let answer = vectors("stat", &[&fixture(FULL)], &[]);
    assert!(
        answer.out.contains("100 of 8 dimensions") && answer.out.contains("mean 1.614295"),
        "{}",
        answer.out
    );
    let empty = stat(&fixture("snap_0x128.evec"));
    assert_eq!((&empty["rows"], &empty["norm_mean"], &empty["exit"]), (&json!(0), &json!(null), &json!(0)));
}

#[test]
fn nan_infinity_and_zero_are_counted_apart() {
    let mut bytes = fs::read(fixture(FULL)).unwrap();
    bytes[64..68].copy_from_slice(&f32::NAN.to_le_bytes());
    bytes[96 + 4..96 + 8].copy_from_slice(&f32::NEG_INFINITY.to_le_bytes());
    // Row 2 is deleted.
    bytes[128..132].copy_from_slice(&f32::NAN.to_le_bytes());
    bytes[160..192].fill(0);
    let data = keepstone::format::crc32(&bytes[64..]).to_le_bytes();
    bytes[56..60].copy_from_slice(&data);
    bytes[44..48].fill(0);
    let header = keepstone::format::crc32(&bytes[..64]).to_le_bytes();
    bytes[44..48].copy_from_slice(&header);
    with_file("odd.evec", &bytes, |path| {
        let out = path.with_extension("keep");
        assert_eq!(vectors("import", &[path, &out], &[]).exit, 0);
        for path in [path, &out] {
            let document = stat(path);
            let counts = ["live", "non_finite", "zero"].map(|key| document[key].as_u64().unwrap());
            assert_eq!(counts, [96, 2, 1], "{document}");
            assert_eq!(document["norm_min"], 0.0);
        }
    });
}

#[test]
fn inspect_and_verify_know_snapshots() {
    let (exit, document) = json_on("inspect", &fixture(FULL));
    assert_eq!((exit, &document["format"], &document["version"]), (0, &json!("evec"), &json!("0.4")));
    let counts = ["bytes", "rows", "dimensions", "deleted", "metadata_entries", "m", "m0"];
    assert_eq!(counts.map(|key| document[key].as_u64().unwrap()), [6678, 100, 8, 4, 5, 12, 24]);
    assert_eq!(document["graph"], json!({"bytes": 3328, "nodes": 100, "max_layer": 1}));
    let text = on("inspect", &fixture(FULL)).out;
    assert!(text.contains("100, 4 of them deleted") && text.contains("snapshot of EdgeVec 0.4"), "{text}");
    for name in ALL {
        let (exit, document) = json_on("verify", &fixture(name));
        assert_eq!(
            (exit, &document["format"], &document["warnings"]),
            (0, &json!("evec"), &json!([])),
            "{name}"
        );
    }
}

#[test]
fn damage_is_said_with_its_place() {
    let bytes = fs::read(fixture(FULL)).unwrap();
    for (at, offset, what) in [(20, 0, "header"), (1000, 64, "data"), (6677, 64, "data")] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        with_file("damaged.evec", &damaged, |path| {
            let (exit, document) = json_on("verify", path);
            let place = &document["damage"][0];
            assert_eq!(
                (exit, &place["what"], &place["offset"]),
                (1, &json!(what), &json!(offset)),
                "{document}"
            );
            let out = path.with_extension("keep");
            for answer in
                [vectors("import", &[path, &out], &[]), vectors("stat", &[path], &[]), on("inspect", path)]
            {
                assert_eq!((answer.exit, answer.out.as_str()), (1, ""));
                assert!(answer.err.contains("checksum is"), "{}", answer.err);
            }
            assert!(!out.exists());
        });
    }
    with_file("short.evec", &bytes[..3000], |path| assert_eq!(json_on("verify", path).0, 1));
}

#[test]
fn what_has_no_vectors_is_refused() {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("out.keep");
    let pecs = fixture("01_empty.pecs");
    for answer in [vectors("import", &[&pecs, &out], &["--json"]), vectors("stat", &[&pecs], &["--json"])] {
        let document = answer.json();
        assert_eq!(
            (&document["exit"], &document["error"]["kind"]),
            (&json!(2), &json!("misuse")),
            "{document}"
        );
    }
    let document = vectors("stat", &[&crate::support::demo_file("demo.keep")], &["--json"]).json();
    assert_eq!(
        (&document["exit"], &document["error"]["kind"]),
        (&json!(1), &json!("not_found")),
        "{document}"
    );
    with_file("text", b"once upon a time", |path| {
        assert_eq!(vectors("stat", &[path], &["--json"]).json()["exit"], 1);
    });
    assert!(!out.exists());
    let evec = dir.path().join("same.evec");
    fs::copy(fixture(FULL), &evec).unwrap();
    assert_eq!(vectors("import", &[&evec, &evec], &["--json"]).json()["error"]["kind"], "misuse");
}

#[test]
fn a_flag_of_a_newer_version_is_newer() {
    let mut bytes = fs::read(fixture(FULL)).unwrap();
    bytes[6] |= 2;
    bytes[44..48].fill(0);
    let header = keepstone::format::crc32(&bytes[..64]).to_le_bytes();
    bytes[44..48].copy_from_slice(&header);
    with_file("newer.evec", &bytes, |path| {
        for verb in ["inspect", "verify"] {
            let (exit, document) = json_on(verb, path);
            assert_eq!((exit, &document["error"]["kind"]), (2, &json!("newer")), "{document}");
        }
        let document = repair(path, &path.with_extension("keep"));
        assert_eq!(document["error"]["kind"], "newer");
    });
}

#[test]
fn a_cut_snapshot_is_repaired_into_the_rows_that_are_left() {
    let bytes = fs::read(fixture(FULL)).unwrap();
    for (len, rows, deleted) in
        [(1000, 29, None), (3264, 100, None), (6600, 100, Some(4)), (6650, 100, Some(4))]
    {
        with_file("cut.evec", &bytes[..len], |path| {
            let out = path.with_extension("keep");
            let document = repair(path, &out);
            assert_eq!((&document["exit"], &document["kind"]), (&json!(1), &json!("snapshot")), "{document}");
            assert_eq!(document["rows"], rows);
            let lost = document["lost"].as_array().unwrap();
            let of = |name: &str| lost.iter().find(|lost| lost["array"] == name);
            let expected = json!([{"start": rows, "end": 100}]);
            assert_eq!(
                of("vectors").map(|lost| &lost["rows"]),
                (rows < 100).then_some(&expected),
                "{document}"
            );
            assert_eq!(of("graph").is_some(), len < 6592, "{document}");
            let (exit, verified) = json_on("verify", &out);
            assert_eq!(exit, 0, "{verified}");
            keepstone::storage::Snapshot::open(&out).unwrap();
            let found = stat(&out);
            assert_eq!((&found["rows"], &found["deleted"]), (&json!(rows), &json!(deleted)));
            let kept = open(&out);
            let values = kept.view_raw(kept.find(SectionId::ARRAY, 0).unwrap()).unwrap();
            assert_eq!(values, &bytes[64..64 + rows * 32]);
            assert_eq!(fs::read(path).unwrap(), &bytes[..len]);
        });
    }
}

#[test]
fn a_damaged_header_is_put_right() {
    let bytes = fs::read(fixture(FULL)).unwrap();
    let dir = TempDir::new().unwrap();
    let good = dir.path().join("good.keep");
    assert_eq!(vectors("import", &[&fixture(FULL), &good], &[]).exit, 0);
    // The last is the magic: the name tells then.
    for bit in [8 * 8, 40 * 8 + 1, 24 * 8, 0] {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        with_file("damaged.evec", &damaged, |path| {
            let out = path.with_extension("keep");
            let document = repair(path, &out);
            assert_eq!((&document["exit"], &document["lost"]), (&json!(0), &json!([])), "{document}");
            assert_eq!(document["warnings"].as_array().unwrap().len(), 1);
            assert_eq!(fs::read(&out).unwrap(), fs::read(&good).unwrap());
        });
    }
}

#[test]
fn data_that_nothing_vouches_for_are_kept_and_said_to_be_so() {
    let mut bytes = fs::read(fixture(FULL)).unwrap();
    bytes[200] ^= 1;
    with_file("damaged.evec", &bytes, |path| {
        let out = path.with_extension("keep");
        let document = repair(path, &out);
        assert_eq!((&document["exit"], &document["lost"][0]["what"]), (&json!(1), &json!("certainty")));
        assert_eq!(stat(&out)["rows"], 100);
        let text = run(&["repair", path.to_str().unwrap(), "--out", out.to_str().unwrap()]).out;
        assert!(text.contains("nothing behind the header is verified"), "{text}");
    });
}
