//! Worlds in parts: FORMAT.md, section 3.5.

mod hostile;
mod repaired;
mod shown;
mod world;
