use std::io;
use std::num::NonZeroUsize;

use keepstone_format::{
    Codec, Error, FileKind, Limits, Metadata, ReadAt, Reader, SectionId, VerifyReport, Writer, WriterOptions,
};

use crate::random::Random;

const MIB: usize = 1 << 20;

/// Coded and raw sections of many units of work, and small and empty ones.
fn large() -> Vec<u8> {
    let mut random = Random(9);
    let codec = Codec::default();
    let codec = if codec.is_built() { codec } else { Codec::None };
    let mut writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::SAVE).codec(codec)).unwrap();
    let data = random.bytes(5 * MIB + 1000);
    writer.coded_from(SectionId(0x1000), 0, &[&data]).unwrap();
    writer.raw_from(SectionId(0x1000), 1, &[&data]).unwrap();
    for instance in 2..40 {
        writer.coded_from(SectionId(0x1000), instance, &[&data[..100]]).unwrap();
    }
    writer.raw_from(SectionId(0x1000), 40, &[]).unwrap();
    let options = keepstone_format::SectionOptions::new(Codec::None);
    writer.coded_from_with(SectionId(0x1000), 41, &[&data], options).unwrap();
    writer.finish(Metadata::new()).unwrap().0
}

fn verify(bytes: &[u8], threads: Option<usize>) -> (VerifyReport, Vec<String>) {
    let reader = Reader::open(bytes, Limits::for_file_len(bytes.len() as u64)).unwrap();
    let mut damage = Vec::new();
    let mut on_damage = |error: Error| damage.push(error.to_string());
    let report = match threads.and_then(NonZeroUsize::new) {
        Some(threads) => reader.verify_with(threads, &mut on_damage),
        None => reader.verify(&mut on_damage),
    };
    (report.unwrap(), damage)
}

#[test]
fn threads_report_the_same_damage_in_the_same_order() {
    let mut bytes = large();
    for threads in [1, 2, 5, 64] {
        let (report, damage) = verify(&bytes, Some(threads));
        assert_eq!((report, damage), verify(&bytes, None));
        assert_eq!((report.damaged, report.sections), (0, 42));
    }
    let (body, footer) = (bytes.len() / 100, bytes.len() - 8000);
    for at in (body..footer).step_by(MIB / 3) {
        bytes[at] ^= 0x20;
    }
    let (report, damage) = verify(&bytes, None);
    assert!(report.damaged > 8 && damage.len() as u64 == report.damaged);
    for threads in [1, 2, 5] {
        assert_eq!(verify(&bytes, Some(threads)), (report, damage.clone()), "{threads} threads");
    }
}

/// A source that fails at one place.
struct Failing {
    bytes: Vec<u8>,
    at: u64,
}

impl ReadAt for Failing {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        if (offset..offset + buf.len() as u64).contains(&self.at) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.bytes.read_exact_at(offset, buf)
    }
}

#[test]
fn a_source_that_fails_ends_the_verification() {
    let bytes = large();
    let at = bytes.len() as u64 / 2;
    let reader = Reader::open(Failing { bytes, at }, Limits::default()).unwrap();
    for threads in [1, 2, 5] {
        let threads = NonZeroUsize::new(threads).unwrap();
        let result = reader.verify_with(threads, &mut |error| panic!("{error}"));
        assert!(matches!(result, Err(Error::Io { .. })), "{threads} threads");
    }
}
