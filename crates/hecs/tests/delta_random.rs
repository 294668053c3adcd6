//! Random worlds with random edits, told by deltas, against a shadow copy.

use std::collections::HashMap;

use hecs::{Entity, World};
use keepstone_ecs_persist::{
    Compared, DeltaChain, DeltaWorld, EncodeOptions, LiveRows, Mark, ReadOptions, WorldDelta, WorldDoc,
};
use keepstone_hecs::{EcsWorld, Hecs, PersistId, PersistIds as _, Registry, SpawnOptions};
use proptest::{prelude::*, sample::Index};

use crate::{
    random::{build, indices, recipes},
    relationships::Parent,
    support::{
        Friends, Health, Label, Player, Position, Unregistered, decode, full, keeping, little, through_bytes,
    },
};

/// A delta as another program has it.
pub(crate) fn again(delta: &WorldDelta<'_>) -> WorldDelta<'static> {
    let (bytes, _) = delta.encode(Vec::new(), &EncodeOptions::default()).unwrap();
    WorldDelta::read(&mut bytes.as_slice(), &ReadOptions::default()).unwrap().into_owned()
}

/// A world that changes, and what others know of it.
pub(crate) struct Watched {
    pub(crate) world: World,
    pub(crate) mark: Mark<Compared<Entity>>,
    pub(crate) chain: DeltaChain,
    pub(crate) copy: World,
    pub(crate) rows: LiveRows<Entity>,
}

impl Watched {
    pub(crate) fn new(mut world: World) -> Self {
        let (capture, mark) = world.mark(full()).unwrap();
        let bytes = through_bytes(&capture);
        let mut copy = World::new();
        let (chain, entities) = decode(&bytes, |doc| {
            let report = copy.spawn_doc(doc, full(), &SpawnOptions::default()).unwrap();
            (DeltaChain::new(doc.clone().into_owned()).unwrap(), report.entities)
        });
        assert_eq!(chain.state(), mark.state);
        let rows = LiveRows::of_base(chain.state(), entities);
        Self { world, mark, chain, copy, rows }
    }

    /// Tells the others what has changed, and asserts that they have what the world has.
    pub(crate) fn follow(&mut self) -> WorldDelta<'static> {
        let since = self.world.delta(&self.mark, full()).unwrap();
        since.delta.check().unwrap();
        let delta = again(&since.delta);
        self.mark = since.mark;
        self.chain.apply(&delta).unwrap();
        let before = u64::from(self.copy.len());
        let report = self.copy.apply_delta(&mut self.rows, &delta, full(), &SpawnOptions::default()).unwrap();
        assert_eq!(report.missing, 0);
        assert_eq!((report.despawned, report.dangling), (delta.despawned.len() as u64, since.dangling));
        assert_eq!(report.spawned, u64::from(delta.rows_after - delta.rows_before));
        let after = u64::from(self.copy.len()) + report.despawned - report.spawned;
        assert!(after == before || after == before + 1, "one more holds the source of ids");
        self.check();
        delta
    }

    pub(crate) fn check(&mut self) {
        assert_eq!(self.rows.state, self.chain.state());
        assert_eq!(self.rows.entities.len(), self.chain.rows_given() as usize);
        check_copy(&self.world, &self.mark, &self.copy, &self.rows, full());
        let mut fresh = World::new();
        let report = fresh.spawn_doc(self.chain.doc(), full(), &SpawnOptions::default()).unwrap();
        let rows = self.chain.live_rows(report.entities);
        check_copy(&self.world, &self.mark, &fresh, &rows, full());
    }
}

/// Asserts that a copy has the entities of all rows, and their values.
fn check_copy(
    world: &World,
    mark: &Mark<Compared<Entity>>,
    copy: &World,
    rows: &LiveRows<Entity>,
    registry: &Registry,
) {
    let mut others: HashMap<Entity, Entity> = HashMap::new();
    for (row, theirs) in (0..).zip(&rows.entities) {
        let ours = <World as DeltaWorld<Hecs>>::entity_of_row(mark, row);
        assert_eq!(ours.is_some(), theirs.is_some(), "row {row}");
        others.extend(ours.zip(*theirs));
    }
    // In the order of the world: it tells which of two with one place comes first.
    let pairs: Vec<_> =
        world.capture(registry).unwrap().entities().map(|entity| (entity, others[&entity])).collect();
    assert_eq!(world.difference(copy, &pairs, registry).unwrap(), None);
    let count = |world: &World| world.capture(registry).unwrap().doc.entity_count() as usize;
    assert_eq!((count(world), count(copy)), (pairs.len(), pairs.len()));
    // A copy has seen every id that came.
    if let Some(source) = world.id_source() {
        assert!(copy.id_source().unwrap().to_parts()[1] >= source.to_parts()[1]);
    }
}

#[derive(Debug, Clone)]
struct Edit {
    kind: u8,
    who: Index,
    other: Index,
    number: i32,
    text: String,
}

fn edits(most: usize) -> impl Strategy<Value = Vec<Edit>> {
    let edit = (any::<u8>(), any::<Index>(), any::<Index>(), any::<i32>(), ".{0,6}");
    let edit = edit.prop_map(|(kind, who, other, number, text)| Edit { kind, who, other, number, text });
    proptest::collection::vec(edit, 0..most)
}

fn change_all(world: &mut World, edits: &[Edit]) {
    for edit in edits {
        change(world, edit);
    }
}

fn change(world: &mut World, edit: &Edit) {
    let mut alive: Vec<Entity> = world.iter().map(|entity| entity.entity()).collect();
    alive.sort_unstable();
    let number = edit.number;
    if alive.is_empty() || edit.kind.is_multiple_of(16) {
        let new = world.spawn((Label(edit.text.clone()), Health { current: number, max: 0 }));
        if number % 2 == 0 {
            world.insert_one(new, Friends(vec![Some(new)])).unwrap();
        }
        return;
    }
    let (who, other) = (*edit.who.get(&alive), *edit.other.get(&alive));
    let is_on = number % 4 != 0;
    let place = number.unsigned_abs() % 5;
    match edit.kind % 16 {
        1 => {
            world.despawn(who).unwrap();
            // Its index comes back at once, sometimes.
            if is_on {
                world.spawn((Label(edit.text.clone()),));
            }
        }
        2 if is_on => world.insert_one(who, Position { x: 1.0, y: f32::NAN, z: -0.0 }).unwrap(),
        2 => drop(world.remove_one::<Position>(who)),
        3 | 4 if is_on => world.insert_one(who, Health { current: number % 3, max: 7 }).unwrap(),
        3 | 4 => drop(world.remove_one::<Health>(who)),
        5 | 6 if is_on => world.insert_one(who, Label(edit.text.clone())).unwrap(),
        5 | 6 => drop(world.remove_one::<Label>(who)),
        7 if is_on => world.insert_one(who, Player).unwrap(),
        7 => drop(world.remove_one::<Player>(who)),
        8 if number % 5 == 0 => world.insert_one(who, Friends(vec![])).unwrap(),
        8 | 9 if is_on => world.insert_one(who, Friends(vec![Some(other), None])).unwrap(),
        8 | 9 => drop(world.remove_one::<Friends>(who)),
        10 => world.insert_one(who, Unregistered).unwrap(),
        11 | 12 if is_on => world.insert_one(who, Parent { of: other, place }).unwrap(),
        11 | 12 => drop(world.remove_one::<Parent>(who)),
        13 => {
            world
                .query_mut::<&mut Parent>()
                .into_iter()
                .for_each(|parent| parent.place = 9 - parent.place % 9);
        }
        14 => drop(world.assign_persist_id(who)),
        _ if is_on => world.insert_one(who, PersistId((7 << 44) + u64::from(who.id()))).unwrap(),
        _ => drop(world.remove_one::<PersistId>(who)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_base_and_its_deltas_are_the_world_in_another_process(
        (recipes, despawn) in (recipes(40), indices(10)),
        steps in proptest::collection::vec(edits(20), 1..5),
    ) {
        let mut watched = Watched::new(build(&recipes, &despawn));
        for edits in &steps {
            change_all(&mut watched.world, edits);
            let delta = watched.follow();
            let again = watched.world.delta(&watched.mark, full()).unwrap();
            prop_assert!(again.delta.is_empty(), "{:?} behind {:?}", again.delta, delta);
        }
    }

    #[test]
    fn a_mark_of_any_moment_tells_all_since(
        (recipes, despawn) in (recipes(30), indices(10)),
        (before, after) in (edits(15), edits(15)),
    ) {
        let mut watched = Watched::new(build(&recipes, &despawn));
        let first = watched.mark.clone();
        change_all(&mut watched.world, &before);
        // Another reader is told in between, and nothing of it is lost to this one.
        let _ = watched.world.delta(&first, full()).unwrap();
        change_all(&mut watched.world, &after);
        watched.follow();
    }

    #[test]
    fn a_program_that_knows_little_keeps_what_deltas_bring(
        (recipes, despawn) in (recipes(30), indices(10)),
        steps in proptest::collection::vec(edits(15), 1..4),
    ) {
        let mut world = build(&recipes, &despawn);
        let (capture, mut mark) = world.mark(full()).unwrap();
        let bytes = through_bytes(&capture);
        let (registry, mut copy) = (little(), World::new());
        let spawned = decode(&bytes, |doc| copy.spawn_doc(doc, &registry, &keeping())).unwrap();
        let mut rows = LiveRows::of_base(mark.state, spawned.entities);
        for edits in &steps {
            change_all(&mut world, edits);
            let since = world.delta(&mark, full()).unwrap();
            mark = since.mark;
            copy.apply_delta(&mut rows, &again(&since.delta), &registry, &keeping()).unwrap();
        }
        // What was kept comes back where it is known.
        let capture = copy.capture(&registry).unwrap();
        let kept: Vec<Entity> = capture.entities().collect();
        let bytes = through_bytes(&capture);
        let mut back = World::new();
        let report = decode(&bytes, |doc: &WorldDoc<'_>| back.spawn_doc(doc, full(), &SpawnOptions::default())).unwrap();
        for slot in &mut rows.entities {
            *slot = slot.and_then(|entity| kept.iter().position(|kept| *kept == entity)).map(|at| report.entities[at]);
        }
        check_copy(&world, &mark, &back, &rows, full());
    }
}
