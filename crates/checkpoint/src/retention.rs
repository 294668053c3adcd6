//! Which checkpoints stay, and which go: a function of the catalog and of the time that it is told.

mod always;
mod calendar;
mod choose;
mod estimate;
mod plan;
mod policy;
mod reason;
mod table;
#[cfg(test)]
mod tests;
mod undo;
mod upkeep;

pub use calendar::Span;
pub use plan::{Kept, Plan};
pub use policy::Policy;
pub use reason::Reason;
pub use undo::UndoStep;
pub use upkeep::Retention;
