use std::io::{Cursor, Write};

use keepstone_format::{
    Codec, FileKind, Limits, Metadata, ReadAt, Reader, SectionId, SectionLayout, Seeking, Writer,
    WriterOptions,
};

use crate::random::Random;

const MIB: usize = 1 << 20;
const LENGTHS: [usize; 14] = [0, 0, 1, 7, 8, 9, 63, 64, 65, 3000, MIB - 1, MIB, MIB + 1, 2 * MIB + 3];

struct Planned {
    layout: SectionLayout,
    bytes: Vec<u8>,
    cuts: Vec<usize>,
}

impl Planned {
    fn pieces(&self) -> Vec<&[u8]> {
        let mut rest = &self.bytes[..];
        let mut pieces = Vec::new();
        for cut in &self.cuts {
            let (piece, tail) = rest.split_at(*cut);
            pieces.push(piece);
            rest = tail;
        }
        pieces
    }
}

fn options(codec: Codec, epoch: u64) -> WriterOptions {
    WriterOptions::new(FileKind::SNAPSHOT).codec(codec).store([3; 16], epoch)
}

fn plan(random: &mut Random) -> Vec<Planned> {
    (0..random.below(7))
        .map(|_| {
            let layout = random.pick(&[SectionLayout::Coded, SectionLayout::Coded, SectionLayout::Raw]);
            let len = random.pick(&LENGTHS);
            Planned { layout, bytes: random.bytes(len), cuts: random.cuts(len) }
        })
        .collect()
}

/// Writes all sections from slices, or all as streams.
fn write(plan: &[Planned], options: WriterOptions, is_streamed: bool) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    for (instance, section) in (0..).zip(plan) {
        let (id, pieces) = (SectionId(0x1234), section.pieces());
        match (section.layout, is_streamed) {
            (SectionLayout::Coded, false) => writer.coded_from(id, instance, &pieces).unwrap(),
            (SectionLayout::Raw, false) => writer.raw_from(id, instance, &pieces).unwrap(),
            (SectionLayout::Coded, true) => {
                let mut stream = writer.coded(id, instance).unwrap();
                for piece in pieces {
                    stream.write_all(piece).unwrap();
                }
                stream.finish().unwrap();
            }
            (SectionLayout::Raw, true) => {
                let mut stream = writer.raw(id, instance, section.bytes.len() as u64).unwrap();
                for piece in pieces {
                    stream.write_all(piece).unwrap();
                }
                stream.finish().unwrap();
            }
        }
    }
    let (bytes, written) = writer.finish(Metadata::new()).unwrap();
    assert_eq!(written.bytes, bytes.len() as u64);
    assert_eq!(written.raw_bytes, plan.iter().map(|section| section.bytes.len() as u64).sum::<u64>());
    bytes
}

fn read(plan: &[Planned], source: impl ReadAt, seed: u64) {
    let reader = Reader::open(source, Limits::default()).unwrap();
    let report = reader.verify(&mut |error| panic!("seed {seed}: {error}")).unwrap();
    assert_eq!((report.damaged, report.undecoded), (0, 0), "seed {seed}");
    assert_eq!(reader.sections().len(), plan.len());
    for (instance, planned) in (0..).zip(plan) {
        let section = reader.find(SectionId(0x1234), instance).unwrap();
        assert_eq!((section.layout(), section.decoded_len()), (planned.layout, planned.bytes.len() as u64));
        assert!(*reader.read(section).unwrap() == planned.bytes, "seed {seed}, section {instance}");
        let mut out = b"kept".to_vec();
        reader.read_into(section, &mut out).unwrap();
        assert!(out[..4] == *b"kept" && out[4..] == planned.bytes, "seed {seed}, section {instance}");
        let chunks: Vec<_> = reader.chunks(section).unwrap().map(Result::unwrap).collect();
        assert!(chunks.concat() == planned.bytes, "seed {seed}, section {instance}");
        assert_eq!(chunks.len(), section.chunk_count() as usize);
        let (mut lending, mut lent) = (reader.chunks(section).unwrap(), Vec::new());
        while let Some(chunk) = lending.next_chunk().unwrap() {
            lent.extend_from_slice(chunk);
        }
        assert!(lent == planned.bytes, "seed {seed}, section {instance}");
    }
}

fn round_trips(codec: Codec, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let plan = plan(&mut random);
        let epoch = random.pick(&[0, 0, 1, u64::MAX]);
        let bytes = write(&plan, options(codec, epoch), false);
        assert!(
            bytes == write(&plan, options(codec, epoch), true),
            "seed {seed}: a stream writes other bytes"
        );
        read(&plan, bytes.as_slice(), seed);
        read(&plan, Seeking::new(Cursor::new(&bytes)).unwrap(), seed);
        let streamed: Vec<_> =
            crate::stream::read(&bytes).unwrap().into_iter().map(|(_, bytes)| bytes).collect();
        assert!(
            streamed == plan.iter().map(|section| section.bytes.clone()).collect::<Vec<_>>(),
            "seed {seed}"
        );
    }
}

#[test]
fn random_sections_survive_without_a_codec() {
    round_trips(Codec::None, 1..25);
}

#[test]
#[cfg(feature = "lz4")]
fn random_sections_survive_with_lz4() {
    round_trips(Codec::Lz4, 100..115);
}

#[test]
#[cfg(feature = "zstd")]
fn random_sections_survive_with_zstd() {
    round_trips(Codec::Zstd, 200..207);
}

#[test]
fn sections_that_are_in_one_piece_are_borrowed() {
    let mut writer = Writer::new(Vec::new(), options(Codec::None, 0)).unwrap();
    let long = vec![9; MIB + 1];
    writer.coded_from(SectionId(0x2000), 0, &[b"short"]).unwrap();
    writer.coded_from(SectionId(0x2000), 1, &[&long]).unwrap();
    writer.raw_from(SectionId(0x2000), 2, &[&long]).unwrap();
    let (bytes, _) = writer.finish(Metadata::new()).unwrap();

    let is_borrowed = |cow| matches!(cow, std::borrow::Cow::Borrowed(_));
    let reader = Reader::open(&bytes[..], Limits::default()).unwrap();
    let section = |instance| reader.find(SectionId(0x2000), instance).unwrap();
    assert!(is_borrowed(reader.read(section(0)).unwrap()));
    assert!(!is_borrowed(reader.read(section(1)).unwrap()));
    assert!(is_borrowed(reader.read(section(2)).unwrap()));
    assert!(reader.chunks(section(1)).unwrap().all(|chunk| is_borrowed(chunk.unwrap())));
    let view = reader.view_raw(section(2)).unwrap();
    assert_eq!((view.as_ptr().addr() - bytes.as_ptr().addr()) % 64, 0);
    assert!(view == long);

    let reader = Reader::open(Seeking::new(Cursor::new(&bytes)).unwrap(), Limits::default()).unwrap();
    let raw = reader.find(SectionId(0x2000), 2).unwrap();
    assert!(matches!(reader.view_raw(raw), Err(keepstone_format::Error::Misuse { .. })));
    assert!(*reader.read(raw).unwrap() == long);
}
