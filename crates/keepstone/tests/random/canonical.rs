//! Equal worlds are equal bytes, whatever their history.

use std::num::{NonZeroU32, NonZeroUsize};

use keepstone::{
    Codec, SaveOptions, WorldFiles,
    ecs::{ComponentHashes, EncodeOptions, WorldDoc},
    format::{Limits, Reader},
};
use keepstone_testkit::Random;

use super::{
    build::{Ecs, build, build_shuffled, captured, keeping},
    each_seed,
    in_bevy::InBevy,
    in_hecs::InHecs,
    plan::{FOREIGN, Ids, Plan, Value},
};

fn canonical<E: Ecs>(world: &E::World, threads: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let threads = NonZeroUsize::new(threads).unwrap();
    let options = SaveOptions::default().canonical(true).threads(threads);
    world.save_to_with(&mut bytes, &options).unwrap();
    bytes
}

fn hashes<E: Ecs>(world: &E::World) -> ComponentHashes {
    captured::<E>(world).doc.component_hashes().unwrap()
}

/// A world that was saved in parts and put together again, as canonical bytes.
fn joined<E: Ecs>(world: &E::World, random: &mut Random) -> Vec<u8> {
    let rows = NonZeroU32::new(1 + u32::try_from(random.below(50)).unwrap()).unwrap();
    let mut bytes = Vec::new();
    world.save_to_with(&mut bytes, &SaveOptions::default().part_rows(rows)).unwrap();
    let reader = Reader::open(bytes.as_slice(), Limits::for_file_len(bytes.len() as u64)).unwrap();
    let doc = WorldDoc::decode(&reader, 0).unwrap();
    let options = EncodeOptions::default().codec(Codec::None);
    doc.canonical().unwrap().encode(Vec::new(), &options).unwrap().0
}

fn check<E: Ecs>(plan: &Plan, random: &mut Random) -> Vec<u8> {
    let world = build::<E>(plan);
    let bytes = canonical::<E>(&world, 1);
    let hash = world.hash().unwrap();
    assert!(joined::<E>(&world, random) == bytes, "in parts");
    for threads in [1, 2] {
        let other = build_shuffled::<E>(plan, random);
        assert!(canonical::<E>(&other, threads) == bytes, "another order");
        assert_eq!(other.hash().unwrap(), hash);
        assert!(joined::<E>(&other, random) == bytes, "another order, in parts");
        let (loaded, _) = E::World::load_from_with(&mut bytes.as_slice(), &keeping::<E>()).unwrap();
        assert!(canonical::<E>(&loaded, threads) == bytes, "loaded");
        assert_eq!(loaded.hash().unwrap(), hash);
    }
    bytes
}

#[test]
fn the_order_in_which_a_world_came_to_be_does_not_show_in_its_canonical_save() {
    each_seed(15, |random| {
        let plan = Plan::new(60, Ids::All, random);
        check::<InBevy>(&plan, random);
        check::<InHecs>(&plan, random);
    });
}

#[test]
fn both_ecs_write_the_same_canonical_bytes() {
    each_seed(15, |random| {
        let plan = Plan::new(60, Ids::All, random).without_resources();
        let (bevy, hecs) = (build_shuffled::<InBevy>(&plan, random), build_shuffled::<InHecs>(&plan, random));
        assert_eq!(hashes::<InBevy>(&bevy), hashes::<InHecs>(&hecs));
        assert_eq!(bevy.hash().unwrap(), hecs.hash().unwrap());
        assert!(canonical::<InBevy>(&bevy, 1) == canonical::<InHecs>(&hecs, 1));
    });
}

const NAMES: [&str; 9] = [
    "random.place",
    "random.health",
    "random.marked",
    "random.title",
    "random.mood",
    "random.bag",
    "random.squad",
    "random.bonds",
    "random.order",
];

/// Another value than this one, of the same component.
fn changed(value: &Value, entities: usize, random: &mut Random) -> Value {
    loop {
        let other = Value::of(value.kind(), entities, random);
        if format!("{other:?}") != format!("{value:?}") {
            return other;
        }
    }
}

fn check_change<E: Ecs>(random: &mut Random) {
    let mut plan = Plan::new(40, Ids::All, random);
    let before = build_shuffled::<E>(&plan, random);
    let at = random.index(plan.entities.len());
    let count = plan.entities.len();
    // A marker has one value, with one entity all references are the same, and foreign ids are no part of a hash.
    let changeable: Vec<usize> = (0..plan.entities[at].values.len())
        .filter(|&value| ![2, 6, 7, 8].contains(&plan.entities[at].values[value].kind()) || count > 3)
        .filter(|&value| ![2, FOREIGN].contains(&plan.entities[at].values[value].kind()))
        .collect();
    let Some(&which) = changeable.get(random.index(changeable.len())) else { return };
    let value = &mut plan.entities[at].values[which];
    *value = changed(value, count, random);
    let name = NAMES[usize::try_from(value.kind()).unwrap()];
    let after = build_shuffled::<E>(&plan, random);
    assert_ne!(before.hash().unwrap(), after.hash().unwrap(), "{name}");
    let (mine, theirs) = (hashes::<E>(&before), hashes::<E>(&after));
    assert_eq!(mine.len(), theirs.len());
    let differ: Vec<&str> =
        mine.iter().zip(&theirs).filter(|(a, b)| a != b).map(|(a, _)| a.0.as_str()).collect();
    assert_eq!(differ, [name]);
    assert!(canonical::<E>(&before, 1) != canonical::<E>(&after, 1));
}

#[test]
fn one_changed_value_changes_the_hash_of_its_component_alone() {
    each_seed(30, check_change::<InBevy>);
    each_seed(30, check_change::<InHecs>);
}
