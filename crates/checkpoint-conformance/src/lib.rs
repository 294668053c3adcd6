#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

#[macro_use]
mod check;
mod act;
mod ground;
mod group;
mod groups;
mod place;
mod random;
mod report;
mod stand;
mod suite;
mod sweep;
mod tap;
mod view;

pub use group::Group;
pub use place::{BoxError, Factory, InMemory, Openings, Place};
pub use report::{CheckReport, GroupReport, Outcome, Report};
pub use suite::{Effort, Suite};
