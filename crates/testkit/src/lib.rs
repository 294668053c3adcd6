//! Simulated disk, fault schedules and crash sweeps for the tests of keepstone.
//!
//! Everything here is a [`Files`](keepstone_storage::Files) or works on one. [`SimFiles`] records what
//! is done to it; [`crash_sweep`] builds from the record every disk that a power cut could leave and
//! hands each to a check. [`tap`] puts behaviour around any other files: faults, counters, and disks
//! that are wrong in a known way, which a sweep must catch.
//!
//! ```
//! use std::path::Path;
//!
//! use keepstone_storage::{Durability, atomic, read};
//! use keepstone_testkit::crash_sweep;
//!
//! let path = Path::new("a.keep");
//! let report = crash_sweep(
//!     |_disk| {},
//!     |disk| {
//!         atomic::replace(disk, path, Durability::Durable, b"content").unwrap();
//!         disk.acknowledge();
//!     },
//!     |disk, acknowledged| {
//!         let mut found = Vec::new();
//!         match read(disk, path, 100, &mut found) {
//!             Ok(()) if found == b"content" => Ok(()),
//!             Err(_) if acknowledged == 0 => Ok(()),
//!             other => Err(format!("{other:?}, {found:?}")),
//!         }
//!     },
//! )
//! .unwrap();
//! assert!(report.states_checked > 3);
//! ```
//!
//! What the simulated disk keeps and loses is what `docs/durability.md` assumes of a real one.

#![forbid(unsafe_code)]

mod count;
mod fault;
mod image;
mod inode;
mod model;
mod sim;
mod sweep;
pub mod tap;
mod wrong;

pub use count::{CountingFiles, Counts};
pub use fault::{Fault, FaultFiles, Until};
pub use image::Image;
pub use model::TooManyStates;
pub use sim::{SimFiles, Step};
pub use sweep::{Failure, STATES_MAX, Swept, crash_sweep};
pub use wrong::{NoDirSync, NoFileSync, SyncAfterRename};
