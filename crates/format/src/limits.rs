//! What the format allows, and the reason of each bound.

/// Most bytes of head metadata: a load screen reads a hundred of them.
pub const HEAD_LEN_MAX: u32 = 4096;
/// Most bytes of tail metadata: entries have 16-bit lengths, and it is read at every open.
pub const TAIL_LEN_MAX: u32 = 65_536;
/// Most sections of a container: the section table stays under 3 MiB.
pub const SECTIONS_MAX: u32 = 65_535;
/// Most bytes that one chunk decodes to: bounds what a chunk can make a reader allocate.
pub const CHUNK_LEN_MAX: u32 = 1 << 24;
/// Bytes that a chunk of keepstone decodes to, and the length of a piece of a raw section.
pub const CHUNK_LEN: u32 = 1 << 20;
/// The ordinal that means *none*; rows are counted below it, since a reference costs 4 bytes.
pub const ORDINAL_NONE: u32 = u32::MAX;
/// Most components of a world: each may take four sections.
pub const COMPONENTS_MAX: u32 = 16_383;
/// Most bytes of a name: it has one length byte.
pub const NAME_LEN_MAX: usize = 255;
/// Deepest nesting of a row's value, of a position of a shape and of a layout: readers recurse. What is
/// inside of nothing has nesting 0.
pub const DEPTH_MAX: u32 = 128;
/// Most values without bytes in the rows of one column: they cost nothing in the file and time in the
/// reader.
pub const ELEMENTS_MAX: u32 = 1 << 28;
/// Most types of a shape, and most alternatives, fields, variants or elements of one list in it: a shape
/// is small; a hostile one must be.
pub const SHAPE_PARTS_MAX: u32 = 65_535;
/// Most bytes of a plain row.
pub const PLAIN_LEN_MAX: u32 = 1 << 24;

/// The least that [`Limits::for_file_len`] allows to be decoded.
const DECODED_MIN: u64 = 256 << 20;
const DECODED_PER_FILE_BYTE: u64 = 16;
/// The least number of rows that [`Limits::for_file_len`] allows.
const ROWS_MIN: u32 = 1 << 20;

/// What a reader may spend on one file.
///
/// The defaults suit files that strangers sent; raise a field where the source is trusted.
///
/// ```
/// use keepstone_format::Limits;
///
/// let mut limits = Limits::for_file_len(1 << 30);
/// assert_eq!(limits.decoded_max, 16 << 30);
/// limits.decoded_max = 64 << 30;
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes that one section may decode to, and that the tables of a footer may take: a small file
    /// can claim any length, and compressed zeros honour it.
    pub decoded_max: u64,
    /// Most sections: each costs memory and a search.
    pub sections_max: u32,
    /// Most rows (entities) of a world: an entity without components costs no byte of the file.
    pub rows_max: u32,
    /// Most values without bytes in the rows of one column: they cost nothing in the file either.
    pub elements_max: u32,
    /// Deepest nesting of a value: readers recurse, and a stack ends.
    pub depth_max: u32,
}

impl Limits {
    /// Returns the limits for a file of `len` bytes: a section may decode to the larger of 256 MiB and 16
    /// times its length, and a world may have the larger of 2^20 rows and one a byte.
    pub fn for_file_len(len: u64) -> Self {
        Self {
            decoded_max: len.saturating_mul(DECODED_PER_FILE_BYTE).max(DECODED_MIN),
            sections_max: SECTIONS_MAX,
            rows_max: u32::try_from(len).unwrap_or(ORDINAL_NONE).max(ROWS_MIN),
            elements_max: ELEMENTS_MAX,
            depth_max: DEPTH_MAX,
        }
    }
}

impl Default for Limits {
    /// The limits for a small file.
    fn default() -> Self {
        Self::for_file_len(0)
    }
}
