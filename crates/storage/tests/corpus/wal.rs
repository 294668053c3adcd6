//! What holds for any bytes that are read as the segments of a log.
//!
//! An input is segments, each `frames length u16 | epoch u8 | 128 bytes of header | frames`: without what is
//! zero or there twice.

use std::{path::Path, sync::Arc};

use keepstone_storage::{
    Durability, Error, Files, Lsn, MemFiles, Wal, WalOptions,
    wal::{Log, Reader},
};

const DIR: &str = "log";
const HEAD: usize = 3;
const HEADER: usize = 128;
const FRAME: usize = 16;
const MARK: u8 = 2;
const SEGMENTS_MAX: usize = 8;

/// Opens the log in every way; what one way reads the others do, and it can be appended to.
pub(crate) fn check(bytes: &[u8]) {
    let Some(files) = disk(bytes) else { return };
    let options =
        WalOptions::default().files(Arc::clone(&files)).segment_bytes(12 << 10, 64 << 10).background(false);
    let log = match Log::open(DIR, options.clone()) {
        Ok(log) => log,
        Err(err) => {
            // What can't be read is not written to either.
            let refused = Wal::open(DIR, options).expect_err("a writer takes what a reader refuses");
            return assert_eq!(refused.to_string(), err.to_string());
        }
    };
    let (start, end) = (log.start(), log.end());
    assert!(start <= end, "{start}..{end}");
    let (records, errors) = whole(log.read_from(start).unwrap());
    assert!(records.is_sorted_by_key(|(lsn, _)| *lsn), "LSNs ascend");
    assert!(records.iter().all(|(lsn, _)| (start.0..end.0).contains(lsn)), "{start}..{end}");
    let (parts, found) = in_parts(log.read_from(start).unwrap());
    assert_eq!(errors, found);
    assert!(parts == records, "parts make up other records");
    drop(log);

    let wal = Wal::open(DIR, options.clone()).expect("a writer refuses what a reader takes");
    assert_eq!((wal.start(), wal.end()), (start, end));
    let (mut served, _) = whole(wal.read_from(start).unwrap());
    assert!(served == records, "a writer serves other records");
    let lsn = wal.append(b"next", Durability::Durable).unwrap();
    assert_eq!(lsn, end);
    wal.close().unwrap();
    served.push((lsn.0, b"next".to_vec()));
    let log = Log::open(DIR, options).unwrap();
    let lsns = |records: &Records| records.iter().map(|(lsn, _)| *lsn).collect::<Vec<_>>();
    let (again, errors) = whole(log.read_from(start).unwrap());
    assert_eq!(lsns(&again), lsns(&served), "after an append: {errors:?}");
    assert!(again == served, "after an append");
}

type Records = Vec<(u64, Vec<u8>)>;

fn whole(mut reader: Reader) -> (Records, Vec<String>) {
    let (mut records, mut errors) = (Records::new(), Vec::new());
    loop {
        match reader.next() {
            Ok(Some(record)) => records.push((record.lsn.0, record.bytes.to_vec())),
            Ok(None) => return (records, errors),
            Err(err) => said(&mut errors, &err),
        }
    }
}

fn in_parts(mut reader: Reader) -> (Records, Vec<String>) {
    let (mut records, mut errors) = (Records::new(), Vec::new());
    let mut begun: Option<(Lsn, Vec<u8>)> = None;
    loop {
        match reader.next_part() {
            Ok(Some(part)) => {
                let mut record = begun.take().unwrap_or((part.lsn, Vec::new()));
                assert!(record.0 == part.lsn && part.first == record.1.is_empty());
                record.1.extend_from_slice(part.bytes);
                if part.last {
                    records.push((record.0.0, record.1));
                } else {
                    begun = Some(record);
                }
            }
            Ok(None) => return (records, errors),
            Err(err) => {
                begun = None;
                said(&mut errors, &err);
            }
        }
    }
}

fn said(errors: &mut Vec<String>, err: &Error) {
    assert!(matches!(err, Error::Damaged { .. } | Error::Missing { .. }), "{err:?}");
    errors.push(err.to_string());
    assert!(errors.len() < 10_000, "a reader comes to an end");
}

/// One segment of an input.
struct Segment {
    epoch: u64,
    /// Where in the input its header and its frames start, and where they end.
    header_at: usize,
    end: usize,
}

fn segments(bytes: &[u8]) -> Vec<Segment> {
    let (mut segments, mut at) = (Vec::new(), 0);
    while let Some([l0, l1, epoch, ..]) = bytes.get(at..) {
        let header_at = at + HEAD;
        let end = header_at + HEADER + usize::from(u16::from_le_bytes([*l0, *l1]));
        if segments.len() == SEGMENTS_MAX || end > bytes.len() {
            break;
        }
        segments.push(Segment { epoch: u64::from(*epoch).max(1), header_at, end });
        at = end;
    }
    segments
}

fn disk(bytes: &[u8]) -> Option<Arc<dyn Files>> {
    let files = MemFiles::new();
    files.create_dir(Path::new(DIR)).unwrap();
    let segments = segments(bytes);
    for Segment { epoch, header_at, end } in &segments {
        let (header, frames) = bytes[*header_at..*end].split_at(HEADER);
        let path = Path::new(DIR).join(format!("{epoch:016x}.wal"));
        // A second segment of the same epoch takes nothing away.
        let Ok(file) = files.create_new(&path) else { continue };
        for (part, offset) in
            [(header, 0), (header, 4096), (frames, 8192), (&[0; 64], 8192 + frames.len() as u64)]
        {
            file.write_all_at(part, offset).unwrap();
        }
    }
    (!segments.is_empty()).then(|| Arc::new(files) as Arc<dyn Files>)
}

/// Makes checksums right again, of the records and truncations that still follow one another.
///
/// Headers and marks that were changed stay damaged: who forges those knows the log id, and a writer's own word
/// for what is durable is believed.
pub(crate) fn reseal(bytes: &mut [u8]) {
    for Segment { epoch, header_at, end } in segments(bytes) {
        let segment = &mut bytes[header_at..end];
        let (header, frames) = segment.split_at_mut(HEADER);
        let base = crc32(crc32(0, &header[32..48]), &epoch.to_le_bytes());
        let mut at = 0;
        while let Some(head) = frames.get(at..at + FRAME) {
            let len = u32::from_le_bytes([head[8], head[9], head[10], head[11]]) as usize;
            let Some(frame) =
                frames.get_mut(at..).and_then(|rest| rest.get_mut(..FRAME + len.next_multiple_of(8)))
            else {
                break;
            };
            if frame[12] != MARK {
                let seed = base ^ u32::try_from((8192 + at) / 8).unwrap();
                let head_crc = crc32(seed, &frame[8..FRAME]);
                frame[4..8].copy_from_slice(&head_crc.to_le_bytes());
                let body_crc = crc32(seed, &frame[4..]);
                frame[..4].copy_from_slice(&body_crc.to_le_bytes());
            }
            at += frame.len();
        }
    }
}

/// CRC-32, begun from the CRC of what came before.
fn crc32(begin: u32, bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!begin, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}
