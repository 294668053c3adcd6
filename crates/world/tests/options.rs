use std::sync::Arc;

use bevy_ecs::prelude::*;
use keepstone_storage::{Files, MemFiles};
use keepstone_world::{Codec, Durability, Error, Kind, LoadOptions, SaveOptions, WorldFiles, WorldMeta};

use crate::support::{PATH, Rot, Tapped, load, save, world};

#[derive(Component)]
struct NotSaved;

#[test]
fn strict_saves_refuse_to_leave_anything_out() {
    let mut world = world(1);
    world.spawn((crate::support::Score(9), NotSaved));
    let strict = SaveOptions::default().strict(true).codec(Codec::None);
    let error = world.save_to_with(&mut Vec::new(), &strict).unwrap_err();
    assert!(error.to_string().contains("NotSaved"), "{error}");
    let report = world.save_to_with(&mut Vec::new(), &SaveOptions::default().codec(Codec::None)).unwrap();
    assert!(
        report.encoded.left_out.iter().any(|left| left.component.ends_with("NotSaved") && left.count == 1)
    );
}

#[test]
fn a_world_without_anything_unregistered_passes_strict() {
    let strict = SaveOptions::default().strict(true).codec(Codec::None);
    world(1).save_to_with(&mut Vec::new(), &strict).unwrap();
}

#[test]
fn a_file_over_its_limit_leaves_the_previous_one() {
    let files = Arc::new(MemFiles::new());
    save(&world(1), files.clone()).unwrap();
    let options = SaveOptions::default().files(files.clone()).codec(Codec::None).bytes_max(10);
    let error = world(2).save_with(PATH, &options).unwrap_err();
    assert_eq!(error.kind(), Kind::Limit, "{error}");
    assert_eq!(load(files).unwrap(), Some(1));
}

#[test]
fn loads_keep_to_their_limits() {
    let files = Arc::new(MemFiles::new());
    save(&world(1), files.clone()).unwrap();
    let few = LoadOptions::default().files(files.clone()).entities_max(1);
    assert_eq!(World::load_with(PATH, &few).unwrap_err().kind(), Kind::Limit);
    let short = LoadOptions::default().files(files.clone()).bytes_max(100);
    assert_eq!(World::load_with(PATH, &short).unwrap_err().kind(), Kind::Limit);
    let bytes = bytes(&*files);
    let short = LoadOptions::default().bytes_max(bytes.len() as u64 - 1);
    let error = World::load_from_with(&mut bytes.as_slice(), &short).unwrap_err();
    assert!(matches!(error, Error::TooLong { .. }), "{error}");
    let exact = LoadOptions::default().bytes_max(bytes.len() as u64);
    World::load_from_with(&mut bytes.as_slice(), &exact).unwrap();
}

#[test]
fn what_the_application_says_is_in_the_file_and_nothing_else_is() {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let plain = || SaveOptions::default().codec(Codec::None);
    world(1).save_to_with(&mut a, &plain()).unwrap();
    world(1).save_to_with(&mut b, &plain()).unwrap();
    assert_eq!(a, b, "no clock and no random id");
    let mut meta = WorldMeta::default();
    meta.tick = Some(99);
    b.clear();
    world(1).save_to_with(&mut b, &plain().meta(meta)).unwrap();
    let head = keepstone_format::Head::read(&b).unwrap();
    assert_eq!(head.metadata.tick(), Some(99));
}

#[test]
fn buffered_saves_sync_nothing_and_say_so() {
    let counting = Arc::new(keepstone_testkit::CountingFiles::over(Arc::new(MemFiles::new())));
    let options =
        |durability| SaveOptions::default().files(counting.clone()).codec(Codec::None).durability(durability);
    world(1).save_with(PATH, &options(Durability::Durable)).unwrap();
    let before = counting.counts();
    let report = world(2).save_with(PATH, &options(Durability::Buffered)).unwrap();
    assert_eq!(report.durability, Some(Durability::Buffered));
    assert_eq!(counting.counts().file_syncs, before.file_syncs);
    assert_eq!(counting.counts().dir_syncs, before.dir_syncs);
    world(3).save_with(PATH, &options(Durability::Durable)).unwrap();
    assert_eq!(counting.counts().file_syncs, before.file_syncs + 1);
    assert_eq!(counting.counts().dir_syncs, before.dir_syncs + 1);
}

#[test]
fn reading_back_finds_what_a_lying_disk_wrote() {
    let files = Arc::new(Tapped::new(Arc::new(MemFiles::new()), Rot));
    let options = SaveOptions::default().files(files).codec(Codec::None);
    world(1).save_with(PATH, &options).unwrap();
    let error = world(1).save_with(PATH, &options.read_back(true)).unwrap_err();
    assert_eq!(error.kind(), Kind::Damaged, "{error}");
}

fn bytes(files: &dyn Files) -> Vec<u8> {
    let mut bytes = Vec::new();
    keepstone_storage::read(files, PATH.as_ref(), u64::MAX, &mut bytes).unwrap();
    bytes
}

#[test]
fn several_worlds_in_one_file_are_loaded_one_by_one() {
    let files = Arc::new(MemFiles::new());
    let options = SaveOptions::default().files(files.clone()).codec(Codec::None);
    let (town, cave) = (world(10), world(20));
    let report = keepstone_world::save_worlds(&[("town", &town), ("cave", &cave)], PATH, &options).unwrap();
    assert_eq!(report.encoded.entities, 4);
    let named = |name: &str| {
        let options = LoadOptions::default().files(files.clone()).world(name);
        World::load_with(PATH, &options).map(|(mut world, _)| crate::support::number(&mut world))
    };
    assert_eq!(named("cave").unwrap(), Some(20));
    assert_eq!(named("town").unwrap(), Some(10));
    assert_eq!(named("moon").unwrap_err().kind(), Kind::NotFound);
    let error = load(files.clone()).unwrap_err();
    assert!(matches!(error, Error::SeveralWorlds { ref names } if *names == ["town", "cave"]), "{error}");
    let error = keepstone_world::save_worlds(&[("a", &town), ("a", &cave)], PATH, &options).unwrap_err();
    assert!(error.to_string().contains("name of a world"), "{error}");
    assert_eq!(named("cave").unwrap(), Some(20), "the previous file is as it was");
}

#[test]
fn a_directory_is_not_a_file() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(World::load(dir.path()).unwrap_err().kind(), Kind::Misuse);
    assert_eq!(world(1).save(dir.path()).unwrap_err().kind(), Kind::Misuse);
}

#[test]
fn what_is_not_ours_is_refused_by_its_first_bytes() {
    let counting = Arc::new(keepstone_testkit::CountingFiles::over(Arc::new(MemFiles::new())));
    keepstone_storage::atomic::replace(&*counting, PATH.as_ref(), Durability::Durable, &vec![b'x'; 1 << 20])
        .unwrap();
    let before = counting.counts().reads;
    let error = World::load_with(PATH, &LoadOptions::default().files(counting.clone())).unwrap_err();
    assert_eq!(error.kind(), Kind::Damaged, "{error}");
    assert_eq!(counting.counts().reads, before + 1);
}
