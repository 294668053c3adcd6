//! Files that were put together from FORMAT.md by a program that shares no code with this crate.

use keepstone_format::{
    Codec, FileKind, Filter, Limits, Metadata, Reader, SectionId, SectionLayout, SectionOptions, Writer,
    WriterOptions, detect,
};

const EMPTY: &[u8] = include_bytes!("golden/container-v1-empty.keep");
const MIXED: &[u8] = include_bytes!("golden/container-v1-mixed.keep");
const LZ4: &[u8] = include_bytes!("golden/container-v1-lz4.keep");
const SHUFFLE: &[u8] = include_bytes!("golden/container-v1-shuffle.keep");
/// Frames of the zstd command, version 1.5.4, and one that was put together by hand.
const ZSTD: &[u8] = include_bytes!("golden/container-v1-zstd.keep");

fn long() -> Vec<u8> {
    (0..(1_u32 << 20) + 10).map(|i| (i * 31 + 7).to_le_bytes()[0]).collect()
}

fn reader(bytes: &[u8]) -> Reader<&[u8]> {
    let reader = Reader::open(bytes, Limits::default()).unwrap();
    let report = reader.verify(&mut |error| panic!("{error}")).unwrap();
    assert_eq!((report.bytes, report.damaged), (bytes.len() as u64, 0));
    reader
}

#[test]
fn the_empty_container_is_written_and_read() {
    let options = WriterOptions::new(FileKind::WORLD).codec(Codec::None);
    let writer = Writer::new(Vec::new(), options).unwrap();
    let (bytes, written) = writer.finish(Metadata::new()).unwrap();
    assert_eq!(bytes, EMPTY);
    assert_eq!((written.bytes, written.sections, written.chunks), (EMPTY.len() as u64, 0, 0));
    assert_eq!(reader(EMPTY).sections(), []);
    assert_eq!(reader(EMPTY).container_crc(), written.container_crc);
    assert!(detect(EMPTY).is_some());
}

#[test]
fn the_mixed_container_is_written_to_the_byte() {
    let (mut head, mut tail) = (Metadata::new(), Metadata::new());
    head.set_name("first").set_created_at(1_760_000_000_123_456_789).set_tick(7).set_custom("k", b"v");
    tail.set_entity_count(2);
    let store = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff_u128.to_be_bytes();
    let options = WriterOptions::new(FileKind::SAVE).codec(Codec::None).head(head).store(store, 0);
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    writer.coded_from(SectionId::BYTES, 0, &[b"he", b"", b"llo"]).unwrap();
    writer.coded_from(SectionId(0x1000), 3, &[]).unwrap();
    let raw: Vec<u8> = (0..100).collect();
    writer.raw_from(SectionId(0x1001), 0, &[&raw[..33], &raw[33..]]).unwrap();
    let long = long();
    writer.coded_from(SectionId(0x8000_1002), 1, &[&long[..500_000], &long[500_000..]]).unwrap();
    let (bytes, _) = writer.finish(tail).unwrap();
    assert!(bytes == MIXED, "the bytes differ at {:?}", bytes.iter().zip(MIXED).position(|(a, b)| a != b));
}

#[test]
fn the_mixed_container_is_read() {
    let reader = reader(MIXED);
    assert_eq!((reader.header().kind, reader.header().epoch), (FileKind::SAVE, 0));
    assert_eq!(reader.header().store_id[..2], [0x00, 0x11]);
    assert_eq!((reader.head().name(), reader.head().tick()), (Some("first"), Some(7)));
    assert_eq!(reader.head().created_at(), Some(1_760_000_000_123_456_789));
    assert_eq!(reader.head().customs().collect::<Vec<_>>(), [("k", &b"v"[..])]);
    assert_eq!(reader.tail().entity_count(), Some(2));
    let read = |id, instance| reader.read(reader.find(SectionId(id), instance).unwrap()).unwrap();
    assert_eq!(&*read(1, 0), b"hello");
    assert_eq!(&*read(0x1000, 3), b"");
    assert_eq!(&*read(0x1001, 0), (0..100).collect::<Vec<u8>>());
    assert!(*read(0x8000_1002, 1) == long());
    let layouts: Vec<_> = reader.sections().iter().map(keepstone_format::Section::layout).collect();
    assert_eq!(
        layouts,
        [SectionLayout::Coded, SectionLayout::Coded, SectionLayout::Raw, SectionLayout::Coded]
    );
}

#[test]
#[cfg(feature = "lz4")]
fn what_the_reference_lz4_compressed_is_read() {
    let reader = reader(LZ4);
    let section = reader.find(SectionId(0x8000_1002), 1).unwrap();
    assert!(*reader.read(section).unwrap() == long());
    assert_eq!(reader.chunk_entries(section)[0].codec, Codec::Lz4.id());
    let small = reader.find(SectionId(0x1000), 0).unwrap();
    assert_eq!(reader.chunk_entries(small)[0].codec, Codec::None.id());
    assert_eq!(&*reader.read(small).unwrap(), b"abc");
}

#[test]
fn shuffled_sections_are_written_to_the_byte_and_read() {
    let data =
        [(2, 14), (4, 29), (12, 86), (255, 0)].map(|(width, len)| (width, (0..len).collect::<Vec<u8>>()));
    let mut writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::SAVE).codec(Codec::None)).unwrap();
    for (instance, (width, bytes)) in (0..).zip(&data) {
        let options = SectionOptions::new(Codec::None).filter(Filter::Shuffle { width: *width });
        writer.coded_from_with(SectionId(0x1000), instance, &[bytes], options).unwrap();
    }
    let (bytes, _) = writer.finish(Metadata::new()).unwrap();
    assert!(bytes == SHUFFLE);
    let reader = reader(SHUFFLE);
    for (section, (width, bytes)) in reader.sections().iter().zip(&data) {
        assert_eq!(&*reader.read(section).unwrap(), bytes);
        let entry = reader.chunk_entries(section)[0];
        assert_eq!((entry.codec, entry.filter, entry.filter_parameter), (0, 1, u16::from(*width)));
    }
}

#[test]
#[cfg(feature = "zstd")]
fn what_the_zstd_command_compressed_is_read() {
    let reader = reader(ZSTD);
    let read = |id, instance| reader.read(reader.find(SectionId(id), instance).unwrap()).unwrap();
    assert_eq!(&*read(0x1000, 0), b"abc");
    assert_eq!(&*read(0x1000, 1), [b'a'; 100]);
    let mut heights: Vec<u8> =
        (0..500_u16).flat_map(|i| (1000.0 + f32::from(i) * 0.25).to_le_bytes()).collect();
    heights.extend(b"xyz");
    assert_eq!(*read(0x1000, 2), heights);
    assert!(*read(0x8000_1002, 1) == long());
    let section = reader.find(SectionId(0x1000), 2).unwrap();
    let entry = reader.chunk_entries(section)[0];
    assert_eq!((entry.codec, entry.filter, entry.filter_parameter), (Codec::Zstd.id(), 1, 4));
}

#[test]
#[cfg(not(feature = "zstd"))]
fn without_the_feature_zstd_is_an_error_that_names_it() {
    use keepstone_format::{Error, Kind};

    let is_not_built = |error: &Error| {
        assert_eq!(error.kind(), Kind::Misuse);
        matches!(error, Error::CodecNotBuilt { codec: "zstd", feature: "zstd" })
    };
    let options = WriterOptions::new(FileKind::SAVE).codec(Codec::Zstd);
    let error = Writer::new(Vec::new(), options).unwrap_err();
    assert!(is_not_built(&error), "{error}");
    assert!(error.to_string().contains("enable the feature `zstd` of keepstone-format"), "{error}");
    let reader = Reader::open(ZSTD, Limits::default()).unwrap();
    for instance in [1, 2] {
        let error = reader.read(reader.find(SectionId(0x1000), instance).unwrap()).unwrap_err();
        assert!(is_not_built(&error), "{error}");
    }
    let report = reader.verify(&mut |error| panic!("{error}")).unwrap();
    assert_eq!((report.undecoded, report.damaged), (3, 0));
    assert_eq!(&*reader.read(reader.find(SectionId(0x1000), 0).unwrap()).unwrap(), b"abc");
}

#[test]
#[cfg(not(feature = "lz4"))]
fn without_the_feature_lz4_is_an_error_that_names_it() {
    use keepstone_format::{Error, Kind};

    let is_not_built = |error: &Error| {
        assert_eq!(error.kind(), Kind::Misuse);
        matches!(error, Error::CodecNotBuilt { codec: "lz4", feature: "lz4" })
    };
    let error = Writer::new(Vec::new(), WriterOptions::new(FileKind::SAVE)).unwrap_err();
    assert!(is_not_built(&error), "{error}");
    let reader = Reader::open(LZ4, Limits::default()).unwrap();
    let section = reader.find(SectionId(0x8000_1002), 1).unwrap();
    let error = reader.read(section).unwrap_err();
    assert!(is_not_built(&error), "{error}");
    let report = reader.verify(&mut |error| panic!("{error}")).unwrap();
    assert_eq!((report.undecoded, report.damaged), (1, 0));
    assert_eq!(&*reader.read(reader.find(SectionId(0x1000), 0).unwrap()).unwrap(), b"abc");
}
