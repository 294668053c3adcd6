//! Saves on several machines.
//!
//! [`SaveManager::sync`](crate::SaveManager::sync) brings the newest save of each slot to where the others are: to anything that is a [`SyncTarget`].
mod base;
mod counted;
mod dir;
mod file;
mod history;
mod manifest;
mod moved;
mod name;
mod options;
mod remote;
mod report;
mod run;
mod simulated;
mod target;

pub use dir::DirTarget;
pub use options::{Direction, ForkPolicy, SyncOptions};
pub use report::{DamagedRemote, Relation, Requests, SlotAction, SlotOutcome, SyncReport, Traffic};
pub use simulated::{CloudOptions, Fault, SimulatedCloud};
pub use target::{SyncTarget, TargetError};

pub(crate) use run::run;
