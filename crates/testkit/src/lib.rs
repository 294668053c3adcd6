//! Simulated disk, crash sweeps and fault sweeps for the tests of keepstone.
//!
//! Everything here is a [`Files`](keepstone_storage::Files) or works on one:
//!
//! - [`SimFiles`] is a disk that records what is done to it. From the record is known what is durable:
//!   the data of a file by a sync of that file, a name by a sync of its directory, and nothing else.
//! - [`Sweep`] cuts the power at each step of a program, and at each step of its recovery from every disk
//!   that is left, or from a killed process that left all in the page cache. Each disk goes to a check.
//!   [`crash_sweep`] is the short form, without recovery.
//! - [`fault_sweep`] lets each call of a program meet each [`Fault`], once and from then on.
//! - [`tap`] puts behaviour around any other files: faults, counters, and disks that are wrong in a known
//!   way, which a sweep must catch: [`NoFileSync`], [`NoDirSync`], [`SyncAfterRename`], [`IgnoredFailure`].
//!
//! ```
//! use std::path::Path;
//!
//! use keepstone_storage::{Durability, atomic, read};
//! use keepstone_testkit::crash_sweep;
//!
//! let path = Path::new("a.keep");
//! let swept = crash_sweep(
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
//! assert!(swept.states_checked > 3);
//! ```
//!
//! # What a power cut leaves
//!
//! What the simulated disk keeps and loses is what `docs/durability.md` assumes of a real one. A sector of
//! 512 bytes has the content of one moment since the last sync of its file, whatever the others have; a
//! length may be there without its data; each change of names is there or not. Where a sync has failed,
//! through [`SimFiles::faults`], no later one makes durable what was dirty then and is not written again.
//!
//! States are told apart by hashes of 128 bits and checked once. Versions of a sector that are equal are
//! one, so filling a file with zeros ahead of time costs a few lengths.
//!
//! # How many states
//!
//! A crash point with more states than its cap is not gone through but sampled: none of the steps that
//! are not durable and all, each of them lost, each kept alone, every prefix, names or data alone, then
//! random states by a seed. The report, [`Swept`], says how many points that were. A [`Failure`] prints its
//! seed, the steps with each crash between them, and the disk; the same seed and the same caps find it again.
//!
//! An ordinary test run does little. `cargo xtask crash` sets what [`effort`] reads: higher caps, and
//! random [`histories`] for as long as there is time.

#![forbid(unsafe_code)]

#[cfg(feature = "browser")]
pub mod browser;
mod content;
mod count;
mod disk;
pub mod effort;
mod explore;
mod fault;
mod fault_sweep;
mod hash;
mod image;
mod inode;
mod model;
mod point;
mod random;
mod report;
mod sim;
mod step;
mod sweep;
pub mod tap;
mod wrong;

pub use count::{CountingFiles, Counts};
pub use effort::histories;
pub use fault::{Fault, FaultFiles, Until};
pub use fault_sweep::{FaultCase, FaultsFailed, FaultsSwept, fault_sweep};
pub use image::Image;
pub use point::TooManyStates;
pub use random::Random;
pub use report::{Failure, Swept};
pub use sim::SimFiles;
pub use step::Step;
pub use sweep::{RECOVERIES_MAX, STATES_AGAIN_MAX, STATES_MAX, Sweep, crash_sweep};
pub use wrong::{IgnoredFailure, NoDirSync, NoFileSync, SyncAfterRename};
