//! Checkpoints on their way from one store to another.

mod anywhere;
mod crash;
mod graph;
mod hostile;
mod json;
mod keep;
mod meanwhile;
