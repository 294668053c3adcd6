//! Deltas.

mod compose;
mod golden;
mod hostile;
#[cfg(feature = "zstd")]
mod prefixed;
mod restore;
mod sizes;
mod states;
mod support;
