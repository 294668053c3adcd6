//! Logs of which something changed after it was durable: nothing wrong is served, and all that is right is.

use std::{collections::BTreeSet, sync::Arc};

use keepstone_storage::{Durability, Error, Files, MemFiles, Wal, wal::Log};

use super::{DIR, content, disk, lsn, lsns, open, options, path_of, record, segment, serve};

type Records = Vec<(u64, Vec<u8>)>;

/// A log closed in order, with several groups and a batch in each of several segments.
pub(super) struct Sample {
    pub(super) segments: Vec<(u64, Vec<u8>)>,
    pub(super) records: Records,
    /// Where the newest segment ended after each of its groups, and the LSN there; first where it began.
    ends: Vec<(u64, u64)>,
}

impl Sample {
    pub(super) fn new() -> Self {
        let files: Arc<dyn Files> = Arc::new(MemFiles::new());
        let mut options = options(&files).segment_bytes(12 << 10, 12 << 10);
        options.log_id = Some([7; 16]);
        let wal = Wal::open(DIR, options).unwrap();
        let (mut records, mut ends) = (Records::new(), Vec::new());
        for lens in
            [&[0, 90][..], &[1500], &[1900], &[8, 9, 1], &[1700], &[1900], &[40], &[3, 0, 70], &[600], &[5]]
        {
            let first = wal.end().0;
            let group: Records = (first..).zip(lens).map(|(lsn, &len)| (lsn, record(lsn, len))).collect();
            let lent: Vec<&[u8]> = group.iter().map(|(_, bytes)| bytes.as_slice()).collect();
            let before = wal.stats().segments;
            wal.append_batch(&lent, Durability::Durable).unwrap();
            records.extend(group);
            if wal.stats().segments > before {
                ends = vec![(8192, first)];
            }
            let log = Log::open(DIR, super::options(&files)).unwrap();
            ends.push((log.segments().last().unwrap().content_end, wal.end().0));
        }
        wal.close().unwrap();
        let count = wal_segments(&files);
        assert!(count >= 3, "{count} segments");
        let segments = (1..=count).map(|epoch| (epoch, segment(&*files, epoch))).collect();
        Self { segments, records, ends }
    }

    /// Where the content of a segment ends: behind it are zeros.
    fn content_end(&self, index: usize) -> usize {
        let bytes = &self.segments[index].1;
        bytes.iter().rposition(|&byte| byte != 0).unwrap() + 1
    }

    pub(super) fn disk_with(&self, index: usize, bytes: &[u8]) -> Arc<dyn Files> {
        let mut segments: Vec<(u64, &[u8])> =
            self.segments.iter().map(|(epoch, bytes)| (*epoch, bytes.as_slice())).collect();
        segments[index].1 = bytes;
        disk(&segments)
    }
}

fn wal_segments(files: &Arc<dyn Files>) -> u64 {
    content(&**files).iter().filter(|(path, _)| path.extension().is_some_and(|it| it == "wal")).count() as u64
}

/// The records that these errors say are lost.
fn lost(errors: &[Error]) -> BTreeSet<u64> {
    let range = |err: &Error| match *err {
        Error::Damaged { first_lsn, next_lsn, .. } | Error::Missing { first_lsn, next_lsn, .. } => {
            first_lsn..next_lsn
        }
        Error::HeaderDamaged { .. } => 0..0,
        ref other => panic!("not damage: {other}"),
    };
    errors.iter().flat_map(range).collect()
}

/// Reads a damaged log: what is served is right, and what is not is named. Answers the LSNs lost, and
/// whether anything was reported.
pub(super) fn check(files: &Arc<dyn Files>, expected: &Records, case: &str) -> Result<(usize, bool), String> {
    let log = Log::open(DIR, options(files)).map_err(|err| format!("{case}: {err}"))?;
    let (found, mut errors) = serve(log.read_from(lsn(1)).map_err(|err| format!("{case}: {err}"))?);
    errors.extend(log.damage().iter().map(copy));
    let lost = lost(&errors);
    let left: Records = expected.iter().filter(|(lsn, _)| !lost.contains(lsn)).cloned().collect();
    if found != left {
        return Err(format!("{case}: served {:?}, said {errors:?}", lsns(&found)));
    }
    Ok((lost.len(), !errors.is_empty()))
}

fn copy(err: &Error) -> Error {
    match err {
        Error::Damaged { path, offset, resumed, first_lsn, next_lsn } => Error::Damaged {
            path: path.clone(),
            offset: *offset,
            resumed: *resumed,
            first_lsn: *first_lsn,
            next_lsn: *next_lsn,
        },
        Error::Missing { path, first_lsn, next_lsn } => {
            Error::Missing { path: path.clone(), first_lsn: *first_lsn, next_lsn: *next_lsn }
        }
        other => Error::HeaderDamaged { path: path_in(other) },
    }
}

fn path_in(err: &Error) -> std::path::PathBuf {
    match err {
        Error::HeaderDamaged { path } => path.clone(),
        other => panic!("not damage: {other}"),
    }
}

/// Every bit of the frames but in long payloads, and some of those and of the headers, whose copies are
/// flipped bit by bit in the tests of their own file.
pub(super) fn flips(sample: &Sample, index: usize) -> Vec<usize> {
    let mut bits: Vec<usize> = (0..8192 * 8).step_by(61).collect();
    let mut starts = frames(&sample.segments[index].1, sample.content_end(index));
    starts.push(sample.content_end(index).next_multiple_of(8));
    for frame in starts.windows(2) {
        let (at, end) = (frame[0], frame[1]);
        let step = if end - at > 120 { 31 } else { 1 };
        bits.extend((at * 8..(at + 16) * 8).chain(((at + 16) * 8..end * 8).step_by(step)));
    }
    bits
}

/// Where the frames of a segment start.
fn frames(bytes: &[u8], content_end: usize) -> Vec<usize> {
    let (mut starts, mut at) = (Vec::new(), 8192);
    while at < content_end {
        starts.push(at);
        let len = u32::from_le_bytes(bytes[at + 8..at + 12].try_into().unwrap());
        at += 16 + usize::try_from(len).unwrap().next_multiple_of(8);
    }
    starts
}

/// Flips bits of a log one by one; the first that is not handled is the error.
pub(super) fn flip(sample: &Sample, step: usize) -> Result<(u64, u64), String> {
    let (mut flipped, mut reported) = (0, 0);
    for index in 0..sample.segments.len() {
        let mut bytes = sample.segments[index].1.clone();
        for bit in flips(sample, index).into_iter().step_by(step) {
            bytes[bit / 8] ^= 1 << (bit % 8);
            let files = sample.disk_with(index, &bytes);
            let case = format!("segment {}, byte {}, bit {}", index + 1, bit / 8, bit % 8);
            let (lost, said) = check(&files, &sample.records, &case)?;
            if said && bit < 8192 * 8 {
                return Err(format!("{case}: one copy of a header that is damaged costs more than that"));
            }
            if lost > 1 {
                return Err(format!("{case}: {lost} records are lost by one bit"));
            }
            bytes[bit / 8] ^= 1 << (bit % 8);
            flipped += 1;
            reported += u64::from(said);
        }
    }
    Ok((flipped, reported))
}

#[test]
fn any_flipped_bit_costs_one_record_at_most_and_serves_no_wrong_one() {
    let sample = Sample::new();
    let (flipped, reported) = flip(&sample, 1).unwrap();
    println!("{flipped} bits flipped, {reported} reported");
    // Those of frames are, but for the closing mark; those of one copy of a header change nothing.
    assert!(reported > flipped / 2 && reported < flipped, "{reported} of {flipped}");
}

#[test]
fn a_damaged_log_is_opened_for_writing_goes_on_and_is_left_as_it_is() {
    let sample = Sample::new();
    for index in 0..sample.segments.len() {
        let end = sample.content_end(index);
        for bit in (8192 * 8..end * 8).step_by(211) {
            let mut bytes = sample.segments[index].1.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let files = sample.disk_with(index, &bytes);
            let case = format!("segment {}, bit {bit}", index + 1);
            let wal = open(&files).unwrap();
            let next = wal.append(b"next", Durability::Durable).unwrap();
            assert_eq!(next, lsn(sample.records.len() as u64 + 1), "{case}");
            wal.close().unwrap();
            let mut expected = sample.records.clone();
            expected.push((next.0, b"next".to_vec()));
            let (lost, said) = check(&files, &expected, &case).unwrap();
            assert!(lost <= 1, "{case}");
            // A closing mark that is lost says nothing, but its segment is not written to either.
            let newest = index + 1 == sample.segments.len();
            assert!(said || newest, "{case}");
            assert_eq!(segment(&*files, index as u64 + 1)[..end], bytes[..end], "{case}");
        }
    }
}

#[test]
fn a_header_that_is_lost_in_both_copies_is_reported_and_costs_no_record() {
    let sample = Sample::new();
    for index in 0..sample.segments.len() {
        for at in [0, 12, 48, 56, 72, 80, 100, 124, 4000] {
            let mut bytes = sample.segments[index].1.clone();
            bytes[at] ^= 1;
            bytes[4096 + at] ^= 1;
            let files = sample.disk_with(index, &bytes);
            let case = format!("segment {}, both copies at {at}", index + 1);
            assert_eq!(check(&files, &sample.records, &case), Ok((0, true)));
            let wal = open(&files).unwrap();
            let damage = &wal.opened().damage;
            let path = path_of(index as u64 + 1);
            assert!(
                matches!(&damage[..], [Error::HeaderDamaged { path: found }] if *found == path),
                "{case}: {damage:?}"
            );
            wal.append(b"next", Durability::Durable).unwrap();
            wal.close().unwrap();
            let mut expected = sample.records.clone();
            expected.push((expected.len() as u64 + 1, b"next".to_vec()));
            assert_eq!(check(&files, &expected, &case), Ok((0, true)));
            assert!(segment(&*files, index as u64 + 1) == bytes, "{case}: the damaged segment is changed");
        }
    }
}

#[test]
fn a_lost_header_and_a_flipped_bit_in_any_frame_together_serve_no_wrong_record() {
    // A header was lost in both copies and the first frame damaged: the first LSN was taken from the successor,
    // and the records behind the damage were served under LSNs 65,536 too high.
    let sample = Sample::new();
    for index in 0..sample.segments.len() {
        let mut bytes = sample.segments[index].1.clone();
        bytes[..8192].fill(0);
        for frame in frames(&bytes, sample.content_end(index)) {
            bytes[frame + 20] ^= 2;
            let files = sample.disk_with(index, &bytes);
            let case = format!("segment {}, header and frame at {frame}", index + 1);
            let (lost, said) = check(&files, &sample.records, &case).unwrap();
            assert!(lost <= 1 && said, "{case}: {lost}");
            let wal = open(&files).unwrap();
            let next = wal.append(b"next", Durability::Durable).unwrap();
            wal.close().unwrap();
            let mut expected = sample.records.clone();
            expected.push((next.0, b"next".to_vec()));
            assert_eq!(check(&files, &expected, &case), Ok((lost, true)));
            bytes[frame + 20] ^= 2;
        }
    }
}

#[test]
fn the_newest_segment_cut_at_any_length_keeps_what_is_whole() {
    let sample = Sample::new();
    let index = sample.segments.len() - 1;
    let bytes = &sample.segments[index].1;
    let end = sample.content_end(index);
    let short = (0..8192).step_by(61);
    for len in short.chain(8192..=end + 64).chain([bytes.len() - 1, bytes.len()]) {
        let files = sample.disk_with(index, &bytes[..len]);
        let before = content(&*files);
        let log = Log::open(DIR, options(&files)).unwrap();
        // A group counts once its records are whole; its mark may be cut.
        let group = sample.ends.windows(2).rev().find(|pair| pair[1].0 - 40 <= len as u64);
        let next = group.map_or(sample.ends[0].1, |pair| pair[1].1);
        assert_eq!(log.end(), lsn(next), "cut at {len}");
        let (found, errors) = serve(log.read_from(lsn(1)).unwrap());
        let expected = &sample.records[..usize::try_from(next - 1).unwrap()];
        assert!(
            found == expected && errors.is_empty() && log.damage().is_empty(),
            "cut at {len}: {errors:?}"
        );
        assert!(content(&*files) == before, "cut at {len}");
        if len % 16 == 0 {
            let wal = open(&files).unwrap();
            assert_eq!(wal.append(b"next", Durability::Durable).unwrap(), lsn(next), "cut at {len}");
            wal.close().unwrap();
            let mut expected = expected.to_vec();
            expected.push((next, b"next".to_vec()));
            assert_eq!(check(&files, &expected, "cut"), Ok((0, false)), "cut at {len}");
        }
    }
}

#[test]
fn an_older_segment_cut_at_any_length_names_what_is_lost() {
    let sample = Sample::new();
    for index in 0..sample.segments.len() - 1 {
        for len in (0..sample.content_end(index)).step_by(37) {
            let files = sample.disk_with(index, &sample.segments[index].1[..len]);
            let (_, said) = check(&files, &sample.records, &format!("cut at {len}")).unwrap();
            assert!(said, "cut at {len}");
        }
    }
}

#[test]
fn one_flipped_bit_among_ten_thousand_records_costs_one_of_them() {
    let files: Arc<dyn Files> = Arc::new(MemFiles::new());
    let options = options(&files).segment_bytes(64 << 10, 256 << 10);
    let wal = Wal::open(DIR, options.clone()).unwrap();
    for i in 1..=10_000 {
        let durability = if i % 100 == 0 { Durability::Durable } else { Durability::Buffered };
        wal.append(&record(i, 50), durability).unwrap();
    }
    wal.close().unwrap();
    let half = 5000_u64;
    let needle = record(half, 50);
    let log = Log::open(DIR, options.clone()).unwrap();
    let at = log.segments().find(|it| it.first <= lsn(half) && lsn(half) < it.behind).unwrap();
    drop(log);
    let before = segment(&*files, at.epoch);
    let offset = before.windows(50).position(|window| window == needle).unwrap();
    files.open_rw(&at.path).unwrap().write_all_at(&[before[offset] ^ 4], offset as u64).unwrap();
    let damaged = content(&*files);

    let log = Log::open(DIR, options.clone()).unwrap();
    let (found, errors) = serve(log.read_from(lsn(1)).unwrap());
    let others: Vec<u64> = (1..=10_000).filter(|&lsn| lsn != half).collect();
    assert_eq!(lsns(&found), others);
    assert!(found.iter().all(|(lsn, bytes)| *bytes == record(*lsn, 50)));
    let frame = offset as u64 - 16;
    assert!(
        matches!(&errors[..], [Error::Damaged { path, offset, resumed, first_lsn: 5000, next_lsn: 5001 }]
            if *path == at.path && *offset == frame && *resumed == frame + 16 + 56),
        "{errors:?}"
    );
    assert!(content(&*files) == damaged);

    let wal = Wal::open(DIR, options).unwrap();
    assert!(content(&*files) == damaged, "opening changed a file");
    assert_eq!(wal.append(b"next", Durability::Durable).unwrap(), lsn(10_001));
    let (found, errors) = serve(wal.read_from(lsn(1)).unwrap());
    assert_eq!((found.len(), errors.len()), (10_000, 1));
    assert!(wal.opened().closed);
    assert!(
        at.epoch != 1 + content(&*files).len() as u64 && segment(&*files, at.epoch).len() == before.len()
    );
}
