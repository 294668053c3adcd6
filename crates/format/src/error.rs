use std::{fmt, io};

use crate::{Kind, SectionId};

/// What went wrong while bytes were written or read.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes begin with another magic.
    #[error("not a {expected}: the file begins with {found}")]
    NotThisFormat {
        /// The format that was asked for.
        expected: &'static str,
        /// How the bytes begin instead.
        found: FirstBytes,
    },
    /// The major version is one that this build doesn't read.
    #[error("{what} is version {found}, this build reads {oldest} to {newest}{}", remedy(*found, *newest))]
    Version {
        /// What carries the version.
        what: &'static str,
        /// The version in the bytes.
        found: u32,
        /// The oldest version that is read.
        oldest: u32,
        /// The newest version that is read.
        newest: u32,
    },
    /// The header requires features that this build doesn't know.
    #[error("the file requires unknown features (bits {bits:#x}); update the program")]
    UnknownFeatures {
        /// The unknown bits.
        bits: u64,
    },
    /// Fewer bytes are there than the structure needs.
    #[error("{what} is cut short: it needs {needs} bytes, {available} are there")]
    Truncated {
        /// The structure that is cut short.
        what: &'static str,
        /// Bytes it needs.
        needs: u64,
        /// Bytes that are there.
        available: u64,
    },
    /// The container doesn't end in its end magic.
    #[error(
        "the container of {len} bytes has no end mark: it was cut short or never finished; load another copy or repair it"
    )]
    NoEndMark {
        /// The length of the source.
        len: u64,
    },
    /// Bytes and checksum disagree.
    #[error(
        "{what} at byte {offset}: checksum is {found:08x}, expected {expected:08x}; load another copy or repair it"
    )]
    Checksum {
        /// What the checksum covers.
        what: &'static str,
        /// Where the covered bytes begin.
        offset: u64,
        /// The checksum that is written down.
        expected: u64,
        /// The checksum of the bytes.
        found: u64,
    },
    /// A limit would be exceeded.
    #[error("{what}: {needs} needed, {allowed} allowed")]
    Limit {
        /// What is limited.
        what: &'static str,
        /// What would be needed.
        needs: u64,
        /// What is allowed.
        allowed: u64,
    },
    /// Memory for a checked length is not to be had.
    #[error("{what} needs {bytes} bytes of memory, which the system refuses; read it chunk by chunk")]
    OutOfMemory {
        /// What was to be held.
        what: &'static str,
        /// Bytes asked for.
        bytes: u64,
    },
    /// The codec is known but not part of this build.
    #[error(
        "the {codec} codec is not built in; enable the feature `{feature}` of keepstone-format{}",
        except_wasm(feature)
    )]
    CodecNotBuilt {
        /// The codec's name.
        codec: &'static str,
        /// The Cargo feature that adds it.
        feature: &'static str,
    },
    /// A chunk uses a codec that this build doesn't know.
    #[error("chunk at byte {offset} uses the unknown codec {id:#04x}; {}", private(*id))]
    UnknownCodec {
        /// The codec's number.
        id: u8,
        /// Where the chunk begins.
        offset: u64,
    },
    /// A chunk uses a filter that this build doesn't know.
    #[error("chunk at byte {offset} uses the unknown filter {id:#04x}; {}", private(*id))]
    UnknownFilter {
        /// The filter's number.
        id: u8,
        /// Where the chunk begins.
        offset: u64,
    },
    /// A compressed chunk doesn't decode to what its header says.
    #[error(
        "chunk at byte {offset}: {codec} doesn't decode it to {decoded_len} bytes; load another copy or repair it"
    )]
    Codec {
        /// The codec's name.
        codec: &'static str,
        /// Where the chunk begins.
        offset: u64,
        /// The length it should decode to.
        decoded_len: u64,
    },
    /// A rule of the format doesn't hold.
    #[error("{what} at byte {offset}: {rule}")]
    Invalid {
        /// The structure that breaks the rule.
        what: &'static str,
        /// What is wrong with it.
        rule: &'static str,
        /// Where, counted from the start of the container or of the bytes that were handed in.
        offset: u64,
    },
    /// The container has no such section.
    #[error("the container has no section {id} with instance {instance}")]
    MissingSection {
        /// The section's id.
        id: SectionId,
        /// The section's instance.
        instance: u32,
    },
    /// The container has a section of this id and instance already.
    #[error(
        "section {id} with instance {instance} is written already; give each section an instance of its own"
    )]
    DuplicateSection {
        /// The section's id.
        id: SectionId,
        /// The section's instance.
        instance: u32,
    },
    /// The call can't be answered.
    #[error("{what}")]
    Misuse {
        /// What is wrong with the call, and the remedy.
        what: &'static str,
    },
    /// An earlier section failed, or was dropped before its `finish`.
    #[error("an earlier section of this container was not finished; write the container again")]
    Poisoned,
    /// An earlier part of a stream could not be read, and what comes behind it is not known.
    #[error("an earlier part of this stream could not be read; open it again from its start")]
    StreamFailed,
    /// The writer or the source failed.
    #[error("{op} failed")]
    Io {
        /// The operation.
        op: &'static str,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Answers what the caller should do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::NotThisFormat { .. }
            | Self::Truncated { .. }
            | Self::NoEndMark { .. }
            | Self::Checksum { .. }
            | Self::Codec { .. }
            | Self::Invalid { .. } => Kind::Damaged,
            Self::Version { found, newest, .. } if found <= newest => Kind::Damaged,
            Self::Version { .. }
            | Self::UnknownFeatures { .. }
            | Self::UnknownCodec { .. }
            | Self::UnknownFilter { .. } => Kind::Newer,
            Self::Limit { .. } | Self::OutOfMemory { .. } => Kind::Limit,
            Self::CodecNotBuilt { .. } | Self::DuplicateSection { .. } | Self::Misuse { .. } => Kind::Misuse,
            Self::MissingSection { .. } => Kind::NotFound,
            Self::Poisoned | Self::StreamFailed => Kind::Poisoned,
            Self::Io { source, .. } => io_kind(source),
        }
    }

    /// Whether the bytes are whole and another build of this crate can read them.
    pub(crate) fn is_of_build(&self) -> bool {
        matches!(self, Self::CodecNotBuilt { .. } | Self::UnknownCodec { .. } | Self::UnknownFilter { .. })
    }

    /// Turns the error into one that an [`io::Write`] may return.
    pub(crate) fn into_io(self) -> io::Error {
        match self {
            Self::Io { source, .. } => source,
            other => io::Error::other(other),
        }
    }
}

/// The first bytes of something that is not what was expected, shown as hex and text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstBytes {
    bytes: [u8; 8],
    len: usize,
}

impl FirstBytes {
    /// Keeps up to eight bytes of the start of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut kept = Self { bytes: [0; 8], len: bytes.len().min(8) };
        for (slot, byte) in kept.bytes.iter_mut().zip(bytes) {
            *slot = *byte;
        }
        kept
    }

    /// Returns the kept bytes.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&self.bytes)
    }
}

impl fmt::Display for FirstBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.len == 0 {
            return f.write_str("nothing");
        }
        for byte in self.as_slice() {
            write!(f, "{byte:02x} ")?;
        }
        write!(f, "(\"{}\")", self.as_slice().escape_ascii())
    }
}

fn io_kind(source: &io::Error) -> Kind {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Kind::NoSpace,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Kind::Denied,
        io::ErrorKind::NotFound => Kind::NotFound,
        _ => Kind::Io,
    }
}

fn remedy(found: u32, newest: u32) -> &'static str {
    if found > newest { "; update the program" } else { "" }
}

fn except_wasm(feature: &str) -> &'static str {
    if feature == "zstd" { " (not there on wasm32)" } else { "" }
}

/// Numbers from 0x80 up are private: no newer build knows them.
fn private(id: u8) -> &'static str {
    if id < 0x80 { "update the program" } else { "it is private: use the program that wrote the file" }
}
