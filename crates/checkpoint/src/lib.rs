#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod automatic;
pub mod backend;
mod catalog;
mod checkpoint;
pub mod delta;
mod diff;
mod error;
mod events;
mod exchange;
mod form;
mod id;
mod journal;
mod limits;
mod manifest;
mod object;
mod op;
mod options;
mod pack;
#[cfg(feature = "planted")]
#[doc(hidden)]
pub mod planted;
#[cfg(not(feature = "planted"))]
pub(crate) mod planted;
mod retention;
#[cfg(feature = "serde")]
mod serial;
mod service;
mod state;
mod store;
mod trigger;
mod whole;

pub use automatic::{AutoSession, Automatic, Due};
pub use backend::{Backend, DirBackend, MemBackend};
pub use checkpoint::{Checkpoint, Facts, Fields, StateLayout};
pub use diff::{ByteRange, BytesDiff, DiffOptions, Difference, SectionDiff, SectionsDiff};
pub use error::Error;
pub use events::{Event, Events, Failure, Health, Status, Work};
pub use exchange::{Exported, Imported, ImportedCheckpoint, Renamed, Selection};
pub use id::{CheckpointId, ContentId, Sequence};
pub use keepstone_format::Kind;
pub use keepstone_storage::{Durability, Files, MemFiles, OsFiles};
pub use keepstone_store::{Bytes, Dynamic, FromPayload, Payload, PayloadError};
pub use op::{Cause, Move};
pub use options::{Compression, StoreOptions};
pub use retention::{Kept, Plan, Policy, Reason, Retention, Span, UndoStep};
#[cfg(feature = "async")]
pub use service::AsyncCheckpointService;
pub use service::{
    CheckpointInfo, CheckpointService, Command, Line, Metrics, PlanInfo, Reply, Request, StateData,
};
pub use state::State;
pub use store::{
    BackgroundError, BatchItem, CheckpointReader, CheckpointStore, Chore, Committed, Draft, Finding,
    LostCommits, MovedHead, ObjectFault, Progress, Pruned, Query, Recovered, Repaired, Session, SessionInfo,
    Stage, Stats, Swept, Validate, Validated, Validation,
};
pub use trigger::Trigger;
