use std::fmt;

/// What a container holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileKind(pub u16);

impl FileKind {
    /// One or more worlds.
    pub const WORLD: Self = Self(1);
    /// A save of a slot.
    pub const SAVE: Self = Self(2);
    /// A snapshot of a store.
    pub const SNAPSHOT: Self = Self(3);
    /// Exported checkpoints.
    pub const CHECKPOINT_EXPORT: Self = Self(4);
    /// What changed in a world since a base.
    pub const DELTA: Self = Self(5);
    /// Which save root a directory is.
    pub const SAVE_ROOT: Self = Self(6);
    /// What changed about a save after it was written.
    pub const NOTE: Self = Self(7);
    /// A cache of what the files of a directory say.
    pub const INDEX: Self = Self(8);
    /// States of checkpoints, one after the other.
    pub const CHECKPOINT_PACK: Self = Self(9);
    /// What a store of checkpoints consists of.
    pub const CHECKPOINT_MANIFEST: Self = Self(10);
    /// Commits of a store of checkpoints that has no log.
    pub const CHECKPOINT_COMMITS: Self = Self(11);

    /// Returns the registered name, if the kind has one.
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::WORLD => "world",
            Self::SAVE => "save",
            Self::SNAPSHOT => "snapshot",
            Self::CHECKPOINT_EXPORT => "checkpoint export",
            Self::DELTA => "delta",
            Self::SAVE_ROOT => "save root",
            Self::NOTE => "note",
            Self::INDEX => "index",
            Self::CHECKPOINT_PACK => "checkpoint pack",
            Self::CHECKPOINT_MANIFEST => "checkpoint manifest",
            Self::CHECKPOINT_COMMITS => "checkpoint commits",
            _ => return None,
        })
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "kind {}", self.0),
        }
    }
}

/// What a section holds.
///
/// Ids below 0x1000 are keepstone's; 0x1000 to 0x7FFFFFFF are free for applications. An application that
/// sets bit 31 makes its section *ancillary*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SectionId(pub u32);

impl SectionId {
    /// A payload of the application, whole.
    pub const BYTES: Self = Self(0x0001);
    /// A serde value, with its shape.
    pub const VALUE: Self = Self(0x0002);
    /// The components of a world.
    pub const SCHEMA: Self = Self(0x0010);
    /// The tables of a world.
    pub const TABLES: Self = Self(0x0011);
    /// The rows of a column.
    pub const VALUES: Self = Self(0x0012);
    /// The lengths of a column's rows.
    pub const LENGTHS: Self = Self(0x0013);
    /// The entities that a column refers to.
    pub const TARGETS: Self = Self(0x0014);
    /// The order of a relationship.
    pub const RANKS: Self = Self(0x0015);
    /// The ids that entities keep across sessions (draft).
    pub const PERSIST_IDS: Self = Self(0x0016);
    /// Ids by which another system knows the entities of a world.
    pub const FOREIGN_IDS: Self = Self(0x0017);
    /// What an index of saves holds.
    pub const INDEX: Self = Self(0x0020);
    /// A picture of a save: a PNG file.
    pub const THUMBNAIL: Self = Self(0x8000_0020);
    /// The name, layout and width of an array.
    pub const ARRAY_HEAD: Self = Self(0x0030);
    /// The values of an array.
    pub const ARRAY: Self = Self(0x0031);
    /// Which bytes of an array a repair has found lost.
    pub const ARRAY_LOST: Self = Self(0x0032);
    /// The states of checkpoints, as they are kept.
    pub const PACK: Self = Self(0x0040);
    /// What a manifest of checkpoints says of commits and packs.
    pub const MANIFEST: Self = Self(0x0041);
    /// The operations that make a catalog of checkpoints.
    pub const OPERATIONS: Self = Self(0x0042);
    /// Commits of a store of checkpoints.
    pub const COMMITS: Self = Self(0x0043);
    /// The place of a delta in its chain, and what is gone.
    pub const DELTA: Self = Self(0x0050);
    /// Which row each entity of a delta is.
    pub const ROWS: Self = Self(0x0051);
    /// A world of a converted aw-save file: the bytes of its ECS as they are.
    pub const AWSV_WORLD: Self = Self(0x0060);
    /// What a converted aw-save file is: the one section that makes a container such a file.
    pub const AWSV_SAVE: Self = Self(0x0061);
    /// The companions of a converted aw-save file.
    pub const AWSV_COMPANIONS: Self = Self(0x0062);
    /// The inventory of a converted aw-save file.
    pub const AWSV_INVENTORY: Self = Self(0x0063);
    /// The free-form entries of a converted aw-save file.
    pub const AWSV_META: Self = Self(0x0064);
    /// The metadata of a converted EdgeVec snapshot.
    pub const EVEC_METADATA: Self = Self(0x0065);
    /// The first id that is free for applications.
    pub const FIRST_FREE: Self = Self(0x1000);

    const ANCILLARY: u32 = 1 << 31;

    /// Returns whether a reader that doesn't know the section may skip it.
    pub fn is_ancillary(self) -> bool {
        self.0 & Self::ANCILLARY != 0
    }

    /// Returns whether the id is one of keepstone's, known to this build or not.
    pub fn is_reserved(self) -> bool {
        self.0 & !Self::ANCILLARY < Self::FIRST_FREE.0
    }

    /// Returns the registered name, if the id has one.
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::BYTES => "BYTES",
            Self::VALUE => "VALUE",
            Self::INDEX => "INDEX",
            Self::SCHEMA => "SCHEMA",
            Self::TABLES => "TABLES",
            Self::VALUES => "VALUES",
            Self::LENGTHS => "LENGTHS",
            Self::TARGETS => "TARGETS",
            Self::RANKS => "RANKS",
            Self::PERSIST_IDS => "PERSIST_IDS",
            Self::FOREIGN_IDS => "FOREIGN_IDS",
            Self::THUMBNAIL => "THUMBNAIL",
            Self::ARRAY_HEAD => "ARRAY_HEAD",
            Self::ARRAY => "ARRAY",
            Self::ARRAY_LOST => "ARRAY_LOST",
            Self::PACK => "PACK",
            Self::MANIFEST => "MANIFEST",
            Self::OPERATIONS => "OPERATIONS",
            Self::COMMITS => "COMMITS",
            Self::DELTA => "DELTA",
            Self::ROWS => "ROWS",
            Self::AWSV_WORLD => "AWSV_WORLD",
            Self::AWSV_SAVE => "AWSV_SAVE",
            Self::AWSV_COMPANIONS => "AWSV_COMPANIONS",
            Self::AWSV_INVENTORY => "AWSV_INVENTORY",
            Self::AWSV_META => "AWSV_META",
            Self::EVEC_METADATA => "EVEC_METADATA",
            _ => return None,
        })
    }
}

impl fmt::Display for SectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#06x}", self.0),
        }
    }
}
