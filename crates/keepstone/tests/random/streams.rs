//! Worlds in parts through pipes.

use std::num::NonZeroU32;

use keepstone::{Codec, SaveOptions, WorldFiles};
use keepstone_testkit::Random;

use super::{
    build::{Ecs, Save, build_shuffled, difference, keeping},
    each_seed,
    in_bevy::InBevy,
    in_hecs::InHecs,
    pipe::Pipe,
    plan::{Ids, Plan},
};

fn check<E: Ecs>(random: &mut Random) {
    let world = build_shuffled::<E>(&Plan::new(120, Ids::any(random), random), random);
    let rows = NonZeroU32::new(1 + u32::try_from(random.below(130)).unwrap()).unwrap();
    let codec = [Codec::None, Codec::Lz4][random.index(2)];
    let options: Save<E> = SaveOptions::default().part_rows(rows).codec(codec);
    let mut pipe = Pipe::new(random.next_u64());
    let saved = world.save_to_with(&mut pipe, &options).unwrap();
    assert!(saved.encoded.is_complete(), "{:?}", saved.encoded.left_out);
    let (loaded, report) = E::World::load_from_with(&mut pipe, &keeping::<E>()).unwrap();
    assert_eq!(report.bytes, saved.encoded.bytes_total);
    assert_eq!(difference::<E>(&world, &loaded, &report.spawned.entities), None, "parts of {rows}");
}

#[test]
fn worlds_in_parts_of_any_size_go_through_a_pipe() {
    each_seed(30, check::<InBevy>);
    each_seed(30, check::<InHecs>);
}
