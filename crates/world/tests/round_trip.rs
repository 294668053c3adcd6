use std::sync::Arc;

use bevy_ecs::prelude::*;
use keepstone_bevy::{EcsWorld, Persist};
use keepstone_storage::MemFiles;
use keepstone_world::{Codec, LoadMode, LoadOptions, SaveOptions, WorldFiles};

use crate::support::{Score, Title, load, number, save, world};

#[test]
fn a_save_in_memory_and_one_on_disk_load_alike() {
    let memory = Arc::new(MemFiles::new());
    save(&world(7), memory.clone()).unwrap();
    assert_eq!(load(memory).unwrap(), Some(7));

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/directories/game.keep");
    let report = world(8).save(&path).unwrap();
    let (mut loaded, loading) = World::load_with(&path, &LoadOptions::default()).unwrap();
    assert_eq!(number(&mut loaded), Some(8));
    assert_eq!(loading.bytes, report.encoded.bytes_total);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), report.encoded.bytes_total);
}

#[test]
fn a_stream_holds_what_a_file_holds() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("game.keep");
    world(3).save(&path).unwrap();
    let mut bytes = Vec::new();
    world(3).save_to(&mut bytes).unwrap();
    let mut loaded = World::load_from(&mut bytes.as_slice()).unwrap();
    assert_eq!(number(&mut loaded), Some(3));
    assert_eq!(std::fs::metadata(&path).unwrap().len(), bytes.len() as u64);
}

#[test]
fn a_report_maps_ordinals_to_entities_of_an_equal_world() {
    let saved = world(5);
    let mut bytes = Vec::new();
    saved.save_to(&mut bytes).unwrap();
    let options = LoadOptions::default();
    let (loaded, report) = World::load_from_with(&mut bytes.as_slice(), &options).unwrap();
    let registry = World::derived_registry().unwrap();
    let capture = saved.capture(registry).unwrap();
    let pairs: Vec<_> = capture.entities().zip(report.spawned.entities).collect();
    assert_eq!(pairs.len(), 2);
    assert_eq!(saved.difference(&loaded, &pairs, registry).unwrap(), None);
    // And the comparison can fail.
    let mut other = loaded;
    other.get_mut::<Score>(pairs[1].1).unwrap().0 += 1;
    let found = saved.difference(&other, &pairs, registry).unwrap().unwrap();
    assert_eq!(found.component, "test.score");
}

#[test]
fn loading_into_a_world_adds_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("game.keep");
    world(1).save(&path).unwrap();
    let mut target = World::new();
    target.spawn(Title("mine".into()));
    let report = target.load_into(&path, LoadMode::Merge).unwrap();
    assert_eq!(report.spawned.entities.len(), 2);
    assert_eq!(target.query::<&Title>().iter(&target).count(), 2);
}

#[test]
fn the_default_codec_is_lz4() {
    let mut large = World::new();
    large.spawn(Title("again ".repeat(10_000)));
    let (mut packed, mut plain) = (Vec::new(), Vec::new());
    large.save_to(&mut packed).unwrap();
    large.save_to_with(&mut plain, &SaveOptions::default().codec(Codec::None)).unwrap();
    assert!(packed.len() < plain.len() / 10, "{} and {}", packed.len(), plain.len());
}

#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.place", pod)]
#[repr(C)]
struct Place {
    x: f32,
    y: f32,
}

#[test]
fn a_shuffled_world_is_smaller_and_loads_equal() {
    let mut saved = World::new();
    saved.spawn_batch(
        (0..20_000_u16).map(|i| (Place { x: f32::from(i).sqrt(), y: f32::from(i).sin() }, Score(i.into()))),
    );
    saved.spawn(Title("not plain".into()));
    let written = |options: SaveOptions<'_, _>| {
        let mut bytes = Vec::new();
        saved.save_to_with(&mut bytes, &options).unwrap();
        bytes
    };
    for codec in [Codec::Lz4, Codec::Zstd].into_iter().filter(|codec| codec.is_built()) {
        let straight = written(SaveOptions::default().codec(codec));
        let shuffled = written(SaveOptions::default().codec(codec).shuffle(true));
        let saving = straight.len().saturating_sub(shuffled.len());
        assert!(saving * 5 > straight.len(), "{codec:?}: {} and {}", straight.len(), shuffled.len());

        let options = LoadOptions::default();
        let (loaded, report) = World::load_from_with(&mut shuffled.as_slice(), &options).unwrap();
        let registry = World::derived_registry().unwrap();
        let capture = saved.capture(registry).unwrap();
        let pairs: Vec<_> = capture.entities().zip(report.spawned.entities).collect();
        assert_eq!(pairs.len(), 20_001);
        assert_eq!(saved.difference(&loaded, &pairs, registry).unwrap(), None, "{codec:?}");
    }
    assert!(
        written(SaveOptions::default().codec(Codec::None).shuffle(true))
            == written(SaveOptions::default().codec(Codec::None)),
        "without a codec nothing is shuffled"
    );
}
