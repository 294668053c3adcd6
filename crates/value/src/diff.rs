//! What changed between two values, place by place.
//!
//! ```
//! use keepstone_value::{Decoder, Options, Value, encode};
//!
//! #[derive(serde::Serialize)]
//! struct Hero { name: &'static str, health: u32 }
//!
//! let before = vec![Hero { name: "ann", health: 9 }, Hero { name: "bo", health: 10 }];
//! let after = vec![before[0].clone(), Hero { name: "cy", health: 5 }, Hero { name: "bo", health: 7 }];
//! # impl Clone for Hero { fn clone(&self) -> Self { Hero { ..*self } } }
//! let options = Options::default();
//! let rows = encode([before, after].iter(), None, &options)?;
//! let mut decoder = Decoder::new(&rows.shape, &rows.data, &rows.targets, None, &options);
//! let (before, after) = (decoder.value(rows.lens[0])?, decoder.value(rows.lens[1])?);
//!
//! let diff = before.diff(&after);
//! assert_eq!(diff.to_string(), "+ [1]: Hero { name: \"cy\", health: 5 }\n[2].health: 10 -> 7");
//! assert_eq!(diff.apply(&before)?, after);
//! # Ok::<(), keepstone_value::Error>(())
//! ```
//!
//! # How parts are matched
//!
//! - Fields by name and entries of maps by key, whatever their order. A map in which a key stands twice differs as a whole.
//! - Variants of enums by variant: another variant is another value. Options that are there, and newtypes, by what they hold.
//! - Tuples and arrays of one length place by place.
//! - Elements of sequences by what they are: what is put in or taken out in the middle is one change. The fewest changes are looked for
//!   (Myers); where there are more than a few hundred, elements that stand once on both sides are held on to (patience), and the
//!   fewest are looked for between these. What is left is paired by likeness where that is little, and by place where it is much.
//! - Floats by their bits, references by their ordinals, text and bytes as a whole.
//!
//! # Limits
//!
//! A walk that has taken [`Options::work_max`] steps takes sequences place by place from there on, which takes time in proportion to the
//! values. Of the changes the first [`Options::changes_max`] are kept, and all are counted. Below 256 levels values are compared as a
//! whole.

mod align;
mod apply;
mod change;
mod display;
mod lists;
mod myers;
mod options;
mod path;
mod patience;
mod same;
mod walk;

pub use change::{Change, What};
pub use options::Options;
pub use path::{Path, Step};

use crate::value::Value;

/// What makes one value of another: changes in the order of the first value. Made by [`Value::diff`].
///
/// Its text has a line for each change, and one that counts those that are not kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ValueDiff {
    changes: Vec<Change>,
    total: u64,
    work: u64,
}

impl ValueDiff {
    /// The changes that are kept.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// How many changes there are, kept or not.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Whether the values hold the same.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Whether all changes are kept.
    pub fn is_complete(&self) -> bool {
        self.changes.len() as u64 == self.total
    }

    /// Steps that finding them took: values looked at, and elements compared.
    pub fn work(&self) -> u64 {
        self.work
    }
}

impl Value<'_> {
    /// Finds what makes the other value of this one. See [`diff`](crate::diff) for how parts are matched.
    ///
    /// [`differences`](Self::differences) compares elements place by place, and copies nothing.
    pub fn diff(&self, other: &Value<'_>) -> ValueDiff {
        self.diff_with(other, &Options::default())
    }

    /// The same with limits of one's own.
    pub fn diff_with(&self, other: &Value<'_>, options: &Options) -> ValueDiff {
        walk::Walk::new(*options).run(self, other)
    }
}
