//! Files as worlds of columns.

use keepstone_compat::pecs::{Component, File};
use keepstone_ecs_persist::{Column, ColumnData, EncodeOptions, Encoding, WorldDoc};
use keepstone_format::{Codec, Limits, Reader};

use crate::pecs::files::{ALL, named, read};
use crate::pecs::wire::Spec;

fn rows<'a>(column: &'a Column<'_>) -> Vec<&'a [u8]> {
    let ColumnData::Opaque { data, lengths } = &column.data else {
        panic!("{:?}", column.schema);
    };
    assert_eq!(column.schema.encoding, Encoding::Opaque { origin: "pecs".to_owned() });
    let mut rest = &data[..];
    lengths.iter().map(|len| rest.split_off(..len as usize).unwrap()).collect()
}

/// Goes through a world as a loader does and finds each component of the file where it belongs.
pub(super) fn check_same(file: &File<'_>, world: &WorldDoc<'_>) {
    world.check().unwrap();
    let columns: Vec<Vec<&[u8]>> = world.columns.iter().map(rows).collect();
    let mut next_row = vec![0; columns.len()];
    let mut next_id = world.foreign_ids.as_deref().unwrap().iter();
    let mut found = Vec::new();
    for table in &world.tables {
        for _ in 0..table.rows {
            let mut components = Vec::new();
            for &column in &table.components {
                let column = usize::from(column);
                let row = columns[column][next_row[column]];
                next_row[column] += 1;
                components.push((world.columns[column].schema.name.clone(), row.to_vec()));
            }
            found.push((*next_id.next().unwrap(), components));
        }
    }
    let mut expected = Vec::new();
    for entity in file.entities() {
        let mut components: Vec<(String, Vec<u8>)> = Vec::new();
        for Component { component_type, data, .. } in entity.components() {
            let name = component_type.column.clone().unwrap();
            if components.iter().all(|(seen, _)| *seen != name) {
                components.push((name, data.to_vec()));
            }
        }
        components.sort();
        expected.push((entity.id.0, components));
    }
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn every_fixture_is_a_world_with_the_same_contents() {
    for fixture in ALL {
        let file = read(fixture.bytes).unwrap();
        let world = file.to_world();
        assert_eq!(u64::from(world.entity_count()), file.header.entity_count, "{}", fixture.name);
        check_same(&file, &world);
    }
}

#[test]
fn worlds_survive_a_container() {
    for fixture in ALL {
        let file = read(fixture.bytes).unwrap();
        let world = file.to_world();
        let (bytes, _) = world.encode(Vec::new(), &EncodeOptions::default().codec(Codec::None)).unwrap();
        let reader = Reader::open(bytes.as_slice(), Limits::for_file_len(bytes.len() as u64)).unwrap();
        assert_eq!(WorldDoc::decode(&reader, 0).unwrap(), world, "{}", fixture.name);
    }
}

#[test]
fn registered_types_without_components_are_columns_without_rows() {
    let file = read(named("05_type_registry_unicode")).unwrap();
    let world = file.to_world();
    let names: Vec<(&str, u32)> =
        world.columns.iter().map(|column| (column.schema.name.as_str(), column.schema.version)).collect();
    let unicode = "hp::\u{418}\u{43c}\u{44f}_\u{540d}\u{524d}_\u{1f3ae}";
    let nameless = "pecs:0000000000000000678b8e87e60cf203";
    assert_eq!(names, [("hp::Position", 1), (unicode, 7), (nameless, u32::MAX)]);
    assert!(world.columns.iter().all(|column| rows(column).is_empty()));
    assert_eq!(world.tables.len(), 1);
    assert_eq!((world.tables[0].rows, world.tables[0].components.len()), (10, 0));
}

#[test]
fn tables_stand_in_the_order_of_their_first_entity() {
    let spec = Spec::of_types(&[(1, "z", 1), (2, "a", 1)])
        .entity(10, &[(1, b"z10")])
        .entity(11, &[])
        .entity(12, &[(1, b"z12"), (2, b"a12")])
        .entity(13, &[(1, b"z13")])
        .entity(14, &[(2, b"a14"), (1, b"z14"), (2, b"again")]);
    let bytes = spec.file();
    let file = read(&bytes).unwrap();
    let world = file.to_world();
    check_same(&file, &world);
    let tables: Vec<(u32, &[u16])> =
        world.tables.iter().map(|table| (table.rows, table.components.as_slice())).collect();
    assert_eq!(tables, [(2, &[1][..]), (1, &[]), (2, &[0, 1])]);
    assert_eq!(world.foreign_ids.as_deref(), Some(&[10, 13, 11, 12, 14][..]));
    assert_eq!(rows(world.column("a").unwrap()), [b"a12", b"a14"]);
    assert_eq!(rows(world.column("z").unwrap()), [b"z10", b"z13", b"z12", b"z14"]);
}
