//! Deltas that one ECS writes, applied in a world of the other.

use std::collections::HashMap;

use keepstone::ecs::{
    DeltaWorld, EcsWorld, EncodeOptions, LiveRows, ReadOptions, SpawnOptions, Unknown, WorldDelta, WorldDoc,
};
use keepstone_testkit::Random;

use super::{
    build::{Ecs, build_shuffled, captured, registry},
    each_seed,
    in_bevy::InBevy,
    in_hecs::InHecs,
    plan::{BONDS, Ids, KINDS, Plan, Value},
};
use crate::two_ecs::Parent;

/// An ECS whose worlds are told of by deltas.
trait Told: Ecs<World: DeltaWorld<Self::Mark>> {
    /// Whether a parent can't be given without a cycle.
    fn is_below(world: &Self::World, entity: Self::Entity, from: Self::Entity) -> bool;
    /// Rids children of parents that are gone: in hecs they stay, and in bevy there are none.
    fn let_orphans_go(world: &mut Self::World);
}

impl Told for InBevy {
    fn is_below(world: &Self::World, entity: Self::Entity, from: Self::Entity) -> bool {
        Self::descends(world, entity, from)
    }

    fn let_orphans_go(_: &mut Self::World) {}
}

impl Told for InHecs {
    fn is_below(world: &Self::World, entity: Self::Entity, from: Self::Entity) -> bool {
        let parent = |&entity: &Self::Entity| world.get::<&Parent>(entity).ok().map(|parent| parent.0);
        std::iter::successors(Some(entity), parent).any(|ancestor| ancestor == from)
    }

    fn let_orphans_go(world: &mut Self::World) {
        let all: Vec<_> = world
            .query::<(Self::Entity, &Parent)>()
            .iter()
            .map(|(child, parent)| (child, parent.0))
            .collect();
        for (child, parent) in all {
            if !world.contains(parent) {
                Self::orphan(world, child);
            }
        }
    }
}

fn change<E: Told>(world: &mut E::World, random: &mut Random) {
    for _ in 0..random.below(30) {
        // Keys that lead to nothing can't be told from each other.
        let kind = [0, 1, 2, 3, 4, 5, 6, 8][random.index(8)];
        assert!(kind < KINDS && kind != BONDS);
        let mut alive = E::alive(world);
        alive.sort_unstable();
        if alive.is_empty() || random.one_in(6) {
            let entity = E::spawn(world);
            alive.push(entity);
            E::put(world, entity, &Value::of(kind, alive.len(), random), &alive);
            continue;
        }
        let (entity, other) = (alive[random.index(alive.len())], alive[random.index(alive.len())]);
        match random.below(6) {
            0 => E::despawn(world, entity),
            1 => E::take(world, entity, kind),
            2 if !E::is_below(world, other, entity) => E::adopt(world, entity, other, 0),
            3 => E::orphan(world, entity),
            _ => E::put(world, entity, &Value::of(kind, alive.len(), random), &alive),
        }
        E::let_orphans_go(world);
    }
}

/// What another program reads.
fn through_bytes(doc: &WorldDoc<'_>) -> WorldDoc<'static> {
    let (bytes, _) = doc.encode(Vec::new(), &EncodeOptions::default()).unwrap();
    let reader = keepstone::format::Reader::open(
        bytes.as_slice(),
        keepstone::format::Limits::for_file_len(bytes.len() as u64),
    )
    .unwrap();
    WorldDoc::decode(&reader, 0).unwrap().into_owned()
}

fn check<A: Told, B: Told>(random: &mut Random) {
    let mut plan = Plan::new(40, Ids::any(random), random).without_resources();
    plan.entities.iter_mut().for_each(|spec| spec.values.retain(|value| value.kind() != BONDS));
    let mut world = build_shuffled::<A>(&plan, random);
    let mut options = SpawnOptions::default();
    options.unknown = Unknown::Keep;
    let (capture, mut mark) = world.mark(registry::<A>()).unwrap();
    let base = through_bytes(&capture.doc);
    let mut copy = <B::World as EcsWorld<B::Mark>>::empty();
    let spawned = copy.spawn_doc(&base, registry::<B>(), &options).unwrap();
    let mut rows = LiveRows::of_base(base.state_id().unwrap(), spawned.entities);
    for _ in 0..=random.below(3) {
        change::<A>(&mut world, random);
        let since = world.delta(&mark, registry::<A>()).unwrap();
        mark = since.mark;
        let (bytes, _) = since.delta.encode(Vec::new(), &EncodeOptions::default()).unwrap();
        let delta = WorldDelta::read(&mut bytes.as_slice(), &ReadOptions::default()).unwrap();
        let report = copy.apply_delta(&mut rows, &delta, registry::<B>(), &options).unwrap();
        assert_eq!(report.missing, 0);

        // Back into a world of the first ECS, which is compared.
        let middle = captured::<B>(&copy);
        let doc = through_bytes(&middle.doc);
        let mut back = <A::World as EcsWorld<A::Mark>>::empty();
        let spawned = back.spawn_doc(&doc, registry::<A>(), &options).unwrap();
        let last: HashMap<B::Entity, A::Entity> = middle.entities().zip(spawned.entities).collect();
        let mut theirs: HashMap<A::Entity, A::Entity> = HashMap::new();
        for (row, there) in (0..).zip(&rows.entities) {
            let here = <A::World as DeltaWorld<A::Mark>>::entity_of_row(&mark, row);
            assert_eq!(here.is_some(), there.is_some(), "row {row}");
            theirs.extend(here.zip(there.map(|there| last[&there])));
        }
        let pairs: Vec<_> =
            captured::<A>(&world).entities().map(|entity| (entity, theirs[&entity])).collect();
        assert_eq!((pairs.len(), last.len()), (theirs.len(), theirs.len()));
        assert_eq!(world.difference(&back, &pairs, registry::<A>()).unwrap(), None);
    }
}

#[test]
fn a_delta_of_one_ecs_makes_the_same_of_a_world_of_the_other() {
    each_seed(60, check::<InBevy, InHecs>);
    each_seed(60, check::<InHecs, InBevy>);
    each_seed(30, check::<InBevy, InBevy>);
    each_seed(30, check::<InHecs, InHecs>);
}
