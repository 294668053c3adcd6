use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    sync::Arc,
};

use super::{
    Change, Options, Path, Step, ValueDiff, What,
    lists::{Fate, fates},
};
use crate::value::{Fields, Value};

/// Levels that are walked through: values that were read have half as many at most.
const DEPTH_MAX: usize = 256;

/// Goes through two values side by side.
pub(super) struct Walk<'v> {
    way: Vec<Place<'v>>,
    depth: usize,
    changes: Vec<Change>,
    total: u64,
    work: u64,
    options: Options,
}

/// A step on the way, which becomes one of a path when something is reported behind it.
struct Place<'v> {
    mark: Mark<'v>,
    step: Option<Arc<Step>>,
}

#[derive(Clone, Copy)]
enum Mark<'v> {
    Field(&'v str),
    Variant(&'v str),
    Item(Option<usize>, Option<usize>),
    Key(&'v Value<'v>),
}

impl<'v> Walk<'v> {
    pub(super) fn new(options: Options) -> Self {
        Self { way: Vec::new(), depth: 0, changes: Vec::new(), total: 0, work: 0, options }
    }

    pub(super) fn run(mut self, a: &'v Value<'v>, b: &'v Value<'v>) -> ValueDiff {
        self.values(a, b);
        ValueDiff { changes: self.changes, total: self.total, work: self.work }
    }

    fn report(&mut self, a: Option<&'v Value<'v>>, b: Option<&'v Value<'v>>) {
        self.total += 1;
        if self.changes.len() >= self.options.changes_max {
            return;
        }
        let own = |value: &Value<'v>| value.clone().into_owned();
        let what = match (a, b) {
            (Some(a), Some(b)) => What::Changed { from: own(a), to: own(b) },
            (Some(a), None) => What::Removed(own(a)),
            (None, Some(b)) => What::Added(own(b)),
            (None, None) => return,
        };
        let steps = self.way.iter_mut().map(Place::step).collect();
        self.changes.push(Change { path: Path { steps }, what });
    }

    /// Compares what one or both values have at a step.
    fn part(&mut self, mark: Mark<'v>, a: Option<&'v Value<'v>>, b: Option<&'v Value<'v>>) {
        self.way.push(Place { mark, step: None });
        match (a, b) {
            (Some(a), Some(b)) => self.values(a, b),
            (a, b) => self.report(a, b),
        }
        self.way.pop();
    }

    fn values(&mut self, a: &'v Value<'v>, b: &'v Value<'v>) {
        self.work += 1;
        self.depth += 1;
        let is_walked = self.depth <= DEPTH_MAX && self.inside(a, b);
        self.depth -= 1;
        if !is_walked && a != b {
            self.report(Some(a), Some(b));
        }
    }

    /// Compares what two values hold; false if that can't be told apart.
    fn inside(&mut self, a: &'v Value<'v>, b: &'v Value<'v>) -> bool {
        match (a, b) {
            (Value::Option(Some(a)), Value::Option(Some(b))) => self.values(a, b),
            (Value::Seq(a), Value::Seq(b)) => self.items(a, b),
            (Value::Tuple(a), Value::Tuple(b)) if a.len() == b.len() => self.places(a, b),
            (Value::Map(a), Value::Map(b)) => {
                let pair = |entry: &'v (Value<'v>, Value<'v>)| (&entry.0, &entry.1);
                return self.matched(a.iter().map(pair), b.iter().map(pair), Mark::Key);
            }
            (Value::Struct(a), Value::Struct(b)) if a.name == b.name => {
                return self.fields(&a.fields, &b.fields);
            }
            (Value::Variant(a), Value::Variant(b))
                if (&a.of, a.index, &a.name) == (&b.of, b.index, &b.name) =>
            {
                self.way.push(Place { mark: Mark::Variant(&a.name), step: None });
                let is_walked = self.fields(&a.fields, &b.fields);
                self.way.pop();
                return is_walked;
            }
            _ => return false,
        }
        true
    }

    fn fields(&mut self, a: &'v Fields<'v>, b: &'v Fields<'v>) -> bool {
        match (a, b) {
            (Fields::Newtype(a), Fields::Newtype(b)) => self.values(a, b),
            (Fields::Tuple(a), Fields::Tuple(b)) if a.len() == b.len() => self.places(a, b),
            (Fields::Named(a), Fields::Named(b)) => {
                let pair = |field: &'v (_, Value<'v>)| {
                    let name: &'v std::borrow::Cow<'v, str> = &field.0;
                    (&**name, &field.1)
                };
                return self.matched(a.iter().map(pair), b.iter().map(pair), Mark::Field);
            }
            _ => return false,
        }
        true
    }

    fn places(&mut self, a: &'v [Value<'v>], b: &'v [Value<'v>]) {
        for (index, (a, b)) in a.iter().zip(b).enumerate() {
            self.part(Mark::Item(Some(index), Some(index)), Some(a), Some(b));
        }
    }

    fn items(&mut self, a: &'v [Value<'v>], b: &'v [Value<'v>]) {
        for fate in fates(a, b, &mut self.work, self.options.work_max) {
            match fate {
                Fate::Stays(x, y) => self.part(Mark::Item(Some(x), Some(y)), a.get(x), b.get(y)),
                Fate::Goes(x) => self.part(Mark::Item(Some(x), None), a.get(x), None),
                Fate::Comes(y) => self.part(Mark::Item(None, Some(y)), None, b.get(y)),
            }
        }
    }

    /// Compares parts that have names; false if one stands twice.
    fn matched<K: Eq + Hash + Copy>(
        &mut self,
        a: impl ExactSizeIterator<Item = (K, &'v Value<'v>)> + Clone,
        b: impl ExactSizeIterator<Item = (K, &'v Value<'v>)> + Clone,
        mark: impl Fn(K) -> Mark<'v>,
    ) -> bool {
        let mut in_b = HashMap::with_capacity(b.len());
        let mut in_a = HashSet::with_capacity(a.len());
        let is_new = b.clone().all(|(key, value)| in_b.insert(key, value).is_none())
            && a.clone().all(|(key, _)| in_a.insert(key));
        if !is_new {
            return false;
        }
        for (key, x) in a {
            self.part(mark(key), Some(x), in_b.get(&key).copied());
        }
        for (key, y) in b.filter(|(key, _)| !in_a.contains(key)) {
            self.part(mark(key), None, Some(y));
        }
        true
    }
}

impl Place<'_> {
    fn step(&mut self) -> Arc<Step> {
        let make = || {
            Arc::new(match self.mark {
                Mark::Field(name) => Step::Field(name.into()),
                Mark::Variant(name) => Step::Variant(name.into()),
                Mark::Item(before, after) => Step::Item { before, after },
                Mark::Key(key) => Step::Key(key.clone().into_owned()),
            })
        };
        Arc::clone(self.step.get_or_insert_with(make))
    }
}
