//! Logs whose bytes another implementation of FORMAT.md section 6 made, and what it says of them.

use std::{fs, path::Path, sync::Arc};

use keepstone_storage::{Durability, Error, Files, MemFiles, Wal, wal::Log};
use serde_json::Value;

use super::{DIR, content, disk, lsn, lsns, options, path_of, read, segment, serve};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/wal");
/// The log id in all of them.
const ID: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const CASES: [&str; 15] = [
    "batch",
    "closed",
    "damaged",
    "first_group",
    "first_group_alone",
    "header_lost",
    "killed",
    "missing",
    "missing_marked",
    "recycle_cut",
    "reopened",
    "stale_behind_close",
    "torn",
    "torn_mark",
    "turned",
];

/// Bytes 0, 1, 2 .. 250, 0, 1 ..
fn counting(len: usize) -> Vec<u8> {
    (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect()
}

#[expect(clippy::disallowed_methods, reason = "golden files are read from the source tree")]
fn load(case: &str) -> (Arc<dyn Files>, Value) {
    let said = fs::read(Path::new(FOLDER).join(case).with_extension("json")).unwrap();
    let said = serde_json::from_slice(&said).unwrap();
    let mut segments = Vec::new();
    for epoch in 1..=4 {
        if let Ok(bytes) = fs::read(Path::new(FOLDER).join(case).join(format!("{epoch:016x}.wal"))) {
            segments.push((epoch, bytes));
        }
    }
    assert!(!segments.is_empty(), "{case}");
    let segments: Vec<_> = segments.iter().map(|(epoch, bytes)| (*epoch, bytes.as_slice())).collect();
    (disk(&segments), said)
}

fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap_or_else(|| panic!("{field} in {value}"))
}

fn list<T>(said: &Value, field: &str, of: impl Fn(&Value) -> T) -> Vec<T> {
    said[field].as_array().unwrap().iter().map(of).collect()
}

fn records(said: &Value) -> Vec<(u64, Vec<u8>)> {
    list(said, "records", |record| {
        let hex = record["hex"].as_str().unwrap().as_bytes();
        let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
        (number(record, "lsn"), hex.chunks(2).map(byte).collect())
    })
}

fn same(found: &[(u64, Vec<u8>)], expected: &[(u64, Vec<u8>)], case: &str) {
    assert_eq!(lsns(found), lsns(expected), "{case}");
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected, "{case}");
    }
}

/// What is damaged and missing, as text.
fn findings(said: &Value) -> Vec<String> {
    let mut found = list(said, "lost", |lost| {
        let [epoch, offset, resumed, first, next] =
            ["epoch", "offset", "resumed", "first_lsn", "next_lsn"].map(|field| number(lost, field));
        format!("damaged {epoch} {offset}..{resumed} {first}..{next}")
    });
    found.extend(list(said, "missing", |lost| {
        format!("missing {}..{}", number(lost, "first_lsn"), number(lost, "next_lsn"))
    }));
    found.extend(list(said, "header_damaged", |epoch| format!("header {epoch}")));
    found
}

fn finding(err: &Error) -> String {
    let epoch = |path: &Path| (1..10).find(|&epoch| path_of(epoch) == path).unwrap();
    match err {
        Error::Damaged { path, offset, resumed, first_lsn, next_lsn } => {
            format!("damaged {} {offset}..{resumed} {first_lsn}..{next_lsn}", epoch(path))
        }
        Error::Missing { first_lsn, next_lsn, .. } => format!("missing {first_lsn}..{next_lsn}"),
        Error::HeaderDamaged { path } => format!("header {}", epoch(path)),
        other => other.to_string(),
    }
}

#[test]
fn logs_of_another_implementation_are_read_as_it_reads_them() {
    for case in CASES {
        let (files, said) = load(case);
        let before = content(&*files);
        let log = Log::open(DIR, options(&files)).unwrap();
        assert_eq!(
            (log.start().0, log.end().0),
            (number(&said, "start"), number(&said, "next_lsn")),
            "{case}"
        );
        let torn = said["torn"]
            .as_object()
            .map(|_| (path_of(number(&said["torn"], "epoch")), number(&said["torn"], "offset")));
        assert_eq!(log.torn(), torn, "{case}");
        let (found, mut errors) = serve(log.read_from(log.start()).unwrap());
        same(&found, &records(&said), case);
        let known: Vec<String> = log.damage().iter().map(finding).collect();
        errors.retain(|err| !known.contains(&finding(err)));
        let all: Vec<String> = errors.iter().map(finding).chain(known).collect();
        assert_eq!(all, findings(&said), "{case}");
        assert_eq!(content(&*files), before, "{case}");
    }
}

#[test]
fn logs_of_another_implementation_are_opened_for_writing_as_it_says() {
    for case in CASES {
        let (files, said) = load(case);
        let before = content(&*files);
        let newest = before.len() as u64;
        let wal = Wal::open(DIR, options(&files)).unwrap();
        let next = number(&said, "next_lsn");
        assert_eq!(wal.end(), lsn(next), "{case}");
        let goes_on = &said["open"]["continue"];
        let copies = &said["open"]["copy"];
        if goes_on.is_object() {
            assert!(wal.opened().closed && wal.opened().copied == 0, "{case}: {:?}", wal.opened());
            let (epoch, offset) = (number(goes_on, "epoch"), number(goes_on, "offset"));
            let at = usize::try_from(offset).unwrap();
            let old = segment(&*files, epoch);
            assert_eq!(wal.append(b"on", Durability::Durable).unwrap(), lsn(next), "{case}");
            let new = segment(&*files, epoch);
            assert_eq!(old[..at], new[..at], "{case}");
            // The length and kind of the record stand where the log said it goes on.
            assert_eq!(new[at + 8..at + 13], [2, 0, 0, 0, 1], "{case}");
        } else {
            assert!(!wal.opened().closed, "{case}: {:?}", wal.opened());
            let first = number(copies, "first_lsn");
            assert_eq!(wal.opened().copied, next - first, "{case}");
            let made = segment(&*files, newest + 1);
            let field = |at: usize| u64::from_le_bytes(made[at..at + 8].try_into().unwrap());
            let named =
                ["first_lsn", "predecessor_epoch", "predecessor_end"].map(|name| number(copies, name));
            assert_eq!([56, 72, 80].map(field), named, "{case}");
            assert_eq!(number(copies, "next_lsn"), next);
            assert_eq!(wal.append(b"on", Durability::Durable).unwrap(), lsn(next), "{case}");
        }
        let torn = said["torn"].is_object();
        assert_eq!(wal.opened().torn.is_some(), torn, "{case}");
        let mut expected = records(&said);
        expected.push((next, b"on".to_vec()));
        let (found, _) = serve(wal.read_from(wal.start()).unwrap());
        same(&found, &expected, case);
        // What was damaged or missing is as it was; nothing else changed but the newest segment.
        if findings(&said).iter().any(|finding| !finding.starts_with("torn")) {
            let kept = content(&*files);
            for (path, bytes) in before.iter().take(before.len() - 1) {
                assert!(kept.contains(&(path.clone(), bytes.clone())), "{case}: {}", path.display());
            }
        }
    }
}

/// A new log with the id of the golden ones, with segments of one length.
fn begin(len: u64) -> (Arc<dyn Files>, Wal) {
    let files: Arc<dyn Files> = Arc::new(MemFiles::new());
    let mut options = options(&files).segment_bytes(len, len);
    options.log_id = Some(ID);
    let wal = Wal::open(DIR, options).unwrap();
    (files, wal)
}

#[track_caller]
fn written_as(files: &Arc<dyn Files>, case: &str) {
    let expected = content(&*load(case).0);
    let mut found = content(&**files);
    found.retain(|(path, _)| !path.ends_with("LOCK"));
    let names = |files: &[(std::path::PathBuf, Vec<u8>)]| {
        files.iter().map(|(path, bytes)| (path.clone(), bytes.len())).collect::<Vec<_>>()
    };
    assert_eq!(names(&found), names(&expected), "{case}");
    for ((path, found), (_, expected)) in found.iter().zip(&expected) {
        let differ = (0..found.len()).find(|&at| found[at] != expected[at]);
        assert_eq!(differ, None, "{case}: {} differs at this byte", path.display());
    }
}

/// What `closed`, `killed` and `reopened` have in common.
fn begin_basic() -> (Arc<dyn Files>, Wal) {
    let (files, wal) = begin(12 << 10);
    for bytes in [Vec::new(), b"a".to_vec(), counting(7), counting(8), counting(9), counting(500)] {
        wal.append(&bytes, Durability::Durable).unwrap();
    }
    (files, wal)
}

#[test]
fn the_writer_makes_the_bytes_of_the_other_implementation() {
    let (files, wal) = begin_basic();
    written_as(&files, "killed");
    wal.close().unwrap();
    written_as(&files, "closed");
    let wal = Wal::open(DIR, options(&files)).unwrap();
    wal.append(b"again", Durability::Durable).unwrap();
    written_as(&files, "reopened");

    let (files, wal) = begin(12 << 10);
    wal.append_batch(&[b"one", b"two..two", &counting(20)], Durability::Durable).unwrap();
    wal.truncate(lsn(2)).unwrap();
    wal.close().unwrap();
    written_as(&files, "batch");
}

#[test]
fn a_record_of_two_parts_has_the_bytes_of_the_other_implementation() {
    let (files, wal) = begin(1_069_056);
    let long = counting((1 << 20) + 5);
    wal.append(&long, Durability::Durable).unwrap();
    wal.close().unwrap();
    let made = segment(&*files, 1);
    assert_eq!(made.len(), 1_069_056);
    // The CRC-32 of the file that the other implementation made, without a megabyte of it in the tree.
    assert_eq!(keepstone_format::crc32(&made), LONG_CRC);
    let wal = Wal::open(DIR, options(&files)).unwrap();
    assert_eq!(read(&wal).unwrap(), [(1, long)]);
}

const LONG_CRC: u32 = 0xc1d6_121a;
