use keepstone::format::{Metadata, tag};
use serde::Serialize;

use crate::text::{Shown, count, date, hex};

/// What the head of a save, or of a note, says beside what every head may say.
#[derive(Debug, Serialize)]
pub(super) struct SaveHead {
    save_id: String,
    #[serde(flatten)]
    save: Option<Save>,
    #[serde(flatten)]
    note: Option<Note>,
}

#[derive(Debug, Serialize)]
struct Save {
    sequence: u64,
    revision: u32,
    player: Option<String>,
    /// None: a profile.
    slot: Option<u8>,
    #[serde(rename = "save_kind")]
    kind: Option<String>,
    play_time_ns: Option<u64>,
    place: Option<String>,
    mods: Vec<Mod>,
    /// The first halves of the ids of the saves before it.
    ancestors: Vec<String>,
    payload_type: Option<String>,
    payload_version: Option<u32>,
    payload_len: Option<u64>,
    state_hash: Option<String>,
    codec_id: Option<u8>,
    thumbnail_len: Option<u32>,
}

#[derive(Debug, Serialize)]
struct Mod {
    name: String,
    version: String,
}

/// What changed about a save after it was written.
#[derive(Debug, Serialize)]
struct Note {
    locked: bool,
    comment: Option<String>,
    deleted_at_ns: Option<i64>,
    deleted_at: Option<String>,
}

/// The tags that stand here.
pub(crate) const TAGS: [u16; 19] = [
    tag::SAVE_ID,
    tag::SEQUENCE,
    tag::SLOT,
    tag::PLAYER,
    tag::SAVE_KIND,
    tag::PLAY_TIME,
    tag::PLACE,
    tag::MODS,
    tag::ANCESTORS,
    tag::PAYLOAD_TYPE,
    tag::PAYLOAD_VERSION,
    tag::STATE_HASH,
    tag::PAYLOAD_LEN,
    tag::CODEC,
    tag::THUMBNAIL_LEN,
    tag::REVISION,
    tag::LOCKED,
    tag::COMMENT,
    tag::DELETED_AT,
];

const KINDS: [&str; 5] = ["manual", "quick", "auto", "checkpoint", "profile"];

impl SaveHead {
    /// What a head says; none: it is neither that of a save nor of a note.
    pub(super) fn new(head: &Metadata) -> Option<Self> {
        let save_id = hex(head.get(tag::SAVE_ID)?);
        let is_save = head.get(tag::SEQUENCE).is_some();
        let save = is_save.then(|| Save::new(head));
        let note = (!is_save).then(|| Note::new(head));
        Some(Self { save_id, save, note })
    }

    /// What is set, for people.
    pub(super) fn lines(&self) -> Vec<(String, String)> {
        let mut lines = vec![("save".to_owned(), self.save_id.clone())];
        let mut line =
            |name: &str, value: Option<String>| lines.extend(value.map(|value| (name.to_owned(), value)));
        let shown = |text: &Option<String>| text.as_deref().map(|text| Shown(text).to_string());
        if let Some(save) = &self.save {
            line("player", shown(&save.player));
            line(
                "slot",
                Some(save.slot.map_or_else(|| "none, a profile".to_owned(), |slot| slot.to_string())),
            );
            line("save kind", save.kind.clone());
            line("number", Some(count(save.sequence)));
            line("revision", Some(save.revision).filter(|revision| *revision > 0).map(count));
            line("place", shown(&save.place));
            line("time played", save.play_time_ns.map(|nanos| format!("{} s", count(nanos / 1_000_000_000))));
            let mods = save.mods.iter().map(|each| format!("{} {}", Shown(&each.name), Shown(&each.version)));
            let mods: Vec<String> = mods.collect();
            line("mods", Some(mods.join(", ")).filter(|mods| !mods.is_empty()));
            let version = save.payload_version.unwrap_or_default();
            line("payload", shown(&save.payload_type).map(|name| format!("{name}, version {version}")));
            line("payload size", save.payload_len.map(|len| format!("{} bytes", count(len))));
            line("state hash", save.state_hash.clone());
            line("thumbnail", save.thumbnail_len.map(|len| format!("{} bytes", count(len))));
        }
        if let Some(note) = &self.note {
            line("locked", note.locked.then(|| "yes".to_owned()));
            line("comment", shown(&note.comment));
            line("deleted", note.deleted_at.clone());
        }
        lines
    }
}

impl Save {
    fn new(head: &Metadata) -> Self {
        let kind = number(head, tag::SAVE_KIND).map(u8::from_le_bytes);
        let name_of = |kind: u8| {
            KINDS
                .get(usize::from(kind).wrapping_sub(1))
                .map_or_else(|| kind.to_string(), |name| (*name).to_owned())
        };
        Self {
            sequence: number(head, tag::SEQUENCE).map_or(0, u64::from_le_bytes),
            revision: number(head, tag::REVISION).map_or(0, u32::from_le_bytes),
            player: text(head, tag::PLAYER),
            slot: number(head, tag::SLOT).map(u8::from_le_bytes),
            kind: kind.map(name_of),
            play_time_ns: number(head, tag::PLAY_TIME).map(u64::from_le_bytes),
            place: text(head, tag::PLACE),
            mods: head.get(tag::MODS).map(mods).unwrap_or_default(),
            ancestors: head.get(tag::ANCESTORS).unwrap_or_default().chunks(8).map(hex).collect(),
            payload_type: text(head, tag::PAYLOAD_TYPE),
            payload_version: number(head, tag::PAYLOAD_VERSION).map(u32::from_le_bytes),
            payload_len: number(head, tag::PAYLOAD_LEN).map(u64::from_le_bytes),
            state_hash: number(head, tag::STATE_HASH)
                .map(|hash| format!("{:016x}", u64::from_le_bytes(hash))),
            codec_id: number(head, tag::CODEC).map(u8::from_le_bytes),
            thumbnail_len: number(head, tag::THUMBNAIL_LEN).map(u32::from_le_bytes),
        }
    }
}

impl Note {
    fn new(head: &Metadata) -> Self {
        let deleted_at_ns = number(head, tag::DELETED_AT).map(i64::from_le_bytes);
        Self {
            locked: head.get(tag::LOCKED).is_some(),
            comment: text(head, tag::COMMENT),
            deleted_at_ns,
            deleted_at: deleted_at_ns.map(date),
        }
    }
}

fn text(head: &Metadata, tag: u16) -> Option<String> {
    head.get(tag).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

fn number<const N: usize>(head: &Metadata, tag: u16) -> Option<[u8; N]> {
    head.get(tag)?.try_into().ok()
}

/// Modifications, up to where their list breaks its rule.
fn mods(mut bytes: &[u8]) -> Vec<Mod> {
    let mut mods = Vec::new();
    while let Some((name, rest)) = short_text(bytes)
        && let Some((version, rest)) = short_text(rest)
    {
        mods.push(Mod { name, version });
        bytes = rest;
    }
    mods
}

fn short_text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (len, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked((*len).into())?;
    Some((str::from_utf8(text).ok()?.to_owned(), rest))
}
