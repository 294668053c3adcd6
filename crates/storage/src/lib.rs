#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod atomic;
mod durability;
mod error;
mod files;
mod lock;
mod mem;
mod os;
mod read;
mod sync;
pub mod wal;

pub use durability::Durability;
pub use error::{Error, Op};
pub use files::{File, FileId, Files, Metadata};
pub use lock::Lock;
pub use mem::MemFiles;
pub use os::OsFiles;
pub use read::read;
pub use wal::{Lsn, Wal, WalOptions};
