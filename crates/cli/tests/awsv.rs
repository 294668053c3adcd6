use std::fs;

use serde_json::json;

use crate::support::{asset, fixture, json_on, on, with_file};

const SLOT_5: &str = "slot05_2026-03-13T08-45-25Z_6ea6b68a-b2e8-41b3-bc0a-09d93acfe4cd.awsv";

#[test]
fn a_save_of_the_original_program_is_described() {
    let (exit, document) = json_on("inspect", &fixture(SLOT_5));
    assert_eq!((exit, &document["format"], &document["version"]), (0, &json!("awsv"), &json!(2)));
    assert_eq!((&document["codec"], &document["crc32"]), (&json!("lz4"), &json!("5bf469af")));
    assert_eq!((&document["data_len"], &document["size_prefix"]), (&json!(233), &json!(227)));
    assert_eq!(document["save_id"], "6ea6b68a-b2e8-41b3-bc0a-09d93acfe4cd");
    assert_eq!(document["created_at_ns"], 1_773_391_525_443_021_700_i64);
    assert_eq!(document["created_at"], "2026-03-13T08:45:25.443021700Z");
    assert_eq!(
        (&document["player_id"], &document["slot"], &document["tick"]),
        (&json!("test_player"), &json!(5), &json!(12345))
    );
    assert_eq!(document["state_hash"], format!("{:016x}", 1_311_768_467_294_899_695_u64));
    assert_eq!((&document["ecs_blob_len"], &document["inventory"]["credits"]), (&json!(4), &json!(9999)));
    assert_eq!(document["companions"][0]["name"], "Echo Prime");
    assert_eq!(
        document["inventory"]["items"][0],
        json!({"kind": "sword", "qty": 1, "attrs": {"damage": 42, "durability": 100}})
    );
    assert_eq!(document["meta"], json!({"chapter": "3", "difficulty": "hard"}));
    assert_eq!(document["warnings"], json!([]));
}

#[test]
fn people_see_what_is_in_a_save() {
    let answer = on("inspect", &asset());
    assert_eq!((answer.exit, answer.err.as_str()), (0, ""));
    for text in
        ["alice", "2025-10-09T08:53:22.123456789Z", "8,589,934,590", "2 companions", "6 items", "damage -5"]
    {
        assert!(answer.out.contains(text), "{text:?} is not in {}", answer.out);
    }
}

#[test]
fn saves_that_can_be_read_are_good() {
    for path in [asset(), fixture(SLOT_5), fixture("v1_with_companion.awsv"), fixture("codec0_none.awsv")] {
        let (exit, document) = json_on("verify", &path);
        assert_eq!((exit, &document["damage"]), (0, &json!([])), "{document}");
        assert_eq!(on("inspect", &path).exit, 0);
    }
    let (_, document) = json_on("verify", &fixture("codec0_none.awsv"));
    assert_eq!(document["warnings"].as_array().unwrap().len(), 1);
    assert_eq!(json_on("inspect", &fixture("v1_with_companion.awsv")).1["save_id"], json!(null));
}

#[test]
fn a_wrong_checksum_is_damage_with_its_place() {
    let (exit, document) = json_on("verify", &fixture("bad_crc.awsv"));
    let place = &document["damage"][0];
    assert_eq!((exit, &place["offset"], &place["expected"]), (1, &json!(16), &json!("d2804a3c")));
    assert_eq!(place["found"], format!("{:08x}", 2_777_119_402_u32));
    assert_eq!(on("inspect", &fixture("bad_crc.awsv")).exit, 1);
}

#[test]
fn a_truncated_save_is_damage_where_it_ends() {
    let (exit, document) = json_on("verify", &fixture("truncated.awsv"));
    let place = &document["damage"][0];
    assert_eq!((exit, &place["offset"], &place["expected"]), (1, &json!(244), &json!("249")));
    assert_eq!(on("inspect", &fixture("truncated.awsv")).exit, 1);
}

#[test]
fn a_later_version_is_newer() {
    for verb in ["inspect", "verify"] {
        let (exit, document) = json_on(verb, &fixture("version3.awsv"));
        assert_eq!((exit, &document["error"]["kind"]), (2, &json!("newer")));
    }
}

#[test]
fn a_flipped_bit_in_the_data_is_found() {
    let bytes = fs::read(fixture(SLOT_5)).unwrap();
    for at in (16..bytes.len()).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        with_file("flipped.awsv", &damaged, |path| {
            let answer = on("verify", path);
            assert!(answer.exit == 1 && answer.out.contains("at byte 16"), "byte {at}: {}", answer.out);
        });
    }
}
