use crate::{
    delta::{StateId, WorldDelta},
    doc::WorldDoc,
    error::Error,
    gather::{Ids, Index},
    identity::PersistId,
};

/// Which entity of a running world each row number of a chain is, and how far along the chain that world is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LiveRows<E> {
    /// The base of the chain.
    pub root: StateId,
    /// The state that the world is in.
    pub state: StateId,
    /// How many deltas have been applied.
    pub sequence: u32,
    /// The entity of each row, none where it is gone or unknown.
    pub entities: Vec<Option<E>>,
}

impl<E> LiveRows<E> {
    /// Of a world into which a base was loaded: `entities` are those of its ordinals, as the report of the load has them.
    pub fn of_base(base: StateId, entities: impl IntoIterator<Item = E>) -> Self {
        Self { root: base, state: base, sequence: 0, entities: entities.into_iter().map(Some).collect() }
    }

    /// Of a world that came by the state of a base in another way: `lookup` finds the entity that has each [`PersistId`] of the base.
    ///
    /// Entities of the base without one, and those that are not found, are unknown: what a delta says of them doesn't reach this world.
    ///
    /// # Errors
    /// As [`WorldDoc::check`]; [`Error::Mismatch`] when the ids are no plain u64.
    pub fn by_ids(
        base: &WorldDoc<'_>,
        state: StateId,
        mut lookup: impl FnMut(PersistId) -> Option<E>,
    ) -> Result<Self, Error> {
        base.check()?;
        let ids = Ids::of(base, &Index::of(base))?;
        let of_ordinal = |ordinal: u32| ids.get(ordinal).and_then(|id| lookup(PersistId(id)));
        let entities = (0..base.entity_count()).map(of_ordinal).collect();
        Ok(Self { root: state, state, sequence: 0, entities })
    }

    /// Checks that a delta is the next one for this world.
    ///
    /// # Errors
    /// [`Error::WrongBase`] when it is for another base or another state of it, [`Error::Invalid`] when it doesn't know how many rows there are.
    pub fn check(&self, delta: &WorldDelta<'_>) -> Result<(), Error> {
        delta.check_base(self.root, self.state, self.sequence)?;
        delta.check_rows_before(self.entities.len() as u64)
    }

    /// Notes that a delta was applied: `spawned` are the entities of the rows from [`WorldDelta::rows_before`] on, in their order.
    ///
    /// # Errors
    /// As [`LiveRows::check`] and [`WorldDelta::state_id`]; nothing is noted then.
    pub fn follow(
        &mut self,
        delta: &WorldDelta<'_>,
        spawned: impl IntoIterator<Item = E>,
    ) -> Result<(), Error> {
        self.check(delta)?;
        let state = delta.state_id()?;
        for &row in &delta.despawned {
            if let Some(entity) = self.entities.get_mut(row as usize) {
                *entity = None;
            }
        }
        self.entities.extend(spawned.into_iter().map(Some));
        self.entities.resize_with(delta.rows_after as usize, || None);
        (self.state, self.sequence) = (state, delta.sequence);
        Ok(())
    }
}
