use keepstone_format::Kind;

/// What went wrong, and in which row or at which byte.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A value can't be written.
    #[error("row {row} can't be written: {problem}")]
    Encode {
        /// Index of the row in the column.
        row: u32,
        /// What is wrong with its value.
        problem: Problem,
    },
    /// The rows hold something that no shape within the limits describes.
    #[error("the rows have no shape that can be kept: {problem}")]
    Unshaped {
        /// Which limit of a shape is exceeded.
        problem: ShapeProblem,
    },
    /// A row can't be read.
    #[error("row {row}, byte {offset} ({path}): {problem}")]
    Decode {
        /// Index of the row in the column.
        row: u32,
        /// Where reading stopped, in bytes from the start of the column.
        offset: u64,
        /// Where in the value reading stopped, such as `Inventory.items[3].kind`.
        path: String,
        /// What is wrong there.
        problem: Problem,
    },
    /// The bytes of a shape break a rule.
    #[error("shape, byte {offset}: {problem}")]
    Shape {
        /// Where reading stopped, in bytes from the start of the shape.
        offset: u64,
        /// The rule that is broken.
        problem: ShapeProblem,
    },
    /// The rows end before the column does.
    #[error("{bytes} bytes and {targets} references are left behind the last row")]
    Unread {
        /// Bytes that belong to no row.
        bytes: u64,
        /// References that belong to no row.
        targets: u64,
    },
    /// A value is not the one that a difference was made from.
    #[error("the value has something else at {path:?} than the one that the difference starts from")]
    Unfit {
        /// Where.
        path: String,
    },
    /// A difference can't be applied, for not all of its changes were kept.
    #[error("{kept} of {total} changes were kept; find them again with a higher limit to apply them")]
    Partial {
        /// Changes that are there.
        kept: u64,
        /// Changes that there are.
        total: u64,
    },
}

impl Error {
    /// What the caller should do about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Encode { problem, .. } | Self::Decode { problem, .. } => problem.kind(),
            Self::Unshaped { .. } => Kind::Limit,
            Self::Shape { problem, .. } => problem.kind(),
            Self::Unread { .. } => Kind::Damaged,
            Self::Unfit { .. } | Self::Partial { .. } => Kind::Misuse,
        }
    }
}

/// What is wrong with a value or with the bytes of a row.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The type's own `Serialize` or `Deserialize` refuses.
    #[error("{0}")]
    Message(String),
    /// A value nests too deeply.
    #[error("the value nests deeper than {allowed} levels")]
    Depth {
        /// The limit.
        allowed: u32,
    },
    /// A column holds too many elements that take no bytes.
    #[error("more than {allowed} elements take no bytes; raise `elements_max` if the source is trusted")]
    Elements {
        /// The limit, which grows with the column.
        allowed: u64,
    },
    /// A row is too long for its length field.
    #[error("the row takes {bytes} bytes, {} are allowed", u32::MAX)]
    Long {
        /// Bytes of the row.
        bytes: u64,
    },
    /// A column has more rows than can be numbered.
    #[error("the column has more than {} rows", u32::MAX)]
    Rows,
    /// A map holds two keys that are written alike.
    #[error("a map holds the same key twice")]
    DuplicateKey,
    /// A struct's `Serialize` writes a field more than once.
    #[error("field `{0}` is written twice")]
    DuplicateField(String),
    /// A tuple's `Serialize` writes more or fewer elements than it says.
    #[error("a tuple has more or fewer elements than its type says")]
    Count,
    /// A map's `Serialize` writes values without keys, or keys without values.
    #[error("a map's keys and values don't pair up")]
    Unpaired,
    /// The entity type doesn't serialize as one u64.
    #[error("an entity has to serialize as one u64")]
    EntityForm,
    /// A value gave other fields or variants each time it was serialized.
    #[error("the value serializes differently each time")]
    Unstable,
    /// A row has something that none of the rows had from which the shape was learnt.
    #[error("the row doesn't fit the shape that was learnt; learn from all rows first")]
    Unlearned,
    /// The row ends inside its value.
    #[error("the row ends inside its value")]
    Truncated,
    /// The value ends before its row does.
    #[error("{bytes} bytes of the row are left behind its value")]
    Trailing {
        /// How many.
        bytes: u64,
    },
    /// A bool, presence or option byte is neither 0 nor 1.
    #[error("byte {found:#04x} where 0 or 1 is expected")]
    Flag {
        /// The byte.
        found: u8,
    },
    /// A varint is longer than needed or too large for its integer.
    #[error("a varint is longer than it has to be, or too large for its integer")]
    Varint,
    /// A selector or an alternative that the shape doesn't list.
    #[error("{found} names no variant or alternative of the shape")]
    Selector {
        /// The number.
        found: u32,
    },
    /// A value where the shape says that there never was one.
    #[error("a value stands where the shape has seen none")]
    Unseen,
    /// Text that is not UTF-8.
    #[error("text is not UTF-8")]
    Utf8,
    /// A char that is not one character.
    #[error("a char is not one character")]
    Char,
    /// Map entries out of order, or twice.
    #[error("map entries are out of order")]
    Order,
    /// A row with more references than the column's targets.
    #[error("the row has more references than the column has targets")]
    Targets,
    /// References can't be read without a resolver.
    #[error("the row holds an entity reference; give the decoder a `Resolve`")]
    Unresolved,
    /// The program reads an entity where no reference was written.
    #[error("the program reads an entity where the rows hold a plain value; migrate the component")]
    NotReference,
    /// The program's type leaves a part of the value unread.
    #[error("the program's type leaves {left} elements unread")]
    Leftover {
        /// How many.
        left: u64,
    },
}

impl Problem {
    /// What the caller should do about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Depth { .. } | Self::Elements { .. } | Self::Long { .. } | Self::Rows => Kind::Limit,
            Self::Truncated
            | Self::Trailing { .. }
            | Self::Flag { .. }
            | Self::Varint
            | Self::Selector { .. }
            | Self::Unseen
            | Self::Utf8
            | Self::Char
            | Self::Order
            | Self::Targets => Kind::Damaged,
            Self::Message(_)
            | Self::DuplicateKey
            | Self::DuplicateField(_)
            | Self::Count
            | Self::Unpaired
            | Self::EntityForm
            | Self::Unstable
            | Self::Unlearned
            | Self::Unresolved
            | Self::NotReference
            | Self::Leftover { .. } => Kind::Misuse,
        }
    }
}

/// Which rule the bytes of a shape break.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShapeProblem {
    /// The bytes end inside the shape.
    #[error("the bytes end inside the shape")]
    Truncated,
    /// Bytes are left behind the shape.
    #[error("bytes are left behind the shape")]
    Trailing,
    /// A varint is longer than needed or too large for its integer.
    #[error("a varint is longer than it has to be, or too large for its integer")]
    Varint,
    /// A code, kind or flag that the format doesn't define.
    #[error("code {found:#04x} is not defined")]
    Code {
        /// The byte.
        found: u8,
    },
    /// A name is not UTF-8.
    #[error("a name is not UTF-8")]
    Utf8,
    /// A name is longer than 255 bytes.
    #[error("a name is longer than 255 bytes")]
    Name,
    /// Alternatives or variants don't ascend, or a field stands twice.
    #[error("alternatives, variants or fields are out of order or stand twice")]
    Order,
    /// The mode of an enum is not the one that its variants ask for.
    #[error("an enum has the wrong mode")]
    Mode,
    /// An enum without variants.
    #[error("an enum has no variant")]
    Empty,
    /// Types that share kind, name and count, are never met, or are numbered in another order than they are met.
    #[error("types stand twice, are out of order, or are never met")]
    Types,
    /// A position nests too deeply.
    #[error("the shape nests deeper than 128 levels")]
    Depth,
    /// More than 65,535 alternatives, fields, variants or types.
    #[error("the shape has more than 65535 alternatives, fields, variants or types")]
    Count,
}

impl ShapeProblem {
    /// What the caller should do about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Depth | Self::Count => Kind::Limit,
            _ => Kind::Damaged,
        }
    }
}
