//! Reads the JSON exports of forge's checkpoints.
//!
//! # Shapes
//!
//! | written by | members |
//! |---|---|
//! | `CheckpointExporter::export_session` | `version` "1.0", `session_id`, `exported_at`, `checkpoints` |
//! | `CheckpointService::export_all_checkpoints` | `global_sequence`, `exported_at`, `checkpoints` |
//!
//! Neither importer of forge takes the shape of the other; here both are read. A checkpoint has the members `id`, `timestamp`,
//! `sequence_number`, `message`, `tags`, `state`, `trigger`, `session_id` and `checksum`, and others are passed over.
//!
//! # What the checksum shows
//!
//! It is SHA-256 over the compact JSON of the first eight members, with everything in `state` in the order in which it was written. forge
//! computes it before it puts the tags on, so it fits either the checkpoint as it is or without its tags:
//! [`Checksum`] says which. One that doesn't fit is no error: forge never looks at it.
//!
//! # Secrets
//!
//! A state holds every environment variable of the process that made the checkpoint. They are left out unless
//! [`Secrets::Keep`] is asked for; the checksum is that of the whole state all the same.
//!
//! # Memory
//!
//! Texts that need no change are those of the file. What is built beside takes at most about ten times the bytes that it is
//! built from.

mod checkpoint;
mod checksum;
mod export;
mod id;
mod secrets;
mod text;
mod trigger;

pub use checkpoint::Checkpoint;
pub use checksum::Checksum;
pub use export::{Export, Shape};
pub use id::Id;
pub use secrets::Secrets;
pub use trigger::Trigger;
