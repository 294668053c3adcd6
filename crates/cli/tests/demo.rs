use std::fs;

use tempfile::TempDir;

use crate::support::{command, on, run};

#[test]
fn a_thousand_entities_come_back_and_every_check_holds() {
    let answer = run(&["demo", "--entities", "1000", "--json"]);
    let document = answer.json();
    assert_eq!(answer.exit, 0);
    assert_eq!((document["entities"].as_u64(), document["components"].as_u64()), (Some(1000), Some(6)));
    // Position 1000, Velocity 667, Health 500, and the tenths that the index decides, and one resource.
    let values = document["values"].as_u64().unwrap();
    assert!((2350..2400).contains(&values), "{values}");
    let checks = document["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 21);
    assert!(checks.iter().all(|check| check["ok"] == true), "{checks:?}");
    let measurements = document["measurements"].as_array().unwrap();
    assert_eq!(measurements.len(), 8);
    for measurement in measurements {
        let number = |key: &str| measurement[key].as_u64().unwrap();
        assert!(
            number("time_ns") > 0 && number("floor_time_ns") > 0 && number("bytes") > 50,
            "{measurement}"
        );
        assert!(measurement["ratio"].as_f64().unwrap() > 0.0);
    }
    let states = &document["states"];
    let (bytes, stored) = (states["bytes"].as_u64().unwrap(), states["stored"].as_u64().unwrap());
    assert!(states["checkpoints"] == 300 && bytes > 5_000_000 && stored * 40 <= bytes, "{states}");
    assert!(document["files"].as_array().unwrap().is_empty());
    let sizes: Vec<_> = document["sizes"].as_array().unwrap().iter().map(|size| &size["in_parts"]).collect();
    assert_eq!(sizes, [true, false, false]);
}

#[test]
fn what_a_step_needs_beside_the_world_is_told_where_the_kernel_tells_it() {
    let expected = [("save", true), ("save", false), ("load", true), ("load", false)];
    // By another process, and by this one.
    for arguments in [&["demo", "--entities", "1"][..], &["demo", "--entities", "20000", "--memory-only"]] {
        let document = run(&[arguments, &["--json"]].concat()).json();
        let memory = document["memory"].as_array().unwrap();
        assert_eq!(memory.len(), expected.len());
        for (step, (name, in_parts)) in memory.iter().zip(expected) {
            assert_eq!((step["step"].as_str(), step["in_parts"].as_bool()), (Some(name), Some(in_parts)));
            assert!(step["time_ns"].as_u64().unwrap() > 0);
            assert_eq!(step["beside_bytes"].is_u64(), cfg!(target_os = "linux"), "{step}");
            assert_eq!(step["world_bytes"].is_u64(), cfg!(target_os = "linux") && name == "load", "{step}");
        }
        if cfg!(target_os = "linux") && document["entities"] == 20_000 {
            // Position alone takes 12 bytes.
            assert!(memory[2]["world_bytes"].as_u64().unwrap() > 20_000 * 12, "{memory:?}");
        }
    }
}

#[test]
fn hecs_shows_the_same_world_but_for_the_resource() {
    let [bevy, hecs] = ["bevy", "hecs"].map(|ecs| {
        let answer = run(&["demo", "--entities", "600", "--json", "--ecs", ecs]);
        assert_eq!(answer.exit, 0, "{}", answer.err);
        answer.json()
    });
    assert_eq!((bevy["ecs"].as_str(), hecs["ecs"].as_str()), (Some("bevy_ecs"), Some("hecs")));
    let number = |document: &serde_json::Value, key: &str| document[key].as_u64().unwrap();
    for key in ["components", "values"] {
        assert_eq!(number(&hecs, key) + 1, number(&bevy, key), "{key}");
    }
    let checks = hecs["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 21);
    assert!(checks.iter().all(|check| check["ok"] == true), "{checks:?}");
}

#[test]
fn without_a_directory_nothing_stays() {
    let parent = TempDir::new().unwrap();
    let output = command().args(["demo", "--entities", "1"]).env("TMPDIR", parent.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
}

#[test]
fn with_a_directory_the_two_files_stay_and_are_good() {
    let parent = TempDir::new().unwrap();
    let dir = parent.path().join("new/folder");
    let answer = run(&["demo", "--entities", "60", "--dir", dir.to_str().unwrap()]);
    assert_eq!(answer.exit, 0, "{}", answer.err);
    let mut names: Vec<_> =
        fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["demo-lz4.keep", "demo.keep"]);
    for name in names {
        let path = dir.join(name);
        assert!(answer.out.contains(path.to_str().unwrap()), "{}", answer.out);
        assert_eq!(on("verify", &path).exit, 0);
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let dir = file.path().join("below");
    let answer = run(&["demo", "--entities", "1", "--dir", dir.to_str().unwrap(), "--json"]);
    assert_eq!(answer.exit, 2);
    assert_eq!(answer.json()["verb"], "demo");
}

#[test]
fn checkpoints_are_part_of_what_is_shown() {
    let answer = run(&["demo", "--entities", "1"]);
    assert_eq!(answer.exit, 0, "{}", answer.out);
    for line in [
        "300 checkpoints of an agent: ",
        "checkpoint ",
        "restore ",
        "ok  checkpoints of an agent, a fortieth of its states, equal ",
        "ok  earlier checkpoint restored, undone, gone on from ",
        "ok  killed while checkpointing, none lost ",
        "ok  pruned, what stays is equal ",
        "ok  every checkpoint verified ",
    ] {
        assert!(
            answer.out.lines().any(|found| found.trim_start().starts_with(line)),
            "{line}: {}",
            answer.out
        );
    }
}

#[test]
fn a_process_that_makes_checkpoints_is_stopped_by_a_store_that_is_open() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("store");
    let _open = keepstone::checkpoint::CheckpointStore::open(&path).unwrap();
    let answer = run(&["demo", "--checkpointer", path.to_str().unwrap()]);
    assert_eq!((answer.exit, answer.out.as_str()), (2, ""), "{}", answer.err);
}
