//! Worlds in parts: captured while they are walked through, and spawned while they are read.

mod capture;
mod cursor;
mod ranks;
mod spawn;

pub(crate) use self::{capture::capture_parts, spawn::spawn_parts};
