use std::fs;

use keepstone::{
    format::{Limits, Reader, SectionId},
    slots::SaveReader,
};
use serde_json::json;

use super::{Root, flip, has_extension, names};
use crate::support::{json_on, on, run};

const PLAIN: [&str; 2] = ["--codec", "none"];

#[test]
fn a_root_is_inspected_and_verified() {
    let root = Root::new();
    let id = root.save(0, b"first", &[]);
    root.save(0, b"second", &[]);
    root.save_of("bob", 3, b"other", &[]);
    root.json("lock", &[&id]);
    let (exit, document) = json_on("inspect", &root.dir());
    assert_eq!(
        (exit, &document["format"], &document["kind"]),
        (0, &json!("saves"), &json!("save root")),
        "{document}"
    );
    assert_eq!((&document["saves"], &document["root_error"]), (&json!(3), &json!(null)));
    assert_eq!(document["root_id"].as_str().unwrap().len(), 32);
    let players = document["players"].as_array().unwrap();
    assert_eq!((&players[0]["player"], &players[1]["player"]), (&json!("alice"), &json!("bob")));
    assert_eq!(
        (&players[0]["saves"], &players[0]["notes"], &players[0]["index"]),
        (&json!(2), &json!(1), &json!("fresh")),
        "{document}"
    );
    assert!(on("inspect", &root.dir()).out.contains("alice"));
    let (exit, document) = json_on("verify", &root.dir());
    assert_eq!((exit, &document["format"]), (0, &json!("saves")));
    assert_eq!(
        (&document["saves"], &document["notes"], &document["warnings"]),
        (&json!(3), &json!(1), &json!([])),
        "{document}"
    );
    // The directory of one player.
    let (exit, document) = json_on("inspect", &root.alice());
    assert_eq!((exit, &document["alone"], &document["saves"]), (0, &json!(true), &json!(2)));
    assert_eq!(json_on("verify", &root.alice()).1["saves"], 2);
}

#[test]
fn an_index_that_is_not_that_of_the_directory_is_no_damage() {
    let root = Root::new();
    root.save(0, b"first", &[]);
    let before = fs::read(root.alice().join("index")).unwrap();
    root.save(0, b"second", &[]);
    for (index, state) in [(&before[..], "stale"), (&before[..before.len() / 2], "damaged")] {
        fs::write(root.alice().join("index"), index).unwrap();
        assert_eq!(json_on("inspect", &root.dir()).1["players"][0]["index"], state);
        let (exit, document) = json_on("verify", &root.dir());
        let warning = document["warnings"][0].as_str().unwrap();
        assert!(exit == 0 && warning.contains("index"), "{document}");
        assert_eq!(root.ids().len(), 2);
    }
    fs::remove_file(root.alice().join("index")).unwrap();
    assert_eq!(json_on("inspect", &root.dir()).1["players"][0]["index"], "missing");
    assert_eq!(json_on("verify", &root.dir()).1["warnings"], json!([]));
    assert_eq!(root.ids().len(), 2);
}

#[test]
fn the_files_of_a_root_are_inspected_and_verified_alone() {
    let root = Root::new();
    let id = root.save(6, b"state", &["--name", "Here"]);
    root.json("rename", &[&id, "There"]);
    let (exit, document) = json_on("inspect", &root.file(&id));
    assert_eq!(
        (exit, &document["format"], &document["state"]),
        (0, &json!("save"), &json!("save")),
        "{document}"
    );
    assert_eq!((&document["sequence"], &document["name_agrees"]), (&json!(1), &json!(true)));
    let head = &document["container"]["head"];
    assert_eq!(
        (&head["save_id"], &head["slot"], &head["player"], &head["name"]),
        (&json!(id), &json!(6), &json!("alice"), &json!("Here"))
    );
    assert_eq!((&head["save_kind"], &head["unknown_tags"]), (&json!("manual"), &json!({})));
    let note = names(&root.alice()).into_iter().find(|name| has_extension(name, "note")).unwrap();
    let (exit, document) = json_on("inspect", &root.alice().join(&note));
    assert_eq!(
        (exit, &document["kind"], &document["head"]["name"]),
        (0, &json!("note"), &json!("There")),
        "{document}"
    );
    assert_eq!(document["head"]["locked"], false);
    for (file, kind) in [(root.alice().join("index"), "index"), (root.dir().join("ROOT"), "save root")] {
        assert_eq!(json_on("inspect", &file).1["kind"], kind);
    }
    for file in
        [root.file(&id), root.alice().join(&note), root.alice().join("index"), root.dir().join("ROOT")]
    {
        let (exit, document) = json_on("verify", &file);
        assert_eq!((exit, &document["damage"]), (0, &json!([])), "{document}");
    }
    root.json("delete", &[&id]);
    assert_eq!(json_on("inspect", &root.file(&id)).1["state"], "deleted");
    // It says itself which save it is.
    let stray = root.beside("stray");
    fs::copy(root.file(&id), &stray).unwrap();
    let (exit, document) = json_on("inspect", stray.as_ref());
    assert_eq!(
        (exit, &document["state"], &document["name_agrees"]),
        (0, &json!("without a name"), &json!(null))
    );
    assert_eq!(json_on("verify", stray.as_ref()).0, 0);
    // A container that every tool reads.
    let out = root.beside("out.keep");
    let args = ["convert".into(), root.file(&id).into_os_string(), out.clone().into(), "--json".into()];
    let document = run::<std::ffi::OsString>(&args).json();
    assert_eq!(
        (&document["exit"], &document["format"], &document["kind"]),
        (&json!(0), &json!("save"), &json!("save"))
    );
    assert_eq!(json_on("verify", out.as_ref()).0, 0);
    // What was never finished is no damage of a spare.
    let bytes = fs::read(root.file(&id)).unwrap();
    fs::write(root.alice().join("8.spare"), &bytes[..4300]).unwrap();
    let (exit, document) = json_on("verify", &root.alice().join("8.spare"));
    assert!(exit == 0 && document["warnings"][0].as_str().unwrap().contains("never finished"), "{document}");
    fs::remove_file(root.alice().join("8.spare")).unwrap();
    // Nothing is saved in what is made ready.
    let spare = root.alice().join("7.spare");
    fs::write(&spare, [0; 8192]).unwrap();
    for verb in ["inspect", "verify"] {
        assert_eq!(json_on(verb, &spare).0, 0);
    }
}

#[test]
fn a_save_under_the_name_of_another_is_damage() {
    let root = Root::new();
    let ids = [b"one", b"two"].map(|payload| root.save(0, payload, &[]));
    let bytes = fs::read(root.file(&ids[0])).unwrap();
    fs::write(root.file(&ids[1]), bytes).unwrap();
    for path in [root.dir(), root.file(&ids[1])] {
        let (exit, document) = json_on("verify", &path);
        let message = document["damage"][0]["message"].as_str().unwrap();
        assert!(exit == 1 && message.contains("not the save"), "{document}");
    }
    assert_eq!(json_on("inspect", &root.file(&ids[1])).1["name_agrees"], false);
    assert_eq!(root.load(0).1, b"one");
}

#[test]
fn damage_of_a_root_is_said_with_its_place() {
    let root = Root::new();
    let id = root.save(0, b"in the castle", &PLAIN);
    root.json("lock", &[&id]);
    root.damage(&id, b"in the castle");
    for path in [root.dir(), root.file(&id)] {
        let (exit, document) = json_on("verify", &path);
        let damage = &document["damage"][0];
        assert!(exit == 1 && damage["offset"].as_u64().is_some(), "{document}");
        assert!(damage["what"].as_str().unwrap().ends_with("chunk payload"), "{damage}");
    }
    let note = names(&root.alice()).into_iter().find(|name| has_extension(name, "note")).unwrap();
    flip(&root.alice().join(note), b"KEEP");
    assert_eq!(json_on("verify", &root.dir()).1["damage"].as_array().unwrap().len(), 2);
    // The list takes it for locked all the same.
    fs::remove_file(root.alice().join("index")).unwrap();
    let list = root.list(&[]);
    assert_eq!((&list[0]["locked"], &list[0]["note_damaged"]), (&json!(true), &json!(true)));
    flip(&root.dir().join("ROOT"), b"KEEP");
    let (exit, document) = json_on("verify", &root.dir());
    assert_eq!((exit, document["damage"].as_array().unwrap().len()), (1, 3), "{document}");
    assert!(json_on("inspect", &root.dir()).1["root_error"].is_string());
}

#[test]
fn a_repair_keeps_every_save_that_is_whole() {
    let root = Root::new();
    let ids: Vec<String> = [&b"save A"[..], b"save B", b"save C", b"save D"]
        .iter()
        .map(|payload| root.save(2, payload, &["--codec", "none", "--keep", "9", "--name", "Name"]))
        .collect();
    root.save_of("bob", 0, b"of bob", &[]);
    root.json("lock", &[&ids[0]]);
    root.json("rename", &[&ids[1], "Renamed"]);
    root.json("delete", &[&ids[1]]);
    root.damage(&ids[3], b"save D");
    flip(&root.dir().join("ROOT"), b"KEEP");
    let out = root.beside("repaired");
    let repair = |out: &str| run(&["repair", &root.path(), "--out", out, "--json"]);
    let answer = repair(&out);
    let document = answer.json();
    assert_eq!(
        (answer.exit, &document["saves"], &document["notes"]),
        (1, &json!(4), &json!(2)),
        "{document}"
    );
    let lost = document["lost"].as_array().unwrap();
    assert_eq!((lost.len(), &lost[0]["id"], &lost[0]["slot"]), (1, &json!(ids[3]), &json!(2)));
    assert_eq!(json_on("verify", out.as_ref()).0, 0);
    let saves = SaveReader::open(&out).unwrap();
    let kept = saves.list("alice").unwrap();
    let found: Vec<(String, u64, bool)> =
        kept.iter().map(|save| (save.id().to_string(), save.sequence(), save.is_locked())).collect();
    assert_eq!(found, [(ids[2].clone(), 3, false), (ids[0].clone(), 1, true)]);
    let deleted = saves.list_deleted("alice").unwrap();
    assert_eq!((deleted[0].id().to_string(), deleted[0].name()), (ids[1].clone(), Some("Renamed")));
    assert!(deleted[0].deleted_at().is_some());
    let answer = run(&["slot", "load", &out, "--player", "alice", "--slot", "2"]);
    assert_eq!((answer.exit, answer.out.as_str()), (0, "save C"));
    // It can be written to, and is not written over.
    let answer = run(&["slot", "undelete", &out, &ids[1]]);
    assert_eq!(answer.exit, 0, "{}", answer.err);
    assert_eq!(repair(&out).json()["error"]["kind"], "misuse");
    assert_eq!(repair(&format!("{}/inside", root.path())).json()["error"]["kind"], "misuse");
    // Without damage nothing is lost.
    let again = run(&["repair", &out, "--out", &root.beside("again")]);
    assert!(again.exit == 0 && again.out.contains("nothing was lost"), "{}", again.out);
}

#[test]
fn one_save_is_repaired_into_a_container() {
    let root = Root::new();
    let id = root.save(0, b"what the player did", &PLAIN);
    let path = root.file(&id);
    let repair = |out: &str| {
        run(&["repair".as_ref(), path.as_os_str(), "--out".as_ref(), out.as_ref(), "--json".as_ref()]).json()
    };
    let check = |out: &str| {
        let bytes = fs::read(out).unwrap();
        let reader = Reader::open(&bytes[..], Limits::default()).unwrap();
        let section = reader.find(SectionId::BYTES, 0).unwrap();
        assert_eq!(&*reader.read(section).unwrap(), b"what the player did");
    };
    // The header of its only chunk: the tables have a copy.
    flip(&path, b"KCHK");
    assert_eq!(json_on("verify", &path).0, 1);
    let out = root.beside("one.keep");
    assert_eq!(repair(&out)["lost"], json!([]));
    check(&out);
    // Nor is the commit page needed.
    flip(&path, b"KGEN");
    let out = root.beside("two.keep");
    let document = repair(&out);
    assert_eq!(document["lost"], json!([]), "{document}");
    assert!(document["warnings"][0].as_str().unwrap().contains("commit page"), "{document}");
    check(&out);
}

#[test]
fn other_directories_are_no_roots() {
    let root = Root::new();
    let (log, other) = (root.beside("log"), root.beside("other"));
    assert_eq!(crate::support::run_with(&["wal", "append", &log], b"record\n").exit, 0);
    assert_eq!(json_on("inspect", log.as_ref()).1["format"], "log");
    // A log beside a file that is called as that of a root.
    fs::write(format!("{log}/ROOT"), b"text").unwrap();
    assert_eq!(json_on("inspect", log.as_ref()).1["format"], "log");
    fs::create_dir_all(format!("{other}/p-not-base32")).unwrap();
    fs::write(format!("{other}/ROOT"), b"text").unwrap();
    fs::write(format!("{other}/p-mfwgsy3f"), b"a file").unwrap();
    for verb in ["inspect", "verify"] {
        let (exit, document) = json_on(verb, other.as_ref());
        assert_eq!((exit, &document["error"]["kind"]), (2, &json!("misuse")), "{document}");
    }
    let answer = run(&["slot", "verify", &other]);
    assert!(answer.exit == 1 && answer.err.contains("no saves"), "{}", answer.err);
    // What is in the directory above is named.
    root.save(0, b"x", &[]);
    let above = root.dir().parent().unwrap().to_owned();
    let answer = on("inspect", &above);
    assert!(answer.exit == 2 && answer.err.contains("saves (saves)"), "{}", answer.err);
    // A file of somebody else's with such a name.
    let old = root.beside("1.old");
    fs::copy(crate::support::demo_file("demo.keep"), &old).unwrap();
    assert_eq!(json_on("inspect", old.as_ref()).1["kind"], "world");
}
