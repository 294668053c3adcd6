//! Worlds captured and spawned part by part.

mod capture;
mod cursor;
mod spawn;

pub(crate) use self::{capture::capture_parts, spawn::spawn_parts};
