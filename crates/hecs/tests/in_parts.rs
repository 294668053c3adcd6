//! Worlds captured and spawned part by part.

use std::collections::VecDeque;

use hecs::{Entity, World};
use keepstone_ecs_persist::{
    ColumnData, Error, IdConflict, LeftBehind, PartSink, PartSource, Schema, SpawnOptions, Table, WorldDoc,
    WorldPart,
};
use keepstone_hecs::{EcsWorld, PersistIds, Registry};
use proptest::prelude::*;

use crate::{
    random::{build, indices, recipes},
    relationships::{Parent, children},
    support::{Friends, Health, Label, Player, full, keeping, little, load, saved, strict},
};

/// Parts in memory.
#[derive(Default)]
pub(crate) struct Parts {
    begun: Option<(Schema, u32)>,
    left: VecDeque<WorldPart<'static>>,
    /// What comes behind the last part.
    fails: bool,
}

impl Parts {
    /// The documents that are left.
    pub(crate) fn docs(&self) -> impl Iterator<Item = &WorldDoc<'static>> {
        self.left.iter().map(|part| &part.doc)
    }
}

impl PartSink for Parts {
    fn begin(&mut self, schema: Schema, total: u32) -> Result<(), Error> {
        assert!(self.begun.is_none() && self.left.is_empty(), "it begins once, first");
        self.begun = Some((schema, total));
        Ok(())
    }

    fn part(&mut self, part: &WorldPart<'_>) -> Result<(), Error> {
        let (schema, total) = self.begun.as_ref().unwrap();
        assert_eq!(part.total, *total);
        part.check().unwrap();
        for column in &part.doc.columns {
            assert!(schema.components().contains(&column.schema), "{}", column.schema.name);
        }
        let rows = part.doc.rows_per_column();
        assert!(rows.iter().all(|&rows| rows > 0), "columns without rows are not in a part");
        self.left.push_back(WorldPart::new(part.doc.clone().into_owned(), part.first, part.total));
        Ok(())
    }
}

impl PartSource for Parts {
    fn next_part(&mut self) -> Result<Option<WorldPart<'static>>, Error> {
        match self.left.pop_front() {
            None if self.fails => Err(Error::NotSupported { what: "more parts" }),
            part => Ok(part),
        }
    }
}

fn in_parts(world: &World, registry: &Registry, rows_max: u32) -> (Parts, LeftBehind) {
    let mut parts = Parts::default();
    let behind = world.capture_parts(registry, rows_max, &mut parts).unwrap();
    assert!(parts.left.iter().all(|part| part.doc.entity_count() <= rows_max));
    (parts, behind)
}

/// The same world, with the tables cut where parts end and the rows of plain columns in one piece.
fn cut(doc: &WorldDoc<'_>, rows_max: u32) -> WorldDoc<'static> {
    let mut doc = doc.clone().into_owned();
    let mut left = rows_max;
    let mut tables = Vec::new();
    for table in &doc.tables {
        let mut rows = table.rows;
        while rows > 0 {
            let taken = rows.min(left);
            tables.push(Table { rows: taken, components: table.components.clone() });
            (rows, left) = (rows - taken, left - taken);
            if left == 0 {
                left = rows_max;
            }
        }
    }
    doc.tables = tables;
    whole_pieces(doc)
}

fn whole_pieces(mut doc: WorldDoc<'static>) -> WorldDoc<'static> {
    for column in &mut doc.columns {
        if let ColumnData::Plain(pieces) = &mut column.data {
            let bytes = pieces.concat();
            *pieces = if bytes.is_empty() { Vec::new() } else { vec![bytes.into()] };
        }
    }
    doc
}

fn check_parts(world: &World, registry: &Registry, rows_max: u32) {
    let capture = world.capture(registry).unwrap();
    let (mut parts, behind) = in_parts(world, registry, rows_max);
    assert_eq!(parts.begun.as_ref().unwrap().0, capture.doc.schema());
    assert_eq!(
        (behind.left_out, behind.entities, behind.dangling),
        (capture.left_out.clone(), capture.entities_left_out, capture.dangling)
    );
    let joined = WorldDoc::from_parts(&mut parts).unwrap();
    assert_eq!(whole_pieces(joined), cut(&capture.doc, rows_max));
}

/// Spawns a world in parts into another, and compares it with one that is spawned at once.
fn check_spawned(world: &World, target: &mut World, rows_max: u32) {
    let capture = world.capture(full()).unwrap();
    let mut whole = World::new();
    let expected = whole.spawn_doc(&capture.doc, full(), &SpawnOptions::default()).unwrap();
    let (mut parts, _) = in_parts(world, full(), rows_max);
    let report = target.spawn_parts(&mut parts, full(), &SpawnOptions::default()).unwrap();
    assert_eq!((report.values, report.dangling), (expected.values, expected.dangling));
    let pairs: Vec<_> = expected.entities.into_iter().zip(report.entities).collect();
    assert_eq!(pairs.len(), capture.doc.entity_count() as usize);
    assert_eq!(whole.difference(target, &pairs, full()).unwrap(), None);
}

fn family() -> World {
    let mut world = World::new();
    let root = world.spawn((Label("root".into()),));
    for (i, place) in [30, 7, 100, 8, 7].into_iter().enumerate() {
        world.spawn((Label(i.to_string()), Parent { of: root, place }));
        world.spawn((Friends(vec![Some(root), None]), Parent { of: root, place }));
    }
    world
}

#[test]
fn a_world_without_entities_is_one_part() {
    let (parts, _) = in_parts(&World::new(), full(), 5);
    assert_eq!((parts.begun.as_ref().unwrap().1, parts.left.len()), (0, 1));
    check_parts(&World::new(), full(), 1);
    check_spawned(&World::new(), &mut World::new(), 1);
}

#[test]
fn the_order_of_children_spans_parts() {
    let world = family();
    let expected = children(&world, "root");
    for rows_max in 1..12 {
        check_parts(&world, full(), rows_max);
        let mut target = World::new();
        check_spawned(&world, &mut target, rows_max);
        assert_eq!(children(&target, "root"), expected, "{rows_max}");
    }
    // And an order that takes no bytes.
    let mut world = World::new();
    let root = world.spawn((Label("root".into()),));
    for place in 0..5 {
        world.spawn((Label(place.to_string()), Parent { of: root, place }));
    }
    let mut target = World::new();
    check_spawned(&world, &mut target, 2);
    let mut places: Vec<u32> = target.query::<&Parent>().iter().map(|parent| parent.place).collect();
    places.sort_unstable();
    assert_eq!(places, [0, 1, 2, 3, 4]);
}

#[test]
fn what_is_kept_goes_through_parts() {
    let (middle, _) = load(&saved(&family(), full()), &little(), &keeping()).unwrap();
    for rows_max in [1, 3, 100] {
        check_parts(&middle, &little(), rows_max);
        let (mut parts, _) = in_parts(&middle, &little(), rows_max);
        let mut again = World::new();
        let report = again.spawn_parts(&mut parts, &little(), &keeping()).unwrap();
        let mut unknown = report.unknown;
        unknown.sort();
        assert_eq!(unknown, [("bevy_ecs.ChildOf".to_owned(), 10), ("test.friends".to_owned(), 5)]);
        let (back, _) = load(&saved(&again, &little()), full(), &strict()).unwrap();
        assert_eq!(children(&back, "root"), children(&family(), "root"));
    }
}

#[test]
fn an_error_in_a_later_part_leaves_the_world_as_it_was() {
    let mut world = family();
    let ids: Vec<Entity> = world.iter().map(|entity| entity.entity()).collect();
    assert!(ids.iter().all(|&id| world.assign_persist_id(id).is_some()));
    let mut target = World::new();
    let old = target.spawn((Label("old".into()),));
    let gone = target.spawn((Player,));
    target.despawn(gone).unwrap();
    let before = (saved(&target, full()), target.len(), target.id_source());
    for change in 0..4 {
        let (mut parts, _) = in_parts(&world, full(), 3);
        match change {
            0 => parts.fails = true,
            1 => drop(parts.left.pop_back()),
            2 => drop(parts.left.remove(1)),
            _ => parts.left[2].total += 1,
        }
        let error = target.spawn_parts(&mut parts, full(), &strict()).unwrap_err();
        assert!(matches!(error, Error::NotSupported { .. } | Error::Invalid { .. }), "{error}");
        assert_eq!((saved(&target, full()), target.len(), target.id_source()), before, "{change}");
        assert!(target.contains(old));
    }
    let (mut parts, _) = in_parts(&world, full(), 3);
    let mut options = strict();
    options.entities_max = 10;
    let error = target.spawn_parts(&mut parts, full(), &options).unwrap_err();
    assert!(matches!(error, Error::Limit { what: "entities", needs: 11, allowed: 10 }), "{error}");
    // What a part says of the whole world is checked before anything is reserved for it.
    let (mut parts, _) = in_parts(&world, full(), 3);
    parts.left.iter_mut().for_each(|part| part.total = 4_000_000_000);
    let mut options = strict();
    options.bytes_max = 1 << 20;
    let error = target.spawn_parts(&mut parts, full(), &options).unwrap_err();
    assert!(matches!(error, Error::Limit { allowed: 0x10_0000, .. }), "{error}");
}

#[test]
fn ids_are_decided_about_part_by_part() {
    let mut world = World::new();
    let ids: Vec<Entity> = (0..7).map(|i| world.spawn((Health { current: i, max: 9 },))).collect();
    assert!(ids.iter().all(|&id| world.assign_persist_id(id).is_some()));
    check_parts(&world, full(), 2);
    let mut options = strict();
    for (conflict, alive) in [(IdConflict::Remap, 14), (IdConflict::Replace, 7)] {
        options.ids = conflict;
        let (mut target, _) = load(&saved(&world, full()), full(), &strict()).unwrap();
        let (mut parts, _) = in_parts(&world, full(), 2);
        let report = target.spawn_parts(&mut parts, full(), &options).unwrap();
        assert_eq!(report.remapped.len() as u64 + report.replaced, 7);
        let mut found: Vec<_> = target.persist_ids().map(|(id, _)| id).collect();
        found.sort_unstable();
        found.dedup();
        assert_eq!((found.len(), target.query::<&Health>().iter().count()), (alive, alive));
    }
    let (mut target, _) = load(&saved(&world, full()), full(), &strict()).unwrap();
    let (mut parts, _) = in_parts(&world, full(), 2);
    options.ids = IdConflict::Refuse;
    let error = target.spawn_parts(&mut parts, full(), &options).unwrap_err();
    assert!(matches!(error, Error::DuplicateId { .. }), "{error}");
    assert_eq!(target.len(), 7 + 1);
    // The same id in two parts.
    let twin = world.persist_id(ids[0]).unwrap();
    world.spawn((twin,));
    let (mut parts, _) = in_parts(&world, full(), 2);
    let error = World::new().spawn_parts(&mut parts, full(), &strict()).unwrap_err();
    assert!(matches!(error, Error::DuplicateId { id, .. } if id == twin), "{error}");
}

#[test]
fn a_codec_that_learns_nothing_is_captured_at_once() {
    use keepstone_ecs_persist::{AsSerde, Codec, Column, Encoding, Runs};
    use keepstone_hecs::RegistryExt;
    use keepstone_value::{Entities, Resolve};

    struct Whole;
    impl Codec<Label> for Whole {
        fn capture<'w>(
            rows: Runs<'w, Label>,
            entities: &mut dyn Entities,
        ) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error> {
            AsSerde::capture(rows, entities)
        }

        fn decode(column: &Column<'_>, rows: usize, entities: &mut dyn Resolve) -> Result<Vec<Label>, Error> {
            AsSerde::decode(column, rows, entities)
        }
    }
    let mut registry = Registry::default();
    registry.add_as::<Label, Whole>("test.label", 1).unwrap();
    registry.add::<Health>().unwrap();
    let mut world = World::new();
    for i in 0..9 {
        world.spawn((Label(i.to_string()), Health { current: i, max: 1 }));
    }
    check_parts(&world, &registry, 4);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn parts_of_any_size_are_the_world(
        (recipes, despawn) in (recipes(40), indices(10)),
        rows_max in 1..50_u32,
        (others, gone) in (recipes(10), indices(10)),
    ) {
        let world = build(&recipes, &despawn);
        check_parts(&world, full(), rows_max);
        let mut target = build(&others, &gone);
        check_spawned(&world, &mut target, rows_max);
        let (middle, _) = load(&saved(&world, full()), &little(), &keeping()).unwrap();
        check_parts(&middle, &little(), rows_max);
    }
}

#[test]
fn orders_are_worked_out_for_many_parts_at_once_and_for_the_next_ones() {
    // 300 rows are about twenty times the parts of one row whose ranks are worked out at once.
    let mut world = World::new();
    let roots: Vec<Entity> = (0..7).map(|at| world.spawn((Label(at.to_string()),))).collect();
    let unsaved = world.spawn((0_u128,));
    let reserved = world.reserve_entity();
    for at in 0_u32..300 {
        let of = match at % 50 {
            3 => unsaved,
            4 => reserved,
            5 => Entity::DANGLING,
            _ => roots[(at * at % 7) as usize],
        };
        let place = at * 173 % 120;
        match at % 3 {
            0 => world.spawn((Player, Parent { of, place })),
            1 => world.spawn((Label(at.to_string()), Parent { of, place })),
            _ => world.spawn((Friends(vec![Some(roots[1]), Some(unsaved)]), Parent { of, place })),
        };
    }
    for rows_max in [1, 2, 9, 11, 300] {
        check_parts(&world, full(), rows_max);
    }
    // Places that ascend, but for the last one.
    let mut world = World::new();
    let roots: Vec<Entity> = (0..90).map(|at| world.spawn((Label(at.to_string()),))).collect();
    for at in 0..200 {
        world.spawn((Player, Parent { of: roots[at as usize % 90], place: at }));
    }
    check_parts(&world, full(), 1);
    world.spawn((Player, Parent { of: roots[89], place: 3 }));
    check_parts(&world, full(), 1);
}

#[test]
fn entities_are_found_by_their_values_and_those_without_by_their_ids() {
    // Components of four sizes, none, and archetypes that have none in common.
    let mut world = World::new();
    let mut all: Vec<Entity> = Vec::new();
    for at in 0_i32..40 {
        all.push(world.spawn((Player,)));
        all.push(world.spawn((Health { current: at, max: at },)));
        all.push(world.spawn((Label(at.to_string()), Player)));
        all.push(world.spawn(()));
        all.push(world.spawn((0_u8,)));
        all.push(world.spawn((Health { current: at, max: 0 }, Label(String::new()))));
    }
    for at in [3, 40, 41, 42, 43, 44, 45, 200] {
        world.despawn(all[at]).unwrap();
    }
    let friends: Vec<Option<Entity>> = all.iter().copied().map(Some).collect();
    for chunk in friends.chunks(7) {
        world.spawn((Friends(chunk.to_vec()),));
    }
    for rows_max in [1, 5, 64, 1000] {
        check_parts(&world, full(), rows_max);
    }
}
