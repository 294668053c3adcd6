//! What files of PECS have no place for, and readers that expect something else.

use keepstone_compat::{
    Error,
    pecs::{File, Id, PecsRows},
};
use keepstone_ecs_persist::{
    self as ecs, Encoding, PersistenceManager, ReadOptions, Schema, WorldDoc, WorldFormat, WriteOptions,
};
use keepstone_format::{Codec, Kind, Limits, plain::Plain as _};

use super::made::{assert_same, column, full, links, load, numbers, plain, small, write};
use crate::pecs::files::named;

fn refused(format: PecsRows, doc: &WorldDoc<'_>) -> String {
    let error = format.encode(doc).unwrap_err();
    assert_eq!(error.kind(), Kind::Misuse, "{error}");
    error.to_string()
}

#[test]
fn what_the_plain_fields_have_no_place_for_is_refused_with_the_remedy() {
    let mut doc = full();
    let text = refused(PecsRows::new(), &doc);
    assert_eq!(
        text,
        "files of PECS have no place for resources (game.tick); write it with PecsRows::extended"
    );
    doc = small();
    doc.meta.tick = Some(1);
    assert!(refused(PecsRows::new(), &doc).contains("metadata"));
    doc = small();
    doc.name = "one".into();
    assert!(refused(PecsRows::new(), &doc).contains("the name of a world"));
    assert!(PecsRows::new().extended().encode(&doc).is_ok());
}

#[test]
fn names_that_a_reader_would_take_for_others_are_refused() {
    for name in ["", "keepstone.extended", &"n".repeat(256)] {
        let mut doc = WorldDoc { columns: vec![column(name, 1, false, numbers(&[]))], ..WorldDoc::default() };
        for format in [PecsRows::new(), PecsRows::new().extended()] {
            refused(format, &doc);
        }
        doc.columns[0].schema.name = "n".repeat(255);
        assert_same(&load(&write(PecsRows::new().extended(), &doc), None).unwrap(), &doc);
    }
}

#[test]
fn a_file_holds_one_world() {
    let doc = small();
    for worlds in [&[][..], &[&doc, &doc]] {
        let error = PecsRows::new().save(worlds, &mut Vec::new(), &WriteOptions::default()).unwrap_err();
        assert!(error.to_string().contains("pecs failed"), "{error}");
    }
    let bytes = write(PecsRows::new().extended(), &full());
    let named = |name| PecsRows::new().load(&mut bytes.as_slice(), &ReadOptions::default().world(name));
    assert_same(&named("level 1").unwrap(), &full());
    assert!(matches!(named("level 2").unwrap_err(), ecs::Error::NoWorld { .. }));
}

#[test]
fn a_reference_to_an_id_of_several_entities_is_refused_and_one_to_another_is_not() {
    let mut doc = small();
    doc.foreign_ids = Some(vec![7, 8, 9, 9, 10].into());
    assert_same(&load(&write(PecsRows::new().extended(), &doc), None).unwrap(), &doc);
    doc.foreign_ids = Some(vec![7, 7, 8, 9, 10].into());
    let error = PecsRows::new().encode(&doc).unwrap_err();
    assert!(matches!(error, Error::Ambiguous { id: Id(7), .. }), "{error}");
    // All ones mean nothing, so nothing can be called so.
    doc.foreign_ids = Some(vec![u128::MAX, 7, 8, 9, 10].into());
    assert!(matches!(PecsRows::new().encode(&doc), Err(Error::Ambiguous { id: Id(u128::MAX), .. })));
}

fn schema_with(change: impl Fn(&mut WorldDoc<'_>)) -> Schema {
    let mut doc = small();
    change(&mut doc);
    doc.schema()
}

#[test]
fn a_schema_of_other_components_is_refused_and_parts_of_one_are_taken() {
    let bytes = write(PecsRows::new(), &small());
    let others = [
        schema_with(|doc| doc.columns[3].schema.version = 1),
        schema_with(|doc| doc.columns[3].schema.encoding = plain(&u32::LAYOUT, &[]).0),
        schema_with(|doc| doc.columns[2].schema.encoding = links(&[], None, false).0),
        schema_with(|doc| doc.columns[1].schema.encoding = links(&[], None, true).0),
        schema_with(|doc| doc.columns[1].schema.resource = true),
    ];
    for schema in others {
        let error = load(&bytes, Some(&schema)).unwrap_err();
        assert!(matches!(error, Error::Component { .. }), "{error}");
    }
    let part =
        schema_with(|doc| doc.columns = vec![doc.columns[3].clone(), column("zz", 1, false, numbers(&[]))]);
    let doc = load(&bytes, Some(&part)).unwrap();
    let plain = doc.columns.iter().filter(|column| matches!(column.schema.encoding, Encoding::Plain(_)));
    assert_eq!((plain.count(), doc.columns.len()), (1, 5));
    let unknown = load(&bytes, None).unwrap();
    let opaque = Encoding::Opaque { origin: "pecs".into() };
    assert!(unknown.columns.iter().all(|column| column.schema.encoding == opaque));
}

#[test]
fn real_files_are_read_as_before() {
    for name in ["01_empty", "05_type_registry_unicode", "11_format_structs_components"] {
        let bytes = named(name);
        let file = File::read(bytes, &Limits::for_file_len(bytes.len() as u64)).unwrap();
        let loaded = PecsRows::decode(bytes, &Limits::for_file_len(bytes.len() as u64), None).unwrap();
        assert_eq!(loaded.doc, file.to_world());
        assert_eq!((loaded.warnings, loaded.codec), (file.warnings.clone(), Codec::None));
        assert!(!loaded.is_extended);
    }
}

#[test]
fn a_coded_file_says_what_to_do_with_it() {
    let bytes = write(PecsRows::new().extended().codec(Codec::Lz4), &full());
    let error = File::read(&bytes, &Limits::default()).unwrap_err();
    assert!(matches!(error, Error::StillCoded { codec: "lz4" }), "{error}");
}

#[test]
fn a_manager_finds_the_format_and_its_version() {
    let mut formats = PersistenceManager::with_default_formats();
    formats.register(PecsRows::new().extended()).unwrap();
    let mut bytes = Vec::new();
    formats.save("pecs", &full(), &mut bytes, &WriteOptions::default()).unwrap();
    assert_same(&formats.load(&mut bytes.as_slice(), &ReadOptions::default()).unwrap(), &full());
    bytes[4] = 2;
    let error = formats.load(&mut bytes.as_slice(), &ReadOptions::default()).unwrap_err();
    assert!(matches!(error, ecs::Error::NewerFormat { found: 2, newest: 1, .. }), "{error}");
    let few = Limits::for_file_len(0);
    let limits = {
        let mut limits = few;
        limits.rows_max = 4;
        limits
    };
    bytes[4] = 1;
    let error = formats.load(&mut bytes.as_slice(), &ReadOptions::default().limits(limits)).unwrap_err();
    assert!(matches!(error, ecs::Error::Limit { what: "entities", needs: 5, allowed: 4 }), "{error}");
}
