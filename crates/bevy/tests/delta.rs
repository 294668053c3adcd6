//! Deltas, one thing at a time.

use bevy_ecs::{change_detection::DetectChangesMut, prelude::*};
use keepstone_bevy::{Bevy, EcsWorld, Error, Moment, Persist, PersistIds, Registry, SpawnOptions};
use keepstone_ecs_persist::{
    ApplyReport, DeltaChain, DeltaWorld, EncodeOptions, LiveRows, Mark, WorldDelta, WorldDoc,
};
use keepstone_format::{Limits, Reader};
use serde::{Deserialize, Serialize};

use crate::support::{Health, Label, Player, Poisoned, Position, Sparse, Unregistered};

#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.delta.friend")]
pub(crate) struct Friend(pub(crate) Option<Entity>);

#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[component(summary_tick)]
#[persist(crate = "keepstone_bevy", name = "test.delta.summed", pod)]
#[repr(C)]
pub(crate) struct Summed(pub(crate) u32);

#[derive(Resource, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.delta.hour", pod)]
#[repr(C)]
pub(crate) struct Hour(pub(crate) u32);

#[derive(Component, Persist, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.delta.wants", relationship)]
#[relationship(relationship_target = WantedBy)]
pub(crate) struct Wants(pub(crate) Entity);

#[derive(Component, Debug)]
#[relationship_target(relationship = Wants)]
pub(crate) struct WantedBy(Vec<Entity>);

pub(crate) fn registry() -> &'static Registry {
    <World as EcsWorld<Bevy>>::derived_registry().unwrap()
}

/// A world, a chain of documents that follows it, and a second world that does.
pub(crate) struct Followed {
    pub(crate) world: World,
    pub(crate) mark: Mark<Moment>,
    chain: DeltaChain,
    pub(crate) second: World,
    pub(crate) rows: LiveRows<Entity>,
}

impl Followed {
    pub(crate) fn new(mut world: World) -> Self {
        let (capture, mark) = world.mark(registry()).unwrap();
        let base: WorldDoc<'static> = capture.doc.into_owned();
        let mut second = World::new();
        // Ids there are others.
        for _ in 0..3 {
            second.spawn(Unregistered);
        }
        let report = second.spawn_doc(&base, registry(), &SpawnOptions::default()).unwrap();
        let rows = LiveRows::of_base(mark.root, report.entities);
        let chain = DeltaChain::new(base).unwrap();
        Self { world, mark, chain, second, rows }
    }

    /// What has changed since the last call, as a file has it.
    pub(crate) fn changes(&mut self) -> WorldDelta<'static> {
        let since = self.world.delta(&self.mark, registry()).unwrap();
        since.delta.check().unwrap();
        self.mark = since.mark;
        let (bytes, _) = since.delta.encode(Vec::new(), &EncodeOptions::default()).unwrap();
        let reader = Reader::open(bytes.as_slice(), Limits::default()).unwrap();
        WorldDelta::decode(&reader).unwrap().into_owned()
    }

    /// Has the chain and the second world follow, and checks that both are as the first is.
    pub(crate) fn follow(&mut self) -> (WorldDelta<'static>, ApplyReport) {
        let delta = self.changes();
        self.chain.apply(&delta).unwrap();
        assert_eq!(self.chain.state(), self.mark.state);
        let fresh = self.world.capture(registry()).unwrap();
        let doc = self.chain.doc();
        doc.check().unwrap();
        assert_eq!(doc.entity_count(), fresh.doc.entity_count());
        assert_eq!(doc.value_count(), fresh.doc.value_count());
        let names = |doc: &WorldDoc<'_>| -> Vec<String> {
            doc.columns.iter().map(|column| column.schema.name.clone()).collect()
        };
        assert_eq!(names(doc), names(&fresh.doc));
        let mut loaded = World::new();
        let report = loaded.spawn_doc(doc, registry(), &SpawnOptions::default()).unwrap();
        let entity = |row: &u32| World::entity_of_row(&self.mark, *row).unwrap();
        let pairs: Vec<_> = self.chain.rows().iter().map(entity).zip(report.entities).collect();
        assert_eq!(self.world.difference(&loaded, &pairs, registry()).unwrap(), None, "chain");

        let report =
            self.second.apply_delta(&mut self.rows, &delta, registry(), &SpawnOptions::default()).unwrap();
        assert_eq!(self.rows.state, self.mark.state);
        self.compare();
        (delta, report)
    }

    /// The row of an entity of the first world.
    fn row(&self, entity: Entity) -> usize {
        let is_it = |row: &u32| World::entity_of_row(&self.mark, *row) == Some(entity);
        (0..self.mark.rows).find(is_it).unwrap() as usize
    }

    /// The entity of the second world that stands for one of the first.
    pub(crate) fn there(&self, entity: Entity) -> Entity {
        self.rows.entities[self.row(entity)].unwrap()
    }

    /// Checks that the second world is as the first is.
    pub(crate) fn compare(&self) {
        let pairs: Vec<(Entity, Entity)> = (0..)
            .zip(&self.rows.entities)
            .filter_map(|(row, &second)| Some((World::entity_of_row(&self.mark, row)?, second?)))
            .collect();
        assert_eq!(self.world.difference(&self.second, &pairs, registry()).unwrap(), None, "second world");
        let fresh = |world: &World| world.capture(registry()).unwrap().doc.entity_count();
        assert_eq!(fresh(&self.world), fresh(&self.second));
    }
}

pub(crate) fn some(count: u32) -> (World, Vec<Entity>) {
    let mut world = World::new();
    let spawn = |i: u32| {
        let mut entity = world.spawn(Health { current: i32::try_from(i).unwrap(), max: 100 });
        if i.is_multiple_of(2) {
            entity.insert(Label(i.to_string()));
        }
        if i.is_multiple_of(3) {
            entity.insert((Sparse(i.into()), Summed(i)));
        }
        entity.id()
    };
    let entities = (0..count).map(spawn).collect();
    (world, entities)
}

#[test]
fn nothing_changed_is_an_empty_delta() {
    let mut followed = Followed::new(some(40).0);
    for _ in 0..3 {
        let (delta, report) = followed.follow();
        assert!(delta.is_empty());
        assert_eq!(report, ApplyReport::default());
    }
}

#[test]
fn a_change_right_after_a_mark_is_in_the_next_delta_and_in_no_later_one() {
    let (world, entities) = some(40);
    let mut followed = Followed::new(world);
    for round in 0..3 {
        followed.world.get_mut::<Health>(entities[7]).unwrap().current = 1000 + round;
        let (delta, report) = followed.follow();
        assert_eq!(delta.rows.len(), 1);
        assert_eq!(delta.doc.value_count(), 1);
        assert_eq!(report.written, 1);
        assert!(followed.follow().0.is_empty());
    }
}

#[test]
fn the_games_own_change_detection_sees_what_it_saw() {
    let (mut world, entities) = some(4);
    let (_, mark) = world.mark(registry()).unwrap();
    world.clear_trackers();
    world.get_mut::<Health>(entities[2]).unwrap().current = 5;
    let seen = |world: &mut World| {
        world.query_filtered::<Entity, Changed<Health>>().iter(world).collect::<Vec<Entity>>()
    };
    assert_eq!(seen(&mut world), [entities[2]]);
    world.delta(&mark, registry()).unwrap();
    assert_eq!(seen(&mut world), [entities[2]]);
}

#[test]
fn apply_marks_the_written_values_as_changed_and_no_others() {
    let (world, entities) = some(60);
    let mut followed = Followed::new(world);
    followed.second.clear_trackers();
    for at in [3, 6, 30] {
        followed.world.get_mut::<Health>(entities[at]).unwrap().current = -1;
    }
    followed.world.get_mut::<Sparse>(entities[9]).unwrap().0 = 77;
    followed.follow();
    let changed: Vec<i32> = followed
        .second
        .query_filtered::<&Health, Changed<Health>>()
        .iter(&followed.second)
        .map(|health| health.current)
        .collect();
    assert_eq!(changed, [-1; 3]);
    let sparse = followed.second.query_filtered::<&Sparse, Changed<Sparse>>().iter(&followed.second).count();
    assert_eq!(sparse, 1);
    let labels = followed.second.query_filtered::<&Label, Changed<Label>>().iter(&followed.second).count();
    assert_eq!(labels, 0);
}

#[test]
fn writes_that_bypass_change_detection_are_not_in_a_delta() {
    let (world, entities) = some(10);
    let mut followed = Followed::new(world);
    followed.world.get_mut::<Health>(entities[4]).unwrap().bypass_change_detection().current = 9;
    assert!(followed.changes().is_empty());
}

#[test]
fn a_summed_column_is_told_as_any_other() {
    let (world, entities) = some(30);
    let mut followed = Followed::new(world);
    followed.world.get_mut::<Summed>(entities[9]).unwrap().0 = 1;
    let (delta, _) = followed.follow();
    assert_eq!(delta.rows.len(), 1);
    // The table is another, and so is its summary.
    followed.world.get_mut::<Summed>(entities[12]).unwrap().0 = 2;
    followed.world.entity_mut(entities[12]).insert(Player);
    followed.follow();
}

#[test]
fn an_id_that_is_used_again_is_another_entity() {
    let (world, entities) = some(12);
    let mut followed = Followed::new(world);
    let again = followed.world.despawn_no_free(entities[5]).unwrap();
    assert_eq!(again.index(), entities[5].index());
    followed.world.spawn_at(again, Label("new".into())).unwrap();
    let (delta, report) = followed.follow();
    assert_eq!(delta.despawned.len(), 1);
    assert_eq!((delta.rows_before, delta.rows_after), (12, 13));
    assert_eq!((report.spawned, report.despawned), (1, 1));
}

#[test]
fn a_component_that_was_removed_and_inserted_again_is_changed() {
    let (world, entities) = some(12);
    let mut followed = Followed::new(world);
    followed.world.entity_mut(entities[2]).remove::<Label>();
    followed.world.entity_mut(entities[2]).insert(Label("again".into()));
    let (delta, report) = followed.follow();
    assert!(delta.removed.is_empty());
    assert_eq!((delta.rows.len(), report.written), (1, 1));
    followed.world.entity_mut(entities[2]).remove::<Label>();
    let (delta, report) = followed.follow();
    assert_eq!(delta.removed.len(), 1);
    assert_eq!(report.removed, 1);
}

#[test]
fn resources_come_change_and_go() {
    let mut followed = Followed::new(some(3).0);
    followed.world.insert_resource(Hour(1));
    followed.follow();
    followed.world.resource_mut::<Hour>().0 = 2;
    followed.follow();
    assert_eq!(followed.second.resource::<Hour>(), &Hour(2));
    assert!(followed.follow().0.is_empty());
    followed.world.remove_resource::<Hour>();
    let (delta, report) = followed.follow();
    assert_eq!(delta.removed_resources, ["test.delta.hour"]);
    assert_eq!(report.removed, 1);
    assert!(followed.second.get_resource::<Hour>().is_none());
    assert!(followed.follow().0.is_empty());
}

fn family(children: usize) -> (World, Entity, Vec<Entity>) {
    let mut world = World::new();
    let parent = world.spawn(Label("parent".into())).id();
    let spawn = |i: usize| world.spawn((Label(i.to_string()), ChildOf(parent))).id();
    let children = (0..children).map(spawn).collect();
    (world, parent, children)
}

#[test]
fn the_order_of_children_follows() {
    let (world, parent, children) = family(5);
    let mut followed = Followed::new(world);
    followed.world.get_mut::<Children>(parent).unwrap().swap(0, 3);
    let (delta, _) = followed.follow();
    assert_eq!(delta.rows.len(), 5);
    let new = followed.world.spawn((Label("new".into()), ChildOf(parent))).id();
    followed.world.entity_mut(parent).insert_children(1, &[new]);
    followed.follow();
    followed.world.despawn(children[1]);
    followed.follow();
    followed.world.entity_mut(children[2]).remove::<ChildOf>();
    followed.follow();
    assert!(followed.follow().0.is_empty());
}

#[test]
fn children_that_the_second_world_has_beside_them_stay_behind_them() {
    let (world, parent, children) = family(3);
    let mut followed = Followed::new(world);
    let there = followed.there(parent);
    let own: Vec<Entity> = (0..2).map(|_| followed.second.spawn(ChildOf(there)).id()).collect();
    let new = followed.world.spawn((Label("new".into()), ChildOf(parent))).id();
    followed.world.get_mut::<Children>(parent).unwrap().swap(0, 1);
    let delta = followed.changes();
    followed.second.apply_delta(&mut followed.rows, &delta, registry(), &SpawnOptions::default()).unwrap();
    let list = followed.second.get::<Children>(there).unwrap().to_vec();
    let named = [children[1], children[0], children[2], new].map(|entity| followed.there(entity));
    assert_eq!(list, [named.as_slice(), own.as_slice()].concat());
}

#[test]
fn a_child_that_changed_its_parent_outlives_the_one_before() {
    let (mut world, parent, children) = family(4);
    let other = world.spawn(Label("other".into())).id();
    let mut followed = Followed::new(world);
    followed.world.entity_mut(children[1]).insert(ChildOf(other));
    let new = followed.world.spawn(Label("new".into())).id();
    followed.world.entity_mut(children[2]).insert(ChildOf(new));
    followed.world.entity_mut(children[0]).remove::<ChildOf>();
    followed.world.despawn(parent);
    let (delta, report) = followed.follow();
    assert_eq!(delta.despawned.len(), 2);
    assert_eq!(report.missing, 0);
}

#[test]
fn a_relationship_goes_with_its_target() {
    let (mut world, entities) = some(6);
    for &source in &entities[1..4] {
        world.entity_mut(source).insert(Wants(entities[5]));
    }
    let mut followed = Followed::new(world);
    followed.world.despawn(entities[5]);
    followed.follow();
    followed.world.entity_mut(entities[1]).insert(Wants(entities[2]));
    followed.follow();
}

#[test]
fn entities_that_are_only_referred_to_come_and_go_with_the_reference() {
    let (mut world, entities) = some(4);
    let (bare, later) = (world.spawn(Unregistered).id(), world.spawn(Unregistered).id());
    world.entity_mut(entities[0]).insert(Friend(Some(bare)));
    world.entity_mut(entities[1]).insert(Friend(Some(entities[3])));
    let mut followed = Followed::new(world);
    assert!(followed.follow().0.is_empty());
    followed.world.get_mut::<Friend>(entities[0]).unwrap().0 = Some(later);
    let (delta, _) = followed.follow();
    assert_eq!((delta.despawned.len(), delta.rows_after - delta.rows_before), (1, 1));
    // It loses all that is saved of it, but not the reference.
    followed.world.entity_mut(entities[3]).remove::<(Health, Label, Sparse, Summed)>();
    followed.world.entity_mut(entities[3]).insert(Unregistered);
    let (delta, _) = followed.follow();
    assert!(delta.despawned.is_empty());
    followed.world.entity_mut(entities[3]).insert(Player);
    assert_eq!(followed.follow().0.rows.len(), 1);
    followed.world.despawn(entities[3]);
    followed.world.despawn(later);
    assert_eq!(followed.follow().0.despawned.len(), 2);
}

#[test]
fn a_mark_of_another_world_is_refused() {
    let (mut world, _) = some(4);
    let (_, mark) = world.mark(registry()).unwrap();
    let other = World::new().delta(&mark, registry());
    assert!(matches!(other, Err(Error::MarkTooOld { .. })));
    assert!(world.delta(&mark, registry()).is_ok());
}

#[test]
fn deltas_from_one_mark_are_independent() {
    let (mut world, entities) = some(20);
    let (_, mark) = world.mark(registry()).unwrap();
    world.get_mut::<Health>(entities[1]).unwrap().current = 50;
    let first = world.delta(&mark, registry()).unwrap();
    world.get_mut::<Health>(entities[2]).unwrap().current = 51;
    let second = world.delta(&mark, registry()).unwrap();
    let third = world.delta(&first.mark, registry()).unwrap();
    assert_eq!((first.delta.rows.len(), second.delta.rows.len(), third.delta.rows.len()), (1, 2, 1));
    assert_eq!(third.delta.sequence, 2);
}

#[test]
fn a_delta_out_of_its_turn_is_refused_and_changes_nothing() {
    let (world, entities) = some(8);
    let mut followed = Followed::new(world);
    followed.world.despawn(entities[0]);
    let first = followed.changes();
    followed.world.despawn(entities[1]);
    let second = followed.changes();
    let options = SpawnOptions::default();
    let early = followed.second.apply_delta(&mut followed.rows, &second, registry(), &options);
    assert!(matches!(early, Err(Error::WrongBase { .. })));
    followed.second.apply_delta(&mut followed.rows, &first, registry(), &options).unwrap();
    let twice = followed.second.apply_delta(&mut followed.rows, &first, registry(), &options);
    assert!(matches!(twice, Err(Error::WrongBase { .. })));
    followed.second.apply_delta(&mut followed.rows, &second, registry(), &options).unwrap();
    followed.compare();
}

#[test]
fn some_entities_are_captured_with_those_they_refer_to() {
    let (mut world, entities) = some(8);
    let ids = world.ensure_ids(&entities[..4]).unwrap();
    world.insert_resource(Hour(4));
    world.entity_mut(entities[6]).insert(Friend(Some(entities[2])));
    world.entity_mut(entities[5]).insert(Friend(Some(entities[7])));
    for &child in &entities[2..6] {
        world.entity_mut(child).insert(ChildOf(entities[0]));
    }
    world.get_mut::<Children>(entities[0]).unwrap().swap(0, 3);
    let gone = world.spawn_empty().id();
    world.despawn(gone);
    let chosen = [entities[6], entities[5], gone, entities[2], entities[6]];
    let capture = world.capture_entities(&chosen, registry()).unwrap();
    capture.doc.check().unwrap();
    let found: Vec<Entity> = capture.entities().collect();
    assert_eq!(found[..3], [entities[6], entities[5], entities[2]]);
    assert_eq!(capture.entities_left_out, 1);
    assert_eq!(capture.doc.entity_count(), 5);
    let mut loaded = World::new();
    let report = loaded.spawn_doc(&capture.doc, registry(), &SpawnOptions::default()).unwrap();
    let of = |entity: Entity| report.entities[found.iter().position(|&e| e == entity).unwrap()];
    assert!(loaded.get_resource::<Hour>().is_none());
    assert_eq!(loaded.get::<Friend>(of(entities[6])), Some(&Friend(Some(of(entities[2])))));
    assert_eq!(loaded.get::<Friend>(of(entities[5])), Some(&Friend(Some(of(entities[7])))));
    assert_eq!(loaded.get::<Children>(of(entities[0])).unwrap().to_vec(), [of(entities[5]), of(entities[2])]);
    assert_eq!(loaded.get::<Health>(of(entities[0])), None);
    assert_eq!(loaded.persist_id(of(entities[0])), Some(ids[0].into()));
    assert_eq!(loaded.persist_id(of(entities[2])), Some(ids[2].into()));
    assert_eq!(loaded.persist_id(of(entities[7])), None);
    assert_eq!(loaded.get::<Poisoned>(of(entities[2])), None);
    let nobody = world.ensure_ids(&[gone]);
    assert!(matches!(nobody, Err(Error::BadSelection { .. })));
}

#[test]
fn values_that_say_that_they_are_not_saved_leave_the_chain() {
    let (mut world, entities) = some(6);
    for &entity in &entities {
        world.entity_mut(entity).insert(Position { x: 1.0, y: 1.0, z: 1.0 });
    }
    let mut followed = Followed::new(world);
    followed.world.entity_mut(entities[0]).insert(Fleeting { kept: true });
    followed.world.entity_mut(entities[1]).insert(Fleeting { kept: false });
    followed.follow();
    followed.world.get_mut::<Fleeting>(entities[0]).unwrap().kept = false;
    followed.world.get_mut::<Fleeting>(entities[1]).unwrap().kept = true;
    let (delta, _) = followed.follow();
    assert_eq!(delta.removed.len(), 1);
}

#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.delta.fleeting", persistent_if = "Fleeting::is_kept")]
pub(crate) struct Fleeting {
    kept: bool,
}

impl Fleeting {
    fn is_kept(&self) -> bool {
        self.kept
    }
}
