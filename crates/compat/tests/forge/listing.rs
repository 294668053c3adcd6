//! Every fixture against the listing of its contents.

use keepstone_compat::forge::{Checkpoint, Checksum, Export, Shape, Trigger};
use serde_json::{Value, json};

use crate::forge::files::{ALL, LISTING, SESSION, read};

fn listed() -> Vec<Value> {
    let mut listing: Value = serde_json::from_str(LISTING).unwrap();
    let mut listed: Vec<Value> = serde_json::from_value(listing["checkpoints"].take()).unwrap();
    listed.sort_by_key(|checkpoint| checkpoint["sequence_number"].as_u64());
    listed
}

/// A checkpoint as the listing has it.
fn shown(checkpoint: &Checkpoint<'_>) -> Value {
    let trigger = match &checkpoint.trigger {
        Trigger::Manual => "Manual".to_owned(),
        Trigger::Scheduled => "Scheduled".to_owned(),
        Trigger::Automatic(cause) => format!("Automatic({cause})"),
    };
    json!({
        "id": checkpoint.id.to_string(),
        "message": checkpoint.message,
        "sequence_number": checkpoint.sequence,
        "session_id": checkpoint.session.to_string(),
        "tags": checkpoint.tags,
        "trigger": trigger,
    })
}

fn expected(entry: &Value) -> Value {
    let mut expected = json!({ "trigger": entry["trigger_written"] });
    for key in ["id", "message", "sequence_number", "session_id", "tags"] {
        expected[key] = entry[key].clone();
    }
    expected
}

fn compare(export: &Export<'_>, listed: &[Value]) {
    let mut found: Vec<Value> = export.checkpoints.iter().map(shown).collect();
    found.sort_by_key(|checkpoint| checkpoint["sequence_number"].as_u64());
    assert_eq!(found, listed.iter().map(expected).collect::<Vec<_>>());
}

#[test]
fn every_checkpoint_of_an_export_of_all_sessions_is_as_listed() {
    let export = read(ALL).unwrap();
    assert_eq!(export.shape, Shape::All { global_sequence: 60 });
    assert_eq!(export.exported_at, 1_795_213_649_405_011_600);
    assert_eq!(export.checkpoints.len(), 60);
    compare(&export, &listed());
}

#[test]
fn every_checkpoint_of_an_exported_session_is_as_listed() {
    let export = read(SESSION).unwrap();
    let Shape::Session(session) = export.shape else { panic!("{:?}", export.shape) };
    let mut listed = listed();
    listed.retain(|entry| entry["session_id"] == session.to_string());
    assert_eq!(export.checkpoints.len(), 20);
    compare(&export, &listed);
}

#[test]
fn times_are_those_of_the_listing_to_the_nanosecond() {
    let export = read(ALL).unwrap();
    for entry in listed() {
        let id = entry["id"].as_str().unwrap();
        let found = export.checkpoints.iter().find(|checkpoint| checkpoint.id.to_string() == id).unwrap();
        let text = entry["timestamp"].as_str().unwrap();
        let (day, nanos) = text.split_once('T').unwrap();
        assert_eq!(day, "2026-11-20");
        let (clock, nanos) = nanos.trim_end_matches('Z').split_once('.').unwrap();
        let seconds = clock.split(':').fold(0, |sum, part| sum * 60 + part.parse::<i64>().unwrap());
        // 2026-11-20 is day 20777 since 1970.
        let expected =
            (20_777 * 86_400 + seconds) * 1_000_000_000 + format!("{nanos:0<9}").parse::<i64>().unwrap();
        assert_eq!(found.time, expected, "{text}");
    }
}

#[test]
fn every_checksum_fits_and_that_of_tagged_checkpoints_without_their_tags() {
    for bytes in [ALL, SESSION] {
        for checkpoint in read(bytes).unwrap().checkpoints {
            let expected = if checkpoint.tags.is_empty() { Checksum::Whole } else { Checksum::WithoutTags };
            assert_eq!(checkpoint.checksum, expected, "{}", checkpoint.id);
        }
    }
}
