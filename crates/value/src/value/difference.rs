use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::Hash;
use std::ops::ControlFlow;

use crate::value::{Fields, Value};

/// A place where two values differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference<'v, 'a> {
    /// The way there, such as `.items[3].name` or `.prices["coin"]`; nothing if the values differ as a whole. Variants are fields;
    /// options and newtypes are no step.
    pub path: String,
    /// What stands there in the first value.
    pub before: Option<&'v Value<'a>>,
    /// What stands there in the second value.
    pub after: Option<&'v Value<'a>>,
}

#[derive(Clone, Copy)]
enum Step<'v, 'a> {
    Field(&'v str),
    Index(usize),
    Key(&'v Value<'a>),
}

impl<'a> Value<'a> {
    /// The first place where this value differs from the other, or none if they hold the same.
    ///
    /// Fields are matched by name and entries of maps by key, whatever their order; elements by index. References are the same
    /// if their ordinals are.
    pub fn difference<'v>(&'v self, other: &'v Value<'a>) -> Option<Difference<'v, 'a>> {
        self.differences(other, 1).pop()
    }

    /// The first `count_max` places where this value differs from the other; see [`difference`](Self::difference).
    pub fn differences<'v>(&'v self, other: &'v Value<'a>, count_max: usize) -> Vec<Difference<'v, 'a>> {
        let mut walk = Walk { steps: Vec::new(), found: Vec::new(), count_max };
        if count_max > 0 {
            // What stops the walk is that enough was found.
            let _ = walk.values(self, other);
        }
        walk.found
    }
}

struct Walk<'v, 'a> {
    steps: Vec<Step<'v, 'a>>,
    found: Vec<Difference<'v, 'a>>,
    count_max: usize,
}

type Flow = ControlFlow<()>;

impl<'v, 'a> Walk<'v, 'a> {
    fn report(&mut self, before: Option<&'v Value<'a>>, after: Option<&'v Value<'a>>) -> Flow {
        let mut path = String::new();
        for step in &self.steps {
            // Writing to a String never fails.
            let _ = match step {
                Step::Field(name) => write!(path, ".{}", name.escape_debug()),
                Step::Index(index) => write!(path, "[{index}]"),
                Step::Key(key) => write!(path, "[{key}]"),
            };
        }
        self.found.push(Difference { path, before, after });
        if self.found.len() < self.count_max { Flow::Continue(()) } else { Flow::Break(()) }
    }

    /// Compares what one or both values have at a step.
    fn part(&mut self, step: Step<'v, 'a>, a: Option<&'v Value<'a>>, b: Option<&'v Value<'a>>) -> Flow {
        self.steps.push(step);
        let flow = match (a, b) {
            (Some(a), Some(b)) => self.values(a, b),
            (None, None) => Flow::Continue(()),
            (a, b) => self.report(a, b),
        };
        self.steps.pop();
        flow
    }

    fn values(&mut self, a: &'v Value<'a>, b: &'v Value<'a>) -> Flow {
        match (a, b) {
            (Value::Option(Some(a)), Value::Option(Some(b))) => self.values(a, b),
            (Value::Seq(x), Value::Seq(y)) => self.items(x, y),
            (Value::Tuple(x), Value::Tuple(y)) if x.len() == y.len() => self.items(x, y),
            (Value::Map(x), Value::Map(y)) => {
                let pair = |entry: &'v (Value<'a>, Value<'a>)| (&entry.0, &entry.1);
                self.matched(x.iter().map(pair), y.iter().map(pair), Step::Key)
            }
            (Value::Struct(x), Value::Struct(y)) if x.name == y.name && alike(&x.fields, &y.fields) => {
                self.fields(&x.fields, &y.fields)
            }
            (Value::Variant(x), Value::Variant(y))
                if (&x.of, x.index, &x.name) == (&y.of, y.index, &y.name) && alike(&x.fields, &y.fields) =>
            {
                self.steps.push(Step::Field(&x.name));
                let flow = self.fields(&x.fields, &y.fields);
                self.steps.pop();
                flow
            }
            _ if a == b => Flow::Continue(()),
            _ => self.report(Some(a), Some(b)),
        }
    }

    fn fields(&mut self, a: &'v Fields<'a>, b: &'v Fields<'a>) -> Flow {
        match (a, b) {
            (Fields::Newtype(a), Fields::Newtype(b)) => self.values(a, b),
            (Fields::Tuple(a), Fields::Tuple(b)) => self.items(a, b),
            (Fields::Named(a), Fields::Named(b)) => {
                let pair = |field: &'v (_, Value<'a>)| {
                    let name: &std::borrow::Cow<'a, str> = &field.0;
                    (&**name, &field.1)
                };
                self.matched(a.iter().map(pair), b.iter().map(pair), Step::Field)
            }
            _ => Flow::Continue(()),
        }
    }

    fn items(&mut self, a: &'v [Value<'a>], b: &'v [Value<'a>]) -> Flow {
        for index in 0..a.len().max(b.len()) {
            self.part(Step::Index(index), a.get(index), b.get(index))?;
        }
        Flow::Continue(())
    }

    /// Compares parts that have names; equal names are paired in their order.
    fn matched<K: Eq + Hash + Copy>(
        &mut self,
        a: impl Iterator<Item = (K, &'v Value<'a>)> + Clone,
        b: impl Iterator<Item = (K, &'v Value<'a>)> + Clone,
        step: impl Fn(K) -> Step<'v, 'a>,
    ) -> Flow {
        if a.clone().map(|(key, _)| key).eq(b.clone().map(|(key, _)| key)) {
            for ((key, x), (_, y)) in a.zip(b) {
                self.part(step(key), Some(x), Some(y))?;
            }
            return Flow::Continue(());
        }
        let mut places: HashMap<K, Vec<usize>> = HashMap::new();
        let mut others: Vec<_> = b.map(|(key, value)| (key, Some(value))).collect();
        for (index, (key, _)) in others.iter().enumerate().rev() {
            places.entry(*key).or_default().push(index);
        }
        for (key, x) in a {
            let place = places.get_mut(&key).and_then(Vec::pop);
            let y = place.and_then(|place| others.get_mut(place)).and_then(|(_, value)| value.take());
            self.part(step(key), Some(x), y)?;
        }
        for (key, y) in others {
            self.part(step(key), None, y)?;
        }
        Flow::Continue(())
    }
}

/// Whether two structs or variants hold the same kind of things.
fn alike(a: &Fields<'_>, b: &Fields<'_>) -> bool {
    match (a, b) {
        (Fields::Unit, Fields::Unit)
        | (Fields::Newtype(_), Fields::Newtype(_))
        | (Fields::Named(_), Fields::Named(_)) => true,
        (Fields::Tuple(a), Fields::Tuple(b)) => a.len() == b.len(),
        _ => false,
    }
}
