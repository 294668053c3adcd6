use std::time::Duration;

use keepstone_format::{Metadata, tag};
use keepstone_storage::Durability;

use crate::{Error, entry::Mod, kind::SaveKind, options::Compression};

/// Bytes that the metadata of a head may have (FORMAT.md, section 2.7).
const HEAD_LEN_MAX: usize = 4096;

/// What stands in the head of a save and a payload has no say in.
pub(crate) const OURS: [u16; 8] = [
    tag::SAVE_ID,
    tag::SEQUENCE,
    tag::SLOT,
    tag::PLAYER,
    tag::SAVE_KIND,
    tag::REVISION,
    tag::ANCESTORS,
    tag::THUMBNAIL_LEN,
];

/// What happens to a slot that has saves of the kind already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overwrite {
    /// The new save is the one that is loaded; the older ones are backups, and the oldest goes once there are more than are kept.
    #[default]
    Rotate,
    /// The save is refused with [`Error::SlotTaken`](crate::Error::SlotTaken), so that a program can ask its player first.
    Refuse,
}

/// What a caller says about one save, beside its player, slot and payload. Everything has a default.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SaveRequest {
    /// Its kind; that of the slot in the layout unless chosen.
    pub kind: Option<SaveKind>,
    /// What has to be waited for.
    pub durability: Durability,
    /// What happens to a slot that is taken.
    pub overwrite: Overwrite,
    /// How it is compressed; as the options say unless chosen.
    pub compression: Option<Compression>,
    /// The name to display; that of the slot's latest save unless chosen.
    pub name: Option<String>,
    /// When it was made, in nanoseconds UTC since 1970, for display only; from the clock of the options unless chosen.
    pub created_at: Option<i64>,
    /// The tick of the simulation.
    pub tick: Option<u64>,
    /// The time played.
    pub play_time: Option<Duration>,
    /// Where in the game.
    pub place: Option<String>,
    /// The version of the game; that of the options unless chosen.
    pub game_version: Option<String>,
    /// Modifications of the game.
    pub mods: Vec<Mod>,
    /// Entries of the application's own: key and value.
    pub custom: Vec<(String, Vec<u8>)>,
    /// A picture: a PNG file.
    pub thumbnail: Option<Vec<u8>>,
    /// The hash of the state, which is compared after a load.
    pub state_hash: Option<u64>,
    /// How often it is tried again, with the same payload, when the system fails in a way that may pass; 0 unless chosen.
    pub retries: u32,
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $type:ty => $value:expr;)*) => {$(
        $(#[$doc])*
        pub fn $name(mut self, $name: $type) -> Self {
            self.$name = $value;
            self
        }
    )*};
}

impl SaveRequest {
    /// Starts with all defaults.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// Chooses the kind.
        kind: SaveKind => Some(kind);
        /// Chooses what has to be waited for.
        durability: Durability => durability;
        /// Chooses what happens to a slot that is taken.
        overwrite: Overwrite => overwrite;
        /// Chooses how it is compressed.
        compression: Compression => Some(compression);
        /// Names it.
        name: impl Into<String> => Some(name.into());
        /// Says when it was made, in nanoseconds UTC since 1970.
        created_at: i64 => Some(created_at);
        /// Says the tick of the simulation.
        tick: u64 => Some(tick);
        /// Says how long was played.
        play_time: Duration => Some(play_time);
        /// Says where in the game.
        place: impl Into<String> => Some(place.into());
        /// Says the version of the game.
        game_version: impl Into<String> => Some(game_version.into());
        /// Lists modifications of the game.
        mods: Vec<Mod> => mods;
        /// Gives a picture: a PNG file.
        thumbnail: impl Into<Vec<u8>> => Some(thumbnail.into());
        /// Says the hash of the state.
        state_hash: u64 => Some(state_hash);
        /// Says how often it is tried again.
        retries: u32 => retries;
    }

    /// Adds an entry of the application's own.
    pub fn custom(mut self, key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.custom.push((key.into(), value.into()));
        self
    }
}

/// Sees that a head is not longer than a container takes.
pub(crate) fn check_head(head: &Metadata) -> Result<(), Error> {
    let lens = head.tags().map(|(_, value)| 4 + value.len());
    let customs = head.customs().map(|(key, value)| 5 + key.len() + value.len());
    let needs: usize = lens.chain(customs).sum();
    if needs <= HEAD_LEN_MAX {
        return Ok(());
    }
    let what = "head of a save (name, place, modifications and custom entries together)";
    Err(Error::TooLong { what, needs: needs as u64, allowed: HEAD_LEN_MAX as u64 })
}
