use crate::{
    delta::{LiveRows, Mark, WorldDelta},
    error::Error,
    identity::PersistId,
    report::{Capture, LeftOut},
    world::{EcsWorld, SpawnOptions},
};

/// A capture and the mark of its moment.
pub type Marked<'w, E, D> = (Capture<'w, E>, Mark<D>);

/// A world of some ECS that can tell what changed since a moment, and take such changes.
///
/// It is apart from [`EcsWorld`] because an adapter works without it: saves and loads need nothing of it.
pub trait DeltaWorld<M>: EcsWorld<M> {
    /// What the adapter remembers of a moment: entities by table, row numbers, change ticks or values.
    type Detail: Clone + Send + Sync + 'static;

    /// Captures this world as a base, as [`EcsWorld::capture`] does, and marks the moment. Changes that are made after it are later than
    /// the mark, also those of the same tick.
    ///
    /// # Errors
    /// As [`EcsWorld::capture`].
    fn mark(&mut self, registry: &Self::Registry) -> Result<Marked<'_, Self::Entity, Self::Detail>, Error>;

    /// What has changed since a moment, and the mark of the present one. The world's own change detection is not disturbed.
    ///
    /// # Errors
    /// [`Error::MarkTooOld`] when the moment lies too far back to tell: take a new base. Else as [`EcsWorld::capture`].
    fn delta(
        &mut self,
        since: &Mark<Self::Detail>,
        registry: &Self::Registry,
    ) -> Result<Since<Self::Detail>, Error>;

    /// Applies a delta to this world: writes the values that it holds and no others, spawns, despawns and removes.
    ///
    /// Everything is decoded and checked before anything is changed. `rows` then stands at the state behind the delta.
    ///
    /// Rows that a relationship's target has in this world beside those of the delta follow them, in the order that they had. An entity that
    /// has the [`PersistId`] of its row already keeps it untouched.
    ///
    /// # Errors
    /// [`Error::WrongBase`] when the delta is for another base or another state of it; what the delta and the registry disagree about.
    fn apply_delta(
        &mut self,
        rows: &mut LiveRows<Self::Entity>,
        delta: &WorldDelta<'_>,
        registry: &Self::Registry,
        options: &SpawnOptions,
    ) -> Result<ApplyReport, Error>;

    /// Captures these entities alone, in this order, each at most once; entities that they refer to follow them without values but for their
    /// [`PersistId`]. Those that don't exist are left out, and counted in
    /// [`Capture::entities_left_out`]. No resource is captured.
    ///
    /// # Errors
    /// As [`EcsWorld::capture`].
    fn capture_entities(
        &self,
        entities: &[Self::Entity],
        registry: &Self::Registry,
    ) -> Result<Capture<'_, Self::Entity>, Error>;

    /// The entity that has each id, if there is one.
    fn entities_of(&self, ids: &[PersistId]) -> Vec<Option<Self::Entity>>;

    /// The id of each entity; those that have none get one from the world's source of ids.
    ///
    /// # Errors
    /// [`Error::BadSelection`] when an entity doesn't exist, [`Error::Limit`] when the source has no more ids.
    fn ensure_ids(&mut self, entities: &[Self::Entity]) -> Result<Vec<PersistId>, Error>;

    /// The entity that a row number named at a moment, if it existed then.
    fn entity_of_row(mark: &Mark<Self::Detail>, row: u32) -> Option<Self::Entity>;
}

/// What [`DeltaWorld::delta`] found.
#[derive(Debug)]
#[non_exhaustive]
pub struct Since<D> {
    /// What has changed.
    pub delta: WorldDelta<'static>,
    /// The present moment, for the next delta.
    pub mark: Mark<D>,
    /// Component values of the present world that no save would hold, whether they have changed or not.
    pub left_out: Vec<LeftOut>,
    /// References in it to entities that no longer exist.
    pub dangling: u64,
}

impl<D> Since<D> {
    /// Puts one together; for adapters.
    pub fn new(delta: WorldDelta<'static>, mark: Mark<D>) -> Self {
        Self { delta, mark, left_out: Vec::new(), dangling: 0 }
    }
}

/// What [`DeltaWorld::apply_delta`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApplyReport {
    /// Entities that were spawned.
    pub spawned: u64,
    /// Entities that were despawned; those that were gone already are not counted.
    pub despawned: u64,
    /// Values that were written, resources included.
    pub written: u64,
    /// Components and resources that were removed.
    pub removed: u64,
    /// Components of the delta that are not registered, with how many values each has.
    pub unknown: Vec<(String, u64)>,
    /// References to nothing.
    pub dangling: u64,
    /// Rows of the delta whose entity is not in this world, as it was despawned here.
    pub missing: u64,
}
