//! Every format, as it can be written.

use std::{
    collections::HashMap,
    num::{NonZeroU32, NonZeroUsize},
};

use keepstone::{
    Codec, Json, PersistenceManager, SaveOptions, WorldFiles, WorldFormat as _,
    compat::pecs::PecsRows,
    ecs::{EcsWorld as _, ForeignId, ReadOptions, SpawnOptions, WorldDoc, WriteOptions},
};
use keepstone_testkit::Random;

use super::{
    build::{Ecs, Save, build_shuffled, captured, difference, keeping, registry},
    each_seed,
    in_bevy::InBevy,
    in_hecs::InHecs,
    plan::{BONDS, Ids, Plan},
};

pub(crate) fn formats() -> PersistenceManager {
    let mut formats = PersistenceManager::with_default_formats();
    formats.register(PecsRows::new()).unwrap();
    formats
}

/// Every way that keeps all of a world.
pub(crate) fn ways<E: Ecs>(random: &mut Random) -> Vec<(String, Save<E>)> {
    let mut ways: Vec<(String, Save<E>)> = Vec::new();
    for codec in [Codec::None, Codec::Lz4, Codec::Zstd] {
        let threads = NonZeroUsize::new(1 + random.index(2)).unwrap();
        let whole = || SaveOptions::default().codec(codec).threads(threads);
        ways.push((format!("columnar, {codec:?}, {threads}"), whole().shuffle(random.one_in(2))));
        let rows = NonZeroU32::new(1 + u32::try_from(random.below(50)).unwrap()).unwrap();
        ways.push((format!("in parts of {rows}, {codec:?}, {threads}"), whole().part_rows(rows)));
        let rows = PecsRows::new().extended().codec(codec);
        ways.push((format!("pecs, {codec:?}"), SaveOptions::default().format(rows)));
    }
    for pretty in [true, false] {
        ways.push((format!("json, pretty {pretty}"), SaveOptions::default().format(Json).pretty(pretty)));
    }
    ways
}

fn check<E: Ecs>(random: &mut Random) {
    let plan = Plan::new(60, Ids::any(random), random);
    let world = build_shuffled::<E>(&plan, random);
    for (how, options) in ways::<E>(random) {
        let mut bytes = Vec::new();
        world.save_to_with(&mut bytes, &options).unwrap_or_else(|error| panic!("{how}: {error:?}"));
        let threads = NonZeroUsize::new(1 + random.index(2)).unwrap();
        let from = keeping::<E>().formats(formats()).threads(threads);
        let (loaded, report) = E::World::load_from_with(&mut bytes.as_slice(), &from)
            .unwrap_or_else(|error| panic!("{how}: {error:?}"));
        assert_eq!(difference::<E>(&world, &loaded, &report.spawned.entities), None, "{how}");
        assert_eq!(report.spawned.unknown, [], "{how}");
    }
}

#[test]
fn any_world_comes_back_in_every_format() {
    each_seed(12, check::<InBevy>);
    each_seed(12, check::<InHecs>);
}

/// After despawns some references lead to nothing.
fn check_dangling<E: Ecs>(random: &mut Random) {
    let mut plan = Plan::new(60, Ids::any(random), random);
    // Several keys of a map that lead to nothing become one.
    plan.entities.iter_mut().for_each(|spec| spec.values.retain(|value| value.kind() != BONDS));
    let mut world = build_shuffled::<E>(&plan, random);
    for entity in E::alive(&mut world) {
        // bevy takes children along.
        if random.one_in(5) && E::alive(&mut world).contains(&entity) {
            E::despawn(&mut world, entity);
        }
    }
    for (how, options) in ways::<E>(random) {
        let mut bytes = Vec::new();
        let saved =
            world.save_to_with(&mut bytes, &options).unwrap_or_else(|error| panic!("{how}: {error:?}"));
        let from = keeping::<E>().formats(formats()).refuse_dangling(false);
        let (loaded, report) = E::World::load_from_with(&mut bytes.as_slice(), &from)
            .unwrap_or_else(|error| panic!("{how}: {error:?}"));
        assert_eq!(report.spawned.dangling, saved.encoded.dangling, "{how}");
        assert_eq!(difference::<E>(&world, &loaded, &report.spawned.entities), None, "{how}");
        let refused = E::World::load_from_with(&mut bytes.as_slice(), &from.refuse_dangling(true));
        assert_eq!(refused.is_err(), saved.encoded.dangling > 0, "{how}");
    }
}

#[test]
fn references_to_nothing_are_counted_and_refused_in_every_format() {
    each_seed(8, check_dangling::<InBevy>);
    each_seed(8, check_dangling::<InHecs>);
}

/// By the schema that the writer had, whatever the components are.
fn check_plain_pecs<E: Ecs>(random: &mut Random) {
    let plan = Plan::new(60, Ids::None, random).without_resources();
    let world = build_shuffled::<E>(&plan, random);
    let capture = captured::<E>(&world);
    let mut bytes = Vec::new();
    PecsRows::new().save(&[&capture.doc], &mut bytes, &WriteOptions::default()).unwrap();
    let schema = capture.doc.schema();
    let doc = PecsRows::new().load(&mut bytes.as_slice(), &ReadOptions::default().schema(&schema)).unwrap();
    let mut loaded = E::World::empty();
    let report = loaded.spawn_doc(&doc, registry::<E>(), &SpawnOptions::default()).unwrap();
    assert_eq!(difference::<E>(&world, &loaded, &in_order(&capture.doc, &doc, &report.entities)), None);
}

/// A plain file of PECS has no tables, so its entities come in another order; its ids say which they are, and where they stand for none, what
/// their ordinals were.
fn in_order<T: Copy>(before: &WorldDoc<'_>, doc: &WorldDoc<'_>, entities: &[T]) -> Vec<T> {
    let stand_ins = || (0..before.entity_count()).map(|ordinal| ForeignId::stand_in(ordinal).0).collect();
    let ids = before.foreign_ids.as_ref().map_or_else(stand_ins, |ids| ids.to_vec());
    let placed: HashMap<u128, T> =
        doc.foreign_ids.as_ref().unwrap().iter().copied().zip(entities.iter().copied()).collect();
    ids.iter().map(|id| placed[id]).collect()
}

#[test]
fn any_world_without_resources_comes_back_from_a_plain_file_of_pecs() {
    each_seed(24, check_plain_pecs::<InBevy>);
    each_seed(24, check_plain_pecs::<InHecs>);
}

/// Plain components, markers and references are all that a registry says without looking at values.
fn check_without_schema<E: Ecs>(random: &mut Random) {
    let mut plan = Plan::new(60, Ids::None, random).without_resources();
    for spec in &mut plan.entities {
        spec.values.retain(|value| value.kind() < 3);
    }
    let world = build_shuffled::<E>(&plan, random);
    let ways: [(&str, Save<E>); 3] = [
        ("json", SaveOptions::default().format(Json).schema(false)),
        ("compact json", SaveOptions::default().format(Json).schema(false).pretty(false)),
        ("pecs", SaveOptions::default().format(PecsRows::new())),
    ];
    for (how, options) in ways {
        let mut bytes = Vec::new();
        world.save_to_with(&mut bytes, &options).unwrap_or_else(|error| panic!("{how}: {error:?}"));
        let from = keeping::<E>().formats(formats());
        let (loaded, report) = E::World::load_from_with(&mut bytes.as_slice(), &from)
            .unwrap_or_else(|error| panic!("{how}: {error:?}"));
        let mut entities = report.spawned.entities;
        if how == "pecs" {
            let doc = PecsRows::new().load(&mut bytes.as_slice(), &ReadOptions::default()).unwrap();
            entities = in_order(&captured::<E>(&world).doc, &doc, &entities);
        }
        assert_eq!(difference::<E>(&world, &loaded, &entities), None, "{how}");
    }
}

#[test]
fn plain_components_and_references_need_no_schema_in_the_file() {
    each_seed(24, check_without_schema::<InBevy>);
    each_seed(24, check_without_schema::<InHecs>);
}
