#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod backend;
mod catalog;
mod checkpoint;
pub mod delta;
mod error;
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
mod state;
mod store;
mod trigger;
mod whole;

pub use backend::{Backend, DirBackend, MemBackend};
pub use checkpoint::{Checkpoint, Facts, Fields, StateLayout};
pub use error::Error;
pub use exchange::{Exported, Imported, ImportedCheckpoint, Renamed, Selection};
pub use id::{CheckpointId, ContentId, Sequence};
pub use keepstone_format::Kind;
pub use keepstone_storage::{Durability, Files, MemFiles, OsFiles};
pub use keepstone_store::{Bytes, Dynamic, FromPayload, Payload, PayloadError};
pub use op::{Cause, Move};
pub use options::{Compression, StoreOptions};
pub use retention::{Kept, Plan, Policy, Reason, Span, UndoStep};
pub use state::State;
pub use store::{
    BatchItem, CheckpointReader, CheckpointStore, Committed, Draft, Progress, Pruned, Query, Session,
    SessionInfo, Stage, Stats, Swept,
};
pub use trigger::Trigger;
