//! Deltas of worlds, as the command shows, checks and mends them.

use std::{fs, sync::OnceLock};

use hecs::World;
use keepstone::{
    LoadOptions, Persist, SaveOptions,
    ecs::WorldDelta,
    format::{Codec, Limits, Metadata, ReadAt, Reader, SectionId, Writer, WriterOptions},
    prelude::*,
};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{json_on, on, run, with_file};

#[derive(Persist, Clone, Copy)]
#[persist(crate = "keepstone::hecs", name = "delta.place", pod)]
#[repr(C)]
struct Place(u32);

#[derive(Persist, Clone, Copy)]
#[persist(crate = "keepstone::hecs", name = "delta.speed", pod)]
#[repr(C)]
struct Speed(u32);

/// A base and two deltas; the second spawns two, despawns one, changes three and takes a speed away.
fn chain() -> &'static [Vec<u8>; 3] {
    static FILES: OnceLock<[Vec<u8>; 3]> = OnceLock::new();
    FILES.get_or_init(|| {
        let mut world = World::new();
        let all: Vec<_> = (0..10).map(|at| world.spawn((Place(at), Speed(at)))).collect();
        let mut files = [const { Vec::new() }; 3];
        let options = SaveOptions::default().codec(Codec::None);
        let (_, mut mark) = world.save_base_to_with(&mut files[0], &options).unwrap();
        world.get::<&mut Place>(all[0]).unwrap().0 = 50;
        world.save_delta_to_with(&mut mark, &mut files[1], &options).unwrap();
        for &entity in &all[..3] {
            world.get::<&mut Place>(entity).unwrap().0 += 100;
        }
        world.get::<&mut Speed>(all[1]).unwrap().0 += 100;
        world.remove_one::<Speed>(all[4]).unwrap();
        world.despawn(all[5]).unwrap();
        world.spawn((Place(60),));
        world.spawn((Place(61), Speed(61)));
        world.save_delta_to_with(&mut mark, &mut files[2], &options).unwrap();
        files
    })
}

#[test]
fn inspect_shows_the_chain_and_what_changed() {
    with_file("auto-2.delta", &chain()[2], |path| {
        let (exit, document) = json_on("inspect", path);
        assert_eq!((exit, &document["kind"]), (0, &json!("delta")));
        let delta = &document["delta"];
        let numbers = ["sequence", "rows_before", "rows_after", "spawned", "despawned", "changed"]
            .map(|key| delta[key].as_u64().unwrap());
        assert_eq!(numbers, [2, 10, 12, 2, 1, 3], "{delta}");
        assert_eq!(
            delta["components"],
            json!([
                { "name": "delta.place", "spawned": 2, "changed": 3, "removed": 0 },
                { "name": "delta.speed", "spawned": 1, "changed": 1, "removed": 1 },
            ])
        );
        assert_eq!((&delta["resources"], &delta["resources_removed"]), (&json!([]), &json!([])));
        // The delta before it made the state that it applies to, and both name the base.
        let before =
            with_file("auto-1.delta", &chain()[1], |path| json_on("inspect", path).1["delta"].clone());
        assert_eq!((&delta["previous"], &delta["root"]), (&before["state"], &before["root"]));
        assert_eq!((&before["previous"], &before["sequence"]), (&before["root"], &json!(1)));
        let text = on("inspect", path);
        assert_eq!(text.exit, 0);
        assert!(text.out.contains("delta 2: 2 entities spawned, 3 changed, 1 despawned"), "{}", text.out);
        assert!(text.out.contains(delta["previous"].as_str().unwrap()), "{}", text.out);
    });
    with_file("auto.keep", &chain()[0], |path| assert_eq!(json_on("inspect", path).1["delta"], json!(null)));
}

#[test]
fn verify_checks_bytes_and_rules() {
    with_file("auto-2.delta", &chain()[2], |path| {
        let (exit, document) = json_on("verify", path);
        // Three with new values, two that are new.
        assert_eq!((exit, &document["kind"], &document["entities"]), (0, &json!("delta"), &json!(5)));
    });
    for at in (0..chain()[2].len()).step_by(11) {
        let mut damaged = chain()[2].clone();
        damaged[at] ^= 1;
        with_file("damaged.delta", &damaged, |path| assert_eq!(on("verify", path).exit, 1, "byte {at}"));
    }
    with_file("rows.delta", &broken_rule(), |path| {
        let (exit, document) = json_on("verify", path);
        assert_eq!((exit, &document["damage"][0]["what"]), (1, &json!("delta")), "{document}");
        let (exit, document) = json_on("inspect", path);
        assert_eq!((exit, &document["delta"]), (0, &json!(null)));
        assert!(document["delta_fault"].as_str().unwrap().contains("delta"), "{document}");
    });
}

/// A delta whose checksums hold and whose rows are those of another.
fn broken_rule() -> Vec<u8> {
    let bytes = &chain()[2];
    let reader = Reader::open(bytes.as_slice(), Limits::for_file_len(bytes.len() as u64)).unwrap();
    let options = WriterOptions::new(reader.header().kind);
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    for section in reader.sections() {
        if section.id() == SectionId::ROWS {
            let mut rows = reader.read(section).unwrap().into_owned();
            *rows.last_mut().unwrap() += 9;
            writer.coded_from(SectionId::ROWS, 0, &[&rows]).unwrap();
        } else {
            writer.copy_section(&reader, section).unwrap();
        }
    }
    writer.finish(Metadata::new()).unwrap().0
}

#[test]
fn repair_saves_a_delta_whole_or_not_at_all() {
    let (mut whole, mut refused) = (0, 0);
    let original = chain()[2].as_slice();
    let state = |bytes: &[u8]| {
        let reader = Reader::open(bytes, Limits::for_file_len(ReadAt::len(&bytes))).unwrap();
        WorldDelta::decode(&reader).unwrap().state_id().unwrap()
    };
    for at in (0..original.len()).step_by(29) {
        let mut damaged = original.to_vec();
        damaged[at] ^= 1;
        let dir = TempDir::new().unwrap();
        let (path, out) = (dir.path().join("a.delta"), dir.path().join("b.delta"));
        fs::write(&path, &damaged).unwrap();
        let args =
            ["repair".as_ref(), path.as_os_str(), "--out".as_ref(), out.as_os_str(), "--json".as_ref()];
        let answer = run(&args);
        let document = answer.json();
        if out.exists() {
            whole += 1;
            assert_eq!(state(&fs::read(&out).unwrap()), state(original), "byte {at}: {document}");
            assert_eq!(on("verify", &out).exit, 0);
        } else {
            refused += 1;
            let error = &document["error"];
            assert!(
                error["message"].as_str().unwrap().contains("load the base with the deltas before it"),
                "{error}"
            );
            assert_eq!(error["kind"], "damaged");
        }
    }
    assert!(whole > 5 && refused > 5, "{whole} whole, {refused} refused");
}

#[test]
fn what_needs_a_world_says_that_a_delta_is_none() {
    let dir = TempDir::new().unwrap();
    let [base, delta] = ["a.keep", "a.delta"].map(|name| dir.path().join(name));
    fs::write(&base, &chain()[0]).unwrap();
    fs::write(&delta, &chain()[1]).unwrap();
    let answer = run(&["diff".as_ref(), base.as_os_str(), delta.as_os_str()]);
    assert!(answer.err.contains("a container of kind delta found, which holds no worlds"), "{}", answer.err);
    let error = World::load_with(&delta, &LoadOptions::default()).map(drop).unwrap_err();
    assert!(error.to_string().contains("is a delta and no world"), "{error}");
}
