use std::time::Duration;

use keepstone_ecs_persist::{EncodeReport, LeftOut, MigrationReport, RestoreReport, SpawnReport, WorldMeta};
use keepstone_storage::Durability;

/// What was saved and what it took.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SaveReport {
    /// What the file holds and what was left out. A format without sections has the bytes of the whole file as those of its sections.
    pub encoded: EncodeReport,
    /// What has been waited for; `None` when the caller's stream was written.
    pub durability: Option<Durability>,
    /// Time on the world itself: nobody may change it meanwhile. In the background, all that the caller waited for but room in the queue.
    pub capture_time: Duration,
    /// Time for codec and checksums, and for writing: they are one pass.
    pub encode_time: Duration,
    /// Time until what was written was durable and in its place.
    pub commit_time: Duration,
}

/// What was loaded and what it took.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LoadReport<E> {
    /// The entities, and what could not be placed. After a restore `values` counts what was written, resources included.
    pub spawned: SpawnReport<E>,
    /// What a restore in place changed: see [`LoadMode::Restore`](crate::LoadMode::Restore).
    pub restored: Option<RestoreReport<E>>,
    /// The steps that brought the file to the present version, if a chain was given; [`WorldDeltas`](crate::WorldDeltas) and typed steps of components aside.
    pub migrated: Option<MigrationReport>,
    /// Component values that were left out because of [`LoadOptions::filter`](crate::LoadOptions::filter) or
    /// [`LoadOptions::dangling`](crate::LoadOptions::dangling).
    pub left_out: Vec<LeftOut>,
    /// Entities that were left out for the same reasons.
    pub entities_left_out: u64,
    /// What the application said about the world when it was saved; after a migration with the world version that it led to.
    pub meta: WorldMeta,
    /// Bytes of the file.
    pub bytes: u64,
    /// Time to read the file.
    pub read_time: Duration,
    /// Time to check and decode it.
    pub decode_time: Duration,
    /// Time to spawn the entities.
    pub spawn_time: Duration,
}
