use std::collections::TryReserveError;
use std::str::Utf8Error;

use keepstone_format::{FileKind, FirstBytes, Kind};

use crate::awsv::Part;
use crate::pecs;

/// Why a foreign file was not read or written.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes do not begin as files of this format do.
    #[error("not {} {format} file: it begins with {found}", article(format))]
    NotThisFormat {
        /// The format that was asked for.
        format: &'static str,
        /// How the file begins instead.
        found: FirstBytes,
    },
    /// The file is of a version that this build does not read.
    #[error(
        "{format} version is {found}, this build reads {}{}",
        span(*oldest, *newest),
        if found > newest { "; update the program" } else { "" }
    )]
    Version {
        /// The format of the file.
        format: &'static str,
        /// The version in the file.
        found: u32,
        /// The oldest version that is read.
        oldest: u32,
        /// The newest version that is read.
        newest: u32,
    },
    /// The file ends before what it announces.
    #[error("{part} needs {needs} bytes, the file has {found}; it is truncated")]
    Truncated {
        /// What is cut off.
        part: &'static str,
        /// The file length at which the part would be complete.
        needs: u64,
        /// The file length.
        found: u64,
    },
    /// The stored checksum is not that of the bytes.
    #[error("data at byte {offset}: checksum is {found:08x}, expected {expected:08x}")]
    Checksum {
        /// Where the checksummed bytes begin in the file.
        offset: u64,
        /// The checksum stored in the file.
        expected: u32,
        /// The checksum of the bytes.
        found: u32,
    },
    /// The stored checksum of a whole file is not that of its bytes.
    #[error("bytes 0 to {end}: checksum is {found:016x}, expected {expected:016x}; the file is damaged")]
    Checksum64 {
        /// Where the checksummed bytes end in the file and the checksum stands.
        end: u64,
        /// The checksum stored in the file.
        expected: u64,
        /// The checksum of the bytes.
        found: u64,
    },
    /// The file announces more than the bytes behind have room for.
    #[error("{what} at byte {offset} is {count}, room is for {room}; the file is truncated or damaged")]
    Announced {
        /// What is counted.
        what: &'static str,
        /// Where the count stands in the file.
        offset: u64,
        /// The announced count or length.
        count: u64,
        /// The most that fits.
        room: u64,
    },
    /// The name of a component type is no text.
    #[error("type name at byte {offset} is not UTF-8")]
    TypeName {
        /// Where the name begins in the file.
        offset: u64,
        /// Where in the name it goes wrong.
        source: Utf8Error,
    },
    /// Two entities have the same stable id, and the caller wants none of that.
    #[error(
        "entities {first} and {second} have the stable id {id}; \
         read the file with DuplicateIds::Keep to have both"
    )]
    DuplicateId {
        /// The id.
        id: pecs::Id,
        /// The place in the file of the first entity that has it.
        first: u32,
        /// The place of the next.
        second: u32,
    },
    /// An entity has a component type twice, and the caller wants none of that.
    #[error(
        "entity {entity} has component type {type_id} again at byte {offset}; \
         read the file without strict to keep the first"
    )]
    RepeatedComponent {
        /// The stable id of the entity.
        entity: pecs::Id,
        /// The id of the type.
        type_id: pecs::Id,
        /// Where the repetition begins in the file.
        offset: u64,
    },
    /// The codec byte has no known meaning.
    #[error("codec {found} is unknown; update the program")]
    UnknownCodec {
        /// The codec byte.
        found: u8,
    },
    /// The codec is known and was left out of this build.
    #[error("the file needs the codec {codec}; build keepstone-compat with feature \"{feature}\"")]
    CodecNotBuilt {
        /// The codec of the file.
        codec: &'static str,
        /// The Cargo feature that brings it.
        feature: &'static str,
    },
    /// The file needs more than the caller's [`Limits`](keepstone_format::Limits) allow.
    #[error("the file needs {needs} {what}, {allowed} are allowed; raise the limit if you trust it")]
    Limit {
        /// What is counted.
        what: &'static str,
        /// What the file announces.
        needs: u64,
        /// The limit.
        allowed: u64,
    },
    /// What the limits allow is more than the machine has.
    #[error("{needs} bytes of memory cannot be had; lower the limits or free memory")]
    OutOfMemory {
        /// The bytes asked for.
        needs: u64,
        /// What the allocator answered.
        source: TryReserveError,
    },
    /// The announced size is more than compressed data of this length can hold.
    #[error("size prefix at byte {offset} is {declared}, the data can hold at most {possible}")]
    SizePrefix {
        /// Where the prefix is in the file.
        offset: u64,
        /// The announced size.
        declared: u64,
        /// The most that the compressed bytes can decode to.
        possible: u64,
    },
    /// The data is too short to hold the size that stands before compressed bytes.
    #[error("size prefix at byte {offset} needs 4 bytes, the data has {found}")]
    SizePrefixMissing {
        /// Where the prefix would be in the file.
        offset: u64,
        /// The length of the data.
        found: u64,
    },
    /// The compressed bytes are no valid LZ4 block of the announced size.
    #[cfg(feature = "lz4")]
    #[error("LZ4 block at byte {offset} cannot be decoded")]
    Lz4 {
        /// Where the block begins in the file.
        offset: u64,
        /// What the decoder found.
        source: lz4_flex::block::DecompressError,
    },
    /// A field of the decoded body is not valid postcard.
    #[error("field {field} at byte {offset} of the decoded body cannot be decoded")]
    Body {
        /// The field, as a path such as `companions[2].name`.
        field: String,
        /// Where the field begins in the decoded body.
        offset: u64,
        /// What the decoder found.
        source: postcard::Error,
    },
    /// A list or map of the decoded body announces more elements than bytes are left for.
    #[error("field {field} at byte {offset} of the decoded body counts {count}, room is for {room}")]
    Count {
        /// The field, as a path such as `inventory.items`.
        field: String,
        /// Where the field begins in the decoded body.
        offset: u64,
        /// The announced count.
        count: u64,
        /// How many of the smallest elements the remaining bytes could hold.
        room: u64,
    },
    /// A field of the decoded body has a value that it cannot have.
    #[error("field {field} at byte {offset} of the decoded body is {found}, expected {expected}")]
    Value {
        /// The field, as a path such as `created_at.hour`.
        field: String,
        /// Where the field begins in the decoded body.
        offset: u64,
        /// The value.
        found: i64,
        /// The values that are valid.
        expected: &'static str,
    },
    /// The header has flags that are not read: the file holds something else than it seems to.
    #[error("flags at byte {offset}: {unknown:#06x} is not read; {}", flags_remedy(*offset, *unknown))]
    Flags {
        /// Where the flags stand in the file.
        offset: u64,
        /// Those that are not read.
        unknown: u16,
    },
    /// An offset leads to where its part can't be.
    #[error("{what} at byte {offset} is {found}, expected {}; the file is damaged", between(*least, *most))]
    Offset {
        /// Which offset.
        what: &'static str,
        /// Where it stands in the file.
        offset: u64,
        /// Where it leads.
        found: u64,
        /// The least that it can be.
        least: u64,
        /// The most that it can be.
        most: u64,
    },
    /// A number says how something is stored, and has no known meaning.
    #[error("{what} at byte {offset} is {found}, expected {expected}")]
    Unknown {
        /// What the number says.
        what: &'static str,
        /// Where it stands in the file.
        offset: u64,
        /// The number.
        found: u64,
        /// The numbers that have a meaning.
        expected: &'static str,
    },
    /// A value of the metadata is not valid postcard.
    #[error("{what} at byte {offset} cannot be decoded")]
    Postcard {
        /// Which value.
        what: &'static str,
        /// Where it begins in the file.
        offset: u64,
        /// What the decoder found.
        source: postcard::Error,
    },
    /// Metadata in JSON are not what EdgeVec writes.
    #[error("the JSON of the metadata at byte {offset} cannot be read")]
    MetadataJson {
        /// Where it begins in the file.
        offset: u64,
        /// What is wrong, and where in the JSON.
        source: serde_json::Error,
    },
    /// The section of a converted snapshot's metadata is not a shape and a row.
    #[error("section EVEC_METADATA")]
    MetadataSection {
        /// What the section breaks.
        source: keepstone_format::Error,
    },
    /// The metadata of a converted snapshot are not what they have to be, or can't be written.
    #[error("section EVEC_METADATA")]
    MetadataRow {
        /// What is wrong with the shape or the row.
        source: keepstone_value::Error,
    },
    /// A file of the format has no place for something, so it isn't written.
    #[error("files of {format} have no place for {what}; {remedy}")]
    CantHold {
        /// The format that was to be written.
        format: &'static str,
        /// What.
        what: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A reference leads to an id that names no single entity.
    #[error(
        "component {component}: a reference leads to the stable id {id}, which several entities have, or which means nothing; \
         give each an id of its own"
    )]
    Ambiguous {
        /// Name of the component.
        component: String,
        /// The id.
        id: pecs::Id,
    },
    /// The components of a file are not what its schema, or that of the caller, says.
    #[error(
        "component {component}: the file has {found}, by the schema it is {expected}; the file is damaged, or the schema \
         is that of another"
    )]
    Component {
        /// Name of the component.
        component: String,
        /// What the file has.
        found: String,
        /// What the schema says.
        expected: String,
    },
    /// The block behind a file of PECS is not whole.
    #[error("extended metadata at byte {offset}: {problem}; the file is damaged")]
    Extended {
        /// Where the block begins in the file.
        offset: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// A file of PECS has to be decoded first.
    #[error("the file is coded with {codec}; decode it with pecs::decoded, or read it with PecsRows")]
    StillCoded {
        /// The codec.
        codec: &'static str,
    },
    /// Coded content doesn't decode to what is announced.
    #[error("{codec} data at byte {offset} don't decode to {declared} bytes; the file is damaged")]
    Coded {
        /// The codec.
        codec: &'static str,
        /// Where the data begin in the file.
        offset: u64,
        /// The announced length.
        declared: u64,
    },
    /// The library of a codec fails, which only lack of memory makes it do.
    #[error("{codec} failed; free memory")]
    Coding {
        /// The codec.
        codec: &'static str,
    },
    /// A world breaks a rule.
    #[error(transparent)]
    World(Box<keepstone_ecs_persist::Error>),
    /// A container can't be read or written.
    #[error(transparent)]
    Container(#[from] keepstone_format::Error),
    /// A container is not a save that was converted.
    #[error("the container of kind {kind} holds no save of aw-save")]
    NotConverted {
        /// The kind of the container.
        kind: FileKind,
    },
    /// The index of a directory of saves is no JSON array.
    #[error("index.json cannot be read; leave it out, the saves themselves count")]
    IndexJson {
        /// What is wrong, and where in the JSON.
        source: serde_json::Error,
    },
    /// An export of forge is no JSON, or lacks a member.
    #[error("the export of forge cannot be read")]
    ForgeJson {
        /// What is wrong, and where in the JSON.
        source: serde_json::Error,
    },
    /// JSON is neither of the exports that forge writes.
    #[error("not an export of forge: that has version and session_id, or global_sequence without them")]
    ForgeShape,
    /// An export of forge is of a version that this build does not read.
    #[error("version of the export of forge is {found:?}, this build reads \"1.0\"; update the program")]
    ForgeVersion {
        /// The version in the file, or its beginning.
        found: String,
    },
    /// A member of an export of forge is not what it has to be.
    #[error("the export of forge: {field} is not {expected}")]
    ForgeField {
        /// The member, as a path such as `checkpoints[2].timestamp`.
        field: String,
        /// What it has to be.
        expected: &'static str,
    },
    /// A part of a converted save is not in its container.
    #[error("section {part} is missing: it was lost in a repair; load another copy")]
    PartMissing {
        /// The part.
        part: Part,
    },
    /// A section of a converted save is not a shape and a row.
    #[error("section {part}")]
    Layout {
        /// The part.
        part: Part,
        /// What the section breaks.
        source: keepstone_format::Error,
    },
    /// A part of a converted save is not what it has to be, or can't be written.
    #[error("section {part}")]
    Part {
        /// The part.
        part: Part,
        /// What is wrong with its shape or its row.
        source: keepstone_value::Error,
    },
}

impl From<keepstone_ecs_persist::Error> for Error {
    fn from(source: keepstone_ecs_persist::Error) -> Self {
        Self::World(Box::new(source))
    }
}

impl Error {
    /// Answers what the caller should do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Version { found, newest, .. } if found > newest => Kind::Newer,
            Self::UnknownCodec { .. } | Self::Flags { .. } | Self::ForgeVersion { .. } => Kind::Newer,
            Self::Limit { .. } | Self::OutOfMemory { .. } | Self::Coding { .. } => Kind::Limit,
            Self::CodecNotBuilt { .. } | Self::CantHold { .. } | Self::StillCoded { .. } => Kind::Misuse,
            Self::World(source) => source.kind(),
            Self::NotConverted { .. } => Kind::NotFound,
            Self::Container(source) | Self::Layout { source, .. } | Self::MetadataSection { source } => {
                source.kind()
            }
            // The types are ours and fixed, so a value of another one is no misuse.
            Self::Part { source, .. } | Self::MetadataRow { source } => match source.kind() {
                Kind::Misuse => Kind::Damaged,
                kind => kind,
            },
            _ => Kind::Damaged,
        }
    }

    /// Puts the name of the enclosing field before that of the field at fault, which is empty for an
    /// element without fields.
    pub(crate) fn within(mut self, outer: &str) -> Self {
        if let Self::Body { field, .. } | Self::Count { field, .. } | Self::Value { field, .. } = &mut self {
            let separator = if field.is_empty() { "" } else { "." };
            *field = format!("{outer}{separator}{field}");
        }
        self
    }
}

fn article(format: &str) -> &'static str {
    if format.starts_with(['a', 'e', 'i', 'o', 'u', 'E']) { "an" } else { "a" }
}

/// What to do about flags: PECS has them at byte 8, and calls bit 2 delta.
fn flags_remedy(offset: u64, unknown: u16) -> &'static str {
    if (offset, unknown) == (8, 4) {
        "it marks a delta, and deltas are not read from files of PECS; save the world whole, or what changed with save_delta"
    } else {
        "the file is of a newer version"
    }
}

fn between(least: u64, most: u64) -> String {
    if least == most { least.to_string() } else { format!("{least} to {most}") }
}

fn span(oldest: u32, newest: u32) -> String {
    if oldest == newest { format!("{oldest}") } else { format!("{oldest} to {newest}") }
}
