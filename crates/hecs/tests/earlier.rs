//! Components that had another definition, of the same bytes.

use std::collections::VecDeque;

use hecs::{Entity, World};
use keepstone_ecs_persist::{
    Column, DeltaWorld, Error, LiveRows, Mark, Match, PartSink, PartSource, Schema, Table, WorldDelta,
    WorldDoc, WorldPart,
};
use keepstone_hecs::{EcsWorld, Hecs, Persist, Registry, SpawnOptions};

#[derive(Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_hecs", name = "test.earlier.inches", pod, retired)]
#[repr(C)]
struct Inches(u32);

#[derive(Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_hecs", name = "test.earlier.length", version = 2, pod, from = OldLength)]
#[repr(C)]
struct Length(u32);

#[derive(Clone, Copy, Persist)]
#[persist(crate = "keepstone_hecs", name = "test.earlier.length", pod, retired, from = Inches)]
#[repr(C)]
struct OldLength(u32);

impl From<Inches> for OldLength {
    fn from(old: Inches) -> Self {
        Self(old.0 * 10)
    }
}
impl From<OldLength> for Length {
    fn from(old: OldLength) -> Self {
        Self(old.0 * 100)
    }
}

fn registry() -> &'static Registry {
    <World as EcsWorld<Hecs>>::derived_registry().unwrap()
}

fn old(mut doc: WorldDoc<'static>, name: &str) -> WorldDoc<'static> {
    for column in &mut doc.columns {
        if column.schema.name == "test.earlier.length" {
            column.schema.name = name.into();
            column.schema.version = 1;
        }
    }
    doc.columns.sort_by(|a: &Column<'_>, b| a.schema.name.cmp(&b.schema.name));
    doc
}

#[test]
fn columns_of_an_earlier_definition_are_never_taken_for_todays() {
    for (name, factor) in [("test.earlier.length", 100), ("test.earlier.inches", 1000)] {
        let mut world = World::new();
        let ids: Vec<Entity> = (1..100).map(|n| world.spawn((Length(n),))).collect();
        let capture = world.capture(registry()).unwrap();
        let entities: Vec<Entity> = capture.entities().collect();
        let doc = old(capture.doc.into_owned(), name);
        let check = |world: &World, entities: &[Entity]| {
            for (n, entity) in (1..).zip(entities) {
                assert_eq!(
                    world.get::<&Length>(*entity).map(|found| *found).ok(),
                    Some(Length(n * factor)),
                    "{name}"
                );
            }
        };
        let mut fresh = World::new();
        let report = fresh.spawn_doc(&doc, registry(), &SpawnOptions::default()).unwrap();
        check(&fresh, &report.entities);
        world.restore_doc(&doc, Match::Entities(&entities), registry(), &SpawnOptions::default()).unwrap();
        check(&world, &ids);
        // In parts.
        let total = doc.entity_count();
        let mut split = Split::default();
        doc.split(7, &mut split).unwrap();
        let mut fresh = World::new();
        let report = fresh.spawn_parts(&mut split, registry(), &SpawnOptions::default()).unwrap();
        assert_eq!(report.entities.len(), total as usize);
        check(&fresh, &report.entities);
        // In a delta, of new entities.
        let mut live = World::new();
        let (capture, mark) = live.mark(registry()).unwrap();
        drop(capture);
        let mut rows = LiveRows::of_base(mark.root, []);
        let mut delta = WorldDelta::since(&mark);
        delta.rows_after = total;
        delta.rows = (0..total).collect();
        delta.doc = doc.clone();
        live.apply_delta(&mut rows, &delta, registry(), &SpawnOptions::default()).unwrap();
        let there: Vec<Entity> = rows.entities.iter().map(|entity| entity.unwrap()).collect();
        check(&live, &there);
        // And over values whose bytes are those of the old ones.
        let mark = Mark::after(&mark, rows.state, total, ());
        let mut delta = WorldDelta::since(&mark);
        delta.rows = (0..total).collect();
        delta.doc = doc.clone();
        for (n, entity) in (1..).zip(&there) {
            live.get::<&mut Length>(*entity).unwrap().0 = n;
        }
        live.apply_delta(&mut rows, &delta, registry(), &SpawnOptions::default()).unwrap();
        check(&live, &there);
    }
}

#[derive(Default)]
struct Split {
    left: VecDeque<WorldPart<'static>>,
}
impl PartSink for Split {
    fn begin(&mut self, _: Schema, _: u32) -> Result<(), Error> {
        Ok(())
    }
    fn part(&mut self, part: &WorldPart<'_>) -> Result<(), Error> {
        self.left.push_back(WorldPart::new(part.doc.clone().into_owned(), part.first, part.total));
        Ok(())
    }
}
impl PartSource for Split {
    fn next_part(&mut self) -> Result<Option<WorldPart<'static>>, Error> {
        Ok(self.left.pop_front())
    }
}

#[test]
fn a_file_with_a_component_under_its_old_name_and_its_new_one_is_refused() {
    let mut world = World::new();
    world.spawn((Length(1),));
    let doc = world.capture(registry()).unwrap().doc.into_owned();
    let mut both = old(doc.clone(), "test.earlier.inches");
    both.columns.extend(doc.columns);
    both.columns.retain(|column| column.schema.name.starts_with("test.earlier."));
    both.columns.sort_by(|a, b| a.schema.name.cmp(&b.schema.name));
    both.tables = [0, 1].map(|component| Table { rows: 1, components: vec![component] }).into();
    let error = World::new().spawn_doc(&both, registry(), &SpawnOptions::default()).unwrap_err();
    assert!(matches!(error, Error::SameComponent { .. }), "{error}");
}
