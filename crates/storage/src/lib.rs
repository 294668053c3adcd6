#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod atomic;
mod durability;
mod error;
mod files;
mod mem;
mod os;
mod read;

pub use durability::Durability;
pub use error::{Error, Op};
pub use files::{File, FileId, Files, Metadata};
pub use mem::MemFiles;
pub use os::OsFiles;
pub use read::read;
