//! Checkpoints that are made by themselves. Nothing here has a thread or a clock: the program says what happens and what time it is, and asks.

mod due;
mod policy;
mod schedule;
mod session;
mod since;

pub use due::Due;
pub use policy::Automatic;
pub use session::AutoSession;
