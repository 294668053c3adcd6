//! Saves and a load at once, on one thread in the background.

use std::sync::Arc;

use keepstone::{
    LoadMode, SaveOptions, Saver, WorldFiles,
    ecs::EcsWorld as _,
    storage::{Files, MemFiles},
};
use keepstone_testkit::Random;

use super::{
    build::{Ecs, Save, build_shuffled, difference, edit, keeping},
    each_seed,
    in_bevy::InBevy,
    in_hecs::InHecs,
    plan::{Ids, Plan},
};

fn check<E: Ecs>(saver: &Saver, random: &mut Random) {
    let files: Arc<dyn Files> = Arc::new(MemFiles::new());
    let to = || -> Save<E> { SaveOptions::default().files(files.clone()) };
    let from = || keeping::<E>().files(files.clone());
    let plans: Vec<Plan> = (0..3).map(|_| Plan::new(50, Ids::any(random), random)).collect();
    let old = build_shuffled::<E>(&plans[0], random);
    old.save_with("old", &to()).unwrap();
    // Once the calls have returned, the worlds go on; what is saved doesn't.
    let histories: Vec<u64> = (0..2).map(|_| random.next_u64()).collect();
    let again = |which: usize| build_shuffled::<E>(&plans[which + 1], &mut Random::new(histories[which]));
    let (mut one, mut two) = (again(0), again(1));
    let first = saver.save_with(&one, "one", &to()).unwrap();
    let loading = saver.load_with::<_, E::World>("old", &from()).unwrap();
    let second = saver.save_with(&two, "two", &to()).unwrap();
    edit::<E>(&mut one, 20, &[0, 3, 6], random);
    edit::<E>(&mut two, 20, &[0, 3, 6], random);
    let mut loaded = E::World::empty();
    let report = loading.wait().unwrap().spawn_into_with(&mut loaded, LoadMode::Merge, &from()).unwrap();
    assert_eq!(difference::<E>(&old, &loaded, &report.spawned.entities), None);
    assert!(first.wait().unwrap().encoded.is_complete());
    assert!(second.wait().unwrap().encoded.is_complete());
    for (which, path) in ["one", "two"].into_iter().enumerate() {
        let (loaded, report) = E::World::load_with(path, &from()).unwrap();
        assert_eq!(difference::<E>(&again(which), &loaded, &report.spawned.entities), None, "{path}");
    }
}

#[test]
fn two_saves_and_a_load_at_once_each_have_their_world() {
    let saver = Saver::new().unwrap();
    each_seed(12, |random| check::<InBevy>(&saver, random));
    each_seed(12, |random| check::<InHecs>(&saver, random));
    assert!(saver.finish().is_empty());
}
