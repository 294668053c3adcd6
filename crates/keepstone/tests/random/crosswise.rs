//! Worlds that go from one ECS to the other and back.

use std::collections::HashMap;

use keepstone::{Persist, WorldFiles, ecs::EcsWorld as _};
use keepstone_testkit::Random;
use serde::{Deserialize, Serialize};

use super::{
    build::{Ecs, Save, build_shuffled, captured, difference_by_id, keeping, registry},
    each_seed,
    formats::{formats, ways},
    in_bevy::InBevy,
    in_hecs::InHecs,
    plan::{Ids, Plan},
};

/// A component of hecs alone, which refers to entities.
#[derive(Persist, Serialize, Deserialize)]
#[persist(crate = "keepstone::hecs", name = "random.loose")]
struct Loose(u8, Vec<hecs::Entity>);

/// Entities of a world, and what they have become.
type Pairs<E> = Vec<(<E as Ecs>::Entity, <E as Ecs>::Entity)>;

/// The world through the other ECS, there and back in any formats.
fn there_and_back<A: Ecs, B: Ecs>(world: &A::World, random: &mut Random) -> (A::World, Pairs<A>) {
    let (to, back) = (any_way::<A>(random), any_way::<B>(random));
    let (mut first, mut second) = (Vec::new(), Vec::new());
    world.save_to_with(&mut first, &to).unwrap();
    let from = keeping::<B>().formats(formats());
    let (middle, there) = B::World::load_from_with(&mut first.as_slice(), &from).unwrap();
    middle.save_to_with(&mut second, &back).unwrap();
    let from = keeping::<A>().formats(formats());
    let (end, back) = A::World::load_from_with(&mut second.as_slice(), &from).unwrap();
    let last: HashMap<B::Entity, A::Entity> =
        captured::<B>(&middle).entities().zip(back.spawned.entities).collect();
    let begin = captured::<A>(world);
    assert_eq!(begin.doc.entity_count() as usize, last.len());
    let pairs = begin.entities().zip(there.spawned.entities).map(|(from, via)| (from, last[&via]));
    (end, pairs.collect())
}

fn any_way<E: Ecs>(random: &mut Random) -> Save<E> {
    let mut ways = ways::<E>(random);
    ways.swap_remove(random.index(ways.len())).1
}

fn check<A: Ecs, B: Ecs>(random: &mut Random) {
    let plan = Plan::new(60, Ids::any(random), random);
    let world = build_shuffled::<A>(&plan, random);
    let (end, pairs) = there_and_back::<A, B>(&world, random);
    assert_eq!(world.difference(&end, &pairs, registry::<A>()).unwrap(), None);
}

#[test]
fn a_world_is_the_same_after_a_stay_in_the_other_ecs() {
    each_seed(30, check::<InBevy, InHecs>);
    each_seed(30, check::<InHecs, InBevy>);
}

fn check_kept(random: &mut Random) {
    let plan = Plan::new(40, Ids::All, random).without_resources();
    let mut world = build_shuffled::<InHecs>(&plan, random);
    let alive = InHecs::alive(&mut world);
    for &entity in &alive {
        if random.one_in(3) {
            let who = (0..random.below(3)).map(|_| alive[random.index(alive.len())]).collect();
            world.insert_one(entity, Loose(random.next_u64().to_le_bytes()[0], who)).unwrap();
        }
    }
    let (mut end, pairs) = there_and_back::<InHecs, InBevy>(&world, random);
    assert_eq!(world.difference(&end, &pairs, registry::<InHecs>()).unwrap(), None);
    assert_eq!(difference_by_id::<InHecs>(&mut world, &mut end), None);
    assert_eq!(world.hash().unwrap(), end.hash().unwrap());
}

#[test]
fn what_the_other_ecs_does_not_know_is_kept_with_its_references() {
    each_seed(30, check_kept);
}
