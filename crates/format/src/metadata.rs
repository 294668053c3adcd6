use std::collections::BTreeMap;

use crate::Error;
use crate::wire::Input;

/// Tags of metadata entries.
pub mod tag {
    /// Display name, UTF-8 (head).
    pub const NAME: u16 = 0x0001;
    /// Creation time, i64 nanoseconds UTC since 1970 (head).
    pub const CREATED_AT: u16 = 0x0002;
    /// Application, UTF-8 (head).
    pub const APPLICATION: u16 = 0x0003;
    /// Application version, UTF-8 (head).
    pub const APPLICATION_VERSION: u16 = 0x0004;
    /// World version of the application, u32 (head).
    pub const WORLD_VERSION: u16 = 0x0005;
    /// Tick, u64 (head).
    pub const TICK: u16 = 0x0006;
    /// Position in a write-ahead log: its id, 16 bytes, and an LSN, u64 (head).
    pub const LOG_POSITION: u16 = 0x0007;
    /// Id of a save, 16 bytes (head).
    pub const SAVE_ID: u16 = 0x0020;
    /// Sequence number of a save, u64 (head).
    pub const SEQUENCE: u16 = 0x0021;
    /// Slot of a save, u8 (head).
    pub const SLOT: u16 = 0x0022;
    /// Player whose save it is, UTF-8 (head).
    pub const PLAYER: u16 = 0x0023;
    /// Kind of a save, u8 (head).
    pub const SAVE_KIND: u16 = 0x0024;
    /// Time played, u64 nanoseconds (head).
    pub const PLAY_TIME: u16 = 0x0025;
    /// Where in the game, UTF-8 (head).
    pub const PLACE: u16 = 0x0026;
    /// Modifications of the game: names and versions (head).
    pub const MODS: u16 = 0x0027;
    /// The saves that a save follows, 8 bytes each (head).
    pub const ANCESTORS: u16 = 0x0028;
    /// Type of the payload, UTF-8 (head).
    pub const PAYLOAD_TYPE: u16 = 0x0029;
    /// Version of that type, u32 (head).
    pub const PAYLOAD_VERSION: u16 = 0x002A;
    /// Hash of the state, u64 (head).
    pub const STATE_HASH: u16 = 0x002B;
    /// Length of the payload before any codec, u64 (head).
    pub const PAYLOAD_LEN: u16 = 0x002C;
    /// Codec that was asked for, u8 (head).
    pub const CODEC: u16 = 0x002D;
    /// Length of the thumbnail, u32 (head).
    pub const THUMBNAIL_LEN: u16 = 0x002E;
    /// Revision of a save, u32 (head).
    pub const REVISION: u16 = 0x002F;
    /// Whether a save is locked, u8 (head of a note).
    pub const LOCKED: u16 = 0x0030;
    /// What a player says about a save, UTF-8 (head of a note).
    pub const COMMENT: u16 = 0x0031;
    /// When a save was deleted, i64 nanoseconds UTC since 1970 (head of a note).
    pub const DELETED_AT: u16 = 0x0032;
    /// Number of an object of a checkpoint store, u64 (head).
    pub const OBJECT_NUMBER: u16 = 0x0040;
    /// What the writer of an object of a checkpoint store drew when it opened the store, 16 bytes (head).
    pub const OBJECT_WRITER: u16 = 0x0041;
    /// Entity count over all worlds, u64 (tail).
    pub const ENTITY_COUNT: u16 = 0x0081;
    /// Component value count over all worlds, u64 (tail).
    pub const VALUE_COUNT: u16 = 0x0082;
    /// Schema hash of world 0, 16 bytes (tail).
    pub const SCHEMA_HASH: u16 = 0x0083;
    /// An entry of the application's own: key and value (both).
    pub const CUSTOM: u16 = 0x0100;
}

/// A place in a write-ahead log: behind the record `lsn`, or at its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogPosition {
    /// The random number of the log.
    pub log_id: [u8; 16],
    /// The last record before it; 0 for none.
    pub lsn: u64,
}

/// What errors call the metadata behind the header.
pub(crate) const HEAD: &str = "head metadata";
/// What errors call the metadata in the footer.
pub(crate) const TAIL: &str = "tail metadata";

/// What a container says about itself beside its sections: entries of a tag and a value.
///
/// Entries with unknown tags are kept as they are. The head holds what is known before the body is
/// written, the tail what is known afterwards.
///
/// ```
/// use keepstone_format::Metadata;
///
/// let mut head = Metadata::new();
/// head.set_name("Before the bridge").set_tick(86_400).set_custom("difficulty", b"hard");
/// assert_eq!(head.name(), Some("Before the bridge"));
/// assert_eq!(head.custom("difficulty"), Some(&b"hard"[..]));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// By tag and key; the key is empty for all but custom entries. This is the order in the file.
    entries: BTreeMap<(u16, Vec<u8>), Vec<u8>>,
}

macro_rules! texts {
    ($($(#[$doc:meta])* $get:ident $set:ident $tag:ident;)*) => {$(
        $(#[$doc])*
        pub fn $get(&self) -> Option<&str> {
            self.get(tag::$tag).and_then(|bytes| std::str::from_utf8(bytes).ok())
        }

        #[doc = concat!("Sets [`Self::", stringify!($get), "`].")]
        pub fn $set(&mut self, text: &str) -> &mut Self {
            self.set(tag::$tag, text.as_bytes())
        }
    )*};
}

macro_rules! numbers {
    ($($(#[$doc:meta])* $get:ident $set:ident $tag:ident $int:ty;)*) => {$(
        $(#[$doc])*
        pub fn $get(&self) -> Option<$int> {
            self.get(tag::$tag).and_then(|bytes| bytes.try_into().ok()).map(<$int>::from_le_bytes)
        }

        #[doc = concat!("Sets [`Self::", stringify!($get), "`].")]
        pub fn $set(&mut self, number: $int) -> &mut Self {
            self.set(tag::$tag, &number.to_le_bytes())
        }
    )*};
}

impl Metadata {
    /// Starts without entries.
    pub fn new() -> Self {
        Self::default()
    }

    texts! {
        /// The name to display (head).
        name set_name NAME;
        /// The application that wrote the file (head).
        application set_application APPLICATION;
        /// The version of that application (head).
        application_version set_application_version APPLICATION_VERSION;
    }

    numbers! {
        /// The creation time in nanoseconds UTC since 1970 (head).
        created_at set_created_at CREATED_AT i64;
        /// The version that the application gives its worlds (head).
        world_version set_world_version WORLD_VERSION u32;
        /// The tick of the simulation (head).
        tick set_tick TICK u64;
        /// Entities of all worlds (tail).
        entity_count set_entity_count ENTITY_COUNT u64;
        /// Component values, the rows of all columns of all worlds (tail).
        value_count set_value_count VALUE_COUNT u64;
    }

    /// How much of which write-ahead log is in the container (head).
    pub fn log_position(&self) -> Option<LogPosition> {
        let (log_id, lsn) = self.get(tag::LOG_POSITION)?.split_first_chunk()?;
        Some(LogPosition { log_id: *log_id, lsn: u64::from_le_bytes(lsn.try_into().ok()?) })
    }

    /// Sets [`Self::log_position`].
    pub fn set_log_position(&mut self, position: LogPosition) -> &mut Self {
        let LogPosition { log_id, lsn } = position;
        self.set(tag::LOG_POSITION, &[&log_id[..], &lsn.to_le_bytes()].concat())
    }

    /// The hash of world 0's schema (tail).
    pub fn schema_hash(&self) -> Option<[u8; 16]> {
        self.get(tag::SCHEMA_HASH).and_then(|bytes| bytes.try_into().ok())
    }

    /// Sets [`Self::schema_hash`].
    pub fn set_schema_hash(&mut self, hash: [u8; 16]) -> &mut Self {
        self.set(tag::SCHEMA_HASH, &hash)
    }

    /// Returns the value of the custom entry `key`.
    pub fn custom(&self, key: &str) -> Option<&[u8]> {
        self.entries.get(&(tag::CUSTOM, key.as_bytes().to_vec())).map(Vec::as_slice)
    }

    /// Sets the custom entry `key`.
    pub fn set_custom(&mut self, key: &str, value: &[u8]) -> &mut Self {
        self.entries.insert((tag::CUSTOM, key.as_bytes().to_vec()), value.to_vec());
        self
    }

    /// Lists the custom entries in the order of their keys.
    pub fn customs(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let customs = self.entries.iter().filter(|((tag, _), _)| *tag == tag::CUSTOM);
        customs.filter_map(|((_, key), value)| Some((std::str::from_utf8(key).ok()?, value.as_slice())))
    }

    /// Returns the value of the entry `tag`, known or not; custom entries have [`Self::custom`].
    pub fn get(&self, tag: u16) -> Option<&[u8]> {
        self.entries.get(&(tag, Vec::new())).filter(|_| tag != tag::CUSTOM).map(Vec::as_slice)
    }

    /// Sets the entry `tag`. Whether the value fits the tag is checked when the metadata is written.
    /// [`tag::CUSTOM`] sets the entry with the empty key.
    pub fn set(&mut self, tag: u16, value: &[u8]) -> &mut Self {
        self.entries.insert((tag, Vec::new()), value.to_vec());
        self
    }

    /// Takes the entry `tag` out, if it is there.
    pub fn remove(&mut self, tag: u16) -> &mut Self {
        self.entries.remove(&(tag, Vec::new()));
        self
    }

    /// Lists all entries but the custom ones, in the order of their tags.
    pub fn tags(&self) -> impl Iterator<Item = (u16, &[u8])> {
        let tags = self.entries.iter().filter(|((tag, _), _)| *tag != tag::CUSTOM);
        tags.map(|((tag, _), value)| (*tag, value.as_slice()))
    }

    /// Returns whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Encodes the entries as they stand in a head, for those who keep heads elsewhere, as an index does.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a value that doesn't fit its tag, [`Error::Limit`] for one that is too long.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        self.encode(HEAD)
    }

    /// Decodes entries that [`Self::to_bytes`] encoded.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`] or [`Error::Invalid`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::decode(bytes, HEAD, 0)
    }

    pub(crate) fn encode(&self, what: &'static str) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        for ((tag, key), value) in &self.entries {
            if let Some(rule) = broken_rule(*tag, value) {
                return Err(Error::Invalid { what, rule, offset: out.len() as u64 });
            }
            let is_custom = *tag == tag::CUSTOM;
            let len = value.len() + if is_custom { 1 + key.len() } else { 0 };
            let Ok(len) = u16::try_from(len) else {
                let allowed = u16::MAX.into();
                return Err(Error::Limit { what: "bytes of a metadata entry", needs: len as u64, allowed });
            };
            out.extend_from_slice(&tag.to_le_bytes());
            out.extend_from_slice(&len.to_le_bytes());
            if is_custom {
                let Ok(key_len) = u8::try_from(key.len()) else {
                    let (needs, allowed) = (key.len() as u64, u8::MAX.into());
                    return Err(Error::Limit { what: "bytes of a metadata key", needs, allowed });
                };
                out.push(key_len);
                out.extend_from_slice(key);
            }
            out.extend_from_slice(value);
        }
        Ok(out)
    }

    /// Decodes the `bytes` of a block that stands at `offset` of its container.
    pub(crate) fn decode(bytes: &[u8], what: &'static str, offset: u64) -> Result<Self, Error> {
        let mut input = Input::at(what, bytes, offset);
        let mut entries = BTreeMap::new();
        while !input.is_empty() {
            let start = input.clone();
            let tag = input.u16()?;
            let len = input.u16()?;
            let mut value = Input::at(what, input.take(len.into())?, start.offset() + 4);
            let key = if tag == tag::CUSTOM { value.name()? } else { "" };
            let value = value.take_rest();
            if let Some(rule) = broken_rule(tag, value) {
                return Err(start.invalid(rule));
            }
            let entry = (tag, key.as_bytes().to_vec());
            if entries.last_key_value().is_some_and(|(last, _)| *last >= entry) {
                return Err(start.invalid("entries don't ascend"));
            }
            entries.insert(entry, value.to_vec());
        }
        Ok(Self { entries })
    }
}

/// Returns the rule that an entry breaks, if there is one.
fn broken_rule(tag: u16, value: &[u8]) -> Option<&'static str> {
    let fits = match tag {
        tag::NAME | tag::APPLICATION | tag::APPLICATION_VERSION | tag::PLACE | tag::COMMENT => {
            std::str::from_utf8(value).is_ok()
        }
        tag::PLAYER => matches!(value.len(), 1..=128) && std::str::from_utf8(value).is_ok(),
        tag::PAYLOAD_TYPE => matches!(value.len(), 1..=255) && std::str::from_utf8(value).is_ok(),
        tag::CREATED_AT
        | tag::TICK
        | tag::ENTITY_COUNT
        | tag::VALUE_COUNT
        | tag::SEQUENCE
        | tag::PLAY_TIME
        | tag::STATE_HASH
        | tag::PAYLOAD_LEN
        | tag::DELETED_AT
        | tag::OBJECT_NUMBER => value.len() == 8,
        tag::WORLD_VERSION | tag::PAYLOAD_VERSION | tag::THUMBNAIL_LEN => value.len() == 4,
        tag::REVISION => matches!(value, [_, _, 0, 0]),
        tag::SCHEMA_HASH | tag::OBJECT_WRITER => value.len() == 16,
        tag::SAVE_ID => value.len() == 16 && value != [0; 16],
        tag::SLOT | tag::CODEC => value.len() == 1,
        tag::SAVE_KIND => matches!(value, [1..=5]),
        tag::LOCKED => value == [1],
        tag::MODS => are_mods(value),
        tag::ANCESTORS => value.len().is_multiple_of(8) && value.len() <= 32 * 8,
        tag::LOG_POSITION => value.len() == 24,
        _ => true,
    };
    if fits { None } else { Some("an entry's value doesn't fit its tag") }
}

/// Whether a value is pairs of names, each behind its length.
fn are_mods(value: &[u8]) -> bool {
    let mut input = Input::at(HEAD, value, 0);
    while !input.is_empty() {
        if input.name().and_then(|_| input.name()).is_err() {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(tag: u16, value: &[u8]) -> Vec<u8> {
        let len = u16::try_from(value.len()).unwrap();
        [&tag.to_le_bytes()[..], &len.to_le_bytes(), value].concat()
    }

    #[test]
    fn every_entry_survives_and_unknown_ones_stay_verbatim() {
        let mut head = Metadata::new();
        head.set_name("n").set_created_at(-1).set_application("a").set_application_version("1.0");
        head.set_world_version(7)
            .set_tick(u64::MAX)
            .set_log_position(LogPosition { log_id: [9; 16], lsn: 5 })
            .set(0x7777, b"future")
            .set_custom("b", b"2")
            .set_custom("", b"");
        let bytes = head.encode(HEAD).unwrap();
        let read = Metadata::decode(&bytes, HEAD, 64).unwrap();
        assert_eq!(read, head);
        assert_eq!(read.customs().collect::<Vec<_>>(), [("", &b""[..]), ("b", b"2")]);
        assert_eq!(read.tags().last(), Some((0x7777, &b"future"[..])));
        assert_eq!(
            (read.created_at(), read.world_version(), read.tick()),
            (Some(-1), Some(7), Some(u64::MAX))
        );
        assert_eq!(read.log_position(), Some(LogPosition { log_id: [9; 16], lsn: 5 }));

        let mut tail = Metadata::new();
        tail.set_entity_count(1).set_value_count(2).set_schema_hash([3; 16]);
        let bytes = tail.encode(TAIL).unwrap();
        assert_eq!(Metadata::decode(&bytes, TAIL, 0).unwrap().schema_hash(), Some([3; 16]));
    }

    #[test]
    fn broken_entries_are_refused_in_both_directions() {
        for bytes in [
            [entry(3, b"a"), entry(1, b"n")].concat(),
            [entry(0x7777, b""), entry(0x7777, b"")].concat(),
            [entry(0x100, b"\x01ax"), entry(0x100, b"\x01ay")].concat(),
            entry(1, b"\xff"),
            entry(2, &[0; 7]),
            entry(0x81, &[0; 9]),
            entry(7, &[0; 16]),
            entry(0x100, b"\x01\xff"),
        ] {
            let error = Metadata::decode(&bytes, HEAD, 64).unwrap_err();
            assert!(matches!(error, Error::Invalid { offset: 64.., .. }), "{error}");
        }
        for bytes in [&b"\x01"[..], b"\x01\x00\x02\x00a", b"\x00\x01\x00\x00", b"\x00\x01\x01\x00\x02"] {
            let error = Metadata::decode(bytes, HEAD, 64).unwrap_err();
            assert!(matches!(error, Error::Truncated { .. }), "{error}");
        }
        let encode = |metadata: &Metadata| metadata.encode(HEAD).unwrap_err();
        assert!(matches!(encode(Metadata::new().set(tag::TICK, b"1")), Error::Invalid { .. }));
        assert!(matches!(
            encode(Metadata::new().set(9, &vec![0; 65_536])),
            Error::Limit { needs: 65_536, .. }
        ));
        let key = "k".repeat(256);
        assert!(matches!(
            encode(Metadata::new().set_custom(&key, b"")),
            Error::Limit { needs: 256, allowed: 255, .. }
        ));
    }
}
