//! Worlds in parts: what is written and read while it is walked through. FORMAT.md, section 3.5.

mod cut;
mod decode;
mod join;
mod rank;
mod read;
mod slice;
mod split;
mod write;

pub use self::{
    cut::{Cuts, PartColumns, rows_at_once},
    read::PartReader,
    slice::{Slice, Slices},
    write::PartWriter,
};
pub(crate) use self::{decode::Parts, join::Join};
use keepstone_format::Limits;

use crate::{doc::WorldDoc, error::Error, meta::WorldMeta, report::LeftOut, schema::Schema};

/// How many entities a part has unless there would be too many parts.
pub const PART_ROWS: u32 = 1 << 16;

/// Entities that follow each other in a world, with their values.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorldPart<'a> {
    /// The entities and those columns that have rows here. References lead to ordinals of the whole world; resources are in
    /// the first part.
    pub doc: WorldDoc<'a>,
    /// The ordinal of the first entity.
    pub first: u32,
    /// How many entities the whole world has.
    pub total: u32,
}

impl<'a> WorldPart<'a> {
    /// Entities from `first` on of a world that has `total`.
    pub fn new(doc: WorldDoc<'a>, first: u32, total: u32) -> Self {
        Self { doc, first, total }
    }

    /// Checks that tables, schema and columns agree, as [`WorldDoc::check`] does for a whole world. Of ranks it checks what one part
    /// tells: FORMAT.md, section 3.5.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the first rule that doesn't hold.
    pub fn check(&self) -> Result<(), Error> {
        self.doc.check_part(self.total)?;
        self.doc.columns.iter().try_for_each(|column| rank::check(column, self.total))
    }
}

/// Takes a world part by part.
pub trait PartSink {
    /// Says what the components of the whole world are, and how many entities it has. Called once, first.
    ///
    /// # Errors
    /// When the sink can't take it.
    fn begin(&mut self, schema: Schema, total: u32) -> Result<(), Error>;

    /// Takes the next part.
    ///
    /// # Errors
    /// When the sink can't take it.
    fn part(&mut self, part: &WorldPart<'_>) -> Result<(), Error>;
}

/// Gives a world part by part.
pub trait PartSource {
    /// The next part; none behind the last, when all of the world was there and right.
    ///
    /// # Errors
    /// What is wrong with the world or where it comes from.
    fn next_part(&mut self) -> Result<Option<WorldPart<'static>>, Error>;
}

impl WorldDoc<'static> {
    /// Puts all parts together.
    ///
    /// # Errors
    /// What the source answers, and [`Error::Invalid`] when the parts are not one world.
    pub fn from_parts(parts: &mut dyn PartSource) -> Result<Self, Error> {
        let mut joined: Option<Join<'static>> = None;
        while let Some(mut part) = parts.next_part()? {
            let meta = std::mem::take(&mut part.doc.meta);
            let joined = joined.get_or_insert_with(|| Join::new(meta, &Schema::default()));
            joined.set_room(Limits::default().decoded_max);
            joined.push(part)?;
        }
        joined.unwrap_or_else(|| Join::new(WorldMeta::default(), &Schema::default())).finish()
    }
}

/// What a capture in parts left out; see [`Capture`](crate::Capture).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct LeftBehind {
    /// Component values that are in no part.
    pub left_out: Vec<LeftOut>,
    /// Entities that are in no part.
    pub entities: u64,
    /// References to entities that no longer exist.
    pub dangling: u64,
}
