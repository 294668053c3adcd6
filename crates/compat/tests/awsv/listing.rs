//! Every fixture against the listing of its contents.

use std::fmt::Write;

use keepstone_compat::Error;
use keepstone_compat::awsv::{CompanionProfile, Header, ItemStack, SaveBundle, Warning, WorldState};
use keepstone_format::Kind;
use serde_json::{Value, json};

use crate::awsv::files::{ALL, LISTING, named, read, read_lz4};

fn entries() -> Vec<Value> {
    serde_json::from_str(LISTING).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn listing_names_every_fixture() {
    let mut listed: Vec<String> = entries().iter().map(|e| text(&e["file"]).to_owned()).collect();
    listed.sort();
    let held: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
    assert_eq!(listed, held);
}

#[test]
fn header_is_as_listed() {
    for entry in entries() {
        let name = text(&entry["file"]);
        let bytes = named(name);
        if name == "version3.awsv" {
            continue;
        }
        let header = Header::read(bytes).unwrap();
        let prefix = (header.codec == 1)
            .then(|| u32::from_le_bytes(bytes[Header::LEN..Header::LEN + 4].try_into().unwrap()));
        let found = json!({
            "bytes": if name == "truncated.awsv" { 244 } else { u64::from(header.data_len) + 16 },
            "codec": header.codec,
            "crc32": format!("{:08x}", header.crc32),
            "data_len": header.data_len,
            "reserved": header.reserved,
            "uncompressed_len_prefix": prefix,
            "version": header.version,
        });
        assert_eq!(found, entry["header"], "{name}");
    }
}

#[test]
fn every_field_is_as_listed() {
    let mut compared = 0;
    for entry in entries() {
        let Some(expected) = entry.get("bundle") else {
            continue;
        };
        let name = text(&entry["file"]);
        compared += 1;
        let Some(file) = read_lz4(named(name)) else {
            continue;
        };
        assert_eq!(&listed(&file.bundle), expected, "{name}");
        assert_eq!(file.warnings, [], "{name}");
        assert_eq!(file.bundle.version, 2, "{name}");
        let prefix = &entry["header"]["uncompressed_len_prefix"];
        assert_eq!(&json!(file.size_prefix), prefix, "{name}");
        assert_eq!(&json!(file.body_len), prefix, "{name}");
    }
    assert_eq!(compared, 4);
}

/// aw-save invents a save id at each read of a version 1 file; here it stays absent.
#[test]
fn version_1_is_upgraded_as_listed_without_inventing_a_save_id() {
    let entries = entries();
    let entry = entries.iter().find(|e| e.get("bundle_v1").is_some()).unwrap();
    let Some(file) = read_lz4(named(text(&entry["file"]))) else {
        return;
    };
    let mut expected = entry["aw_save_reads_it_as_v2"].clone();
    expected["save_id"] = Value::Null;
    assert_eq!(listed(&file.bundle), expected);
    assert_eq!(file.bundle.version, 1);
    assert_eq!(file.warnings, []);
    let v1 = &entry["bundle_v1"];
    assert_eq!(json!(file.bundle.companions[0].name), v1["companion"]);
    assert_eq!(json!(file.bundle.inventory.credits), v1["credits"]);
    assert_eq!(hex(&file.bundle.world.ecs_blob), v1["world"]["ecs_blob_hex"]);
}

/// No bundle is listed for this file, since aw-save refuses it: the values are those of its bytes.
#[test]
fn uncompressed_body_is_read() {
    let file = read(named("codec0_none.awsv")).unwrap();
    let bundle = &file.bundle;
    assert_eq!((file.size_prefix, file.body_len), (None, 433));
    assert_eq!(file.warnings, [Warning::Uncompressed]);
    assert_eq!(bundle.save_id.unwrap().to_string(), "a0000000-0000-4000-8000-000000000002");
    assert_eq!(bundle.created_at, 1_760_000_002_123_456_789);
    assert_eq!((bundle.player_id.as_str(), bundle.slot, bundle.world.tick), ("carol", 3, 2000));
    assert_eq!(bundle.world.ecs_blob, [5; 64]);
    assert_eq!(bundle.companions.len(), 2);
    assert_eq!(bundle.companions[1].skills, ["skill0"]);
    assert_eq!(bundle.inventory.credits, 8_589_934_590);
    assert_eq!(bundle.inventory.items.len(), 6);
    let last = &bundle.inventory.items[5];
    assert_eq!((last.kind.as_str(), last.qty), ("item_5", 5));
    assert_eq!((last.attrs["damage"], last.attrs["durability"]), (-5, i64::MAX));
    assert_eq!(bundle.meta["key1"], "value 1");
}

#[test]
fn flipped_byte_is_a_checksum_error_with_both_values() {
    let err = read(named("bad_crc.awsv")).unwrap_err();
    assert!(matches!(err, Error::Checksum { offset: 16, expected: 3_531_622_972, found: 2_777_119_402 }));
    assert_eq!(err.kind(), Kind::Damaged);
    assert_eq!(err.to_string(), "data at byte 16: checksum is a5877aaa, expected d2804a3c");
}

#[test]
fn missing_end_is_an_error_with_both_lengths() {
    let err = read(named("truncated.awsv")).unwrap_err();
    assert!(matches!(err, Error::Truncated { part: "the data", needs: 249, found: 244 }));
    assert_eq!(err.kind(), Kind::Damaged);
}

#[test]
fn newer_version_is_distinct_from_damage() {
    let err = read(named("version3.awsv")).unwrap_err();
    assert!(matches!(err, Error::Version { found: 3, oldest: 1, newest: 2, .. }));
    assert_eq!(err.kind(), Kind::Newer);
    assert_eq!(err.to_string(), "aw-save version is 3, this build reads 1 to 2; update the program");
}

fn listed(bundle: &SaveBundle) -> Value {
    json!({
        "companions": bundle.companions.iter().map(companion).collect::<Vec<_>>(),
        "created_at": date_text(bundle.created_at),
        "created_at_unix_nanos": bundle.created_at.to_string(),
        "inventory": {
            "credits": bundle.inventory.credits,
            "items": bundle.inventory.items.iter().map(item).collect::<Vec<_>>(),
        },
        "meta": bundle.meta,
        "player_id": bundle.player_id,
        "save_id": bundle.save_id.map(|id| id.to_string()),
        "schema": bundle.schema,
        "slot": bundle.slot,
        "world": world(&bundle.world),
    })
}

fn companion(companion: &CompanionProfile) -> Value {
    json!({
        "episodes_summarized": companion.episodes_summarized,
        "facts": companion.facts,
        "id": companion.id,
        "level": companion.level,
        "name": companion.name,
        "skills": companion.skills,
    })
}

fn item(item: &ItemStack) -> Value {
    json!({ "attrs": item.attrs, "kind": item.kind, "qty": item.qty })
}

fn world(world: &WorldState) -> Value {
    let blob = &world.ecs_blob;
    json!({
        "ecs_blob": {
            "crc32": format!("{:08x}", crc32fast::hash(blob)),
            "hex_first_64": hex(&blob[..blob.len().min(64)]),
            "len": blob.len(),
        },
        "state_hash": world.state_hash,
        "tick": world.tick,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The text of a moment as the `time` crate displays it in UTC, by walking the calendar.
fn date_text(unix_nanos: i64) -> String {
    let seconds = unix_nanos.div_euclid(1_000_000_000);
    let nanos = format!("{:09}", unix_nanos.rem_euclid(1_000_000_000));
    let fraction = match nanos.trim_end_matches('0') {
        "" => "0",
        digits => digits,
    };
    let (mut year, mut day) = (1970, seconds / 86_400);
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    while day >= 365 + i64::from(leap(year)) {
        day -= 365 + i64::from(leap(year));
        year += 1;
    }
    let mut month = 1;
    for days in [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    let of_day = seconds % 86_400;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let day = day + 1;
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{fraction} +00:00:00")
}
