//! The whole of a container read into memory and checked on the way, and parts of it checked where they are.

use std::io::{self, Cursor};
use std::num::NonZeroUsize;
use std::sync::Mutex;

use keepstone_format::{
    Codec, Error, FileKind, Kind, Limits, Metadata, ReadAt, Reader, Section, SectionId, SectionLayout,
    SectionOptions, Seeking, Writer, WriterOptions,
};

use crate::forge::{Part, Piece, forge, sample};
use crate::random::Random;

const MIB: usize = 1 << 20;
const THREADS: [usize; 4] = [1, 2, 3, 64];

/// Long and short, raw and coded, empty and not; with metadata at both ends.
fn large() -> Vec<u8> {
    let mut random = Random(3);
    let data = random.bytes(3 * MIB + 1000);
    let (mut head, mut tail) = (Metadata::new(), Metadata::new());
    head.set_name("n");
    tail.set_entity_count(5);
    let options = WriterOptions::new(FileKind::SNAPSHOT).codec(Codec::None).head(head);
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    writer.raw_from(SectionId(0x1000), 0, &[&data]).unwrap();
    writer.coded_from(SectionId(0x1000), 1, &[&data[..2 * MIB + 5]]).unwrap();
    writer.raw_from(SectionId(0x1000), 2, &[]).unwrap();
    writer.coded_from(SectionId(0x1000), 3, &[]).unwrap();
    writer.raw_from(SectionId(0x1000), 4, &[&data[..2 * MIB]]).unwrap();
    if Codec::Lz4.is_built() {
        let options = SectionOptions::new(Codec::Lz4);
        writer.coded_from_with(SectionId(0x1000), 5, &[&vec![1; 2 * MIB], &data[..9]], options).unwrap();
    }
    writer.raw_from(SectionId(0x1000), 6, &[b"short"]).unwrap();
    writer.finish(tail).unwrap().0
}

/// A source that lends nothing, as a file is.
fn copied(bytes: &[u8]) -> Seeking<Cursor<&[u8]>> {
    Seeking::new(Cursor::new(bytes)).unwrap()
}

fn threads(threads: usize) -> NonZeroUsize {
    NonZeroUsize::new(threads).unwrap()
}

/// Loads from a source and answers the memory.
fn load(source: impl ReadAt + Sync, count: usize) -> Result<Vec<u8>, Error> {
    let len = usize::try_from(source.len()).unwrap();
    let reader = Reader::open(source, Limits::default())?;
    // What was in the memory before is not there behind.
    let mut dest = vec![0xEE; len];
    reader.load(&mut dest, threads(count))?;
    Ok(dest)
}

#[test]
fn what_is_loaded_is_the_file_to_its_last_byte() {
    let empty = Writer::new(Vec::new(), WriterOptions::new(FileKind::WORLD).codec(Codec::None)).unwrap();
    let empty = empty.finish(Metadata::new()).unwrap().0;
    for bytes in [large(), sample().bytes, empty] {
        for count in THREADS {
            assert!(load(&bytes[..], count).unwrap() == bytes, "lent, {count} threads");
            assert!(load(copied(&bytes), count).unwrap() == bytes, "copied, {count} threads");
        }
    }
}

#[test]
fn behind_a_load_sections_are_read_from_memory() {
    let bytes = large();
    let reader = Reader::open(copied(&bytes), Limits::default()).unwrap();
    let mut dest = vec![0; bytes.len()];
    reader.load(&mut dest, threads(2)).unwrap();
    let crc = reader.container_crc();
    let reader = reader.with_source(dest);
    assert_eq!((reader.container_crc(), reader.bytes()), (crc, bytes.len() as u64));
    assert_eq!((reader.head().name(), reader.tail().entity_count()), (Some("n"), Some(5)));
    let whole = Reader::open(&bytes[..], Limits::default()).unwrap();
    assert_eq!(reader.sections(), whole.sections());
    for section in reader.sections() {
        assert!(reader.read(section).unwrap() == whole.read(section).unwrap());
        assert_eq!(section.raw_offset().is_some(), section.layout() == SectionLayout::Raw);
        if let Some(offset) = section.raw_offset() {
            assert!(offset.is_multiple_of(64));
            let (start, len) =
                (usize::try_from(offset).unwrap(), usize::try_from(section.decoded_len()).unwrap());
            assert!(reader.view_raw(section).unwrap() == &bytes[start..start + len]);
            assert_eq!(reader.view_raw(section).unwrap().as_ptr(), reader.source()[start..].as_ptr());
        }
    }
    assert_eq!(reader.into_inner(), bytes);
}

#[test]
fn another_source_than_the_one_that_was_opened_is_an_error_and_no_panic() {
    let bytes = sample().bytes;
    for other in [Vec::new(), bytes[..bytes.len() / 2].to_vec(), vec![7; bytes.len()]] {
        let reader = Reader::open(bytes.clone(), Limits::default()).unwrap().with_source(other);
        let whole = Reader::open(&bytes[..], Limits::default()).unwrap();
        for section in reader.sections() {
            // Of a small file some bytes were kept; what is read is what its checksums say.
            let read = reader.read(section);
            assert!(read.is_err() || read.unwrap() == whole.read(section).unwrap());
            let checked = reader.check(section, 0..section.chunk_count(), threads(2));
            assert_eq!(checked.is_ok(), reader.read(section).is_ok());
        }
        assert!(reader.load(&mut vec![0; bytes.len()], threads(1)).is_err());
    }
}

#[test]
fn memory_of_another_length_is_refused() {
    let bytes = sample().bytes;
    let reader = Reader::open(copied(&bytes), Limits::default()).unwrap();
    for len in [0, 1, bytes.len() - 1, bytes.len() + 1, 2 * bytes.len()] {
        let mut dest = vec![0xEE; len];
        let error = reader.load(&mut dest, threads(2)).unwrap_err();
        assert!(matches!(error, Error::Misuse { .. }), "{error}");
        assert_eq!(error.kind(), Kind::Misuse);
        assert_eq!(dest, vec![0xEE; len], "nothing was written");
    }
}

#[test]
fn every_flipped_bit_is_found_by_a_load() {
    let bytes = sample().bytes;
    for at in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[at / 8] ^= 1 << (at % 8);
        let error = load(copied(&flipped), 1 + at % 2).unwrap_err();
        assert_eq!(error.kind(), Kind::Damaged, "bit {at}: {error}");
        assert_eq!(load(&flipped[..], 1).unwrap_err().to_string(), error.to_string());
    }
}

#[test]
fn the_first_damage_in_the_file_is_reported_by_any_number_of_threads() {
    let bytes = large();
    let reader = Reader::open(&bytes[..], Limits::default()).unwrap();
    let footer = {
        let last = reader.sections().last().unwrap();
        usize::try_from(last.offset() + last.span()).unwrap()
    };
    let start = usize::try_from(reader.sections()[0].offset()).unwrap();
    let mut random = Random(7);
    for round in 0..60 {
        let mut damaged = bytes.clone();
        for _ in 0..=round % 5 {
            let at = start + random.below(footer - start);
            damaged[at] ^= 4;
        }
        let reader = Reader::open(&damaged[..], Limits::default()).unwrap();
        // Behind its sections a container was checked when it was opened.
        let mut first = None;
        let mut on_damage = |error: Error| {
            first.get_or_insert(error.to_string());
        };
        reader.verify(&mut on_damage).unwrap();
        let first = first.unwrap();
        for count in THREADS {
            assert_eq!(load(copied(&damaged), count).unwrap_err().to_string(), first, "{count} threads");
            assert_eq!(load(&damaged[..], count).unwrap_err().to_string(), first, "{count} threads");
        }
    }
}

#[test]
fn chunks_of_a_codec_that_is_not_known_are_loaded_and_not_decoded() {
    let parts = [Part::Coded(0x1000, 0, vec![Piece::coded(0x85, 100, b"private")])];
    let bytes = forge(0, &parts).bytes;
    let loaded = load(copied(&bytes), 1).unwrap();
    assert_eq!(loaded, bytes);
    let reader = Reader::open(loaded, Limits::default()).unwrap();
    let section = reader.sections()[0];
    reader.check(&section, 0..1, threads(1)).unwrap();
    assert_eq!(reader.read(&section).unwrap_err().kind(), Kind::Newer);
}

#[test]
fn a_check_finds_the_damage_in_its_chunks_and_no_other() {
    let bytes = large();
    let whole = Reader::open(&bytes[..], Limits::default()).unwrap();
    for section in whole.sections() {
        let mut offset = section.raw_offset().unwrap_or(section.offset());
        for (index, entry) in (0_u32..).zip(whole.chunk_entries(section)) {
            let at = match section.layout() {
                SectionLayout::Raw => offset,
                SectionLayout::Coded => offset + 40,
            };
            if entry.stored_len > 0 {
                let mut damaged = bytes.clone();
                damaged[usize::try_from(at).unwrap() + usize::try_from(entry.stored_len / 2).unwrap()] ^= 1;
                check_ranges(&damaged, section, index, at);
            }
            offset += match section.layout() {
                SectionLayout::Raw => entry.stored_len.into(),
                SectionLayout::Coded => (40 + u64::from(entry.stored_len)).next_multiple_of(8),
            };
        }
    }
}

/// All ranges of chunks: those that hold `bad` are refused there, the others pass.
fn check_ranges(bytes: &[u8], section: &Section, bad: u32, offset: u64) {
    let (lent, copied) = (
        Reader::open(bytes, Limits::default()).unwrap(),
        Reader::open(copied(bytes), Limits::default()).unwrap(),
    );
    for start in 0..=section.chunk_count() {
        for end in start..=section.chunk_count() {
            for count in [1, 2] {
                let checked = lent.check(section, start..end, threads(count));
                let again = copied.check(section, start..end, threads(count));
                assert_eq!(checked.is_err(), (start..end).contains(&bad), "{start}..{end} of {section:?}");
                assert_eq!(checked.is_err(), again.is_err());
                if let Err(error) = checked {
                    assert!(matches!(error, Error::Checksum { offset: at, .. } if at == offset), "{error}");
                }
            }
        }
    }
}

#[test]
fn what_stands_around_a_raw_section_is_checked_with_its_first_piece() {
    let bytes = large();
    let whole = Reader::open(&bytes[..], Limits::default()).unwrap();
    for section in whole.sections().iter().filter(|section| section.layout() == SectionLayout::Raw) {
        let raw = section.raw_offset().unwrap();
        let behind = raw + section.decoded_len();
        let places = (section.offset()..raw).chain(behind..section.offset() + section.span());
        for at in places {
            let mut damaged = bytes.clone();
            damaged[usize::try_from(at).unwrap()] ^= 0x80;
            let reader = Reader::open(&damaged[..], Limits::default()).unwrap();
            let count = section.chunk_count();
            assert!(reader.check(section, 0..count, threads(2)).is_err(), "byte {at} of {section:?}");
            assert!(reader.check(section, 0..count.min(1), threads(1)).is_err());
            if count > 1 {
                reader.check(section, 1..count, threads(1)).unwrap();
            }
        }
    }
}

#[test]
fn chunks_that_are_not_there_and_sections_of_others_are_misuse() {
    let (bytes, other) = (sample().bytes, large());
    let reader = Reader::open(&bytes[..], Limits::default()).unwrap();
    for section in reader.sections() {
        let count = section.chunk_count();
        #[expect(clippy::reversed_empty_ranges, reason = "that is what is asked for")]
        for chunks in [0..count + 1, count + 1..count + 1, 1..0, 0..u32::MAX, u32::MAX..u32::MAX, u32::MAX..0]
        {
            let error = reader.check(section, chunks.clone(), threads(2)).unwrap_err();
            assert!(matches!(error, Error::Misuse { .. }), "{chunks:?} of {count}: {error}");
        }
        reader.check(section, 0..count, threads(64)).unwrap();
    }
    let other = Reader::open(&other[..], Limits::default()).unwrap();
    let error = reader.check(&other.sections()[0], 0..0, threads(1)).unwrap_err();
    assert!(matches!(error, Error::Misuse { .. }), "{error}");
}

/// A source of which a part can't be read once it was opened.
#[derive(Debug)]
struct Broken<'b> {
    bytes: &'b [u8],
    from: u64,
    error: io::ErrorKind,
    is_open: Mutex<bool>,
}

impl ReadAt for Broken<'_> {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        if *self.is_open.lock().unwrap() && offset + buf.len() as u64 > self.from {
            return Err(self.error.into());
        }
        self.bytes.read_exact_at(offset, buf)
    }
}

#[test]
fn a_source_that_fails_is_an_error_of_the_source_and_damage_before_it_comes_first() {
    let mut bytes = large();
    let section = Reader::open(&bytes[..], Limits::default()).unwrap().sections()[0];
    let piece = usize::try_from(section.raw_offset().unwrap()).unwrap() + MIB + 5;
    for is_damaged in [false, true] {
        if is_damaged {
            bytes[piece] ^= 1;
        }
        for error in [io::ErrorKind::UnexpectedEof, io::ErrorKind::StorageFull] {
            for from in [0, 2 * MIB + 500, 5 * MIB, bytes.len() - 1] {
                for count in THREADS {
                    let is_open = Mutex::new(false);
                    let source = Broken { bytes: &bytes, from: from as u64, error, is_open };
                    let reader = Reader::open(&source, Limits::default()).unwrap();
                    *source.is_open.lock().unwrap() = true;
                    let found = reader.load(&mut vec![0; bytes.len()], threads(count)).unwrap_err();
                    // The frame of the first section ends behind its last piece, and is read with the first.
                    let is_first = is_damaged && from >= 5 * MIB;
                    match found {
                        Error::Checksum { offset, .. } if is_first => {
                            assert_eq!(offset, (piece - 5) as u64);
                        }
                        Error::Io { source, .. } if !is_first => assert_eq!(source.kind(), error),
                        other => panic!("{from}, {count} threads: {other}"),
                    }
                }
            }
        }
    }
}
