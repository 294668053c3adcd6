use keepstone_ecs_persist::{Error, WorldDoc};
use keepstone_format::{FileKind, Kind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions};

use crate::support::{Section, decode, encode, put_together, small_world, take_apart};

fn with(id: SectionId, payload: &[u8]) -> Result<WorldDoc<'static>, Error> {
    let mut sections: Vec<Section> = take_apart(&encode(&WorldDoc::default()));
    sections.iter_mut().filter(|section| section.0 == id).for_each(|section| section.2 = payload.to_vec());
    decode(&put_together(&sections))
}

#[test]
fn four_billion_entities_in_a_small_file_are_over_the_limit() {
    // No name, 2^32 - 2 entities, one table of them without components.
    let error = with(SectionId::TABLES, b"\0\xfe\xff\xff\xff\x0f\x01\xfe\xff\xff\xff\x0f\0").unwrap_err();
    assert!(matches!(error, Error::Limit { what: "entities", .. }), "{error}");
    assert_eq!(error.kind(), Kind::Limit);
}

#[test]
fn counts_that_the_bytes_do_not_hold_allocate_nothing() {
    for payload in [
        &b"\0\x01\x80\x80\x40"[..],
        b"\0\x01\x01\x01\xff\xff\xff\xff\x0f",
        b"\xff",
        b"\0\x01\x01\x01\x01\x00",
    ] {
        let error = with(SectionId::TABLES, payload).unwrap_err();
        assert_eq!(error.kind(), Kind::Damaged, "{payload:?}: {error}");
    }
    let error = with(SectionId::TABLES, b"\0\x01\xff\xff\xff\xff\x0f").unwrap_err();
    assert!(matches!(error, Error::Limit { what: "tables of a world", .. }), "{error}");
    let error = with(SectionId::SCHEMA, b"\xff\xff\xff\xff\x0f").unwrap_err();
    assert_eq!(error.kind(), Kind::Limit, "{error}");
}

#[test]
fn layouts_deeper_than_the_limit_are_refused() {
    // One component whose layout is an array of an array of ...
    let mut schema = b"\x01\x01a\x01\0\x01".to_vec();
    for _ in 0..100_000 {
        schema.extend([0x20, 1]);
    }
    schema.push(1);
    assert!(with(SectionId::SCHEMA, &schema).is_err_and(|error| error.kind() == Kind::Limit));
}

#[test]
fn a_layout_of_arrays_without_bytes_is_refused() {
    let error = with(SectionId::SCHEMA, b"\x01\x01a\x01\0\x01\x20\xff\xff\xff\xff\x0f\x21\0").unwrap_err();
    assert_eq!(error.kind(), Kind::Damaged, "{error}");
}

#[test]
fn a_container_of_another_kind_is_not_a_world() {
    let writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::SNAPSHOT)).unwrap();
    let (bytes, _) = writer.finish(Metadata::new()).unwrap();
    let error = decode(&bytes).unwrap_err();
    assert!(matches!(error, Error::NoWorld { .. }), "{error}");
}

#[test]
fn a_world_that_is_not_there_is_not_found() {
    let bytes = encode(&small_world());
    let reader = Reader::open(bytes.as_slice(), Limits::default()).unwrap();
    let error = WorldDoc::decode(&reader, 1).unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound, "{error}");
}

#[test]
fn a_world_that_decodes_to_more_than_the_limit_is_refused_before_its_columns_are_read() {
    let values = [0_u64; 1000];
    let mut doc = WorldDoc::default();
    doc.tables = vec![keepstone_ecs_persist::Table { rows: 1000, components: vec![0, 1] }];
    doc.columns =
        ["a", "b"].map(|name| crate::support::column(name, false, crate::support::plain(&values))).into();
    let bytes = encode(&doc);
    let mut limits = Limits::default();
    limits.decoded_max = 10_000;
    let reader = Reader::open(bytes.as_slice(), limits).unwrap();
    let error = WorldDoc::decode(&reader, 0).unwrap_err();
    assert!(
        matches!(error, Error::Limit { what: "decoded bytes of a world", allowed: 10_000, .. }),
        "{error}"
    );
}

#[test]
fn values_without_bytes_are_bounded_by_those_that_have_some() {
    let marker =
        || keepstone_ecs_persist::Encoding::Plain((&keepstone_format::plain::Layout::Struct(&[])).into());
    let world = |markers: u16, rows: u32| {
        let table = keepstone_ecs_persist::Table { rows, components: (0..markers).collect() };
        let name = |place: u16| format!("{place:05}");
        let data = || keepstone_ecs_persist::ColumnData::Plain(Vec::new());
        let columns = (0..markers).map(|at| crate::support::column(&name(at), false, (marker(), data())));
        WorldDoc { tables: vec![table], columns: columns.collect(), ..WorldDoc::default() }
    };
    world(64, 1 << 20).check().unwrap();
    let error = world(65, 1 << 20).check().unwrap_err();
    assert!(matches!(error, Error::Limit { what: "values of a world", .. }), "{error}");
}
