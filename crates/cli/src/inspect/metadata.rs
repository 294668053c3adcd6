use std::collections::BTreeMap;

use keepstone::{
    WorldMeta,
    format::{Metadata, tag},
};
use serde::Serialize;

use super::save_head::{self, SaveHead};
use crate::text::{Shown, count, date, hex};

/// What stood in a file before its body was written.
#[derive(Debug, Serialize)]
pub(super) struct HeadMetadata {
    name: Option<String>,
    created_at_ns: Option<i64>,
    created_at: Option<String>,
    application: Option<String>,
    application_version: Option<String>,
    world_version: Option<u32>,
    tick: Option<u64>,
    log_position: Option<LogPosition>,
    /// Of a save in a slot, or a note about one.
    #[serde(flatten)]
    save: Option<SaveHead>,
    custom: BTreeMap<String, Value>,
    unknown_tags: BTreeMap<String, String>,
}

/// How much of which write-ahead log is in a file.
#[derive(Debug, Serialize)]
struct LogPosition {
    log_id: String,
    lsn: u64,
}

/// What was known when the body was written.
#[derive(Debug, Serialize)]
pub(super) struct TailMetadata {
    entities: Option<u64>,
    values: Option<u64>,
    schema_hash: Option<String>,
    custom: BTreeMap<String, Value>,
    unknown_tags: BTreeMap<String, String>,
}

/// A value of the application's own: text where it is UTF-8.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Bytes { hex: String },
}

impl Value {
    fn new(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Bytes { hex: hex(bytes) },
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Text(text) => Shown(text).to_string(),
            Self::Bytes { hex } => format!("0x{hex}"),
        }
    }
}

const HEAD_TAGS: [u16; 7] = [
    tag::NAME,
    tag::CREATED_AT,
    tag::APPLICATION,
    tag::APPLICATION_VERSION,
    tag::WORLD_VERSION,
    tag::TICK,
    tag::LOG_POSITION,
];
const TAIL_TAGS: [u16; 3] = [tag::ENTITY_COUNT, tag::VALUE_COUNT, tag::SCHEMA_HASH];

impl HeadMetadata {
    pub(super) fn new(head: &Metadata) -> Self {
        let meta = WorldMeta::from_metadata(head);
        let of_save = if head.get(tag::SAVE_ID).is_some() { save_head::TAGS.as_slice() } else { &[] };
        let known = [&HEAD_TAGS, of_save].concat();
        Self {
            created_at: meta.created_at_ns.map(date),
            created_at_ns: meta.created_at_ns,
            name: meta.name,
            application: meta.application,
            application_version: meta.application_version,
            world_version: meta.world_version,
            tick: meta.tick,
            log_position: head
                .log_position()
                .map(|position| LogPosition { log_id: hex(&position.log_id), lsn: position.lsn }),
            save: SaveHead::new(head),
            custom: customs(head),
            unknown_tags: unknown_tags(head, &known),
        }
    }

    /// What is set, for people.
    pub(super) fn lines(&self) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        let mut line =
            |name: &str, value: Option<String>| lines.extend(value.map(|value| (name.to_owned(), value)));
        line("name", self.name.as_deref().map(|text| Shown(text).to_string()));
        line("created", self.created_at.clone());
        let application = self.application.as_deref().unwrap_or_default();
        let version = self.application_version.as_deref().unwrap_or_default();
        let program = format!("{} {}", Shown(application), Shown(version)).trim().to_owned();
        line("application", Some(program).filter(|program| !program.is_empty()));
        line("world version", self.world_version.map(count));
        line("tick", self.tick.map(count));
        let position = self.log_position.as_ref();
        line("log", position.map(|at| format!("up to record {} of log {}", count(at.lsn), at.log_id)));
        lines.extend(self.save.iter().flat_map(SaveHead::lines));
        lines.extend(rest(&self.custom, &self.unknown_tags));
        lines
    }
}

impl TailMetadata {
    pub(super) fn new(tail: &Metadata) -> Self {
        Self {
            entities: tail.entity_count(),
            values: tail.value_count(),
            schema_hash: tail.schema_hash().map(|hash| hex(&hash)),
            custom: customs(tail),
            unknown_tags: unknown_tags(tail, &TAIL_TAGS),
        }
    }

    /// What is set, for people.
    pub(super) fn lines(&self) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        let mut line =
            |name: &str, value: Option<String>| lines.extend(value.map(|value| (name.to_owned(), value)));
        line("entities", self.entities.map(count));
        line("values", self.values.map(count));
        line("schema", self.schema_hash.as_ref().map(|hash| format!("{hash} (BLAKE3-128)")));
        lines.extend(rest(&self.custom, &self.unknown_tags));
        lines
    }
}

fn customs(metadata: &Metadata) -> BTreeMap<String, Value> {
    metadata.customs().map(|(key, value)| (key.to_owned(), Value::new(value))).collect()
}

fn unknown_tags(metadata: &Metadata, known: &[u16]) -> BTreeMap<String, String> {
    let unknown = metadata.tags().filter(|(tag, _)| *tag != tag::CUSTOM && !known.contains(tag));
    unknown.map(|(tag, value)| (format!("{tag:#06x}"), hex(value))).collect()
}

fn rest(custom: &BTreeMap<String, Value>, unknown: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let custom = custom.iter().map(|(key, value)| (Shown(key).to_string(), value.shown()));
    let unknown = unknown.iter().map(|(tag, value)| (format!("tag {tag}"), format!("0x{value}")));
    custom.chain(unknown).collect()
}
