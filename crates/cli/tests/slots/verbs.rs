use std::fs;

use keepstone::slots::{Bytes, SaveManager, SaveOptions};
use serde::Serialize;
use serde_json::{Value, json};

use super::Root;
use crate::support::{json_on, run, run_with};

const PLAIN: [&str; 2] = ["--codec", "none"];

#[test]
fn bytes_come_back_as_they_were_saved() {
    let root = Root::new();
    let long = vec![7; 300_000];
    for payload in [&b""[..], b"a\0b\r\n\xff", &long] {
        for codec in ["none", "lz4", "zstd"] {
            let id = root.save(3, payload, &["--codec", codec]);
            assert_eq!(root.load(3), (0, payload.to_vec(), String::new()), "{codec}");
            assert_eq!(root.ids()[0], id);
            let list = root.list(&[]);
            assert_eq!((&list[0]["codec"], &list[0]["payload_len"]), (&json!(codec), &json!(payload.len())));
        }
    }
}

#[test]
fn what_was_said_about_a_save_is_listed() {
    let root = Root::new();
    let thumbnail = root.beside("picture.png");
    fs::write(&thumbnail, b"\x89PNG\r\n\x1a\nand so on").unwrap();
    let more = [
        "--kind",
        "checkpoint",
        "--name",
        "Before the dragon",
        "--place",
        "Old tower",
        "--tick",
        "123456",
        "--play-time",
        "3661.5",
        "--meta",
        "mood=grim=very",
        "--meta",
        "hp=7",
        "--thumbnail",
        &thumbnail,
    ];
    let id = root.save(4, b"state", &more);
    root.save_of("bob", 0, b"other", &[]);
    let list = root.list(&["--player", "alice"]);
    let save = &list[0];
    assert_eq!(
        (list.len(), &save["id"], &save["slot"], &save["kind"]),
        (1, &json!(id), &json!(4), &json!("checkpoint"))
    );
    assert_eq!((&save["name"], &save["place"]), (&json!("Before the dragon"), &json!("Old tower")));
    assert_eq!((&save["tick"], &save["play_time_ns"]), (&json!(123_456), &json!(3_661_500_000_000_u64)));
    assert_eq!(save["custom"], json!({"mood": "grim=very", "hp": "7"}));
    assert_eq!(
        (&save["thumbnail_len"], &save["state"], &save["locked"]),
        (&json!(17), &json!("good"), &json!(false))
    );
    assert!(save["created_at"].as_str().unwrap().starts_with("20"), "{save}");
    let answer = root.slot("list", &[]);
    assert_eq!((answer.exit, answer.err.as_str()), (0, ""));
    for text in [
        "alice: 1 save, ",
        "bob: 1 save, ",
        "Before the dragon",
        "Old tower",
        "1:01:01",
        "123,456",
        "checkpoint",
        &id,
    ] {
        assert!(answer.out.contains(text), "{text:?} is not in {}", answer.out);
    }
    let (exit, document) = json_on("inspect", &root.file(&id));
    assert_eq!((exit, &document["container"]["head"]["slot"]), (0, &json!(4)), "{document}");
    assert_eq!(document["container"]["head"]["player"], "alice");
}

#[test]
fn kinds_follow_from_the_slot_unless_they_are_named() {
    let root = Root::new();
    for (slot, kind) in [(0, "manual"), (9, "manual"), (10, "auto"), (14, "auto"), (15, "quick")] {
        root.save(slot, b"x", &[]);
        assert_eq!(root.list(&[])[0]["kind"], kind);
    }
    for kind in ["manual", "auto", "quick", "checkpoint"] {
        root.save(0, b"x", &["--kind", kind]);
        assert_eq!(root.list(&[])[0]["kind"], kind);
    }
}

#[test]
fn older_saves_of_a_slot_make_room() {
    let root = Root::new();
    let ids: Vec<String> = (0..5).map(|n| root.save(1, &[n], &[])).collect();
    assert_eq!(root.ids(), [&*ids[4], &*ids[3], &*ids[2]]);
    // Those of another kind are counted apart, and a locked one doesn't count.
    root.json("lock", &[&ids[2]]);
    let auto = root.save(1, b"auto", &["--kind", "auto"]);
    let last = root.save(1, b"last", &["--keep", "1"]);
    assert_eq!(root.ids(), [&*last, &*auto, &*ids[2]]);
    let document = run_with(
        &["slot", "save", &root.path(), "--player", "alice", "--slot", "1", "--keep", "1", "--json"],
        b"json",
    )
    .json();
    assert_eq!(document["rotated_out"], json!([last]));
    assert_eq!(root.ids()[0], document["id"].as_str().unwrap());
    assert!(root.slot("list", &[]).out.contains("backup"));
}

#[test]
fn a_slot_that_is_taken_is_refused_if_that_is_asked_for() {
    let root = Root::new();
    let first = root.save(2, b"first", &["--refuse"]);
    let args = ["slot", "save", &root.path(), "--player", "alice", "--slot", "2", "--refuse"];
    let answer = run_with(&args, b"second");
    assert_eq!((answer.exit, answer.out.as_str()), (2, ""));
    assert!(answer.err.contains(&first), "{}", answer.err);
    assert_eq!(root.load(2).1, b"first");
}

#[test]
fn an_earlier_save_is_loaded_for_a_damaged_one_and_that_is_said() {
    let root = Root::new();
    let good = root.save(0, b"the good one", &PLAIN);
    let bad = root.save(0, b"the bad one", &PLAIN);
    root.damage(&bad, b"the bad one");
    let (exit, bytes, err) = root.load(0);
    assert_eq!((exit, bytes), (0, b"the good one".to_vec()));
    assert!(err.starts_with("warning: ") && err.contains(&bad), "{err}");
    let document = root.json("load", &["--player", "alice", "--slot", "0"]);
    assert_eq!((&document["save"]["id"], &document["lost"][0]["id"]), (&json!(good), &json!(bad)));
    assert_eq!((&document["data"], &document["encoding"]), (&json!("the good one"), &json!("utf-8")));
    assert!(!document["lost"][0]["reason"].as_str().unwrap().is_empty());
    // Whoever asks for that one gets no other.
    let (exit, bytes, err) = root.load_with(&["--id", &bad]);
    assert!(exit == 1 && bytes.is_empty() && err.contains("error"), "{err}");
    assert_eq!(root.load_with(&["--id", &good]).1, b"the good one");
    // And when none is left, that is said.
    root.damage(&good, b"the good one");
    let (exit, bytes, err) = root.load(0);
    assert!(exit == 1 && bytes.is_empty() && err.contains("damaged"), "{err}");
}

#[test]
fn an_id_that_is_elsewhere_is_not_loaded() {
    let root = Root::new();
    let id = root.save(0, b"here", &[]);
    for more in [["--player", "bob", "--slot", "0"], ["--player", "alice", "--slot", "1"]] {
        let (exit, bytes, err) = root.load_with(&[&more[..], &["--id", &id]].concat());
        assert!(exit == 1 && bytes.is_empty() && err.contains("in slot 0 of player"), "{err}");
    }
    assert_eq!(root.load_with(&["--player", "alice", "--slot", "0", "--id", &id]).1, b"here");
}

#[derive(Serialize)]
struct Hero {
    name: &'static str,
    level: u8,
    items: Vec<(String, u32)>,
}

#[test]
fn a_value_is_printed_as_json_alone() {
    let root = Root::new();
    let manager = SaveManager::open(root.dir(), SaveOptions::default().schema("game.Hero", 4)).unwrap();
    let hero = Hero { name: "Ann", level: 7, items: vec![("coin".to_owned(), 3)] };
    manager.save("alice", 0, &hero).unwrap();
    drop(manager);
    let (exit, bytes, err) = root.load(0);
    assert!(exit == 2 && bytes.is_empty() && err.contains("--json"), "{err}");
    let document = root.json("load", &["--player", "alice", "--slot", "0"]);
    assert_eq!(document["payload"], "value");
    assert_eq!(document["value"], json!({"name": "Ann", "level": 7, "items": [["coin", 3]]}));
    assert_eq!(
        (&document["save"]["payload_type"], &document["save"]["payload_version"]),
        (&json!("game.Hero"), &json!(4))
    );
    assert!(root.slot("list", &[]).out.contains("version 4"));
}

#[test]
fn a_deleted_save_can_be_brought_back_until_it_is_purged() {
    let root = Root::new();
    let old = root.save(0, b"old", &[]);
    let new = root.save(0, b"new", &[]);
    assert!(root.slot("delete", &[&new]).out.contains(&new));
    assert_eq!((root.load(0).1, root.ids()), (b"old".to_vec(), vec![old.clone()]));
    let deleted = root.list(&["--deleted"]);
    assert_eq!((deleted.len(), &deleted[0]["id"], &deleted[0]["state"]), (1, &json!(new), &json!("deleted")));
    assert!(deleted[0]["deleted_at"].is_string(), "{deleted:?}");
    root.json("undelete", &[&new]);
    assert_eq!((root.load(0).1, root.ids()), (b"new".to_vec(), vec![new.clone(), old.clone()]));
    root.json("delete", &[&old]);
    // Not before its time, neither by itself nor by purge.
    root.save(0, b"third", &[]);
    assert_eq!(root.json("purge", &[])["purged"], 0);
    assert_eq!(root.list(&["--deleted"]).len(), 1);
    assert_eq!(root.json("purge", &["--days", "0"])["purged"], 1);
    assert_eq!(root.list(&["--deleted"]).len(), 0);
    let answer = root.slot("undelete", &[&old]);
    assert!(answer.exit == 1 && answer.err.contains(&old), "{}", answer.err);
}

#[test]
fn a_locked_save_is_not_deleted() {
    let root = Root::new();
    let id = root.save(0, b"mine", &[]);
    root.json("lock", &[&id]);
    assert_eq!(root.list(&[])[0]["locked"], true);
    assert!(root.slot("list", &[]).out.contains("locked"));
    let answer = root.slot("delete", &[&id]);
    assert!(answer.exit == 2 && answer.err.contains("unlock"), "{}", answer.err);
    root.json("unlock", &[&id]);
    assert_eq!(root.slot("delete", &[&id]).exit, 0);
}

#[test]
fn a_save_is_renamed_and_copied_with_its_name() {
    let root = Root::new();
    let id = root.save(0, b"state", &["--place", "Bridge"]);
    assert_eq!(root.json("rename", &[&id, "The \u{1b} bridge"])["save"]["name"], "The \u{1b} bridge");
    assert!(root.slot("list", &[]).out.contains("The \\u{1b} bridge"));
    let copy = root.json("copy", &[&id, "--slot", "7"]);
    assert_eq!(
        (&copy["save"]["slot"], &copy["save"]["name"], &copy["save"]["place"]),
        (&json!(7), &json!("The \u{1b} bridge"), &json!("Bridge"))
    );
    assert_ne!(copy["id"], json!(id));
    assert_eq!(root.load(7).1, b"state");
    let copy = root.json("copy", &[&id, "--slot", "1", "--player", "bob"]);
    assert_eq!(copy["save"]["player"], "bob");
    assert_eq!(root.load_with(&["--player", "bob", "--slot", "1"]).1, b"state");
}

#[test]
fn an_exported_save_is_a_container_that_can_be_imported() {
    let root = Root::new();
    let id = root.save(0, b"state of things", &["--name", "First", "--meta", "k=v"]);
    root.json("rename", &[&id, "Later name"]);
    let out = root.beside("out.keep");
    let exported = root.json("export", &[&id, &out]);
    assert_eq!(exported["bytes"], fs::metadata(&out).unwrap().len());
    let (exit, document) = json_on("inspect", out.as_ref());
    assert_eq!((exit, &document["format"], &document["kind"]), (0, &json!("keep"), &json!("save")));
    assert_eq!((&document["head"]["name"], &document["head"]["save_id"]), (&json!("Later name"), &json!(id)));
    assert_eq!(json_on("verify", out.as_ref()).0, 0);
    // There it is already.
    let to = ["--player", "alice", "--slot", "5"];
    let import = |root: &Root, more: &[&str]| root.slot("import", &[&[out.as_str()], &to[..], more].concat());
    let answer = import(&root, &[]);
    assert!(answer.exit == 2 && answer.err.contains("already"), "{}", answer.err);
    assert_eq!(import(&root, &["--new"]).exit, 0);
    assert_eq!(root.list(&[])[0]["name"], "Later name");
    // In another root it is the same save.
    let other = Root::new();
    let answer = import(&other, &["--json"]);
    assert_eq!(answer.json()["id"], json!(id));
    assert_eq!(other.load(5).1, b"state of things");
    assert_eq!(other.list(&[])[0]["custom"], json!({"k": "v"}));
    // What is damaged is not taken.
    let mut bytes = fs::read(&out).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 4;
    fs::write(&out, bytes).unwrap();
    assert_eq!(import(&Root::new(), &[]).exit, 1);
}

#[test]
fn every_save_is_verified_deleted_ones_too() {
    let root = Root::new();
    let ids = [b"payload one", b"payload two"].map(|payload| root.save(0, payload, &PLAIN));
    root.save_of("bob", 0, b"of bob", &PLAIN);
    root.json("delete", &[&ids[0]]);
    let document = root.json("verify", &[]);
    assert_eq!(
        (&document["saves"], &document["deleted"], &document["damage"]),
        (&json!(3), &json!(1), &json!([]))
    );
    root.damage(&ids[0], b"payload one");
    let answer = root.slot("verify", &["--json"]);
    let document = answer.json();
    assert_eq!((answer.exit, &document["saves"]), (1, &json!(2)));
    let damage = &document["damage"][0];
    assert!(damage["what"].as_str().unwrap().contains(&ids[0]), "{damage}");
    assert!(damage["offset"].as_u64().is_some(), "{damage}");
    assert_eq!(root.slot("verify", &["--player", "bob"]).exit, 0);
    let answer = root.slot("verify", &["--player", "alice"]);
    assert!(answer.exit == 1 && answer.out.contains("damaged in 1 place"), "{}", answer.out);
}

#[cfg(unix)]
#[test]
fn a_save_that_the_system_refuses_is_neither_good_nor_damaged() {
    let root = Root::new();
    let ids = [b"payload one", b"payload two"].map(|payload| root.save(0, payload, &PLAIN));
    // A link to itself is opened by nobody, whoever asks.
    let file = root.file(&ids[1]);
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(&file, &file).unwrap();
    let answer = root.slot("verify", &["--json"]);
    let document = answer.json();
    assert_eq!(
        (answer.exit, &document["saves"], &document["damage"], &document["unread"]),
        (2, &json!(1), &json!([]), &json!([])),
        "{document}"
    );
    let unreadable = document["unreadable"].as_array().unwrap();
    assert!(unreadable.len() == 1 && unreadable[0].as_str().unwrap().contains(&ids[1]), "{document}");
    assert_eq!(document["error"], json!(null));
    let answer = root.slot("verify", &[]);
    let told = ["not all can be read", "the system refuses it", &ids[1]];
    assert!(answer.exit == 2 && told.iter().all(|told| answer.out.contains(told)), "{}", answer.out);
    // The library has the same to say.
    let manager = SaveManager::open(root.dir(), SaveOptions::default().background(false)).unwrap();
    let report = manager.verify(Some("alice")).unwrap();
    assert_eq!((report.good, report.damaged.len(), report.unreadable.len()), (1, 0, 1));
    drop(manager);
    // What is damaged counts for more.
    root.damage(&ids[0], b"payload one");
    let answer = root.slot("verify", &["--json"]);
    let document = answer.json();
    assert_eq!((answer.exit, document["damage"].as_array().unwrap().len()), (1, 1), "{document}");
    assert_eq!(document["unreadable"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_no_file_but_called_as_a_save_is_damage() {
    let root = Root::new();
    let id = root.save(0, b"payload", &PLAIN);
    let file = root.file(&id);
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let answer = root.slot("verify", &["--json"]);
    let document = answer.json();
    assert_eq!((answer.exit, &document["unreadable"]), (1, &json!([])), "{document}");
    assert!(document["damage"][0]["what"].as_str().unwrap().contains(&id), "{document}");
}

#[test]
fn what_is_not_there_is_not_found() {
    let root = Root::new();
    let id = "0123456789abcdef0123456789abcdef";
    // Neither verb makes a root.
    let path = root.path();
    for args in [
        &["list", &path][..],
        &["load", &path, "--player", "alice", "--slot", "0"],
        &["verify", &path],
        &["delete", &path, id],
        &["undelete", &path, id],
        &["rename", &path, id, "name"],
        &["lock", &path, id],
        &["copy", &path, id, "--slot", "0"],
        &["export", &path, id, "out.keep"],
        &["purge", &path],
        &["import", &path, "gone.keep", "--player", "alice", "--slot", "0"],
    ] {
        let answer = run(&[&["slot"], args, &["--json"]].concat());
        let document = answer.json();
        assert_eq!((answer.exit, &document["error"]["kind"]), (1, &json!("not_found")), "{args:?}");
        assert!(!root.dir().exists(), "{args:?}");
    }
    root.save(0, b"x", &[]);
    for (verb, more) in [
        ("load", &["--player", "alice", "--slot", "1"][..]),
        ("load", &["--player", "bob", "--slot", "0"]),
        ("load", &["--id", id]),
        ("delete", &[id]),
        ("undelete", &[id]),
        ("lock", &[id]),
        ("copy", &[id, "--slot", "3"]),
        ("export", &[id, "out.keep"]),
    ] {
        let answer = root.slot(verb, more);
        assert!(answer.exit == 1 && answer.err.starts_with("error: "), "{verb}: {}", answer.err);
    }
}

fn check_misuse(args: &[&str]) {
    let answer = run_with(&[&["slot"], args].concat(), b"");
    assert_eq!((answer.exit, answer.out.as_str()), (2, ""), "{args:?}: {}", answer.err);
    assert!(!answer.err.is_empty());
}

#[test]
fn wrong_usage_exits_with_two() {
    let root = Root::new();
    let path = root.path();
    let long = "x".repeat(129);
    check_misuse(&["save", &path]);
    check_misuse(&["save", &path, "--player", "alice", "--slot", "256"]);
    check_misuse(&["save", &path, "--player", "", "--slot", "0"]);
    check_misuse(&["save", &path, "--player", &long, "--slot", "0"]);
    check_misuse(&["save", &path, "--player", "alice", "--slot", "0", "--meta", "nothing"]);
    check_misuse(&["save", &path, "--player", "alice", "--slot", "0", "--play-time", "-1"]);
    check_misuse(&["save", &path, "--player", "alice", "--slot", "0", "--play-time", "NaN"]);
    check_misuse(&["save", &path, "--player", "alice", "--slot", "0", "--kind", "profile"]);
    check_misuse(&["save", &path, "--player", "alice", "--slot", "0", "--keep", "0"]);
    check_misuse(&["load", &path, "--player", "alice"]);
    check_misuse(&["delete", &path, "not-an-id"]);
    check_misuse(&["frobnicate", &path]);
    let not_png = root.beside("picture.png");
    fs::write(&not_png, b"GIF89a").unwrap();
    check_misuse(&["save", &path, "--player", "alice", "--slot", "0", "--thumbnail", &not_png]);
}

#[test]
fn a_custom_entry_that_is_too_long_is_refused_and_nothing_is_saved() {
    let root = Root::new();
    let entry = format!("key={}", "v".repeat(5000));
    let answer =
        run_with(&["slot", "save", &root.path(), "--player", "alice", "--slot", "0", "--meta", &entry], b"x");
    assert_eq!((answer.exit, answer.out.as_str()), (2, ""), "{}", answer.err);
    assert_eq!(root.list(&[]), Vec::<Value>::new());
}

#[test]
fn what_was_set_aside_is_listed_by_its_file() {
    let root = Root::new();
    root.save(0, b"the good one", &PLAIN);
    let bad = root.save(0, b"the bad one", &PLAIN);
    root.damage(&bad, b"the bad one");
    let manager = SaveManager::open(root.dir(), SaveOptions::default()).unwrap();
    assert!(manager.load_latest::<Bytes<'_>>("alice", 0).unwrap().recovered.is_some());
    drop(manager);
    let document = root.json("list", &[]);
    let file = root.file(&bad).file_name().unwrap().to_str().unwrap().to_owned();
    assert!(super::has_extension(&file, "damaged"), "{file}");
    assert_eq!(document["players"][0]["set_aside"], json!([file]));
    assert!(root.slot("list", &[]).out.contains(&file));
    assert_eq!(root.slot("verify", &[]).exit, 1);
    assert_eq!(root.load(0), (0, b"the good one".to_vec(), String::new()));
}

#[test]
fn a_table_has_no_empty_columns() {
    let root = Root::new();
    root.save(0, b"x", &[]);
    let text = root.slot("list", &[]).out;
    assert!(["slot", "kind", "saved (UTC)", "size", "id"].iter().all(|head| text.contains(head)), "{text}");
    assert!(["tick", "place", "played", "state"].iter().all(|head| !text.contains(head)), "{text}");
    root.save(1, b"x", &["--tick", "7"]);
    assert!(root.slot("list", &[]).out.contains("tick"));
}
