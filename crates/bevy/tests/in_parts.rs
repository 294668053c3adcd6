//! Worlds captured and spawned part by part.

use std::collections::VecDeque;

use bevy_ecs::prelude::*;
use keepstone_bevy::{EcsWorld, Error, PersistIds, Registry, SpawnOptions, Unknown};
use keepstone_ecs_persist::{
    ColumnData, IdConflict, LeftBehind, PartSink, PartSource, Schema, Table, WorldDoc, WorldPart,
};
use proptest::prelude::*;

use crate::{
    random::{build, recipe},
    support::{Health, Label, Player, Position},
};

/// Parts in memory.
#[derive(Default)]
struct Parts {
    begun: Option<(Schema, u32)>,
    left: VecDeque<WorldPart<'static>>,
    /// Whether reading fails behind the last part.
    fails: bool,
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
        for (column, rows) in part.doc.columns.iter().zip(part.doc.rows_per_column()) {
            assert!(schema.components().contains(&column.schema), "{}", column.schema.name);
            assert!(rows > 0, "columns without rows are not in a part");
        }
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

fn registry() -> &'static Registry {
    World::derived_registry().unwrap()
}

fn in_parts(world: &World, rows_max: u32) -> (Parts, LeftBehind) {
    let mut parts = Parts::default();
    let behind = world.capture_parts(registry(), rows_max, &mut parts).unwrap();
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

/// What is captured in parts is what is captured at once, and so is what is spawned.
fn check(world: &World, rows_max: u32) {
    let capture = world.capture(registry()).unwrap();
    let (mut parts, behind) = in_parts(world, rows_max);
    assert_eq!(parts.begun.as_ref().unwrap().0, capture.doc.schema());
    assert_eq!(
        (&behind.left_out, behind.entities, behind.dangling),
        (&capture.left_out, capture.entities_left_out, capture.dangling)
    );
    assert_eq!(whole_pieces(WorldDoc::from_parts(&mut parts).unwrap()), cut(&capture.doc, rows_max));

    let mut loaded = World::new();
    loaded.spawn((Health { current: 1, max: 2 }, Label("was here".into())));
    let (mut parts, _) = in_parts(world, rows_max);
    let report = loaded.spawn_parts(&mut parts, registry(), &SpawnOptions::default()).unwrap();
    let mut whole = World::new();
    let expected = whole.spawn_doc(&capture.doc, registry(), &SpawnOptions::default()).unwrap();
    assert_eq!((report.values, report.dangling), (expected.values, expected.dangling));
    let pairs: Vec<_> = capture.entities().zip(report.entities).collect();
    assert_eq!(pairs.len(), capture.doc.entity_count() as usize);
    assert_eq!(world.difference(&loaded, &pairs, registry()).unwrap(), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_world_comes_back_in_parts_of_any_size(
        recipes in proptest::collection::vec(recipe(), 1..60),
        despawn in proptest::collection::vec(any::<proptest::sample::Index>(), 0..10),
        rows_max in 1_u32..40,
    ) {
        check(&build(&recipes, &despawn), rows_max);
    }
}

#[test]
fn a_world_without_entities_is_one_part() {
    let (parts, _) = in_parts(&World::new(), 5);
    assert_eq!((parts.begun.as_ref().unwrap().1, parts.left.len()), (0, 1));
    check(&World::new(), 1);
}

fn family() -> (World, Entity) {
    let mut world = World::new();
    let root = world.spawn(Label("root".into())).id();
    let children: Vec<Entity> = (0..9)
        .map(|i| match i % 2 {
            0 => world.spawn((Label(i.to_string()), Player)).id(),
            _ => world.spawn(Label(i.to_string())).id(),
        })
        .collect();
    for &place in &[4, 0, 8, 3, 1, 7, 2, 6, 5] {
        world.entity_mut(children[place]).insert(ChildOf(root));
    }
    (world, root)
}

#[test]
fn the_order_of_children_spans_parts() {
    let (world, root) = family();
    let names = |world: &World, parent: Entity| -> Vec<String> {
        let children = world.get::<Children>(parent).unwrap();
        children.iter().map(|child| world.get::<Label>(child).unwrap().0.clone()).collect()
    };
    for rows_max in 1..12 {
        check(&world, rows_max);
        let (mut parts, _) = in_parts(&world, rows_max);
        let mut loaded = World::new();
        loaded.spawn_parts(&mut parts, registry(), &SpawnOptions::default()).unwrap();
        let new_root = loaded.query::<(Entity, &Children)>().single(&loaded).unwrap().0;
        assert_eq!(names(&loaded, new_root), names(&world, root), "{rows_max}");
    }
}

#[test]
fn an_error_behind_some_parts_takes_back_what_was_spawned() {
    let (world, _) = family();
    let mut own = World::new();
    let kept = own.spawn(Position { x: 1.0, y: 2.0, z: 3.0 }).id();
    let before = own.entities().count_spawned();
    for rows_max in 1..10 {
        let (mut parts, _) = in_parts(&world, rows_max);
        parts.fails = true;
        own.spawn_parts(&mut parts, registry(), &SpawnOptions::default()).unwrap_err();
        assert_eq!(own.entities().count_spawned(), before, "{rows_max}");
    }
    assert!(own.get::<Position>(kept).is_some());
    // The ids that were given back are handed out once each.
    let new: Vec<Entity> = (0..40).map(|_| own.spawn_empty().id()).collect();
    let mut sorted = new.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), new.len());
}

#[test]
fn more_entities_than_allowed_are_refused_before_any_is_allocated() {
    let (world, _) = family();
    let (mut parts, _) = in_parts(&world, 3);
    let mut options = SpawnOptions::default();
    options.entities_max = 9;
    let mut loaded = World::new();
    let before = loaded.entities().count_spawned();
    let error = loaded.spawn_parts(&mut parts, registry(), &options).unwrap_err();
    assert!(matches!(error, Error::Limit { what: "entities", needs: 10, allowed: 9 }), "{error}");

    let empty = WorldPart::new(WorldDoc::default(), 0, u32::MAX - 1);
    let mut parts = Parts { left: [empty].into(), ..Parts::default() };
    let mut options = SpawnOptions::default();
    options.bytes_max = 1 << 30;
    let error = loaded.spawn_parts(&mut parts, registry(), &options).unwrap_err();
    assert!(matches!(error, Error::Limit { .. }), "{error}");
    assert_eq!(loaded.entities().count_spawned(), before);
}

#[test]
fn parts_that_are_not_one_world_are_refused() {
    let (world, _) = family();
    let mut loaded = World::new();
    let mut spawn = |change: &dyn Fn(&mut VecDeque<WorldPart<'static>>)| {
        let (mut parts, _) = in_parts(&world, 3);
        change(&mut parts.left);
        loaded.spawn_parts(&mut parts, registry(), &SpawnOptions::default()).map(drop).unwrap_err();
    };
    spawn(&|parts| drop(parts.pop_back()));
    spawn(&|parts| drop(parts.remove(1)));
    spawn(&|parts| parts.swap(1, 2));
    spawn(&|parts| parts.push_back(parts[1].clone()));
    spawn(&|parts| parts[2].total += 1);
}

#[test]
fn ids_are_of_all_parts_together() {
    let mut world = World::new();
    for i in 0..8 {
        let entity = world.spawn(Health { current: i, max: 9 }).id();
        world.assign_persist_id(entity).unwrap();
    }
    check(&world, 3);
    let (parts, _) = in_parts(&world, 3);
    // An entity of the last part gets the id of one of the first.
    let twice = |parts: &mut Parts| {
        let id = |part: &WorldPart<'static>| match &part.doc.column("keepstone.PersistId").unwrap().data {
            ColumnData::Plain(pieces) => pieces.concat()[..8].to_vec(),
            _ => unreachable!(),
        };
        let first = id(&parts.left[0]);
        let column =
            parts.left[2].doc.columns.iter_mut().find(|c| c.schema.name == "keepstone.PersistId").unwrap();
        if let ColumnData::Plain(pieces) = &mut column.data {
            let mut bytes = pieces.concat();
            bytes[..8].copy_from_slice(&first);
            *pieces = vec![bytes.into()];
        }
    };
    for conflict in [IdConflict::Refuse, IdConflict::Remap, IdConflict::Replace] {
        let mut options = SpawnOptions::default();
        options.ids = conflict;
        let mut parts = Parts { left: parts.left.clone(), ..Parts::default() };
        twice(&mut parts);
        let mut loaded = World::new();
        let error = loaded.spawn_parts(&mut parts, registry(), &options).unwrap_err();
        assert!(matches!(error, Error::DuplicateId { .. }), "{conflict:?}: {error}");
        assert_eq!(loaded.query::<&Health>().iter(&loaded).count(), 0);
    }
    // With ids that the world has, each policy does what it does at once.
    let mut both = World::new();
    let id = world.persist_ids().next().unwrap().0;
    both.spawn_with_id(id, Label("mine".into())).unwrap();
    let mut options = SpawnOptions::default();
    options.ids = IdConflict::Remap;
    let report = both
        .spawn_parts(&mut Parts { left: parts.left.clone(), ..Parts::default() }, registry(), &options)
        .unwrap();
    assert_eq!(report.remapped.len(), 1);
    assert_eq!(both.persist_ids().count(), 9);
}

#[test]
fn unknown_components_are_kept_from_all_parts_and_written_in_parts() {
    let (world, _) = family();
    let (mut parts, _) = in_parts(&world, 3);
    let few = Registry::default();
    let mut options = SpawnOptions::default();
    options.unknown = Unknown::Keep;
    let mut keeping = World::new();
    let report = keeping.spawn_parts(&mut parts, &few, &options).unwrap();
    let label = report.unknown.iter().find(|(name, _)| name == "test.label").unwrap();
    assert_eq!(label.1, 10);
    let mut again = Parts::default();
    keeping.capture_parts(&few, 4, &mut again).unwrap();
    let mut loaded = World::new();
    let report = loaded.spawn_parts(&mut again, registry(), &SpawnOptions::default()).unwrap();
    assert_eq!(report.entities.len(), 10);
    assert_eq!(loaded.query::<&Label>().iter(&loaded).count(), 10);
    assert_eq!(loaded.query::<&Children>().single(&loaded).unwrap().len(), 9);
}

#[test]
fn orders_are_worked_out_for_many_parts_at_once_and_for_the_next_ones() {
    // 300 rows are about ten times the parts of one row whose ranks are worked out at once.
    let mut world = World::new();
    let roots: Vec<Entity> = (0..7).map(|at| world.spawn(Label(at.to_string())).id()).collect();
    let unsaved = world.spawn_empty().id();
    let children: Vec<Entity> = (0_usize..300)
        .map(|at| match at % 3 {
            0 => world.spawn(Player).id(),
            1 => world.spawn((Player, Health { current: 1, max: 2 })).id(),
            _ => world.spawn(Position { x: 0.0, y: 1.0, z: 2.0 }).id(),
        })
        .collect();
    for step in 0_usize..300 {
        let at = step * 173 % 300;
        let target = if at % 50 == 3 { unsaved } else { roots[at * at % 7] };
        world.entity_mut(children[at]).insert(ChildOf(target));
    }
    for rows_max in [1, 2, 9, 11, 300] {
        check(&world, rows_max);
    }
}
