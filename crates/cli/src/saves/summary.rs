use std::collections::{BTreeMap, BTreeSet};

use keepstone::slots::{EntryState, SaveEntry};
use serde::Serialize;

use crate::text::{Grid, Hex, Shown, cut, date, size, to_second};

/// What a list shows of a save.
#[derive(Debug, Serialize)]
pub(crate) struct Save {
    pub(crate) id: String,
    pub(crate) player: String,
    /// None: a profile.
    pub(crate) slot: Option<u8>,
    kind: Option<&'static str>,
    name: Option<String>,
    comment: Option<String>,
    sequence: u64,
    revision: u16,
    created_at_ns: Option<i64>,
    created_at: Option<String>,
    deleted_at: Option<String>,
    tick: Option<u64>,
    play_time_ns: Option<u64>,
    place: Option<String>,
    application: Option<String>,
    application_version: Option<String>,
    mods: Vec<Mod>,
    custom: BTreeMap<String, String>,
    thumbnail_len: Option<u32>,
    payload_type: Option<String>,
    payload_version: Option<u32>,
    payload_len: Option<u64>,
    state_hash: Option<String>,
    codec: Option<&'static str>,
    pub(crate) bytes: u64,
    pub(crate) file: String,
    state: &'static str,
    /// Why it is damaged, or can't be read.
    pub(crate) reason: Option<String>,
    locked: bool,
    note_damaged: bool,
}

#[derive(Debug, Serialize)]
struct Mod {
    name: String,
    version: String,
}

impl Save {
    pub(crate) fn new(entry: &SaveEntry) -> Self {
        let (state, reason) = match entry.state() {
            EntryState::Good => ("good", None),
            EntryState::Deleted => ("deleted", None),
            EntryState::SetAside => ("set aside", None),
            EntryState::Damaged { reason } => ("damaged", Some(reason.clone())),
            EntryState::Unreadable { reason } => ("unreadable", Some(reason.clone())),
            _ => ("unknown", None),
        };
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let schema = entry.schema();
        Self {
            id: entry.id().to_string(),
            player: entry.player().to_owned(),
            slot: entry.slot(),
            kind: entry.kind().map(keepstone::slots::SaveKind::name),
            name: owned(entry.name()),
            comment: owned(entry.comment()),
            sequence: entry.sequence(),
            revision: entry.revision(),
            created_at_ns: entry.created_at(),
            created_at: entry.created_at().map(date),
            deleted_at: entry.deleted_at().map(date),
            tick: entry.tick(),
            play_time_ns: entry.play_time().map(crate::text::nanos),
            place: owned(entry.place()),
            application: owned(entry.application()),
            application_version: owned(entry.game_version()),
            mods: entry
                .mods()
                .into_iter()
                .map(|each| Mod { name: each.name, version: each.version })
                .collect(),
            custom: entry.customs().into_iter().map(|(key, value)| (key, shown(value))).collect(),
            thumbnail_len: entry.thumbnail_len(),
            payload_type: schema.as_ref().map(|schema| schema.name.clone()),
            payload_version: schema.map(|schema| schema.version),
            payload_len: entry.payload_len(),
            state_hash: entry.state_hash().map(|hash| format!("{hash:016x}")),
            codec: entry.codec().map(keepstone::format::Codec::name),
            bytes: entry.bytes(),
            file: entry.file_name().to_owned(),
            state,
            reason,
            locked: entry.is_locked(),
            note_damaged: entry.is_note_damaged(),
        }
    }

    /// What stands in the columns of a table.
    fn cells(&self, is_backup: bool) -> [String; COLUMNS.len()] {
        let text = |text: &Option<String>| {
            text.as_deref().map(|text| Shown(&cut(text)).to_string()).unwrap_or_default()
        };
        [
            self.slot.map_or_else(|| "-".to_owned(), |slot| slot.to_string()),
            self.kind.unwrap_or("?").to_owned(),
            text(&self.name),
            self.created_at.as_deref().map(to_second).unwrap_or_default(),
            self.play_time_ns.map(played).unwrap_or_default(),
            text(&self.place),
            self.tick.map(crate::text::count).unwrap_or_default(),
            size(self.bytes),
            self.remarks(is_backup),
            self.id.clone(),
        ]
    }

    /// What is not as with every other save.
    fn remarks(&self, is_backup: bool) -> String {
        let mut remarks = Vec::new();
        if self.state != "good" {
            remarks.push(match &self.deleted_at {
                Some(at) => format!("{} {}", self.state, to_second(at)),
                None => self.state.to_owned(),
            });
        }
        if self.note_damaged {
            remarks.push("note damaged".to_owned());
        }
        if self.locked {
            remarks.push("locked".to_owned());
        }
        if is_backup {
            remarks.push("backup".to_owned());
        }
        if let Some(version) = self.payload_version {
            remarks.push(format!("version {version}"));
        }
        if self.revision > 0 {
            remarks.push("migrated".to_owned());
        }
        remarks.join(", ")
    }
}

/// A value of the application's own: text where it is UTF-8.
fn shown(value: Vec<u8>) -> String {
    String::from_utf8(value).unwrap_or_else(|error| format!("0x{}", Hex(error.as_bytes())))
}

/// The columns of a table of saves, and how each is aligned.
const COLUMNS: [(&str, char); 10] = [
    ("slot", '>'),
    ("kind", '<'),
    ("name", '<'),
    ("saved (UTC)", '<'),
    ("played", '>'),
    ("place", '<'),
    ("tick", '>'),
    ("size", '>'),
    ("state", '<'),
    ("id", '<'),
];

/// The saves of a player as a table, in their order, without the columns that are empty for all of them.
pub(crate) fn table(saves: &[Save]) -> Grid {
    let mut slots = BTreeSet::new();
    // Of a slot the newest that is good is loaded; others are its backups.
    let is_backup = |save: &Save| save.state == "good" && !slots.insert(save.slot);
    let is_backup: Vec<bool> = saves.iter().map(is_backup).collect();
    let lines = saves.iter().zip(is_backup).map(|(save, is_backup)| save.cells(is_backup)).collect();
    Grid::with_heads(&COLUMNS, lines)
}

/// Hours, minutes and seconds.
fn played(nanos: u64) -> String {
    let seconds = nanos / 1_000_000_000;
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_played_are_short_for_people() {
        assert_eq!(played(3_661_999_999_999), "1:01:01");
        assert_eq!(played(400 * 3600 * 1_000_000_000), "400:00:00");
    }
}
