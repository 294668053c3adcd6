//! Worlds in parts that cost little in a file and could cost much in a reader.

use keepstone_ecs_persist::{
    Column, ColumnData, ComponentSchema, EncodeOptions, Encoding, Error, Lengths, PartReader, PartSource,
    PartWriter, Schema, Table, WorldDoc, WorldMeta, WorldPart,
};
use keepstone_format::{Codec, FileKind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions};

use crate::support::{column, links};

fn opaque(len: u32, rows: u32) -> Column<'static> {
    let data = vec![7; len as usize * rows as usize].into();
    let data = ColumnData::Opaque { data, lengths: Lengths::same(len, rows) };
    column("a.opaque", false, (Encoding::Opaque { origin: "test".to_owned() }, data))
}

fn two_parts(lens: [u32; 2], rows: u32) -> Vec<u8> {
    let mut doc = WorldDoc::default();
    doc.tables = vec![Table { rows: rows * 2, components: vec![0] }];
    let mut all = opaque(lens[0], rows);
    let ColumnData::Opaque { data, lengths } = &mut all.data else { unreachable!() };
    data.to_mut().extend(vec![7; lens[1] as usize * rows as usize]);
    let each = |len| std::iter::repeat_n(len, rows as usize);
    *lengths = Lengths::each(each(lens[0]).chain(each(lens[1])).collect());
    doc.columns = vec![all];
    let options = EncodeOptions::default().codec(Codec::None);
    let mut writer = PartWriter::new(Vec::new(), "", &WorldMeta::default(), &options).unwrap();
    doc.split(rows, &mut writer).unwrap();
    writer.finish().unwrap().0
}

/// The sections of a world in parts under other part numbers.
fn renumbered(bytes: &[u8], number: impl Fn(u32) -> u32) -> Vec<u8> {
    let reader = Reader::open(bytes, Limits::default()).unwrap();
    let options = WriterOptions::new(FileKind::WORLD).codec(Codec::None).in_parts();
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    for section in reader.sections() {
        let instance = number(section.instance() >> 16) << 16 | (section.instance() & 0xffff);
        writer.coded_from(section.id(), instance, &[&reader.read(section).unwrap()]).unwrap();
    }
    writer.finish(Metadata::new()).unwrap().0
}

fn read_stream(bytes: &[u8]) -> Result<WorldDoc<'static>, Error> {
    WorldDoc::from_parts(&mut PartReader::new(bytes, Limits::default())?)
}

#[test]
fn rows_of_one_length_in_all_parts_take_no_memory_for_it() {
    let bytes = two_parts([0, 0], 1000);
    let reader = Reader::open(bytes.as_slice(), Limits::default()).unwrap();
    for doc in [WorldDoc::decode(&reader, 0).unwrap(), read_stream(&bytes).unwrap()] {
        let ColumnData::Opaque { lengths, .. } = &doc.columns[0].data else { panic!("{doc:?}") };
        assert_eq!((lengths.common(), lengths.rows()), (Some(0), 2000));
    }
}

#[test]
fn lengths_that_parts_do_not_list_count_towards_the_limit() {
    let bytes = two_parts([0, 1], 100_000);
    let mut limits = Limits::default();
    let read = |limits| {
        let reader = Reader::open(bytes.as_slice(), limits).unwrap();
        WorldDoc::decode(&reader, 0).map(|doc| doc.entity_count())
    };
    assert_eq!(read(limits).unwrap(), 200_000);
    limits.decoded_max = 500_000;
    let error = read(limits).unwrap_err();
    assert!(matches!(error, Error::Limit { needs: 800_000, .. }), "{error}");
}

#[test]
fn all_parts_together_have_no_more_tables_than_a_world() {
    struct Tables(u32);
    impl PartSource for Tables {
        fn next_part(&mut self) -> Result<Option<WorldPart<'static>>, Error> {
            let mut doc = WorldDoc::default();
            doc.tables = vec![Table { rows: 1, components: vec![] }; 1 << 18];
            self.0 += 1;
            Ok(Some(WorldPart::new(doc, (self.0 - 1) << 18, u32::MAX - 1)))
        }
    }
    let error = WorldDoc::from_parts(&mut Tables(0)).unwrap_err();
    assert!(matches!(error, Error::Limit { what: "tables of a world", .. }), "{error}");
}

#[test]
fn a_schema_of_more_than_a_mebibyte_is_refused_by_every_reader() {
    let error = Schema::decode(&vec![0; (1 << 20) + 1]).unwrap_err();
    assert!(matches!(error, Error::Limit { what: "bytes of the schema", .. }), "{error}");

    let options = WriterOptions::new(FileKind::WORLD).codec(Codec::None).in_parts();
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    writer.coded_from(SectionId::SCHEMA, 0, &[&vec![0; (1 << 20) + 1]]).unwrap();
    let (bytes, _) = writer.finish(Metadata::new()).unwrap();
    let error = read_stream(&bytes).unwrap_err();
    assert!(matches!(error, Error::Limit { what: "bytes of the schema", .. }), "{error}");
}

#[test]
fn streams_and_files_agree_on_the_numbers_of_parts() {
    let bytes = two_parts([2, 2], 3);
    let read_file = |bytes: &[u8]| {
        let reader = Reader::open(bytes, Limits::default()).unwrap();
        WorldDoc::decode(&reader, 0).map(WorldDoc::into_owned)
    };
    assert_eq!(read_stream(&renumbered(&bytes, |part| part)).unwrap(), read_file(&bytes).unwrap());
    let others: [fn(u32) -> u32; 3] = [|part| part * 2, |part| part + 1, |part| 1 - part];
    for number in others {
        let bytes = renumbered(&bytes, number);
        assert!(read_file(&bytes).is_err());
        let error = read_stream(&bytes).unwrap_err();
        assert!(matches!(error, Error::Invalid { what: "number of a world or part", .. }), "{error}");
    }
}

#[test]
fn few_ranks_among_many_entities_keep_the_rule_of_ranks() {
    let check = |targets: &[u32], ranks: &[u32]| {
        let mut doc = WorldDoc::default();
        let rows = u32::try_from(targets.len()).unwrap();
        doc.tables = vec![Table { rows, components: vec![0] }, Table { rows: 1000, components: vec![] }];
        doc.columns = vec![column("a.parent", false, links(targets, Some(ranks)))];
        doc.check()
    };
    let none = u32::MAX;
    check(&[900, 7, none, 900, none], &[1, 0, 0, 0, 0]).unwrap();
    for (targets, ranks) in [
        (&[900, 900][..], &[1, 1][..]),
        (&[900, 900], &[1, 2]),
        (&[900], &[u32::MAX]),
        (&[none], &[1]),
        (&[7, 900, 7], &[0, 0, 2]),
    ] {
        assert!(check(targets, ranks).is_err(), "{targets:?} {ranks:?}");
    }
}

#[test]
fn a_component_that_no_part_names_keeps_its_place() {
    let schema = |name| ComponentSchema::new(name, 1, false, Encoding::Reference { linked: false });
    let mut doc = WorldDoc::default();
    doc.tables = vec![Table { rows: 4, components: vec![1] }];
    let references = || ColumnData::References { targets: vec![0, 1, 2, 3].into(), ranks: None };
    doc.columns = vec![
        Column {
            schema: schema("a.empty"),
            data: ColumnData::References { targets: vec![].into(), ranks: None },
        },
        Column { schema: schema("b.full"), data: references() },
    ];
    let mut writer =
        PartWriter::new(Vec::new(), "", &WorldMeta::default(), &EncodeOptions::default()).unwrap();
    doc.split(2, &mut writer).unwrap();
    let bytes = writer.finish().unwrap().0;
    let reader = Reader::open(bytes, Limits::default()).unwrap();
    doc.tables = vec![Table { rows: 2, components: vec![1] }; 2];
    assert_eq!(WorldDoc::decode(&reader, 0).unwrap(), doc);
}

#[test]
fn a_stream_refuses_ranks_that_its_part_shows_to_be_wrong() {
    let check = |targets: &[u32], ranks: &[u32]| {
        let mut doc = WorldDoc::default();
        let rows = u32::try_from(targets.len()).unwrap();
        doc.tables = vec![Table { rows, components: vec![0] }];
        doc.columns = vec![column("a.parent", false, links(targets, Some(ranks)))];
        WorldPart::new(doc, 100, 1000).check()
    };
    let none = u32::MAX;
    // Those between are those of rows in other parts.
    check(&[7, 7, none, 900, 7], &[12, 3, 0, 12, 999]).unwrap();
    for (targets, ranks) in [(&[7, 900, 7][..], &[12, 12, 12][..]), (&[7], &[1000]), (&[none], &[1])] {
        let error = check(targets, ranks).unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{targets:?} {ranks:?}: {error}");
    }
}
