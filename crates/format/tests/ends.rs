use std::cell::Cell;
use std::io;

use keepstone_format::{
    Codec, Error, FileKind, Limits, Metadata, ReadAt, Reader, SectionId, Writer, WriterOptions,
};

use crate::random::Random;

/// Lends nothing, and counts what is asked for.
struct Counted<'a> {
    bytes: &'a [u8],
    reads: Cell<u32>,
}

impl<'a> Counted<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, reads: Cell::new(0) }
    }
}

impl ReadAt for &Counted<'_> {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.reads.set(self.reads.get() + 1);
        self.bytes.read_exact_at(offset, buf)
    }
}

/// Lends what begins behind the first bytes.
struct LendsLate<'a>(&'a [u8]);

impl ReadAt for LendsLate<'_> {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(offset, buf)
    }

    fn borrow(&self, offset: u64, len: usize) -> Option<&[u8]> {
        self.0.borrow(offset, len).filter(|_| offset >= 100)
    }
}

/// Small sections before and behind one of `len` random bytes.
fn container(len: usize) -> Vec<u8> {
    let options = WriterOptions::new(FileKind::WORLD).codec(Codec::None);
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    writer.coded_from(SectionId::SCHEMA, 0, &[b"what comes first"]).unwrap();
    writer.raw_from(SectionId(0x1000), 0, &[b"raw and early"]).unwrap();
    writer.coded_from(SectionId::VALUES, 0, &[&Random(len as u64).bytes(len)]).unwrap();
    writer.coded_from(SectionId::RANKS, 0, &[b"what comes last"]).unwrap();
    writer.finish(Metadata::new()).unwrap().0
}

fn read_all(source: impl ReadAt) -> Result<Vec<Vec<u8>>, Error> {
    let reader = Reader::open(source, Limits::default())?;
    reader.sections().iter().map(|section| Ok(reader.read(section)?.into_owned())).collect()
}

/// Lengths about which the ends meet, and some above.
const LENGTHS: [usize; 9] = [0, 1, 4000, 8000, 11_000, 11_700, 12_000, 13_000, 100_000];

#[test]
fn every_way_of_reading_a_file_yields_the_same() {
    for len in LENGTHS {
        let bytes = container(len);
        let lent = read_all(bytes.as_slice()).unwrap();
        assert_eq!(lent[2].len(), len);
        assert!(read_all(&Counted::new(&bytes)).unwrap() == lent, "{len}");
        assert!(read_all(LendsLate(&bytes)).unwrap() == lent, "{len}");
    }
}

#[test]
fn two_reads_open_a_file_and_what_lies_at_its_ends() {
    for (len, reads) in [(0, 1), (8000, 1), (13_000, 2), (100_000, 2), (3 << 20, 2)] {
        let bytes = container(len);
        let source = Counted::new(&bytes);
        let reader = Reader::open(&source, Limits::default()).unwrap();
        for (id, expected) in [(SectionId::SCHEMA, "what comes first"), (SectionId::RANKS, "what comes last")]
        {
            let section = reader.find(id, 0).unwrap();
            assert_eq!(*reader.read(section).unwrap(), *expected.as_bytes());
        }
        assert_eq!(source.reads.get(), reads, "{len}");
    }
}

#[test]
fn a_flipped_bit_is_noticed_alike_in_and_between_the_ends() {
    for len in [11_700, 30_000] {
        let bytes = container(len);
        for at in (0..300).chain((300..bytes.len() - 300).step_by(97)).chain(bytes.len() - 300..bytes.len()) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            let lent = read_all(flipped.as_slice()).unwrap_err();
            let read = read_all(&Counted::new(&flipped)).unwrap_err();
            assert_eq!(read.to_string(), lent.to_string(), "{len}, byte {at}");
        }
    }
}

#[test]
fn every_cut_of_a_file_is_noticed_alike() {
    let bytes = container(12_500);
    for len in (0..bytes.len()).step_by(61).chain(bytes.len() - 100..bytes.len()) {
        let lent = read_all(&bytes[..len]).unwrap_err();
        let read = read_all(&Counted::new(&bytes[..len])).unwrap_err();
        assert_eq!(read.to_string(), lent.to_string(), "{len}");
    }
}
