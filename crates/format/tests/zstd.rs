#![cfg(feature = "zstd")]

use keepstone_format::{
    Codec, Error, FileKind, Filter, Kind, Limits, Metadata, Reader, SectionId, SectionOptions, Writer,
    WriterOptions,
};

use crate::forge::{Part, Piece, forge};
use crate::random::Random;

const MIB: usize = 1 << 20;
/// The start of a frame: magic, descriptor.
const SINGLE: [u8; 5] = [0x28, 0xb5, 0x2f, 0xfd, 0xa0];

fn read(decoded_len: u32, payload: &[u8]) -> Result<Vec<u8>, Error> {
    let bytes = forge(0, &[Part::Coded(1, 0, vec![Piece::coded(2, decoded_len, payload)])]).bytes;
    let reader = Reader::open(&bytes[..], Limits::default())?;
    let mut damage = 0;
    reader.verify(&mut |_| damage += 1)?;
    let result = reader.read(&reader.sections()[0]).map(std::borrow::Cow::into_owned);
    assert_eq!(damage, u32::from(result.is_err()), "verify and read agree");
    result
}

/// A block that is one byte repeated.
fn run(len: u32, byte: u8, is_last: bool) -> Vec<u8> {
    let head = (len << 3 | 2 | u32::from(is_last)).to_le_bytes();
    vec![head[0], head[1], head[2], byte]
}

/// A frame of one segment that says `len` and holds runs of these lengths.
fn frame(len: u32, runs: &[u32]) -> Vec<u8> {
    let mut frame = [&SINGLE[..], &len.to_le_bytes()].concat();
    for (i, &run_len) in runs.iter().enumerate() {
        frame.extend(run(run_len, b'a', i + 1 == runs.len()));
    }
    frame
}

#[test]
fn a_chunk_must_decode_to_its_length() {
    let whole = frame(100, &[60, 40]);
    assert_eq!(read(100, &whole).unwrap(), [b'a'; 100]);
    for decoded_len in [99, 101, 1 << 24] {
        let error = read(decoded_len, &whole).unwrap_err();
        assert!(matches!(error, Error::Codec { codec: "zstd", .. }), "{decoded_len}: {error}");
    }
    for runs in [&[60, 39][..], &[60, 41], &[]] {
        assert!(matches!(read(100, &frame(100, runs)), Err(Error::Codec { .. })), "{runs:?}");
    }
    for len in 0..whole.len() {
        assert!(matches!(read(100, &whole[..len]), Err(Error::Codec { .. })), "{len}");
    }
}

#[test]
fn a_payload_is_one_frame() {
    let whole = frame(100, &[100]);
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0];
    for more in [&b"\0"[..], &skippable, &frame(0, &[0]), &whole] {
        let error = read(100, &[&whole[..], more].concat());
        assert!(matches!(error, Err(Error::Codec { .. })), "{more:?}: {error:?}");
        let error = read(100, &[more, &whole[..]].concat());
        assert!(matches!(error, Err(Error::Codec { .. })), "{more:?}: {error:?}");
    }
}

#[test]
fn windows_dictionaries_and_unknown_lengths_are_refused() {
    let frames =
        |descriptor: u8, fields: &[u8]| [&SINGLE[..4], &[descriptor], fields, &run(100, b'a', true)].concat();
    assert!(read(100, &frames(0x20, &[100])).is_ok());
    assert!(read(356, &frames(0x60, &[100, 0])).is_err(), "a run of 100 is not 356 bytes");
    assert!(read(100, &frames(0xe0, &[100, 0, 0, 0, 0, 0, 0, 0])).is_ok());
    // What zstd itself would take: a window of 1 KiB, with a content length and without.
    assert!(matches!(read(100, &frames(0x00, &[0])), Err(Error::Codec { .. })));
    assert!(matches!(read(100, &frames(0x80, &[0, 100, 0, 0, 0])), Err(Error::Codec { .. })));
    // A dictionary id, the reserved bit.
    assert!(matches!(read(100, &frames(0x21, &[0, 100])), Err(Error::Codec { .. })));
    assert!(matches!(read(100, &frames(0x28, &[100])), Err(Error::Codec { .. })));
}

#[test]
fn a_bomb_is_16_mib_at_most() {
    let runs = vec![1 << 17; 128];
    assert!(read(1 << 24, &frame(1 << 24, &runs)).unwrap() == vec![b'a'; 1 << 24]);
    let more = vec![1 << 17; 200];
    assert!(matches!(read(1 << 24, &frame(1 << 24, &more)), Err(Error::Codec { .. })));
    let error = read((1 << 24) + 1, &frame((1 << 24) + 1, &runs)).unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }) && error.to_string().contains("2^24"), "{error}");
}

#[test]
fn a_payload_of_noise_is_an_error_or_bytes_of_the_right_length() {
    let mut random = Random(78);
    for _ in 0..3000 {
        let len = 1 + random.below(40);
        let decoded_len = u32::try_from(9 + len + 1 + random.below(200)).unwrap();
        let mut payload = [&SINGLE[..], &decoded_len.to_le_bytes()].concat();
        payload.extend((0..len).map(|_| random.next().to_le_bytes()[0]));
        match read(decoded_len, &payload) {
            Ok(bytes) => assert_eq!(bytes.len(), decoded_len as usize),
            Err(error) => assert!(matches!(error, Error::Codec { .. }), "{error}"),
        }
    }
}

#[test]
fn every_level_writes_single_segments_of_every_length() {
    let text: Vec<u8> =
        (0..MIB + 5000).flat_map(|i| (i / 7 % 1000).to_string().into_bytes()).take(MIB + 5000).collect();
    for level in [1, 3, 7, 13, 19] {
        let options = WriterOptions::new(FileKind::SAVE).codec(Codec::Zstd).zstd_level(level);
        let mut writer = Writer::new(Vec::new(), options).unwrap();
        let lens = [MIB, MIB + 5000, MIB - 1, 300_000, 70_000, 257, 255, 100, 1, 0];
        for (instance, len) in (0..).zip(lens) {
            writer.coded_from(SectionId::BYTES, instance, &[&text[..len]]).unwrap();
        }
        let (bytes, written) = writer.finish(Metadata::new()).unwrap();
        assert!(written.stored_bytes < written.raw_bytes / 4, "level {level}");
        // The reader takes nothing but single segments.
        let reader = Reader::open(&bytes[..], Limits::default()).unwrap();
        for (instance, len) in (0..).zip(lens) {
            let section = reader.find(SectionId::BYTES, instance).unwrap();
            assert!(*reader.read(section).unwrap() == text[..len], "level {level}, {len} bytes");
            assert!(len < 100 || reader.chunk_entries(section)[0].codec == Codec::Zstd.id());
        }
    }
}

#[test]
fn levels_and_filters_that_do_not_exist_are_misuse() {
    for level in [0, 20, 255] {
        let options = WriterOptions::new(FileKind::SAVE).codec(Codec::Zstd).zstd_level(level);
        let error = Writer::new(Vec::new(), options).unwrap_err();
        assert_eq!(error.kind(), Kind::Misuse, "{level}: {error}");
    }
    let mut writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::SAVE).codec(Codec::Zstd)).unwrap();
    let narrow = writer.section_options().filter(Filter::Shuffle { width: 1 });
    let error = writer.coded_from_with(SectionId::BYTES, 0, &[b"a"], narrow).unwrap_err();
    assert_eq!(error.kind(), Kind::Misuse, "{error}");
    assert!(writer.coded_with(SectionId::BYTES, 0, narrow.zstd_level(0)).is_err());
    // Nothing was written, so nothing is broken.
    writer.coded_from(SectionId::BYTES, 0, &[b"a"]).unwrap();
    assert!(writer.finish(Metadata::new()).is_ok());
}

#[test]
fn sections_of_one_container_have_options_of_their_own() {
    let data = b"words and words and words and words and words".repeat(1000);
    let mut writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::SAVE).codec(Codec::None)).unwrap();
    let options = [
        SectionOptions::new(Codec::None),
        SectionOptions::new(Codec::Zstd).zstd_level(1),
        SectionOptions::new(Codec::Zstd).zstd_level(19),
        SectionOptions::new(Codec::Zstd).filter(Filter::Shuffle { width: 45 }),
    ];
    for (instance, options) in (0..).zip(options) {
        writer.coded_from_with(SectionId::BYTES, instance, &[&data], options).unwrap();
    }
    let (bytes, _) = writer.finish(Metadata::new()).unwrap();
    let reader = Reader::open(&bytes[..], Limits::default()).unwrap();
    for (section, options) in reader.sections().iter().zip(options) {
        assert!(*reader.read(section).unwrap() == data);
        let entry = reader.chunk_entries(section)[0];
        assert_eq!((entry.codec, entry.filter), (options.codec.id(), options.filter.id()));
    }
}

#[test]
fn chunks_that_zstd_makes_longer_are_stored() {
    let mut random = Random(6);
    let noise: Vec<u8> = (0..200_000).flat_map(|_| random.next().to_le_bytes()).collect();
    let options = SectionOptions::new(Codec::Zstd).filter(Filter::Shuffle { width: 8 });
    let mut writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::SAVE).codec(Codec::None)).unwrap();
    writer.coded_from_with(SectionId::BYTES, 0, &[&vec![0; MIB], &noise], options).unwrap();
    let (bytes, _) = writer.finish(Metadata::new()).unwrap();
    let reader = Reader::open(&bytes[..], Limits::default()).unwrap();
    let section = reader.find(SectionId::BYTES, 0).unwrap();
    let stored: Vec<_> =
        reader.chunk_entries(section).iter().map(|chunk| (chunk.codec, chunk.filter)).collect();
    assert_eq!(stored, [(2, 1), (0, 0), (0, 0)]);
    assert!(reader.read(section).unwrap()[MIB..] == noise);
}
