//! What changed between the worlds of two checkpoints.

use keepstone_checkpoint::{CheckpointId, CheckpointStore, Error as CheckpointError, State};
use keepstone_ecs_persist::{DiffOptions, WorldDiff};

use crate::{error::Error, payload::Incoming};

/// Finds what makes the world of one checkpoint of that of another, by entity, component and field. No type has to be registered.
///
/// Entities are matched by [`PersistId`](keepstone_ecs_persist::PersistId) where both worlds have it; see [`WorldDoc::diff`](keepstone_ecs_persist::WorldDoc::diff).
///
/// ```
/// # #[cfg(feature = "lz4")] {
/// use bevy_ecs::prelude::*;
/// use keepstone_bevy::Persist;
/// use keepstone_checkpoint::CheckpointStore;
/// use keepstone_world::{DiffOptions, WorldCheckpoints, diff_checkpoints};
///
/// #[derive(Component, Persist, Clone, Copy)]
/// #[persist(crate = "keepstone_bevy", name = "doc.condition", pod)]
/// #[repr(C)]
/// struct Health { current: u32 }
///
/// let store = CheckpointStore::in_memory();
/// let session = store.session("level 1")?;
/// let mut world = World::new();
/// let hero = world.spawn(Health { current: 10 }).id();
/// let before = world.checkpoint_to(&session)?.committed;
/// world.entity_mut(hero).insert(Health { current: 7 });
/// let after = world.checkpoint_to(&session)?.committed;
/// let diff = diff_checkpoints(&store, &before, &after, &DiffOptions::default())?;
/// assert_eq!(diff.to_string(), "entity 0 doc.condition.current: 10 -> 7");
/// # }
/// # Ok::<(), keepstone_world::Error>(())
/// ```
///
/// # Errors
/// [`Error::Checkpoints`] with those of [`CheckpointStore::get`], a state without a world among them; [`Error::World`] when the worlds can't be compared.
pub fn diff_checkpoints(
    store: &CheckpointStore,
    before: impl Into<CheckpointId>,
    after: impl Into<CheckpointId>,
    options: &DiffOptions,
) -> Result<WorldDiff, Error> {
    let (before, after): (Incoming, Incoming) = (store.get(before)?, store.get(after)?);
    compare(&before, &after, options)
}

/// The same for states that were read already, of a store that is open for reading, for example.
///
/// # Errors
/// As [`diff_checkpoints`].
pub fn diff_states(before: &State, after: &State, options: &DiffOptions) -> Result<WorldDiff, Error> {
    let decode = |state: &State, what: &str| {
        let failed = |source| CheckpointError::Payload { what: what.to_owned(), source: Box::new(source) };
        state.decode::<Incoming>().map_err(failed)
    };
    compare(&decode(before, "the first state")?, &decode(after, "the second state")?, options)
}

fn compare(before: &Incoming, after: &Incoming, options: &DiffOptions) -> Result<WorldDiff, Error> {
    before.doc.diff(&after.doc, options).map_err(Error::World)
}
