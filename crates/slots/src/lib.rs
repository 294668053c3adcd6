#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod autosave;
pub mod directory;
mod entry;
mod error;
mod id;
mod index;
mod kind;
mod listing;
mod manager;
mod migrate;
mod note;
mod options;
#[cfg(feature = "planted")]
#[doc(hidden)]
pub mod planted;
#[cfg(not(feature = "planted"))]
pub(crate) mod planted;
mod player;
mod profile;
mod reader;
mod request;
mod root;
mod stem;
pub mod sync;

pub use autosave::{Autosave, AutosavePolicy};
pub use entry::{EntryState, Mod, SaveEntry};
pub use error::Error;
pub use id::SaveId;
pub use keepstone_format::{Codec, Kind, Metadata};
pub use keepstone_storage::{Durability, Files, MemFiles, OsFiles};
pub use keepstone_store::{Bytes, Dynamic, FromPayload, Payload, PayloadError, Prepared, Ticket, Unclaimed};
/// Values without types, for [`Migrations::dynamic_step`] and [`Dynamic`].
pub use keepstone_value as value;
pub use kind::SaveKind;
pub use manager::{
    BatchItem, Handed, ImportMode, Loaded, Lost, Quota, Recovered, SaveManager, Saved, Verified, VerifyReport,
};
pub use migrate::{BackgroundMigration, BulkMigration, Migrations, Progress, Step};
pub use options::{Compression, Keep, Layout, SaveOptions, Schema};
pub use player::Player;
pub use reader::SaveReader;
pub use request::{Overwrite, SaveRequest};
