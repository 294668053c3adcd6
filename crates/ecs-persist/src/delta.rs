//! What changed in a world between two moments: written, applied to documents, and told from change ticks or by comparison.
//! FORMAT.md, section 7.

mod assemble;
mod between;
mod cells;
mod chain;
mod check;
mod compare;
mod compared;
mod digest;
mod file;
mod joint;
mod lists;
mod live;
mod mark;
mod matched;
mod plan;
mod state_id;
mod world;

pub use self::{
    chain::DeltaChain,
    compared::Compared,
    live::LiveRows,
    mark::Mark,
    state_id::StateId,
    world::{ApplyReport, DeltaWorld, Marked, Since},
};
use crate::doc::WorldDoc;

/// What changed in a world since a moment: entities spawned and despawned, values changed, added and removed.
///
/// Entities are named by *row numbers*. The entities of the base, the whole save that a chain of deltas begins with, have their ordinals
/// as row numbers; each entity that comes later gets the next number, and no number is used again.
///
/// ```
/// use keepstone_ecs_persist::{DeltaChain, EncodeOptions, Mark, Table, WorldDelta, WorldDoc};
/// use keepstone_format::{Limits, Reader};
///
/// let base = WorldDoc::default();
/// let mark = Mark::base(base.state_id()?, 0, ());
/// let mut later = WorldDoc::default();
/// later.tables = vec![Table { rows: 2, components: vec![] }];
///
/// let delta = WorldDelta::between(&mark, &base, &[], &later, &[0, 1])?;
/// let (bytes, _) = delta.encode(Vec::new(), &EncodeOptions::default())?;
///
/// let reader = Reader::open(bytes.as_slice(), Limits::default())?;
/// let mut chain = DeltaChain::new(base)?;
/// chain.apply(&WorldDelta::decode(&reader)?)?;
/// assert_eq!(chain.doc().entity_count(), 2);
/// # Ok::<(), keepstone_ecs_persist::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorldDelta<'a> {
    /// The base of the chain.
    pub root: StateId,
    /// The state that this delta applies to: the base's, or what the delta before it made of it.
    pub previous: StateId,
    /// Its place in the chain, from 1.
    pub sequence: u32,
    /// How many row numbers were given out before it.
    pub rows_before: u32,
    /// How many there are with it: those from `rows_before` on are the entities that it spawns.
    pub rows_after: u32,
    /// The rows of entities that are gone, ascending.
    pub despawned: Vec<u32>,
    /// Components, ascending by name, and the rows that no longer have them, ascending.
    pub removed: Vec<(String, Vec<u32>)>,
    /// Resources that are gone, ascending by name.
    pub removed_resources: Vec<String>,
    /// The row of each entity of the document; rows ascend in each of its tables.
    pub rows: Vec<u32>,
    /// The entities that were spawned, with all their values, and those that have new values, with these alone; resources that are new. References
    /// lead to row numbers. Of a relationship with an order it has, for each target whose list changed, all rows with that target and
    /// their ranks.
    pub doc: WorldDoc<'a>,
}

impl WorldDelta<'_> {
    /// A delta behind a mark, without changes so far; for adapters.
    pub fn since<D>(mark: &Mark<D>) -> Self {
        Self {
            root: mark.root,
            previous: mark.state,
            sequence: mark.sequence.saturating_add(1),
            rows_before: mark.rows,
            rows_after: mark.rows,
            ..Self::default()
        }
    }

    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        self.despawned.is_empty()
            && self.removed.is_empty()
            && self.removed_resources.is_empty()
            && self.rows.is_empty()
            && self.doc.columns.is_empty()
    }

    /// Copies what is borrowed.
    pub fn into_owned(self) -> WorldDelta<'static> {
        WorldDelta {
            root: self.root,
            previous: self.previous,
            sequence: self.sequence,
            rows_before: self.rows_before,
            rows_after: self.rows_after,
            despawned: self.despawned,
            removed: self.removed,
            removed_resources: self.removed_resources,
            rows: self.rows,
            doc: self.doc.into_owned(),
        }
    }
}
