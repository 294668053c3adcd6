use keepstone_format::Kind;

/// What went wrong with a delta.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes end inside a field, or a field breaks a rule.
    #[error("delta, byte {offset}: {source}; restore another checkpoint")]
    Field {
        /// Where the field begins; where steps are packed, in what they unpack to.
        offset: u64,
        /// What is wrong with it.
        source: keepstone_format::Error,
    },
    /// The delta is of a form that this build doesn't know.
    #[error("the delta has unknown flags ({found:#04x}); update the program")]
    Flags {
        /// The first byte.
        found: u8,
    },
    /// A limit would be exceeded.
    #[error(
        "{what}: {needs} needed, {allowed} allowed; raise `Limits::decoded_max` if the source is trusted"
    )]
    Limit {
        /// What is limited.
        what: &'static str,
        /// What would be needed.
        needs: u64,
        /// What is allowed.
        allowed: u64,
    },
    /// Memory for a checked length is not to be had.
    #[error("a state of {bytes} bytes needs memory that the system refuses")]
    OutOfMemory {
        /// Bytes asked for.
        bytes: u64,
    },
    /// The codec is known but not part of this build.
    #[error("the {codec} codec is not built in; enable the feature `{codec}` of keepstone-checkpoint")]
    CodecNotBuilt {
        /// The codec's name, which is that of the feature.
        codec: &'static str,
    },
    /// Packed steps, or a frame, don't decode to what the delta says.
    #[error("delta: {codec} doesn't decode it to {decoded_len} bytes; restore another checkpoint")]
    Codec {
        /// The codec's name.
        codec: &'static str,
        /// Bytes it should decode to.
        decoded_len: u64,
    },
    /// The source isn't the one that the delta was made from.
    #[error("the delta was made from a state of {expected} bytes{}, this one has {found}; apply it to its parent", more(*is_exact))]
    Source {
        /// The length of its source.
        expected: u64,
        /// Whether it is as long, or at least as long.
        is_exact: bool,
        /// The length of the state it is applied to.
        found: u64,
    },
    /// A zstd frame can't be composed with another delta.
    #[error("a delta that is a zstd frame can't be composed; apply it")]
    Uncomposable,
    /// A delta of a chain can't be applied.
    #[error("delta {index} of the chain: {source}")]
    Chain {
        /// Its place in the chain.
        index: usize,
        /// What is wrong with it.
        source: Box<Error>,
    },
}

impl Error {
    /// What the caller should do about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Flags { .. } => Kind::Newer,
            Self::Limit { .. } | Self::OutOfMemory { .. } => Kind::Limit,
            Self::CodecNotBuilt { .. } | Self::Uncomposable => Kind::Misuse,
            Self::Field { .. } | Self::Codec { .. } | Self::Source { .. } => Kind::Damaged,
            Self::Chain { source, .. } => source.kind(),
        }
    }

    /// The answer of a `map_err` for a field that begins at `offset`.
    pub(super) fn field(offset: u64) -> impl Fn(keepstone_format::Error) -> Self {
        move |source| Self::Field { offset, source }
    }

    pub(super) fn short_source(expected: usize, found: usize) -> Self {
        Self::Source { expected: expected as u64, is_exact: false, found: found as u64 }
    }
}

fn more(is_exact: bool) -> &'static str {
    if is_exact { "" } else { " or more" }
}
