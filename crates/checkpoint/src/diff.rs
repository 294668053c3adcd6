//! What changed between the states of two checkpoints.

mod bytes;
#[cfg(feature = "json")]
mod json;
mod sections;

pub use bytes::{ByteRange, BytesDiff};
pub use sections::{SectionDiff, SectionsDiff};

use std::fmt;

use keepstone_store::Dynamic;
use keepstone_value::{Value, ValueDiff, diff};

use crate::{
    checkpoint::{Checkpoint, StateLayout},
    state::State,
};

/// How two states are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiffOptions {
    /// Whether values are looked into; else all states are bytes.
    pub structure: bool,
    /// Changes, or ranges of bytes, that are kept; all are counted. A thousand unless told otherwise.
    pub kept_max: usize,
    /// Bytes of a state beyond which it isn't taken apart: a value takes up to a hundred times as much memory. 16 MiB unless told otherwise.
    pub structure_bytes_max: u64,
}

impl Default for DiffOptions {
    fn default() -> Self {
        Self { structure: true, kept_max: 1000, structure_bytes_max: 16 << 20 }
    }
}

impl DiffOptions {
    /// Sets whether values are looked into.
    pub fn structure(mut self, structure: bool) -> Self {
        self.structure = structure;
        self
    }

    /// Sets how many changes are kept.
    pub fn kept_max(mut self, count: usize) -> Self {
        self.kept_max = count;
        self
    }

    /// Sets beyond how many bytes a state isn't taken apart.
    pub fn structure_bytes_max(mut self, bytes: u64) -> Self {
        self.structure_bytes_max = bytes;
        self
    }
}

/// What changed between two states. Its text has a line for each change that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// Nothing: both are the same bytes.
    Same,
    /// Bytes of the program's own, values that can't be read, and what is too long to be taken apart.
    Bytes(BytesDiff),
    /// Both are bytes that are a JSON object or array.
    ///
    /// Without changes the same JSON is written in other bytes. Numbers beyond 64 bits are compared as the f64 that most readers take them for.
    Json(ValueDiff),
    /// Both are serde values. Without changes the same value stands behind another shape.
    Value(ValueDiff),
    /// Both have sections: worlds, and payloads of the program's own making. Worlds are compared by entity with
    /// `diff_checkpoints` of keepstone-world.
    Sections(SectionsDiff),
    /// They are of two sorts, and nothing in them can be compared.
    Layouts {
        /// What the first one is.
        before: StateLayout,
        /// What the second one is.
        after: StateLayout,
    },
}

impl Difference {
    /// Whether both states hold the same, be it in the same bytes or not.
    pub fn is_same(&self) -> bool {
        match self {
            Self::Same => true,
            Self::Json(diff) | Self::Value(diff) => diff.is_empty(),
            Self::Sections(diff) => diff.is_empty(),
            Self::Bytes(_) | Self::Layouts { .. } => false,
        }
    }

    /// What changed in a value, if values were compared.
    pub fn as_value(&self) -> Option<&ValueDiff> {
        match self {
            Self::Json(diff) | Self::Value(diff) => Some(diff),
            _ => None,
        }
    }

    /// What two checkpoints show without their states being read, if that is all there is to know.
    pub(crate) fn known(before: &Checkpoint, after: &Checkpoint) -> Option<Self> {
        if before.layout != after.layout {
            return Some(Self::Layouts { before: before.layout, after: after.layout });
        }
        (before.content == after.content).then_some(Self::Same)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => f.write_str("the same"),
            Self::Json(diff) | Self::Value(diff) if diff.is_empty() => f.write_str("the same in other bytes"),
            Self::Json(diff) | Self::Value(diff) => diff.fmt(f),
            Self::Bytes(diff) => diff.fmt(f),
            Self::Sections(diff) => diff.fmt(f),
            Self::Layouts { before, after } => write!(f, "{before} -> {after}"),
        }
    }
}

impl State {
    /// Finds what makes the other state of this one: in serde values and JSON by field, key and element, in sections by section, else
    /// by ranges of bytes. See [`keepstone_value::diff`] for how values are matched.
    ///
    /// It has an answer for any bytes: what can't be taken apart is compared as bytes. Of values it keeps no more than
    /// [`DiffOptions::kept_max`] changes.
    pub fn diff(&self, other: &Self, options: &DiffOptions) -> Difference {
        if self.layout() != other.layout() {
            return Difference::Layouts { before: self.layout(), after: other.layout() };
        }
        if self.bytes() == other.bytes() {
            return Difference::Same;
        }
        let len = self.bytes().len().max(other.bytes().len()) as u64;
        let has_structure = options.structure && len <= options.structure_bytes_max;
        let structure = match self.layout() {
            StateLayout::Value if has_structure => values(self, other, options),
            StateLayout::Bytes if has_structure => json_values(self, other, options),
            StateLayout::Sections if options.structure => {
                sections::between(self.bytes(), other.bytes(), options.kept_max).map(Difference::Sections)
            }
            _ => None,
        };
        structure.unwrap_or_else(|| {
            Difference::Bytes(BytesDiff::between(self.bytes(), other.bytes(), options.kept_max))
        })
    }
}

fn values(a: &State, b: &State, options: &DiffOptions) -> Option<Difference> {
    let (a, b) = (a.decode::<Dynamic>().ok()?, b.decode::<Dynamic>().ok()?);
    Some(Difference::Value(between(&a.value, &b.value, options)))
}

#[cfg(feature = "json")]
fn json_values(a: &State, b: &State, options: &DiffOptions) -> Option<Difference> {
    let (a, b) = (json::value_of(a.bytes())?, json::value_of(b.bytes())?);
    Some(Difference::Json(between(&a, &b, options)))
}

#[cfg(not(feature = "json"))]
fn json_values(_: &State, _: &State, _: &DiffOptions) -> Option<Difference> {
    None
}

fn between(a: &Value<'_>, b: &Value<'_>, options: &DiffOptions) -> ValueDiff {
    a.diff_with(b, &diff::Options { changes_max: options.kept_max, ..diff::Options::default() })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use keepstone_store::Payload;

    use super::*;
    use crate::{checkpoint::Facts, state::capture};

    fn state(layout: StateLayout, bytes: &[u8]) -> State {
        State::new(Arc::new(bytes.to_vec()), layout, Facts::default())
    }

    /// Compares a state with what damage makes of it: each byte another, and cut short at every length.
    fn damage(layout: StateLayout, bytes: &[u8]) {
        let options = DiffOptions::default();
        let good = state(layout, bytes);
        for at in 0..bytes.len() {
            for flip in [1, 0x80, 0xff] {
                let mut other = bytes.to_vec();
                other[at] ^= flip;
                let (there, back) = (state(layout, &other), &good);
                assert_eq!(there.diff(back, &options).is_same(), back.diff(&there, &options).is_same());
                assert_ne!(there.diff(back, &options), Difference::Same);
                assert!(!there.diff(back, &options).to_string().is_empty());
            }
            assert_ne!(good.diff(&state(layout, &bytes[..at]), &options), Difference::Same);
        }
    }

    #[test]
    fn a_damaged_value_has_an_answer() {
        let value = (vec![("one", 1_u8), ("two", 2)], Some(1.5_f32), [true, false]);
        let mut bytes = Vec::new();
        capture(value.prepare().unwrap(), &mut bytes).unwrap();
        damage(StateLayout::Value, &bytes);
    }

    #[test]
    fn damaged_sections_have_an_answer() {
        // Two sections of three and two bytes, and no metadata.
        let bytes = [&[2, 1, 0, 3, 2, 0, 2, 0, 0][..], b"abcde"].concat();
        let both = state(StateLayout::Sections, &bytes);
        let mut other = bytes.clone();
        other[9] = b'x';
        let diff = both.diff(&state(StateLayout::Sections, &other), &DiffOptions::default());
        assert!(matches!(&diff, Difference::Sections(diff) if diff.same == 1), "{diff:?}");
        damage(StateLayout::Sections, &bytes);
    }

    // Of two sections of one id and number only the last was compared, and sections in another order had an empty text.
    #[test]
    fn sections_that_stand_twice_or_in_another_order_are_no_change_without_a_text() {
        let options = DiffOptions::default();
        let twice = |bytes: &[u8; 5]| {
            state(StateLayout::Sections, &[&[2, 1, 0, 3, 1, 0, 2, 0, 0][..], bytes].concat())
        };
        let diff = twice(b"abcde").diff(&twice(b"xbcde"), &options);
        assert!(matches!(&diff, Difference::Bytes(diff) if diff.new_bytes > 0), "{diff:?}");
        let one_two = state(StateLayout::Sections, &[&[2, 1, 0, 3, 2, 0, 2, 0, 0][..], b"abcde"].concat());
        let two_one = state(StateLayout::Sections, &[&[2, 2, 0, 2, 1, 0, 3, 0, 0][..], b"deabc"].concat());
        let diff = one_two.diff(&two_one, &options);
        assert!(matches!(&diff, Difference::Sections(diff) if diff.same == 2), "{diff:?}");
        assert_eq!(diff.to_string(), "the same sections in other bytes");
        assert!(diff.is_same());
    }

    #[cfg(feature = "json")]
    #[test]
    fn damaged_json_has_an_answer() {
        damage(StateLayout::Bytes, br#"{"a":[1,-2.5,"\u00e9",null,true],"b":{"a":1}}"#);
        let text = |text: &str| state(StateLayout::Bytes, text.as_bytes());
        // A member that stands twice, and numbers that no reader takes.
        for (a, b) in [("{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":3}"), ("[1e999]", "[1e998]"), ("[[[[", "[[[")] {
            assert!(!text(a).diff(&text(b), &DiffOptions::default()).is_same(), "{a} {b}");
        }
    }
}
