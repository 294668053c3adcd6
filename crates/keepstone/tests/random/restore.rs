//! Random edits, taken back.

use std::sync::Arc;

use keepstone::{
    Codec, IdConflict, LoadMode, SaveOptions, WorldFiles,
    ecs::{Difference, EcsWorld as _, Error as WorldError, IdSource, SpawnOptions},
    storage::{Files, MemFiles},
};
use keepstone_testkit::Random;

use super::{
    build::{Ecs, Load, Save, build_shuffled, captured, difference_by_id, edit, keeping, registry},
    each_seed,
    in_bevy::InBevy,
    in_hecs::InHecs,
    plan::{BONDS, Ids, KINDS, Plan, Spec},
};

/// A capture as a world of its own.
fn reference<E: Ecs>(capture: &keepstone::OwnedCapture<E::Entity>) -> (E::World, Vec<E::Entity>) {
    let mut world = E::World::empty();
    let report = world.spawn_doc(&capture.doc, registry::<E>(), &SpawnOptions::default()).unwrap();
    (world, report.entities)
}

fn check_capture<E: Ecs>(random: &mut Random) {
    let mut plan = Plan::new(50, Ids::any(random), random);
    let mut kinds: Vec<u64> = (0..KINDS).collect();
    let has_bonds = random.one_in(2);
    if !has_bonds {
        kinds.retain(|&kind| kind != BONDS);
        plan.entities.iter_mut().for_each(|spec| spec.values.retain(|value| value.kind() != BONDS));
    }
    let mut world = build_shuffled::<E>(&plan, random);
    let first = world.capture_owned().unwrap();
    edit::<E>(&mut world, random.below(30), &kinds, random);
    let second = world.capture_owned().unwrap();
    edit::<E>(&mut world, random.below(30), &kinds, random);
    for (capture, which) in [(&second, "second"), (&first, "first")] {
        let report = world.restore(capture).unwrap();
        let (expected, theirs) = reference::<E>(capture);
        let pairs: Vec<_> = theirs.into_iter().zip(report.entities.iter().copied()).collect();
        let differs = expected.difference(&world, &pairs, registry::<E>()).unwrap();
        // Keys that lead to nothing become one where a world is loaded, and stay where it is restored.
        assert!(differs.is_none() || (has_bonds && capture.dangling > 0), "{which}: {differs:?}");
        let now = world.capture_owned().unwrap();
        assert_eq!(now.doc.entity_count(), capture.doc.entity_count(), "{which}");
        let again = world.restore(&now).unwrap();
        assert_eq!((again.written, again.spawned, again.despawned, again.removed), (0, 0, 0, 0), "{which}");
    }
}

#[test]
fn any_edits_are_taken_back_by_a_restore_of_a_capture() {
    each_seed(25, check_capture::<InBevy>);
    each_seed(25, check_capture::<InHecs>);
}

fn check_file<E: Ecs>(random: &mut Random) {
    let plan = Plan::new(50, Ids::All, random);
    let mut world = build_shuffled::<E>(&plan, random);
    let mut expected = build_shuffled::<E>(&plan, random);
    let files: Arc<dyn Files> = Arc::new(MemFiles::new());
    let canonical: Save<E> = SaveOptions::default().files(files.clone()).canonical(true);
    world.save_with("saved", &canonical).unwrap();
    let hash = world.hash().unwrap();
    let survivors: Vec<(E::Entity, Option<u64>)> =
        E::alive(&mut world).into_iter().map(|entity| (entity, E::id_of(&world, entity))).collect();
    edit::<E>(&mut world, random.below(40), &(0..KINDS).collect::<Vec<_>>(), random);
    let alive = E::alive(&mut world);
    let from = keeping::<E>().files(files.clone());
    let report = world.load_into_with("saved", LoadMode::Restore, &from).unwrap();
    assert!(report.restored.is_some());
    assert_eq!(difference_by_id::<E>(&mut expected, &mut world), None);
    assert_eq!(world.hash().unwrap(), hash);
    for (entity, id) in survivors {
        if alive.contains(&entity) {
            assert_eq!(E::id_of(&world, entity), id, "an entity that was there is the one of the file");
        }
    }
    let report = world.load_into_with("saved", LoadMode::Restore, &from).unwrap().restored.unwrap();
    assert_eq!((report.written, report.spawned, report.despawned, report.removed), (0, 0, 0, 0));
    world.save_with("again", &canonical).unwrap();
    let read = |path: &str| {
        let mut bytes = Vec::new();
        keepstone::storage::read(&*files, path.as_ref(), u64::MAX, &mut bytes).unwrap();
        bytes
    };
    assert!(read("saved") == read("again"), "the canonical saves differ");
}

#[test]
fn any_edits_are_taken_back_by_a_restore_from_a_file() {
    each_seed(25, check_file::<InBevy>);
    each_seed(25, check_file::<InHecs>);
}

#[test]
fn a_canonical_save_needs_the_ids_of_all_entities() {
    each_seed(10, |random| {
        let mut plan = Plan::new(30, Ids::All, random);
        plan.entities.push(Spec::default());
        let world = build_shuffled::<InBevy>(&plan, random);
        let options: Save<InBevy> = SaveOptions::default().canonical(true);
        let error = world.save_to_with(&mut Vec::new(), &options).unwrap_err();
        assert!(
            matches!(error, keepstone::Error::World(WorldError::NoPersistId { entities: 1, .. })),
            "{error:?}"
        );
    });
}

/// Ids of a world, ascending.
fn ids<E: Ecs>(world: &mut E::World) -> Vec<u64> {
    let mut ids: Vec<u64> =
        E::alive(world).into_iter().filter_map(|entity| E::id_of(world, entity)).collect();
    ids.sort_unstable();
    ids
}

fn check_conflicts<E: Ecs>(random: &mut Random) {
    let plan = Plan::new(40, Ids::All, random);
    let other = Plan::new(40, Ids::Some, random);
    let mut saved = build_shuffled::<E>(&plan, random);
    let mut bytes = Vec::new();
    let options: Save<E> = SaveOptions::default().codec(Codec::None);
    saved.save_to_with(&mut bytes, &options).unwrap();
    let files: Arc<dyn Files> = Arc::new(MemFiles::new());
    saved.save_with("saved", &options.files(files.clone())).unwrap();
    let theirs = ids::<E>(&mut saved);
    for conflict in [IdConflict::Refuse, IdConflict::Remap, IdConflict::Replace] {
        let mut world = build_shuffled::<E>(&other, random);
        let mine = ids::<E>(&mut world);
        let common = mine.iter().filter(|id| theirs.contains(id)).count();
        let before = world.capture_owned().unwrap();
        let from: Load<E> = keeping::<E>().files(files.clone()).ids(conflict);
        let loaded = world.load_into_with("saved", LoadMode::Merge, &from);
        if conflict == IdConflict::Refuse && common > 0 {
            let error = format!("{:?}", loaded.map(drop).unwrap_err());
            assert!(error.contains("DuplicateId"), "{error}");
            assert_eq!(world.capture_owned().unwrap().doc, before.doc, "a refused load changed the world");
            continue;
        }
        let report = loaded.unwrap().spawned;
        let now = ids::<E>(&mut world);
        let mut unique = now.clone();
        unique.dedup();
        assert_eq!(now, unique, "{conflict:?}");
        if conflict == IdConflict::Remap {
            assert_eq!(report.remapped.len(), common);
            assert_eq!(now.len(), mine.len() + theirs.len());
            assert!(mine.iter().all(|id| now.contains(id)), "the world's own ids stay");
        } else {
            assert!(report.remapped.is_empty());
            assert!(theirs.iter().all(|id| now.contains(id)), "the ids of the file stay");
        }
        if conflict == IdConflict::Replace {
            // bevy takes the children of an entity along, which may be among those to be replaced.
            assert!(report.replaced <= common as u64 && (report.replaced > 0) == (common > 0));
        }
        // Apart from the ids that were given anew, what was loaded is what was saved.
        if conflict != IdConflict::Remap {
            let pairs: Vec<_> = captured::<E>(&saved).entities().zip(report.entities).collect();
            let differs = saved.difference(&world, &pairs, registry::<E>()).unwrap();
            let goes_on = |difference: &Difference| difference.component == IdSource::RESOURCE;
            assert!(differs.as_ref().is_none_or(goes_on), "{conflict:?}: {differs:?}");
        }
    }
}

#[test]
fn ids_that_both_have_are_treated_as_the_options_say() {
    each_seed(25, check_conflicts::<InBevy>);
    each_seed(25, check_conflicts::<InHecs>);
}
