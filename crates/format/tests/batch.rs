//! Sections that are written together and read together, on any number of threads.

use std::borrow::Cow;
use std::cell::Cell;
use std::io::{self, Cursor, Write};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use keepstone_format::{
    Codec, CodedSection, Error, FileKind, Filter, Kind, Limits, Memory, Metadata, Reader, Section, SectionId,
    SectionOptions, Seeking, Writer, WriterOptions,
};

use crate::random::Random;

const MIB: usize = 1 << 20;
const ID: SectionId = SectionId(0x1234);
const LENGTHS: [usize; 8] = [0, 1, 9, 3000, MIB - 1, MIB, MIB + 1, 2 * MIB + 5];
const THREADS: [usize; 4] = [1, 2, 3, 64];

struct Planned {
    bytes: Vec<u8>,
    cuts: Vec<usize>,
    options: SectionOptions,
}

impl Planned {
    fn pieces(&self) -> Vec<&[u8]> {
        let mut rest = &self.bytes[..];
        let mut cut = |len: &usize| {
            let (piece, tail) = rest.split_at(*len);
            rest = tail;
            piece
        };
        self.cuts.iter().map(&mut cut).collect()
    }
}

fn threads(threads: usize) -> NonZeroUsize {
    NonZeroUsize::new(threads).unwrap()
}

fn options(count: usize, epoch: u64) -> WriterOptions {
    WriterOptions::new(FileKind::SNAPSHOT).codec(Codec::None).store([3; 16], epoch).threads(threads(count))
}

fn codecs() -> Vec<Codec> {
    [Codec::None, Codec::Lz4, Codec::Zstd].into_iter().filter(|codec| codec.is_built()).collect()
}

/// Sections of all codecs, with and without a filter.
fn plan(random: &mut Random) -> Vec<Planned> {
    let codecs = codecs();
    (0..=random.below(5))
        .map(|_| {
            let len = random.pick(&LENGTHS);
            let filter = random.pick(&[Filter::None, Filter::None, Filter::Shuffle { width: 12 }]);
            let chunk_len = random.pick(&[1 << 20, 1 << 20, 4 << 10, 100_001]);
            let options = SectionOptions::new(random.pick(&codecs)).zstd_level(1).filter(filter);
            let options = options.chunk_len(chunk_len);
            Planned { bytes: random.bytes(len), cuts: random.cuts(len), options }
        })
        .collect()
}

/// Writes one section before, the plan in one call, and one section behind.
fn write(plan: &[Planned], options: WriterOptions) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    writer.coded_from(SectionId(0x1000), 0, &[b"before"]).unwrap();
    let pieces: Vec<Vec<&[u8]>> = plan.iter().map(Planned::pieces).collect();
    let section = |((instance, planned), pieces): ((u32, &Planned), _)| {
        CodedSection::new(ID, instance, pieces, planned.options)
    };
    let pieces = pieces.iter().map(Vec::as_slice);
    let sections: Vec<CodedSection<'_>> = (0..).zip(plan).zip(pieces).map(section).collect();
    writer.coded_all(&sections).unwrap();
    writer.coded_from(SectionId(0x1000), 1, &[b"behind"]).unwrap();
    writer.finish(Metadata::new()).unwrap().0
}

/// The same, section by section, by one thread.
fn write_alone(plan: &[Planned], options: WriterOptions) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    writer.coded_from(SectionId(0x1000), 0, &[b"before"]).unwrap();
    for (instance, planned) in (0..).zip(plan) {
        let mut section = writer.coded_with(ID, instance, planned.options).unwrap();
        planned.pieces().iter().for_each(|piece| section.write_all(piece).unwrap());
        section.finish().unwrap();
    }
    writer.coded_from(SectionId(0x1000), 1, &[b"behind"]).unwrap();
    writer.finish(Metadata::new()).unwrap().0
}

/// Some MiB, of which each codec has a part.
fn large() -> Vec<u8> {
    let plan: Vec<Planned> = (0..)
        .zip(codecs())
        .map(|(seed, codec)| {
            let mut random = Random(0x51ed_270b + seed);
            let bytes = [random.bytes(MIB), vec![7; MIB], random.bytes(MIB / 2)].concat();
            let cuts = vec![bytes.len()];
            Planned { bytes, cuts, options: SectionOptions::new(codec).zstd_level(1) }
        })
        .collect();
    write(&plan, options(2, 0))
}

#[test]
fn any_number_of_threads_writes_the_same_bytes() {
    for seed in 1..7_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let plan = plan(&mut random);
        let epoch = random.pick(&[0, 5]);
        let expected = write_alone(&plan, options(1, epoch));
        for count in THREADS {
            assert!(write(&plan, options(count, epoch)) == expected, "seed {seed}, {count} threads");
        }
    }
}

#[test]
fn any_number_of_threads_reads_what_was_written() {
    for seed in 1..5_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let plan = plan(&mut random);
        let bytes = write(&plan, options(2, 5));
        let lent = Reader::open(&bytes[..], Limits::default()).unwrap();
        let copied = Reader::open(Seeking::new(Cursor::new(&bytes)).unwrap(), Limits::default()).unwrap();
        // In another order than that of the file.
        let sections: Vec<&Section> = lent.sections().iter().rev().collect();
        for count in THREADS {
            let one = lent.read_many(&sections, threads(count)).unwrap();
            let other = copied.read_many(&sections, threads(count)).unwrap();
            assert!(one == other, "seed {seed}");
            for (section, chunks) in sections.iter().zip(&one) {
                assert_eq!(chunks.len(), section.chunk_count() as usize);
                assert!(*chunks.concat() == *lent.read(section).unwrap(), "seed {seed}, {count} threads");
                let entries = lent.chunk_entries(section);
                let is_borrowed = |chunk: &Cow<'_, [u8]>| matches!(chunk, Cow::Borrowed(_));
                let are_as_stored = chunks
                    .iter()
                    .zip(entries)
                    .all(|(chunk, entry)| is_borrowed(chunk) == (entry.codec == 0 && entry.filter == 0));
                assert!(are_as_stored, "what is stored as it is is borrowed, and nothing else");
            }
        }
    }
}

#[test]
fn raw_sections_are_read_with_what_stands_around_them() {
    let mut writer = Writer::new(Vec::new(), options(1, 0)).unwrap();
    let long = vec![9; 2 * MIB + 1];
    writer.raw_from(ID, 0, &[&long]).unwrap();
    writer.raw_from(ID, 1, &[]).unwrap();
    let mut bytes = writer.finish(Metadata::new()).unwrap().0;
    let (long_section, empty) = {
        let reader = Reader::open(&bytes[..], Limits::default()).unwrap();
        let read = reader.read_many(&reader.sections().iter().collect::<Vec<_>>(), threads(2)).unwrap();
        assert_eq!(read.iter().map(Vec::len).collect::<Vec<_>>(), [3, 0]);
        assert!(read[0].concat() == long);
        (reader.sections()[0], reader.sections()[1])
    };
    // The checksum of no checksums, behind the header of the empty section.
    bytes[usize::try_from(empty.offset() + empty.span()).unwrap() - 8] ^= 1;
    let reader = Reader::open(&bytes[..], Limits::default()).unwrap();
    reader.read_many(&[&long_section], threads(2)).unwrap();
    let error = reader.read_many(&[&long_section, &empty], threads(2)).unwrap_err();
    assert_eq!(error.kind(), Kind::Damaged, "{error}");
}

#[test]
fn the_first_damage_is_reported_by_any_number_of_threads() {
    let bytes = large();
    let (start, end) = {
        let reader = Reader::open(&bytes[..], Limits::default()).unwrap();
        let last = reader.sections().last().unwrap();
        (reader.sections()[0].offset(), last.offset() + last.span())
    };
    let (start, end) = (usize::try_from(start).unwrap(), usize::try_from(end).unwrap());
    let mut random = Random(11);
    for round in 0..16 {
        let mut damaged = bytes.clone();
        for _ in 0..=round % 4 {
            damaged[start + random.below(end - start)] ^= 16;
        }
        let reader = Reader::open(&damaged[..], Limits::default()).unwrap();
        let sections: Vec<&Section> = reader.sections().iter().collect();
        let first = sections.iter().find_map(|section| reader.read(section).err()).unwrap();
        for count in THREADS {
            let error = reader.read_many(&sections, threads(count)).unwrap_err();
            assert_eq!(error.to_string(), first.to_string(), "{count} threads");
        }
    }
}

#[test]
fn the_limit_is_that_of_all_sections_together() {
    let bytes = large();
    let mut limits = Limits::default();
    let open = |limits| Reader::open(&bytes[..], limits).unwrap();
    let needs: u64 = open(limits).sections().iter().map(Section::decoded_len).sum();
    limits.decoded_max = needs - 1;
    let reader = open(limits);
    let sections: Vec<&Section> = reader.sections().iter().collect();
    let error = reader.read_many(&sections, threads(2)).unwrap_err();
    assert!(matches!(error, Error::Limit { needs: n, allowed, .. } if (n, allowed) == (needs, needs - 1)));
    reader.read_many(&sections[1..], threads(2)).unwrap();
    limits.decoded_max = needs;
    open(limits).read_many(&sections, threads(2)).unwrap();
}

#[test]
fn sections_of_another_container_are_misuse() {
    let (one, other) = (large(), write(&[], options(1, 0)));
    let reader = Reader::open(&one[..], Limits::default()).unwrap();
    let other = Reader::open(&other[..], Limits::default()).unwrap();
    let error = reader.read_many(&[&reader.sections()[0], &other.sections()[1]], threads(2)).unwrap_err();
    assert_eq!(error.kind(), Kind::Misuse, "{error}");
}

#[test]
fn a_batch_that_is_refused_leaves_the_writer_as_it_was() {
    let (good, long) = (SectionOptions::new(Codec::None), vec![1; 3 * MIB]);
    let wrong = [good.zstd_level(20), good.filter(Filter::Shuffle { width: 1 })];
    for count in THREADS {
        let mut writer = Writer::new(Vec::new(), options(count, 0)).unwrap();
        writer.coded_from(ID, 0, &[b"first"]).unwrap();
        let before = writer.bytes();
        let pieces: [&[u8]; 1] = [&long];
        let batch = |instance, options| {
            [CodedSection::new(ID, 1, &pieces, good), CodedSection::new(ID, instance, &pieces, options)]
        };
        for instance in [0, 1] {
            let error = writer.coded_all(&batch(instance, good)).unwrap_err();
            assert!(matches!(error, Error::DuplicateSection { instance: i, .. } if i == instance), "{error}");
        }
        for options in wrong {
            assert_eq!(writer.coded_all(&batch(2, options)).unwrap_err().kind(), Kind::Misuse);
        }
        assert_eq!(writer.bytes(), before);
        writer.coded_all(&[]).unwrap();
        writer.coded_all(&batch(2, good)).unwrap();
        let (bytes, written) = writer.finish(Metadata::new()).unwrap();
        assert_eq!((written.sections, written.chunks), (3, 7));
        Reader::open(bytes, Limits::default()).unwrap().verify(&mut |error| panic!("{error}")).unwrap();
    }
}

/// Takes so many bytes, then fails or panics.
struct Full {
    left: Rc<Cell<usize>>,
    panics: bool,
}

impl Write for Full {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.left.get() == 0 {
            assert!(!self.panics, "planted");
            return Err(io::ErrorKind::StorageFull.into());
        }
        let len = buf.len().min(self.left.get());
        self.left.set(self.left.get() - len);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_writer_that_fails_or_panics_ends_all_threads_and_poisons_the_container() {
    let long = Random(5).bytes(2 * MIB);
    let pieces: [&[u8]; 1] = [&long];
    // Something that is encoded, whatever is built.
    let options_of = match codecs().get(1) {
        Some(&codec) => SectionOptions::new(codec),
        None => SectionOptions::new(Codec::None).filter(Filter::Shuffle { width: 4 }),
    };
    let batch = [0, 1, 2].map(|instance| CodedSection::new(ID, instance, &pieces, options_of));
    let bytes = {
        let mut writer = Writer::new(Vec::new(), options(1, 0)).unwrap();
        writer.coded_all(&batch).unwrap();
        usize::try_from(writer.bytes()).unwrap()
    };
    for panics in [false, true] {
        for left in [72, 100, bytes / 2, bytes - 1] {
            for count in [1, 2, 8] {
                let full = Full { left: Rc::new(Cell::new(left)), panics };
                let mut writer = Writer::new(full, options(count, 0)).unwrap();
                let result = catch_unwind(AssertUnwindSafe(|| writer.coded_all(&batch)));
                match result {
                    Ok(result) => {
                        let error = result.unwrap_err();
                        assert!(!panics && matches!(error, Error::Io { .. }), "{error}");
                    }
                    Err(_) => assert!(panics),
                }
                assert!(matches!(writer.finish(Metadata::new()), Err(Error::Poisoned)));
            }
        }
    }
}

#[test]
fn a_writer_with_the_memory_of_another_writes_what_one_without_writes() {
    let mut random = Random(11);
    let mut memory = Memory::default();
    for count in [1, 3, 1, 2] {
        let bytes = random.bytes(MIB + 5);
        let write = |memory: Memory| {
            let options = WriterOptions::new(FileKind::SNAPSHOT).chunk_len(64 << 10).threads(threads(count));
            let mut writer = Writer::new(Vec::new(), options).unwrap().memory(memory);
            writer.coded_from(ID, 0, &[&bytes]).unwrap();
            let memory = writer.take_memory();
            writer.coded_from(ID, 1, &[&bytes[..9]]).unwrap();
            (writer.finish(Metadata::new()).unwrap().0, memory)
        };
        let (expected, _) = write(Memory::default());
        let (written, used) = write(memory);
        assert!(written == expected, "{count} threads");
        let reader = Reader::open(written, Limits::default()).unwrap();
        let section = reader.find(ID, 0).unwrap();
        assert_eq!(section.chunk_count(), 17);
        assert!(*reader.read(section).unwrap() == *bytes);
        memory = used;
    }
}

#[test]
fn chunks_of_other_lengths_than_readers_take_are_refused() {
    for len in [0, 1, (4 << 10) - 1, (1 << 20) + 1, u32::MAX] {
        let options = WriterOptions::new(FileKind::SNAPSHOT).codec(Codec::None).chunk_len(len);
        let err = Writer::new(Vec::new(), options).err().unwrap();
        assert!(matches!(err, Error::Misuse { .. }), "{len}: {err}");
    }
}
