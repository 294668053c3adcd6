mod build;
mod facts;
mod mods;
mod shared;
mod state;

use std::{fmt, sync::Arc, time::Duration};

use keepstone_format::{Codec, Metadata, tag};

pub(crate) use build::Indexed;
pub use mods::Mod;
pub(crate) use shared::Span;
pub use state::EntryState;

use crate::{
    id::SaveId,
    kind::SaveKind,
    options::Schema,
    player::Player,
    stem::{Name, Stem},
};
use facts::find;

/// What a list shows of a save: what its head says, and what has changed about it since. Cloning it copies nothing.
#[derive(Clone)]
pub struct SaveEntry(Arc<Inner>);

struct Inner {
    /// Bytes that many entries may share.
    buffer: Arc<Vec<u8>>,
    file_name: Span,
    /// Head metadata; empty if the head can't be used.
    head: Span,
    /// Head metadata of the note.
    note: Span,
    note_number: Option<u16>,
    /// Whether there is a note that can't be read.
    note_is_damaged: bool,
    is_locked: bool,
    stem: Stem,
    kind: Option<SaveKind>,
    bytes: u64,
    standing: Standing,
}

/// What is behind [`EntryState`], short for the many that are good.
#[derive(Clone)]
enum Standing {
    Good,
    Deleted,
    SetAside,
    /// Without a head: why, and whose directory it stands in.
    Unusable(Box<(EntryState, Option<Player>)>),
}

/// Whether it can be used.
impl SaveEntry {
    /// Whether it is an ordinary save, as far as its head tells.
    pub fn state(&self) -> &EntryState {
        match &self.0.standing {
            Standing::Good => &EntryState::Good,
            Standing::Deleted => &EntryState::Deleted,
            Standing::SetAside => &EntryState::SetAside,
            Standing::Unusable(unusable) => &unusable.0,
        }
    }

    /// Whether its state is [`EntryState::Good`].
    pub fn is_good(&self) -> bool {
        matches!(self.0.standing, Standing::Good)
    }

    /// Whether its state is [`EntryState::Deleted`].
    pub fn is_deleted(&self) -> bool {
        matches!(self.0.standing, Standing::Deleted)
    }

    /// Whether its state is [`EntryState::SetAside`].
    pub fn is_set_aside(&self) -> bool {
        matches!(self.0.standing, Standing::SetAside)
    }

    /// Whether it is neither rotated out nor deleted. A save whose note can't be read is taken for a locked one.
    pub fn is_locked(&self) -> bool {
        self.0.is_locked
    }

    /// Whether what has changed about it since it was written can't be read: its name and comment, and whether it is locked.
    pub fn is_note_damaged(&self) -> bool {
        self.0.note_is_damaged
    }
}

/// What its name says, which is known of damaged saves too.
impl SaveEntry {
    /// Its identity.
    pub fn id(&self) -> SaveId {
        self.0.stem.id
    }

    /// Its number: the later save of a player has the higher one.
    pub fn sequence(&self) -> u64 {
        self.0.stem.sequence
    }

    /// How often it was written anew by a migration.
    pub fn revision(&self) -> u16 {
        self.0.stem.revision
    }

    /// Its slot; none: it is a profile.
    pub fn slot(&self) -> Option<u8> {
        self.0.stem.slot
    }

    /// The name of its file, in the directory of the player.
    pub fn file_name(&self) -> &str {
        text(self.0.file_name.of(&self.0.buffer))
    }

    /// Whether its file is that of a deleted save, which may be damaged as well.
    pub(crate) fn has_name_of_deleted(&self) -> bool {
        matches!(Name::of_bytes(self.0.file_name.of(&self.0.buffer)), Name::Deleted(_))
    }

    pub(crate) fn stem(&self) -> Stem {
        self.0.stem
    }

    /// The number of its note.
    pub(crate) fn note_number(&self) -> Option<u16> {
        self.0.note_number
    }
}

/// What its head says. Nothing of this is known of a save whose head is damaged.
impl SaveEntry {
    /// Why it was made.
    pub fn kind(&self) -> Option<SaveKind> {
        self.0.kind
    }

    /// Whose save it is.
    pub fn player(&self) -> &str {
        match &self.0.standing {
            Standing::Unusable(unusable) => unusable.1.as_ref().map_or("", Player::as_str),
            _ => self.head_text(tag::PLAYER).unwrap_or_default(),
        }
    }

    /// The name to display: what it was renamed to, else what it was saved with.
    pub fn name(&self) -> Option<&str> {
        self.note_value(tag::NAME).map(text).or_else(|| self.head_text(tag::NAME))
    }

    /// What the player says about it.
    pub fn comment(&self) -> Option<&str> {
        self.note_value(tag::COMMENT).map(text)
    }

    /// When it was made, in nanoseconds UTC since 1970.
    pub fn created_at(&self) -> Option<i64> {
        self.head_array(tag::CREATED_AT).map(i64::from_le_bytes)
    }

    /// When it was deleted, in nanoseconds UTC since 1970.
    pub fn deleted_at(&self) -> Option<i64> {
        self.note_value(tag::DELETED_AT).and_then(|at| at.try_into().ok()).map(i64::from_le_bytes)
    }

    /// The tick of the simulation.
    pub fn tick(&self) -> Option<u64> {
        self.head_array(tag::TICK).map(u64::from_le_bytes)
    }

    /// The time played.
    pub fn play_time(&self) -> Option<Duration> {
        self.head_array(tag::PLAY_TIME).map(u64::from_le_bytes).map(Duration::from_nanos)
    }

    /// Where in the game.
    pub fn place(&self) -> Option<&str> {
        self.head_text(tag::PLACE)
    }

    /// The program that made it.
    pub fn application(&self) -> Option<&str> {
        self.head_text(tag::APPLICATION)
    }

    /// The version of that program.
    pub fn game_version(&self) -> Option<&str> {
        self.head_text(tag::APPLICATION_VERSION)
    }

    /// Modifications of the game.
    pub fn mods(&self) -> Vec<Mod> {
        self.head_value(tag::MODS).map(Mod::decode_all).unwrap_or_default()
    }

    /// The value of the application's own entry `key`.
    pub fn custom(&self, key: &str) -> Option<Vec<u8>> {
        self.head().custom(key).map(<[u8]>::to_vec)
    }

    /// The application's own entries, in the order of their keys.
    pub fn customs(&self) -> Vec<(String, Vec<u8>)> {
        self.head().customs().map(|(key, value)| (key.to_owned(), value.to_vec())).collect()
    }

    /// Bytes of its thumbnail; none: it has none.
    pub fn thumbnail_len(&self) -> Option<u32> {
        self.head_array(tag::THUMBNAIL_LEN).map(u32::from_le_bytes)
    }

    /// The type and version of its payload, if it was saved with them.
    pub fn schema(&self) -> Option<Schema> {
        let name = self.head_text(tag::PAYLOAD_TYPE)?.to_owned();
        let version = self.head_array(tag::PAYLOAD_VERSION).map_or(0, u32::from_le_bytes);
        Some(Schema { name, version })
    }

    /// The hash of the state that was saved.
    pub fn state_hash(&self) -> Option<u64> {
        self.head_array(tag::STATE_HASH).map(u64::from_le_bytes)
    }

    /// Bytes of its payload, before it was compressed.
    pub fn payload_len(&self) -> Option<u64> {
        self.head_array(tag::PAYLOAD_LEN).map(u64::from_le_bytes)
    }

    /// How it was to be compressed; none as well if this build doesn't know the codec.
    pub fn codec(&self) -> Option<Codec> {
        let id = self.head_array(tag::CODEC).map(u8::from_le_bytes);
        [Codec::None, Codec::Lz4, Codec::Zstd].into_iter().find(|codec| Some(codec.id()) == id)
    }

    /// Bytes that it takes, without what its file has beyond it.
    pub fn bytes(&self) -> u64 {
        self.0.bytes
    }

    /// The first halves of the ids of the saves that it follows: that of the save that was the latest of the slot when it was made, of the latest before that, and so on.
    pub fn ancestors(&self) -> Vec<[u8; 8]> {
        self.head_value(tag::ANCESTORS).unwrap_or_default().as_chunks().0.to_vec()
    }

    /// All that its head says.
    pub fn head(&self) -> Metadata {
        // It was encoded from metadata, in this process or by who wrote the index.
        Metadata::from_bytes(self.0.head.of(&self.0.buffer)).unwrap_or_default()
    }

    fn head_value(&self, tag: u16) -> Option<&[u8]> {
        find(self.0.head.of(&self.0.buffer), tag)
    }

    fn head_text(&self, tag: u16) -> Option<&str> {
        self.head_value(tag).map(text)
    }

    fn head_array<const N: usize>(&self, tag: u16) -> Option<[u8; N]> {
        self.head_value(tag).and_then(|value| value.try_into().ok())
    }

    fn note_value(&self, tag: u16) -> Option<&[u8]> {
        find(self.0.note.of(&self.0.buffer), tag)
    }
}

impl fmt::Debug for SaveEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaveEntry")
            .field("file_name", &self.file_name())
            .field("kind", &self.kind())
            .field("name", &self.name())
            .field("bytes", &self.bytes())
            .field("is_locked", &self.is_locked())
            .field("note_number", &self.note_number())
            .field("state", self.state())
            .finish_non_exhaustive()
    }
}

/// Text that was checked where it came in.
fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests;
