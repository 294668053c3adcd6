//! What a file should not have and what becomes of it.

use keepstone_compat::Error;
use keepstone_compat::pecs::{DuplicateIds, Flag, Id, ReadOptions, Warning};
use keepstone_format::Kind;

use crate::pecs::files::{ALL, named, read, read_with};
use crate::pecs::wire::{self, Spec};

fn warnings(spec: &Spec) -> Vec<Warning> {
    read(&spec.file()).unwrap().warnings
}

fn columns(spec: &Spec) -> Vec<Option<String>> {
    read(&spec.file()).unwrap().types().iter().map(|one| one.column.clone()).collect()
}

#[test]
fn flags_are_hints_and_each_is_a_warning() {
    for fixture in ALL {
        let clean = read(fixture.bytes).unwrap();
        let cases = [
            (1, vec![Flag::Zstd]),
            (2, vec![Flag::Lz4]),
            (4, vec![Flag::Delta]),
            (8, vec![Flag::ExtendedMetadata]),
            (15, vec![Flag::Zstd, Flag::Lz4, Flag::Delta, Flag::ExtendedMetadata]),
        ];
        for (flags, named) in cases {
            let mut body = fixture.bytes[..fixture.bytes.len() - 8].to_vec();
            body[8] = flags;
            let flagged = wire::sealed(body);
            let found = read(&flagged).unwrap();
            let mut expected: Vec<Warning> =
                named.into_iter().map(|flag| Warning::FlagIgnored { flag }).collect();
            expected.extend(clean.warnings.clone());
            assert_eq!(found.warnings, expected, "{} with flags {flags}", fixture.name);
            assert_eq!(found.types(), clean.types());
            assert_eq!(found.to_world(), clean.to_world());
        }
    }
    let spec = Spec { flags: 0x8000_0012, ..Spec::default() };
    let expected = [Warning::FlagIgnored { flag: Flag::Lz4 }, Warning::UnknownFlags { bits: 0x8000_0010 }];
    assert_eq!(warnings(&spec), expected);
}

#[test]
fn bytes_behind_the_checksum_are_a_warning() {
    for fixture in ALL {
        let clean = read(fixture.bytes).unwrap();
        for len in [1, 7, 8, 100] {
            let mut file = fixture.bytes.to_vec();
            file.extend(vec![0x42; len]);
            let offset = fixture.bytes.len() as u64;
            let found = read(&file).unwrap();
            let (last, others) = found.warnings.split_last().unwrap();
            assert_eq!(*last, Warning::TrailingBytes { offset, len: len as u64 });
            assert_eq!(others, clean.warnings);
            assert_eq!(found.to_world(), clean.to_world());
        }
    }
}

#[test]
fn repeated_type_keeps_the_first_unless_strict() {
    let spec = Spec::of_types(&[(1, "a", 1), (2, "b", 1)])
        .entity(7, &[(1, b"first"), (2, b"other"), (1, b"second"), (1, b"third")])
        .entity(8, &[(1, b"next")])
        .entity(9, &[(2, b"x"), (2, b"y")]);
    let bytes = spec.file();
    let file = read(&bytes).unwrap();
    let offset = 24 + 2 * 25 + 20 + 25 + 25;
    let (entity, type_id) = (Id(7), Id(1));
    assert_eq!(file.warnings, [Warning::RepeatedComponents { count: 3, entity, type_id, offset }]);
    let counts = file.counts();
    assert_eq!((counts.components, counts.repeated_components, counts.data_len), (4, 3, 15));
    // They can still be had one by one.
    let all: Vec<&[u8]> = file.entity(0).unwrap().components().map(|component| component.data).collect();
    assert_eq!(all, [&b"first"[..], b"other", b"second", b"third"]);
    let world = file.to_world();
    world.check().unwrap();
    assert_eq!(world.value_count(), 4);

    let strict = ReadOptions::default().strict(true);
    let err = read_with(&bytes, strict).unwrap_err();
    assert!(matches!(
        err,
        Error::RepeatedComponent { entity: Id(7), type_id: Id(1), offset: at } if at == offset
    ));
    assert_eq!(err.kind(), Kind::Damaged);
    let err = read_with(named("11_format_structs_components"), strict).unwrap_err();
    assert_eq!(
        err.to_string(),
        "entity 0000000000000000000000000000abc0 has component type \
         00000000000000000000000000002222 again at byte 343; read the file without strict to keep the first"
    );
    for fixture in ALL.iter().filter(|fixture| !fixture.name.starts_with("11")) {
        assert!(read_with(fixture.bytes, strict).is_ok(), "{}", fixture.name);
    }
}

#[test]
fn damage_is_told_before_a_repeated_type() {
    let mut bytes = Spec::default().entity(7, &[(1, b"a"), (1, b"b")]).file();
    *bytes.last_mut().unwrap() ^= 1;
    let err = read_with(&bytes, ReadOptions::default().strict(true)).unwrap_err();
    assert!(matches!(err, Error::Checksum64 { .. }), "{err}");
}

#[test]
fn repeated_stable_ids_are_kept_or_refused_as_the_caller_wants() {
    let ids = [9, 4, u128::MAX, 4, 0, u128::MAX, 4];
    let bytes = ids.iter().fold(Spec::default(), |spec, id| spec.entity(*id, &[])).file();
    let file = read(&bytes).unwrap();
    assert_eq!(file.warnings, [Warning::DuplicateIds { count: 3, id: Id(4) }]);
    assert_eq!(file.entities().map(|entity| entity.id.0).collect::<Vec<_>>(), ids);
    assert_eq!(file.to_world().foreign_ids.as_deref(), Some(&ids[..]));

    let refuse = ReadOptions::default().duplicate_ids(DuplicateIds::Error);
    let err = read_with(&bytes, refuse).unwrap_err();
    assert!(matches!(err, Error::DuplicateId { id: Id(4), first: 1, second: 3 }));
    assert_eq!(err.kind(), Kind::Damaged);
    assert!(err.to_string().contains("read the file with DuplicateIds::Keep"), "{err}");
    for fixture in ALL {
        assert!(read_with(fixture.bytes, refuse).is_ok(), "{}", fixture.name);
    }
}

#[test]
fn type_that_is_not_registered_is_kept_under_its_id() {
    let spec = Spec::of_types(&[(1, "a", 3)])
        .entity(1, &[(0xfe, b"one")])
        .entity(2, &[(1, b"two"), (0xfe, b"three"), (0xff, b"four")]);
    let unregistered = |id, components| Warning::UnregisteredType { type_id: Id(id), components };
    assert_eq!(warnings(&spec), [unregistered(0xfe, 2), unregistered(0xff, 1)]);
    let by_id = |id: u32| Some(format!("pecs:{id:032x}"));
    assert_eq!(columns(&spec), [Some("a".to_owned()), by_id(0xfe), by_id(0xff)]);
    let bytes = spec.file();
    let file = read(&bytes).unwrap();
    assert_eq!((file.types()[1].name, file.types()[1].version), (None, 0));
    assert_eq!(file.counts().unregistered_types, 2);
    assert_eq!(file.to_world().value_count(), 4);
}

#[test]
fn later_entry_of_a_type_id_counts_as_in_pecs() {
    let spec = Spec::of_types(&[(1, "old", 1), (2, "b", 1), (1, "new", 2)]).entity(1, &[(1, b"data")]);
    let replaced = Warning::ReplacedType { type_id: Id(1), name: "old".to_owned(), version: 1 };
    assert_eq!(warnings(&spec), [replaced]);
    assert_eq!(columns(&spec), [None, Some("b".to_owned()), Some("new".to_owned())]);
    // The same entry twice takes nobody's name.
    let same = Spec::of_types(&[(1, "a", 1), (1, "a", 1)]).entity(1, &[(1, b"data")]);
    assert_eq!(columns(&same), [None, Some("a".to_owned())]);
    assert_eq!(warnings(&same).len(), 1);
    // What does not count can have a name that is too long for a warning.
    let long = format!("{}\u{e9}", "n".repeat(254));
    let long = Spec::of_types(&[(1, &long, 1), (1, "a", 1)]);
    assert!(matches!(&warnings(&long)[..], [Warning::ReplacedType { name, .. }] if name.len() == 254));
}

#[test]
fn types_without_a_name_of_their_own_get_the_id_as_column() {
    let long = "n".repeat(256);
    let fits = "n".repeat(255);
    let spec = Spec::of_types(&[
        (1, "", 1),
        (2, "a", 1),
        (3, "a", 2),
        (4, &long, 1),
        (5, &fits, 1),
        (6, "", 1),
        // Takes the column name that the first would have had.
        (7, "pecs:00000000000000000000000000000001", 1),
        (8, "pecs:00000000000000000000000000000001#2", 1),
    ]);
    let by_id = |id: u32| Some(format!("pecs:{id:032x}"));
    let named = |name: &str| Some(name.to_owned());
    let expected = [
        Some(format!("pecs:{:032x}#3", 1)),
        named("a"),
        by_id(3),
        by_id(4),
        named(&fits),
        by_id(6),
        by_id(1),
        named("pecs:00000000000000000000000000000001#2"),
    ];
    assert_eq!(columns(&spec), expected);
    let duplicate = Warning::DuplicateTypeName { type_id: Id(3), name: "a".to_owned() };
    let too_long = Warning::LongTypeName { type_id: Id(4), len: 256 };
    assert_eq!(warnings(&spec), [duplicate, too_long]);
    read(&spec.file()).unwrap().to_world().check().unwrap();
}

#[test]
fn warnings_are_one_line_and_survive_json() {
    let spec = Spec {
        flags: 0xff,
        ..Spec::of_types(&[(1, "x\ny", 1), (1, "a", 1), (2, "a", 1), (3, &"n".repeat(300), 1)])
            .entity(1, &[(1, b"a"), (1, b"b"), (99, b"")])
            .entity(1, &[])
    };
    let mut bytes = spec.file();
    bytes.push(0);
    let warnings = read(&bytes).unwrap().warnings;
    assert_eq!(warnings.len(), 12);
    for warning in &warnings {
        let text = warning.to_string();
        assert!(!text.contains('\n') && !text.ends_with('.'), "{text}");
    }
    let text = serde_json::to_string(&warnings).unwrap();
    assert!(text.contains(r#"{"FlagIgnored":{"flag":"Zstd"}}"#), "{text}");
    assert_eq!(serde_json::from_str::<Vec<Warning>>(&text).unwrap(), warnings);
}
