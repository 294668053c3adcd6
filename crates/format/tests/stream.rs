use std::io::{self, Read};

use keepstone_format::{
    Codec, Error, FileKind, Kind, Limits, Metadata, Reader, SectionId, SectionLayout, StreamReader, Writer,
    WriterOptions,
};

use crate::forge::{Part, Piece, forge, reseal, reseal_frame, sample};
use crate::random::Random;

const MIB: usize = 1 << 20;

/// Hands out few bytes at a time, and is interrupted in between.
struct Dribble<'a> {
    rest: &'a [u8],
    random: Random,
}

impl Read for Dribble<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let most = self.random.pick(&[0, 1, 5, 4096, usize::MAX]);
        if most == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = buf.len().min(most);
        self.rest.read(&mut buf[..len])
    }
}

type Sections = Vec<((SectionId, u32), Vec<u8>)>;

/// Reads sections as they come, and checks what is known about their parts.
pub(crate) fn read(bytes: &[u8]) -> Result<Sections, Error> {
    let source = Dribble { rest: bytes, random: Random(1 + bytes.len() as u64) };
    let mut reader = StreamReader::new(source, Limits::default())?;
    let (mut sections, mut next): (Sections, _) = (Vec::new(), 0);
    while let Some(part) = reader.next_part()? {
        let name = (part.id, part.instance);
        assert_eq!(part.index, next, "parts of a section come in order");
        if part.index == 0 {
            sections.push((name, Vec::new()));
        }
        let (last_name, section) = sections.last_mut().unwrap();
        assert_eq!(*last_name, name);
        section.extend_from_slice(part.bytes);
        next = if part.is_last { 0 } else { part.index + 1 };
    }
    assert_eq!(next, 0, "the last section was ended");
    assert_eq!((reader.bytes(), reader.sections().len()), (bytes.len() as u64, sections.len()));
    assert!(reader.tail().is_some());
    assert!(reader.next_part()?.is_none(), "the end stays the end");
    Ok(sections)
}

/// What a reader that seeks makes of the same bytes; an error when anything is damaged.
fn read_seeking(bytes: &[u8]) -> Result<Sections, Error> {
    let reader = Reader::open(bytes, Limits::default())?;
    let mut first = None;
    reader.verify(&mut |error| first = Some(first.take().unwrap_or(error)))?;
    if let Some(error) = first {
        return Err(error);
    }
    let contents = |section: &keepstone_format::Section| {
        Ok(((section.id(), section.instance()), reader.read(section)?.into_owned()))
    };
    reader.sections().iter().map(contents).collect()
}

/// A container with whatever codecs and filters there are.
fn coded_sample() -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::SAVE).codec(Codec::None)).unwrap();
    let text = b"all work and no play ".repeat(20);
    let codecs = [Codec::None, Codec::Lz4, Codec::Zstd].into_iter().filter(|codec| codec.is_built());
    for (instance, codec) in (0..).zip(codecs) {
        let options = keepstone_format::SectionOptions::new(codec);
        writer.coded_from_with(SectionId(0x1000), instance, &[&text], options).unwrap();
        let options = options.filter(keepstone_format::Filter::Shuffle { width: 4 });
        writer.coded_from_with(SectionId(0x1001), instance, &[&text], options).unwrap();
    }
    let mut tail = Metadata::new();
    tail.set_entity_count(3);
    writer.finish(tail).unwrap().0
}

#[test]
fn a_stream_yields_what_a_seeking_reader_does() {
    for bytes in [sample().bytes, coded_sample()] {
        let sections = read(&bytes).unwrap();
        assert_eq!(sections, read_seeking(&bytes).unwrap());
        assert!(sections.len() >= 2);
    }
    let bytes = sample().bytes;
    let mut reader = StreamReader::new(&bytes[..], Limits::default()).unwrap();
    assert_eq!((reader.header().epoch, reader.head().name()), (5, Some("name")));
    assert!(reader.tail().is_none());
    while reader.next_part().unwrap().is_some() {}
    assert_eq!(reader.tail().unwrap().entity_count(), Some(2));
    let seeking = Reader::open(&bytes[..], Limits::default()).unwrap();
    assert_eq!(reader.sections(), seeking.sections());
}

#[test]
fn every_truncation_is_noticed() {
    for bytes in [sample().bytes, coded_sample()] {
        for len in 0..bytes.len() {
            let error = read(&bytes[..len]).unwrap_err();
            assert!(matches!(error, Error::Truncated { .. } | Error::NoEndMark { .. }), "{len}: {error}");
            assert_eq!(error.kind(), Kind::Damaged);
        }
    }
}

#[test]
fn bytes_behind_the_container_are_noticed() {
    let bytes = sample().bytes;
    for more in [1, 8, 64, 100_000] {
        let longer = [&bytes[..], &vec![0; more]].concat();
        assert!(matches!(read(&longer), Err(Error::NoEndMark { .. })), "{more}");
    }
    let doubled = [&bytes[..], &bytes].concat();
    assert_eq!(read(&doubled).unwrap_err().kind(), Kind::Damaged);
    let mut reader = StreamReader::new(doubled.take(bytes.len() as u64), Limits::default()).unwrap();
    while reader.next_part().unwrap().is_some() {}
}

#[test]
fn every_flipped_bit_is_noticed() {
    for bytes in [sample().bytes, coded_sample()] {
        for at in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            let error = read(&flipped).unwrap_err();
            assert_eq!(error.kind(), Kind::Damaged, "bit {at}: {error}");
        }
    }
}

#[test]
fn a_flipped_bit_is_noticed_before_the_chunk_or_the_end_of_the_raw_section_is_lent() {
    let bytes = sample().bytes;
    let whole = read(&bytes).unwrap();
    for at in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[at / 8] ^= 1 << (at % 8);
        let Ok(mut reader) = StreamReader::new(&flipped[..], Limits::default()) else { continue };
        let mut lent: Vec<((SectionId, u32), Vec<u8>)> = Vec::new();
        while let Ok(Some(part)) = reader.next_part() {
            if part.index == 0 {
                lent.push(((part.id, part.instance), Vec::new()));
            }
            lent.last_mut().unwrap().1.extend_from_slice(part.bytes);
        }
        for (lent, whole) in lent.iter().zip(&whole) {
            assert!(lent.0 == whole.0 && whole.1.starts_with(&lent.1), "bit {at}");
        }
    }
}

#[test]
fn streams_and_seeking_readers_agree_on_random_changes_under_right_checksums() {
    let forged = sample();
    let frames: Vec<_> = [b"KCHK", b"KRAW"]
        .iter()
        .flat_map(|magic| (0..forged.footer).filter(|&at| forged.bytes[at..].starts_with(*magic)))
        .collect();
    let (mut random, mut whole) = (Random(21), 0);
    for round in 0..6000 {
        let mut bytes = forged.bytes.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len());
            let any = random.next().to_le_bytes()[0];
            bytes[at] = random.pick(&[0, 1, 2, 7, 8, 0x7f, 0x80, 0xff, any]);
        }
        for &frame in &frames {
            reseal_frame(5, &mut bytes[frame..frame + 40]);
        }
        if bytes[56..60] == forged.bytes[56..60] {
            reseal(&mut bytes);
        }
        match (read(&bytes), read_seeking(&bytes)) {
            (Ok(streamed), Ok(sought)) => {
                whole += 1;
                assert_eq!(streamed, sought, "round {round}");
            }
            (Err(_), Err(_)) => {}
            (streamed, sought) => panic!("round {round}: {streamed:?} {sought:?}"),
        }
    }
    assert!(whole > 200, "only {whole} of the files were whole");
}

#[test]
fn chunks_out_of_order_are_refused() {
    let chunk = |index: usize| {
        let forged = sample();
        let at = forged.bytes.windows(4).position(|window| window == b"KCHK").unwrap() + 48 * index;
        forged.bytes[at..at + 48].to_vec()
    };
    let start = sample().bytes.windows(4).position(|window| window == b"KCHK").unwrap();
    for order in [[1, 0], [0, 0], [0, 2], [1, 2]] {
        let mut bytes = sample().bytes;
        bytes.splice(start..start + 96, order.iter().flat_map(|&index| chunk(index)));
        let error = read(&bytes).unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{order:?}: {error}");
    }
}

#[test]
fn a_chunk_that_cannot_be_decoded_is_passed_over() {
    let bytes = forge(
        0,
        &[
            Part::Coded(1, 0, vec![Piece::coded(3, 100, b"newer?")]),
            Part::Coded(1, 1, vec![Piece { filter: 2, ..Piece::stored(b"filtered") }]),
            Part::Coded(1, 2, vec![Piece::stored(b"plain")]),
        ],
    )
    .bytes;
    let mut reader = StreamReader::new(&bytes[..], Limits::default()).unwrap();
    assert!(matches!(reader.next_part(), Err(Error::UnknownCodec { id: 3, .. })));
    assert!(matches!(reader.next_part(), Err(Error::UnknownFilter { id: 2, .. })));
    assert_eq!(reader.next_part().unwrap().unwrap().bytes, b"plain");
    assert!(reader.next_part().unwrap().is_none());
}

#[test]
fn a_stream_that_failed_stays_failed() {
    let mut bytes = sample().bytes;
    let at = bytes.windows(8).position(|window| window == b"abcdefgh").unwrap();
    bytes[at] ^= 1;
    let mut reader = StreamReader::new(&bytes[..], Limits::default()).unwrap();
    assert_eq!(reader.next_part().unwrap().unwrap().bytes, b"12345678");
    assert!(matches!(reader.next_part(), Err(Error::Checksum { .. })));
    for _ in 0..2 {
        let error = reader.next_part().unwrap_err();
        assert!(matches!(error, Error::StreamFailed) && error.kind() == Kind::Poisoned);
    }
}

#[test]
fn the_last_piece_of_a_raw_section_comes_when_all_are_right() {
    let mut random = Random(8);
    let data = random.bytes(2 * MIB + 9);
    let mut writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::SAVE).codec(Codec::None)).unwrap();
    writer.raw_from(SectionId(0x1000), 0, &[&data]).unwrap();
    let bytes = writer.finish(Metadata::new()).unwrap().0;
    assert!(read(&bytes).unwrap()[0].1 == data);
    let start = bytes.windows(64).position(|window| *window == data[..64]).unwrap();
    for at in [start, start + MIB, start + 2 * MIB + 8, start + 2 * MIB + 16] {
        let mut flipped = bytes.clone();
        flipped[at] ^= 4;
        let mut reader = StreamReader::new(&flipped[..], Limits::default()).unwrap();
        for index in 0..2 {
            let part = reader.next_part().unwrap().unwrap();
            assert_eq!((part.index, part.is_last, part.layout), (index, false, SectionLayout::Raw));
        }
        assert!(matches!(reader.next_part(), Err(Error::Checksum { .. })), "{at}");
    }
}

#[test]
fn limits_hold_for_streams_too() {
    let bytes = sample().bytes;
    let fail = |limits| {
        let mut reader = StreamReader::new(&bytes[..], limits).unwrap();
        loop {
            match reader.next_part() {
                Ok(part) => assert!(part.is_some()),
                Err(error) => return error,
            }
        }
    };
    let mut limits = Limits::default();
    limits.sections_max = 4;
    assert!(matches!(fail(limits), Error::Limit { needs: 5, allowed: 4, .. }));
    let mut limits = Limits::default();
    limits.decoded_max = 300;
    assert!(matches!(fail(limits), Error::Limit { needs: 328.., allowed: 300, .. }));
}

#[test]
fn a_hostile_length_of_a_raw_section_reserves_nothing() {
    let mut bytes = forge(0, &[Part::Raw(1, 0, vec![7; 100])]).bytes;
    let at = bytes.windows(4).position(|window| window == b"KRAW").unwrap();
    for len in [u64::MAX, 1 << 60, 1 << 40, 101] {
        bytes[at + 16..at + 24].copy_from_slice(&len.to_le_bytes());
        reseal_frame(0, &mut bytes[at..at + 40]);
        let error = read(&bytes).unwrap_err();
        assert_eq!(error.kind(), Kind::Damaged, "{len}: {error}");
    }
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

#[test]
fn a_source_that_fails_is_not_called_damaged() {
    let bytes = sample().bytes;
    for len in (0..bytes.len()).step_by(13) {
        let source = bytes[..len].chain(Broken);
        let result = StreamReader::new(source, Limits::default()).and_then(|mut reader| {
            while reader.next_part()?.is_some() {}
            Ok(())
        });
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Io { .. }) && error.kind() == Kind::Io, "{len}: {error}");
    }
}
