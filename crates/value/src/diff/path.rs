use std::sync::Arc;

use crate::value::Value;

/// The way to a place in a value, such as `party[2].health` or `prices["coin"]`; nothing if it is the value itself.
///
/// Options and newtypes are no step.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Path {
    /// Shared: of many changes in one place the steps there are kept once.
    pub(super) steps: Vec<Arc<Step>>,
}

/// One step of a [`Path`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// The field of this name.
    Field(Box<str>),
    /// Into the fields of this variant.
    Variant(Box<str>),
    /// An element: its place in the first value and in the second, where it is in them.
    Item {
        /// The place in the first value; none for what was put in.
        before: Option<usize>,
        /// The place in the second value; none for what was taken out.
        after: Option<usize>,
    },
    /// The value of this key in a map.
    Key(Value<'static>),
}

impl Path {
    /// The steps, from the outside in.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = &Step> {
        self.steps.iter().map(|step| &**step)
    }

    /// Whether it is the value itself.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// How many steps it has.
    pub fn len(&self) -> usize {
        self.steps.len()
    }
}
