//! The harness that measures keepstone, and the world that it measures with.
//!
//! A [`Case`] is something of ours and one or more floors: the least that anybody would have to do. [`run`] lets them
//! alternate in one process and compares round by round, so what slows the machine down slows both sides. A limit is
//! held against the lower 95 % bound of the ratio: it is missed only when chance is no explanation.
//!
//! ```
//! use keepstone_benches::{Budget, Case, run};
//!
//! let (ours, floor) = (vec![1_u8; 4096], vec![1_u8; 4096]);
//! let mut case = Case::new("sum", "4 KiB")
//!     .ours(move |watch| watch.together(|| Ok(ours.iter().copied().fold(0, u8::wrapping_add))))
//!     .floor(1.0, "sum", move |watch| watch.together(|| Ok(floor.iter().copied().fold(0, u8::wrapping_add))))
//!     .limit(100.0);
//! let measured = run(&mut case, Budget::rounds(9))?;
//! assert!(measured.interval.lower <= measured.ratio && measured.ratio <= measured.interval.upper);
//! # anyhow::Ok(())
//! ```
#![deny(unsafe_code)]

pub mod alloc;
pub mod aw_save;
pub mod bundle;
mod case;
pub mod cases;
pub mod columns;
pub mod compared;
pub mod counted;
mod crew;
pub mod document;
pub mod forge;
pub mod gate;
mod group_commit;
pub mod html;
pub mod in_hecs;
pub mod insert_by_ids;
pub mod machine;
pub mod mapped;
pub mod mixed;
pub mod named;
pub mod profiled;
pub mod program;
pub mod protocol;
pub mod published;
pub mod rivals;
mod run;
mod scratch;
pub mod sleeper;
pub mod stats;
pub mod table;
pub mod vectors;
mod watch;

pub use case::{Case, Plan, Unit};
pub use crew::{Crew, Job, repeat};
pub use group_commit::GroupCommit;
pub use run::{Budget, Counters, Floor, Measured, Rival, Verdict, run};
pub use scratch::{Ring, Scratch};
pub use watch::Watch;
