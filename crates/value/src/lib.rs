//! serde values as rows that carry their own schema.
//!
//! A column of serde values becomes bytes in the [postcard] wire format and one *shape*: what the values have in common, found
//! while they are written. With the shape rows are readable without the program that wrote them, by types that have changed
//! since, and where postcard alone writes what it can't read back: internally tagged and untagged enums, `flatten`,
//! `skip_serializing_if`, dynamic values. References between entities leave the rows, so that they can be renumbered without
//! understanding the rows.
//!
//! This crate turns values into [`Rows`] and back; it knows no file. The container, and what a column is, are in
//! `keepstone-format` and its FORMAT.md, section 4.
//!
//! ```
//! use keepstone_value::{Decoder, Options, encode};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize, PartialEq, Debug)]
//! #[serde(tag = "type")]
//! enum Effect {
//!     Burn { damage: u32 },
//!     Heal { amount: u32, #[serde(skip_serializing_if = "Option::is_none")] until: Option<u64> },
//! }
//!
//! let effects = [Effect::Burn { damage: 7 }, Effect::Heal { amount: 3, until: None }];
//! let options = Options::default();
//! let rows = encode(effects.iter(), None, &options)?;
//! assert_eq!(rows.shape.to_string(), "struct Effect { type: str, amount?: u32, damage?: u32 }");
//!
//! let mut decoder = Decoder::new(&rows.shape, &rows.data, &rows.targets, None, &options);
//! for (effect, len) in effects.iter().zip(&rows.lens) {
//!     assert_eq!(decoder.row::<Effect>(*len)?, *effect);
//! }
//! decoder.finish()?;
//! # Ok::<(), keepstone_value::Error>(())
//! ```
//!
//! # Limits
//!
//! - serde buffers what stands in untagged and internally tagged enums and behind `flatten`. Its buffer has no 128-bit
//!   integers, and it forgets whether a format is human readable: types such as `IpAddr` or `Uuid` need
//!   [`Options::human_readable`] there.
//! - Maps are sorted: the order of an `IndexMap` is lost. Sets are sequences to serde: a `HashSet` is written in the order in which
//!   it iterates, which differs between equal sets.
//! - A value nests at most 128 levels; an array counts each element's position in the shape, of which there are 65,535.
//! - A struct is read field by field in order if its fields are those of the shape, so a hand-written `Deserialize` has to
//!   take a sequence as well as a map, as derived ones do.
//!
//! [postcard]: https://postcard.jamesmunns.com/wire-format
#![forbid(unsafe_code)]
#![expect(
    clippy::inline_always,
    reason = "a call that isn't inlined passes a value's state through memory, which stalls"
)]

mod decode;
pub mod diff;
mod encode;
mod entities;
pub mod entity;
mod error;
mod fault;
mod options;
mod plan;
mod record;
pub mod shape;
mod value;
mod wire;

pub use crate::decode::Decoder;
pub use crate::diff::ValueDiff;
pub use crate::encode::{
    Batches, Learned, Learner, Rows, Suspects, append_learned, encode, encode_learned, encode_values,
    encode_values_like,
};
pub use crate::entities::{Entities, EntityType, NONE, Resolve};
pub use crate::error::{Error, Problem, ShapeProblem};
pub use crate::options::Options;
pub use crate::shape::Shape;
pub use crate::value::{Difference, Fields, Struct, Value, Variant};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
