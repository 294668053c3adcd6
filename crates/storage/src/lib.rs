#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

mod aligned;
pub mod atomic;
mod committed;
mod durability;
mod error;
mod files;
pub mod generation;
mod lock;
mod mem;
mod mmap;
mod os;
#[cfg(feature = "planted")]
#[doc(hidden)]
pub mod planted;
#[cfg(not(feature = "planted"))]
pub(crate) mod planted;
mod random;
mod read;
pub mod snapshot;
pub mod spare;
mod sync;
pub mod wal;

pub use aligned::Buffer;
pub use durability::Durability;
pub use error::{Error, Op};
pub use files::{File, FileId, Files, Metadata, Stamp};
pub use generation::{GenerationOptions, Generations};
pub use lock::Lock;
pub use mem::MemFiles;
pub use os::OsFiles;
pub use random::random_id;
pub use read::read;
pub use snapshot::Snapshot;
pub use wal::{Lsn, Wal, WalOptions};
