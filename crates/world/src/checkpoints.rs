//! Worlds in checkpoints.

use std::time::Instant;

use keepstone_checkpoint::{
    AutoSession, Checkpoint, CheckpointId, CheckpointStore, Committed, Draft, Error as CheckpointError,
    Payload, Session,
};
use keepstone_ecs_persist::{EcsWorld, EncodeOptions};

use crate::{
    captured::with_capture,
    error::Error,
    options::{LoadMode, LoadOptions, SaveOptions},
    payload::{Incoming, Outgoing, check, short},
    placed,
    report::LoadReport,
    source::Decoded,
};

/// What of a world was checkpointed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CheckpointMade {
    /// The receipt: the checkpoint as a list shows it, what was waited for.
    pub committed: Committed,
    /// Entities in it.
    pub entities: u64,
    /// Component values in it.
    pub values: u64,
    /// Component values that were left out, and why.
    pub left_out: Vec<keepstone_ecs_persist::LeftOut>,
}

/// What was loaded from a checkpoint.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CheckpointLoaded<E> {
    /// The entities, what could not be placed, the migration. [`LoadReport::meta`] is what the checkpoint says of the world.
    pub report: LoadReport<E>,
    /// The checkpoint.
    pub checkpoint: std::sync::Arc<Checkpoint>,
}

/// Checkpoints of every world that an adapter knows.
///
/// A [`CheckpointStore`] keeps them as differences to each other. What changes little in a world, entity by entity, changes little in its columns, so most checkpoints
/// take a small part of a save.
///
/// `M` is the adapter's marker; calls infer it.
///
/// ```
/// # #[cfg(feature = "lz4")] {
/// use bevy_ecs::prelude::*;
/// use keepstone_bevy as _;
/// use keepstone_checkpoint::CheckpointStore;
/// use keepstone_world::WorldCheckpoints;
///
/// let store = CheckpointStore::in_memory();
/// let session = store.session("level 1")?;
/// let mut world = World::new();
/// let made = world.checkpoint_to(&session)?;
/// world.restore_checkpoint(&session, &made.committed)?;
/// # }
/// # Ok::<(), keepstone_world::Error>(())
/// ```
pub trait WorldCheckpoints<M>: EcsWorld<M> {
    /// Checkpoints this world on the branch of a session; durable when it returns.
    ///
    /// # Errors
    /// When the world can't be captured; [`Error::Checkpoints`] with those of [`Draft::commit`]. All earlier checkpoints are as they were.
    fn checkpoint_to(&self, session: &Session) -> Result<CheckpointMade, Error> {
        self.checkpoint_with(session, &SaveOptions::default(), |draft| draft)
    }

    /// Checkpoints this world as the options say, with what `say` says about it: message, tags, durability.
    ///
    /// Of the options count those about the world, as in a slot; the codec is the store's.
    ///
    /// # Errors
    /// As [`WorldCheckpoints::checkpoint_to`]; further what the options demand; [`Error::NotInStore`] for another format, for parts, and for reading back.
    fn checkpoint_with(
        &self,
        session: &Session,
        options: &SaveOptions<'_, Self::Registry>,
        say: impl for<'d> FnOnce(Draft<'d, dyn Payload + 'd>) -> Draft<'d, dyn Payload + 'd>,
    ) -> Result<CheckpointMade, Error> {
        let commit = |payload: &dyn Payload| Ok(Some(say(session.checkpoint(payload)).commit()?));
        let made = make(self, options, commit)?;
        made.ok_or_else(|| CheckpointError::Misuse { what: "a checkpoint that was made is there" }.into())
    }

    /// Checkpoints this world if an automatic checkpoint of the session is due at a time, in nanoseconds UTC since 1970 (none: that of the store's clock), and says what was. Called in each frame: the world is
    /// captured only when one is due, or when its difference is to be measured.
    ///
    /// # Errors
    /// As [`WorldCheckpoints::checkpoint_with`], and [`AutoSession::poll`]. Nothing that was told is lost, and it is tried again after the back-off.
    fn poll_checkpoint(
        &self,
        auto: &mut AutoSession,
        now: Option<i64>,
        options: &SaveOptions<'_, Self::Registry>,
    ) -> Result<Option<CheckpointMade>, Error> {
        if !auto.wants(now)? {
            return Ok(None);
        }
        let mut is_captured = false;
        let made = make(self, options, |payload| {
            is_captured = true;
            Ok(auto.poll(now, payload)?)
        });
        if made.is_err() && !is_captured {
            auto.failed(now)?;
        }
        made
    }

    /// Makes this world what a checkpoint of a session says, in place, and that checkpoint the head of the session's branch: the next one goes on from it.
    ///
    /// # Errors
    /// As [`WorldCheckpoints::load_checkpoint`], and [`Error::Checkpoints`] for a checkpoint of another session. World and head are as they were, unless the head can't be moved once the
    /// world has changed.
    fn restore_checkpoint(
        &mut self,
        session: &Session,
        id: impl Into<CheckpointId>,
    ) -> Result<CheckpointLoaded<Self::Entity>, Error> {
        let id = id.into();
        session.find(id)?;
        let options = LoadOptions::default();
        let loaded = self.load_checkpoint(session.store(), id, LoadMode::Restore, &options)?;
        session.reset(id)?;
        Ok(loaded)
    }

    /// Loads the world of a checkpoint as these options say; what they say about formats, threads and files doesn't matter. No head moves.
    ///
    /// # Errors
    /// [`Error::Checkpoints`] with those of [`CheckpointStore::get`], and with [`StateHash`](keepstone_checkpoint::Error::StateHash) when what was read is not what was captured; what the checkpoint and the registry
    /// disagree about. This world is then as it was.
    fn load_checkpoint(
        &mut self,
        store: &CheckpointStore,
        id: impl Into<CheckpointId>,
        mode: LoadMode,
        options: &LoadOptions<'_, Self::Registry>,
    ) -> Result<CheckpointLoaded<Self::Entity>, Error> {
        let begin = Instant::now();
        let checkpoint = store.checkpoint(id)?;
        let Incoming { doc, decode_time, values_max } = store.get::<Incoming>(&checkpoint)?;
        let read_time = begin.elapsed().saturating_sub(decode_time);
        if let Some(expected) = checkpoint.facts.state_hash {
            let found = short(doc.hash()?);
            if found != expected {
                return Err(CheckpointError::StateHash { id: checkpoint.id, expected, found }.into());
            }
        }
        let values_max = options.limits.map_or(values_max, |limits| limits.decoded_max);
        let decoded = Decoded { doc, bytes: checkpoint.len, read_time, decode_time, values_max };
        let report = placed::place(self, &decoded, mode, options)?;
        Ok(CheckpointLoaded { report, checkpoint })
    }
}

impl<M, W: EcsWorld<M>> WorldCheckpoints<M> for W {}

/// Captures a world, and says what was if `commit` has made a checkpoint of it.
fn make<M, W: EcsWorld<M>>(
    world: &W,
    options: &SaveOptions<'_, W::Registry>,
    commit: impl FnOnce(&dyn Payload) -> Result<Option<Committed>, Error>,
) -> Result<Option<CheckpointMade>, Error> {
    check(options)?;
    with_capture(world, options, |capture| {
        let doc = &capture.doc;
        let encode = EncodeOptions::default().threads(options.threads);
        let payload = Outgoing { doc, options: encode, state_hash: options.state_hash, whole_meta: true };
        Ok(commit(&payload)?.map(|committed| CheckpointMade {
            committed,
            entities: doc.entity_count().into(),
            values: doc.value_count(),
            left_out: capture.left_out,
        }))
    })
}
