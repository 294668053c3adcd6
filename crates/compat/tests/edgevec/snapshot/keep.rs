//! Snapshots in keepstone containers: FORMAT.md, section 9.4.

use keepstone_compat::Error;
use keepstone_compat::edgevec::Snapshot;
use keepstone_compat::edgevec::snapshot::read_metadata;
use keepstone_format::plain::{OwnedLayout, Primitive};
use keepstone_format::{
    ArrayHead, Codec, FileKind, Limits, Metadata, Reader, Section, SectionId, SectionLayout, Writer,
    WriterOptions,
};

use super::files::{EMPTY, FULL, HEADER, ONE, read};
use crate::edgevec::evec::Evec;

const GOLDEN: &[u8] = include_bytes!("../../golden/converted-evec-v1.keep");

fn keep(snapshot: &Snapshot<'_>, codec: Codec) -> Reader<Vec<u8>> {
    let (bytes, sections) = snapshot.write_keep(Vec::new(), codec).unwrap();
    let reader = Reader::open(bytes, Limits::default()).unwrap();
    reader.verify(&mut |error| panic!("{error}")).unwrap();
    assert_eq!(reader.sections().len(), sections as usize);
    reader
}

/// Names, layouts, widths and bytes of the arrays.
fn arrays(reader: &Reader<Vec<u8>>) -> Vec<(String, Primitive, u32, Vec<u8>)> {
    let heads = reader.sections().iter().filter(|section| section.id() == SectionId::ARRAY_HEAD);
    let array = |(instance, section)| {
        let ArrayHead { name, layout, width } = ArrayHead::decode(&reader.read(section).unwrap()).unwrap();
        let OwnedLayout::Primitive(primitive) = layout else { panic!("{layout:?}") };
        assert_eq!(section.instance(), instance);
        let values = reader.find(SectionId::ARRAY, instance).unwrap();
        (name, primitive, width, reader.read(values).unwrap().into_owned())
    };
    (0..).zip(heads).map(array).collect()
}

#[test]
fn arrays_and_metadata_are_those_of_the_snapshot_in_every_codec() {
    let snapshot = read(FULL).unwrap();
    for codec in [Codec::None, Codec::Lz4] {
        let reader = keep(&snapshot, codec);
        let ids: Vec<u8> = (1..=100_u64).flat_map(u64::to_le_bytes).collect();
        let expected = [
            ("vectors", Primitive::F32, 8, FULL[64..3264].to_vec()),
            ("ids", Primitive::U64, 1, ids),
            ("deleted", Primitive::U8, 1, FULL[6592..6605].to_vec()),
            ("graph", Primitive::U8, 1, FULL[3264..6592].to_vec()),
        ];
        assert_eq!(arrays(&reader), expected.map(|(name, p, w, bytes)| (name.to_owned(), p, w, bytes)));
        let layout = if codec == Codec::None { SectionLayout::Raw } else { SectionLayout::Coded };
        let mut values = reader.sections().iter().filter(|section| section.id() == SectionId::ARRAY);
        assert!(values.all(|section| section.layout() == layout));
        assert_eq!(read_metadata(&reader).unwrap(), snapshot.metadata);
        assert_eq!(reader.sections().last().unwrap().id(), SectionId::EVEC_METADATA);
        assert_eq!(reader.header().kind, FileKind::SNAPSHOT);
        let customs: Vec<_> = reader.head().customs().collect();
        let expected = [
            ("evec.m", "12"),
            ("evec.m0", "24"),
            ("evec.seed", "0"),
            ("evec.version", "0.4"),
            ("origin", "evec"),
        ];
        assert_eq!(customs, expected.map(|(key, value)| (key, value.as_bytes())));
        assert!(reader.tail().is_empty());
    }
}

#[test]
fn the_container_of_a_snapshot_is_the_one_that_was_written_first() {
    let (bytes, sections) = read(FULL).unwrap().write_keep(Vec::new(), Codec::None).unwrap();
    assert!(bytes == GOLDEN, "the bytes have changed");
    assert_eq!(sections, 9);
}

#[test]
fn the_same_snapshot_gives_the_same_bytes() {
    let bytes = |codec| read(FULL).unwrap().write_keep(Vec::new(), codec).unwrap().0;
    for codec in [Codec::None, Codec::Lz4] {
        assert_eq!(bytes(codec), bytes(codec));
    }
}

#[test]
fn snapshots_without_rows_or_metadata_have_empty_arrays() {
    for (bytes, rows) in [(EMPTY, 0), (HEADER, 0), (ONE, 1)] {
        for codec in [Codec::None, Codec::Lz4] {
            let reader = keep(&read(bytes).unwrap(), codec);
            let lens: Vec<usize> = arrays(&reader).iter().map(|array| array.3.len()).collect();
            assert_eq!(lens, [rows * 512, rows * 8, rows, rows * 16]);
            assert_eq!(read_metadata(&reader).unwrap(), None);
        }
    }
}

#[test]
fn vectors_without_numbers_are_no_array() {
    let mut evec = Evec::new(3);
    evec.dimensions = 0;
    for vector in &mut evec.vectors {
        vector.clear();
    }
    let bytes = evec.build();
    let names: Vec<String> =
        arrays(&keep(&read(&bytes).unwrap(), Codec::None)).into_iter().map(|array| array.0).collect();
    assert_eq!(names, ["ids", "deleted", "graph"]);
}

#[test]
fn what_was_lost_has_a_head_and_no_values() {
    let cut = &FULL[..1000];
    let salvaged = Snapshot::salvage(cut, &Limits::default()).unwrap();
    let reader = keep(&salvaged.snapshot, Codec::None);
    let heads = reader.sections().iter().filter(|section| section.id() == SectionId::ARRAY_HEAD).count();
    assert_eq!(heads, 4);
    let lens: Vec<Option<u64>> = (0..4)
        .map(|instance| reader.find(SectionId::ARRAY, instance).ok().map(Section::decoded_len))
        .collect();
    // 29 rows of 32 bytes.
    assert_eq!(lens, [Some(928), Some(232), None, None]);
}

#[test]
fn metadata_that_are_none_are_refused() {
    let good = keep(&read(FULL).unwrap(), Codec::None);
    let section = good.find(SectionId::EVEC_METADATA, 0).unwrap();
    let bytes = good.read(section).unwrap().into_owned();
    Snapshot::check_metadata(&bytes, &Limits::default()).unwrap();
    for len in 0..bytes.len() {
        let error = Snapshot::check_metadata(&bytes[..len], &Limits::default()).unwrap_err();
        assert!(matches!(error, Error::MetadataSection { .. } | Error::MetadataRow { .. }), "{len}: {error}");
    }
    let mut writer =
        Writer::new(Vec::new(), WriterOptions::new(FileKind::SNAPSHOT).codec(Codec::Lz4)).unwrap();
    writer.coded_from(SectionId::EVEC_METADATA, 0, &[&vec![0; 2 << 20]]).unwrap();
    let (bytes, _) = writer.finish(Metadata::new()).unwrap();
    let mut limits = Limits::default();
    limits.decoded_max = 4 << 20;
    let error = read_metadata(&Reader::open(bytes, limits).unwrap()).unwrap_err();
    assert!(matches!(error, Error::Limit { what: "bytes of metadata", needs: 2_097_152, .. }), "{error}");
}
