use std::fs;

use keepstone::checkpoint::CheckpointStore;
use serde_json::json;

use super::{Store, flip, noise, only_file};
use crate::support::{json_on, on, run};

/// Two checkpoints of one session, the first of which is damaged, and one of another.
fn damaged() -> Store {
    let store = Store::new();
    let (first, second) = (noise(3, 3000), noise(4, 3000));
    store.create(&first, &["--tag", "first"]);
    store.create(&second, &["--tag", "second"]);
    store.create_in("other", b"third", &[]);
    store.open().close().unwrap();
    flip(&only_file(&store, "packs"), &first[1000..1100]);
    store
}

#[test]
fn what_is_left_of_a_store_is_a_store_with_the_same_ids_and_numbers() {
    let store = damaged();
    let out = store.beside("out");
    let before = store.contents();
    let answer = run(&["repair", &store.path(), "--out", &out, "--json"]);
    let document = answer.json();
    assert_eq!((answer.exit, &document["kind"]), (1, &json!("checkpoint store")), "{document}");
    assert_eq!((&document["checkpoints"], &document["sessions"]), (&json!(2), &json!(2)));
    let lost = &document["lost"][0];
    assert_eq!(
        (&lost["number"], &lost["tags"], &lost["offset"]),
        (&json!(1), &json!(["first"]), &json!(128))
    );
    assert_eq!((&document["next_number"], &document["moved"]), (&json!(4), &json!([])));
    assert_eq!(store.contents(), before, "the damaged store is only read");
    let (exit, verified) = json_on("verify", out.as_ref());
    assert_eq!((exit, &verified["checkpoints"]), (0, &json!(2)), "{verified}");
    let survivors = run(&["checkpoint", "list", &out, "--json"]).json();
    let numbers: Vec<_> =
        survivors["checkpoints"].as_array().unwrap().iter().map(|found| &found["number"]).collect();
    assert_eq!(numbers, [&json!(3), &json!(2)]);
    // It is not written over.
    let again = run(&["repair", &store.path(), "--out", &out]);
    assert!(again.exit == 2 && again.err.contains("is there already"), "{}", again.err);
    let text = run(&["repair", &store.path(), "--out", &store.beside("text")]);
    assert!(text.exit == 1 && text.out.contains("lost: #1 of session main: "), "{}", text.out);
}

#[test]
fn a_sound_store_is_copied_and_nothing_is_lost() {
    let store = Store::new();
    store.create(b"one", &[]);
    store.create(b"two", &[]);
    let answer = run(&["repair", &store.path(), "--out", &store.beside("out")]);
    assert!(answer.exit == 0 && answer.out.contains("nothing was lost"), "{}{}", answer.out, answer.err);
}

#[test]
fn a_store_whose_newest_manifest_is_damaged_is_inspected_verified_and_repaired() {
    let store = Store::new();
    store.create(b"one", &["--tag", "kept"]);
    store.open().seal().unwrap();
    store.create(b"two", &[]);
    let mut manifests: Vec<_> =
        fs::read_dir(store.dir().join("manifests")).unwrap().map(|entry| entry.unwrap().path()).collect();
    manifests.sort();
    fs::write(manifests.last().unwrap(), b"gone").unwrap();
    store.fails("list", &[], 1, "damaged");
    let (exit, document) = json_on("inspect", &store.dir());
    assert_eq!((exit, document["damage"].as_array().unwrap().is_empty()), (0, false), "{document}");
    assert_eq!(document["checkpoints"], 2, "the journal has both");
    assert!(on("inspect", &store.dir()).out.contains("this is what is left"));
    let (exit, document) = json_on("verify", &store.dir());
    assert_eq!((exit, document["objects"].as_array().unwrap().len()), (1, 1), "{document}");
    let out = store.beside("out");
    let answer = run(&["repair", &store.path(), "--out", &out, "--json"]);
    let document = answer.json();
    assert_eq!((answer.exit, &document["is_older"]), (0, &json!(true)), "{document}");
    let repaired = CheckpointStore::open(&out).unwrap();
    assert_eq!(repaired.len().unwrap(), 2);
    drop(repaired);
    for path in manifests {
        fs::remove_file(path).unwrap();
    }
    fs::remove_dir_all(store.dir().join("log")).unwrap();
    let nothing = run(&["repair", &store.path(), "--out", &store.beside("nothing")]);
    assert!(nothing.exit == 1 && nothing.err.contains("no manifest is left"), "{}", nothing.err);
}

#[test]
fn one_checkpoint_or_a_sample_is_verified() {
    let store = damaged();
    let verified = |more: &[&str]| {
        let (exit, document) = store.json_any("verify", more);
        (exit, document["checkpoints"].as_u64().unwrap(), document["damage"].as_array().unwrap().len())
    };
    assert_eq!(verified(&["--id", "1"]), (1, 0, 1));
    assert_eq!(verified(&["--id", "#3"]), (0, 1, 0));
    assert_eq!(verified(&["--sample", "3"]), (1, 2, 1));
    assert_eq!(verified(&["--sample", "1", "--seed", "5"]), verified(&["--sample", "1", "--seed", "5"]));
    store.fails("verify", &["--id", "9"], 1, "not_found");
}
