//! Worlds captured and spawned part by part.

mod capture;
mod cursor;
mod located;
mod ranks;
mod spawn;

pub(crate) use self::{capture::capture_parts, spawn::spawn_parts};
