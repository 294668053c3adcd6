/// How deep values and shapes may nest: readers recurse.
pub(crate) const DEPTH_MAX: u32 = 128;

/// Elements without bytes that a column may hold whatever its size: they cost nothing in the file and time in the reader.
const ELEMENTS_MAX: u64 = 1 << 24;

/// Elements without bytes granted for each row, byte and reference: ordinary columns never meet the limit.
const ELEMENTS_PER_BYTE: u64 = 64;

/// Elements without bytes for each that a dynamic value may hold, which takes up to 200 bytes: 200 MiB at the default.
const ELEMENTS_PER_VALUE: u64 = 16;

/// How values are written and read, and what hostile ones may cost.
///
/// A column has to be read with the `human_readable` it was written with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Whether serde's human-readable forms are used (`IpAddr` as text). Needed where such a type stands inside an
    /// untagged or internally tagged enum or a flattened field.
    pub human_readable: bool,
    /// How deep a value may nest; more than 128 counts as 128.
    pub depth_max: u32,
    /// How many elements without bytes (units, empty structs) a column may hold beyond 64 for each row, byte and reference.
    pub elements_max: u64,
    /// Whether encoding looks for references that it can't see: numbers, written as u64, which [`Entities::is_live`] takes for
    /// entities. They are counted in [`Rows::suspects`] and written as the numbers they are.
    ///
    /// [`Entities::is_live`]: crate::Entities::is_live
    /// [`Rows::suspects`]: crate::Rows::suspects
    pub report_hidden: bool,
}

impl Options {
    /// Elements without bytes that each row adds to what a column may hold.
    pub(crate) const ELEMENTS_PER_ROW: u64 = ELEMENTS_PER_BYTE;

    /// Elements without bytes that one row read as a [`Value`](crate::Value) may hold: there each takes memory.
    pub(crate) fn elements_of_value(&self) -> u64 {
        self.elements_max / ELEMENTS_PER_VALUE
    }

    pub(crate) fn depth(&self) -> u32 {
        self.depth_max.min(DEPTH_MAX)
    }

    /// Elements without bytes that are granted to a column of so many bytes, references and rows.
    pub(crate) fn elements(&self, bytes: usize, targets: usize, rows: usize) -> u64 {
        let paid = [bytes, targets, rows].into_iter().map(|count| u64::try_from(count).unwrap_or(u64::MAX));
        let paid = paid.fold(0, u64::saturating_add);
        self.elements_max.saturating_add(paid.saturating_mul(ELEMENTS_PER_BYTE))
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { human_readable: false, depth_max: DEPTH_MAX, elements_max: ELEMENTS_MAX, report_hidden: false }
    }
}
