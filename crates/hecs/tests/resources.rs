//! hecs has no resources; files of other ECS have.

use hecs::World;
use keepstone_ecs_persist::{
    Column, ColumnData, ComponentSchema, EncodeOptions, Encoding, Reason, Table, WorldDoc,
};
use keepstone_format::{
    Codec,
    plain::{Layout, OwnedLayout, Primitive},
};
use keepstone_hecs::{EcsWorld, Error, Persist, Registry, RegistryExt, SpawnOptions, Unknown};

use crate::support::{decode, full, keeping, load, load_into, saved};

#[derive(Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_hecs", name = "test.season", pod)]
#[repr(C)]
struct Season(u32);

/// A file with a resource and three bare entities, as an ECS that has resources writes it.
fn file(season: u32, resource: bool) -> Vec<u8> {
    file_of_version(1, season, resource)
}

fn file_of_version(version: u32, season: u32, resource: bool) -> Vec<u8> {
    let mut doc = WorldDoc::default();
    let encoding =
        Encoding::Plain(OwnedLayout::from(&Layout::Struct(&[("0", Layout::Primitive(Primitive::U32))])));
    let rows = if resource { 1 } else { 3 };
    doc.columns.push(Column {
        schema: ComponentSchema::new("test.season", version, resource, encoding),
        data: ColumnData::Plain(vec![season.to_le_bytes().repeat(rows).into()]),
    });
    doc.tables.push(Table { rows: 3, components: if resource { vec![] } else { vec![0] } });
    doc.encode(Vec::new(), &EncodeOptions::default().codec(Codec::None)).unwrap().0
}

/// The seasons that a file has as a resource.
fn resource(bytes: &[u8]) -> Option<Vec<u8>> {
    decode(bytes, |doc| {
        let column = doc.column("test.season")?;
        assert!(column.schema.resource);
        match &column.data {
            ColumnData::Plain(pieces) => Some(pieces.concat()),
            other => panic!("{other:?}"),
        }
    })
}

#[test]
fn a_resource_is_refused_skipped_or_kept_and_never_a_component() {
    // Whether the type is registered makes no difference.
    for registry in [&Registry::default(), full()] {
        let error = load(&file(3, true), registry, &SpawnOptions::default()).err().unwrap();
        assert!(matches!(error, Error::UnknownComponent { ref name } if name == "test.season"), "{error}");
        for (unknown, more) in [(Unknown::Skip, 0), (Unknown::Keep, 1)] {
            let mut options = SpawnOptions::default();
            options.unknown = unknown;
            let (world, report) = load(&file(3, true), registry, &options).unwrap();
            assert_eq!(report.unknown, [("test.season".to_owned(), 1)]);
            assert_eq!((report.resources, report.values, report.entities.len()), (0, 0, 3));
            assert_eq!(world.len(), 3 + more);
            assert_eq!(world.query::<&Season>().iter().count(), 0);
            let bytes = saved(&world, registry);
            let count = decode(&bytes, |doc| {
                doc.check().unwrap();
                doc.entity_count()
            });
            assert_eq!(resource(&bytes), (more == 1).then(|| vec![3, 0, 0, 0]));
            assert_eq!(count, 3);
        }
    }
}

#[test]
fn the_resource_of_a_later_file_takes_the_place_of_the_old_one() {
    let registry = Registry::default();
    let (mut world, _) = load(&file(3, true), &registry, &keeping()).unwrap();
    load_into(&mut world, &file(4, true), &registry, &keeping()).unwrap();
    assert_eq!(world.len(), 3 + 3 + 1);
    assert_eq!(resource(&saved(&world, &registry)), Some(vec![4, 0, 0, 0]));
    // Its schema goes with it.
    load_into(&mut world, &file_of_version(2, 5, true), &registry, &keeping()).unwrap();
    assert_eq!(resource(&saved(&world, &registry)), Some(vec![5, 0, 0, 0]));
}

#[test]
fn a_component_named_as_a_kept_resource_is_refused_and_leaves_the_world_as_it_was() {
    let registry = Registry::default();
    let (mut world, _) = load(&file(3, true), &registry, &keeping()).unwrap();
    let error = load_into(&mut world, &file(4, false), &registry, &keeping()).unwrap_err();
    assert!(matches!(error, Error::KeptOtherwise { ref name } if name == "test.season"), "{error}");
    assert_eq!(world.len(), 4);
}

#[test]
fn a_kept_resource_gives_way_to_a_component_of_its_name() {
    let mut registry = Registry::default();
    registry.add::<Season>().unwrap();
    let (mut world, _) = load(&file(3, true), &registry, &keeping()).unwrap();
    world.spawn((Season(9),));
    let capture = world.capture(&registry).unwrap();
    let [left] = capture.left_out.as_slice() else { panic!("{:?}", capture.left_out) };
    assert_eq!((left.component.as_str(), left.count, left.reason), ("test.season", 1, Reason::KeptBefore));
    assert!(!capture.doc.column("test.season").unwrap().schema.resource);
    assert_eq!(capture.doc.entity_count(), 4);
    assert_eq!(World::new().capture(&registry).unwrap().left_out, []);
}
