//! Rows and shapes against the specification, postcard, other types, and hostile bytes.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

mod arbitrary;
mod diff;
mod dynamic;
mod entities;
mod evolution;
mod golden;
mod hostile;
mod join;
mod learning;
mod marks;
mod postcard_oracle;
mod shapes;
mod support;
mod values;
mod zoo;
