//! A snapshot that was put together from FORMAT.md by a program that shares no code with this one.

use keepstone_format::{LogPosition, Metadata};
use keepstone_storage::{MemFiles, snapshot::Writer};

use super::{bytes_of, open_bytes, path};

const RAW: &[u8] = include_bytes!("../golden/snapshot/snapshot-v1-raw.keep");

fn position() -> LogPosition {
    LogPosition { log_id: std::array::from_fn(|at| u8::try_from(at).unwrap()), lsn: 1000 }
}

fn vectors() -> Vec<f32> {
    (0..3_u8).flat_map(|row| (0..4_u8).map(move |at| f32::from(row) + f32::from(at) / 4.0)).collect()
}

#[test]
fn the_snapshot_is_read() {
    let snapshot = open_bytes(RAW).unwrap();
    assert_eq!(snapshot.head().log_position(), Some(position()));
    assert_eq!(snapshot.bytes(), RAW.len() as u64);
    let found: Vec<_> =
        snapshot.arrays().map(|array| (array.name(), array.width(), array.rows(), array.is_raw())).collect();
    assert_eq!(found, [("vectors", 4, 3, true), ("ids", 1, 3, true), ("deleted", 1, 1, true)]);
    assert_eq!(snapshot.view::<f32>("vectors").unwrap(), vectors());
    assert_eq!(snapshot.view::<u64>("ids").unwrap(), [10, 20, 30]);
    assert_eq!(snapshot.view::<u8>("deleted").unwrap(), [4]);
}

#[test]
fn the_snapshot_is_written_to_the_byte() {
    let files = MemFiles::new();
    let mut head = Metadata::new();
    head.set_log_position(position());
    let mut writer = Writer::create(&files, path(), head).unwrap();
    writer.rows("vectors", 4, &vectors()).unwrap();
    writer.array("ids", &[10_u64, 20, 30]).unwrap();
    writer.array("deleted", &[4_u8]).unwrap();
    writer.commit().unwrap();
    let bytes = bytes_of(&files);
    let differ = bytes.iter().zip(RAW).position(|(one, other)| one != other);
    assert!(bytes == RAW, "the bytes differ at {differ:?}, {} and {} long", bytes.len(), RAW.len());
}
