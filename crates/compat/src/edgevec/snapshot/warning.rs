use std::fmt;

/// Something a snapshot should not have and that EdgeVec overlooks.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// The minor version is one of which nothing is known.
    Minor {
        /// The version.
        found: u8,
    },
    /// What was reserved before version 0.3 is not zero.
    Reserved {
        /// Where it stands.
        offset: u64,
        /// What it is.
        found: u32,
    },
    /// An offset leads into the header; it is taken for the end of it.
    OffsetInHeader {
        /// Where it stands.
        offset: u64,
        /// Where it leads.
        found: u64,
    },
    /// The header counts deleted nodes otherwise than they are; the nodes count.
    DeletedCount {
        /// What the header says.
        header: u32,
        /// How many nodes are deleted.
        nodes: u64,
    },
    /// Bitmap and nodes disagree about what is deleted; a row counts as deleted if one of them says so.
    DeletedRows {
        /// Rows that only the bitmap says are deleted.
        bitmap_only: u64,
        /// Rows that only a node says are deleted.
        graph_only: u64,
    },
    /// The bitmap ends before the last row, or there is none; rows behind its end are not deleted in it.
    BitmapShort {
        /// The bytes for all rows.
        needs: u64,
        /// The bytes that there are.
        found: u64,
    },
    /// Bits of the bitmap are set that belong to no row.
    BitmapBeyond {
        /// How many.
        count: u32,
    },
    /// The graph ends before the last node. EdgeVec may refuse such a file.
    GraphShort {
        /// The bytes of all nodes.
        needs: u64,
        /// The bytes that there are.
        found: u64,
    },
    /// Nodes have another id than their row, or neighbours that can't be decoded, overlap or lead to no row.
    GraphNodes {
        /// How many nodes.
        count: u64,
        /// The row of the first one.
        first: u32,
    },
    /// The reserved byte of the metadata's header is not zero.
    MetadataReserved {
        /// Where it stands.
        offset: u64,
        /// What it is.
        found: u8,
    },
    /// The version of the metadata is 0.
    MetadataVersion {
        /// Where it stands.
        offset: u64,
    },
    /// Keys come again for a vector that has them; the last value counts.
    MetadataRepeated {
        /// How many entries were replaced.
        count: u64,
    },
    /// Metadata belongs to ids that no vector has.
    MetadataIds {
        /// How many entries.
        count: u64,
        /// The first such id.
        first: u32,
    },
    /// Bytes stand behind the metadata's last entry.
    MetadataTrailing {
        /// Where they begin.
        offset: u64,
        /// How many.
        len: u64,
    },
    /// Bytes stand behind everything that the file holds.
    Trailing {
        /// Where they begin.
        offset: u64,
        /// How many.
        len: u64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Minor { found } => {
                write!(f, "the version is 0.{found}, which is newer than what is known; it is read as 0.4")
            }
            Self::Reserved { offset, found } => {
                write!(f, "the reserved field at byte {offset} is {found}, expected 0")
            }
            Self::OffsetInHeader { offset, found } => {
                write!(f, "the offset at byte {offset} is {found}, which is inside the header")
            }
            Self::DeletedCount { header, nodes } => {
                write!(f, "the header counts {header} deleted nodes, the graph has {nodes}")
            }
            Self::DeletedRows { bitmap_only, graph_only } => write!(
                f,
                "{bitmap_only} rows are deleted in the bitmap alone and {graph_only} in the graph alone; all of them count as deleted"
            ),
            Self::BitmapShort { needs, found } => write!(
                f,
                "the bitmap of deleted rows needs {needs} bytes and has {found}; the rows behind it are not deleted in it"
            ),
            Self::BitmapBeyond { count } => {
                write!(f, "the bitmap of deleted rows has {count} bits set behind the last row")
            }
            Self::GraphShort { needs, found } => {
                write!(f, "the nodes of the graph need {needs} bytes, there are {found}")
            }
            Self::GraphNodes { count, first } => {
                write!(f, "{count} nodes of the graph are broken, the first at row {first}")
            }
            Self::MetadataReserved { offset, found } => {
                write!(f, "the reserved byte of the metadata at byte {offset} is {found}, expected 0")
            }
            Self::MetadataVersion { offset } => {
                write!(f, "the version of the metadata at byte {offset} is 0, expected 1")
            }
            Self::MetadataRepeated { count } => {
                write!(f, "{count} metadata entries have the vector and key of a later one, which counts")
            }
            Self::MetadataIds { count, first } => {
                write!(f, "{count} metadata entries belong to no vector, the first to id {first}")
            }
            Self::MetadataTrailing { offset, len } => {
                write!(f, "{len} bytes behind the last metadata entry, from byte {offset} on, are ignored")
            }
            Self::Trailing { offset, len } => {
                write!(f, "{len} bytes behind the end, from byte {offset} on, are ignored")
            }
        }
    }
}
